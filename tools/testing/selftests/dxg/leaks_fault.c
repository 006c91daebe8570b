// SPDX-License-Identifier: GPL-2.0
/*
 * Calls that make something and then cannot say so: what the host and the driver have
 * made goes again.
 */
#include "dxg_count.h"
#include "dxg_sync_calls.h"
#include "dxg_harness.h"

#define ROUNDS	5

FIXTURE(fault)
{
	struct dxg_sync_scene scene;
	struct dxg_count before;
	unsigned char args[DXG_ARGUMENT_MAX];
	int next;
};

FIXTURE_VARIANT(fault)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(fault, render) { .compute = false };
FIXTURE_VARIANT_ADD(fault, compute) { .compute = true };

FIXTURE_SETUP(fault)
{
	int opened = dxg_sync_scene_open(&self->scene, variant->compute);

	if (opened == -ENODEV)
		SKIP(return, "no such adapter");
	ASSERT_EQ(0, opened);
	/* The next free number of a file */
	self->next = dup(0);
	close(self->next);
	dxg_count_take(&self->before);
}

FIXTURE_TEARDOWN(fault)
{
	dxg_sync_scene_close(&self->scene);
}

#define SCENE		(&self->scene.scene)
#define CALL(args)	dxg_ioctl(SCENE->gpu.fd, call->request, args)

/* Neither an object nor a file is left. */
#define EXPECT_NOTHING_LEFT() do {						\
	int next = dup(0);							\
										\
	EXPECT_EQ(self->next, next);						\
	close(next);								\
	EXPECT_TRUE(dxg_count_returns(&self->before));				\
} while (0)

/* Those that name what they have made in the argument itself */
static bool makes(const struct dxg_call *call)
{
	switch (call->request) {
	case LX_DXCREATEDEVICE:
	case LX_DXCREATECONTEXTVIRTUAL:
	case LX_DXCREATEHWQUEUE:
	case LX_DXCREATEPAGINGQUEUE:
	case LX_DXCREATESYNCHRONIZATIONOBJECT:
	case LX_DXOPENSYNCOBJECTFROMNTHANDLE2:
	case LX_DXOPENRESOURCEFROMNTHANDLE:
	case LX_DXCREATESYNCFILE:
	case LX_DXOPENSYNCOBJECTFROMSYNCFILE:
		return true;
	default:
		return false;
	}
}

static int call_readonly(struct dxg_scene *scene, const struct dxg_call *call, void *args)
{
	int result = -EFAULT;

	for (int i = 0; result == -EFAULT && i < ROUNDS; i++) {
		call->fill(scene, args);
		result = dxg_ioctl(scene->gpu.fd, call->request,
				   dxg_readonly(args, _IOC_SIZE(call->request)));
	}
	return result;
}

TEST_F(fault, argument)
{
	int tried = 0;

	for_each_call(call, SCENE) {
		if (!makes(call))
			continue;
		tried++;
		EXPECT_EQ(-EFAULT, call_readonly(SCENE, call, self->args)) TH_LOG("%s", call->name);
		EXPECT_NOTHING_LEFT();
	}
	for_each_sync_call(call, &self->scene) {
		if (!makes(call))
			continue;
		tried++;
		EXPECT_EQ(-EFAULT, call_readonly(SCENE, call, self->args)) TH_LOG("%s", call->name);
		EXPECT_NOTHING_LEFT();
	}
	EXPECT_EQ(SCENE->gpu.hw_queues ? 9 : 8, tried);
}

/* An allocation says who it is in the list of its call, a resource in the argument. */
TEST_F(fault, allocation)
{
	struct dxg_allocation_data data = DXG_ALLOCATION_DATA(DXG_PAGE);
	const struct d3dddi_allocationinfo2 info = {
		.priv_drv_data = (uintptr_t)&data,
		.priv_drv_data_size = sizeof(data),
	};
	struct d3dddi_allocationinfo2 list[2] = { info, info };
	struct d3dkmt_createallocation args = {
		.device.v = SCENE->gpu.device,
		.alloc_count = 2,
		.allocation_info = (uintptr_t)dxg_readonly(list, sizeof(list)),
	};

	/* What the host has written to it is no input. */
	for (int i = 0; i < 2 * ROUNDS; i++) {
		data = DXG_ALLOCATION_DATA(DXG_PAGE);
		args.flags.create_resource = i % 2;
		EXPECT_ERRNO(EFAULT, dxg_ioctl(SCENE->gpu.fd, LX_DXCREATEALLOCATION, &args));
	}
	args.allocation_info = (uintptr_t)list;
	for (int i = 0; i < ROUNDS; i++) {
		data = DXG_ALLOCATION_DATA(DXG_PAGE);
		EXPECT_ERRNO(EFAULT, dxg_ioctl(SCENE->gpu.fd, LX_DXCREATEALLOCATION,
					       dxg_readonly(&args, sizeof(args))));
	}
	/* What the host makes of the private data is written back to it. */
	data = DXG_ALLOCATION_DATA(DXG_PAGE);
	list[1].priv_drv_data = (uintptr_t)dxg_readonly(&data, sizeof(data));
	for (int i = 0; i < ROUNDS; i++) {
		data = DXG_ALLOCATION_DATA(DXG_PAGE);
		EXPECT_ERRNO(EFAULT, dxg_ioctl(SCENE->gpu.fd, LX_DXCREATEALLOCATION, &args));
	}
	EXPECT_NOTHING_LEFT();
}

TEST_F(fault, share)
{
	__u64 descriptor = -1;
	__u32 objects[] = { self->scene.shared.handle, self->scene.resource };
	struct d3dkmt_shareobjects args = {
		.object_count = 1,
		.shared_handle = (uintptr_t)dxg_readonly(&descriptor, sizeof(descriptor)),
	};

	for (int i = 0; i < 2 * ROUNDS; i++) {
		args.objects = (uintptr_t)&objects[i % 2];
		EXPECT_ERRNO(EFAULT, dxg_ioctl(SCENE->gpu.fd, LX_DXSHAREOBJECTS, &args));
	}
	EXPECT_NOTHING_LEFT();
}

/* Opened adapters too, which the host does not hear of */
TEST_F(fault, adapter)
{
	struct d3dkmt_openadapterfromluid open = { .adapter_luid = SCENE->gpu.luid };
	struct d3dkmt_enumadapters3 list = { .adapter_count = 64, .filter.value = 1 };

	for (int i = 0; i < ROUNDS; i++) {
		EXPECT_ERRNO(EFAULT, dxg_ioctl(SCENE->gpu.fd, LX_DXOPENADAPTERFROMLUID,
					       dxg_readonly(&open, sizeof(open))));
		list.adapters = (uintptr_t)dxg_unmapped();
		EXPECT_ERRNO(EFAULT, dxg_ioctl(SCENE->gpu.fd, LX_DXENUMADAPTERS3, &list));
	}
	EXPECT_NOTHING_LEFT();
}

DXG_REQUIRE_COUNTS
TEST_HARNESS_MAIN
