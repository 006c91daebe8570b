// SPDX-License-Identifier: GPL-2.0
/*
 * The arguments of the ioctls that work on objects in memory that is not there, not
 * writable, or ends too early. Each test goes through all of them.
 */
#include "dxg_calls.h"
#include "dxg_harness.h"

FIXTURE(arguments)
{
	struct dxg_scene scene;
	unsigned char valid[DXG_ARGUMENT_MAX];
};

FIXTURE_VARIANT(arguments)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(arguments, render) { .compute = false };
FIXTURE_VARIANT_ADD(arguments, compute) { .compute = true };

FIXTURE_SETUP(arguments)
{
	int opened = dxg_scene_open(&self->scene, variant->compute);

	if (opened == -ENODEV)
		SKIP(return, "no such adapter");
	ASSERT_EQ(0, opened);
}

FIXTURE_TEARDOWN(arguments)
{
	dxg_scene_close(&self->scene);
}

#define CALL(call, argument)	dxg_ioctl(self->scene.gpu.fd, (call)->request, argument)
#define SIZE(call)		_IOC_SIZE((call)->request)

TEST_F(arguments, not_readable)
{
	void *const addresses[] = {
		NULL, (void *)1, dxg_unmapped(),
		/* Of the kernel, and of nobody */
		(void *)-4096L, (void *)-8L,
	};
	int objects = dxg_host_objects_settled();

	for_each_call(call, &self->scene) {
		for (int i = 0; i < ARRAY_SIZE(addresses); i++) {
			EXPECT_EQ(-EFAULT, CALL(call, addresses[i]))
				TH_LOG("%s at %p", call->name, addresses[i]);
		}
	}
	EXPECT_EQ(objects, dxg_host_objects());
}

TEST_F(arguments, end_too_early)
{
	for_each_call(call, &self->scene) {
		unsigned char *end = dxg_guarded(SIZE(call), 0);

		call->fill(&self->scene, self->valid);
		for (unsigned int missing = 1; missing < SIZE(call); missing += 1 + SIZE(call) / 4) {
			memcpy(end + missing, self->valid, SIZE(call) - missing);
			EXPECT_EQ(-EFAULT, CALL(call, end + missing))
				TH_LOG("%s without %u bytes", call->name, missing);
		}
		EXPECT_TRUE(dxg_can_read(end));
	}
}

/* Exactly as much as the request number says: not a byte more is touched. */
TEST_F(arguments, at_end_of_memory)
{
	for_each_call(call, &self->scene) {
		unsigned char *end = dxg_guarded(SIZE(call), 0);

		/* A call may take away what the next one needs. */
		dxg_scene_close(&self->scene);
		ASSERT_EQ(0, dxg_scene_open(&self->scene, variant->compute));
		call->fill(&self->scene, self->valid);
		memcpy(end, self->valid, SIZE(call));
		EXPECT_LE(0, CALL(call, end)) TH_LOG("%s", call->name);
		if (!call->writes) {
			EXPECT_EQ(0, memcmp(end, self->valid, SIZE(call)))
				TH_LOG("%s", call->name);
		}
	}
}

/* Nothing is left of what was made by a call that could not tell its result. */
TEST_F(arguments, not_writable)
{
	for_each_call(call, &self->scene) {
		int objects, result;
		void *readonly;

		dxg_scene_close(&self->scene);
		ASSERT_EQ(0, dxg_scene_open(&self->scene, variant->compute));
		call->fill(&self->scene, self->valid);
		readonly = dxg_readonly(self->valid, SIZE(call));
		objects = dxg_host_objects_settled();
		result = CALL(call, readonly);
		if (!call->writes) {
			EXPECT_LE(0, result) TH_LOG("%s: %d", call->name, result);
			continue;
		}
		EXPECT_EQ(-EFAULT, result) TH_LOG("%s", call->name);
		EXPECT_TRUE(dxg_host_objects_return(objects)) TH_LOG("%s", call->name);
		/* And nothing but that: the same call works from writable memory. */
		EXPECT_LE(0, CALL(call, self->valid)) TH_LOG("%s again", call->name);
	}
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
