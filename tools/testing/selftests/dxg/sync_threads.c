// SPDX-License-Identifier: GPL-2.0
/* Threads that use the same synchronization objects while others destroy them. */
#include <stdatomic.h>

#include "dxg_sync.h"
#include "dxg_harness.h"

#define THREADS		4
#define ROUNDS		dxg_rounds(40)

struct race {
	struct dxg_gpu gpu;
	__u32 context;
	/* What all of them use, and anyone may destroy and make anew */
	_Atomic __u32 object;
	atomic_int destroyed;
	atomic_int descriptor;
	struct dxg_monitored fence;
};

FIXTURE(race)
{
	struct race race;
};

FIXTURE_SETUP(race)
{
	DXG_GPU_SETUP(&self->race.gpu, false);
	ASSERT_EQ(0, dxg_create_context(self->race.gpu.fd, self->race.gpu.device,
					&self->race.context));
	ASSERT_EQ(0, dxg_create_monitored(self->race.gpu.fd, self->race.gpu.device, 0, DXG_SHARED,
					  &self->race.fence));
}

FIXTURE_TEARDOWN(race)
{
	dxg_gpu_close(&self->race.gpu);
}

static int create_and_destroy(void *data, unsigned int index)
{
	struct race *race = data;

	for (int i = 0; i < ROUNDS; i++) {
		struct dxg_monitored fence;
		__u32 semaphore;

		if (dxg_create_monitored(race->gpu.fd, race->gpu.device, i, 0, &fence))
			return 1;
		if (*fence.value != i || dxg_signal_cpu(&race->gpu, fence.handle, i + 1))
			return 2;
		if (dxg_create_semaphore(race->gpu.fd, race->gpu.device, 0, 1, &semaphore))
			return 3;
		if (!dxg_wait_fence(fence.value, i + 1))
			return 4;
		/* Numbers that others get at once */
		if (dxg_destroy_sync(race->gpu.fd, fence.handle) ||
		    dxg_destroy_sync(race->gpu.fd, semaphore))
			return 5;
	}
	return 0;
}

TEST_F(race, own_objects)
{
	int before = dxg_host_objects_settled();

	EXPECT_EQ(0, dxg_together(THREADS, create_and_destroy, &self->race));
	EXPECT_TRUE(dxg_host_objects_return(before));
}

static int destroy_one(void *data, unsigned int index)
{
	struct race *race = data;
	int result = dxg_destroy_sync(race->gpu.fd, race->object);

	race->destroyed += !result;
	return result && result != -EINVAL;
}

/* However many try, it is destroyed once. */
TEST_F(race, one_destroy)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct dxg_monitored fence;

		ASSERT_EQ(0, dxg_create_monitored(self->race.gpu.fd, self->race.gpu.device, 0, 0,
						  &fence));
		self->race.object = fence.handle;
		self->race.destroyed = 0;
		ASSERT_EQ(0, dxg_together(THREADS, destroy_one, &self->race));
		ASSERT_EQ(1, self->race.destroyed);
		ASSERT_FALSE(dxg_can_read(fence.value));
	}
}

/* The first makes and destroys; the others use what they find, while it lasts. */
static int use_or_destroy(void *data, unsigned int index)
{
	struct race *race = data;

	for (int i = 0; i < ROUNDS; i++) {
		struct dxg_monitored fence;
		__u64 value;
		int descriptor, result;

		if (!index) {
			if (dxg_create_monitored(race->gpu.fd, race->gpu.device, 0, DXG_SHARED,
						 &fence))
				return 1;
			race->object = fence.handle;
			/* Not always in the middle of the same call */
			dxg_sleep_ms(i % 4);
			if (dxg_destroy_sync(race->gpu.fd, fence.handle))
				return 2;
			continue;
		}
		result = dxg_signal_cpu(&race->gpu, race->object, i);
		if (result && result != -EINVAL)
			return 3;
		result = dxg_wait_gpu(race->gpu.fd, race->context, race->object, 0);
		if (result && result != -EINVAL)
			return 4;
		result = dxg_share(race->gpu.fd, race->object, &descriptor);
		if (!result)
			close(descriptor);
		/* The host may have lost it between the look-up and the message. */
		else if (result != -EINVAL && result != -ENOTRECOVERABLE)
			return 5;
		result = dxg_create_sync_file(&race->gpu, race->object, 0, &descriptor);
		if (!result) {
			result = dxg_open_sync_file(&race->gpu, descriptor, &value, &fence);
			if (!result)
				result = dxg_destroy_sync(race->gpu.fd, fence.handle);
			close(descriptor);
		}
		if (result && result != -EINVAL && result != -ENOTRECOVERABLE)
			return 6;
	}
	return 0;
}

TEST_F(race, use_and_destroy)
{
	int before = dxg_host_objects_settled();

	EXPECT_EQ(0, dxg_together(THREADS, use_or_destroy, &self->race));
	EXPECT_TRUE(dxg_host_objects_return(before));
}

/* Numbers of handles close together, tried by all: some are right, some are gone. */
static int guess(void *data, unsigned int index)
{
	struct race *race = data;

	for (int i = 0; i < ROUNDS; i++) {
		__u32 base = race->fence.handle & DXG_HANDLE_SLOT;
		__u32 handle = 0x40000000 | (base + (i % 16 + 1) * DXG_HANDLE_STEP);
		struct dxg_monitored fence;
		int result = dxg_create_monitored(race->gpu.fd, race->gpu.device, 0, 0, &fence);

		if (result)
			return 1;
		result = dxg_destroy_sync(race->gpu.fd, handle);
		if (result && result != -EINVAL)
			return 2;
		/* Somebody may have guessed this one. */
		result = dxg_destroy_sync(race->gpu.fd, fence.handle);
		if (result && result != -EINVAL)
			return 3;
	}
	return 0;
}

TEST_F(race, guessed_handles)
{
	EXPECT_EQ(0, dxg_together(THREADS, guess, &self->race));
	ASSERT_EQ(0, dxg_signal_cpu(&self->race.gpu, self->race.fence.handle, 3));
	EXPECT_TRUE(dxg_wait_fence(self->race.fence.value, 3));
}

/* Descriptors come and go: the host hears of the first and of the last. */
static int share_and_open(void *data, unsigned int index)
{
	struct race *race = data;

	for (int i = 0; i < ROUNDS; i++) {
		struct dxg_monitored opened;
		int descriptor;

		if (dxg_share(race->gpu.fd, race->fence.handle, &descriptor))
			return 1;
		if (dxg_open_shared(&race->gpu, descriptor, DXG_SHARED, &opened))
			return 2;
		close(descriptor);
		if (dxg_destroy_sync(race->gpu.fd, opened.handle))
			return 3;
	}
	return 0;
}

TEST_F(race, share)
{
	int before = dxg_host_objects_settled();

	EXPECT_EQ(0, dxg_together(THREADS, share_and_open, &self->race));
	EXPECT_TRUE(dxg_host_objects_return(before));
}

static int wait_or_signal(void *data, unsigned int index)
{
	struct race *race = data;

	for (int i = 1; i <= ROUNDS; i++) {
		int result = index ? dxg_wait_cpu(&race->gpu, race->fence.handle, i) :
				     dxg_signal_cpu(&race->gpu, race->fence.handle, i);

		if (result)
			return 1;
	}
	return 0;
}

/* No wake-up gets lost. */
TEST_F(race, wait)
{
	EXPECT_EQ(0, dxg_together(THREADS, wait_or_signal, &self->race));
}

/* The last round: the device goes while the others still use it. */
static int use_until_destroyed(void *data, unsigned int index)
{
	struct race *race = data;

	if (!index) {
		dxg_sleep_ms(5);
		return dxg_destroy_device(race->gpu.fd, race->gpu.device);
	}
	for (;;) {
		struct dxg_monitored fence;
		int event = dxg_event(), result;

		result = dxg_create_monitored(race->gpu.fd, race->gpu.device, 0, 0, &fence);
		if (!result)
			result = dxg_wait_event(&race->gpu, fence.handle, 1, event);
		close(event);
		if (result)
			return result != -EINVAL && result != -ENODEV;
	}
}

TEST_F(race, device_destroyed)
{
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(0, dxg_together(THREADS, use_until_destroyed, &self->race));
		ASSERT_EQ(0, dxg_create_device(self->race.gpu.fd, self->race.gpu.adapter,
					       &self->race.gpu.device));
	}
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
