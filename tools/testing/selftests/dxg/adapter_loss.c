// SPDX-License-Identifier: GPL-2.0
/*
 * An adapter that goes while it has objects: every call says so, and whatever there
 * was can be taken down without it. Needs a host that takes an adapter away when its
 * guest asks (gpupv-host --removal-port), and leaves the machine without it, so it is
 * not among the programs run by default.
 */
#include <fcntl.h>

#include "dxg_calls.h"
#include "kselftest_harness.h"

/* What test_removal.sh does: the upper half of a byte asks, the lower half names. */
#define PORT		1542
#define EJECT		3
#define TEAR_OUT	4

static bool ask(unsigned int action, unsigned int device)
{
	unsigned char byte = action * 16 + device;
	int port = open("/dev/port", O_WRONLY | O_CLOEXEC);
	bool asked = port >= 0 && pwrite(port, &byte, 1, PORT) == 1;

	close(port);
	return asked;
}

static bool gone(const struct dxg_scene *scene)
{
	for (int i = 0; i < 1000; i++) {
		if (dxg_device_state(scene->gpu.fd, scene->gpu.device) == -ENODEV)
			return true;
		dxg_sleep_ms(10);
	}
	return false;
}

FIXTURE(loss)
{
	struct dxg_scene scene;
	struct d3dkmt_lock2 lock;
};

FIXTURE_VARIANT(loss)
{
	bool compute;
	unsigned int action;
	/* By position, as the host counts */
	unsigned int adapter;
};

FIXTURE_VARIANT_ADD(loss, ejected) { .action = EJECT, .adapter = 1 };
FIXTURE_VARIANT_ADD(loss, torn_out) { .compute = true, .action = TEAR_OUT, .adapter = 2 };

FIXTURE_SETUP(loss)
{
	int opened = dxg_scene_open(&self->scene, variant->compute);

	if (opened == -ENODEV)
		SKIP(return, "no such adapter");
	ASSERT_EQ(0, opened);
	self->lock.device.v = self->scene.gpu.device;
	self->lock.allocation.v = self->scene.handle[DXG_ALLOCATION];
	ASSERT_EQ(0, dxg_ioctl(self->scene.gpu.fd, LX_DXLOCK2, &self->lock));
}

FIXTURE_TEARDOWN(loss)
{
	dxg_scene_close(&self->scene);
}

/* What needs no adapter: statistics name one by its LUID, which nobody has any more. */
static int expected(const struct dxg_call *call)
{
	if (call->destroys)
		return 0;
	return call->request == LX_DXQUERYSTATISTICS ? -EINVAL : -ENODEV;
}

TEST_F_TIMEOUT(loss, all_calls, 120)
{
	struct dxg_scene *scene = &self->scene;
	const enum dxg_kind last[] = { DXG_HW_QUEUE, DXG_CONTEXT, DXG_PAGING_QUEUE,
				       DXG_ALLOCATION, DXG_RESOURCE, DXG_DEVICE };
	unsigned char args[DXG_ARGUMENT_MAX];
	__u32 adapter = 0;

	ASSERT_TRUE(ask(variant->action, variant->adapter));
	ASSERT_TRUE(gone(scene));
	for_each_call(call, scene) {
		if (call->destroys || call->request == LX_DXLOCK2 || call->request == LX_DXUNLOCK2)
			continue;
		call->fill(scene, args);
		EXPECT_EQ(expected(call), dxg_ioctl(scene->gpu.fd, call->request, args))
			TH_LOG("%s", call->name);
	}
	/* A lock beside one that is there was ever only counted. What it shows is gone. */
	EXPECT_FALSE(dxg_can_read(scene->paging_value));
	EXPECT_FALSE(dxg_can_read((void *)(uintptr_t)self->lock.data));
	EXPECT_ERRNO(EINVAL, dxg_open_adapter(scene->gpu.fd, scene->gpu.luid, &adapter));
	/* Bad handles are still bad handles. */
	EXPECT_ERRNO(EINVAL, dxg_destroy_device(scene->gpu.fd, DXG_NO_HANDLE));
	for (int i = 0; i < ARRAY_SIZE(last); i++) {
		for_each_call(call, scene) {
			if (call->destroys != last[i])
				continue;
			call->fill(scene, args);
			EXPECT_EQ(0, dxg_ioctl(scene->gpu.fd, call->request, args))
				TH_LOG("%s", call->name);
			EXPECT_EQ(-EINVAL, dxg_ioctl(scene->gpu.fd, call->request, args))
				TH_LOG("%s again", call->name);
		}
	}
	EXPECT_EQ(0, dxg_close_adapter(scene->gpu.fd, scene->gpu.adapter));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
