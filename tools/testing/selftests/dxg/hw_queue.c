// SPDX-License-Identifier: GPL-2.0
/* CreateHwQueue and DestroyHwQueue */
#include <sys/mman.h>

#include "dxg_objects.h"
#include "dxg_sync.h"
#include "dxg_harness.h"

#define THREADS		4
#define ROUNDS		dxg_rounds(20)
#define SIZE_REQUEST	71

FIXTURE(hw_queue)
{
	struct dxg_gpu gpu;
	__u32 context;
};

FIXTURE_SETUP(hw_queue)
{
	DXG_HW_SETUP(&self->gpu, &self->context);
}

FIXTURE_TEARDOWN(hw_queue)
{
	dxg_gpu_close(&self->gpu);
}

#define FD	(self->gpu.fd)
#define VALID	{ .context.v = self->context }

TEST_F(hw_queue, output)
{
	struct d3dkmt_createhwqueue args, before;

	memset(&args, 0xa5, sizeof(args));
	args.context.v = self->context;
	args.flags.value = 0;
	args.priv_drv_data_size = 0;
	before = args;
	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXCREATEHWQUEUE, &args));
	EXPECT_NE(0, args.queue.v);
	EXPECT_NE(0, args.queue_progress_fence.v);
	EXPECT_NE(args.queue.v, args.queue_progress_fence.v);
	EXPECT_NE(0, args.queue_progress_fence_gpu_va);
	EXPECT_EQ(0, *(dxg_fence)(uintptr_t)args.queue_progress_fence_cpu_va);
	/* Nothing but these four is written. */
	before.queue = args.queue;
	before.queue_progress_fence = args.queue_progress_fence;
	before.queue_progress_fence_cpu_va = args.queue_progress_fence_cpu_va;
	before.queue_progress_fence_gpu_va = args.queue_progress_fence_gpu_va;
	EXPECT_EQ(0, memcmp(&before, &args, sizeof(args)));
}

/* The value is the host's to write. */
TEST_F(hw_queue, fence_is_read_only)
{
	struct dxg_hw_queue queue;

	ASSERT_EQ(0, dxg_create_hw_queue(FD, self->context, &queue));
	EXPECT_TRUE(dxg_can_read(queue.value));
	EXPECT_TRUE(dxg_can_read((char *)queue.value + DXG_PAGE - 1));
	EXPECT_FALSE(dxg_can_write(queue.value));
	EXPECT_NE(0, mprotect((void *)queue.value, DXG_PAGE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, *queue.value);
}

/* The page of the fence has no place in the program: neither is there a queue. */
TEST_F(hw_queue, no_room)
{
	int objects = dxg_host_objects_settled();
	struct d3dkmt_createhwqueue args = VALID;

	dxg_no_more_memory();
	EXPECT_REFUSED(ENOMEM, FD, LX_DXCREATEHWQUEUE, &args);
	EXPECT_EQ(objects, dxg_host_objects());
}

TEST_F(hw_queue, destroy)
{
	int objects = dxg_host_objects_settled();
	struct dxg_hw_queue queue;

	ASSERT_EQ(0, dxg_create_hw_queue(FD, self->context, &queue));
	EXPECT_EQ(0, dxg_destroy_hw_queue(FD, queue.queue));
	EXPECT_FALSE(dxg_can_read(queue.value));
	EXPECT_ERRNO(EINVAL, dxg_submit_to_hw_queue(FD, queue.queue, 1));
	EXPECT_ERRNO(EINVAL, dxg_destroy_hw_queue(FD, queue.queue));
	EXPECT_EQ(objects, dxg_host_objects());
}

/* The fence goes with its queue, never alone. */
TEST_F(hw_queue, fence_handle)
{
	struct d3dkmt_destroysynchronizationobject fence = {};
	struct dxg_hw_queue queue;

	ASSERT_EQ(0, dxg_create_hw_queue(FD, self->context, &queue));
	fence.sync_object.v = queue.fence;
	EXPECT_ERRNO(EINVAL, dxg_ioctl(FD, LX_DXDESTROYSYNCHRONIZATIONOBJECT, &fence));
	EXPECT_ERRNO(EINVAL, dxg_destroy_hw_queue(FD, queue.fence));
	EXPECT_EQ(0, dxg_submit_to_hw_queue(FD, queue.queue, 1));
	EXPECT_TRUE(dxg_wait_fence(queue.value, 1));
}

/* A program may unmap the page; what it maps there afterwards stays. */
TEST_F(hw_queue, unmapped_by_the_program)
{
	struct dxg_hw_queue queue;
	void *own;

	ASSERT_EQ(0, dxg_create_hw_queue(FD, self->context, &queue));
	ASSERT_EQ(0, munmap((void *)queue.value, DXG_PAGE));
	own = mmap((void *)queue.value, DXG_PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	ASSERT_EQ((void *)queue.value, own);
	memset(own, 0x5a, DXG_PAGE);
	EXPECT_EQ(0, dxg_destroy_hw_queue(FD, queue.queue));
	EXPECT_TRUE(dxg_filled(own, DXG_PAGE, 0x5a));
}

static int read_page(void *data)
{
	return dxg_can_read(data);
}

/* A fork inherits the page: 1 is what the child reads, not an errno. */
TEST_F(hw_queue, in_child)
{
	struct dxg_hw_queue queue;

	ASSERT_EQ(0, dxg_create_hw_queue(FD, self->context, &queue));
	EXPECT_EQ(1, dxg_in_child(read_page, (void *)queue.value));
	EXPECT_TRUE(dxg_can_read(queue.value));
}

TEST_F(hw_queue, refused)
{
	struct d3dkmt_createcontextvirtual without = {
		.device.v = self->gpu.device, .engine_affinity = 1,
	};
	struct d3dkmt_createhwqueue args = VALID;
	int objects;

	args.flags.value = 0x80000000;
	EXPECT_REFUSED(EINVAL, FD, LX_DXCREATEHWQUEUE, &args);
	/* A context for software queues only */
	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXCREATECONTEXTVIRTUAL, &without));
	objects = dxg_host_objects_settled();
	args.flags.value = 0;
	args.context = without.context;
	EXPECT_REFUSED(EINVAL, FD, LX_DXCREATEHWQUEUE, &args);
	EXPECT_EQ(objects, dxg_host_objects());
}

TEST_F(hw_queue, private_data)
{
	const __u32 sizes[] = { 1, 3, 4, 5, 8, 64, 4097, dxg_echo_room(SIZE_REQUEST) };

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct d3dkmt_createhwqueue args = VALID;

		args.priv_drv_data = (uintptr_t)dxg_guarded(sizes[i], 0x5a);
		args.priv_drv_data_size = sizes[i];
		EXPECT_EQ(0, dxg_ioctl(FD, LX_DXCREATEHWQUEUE, &args)) TH_LOG("size %u", sizes[i]);
		EXPECT_EQ(0, dxg_destroy_hw_queue(FD, args.queue.v));
	}
}

TEST_F(hw_queue, private_data_size)
{
	const __u32 sizes[] = {
		dxg_echo_room(SIZE_REQUEST) + 1, DXG_MESSAGE_MAX, DXG_MESSAGE_MAX + 1,
		0x7fffffff, 0xffffffff,
	};
	struct d3dkmt_createhwqueue args = VALID;

	args.priv_drv_data = (uintptr_t)dxg_guarded(DXG_MESSAGE_MAX + 1, 0);
	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		args.priv_drv_data_size = sizes[i];
		EXPECT_REFUSED(EINVAL, FD, LX_DXCREATEHWQUEUE, &args);
	}
}

TEST_F(hw_queue, private_data_fault)
{
	int objects = dxg_host_objects_settled();
	struct d3dkmt_createhwqueue args = VALID;
	unsigned char *end = dxg_guarded(64, 0);

	args.priv_drv_data_size = 64;
	EXPECT_REFUSED(EFAULT, FD, LX_DXCREATEHWQUEUE, &args);
	args.priv_drv_data = (uintptr_t)(end + 1);
	EXPECT_REFUSED(EFAULT, FD, LX_DXCREATEHWQUEUE, &args);
	/* Made, and unmade when its data cannot be told */
	args.priv_drv_data = (uintptr_t)dxg_readonly(end, 64);
	EXPECT_ERRNO(EFAULT, dxg_ioctl(FD, LX_DXCREATEHWQUEUE, &args));
	EXPECT_EQ(objects, dxg_host_objects());
	/* The context comes first. */
	args.context.v = DXG_NO_HANDLE;
	args.priv_drv_data = (uintptr_t)dxg_unmapped();
	EXPECT_REFUSED(EINVAL, FD, LX_DXCREATEHWQUEUE, &args);
}

struct race {
	int fd;
	__u32 context;
	__u32 queue;
};

static int create_and_destroy(void *data, unsigned int index)
{
	const struct race *race = data;

	for (int i = 0; i < ROUNDS; i++) {
		struct dxg_hw_queue queue;
		int result = dxg_create_hw_queue(race->fd, race->context, &queue) ?:
			     dxg_submit_to_hw_queue(race->fd, queue.queue, 1);

		if (result)
			return result;
		if (!dxg_wait_fence(queue.value, 1))
			return -ETIME;
		result = dxg_destroy_hw_queue(race->fd, queue.queue);
		if (result)
			return result;
	}
	return 0;
}

TEST_F(hw_queue, create_together)
{
	int objects = dxg_host_objects_settled();
	struct race race = { .fd = FD, .context = self->context };

	EXPECT_EQ(0, dxg_together(THREADS, create_and_destroy, &race));
	EXPECT_EQ(objects, dxg_host_objects());
}

static int destroy(void *data, unsigned int index)
{
	const struct race *race = data;

	return dxg_destroy_hw_queue(race->fd, race->queue);
}

TEST_F(hw_queue, destroy_together)
{
	struct race race = { .fd = FD };

	for (int i = 0; i < ROUNDS; i++) {
		struct dxg_hw_queue queue;

		ASSERT_EQ(0, dxg_create_hw_queue(FD, self->context, &queue));
		race.queue = queue.queue;
		ASSERT_EQ(THREADS - 1, dxg_together(THREADS, destroy, &race));
		ASSERT_FALSE(dxg_can_read(queue.value));
	}
}

/* The hardware queues of a context go with it, and no other ones. */
TEST_F(hw_queue, destroyed_with_context)
{
	int objects = dxg_host_objects_settled();
	struct dxg_hw_queue queues[3], other;
	__u32 context, another;

	ASSERT_EQ(0, dxg_create_hw_context(FD, self->gpu.device, &context));
	ASSERT_EQ(0, dxg_create_hw_context(FD, self->gpu.device, &another));
	ASSERT_EQ(0, dxg_create_hw_queue(FD, another, &other));
	for (int i = 0; i < ARRAY_SIZE(queues); i++)
		ASSERT_OK(dxg_create_hw_queue(FD, context, &queues[i]));
	ASSERT_EQ(0, dxg_destroy_context(FD, context));
	for (int i = 0; i < ARRAY_SIZE(queues); i++) {
		EXPECT_ERRNO(EINVAL, dxg_submit_to_hw_queue(FD, queues[i].queue, 1));
		EXPECT_ERRNO(EINVAL, dxg_destroy_hw_queue(FD, queues[i].queue));
		EXPECT_FALSE(dxg_can_read(queues[i].value));
	}
	EXPECT_TRUE(dxg_can_read(other.value));
	EXPECT_EQ(0, dxg_destroy_hw_queue(FD, other.queue));
	EXPECT_EQ(0, dxg_destroy_context(FD, another));
	EXPECT_EQ(objects, dxg_host_objects());
}

static int queue_or_destroy(void *data, unsigned int index)
{
	struct race *race = data;
	struct dxg_hw_queue queue;
	int result;

	if (!index)
		return dxg_destroy_context(race->fd, race->context);
	result = dxg_create_hw_queue(race->fd, race->context, &queue);
	/* In time, too late, or while the context was on its way out: its end is the queue's. */
	return result == -EINVAL || result == -ENODEV ? 0 : result;
}

TEST_F(hw_queue, destroy_context_while_made)
{
	int objects = dxg_host_objects_settled();
	struct race race = { .fd = FD };

	for (int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, dxg_create_hw_context(FD, self->gpu.device, &race.context));
		ASSERT_EQ(0, dxg_together(THREADS, queue_or_destroy, &race));
		EXPECT_TRUE(dxg_host_objects_return(objects));
	}
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
