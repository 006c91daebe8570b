// SPDX-License-Identifier: GPL-2.0
/* SubmitCommandToHwQueue: limits, what is read, and the progress of the queue */
#include "dxg_objects.h"
#include "dxg_harness.h"

#define THREADS			4
#define SIZE_SUBMIT_HW		80

FIXTURE(hw_submit)
{
	struct dxg_gpu gpu;
	__u32 context;
	struct dxg_hw_queue queue;
	struct d3dkmt_submitcommandtohwqueue hw;
};

FIXTURE_SETUP(hw_submit)
{
	DXG_HW_SETUP(&self->gpu, &self->context);
	ASSERT_EQ(0, dxg_create_hw_queue(self->gpu.fd, self->context, &self->queue));
	self->hw.hwqueue.v = self->queue.queue;
}

FIXTURE_TEARDOWN(hw_submit)
{
	dxg_gpu_close(&self->gpu);
}

#define FD		(self->gpu.fd)
#define SUBMIT_HW()	dxg_ioctl(FD, LX_DXSUBMITCOMMANDTOHWQUEUE, &self->hw)
#define REFUSED_HW(error) EXPECT_REFUSED(error, FD, LX_DXSUBMITCOMMANDTOHWQUEUE, &self->hw)

TEST_F(hw_submit, nothing_written)
{
	struct d3dkmt_submitcommandtohwqueue before;

	self->hw.hwqueue_progress_fence_id = 1;
	before = self->hw;
	EXPECT_EQ(0, SUBMIT_HW());
	EXPECT_EQ(0, memcmp(&before, &self->hw, sizeof(before)));
}

/* Each command takes its place in the queue and ends with its value. */
TEST_F(hw_submit, progress)
{
	struct dxg_hw_queue other;
	__u64 seen = 0;

	ASSERT_EQ(0, dxg_create_hw_queue(FD, self->context, &other));
	for (__u64 value = 1; value <= 50; value++) {
		__u64 now;

		EXPECT_EQ(0, dxg_submit_to_hw_queue(FD, self->queue.queue, value));
		now = *self->queue.value;
		EXPECT_LE(seen, now);
		EXPECT_GE(value, now);
		seen = now;
	}
	EXPECT_TRUE(dxg_wait_fence(self->queue.value, 50));
	EXPECT_EQ(50, *self->queue.value);
	EXPECT_EQ(0, *other.value);
}

TEST_F(hw_submit, private_data)
{
	__u32 most = dxg_message_room(SIZE_SUBMIT_HW);
	const __u32 sizes[] = {
		most + 1, DXG_MESSAGE_MAX, DXG_MESSAGE_MAX + 1, 0x7fffffff, 0xffffffff,
	};
	unsigned char *data = dxg_guarded(DXG_MESSAGE_MAX + 1, 0x5a);

	self->hw.priv_drv_data = (uintptr_t)data;
	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		self->hw.priv_drv_data_size = sizes[i];
		REFUSED_HW(EINVAL);
	}
	self->hw.priv_drv_data_size = most;
	self->hw.hwqueue_progress_fence_id = 1;
	EXPECT_EQ(0, SUBMIT_HW());
	EXPECT_TRUE(dxg_wait_fence(self->queue.value, 1));
	self->hw.priv_drv_data_size = 5;
	self->hw.priv_drv_data = (uintptr_t)data + DXG_MESSAGE_MAX + 1 - 4;
	REFUSED_HW(EFAULT);
	self->hw.priv_drv_data_size = 1;
	self->hw.priv_drv_data = 0;
	REFUSED_HW(EFAULT);
}

TEST_F(hw_submit, primaries)
{
	__u32 most = dxg_message_room(SIZE_SUBMIT_HW) / sizeof(__u32);
	const __u32 counts[] = { most + 1, 131072, 131073, 0x40000001, 0xffffffff };
	__u32 *primaries = dxg_guarded(131073 * sizeof(*primaries), 0);
	__u32 allocation;

	ASSERT_EQ(0, dxg_create_allocation(FD, self->gpu.device, 1, &allocation));
	self->hw.hwqueue_progress_fence_id = 1;
	self->hw.written_primaries = (uintptr_t)primaries;
	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		self->hw.num_primaries = counts[i];
		REFUSED_HW(EINVAL);
	}
	self->hw.num_primaries = 2;
	primaries[131072] = allocation;
	self->hw.written_primaries = (uintptr_t)&primaries[131072];
	REFUSED_HW(EFAULT);
	self->hw.num_primaries = 1;
	EXPECT_EQ(0, SUBMIT_HW());
	EXPECT_TRUE(dxg_wait_fence(self->queue.value, 1));
}

/* The queue is looked up before memory is read, and limits are checked before that. */
TEST_F(hw_submit, order_of_checks)
{
	self->hw.hwqueue.v = DXG_NO_HANDLE;
	self->hw.num_primaries = 1;
	self->hw.priv_drv_data_size = 1;
	REFUSED_HW(EINVAL);
	self->hw.hwqueue.v = self->queue.queue;
	self->hw.num_primaries = 131073;
	REFUSED_HW(EINVAL);
}

TEST_F(hw_submit, refused_by_host)
{
	if (dxg_asynchronous())
		SKIP(return, "nobody waits for the host's answer");
	/* Progress is not made backwards. */
	self->hw.hwqueue_progress_fence_id = 5;
	EXPECT_EQ(0, SUBMIT_HW());
	REFUSED_HW(EINVAL);
	self->hw.hwqueue_progress_fence_id = 4;
	REFUSED_HW(EINVAL);
	self->hw.hwqueue_progress_fence_id = 6;
	self->hw.num_primaries = 1;
	self->hw.written_primaries = (uintptr_t)&self->context;
	REFUSED_HW(EINVAL);
	EXPECT_TRUE(dxg_wait_fence(self->queue.value, 5));
	EXPECT_EQ(5, *self->queue.value);
}

TEST_F(hw_submit, lost_device)
{
	struct d3dkmt_markdeviceaserror lose = {
		.device.v = self->gpu.device,
		.reason = _D3DKMT_DEVICE_ERROR_REASON_GENERIC,
	};

	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXMARKDEVICEASERROR, &lose));
	self->hw.hwqueue_progress_fence_id = 1;
	if (dxg_asynchronous())
		EXPECT_OK(SUBMIT_HW());
	else
		REFUSED_HW(ENODEV);
	/* Nobody shall wait for work that is not done any more. */
	EXPECT_TRUE(dxg_wait_fence(self->queue.value, ~0ULL));
}

static int submit_many(void *data, unsigned int index)
{
	const struct dxg_gpu *gpu = data;
	struct dxg_hw_queue queue;
	__u32 context;

	if (dxg_create_hw_context(gpu->fd, gpu->device, &context) ||
	    dxg_create_hw_queue(gpu->fd, context, &queue))
		return -1;
	for (__u64 value = 1; value <= 100; value++) {
		if (dxg_submit_to_hw_queue(gpu->fd, queue.queue, value))
			return -2;
	}
	return dxg_wait_fence(queue.value, 100) ? 0 : -3;
}

TEST_F(hw_submit, together)
{
	EXPECT_EQ(0, dxg_together(THREADS, submit_many, &self->gpu));
}

/* Taken down with work in it */
TEST_F(hw_submit, destroy_with_work)
{
	int objects = dxg_host_objects_settled();

	for (int i = 0; i < 10; i++) {
		struct dxg_hw_queue queue;
		__u32 context;

		ASSERT_EQ(0, dxg_create_hw_context(FD, self->gpu.device, &context));
		ASSERT_EQ(0, dxg_create_hw_queue(FD, context, &queue));
		for (int j = 1; j <= 20; j++)
			ASSERT_OK(dxg_submit_to_hw_queue(FD, queue.queue, j));
		EXPECT_EQ(0, i % 2 ? dxg_destroy_hw_queue(FD, queue.queue)
				   : dxg_destroy_context(FD, context));
		EXPECT_FALSE(dxg_can_read(queue.value));
		if (i % 2)
			EXPECT_OK(dxg_destroy_context(FD, context));
	}
	EXPECT_EQ(objects, dxg_host_objects());
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
