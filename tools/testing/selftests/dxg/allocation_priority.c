// SPDX-License-Identifier: GPL-2.0
/* SetAllocationPriority and GetAllocationPriority */
#include "dxg_objects.h"
#include "dxg_harness.h"

#define NORMAL		0x78000000u
#define MAXIMUM		0xc8000000u
/* Handles and priorities of a Set, handles alone of a Get, as many as its answer has */
#define SIZE_SET	40
#define SIZE_GET	40

FIXTURE(priority)
{
	struct dxg_gpu gpu;
	__u32 list[2];
	__u32 priorities[3];
	__u32 resource;
	__u32 members[2];
	struct d3dkmt_setallocationpriority set;
	struct d3dkmt_getallocationpriority get;
};

FIXTURE_VARIANT(priority)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(priority, render) { .compute = false };
FIXTURE_VARIANT_ADD(priority, compute) { .compute = true };

FIXTURE_SETUP(priority)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	for (int i = 0; i < 2; i++)
		ASSERT_OK(dxg_create_allocation(self->gpu.fd, self->gpu.device, 1,
						&self->list[i]));
	ASSERT_EQ(0, dxg_create_resource(self->gpu.fd, self->gpu.device, 2, &self->resource,
					 self->members));
	self->set.device.v = self->gpu.device;
	self->set.allocation_list = (uintptr_t)self->list;
	self->set.allocation_count = 2;
	self->set.priorities = (uintptr_t)self->priorities;
	memcpy(&self->get, &self->set, sizeof(self->get));
}

FIXTURE_TEARDOWN(priority)
{
	dxg_gpu_close(&self->gpu);
}

#define FD		(self->gpu.fd)
#define SET()		dxg_ioctl(FD, LX_DXSETALLOCATIONPRIORITY, &self->set)
#define GET()		dxg_ioctl(FD, LX_DXGETALLOCATIONPRIORITY, &self->get)
#define SET_REFUSED(error) EXPECT_REFUSED(error, FD, LX_DXSETALLOCATIONPRIORITY, &self->set)
#define GET_REFUSED(error) EXPECT_REFUSED(error, FD, LX_DXGETALLOCATIONPRIORITY, &self->get)

TEST_F(priority, set_and_get)
{
	const __u32 priorities[] = { 0x28000000, 0x50000000, 0xa0000000, MAXIMUM, NORMAL };

	self->priorities[2] = 0x5a5a5a5a;
	EXPECT_EQ(0, GET());
	EXPECT_EQ(NORMAL, self->priorities[0]);
	EXPECT_EQ(NORMAL, self->priorities[1]);
	for (int i = 0; i < ARRAY_SIZE(priorities); i++) {
		struct d3dkmt_setallocationpriority before = self->set;

		self->priorities[0] = priorities[i];
		self->priorities[1] = NORMAL;
		EXPECT_EQ(0, SET());
		EXPECT_EQ(0, memcmp(&before, &self->set, sizeof(before)));
		memset(self->priorities, 0, 2 * sizeof(self->priorities[0]));
		EXPECT_EQ(0, GET());
		EXPECT_EQ(priorities[i], self->priorities[0]);
		EXPECT_EQ(NORMAL, self->priorities[1]);
	}
	EXPECT_EQ(0x5a5a5a5a, self->priorities[2]);
}

/* A resource takes one number for all its allocations, and gives one. */
TEST_F(priority, of_resource)
{
	self->set.resource.v = self->resource;
	self->set.allocation_count = 0;
	self->set.allocation_list = 0;
	self->priorities[0] = 0xa0000000;
	self->priorities[1] = 0x5a5a5a5a;
	EXPECT_EQ(0, SET());
	self->get.resource.v = self->resource;
	self->get.allocation_count = 0;
	self->get.allocation_list = 0;
	self->priorities[0] = 0;
	EXPECT_EQ(0, GET());
	EXPECT_EQ(0xa0000000, self->priorities[0]);
	EXPECT_EQ(0x5a5a5a5a, self->priorities[1]);
	self->get.resource.v = 0;
	self->get.allocation_count = 2;
	self->get.allocation_list = (uintptr_t)self->members;
	EXPECT_EQ(0, GET());
	EXPECT_EQ(0xa0000000, self->priorities[0]);
	EXPECT_EQ(0xa0000000, self->priorities[1]);
}

TEST_F(priority, counts)
{
	const __u32 counts[] = { 131072, 131073, 0x40000001, 0xffffffff };
	__u32 *list = dxg_guarded(131073 * sizeof(*list), 0);
	__u32 *priorities = dxg_guarded(131073 * sizeof(*priorities), 0);
	__u32 most;

	for (int i = 0; i < 131073; i++) {
		list[i] = self->list[0];
		priorities[i] = NORMAL;
	}
	self->set.allocation_list = (uintptr_t)list;
	self->set.priorities = (uintptr_t)priorities;
	self->get.allocation_list = (uintptr_t)list;
	self->get.priorities = (uintptr_t)priorities;
	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		self->set.allocation_count = counts[i];
		SET_REFUSED(EINVAL);
		self->get.allocation_count = counts[i];
		GET_REFUSED(EINVAL);
	}
	/* Neither, and both */
	self->set.allocation_count = 0;
	SET_REFUSED(EINVAL);
	self->get.allocation_count = 0;
	GET_REFUSED(EINVAL);
	self->set.resource.v = self->resource;
	self->set.allocation_count = 1;
	SET_REFUSED(EINVAL);
	self->get.resource.v = self->resource;
	self->get.allocation_count = 1;
	GET_REFUSED(EINVAL);
	self->set.resource.v = 0;
	self->get.resource.v = 0;
	most = dxg_message_room(SIZE_SET) / 8;
	self->set.allocation_count = most + 1;
	SET_REFUSED(EINVAL);
	self->set.allocation_count = most;
	EXPECT_EQ(0, SET());
	self->get.allocation_count = dxg_message_room(SIZE_GET) / 4 + 1;
	GET_REFUSED(EINVAL);
	self->get.allocation_count = 16376;
	EXPECT_EQ(0, GET());
}

TEST_F(priority, not_readable)
{
	__u32 *end = dxg_guarded(2 * sizeof(*end), 0);

	self->set.allocation_list = (uintptr_t)(end + 1);
	SET_REFUSED(EFAULT);
	self->set.allocation_list = (uintptr_t)self->list;
	self->set.priorities = (uintptr_t)(end + 1);
	SET_REFUSED(EFAULT);
	self->set.resource.v = self->resource;
	self->set.allocation_count = 0;
	self->set.priorities = (uintptr_t)dxg_unmapped();
	SET_REFUSED(EFAULT);
	self->get.allocation_list = (uintptr_t)(end + 1);
	GET_REFUSED(EFAULT);
	self->get.allocation_list = (uintptr_t)self->list;
	self->get.priorities = (uintptr_t)(end + 1);
	GET_REFUSED(EFAULT);
	self->get.priorities = (uintptr_t)dxg_readonly(end, 2 * sizeof(*end));
	GET_REFUSED(EFAULT);
}

TEST_F(priority, wrong_handles)
{
	const __u32 wrong[] = { 0, DXG_NO_HANDLE, self->gpu.device, self->resource };

	self->priorities[0] = 0xa0000000;
	self->priorities[1] = 0xa0000000;
	for (int i = 0; i < ARRAY_SIZE(wrong); i++) {
		self->list[1] = wrong[i];
		SET_REFUSED(EINVAL);
		GET_REFUSED(EINVAL);
	}
	/* Not even the first of them was changed. */
	self->get.allocation_count = 1;
	EXPECT_EQ(0, GET());
	EXPECT_EQ(NORMAL, self->priorities[0]);
	self->set.allocation_count = 0;
	self->set.resource.v = self->list[0];
	SET_REFUSED(EINVAL);
	self->get.allocation_count = 0;
	self->get.resource.v = self->list[0];
	GET_REFUSED(EINVAL);
}

TEST_F(priority, out_of_range)
{
	self->set.allocation_count = 1;
	self->priorities[0] = MAXIMUM + 1;
	SET_REFUSED(EINVAL);
	self->priorities[0] = 0xffffffff;
	SET_REFUSED(EINVAL);
}

TEST_F(priority, of_another_device)
{
	__u32 device;

	ASSERT_EQ(0, dxg_create_device(FD, self->gpu.adapter, &device));
	self->set.device.v = device;
	self->priorities[0] = NORMAL;
	self->priorities[1] = NORMAL;
	SET_REFUSED(EINVAL);
	self->get.device.v = device;
	GET_REFUSED(EINVAL);
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
