// SPDX-License-Identifier: GPL-2.0
/* CreatePagingQueue and DestroyPagingQueue */
#include <sys/mman.h>

#include "dxg_objects.h"
#include "dxg_sync.h"
#include "dxg_harness.h"

#define THREADS	4
#define ROUNDS	dxg_rounds(20)

FIXTURE(paging_queue)
{
	struct dxg_gpu gpu;
};

FIXTURE_VARIANT(paging_queue)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(paging_queue, render) { .compute = false };
FIXTURE_VARIANT_ADD(paging_queue, compute) { .compute = true };

FIXTURE_SETUP(paging_queue)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
}

FIXTURE_TEARDOWN(paging_queue)
{
	dxg_gpu_close(&self->gpu);
}

#define FD	(self->gpu.fd)
#define VALID	{ .device.v = self->gpu.device }

TEST_F(paging_queue, output)
{
	struct d3dkmt_createpagingqueue args, before;

	memset(&args, 0xa5, sizeof(args));
	args.device.v = self->gpu.device;
	args.priority = _D3DDDI_PAGINGQUEUE_PRIORITY_NORMAL;
	args.physical_adapter_index = 0;
	before = args;
	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXCREATEPAGINGQUEUE, &args));
	EXPECT_NE(0, args.paging_queue.v);
	EXPECT_NE(0, args.sync_object.v);
	EXPECT_NE(args.paging_queue.v, args.sync_object.v);
	EXPECT_TRUE(dxg_can_read((void *)(uintptr_t)args.fence_cpu_virtual_address));
	/* Nothing but these three is written. */
	before.paging_queue = args.paging_queue;
	before.sync_object = args.sync_object;
	before.fence_cpu_virtual_address = args.fence_cpu_virtual_address;
	EXPECT_EQ(0, memcmp(&before, &args, sizeof(args)));
}

TEST_F(paging_queue, priorities)
{
	for (int priority = _D3DDDI_PAGINGQUEUE_PRIORITY_BELOW_NORMAL;
	     priority <= _D3DDDI_PAGINGQUEUE_PRIORITY_ABOVE_NORMAL; priority++) {
		struct d3dkmt_createpagingqueue args = VALID;

		args.priority = priority;
		EXPECT_EQ(0, dxg_ioctl(FD, LX_DXCREATEPAGINGQUEUE, &args));
		EXPECT_EQ(0, dxg_destroy_paging_queue(FD, args.paging_queue.v));
	}
}

/* The host's answer has no status: it is empty, and no queue is made. */
TEST_F(paging_queue, refused)
{
	struct d3dkmt_createpagingqueue args = VALID;
	int objects = dxg_host_objects_settled();

	args.priority = 2;
	EXPECT_REFUSED(EINVAL, FD, LX_DXCREATEPAGINGQUEUE, &args);
	args.priority = -2;
	EXPECT_REFUSED(EINVAL, FD, LX_DXCREATEPAGINGQUEUE, &args);
	args.priority = 0;
	args.physical_adapter_index = 64;
	EXPECT_REFUSED(EINVAL, FD, LX_DXCREATEPAGINGQUEUE, &args);
	EXPECT_EQ(objects, dxg_host_objects());
}

TEST_F(paging_queue, fence_is_read_only)
{
	struct dxg_paging_queue queue;
	__u64 value;

	ASSERT_EQ(0, dxg_create_paging_queue(FD, self->gpu.device, &queue));
	value = *queue.value;
	EXPECT_TRUE(dxg_can_read((char *)queue.value + DXG_PAGE - 1));
	EXPECT_FALSE(dxg_can_write(queue.value));
	EXPECT_NE(0, mprotect((void *)queue.value, DXG_PAGE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(value, *queue.value);
}

/* The page of the fence has no place in the program: neither is there a queue. */
TEST_F(paging_queue, no_room)
{
	struct d3dkmt_createpagingqueue args = VALID;
	int objects = dxg_host_objects_settled();

	dxg_no_more_memory();
	EXPECT_REFUSED(ENOMEM, FD, LX_DXCREATEPAGINGQUEUE, &args);
	EXPECT_EQ(objects, dxg_host_objects());
}

TEST_F(paging_queue, fence_handle)
{
	struct d3dkmt_destroysynchronizationobject fence = {};
	struct dxg_paging_queue queue;

	ASSERT_EQ(0, dxg_create_paging_queue(FD, self->gpu.device, &queue));
	fence.sync_object.v = queue.fence;
	EXPECT_ERRNO(EINVAL, dxg_ioctl(FD, LX_DXDESTROYSYNCHRONIZATIONOBJECT, &fence));
	EXPECT_ERRNO(EINVAL, dxg_destroy_paging_queue(FD, queue.fence));
	EXPECT_TRUE(dxg_can_read(queue.value));
	EXPECT_EQ(0, dxg_destroy_paging_queue(FD, queue.queue));
}

TEST_F(paging_queue, destroy)
{
	struct d3dddi_makeresident use = { .alloc_count = 1 };
	int objects = dxg_host_objects_settled();
	struct dxg_paging_queue queue;

	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(0, dxg_create_paging_queue(FD, self->gpu.device, &queue));
		EXPECT_EQ(0, dxg_destroy_paging_queue(FD, queue.queue));
		EXPECT_FALSE(dxg_can_read(queue.value));
		EXPECT_ERRNO(EINVAL, dxg_destroy_paging_queue(FD, queue.queue));
		use.paging_queue.v = queue.queue;
		EXPECT_REFUSED(EINVAL, FD, LX_DXMAKERESIDENT, &use);
	}
	EXPECT_EQ(objects, dxg_host_objects());
}

TEST_F(paging_queue, many)
{
	enum { MANY = 30 };
	struct dxg_paging_queue queues[MANY];

	for (int i = 0; i < MANY; i++) {
		ASSERT_EQ(0, dxg_create_paging_queue(FD, self->gpu.device, &queues[i]));
		/* A page and two numbers for each */
		for (int j = 0; j < i; j++) {
			ASSERT_NE(queues[j].value, queues[i].value);
			ASSERT_NE(queues[j].queue, queues[i].queue);
			ASSERT_NE(queues[j].fence, queues[i].fence);
		}
	}
	for (int i = 0; i < MANY; i += 2)
		EXPECT_OK(dxg_destroy_paging_queue(FD, queues[i].queue));
	for (int i = 0; i < MANY; i++)
		EXPECT_OK(dxg_can_read(queues[i].value) != i % 2);
}

TEST_F(paging_queue, unmapped_by_the_program)
{
	struct dxg_paging_queue queue;
	void *own;

	ASSERT_EQ(0, dxg_create_paging_queue(FD, self->gpu.device, &queue));
	ASSERT_EQ(0, munmap((void *)queue.value, DXG_PAGE));
	own = mmap((void *)queue.value, DXG_PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	ASSERT_EQ((void *)queue.value, own);
	memset(own, 0x5a, DXG_PAGE);
	EXPECT_EQ(0, dxg_destroy_paging_queue(FD, queue.queue));
	EXPECT_TRUE(dxg_filled(own, DXG_PAGE, 0x5a));
}

static int read_page(void *data)
{
	return dxg_can_read(data);
}

/* A fork inherits the page: 1 is what the child reads, not an errno. */
TEST_F(paging_queue, in_child)
{
	struct dxg_paging_queue queue;

	ASSERT_EQ(0, dxg_create_paging_queue(FD, self->gpu.device, &queue));
	EXPECT_EQ(1, dxg_in_child(read_page, (void *)queue.value));
	EXPECT_TRUE(dxg_can_read(queue.value));
	ASSERT_EQ(0, dxg_destroy_paging_queue(FD, queue.queue));
	EXPECT_FALSE(dxg_can_read(queue.value));
}

static int create_and_destroy(void *data, unsigned int index)
{
	const struct dxg_gpu *gpu = data;

	for (int i = 0; i < ROUNDS; i++) {
		struct dxg_paging_queue queue;
		int result = dxg_create_paging_queue(gpu->fd, gpu->device, &queue);

		if (result || !dxg_can_read(queue.value))
			return -1;
		if (dxg_destroy_paging_queue(gpu->fd, queue.queue))
			return -2;
	}
	return 0;
}

TEST_F(paging_queue, create_together)
{
	int objects = dxg_host_objects_settled();

	EXPECT_EQ(0, dxg_together(THREADS, create_and_destroy, &self->gpu));
	EXPECT_EQ(objects, dxg_host_objects());
}

struct race {
	int fd;
	__u32 queue;
};

static int destroy(void *data, unsigned int index)
{
	const struct race *race = data;

	return dxg_destroy_paging_queue(race->fd, race->queue);
}

TEST_F(paging_queue, destroy_together)
{
	struct race race = { .fd = FD };

	for (int i = 0; i < ROUNDS; i++) {
		struct dxg_paging_queue queue;

		ASSERT_EQ(0, dxg_create_paging_queue(FD, self->gpu.device, &queue));
		race.queue = queue.queue;
		ASSERT_EQ(THREADS - 1, dxg_together(THREADS, destroy, &race));
		ASSERT_FALSE(dxg_can_read(queue.value));
	}
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
