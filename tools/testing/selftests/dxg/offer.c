// SPDX-License-Identifier: GPL-2.0
/* OfferAllocations and ReclaimAllocations2 */
#include "dxg_objects.h"
#include "dxg_harness.h"

#define MAX_COUNT	D3DKMT_MAKERESIDENT_ALLOC_MAX
#define FILL	0xa5a5a5a5a5a5a5a5

FIXTURE(offer)
{
	struct dxg_gpu gpu;
	struct dxg_paging_queue queue;
	__u32 list[MAX_COUNT + 1];
	__u32 results[2];
	__u32 resource;
	struct d3dkmt_offerallocations offer;
	struct d3dkmt_reclaimallocations2 reclaim;
};

FIXTURE_VARIANT(offer)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(offer, render) { .compute = false };
FIXTURE_VARIANT_ADD(offer, compute) { .compute = true };

FIXTURE_SETUP(offer)
{
	__u32 members[2];

	DXG_GPU_SETUP(&self->gpu, variant->compute);
	ASSERT_EQ(0, dxg_create_paging_queue(self->gpu.fd, self->gpu.device, &self->queue));
	for (int i = 0; i < 2; i++)
		ASSERT_OK(dxg_create_allocation(self->gpu.fd, self->gpu.device, 1,
						&self->list[i]));
	ASSERT_EQ(0, dxg_create_resource(self->gpu.fd, self->gpu.device, 2, &self->resource,
					 members));
	self->offer.device.v = self->gpu.device;
	self->offer.allocations = (uintptr_t)self->list;
	self->offer.allocation_count = 2;
	self->offer.priority = _D3DKMT_OFFER_PRIORITY_NORMAL;
	self->reclaim.paging_queue.v = self->queue.queue;
	self->reclaim.allocations = (uintptr_t)self->list;
	self->reclaim.allocation_count = 2;
	self->reclaim.paging_fence_value = FILL;
}

FIXTURE_TEARDOWN(offer)
{
	dxg_gpu_close(&self->gpu);
}

#define FD		(self->gpu.fd)
#define OFFER()		dxg_ioctl(FD, LX_DXOFFERALLOCATIONS, &self->offer)
#define RECLAIM()	dxg_ioctl(FD, LX_DXRECLAIMALLOCATIONS2, &self->reclaim)
#define OFFER_REFUSED(error)						\
	EXPECT_REFUSED(error, FD, LX_DXOFFERALLOCATIONS, &self->offer)
#define RECLAIM_REFUSED(error)						\
	EXPECT_REFUSED(error, FD, LX_DXRECLAIMALLOCATIONS2, &self->reclaim)

TEST_F(offer, and_reclaim)
{
	struct d3dkmt_offerallocations before = self->offer;
	struct d3dkmt_reclaimallocations2 before_reclaim;

	for (__u32 priority = _D3DKMT_OFFER_PRIORITY_LOW;
	     priority <= _D3DKMT_OFFER_PRIORITY_AUTO; priority++) {
		self->offer.priority = priority;
		EXPECT_EQ(0, OFFER());
		before.priority = priority;
		EXPECT_EQ(0, memcmp(&before, &self->offer, sizeof(before)));
		/* The status stays what it is, with results and without. */
		self->reclaim.results = priority % 2 ? (uintptr_t)self->results : 0;
		self->results[0] = FILL & 0xffffffff;
		self->results[1] = FILL & 0xffffffff;
		before_reclaim = self->reclaim;
		/* Nobody has taken it: nothing is left to do. */
		EXPECT_EQ(0, RECLAIM());
		before_reclaim.paging_fence_value = 0;
		EXPECT_EQ(0, memcmp(&before_reclaim, &self->reclaim, sizeof(before_reclaim)));
		for (int i = 0; i < 2; i++) {
			if (priority % 2)
				EXPECT_OK(self->results[i] > _D3DDDI_RECLAIM_RESULT_NOT_COMMITTED);
			else
				EXPECT_OK(self->results[i] != (FILL & 0xffffffff));
		}
	}
}

TEST_F(offer, resources)
{
	self->offer.allocations = 0;
	self->offer.resources = (uintptr_t)&self->resource;
	self->offer.allocation_count = 1;
	EXPECT_EQ(0, OFFER());
	self->reclaim.allocations = 0;
	self->reclaim.resources = (uintptr_t)&self->resource;
	self->reclaim.allocation_count = 1;
	self->reclaim.results = (uintptr_t)self->results;
	self->results[1] = 0x5a5a5a5a;
	EXPECT_EQ(0, RECLAIM());
	EXPECT_EQ(0x5a5a5a5a, self->results[1]);
}

TEST_F(offer, count)
{
	const __u32 counts[] = { 0, MAX_COUNT + 1, 0x40000001, 0xffffffff };

	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		self->offer.allocation_count = counts[i];
		OFFER_REFUSED(EINVAL);
		self->reclaim.allocation_count = counts[i];
		RECLAIM_REFUSED(EINVAL);
	}
	for (int i = 0; i < MAX_COUNT; i++)
		self->list[i] = self->list[i % 2];
	self->offer.allocation_count = MAX_COUNT;
	EXPECT_EQ(0, OFFER());
	self->reclaim.allocation_count = MAX_COUNT;
	EXPECT_EQ(0, RECLAIM());
}

/* One of the two lists, and only one */
TEST_F(offer, lists)
{
	self->offer.resources = (uintptr_t)&self->resource;
	OFFER_REFUSED(EINVAL);
	self->offer.resources = 0;
	self->offer.allocations = 0;
	OFFER_REFUSED(EINVAL);
	self->reclaim.resources = (uintptr_t)&self->resource;
	RECLAIM_REFUSED(EINVAL);
	self->reclaim.resources = 0;
	self->reclaim.allocations = 0;
	RECLAIM_REFUSED(EINVAL);
}

TEST_F(offer, list_not_readable)
{
	__u32 *end = dxg_guarded(2 * sizeof(*end), 0);

	self->offer.allocations = (uintptr_t)(end + 1);
	OFFER_REFUSED(EFAULT);
	self->offer.allocations = 0;
	self->offer.resources = (uintptr_t)dxg_unmapped();
	OFFER_REFUSED(EFAULT);
	self->reclaim.allocations = (uintptr_t)(end + 1);
	RECLAIM_REFUSED(EFAULT);
	self->reclaim.allocations = 0;
	self->reclaim.resources = (uintptr_t)dxg_unmapped();
	RECLAIM_REFUSED(EFAULT);
}

TEST_F(offer, results_fault)
{
	__u32 *end = dxg_guarded(2 * sizeof(*end), 0);

	EXPECT_EQ(0, OFFER());
	self->reclaim.results = (uintptr_t)dxg_unmapped();
	EXPECT_ERRNO(EFAULT, RECLAIM());
	self->reclaim.results = (uintptr_t)(end + 1);
	EXPECT_ERRNO(EFAULT, RECLAIM());
	self->reclaim.results = (uintptr_t)dxg_readonly(end, 2 * sizeof(*end));
	EXPECT_ERRNO(EFAULT, RECLAIM());
}

TEST_F(offer, wrong_handle_in_list)
{
	const __u32 wrong[] = {
		0, DXG_NO_HANDLE, self->gpu.device, self->queue.queue, self->resource,
	};

	self->reclaim.results = (uintptr_t)self->results;
	self->results[0] = 0x5a5a5a5a;
	for (int i = 0; i < ARRAY_SIZE(wrong); i++) {
		self->list[1] = wrong[i];
		OFFER_REFUSED(EINVAL);
		self->reclaim.paging_fence_value = FILL;
		EXPECT_ERRNO(EINVAL, RECLAIM());
		EXPECT_EQ(0x5a5a5a5a, self->results[0]);
		/* What the host says of the fence comes first. */
		EXPECT_NE(FILL, self->reclaim.paging_fence_value);
	}
	/* An allocation is no resource either. */
	self->list[1] = self->list[0];
	self->offer.resources = self->offer.allocations;
	self->offer.allocations = 0;
	OFFER_REFUSED(EINVAL);
}

TEST_F(offer, priority)
{
	const __u32 priorities[] = { 0, _D3DKMT_OFFER_PRIORITY_AUTO + 1, 0xffffffff };

	for (int i = 0; i < ARRAY_SIZE(priorities); i++) {
		self->offer.priority = priorities[i];
		OFFER_REFUSED(EINVAL);
	}
	self->offer.priority = _D3DKMT_OFFER_PRIORITY_LOW;
	self->offer.flags.reserved = 1 << 29;
	OFFER_REFUSED(EINVAL);
}

/* What is on offer is not to be used, and what is in use is not to be offered. */
TEST_F(offer, in_use)
{
	struct d3dkmt_lock2 lock = { .device.v = self->gpu.device, .allocation.v = self->list[1] };
	struct d3dkmt_unlock2 unlock = { .device = lock.device, .allocation = lock.allocation };

	EXPECT_EQ(0, OFFER());
	EXPECT_ERRNO(EINVAL, dxg_make_resident(FD, &self->queue, self->list, 2));
	EXPECT_REFUSED(EINVAL, FD, LX_DXLOCK2, &lock);
	EXPECT_EQ(0, RECLAIM());
	EXPECT_EQ(0, dxg_make_resident(FD, &self->queue, self->list, 2));
	EXPECT_EQ(0, dxg_ioctl(FD, LX_DXLOCK2, &lock));
	OFFER_REFUSED(EINVAL);
	EXPECT_EQ(0, dxg_ioctl(FD, LX_DXUNLOCK2, &unlock));
	EXPECT_EQ(0, OFFER());
}

TEST_F(offer, of_another_device)
{
	__u32 device;

	ASSERT_EQ(0, dxg_create_device(FD, self->gpu.adapter, &device));
	ASSERT_EQ(0, dxg_create_allocation(FD, device, 1, &self->list[1]));
	OFFER_REFUSED(EINVAL);
	EXPECT_ERRNO(EINVAL, RECLAIM());
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
