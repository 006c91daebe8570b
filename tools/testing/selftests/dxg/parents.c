// SPDX-License-Identifier: GPL-2.0
/* Objects that are destroyed while another thread makes something in them */
#include "dxg_objects.h"
#include "dxg_watch.h"
#include "dxg_harness.h"

#define ROUNDS	60

struct parent {
	struct dxg_gpu gpu;
	__u32 parent;
	/* What the thread was told that makes something in it, and what it has got */
	int made;
	__u32 child;
	const char *value;
	/* What the thread was told that destroys it */
	int destroyed;
};

FIXTURE(parents)
{
	struct parent parent;
	int objects;
	bool watched;
};

FIXTURE_SETUP(parents)
{
	DXG_GPU_SETUP(&self->parent.gpu, false);
	self->objects = dxg_host_objects_settled();
}

FIXTURE_TEARDOWN(parents)
{
	dxg_gpu_close(&self->parent.gpu);
}

#define GPU	(&self->parent.gpu)

static int queue_and_context(void *data, unsigned int index)
{
	struct parent *self = data;
	struct dxg_hw_queue queue = {};

	if (index) {
		self->destroyed = dxg_destroy_context(self->gpu.fd, self->parent);
		return 0;
	}
	self->made = dxg_create_hw_queue(self->gpu.fd, self->parent, &queue);
	self->child = queue.queue;
	self->value = (const char *)queue.value;
	return 0;
}

/*
 * The queue goes with its context. By the time that its maker notices, its number and its page
 * may be another object's: the host is not told to destroy it.
 */
TEST_F(parents, queue_in_context)
{
	if (!GPU->hw_queues)
		SKIP(return, "no hardware scheduling");
	self->watched = dxg_watch_begin();
	for (int i = 0; i < ROUNDS; i++) {
		struct parent *parent = &self->parent;

		ASSERT_EQ(0, dxg_create_hw_context(GPU->fd, GPU->device, &parent->parent));
		ASSERT_EQ(0, dxg_together(2, queue_and_context, parent));
		EXPECT_EQ(0, parent->destroyed);
		/* There was a context, or there was none. */
		EXPECT_TRUE(!parent->made || parent->made == -EINVAL) TH_LOG("%d", parent->made);
		if (!parent->made) {
			EXPECT_FALSE(dxg_can_read(parent->value));
			EXPECT_ERRNO(EINVAL, dxg_destroy_hw_queue(GPU->fd, parent->child));
		}
	}
	EXPECT_SENT(self->watched, 0, DXG_MSG_DESTROYHWQUEUE);
	EXPECT_SENT(self->watched, ROUNDS, DXG_MSG_DESTROYCONTEXT);
	EXPECT_TRUE(dxg_host_objects_return(self->objects));
}

static int allocation_and_resource(void *data, unsigned int index)
{
	struct parent *self = data;
	struct d3dkmt_createallocation args = {
		.device.v = self->gpu.device,
		.resource.v = self->parent,
		.alloc_count = 1,
	};

	if (index) {
		self->destroyed = dxg_destroy_resource(self->gpu.fd, self->gpu.device,
						       self->parent);
		return 0;
	}
	self->made = dxg_create_allocations(self->gpu.fd, &args, 1, &self->child);
	return 0;
}

TEST_F(parents, allocation_in_resource)
{
	self->watched = dxg_watch_begin();
	for (int i = 0; i < ROUNDS; i++) {
		struct parent *parent = &self->parent;
		__u32 first;

		ASSERT_EQ(0, dxg_create_resource(GPU->fd, GPU->device, 1, &parent->parent, &first));
		ASSERT_EQ(0, dxg_together(2, allocation_and_resource, parent));
		EXPECT_EQ(0, parent->destroyed);
		EXPECT_TRUE(!parent->made || parent->made == -EBADF) TH_LOG("%d", parent->made);
		if (!parent->made) {
			EXPECT_ERRNO(EINVAL, dxg_destroy_allocation(GPU->fd, GPU->device,
								    parent->child));
		}
	}
	/* Only resources were destroyed, and nothing for itself. */
	EXPECT_SENT(self->watched, ROUNDS, DXG_MSG_DESTROYALLOCATION);
	EXPECT_TRUE(dxg_host_objects_return(self->objects));
}

static int context_and_device(void *data, unsigned int index)
{
	struct parent *self = data;

	if (index) {
		self->destroyed = dxg_destroy_device(self->gpu.fd, self->parent);
		return 0;
	}
	self->made = dxg_create_context(self->gpu.fd, self->parent, &self->child);
	return 0;
}

TEST_F(parents, context_in_device)
{
	self->watched = dxg_watch_begin();
	for (int i = 0; i < ROUNDS; i++) {
		struct parent *parent = &self->parent;

		ASSERT_EQ(0, dxg_create_device(GPU->fd, GPU->adapter, &parent->parent));
		ASSERT_EQ(0, dxg_together(2, context_and_device, parent));
		EXPECT_EQ(0, parent->destroyed);
		EXPECT_TRUE(!parent->made || parent->made == -EINVAL || parent->made == -ENODEV)
			TH_LOG("%d", parent->made);
		if (!parent->made)
			EXPECT_ERRNO(EINVAL, dxg_destroy_context(GPU->fd, parent->child));
	}
	EXPECT_SENT(self->watched, 0, DXG_MSG_DESTROYCONTEXT);
	EXPECT_TRUE(dxg_host_objects_return(self->objects));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
