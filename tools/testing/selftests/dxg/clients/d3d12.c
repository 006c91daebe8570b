// SPDX-License-Identifier: GPL-2.0
/*
 * Stands for Direct3D 12 on WSL, with Mesa's d3d12 driver on it.
 *
 * Source: Mesa, src/gallium/drivers/d3d12/d3d12_fence.cpp and d3d12_residency.cpp, for what is
 * asked of D3D12; Microsoft's pages of ID3D12Fence, ID3D12Device3::EnqueueMakeResident,
 * ID3D12Device::CreateSharedHandle and d3dkmthk.h for what that is below. The runtime itself
 * is closed: how it orders its calls is not known, only which ones there must be.
 *
 * What it does with the answers: a fence is looked at by its value, and waited for with an
 * eventfd that is polled, or without one, in the call. Budgets decide what is evicted, 128
 * pieces at a time; what is made resident is waited for by the queue, not by the program. A
 * descriptor of a fence or a resource goes to another process or another adapter, which opens
 * it; what it opens is the same object.
 */
#include <sys/eventfd.h>

#include "client.h"

#define BATCH		128
#define CROSS_ADAPTER	4u

FIXTURE(d3d12)
{
	struct dxg_gpu gpu;
	struct dxg_paging_queue paging;
};

FIXTURE_VARIANT(d3d12)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(d3d12, render) { .compute = false };
FIXTURE_VARIANT_ADD(d3d12, compute) { .compute = true };

FIXTURE_SETUP(d3d12)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	ASSERT_EQ(0, dxg_create_paging_queue(self->gpu.fd, self->gpu.device, &self->paging));
}

FIXTURE_TEARDOWN(d3d12)
{
	dxg_gpu_close(&self->gpu);
}

#define FD	(self->gpu.fd)

/* A fence of a queue: many values, of which each has an event of its own */
TEST_F(d3d12, events_of_a_fence)
{
	enum { VALUES = 8 };
	struct dxg_monitored fence;
	int events[VALUES];
	__u32 context;

	ASSERT_EQ(0, dxg_create_context(FD, self->gpu.device, &context));
	ASSERT_EQ(0, dxg_create_monitored(FD, self->gpu.device, 0, 0, &fence));
	EXPECT_EQ(0, *fence.value);
	for (int i = 0; i < VALUES; i++) {
		events[i] = dxg_event();
		ASSERT_LE(0, events[i]);
		ASSERT_EQ(0, dxg_wait_event(&self->gpu, fence.handle, i + 1, events[i]));
	}
	/* A value that was reached before there was an event */
	int late = dxg_event();

	ASSERT_EQ(0, dxg_wait_event(&self->gpu, fence.handle, 0, late));
	EXPECT_TRUE(dxg_file_signals(late, DXG_TIMEOUT_MS));
	for (int i = 0; i < VALUES; i++)
		ASSERT_OK(dxg_signal_gpu(FD, context, fence.handle, i + 1));
	for (int i = 0; i < VALUES; i++) {
		EXPECT_TRUE(dxg_file_signals(events[i], DXG_TIMEOUT_MS));
		EXPECT_EQ(1, dxg_event_count(events[i]));
		close(events[i]);
	}
	close(late);
	/* Without an event, the call is the wait. */
	EXPECT_OK(dxg_wait_cpu(&self->gpu, fence.handle, VALUES));
	EXPECT_LE(VALUES, *fence.value);
}

/* One queue waits for what another one signals, in whichever order they are told. */
TEST_F(d3d12, queues_that_wait_for_each_other)
{
	struct dxg_monitored fence, done;
	__u32 contexts[2];

	for (int i = 0; i < 2; i++)
		ASSERT_OK(dxg_create_context(FD, self->gpu.device, &contexts[i]));
	ASSERT_EQ(0, dxg_create_monitored(FD, self->gpu.device, 0, 0, &fence));
	ASSERT_EQ(0, dxg_create_monitored(FD, self->gpu.device, 0, 0, &done));
	ASSERT_EQ(0, dxg_wait_gpu(FD, contexts[0], fence.handle, 5));
	ASSERT_EQ(0, dxg_signal_gpu(FD, contexts[0], done.handle, 1));
	dxg_sleep_ms(50);
	EXPECT_EQ(0, *done.value);
	ASSERT_EQ(0, dxg_signal_gpu(FD, contexts[1], fence.handle, 5));
	EXPECT_TRUE(dxg_wait_fence(done.value, 1));
}

TEST_F(d3d12, fence_of_another_process)
{
	struct dxg_monitored fence, opened;
	struct dxg_gpu other;
	int descriptor, event;

	ASSERT_EQ(0, dxg_create_monitored(FD, self->gpu.device, 3, DXG_SHARED, &fence));
	ASSERT_EQ(0, dxg_share(FD, fence.handle, &descriptor));
	/* Another device stands for the other process: it has all but the address space. */
	ASSERT_EQ(0, dxg_gpu_open(&other, variant->compute));
	ASSERT_EQ(0, dxg_open_shared(&other, descriptor, DXG_SHARED, &opened));
	EXPECT_EQ(3, *opened.value);
	event = dxg_event();
	ASSERT_EQ(0, dxg_wait_event(&other, opened.handle, 4, event));
	EXPECT_OK(dxg_signal_cpu(&self->gpu, fence.handle, 4));
	EXPECT_TRUE(dxg_file_signals(event, DXG_TIMEOUT_MS));
	EXPECT_EQ(4, *opened.value);
	/* The fence lives as long as anybody has it. */
	EXPECT_OK(dxg_destroy_sync(FD, fence.handle));
	EXPECT_OK(dxg_signal_cpu(&other, opened.handle, 5));
	EXPECT_TRUE(dxg_wait_fence(opened.value, 5));
	close(event);
	close(descriptor);
	dxg_gpu_close(&other);
}

/* D3D12_FENCE_FLAG_SHARED_CROSS_ADAPTER: the host decides what it can share. */
TEST_F(d3d12, fence_of_another_adapter)
{
	struct dxg_monitored fence, opened;
	struct dxg_gpu other;
	int descriptor, result;

	ASSERT_EQ(0, dxg_create_monitored(FD, self->gpu.device, 0, DXG_SHARED | CROSS_ADAPTER,
					  &fence));
	ASSERT_EQ(0, dxg_share(FD, fence.handle, &descriptor));
	result = dxg_gpu_open(&other, !variant->compute);
	if (result == -ENODEV)
		SKIP(return, "there is only one adapter");
	ASSERT_EQ(0, result);
	ASSERT_EQ(0, dxg_open_shared(&other, descriptor, DXG_SHARED, &opened));
	EXPECT_OK(dxg_signal_cpu(&self->gpu, fence.handle, 7));
	EXPECT_OK(dxg_wait_cpu(&other, opened.handle, 7));
	EXPECT_EQ(7, *opened.value);
	close(descriptor);
	dxg_gpu_close(&other);
}

static int budget(const struct dxg_gpu *gpu, struct d3dkmt_queryvideomemoryinfo *info)
{
	*info = (struct d3dkmt_queryvideomemoryinfo){ .adapter.v = gpu->adapter };
	return dxg_ioctl(gpu->fd, LX_DXQUERYVIDEOMEMORYINFO, info);
}

/* A batch: budget, residency, the queue's wait for it, work, and eviction in one piece */
TEST_F(d3d12, batch_of_resources)
{
	struct d3dkmt_queryvideomemoryinfo before, during;
	__u32 allocations[BATCH], context;
	struct d3dkmt_evict evict = {
		.device.v = self->gpu.device,
		.alloc_count = BATCH,
		.allocations = (uintptr_t)allocations,
	};
	struct dxg_monitored done;
	__u64 value;
	int result;

	ASSERT_EQ(0, dxg_create_context(FD, self->gpu.device, &context));
	ASSERT_EQ(0, dxg_create_monitored(FD, self->gpu.device, 0, 0, &done));
	for (int i = 0; i < BATCH; i++)
		ASSERT_OK(dxg_create_allocation(FD, self->gpu.device, 4, &allocations[i]));
	ASSERT_EQ(0, budget(&self->gpu, &before));
	EXPECT_LT(0, before.budget);
	for (int round = 0; round < 2; round++) {
		result = client_resident(FD, self->paging.queue, allocations, BATCH, 0, &value);
		ASSERT_TRUE(client_accepted(result));
		if (result == DXG_STATUS_PENDING)
			ASSERT_OK(dxg_wait_gpu(FD, context, self->paging.fence, value));
		ASSERT_EQ(0, dxg_signal_gpu(FD, context, done.handle, round + 1));
		ASSERT_EQ(0, dxg_wait_cpu(&self->gpu, done.handle, round + 1));
		EXPECT_OK(budget(&self->gpu, &during));
		EXPECT_LE(before.current_usage, during.current_usage);
		EXPECT_LE(during.current_usage, during.budget);
		EXPECT_OK(dxg_ioctl(FD, LX_DXEVICT, &evict));
	}
}

/* SetResidencyPriority of a resource, which has one priority for all it consists of */
TEST_F(d3d12, priority_of_a_resource)
{
	__u32 resource, allocations[3], priority = 0xa0000000;
	struct d3dkmt_setallocationpriority args = {
		.device.v = self->gpu.device,
		.priorities = (uintptr_t)&priority,
	};

	ASSERT_EQ(0, dxg_create_resource(FD, self->gpu.device, 3, &resource, allocations));
	args.resource.v = resource;
	EXPECT_OK(dxg_ioctl(FD, LX_DXSETALLOCATIONPRIORITY, &args));
	EXPECT_OK(dxg_destroy_resource(FD, self->gpu.device, resource));
}

/* What one process draws into, another one shows: the same memory under two handles */
TEST_F(d3d12, shared_resource)
{
	__u32 resource, allocation;
	struct dxg_gpu other;
	void *mine, *theirs;
	int descriptor;

	ASSERT_EQ(0, dxg_create_shared_resource(&self->gpu, 1, &resource, &allocation));
	ASSERT_EQ(0, dxg_share(FD, resource, &descriptor));
	ASSERT_EQ(0, dxg_gpu_open(&other, variant->compute));

	struct d3dkmt_queryresourceinfofromnthandle query = {
		.device.v = other.device,
		.nt_handle = descriptor,
	};
	struct d3dddi_openallocationinfo2 opened = {};
	unsigned char data[64];
	struct d3dkmt_openresourcefromnthandle open = {
		.device.v = other.device,
		.nt_handle = descriptor,
		.allocation_count = 1,
		.open_alloc_info = (uintptr_t)&opened,
		.total_priv_drv_data_size = sizeof(struct dxg_allocation_data),
		.total_priv_drv_data = (uintptr_t)data,
	};

	ASSERT_EQ(0, dxg_ioctl(other.fd, LX_DXQUERYRESOURCEINFOFROMNTHANDLE, &query));
	ASSERT_EQ(sizeof(struct dxg_allocation_data), query.total_priv_drv_data_size);
	ASSERT_EQ(0, dxg_ioctl(other.fd, LX_DXOPENRESOURCEFROMNTHANDLE, &open));
	ASSERT_EQ(0, client_lock(&self->gpu, allocation, &mine));
	memcpy(mine, "drawn", 6);
	ASSERT_EQ(0, client_lock(&other, opened.allocation.v, &theirs));
	EXPECT_STREQ("drawn", (char *)theirs);
	EXPECT_OK(client_unlock(&other, opened.allocation.v));
	EXPECT_OK(client_unlock(&self->gpu, allocation));
	close(descriptor);
	dxg_gpu_close(&other);
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
