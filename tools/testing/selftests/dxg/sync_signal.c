// SPDX-License-Identifier: GPL-2.0
/* Signals: by the CPU, by contexts and by hardware queues. */
#include "dxg_sync.h"
#include "dxg_harness.h"

FIXTURE(signal)
{
	struct dxg_gpu gpu;
	__u32 context;
	/* Where there are hardware queues */
	__u32 hw_context;
	struct dxg_hw_queue queue;
	struct dxg_monitored fence[4];
	/* A descriptor of ours that is no event */
	int shared;
	/* What the arrays of most arguments point to */
	__u32 objects[4];
	__u64 values[4];
};

FIXTURE_VARIANT(signal)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(signal, render) { .compute = false };
FIXTURE_VARIANT_ADD(signal, compute) { .compute = true };

static int shared_descriptor(const struct dxg_gpu *gpu)
{
	struct dxg_monitored fence;
	int descriptor;
	int result = dxg_create_monitored(gpu->fd, gpu->device, 0, DXG_SHARED, &fence) ?:
		     dxg_share(gpu->fd, fence.handle, &descriptor);

	return result ?: descriptor;
}

FIXTURE_SETUP(signal)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	ASSERT_EQ(0, dxg_create_context(self->gpu.fd, self->gpu.device, &self->context));
	if (self->gpu.hw_queues) {
		ASSERT_EQ(0, dxg_create_hw_context(self->gpu.fd, self->gpu.device,
						   &self->hw_context));
		ASSERT_EQ(0, dxg_create_hw_queue(self->gpu.fd, self->hw_context, &self->queue));
	}
	for (int i = 0; i < ARRAY_SIZE(self->fence); i++) {
		ASSERT_OK(dxg_create_monitored(self->gpu.fd, self->gpu.device, i, 0,
					       &self->fence[i]));
		self->objects[i] = self->fence[i].handle;
		self->values[i] = 100 + i;
	}
	self->shared = shared_descriptor(&self->gpu);
	ASSERT_LE(0, self->shared);
}

FIXTURE_TEARDOWN(signal)
{
	dxg_gpu_close(&self->gpu);
}

#define CALL(request, args)	dxg_ioctl(self->gpu.fd, request, args)
#define CPU(args)		CALL(LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMCPU, args)
#define GPU(args)		CALL(LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMGPU, args)
#define GPU2(args)		CALL(LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMGPU2, args)
#define LEGACY(args)		CALL(LX_DXSIGNALSYNCHRONIZATIONOBJECT, args)
#define HWQUEUE(args)		CALL(LX_DXSUBMITSIGNALSYNCOBJECTSTOHWQUEUE, args)

#define EXPECT_REACHED() do {							\
	for (int i = 0; i < ARRAY_SIZE(self->fence); i++)			\
		EXPECT_TRUE(dxg_wait_fence(self->fence[i].value, self->values[i])); \
} while (0)

/* Handles that are no context, and no hardware queue either */
#define NO_CONTEXTS								\
	{ 0, self->gpu.device, self->fence[0].handle, DXG_NO_HANDLE,		\
	  self->context ^ 0xc0000000, ~0U }

TEST_F(signal, cpu)
{
	struct d3dkmt_signalsynchronizationobjectfromcpu args = {
		.device.v = self->gpu.device,
		.object_count = 4,
		.objects = (uintptr_t)self->objects,
		.fence_values = (uintptr_t)self->values,
	};

	ASSERT_EQ(0, CPU(&args));
	EXPECT_REACHED();
	/* Values go on only, */
	self->values[0] = 50;
	args.object_count = 1;
	CPU(&args);
	self->values[0] = 101;
	ASSERT_EQ(0, CPU(&args));
	EXPECT_TRUE(dxg_wait_fence(self->fence[0].value, 101));
	/* unless they may go back. */
	self->values[0] = 3;
	args.flags.allow_fence_rewind = 1;
	ASSERT_EQ(0, CPU(&args));
	for (int i = 0; i < 1000 && *self->fence[0].value != 3; i++)
		dxg_sleep_ms(1);
	EXPECT_EQ(3, *self->fence[0].value);
}

TEST_F(signal, cpu_bad_count)
{
	struct d3dkmt_signalsynchronizationobjectfromcpu args = {
		.device.v = self->gpu.device,
		.objects = (uintptr_t)self->objects,
		.fence_values = (uintptr_t)self->values,
	};
	const __u32 counts[] = { 0, D3DDDI_MAX_OBJECT_SIGNALED + 1, 0x40000000, ~0U };

	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		args.object_count = counts[i];
		EXPECT_ERRNO(EINVAL, CPU(&args));
	}
}

TEST_F(signal, cpu_most)
{
	__u32 objects[D3DDDI_MAX_OBJECT_SIGNALED];
	__u64 values[D3DDDI_MAX_OBJECT_SIGNALED];
	struct d3dkmt_signalsynchronizationobjectfromcpu args = {
		.device.v = self->gpu.device,
		.object_count = D3DDDI_MAX_OBJECT_SIGNALED,
		.objects = (uintptr_t)objects,
		.fence_values = (uintptr_t)values,
	};

	for (int i = 0; i < D3DDDI_MAX_OBJECT_SIGNALED; i++) {
		objects[i] = self->fence[i % 4].handle;
		values[i] = 1000 + i;
	}
	ASSERT_EQ(0, CPU(&args));
	for (int i = 0; i < 4; i++)
		EXPECT_TRUE(dxg_wait_fence(self->fence[i].value, 1000 + 28 + i));
}

TEST_F(signal, cpu_bad_device)
{
	const __u32 wrong[] = { 0, self->context, self->queue.queue, DXG_NO_HANDLE, ~0U };
	struct d3dkmt_signalsynchronizationobjectfromcpu args = {
		.object_count = 1,
		.objects = (uintptr_t)self->objects,
		.fence_values = (uintptr_t)self->values,
	};

	for (int i = 0; i < ARRAY_SIZE(wrong); i++) {
		args.device.v = wrong[i];
		EXPECT_ERRNO(EINVAL, CPU(&args));
	}
}

/* A handle that names nothing, something else, or something that was */
TEST_F(signal, bad_object)
{
	__u32 stale = self->fence[3].handle;

	ASSERT_EQ(0, dxg_destroy_sync(self->gpu.fd, stale));
	const __u32 wrong[] = {
		0, self->gpu.device, self->context, self->queue.queue, stale, DXG_NO_HANDLE, ~0U,
	};

	for (int i = 0; i < ARRAY_SIZE(wrong); i++) {
		EXPECT_HOST_REFUSES(dxg_signal_cpu(&self->gpu, wrong[i], 1));
		EXPECT_HOST_REFUSES(dxg_signal_gpu(self->gpu.fd, self->context, wrong[i], 1));
		EXPECT_HOST_REFUSES(dxg_signal_legacy(self->gpu.fd, self->context, wrong[i], 1));
	}
	/* And nothing of it hurt what is there. */
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence[0].handle, 9));
	EXPECT_TRUE(dxg_wait_fence(self->fence[0].value, 9));
}

TEST_F(signal, cpu_fault)
{
	struct d3dkmt_signalsynchronizationobjectfromcpu args = {
		.device.v = self->gpu.device,
		.object_count = 4,
		.objects = (uintptr_t)dxg_unmapped(),
		.fence_values = (uintptr_t)self->values,
	};

	EXPECT_ERRNO(EFAULT, CPU(&args));
	/* All but the last byte are there. */
	args.objects = (uintptr_t)dxg_guarded(sizeof(self->objects) - 1, 0);
	EXPECT_ERRNO(EFAULT, CPU(&args));
	args.objects = (uintptr_t)self->objects;
	args.fence_values = (uintptr_t)dxg_guarded(sizeof(self->values) - 1, 0);
	EXPECT_ERRNO(EFAULT, CPU(&args));
}

/* Whether a signal needs values is for the host to say: monitored fences do, others do not. */
TEST_F(signal, without_values)
{
	const __u32 types[] = { _D3DDDI_SYNCHRONIZATION_MUTEX, _D3DDDI_SEMAPHORE };
	__u32 object;
	struct d3dkmt_signalsynchronizationobjectfromcpu cpu = {
		.device.v = self->gpu.device,
		.object_count = 1,
		.objects = (uintptr_t)&object,
	};
	struct d3dkmt_signalsynchronizationobjectfromgpu gpu = {
		.context.v = self->context,
		.object_count = 1,
		.objects = (uintptr_t)&object,
	};
	struct d3dkmt_signalsynchronizationobjectfromgpu2 gpu2 = {
		.object_count = 1,
		.objects = (uintptr_t)&object,
		.context_count = 1,
		.contexts = (uintptr_t)&self->context,
	};
	struct d3dkmt_submitsignalsyncobjectstohwqueue hwqueue = {
		.hwqueue_count = 1,
		.hwqueues = (uintptr_t)&self->queue.queue,
		.object_count = 1,
		.objects = (uintptr_t)&object,
	};

	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		int fd = self->gpu.fd, device = self->gpu.device;

		ASSERT_EQ(0, types[i] == _D3DDDI_SEMAPHORE ?
				     dxg_create_semaphore(fd, device, 0, 9, &object) :
				     dxg_create_sync(fd, device, types[i], 0, &object));
		EXPECT_HOST_REFUSES(CPU(&cpu));
		EXPECT_OK(GPU(&gpu));
		EXPECT_OK(GPU2(&gpu2));
		if (self->gpu.hw_queues)
			EXPECT_OK(HWQUEUE(&hwqueue));
	}
	/* Each signal has counted: as many waits go by. */
	for (int i = 0; i < 2 + self->gpu.hw_queues; i++)
		ASSERT_OK(dxg_wait_legacy(self->gpu.fd, self->context, object, 0));
	ASSERT_EQ(0, dxg_signal_gpu(self->gpu.fd, self->context, self->fence[0].handle, 7));
	EXPECT_TRUE(dxg_wait_fence(self->fence[0].value, 7));

	object = self->fence[1].handle;
	EXPECT_HOST_REFUSES(CPU(&cpu));
	EXPECT_HOST_REFUSES(GPU(&gpu));
	EXPECT_HOST_REFUSES(GPU2(&gpu2));
	if (self->gpu.hw_queues)
		EXPECT_HOST_REFUSES(HWQUEUE(&hwqueue));
	dxg_sleep_ms(20);
	EXPECT_EQ(1, *self->fence[1].value);
}

/* Flags are the host's to judge. An event without a descriptor hits nobody. */
TEST_F(signal, event_flag_without_event)
{
	struct d3dkmt_signalsynchronizationobjectfromcpu cpu = {
		.device.v = self->gpu.device,
		.object_count = 1,
		.objects = (uintptr_t)self->objects,
		.fence_values = (uintptr_t)self->values,
		.flags.enqueue_cpu_event = 1,
	};
	struct d3dkmt_submitsignalsyncobjectstohwqueue hwqueue = {
		.flags.enqueue_cpu_event = 1,
		.hwqueue_count = 1,
		.hwqueues = (uintptr_t)&self->queue.queue,
		.object_count = 1,
		.objects = (uintptr_t)self->objects,
		.fence_values = (uintptr_t)self->values,
	};

	EXPECT_HOST_REFUSES(CPU(&cpu));
	if (self->gpu.hw_queues)
		EXPECT_HOST_REFUSES(HWQUEUE(&hwqueue));
	EXPECT_EQ(0, *self->fence[0].value);
}

TEST_F(signal, gpu)
{
	struct d3dkmt_signalsynchronizationobjectfromgpu args = {
		.context.v = self->context,
		.object_count = 4,
		.objects = (uintptr_t)self->objects,
		.monitored_fence_values = (uintptr_t)self->values,
	};
	const __u32 no_contexts[] = NO_CONTEXTS;

	ASSERT_EQ(0, GPU(&args));
	EXPECT_REACHED();
	for (int i = 0; i < ARRAY_SIZE(no_contexts); i++) {
		args.context.v = no_contexts[i];
		EXPECT_ERRNO(EINVAL, GPU(&args));
	}
	args.context.v = self->context;
	args.objects = (uintptr_t)dxg_guarded(sizeof(self->objects) - 1, 0);
	EXPECT_ERRNO(EFAULT, GPU(&args));
	args.objects = (uintptr_t)self->objects;
	args.monitored_fence_values = (uintptr_t)dxg_guarded(sizeof(self->values) - 1, 0);
	EXPECT_ERRNO(EFAULT, GPU(&args));
}

/* As many as a message holds, and not one more; then numbers that overflow. */
TEST_F(signal, gpu_counts)
{
	/* Each object takes a handle and a value, the context a handle. */
	__u32 most = (dxg_message_room(56) - 4) / 12;
	__u32 *objects = calloc(most + 1, sizeof(*objects));
	__u64 *values = calloc(most + 1, sizeof(*values));
	struct d3dkmt_signalsynchronizationobjectfromgpu args = {
		.context.v = self->context,
		.object_count = most,
		.objects = (uintptr_t)objects,
		.monitored_fence_values = (uintptr_t)values,
	};
	const __u32 wrong[] = { 0, most + 1, 131072, 131073, 0x20000001, 0x40000000, ~0U };

	ASSERT_TRUE(objects && values);
	for (__u32 i = 0; i <= most; i++) {
		objects[i] = self->fence[0].handle;
		values[i] = i + 1;
	}
	ASSERT_EQ(0, GPU(&args));
	EXPECT_TRUE(dxg_wait_fence(self->fence[0].value, most));
	for (int i = 0; i < ARRAY_SIZE(wrong); i++) {
		int result;

		args.object_count = wrong[i];
		result = GPU(&args);
		/* 131072 of them are not there: either may be noticed first. */
		if (result != -EFAULT || wrong[i] != 131072)
			EXPECT_EQ(-EINVAL, result);
	}
	EXPECT_EQ(most, *self->fence[0].value);
	free(objects);
	free(values);
}

TEST_F(signal, gpu2)
{
	__u32 contexts[2] = { self->context };
	struct d3dkmt_signalsynchronizationobjectfromgpu2 args = {
		.object_count = 4,
		.objects = (uintptr_t)self->objects,
		.context_count = 2,
		.contexts = (uintptr_t)contexts,
		.monitored_fence_values = (uintptr_t)self->values,
	};
	const __u32 counts[] = { 0, 131073, 0x40000000, ~0U };
	const __u32 no_contexts[] = NO_CONTEXTS;

	ASSERT_EQ(0, dxg_create_context(self->gpu.fd, self->gpu.device, &contexts[1]));
	ASSERT_EQ(0, GPU2(&args));
	EXPECT_REACHED();

	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		args.object_count = counts[i];
		EXPECT_ERRNO(EINVAL, GPU2(&args));
		args.object_count = 4;
		args.context_count = counts[i];
		EXPECT_ERRNO(EINVAL, GPU2(&args));
		args.context_count = 2;
	}
	for (int i = 0; i < ARRAY_SIZE(no_contexts); i++) {
		contexts[0] = no_contexts[i];
		EXPECT_ERRNO(EINVAL, GPU2(&args));
	}
	contexts[0] = self->context;
	args.contexts = (uintptr_t)dxg_unmapped();
	EXPECT_ERRNO(EFAULT, GPU2(&args));
	args.contexts = (uintptr_t)dxg_readonly(contexts, sizeof(contexts) - 1);
	EXPECT_ERRNO(EFAULT, GPU2(&args));
	args.contexts = (uintptr_t)contexts;
	args.objects = (uintptr_t)dxg_guarded(sizeof(self->objects) - 1, 0);
	EXPECT_ERRNO(EFAULT, GPU2(&args));
	args.objects = (uintptr_t)self->objects;
	args.monitored_fence_values = (uintptr_t)dxg_guarded(sizeof(self->values) - 1, 0);
	EXPECT_ERRNO(EFAULT, GPU2(&args));
}

/* With the event flag the signal goes to an eventfd, once. */
TEST_F(signal, gpu2_event)
{
	int event = dxg_event();
	struct d3dkmt_signalsynchronizationobjectfromgpu2 args = {
		.flags.enqueue_cpu_event = 1,
		.context_count = 1,
		.contexts = (uintptr_t)&self->context,
		.cpu_event_handle = event,
	};

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, GPU2(&args));
		EXPECT_EQ(1, dxg_event_count(event));
	}
	EXPECT_TRUE(dxg_event_silent(event));

	args.cpu_event_handle = 0;
	EXPECT_ERRNO(EINVAL, GPU2(&args));
	args.cpu_event_handle = self->gpu.fd;
	EXPECT_ERRNO(EBADF, GPU2(&args));
	args.cpu_event_handle = 1000;
	EXPECT_ERRNO(EBADF, GPU2(&args));
	args.cpu_event_handle = self->shared;
	EXPECT_ERRNO(EPROTOTYPE, GPU2(&args));
	/* The upper half does not count. */
	args.cpu_event_handle = event | 0xffffffff00000000;
	ASSERT_EQ(0, GPU2(&args));
	EXPECT_EQ(1, dxg_event_count(event));
	args.cpu_event_handle = event;
	args.object_count = 1;
	args.objects = (uintptr_t)self->objects;
	EXPECT_ERRNO(EINVAL, GPU2(&args));
	args.object_count = 0;
	/* Counted in bytes, this is one context. */
	args.context_count = 0x40000001;
	EXPECT_ERRNO(EINVAL, GPU2(&args));
	args.context_count = 0;
	EXPECT_HOST_REFUSES(GPU2(&args));
	args.context_count = 1;
	args.contexts = (uintptr_t)dxg_unmapped();
	EXPECT_ERRNO(EFAULT, GPU2(&args));
	EXPECT_TRUE(dxg_event_silent(event));
}

TEST_F(signal, legacy)
{
	struct d3dkmt_signalsynchronizationobject2 args = {
		.context.v = self->context,
		.object_count = 1,
		.context_count = 1,
	};
	const __u32 no_contexts[] = NO_CONTEXTS;
	__u32 fence, second;

	ASSERT_EQ(0, dxg_create_context(self->gpu.fd, self->gpu.device, &second));
	ASSERT_EQ(0, dxg_create_sync(self->gpu.fd, self->gpu.device, _D3DDDI_FENCE, 0, &fence));
	args.object_array[0].v = fence;
	args.contexts[0].v = second;
	args.fence.fence_value = 7;
	ASSERT_EQ(0, LEGACY(&args));
	/* Only a context sees the value: it goes past the wait to the next signal. */
	ASSERT_EQ(0, dxg_wait_legacy(self->gpu.fd, second, fence, 7));
	ASSERT_EQ(0, dxg_signal_gpu(self->gpu.fd, second, self->fence[0].handle, 55));
	EXPECT_TRUE(dxg_wait_fence(self->fence[0].value, 55));

	for (int i = 0; i < ARRAY_SIZE(no_contexts); i++) {
		args.context.v = no_contexts[i];
		EXPECT_ERRNO(EINVAL, LEGACY(&args));
	}
	args.context.v = self->context;
	args.object_count = D3DDDI_MAX_OBJECT_SIGNALED + 1;
	EXPECT_ERRNO(EINVAL, LEGACY(&args));
	args.object_count = ~0;
	EXPECT_ERRNO(EINVAL, LEGACY(&args));
	args.object_count = 1;
	args.context_count = D3DDDI_MAX_BROADCAST_CONTEXT + 1;
	EXPECT_ERRNO(EINVAL, LEGACY(&args));
	args.context_count = ~0;
	EXPECT_ERRNO(EINVAL, LEGACY(&args));
}

/* As many contexts as there is room for, besides the first one */
TEST_F(signal, legacy_most_contexts)
{
	struct d3dkmt_signalsynchronizationobject2 args = {
		.context.v = self->context,
		.object_count = 1,
		.context_count = D3DDDI_MAX_BROADCAST_CONTEXT,
	};
	__u32 fence;

	ASSERT_EQ(0, dxg_create_sync(self->gpu.fd, self->gpu.device, _D3DDDI_FENCE, 0, &fence));
	args.object_array[0].v = fence;
	args.fence.fence_value = 7;
	for (int i = 0; i < D3DDDI_MAX_BROADCAST_CONTEXT; i++)
		ASSERT_OK(dxg_create_context(self->gpu.fd, self->gpu.device, &args.contexts[i].v));
	ASSERT_EQ(0, LEGACY(&args));
	ASSERT_EQ(0, dxg_wait_legacy(self->gpu.fd, self->context, fence, 7));
	ASSERT_EQ(0, dxg_signal_gpu(self->gpu.fd, self->context, self->fence[0].handle, 55));
	EXPECT_TRUE(dxg_wait_fence(self->fence[0].value, 55));
}

TEST_F(signal, legacy_event)
{
	int event = dxg_event();
	struct d3dkmt_signalsynchronizationobject2 args = {
		.context.v = self->context,
		.flags.enqueue_cpu_event = 1,
		.cpu_event_handle = event,
	};

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, LEGACY(&args));
		EXPECT_EQ(1, dxg_event_count(event));
	}
	args.cpu_event_handle = self->gpu.fd;
	EXPECT_ERRNO(EBADF, LEGACY(&args));
	args.cpu_event_handle = -1;
	EXPECT_ERRNO(EBADF, LEGACY(&args));
	args.cpu_event_handle = self->shared;
	EXPECT_ERRNO(EPROTOTYPE, LEGACY(&args));
	args.cpu_event_handle = event | 0xffffffff00000000;
	ASSERT_EQ(0, LEGACY(&args));
	EXPECT_EQ(1, dxg_event_count(event));
	/* 0 is a number like any other. */
	ASSERT_EQ(0, dup2(event, 0));
	args.cpu_event_handle = 0;
	ASSERT_EQ(0, LEGACY(&args));
	EXPECT_EQ(1, dxg_event_count(event));
}

/* The event of a signal that the host refuses is given back, and never fires. */
TEST_F(signal, event_of_a_refused_signal)
{
	struct d3dkmt_signalsynchronizationobject2 args = {
		.context.v = self->context,
		.object_count = 1,
		.object_array[0].v = DXG_NO_HANDLE,
		.flags.enqueue_cpu_event = 1,
	};
	int event = dxg_event();

	args.cpu_event_handle = event;
	for (int i = 0; i < 20; i++) {
		int result = LEGACY(&args);

		ASSERT_TRUE(!result || result == -EINVAL);
		/* Of what is sent without waiting nobody hears that it was refused. */
		if (!result && !dxg_asynchronous())
			EXPECT_EQ(1, dxg_event_count(event));
	}
	EXPECT_TRUE(dxg_event_silent(event));
}

TEST_F(signal, notification)
{
	int event = dxg_event();
	__u32 object;

	ASSERT_EQ(0, dxg_create_notification(self->gpu.fd, self->gpu.device, event, &object));
	EXPECT_TRUE(dxg_event_silent(event));
	/* Again and again, unlike the events of single signals */
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, dxg_signal_legacy(self->gpu.fd, self->context, object, 0));
		EXPECT_EQ(1, dxg_event_count(event));
	}
	ASSERT_EQ(0, dxg_destroy_sync(self->gpu.fd, object));
	EXPECT_TRUE(dxg_event_silent(event));
}

TEST_F(signal, hwqueue)
{
	struct dxg_hw_queue second;
	__u32 queues[2] = { self->queue.queue };
	struct d3dkmt_submitsignalsyncobjectstohwqueue args = {
		.hwqueue_count = 2,
		.hwqueues = (uintptr_t)queues,
		.object_count = 4,
		.objects = (uintptr_t)self->objects,
		.fence_values = (uintptr_t)self->values,
	};
	const __u32 wrong[] = {
		0, self->gpu.device, self->context, self->queue.fence, DXG_NO_HANDLE, ~0U,
	};

	if (!self->gpu.hw_queues)
		SKIP(return, "no hardware scheduling");
	ASSERT_EQ(0, dxg_create_hw_queue(self->gpu.fd, self->hw_context, &second));
	queues[1] = second.queue;
	ASSERT_EQ(0, HWQUEUE(&args));
	EXPECT_REACHED();
	for (int i = 0; i < ARRAY_SIZE(wrong); i++) {
		queues[0] = wrong[i];
		EXPECT_ERRNO(EINVAL, HWQUEUE(&args));
	}
	queues[0] = self->queue.queue;
	for (int i = 0; i < 2; i++) {
		args.object_count = i ? D3DDDI_MAX_OBJECT_SIGNALED + 1 : 0;
		EXPECT_ERRNO(EINVAL, HWQUEUE(&args));
		args.object_count = 4;
		args.hwqueue_count = i ? D3DDDI_MAX_BROADCAST_CONTEXT + 1 : 0;
		EXPECT_ERRNO(EINVAL, HWQUEUE(&args));
		args.hwqueue_count = 2;
	}
	args.hwqueues = (uintptr_t)dxg_unmapped();
	EXPECT_ERRNO(EFAULT, HWQUEUE(&args));
	args.hwqueues = (uintptr_t)dxg_readonly(queues, sizeof(queues) - 1);
	EXPECT_ERRNO(EFAULT, HWQUEUE(&args));
	args.hwqueues = (uintptr_t)queues;
	args.objects = (uintptr_t)dxg_guarded(sizeof(self->objects) - 1, 0);
	EXPECT_ERRNO(EFAULT, HWQUEUE(&args));
	args.objects = (uintptr_t)self->objects;
	args.fence_values = (uintptr_t)dxg_guarded(sizeof(self->values) - 1, 0);
	EXPECT_ERRNO(EFAULT, HWQUEUE(&args));
	args.fence_values = (uintptr_t)self->values;
	self->objects[2] = DXG_NO_HANDLE;
	EXPECT_HOST_REFUSES(HWQUEUE(&args));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
