// SPDX-License-Identifier: GPL-2.0
/* CreateAllocation2: allocations and resources in the host's memory */
#include <sys/mman.h>

#include "dxg_objects.h"
#include "dxg_harness.h"

#define THREADS		4
#define MAX_COUNT		D3DKMT_CREATEALLOCATION_MAX
#define PRIVATE_MAX	131072u
#define FILL		0xa5a5a5a5

FIXTURE(allocation)
{
	struct dxg_gpu gpu;
	struct d3dkmt_createallocation args;
	struct d3dddi_allocationinfo2 info[MAX_COUNT + 1];
	struct dxg_allocation_data data[2];
	int objects;
};

FIXTURE_VARIANT(allocation)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(allocation, render) { .compute = false };
FIXTURE_VARIANT_ADD(allocation, compute) { .compute = true };

FIXTURE_SETUP(allocation)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	self->args.device.v = self->gpu.device;
	self->args.alloc_count = 1;
	self->args.allocation_info = (uintptr_t)self->info;
	for (int i = 0; i < 2; i++) {
		self->data[i] = DXG_ALLOCATION_DATA(5 * DXG_PAGE);
		self->info[i].priv_drv_data = (uintptr_t)&self->data[i];
		self->info[i].priv_drv_data_size = sizeof(self->data[i]);
	}
	self->objects = dxg_host_objects_settled();
}

FIXTURE_TEARDOWN(allocation)
{
	dxg_gpu_close(&self->gpu);
}

#define FD	(self->gpu.fd)
#define CREATE() dxg_ioctl(FD, LX_DXCREATEALLOCATION, &self->args)

/* Refused, with nothing written and nothing made */
#define REFUSED(error) do {							\
	struct d3dddi_allocationinfo2 __info[2];				\
										\
	memcpy(__info, self->info, sizeof(__info));				\
	EXPECT_REFUSED(error, FD, LX_DXCREATEALLOCATION, &self->args);		\
	EXPECT_EQ(0, memcmp(__info, self->info, sizeof(__info)));		\
	EXPECT_EQ(self->objects, dxg_host_objects());				\
} while (0)

TEST_F(allocation, output)
{
	struct d3dkmt_createallocation before;
	struct d3dddi_allocationinfo2 info;

	self->args.resource.v = 0;
	self->args.global_share.v = FILL;
	self->args.private_runtime_resource_handle = FILL;
	self->info[0].allocation.v = FILL;
	self->info[0].gpu_virtual_address = FILL;
	self->info[0].reserved[4] = FILL;
	before = self->args;
	info = self->info[0];
	ASSERT_EQ(0, CREATE());
	/* Nothing is shared by number, as on Windows. */
	before.global_share.v = 0;
	EXPECT_EQ(0, memcmp(&before, &self->args, sizeof(before)));
	EXPECT_NE(0, self->info[0].allocation.v);
	EXPECT_NE(FILL, self->info[0].allocation.v);
	/* The handle, and the driver's answer in its data */
	info.allocation = self->info[0].allocation;
	EXPECT_EQ(0, memcmp(&info, &self->info[0], sizeof(info)));
	EXPECT_EQ(5 * DXG_PAGE, self->data[0].bytes);
	EXPECT_NE(0, self->data[0].number);
	EXPECT_EQ(0, dxg_destroy_allocation(FD, self->gpu.device, info.allocation.v));
	EXPECT_EQ(self->objects, dxg_host_objects());
}

TEST_F(allocation, resource)
{
	__u32 resource;

	self->args.flags.create_resource = 1;
	self->args.resource.v = 0;
	self->args.alloc_count = 2;
	ASSERT_EQ(0, CREATE());
	resource = self->args.resource.v;
	EXPECT_NE(0, resource);
	/* The resource comes before what is in it. */
	EXPECT_LT(resource, self->info[0].allocation.v);
	EXPECT_NE(resource, self->info[1].allocation.v);
	EXPECT_NE(self->info[0].allocation.v, self->info[1].allocation.v);
	EXPECT_NE(self->data[0].number, self->data[1].number);
	/* One more for the same resource */
	self->args.flags.create_resource = 0;
	self->args.alloc_count = 1;
	ASSERT_EQ(0, CREATE());
	EXPECT_EQ(resource, self->args.resource.v);
	EXPECT_EQ(0, dxg_destroy_resource(FD, self->gpu.device, resource));
	EXPECT_ERRNO(EINVAL, dxg_destroy_allocation(FD, self->gpu.device,
						    self->info[0].allocation.v));
	EXPECT_EQ(self->objects, dxg_host_objects());
	REFUSED(EBADF);
}

TEST_F(allocation, count)
{
	const __u32 counts[] = { 0, MAX_COUNT + 1, 0x02aaaaab, 0xffffffff };

	/* Before the list is read */
	self->args.allocation_info = (uintptr_t)dxg_unmapped();
	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		self->args.alloc_count = counts[i];
		REFUSED(EINVAL);
	}
}

TEST_F(allocation, most)
{
	struct d3dkmt_destroyallocation2 destroy = { .device.v = self->gpu.device };
	__u32 handles[MAX_COUNT];

	for (int i = 0; i < MAX_COUNT; i++)
		self->info[i].priv_drv_data_size = 0;
	self->args.alloc_count = MAX_COUNT;
	ASSERT_EQ(0, CREATE());
	EXPECT_EQ(0, self->info[MAX_COUNT].allocation.v);
	for (int i = 0; i < MAX_COUNT; i++) {
		handles[i] = self->info[i].allocation.v;
		ASSERT_NE(0, handles[i]);
	}
	if (self->objects >= 0)
		EXPECT_OK(dxg_host_objects() - self->objects - MAX_COUNT);
	destroy.allocations = (uintptr_t)handles;
	destroy.alloc_count = MAX_COUNT;
	EXPECT_EQ(0, dxg_ioctl(FD, LX_DXDESTROYALLOCATION2, &destroy));
	EXPECT_EQ(self->objects, dxg_host_objects());
}

TEST_F(allocation, info_not_readable)
{
	char *end = dxg_guarded(2 * sizeof(self->info[0]), 0);

	self->args.allocation_info = 0;
	REFUSED(EFAULT);
	self->args.allocation_info = (uintptr_t)(end + sizeof(self->info[0]) + 1);
	REFUSED(EFAULT);
	self->args.alloc_count = 2;
	self->args.allocation_info = (uintptr_t)(end + 8);
	REFUSED(EFAULT);
}

/* The handles cannot be told: there are none. */
TEST_F(allocation, info_not_writable)
{
	self->args.allocation_info = (uintptr_t)dxg_readonly(self->info, sizeof(self->info[0]));
	REFUSED(EFAULT);
}

/* Told for the first, but not for the second: both go again. */
TEST_F(allocation, info_half_writable)
{
	size_t size = sizeof(self->info[0]);
	char *pages = dxg_guarded(2 * DXG_PAGE, 0);
	char *split = pages + DXG_PAGE - size;

	memcpy(split, self->info, 2 * size);
	ASSERT_EQ(0, mprotect(pages + DXG_PAGE, DXG_PAGE, PROT_READ));
	self->args.allocation_info = (uintptr_t)split;
	self->args.alloc_count = 2;
	REFUSED(EFAULT);
	/* The resource is told last. */
	self->args.flags.create_resource = 1;
	EXPECT_ERRNO(EFAULT, CREATE());
	EXPECT_EQ(self->objects, dxg_host_objects());
	EXPECT_EQ(0, self->args.resource.v);
}

TEST_F(allocation, private_data_size)
{
	void *data = dxg_guarded(2 * PRIVATE_MAX, 0);
	const __u32 sizes[] = { PRIVATE_MAX, PRIVATE_MAX + 1, 0x80000000, 0xffffffff };

	self->info[0].priv_drv_data = (uintptr_t)data;
	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		self->info[0].priv_drv_data_size = sizes[i];
		REFUSED(EINVAL);
	}
	/* Each allowed, but not all together */
	self->args.alloc_count = 2;
	self->info[0].priv_drv_data_size = PRIVATE_MAX / 2;
	self->info[1].priv_drv_data = (uintptr_t)data;
	self->info[1].priv_drv_data_size = PRIVATE_MAX / 2;
	REFUSED(EOVERFLOW);
	self->info[1].priv_drv_data_size = PRIVATE_MAX / 2 - 1;
	REFUSED(EOVERFLOW);
	self->args.alloc_count = 1;
	self->info[0].priv_drv_data_size = 0;
	self->args.priv_drv_data = (uintptr_t)data;
	self->args.priv_drv_data_size = PRIVATE_MAX;
	REFUSED(EOVERFLOW);
	self->args.priv_drv_data_size = 0xffffffff;
	REFUSED(EOVERFLOW);
	self->args.priv_drv_data_size = 0;
	self->args.private_runtime_data = (uintptr_t)data;
	self->args.private_runtime_data_size = PRIVATE_MAX;
	REFUSED(EOVERFLOW);
	self->args.private_runtime_data_size = 0xffffffff;
	REFUSED(EOVERFLOW);
	/* 64 bytes of header and 12 of the entry leave this much. */
	self->args.private_runtime_data_size = dxg_message_room(64 + 12) + 1;
	REFUSED(EOVERFLOW);
	self->args.private_runtime_data_size--;
	EXPECT_EQ(0, CREATE());
}

TEST_F(allocation, private_data_fault)
{
	char *end = dxg_guarded(64, 0);

	self->info[0].priv_drv_data = (uintptr_t)dxg_unmapped();
	REFUSED(EFAULT);
	self->info[0].priv_drv_data = (uintptr_t)(end + 64 - sizeof(self->data[0]) + 1);
	REFUSED(EFAULT);
	self->info[0].priv_drv_data = (uintptr_t)dxg_readonly(&self->data[0],
							      sizeof(self->data[0]));
	EXPECT_ERRNO(EFAULT, CREATE());
	EXPECT_EQ(self->objects, dxg_host_objects());
	self->info[0].priv_drv_data_size = 0;
	self->args.priv_drv_data = (uintptr_t)dxg_unmapped();
	self->args.priv_drv_data_size = 1;
	REFUSED(EFAULT);
	self->args.priv_drv_data_size = 0;
	self->args.private_runtime_data = (uintptr_t)dxg_unmapped();
	self->args.private_runtime_data_size = 1;
	REFUSED(EFAULT);
	/* Kept for importers, and read for that */
	self->args.flags.create_resource = 1;
	self->args.flags.create_shared = 1;
	self->args.flags.nt_security_sharing = 1;
	REFUSED(EFAULT);
	self->args.private_runtime_data_size = 0;
	self->args.priv_drv_data_size = 1;
	REFUSED(EFAULT);
}

TEST_F(allocation, runtime_and_resource_data)
{
	char runtime[100] = "runtime", resource[50] = "resource";

	self->args.flags.create_resource = 1;
	self->args.private_runtime_data = (uintptr_t)runtime;
	self->args.private_runtime_data_size = sizeof(runtime);
	self->args.priv_drv_data = (uintptr_t)resource;
	self->args.priv_drv_data_size = sizeof(resource);
	EXPECT_EQ(0, CREATE());
	/* Read only */
	EXPECT_STREQ("runtime", runtime);
	EXPECT_STREQ("resource", resource);
	EXPECT_EQ(5 * DXG_PAGE, self->data[0].bytes);
}

TEST_F(allocation, flags)
{
	/* What no virtual machine can have */
	self->args.flags.existing_section = 1;
	REFUSED(EINVAL);
	self->args.flags.value = 0;
	self->args.flags.create_protected = 1;
	REFUSED(EINVAL);
	/* Shared is a resource, and only by descriptor. */
	self->args.flags.value = 0;
	self->args.flags.create_shared = 1;
	self->args.flags.nt_security_sharing = 1;
	REFUSED(EINVAL);
	self->args.flags.create_resource = 1;
	self->args.flags.nt_security_sharing = 0;
	REFUSED(EINVAL);
	self->args.flags.nt_security_sharing = 1;
	self->args.resource.v = 0;
	self->args.global_share.v = FILL;
	EXPECT_EQ(0, CREATE());
	EXPECT_EQ(0, self->args.global_share.v);
}

TEST_F(allocation, wrong_resource)
{
	__u32 device, resource, member;

	self->args.resource.v = DXG_NO_HANDLE;
	REFUSED(EBADF);
	self->args.resource.v = self->gpu.device;
	REFUSED(EINVAL);
	/* That of another device */
	ASSERT_EQ(0, dxg_create_device(FD, self->gpu.adapter, &device));
	ASSERT_EQ(0, dxg_create_resource(FD, device, 1, &resource, &member));
	self->objects = dxg_host_objects();
	self->args.resource.v = resource;
	REFUSED(EINVAL);
	self->args.resource.v = member;
	REFUSED(EINVAL);
}

/* The host's answer has no status: what it refuses is an empty one. */
TEST_F(allocation, refused_by_host)
{
	self->data[0].version = 2;
	REFUSED(EINVAL);
	self->data[0].version = 1;
	self->data[0].bytes = 0;
	REFUSED(EINVAL);
	/* All or nothing */
	self->data[0].bytes = DXG_PAGE;
	self->data[1].bytes = 0;
	self->args.alloc_count = 2;
	REFUSED(EINVAL);
	self->args.flags.create_resource = 1;
	REFUSED(EINVAL);
}

/* A number is taken by what is made, and not by what is refused. */
TEST_F(allocation, numbers_of_refused)
{
	__u32 first, second;

	ASSERT_EQ(0, CREATE());
	first = self->info[0].allocation.v;
	self->objects = dxg_host_objects();
	self->data[0].number = 0;
	self->data[0].version = 2;
	for (int i = 0; i < 5; i++)
		REFUSED(EINVAL);
	self->data[0].version = 1;
	ASSERT_EQ(0, CREATE());
	second = self->info[0].allocation.v;
	EXPECT_EQ(first + DXG_HANDLE_STEP, second);
}

TEST_F(allocation, nothing)
{
	struct d3dkmt_createallocation args = {};

	EXPECT_REFUSED(EINVAL, FD, LX_DXCREATEALLOCATION, &args);
	args = self->args;
	args.device.v = 0;
	EXPECT_REFUSED(EINVAL, FD, LX_DXCREATEALLOCATION, &args);
}

/* The order of the first checks: the count, the list, sizes, flags, the device */
TEST_F(allocation, order_of_checks)
{
	self->args.device.v = DXG_NO_HANDLE;
	self->args.allocation_info = (uintptr_t)dxg_unmapped();
	REFUSED(EFAULT);
	self->args.allocation_info = (uintptr_t)self->info;
	self->info[0].priv_drv_data = (uintptr_t)dxg_unmapped();
	REFUSED(EINVAL);
	self->args.flags.existing_section = 1;
	REFUSED(EINVAL);
}

static int create_and_destroy(void *data, unsigned int index)
{
	const struct dxg_gpu *gpu = data;

	for (int i = 0; i < 20; i++) {
		__u32 resource, members[3], allocation;
		int result = dxg_create_allocation(gpu->fd, gpu->device, 2, &allocation) ?:
			     dxg_create_resource(gpu->fd, gpu->device, 3, &resource, members) ?:
			     dxg_destroy_allocation(gpu->fd, gpu->device, allocation) ?:
			     dxg_destroy_resource(gpu->fd, gpu->device, resource);

		if (result)
			return result;
	}
	return 0;
}

TEST_F(allocation, together)
{
	EXPECT_EQ(0, dxg_together(THREADS, create_and_destroy, &self->gpu));
	EXPECT_EQ(self->objects, dxg_host_objects());
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
