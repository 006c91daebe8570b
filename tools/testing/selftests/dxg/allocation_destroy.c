// SPDX-License-Identifier: GPL-2.0
/* DestroyAllocation2: by list and by resource, all or nothing */
#include "dxg_objects.h"
#include "dxg_harness.h"

#define THREADS	4
#define ROUNDS	dxg_rounds(20)
#define MAX_COUNT	D3DKMT_CREATEALLOCATION_MAX

FIXTURE(destroy)
{
	struct dxg_gpu gpu;
	__u32 list[MAX_COUNT + 1];
	__u32 resource;
	__u32 members[3];
	struct d3dkmt_destroyallocation2 args;
	int objects;
};

FIXTURE_VARIANT(destroy)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(destroy, render) { .compute = false };
FIXTURE_VARIANT_ADD(destroy, compute) { .compute = true };

FIXTURE_SETUP(destroy)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	for (int i = 0; i < 3; i++)
		ASSERT_OK(dxg_create_allocation(self->gpu.fd, self->gpu.device, 1,
						&self->list[i]));
	ASSERT_EQ(0, dxg_create_resource(self->gpu.fd, self->gpu.device, 3, &self->resource,
					 self->members));
	self->args.device.v = self->gpu.device;
	self->args.allocations = (uintptr_t)self->list;
	self->args.alloc_count = 3;
	self->objects = dxg_host_objects_settled();
}

FIXTURE_TEARDOWN(destroy)
{
	dxg_gpu_close(&self->gpu);
}

#define FD		(self->gpu.fd)
#define DESTROY()	dxg_ioctl(FD, LX_DXDESTROYALLOCATION2, &self->args)

/* Refused, and everything is still there */
#define REFUSED(error) do {							\
	EXPECT_REFUSED(error, FD, LX_DXDESTROYALLOCATION2, &self->args);	\
	EXPECT_EQ(self->objects, dxg_host_objects());				\
} while (0)

/* Whether an allocation exists, found out by locking it */
static bool exists(const struct dxg_gpu *gpu, __u32 allocation)
{
	struct d3dkmt_lock2 lock = { .device.v = gpu->device, .allocation.v = allocation };
	struct d3dkmt_unlock2 unlock = { .device.v = gpu->device, .allocation.v = allocation };

	return !dxg_ioctl(gpu->fd, LX_DXLOCK2, &lock) &&
	       !dxg_ioctl(gpu->fd, LX_DXUNLOCK2, &unlock);
}

TEST_F(destroy, list)
{
	EXPECT_EQ(0, DESTROY());
	if (self->objects >= 0)
		EXPECT_OK(self->objects - 3 - dxg_host_objects());
	for (int i = 0; i < 3; i++) {
		EXPECT_FALSE(exists(&self->gpu, self->list[i]));
		EXPECT_TRUE(exists(&self->gpu, self->members[i]));
	}
	self->objects = dxg_host_objects();
	REFUSED(EINVAL);
}

TEST_F(destroy, one_by_one)
{
	self->args.alloc_count = 1;
	for (int i = 0; i < 3; i++) {
		self->args.allocations = (uintptr_t)&self->list[i];
		EXPECT_EQ(0, DESTROY());
		EXPECT_FALSE(exists(&self->gpu, self->list[i]));
	}
	/* The same with members of a resource; it is empty then, but there. */
	for (int i = 0; i < 3; i++) {
		self->args.allocations = (uintptr_t)&self->members[i];
		EXPECT_EQ(0, DESTROY());
		EXPECT_FALSE(exists(&self->gpu, self->members[i]));
	}
	EXPECT_EQ(0, dxg_destroy_resource(FD, self->gpu.device, self->resource));
	EXPECT_ERRNO(EINVAL, dxg_destroy_resource(FD, self->gpu.device, self->resource));
}

TEST_F(destroy, resource)
{
	EXPECT_EQ(0, dxg_destroy_resource(FD, self->gpu.device, self->resource));
	if (self->objects >= 0)
		EXPECT_OK(self->objects - 4 - dxg_host_objects());
	for (int i = 0; i < 3; i++) {
		EXPECT_FALSE(exists(&self->gpu, self->members[i]));
		EXPECT_TRUE(exists(&self->gpu, self->list[i]));
	}
	EXPECT_ERRNO(EINVAL, dxg_destroy_resource(FD, self->gpu.device, self->resource));
}

TEST_F(destroy, flags)
{
	self->args.flags.assume_not_in_use = 1;
	self->args.alloc_count = 1;
	EXPECT_EQ(0, DESTROY());
	self->args.flags.value = 0;
	self->args.flags.synchronous_destroy = 1;
	self->args.allocations = (uintptr_t)&self->list[1];
	EXPECT_EQ(0, DESTROY());
	EXPECT_FALSE(exists(&self->gpu, self->list[0]));
	EXPECT_FALSE(exists(&self->gpu, self->list[1]));
	EXPECT_TRUE(exists(&self->gpu, self->list[2]));
}

TEST_F(destroy, count)
{
	const __u32 counts[] = { MAX_COUNT + 1, 0x40000001, 0xffffffff };

	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		self->args.alloc_count = counts[i];
		REFUSED(EINVAL);
	}
}

/* As on Windows: neither list nor resource is no mistake, and beside one no list counts. */
TEST_F(destroy, neither_and_both)
{
	self->args.alloc_count = 0;
	EXPECT_EQ(0, DESTROY());
	EXPECT_EQ(self->objects, dxg_host_objects());
	self->args.device.v = DXG_NO_HANDLE;
	REFUSED(EINVAL);
	self->args.device.v = self->gpu.device;
	self->args.alloc_count = ~0U;
	self->args.allocations = (uintptr_t)dxg_unmapped();
	self->args.resource.v = self->resource;
	EXPECT_EQ(0, DESTROY());
	for (int i = 0; i < 3; i++) {
		EXPECT_FALSE(exists(&self->gpu, self->members[i]));
		EXPECT_OK(!exists(&self->gpu, self->list[i]));
	}
}

TEST_F(destroy, list_not_readable)
{
	__u32 *end = dxg_guarded(3 * sizeof(*end), 0);

	memcpy(end, self->list, 3 * sizeof(*end));
	self->args.allocations = 0;
	REFUSED(EINVAL);
	self->args.allocations = (uintptr_t)dxg_unmapped();
	REFUSED(EFAULT);
	self->args.allocations = (uintptr_t)(end + 1);
	REFUSED(EFAULT);
	self->args.allocations = (uintptr_t)end;
	EXPECT_EQ(0, DESTROY());
}

/* A handle given twice makes the list wrong, it is not destroyed twice. */
TEST_F(destroy, duplicate)
{
	self->list[2] = self->list[0];
	REFUSED(EINVAL);
	self->list[2] = self->list[1];
	REFUSED(EINVAL);
	self->list[1] = self->list[0];
	self->list[2] = self->list[0];
	REFUSED(EINVAL);
	EXPECT_TRUE(exists(&self->gpu, self->list[0]));
	/* As another instance it names nothing. */
	self->args.alloc_count = 2;
	self->list[1] = self->list[0] ^ 1;
	REFUSED(EINVAL);
	for (int i = 0; i < MAX_COUNT; i++)
		self->list[i] = self->list[0];
	self->args.alloc_count = MAX_COUNT;
	REFUSED(EINVAL);
	self->args.alloc_count = 1;
	EXPECT_EQ(0, DESTROY());
}

TEST_F(destroy, wrong_handle_in_list)
{
	const __u32 wrong[] = {
		0, DXG_NO_HANDLE, self->gpu.device, self->resource, self->list[0] ^ 0xc0000000,
		/* Not the device's own, but a resource's */
		self->members[0],
	};

	for (int place = 0; place < 3; place++) {
		__u32 good = self->list[place];

		for (int i = 0; i < ARRAY_SIZE(wrong); i++) {
			self->list[place] = wrong[i];
			REFUSED(EINVAL);
		}
		self->list[place] = good;
	}
	for (int i = 0; i < 3; i++)
		EXPECT_OK(!exists(&self->gpu, self->list[i]));
}

TEST_F(destroy, of_two_resources)
{
	__u32 resource, members[3];

	ASSERT_EQ(0, dxg_create_resource(FD, self->gpu.device, 3, &resource, members));
	self->objects = dxg_host_objects();
	self->list[0] = self->members[0];
	self->list[1] = members[0];
	self->args.alloc_count = 2;
	REFUSED(EINVAL);
}

TEST_F(destroy, of_shared_resource)
{
	struct d3dkmt_createallocation args = {
		.device.v = self->gpu.device,
		.alloc_count = 2,
		.flags = { { { .create_resource = 1, .create_shared = 1,
			       .nt_security_sharing = 1 } } },
	};

	ASSERT_EQ(0, dxg_create_allocations(FD, &args, 1, self->list));
	self->objects = dxg_host_objects();
	/* Only as a whole */
	self->args.alloc_count = 1;
	REFUSED(EINVAL);
	EXPECT_EQ(0, dxg_destroy_resource(FD, self->gpu.device, args.resource.v));
}

TEST_F(destroy, of_another_device)
{
	__u32 device;

	ASSERT_EQ(0, dxg_create_device(FD, self->gpu.adapter, &device));
	self->objects = dxg_host_objects();
	self->args.device.v = device;
	REFUSED(EINVAL);
	self->args.alloc_count = 0;
	self->args.resource.v = self->resource;
	REFUSED(EINVAL);
}

struct race {
	int fd;
	const struct d3dkmt_destroyallocation2 *args;
};

static int destroy_some(void *data, unsigned int index)
{
	const struct race *race = data;
	struct d3dkmt_destroyallocation2 args = *race->args;

	/* The first two, or the last two */
	args.allocations += index % 2 * sizeof(__u32);
	return dxg_ioctl(race->fd, LX_DXDESTROYALLOCATION2, &args);
}

/* Lists that overlap: one wins, and the others change nothing. */
TEST_F(destroy, together)
{
	struct race race = { .fd = FD, .args = &self->args };

	self->args.alloc_count = 2;
	for (int i = 0; i < ROUNDS; i++) {
		__u32 rest;

		EXPECT_EQ(THREADS - 1, dxg_together(THREADS, destroy_some, &race));
		if (self->objects >= 0)
			EXPECT_OK(self->objects - 2 - dxg_host_objects());
		/* One of the two at the ends was not in the list that won. */
		rest = exists(&self->gpu, self->list[0]) ? self->list[0] : self->list[2];
		EXPECT_TRUE(exists(&self->gpu, rest));
		EXPECT_EQ(0, dxg_destroy_allocation(FD, self->gpu.device, rest));
		for (int j = 0; j < 3; j++)
			ASSERT_OK(dxg_create_allocation(FD, self->gpu.device, 1,
							&self->list[j]));
	}
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
