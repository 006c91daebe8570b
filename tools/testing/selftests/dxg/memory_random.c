// SPDX-License-Identifier: GPL-2.0
/*
 * Allocations that are made, locked, written, read, unlocked, mapped for the GPU, filled
 * and copied by it, unmapped and destroyed in any order by several threads; each of them
 * knows what must come of it. DXG_SEED in the environment repeats a run, as far as the
 * threads do.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "dxg_compute.h"
#include "dxg_count.h"
#include "dxg_memory.h"
#include "dxg_harness.h"

#define THREADS		4
#define SLOTS		6
#define MAX_PAGES	40

/* What a thread believes of an allocation. */
struct slot {
	bool exists;
	/* Consists of this memory of ours, if any */
	char *memory;
	__u32 allocation;
	__u32 pages;
	unsigned int locks;
	/* Where we see it, as long as there are locks */
	char *data;
	/* Where the GPU sees it; 0 where it does not */
	__u64 gpu;
	/* What is in it */
	unsigned char content[MAX_PAGES * DXG_PAGE];
};

struct thread {
	__u64 random;
	const struct dxg_gpu *gpu;
	struct dxg_worker worker;
	/* How many allocations are still to be made, used and destroyed */
	int lives;
	/* How many steps were done, and what went wrong in the next one */
	unsigned int steps;
	const char *wrong;
	struct slot slot[SLOTS];
};

static unsigned int below(struct thread *thread, unsigned int limit)
{
	thread->random ^= thread->random << 13;
	thread->random ^= thread->random >> 7;
	thread->random ^= thread->random << 17;
	return (thread->random >> 16) % limit;
}

static bool create(struct thread *thread, struct slot *slot)
{
	slot->pages = 1 + below(thread, MAX_PAGES);
	slot->memory = NULL;
	slot->locks = 0;
	slot->gpu = 0;
	memset(slot->content, 0, sizeof(slot->content));
	if (below(thread, 2)) {
		if (dxg_create_allocation(thread->gpu->fd, thread->gpu->device, slot->pages,
					  &slot->allocation))
			return false;
	} else {
		slot->memory = dxg_memory((size_t)slot->pages * DXG_PAGE);
		/* Pages that are there, and such that are not yet */
		if (below(thread, 2)) {
			memset(slot->memory, 0x77, DXG_PAGE);
			memset(slot->content, 0x77, DXG_PAGE);
		}
		if (dxg_create_over(thread->gpu, slot->memory, slot->pages * DXG_PAGE, false,
				    &slot->allocation))
			return false;
	}
	slot->exists = true;
	return true;
}

static bool destroy(struct thread *thread, struct slot *slot)
{
	size_t bytes = (size_t)slot->pages * DXG_PAGE;

	if (slot->gpu && dxg_unmap(&thread->worker, slot->gpu, slot->pages))
		return false;
	if (dxg_destroy_allocation(thread->gpu->fd, thread->gpu->device, slot->allocation))
		return false;
	slot->exists = false;
	thread->lives--;
	if (!slot->memory)
		return true;
	/* Ours is not gone. */
	return !memcmp(slot->memory, slot->content, bytes) && !munmap(slot->memory, bytes);
}

static bool lock(struct thread *thread, struct slot *slot)
{
	char *data;

	if (dxg_lock(thread->gpu, slot->allocation, &data))
		return false;
	if (slot->memory ? data != slot->memory : slot->locks && data != slot->data)
		return false;
	slot->data = data;
	slot->locks++;
	return true;
}

static bool unlock(struct thread *thread, struct slot *slot)
{
	int result = dxg_unlock(thread->gpu, slot->allocation);

	/* Memory of ours needs no lock, and misses none. */
	if (!slot->locks)
		return slot->memory ? !result : result == -EINVAL;
	slot->locks--;
	return !result;
}

static bool write_some(struct thread *thread, struct slot *slot)
{
	size_t bytes = (size_t)slot->pages * DXG_PAGE, start = below(thread, bytes);
	size_t length = 1 + below(thread, bytes - start);
	unsigned char value = below(thread, 256);

	if (length > 3000)
		length = 3000;
	memset(slot->data + start, value, length);
	memset(slot->content + start, value, length);
	return true;
}

static bool read_all(struct thread *thread, struct slot *slot)
{
	return !memcmp(slot->data, slot->content, (size_t)slot->pages * DXG_PAGE);
}

static bool use(struct thread *thread, struct slot *slot)
{
	/* A handle of nothing, as far as we know: of another thread's, or of none */
	static const __u32 nothing = DXG_NO_HANDLE;
	char *data;

	if (slot->locks)
		return below(thread, 3) ? write_some(thread, slot) : read_all(thread, slot);
	return dxg_lock(thread->gpu, nothing, &data) == -EINVAL;
}

static bool fill(struct thread *thread, struct slot *slot)
{
	unsigned int words = slot->pages * DXG_PAGE / 4, start = below(thread, words);
	unsigned int count = 1 + below(thread, words - start);
	unsigned char value = below(thread, 256);

	DXG_ADD(&thread->worker, gpu_fill, GPU_FILL, slot->gpu + 4 * start, 4 * count,
		value * 0x01010101u, 0);
	memset(slot->content + 4 * start, value, 4 * count);
	return !dxg_worker_finish(&thread->worker);
}

static bool copy(struct thread *thread, struct slot *slot, struct slot *from)
{
	unsigned int pages = slot->pages < from->pages ? slot->pages : from->pages;
	unsigned int words = pages * DXG_PAGE / 4, start = below(thread, words);
	unsigned int count = 1 + below(thread, words - start);

	DXG_ADD(&thread->worker, gpu_copy, GPU_COPY, slot->gpu + 4 * start,
		from->gpu + 4 * start, 4 * count);
	memcpy(slot->content + 4 * start, from->content + 4 * start, 4 * count);
	return !dxg_worker_finish(&thread->worker);
}

static bool compute(struct thread *thread, struct slot *slot)
{
	struct slot *from = &thread->slot[below(thread, SLOTS)];

	if (!slot->gpu)
		return !dxg_map(&thread->worker, slot->allocation, slot->pages, &slot->gpu);
	if (!below(thread, 4)) {
		__u64 address = slot->gpu;

		slot->gpu = 0;
		return !dxg_unmap(&thread->worker, address, slot->pages);
	}
	if (from == slot || !from->exists || !from->gpu)
		return fill(thread, slot);
	return copy(thread, slot, from);
}

static const char *step(struct thread *thread)
{
	struct slot *slot = &thread->slot[below(thread, SLOTS)];

	if (!slot->exists)
		return create(thread, slot) ? NULL : "create";
	switch (below(thread, 14)) {
	case 0 ... 2:
		return destroy(thread, slot) ? NULL : "destroy";
	case 3 ... 4:
		return lock(thread, slot) ? NULL : "lock";
	case 5:
		return unlock(thread, slot) ? NULL : "unlock";
	case 6 ... 9:
		return compute(thread, slot) ? NULL : "compute";
	default:
		return use(thread, slot) ? NULL : "use";
	}
}

static int run(void *data, unsigned int index)
{
	struct thread *thread = (struct thread *)data + index;

	if (dxg_make_worker(thread->gpu, &thread->worker)) {
		thread->wrong = "worker";
		return -1;
	}
	for (; thread->lives > 0; thread->steps++) {
		thread->wrong = step(thread);
		if (thread->wrong)
			return -1;
	}
	for (int i = 0; i < SLOTS; i++) {
		if (thread->slot[i].exists && !destroy(thread, &thread->slot[i])) {
			thread->wrong = "last destroy";
			return -1;
		}
	}
	if (dxg_end_worker(&thread->worker)) {
		thread->wrong = "end of the worker";
		return -1;
	}
	return 0;
}

TEST(memory_random)
{
	struct thread *threads = calloc(THREADS, sizeof(*threads));
	const char *wanted = getenv("DXG_SEED");
	unsigned long seed = wanted ? strtoul(wanted, NULL, 0) : time(NULL) * 1000003UL + getpid();
	int lives = dxg_rounds(1000);
	struct dxg_count before;
	struct dxg_gpu gpu;
	long pins;

	ASSERT_NE(NULL, threads);
	DXG_GPU_SETUP(&gpu, false);
	dxg_count_take(&before);
	pins = dxg_pins();
	TH_LOG("DXG_SEED=%lu", seed);
	for (int i = 0; i < THREADS; i++) {
		threads[i].random = (seed + i) * 0x9e3779b97f4a7c15ULL | 1;
		threads[i].gpu = &gpu;
		threads[i].lives = lives / THREADS;
	}
	EXPECT_EQ(0, dxg_together(THREADS, run, threads));
	for (int i = 0; i < THREADS; i++) {
		if (threads[i].wrong)
			TH_LOG("thread %d, step %u: %s", i, threads[i].steps, threads[i].wrong);
	}
	EXPECT_TRUE(dxg_count_returns(&before));
	EXPECT_TRUE(dxg_pins_return(pins));
	EXPECT_EQ(0, dxg_pinned());
	dxg_gpu_close(&gpu);
	free(threads);
}

DXG_REQUIRE_COUNTS
TEST_HARNESS_MAIN
