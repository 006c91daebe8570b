// SPDX-License-Identifier: GPL-2.0
/* A driver that was built without sync files: the calls say so, whatever they are given. */
#include "dxg_sync.h"
#include "dxg_harness.h"

FIXTURE(absent)
{
	struct dxg_gpu gpu;
	__u32 context;
	struct dxg_monitored fence;
};

FIXTURE_SETUP(absent)
{
	DXG_GPU_SETUP(&self->gpu, false);
	ASSERT_EQ(0, dxg_create_context(self->gpu.fd, self->gpu.device, &self->context));
	ASSERT_EQ(0, dxg_create_monitored(self->gpu.fd, self->gpu.device, 0, DXG_SHARED,
					  &self->fence));
}

FIXTURE_TEARDOWN(absent)
{
	dxg_gpu_close(&self->gpu);
}

TEST_F(absent, create)
{
	struct d3dkmt_createsyncfile args = {
		.device.v = self->gpu.device,
		.monitored_fence.v = self->fence.handle,
		.fence_value = 5,
	};
	int before = dxg_host_objects_settled(), next = dup(0);

	close(next);
	EXPECT_REFUSED(EOPNOTSUPP, self->gpu.fd, LX_DXCREATESYNCFILE, &args);
	args.device.v = 0;
	EXPECT_REFUSED(EOPNOTSUPP, self->gpu.fd, LX_DXCREATESYNCFILE, &args);
	EXPECT_ERRNO(EFAULT, dxg_ioctl(self->gpu.fd, LX_DXCREATESYNCFILE, dxg_unmapped()));
	EXPECT_EQ(next, dup(0));
	EXPECT_TRUE(dxg_host_objects_return(before));
}

TEST_F(absent, wait)
{
	EXPECT_ERRNO(EOPNOTSUPP, dxg_wait_sync_file(self->gpu.fd, self->context, dxg_event()));
	EXPECT_ERRNO(EOPNOTSUPP, dxg_wait_sync_file(self->gpu.fd, 0, -1));
	EXPECT_ERRNO(EFAULT, dxg_ioctl(self->gpu.fd, LX_DXWAITSYNCFILE, dxg_unmapped()));
}

TEST_F(absent, open)
{
	struct d3dkmt_opensyncobjectfromsyncfile args = {
		.sync_file_handle = dxg_event(),
		.device.v = self->gpu.device,
	};

	EXPECT_REFUSED(EOPNOTSUPP, self->gpu.fd, LX_DXOPENSYNCOBJECTFROMSYNCFILE, &args);
	EXPECT_ERRNO(EFAULT, dxg_ioctl(self->gpu.fd, LX_DXOPENSYNCOBJECTFROMSYNCFILE,
				       dxg_unmapped()));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
