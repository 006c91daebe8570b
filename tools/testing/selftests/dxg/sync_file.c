// SPDX-License-Identifier: GPL-2.0
/* CreateSyncFile, WaitSyncFile and OpenSyncObjectFromSyncFile */
#include <errno.h>
#include <fcntl.h>
#include <linux/sync_file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "dxg_sync.h"
#include "dxg_harness.h"

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
	DXG_SYNC_FILE_SETUP(&self->gpu);
}

FIXTURE_TEARDOWN(sync_file)
{
	dxg_gpu_close(&self->gpu);
}

#define CREATE(args)	dxg_ioctl(self->gpu.fd, LX_DXCREATESYNCFILE, args)
#define WAIT(args)	dxg_ioctl(self->gpu.fd, LX_DXWAITSYNCFILE, args)
#define OPEN(args)	dxg_ioctl(self->gpu.fd, LX_DXOPENSYNCOBJECTFROMSYNCFILE, args)

TEST_F(sync_file, signals)
{
	int file;

	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->fence.handle, 5, &file));
	EXPECT_EQ(FD_CLOEXEC, fcntl(file, F_GETFD));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence.handle, 4));
	EXPECT_FALSE(dxg_file_signals(file, 50));
	EXPECT_EQ(0, dxg_file_status(file));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence.handle, 5));
	EXPECT_TRUE(dxg_file_signals(file, DXG_TIMEOUT_MS));
	EXPECT_EQ(1, dxg_file_status(file));
}

TEST_F(sync_file, reached_already)
{
	int file;

	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence.handle, 5));
	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->fence.handle, 5, &file));
	EXPECT_TRUE(dxg_file_signals(file, DXG_TIMEOUT_MS));
	EXPECT_EQ(1, dxg_file_status(file));
}

/* A fence that is not shared: the file can be waited for, and not be opened. */
TEST_F(sync_file, not_shared)
{
	struct dxg_monitored opened;
	__u64 value;
	int file;

	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->done.handle, 1, &file));
	EXPECT_ERRNO(EINVAL, dxg_open_sync_file(&self->gpu, file, &value, &opened));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->done.handle, 1));
	EXPECT_TRUE(dxg_file_signals(file, DXG_TIMEOUT_MS));
	EXPECT_ERRNO(EINVAL, dxg_open_sync_file(&self->gpu, file, &value, &opened));
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
	ASSERT_TRUE(dxg_file_signals(file, DXG_TIMEOUT_MS));
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
	ASSERT_TRUE(dxg_file_signals(file, DXG_TIMEOUT_MS));
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
		EXPECT_HOST_DENIES(dxg_signal_cpu(&self->gpu, opened.handle, 50));
		ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence.handle, 5));
		EXPECT_OK(dxg_wait_cpu(&self->gpu, opened.handle, 5));
		EXPECT_TRUE(dxg_file_signals(file, DXG_TIMEOUT_MS));
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

/* Descriptors that are no sync files */
#define EXPECT_NO_SYNC_FILE(descriptor) ({						\
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
		EXPECT_NO_SYNC_FILE(descriptors[i]);
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

/* Whoever waits is not left alone: the fence ends with an error. */
TEST_F(sync_file, device_destroyed)
{
	int file;

	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->fence.handle, 5, &file));
	ASSERT_EQ(0, dxg_destroy_device(self->gpu.fd, self->gpu.device));
	EXPECT_TRUE(dxg_file_signals(file, DXG_TIMEOUT_MS));
	EXPECT_EQ(-ENODEV, dxg_file_status(file));
}

TEST_F(sync_file, process_closed)
{
	int file;

	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->fence.handle, 5, &file));
	dxg_gpu_close(&self->gpu);
	EXPECT_TRUE(dxg_file_signals(file, DXG_TIMEOUT_MS));
	EXPECT_GT(0, dxg_file_status(file));
}

/*
 * The host lets go of those who wait for an object that is destroyed. A file that stands for a
 * value which was not reached says that this is not what it waited for.
 */
TEST_F(sync_file, fence_destroyed)
{
	const struct dxg_monitored fences[] = { self->fence, self->done };
	int below, above;

	for (int i = 0; i < ARRAY_SIZE(fences); i++) {
		ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, fences[i].handle, 4, &below));
		ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, fences[i].handle, 5, &above));
		ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, fences[i].handle, 4));
		ASSERT_TRUE(dxg_wait_fence(fences[i].value, 4));
		ASSERT_EQ(0, dxg_destroy_sync(self->gpu.fd, fences[i].handle));
		EXPECT_TRUE(dxg_file_signals(below, DXG_TIMEOUT_MS));
		EXPECT_EQ(1, dxg_file_status(below));
		EXPECT_TRUE(dxg_file_signals(above, DXG_TIMEOUT_MS));
		EXPECT_EQ(-ECANCELED, dxg_file_status(above));
		close(below);
		close(above);
	}
}

/* Those whose object outlives its handle go on waiting, as the program wanted. */
TEST_F(sync_file, handle_destroyed)
{
	struct dxg_monitored fence, opened;
	int file, shared;

	ASSERT_EQ(0, dxg_create_monitored(self->gpu.fd, self->gpu.device, 0,
					  DXG_SHARED | DXG_UNWAIT_ONLY_ON_DESTROY, &fence));
	ASSERT_EQ(0, dxg_share(self->gpu.fd, fence.handle, &shared));
	ASSERT_EQ(0, dxg_open_shared(&self->gpu, shared, DXG_SHARED, &opened));
	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, fence.handle, 5, &file));
	ASSERT_EQ(0, dxg_destroy_sync(self->gpu.fd, fence.handle));
	EXPECT_FALSE(dxg_file_signals(file, 50));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, opened.handle, 5));
	EXPECT_TRUE(dxg_file_signals(file, DXG_TIMEOUT_MS));
	EXPECT_EQ(1, dxg_file_status(file));
}

/* It is the fence's device that counts, and not the one that the program names. */
TEST_F(sync_file, made_with_another_device)
{
	struct dxg_gpu other = self->gpu;
	struct dxg_monitored fence;
	int file[2];

	ASSERT_EQ(0, dxg_create_device(other.fd, other.adapter, &other.device));
	ASSERT_EQ(0, dxg_create_sync_file(&other, self->fence.handle, 5, &file[0]));
	ASSERT_EQ(0, dxg_destroy_device(other.fd, other.device));
	EXPECT_FALSE(dxg_file_signals(file[0], 50));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence.handle, 5));
	EXPECT_TRUE(dxg_file_signals(file[0], DXG_TIMEOUT_MS));
	EXPECT_EQ(1, dxg_file_status(file[0]));

	ASSERT_EQ(0, dxg_create_device(other.fd, other.adapter, &other.device));
	ASSERT_EQ(0, dxg_create_monitored(other.fd, other.device, 0, 0, &fence));
	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, fence.handle, 5, &file[0]));
	ASSERT_EQ(0, dxg_create_sync_file(&other, fence.handle, 5, &file[1]));
	ASSERT_EQ(0, dxg_destroy_device(other.fd, other.device));
	for (int i = 0; i < ARRAY_SIZE(file); i++) {
		EXPECT_TRUE(dxg_file_signals(file[i], DXG_TIMEOUT_MS));
		EXPECT_EQ(-ENODEV, dxg_file_status(file[i]));
	}
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
	EXPECT_TRUE(dxg_file_signals(file, DXG_TIMEOUT_MS));
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
	return dxg_wait_fence(done.value, 1) && dxg_file_signals(file, DXG_TIMEOUT_MS) ? 0 : -ETIME;
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

/* Whether a shared fence of one adapter can be opened on another is for the host to say. */
TEST_F(sync_file, other_adapter)
{
	struct dxg_monitored opened;
	struct dxg_gpu other;
	int file, result = dxg_gpu_open(&other, !variant->compute);
	__u64 value;

	if (result == -ENODEV)
		SKIP(return, "there is only one adapter");
	ASSERT_EQ(0, result);
	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->fence.handle, 5, &file));
	EXPECT_CROSS_ADAPTER(dxg_open_sync_file(&other, file, &value, &opened));
	dxg_gpu_close(&other);
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
