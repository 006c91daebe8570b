// SPDX-License-Identifier: GPL-2.0
/* Thousands of waits that are pending at the same time. */
#include "dxg_bench.h"
#include "dxg_memory.h"
#include "dxg_sync.h"
#include "dxg_harness.h"

/* One fifth of it on a kernel that watches everything */
#define MANY		(dxg_slow_kernel() ? 2000 : 10000)
#define THREADS		4
/* As many are measured at a time */
#define SLICE		100

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

/* Calls from several threads at the same time */
struct work {
	const struct place *place;
	/* The values to wait for */
	int first;
	int count;
};

static int begin_some(void *data, unsigned int index)
{
	struct work *work = data;
	const struct place *place = work->place;

	for (int i = index; i < work->count; i += THREADS) {
		if (dxg_wait_event(&place->gpu, place->fence.handle, work->first + i, place->event))
			return 1;
	}
	return 0;
}

static int trip_some(void *data, unsigned int index)
{
	struct work *work = data;

	for (int i = index; i < work->count; i += THREADS) {
		if (dxg_bench_round_trip(&work->place->gpu, 0))
			return 1;
	}
	return 0;
}

/* One wait for each of some values */
static int begin(const struct place *place, int first, int count)
{
	struct work work = { place, first, count };

	return dxg_together(THREADS, begin_some, &work);
}

/*
 * The same, a turn of @costs: what else the machine does meets the waits and the bare
 * messages beside them alike.
 */
static int begin_measured(const struct place *place, int first, int count,
			  struct dxg_series *costs)
{
	for (int i = 0; i < count; i += SLICE) {
		struct work work = { place, first + i, SLICE };
		double start = dxg_bench_now(), middle;

		if (dxg_together(THREADS, begin_some, &work))
			return 1;
		middle = dxg_bench_now();
		if (dxg_together(THREADS, trip_some, &work))
			return 1;
		dxg_series_add(costs, middle - start, dxg_bench_now() - middle);
	}
	dxg_series_end_turn(costs);
	return 0;
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

TEST_F_TIMEOUT(many, events, 600)
{
	struct place *place = &self->place;
	int before = dxg_host_objects_settled();
	struct dxg_series costs = {};

	ASSERT_EQ(0, begin_measured(place, 1, MANY / 10, &costs));
	ASSERT_EQ(0, begin(place, 1 + MANY / 10, 8 * MANY / 10));
	ASSERT_EQ(0, begin_measured(place, 1 + 9 * MANY / 10, MANY / 10, &costs));
	/* It does not matter how many there are already; 3 is for the noise. */
	EXPECT_LT(costs.turns[1], 3 * costs.turns[0]) TH_LOG("%.2f and %.2f bare messages",
							     costs.turns[0], costs.turns[1]);
	/* One at a time, then half of the rest in one go */
	for (int i = 1; i <= 100; i++) {
		ASSERT_OK(dxg_signal_cpu(&place->gpu, place->fence.handle, i));
		ASSERT_EQ(1, dxg_event_count(place->event));
	}
	ASSERT_EQ(0, dxg_signal_cpu(&place->gpu, place->fence.handle, MANY / 2));
	EXPECT_TRUE(receive(place->event, MANY / 2 - 100));
	EXPECT_TRUE(dxg_event_silent(place->event));
	/* The others never happen: they end with the device, here and on the host. */
	ASSERT_EQ(0, dxg_destroy_device(place->gpu.fd, place->gpu.device));
	EXPECT_TRUE(receive(place->event, MANY - MANY / 2));
	EXPECT_TRUE(dxg_event_silent(place->event));
	ASSERT_EQ(0, dxg_create_device(place->gpu.fd, place->gpu.adapter, &place->gpu.device));
	ASSERT_EQ(0, dxg_create_monitored(place->gpu.fd, place->gpu.device, 0, 0, &place->fence));
	EXPECT_TRUE(dxg_host_objects_return(before));
}

/* Nothing has to be cleared up by hand. */
TEST_F(many, exit)
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
		    begin(place, 1, MANY / 10))
			_exit(1);
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(dxg_host_objects_return(before));
	/* Those who have the event are told of each. */
	EXPECT_TRUE(receive(place->event, MANY / 10));
	EXPECT_TRUE(dxg_event_silent(place->event));
	/* The next one is not. */
	ASSERT_EQ(0, dxg_gpu_open(&place->gpu, false));
	ASSERT_EQ(0, dxg_create_monitored(place->gpu.fd, place->gpu.device, 0, 0, &place->fence));
	EXPECT_EQ(0, begin(place, 1, 100));
	ASSERT_EQ(0, dxg_signal_cpu(&place->gpu, place->fence.handle, MANY));
	EXPECT_TRUE(receive(place->event, 100));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
