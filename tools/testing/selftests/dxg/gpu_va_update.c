// SPDX-License-Identifier: GPL-2.0
/* UpdateGpuVirtualAddress and UpdateAllocationProperty */
#include "dxg_sync.h"
#include "dxg_harness.h"

#define OPERATIONS_MAX	2048
#define SIZE_UPDATE	56
#define SIZE		0x10000ULL
#define FILL		0xa5a5a5a5a5a5a5a5

FIXTURE(update)
{
	struct dxg_gpu gpu;
	struct dxg_paging_queue queue;
	__u32 context;
	__u32 fence;
	dxg_fence value;
	__u32 allocation;
	__u64 address;
	struct d3dddi_updategpuvirtualaddress_operation operation[4];
	struct d3dkmt_updategpuvirtualaddress args;
	struct d3dddi_updateallocproperty property;
};

FIXTURE_VARIANT(update)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(update, render) { .compute = false };
FIXTURE_VARIANT_ADD(update, compute) { .compute = true };

FIXTURE_SETUP(update)
{
	struct d3dddi_reservegpuvirtualaddress reserve = { .size = 2 * SIZE };
	struct d3dkmt_createsynchronizationobject2 fence = {
		.info.type = _D3DDDI_MONITORED_FENCE,
	};
	int fd;

	DXG_GPU_SETUP(&self->gpu, variant->compute);
	fd = self->gpu.fd;
	ASSERT_EQ(0, dxg_create_paging_queue(fd, self->gpu.device, &self->queue));
	ASSERT_EQ(0, dxg_create_context(fd, self->gpu.device, &self->context));
	ASSERT_EQ(0, dxg_create_allocation(fd, self->gpu.device, SIZE / DXG_PAGE,
					   &self->allocation));
	fence.device.v = self->gpu.device;
	ASSERT_EQ(0, dxg_ioctl(fd, LX_DXCREATESYNCHRONIZATIONOBJECT, &fence));
	self->fence = fence.sync_object.v;
	self->value = (dxg_fence)(uintptr_t)fence.info.monitored_fence.fence_cpu_virtual_address;
	reserve.adapter.v = self->gpu.adapter;
	ASSERT_EQ(0, dxg_ioctl(fd, LX_DXRESERVEGPUVIRTUALADDRESS, &reserve));
	self->address = reserve.virtual_address;

	self->args.device.v = self->gpu.device;
	self->args.context.v = self->context;
	self->args.fence_object.v = self->fence;
	self->args.num_operations = 1;
	self->args.operations = (uintptr_t)self->operation;
	self->args.fence_value = 1;
	self->args.flags.do_not_wait = 1;
	self->operation[0].operation = _D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP;
	self->operation[0].map.base_address = self->address;
	self->operation[0].map.size = SIZE;
	self->operation[0].map.allocation.v = self->allocation;
	self->operation[0].map.allocation_size = SIZE;
	self->property.paging_queue.v = self->queue.queue;
	self->property.allocation.v = self->allocation;
	self->property.paging_fence_value = FILL;
}

FIXTURE_TEARDOWN(update)
{
	dxg_gpu_close(&self->gpu);
}

#define FD		(self->gpu.fd)
#define UPDATE()	dxg_ioctl(FD, LX_DXUPDATEGPUVIRTUALADDRESS, &self->args)
#define UPDATE_REFUSED(error)						\
	EXPECT_REFUSED(error, FD, LX_DXUPDATEGPUVIRTUALADDRESS, &self->args)
#define PROPERTY()	dxg_ioctl(FD, LX_DXUPDATEALLOCPROPERTY, &self->property)
#define PROPERTY_REFUSED(error)						\
	EXPECT_REFUSED(error, FD, LX_DXUPDATEALLOCPROPERTY, &self->property)

/* One operation of each kind, in order, and then the fence */
TEST_F(update, all_kinds)
{
	struct d3dddi_updategpuvirtualaddress_operation *operation = self->operation;
	struct d3dkmt_updategpuvirtualaddress before;

	operation[1].operation = _D3DDDI_UPDATEGPUVIRTUALADDRESS_COPY;
	operation[1].copy.source_address = self->address;
	operation[1].copy.size = SIZE;
	operation[1].copy.dest_address = self->address + SIZE;
	operation[2].operation = _D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP_PROTECT;
	operation[2].map_protect.base_address = self->address;
	operation[2].map_protect.size = SIZE;
	operation[2].map_protect.allocation.v = self->allocation;
	operation[2].map_protect.allocation_size = SIZE;
	operation[2].map_protect.protection.write = 1;
	operation[3].operation = _D3DDDI_UPDATEGPUVIRTUALADDRESS_UNMAP;
	operation[3].unmap.base_address = self->address + SIZE;
	operation[3].unmap.size = SIZE;
	operation[3].unmap.protection.no_access = 1;
	self->args.num_operations = 4;
	self->args.fence_value = 7;
	before = self->args;
	EXPECT_EQ(0, UPDATE());
	EXPECT_EQ(0, memcmp(&before, &self->args, sizeof(before)));
	EXPECT_TRUE(dxg_wait_fence(self->value, 8));
}

/* The fence has the value before, and one more after. */
TEST_F(update, waits_for_fence)
{
	self->args.flags.do_not_wait = 0;
	for (int i = 1; i <= 5; i++) {
		self->args.fence_value = i;
		EXPECT_EQ(0, UPDATE());
	}
	dxg_sleep_ms(20);
	EXPECT_EQ(0, *self->value);
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence, 1));
	/* Each lets the next one begin. */
	EXPECT_TRUE(dxg_wait_fence(self->value, 6));
	self->args.flags.value = 2;
	UPDATE_REFUSED(EINVAL);
}

/* A context that waits for its update lets it be made. */
TEST_F(update, context_waits)
{
	self->args.flags.do_not_wait = 0;
	self->args.fence_value = 1;
	ASSERT_EQ(0, dxg_wait_gpu(FD, self->context, self->fence, 2));
	ASSERT_EQ(0, dxg_signal_gpu(FD, self->context, self->fence, 3));
	ASSERT_EQ(0, UPDATE());
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence, 1));
	EXPECT_TRUE(dxg_wait_fence(self->value, 3));
}

/* A size of 0 is that of the range. */
TEST_F(update, whole_range)
{
	self->operation[0].map.allocation_size = 0;
	EXPECT_EQ(0, UPDATE());
	EXPECT_TRUE(dxg_wait_fence(self->value, 2));
	self->operation[0].map.allocation_size = SIZE - DXG_PAGE;
	UPDATE_REFUSED(EINVAL);
}

/* All ranges that change lie in one reservation, all sources in one. */
TEST_F(update, two_reservations)
{
	struct d3dddi_reservegpuvirtualaddress other = {
		.adapter.v = self->gpu.adapter,
		.size = SIZE,
	};

	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXRESERVEGPUVIRTUALADDRESS, &other));
	self->operation[1] = self->operation[0];
	self->operation[1].map.base_address = other.virtual_address;
	self->args.num_operations = 2;
	UPDATE_REFUSED(EINVAL);
	memset(&self->operation[1], 0, sizeof(self->operation[1]));
	self->operation[1].operation = _D3DDDI_UPDATEGPUVIRTUALADDRESS_COPY;
	self->operation[1].copy.source_address = other.virtual_address;
	self->operation[1].copy.size = SIZE;
	self->operation[1].copy.dest_address = self->address + SIZE;
	EXPECT_EQ(0, UPDATE());
	EXPECT_TRUE(dxg_wait_fence(self->value, 2));
}

/* The fence is waited for and signalled with the rights of its handle. */
TEST_F(update, without_the_right)
{
	const __u32 flags[] = { DXG_NO_SIGNAL, DXG_NO_WAIT };
	struct dxg_monitored fence;

	self->args.flags.do_not_wait = 0;
	for (int i = 0; i < ARRAY_SIZE(flags); i++) {
		ASSERT_EQ(0, dxg_create_monitored(FD, self->gpu.device, 0, flags[i], &fence));
		self->args.fence_object.v = fence.handle;
		UPDATE_REFUSED(EACCES);
	}
}

/* All of the operations happen, or none: what is not reserved cannot be changed. */
TEST_F(update, not_reserved)
{
	self->operation[1] = self->operation[0];
	self->operation[1].map.base_address += 2 * SIZE;
	self->args.num_operations = 2;
	UPDATE_REFUSED(EINVAL);
	EXPECT_EQ(0, *self->value);
}

TEST_F(update, count)
{
	__u32 most = dxg_message_room(SIZE_UPDATE) / sizeof(self->operation[0]);
	const __u32 counts[] = { 0, OPERATIONS_MAX + 1, 0x04000001, 0xffffffff };
	struct d3dddi_updategpuvirtualaddress_operation *many;

	/* Before anything is read */
	self->args.operations = (uintptr_t)dxg_unmapped();
	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		self->args.num_operations = counts[i];
		UPDATE_REFUSED(EINVAL);
	}
	many = dxg_guarded(OPERATIONS_MAX * sizeof(*many), 0);
	for (int i = 0; i < OPERATIONS_MAX; i++)
		many[i] = self->operation[0];
	self->args.operations = (uintptr_t)many;
	/* Allowed by number, but no message takes as many */
	for (__u32 count = most + 1; count <= OPERATIONS_MAX; count++) {
		self->args.num_operations = count;
		UPDATE_REFUSED(EINVAL);
	}
	self->args.num_operations = most;
	EXPECT_EQ(0, UPDATE());
	EXPECT_TRUE(dxg_wait_fence(self->value, 2));
}

TEST_F(update, operations_not_readable)
{
	unsigned char *end = dxg_guarded(2 * sizeof(self->operation[0]), 0);

	self->args.operations = 0;
	UPDATE_REFUSED(EFAULT);
	self->args.operations = (uintptr_t)(end + 8);
	self->args.num_operations = 2;
	UPDATE_REFUSED(EFAULT);
}

/* What the host looks up: contexts, fences and allocations */
TEST_F(update, wrong_handles)
{
	self->args.context.v = self->queue.queue;
	UPDATE_REFUSED(EINVAL);
	self->args.context.v = DXG_NO_HANDLE;
	UPDATE_REFUSED(EINVAL);
	self->args.context.v = self->context;
	self->args.fence_object.v = self->context;
	UPDATE_REFUSED(EINVAL);
	self->args.fence_object.v = DXG_NO_HANDLE;
	UPDATE_REFUSED(EINVAL);
	self->args.fence_object.v = self->fence;
	self->operation[0].map.allocation.v = self->context;
	UPDATE_REFUSED(EINVAL);
	EXPECT_EQ(0, *self->value);
}

TEST_F(update, wrong_operations)
{
	struct d3dddi_updategpuvirtualaddress_operation good = self->operation[0];

	self->operation[0].operation = _D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP_PROTECT + 1;
	UPDATE_REFUSED(EINVAL);
	self->operation[0] = good;
	self->operation[0].map.base_address++;
	UPDATE_REFUSED(EINVAL);
	self->operation[0] = good;
	self->operation[0].map.size = 0;
	UPDATE_REFUSED(EINVAL);
	self->operation[0] = good;
	self->operation[0].map.allocation_offset = SIZE;
	UPDATE_REFUSED(EINVAL);
	self->operation[0] = good;
	self->operation[0].map.allocation_offset = ~0ULL - DXG_PAGE + 1;
	UPDATE_REFUSED(EINVAL);
	EXPECT_EQ(0, *self->value);
}

/* A property is changed later, by the paging queue, or there was nothing to do. */
TEST_F(update, property)
{
	struct d3dddi_updateallocproperty before;

	self->property.set_accessed_physically = 1;
	self->property.flags.accessed_physically = 1;
	before = self->property;
	EXPECT_EQ(0, PROPERTY());
	/* The value would mean nothing, and is not written. */
	EXPECT_EQ(0, memcmp(&before, &self->property, sizeof(before)));
}

TEST_F(update, property_segments)
{
	struct d3dddi_updateallocproperty before;

	self->property.set_supported_segmentSet = 1;
	self->property.supported_segment_set = 1;
	self->property.set_preferred_segment = 1;
	self->property.preferred_segment.segment_id0 = 1;
	EXPECT_EQ(0, PROPERTY());
	ASSERT_EQ(0, dxg_make_resident(FD, &self->queue, &self->allocation, 1));
	/* It is where it shall be. */
	EXPECT_EQ(0, PROPERTY());
	if (variant->compute)
		SKIP(return, "the adapter has one segment");
	/* To the machine's memory */
	self->property.supported_segment_set = 2;
	self->property.set_preferred_segment = 0;
	before = self->property;
	EXPECT_PENDING(PROPERTY());
	EXPECT_TRUE(dxg_wait_fence(self->queue.value, self->property.paging_fence_value));
	before.paging_fence_value = self->property.paging_fence_value;
	EXPECT_EQ(0, memcmp(&before, &self->property, sizeof(before)));
}

TEST_F(update, property_refused)
{
	const __u32 wrong[] = { 0, DXG_NO_HANDLE, self->gpu.device, self->queue.queue };

	self->property.set_accessed_physically = 1;
	for (int i = 0; i < ARRAY_SIZE(wrong); i++) {
		self->property.allocation.v = wrong[i];
		PROPERTY_REFUSED(EINVAL);
	}
	self->property.allocation.v = self->allocation;
	self->property.reserved = 1;
	PROPERTY_REFUSED(EINVAL);
	self->property.reserved = 0;
	self->property.set_supported_segmentSet = 1;
	self->property.supported_segment_set = 0;
	PROPERTY_REFUSED(EINVAL);
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
