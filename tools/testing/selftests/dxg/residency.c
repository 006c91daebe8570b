// SPDX-License-Identifier: GPL-2.0
/* MakeResident, Evict and QueryAllocationResidency */
#include "dxg_objects.h"
#include "dxg_harness.h"

#define MAX_COUNT			D3DKMT_MAKERESIDENT_ALLOC_MAX
#define SIZE_QUERY_RESIDENCY	56
#define FILL			0xa5a5a5a5a5a5a5a5

FIXTURE(residency)
{
	struct dxg_gpu gpu;
	struct dxg_paging_queue queue;
	__u32 list[MAX_COUNT + 1];
	struct d3dddi_makeresident make;
	struct d3dkmt_evict evict;
	struct d3dkmt_queryallocationresidency query;
	__u32 status[2];
};

FIXTURE_VARIANT(residency)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(residency, render) { .compute = false };
FIXTURE_VARIANT_ADD(residency, compute) { .compute = true };

FIXTURE_SETUP(residency)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	ASSERT_EQ(0, dxg_create_paging_queue(self->gpu.fd, self->gpu.device, &self->queue));
	for (int i = 0; i < 2; i++)
		ASSERT_OK(dxg_create_allocation(self->gpu.fd, self->gpu.device, 4,
						&self->list[i]));
	self->make.paging_queue.v = self->queue.queue;
	self->make.alloc_count = 2;
	self->make.allocation_list = (uintptr_t)self->list;
	self->make.paging_fence_value = FILL;
	self->make.num_bytes_to_trim = FILL;
	self->evict.device.v = self->gpu.device;
	self->evict.alloc_count = 2;
	self->evict.allocations = (uintptr_t)self->list;
	self->evict.num_bytes_to_trim = FILL;
	self->query.device.v = self->gpu.device;
	self->query.allocation_count = 2;
	self->query.allocations = (uintptr_t)self->list;
	self->query.residency_status = (uintptr_t)self->status;
}

FIXTURE_TEARDOWN(residency)
{
	dxg_gpu_close(&self->gpu);
}

#define FD		(self->gpu.fd)
#define MAKE()		dxg_ioctl(FD, LX_DXMAKERESIDENT, &self->make)
#define EVICT()		dxg_ioctl(FD, LX_DXEVICT, &self->evict)
#define QUERY()		dxg_ioctl(FD, LX_DXQUERYALLOCATIONRESIDENCY, &self->query)
#define MAKE_REFUSED(error) EXPECT_REFUSED(error, FD, LX_DXMAKERESIDENT, &self->make)
#define EVICT_REFUSED(error) EXPECT_REFUSED(error, FD, LX_DXEVICT, &self->evict)
#define QUERY_REFUSED(error)						\
	EXPECT_REFUSED(error, FD, LX_DXQUERYALLOCATIONRESIDENCY, &self->query)

static bool is_resident(__u32 status)
{
	return status == _D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY ||
	       status == _D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINSHAREDMEMORY;
}

TEST_F(residency, make_and_evict)
{
	struct d3dddi_makeresident before = self->make;
	__u64 last = 0;

	for (int i = 0; i < 10; i++) {
		EXPECT_PENDING(MAKE());
		EXPECT_LT(last, self->make.paging_fence_value);
		last = self->make.paging_fence_value;
		EXPECT_EQ(0, self->make.num_bytes_to_trim);
		EXPECT_TRUE(dxg_wait_fence(self->queue.value, last));
		EXPECT_EQ(0, QUERY());
		EXPECT_TRUE(is_resident(self->status[0]));
		EXPECT_TRUE(is_resident(self->status[1]));
		/* As often as made resident */
		EXPECT_EQ(0, EVICT());
		EXPECT_EQ(0, self->evict.num_bytes_to_trim);
		EXPECT_EQ(0, QUERY());
		EXPECT_EQ(_D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT, self->status[0]);
		EXPECT_EQ(_D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT, self->status[1]);
	}
	/* Nothing else is written. */
	before.paging_fence_value = self->make.paging_fence_value;
	before.num_bytes_to_trim = self->make.num_bytes_to_trim;
	EXPECT_EQ(0, memcmp(&before, &self->make, sizeof(before)));
}

/* Nothing is left to do: there is no value to wait for, but it counts. */
TEST_F(residency, resident_already)
{
	EXPECT_EQ(0, dxg_make_resident(FD, &self->queue, self->list, 2));
	for (int i = 0; i < 2; i++) {
		self->make.paging_fence_value = FILL;
		self->make.num_bytes_to_trim = FILL;
		EXPECT_EQ(0, MAKE());
		EXPECT_EQ(0, self->make.paging_fence_value);
		EXPECT_EQ(0, self->make.num_bytes_to_trim);
	}
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, QUERY());
		EXPECT_TRUE(is_resident(self->status[0]));
		EXPECT_EQ(0, EVICT());
	}
	EXPECT_EQ(0, QUERY());
	EXPECT_EQ(_D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT, self->status[0]);
}

/* What must succeed and does not costs the device. */
TEST_F(residency, must_succeed)
{
	struct d3dkmt_getdevicestate state = {
		.device.v = self->gpu.device,
		.state_type = _D3DKMT_DEVICESTATE_EXECUTION,
	};
	struct d3dkmt_queryvideomemoryinfo memory = { .adapter.v = self->gpu.adapter };
	__u32 pages;

	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXQUERYVIDEOMEMORYINFO, &memory));
	pages = memory.budget / DXG_PAGE + 256;
	ASSERT_EQ(0, dxg_create_allocation(FD, self->gpu.device, pages, &self->list[0]));
	self->make.alloc_count = 1;
	self->make.flags.cant_trim_further = 1;
	EXPECT_ERRNO(ENOMEM, MAKE());
	EXPECT_LE(256 * DXG_PAGE, self->make.num_bytes_to_trim);
	for (int i = 0; i < 1000; i++) {
		EXPECT_EQ(0, dxg_ioctl(FD, LX_DXGETDEVICESTATE, &state));
		if (state.execution_state != _D3DKMT_DEVICEEXECUTION_ACTIVE)
			break;
		dxg_sleep_ms(1);
	}
	EXPECT_EQ(_D3DKMT_DEVICEEXECUTION_ERROR_OUTOFMEMORY, state.execution_state);
}

TEST_F(residency, count)
{
	const __u32 counts[] = { 0, MAX_COUNT + 1, 0x40000001, 0xffffffff };

	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		self->make.alloc_count = counts[i];
		MAKE_REFUSED(EINVAL);
		self->evict.alloc_count = counts[i];
		EVICT_REFUSED(EINVAL);
	}
	self->make.alloc_count = 1;
	self->make.paging_queue.v = 0;
	MAKE_REFUSED(EINVAL);
}

TEST_F(residency, most)
{
	for (int i = 0; i < MAX_COUNT; i++)
		self->list[i] = self->list[i % 2];
	self->make.alloc_count = MAX_COUNT;
	EXPECT_PENDING(MAKE());
	EXPECT_TRUE(dxg_wait_fence(self->queue.value, self->make.paging_fence_value));
	self->evict.alloc_count = MAX_COUNT;
	EXPECT_EQ(0, EVICT());
}

TEST_F(residency, list_not_readable)
{
	__u32 *end = dxg_guarded(2 * sizeof(*end), 0);

	self->make.allocation_list = 0;
	MAKE_REFUSED(EFAULT);
	self->make.allocation_list = (uintptr_t)(end + 1);
	MAKE_REFUSED(EFAULT);
	self->evict.allocations = 0;
	EVICT_REFUSED(EFAULT);
	self->evict.allocations = (uintptr_t)(end + 1);
	EVICT_REFUSED(EFAULT);
	self->query.allocations = 0;
	QUERY_REFUSED(EFAULT);
	self->query.allocations = (uintptr_t)(end + 1);
	QUERY_REFUSED(EFAULT);
	memcpy(end, self->list, 2 * sizeof(*end));
	self->make.allocation_list = (uintptr_t)end;
	EXPECT_PENDING(MAKE());
}

/* What is in the list the host knows: one wrong handle, and nothing is done. */
TEST_F(residency, wrong_handle_in_list)
{
	const __u32 wrong[] = { 0, DXG_NO_HANDLE, self->gpu.device, self->queue.queue };

	for (int i = 0; i < ARRAY_SIZE(wrong); i++) {
		self->list[1] = wrong[i];
		EXPECT_ERRNO(EINVAL, MAKE());
		EVICT_REFUSED(EINVAL);
		QUERY_REFUSED(EINVAL);
	}
	self->query.allocation_count = 1;
	EXPECT_EQ(0, QUERY());
	EXPECT_EQ(_D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT, self->status[0]);
}

TEST_F(residency, unknown_flags)
{
	self->make.flags.reserved = 1 << 29;
	EXPECT_ERRNO(EINVAL, MAKE());
	self->evict.flags.reserved = 1 << 29;
	EVICT_REFUSED(EINVAL);
}

/* Over budget: an error which says by how much. */
TEST_F(residency, over_budget)
{
	struct d3dkmt_queryvideomemoryinfo memory = { .adapter.v = self->gpu.adapter };
	__u32 pages;

	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXQUERYVIDEOMEMORYINFO, &memory));
	pages = memory.budget / DXG_PAGE + 256;
	ASSERT_EQ(0, dxg_create_allocation(FD, self->gpu.device, pages, &self->list[0]));
	self->make.alloc_count = 1;
	EXPECT_ERRNO(ENOMEM, MAKE());
	EXPECT_LE(256 * DXG_PAGE, self->make.num_bytes_to_trim);
	EXPECT_GE((__u64)pages * DXG_PAGE, self->make.num_bytes_to_trim);
	EXPECT_EQ(FILL, self->make.paging_fence_value);
	self->query.allocation_count = 1;
	EXPECT_EQ(0, QUERY());
	EXPECT_EQ(_D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT, self->status[0]);
}

TEST_F(residency, usage)
{
	struct d3dkmt_queryvideomemoryinfo before = { .adapter.v = self->gpu.adapter }, after;

	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXQUERYVIDEOMEMORYINFO, &before));
	EXPECT_PENDING(MAKE());
	EXPECT_TRUE(dxg_wait_fence(self->queue.value, self->make.paging_fence_value));
	after = before;
	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXQUERYVIDEOMEMORYINFO, &after));
	EXPECT_EQ(before.current_usage + 2 * 4 * DXG_PAGE, after.current_usage);
	EXPECT_EQ(0, EVICT());
	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXQUERYVIDEOMEMORYINFO, &after));
	EXPECT_EQ(before.current_usage, after.current_usage);
}

TEST_F(residency, query_counts)
{
	__u32 most = dxg_message_room(SIZE_QUERY_RESIDENCY) / sizeof(__u32);
	__u32 *list = dxg_guarded(131073 * sizeof(*list), 0);
	__u32 *status = dxg_guarded(131073 * sizeof(*status), 0);

	/* Neither, and both */
	self->query.allocation_count = 0;
	QUERY_REFUSED(EINVAL);
	self->query.allocation_count = 1;
	self->query.resource.v = self->list[0];
	QUERY_REFUSED(EINVAL);
	self->query.resource.v = 0;
	self->query.allocations = (uintptr_t)list;
	self->query.residency_status = (uintptr_t)status;
	for (int i = 0; i < 131073; i++)
		list[i] = self->list[0];
	self->query.allocation_count = 131073;
	QUERY_REFUSED(EINVAL);
	self->query.allocation_count = 131072;
	QUERY_REFUSED(EINVAL);
	self->query.allocation_count = most + 1;
	QUERY_REFUSED(EINVAL);
	EXPECT_TRUE(dxg_filled(status, 131073 * sizeof(*status), 0));
	self->query.allocation_count = most;
	EXPECT_EQ(0, QUERY());
	for (__u32 i = 0; i < most; i++)
		ASSERT_OK(status[i] != _D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT);
	EXPECT_EQ(0, status[most]);
}

TEST_F(residency, query_resource)
{
	__u32 resource, members[3];

	ASSERT_EQ(0, dxg_create_resource(FD, self->gpu.device, 3, &resource, members));
	self->query.resource.v = resource;
	self->query.allocation_count = 0;
	self->query.allocations = 0;
	/* One answer for all of it */
	self->status[1] = 0x5a5a5a5a;
	EXPECT_EQ(0, QUERY());
	EXPECT_EQ(_D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT, self->status[0]);
	EXPECT_EQ(0x5a5a5a5a, self->status[1]);
	EXPECT_EQ(0, dxg_make_resident(FD, &self->queue, members, 3));
	EXPECT_EQ(0, QUERY());
	EXPECT_TRUE(is_resident(self->status[0]));
	self->query.resource.v = self->list[0];
	QUERY_REFUSED(EINVAL);
	self->query.resource.v = DXG_NO_HANDLE;
	QUERY_REFUSED(EINVAL);
}

TEST_F(residency, query_status_fault)
{
	__u32 *end = dxg_guarded(2 * sizeof(*end), 0);

	self->query.residency_status = 0;
	/* Only a host that looks at the pointer sees this before the driver writes to it. */
	QUERY_REFUSED(dxg_host_does("null-pointers=refuse") == 1 ? EINVAL : EFAULT);
	self->query.residency_status = (uintptr_t)(end + 1);
	QUERY_REFUSED(EFAULT);
	self->query.residency_status = (uintptr_t)dxg_readonly(end, 2 * sizeof(*end));
	QUERY_REFUSED(EFAULT);
	self->query.residency_status = (uintptr_t)end;
	EXPECT_EQ(0, QUERY());
	EXPECT_EQ(_D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT, end[1]);
}

/* All of it is a matter of one device, that of the queue or the one named. */
TEST_F(residency, of_another_device)
{
	__u32 device;

	ASSERT_EQ(0, dxg_create_device(FD, self->gpu.adapter, &device));
	ASSERT_EQ(0, dxg_create_allocation(FD, device, 1, &self->list[1]));
	EXPECT_ERRNO(EINVAL, MAKE());
	EVICT_REFUSED(EINVAL);
	QUERY_REFUSED(EINVAL);
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
