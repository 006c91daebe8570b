// SPDX-License-Identifier: GPL-2.0
/* Thousands of waits that are pending at the same time. */
#include <time.h>

#include "dxg_sync.h"
#include "kselftest_harness.h"

#define MANY		10000
#define THREADS		4
/* What the whole of it may take, on a kernel that watches everything */
#define SECONDS		200

/* Where the waits are */
struct place {
	struct dxg_gpu gpu;
	struct dxg_monitored fence;
	int event;
};

FIXTURE(many)
{
	struct place place;
};

FIXTURE_SETUP(many)
{
	struct place *place = &self->place;

	DXG_GPU_SETUP(&place->gpu, false);
	ASSERT_EQ(0, dxg_create_monitored(place->gpu.fd, place->gpu.device, 0, 0, &place->fence));
	place->event = dxg_event();
}

FIXTURE_TEARDOWN(many)
{
	dxg_gpu_close(&self->place.gpu);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec * 1e-9;
}

struct span {
	const struct place *place;
	int first;
	int count;
};

static int begin_some(void *data, unsigned int index)
{
	struct span *span = data;
	const struct place *place = span->place;

	for (int i = index; i < span->count; i += THREADS) {
		if (dxg_wait_event(&place->gpu, place->fence.handle, span->first + i, place->event))
			return 1;
	}
	return 0;
}

/* One wait for each of some values: how long that took */
static double begin(const struct place *place, int first, int count)
{
	struct span span = { place, first, count };
	double start = now();

	return dxg_together(THREADS, begin_some, &span) ? -1 : now() - start;
}

/* Takes what is added until it is @count: no more, no less. */
static bool receive(int event, __u64 count)
{
	while (count) {
		__u64 more = dxg_event_count(event);

		if (!more || more > count)
			return false;
		count -= more;
	}
	return true;
}

TEST_F_TIMEOUT(many, events, 2 * SECONDS)
{
	struct place *place = &self->place;
	double start = now(), first, last;
	int before = dxg_host_objects_settled();

	first = begin(place, 1, MANY / 10);
	ASSERT_LE(0, begin(place, 1 + MANY / 10, 8 * MANY / 10));
	last = begin(place, 1 + 9 * MANY / 10, MANY / 10);
	ASSERT_LT(0, first);
	ASSERT_LT(0, last);
	/* It does not matter how many there are already; 3 is for the noise. */
	EXPECT_LT(last, 3 * first) TH_LOG("%f s and %f s", first, last);
	/* One at a time, then half of the rest in one go */
	for (int i = 1; i <= 100; i++) {
		ASSERT_OK(dxg_signal_cpu(&place->gpu, place->fence.handle, i));
		ASSERT_EQ(1, dxg_event_count(place->event));
	}
	ASSERT_EQ(0, dxg_signal_cpu(&place->gpu, place->fence.handle, MANY / 2));
	EXPECT_TRUE(receive(place->event, MANY / 2 - 100));
	EXPECT_TRUE(dxg_event_silent(place->event));
	/* The others never happen: with the device they are gone, here and on the host. */
	ASSERT_EQ(0, dxg_destroy_device(place->gpu.fd, place->gpu.device));
	EXPECT_TRUE(dxg_event_silent(place->event));
	ASSERT_EQ(0, dxg_create_device(place->gpu.fd, place->gpu.adapter, &place->gpu.device));
	ASSERT_EQ(0, dxg_create_monitored(place->gpu.fd, place->gpu.device, 0, 0, &place->fence));
	EXPECT_TRUE(dxg_host_objects_return(before));
	EXPECT_GT(SECONDS, now() - start);
}

/* Nothing has to be cleared up by hand. */
TEST_F_TIMEOUT(many, exit, 2 * SECONDS)
{
	struct place *place = &self->place;
	int before, status;
	pid_t child;

	dxg_gpu_close(&place->gpu);
	before = dxg_host_objects_settled();
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		if (dxg_gpu_open(&place->gpu, false) ||
		    dxg_create_monitored(place->gpu.fd, place->gpu.device, 0, 0, &place->fence) ||
		    begin(place, 1, MANY / 10) < 0)
			_exit(1);
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(dxg_host_objects_return(before));
	EXPECT_TRUE(dxg_event_silent(place->event));
	/* Nor is the next one told. */
	ASSERT_EQ(0, dxg_gpu_open(&place->gpu, false));
	ASSERT_EQ(0, dxg_create_monitored(place->gpu.fd, place->gpu.device, 0, 0, &place->fence));
	EXPECT_LE(0, begin(place, 1, 100));
	ASSERT_EQ(0, dxg_signal_cpu(&place->gpu, place->fence.handle, MANY));
	EXPECT_TRUE(receive(place->event, 100));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
