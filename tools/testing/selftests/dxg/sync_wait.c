// SPDX-License-Identifier: GPL-2.0
/* Waits of contexts and hardware queues: what comes behind them comes after them. */
#include "dxg_sync.h"
#include "dxg_harness.h"

FIXTURE(wait)
{
	struct dxg_gpu gpu;
	__u32 context;
	/* Another one, which goes on while the first waits */
	__u32 other;
	/* Where there are hardware queues */
	__u32 hw_context;
	struct dxg_hw_queue queue;
	/* What is waited for, and what is signalled behind the wait */
	struct dxg_monitored gate, done;
};

FIXTURE_VARIANT(wait)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(wait, render) { .compute = false };
FIXTURE_VARIANT_ADD(wait, compute) { .compute = true };

FIXTURE_SETUP(wait)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	ASSERT_EQ(0, dxg_create_context(self->gpu.fd, self->gpu.device, &self->context));
	ASSERT_EQ(0, dxg_create_context(self->gpu.fd, self->gpu.device, &self->other));
	if (self->gpu.hw_queues) {
		ASSERT_EQ(0, dxg_create_hw_context(self->gpu.fd, self->gpu.device,
						   &self->hw_context));
		ASSERT_EQ(0, dxg_create_hw_queue(self->gpu.fd, self->hw_context, &self->queue));
	}
	ASSERT_EQ(0, dxg_create_monitored(self->gpu.fd, self->gpu.device, 0, 0, &self->gate));
	ASSERT_EQ(0, dxg_create_monitored(self->gpu.fd, self->gpu.device, 0, 0, &self->done));
}

FIXTURE_TEARDOWN(wait)
{
	dxg_gpu_close(&self->gpu);
}

#define CALL(request, args)	dxg_ioctl(self->gpu.fd, request, args)
#define GPU(args)		CALL(LX_DXWAITFORSYNCHRONIZATIONOBJECTFROMGPU, args)
#define LEGACY(args)		CALL(LX_DXWAITFORSYNCHRONIZATIONOBJECT, args)
#define HWQUEUE(args)		CALL(LX_DXSUBMITWAITFORSYNCOBJECTSTOHWQUEUE, args)

/* A signal behind the wait, which must not come before @open was called. */
#define EXPECT_HELD_UP_UNTIL(open) do {						\
	ASSERT_EQ(0, dxg_signal_gpu(self->gpu.fd, self->context, self->done.handle, 1)); \
	dxg_sleep_ms(50);							\
	EXPECT_EQ(0, *self->done.value);					\
	ASSERT_EQ(0, open);							\
	EXPECT_TRUE(dxg_wait_fence(self->done.value, 1));			\
} while (0)

#define NEEDS_HW_QUEUES do {							\
	if (!self->gpu.hw_queues)						\
		SKIP(return, "no hardware scheduling");				\
} while (0)

#define NO_CONTEXTS								\
	{ 0, self->gpu.device, self->gate.handle, DXG_NO_HANDLE,		\
	  self->context ^ 0xc0000000, ~0U }

TEST_F(wait, monitored)
{
	ASSERT_EQ(0, dxg_wait_gpu(self->gpu.fd, self->context, self->gate.handle, 5));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->gate.handle, 4));
	EXPECT_HELD_UP_UNTIL(dxg_signal_cpu(&self->gpu, self->gate.handle, 5));
}

TEST_F(wait, monitored_by_another_context)
{
	ASSERT_EQ(0, dxg_wait_gpu(self->gpu.fd, self->context, self->gate.handle, 5));
	EXPECT_HELD_UP_UNTIL(dxg_signal_gpu(self->gpu.fd, self->other, self->gate.handle, 6));
}

TEST_F(wait, reached_already)
{
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->gate.handle, 5));
	ASSERT_EQ(0, dxg_wait_gpu(self->gpu.fd, self->context, self->gate.handle, 5));
	ASSERT_EQ(0, dxg_wait_gpu(self->gpu.fd, self->context, self->gate.handle, 0));
	ASSERT_EQ(0, dxg_signal_gpu(self->gpu.fd, self->context, self->done.handle, 1));
	EXPECT_TRUE(dxg_wait_fence(self->done.value, 1));
}

/* The fences of queues may be waited for, although they cannot be destroyed. */
TEST_F(wait, progress_fence)
{
	NEEDS_HW_QUEUES;
	ASSERT_EQ(0, dxg_wait_gpu(self->gpu.fd, self->context, self->queue.fence, 3));
	EXPECT_HELD_UP_UNTIL(dxg_submit_to_hw_queue(self->gpu.fd, self->queue.queue, 3));
}

/* All of them, with a value for each */
TEST_F(wait, several)
{
	struct dxg_monitored second;
	__u32 objects[] = { self->gate.handle, 0 };
	__u64 values[] = { 2, 3 };
	struct d3dkmt_waitforsynchronizationobjectfromgpu args = {
		.context.v = self->context,
		.object_count = 2,
		.objects = (uintptr_t)objects,
		.monitored_fence_values = (uintptr_t)values,
	};

	ASSERT_EQ(0, dxg_create_monitored(self->gpu.fd, self->gpu.device, 0, 0, &second));
	objects[1] = second.handle;
	ASSERT_EQ(0, GPU(&args));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, second.handle, 3));
	EXPECT_HELD_UP_UNTIL(dxg_signal_cpu(&self->gpu, self->gate.handle, 2));
}

TEST_F(wait, counts)
{
	__u32 objects[D3DDDI_MAX_OBJECT_WAITED_ON + 1];
	__u64 values[D3DDDI_MAX_OBJECT_WAITED_ON + 1] = {};
	struct d3dkmt_waitforsynchronizationobjectfromgpu args = {
		.context.v = self->context,
		.objects = (uintptr_t)objects,
		.monitored_fence_values = (uintptr_t)values,
	};
	const __u32 wrong[] = { 0, D3DDDI_MAX_OBJECT_WAITED_ON + 1, 131073, 0x40000001, ~0U };

	for (int i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = self->gate.handle;
	args.object_count = D3DDDI_MAX_OBJECT_WAITED_ON;
	EXPECT_OK(GPU(&args));
	for (int i = 0; i < ARRAY_SIZE(wrong); i++) {
		args.object_count = wrong[i];
		EXPECT_ERRNO(EINVAL, GPU(&args));
	}
}

TEST_F(wait, bad_handles)
{
	const __u32 no_contexts[] = NO_CONTEXTS;
	__u32 stale = self->done.handle;
	__u32 objects[] = { self->gate.handle, DXG_NO_HANDLE };
	__u64 values[] = { 0, 0 };
	struct d3dkmt_waitforsynchronizationobjectfromgpu args = {
		.context.v = self->context,
		.object_count = 2,
		.objects = (uintptr_t)objects,
		.monitored_fence_values = (uintptr_t)values,
	};

	ASSERT_EQ(0, dxg_destroy_sync(self->gpu.fd, stale));
	for (int i = 0; i < ARRAY_SIZE(no_contexts); i++)
		EXPECT_ERRNO(EINVAL,
			     dxg_wait_gpu(self->gpu.fd, no_contexts[i], self->gate.handle, 0));
	/* The driver has to know the first one, whose type decides. */
	const __u32 no_objects[] = {
		0, self->gpu.device, self->context, self->queue.queue, stale, DXG_NO_HANDLE, ~0U,
	};

	for (int i = 0; i < ARRAY_SIZE(no_objects); i++)
		EXPECT_ERRNO(EINVAL, dxg_wait_gpu(self->gpu.fd, self->context, no_objects[i], 0));
	EXPECT_HOST_REFUSES(GPU(&args));
}

TEST_F(wait, faults)
{
	__u32 objects[] = { self->gate.handle, self->done.handle };
	__u64 values[] = { 0, 0 };
	struct d3dkmt_waitforsynchronizationobjectfromgpu args = {
		.context.v = self->context,
		.object_count = 2,
		.objects = (uintptr_t)dxg_unmapped(),
		.monitored_fence_values = (uintptr_t)values,
	};

	EXPECT_ERRNO(EFAULT, GPU(&args));
	args.objects = (uintptr_t)dxg_guarded(sizeof(objects) - 1, 0);
	EXPECT_ERRNO(EFAULT, GPU(&args));
	args.objects = (uintptr_t)objects;
	args.monitored_fence_values = (uintptr_t)dxg_guarded(sizeof(values) - 1, 0);
	EXPECT_ERRNO(EFAULT, GPU(&args));
	args.monitored_fence_values = 0;
	EXPECT_ERRNO(EFAULT, GPU(&args));
}

/* Objects without a value in memory: the value stands in the argument. */
TEST_F(wait, inline_value)
{
	__u32 fence;
	struct d3dkmt_waitforsynchronizationobjectfromgpu args = {
		.context.v = self->context,
		.object_count = 1,
		.objects = (uintptr_t)&fence,
		/* As an address, nobody could read from it. */
		.fence_value = 9,
	};

	ASSERT_EQ(0, dxg_create_sync(self->gpu.fd, self->gpu.device, _D3DDDI_FENCE, 0, &fence));
	ASSERT_EQ(0, GPU(&args));
	EXPECT_HELD_UP_UNTIL(dxg_signal_legacy(self->gpu.fd, self->other, fence, 9));
}

TEST_F(wait, legacy_fence)
{
	__u32 fence;

	ASSERT_EQ(0, dxg_create_sync(self->gpu.fd, self->gpu.device, _D3DDDI_FENCE, 0, &fence));
	ASSERT_EQ(0, dxg_wait_legacy(self->gpu.fd, self->context, fence, 9));
	ASSERT_EQ(0, dxg_signal_legacy(self->gpu.fd, self->other, fence, 8));
	EXPECT_HELD_UP_UNTIL(dxg_signal_legacy(self->gpu.fd, self->other, fence, 9));
}

TEST_F(wait, semaphore)
{
	__u32 semaphore;

	ASSERT_EQ(0, dxg_create_semaphore(self->gpu.fd, self->gpu.device, 1, 2, &semaphore));
	/* One is there, */
	ASSERT_EQ(0, dxg_wait_legacy(self->gpu.fd, self->context, semaphore, 0));
	/* the other has to come. */
	ASSERT_EQ(0, dxg_wait_legacy(self->gpu.fd, self->context, semaphore, 0));
	EXPECT_HELD_UP_UNTIL(dxg_signal_legacy(self->gpu.fd, self->other, semaphore, 0));
}

TEST_F(wait, mutex)
{
	__u32 mutex;

	ASSERT_EQ(0, dxg_create_sync(self->gpu.fd, self->gpu.device,
				     _D3DDDI_SYNCHRONIZATION_MUTEX, 0, &mutex));
	ASSERT_EQ(0, dxg_wait_legacy(self->gpu.fd, self->other, mutex, 0));
	/* Taken: the next one waits until it is given back. */
	ASSERT_EQ(0, dxg_signal_gpu(self->gpu.fd, self->other, self->gate.handle, 1));
	ASSERT_TRUE(dxg_wait_fence(self->gate.value, 1));
	ASSERT_EQ(0, dxg_wait_legacy(self->gpu.fd, self->context, mutex, 0));
	EXPECT_HELD_UP_UNTIL(dxg_signal_legacy(self->gpu.fd, self->other, mutex, 0));
}

TEST_F(wait, legacy_refused)
{
	const __u32 no_contexts[] = NO_CONTEXTS;
	const __u32 counts[] = { 0, D3DDDI_MAX_OBJECT_WAITED_ON + 1, 0x40000000, ~0U };
	__u32 semaphore;
	struct d3dkmt_waitforsynchronizationobject2 args = { .object_count = 1 };

	ASSERT_EQ(0, dxg_create_semaphore(self->gpu.fd, self->gpu.device, 1, 2, &semaphore));
	for (int i = 0; i < ARRAY_SIZE(args.object_array); i++)
		args.object_array[i].v = semaphore;
	for (int i = 0; i < ARRAY_SIZE(no_contexts); i++) {
		args.context.v = no_contexts[i];
		EXPECT_ERRNO(EINVAL, LEGACY(&args));
	}
	args.context.v = self->context;
	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		args.object_count = counts[i];
		EXPECT_ERRNO(EINVAL, LEGACY(&args));
	}
	EXPECT_HOST_REFUSES(dxg_wait_legacy(self->gpu.fd, self->context, DXG_NO_HANDLE, 0));
}

TEST_F(wait, hwqueue)
{
	__u32 objects[] = { self->gate.handle };
	__u64 values[] = { 4 };
	struct d3dkmt_submitwaitforsyncobjectstohwqueue args = {
		.hwqueue.v = self->queue.queue,
		.object_count = 1,
		.objects = (uintptr_t)objects,
		.fence_values = (uintptr_t)values,
	};

	NEEDS_HW_QUEUES;
	ASSERT_EQ(0, HWQUEUE(&args));
	ASSERT_EQ(0, dxg_submit_to_hw_queue(self->gpu.fd, self->queue.queue, 1));
	dxg_sleep_ms(50);
	EXPECT_EQ(0, *self->queue.value);
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->gate.handle, 4));
	EXPECT_TRUE(dxg_wait_fence(self->queue.value, 1));
}

TEST_F(wait, hwqueue_refused)
{
	__u32 objects[D3DDDI_MAX_OBJECT_WAITED_ON];
	__u64 values[D3DDDI_MAX_OBJECT_WAITED_ON] = {};
	struct d3dkmt_submitwaitforsyncobjectstohwqueue args = {
		.object_count = ARRAY_SIZE(objects),
		.objects = (uintptr_t)objects,
		.fence_values = (uintptr_t)values,
	};
	const __u32 queues[] = {
		0, self->gpu.device, self->context, self->queue.fence, DXG_NO_HANDLE, ~0U,
	};
	const __u32 counts[] = { 0, D3DDDI_MAX_OBJECT_WAITED_ON + 1, 0x40000000, ~0U };

	NEEDS_HW_QUEUES;
	for (int i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = self->gate.handle;
	for (int i = 0; i < ARRAY_SIZE(queues); i++) {
		args.hwqueue.v = queues[i];
		EXPECT_ERRNO(EINVAL, HWQUEUE(&args));
	}
	args.hwqueue.v = self->queue.queue;
	EXPECT_OK(HWQUEUE(&args));
	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		args.object_count = counts[i];
		EXPECT_ERRNO(EINVAL, HWQUEUE(&args));
	}
	args.object_count = ARRAY_SIZE(objects);
	args.objects = (uintptr_t)dxg_guarded(sizeof(objects) - 1, 0);
	EXPECT_ERRNO(EFAULT, HWQUEUE(&args));
	args.objects = (uintptr_t)objects;
	args.fence_values = (uintptr_t)dxg_guarded(sizeof(values) - 1, 0);
	EXPECT_ERRNO(EFAULT, HWQUEUE(&args));
	args.fence_values = (uintptr_t)values;
	objects[1] = DXG_NO_HANDLE;
	EXPECT_HOST_REFUSES(HWQUEUE(&args));
}

/* A wait that was queued needs the object no more, and nobody waits for ever. */
TEST_F(wait, object_destroyed)
{
	int before = dxg_host_objects_settled();

	ASSERT_EQ(0, dxg_wait_gpu(self->gpu.fd, self->context, self->gate.handle, 5));
	ASSERT_EQ(0, dxg_signal_gpu(self->gpu.fd, self->context, self->done.handle, 1));
	ASSERT_EQ(0, dxg_destroy_sync(self->gpu.fd, self->gate.handle));
	ASSERT_EQ(0, dxg_destroy_context(self->gpu.fd, self->context));
	/* Gone: the fence and the context. */
	EXPECT_TRUE(before < 0 || dxg_host_objects_return(before - 2));
	EXPECT_EQ(0, *self->done.value);
}

/* What waits for the GPU goes with the device, even if it waits for ever. */
TEST_F(wait, device_destroyed)
{
	ASSERT_EQ(0, dxg_wait_gpu(self->gpu.fd, self->context, self->gate.handle, ~0ULL));
	EXPECT_OK(dxg_destroy_device(self->gpu.fd, self->gpu.device));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
