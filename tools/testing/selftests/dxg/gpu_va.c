// SPDX-License-Identifier: GPL-2.0
/* ReserveGpuVirtualAddress, MapGpuVirtualAddress and FreeGpuVirtualAddress */
#include "dxg_objects.h"
#include "dxg_harness.h"

#define THREADS	4
#define FILL	0xa5a5a5a5a5a5a5a5
/* Far from where hosts start, and where allocations may be put as well */
#define BASE	0x200000000ULL
#define SIZE	(2ULL * DXG_GPU_UNIT)

FIXTURE(gpu_va)
{
	struct dxg_gpu gpu;
	struct dxg_paging_queue queue;
	__u32 allocation;
	struct d3dddi_reservegpuvirtualaddress reserve;
	struct d3dddi_mapgpuvirtualaddress map;
	struct d3dkmt_freegpuvirtualaddress free;
};

FIXTURE_VARIANT(gpu_va)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(gpu_va, render) { .compute = false };
FIXTURE_VARIANT_ADD(gpu_va, compute) { .compute = true };

FIXTURE_SETUP(gpu_va)
{
	int fd;

	DXG_GPU_SETUP(&self->gpu, variant->compute);
	fd = self->gpu.fd;
	ASSERT_EQ(0, dxg_create_paging_queue(fd, self->gpu.device, &self->queue));
	ASSERT_EQ(0, dxg_create_allocation(fd, self->gpu.device, SIZE / DXG_PAGE,
					   &self->allocation));
	self->reserve.adapter.v = self->gpu.adapter;
	self->reserve.size = SIZE;
	self->reserve.virtual_address = FILL;
	self->reserve.paging_fence_value = FILL;
	self->map.paging_queue.v = self->queue.queue;
	self->map.allocation.v = self->allocation;
	self->map.size_in_pages = SIZE / DXG_PAGE;
	self->map.virtual_address = FILL;
	self->map.paging_fence_value = FILL;
	self->free.adapter.v = self->gpu.adapter;
	self->free.size = SIZE;
}

FIXTURE_TEARDOWN(gpu_va)
{
	dxg_gpu_close(&self->gpu);
}

#define FD		(self->gpu.fd)
#define RESERVE()	dxg_ioctl(FD, LX_DXRESERVEGPUVIRTUALADDRESS, &self->reserve)
#define MAP()		dxg_ioctl(FD, LX_DXMAPGPUVIRTUALADDRESS, &self->map)
#define RESERVE_REFUSED(error)						\
	EXPECT_REFUSED(error, FD, LX_DXRESERVEGPUVIRTUALADDRESS, &self->reserve)
#define MAP_REFUSED(error)						\
	EXPECT_REFUSED(error, FD, LX_DXMAPGPUVIRTUALADDRESS, &self->map)
#define FREE_REFUSED(error)						\
	EXPECT_REFUSED(error, FD, LX_DXFREEGPUVIRTUALADDRESS, &self->free)

static int free_va(int fd, __u32 adapter, __u64 address, __u64 size)
{
	struct d3dkmt_freegpuvirtualaddress args = {
		.adapter.v = adapter,
		.base_address = address,
		.size = size,
	};

	return dxg_ioctl(fd, LX_DXFREEGPUVIRTUALADDRESS, &args);
}

TEST_F(gpu_va, reserve)
{
	struct d3dddi_reservegpuvirtualaddress before = self->reserve;
	__u64 first;

	ASSERT_EQ(0, RESERVE());
	first = self->reserve.virtual_address;
	EXPECT_NE(0, first);
	EXPECT_EQ(0, first % DXG_PAGE);
	/* Nothing else is written, not even the fence value. */
	before.virtual_address = first;
	EXPECT_EQ(0, memcmp(&before, &self->reserve, sizeof(before)));
	ASSERT_EQ(0, RESERVE());
	EXPECT_TRUE(self->reserve.virtual_address >= first + SIZE ||
		    self->reserve.virtual_address + SIZE <= first);
	EXPECT_EQ(0, free_va(FD, self->gpu.adapter, first, SIZE));
	EXPECT_EQ(0, free_va(FD, self->gpu.adapter, self->reserve.virtual_address, SIZE));
}

/* A paging queue stands for its adapter. */
TEST_F(gpu_va, reserve_by_queue)
{
	self->reserve.adapter.v = self->queue.queue;
	ASSERT_EQ(0, RESERVE());
	EXPECT_EQ(self->queue.queue, self->reserve.adapter.v);
	EXPECT_EQ(0, free_va(FD, self->gpu.adapter, self->reserve.virtual_address, SIZE));
}

/*
 * However many handles of the other adapter are open: the number of a queue means the queue.
 * So a range that was reserved with it is taken here, and there it is not.
 */
TEST_F(gpu_va, queue_is_no_adapter)
{
	enum { MANY = 300 };
	struct d3dddi_reservegpuvirtualaddress there;
	struct dxg_list list;
	__u32 other = 0;

	ASSERT_EQ(0, dxg_list(FD, &list));
	for (int i = 0; i < list.count; i++) {
		if (!dxg_luid_equal(list.adapter[i].adapter_luid, self->gpu.luid))
			other = list.adapter[i].adapter_handle.v;
	}
	if (!other)
		SKIP(return, "only one adapter");
	for (int i = 0; i < list.count; i++) {
		struct winluid luid = list.adapter[i].adapter_luid;

		for (int j = 0; j < MANY && !dxg_luid_equal(luid, self->gpu.luid); j++) {
			__u32 handle = 0;

			ASSERT_OK(dxg_open_adapter(FD, luid, &handle));
			ASSERT_NE(self->queue.queue, handle);
		}
	}
	self->reserve.base_address = BASE;
	there = self->reserve;
	self->reserve.adapter.v = self->queue.queue;
	ASSERT_EQ(0, RESERVE());
	EXPECT_EQ(BASE, self->reserve.virtual_address);
	/* Taken on this adapter */
	self->reserve.adapter.v = self->gpu.adapter;
	RESERVE_REFUSED(EINVAL);
	/* And free on the other one */
	there.adapter.v = other;
	EXPECT_EQ(0, dxg_ioctl(FD, LX_DXRESERVEGPUVIRTUALADDRESS, &there));
	EXPECT_EQ(0, free_va(FD, other, BASE, SIZE));
	EXPECT_EQ(0, free_va(FD, self->gpu.adapter, BASE, SIZE));
}

TEST_F(gpu_va, reserve_at_address)
{
	self->reserve.base_address = BASE;
	ASSERT_EQ(0, RESERVE());
	EXPECT_EQ(BASE, self->reserve.virtual_address);
	/* Taken now, from the first unit to the last */
	RESERVE_REFUSED(EINVAL);
	self->reserve.base_address = BASE + SIZE - DXG_GPU_UNIT;
	RESERVE_REFUSED(EINVAL);
	self->reserve.base_address = BASE - SIZE + DXG_GPU_UNIT;
	RESERVE_REFUSED(EINVAL);
	self->reserve.base_address = BASE + SIZE;
	EXPECT_EQ(0, RESERVE());
	EXPECT_EQ(0, free_va(FD, self->gpu.adapter, BASE + SIZE, SIZE));
	EXPECT_EQ(0, free_va(FD, self->gpu.adapter, BASE, SIZE));
	self->reserve.base_address = BASE;
	EXPECT_EQ(0, RESERVE());
	EXPECT_EQ(BASE, self->reserve.virtual_address);
}

TEST_F(gpu_va, reserve_in_range)
{
	self->reserve.minimum_address = BASE;
	self->reserve.maximum_address = BASE + 2 * SIZE;
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, RESERVE());
		EXPECT_LE(BASE, self->reserve.virtual_address);
		EXPECT_GE(BASE + SIZE, self->reserve.virtual_address);
	}
	/* Full */
	RESERVE_REFUSED(EINVAL);
}

/* A refused reservation is an error, never address 0. */
TEST_F(gpu_va, reserve_refused)
{
	const __u64 sizes[] = { 0, 1, DXG_GPU_UNIT + 1, SIZE - 1, 1ULL << 62, ~0ULL };

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		self->reserve.size = sizes[i];
		RESERVE_REFUSED(EINVAL);
	}
	self->reserve.size = SIZE;
	self->reserve.base_address = BASE + 1;
	RESERVE_REFUSED(EINVAL);
	self->reserve.base_address = ~0ULL - DXG_PAGE + 1;
	RESERVE_REFUSED(EINVAL);
	self->reserve.base_address = 0;
	self->reserve.reservation_type = _D3DDDIGPUVA_RESERVE_NO_COMMIT + 1;
	RESERVE_REFUSED(EINVAL);
	self->reserve.reservation_type = 0;
	self->reserve.minimum_address = BASE + SIZE;
	self->reserve.maximum_address = BASE;
	RESERVE_REFUSED(EINVAL);
}

TEST_F(gpu_va, map)
{
	struct d3dddi_mapgpuvirtualaddress before = self->map;
	__u64 first;

	EXPECT_PENDING(MAP());
	first = self->map.virtual_address;
	EXPECT_NE(0, first);
	EXPECT_EQ(0, first % DXG_PAGE);
	EXPECT_TRUE(dxg_wait_fence(self->queue.value, self->map.paging_fence_value));
	/* Nothing else is written. */
	before.virtual_address = first;
	before.paging_fence_value = self->map.paging_fence_value;
	EXPECT_EQ(0, memcmp(&before, &self->map, sizeof(before)));
	/* The same allocation once more, elsewhere */
	EXPECT_PENDING(MAP());
	EXPECT_NE(first, self->map.virtual_address);
	EXPECT_LT(before.paging_fence_value, self->map.paging_fence_value);
	EXPECT_TRUE(dxg_wait_fence(self->queue.value, self->map.paging_fence_value));
	EXPECT_EQ(0, free_va(FD, self->gpu.adapter, first, SIZE));
	EXPECT_EQ(0, free_va(FD, self->gpu.adapter, self->map.virtual_address, SIZE));
}

TEST_F(gpu_va, map_at_address)
{
	self->map.base_address = BASE;
	EXPECT_PENDING(MAP());
	EXPECT_EQ(BASE, self->map.virtual_address);
	EXPECT_TRUE(dxg_wait_fence(self->queue.value, self->map.paging_fence_value));
	/* The range is not free for reservations. */
	self->reserve.base_address = BASE;
	RESERVE_REFUSED(EINVAL);
	EXPECT_EQ(0, free_va(FD, self->gpu.adapter, BASE, SIZE));
	EXPECT_EQ(0, RESERVE());
}

TEST_F(gpu_va, map_into_reservation)
{
	ASSERT_EQ(0, RESERVE());
	self->map.base_address = self->reserve.virtual_address;
	EXPECT_PENDING(MAP());
	EXPECT_EQ(self->reserve.virtual_address, self->map.virtual_address);
	EXPECT_TRUE(dxg_wait_fence(self->queue.value, self->map.paging_fence_value));
}

TEST_F(gpu_va, map_in_range)
{
	self->map.minimum_address = BASE;
	self->map.maximum_address = BASE + SIZE;
	EXPECT_PENDING(MAP());
	EXPECT_EQ(BASE, self->map.virtual_address);
	EXPECT_ERRNO(ENOMEM, MAP());
}

/* An address beats the limits. */
TEST_F(gpu_va, address_beyond_the_limits)
{
	self->reserve.minimum_address = 8 * BASE;
	self->reserve.maximum_address = 9 * BASE;
	self->reserve.base_address = BASE;
	ASSERT_EQ(0, RESERVE());
	EXPECT_EQ(BASE, self->reserve.virtual_address);
	self->map.minimum_address = 8 * BASE;
	self->map.maximum_address = 9 * BASE;
	self->map.base_address = BASE;
	EXPECT_PENDING(MAP());
	EXPECT_EQ(BASE, self->map.virtual_address);
	self->map.base_address = BASE + SIZE;
	EXPECT_PENDING(MAP());
	EXPECT_EQ(BASE + SIZE, self->map.virtual_address);
}

/* A range that was mapped can show another allocation, but not nothing. */
TEST_F(gpu_va, map_over_mapping)
{
	__u64 first;

	EXPECT_PENDING(MAP());
	first = self->map.virtual_address;
	ASSERT_EQ(0, dxg_create_allocation(FD, self->gpu.device, 1, &self->map.allocation.v));
	self->map.base_address = first + DXG_PAGE;
	self->map.size_in_pages = 1;
	EXPECT_PENDING(MAP());
	EXPECT_EQ(first + DXG_PAGE, self->map.virtual_address);
	self->map.protection.no_access = 1;
	EXPECT_ERRNO(EINVAL, MAP());
	self->map.allocation.v = 0;
	EXPECT_ERRNO(EINVAL, MAP());
	/* It is still one range. */
	EXPECT_EQ(0, free_va(FD, self->gpu.adapter, first, SIZE));
}

/* What is there already needs no work: 0 is no value to wait for. */
TEST_F(gpu_va, map_again)
{
	EXPECT_PENDING(MAP());
	EXPECT_TRUE(dxg_wait_fence(self->queue.value, self->map.paging_fence_value));
	self->map.base_address = self->map.virtual_address;
	self->map.virtual_address = FILL;
	self->map.paging_fence_value = FILL;
	EXPECT_EQ(0, MAP());
	EXPECT_EQ(self->map.base_address, self->map.virtual_address);
	EXPECT_EQ(0, self->map.paging_fence_value);
}

TEST_F(gpu_va, map_refused)
{
	const __u32 wrong[] = { DXG_NO_HANDLE, self->gpu.device, self->queue.queue };

	for (int i = 0; i < ARRAY_SIZE(wrong); i++) {
		self->map.allocation.v = wrong[i];
		MAP_REFUSED(EINVAL);
	}
	self->map.allocation.v = self->allocation;
	self->map.size_in_pages = SIZE / DXG_PAGE + 1;
	MAP_REFUSED(EINVAL);
	self->map.size_in_pages = 1;
	self->map.offset_in_pages = SIZE / DXG_PAGE;
	MAP_REFUSED(EINVAL);
	self->map.offset_in_pages = ~0ULL;
	MAP_REFUSED(EINVAL);
	self->map.offset_in_pages = 0;
	self->map.base_address = BASE + 1;
	MAP_REFUSED(EINVAL);
	self->map.base_address = 0;
	self->map.protection.reserved = 1;
	MAP_REFUSED(EINVAL);
	self->map.protection.value = 0;
	self->map.size_in_pages = 0;
	MAP_REFUSED(EINVAL);
	self->map.size_in_pages = 1ULL << 60;
	MAP_REFUSED(EINVAL);
}

/* Addresses belong to the process: any device of the adapter may use them. */
TEST_F(gpu_va, map_of_another_device)
{
	__u32 device;

	ASSERT_EQ(0, dxg_create_device(FD, self->gpu.adapter, &device));
	ASSERT_EQ(0, dxg_create_allocation(FD, device, 1, &self->map.allocation.v));
	self->map.size_in_pages = 1;
	EXPECT_PENDING(MAP());
	EXPECT_TRUE(dxg_wait_fence(self->queue.value, self->map.paging_fence_value));
}

/* What shows an allocation goes with it. */
TEST_F(gpu_va, allocation_destroyed)
{
	self->map.base_address = BASE;
	EXPECT_PENDING(MAP());
	EXPECT_TRUE(dxg_wait_fence(self->queue.value, self->map.paging_fence_value));
	ASSERT_EQ(0, dxg_destroy_allocation(FD, self->gpu.device, self->allocation));
	EXPECT_ERRNO(EINVAL, free_va(FD, self->gpu.adapter, BASE, SIZE));
	self->reserve.base_address = BASE;
	EXPECT_EQ(0, RESERVE());
}

/* Ranges without an allocation, for accesses that shall fail or read zeros */
TEST_F(gpu_va, map_nothing)
{
	self->map.allocation.v = 0;
	MAP_REFUSED(EINVAL);
	self->map.protection.no_access = 1;
	EXPECT_PENDING(MAP());
	EXPECT_EQ(0, free_va(FD, self->gpu.adapter, self->map.virtual_address, SIZE));
	self->map.protection.value = 0;
	self->map.protection.zero = 1;
	EXPECT_PENDING(MAP());
	EXPECT_EQ(0, free_va(FD, self->gpu.adapter, self->map.virtual_address, SIZE));
	self->map.allocation.v = self->allocation;
	MAP_REFUSED(EINVAL);
	/* What nothing is shown of may be named all the same. */
	ASSERT_EQ(0, RESERVE());
	self->map.base_address = self->reserve.virtual_address;
	self->map.protection.value = 0;
	EXPECT_PENDING(MAP());
	self->map.protection.no_access = 1;
	EXPECT_PENDING(MAP());
	EXPECT_EQ(self->reserve.virtual_address, self->map.virtual_address);
}

TEST_F(gpu_va, free_refused)
{
	self->free.base_address = BASE;
	FREE_REFUSED(EINVAL);
	self->reserve.base_address = BASE;
	ASSERT_EQ(0, RESERVE());
	self->free.base_address = BASE + 1;
	FREE_REFUSED(EINVAL);
	self->free.base_address = BASE + SIZE;
	FREE_REFUSED(EINVAL);
	self->free.base_address = BASE;
	self->free.size = 0;
	FREE_REFUSED(EINVAL);
	self->free.size = ~0ULL;
	FREE_REFUSED(EINVAL);
	/* Adapters only: a queue does not stand for one here. */
	self->free.size = SIZE;
	self->free.adapter.v = self->queue.queue;
	FREE_REFUSED(EINVAL);
	self->free.adapter.v = self->gpu.adapter;
	EXPECT_EQ(0, dxg_ioctl(FD, LX_DXFREEGPUVIRTUALADDRESS, &self->free));
	FREE_REFUSED(EINVAL);
}

/* Each adapter has addresses of its own. */
TEST_F(gpu_va, two_adapters)
{
	struct dxg_gpu other;

	if (dxg_gpu_open(&other, !variant->compute) == -ENODEV)
		SKIP(return, "needs both kinds of adapter");
	self->reserve.base_address = BASE;
	ASSERT_EQ(0, RESERVE());
	EXPECT_ERRNO(EINVAL, free_va(FD, other.adapter, BASE, SIZE));
	self->reserve.adapter.v = other.adapter;
	EXPECT_EQ(0, RESERVE());
	EXPECT_EQ(0, free_va(FD, self->gpu.adapter, BASE, SIZE));
	EXPECT_EQ(0, free_va(FD, other.adapter, BASE, SIZE));
	dxg_gpu_close(&other);
}

static int map_and_free(void *data, unsigned int index)
{
	const struct dxg_gpu *gpu = data;
	struct dxg_paging_queue queue;
	__u32 allocation;

	if (dxg_create_paging_queue(gpu->fd, gpu->device, &queue) ||
	    dxg_create_allocation(gpu->fd, gpu->device, 1, &allocation))
		return -1;
	for (int i = 0; i < 30; i++) {
		struct d3dddi_mapgpuvirtualaddress map = {
			.paging_queue.v = queue.queue,
			.allocation.v = allocation,
			.size_in_pages = 1,
		};

		if (dxg_ioctl(gpu->fd, LX_DXMAPGPUVIRTUALADDRESS, &map) != DXG_STATUS_PENDING ||
		    !dxg_wait_fence(queue.value, map.paging_fence_value))
			return -2;
		/* An address given to two would be freed once. */
		if (free_va(gpu->fd, gpu->adapter, map.virtual_address, DXG_PAGE))
			return -3;
	}
	return 0;
}

TEST_F(gpu_va, together)
{
	EXPECT_EQ(0, dxg_together(THREADS, map_and_free, &self->gpu));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
