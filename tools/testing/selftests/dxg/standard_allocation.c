// SPDX-License-Identifier: GPL-2.0
/* CreateAllocation2 with standard allocations: existing heaps, and cross-adapter */
#include <sys/mman.h>

#include "dxg_objects.h"
#include "dxg_harness.h"

#define HEAP	(16 * DXG_PAGE)

FIXTURE(standard)
{
	struct dxg_gpu gpu;
	struct d3dkmt_createallocation args;
	struct d3dkmt_createstandardallocation standard;
	struct d3dddi_allocationinfo2 info[2];
	char *heap;
	int objects;
};

FIXTURE_VARIANT(standard)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(standard, render) { .compute = false };
FIXTURE_VARIANT_ADD(standard, compute) { .compute = true };

FIXTURE_SETUP(standard)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	self->heap = mmap(NULL, HEAP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->heap);
	self->args.device.v = self->gpu.device;
	self->args.alloc_count = 1;
	self->args.allocation_info = (uintptr_t)self->info;
	self->args.standard_allocation = (uintptr_t)&self->standard;
	self->args.flags.standard_allocation = 1;
	self->args.flags.create_resource = 1;
	self->standard.type = _D3DKMT_STANDARDALLOCATIONTYPE_CROSSADAPTER;
	self->standard.existing_heap_data.size = HEAP;
	self->objects = dxg_host_objects_settled();
}

FIXTURE_TEARDOWN(standard)
{
	dxg_gpu_close(&self->gpu);
}

#define FD		(self->gpu.fd)
#define CREATE()	dxg_ioctl(FD, LX_DXCREATEALLOCATION, &self->args)

#define REFUSED(error) do {							\
	EXPECT_REFUSED(error, FD, LX_DXCREATEALLOCATION, &self->args);		\
	EXPECT_EQ(0, self->info[0].allocation.v);				\
	EXPECT_EQ(self->objects, dxg_host_objects());				\
} while (0)

/* Makes the fixture describe a heap that exists. */
#define USE_HEAP() do {								\
	self->standard.type = _D3DKMT_STANDARDALLOCATIONTYPE_EXISTINGHEAP;	\
	self->args.flags.existing_sysmem = 1;					\
	self->info[0].sysmem = (uintptr_t)self->heap;				\
} while (0)

TEST_F(standard, cross_adapter)
{
	struct d3dkmt_createstandardallocation before = self->standard;

	ASSERT_EQ(0, CREATE());
	EXPECT_NE(0, self->args.resource.v);
	EXPECT_NE(0, self->info[0].allocation.v);
	EXPECT_EQ(0, memcmp(&before, &self->standard, sizeof(before)));
	EXPECT_EQ(0, dxg_destroy_resource(FD, self->gpu.device, self->args.resource.v));
	EXPECT_EQ(self->objects, dxg_host_objects());
}

/* As large as was asked, to be seen through a lock */
TEST_F(standard, size)
{
	struct d3dkmt_lock2 lock = { .device.v = self->gpu.device };
	char *data;

	ASSERT_EQ(0, CREATE());
	lock.allocation = self->info[0].allocation;
	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXLOCK2, &lock));
	data = (char *)(uintptr_t)lock.data;
	memset(data, 0x5a, HEAP);
	EXPECT_TRUE(dxg_filled(data, HEAP, 0x5a));
}

TEST_F(standard, existing_heap)
{
	USE_HEAP();
	memset(self->heap, 0x5a, HEAP);
	ASSERT_EQ(0, CREATE());
	EXPECT_NE(0, self->args.resource.v);
	EXPECT_NE(0, self->info[0].allocation.v);
	EXPECT_EQ(0, dxg_destroy_resource(FD, self->gpu.device, self->args.resource.v));
	EXPECT_TRUE(dxg_filled(self->heap, HEAP, 0x5a));
	EXPECT_EQ(self->objects, dxg_host_objects());
}

/* Bad descriptions are EINVAL, like every bad parameter. */
TEST_F(standard, type)
{
	const __u32 types[] = { 0, 3, 0xffffffff };

	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		self->standard.type = types[i];
		REFUSED(EINVAL);
	}
}

TEST_F(standard, size_refused)
{
	const __u64 sizes[] = { 0, 1, HEAP - 1, HEAP + 8, ~0ULL };

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		self->standard.existing_heap_data.size = sizes[i];
		REFUSED(EINVAL);
	}
	USE_HEAP();
	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		self->standard.existing_heap_data.size = sizes[i];
		REFUSED(EINVAL);
	}
}

/* 4 GiB and a page are not a page: all of it, or nothing. */
TEST_F(standard, size_not_cut)
{
	struct d3dkmt_queryvideomemoryinfo before = { .adapter.v = self->gpu.adapter }, after;
	const __u64 size = (1ULL << 32) + DXG_PAGE;
	struct dxg_paging_queue queue;
	int result;

	before.memory_segment_group = !variant->compute;
	self->standard.existing_heap_data.size = size;
	result = CREATE();
	if (result) {
		EXPECT_EQ(-EINVAL, result);
		EXPECT_EQ(self->objects, dxg_host_objects());
		return;
	}
	after = before;
	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXQUERYVIDEOMEMORYINFO, &before));
	ASSERT_EQ(0, dxg_create_paging_queue(FD, self->gpu.device, &queue));
	ASSERT_EQ(0, dxg_make_resident(FD, &queue, &self->info[0].allocation.v, 1));
	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXQUERYVIDEOMEMORYINFO, &after));
	EXPECT_EQ(size, after.current_usage - before.current_usage);
}

TEST_F(standard, description_not_readable)
{
	char *end = dxg_guarded(sizeof(self->standard), 0);

	self->args.standard_allocation = 0;
	REFUSED(EINVAL);
	self->args.standard_allocation = (uintptr_t)dxg_unmapped();
	REFUSED(EFAULT);
	self->args.standard_allocation = (uintptr_t)(end + 1);
	REFUSED(EFAULT);
}

/* A heap needs no resource, and no other flags; what is no result is nothing, or as it was. */
TEST_F(standard, heap_alone)
{
	USE_HEAP();
	self->args.flags.create_resource = 0;
	self->args.global_share.v = 0x1eadbeed;
	self->args.private_runtime_resource_handle = 0xdeadbeef;
	ASSERT_EQ(0, CREATE());
	EXPECT_NE(0, self->info[0].allocation.v);
	EXPECT_EQ(0, self->args.resource.v);
	EXPECT_EQ(0, self->args.global_share.v);
	EXPECT_EQ(0xdeadbeef, self->args.private_runtime_resource_handle);
}

TEST_F(standard, private_data)
{
	char data[8] = "";

	/* The host makes the data of the vendor; the caller has none. */
	self->info[0].priv_drv_data = (uintptr_t)data;
	self->info[0].priv_drv_data_size = sizeof(data);
	REFUSED(EINVAL);
	self->info[0].priv_drv_data_size = 0;
	self->args.priv_drv_data_size = sizeof(self->standard);
	REFUSED(EINVAL);
}

TEST_F(standard, count)
{
	self->args.alloc_count = 2;
	REFUSED(EINVAL);
}

TEST_F(standard, cross_adapter_with_memory)
{
	self->info[0].sysmem = (uintptr_t)self->heap;
	REFUSED(EINVAL);
	self->args.flags.existing_sysmem = 1;
	REFUSED(EINVAL);
	self->info[0].sysmem = 0;
	REFUSED(EINVAL);
}

TEST_F(standard, heap_without_memory)
{
	USE_HEAP();
	self->info[0].sysmem = 0;
	REFUSED(EINVAL);
	self->info[0].sysmem = (uintptr_t)self->heap + 8;
	REFUSED(EINVAL);
	self->info[0].sysmem = (uintptr_t)self->heap;
	self->args.flags.existing_sysmem = 0;
	REFUSED(EINVAL);
}

TEST_F(standard, heap_not_mapped)
{
	USE_HEAP();
	ASSERT_EQ(0, munmap(self->heap + HEAP / 2, HEAP / 2));
	REFUSED(ENOMEM);
	/* The half that is there is one. */
	self->standard.existing_heap_data.size = HEAP / 2;
	EXPECT_EQ(0, CREATE());
}

/* Shared, it has data for those who import it. */
TEST_F(standard, shared)
{
	struct d3dkmt_queryresourceinfofromnthandle info = { .device.v = self->gpu.device };
	struct d3dkmt_shareobjects share = {
		.object_count = 1,
		.objects = (uintptr_t)&self->args.resource,
		.shared_handle = (uintptr_t)&info.nt_handle,
	};

	self->args.flags.create_shared = 1;
	self->args.flags.nt_security_sharing = 1;
	ASSERT_EQ(0, CREATE());
	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXSHAREOBJECTS, &share));
	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXQUERYRESOURCEINFOFROMNTHANDLE, &info));
	EXPECT_EQ(1, info.allocation_count);
	EXPECT_LT(0, info.total_priv_drv_data_size);
	EXPECT_EQ(0, close(info.nt_handle));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
