// SPDX-License-Identifier: GPL-2.0
/* Whatever is made goes again, however its end comes: on the host and in the driver. */
#include <signal.h>
#include <sys/socket.h>

#include "dxg_count.h"
#include "dxg_sync.h"
#include "dxg_harness.h"

/* What a maker has made, in this order: the first goes last. */
struct made {
	struct dxg_gpu gpu;
	unsigned int count;
	struct {
		int (*destroy)(struct made *made, __u32 handle);
		__u32 handle;
	} object[8];
	unsigned int descriptors;
	int descriptor[4];
	void *memory;
};

static int keep(struct made *made, int (*destroy)(struct made *made, __u32 handle), __u32 handle)
{
	made->object[made->count].destroy = destroy;
	made->object[made->count++].handle = handle;
	return 0;
}

static int keep_descriptor(struct made *made, int descriptor)
{
	made->descriptor[made->descriptors++] = descriptor;
	return 0;
}

#define DESTROYER(name, call, ...)						\
	static int destroy_##name(struct made *made, __u32 handle)		\
	{									\
		return call(made->gpu.fd, ##__VA_ARGS__, handle);		\
	}

DESTROYER(device, dxg_destroy_device)
DESTROYER(context, dxg_destroy_context)
DESTROYER(hw_queue, dxg_destroy_hw_queue)
DESTROYER(paging_queue, dxg_destroy_paging_queue)
DESTROYER(sync, dxg_destroy_sync)
DESTROYER(allocation, dxg_destroy_allocation, made->gpu.device)
DESTROYER(resource, dxg_destroy_resource, made->gpu.device)

static int make_device(struct made *made)
{
	__u32 device;

	return dxg_create_device(made->gpu.fd, made->gpu.adapter, &device) ?:
		keep(made, destroy_device, device);
}

static int make_context(struct made *made)
{
	__u32 context;

	return dxg_create_context(made->gpu.fd, made->gpu.device, &context) ?:
		keep(made, destroy_context, context);
}

static int make_hw_queue(struct made *made)
{
	struct dxg_hw_queue queue;
	__u32 context;

	return dxg_create_hw_context(made->gpu.fd, made->gpu.device, &context) ?:
		keep(made, destroy_context, context) ?:
		dxg_create_hw_queue(made->gpu.fd, context, &queue) ?:
		keep(made, destroy_hw_queue, queue.queue);
}

/* The queue goes with its context. */
static int make_hw_context(struct made *made)
{
	struct dxg_hw_queue queue;
	__u32 context;

	return dxg_create_hw_context(made->gpu.fd, made->gpu.device, &context) ?:
		keep(made, destroy_context, context) ?:
		dxg_create_hw_queue(made->gpu.fd, context, &queue);
}

static int make_paging_queue(struct made *made)
{
	struct dxg_paging_queue queue;

	return dxg_create_paging_queue(made->gpu.fd, made->gpu.device, &queue) ?:
		keep(made, destroy_paging_queue, queue.queue);
}

static int make_allocation(struct made *made)
{
	__u32 allocation;

	return dxg_create_allocation(made->gpu.fd, made->gpu.device, 3, &allocation) ?:
		keep(made, destroy_allocation, allocation);
}

/* One that is mapped when it goes */
static int make_locked(struct made *made)
{
	struct d3dkmt_lock2 args = { .device.v = made->gpu.device };
	__u32 allocation;

	return dxg_create_allocation(made->gpu.fd, made->gpu.device, 3, &allocation) ?:
		keep(made, destroy_allocation, allocation) ?:
		(args.allocation.v = allocation, dxg_ioctl(made->gpu.fd, LX_DXLOCK2, &args));
}

/* Over our own memory, whose pages are pinned */
static int make_sysmem(struct made *made)
{
	struct d3dkmt_createstandardallocation standard = {
		.type = _D3DKMT_STANDARDALLOCATIONTYPE_EXISTINGHEAP,
		.existing_heap_data.size = 4 * DXG_PAGE,
	};
	struct d3dddi_allocationinfo2 info = {
		.sysmem = (uintptr_t)dxg_guarded(4 * DXG_PAGE, 0x11),
	};
	struct d3dkmt_createallocation args = {
		.device.v = made->gpu.device,
		.standard_allocation = (uintptr_t)&standard,
		.alloc_count = 1,
		.allocation_info = (uintptr_t)&info,
		.flags.standard_allocation = 1,
		.flags.existing_sysmem = 1,
	};

	return dxg_ioctl(made->gpu.fd, LX_DXCREATEALLOCATION, &args) ?:
		keep(made, destroy_allocation, info.allocation.v);
}

static int make_resource(struct made *made)
{
	__u32 resource, allocations[3];

	return dxg_create_resource(made->gpu.fd, made->gpu.device, 3, &resource, allocations) ?:
		keep(made, destroy_resource, resource);
}

static int make_shared_resource(struct made *made)
{
	struct d3dddi_openallocationinfo2 info = {};
	struct dxg_allocation_data data;
	struct d3dkmt_openresourcefromnthandle args = {
		.device.v = made->gpu.device,
		.allocation_count = 1,
		.open_alloc_info = (uintptr_t)&info,
		.total_priv_drv_data_size = sizeof(data),
		.total_priv_drv_data = (uintptr_t)&data,
	};
	__u32 resource, allocation;
	int descriptor;

	return dxg_create_shared_resource(&made->gpu, 2, &resource, &allocation) ?:
		keep(made, destroy_resource, resource) ?:
		dxg_share(made->gpu.fd, resource, &descriptor) ?:
		keep_descriptor(made, descriptor) ?:
		(args.nt_handle = descriptor,
		 dxg_ioctl(made->gpu.fd, LX_DXOPENRESOURCEFROMNTHANDLE, &args)) ?:
		keep(made, destroy_resource, args.resource.v);
}

static int make_fence(struct made *made)
{
	struct dxg_monitored fence;

	return dxg_create_monitored(made->gpu.fd, made->gpu.device, 0, 0, &fence) ?:
		keep(made, destroy_sync, fence.handle);
}

/* Objects that hang on the process, one of them with an eventfd */
static int make_process_objects(struct made *made)
{
	__u32 semaphore, notification;
	int event = dxg_event();

	return dxg_create_semaphore(made->gpu.fd, made->gpu.device, 0, 1, &semaphore) ?:
		keep(made, destroy_sync, semaphore) ?:
		dxg_create_notification(made->gpu.fd, made->gpu.device, event, &notification) ?:
		keep(made, destroy_sync, notification) ?: close(event);
}

static int make_shared_fence(struct made *made)
{
	struct dxg_monitored fence, opened;
	int descriptor, second;

	return dxg_create_monitored(made->gpu.fd, made->gpu.device, 0, DXG_SHARED, &fence) ?:
		keep(made, destroy_sync, fence.handle) ?:
		dxg_share(made->gpu.fd, fence.handle, &descriptor) ?:
		keep_descriptor(made, descriptor) ?:
		dxg_share(made->gpu.fd, fence.handle, &second) ?:
		keep_descriptor(made, second) ?:
		dxg_open_shared(&made->gpu, descriptor, DXG_SHARED, &opened) ?:
		keep(made, destroy_sync, opened.handle);
}

static int make_sync_file(struct made *made)
{
	struct dxg_monitored fence, own, opened;
	int file, own_file;
	__u64 value;

	return dxg_create_monitored(made->gpu.fd, made->gpu.device, 0, DXG_SHARED, &fence) ?:
		keep(made, destroy_sync, fence.handle) ?:
		dxg_create_monitored(made->gpu.fd, made->gpu.device, 0, 0, &own) ?:
		keep(made, destroy_sync, own.handle) ?:
		dxg_create_sync_file(&made->gpu, fence.handle, 5, &file) ?:
		keep_descriptor(made, file) ?:
		dxg_create_sync_file(&made->gpu, own.handle, 5, &own_file) ?:
		keep_descriptor(made, own_file) ?:
		dxg_open_sync_file(&made->gpu, file, &value, &opened) ?:
		keep(made, destroy_sync, opened.handle);
}

/* Waits that never end: of an event, of a context */
static int make_waits(struct made *made)
{
	struct dxg_monitored fence;
	int event = dxg_event();
	__u32 context;

	return dxg_create_monitored(made->gpu.fd, made->gpu.device, 0, 0, &fence) ?:
		keep(made, destroy_sync, fence.handle) ?:
		dxg_create_context(made->gpu.fd, made->gpu.device, &context) ?:
		keep(made, destroy_context, context) ?:
		dxg_wait_event(&made->gpu, fence.handle, 5, event) ?:
		dxg_wait_gpu(made->gpu.fd, context, fence.handle, 5) ?:
		dxg_signal_gpu(made->gpu.fd, context, fence.handle, 6) ?: close(event);
}

FIXTURE(leaks)
{
	struct dxg_count before;
};

FIXTURE_VARIANT(leaks)
{
	int (*make)(struct made *made);
	bool hw_queues;
};

FIXTURE_VARIANT_ADD(leaks, device) { .make = make_device };
FIXTURE_VARIANT_ADD(leaks, context) { .make = make_context };
FIXTURE_VARIANT_ADD(leaks, hw_queue) { .make = make_hw_queue, .hw_queues = true };
FIXTURE_VARIANT_ADD(leaks, hw_context) { .make = make_hw_context, .hw_queues = true };
FIXTURE_VARIANT_ADD(leaks, paging_queue) { .make = make_paging_queue };
FIXTURE_VARIANT_ADD(leaks, allocation) { .make = make_allocation };
FIXTURE_VARIANT_ADD(leaks, locked) { .make = make_locked };
FIXTURE_VARIANT_ADD(leaks, sysmem) { .make = make_sysmem };
FIXTURE_VARIANT_ADD(leaks, resource) { .make = make_resource };
FIXTURE_VARIANT_ADD(leaks, shared_resource) { .make = make_shared_resource };
FIXTURE_VARIANT_ADD(leaks, fence) { .make = make_fence };
FIXTURE_VARIANT_ADD(leaks, process_objects) { .make = make_process_objects };
FIXTURE_VARIANT_ADD(leaks, shared_fence) { .make = make_shared_fence };
FIXTURE_VARIANT_ADD(leaks, sync_file) { .make = make_sync_file };
FIXTURE_VARIANT_ADD(leaks, waits) { .make = make_waits };

FIXTURE_SETUP(leaks)
{
	dxg_count_take(&self->before);
}

FIXTURE_TEARDOWN(leaks)
{
}

static int open_for(struct made *made, bool compute, bool hw_queues)
{
	int result = dxg_gpu_open(&made->gpu, compute);

	if (!result && hw_queues && !made->gpu.hw_queues)
		return -ENODEV;
	return result;
}

static void close_descriptors(struct made *made)
{
	while (made->descriptors)
		close(made->descriptor[--made->descriptors]);
}

/* On both adapters, and the descriptors once before and once after their objects */
TEST_F(leaks, destroy)
{
	for (int compute = 0; compute < 2; compute++) {
		struct made made = {};
		struct dxg_count before;
		int opened = open_for(&made, compute, variant->hw_queues);

		if (opened == -ENODEV) {
			dxg_gpu_close(&made.gpu);
			continue;
		}
		ASSERT_EQ(0, opened);
		dxg_count_take(&before);
		for (int round = 0; round < 2; round++) {
			ASSERT_EQ(0, variant->make(&made));
			EXPECT_TRUE(dxg_count_is_more(&before));
			if (round)
				close_descriptors(&made);
			while (made.count) {
				made.count--;
				EXPECT_OK(made.object[made.count].destroy(&made,
							made.object[made.count].handle));
			}
			close_descriptors(&made);
			EXPECT_TRUE(dxg_count_returns(&before));
		}
		dxg_gpu_close(&made.gpu);
	}
	EXPECT_TRUE(dxg_count_returns(&self->before));
}

/* How the process that made things ends, or only its use of the device */
enum end { DEVICE, ADAPTER, CLOSE, EXIT, KILL };

/* What it makes, and how it ends */
struct life {
	int (*make)(struct made *made);
	bool hw_queues;
	enum end end;
};

/* Makes things, says so, and ends as it was told. */
static int victim(const struct life *life, int socket)
{
	struct made made = {};
	char byte;
	int result = open_for(&made, false, life->hw_queues);

	if (result == -ENODEV)
		return write(socket, "-", 1) == 1 ? 0 : -EPIPE;
	for (int round = 0; !result && round < 2; round++) {
		made.count = 0;
		result = life->make(&made);
	}
	if (result)
		return result;
	if (write(socket, "+", 1) != 1 || read(socket, &byte, 1) != 1)
		return -EPIPE;
	if (life->end == EXIT)
		return 0;
	if (life->end == DEVICE && dxg_destroy_device(made.gpu.fd, made.gpu.device))
		return -EBADF;
	if (life->end == ADAPTER && dxg_close_adapter(made.gpu.fd, made.gpu.adapter))
		return -EBADF;
	close_descriptors(&made);
	if (life->end == CLOSE)
		dxg_gpu_close(&made.gpu);
	/* Now they look, while we are still there. */
	if (life->end != KILL && write(socket, "!", 1) != 1)
		return -EPIPE;
	return read(socket, &byte, 1) == 1 ? 0 : -EPIPE;
}

static void ends_by(struct __test_metadata *_metadata, const struct life *life,
		    const struct dxg_count *before)
{
	int ends[2], status;
	char byte = 0;
	pid_t child;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		close(ends[0]);
		_exit(-victim(life, ends[1]));
	}
	close(ends[1]);
	/* Nothing comes from one that failed: its status says why. */
	if (read(ends[0], &byte, 1) == 1 && byte == '+') {
		EXPECT_TRUE(dxg_count_is_more(before));
		if (life->end == KILL)
			EXPECT_OK(kill(child, SIGKILL));
		else
			EXPECT_EQ(1, write(ends[0], "", 1));
		if (life->end != KILL && life->end != EXIT) {
			EXPECT_EQ(1, read(ends[0], &byte, 1));
			/* Without its file it has nothing, although it lives. */
			if (life->end == CLOSE)
				EXPECT_TRUE(dxg_count_returns(before));
			EXPECT_EQ(1, write(ends[0], "", 1));
		}
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(byte && byte != '-' && life->end == KILL ? SIGKILL : 0, status);
	close(ends[0]);
	EXPECT_TRUE(dxg_count_returns(before));
}

TEST_F(leaks, device_destroyed)
{
	const struct life life = { variant->make, variant->hw_queues, DEVICE };

	ends_by(_metadata, &life, &self->before);
}

TEST_F(leaks, adapter_closed)
{
	const struct life life = { variant->make, variant->hw_queues, ADAPTER };

	ends_by(_metadata, &life, &self->before);
}

TEST_F(leaks, file_closed)
{
	const struct life life = { variant->make, variant->hw_queues, CLOSE };

	ends_by(_metadata, &life, &self->before);
}

TEST_F(leaks, exits)
{
	const struct life life = { variant->make, variant->hw_queues, EXIT };

	ends_by(_metadata, &life, &self->before);
}

TEST_F(leaks, killed)
{
	const struct life life = { variant->make, variant->hw_queues, KILL };

	ends_by(_metadata, &life, &self->before);
}

DXG_REQUIRE_COUNTS
TEST_HARNESS_MAIN
