// SPDX-License-Identifier: GPL-2.0
/* CreateSynchronizationObject2 and DestroySynchronizationObject */
#include <fcntl.h>
#include <sys/mman.h>

#include "dxg_sync.h"
#include "dxg_harness.h"

/* Starts where no mistake does. */
#define INITIAL		0x123456789abcdef0

FIXTURE(sync)
{
	struct dxg_gpu gpu;
};

FIXTURE_VARIANT(sync)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(sync, render) { .compute = false };
FIXTURE_VARIANT_ADD(sync, compute) { .compute = true };

FIXTURE_SETUP(sync)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
}

FIXTURE_TEARDOWN(sync)
{
	dxg_gpu_close(&self->gpu);
}

/* The argument for a monitored fence, which most tests begin with. */
static struct d3dkmt_createsynchronizationobject2 monitored(__u32 device)
{
	return (struct d3dkmt_createsynchronizationobject2) {
		.device.v = device,
		.info.type = _D3DDDI_MONITORED_FENCE,
		.info.monitored_fence.initial_fence_value = INITIAL,
	};
}

#define CREATE(args)	dxg_ioctl(self->gpu.fd, LX_DXCREATESYNCHRONIZATIONOBJECT, args)
#define DESTROY(object)	dxg_destroy_sync(self->gpu.fd, object)

TEST_F(sync, every_type)
{
	for (__u32 type = 1; type < _D3DDDI_SYNCHRONIZATION_TYPE_LIMIT; type++) {
		struct d3dkmt_createsynchronizationobject2 args = {
			.device.v = self->gpu.device,
			.info.type = type,
		};
		int event = dxg_event();

		/* A semaphore may have no room, as here. */
		if (type == _D3DDDI_CPU_NOTIFICATION)
			args.info.cpu_notification.event = event;
		if (type == _D3DDDI_PERIODIC_MONITORED_FENCE)
			args.info.periodic_monitored_fence.adapter.v = self->gpu.adapter;
		EXPECT_EQ(0, CREATE(&args)) TH_LOG("type %u", type);
		EXPECT_NE(0, args.sync_object.v);
		/* Only what is shared has a number for others. */
		EXPECT_EQ(0, args.info.shared_handle.v);
		EXPECT_EQ(0, DESTROY(args.sync_object.v)) TH_LOG("type %u", type);
		EXPECT_ERRNO(EINVAL, DESTROY(args.sync_object.v));
		close(event);
	}
}

TEST_F(sync, type_unknown)
{
	const __u32 types[] = { 0, _D3DDDI_SYNCHRONIZATION_TYPE_LIMIT, 0x80000000, ~0U };

	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		struct d3dkmt_createsynchronizationobject2 args = monitored(self->gpu.device);

		args.info.type = types[i];
		EXPECT_EQ(-EINVAL, CREATE(&args)) TH_LOG("type %#x", types[i]);
	}
}

/* Some flags are for one type only, and some exclude each other. */
TEST_F(sync, flags_by_type)
{
	const struct {
		__u32 flags;
		/* The types that may have them, a bit for each */
		__u32 types;
	} cases[] = {
		{ DXG_TOP_OF_PIPELINE, 1 << _D3DDDI_MONITORED_FENCE },
		{ DXG_NO_SIGNAL, 1 << _D3DDDI_MONITORED_FENCE },
		{ DXG_NO_WAIT, 1 << _D3DDDI_MONITORED_FENCE },
		{ DXG_NO_SIGNAL | DXG_NO_WAIT, 0 },
		{ DXG_SIGNAL_BY_KMD, 1 << _D3DDDI_CPU_NOTIFICATION },
		/* For one that is shared by a descriptor, but not shared */
		{ 2, 0 },
		{ 1 << 9, 0 },
	};

	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		for (__u32 type = 1; type < _D3DDDI_SYNCHRONIZATION_TYPE_LIMIT; type++) {
			struct d3dkmt_createsynchronizationobject2 args = {
				.device.v = self->gpu.device,
				.info.type = type,
				.info.flags.value = cases[i].flags,
			};
			int event = dxg_event();

			if (type == _D3DDDI_CPU_NOTIFICATION)
				args.info.cpu_notification.event = event;
			EXPECT_EQ(cases[i].types >> type & 1, !CREATE(&args))
				TH_LOG("type %u, flags %#x", type, cases[i].flags);
			close(event);
		}
	}
}

/* The GPU has no address for it, but waits for it and signals it. */
TEST_F(sync, no_gpu_access)
{
	struct d3dkmt_createsynchronizationobject2 args = monitored(self->gpu.device);
	dxg_fence value;
	__u32 context;

	args.info.flags.value = DXG_NO_GPU_ACCESS;
	ASSERT_EQ(0, CREATE(&args));
	EXPECT_EQ(0, args.info.monitored_fence.fence_gpu_virtual_address);
	value = (dxg_fence)(uintptr_t)args.info.monitored_fence.fence_cpu_virtual_address;
	ASSERT_EQ(0, dxg_create_context(self->gpu.fd, self->gpu.device, &context));
	ASSERT_EQ(0, dxg_wait_gpu(self->gpu.fd, context, args.sync_object.v, INITIAL + 1));
	ASSERT_EQ(0, dxg_signal_gpu(self->gpu.fd, context, args.sync_object.v, INITIAL + 2));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, args.sync_object.v, INITIAL + 1));
	EXPECT_TRUE(dxg_wait_fence(value, INITIAL + 2));
}

TEST_F(sync, monitored_fence)
{
	struct d3dkmt_createsynchronizationobject2 args = monitored(self->gpu.device);
	dxg_fence value;

	args.reserved = 0x11111111;
	args.reserved1 = 0x22222222;
	args.sync_object.v = 0xdeadbeef;
	ASSERT_EQ(0, CREATE(&args));
	EXPECT_EQ(0x11111111, args.reserved);
	EXPECT_EQ(0x22222222, args.reserved1);
	EXPECT_NE(0xdeadbeef, args.sync_object.v);
	EXPECT_EQ(INITIAL, args.info.monitored_fence.initial_fence_value);
	EXPECT_NE(0, args.info.monitored_fence.fence_gpu_virtual_address);
	value = (dxg_fence)(uintptr_t)args.info.monitored_fence.fence_cpu_virtual_address;
	ASSERT_NE(NULL, value);
	EXPECT_EQ(INITIAL, *value);
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, args.sync_object.v, INITIAL + 1));
	EXPECT_TRUE(dxg_wait_fence(value, INITIAL + 1));
	ASSERT_EQ(0, DESTROY(args.sync_object.v));
	EXPECT_FALSE(dxg_can_read(value));
}

/* Each fence has a page of its own. */
TEST_F(sync, fences_are_apart)
{
	enum { MANY = 64 };
	struct dxg_monitored fence[MANY];

	for (int i = 0; i < MANY; i++) {
		ASSERT_EQ(0, dxg_create_monitored(self->gpu.fd, self->gpu.device, i, 0, &fence[i]));
		for (int j = 0; j < i; j++) {
			ASSERT_NE(fence[j].handle, fence[i].handle);
			ASSERT_NE((uintptr_t)fence[j].value / DXG_PAGE,
				  (uintptr_t)fence[i].value / DXG_PAGE);
			ASSERT_NE(fence[j].gpu_va, fence[i].gpu_va);
		}
	}
	for (int i = 0; i < MANY; i += 2)
		ASSERT_OK(DESTROY(fence[i].handle));
	for (int i = 1; i < MANY; i += 2) {
		ASSERT_EQ(i, *fence[i].value);
		ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, fence[i].handle, 1000 + i));
	}
	for (int i = 1; i < MANY; i += 2) {
		ASSERT_TRUE(dxg_wait_fence(fence[i].value, 1000 + i));
		ASSERT_OK(DESTROY(fence[i].handle));
	}
}

/* A display's fence goes on by itself. */
TEST_F(sync, periodic)
{
	struct d3dkmt_createsynchronizationobject2 args = {
		.device.v = self->gpu.device,
		.info.type = _D3DDDI_PERIODIC_MONITORED_FENCE,
		.info.periodic_monitored_fence.adapter.v = self->gpu.adapter,
	};
	dxg_fence value;

	ASSERT_EQ(0, CREATE(&args));
	value = (dxg_fence)(uintptr_t)args.info.periodic_monitored_fence.fence_cpu_virtual_address;
	ASSERT_NE(NULL, value);
	EXPECT_NE(0, args.info.periodic_monitored_fence.fence_gpu_virtual_address);
	EXPECT_TRUE(dxg_wait_fence(value, *value + 3));
	EXPECT_OK(DESTROY(args.sync_object.v));
	EXPECT_FALSE(dxg_can_read(value));
}

TEST_F(sync, notification_event)
{
	struct d3dkmt_createsynchronizationobject2 args = {
		.device.v = self->gpu.device,
		.info.type = _D3DDDI_CPU_NOTIFICATION,
	};
	int event = dxg_event(), file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct dxg_monitored shared;
	int pipes[2], descriptor;

	ASSERT_LE(0, file);
	ASSERT_EQ(0, pipe(pipes));
	const __u64 wrong[] = {
		0, file, pipes[0], self->gpu.fd, 1000, -1, (__u64)-1 >> 1, 1ULL << 31,
	};

	for (int i = 0; i < ARRAY_SIZE(wrong); i++) {
		args.info.cpu_notification.event = wrong[i];
		EXPECT_ERRNO(EBADF, CREATE(&args));
	}
	ASSERT_EQ(0, dxg_create_monitored(self->gpu.fd, self->gpu.device, 0, DXG_SHARED, &shared));
	ASSERT_EQ(0, dxg_share(self->gpu.fd, shared.handle, &descriptor));
	args.info.cpu_notification.event = descriptor;
	EXPECT_ERRNO(EPROTOTYPE, CREATE(&args));
	/* The upper half does not count. */
	args.info.cpu_notification.event = event | 0xffffffff00000000;
	ASSERT_EQ(0, CREATE(&args));
	EXPECT_OK(DESTROY(args.sync_object.v));
	/* The driver keeps its own hold on it: the number may be given away. */
	args.info.cpu_notification.event = event;
	ASSERT_EQ(0, CREATE(&args));
	close(event);
	EXPECT_OK(DESTROY(args.sync_object.v));
}

/* Number 0 is a descriptor like any other. */
TEST_F(sync, notification_event_zero)
{
	__u32 object;

	ASSERT_EQ(0, dup2(dxg_event(), 0));
	EXPECT_OK(dxg_create_notification(self->gpu.fd, self->gpu.device, 0, &object));
	EXPECT_OK(DESTROY(object));
}

TEST_F(sync, shared)
{
	struct d3dkmt_createsynchronizationobject2 args = monitored(self->gpu.device);

	args.info.flags.value = DXG_SHARED;
	ASSERT_EQ(0, CREATE(&args));
	EXPECT_NE(0, args.info.shared_handle.v);
	EXPECT_OK(DESTROY(args.sync_object.v));
}

TEST_F(sync, shared_without_nt_security)
{
	for (__u32 type = 1; type < _D3DDDI_SYNCHRONIZATION_TYPE_LIMIT; type++) {
		struct d3dkmt_createsynchronizationobject2 args = {
			.device.v = self->gpu.device,
			.info.type = type,
			.info.flags.shared = 1,
		};
		int event = dxg_event();

		if (type == _D3DDDI_CPU_NOTIFICATION)
			args.info.cpu_notification.event = event;
		EXPECT_ERRNO(EINVAL, CREATE(&args));
		close(event);
	}
}

TEST_F(sync, device_unknown)
{
	struct d3dkmt_createsynchronizationobject2 args = monitored(0);
	const __u32 wrong[] = { 0, self->gpu.adapter, DXG_NO_HANDLE, ~0U };
	__u32 context;

	for (int i = 0; i < ARRAY_SIZE(wrong); i++) {
		/* An adapter's number may be a device's too: the tables differ. */
		if (wrong[i] == self->gpu.device)
			continue;
		args.device.v = wrong[i];
		EXPECT_REFUSED(EINVAL, self->gpu.fd, LX_DXCREATESYNCHRONIZATIONOBJECT, &args);
	}
	ASSERT_EQ(0, dxg_create_context(self->gpu.fd, self->gpu.device, &context));
	args.device.v = context;
	EXPECT_REFUSED(EINVAL, self->gpu.fd, LX_DXCREATESYNCHRONIZATIONOBJECT, &args);
	ASSERT_EQ(0, dxg_destroy_device(self->gpu.fd, self->gpu.device));
	args.device.v = self->gpu.device;
	EXPECT_REFUSED(EINVAL, self->gpu.fd, LX_DXCREATESYNCHRONIZATIONOBJECT, &args);
}

/* What was made is unmade: neither a handle nor a page stays behind. */
TEST_F(sync, output_not_writable)
{
	struct d3dkmt_createsynchronizationobject2 args = monitored(self->gpu.device);
	int before = dxg_host_objects_settled();

	for (int i = 0; i < 20; i++)
		EXPECT_ERRNO(EFAULT, CREATE(dxg_readonly(&args, sizeof(args))));
	args.info.flags.value = DXG_SHARED;
	EXPECT_ERRNO(EFAULT, CREATE(dxg_readonly(&args, sizeof(args))));
	EXPECT_TRUE(dxg_host_objects_return(before));
	ASSERT_EQ(0, CREATE(&args));
}

/* Its object is not what the user left in the output field. */
TEST_F(sync, failure_destroys_nothing_else)
{
	struct d3dkmt_createsynchronizationobject2 args = monitored(self->gpu.device);
	struct dxg_monitored other;

	ASSERT_EQ(0, dxg_create_monitored(self->gpu.fd, self->gpu.device, 0, 0, &other));
	args.sync_object.v = other.handle;
	EXPECT_ERRNO(EFAULT, CREATE(dxg_readonly(&args, sizeof(args))));
	args.info.flags.shared = 1;
	EXPECT_ERRNO(EINVAL, CREATE(&args));
	args.info.type = 77;
	EXPECT_GT(0, CREATE(&args));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, other.handle, 5));
	EXPECT_TRUE(dxg_wait_fence(other.value, 5));
}

TEST_F(sync, no_room_for_the_page)
{
	struct d3dkmt_createsynchronizationobject2 args = monitored(self->gpu.device);
	__u32 semaphore;
	int before = dxg_host_objects_settled();

	dxg_no_more_memory();
	EXPECT_ERRNO(ENOMEM, CREATE(&args));
	EXPECT_TRUE(dxg_host_objects_return(before));
	/* What has no page needs no room. */
	EXPECT_OK(dxg_create_semaphore(self->gpu.fd, self->gpu.device, 0, 1, &semaphore));
}

TEST_F(sync, destroy_other_kinds)
{
	struct dxg_paging_queue paging;
	struct dxg_hw_queue queue = {};
	__u32 context, hw_context;

	ASSERT_EQ(0, dxg_create_context(self->gpu.fd, self->gpu.device, &context));
	if (self->gpu.hw_queues) {
		ASSERT_EQ(0, dxg_create_hw_context(self->gpu.fd, self->gpu.device, &hw_context));
		ASSERT_EQ(0, dxg_create_hw_queue(self->gpu.fd, hw_context, &queue));
	}
	ASSERT_EQ(0, dxg_create_paging_queue(self->gpu.fd, self->gpu.device, &paging));
	const __u32 others[] = {
		0, self->gpu.device, context, queue.queue, paging.queue,
		/* They go with their queues. */
		queue.fence, paging.fence,
		DXG_NO_HANDLE, ~0U,
	};

	for (int i = 0; i < ARRAY_SIZE(others); i++)
		EXPECT_ERRNO(EINVAL, DESTROY(others[i]));
	if (queue.queue)
		EXPECT_OK(dxg_destroy_hw_queue(self->gpu.fd, queue.queue));
	EXPECT_OK(dxg_destroy_paging_queue(self->gpu.fd, paging.queue));
}

/* Wrong generations of a right number */
TEST_F(sync, destroy_stale)
{
	struct dxg_monitored fence;

	ASSERT_EQ(0, dxg_create_monitored(self->gpu.fd, self->gpu.device, 0, 0, &fence));
	for (__u32 generation = 0; generation < 4; generation++) {
		__u32 handle = (fence.handle & ~0xc0000000) | generation << 30;

		if (handle != fence.handle)
			EXPECT_ERRNO(EINVAL, DESTROY(handle));
	}
	EXPECT_OK(DESTROY(fence.handle));
}

/* Monitored fences go with their device, the others with the process. */
TEST_F(sync, device_destroyed)
{
	struct dxg_monitored fence;
	__u32 semaphore;

	ASSERT_EQ(0, dxg_create_monitored(self->gpu.fd, self->gpu.device, 0, 0, &fence));
	ASSERT_EQ(0, dxg_create_semaphore(self->gpu.fd, self->gpu.device, 0, 1, &semaphore));
	ASSERT_EQ(0, dxg_destroy_device(self->gpu.fd, self->gpu.device));
	EXPECT_FALSE(dxg_can_read(fence.value));
	EXPECT_ERRNO(EINVAL, DESTROY(fence.handle));
	EXPECT_OK(DESTROY(semaphore));
}

static int other_process(void *data)
{
	__u32 foreign = *(__u32 *)data;
	struct dxg_gpu gpu;

	return dxg_gpu_open(&gpu, false) ?: dxg_destroy_sync(gpu.fd, foreign);
}

TEST_F(sync, of_another_process)
{
	struct dxg_monitored fence[40];

	/* Beyond the few numbers that the other process has itself. */
	for (int i = 0; i < ARRAY_SIZE(fence); i++)
		ASSERT_OK(dxg_create_monitored(self->gpu.fd, self->gpu.device, 0, 0, &fence[i]));
	if (variant->compute)
		SKIP(return, "the same for both");
	EXPECT_EQ(EINVAL, dxg_in_child(other_process, &fence[39].handle));
	EXPECT_OK(DESTROY(fence[39].handle));
}

/* The child of a program that forks sees the values that the program sees. */
static int fence_is_mapped(void *data)
{
	dxg_fence value = *(dxg_fence *)data;

	return dxg_can_read(value) && *value == 7 && !dxg_can_write(value) ? 0 : ENOENT;
}

TEST_F(sync, page_after_fork)
{
	struct dxg_monitored fence;

	ASSERT_EQ(0, dxg_create_monitored(self->gpu.fd, self->gpu.device, 7, 0, &fence));
	EXPECT_EQ(0, dxg_in_child(fence_is_mapped, &fence.value));
	EXPECT_EQ(7, *fence.value);
}

/* A value is read, and changed by a signal: however the program has come to the fence. */
static void expect_read_only(struct __test_metadata *_metadata, dxg_fence value)
{
	char *page = (char *)((uintptr_t)value & ~(uintptr_t)(DXG_PAGE - 1));

	EXPECT_TRUE(dxg_can_read(value));
	EXPECT_FALSE(dxg_can_write(value));
	EXPECT_EQ(-1, mprotect(page, DXG_PAGE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, mprotect(page, DXG_PAGE, PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(0, mprotect(page, DXG_PAGE, PROT_NONE));
	EXPECT_EQ(0, mprotect(page, DXG_PAGE, PROT_READ));
	EXPECT_FALSE(dxg_can_write(value));
}

TEST_F(sync, values_are_read_only)
{
	struct dxg_monitored fence, opened, from_file;
	int descriptor, file;
	__u64 value;

	ASSERT_EQ(0, dxg_create_monitored(self->gpu.fd, self->gpu.device, 7, DXG_SHARED, &fence));
	expect_read_only(_metadata, fence.value);
	ASSERT_EQ(0, dxg_share(self->gpu.fd, fence.handle, &descriptor));
	ASSERT_EQ(0, dxg_open_shared(&self->gpu, descriptor, 0, &opened));
	expect_read_only(_metadata, opened.value);
	if (!dxg_create_sync_file(&self->gpu, fence.handle, 8, &file)) {
		ASSERT_EQ(0, dxg_open_sync_file(&self->gpu, file, &value, &from_file));
		expect_read_only(_metadata, from_file.value);
	}
	EXPECT_EQ(0, dxg_signal_cpu(&self->gpu, fence.handle, 9));
	/* An asynchronous host takes its time. */
	EXPECT_TRUE(dxg_wait_fence(fence.value, 9));
	EXPECT_TRUE(dxg_wait_fence(opened.value, 9));
}

/*
 * The value is where the host says, in a page of its own or not: each fence has its own,
 * and one that goes takes no other's along.
 */
TEST_F(sync, values_of_many_fences)
{
	enum { FENCES = 20 };
	struct dxg_monitored fence[FENCES];

	for (int i = 0; i < FENCES; i++)
		ASSERT_OK(dxg_create_monitored(self->gpu.fd, self->gpu.device, 100 + i, 0,
					       &fence[i]));
	for (int i = 0; i < FENCES; i++) {
		EXPECT_EQ(0, (uintptr_t)fence[i].value % sizeof(__u64));
		EXPECT_EQ(100 + i, *fence[i].value);
	}
	for (int i = 0; i < FENCES; i++)
		EXPECT_OK(dxg_signal_cpu(&self->gpu, fence[i].handle, 200 + i));
	for (int i = 0; i < FENCES; i += 2)
		EXPECT_OK(dxg_destroy_sync(self->gpu.fd, fence[i].handle));
	for (int i = 0; i < FENCES; i++) {
		EXPECT_EQ(i % 2, dxg_can_read(fence[i].value));
		if (i % 2)
			EXPECT_EQ(200 + i, *fence[i].value);
	}
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
