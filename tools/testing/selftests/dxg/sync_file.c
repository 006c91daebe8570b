// SPDX-License-Identifier: GPL-2.0
/* CreateSyncFile, WaitSyncFile and OpenSyncObjectFromSyncFile */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "dxg_sync.h"
#include "kselftest_harness.h"

/* The kernel's test driver for fences, whose interface is in no header. */
#define SW_SYNC		"/sys/kernel/debug/sync/sw_sync"

struct sw_sync_create_fence_data {
	__u32 value;
	char name[32];
	__s32 fence;
};

#define SW_SYNC_IOC_CREATE_FENCE	_IOWR('W', 0, struct sw_sync_create_fence_data)

FIXTURE(sync_file)
{
	struct dxg_gpu gpu;
	__u32 context;
	struct dxg_monitored fence;
	struct dxg_monitored done;
};

FIXTURE_VARIANT(sync_file)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(sync_file, render) { .compute = false };
FIXTURE_VARIANT_ADD(sync_file, compute) { .compute = true };

FIXTURE_SETUP(sync_file)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	ASSERT_EQ(0, dxg_create_context(self->gpu.fd, self->gpu.device, &self->context));
	ASSERT_EQ(0, dxg_create_monitored(self->gpu.fd, self->gpu.device, 0, DXG_SHARED,
					  &self->fence));
	ASSERT_EQ(0, dxg_create_monitored(self->gpu.fd, self->gpu.device, 0, 0, &self->done));
}

FIXTURE_TEARDOWN(sync_file)
{
	dxg_gpu_close(&self->gpu);
}

#define CREATE(args)	dxg_ioctl(self->gpu.fd, LX_DXCREATESYNCFILE, args)
#define WAIT(args)	dxg_ioctl(self->gpu.fd, LX_DXWAITSYNCFILE, args)
#define OPEN(args)	dxg_ioctl(self->gpu.fd, LX_DXOPENSYNCOBJECTFROMSYNCFILE, args)

/* Whether the file signals within some time */
static bool signals(int file, int ms)
{
	struct pollfd one = { .fd = file, .events = POLLIN };

	return poll(&one, 1, ms) == 1;
}

/* 1 when it has signalled, negative when with an error, 0 when not */
static int status_of(int file)
{
	struct sync_file_info info = {};

	return ioctl(file, SYNC_IOC_FILE_INFO, &info) ? -errno : info.status;
}

static int merge(int one, int other)
{
	struct sync_merge_data data = { .name = "both", .fd2 = other };

	return ioctl(one, SYNC_IOC_MERGE, &data) ? -errno : data.fence;
}

TEST_F(sync_file, signals)
{
	int file;

	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->fence.handle, 5, &file));
	EXPECT_EQ(FD_CLOEXEC, fcntl(file, F_GETFD));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence.handle, 4));
	EXPECT_FALSE(signals(file, 50));
	EXPECT_EQ(0, status_of(file));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence.handle, 5));
	EXPECT_TRUE(signals(file, 10000));
	EXPECT_EQ(1, status_of(file));
}

TEST_F(sync_file, reached_already)
{
	int file;

	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence.handle, 5));
	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->fence.handle, 5, &file));
	EXPECT_TRUE(signals(file, 10000));
	EXPECT_EQ(1, status_of(file));
}

/* A fence that is not shared: the file can be waited for, and nothing else. */
TEST_F(sync_file, not_shared)
{
	struct dxg_monitored opened;
	__u64 value;
	int file;

	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->done.handle, 1, &file));
	EXPECT_ERRNO(EINVAL, dxg_wait_sync_file(self->gpu.fd, self->context, file));
	EXPECT_ERRNO(EINVAL, dxg_open_sync_file(&self->gpu, file, &value, &opened));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->done.handle, 1));
	EXPECT_TRUE(signals(file, 10000));
	EXPECT_ERRNO(EINVAL, dxg_wait_sync_file(self->gpu.fd, self->context, file));
}

TEST_F(sync_file, info)
{
	struct sync_fence_info fence = {};
	struct sync_file_info info = {
		.num_fences = 1,
		.sync_fence_info = (uintptr_t)&fence,
	};
	int file;

	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->fence.handle, 5, &file));
	ASSERT_EQ(0, ioctl(file, SYNC_IOC_FILE_INFO, &info));
	EXPECT_EQ(1, info.num_fences);
	EXPECT_EQ(0, info.status);
	EXPECT_STREQ("dxgkrnl", fence.driver_name);
	EXPECT_STREQ("no_timeline", fence.obj_name);
	EXPECT_EQ(0, fence.status);
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence.handle, 5));
	ASSERT_TRUE(signals(file, 10000));
	ASSERT_EQ(0, ioctl(file, SYNC_IOC_FILE_INFO, &info));
	EXPECT_EQ(1, fence.status);
	EXPECT_NE(0, fence.timestamp_ns);
}

/* Names a new file of the process when it has gone, and nothing before. */
TEST_F(sync_file, output_not_writable)
{
	struct d3dkmt_createsyncfile args = {
		.device.v = self->gpu.device,
		.monitored_fence.v = self->fence.handle,
		.fence_value = 5,
	};
	int before = dxg_host_objects_settled();
	int next = dup(0);

	close(next);
	for (int i = 0; i < 20; i++)
		EXPECT_ERRNO(EFAULT, CREATE(dxg_readonly(&args, sizeof(args))));
	EXPECT_EQ(next, dup(0));
	EXPECT_TRUE(dxg_host_objects_return(before));
}

TEST_F(sync_file, create_refused)
{
	const __u32 types[] = { _D3DDDI_SYNCHRONIZATION_MUTEX, _D3DDDI_FENCE };
	struct dxg_paging_queue paging;
	struct d3dkmt_createsyncfile args = {
		.monitored_fence.v = self->fence.handle,
		.fence_value = 5,
	};
	const __u32 devices[] = { 0, self->context, self->fence.handle, DXG_NO_HANDLE, ~0U };
	int next = dup(0);

	close(next);
	for (int i = 0; i < ARRAY_SIZE(devices); i++) {
		args.device.v = devices[i];
		EXPECT_ERRNO(EINVAL, CREATE(&args));
	}
	args.device.v = self->gpu.device;
	ASSERT_EQ(0, dxg_create_paging_queue(self->gpu.fd, self->gpu.device, &paging));
	const __u32 fences[] = {
		0, self->gpu.device, self->context, paging.queue, paging.fence, DXG_NO_HANDLE, ~0U,
	};

	for (int i = 0; i < ARRAY_SIZE(fences); i++) {
		args.monitored_fence.v = fences[i];
		EXPECT_ERRNO(EINVAL, CREATE(&args));
	}
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		ASSERT_EQ(0, dxg_create_sync(self->gpu.fd, self->gpu.device, types[i], 0,
					     &args.monitored_fence.v));
		EXPECT_ERRNO(EINVAL, CREATE(&args));
	}
	EXPECT_EQ(next, dup(0));
}

TEST_F(sync_file, no_descriptor_left)
{
	struct rlimit limit = { .rlim_max = 1024 };
	int file = dup(0), before = dxg_host_objects_settled();

	limit.rlim_cur = file;
	close(file);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_ERRNO(EMFILE, dxg_create_sync_file(&self->gpu, self->fence.handle, 5, &file));
	/* Counting may need one. */
	limit.rlim_cur = limit.rlim_max;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_TRUE(dxg_host_objects_return(before));
}

TEST_F(sync_file, wait)
{
	int before = dxg_host_objects_settled();
	int file;

	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->fence.handle, 5, &file));
	ASSERT_EQ(0, dxg_wait_sync_file(self->gpu.fd, self->context, file));
	ASSERT_EQ(0, dxg_signal_gpu(self->gpu.fd, self->context, self->done.handle, 1));
	close(file);
	dxg_sleep_ms(50);
	EXPECT_EQ(0, *self->done.value);
	/* The handle that the wait needed is gone already. */
	EXPECT_TRUE(dxg_host_objects_return(before));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence.handle, 5));
	EXPECT_TRUE(dxg_wait_fence(self->done.value, 1));
}

TEST_F(sync_file, wait_for_what_was)
{
	int file;

	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence.handle, 5));
	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->fence.handle, 5, &file));
	ASSERT_TRUE(signals(file, 10000));
	/* For 5, and not for the value after it */
	ASSERT_EQ(0, dxg_wait_sync_file(self->gpu.fd, self->context, file));
	ASSERT_EQ(0, dxg_signal_gpu(self->gpu.fd, self->context, self->done.handle, 1));
	EXPECT_TRUE(dxg_wait_fence(self->done.value, 1));
}

TEST_F(sync_file, open)
{
	struct dxg_monitored opened = {};
	__u64 value = 0;
	int file;

	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->fence.handle, 5, &file));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, dxg_open_sync_file(&self->gpu, file, &value, &opened));
		/* The same before and after it has signalled */
		EXPECT_EQ(5, value);
		EXPECT_NE(self->fence.handle, opened.handle);
		EXPECT_NE(0, opened.gpu_va);
		ASSERT_NE(NULL, opened.value);
		EXPECT_EQ(*self->fence.value, *opened.value);
		/* Good for waits only */
		EXPECT_HOST_REFUSES(dxg_signal_cpu(&self->gpu, opened.handle, 50));
		ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence.handle, 5));
		EXPECT_OK(dxg_wait_cpu(&self->gpu, opened.handle, 5));
		EXPECT_TRUE(signals(file, 10000));
		EXPECT_OK(dxg_destroy_sync(self->gpu.fd, opened.handle));
		EXPECT_FALSE(dxg_can_read(opened.value));
	}
	EXPECT_EQ(5, *self->fence.value);
}

TEST_F(sync_file, open_undone)
{
	struct d3dkmt_opensyncobjectfromsyncfile args = { .device.v = self->gpu.device };
	int before = dxg_host_objects_settled();
	int file;

	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->fence.handle, 5, &file));
	args.sync_file_handle = file;
	for (int i = 0; i < 20; i++)
		EXPECT_ERRNO(EFAULT, OPEN(dxg_readonly(&args, sizeof(args))));
	close(file);
	EXPECT_TRUE(dxg_host_objects_return(before));
	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->fence.handle, 5, &file));
	dxg_no_more_memory();
	for (int i = 0; i < 20; i++)
		EXPECT_ERRNO(ENOMEM, OPEN(&args));
	close(file);
	EXPECT_TRUE(dxg_host_objects_return(before));
}

/* Sync files that are not of one shared monitored fence, and other descriptors */
#define EXPECT_NOT_OURS(descriptor) ({						\
	struct dxg_monitored opened;						\
	__u64 value;								\
										\
	EXPECT_ERRNO(EINVAL, dxg_wait_sync_file(self->gpu.fd, self->context, descriptor)); \
	EXPECT_ERRNO(EINVAL, dxg_open_sync_file(&self->gpu, descriptor, &value, &opened)); \
})

TEST_F(sync_file, other_descriptors)
{
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), shared;

	ASSERT_LE(0, file);
	ASSERT_EQ(0, dxg_share(self->gpu.fd, self->fence.handle, &shared));
	const int descriptors[] = { file, shared, self->gpu.fd, dxg_event(), 1000, -1 };

	for (int i = 0; i < ARRAY_SIZE(descriptors); i++)
		EXPECT_NOT_OURS(descriptors[i]);
}

TEST_F(sync_file, bad_handles)
{
	const __u32 wrong[] = { 0, self->fence.handle, DXG_NO_HANDLE, ~0U };
	int file;

	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->fence.handle, 5, &file));
	for (int i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct d3dkmt_opensyncobjectfromsyncfile args = {
			.sync_file_handle = file,
			.device.v = wrong[i],
		};

		EXPECT_ERRNO(EINVAL, dxg_wait_sync_file(self->gpu.fd, wrong[i], file));
		EXPECT_REFUSED(EINVAL, self->gpu.fd, LX_DXOPENSYNCOBJECTFROMSYNCFILE, &args);
	}
	EXPECT_ERRNO(EINVAL, dxg_wait_sync_file(self->gpu.fd, self->gpu.device, file));
}

TEST_F(sync_file, merged)
{
	struct sync_fence_info fences[2] = {};
	struct sync_file_info info = {
		.num_fences = 2,
		.sync_fence_info = (uintptr_t)fences,
	};
	struct dxg_monitored second;
	int one, other, both;

	ASSERT_EQ(0, dxg_create_monitored(self->gpu.fd, self->gpu.device, 0, DXG_SHARED, &second));
	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->fence.handle, 5, &one));
	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, second.handle, 6, &other));
	both = merge(one, other);
	ASSERT_LE(0, both);
	close(one);
	close(other);
	ASSERT_EQ(0, ioctl(both, SYNC_IOC_FILE_INFO, &info));
	EXPECT_EQ(2, info.num_fences);
	for (int i = 0; i < 2; i++)
		EXPECT_STREQ("dxgkrnl", fences[i].driver_name);
	EXPECT_NOT_OURS(both);
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, second.handle, 6));
	EXPECT_FALSE(signals(both, 50));
	EXPECT_NOT_OURS(both);
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence.handle, 5));
	EXPECT_TRUE(signals(both, 10000));
	EXPECT_EQ(1, status_of(both));
	EXPECT_NOT_OURS(both);
}

/* A sync file of another driver, whichever this kernel has; negative without any */
static int foreign_sync_file(void)
{
	struct sw_sync_create_fence_data fence = { .value = 1, .name = "foreign" };
	struct dma_heap_allocation_data memory = {
		.len = DXG_PAGE,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};
	struct dma_buf_export_sync_file buffer = { .flags = DMA_BUF_SYNC_RW };
	int fd = open(SW_SYNC, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return ioctl(fd, SW_SYNC_IOC_CREATE_FENCE, &fence) ? -errno : fence.fence;
	fd = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, DMA_HEAP_IOCTL_ALLOC, &memory) ||
	    ioctl(memory.fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &buffer))
		return -errno;
	return buffer.fd;
}

TEST_F(sync_file, foreign)
{
	int foreign = foreign_sync_file();
	int ours, both;

	if (foreign < 0)
		SKIP(return, "no other driver makes sync files: %s", strerror(-foreign));
	EXPECT_NOT_OURS(foreign);
	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->fence.handle, 5, &ours));
	both = merge(foreign, ours);
	ASSERT_LE(0, both);
	close(foreign);
	/* One of another driver that has signalled is left out of a merge. */
	if (status_of(both) == 0 && !access(SW_SYNC, F_OK))
		EXPECT_NOT_OURS(both);
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence.handle, 5));
	EXPECT_TRUE(signals(ours, 10000));
}

/* Whoever waits is not left alone: the fence ends with an error. */
TEST_F(sync_file, device_destroyed)
{
	int file;

	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->fence.handle, 5, &file));
	ASSERT_EQ(0, dxg_destroy_device(self->gpu.fd, self->gpu.device));
	EXPECT_TRUE(signals(file, 10000));
	EXPECT_GT(0, status_of(file));
}

TEST_F(sync_file, process_closed)
{
	int file;

	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->fence.handle, 5, &file));
	dxg_gpu_close(&self->gpu);
	EXPECT_TRUE(signals(file, 10000));
	EXPECT_GT(0, status_of(file));
}

/* The host lets go of those who wait for an object that is destroyed. */
TEST_F(sync_file, fence_destroyed)
{
	int file;

	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->fence.handle, 5, &file));
	ASSERT_EQ(0, dxg_destroy_sync(self->gpu.fd, self->fence.handle));
	EXPECT_TRUE(signals(file, 10000));
}

struct message {
	int socket;
	bool compute;
};

/* Makes a sync file at 5, brings the fence to 2, sends the file away and dies. */
static int create_and_die(void *data)
{
	struct message *message = data;
	struct dxg_monitored fence;
	struct dxg_gpu gpu;
	int file;
	int result = dxg_gpu_open(&gpu, message->compute);

	if (result)
		return result;
	return dxg_create_monitored(gpu.fd, gpu.device, 2, DXG_SHARED, &fence) ?:
		dxg_create_sync_file(&gpu, fence.handle, 5, &file) ?:
		dxg_send_descriptor(message->socket, file);
}

TEST_F(sync_file, creator_ends)
{
	int before = dxg_host_objects_settled();
	struct dxg_monitored opened;
	struct message message;
	int ends[2], file;
	__u64 value;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
	message = (struct message) { ends[0], variant->compute };
	ASSERT_EQ(0, dxg_in_child(create_and_die, &message));
	file = dxg_receive_descriptor(ends[1]);
	ASSERT_LE(0, file);
	/* Nobody signals any more: it ends by itself. */
	EXPECT_TRUE(signals(file, 10000));
	/* And still keeps its object for who opens it. */
	ASSERT_EQ(0, dxg_open_sync_file(&self->gpu, file, &value, &opened));
	EXPECT_EQ(5, value);
	EXPECT_EQ(2, *opened.value);
	EXPECT_OK(dxg_destroy_sync(self->gpu.fd, opened.handle));
	close(file);
	EXPECT_TRUE(dxg_host_objects_return(before));
}

static int use_elsewhere(void *data)
{
	struct message *message = data;
	int file = dxg_receive_descriptor(message->socket);
	struct dxg_monitored opened, done;
	struct dxg_gpu gpu;
	__u32 context;
	__u64 value;
	int result = file < 0 ? file : dxg_gpu_open(&gpu, message->compute);

	if (result)
		return result;
	result = dxg_open_sync_file(&gpu, file, &value, &opened) ?:
		dxg_create_context(gpu.fd, gpu.device, &context) ?:
		dxg_create_monitored(gpu.fd, gpu.device, 0, 0, &done) ?:
		dxg_wait_sync_file(gpu.fd, context, file) ?:
		dxg_signal_gpu(gpu.fd, context, done.handle, 1);
	if (result)
		return result;
	/* Tells the other side that everything waits. */
	if (*done.value || value != 5 || write(message->socket, "", 1) != 1)
		return -ERANGE;
	return dxg_wait_fence(done.value, 1) && signals(file, 10000) ? 0 : -ETIME;
}

TEST_F(sync_file, other_process)
{
	struct message message;
	int ends[2], file, status;
	pid_t child;
	char byte;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->fence.handle, 5, &file));
	ASSERT_EQ(0, dxg_send_descriptor(ends[0], file));
	message = (struct message) { ends[1], variant->compute };
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		close(ends[0]);
		_exit(-use_elsewhere(&message));
	}
	close(ends[1]);
	EXPECT_EQ(1, read(ends[0], &byte, 1));
	EXPECT_OK(dxg_signal_cpu(&self->gpu, self->fence.handle, 5));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

/* A shared fence of one adapter is nothing to another. */
TEST_F(sync_file, other_adapter)
{
	struct dxg_monitored opened;
	struct dxg_gpu other;
	int file, result = dxg_gpu_open(&other, !variant->compute);
	__u32 context;
	__u64 value;

	if (result == -ENODEV)
		SKIP(return, "there is only one adapter");
	ASSERT_EQ(0, result);
	ASSERT_EQ(0, dxg_create_context(other.fd, other.device, &context));
	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->fence.handle, 5, &file));
	EXPECT_ERRNO(EINVAL, dxg_open_sync_file(&other, file, &value, &opened));
	EXPECT_ERRNO(EINVAL, dxg_wait_sync_file(other.fd, context, file));
	dxg_gpu_close(&other);
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
