// SPDX-License-Identifier: GPL-2.0
/* What is true of all ioctls of synchronization objects and of sharing */
#include "dxg_sync_calls.h"
#include "dxg_harness.h"

FIXTURE(sync_calls)
{
	struct dxg_sync_scene scene;
	unsigned char args[DXG_ARGUMENT_MAX];
};

FIXTURE_VARIANT(sync_calls)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(sync_calls, render) { .compute = false };
FIXTURE_VARIANT_ADD(sync_calls, compute) { .compute = true };

FIXTURE_SETUP(sync_calls)
{
	int opened = dxg_sync_scene_open(&self->scene, variant->compute);

	if (opened == -ENODEV)
		SKIP(return, "no such adapter");
	ASSERT_EQ(0, opened);
}

FIXTURE_TEARDOWN(sync_calls)
{
	dxg_sync_scene_close(&self->scene);
}

#define CALL(args)	dxg_ioctl(self->scene.scene.gpu.fd, call->request, args)
#define FILL()		call->fill(&self->scene.scene, self->args)

TEST_F(sync_calls, work)
{
	for_each_sync_call(call, &self->scene) {
		FILL();
		EXPECT_EQ(0, CALL(self->args)) TH_LOG("%s", call->name);
	}
}

TEST_F(sync_calls, argument_not_there)
{
	for_each_sync_call(call, &self->scene) {
		unsigned int size = _IOC_SIZE(call->request);

		EXPECT_EQ(-EFAULT, CALL(NULL)) TH_LOG("%s", call->name);
		EXPECT_EQ(-EFAULT, CALL(dxg_guarded(size - 1, 0))) TH_LOG("%s", call->name);
		EXPECT_EQ(-EFAULT, CALL((void *)-8L)) TH_LOG("%s", call->name);
	}
}

/* Only what has something to say writes, and what it cannot write it undoes. */
TEST_F(sync_calls, argument_not_writable)
{
	int before = dxg_host_objects_settled();

	for_each_sync_call(call, &self->scene) {
		if (call->destroys)
			continue;
		FILL();
		EXPECT_EQ(call->writes ? -EFAULT : 0,
			  CALL(dxg_readonly(self->args, _IOC_SIZE(call->request))))
			TH_LOG("%s", call->name);
	}
	EXPECT_TRUE(dxg_host_objects_return(before));
}

/* Every wrong number at every place where the driver looks one up. */
TEST_F(sync_calls, wrong_handles)
{
	for_each_sync_call(call, &self->scene) {
		const struct dxg_call_handle *wanted = &call->handle[0];

		if (!wanted->kind)
			continue;
		for (int kind = DXG_NONE; kind < DXG_KINDS; kind++) {
			__u32 handle = kind ? self->scene.scene.handle[kind] : DXG_NO_HANDLE;

			/* Adapters have a table of their own, with the same numbers. */
			if (kind == wanted->kind || kind == DXG_ADAPTER)
				continue;
			FILL();
			memcpy(self->args + wanted->offset, &handle, sizeof(handle));
			EXPECT_EQ(-EINVAL, CALL(self->args))
				TH_LOG("%s with %#x of kind %d", call->name, handle, kind);
		}
	}
}

/* The caller's thread group is not the one that opened the file. */
static int refused_in_child(void *data)
{
	struct dxg_sync_scene *scene = data;
	unsigned char args[DXG_ARGUMENT_MAX];

	for_each_sync_call(call, scene) {
		call->fill(&scene->scene, args);
		if (dxg_ioctl(scene->scene.gpu.fd, call->request, args) != -ENOTTY)
			return 1;
	}
	return 0;
}

TEST_F(sync_calls, inherited)
{
	EXPECT_EQ(0, dxg_in_child(refused_in_child, &self->scene));
}

/* With the device gone every handle of it is, too. */
TEST_F(sync_calls, device_destroyed)
{
	struct dxg_gpu *gpu = &self->scene.scene.gpu;

	ASSERT_EQ(0, dxg_destroy_device(gpu->fd, gpu->device));
	for_each_sync_call(call, &self->scene) {
		FILL();
		EXPECT_EQ(-EINVAL, CALL(self->args)) TH_LOG("%s", call->name);
	}
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
