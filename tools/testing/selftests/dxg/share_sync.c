// SPDX-License-Identifier: GPL-2.0
/* Shared synchronization objects: descriptors, and who opens them. */
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "dxg_sync.h"
#include "dxg_harness.h"

FIXTURE(share)
{
	struct dxg_gpu gpu;
	struct dxg_monitored fence;
	int descriptor;
};

FIXTURE_VARIANT(share)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(share, render) { .compute = false };
FIXTURE_VARIANT_ADD(share, compute) { .compute = true };

FIXTURE_SETUP(share)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	ASSERT_EQ(0, dxg_create_monitored(self->gpu.fd, self->gpu.device, 3, DXG_SHARED,
					  &self->fence));
	ASSERT_EQ(0, dxg_share(self->gpu.fd, self->fence.handle, &self->descriptor));
}

FIXTURE_TEARDOWN(share)
{
	dxg_gpu_close(&self->gpu);
}

#define SHARE(args)	dxg_ioctl(self->gpu.fd, LX_DXSHAREOBJECTS, args)
#define OPEN(args)	dxg_ioctl(self->gpu.fd, LX_DXOPENSYNCOBJECTFROMNTHANDLE2, args)

TEST_F(share, descriptor)
{
	char path[64], name[64] = "";
	struct pollfd poll_it = { .fd = self->descriptor, .events = POLLIN };
	char byte;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->descriptor);
	ASSERT_LT(0, readlink(path, name, sizeof(name) - 1));
	EXPECT_STREQ("anon_inode:dxgsyncobj", name);
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->descriptor, F_GETFD));
	/* Good for being passed on and closed, and nothing else. */
	EXPECT_EQ(-1, read(self->descriptor, &byte, 1));
	EXPECT_EQ(-1, write(self->descriptor, &byte, 1));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, DXG_PAGE, PROT_READ, MAP_SHARED, self->descriptor, 0));
	/* What a file says that cannot be waited for */
	EXPECT_EQ(1, poll(&poll_it, 1, 0));
	EXPECT_EQ(POLLIN, poll_it.revents);
}

TEST_F(share, open_in_this_process)
{
	struct dxg_monitored opened;

	ASSERT_EQ(0, dxg_open_shared(&self->gpu, self->descriptor, DXG_SHARED, &opened));
	EXPECT_NE(self->fence.handle, opened.handle);
	EXPECT_NE(0, opened.gpu_va);
	ASSERT_NE(NULL, opened.value);
	EXPECT_EQ(3, *opened.value);
	/* One object with two handles */
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, opened.handle, 8));
	EXPECT_TRUE(dxg_wait_fence(self->fence.value, 8));
	EXPECT_TRUE(dxg_wait_fence(opened.value, 8));
	ASSERT_EQ(0, dxg_destroy_sync(self->gpu.fd, self->fence.handle));
	EXPECT_FALSE(dxg_can_read(self->fence.value));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, opened.handle, 9));
	EXPECT_TRUE(dxg_wait_fence(opened.value, 9));
	EXPECT_OK(dxg_destroy_sync(self->gpu.fd, opened.handle));
	EXPECT_FALSE(dxg_can_read(opened.value));
}

TEST_F(share, object_kinds)
{
	const __u32 types[] = { _D3DDDI_SYNCHRONIZATION_MUTEX, _D3DDDI_FENCE };

	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		struct dxg_monitored opened;
		int descriptor;
		__u32 object;

		ASSERT_EQ(0, dxg_create_sync(self->gpu.fd, self->gpu.device, types[i], DXG_SHARED,
					     &object));
		ASSERT_EQ(0, dxg_share(self->gpu.fd, object, &descriptor));
		ASSERT_EQ(0, dxg_open_shared(&self->gpu, descriptor, DXG_SHARED, &opened));
		/* There is no page to show. */
		EXPECT_EQ(NULL, opened.value);
		EXPECT_OK(dxg_destroy_sync(self->gpu.fd, object));
		EXPECT_OK(dxg_destroy_sync(self->gpu.fd, opened.handle));
		close(descriptor);
	}
}

/* The handle goes first: what the descriptor stands for stays. */
TEST_F(share, outlives_the_handle)
{
	struct dxg_monitored opened;

	ASSERT_EQ(0, dxg_destroy_sync(self->gpu.fd, self->fence.handle));
	ASSERT_EQ(0, dxg_open_shared(&self->gpu, self->descriptor, DXG_SHARED, &opened));
	EXPECT_EQ(3, *opened.value);
}

/* What was opened is as good as what was made: it lives on by itself, and can be shared. */
TEST_F(share, opened_and_shared_again)
{
	struct d3dkmt_opensyncobjectfromnthandle2 args = {
		.nt_handle = self->descriptor,
		.device.v = self->gpu.device,
	};
	struct dxg_monitored opened;
	int again;

	ASSERT_EQ(0, OPEN(&args));
	EXPECT_EQ(0, args.flags.value);
	ASSERT_EQ(0, dxg_destroy_sync(self->gpu.fd, self->fence.handle));
	close(self->descriptor);
	ASSERT_EQ(0, dxg_share(self->gpu.fd, args.sync_object.v, &again));
	ASSERT_EQ(0, dxg_open_shared(&self->gpu, again, DXG_SHARED, &opened));
	EXPECT_EQ(3, *opened.value);
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, args.sync_object.v, 8));
	EXPECT_TRUE(dxg_wait_fence(opened.value, 8));
}

TEST_F(share, many_descriptors)
{
	int before = dxg_host_objects_settled();
	int more[32];

	for (int i = 0; i < ARRAY_SIZE(more); i++)
		ASSERT_OK(dxg_share(self->gpu.fd, self->fence.handle, &more[i]));
	close(self->descriptor);
	for (int i = 0; i < ARRAY_SIZE(more); i++) {
		struct dxg_monitored opened;

		ASSERT_EQ(0, dxg_open_shared(&self->gpu, more[i], DXG_SHARED, &opened));
		ASSERT_EQ(0, dxg_destroy_sync(self->gpu.fd, opened.handle));
		close(more[i]);
	}
	/* Nobody has a descriptor now; the next one is the first again. */
	ASSERT_EQ(0, dxg_share(self->gpu.fd, self->fence.handle, &self->descriptor));
	EXPECT_TRUE(dxg_host_objects_return(before));
}

/* What another process needs to open it */
struct message {
	int descriptor;
	int socket;
	bool compute;
};

/* Opens what it has, takes it to 10 and waits for 11. */
static int open_elsewhere(void *data)
{
	struct message *message = data;
	struct dxg_monitored opened;
	struct dxg_gpu gpu;
	int result = dxg_gpu_open(&gpu, message->compute);

	if (result)
		return result;
	return dxg_open_shared(&gpu, message->descriptor, DXG_SHARED, &opened) ?:
		dxg_signal_cpu(&gpu, opened.handle, 10) ?:
		dxg_wait_cpu(&gpu, opened.handle, 10) ?:
		(*opened.value < 10 ? -ERANGE : 0);
}

TEST_F(share, fork)
{
	struct message message = { self->descriptor, -1, variant->compute };

	EXPECT_EQ(0, dxg_in_child(open_elsewhere, &message));
	EXPECT_TRUE(dxg_wait_fence(self->fence.value, 10));
}

static int receive_and_open(void *data)
{
	struct message *message = data;

	message->descriptor = dxg_receive_descriptor(message->socket);
	return message->descriptor < 0 ? message->descriptor : open_elsewhere(data);
}

TEST_F(share, scm_rights)
{
	struct message message = { -1, -1, variant->compute };
	int ends[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
	ASSERT_EQ(0, dxg_send_descriptor(ends[0], self->descriptor));
	/* While it travels, nobody has it. */
	close(self->descriptor);
	message.socket = ends[1];
	EXPECT_EQ(0, dxg_in_child(receive_and_open, &message));
	EXPECT_TRUE(dxg_wait_fence(self->fence.value, 10));
}

/* Makes a shared fence at 6, sends it away and dies. */
static int create_and_die(void *data)
{
	struct message *message = data;
	struct dxg_monitored fence;
	struct dxg_gpu gpu;
	int descriptor;
	int result = dxg_gpu_open(&gpu, message->compute);

	if (result)
		return result;
	return dxg_create_monitored(gpu.fd, gpu.device, 6, DXG_SHARED, &fence) ?:
		dxg_share(gpu.fd, fence.handle, &descriptor) ?:
		dxg_send_descriptor(message->socket, descriptor);
}

TEST_F(share, creator_ends)
{
	struct message message = { -1, -1, variant->compute };
	int before = dxg_host_objects_settled();
	struct dxg_monitored opened;
	int ends[2], descriptor;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
	message.socket = ends[0];
	ASSERT_EQ(0, dxg_in_child(create_and_die, &message));
	descriptor = dxg_receive_descriptor(ends[1]);
	ASSERT_LE(0, descriptor);
	/* Let the last of the other process go first. */
	dxg_host_objects_settled();
	ASSERT_EQ(0, dxg_open_shared(&self->gpu, descriptor, DXG_SHARED, &opened));
	EXPECT_EQ(6, *opened.value);
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, opened.handle, 7));
	EXPECT_TRUE(dxg_wait_fence(opened.value, 7));
	EXPECT_OK(dxg_destroy_sync(self->gpu.fd, opened.handle));
	close(descriptor);
	EXPECT_TRUE(dxg_host_objects_return(before));
}

/* A descriptor that is never taken out of its socket */
TEST_F(share, lost_on_the_way)
{
	struct message message = { -1, -1, variant->compute };
	int before = dxg_host_objects_settled();
	int ends[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
	message.socket = ends[0];
	ASSERT_EQ(0, dxg_in_child(create_and_die, &message));
	close(ends[0]);
	close(ends[1]);
	EXPECT_TRUE(dxg_host_objects_return(before));
}

TEST_F(share, not_shared)
{
	struct dxg_paging_queue paging;
	struct dxg_monitored own;
	__u32 context, allocation;
	int descriptor;

	ASSERT_EQ(0, dxg_create_monitored(self->gpu.fd, self->gpu.device, 0, 0, &own));
	ASSERT_EQ(0, dxg_create_context(self->gpu.fd, self->gpu.device, &context));
	ASSERT_EQ(0, dxg_create_paging_queue(self->gpu.fd, self->gpu.device, &paging));
	ASSERT_EQ(0, dxg_create_allocation(self->gpu.fd, self->gpu.device, 1, &allocation));
	const __u32 wrong[] = {
		0, own.handle, self->gpu.device, context, paging.queue, paging.fence,
		allocation, DXG_NO_HANDLE, ~0U,
	};

	for (int i = 0; i < ARRAY_SIZE(wrong); i++)
		EXPECT_ERRNO(EINVAL, dxg_share(self->gpu.fd, wrong[i], &descriptor));
	ASSERT_EQ(0, dxg_destroy_sync(self->gpu.fd, self->fence.handle));
	EXPECT_ERRNO(EINVAL, dxg_share(self->gpu.fd, self->fence.handle, &descriptor));
}

TEST_F(share, share_refused)
{
	__u32 objects[2] = { self->fence.handle, self->fence.handle };
	__u64 shared = -1;
	struct d3dkmt_shareobjects args = {
		.objects = (uintptr_t)objects,
		.shared_handle = (uintptr_t)&shared,
	};
	const __u32 counts[] = { 0, 2, ~0U };

	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		args.object_count = counts[i];
		EXPECT_ERRNO(EINVAL, SHARE(&args));
	}
	args.object_count = 1;
	args.objects = (uintptr_t)dxg_unmapped();
	EXPECT_ERRNO(EFAULT, SHARE(&args));
	args.objects = (uintptr_t)objects;
	args.shared_handle = (uintptr_t)dxg_readonly(&shared, sizeof(shared));
	for (int i = 0; i < 20; i++)
		EXPECT_ERRNO(EFAULT, SHARE(&args));
	/* No number was used up. */
	EXPECT_EQ(self->descriptor + 1, dup(self->descriptor));
}

/* Attributes and access rights mean nothing here. */
TEST_F(share, share_ignores)
{
	__u64 shared = -1;
	struct d3dkmt_shareobjects args = {
		.object_count = 1,
		.objects = (uintptr_t)&self->fence.handle,
		.object_attr = 1,
		.desired_access = ~0,
		.shared_handle = (uintptr_t)&shared,
	};

	EXPECT_OK(SHARE(&args));
	EXPECT_EQ(self->descriptor + 1, shared);
}

TEST_F(share, no_descriptor_left)
{
	struct rlimit limit = { .rlim_cur = self->descriptor + 1, .rlim_max = 1024 };
	int before = dxg_host_objects_settled();
	int descriptor;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_ERRNO(ENOTRECOVERABLE, dxg_share(self->gpu.fd, self->fence.handle, &descriptor));
	/* Counting may need one. */
	limit.rlim_cur = limit.rlim_max;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_TRUE(dxg_host_objects_return(before));
	EXPECT_OK(dxg_share(self->gpu.fd, self->fence.handle, &descriptor));
}

TEST_F(share, open_refused)
{
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), resource;
	struct d3dkmt_opensyncobjectfromnthandle2 args = {
		.nt_handle = self->descriptor,
		.flags.value = DXG_SHARED,
	};
	__u32 handle, allocation;

	ASSERT_LE(0, file);
	ASSERT_EQ(0, dxg_create_shared_resource(&self->gpu, 1, &handle, &allocation));
	ASSERT_EQ(0, dxg_share(self->gpu.fd, handle, &resource));
	const __u32 devices[] = { 0, self->fence.handle, DXG_NO_HANDLE, ~0U };
	const __u64 descriptors[] = { file, self->gpu.fd, dxg_event(), 1000, ~0U };

	for (int i = 0; i < ARRAY_SIZE(devices); i++) {
		args.device.v = devices[i];
		EXPECT_ERRNO(EINVAL, OPEN(&args));
	}
	args.device.v = self->gpu.device;
	for (int i = 0; i < ARRAY_SIZE(descriptors); i++) {
		args.nt_handle = descriptors[i];
		EXPECT_ERRNO(EBADF, OPEN(&args));
	}
	args.nt_handle = resource;
	EXPECT_ERRNO(EPROTOTYPE, OPEN(&args));
	args.nt_handle = self->descriptor | 0xffffffff00000000;
	EXPECT_OK(OPEN(&args));
	close(self->descriptor);
	args.nt_handle = self->descriptor;
	EXPECT_ERRNO(EBADF, OPEN(&args));
}

/* What the host has opened is closed again. */
TEST_F(share, open_undone)
{
	struct d3dkmt_opensyncobjectfromnthandle2 args = {
		.nt_handle = self->descriptor,
		.device.v = self->gpu.device,
		.flags.value = DXG_SHARED,
	};
	int before = dxg_host_objects_settled();

	for (int i = 0; i < 20; i++)
		EXPECT_ERRNO(EFAULT, OPEN(dxg_readonly(&args, sizeof(args))));
	EXPECT_TRUE(dxg_host_objects_return(before));
	dxg_no_more_memory();
	for (int i = 0; i < 20; i++)
		EXPECT_ERRNO(ENOMEM, OPEN(&args));
	EXPECT_TRUE(dxg_host_objects_return(before));
}

/* Whether an object of one adapter is something to another is for the host to say. */
TEST_F(share, other_adapter)
{
	struct dxg_monitored opened;
	struct dxg_gpu other;
	int result = dxg_gpu_open(&other, !variant->compute);

	if (result == -ENODEV)
		SKIP(return, "there is only one adapter");
	ASSERT_EQ(0, result);
	EXPECT_CROSS_ADAPTER(dxg_open_shared(&other, self->descriptor, DXG_SHARED, &opened));
	dxg_gpu_close(&other);
}

/* A handle through which nobody may signal */
TEST_F(share, flags)
{
	struct dxg_monitored opened;

	ASSERT_EQ(0, dxg_open_shared(&self->gpu, self->descriptor, DXG_SHARED | DXG_NO_SIGNAL,
				     &opened));
	EXPECT_HOST_DENIES(dxg_signal_cpu(&self->gpu, opened.handle, 100));
	dxg_sleep_ms(20);
	EXPECT_EQ(3, *opened.value);
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence.handle, 100));
	EXPECT_OK(dxg_wait_cpu(&self->gpu, opened.handle, 100));
}

/* What was asked for stays in the argument. */
TEST_F(share, open_leaves_flags)
{
	const __u32 flags[] = { 0, DXG_SHARED | DXG_NO_SIGNAL };

	for (int i = 0; i < ARRAY_SIZE(flags); i++) {
		struct d3dkmt_opensyncobjectfromnthandle2 args = {
			.nt_handle = self->descriptor,
			.device.v = self->gpu.device,
			.flags.value = flags[i],
		};

		EXPECT_OK(OPEN(&args));
		EXPECT_EQ(flags[i], args.flags.value);
		EXPECT_EQ(self->descriptor, args.nt_handle);
	}
}

/* Handles to one fence with different rights, and every call that needs one of them */
TEST_F(share, rights)
{
	struct dxg_monitored mute, deaf;
	struct dxg_hw_queue queue = {};
	__u32 context, hw_context;
	__u64 value = 50;
	int event = dxg_event(), file;

	ASSERT_EQ(0, dxg_open_shared(&self->gpu, self->descriptor, DXG_SHARED | DXG_NO_SIGNAL,
				     &mute));
	ASSERT_EQ(0, dxg_open_shared(&self->gpu, self->descriptor, DXG_SHARED | DXG_NO_WAIT,
				     &deaf));
	ASSERT_EQ(0, dxg_create_context(self->gpu.fd, self->gpu.device, &context));
	struct d3dkmt_signalsynchronizationobjectfromgpu2 signal = {
		.object_count = 1,
		.objects = (uintptr_t)&mute.handle,
		.context_count = 1,
		.contexts = (uintptr_t)&context,
		.monitored_fence_values = (uintptr_t)&value,
	};

	EXPECT_HOST_DENIES(dxg_signal_gpu(self->gpu.fd, context, mute.handle, value));
	EXPECT_HOST_DENIES(dxg_ioctl(self->gpu.fd, LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMGPU2,
				     &signal));
	EXPECT_HOST_DENIES(dxg_wait_gpu(self->gpu.fd, context, deaf.handle, 3));
	EXPECT_ERRNO(EACCES, dxg_wait_cpu(&self->gpu, deaf.handle, 3));
	EXPECT_ERRNO(EACCES, dxg_wait_event(&self->gpu, deaf.handle, 3, event));
	EXPECT_TRUE(dxg_event_silent(event));
	if (dxg_create_sync_file(&self->gpu, 0, 0, &file) != -EOPNOTSUPP)
		EXPECT_ERRNO(EACCES, dxg_create_sync_file(&self->gpu, deaf.handle, 3, &file));
	if (self->gpu.hw_queues) {
		ASSERT_EQ(0, dxg_create_hw_context(self->gpu.fd, self->gpu.device, &hw_context));
		ASSERT_EQ(0, dxg_create_hw_queue(self->gpu.fd, hw_context, &queue));
		struct d3dkmt_submitsignalsyncobjectstohwqueue hw_signal = {
			.hwqueue_count = 1,
			.hwqueues = (uintptr_t)&queue.queue,
			.object_count = 1,
			.objects = (uintptr_t)&mute.handle,
			.fence_values = (uintptr_t)&value,
		};
		struct d3dkmt_submitwaitforsyncobjectstohwqueue hw_wait = {
			.hwqueue.v = queue.queue,
			.object_count = 1,
			.objects = (uintptr_t)&deaf.handle,
			.fence_values = (uintptr_t)&value,
		};

		EXPECT_HOST_DENIES(dxg_ioctl(self->gpu.fd, LX_DXSUBMITSIGNALSYNCOBJECTSTOHWQUEUE,
					     &hw_signal));
		EXPECT_HOST_DENIES(dxg_ioctl(self->gpu.fd, LX_DXSUBMITWAITFORSYNCOBJECTSTOHWQUEUE,
					     &hw_wait));
	}
	EXPECT_EQ(3, *mute.value);
	/* The other way round they work. */
	ASSERT_EQ(0, dxg_signal_gpu(self->gpu.fd, context, deaf.handle, value));
	EXPECT_OK(dxg_wait_cpu(&self->gpu, mute.handle, value));
}

TEST_F(share, with_host)
{
	struct d3dkmt_shareobjectwithhost args = {
		.device_handle.v = self->gpu.device,
		.object_handle.v = self->fence.handle,
	};
	__u32 resource, allocation;

	EXPECT_OK(dxg_ioctl(self->gpu.fd, LX_DXSHAREOBJECTWITHHOST, &args));
	EXPECT_NE(0, args.object_vail_nt_handle);
	ASSERT_EQ(0, dxg_create_shared_resource(&self->gpu, 1, &resource, &allocation));
	args.object_handle.v = resource;
	args.object_vail_nt_handle = 0;
	EXPECT_OK(dxg_ioctl(self->gpu.fd, LX_DXSHAREOBJECTWITHHOST, &args));
	EXPECT_NE(0, args.object_vail_nt_handle);
}

TEST_F(share, with_host_refused)
{
	const __u32 objects[] = { 0, self->gpu.device, DXG_NO_HANDLE, ~0U };
	const __u32 devices[] = { 0, self->fence.handle, DXG_NO_HANDLE, ~0U };
	struct d3dkmt_shareobjectwithhost args = {
		.device_handle.v = self->gpu.device,
	};

	for (int i = 0; i < ARRAY_SIZE(objects); i++) {
		args.object_handle.v = objects[i];
		EXPECT_ERRNO(EINVAL, dxg_ioctl(self->gpu.fd, LX_DXSHAREOBJECTWITHHOST, &args));
	}
	args.object_handle.v = self->fence.handle;
	for (int i = 0; i < ARRAY_SIZE(devices); i++) {
		args.device_handle.v = devices[i];
		EXPECT_ERRNO(EINVAL, dxg_ioctl(self->gpu.fd, LX_DXSHAREOBJECTWITHHOST, &args));
	}
	args.device_handle.v = self->gpu.device;
	EXPECT_ERRNO(EFAULT, dxg_ioctl(self->gpu.fd, LX_DXSHAREOBJECTWITHHOST,
				       dxg_readonly(&args, sizeof(args))));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
