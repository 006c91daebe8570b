// SPDX-License-Identifier: GPL-2.0
/*
 * How long it takes from the signal of a fence until a program that waits for it is
 * awake, while so many waits are pending: it must not matter how many.
 *
 * The waits that stay pending are for the same fence and a value which it never gets,
 * or for a fence by which they are ended when they are too many. So whoever searches
 * them for the one that is over, or goes through all of them, is found out. The
 * reference is a signal that nobody waits for.
 *
 * The sizes come in turns: 1 wait, more and more of them, and back. Making waits is
 * what takes long, so there are as many rounds as fit into some time, at least one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dxg_bench.h"
#include "dxg_sync.h"
#include "kselftest.h"

#define THREADS		4
#define TURN_SAMPLES	800
#define ROUNDS_MAX	8
/* No round begins after so many microseconds. */
#define TIME		(60 * 1e6)
/* Slower by a tenth is noise; by more, and something grows. */
#define LIMIT		1.10

static const unsigned int sizes[] = { 1, 100, 10000, 100000 };

#define SIZES		ARRAY_SIZE(sizes)

static struct dxg_series series[SIZES] = {
	{ .name = "1" }, { .name = "100" }, { .name = "10000" }, { .name = "100000" },
};

struct bench {
	struct dxg_gpu gpu;
	/* The one that is measured, and what it has come to */
	struct dxg_monitored fence;
	__u64 value;
	int event;
	/* That of the reference */
	struct dxg_monitored idle;
	/* By which the waits end that make a size out of the one before */
	struct dxg_monitored ends[SIZES];
	__u64 generation;
	int other_event;
	/* What threads make */
	unsigned int size;
};

static int make_waits(void *data, unsigned int index)
{
	struct bench *bench = data;
	const __u32 objects[] = { bench->fence.handle, bench->ends[bench->size].handle };
	const __u64 values[] = { ~0ULL, bench->generation };
	struct d3dkmt_waitforsynchronizationobjectfromcpu args = {
		.device.v = bench->gpu.device,
		.object_count = 2,
		.objects = (uintptr_t)objects,
		.fence_values = (uintptr_t)values,
		.async_event = bench->other_event,
		.flags.wait_any = 1,
	};
	unsigned int more = sizes[bench->size] - sizes[bench->size - 1];

	for (unsigned int i = index; i < more; i += THREADS) {
		int result = dxg_ioctl(bench->gpu.fd, LX_DXWAITFORSYNCHRONIZATIONOBJECTFROMCPU,
				       &args);

		if (result) {
			ksft_print_msg("wait %u of %u: %d\n", i, more, result);
			return result;
		}
	}
	return 0;
}

static void grow(struct bench *bench, unsigned int size)
{
	bench->size = size;
	DXG_BENCH_MUST(dxg_together(THREADS, make_waits, bench));
}

/* Ends what was made for @size. */
static void shrink(struct bench *bench, unsigned int size)
{
	__u64 left = sizes[size] - sizes[size - 1];

	DXG_BENCH_MUST(dxg_signal_cpu(&bench->gpu, bench->ends[size].handle, bench->generation));
	while (left) {
		__u64 ended = dxg_event_count(bench->other_event);

		if (!ended || ended > left)
			ksft_exit_fail_msg("%llu events, %llu to come\n", ended, left);
		left -= ended;
	}
}

/* One wait, of the size it belongs to, which is signalled and ends. */
static void signal_to_wake(struct bench *bench, struct dxg_series *series)
{
	double start, reference;

	DXG_BENCH_MUST(dxg_wait_event(&bench->gpu, bench->fence.handle, ++bench->value, bench->event));
	start = dxg_bench_now();
	DXG_BENCH_MUST(dxg_signal_cpu(&bench->gpu, bench->idle.handle, bench->value));
	reference = dxg_bench_now() - start;
	start = dxg_bench_now();
	DXG_BENCH_MUST(dxg_signal_cpu(&bench->gpu, bench->fence.handle, bench->value));
	if (dxg_event_count(bench->event) != 1)
		ksft_exit_fail_msg("the signal has got lost\n");
	dxg_series_add(series, dxg_bench_now() - start, reference);
}

static void measure(struct bench *bench, unsigned int size)
{
	for (int i = 0; i < TURN_SAMPLES; i++)
		signal_to_wake(bench, &series[size]);
	dxg_series_end_turn(&series[size]);
}

static void round_trip(struct bench *bench)
{
	bench->generation++;
	measure(bench, 0);
	for (unsigned int size = 1; size < SIZES; size++) {
		grow(bench, size);
		measure(bench, size);
	}
	for (unsigned int size = SIZES - 1; size; size--) {
		measure(bench, size);
		shrink(bench, size);
	}
	measure(bench, 0);
}

int main(void)
{
	struct bench bench = {};
	struct dxg_series warm_up = {};
	double start = dxg_bench_now();

	dxg_bench_open(&bench.gpu);
	ksft_print_header();
	ksft_set_plan(1);
	DXG_BENCH_MUST(dxg_create_monitored(bench.gpu.fd, bench.gpu.device, 0, 0, &bench.fence));
	DXG_BENCH_MUST(dxg_create_monitored(bench.gpu.fd, bench.gpu.device, 0, 0, &bench.idle));
	for (unsigned int size = 1; size < SIZES; size++)
		DXG_BENCH_MUST(dxg_create_monitored(bench.gpu.fd, bench.gpu.device, 0, 0,
					     &bench.ends[size]));
	bench.event = dxg_event();
	bench.other_event = dxg_event();
	/* What is done for the first time counts for nobody. */
	for (int i = 0; i < TURN_SAMPLES; i++)
		signal_to_wake(&bench, &warm_up);
	for (int i = 0; i < ROUNDS_MAX && (!i || dxg_bench_now() - start < TIME); i++)
		round_trip(&bench);
	ksft_test_result(dxg_bench_report("from the signal to the wake", "pending", series, SIZES,
					  LIMIT),
			 "cost of a signal with many pending waits\n");
	ksft_finished();
}
