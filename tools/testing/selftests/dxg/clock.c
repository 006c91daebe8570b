// SPDX-License-Identifier: GPL-2.0
/* QueryClockCalibration and FlushHeapTransitions */
#include "dxg_objects.h"
#include "dxg_harness.h"

FIXTURE(clock)
{
	struct dxg_gpu gpu;
};

FIXTURE_VARIANT(clock)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(clock, render) { .compute = false };
FIXTURE_VARIANT_ADD(clock, compute) { .compute = true };

FIXTURE_SETUP(clock)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
}

FIXTURE_TEARDOWN(clock)
{
	dxg_gpu_close(&self->gpu);
}

#define FD	(self->gpu.fd)

TEST_F(clock, calibration)
{
	struct d3dkmt_queryclockcalibration args[2];

	for (int i = 0; i < 2; i++) {
		memset(&args[i], 0xa5, sizeof(args[i]));
		args[i].adapter.v = self->gpu.adapter;
		args[i].node_ordinal = 0;
		args[i].physical_adapter_index = 0;
		ASSERT_EQ(0, dxg_ioctl(FD, LX_DXQUERYCLOCKCALIBRATION, &args[i]));
		EXPECT_EQ(self->gpu.adapter, args[i].adapter.v);
		EXPECT_EQ(0, args[i].node_ordinal);
		EXPECT_EQ(0, args[i].physical_adapter_index);
		EXPECT_LT(0, args[i].clock_data.gpu_frequency);
		EXPECT_GT(1ULL << 40, args[i].clock_data.gpu_frequency);
		EXPECT_GE(1, args[i].clock_data.flags.value);
		dxg_sleep_ms(20);
	}
	/* Both clocks run, and the GPU's as fast as it says. */
	EXPECT_EQ(args[0].clock_data.gpu_frequency, args[1].clock_data.gpu_frequency);
	EXPECT_LT(args[0].clock_data.gpu_clock_counter, args[1].clock_data.gpu_clock_counter);
	EXPECT_LT(args[0].clock_data.cpu_clock_counter, args[1].clock_data.cpu_clock_counter);
	EXPECT_LE(args[0].clock_data.gpu_frequency / 100,
		  args[1].clock_data.gpu_clock_counter - args[0].clock_data.gpu_clock_counter);
}

TEST_F(clock, unknown_engine)
{
	struct d3dkmt_queryclockcalibration args = {
		.adapter.v = self->gpu.adapter,
		.node_ordinal = 0xffff,
		.clock_data.gpu_frequency = 0xa5a5a5a5,
	};

	EXPECT_REFUSED(EINVAL, FD, LX_DXQUERYCLOCKCALIBRATION, &args);
	args.node_ordinal = 0;
	args.physical_adapter_index = 64;
	EXPECT_REFUSED(EINVAL, FD, LX_DXQUERYCLOCKCALIBRATION, &args);
}

TEST_F(clock, flush_heap)
{
	struct d3dkmt_flushheaptransitions args = { .adapter.v = self->gpu.adapter };

	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, dxg_ioctl(FD, LX_DXFLUSHHEAPTRANSITIONS, &args));
		/* The handle is the caller's, not the host's. */
		EXPECT_EQ(self->gpu.adapter, args.adapter.v);
	}
	/* Nothing is written, not even the same. */
	EXPECT_EQ(0, dxg_ioctl(FD, LX_DXFLUSHHEAPTRANSITIONS, dxg_readonly(&args, sizeof(args))));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
