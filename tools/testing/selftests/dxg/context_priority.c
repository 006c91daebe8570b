// SPDX-License-Identifier: GPL-2.0
/* Get and Set of the scheduling priority of a context: of all, and within the process. */
#include "dxg_objects.h"
#include "dxg_harness.h"

/* What Windows allows for either kind */
#define PRIORITY_MAX	7

FIXTURE(priority)
{
	struct dxg_gpu gpu;
	__u32 context;
};

FIXTURE_VARIANT(priority)
{
	bool compute;
	unsigned int get;
	unsigned int set;
	/* The other pair */
	unsigned int get_other;
};

FIXTURE_VARIANT_ADD(priority, render)
{
	.get = LX_DXGETCONTEXTSCHEDULINGPRIORITY,
	.set = LX_DXSETCONTEXTSCHEDULINGPRIORITY,
	.get_other = LX_DXGETCONTEXTINPROCESSSCHEDULINGPRIORITY,
};

FIXTURE_VARIANT_ADD(priority, compute_in_process)
{
	.compute = true,
	.get = LX_DXGETCONTEXTINPROCESSSCHEDULINGPRIORITY,
	.set = LX_DXSETCONTEXTINPROCESSSCHEDULINGPRIORITY,
	.get_other = LX_DXGETCONTEXTSCHEDULINGPRIORITY,
};

FIXTURE_SETUP(priority)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	ASSERT_EQ(0, dxg_create_context(self->gpu.fd, self->gpu.device, &self->context));
}

FIXTURE_TEARDOWN(priority)
{
	dxg_gpu_close(&self->gpu);
}

#define FD	(self->gpu.fd)

static int set(int fd, unsigned int request, __u32 context, __s32 priority)
{
	struct d3dkmt_setcontextschedulingpriority args = {
		.context.v = context,
		.priority = priority,
	};

	return dxg_ioctl(fd, request, &args);
}

static int get(int fd, unsigned int request, __u32 context, __s32 *priority)
{
	struct d3dkmt_getcontextschedulingpriority args = {
		.context.v = context,
		.priority = 0x5a5a5a5a,
	};
	int result = dxg_ioctl(fd, request, &args);

	*priority = args.priority;
	return result;
}

TEST_F(priority, first)
{
	__s32 priority;

	EXPECT_EQ(0, get(FD, variant->get, self->context, &priority));
	EXPECT_EQ(0, priority);
}

TEST_F(priority, set_and_get)
{
	const __s32 priorities[] = { 1, -1, PRIORITY_MAX, -PRIORITY_MAX, 0, 3, 3, -5 };
	__s32 priority, other;

	ASSERT_EQ(0, get(FD, variant->get_other, self->context, &other));
	for (int i = 0; i < ARRAY_SIZE(priorities); i++) {
		EXPECT_EQ(0, set(FD, variant->set, self->context, priorities[i]));
		EXPECT_EQ(0, get(FD, variant->get, self->context, &priority));
		EXPECT_EQ(priorities[i], priority);
		/* The two kinds are not one. */
		EXPECT_EQ(0, get(FD, variant->get_other, self->context, &priority));
		EXPECT_EQ(other, priority);
	}
}

TEST_F(priority, out_of_range)
{
	const __s32 priorities[] = {
		PRIORITY_MAX + 1, -PRIORITY_MAX - 1, 0x7fffffff, -0x7fffffff - 1,
	};

	ASSERT_EQ(0, set(FD, variant->set, self->context, 2));
	for (int i = 0; i < ARRAY_SIZE(priorities); i++) {
		struct d3dkmt_setcontextschedulingpriority args = {
			.context.v = self->context,
			.priority = priorities[i],
		};
		__s32 priority;

		EXPECT_REFUSED(EINVAL, FD, variant->set, &args);
		EXPECT_EQ(0, get(FD, variant->get, self->context, &priority));
		EXPECT_EQ(2, priority);
	}
}

TEST_F(priority, of_each_context)
{
	__u32 other;
	__s32 priority;

	ASSERT_EQ(0, dxg_create_context(FD, self->gpu.device, &other));
	EXPECT_EQ(0, set(FD, variant->set, other, 4));
	EXPECT_EQ(0, get(FD, variant->get, self->context, &priority));
	EXPECT_EQ(0, priority);
	EXPECT_EQ(0, dxg_destroy_context(FD, other));
	EXPECT_ERRNO(EINVAL, get(FD, variant->get, other, &priority));
	EXPECT_EQ(0x5a5a5a5a, priority);
	EXPECT_ERRNO(EINVAL, set(FD, variant->set, other, 0));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
