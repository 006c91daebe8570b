// SPDX-License-Identifier: GPL-2.0
/* Lock2, Unlock2 and InvalidateCache */
#include <sys/mman.h>

#include "dxg_memory.h"
#include "dxg_sync.h"
#include "dxg_harness.h"

#define THREADS	4
#define PAGES	20
#define SIZE	(PAGES * DXG_PAGE)

FIXTURE(lock)
{
	struct dxg_gpu gpu;
	__u32 allocation;
	struct d3dkmt_lock2 lock;
	struct d3dkmt_unlock2 unlock;
	struct d3dkmt_invalidatecache invalidate;
};

FIXTURE_VARIANT(lock)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(lock, render) { .compute = false };
FIXTURE_VARIANT_ADD(lock, compute) { .compute = true };

FIXTURE_SETUP(lock)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	ASSERT_EQ(0, dxg_create_allocation(self->gpu.fd, self->gpu.device, PAGES,
					   &self->allocation));
	self->lock.device.v = self->gpu.device;
	self->lock.allocation.v = self->allocation;
	self->unlock.device.v = self->gpu.device;
	self->unlock.allocation.v = self->allocation;
	self->invalidate.device.v = self->gpu.device;
	self->invalidate.allocation.v = self->allocation;
	self->invalidate.length = SIZE;
}

FIXTURE_TEARDOWN(lock)
{
	dxg_gpu_close(&self->gpu);
}

#define FD		(self->gpu.fd)
#define DATA		((char *)(uintptr_t)self->lock.data)
#define LOCK()		dxg_ioctl(FD, LX_DXLOCK2, &self->lock)
#define UNLOCK()	dxg_ioctl(FD, LX_DXUNLOCK2, &self->unlock)
#define INVALIDATE()	dxg_ioctl(FD, LX_DXINVALIDATECACHE, &self->invalidate)
#define LOCK_REFUSED(error) EXPECT_REFUSED(error, FD, LX_DXLOCK2, &self->lock)
#define UNLOCK_REFUSED(error) EXPECT_REFUSED(error, FD, LX_DXUNLOCK2, &self->unlock)
#define INVALIDATE_REFUSED(error)					\
	EXPECT_REFUSED(error, FD, LX_DXINVALIDATECACHE, &self->invalidate)

TEST_F(lock, memory)
{
	struct d3dkmt_lock2 before;

	self->lock.reserved = 0x5a5a5a5a;
	self->lock.data = 0x5a5a5a5a;
	before = self->lock;
	ASSERT_EQ(0, LOCK());
	/* Nothing but the address is written. */
	before.data = self->lock.data;
	EXPECT_EQ(0, memcmp(&before, &self->lock, sizeof(before)));
	EXPECT_EQ(0, self->lock.data % DXG_PAGE);
	/* All of it, to the last byte */
	EXPECT_TRUE(dxg_filled(DATA, SIZE, 0));
	memset(DATA, 0x5a, SIZE);
	EXPECT_EQ(0, UNLOCK());
	EXPECT_FALSE(dxg_can_read(DATA));
	EXPECT_FALSE(dxg_can_read(DATA + SIZE - 1));
	/* What was written is there the next time. */
	ASSERT_EQ(0, LOCK());
	EXPECT_TRUE(dxg_filled(DATA, SIZE, 0x5a));
}

/* Locks count: only the last one to go takes the memory along. */
TEST_F(lock, several)
{
	__u64 first;

	ASSERT_EQ(0, LOCK());
	first = self->lock.data;
	for (int i = 0; i < 3; i++) {
		self->lock.data = 0;
		EXPECT_EQ(0, LOCK());
		EXPECT_EQ(first, self->lock.data);
	}
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, UNLOCK());
		EXPECT_TRUE(dxg_can_write(DATA));
	}
	EXPECT_EQ(0, UNLOCK());
	EXPECT_FALSE(dxg_can_read(DATA));
	UNLOCK_REFUSED(EINVAL);
}

TEST_F(lock, not_locked)
{
	UNLOCK_REFUSED(EINVAL);
	EXPECT_EQ(0, LOCK());
	EXPECT_EQ(0, UNLOCK());
	UNLOCK_REFUSED(EINVAL);
}

/* More than half of the address space that a host usually asks for */
TEST_F(lock, large)
{
	const __u64 size = 600ULL << 20;

	ASSERT_EQ(0, dxg_create_allocation(FD, self->gpu.device, size / DXG_PAGE,
					   &self->allocation));
	self->lock.allocation.v = self->allocation;
	self->unlock.allocation.v = self->allocation;
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, LOCK());
		EXPECT_EQ(i, DATA[0]);
		EXPECT_EQ(i, DATA[size - 1]);
		DATA[0] = 1;
		DATA[size - 1] = 1;
		EXPECT_EQ(0, UNLOCK());
	}
	EXPECT_OK(dxg_destroy_allocation(FD, self->gpu.device, self->allocation));
}

TEST_F(lock, two_allocations)
{
	struct d3dkmt_lock2 other = { .device.v = self->gpu.device };
	char *data;

	ASSERT_EQ(0, dxg_create_allocation(FD, self->gpu.device, PAGES, &other.allocation.v));
	ASSERT_EQ(0, LOCK());
	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXLOCK2, &other));
	data = (char *)(uintptr_t)other.data;
	memset(DATA, 0x11, SIZE);
	memset(data, 0x22, SIZE);
	EXPECT_TRUE(dxg_filled(DATA, SIZE, 0x11));
	EXPECT_EQ(0, UNLOCK());
	EXPECT_TRUE(dxg_filled(data, SIZE, 0x22));
}

TEST_F(lock, cached)
{
	struct dxg_allocation_data data = DXG_ALLOCATION_DATA(SIZE);
	struct d3dddi_allocationinfo2 info = {
		.priv_drv_data = (uintptr_t)&data,
		.priv_drv_data_size = sizeof(data),
	};
	struct d3dkmt_createallocation args = {
		.device.v = self->gpu.device,
		.alloc_count = 1,
		.allocation_info = (uintptr_t)&info,
	};

	data.flags = 1;
	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXCREATEALLOCATION, &args));
	self->lock.allocation = info.allocation;
	self->unlock.allocation = info.allocation;
	ASSERT_EQ(0, LOCK());
	memset(DATA, 0x5a, SIZE);
	EXPECT_TRUE(dxg_filled(DATA, SIZE, 0x5a));
	EXPECT_EQ(0, UNLOCK());
}

/* Allocation and device are looked up: by the driver, but for locks beside the first one. */
TEST_F(lock, no_device)
{
	self->lock.device.v = DXG_NO_HANDLE;
	LOCK_REFUSED(EINVAL);
	self->lock.device.v = self->gpu.device;
	ASSERT_EQ(0, LOCK());
	/* Nothing is unmapped for a wrong call. */
	self->unlock.device.v = DXG_NO_HANDLE;
	UNLOCK_REFUSED(EINVAL);
	EXPECT_TRUE(dxg_can_write(DATA));
	self->lock.device.v = DXG_NO_HANDLE;
	EXPECT_EQ(0, LOCK());
	EXPECT_EQ(0, UNLOCK());
	EXPECT_TRUE(dxg_can_write(DATA));
	/* A lock that cannot be told is taken back, even if it names no device. */
	EXPECT_ERRNO(EFAULT, dxg_ioctl(FD, LX_DXLOCK2,
				       dxg_readonly(&self->lock, sizeof(self->lock))));
	self->unlock.device.v = self->gpu.device;
	EXPECT_EQ(0, UNLOCK());
	EXPECT_FALSE(dxg_can_read(DATA));
}

/* Whether they must belong to each other is for the host to say, and this one does not care. */
TEST_F(lock, another_device)
{
	__u32 device;

	ASSERT_EQ(0, dxg_create_device(FD, self->gpu.adapter, &device));
	self->lock.device.v = device;
	ASSERT_EQ(0, LOCK());
	memset(DATA, 0x5a, SIZE);
	EXPECT_EQ(0, UNLOCK());
	EXPECT_FALSE(dxg_can_read(DATA));
	self->lock.device.v = self->gpu.device;
	ASSERT_EQ(0, LOCK());
	EXPECT_TRUE(dxg_filled(DATA, SIZE, 0x5a));
	self->unlock.device.v = device;
	EXPECT_EQ(0, UNLOCK());
	EXPECT_FALSE(dxg_can_read(DATA));
	UNLOCK_REFUSED(EINVAL);
	/* What the device locked stays when it goes, and goes with its own. */
	self->lock.device.v = device;
	ASSERT_EQ(0, LOCK());
	ASSERT_EQ(0, dxg_destroy_device(FD, device));
	EXPECT_TRUE(dxg_can_write(DATA));
	self->invalidate.device.v = device;
	INVALIDATE_REFUSED(EINVAL);
	ASSERT_EQ(0, dxg_destroy_device(FD, self->gpu.device));
	EXPECT_FALSE(dxg_can_read(DATA));
}

/* The host need not speak of whole pages: all of them that have a part of it are shown. */
TEST_F(lock, parts_of_pages)
{
	static const __u32 sizes[] = { 1, 0x800, DXG_PAGE + 1, 3 * DXG_PAGE - 8 };

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct dxg_allocation_data data = DXG_ALLOCATION_DATA(sizes[i]);
		struct d3dddi_allocationinfo2 info = {
			.priv_drv_data = (uintptr_t)&data,
			.priv_drv_data_size = sizeof(data),
		};
		struct d3dkmt_createallocation args = {
			.device.v = self->gpu.device,
			.alloc_count = 1,
			.allocation_info = (uintptr_t)&info,
		};

		data.flags = 4;
		ASSERT_EQ(0, dxg_ioctl(FD, LX_DXCREATEALLOCATION, &args));
		EXPECT_EQ(sizes[i], data.bytes);
		self->lock.allocation = info.allocation;
		self->unlock.allocation = info.allocation;
		ASSERT_EQ(0, LOCK());
		memset(DATA, 0x5a, sizes[i]);
		EXPECT_TRUE(dxg_filled(DATA, sizes[i], 0x5a));
		EXPECT_EQ((sizes[i] + DXG_PAGE - 1) / DXG_PAGE * 4, dxg_fdinfo(FD, "dxg-mapped"));
		EXPECT_EQ(0, UNLOCK());
		EXPECT_FALSE(dxg_can_read(DATA));
	}
}

/* The address cannot be told: the allocation is as if it had never been locked. */
TEST_F(lock, not_writable)
{
	for (int i = 0; i < 3; i++) {
		EXPECT_ERRNO(EFAULT, dxg_ioctl(FD, LX_DXLOCK2,
					       dxg_readonly(&self->lock, sizeof(self->lock))));
		UNLOCK_REFUSED(EINVAL);
	}
	ASSERT_EQ(0, LOCK());
	/* Nor does a failed lock count beside one that works. */
	EXPECT_ERRNO(EFAULT, dxg_ioctl(FD, LX_DXLOCK2,
				       dxg_readonly(&self->lock, sizeof(self->lock))));
	EXPECT_EQ(0, UNLOCK());
	UNLOCK_REFUSED(EINVAL);
}

TEST_F(lock, no_room)
{
	dxg_no_more_memory();
	LOCK_REFUSED(ENOMEM);
	UNLOCK_REFUSED(EINVAL);
	LOCK_REFUSED(ENOMEM);
}

TEST_F(lock, destroyed_while_locked)
{
	ASSERT_EQ(0, LOCK());
	memset(DATA, 0x5a, SIZE);
	ASSERT_EQ(0, dxg_destroy_allocation(FD, self->gpu.device, self->allocation));
	EXPECT_FALSE(dxg_can_read(DATA));
	UNLOCK_REFUSED(EINVAL);
	LOCK_REFUSED(EINVAL);
}

TEST_F(lock, resource_destroyed_while_locked)
{
	__u32 resource, members[2];

	ASSERT_EQ(0, dxg_create_resource(FD, self->gpu.device, 2, &resource, members));
	self->lock.allocation.v = members[1];
	ASSERT_EQ(0, LOCK());
	ASSERT_EQ(0, dxg_destroy_resource(FD, self->gpu.device, resource));
	EXPECT_FALSE(dxg_can_read(DATA));
}

/* The program's own mapping in the same place is left alone. */
TEST_F(lock, unmapped_by_the_program)
{
	void *own;

	ASSERT_EQ(0, LOCK());
	ASSERT_EQ(0, munmap(DATA, SIZE));
	own = mmap(DATA, SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	ASSERT_EQ((void *)DATA, own);
	memset(own, 0x5a, SIZE);
	EXPECT_EQ(0, UNLOCK());
	EXPECT_TRUE(dxg_filled(own, SIZE, 0x5a));
}

/* A mapping cannot be made larger than the memory, to see what is behind it. */
TEST_F(lock, no_growing)
{
	ASSERT_EQ(0, LOCK());
	EXPECT_EQ(MAP_FAILED, mremap(DATA, SIZE, SIZE + DXG_PAGE, MREMAP_MAYMOVE));
	EXPECT_TRUE(dxg_can_write(DATA));
}

TEST_F(lock, unknown_flags)
{
	self->lock.flags.value = 1;
	LOCK_REFUSED(EINVAL);
	EXPECT_ERRNO(EINVAL, UNLOCK());
}

TEST_F(lock, invalidate)
{
	struct d3dkmt_invalidatecache before = self->invalidate;

	EXPECT_EQ(0, INVALIDATE());
	EXPECT_EQ(0, memcmp(&before, &self->invalidate, sizeof(before)));
	self->invalidate.offset = SIZE - 1;
	self->invalidate.length = 1;
	EXPECT_EQ(0, INVALIDATE());
}

TEST_F(lock, invalidate_refused)
{
	self->invalidate.length = SIZE + 1;
	INVALIDATE_REFUSED(EINVAL);
	self->invalidate.offset = SIZE;
	self->invalidate.length = 1;
	INVALIDATE_REFUSED(EINVAL);
	self->invalidate.offset = ~0ULL;
	self->invalidate.length = 2;
	INVALIDATE_REFUSED(EINVAL);
	self->invalidate.offset = 0;
	self->invalidate.length = SIZE;
	self->invalidate.allocation.v = self->gpu.device;
	INVALIDATE_REFUSED(EINVAL);
	self->invalidate.allocation.v = DXG_NO_HANDLE;
	INVALIDATE_REFUSED(EINVAL);
}

struct race {
	const struct dxg_gpu *gpu;
	__u32 allocation;
};

static int lock_and_unlock(void *data, unsigned int index)
{
	const struct race *race = data;
	struct d3dkmt_lock2 lock = {
		.device.v = race->gpu->device, .allocation.v = race->allocation,
	};
	struct d3dkmt_unlock2 unlock = {
		.device.v = race->gpu->device, .allocation.v = race->allocation,
	};

	for (int i = 0; i < 50; i++) {
		char *mine;
		int result = dxg_ioctl(race->gpu->fd, LX_DXLOCK2, &lock);

		if (result)
			return result;
		/* As long as one's own lock holds, the memory is there. */
		mine = (char *)(uintptr_t)lock.data + index * DXG_PAGE;
		__atomic_store_n(mine, i, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(mine, __ATOMIC_SEQ_CST) != i)
			return -1;
		result = dxg_ioctl(race->gpu->fd, LX_DXUNLOCK2, &unlock);
		if (result)
			return result;
	}
	return 0;
}

TEST_F(lock, together)
{
	struct race race = { .gpu = &self->gpu, .allocation = self->allocation };

	EXPECT_EQ(0, dxg_together(THREADS, lock_and_unlock, &race));
	UNLOCK_REFUSED(EINVAL);
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
