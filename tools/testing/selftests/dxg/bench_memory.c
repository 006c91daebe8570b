// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs to have the GPU use memory of the program (pin, unpin), and to have
 * the program see memory of the GPU (Lock2, Unlock2).
 *
 * The lower bounds are the messages these calls need, without anything in them: the
 * rest is what the driver does with each page. For pinned memory that is most of it,
 * and what is judged there is that a page of much memory costs no more than one of
 * little.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "dxg_bench.h"
#include "dxg_memory.h"
#include "kselftest.h"

#define TURNS		5
#define LOCKS		200
/* How much more a page may cost in the largest size than in the smallest */
#define GROWTH		1.25

/*
 * As many pages are in a message that lists them, which always has the same length;
 * the other lengths are those of requests and answers of these calls.
 */
#define LIST		15867u
#define LIST_BYTES	(40 + LIST * 8)
#define CREATE_BYTES	256
#define DESTROY_BYTES	80
#define LOCK_BYTES	64

struct size {
	unsigned int mib;
	bool huge;
	/* How often in a turn */
	unsigned int times;
};

static const struct size sizes[] = {
	{ .mib = 16, .times = 8 }, { .mib = 128, .times = 3 }, { .mib = 1024, .times = 1 },
	{ .mib = 128, .huge = true, .times = 3 },
};

#define SIZES		ARRAY_SIZE(sizes)

static struct dxg_series pins[2 * SIZES] = {
	{ .name = "pin 16 MiB" }, { .name = "unpin 16 MiB" },
	{ .name = "pin 128 MiB" }, { .name = "unpin 128 MiB" },
	{ .name = "pin 1 GiB" }, { .name = "unpin 1 GiB" },
	{ .name = "pin 128 MiB huge" }, { .name = "unpin 128 MiB huge" },
};

static const unsigned int lock_pages[] = { 1, 16, 4096 };

static struct dxg_series locks[] = {
	{ .name = "lock 4 KiB", .limit = 2 }, { .name = "unlock 4 KiB", .limit = 2 },
	{ .name = "lock 64 KiB", .limit = 2 }, { .name = "unlock 64 KiB", .limit = 2 },
	{ .name = "lock 16 MiB", .limit = 4 }, { .name = "unlock 16 MiB", .limit = 5 },
	/* No message */
	{ .name = "lock again", .limit = 0.2 }, { .name = "unlock one of two", .limit = 0.2 },
};

/* Memory that is there: what it takes to get pages is not ours. */
static char *touched(const struct size *size)
{
	size_t bytes = size->mib * DXG_MIB, huge_page = 2 * DXG_MIB;
	char *memory = dxg_memory(bytes + huge_page);

	memory += -(uintptr_t)memory % huge_page;
	if (madvise(memory, bytes, size->huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE))
		ksft_exit_fail_msg("madvise: %m\n");
	memset(memory, 1, bytes);
	return memory;
}

static double messages(const struct dxg_gpu *gpu, unsigned int lists, unsigned int bytes)
{
	double start = dxg_bench_now();

	DXG_BENCH_MUST(dxg_bench_round_trip(gpu, bytes));
	for (unsigned int i = 0; i < lists; i++)
		DXG_BENCH_MUST(dxg_bench_round_trip(gpu, LIST_BYTES));
	return dxg_bench_now() - start;
}

/* Times are those of a GiB. */
static void pin(const struct dxg_gpu *gpu, const struct size *size, const char *memory,
		struct dxg_series *pin, struct dxg_series *unpin)
{
	unsigned int pages = size->mib * DXG_MIB / DXG_PAGE, lists = (pages + LIST - 1) / LIST;
	double part = 1024.0 / size->mib, start, pinned, unpinned;
	__u32 allocation;

	start = dxg_bench_now();
	DXG_BENCH_MUST(dxg_create_over(gpu, memory, size->mib * DXG_MIB, false, &allocation));
	pinned = dxg_bench_now() - start;
	start = dxg_bench_now();
	DXG_BENCH_MUST(dxg_destroy_allocation(gpu->fd, gpu->device, allocation));
	unpinned = dxg_bench_now() - start;
	dxg_series_add(pin, pinned * part, messages(gpu, lists, CREATE_BYTES) * part);
	dxg_series_add(unpin, unpinned * part, messages(gpu, 0, DESTROY_BYTES) * part);
}

static void lock(const struct dxg_gpu *gpu, __u32 allocation, struct dxg_series *lock,
		 struct dxg_series *unlock)
{
	double start, locked, unlocked;
	char *data;

	start = dxg_bench_now();
	DXG_BENCH_MUST(dxg_lock(gpu, allocation, &data));
	locked = dxg_bench_now() - start;
	start = dxg_bench_now();
	DXG_BENCH_MUST(dxg_unlock(gpu, allocation));
	unlocked = dxg_bench_now() - start;
	dxg_series_add(lock, locked, messages(gpu, 0, LOCK_BYTES));
	dxg_series_add(unlock, unlocked, messages(gpu, 0, LOCK_BYTES));
}

static void end_turns(struct dxg_series *series, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		dxg_series_end_turn(&series[i]);
}

static void measure_pins(const struct dxg_gpu *gpu)
{
	char *memory[SIZES];

	for (unsigned int i = 0; i < SIZES; i++) {
		if (dxg_available() < sizes[i].mib * 3 / 2)
			ksft_exit_skip("%u MiB of memory are too much\n", sizes[i].mib);
		memory[i] = touched(&sizes[i]);
	}
	for (int turn = 0; turn < TURNS; turn++) {
		for (unsigned int i = 0; i < SIZES; i++) {
			for (unsigned int n = 0; n < sizes[i].times; n++)
				pin(gpu, &sizes[i], memory[i], &pins[2 * i], &pins[2 * i + 1]);
		}
		end_turns(pins, ARRAY_SIZE(pins));
	}
}

/* The smallest size comes first, the largest one third. */
static bool grows(const char *what, struct dxg_series *series)
{
	double growth = dxg_series_median(&series[4]) / dxg_series_median(&series[0]);

	ksft_print_msg("%s a page of 1 GiB costs %.2f times one of 16 MiB; the limit is %.2f\n",
		       what, growth, GROWTH);
	return growth > GROWTH;
}

static void measure_locks(const struct dxg_gpu *gpu)
{
	__u32 allocations[ARRAY_SIZE(lock_pages)];
	char *data;

	for (unsigned int i = 0; i < ARRAY_SIZE(lock_pages); i++) {
		DXG_BENCH_MUST(dxg_create_allocation(gpu->fd, gpu->device, lock_pages[i],
						     &allocations[i]));
	}
	for (int turn = 0; turn < TURNS; turn++) {
		unsigned int i;

		for (i = 0; i < ARRAY_SIZE(lock_pages); i++) {
			for (int n = 0; n < LOCKS; n++)
				lock(gpu, allocations[i], &locks[2 * i], &locks[2 * i + 1]);
		}
		DXG_BENCH_MUST(dxg_lock(gpu, allocations[0], &data));
		for (int n = 0; n < LOCKS; n++)
			lock(gpu, allocations[0], &locks[2 * i], &locks[2 * i + 1]);
		DXG_BENCH_MUST(dxg_unlock(gpu, allocations[0]));
		end_turns(locks, ARRAY_SIZE(locks));
	}
}

int main(void)
{
	struct dxg_gpu gpu;

	dxg_bench_open(&gpu);
	ksft_print_header();
	ksft_set_plan(3);
	measure_locks(&gpu);
	ksft_test_result(dxg_bench_report_bounds("memory of the GPU, seen by the program", locks,
						 ARRAY_SIZE(locks)),
			 "cost of locks\n");
	measure_pins(&gpu);
	dxg_bench_report_bounds("memory of the program, per GiB", pins, ARRAY_SIZE(pins));
	ksft_test_result(!grows("to pin,", &pins[0]), "cost of pinning\n");
	ksft_test_result(!grows("to unpin,", &pins[1]), "cost of unpinning\n");
	ksft_finished();
}
