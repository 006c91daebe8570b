// SPDX-License-Identifier: GPL-2.0
/*
 * WaitSyncFile on sync files of which the host knows nothing: merged ones, those of
 * other drivers, those of fences that are not shared or are on another adapter.
 */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/sync_file.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "dxg_count.h"
#include "dxg_fault_plan.h"
#include "dxg_sync.h"
#include "dxg_harness.h"

FIXTURE(import)
{
	struct dxg_gpu gpu;
	__u32 context;
	struct dxg_monitored shared;
	struct dxg_monitored private;
	/* What the context signals when it has waited */
	struct dxg_monitored done;
	__u64 rounds;
	int before;
};

FIXTURE_VARIANT(import)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(import, render) { .compute = false };
FIXTURE_VARIANT_ADD(import, compute) { .compute = true };

FIXTURE_SETUP(import)
{
	int fd, device;

	DXG_GPU_SETUP(&self->gpu, variant->compute);
	fd = self->gpu.fd;
	device = self->gpu.device;
	ASSERT_EQ(0, dxg_create_context(fd, device, &self->context));
	ASSERT_EQ(0, dxg_create_monitored(fd, device, 0, DXG_SHARED, &self->shared));
	ASSERT_EQ(0, dxg_create_monitored(fd, device, 0, 0, &self->private));
	ASSERT_EQ(0, dxg_create_monitored(fd, device, 0, 0, &self->done));
	DXG_SYNC_FILE_SETUP(&self->gpu);
	self->before = dxg_host_objects_settled();
}

FIXTURE_TEARDOWN(import)
{
	dxg_gpu_close(&self->gpu);
}

/* Lets the context wait for a file and then say so. */
#define ASSERT_WAITS_FOR(file) do {						\
	ASSERT_EQ(0, dxg_wait_sync_file(self->gpu.fd, self->context, file));	\
	ASSERT_EQ(0, dxg_signal_gpu(self->gpu.fd, self->context,		\
				    self->done.handle, ++self->rounds));	\
} while (0)

#define EXPECT_STILL_WAITS() ({							\
	dxg_sleep_ms(50);							\
	EXPECT_EQ(self->rounds - 1, *self->done.value);				\
})

#define EXPECT_GOES_ON()							\
	({ EXPECT_TRUE(dxg_wait_fence(self->done.value, self->rounds)); })

#define EXPECT_CANNOT_BE_OPENED(file) ({					\
	struct dxg_monitored opened;						\
	__u64 value;								\
										\
	EXPECT_ERRNO(EINVAL, dxg_open_sync_file(&self->gpu, file, &value, &opened)); \
})

#define SW_SETUP(timeline) do {							\
	if ((timeline) < 0)							\
		SKIP(return, "no sw_sync: %s", strerror(-(timeline)));		\
} while (0)

TEST_F(import, not_shared)
{
	int file;

	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->private.handle, 5, &file));
	ASSERT_WAITS_FOR(file);
	close(file);
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->private.handle, 4));
	EXPECT_STILL_WAITS();
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->private.handle, 5));
	EXPECT_GOES_ON();
	/* What the wait needed on the host is gone. */
	EXPECT_TRUE(dxg_host_objects_return(self->before));
}

TEST_F(import, reached_already)
{
	int file;

	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->private.handle, 5));
	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->private.handle, 5, &file));
	ASSERT_TRUE(dxg_file_signals(file, DXG_TIMEOUT_MS));
	ASSERT_WAITS_FOR(file);
	EXPECT_GOES_ON();
}

/*
 * A host that does not want to signal what a context waits for: it would wait for ever, and with
 * it all who wait for the context. So the device fails.
 */
TEST_F(import, host_refuses)
{
	int file, other, result;

	/* Of a host that does not answer nobody knows. */
	if (dxg_asynchronous())
		SKIP(return, "the host does not answer");
	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->private.handle, 5, &file));
	ASSERT_WAITS_FOR(file);
	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->done.handle, self->rounds, &other));
	ASSERT_EQ(0, dxg_device_state(self->gpu.fd, self->gpu.device));
	/* The first signal is the program's own. */
	result = dxg_fault_plan("[[fault]]\ncommand = \"SIGNALSYNCOBJECT\"\nnth = 2\n"
				"do = \"status\"\nstatus = 0xC0000001\n");
	if (result == -ENODEV)
		SKIP(return, "the host makes no faults");
	ASSERT_EQ(0, result);
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->private.handle, 5));
	EXPECT_TRUE(dxg_faults_reach(1));
	EXPECT_TRUE(dxg_file_signals(other, DXG_TIMEOUT_MS));
	EXPECT_EQ(-ENODEV, dxg_file_status(other));
	for (int i = 0; i < DXG_TIMEOUT_MS && !dxg_device_state(self->gpu.fd, self->gpu.device); i++)
		dxg_sleep_ms(1);
	EXPECT_NE(0, dxg_device_state(self->gpu.fd, self->gpu.device));
	EXPECT_EQ(0, dxg_fault_plan(""));
	EXPECT_TRUE(dxg_file_signals(file, DXG_TIMEOUT_MS));
	EXPECT_EQ(1, dxg_file_status(file));
}

/* Signalled while the wait begins, sooner or later */
TEST_F(import, race)
{
	for (int i = 1; i <= 100; i++) {
		int file;

		ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->private.handle, i, &file));
		ASSERT_EQ(0, dxg_signal_gpu(self->gpu.fd, self->context, self->private.handle, i));
		ASSERT_WAITS_FOR(file);
		close(file);
		EXPECT_GOES_ON();
	}
	EXPECT_TRUE(dxg_host_objects_return(self->before));
}

TEST_F(import, merged)
{
	struct sync_fence_info fences[2] = {};
	struct sync_file_info info = {
		.num_fences = 2,
		.sync_fence_info = (uintptr_t)fences,
	};
	int one, other, both;

	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->shared.handle, 5, &one));
	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->private.handle, 6, &other));
	both = dxg_file_merge(one, other);
	ASSERT_LE(0, both);
	close(one);
	close(other);
	ASSERT_EQ(0, ioctl(both, SYNC_IOC_FILE_INFO, &info));
	EXPECT_EQ(2, info.num_fences);
	for (int i = 0; i < 2; i++)
		EXPECT_STREQ("dxgkrnl", fences[i].driver_name);
	EXPECT_CANNOT_BE_OPENED(both);
	ASSERT_WAITS_FOR(both);
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->private.handle, 6));
	EXPECT_FALSE(dxg_file_signals(both, 50));
	EXPECT_STILL_WAITS();
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->shared.handle, 5));
	EXPECT_TRUE(dxg_file_signals(both, DXG_TIMEOUT_MS));
	EXPECT_EQ(1, dxg_file_status(both));
	EXPECT_GOES_ON();
	EXPECT_CANNOT_BE_OPENED(both);
}

/* Many at a time, which signal in another order than they are waited for */
TEST_F(import, many)
{
	enum { MANY = 64 };
	struct dxg_monitored fences[MANY];
	__u32 contexts[MANY];
	int fd = self->gpu.fd, files[MANY];

	for (int i = 0; i < MANY; i++) {
		ASSERT_OK(dxg_create_context(fd, self->gpu.device, &contexts[i]));
		ASSERT_OK(dxg_create_monitored(fd, self->gpu.device, 0, 0, &fences[i]));
		ASSERT_OK(dxg_create_sync_file(&self->gpu, self->private.handle, i + 1,
					       &files[i]));
	}
	for (int i = MANY - 1; i >= 0; i--) {
		ASSERT_OK(dxg_wait_sync_file(fd, contexts[i], files[i]));
		ASSERT_OK(dxg_signal_gpu(fd, contexts[i], fences[i].handle, 1));
	}
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->private.handle, MANY / 2));
	for (int i = 0; i < MANY / 2; i++)
		EXPECT_TRUE(dxg_wait_fence(fences[i].value, 1));
	dxg_sleep_ms(50);
	for (int i = MANY / 2; i < MANY; i++)
		EXPECT_EQ(0, *fences[i].value);
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->private.handle, MANY));
	for (int i = MANY / 2; i < MANY; i++)
		EXPECT_TRUE(dxg_wait_fence(fences[i].value, 1));
}

TEST_F(import, other_adapter)
{
	struct dxg_gpu other;
	struct dxg_monitored fence;
	int file, result = dxg_gpu_open(&other, !variant->compute);

	if (result == -ENODEV)
		SKIP(return, "there is only one adapter");
	ASSERT_EQ(0, result);
	ASSERT_EQ(0, dxg_create_monitored(other.fd, other.device, 0, DXG_SHARED, &fence));
	ASSERT_EQ(0, dxg_create_sync_file(&other, fence.handle, 5, &file));
	ASSERT_WAITS_FOR(file);
	EXPECT_STILL_WAITS();
	ASSERT_EQ(0, dxg_signal_cpu(&other, fence.handle, 5));
	EXPECT_GOES_ON();
	dxg_gpu_close(&other);
}

/* A fence that fails is over, and so is the wait. */
TEST_F(import, fails)
{
	struct dxg_monitored fence;
	__u32 device;
	int file;
	struct dxg_gpu gpu = self->gpu;

	ASSERT_EQ(0, dxg_create_device(self->gpu.fd, self->gpu.adapter, &device));
	gpu.device = device;
	ASSERT_EQ(0, dxg_create_monitored(gpu.fd, device, 0, 0, &fence));
	ASSERT_EQ(0, dxg_create_sync_file(&gpu, fence.handle, 5, &file));
	ASSERT_WAITS_FOR(file);
	EXPECT_STILL_WAITS();
	ASSERT_EQ(0, dxg_destroy_device(gpu.fd, device));
	EXPECT_GOES_ON();
	EXPECT_EQ(-ENODEV, dxg_file_status(file));
	/* The same for one that has failed before. */
	ASSERT_WAITS_FOR(file);
	EXPECT_GOES_ON();
}

TEST_F(import, refused)
{
	const __u32 wrong[] = {
		0, self->gpu.device, self->private.handle, DXG_NO_HANDLE, ~0U,
	};
	int file;

	for (int reached = 0; reached < 2; reached++) {
		ASSERT_OK(dxg_create_sync_file(&self->gpu, self->private.handle, reached ? 0 : 5,
					       &file));
		EXPECT_EQ(reached, dxg_file_signals(file, reached ? DXG_TIMEOUT_MS : 0));
		for (int i = 0; i < ARRAY_SIZE(wrong); i++)
			EXPECT_ERRNO(EINVAL, dxg_wait_sync_file(self->gpu.fd, wrong[i], file));
		close(file);
	}
	EXPECT_TRUE(dxg_host_objects_return(self->before));
}

/* The device goes while it waits: nobody listens to the fence any more. */
TEST_F(import, device_destroyed)
{
	struct dxg_gpu other = self->gpu;
	struct dxg_monitored fence;
	struct dxg_count count;
	__u32 context;
	int file;

	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->private.handle, 5, &file));
	dxg_count_take(&count);
	ASSERT_EQ(0, dxg_create_device(other.fd, other.adapter, &other.device));
	ASSERT_EQ(0, dxg_create_context(other.fd, other.device, &context));
	ASSERT_EQ(0, dxg_create_monitored(other.fd, other.device, 0, 0, &fence));
	for (int i = 0; i < 10; i++)
		ASSERT_OK(dxg_wait_sync_file(other.fd, context, file));
	ASSERT_EQ(0, dxg_signal_gpu(other.fd, context, fence.handle, 1));
	ASSERT_EQ(0, dxg_destroy_device(other.fd, other.device));
	/* Although it has not signalled */
	EXPECT_TRUE(dxg_count_returns(&count));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->private.handle, 5));
	EXPECT_TRUE(dxg_file_signals(file, DXG_TIMEOUT_MS));
	EXPECT_EQ(1, dxg_file_status(file));
	close(file);
	EXPECT_TRUE(dxg_host_objects_return(self->before));
}

/* The fence signals while the device goes. */
TEST_F(import, device_destroyed_meanwhile)
{
	for (int i = 1; i <= 20; i++) {
		struct dxg_gpu other = self->gpu;
		__u32 context;
		int file;

		ASSERT_OK(dxg_create_device(other.fd, other.adapter, &other.device));
		ASSERT_OK(dxg_create_context(other.fd, other.device, &context));
		ASSERT_OK(dxg_create_sync_file(&self->gpu, self->private.handle, i, &file));
		for (int n = 0; n < 4; n++)
			ASSERT_OK(dxg_wait_sync_file(other.fd, context, file));
		ASSERT_OK(dxg_signal_gpu(self->gpu.fd, self->context, self->private.handle, i));
		ASSERT_OK(dxg_destroy_device(other.fd, other.device));
		close(file);
	}
	EXPECT_TRUE(dxg_host_objects_return(self->before));
}

TEST_F(import, killed)
{
	int file, status, ready[2];
	char byte;
	pid_t child;

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->private.handle, 5, &file));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		struct dxg_gpu gpu;
		__u32 context;

		if (dxg_gpu_open(&gpu, variant->compute) ||
		    dxg_create_context(gpu.fd, gpu.device, &context))
			_exit(1);
		for (int i = 0; i < 10; i++) {
			if (dxg_wait_sync_file(gpu.fd, context, file) || write(ready[1], "", 1) != 1)
				_exit(1);
		}
		for (;;)
			pause();
	}
	for (int i = 0; i < 10; i++)
		ASSERT_EQ(1, read(ready[0], &byte, 1));
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(SIGKILL, status);
	/* The fence is only ours now. */
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->private.handle, 5));
	EXPECT_TRUE(dxg_file_signals(file, DXG_TIMEOUT_MS));
	close(file);
	EXPECT_TRUE(dxg_host_objects_return(self->before));
}

/* A sync file of another driver that has signalled: any kernel with a heap has one. */
TEST_F(import, foreign_signalled)
{
	struct dma_heap_allocation_data memory = {
		.len = DXG_PAGE,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};
	struct dma_buf_export_sync_file buffer = { .flags = DMA_BUF_SYNC_RW };
	int ours, both, fd = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		SKIP(return, "no heap of DMA buffers: %s", strerror(errno));
	ASSERT_EQ(0, ioctl(fd, DMA_HEAP_IOCTL_ALLOC, &memory));
	ASSERT_EQ(0, ioctl(memory.fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &buffer));
	EXPECT_CANNOT_BE_OPENED(buffer.fd);
	ASSERT_WAITS_FOR(buffer.fd);
	EXPECT_GOES_ON();
	/* It is left out of a merge, which waits for the rest. */
	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, self->private.handle, 5, &ours));
	both = dxg_file_merge(buffer.fd, ours);
	ASSERT_LE(0, both);
	ASSERT_WAITS_FOR(both);
	EXPECT_STILL_WAITS();
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->private.handle, 5));
	EXPECT_GOES_ON();
}

TEST_F(import, foreign)
{
	int fence, timeline = dxg_sw_timeline();

	SW_SETUP(timeline);
	fence = dxg_sw_fence(timeline, 2);
	ASSERT_LE(0, fence);
	EXPECT_CANNOT_BE_OPENED(fence);
	ASSERT_WAITS_FOR(fence);
	ASSERT_EQ(0, dxg_sw_advance(timeline, 1));
	EXPECT_STILL_WAITS();
	ASSERT_EQ(0, dxg_sw_advance(timeline, 1));
	EXPECT_GOES_ON();
	EXPECT_EQ(1, dxg_file_status(fence));
	EXPECT_CANNOT_BE_OPENED(fence);
	/* Now it is reached already. */
	ASSERT_WAITS_FOR(fence);
	EXPECT_GOES_ON();
	EXPECT_TRUE(dxg_host_objects_return(self->before));
}

TEST_F(import, foreign_merged)
{
	int timeline = dxg_sw_timeline(), fence, ours, both;

	SW_SETUP(timeline);
	for (int first = 0; first < 2; first++) {
		fence = dxg_sw_fence(timeline, first + 1);
		ASSERT_LE(0, fence);
		ASSERT_OK(dxg_create_sync_file(&self->gpu, self->shared.handle, first + 1, &ours));
		both = first ? dxg_file_merge(fence, ours) : dxg_file_merge(ours, fence);
		ASSERT_LE(0, both);
		close(fence);
		close(ours);
		EXPECT_CANNOT_BE_OPENED(both);
		ASSERT_WAITS_FOR(both);
		if (first)
			ASSERT_OK(dxg_sw_advance(timeline, 1));
		else
			ASSERT_OK(dxg_signal_cpu(&self->gpu, self->shared.handle, 1));
		EXPECT_STILL_WAITS();
		EXPECT_FALSE(dxg_file_signals(both, 0));
		if (first)
			ASSERT_OK(dxg_signal_cpu(&self->gpu, self->shared.handle, 2));
		else
			ASSERT_OK(dxg_sw_advance(timeline, 1));
		EXPECT_GOES_ON();
		EXPECT_TRUE(dxg_file_signals(both, DXG_TIMEOUT_MS));
		close(both);
	}
}

/* A timeline that is closed fails what is still to come on it. */
TEST_F(import, foreign_fails)
{
	int fence, timeline = dxg_sw_timeline();

	SW_SETUP(timeline);
	fence = dxg_sw_fence(timeline, 1);
	ASSERT_LE(0, fence);
	ASSERT_WAITS_FOR(fence);
	EXPECT_STILL_WAITS();
	close(timeline);
	EXPECT_GOES_ON();
	EXPECT_GT(0, dxg_file_status(fence));
}

/* Nobody has the file any more, and nobody will signal it for the device. */
TEST_F(import, foreign_never)
{
	int fence, timeline = dxg_sw_timeline();
	struct dxg_gpu other = self->gpu;
	struct dxg_count count;
	__u32 context;

	SW_SETUP(timeline);
	dxg_count_take(&count);
	ASSERT_EQ(0, dxg_create_device(other.fd, other.adapter, &other.device));
	ASSERT_EQ(0, dxg_create_context(other.fd, other.device, &context));
	fence = dxg_sw_fence(timeline, 1);
	ASSERT_LE(0, fence);
	ASSERT_EQ(0, dxg_wait_sync_file(other.fd, context, fence));
	close(fence);
	ASSERT_EQ(0, dxg_destroy_device(other.fd, other.device));
	EXPECT_TRUE(dxg_count_returns(&count));
	EXPECT_EQ(0, dxg_sw_advance(timeline, 1));
}

DXG_REQUIRE_COUNTS
TEST_HARNESS_MAIN
