// SPDX-License-Identifier: GPL-2.0
/* ChangeVideoMemoryReservation */
#include "dxg_objects.h"
#include "dxg_harness.h"

FIXTURE(reservation)
{
	struct dxg_gpu gpu;
};

FIXTURE_VARIANT(reservation)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(reservation, render) { .compute = false };
FIXTURE_VARIANT_ADD(reservation, compute) { .compute = true };

FIXTURE_SETUP(reservation)
{
	/* What others have reserved is theirs until they are gone. */
	dxg_host_objects_settled();
	DXG_GPU_SETUP(&self->gpu, variant->compute);
}

FIXTURE_TEARDOWN(reservation)
{
	dxg_gpu_close(&self->gpu);
}

#define FD	(self->gpu.fd)

static int query(const struct dxg_gpu *gpu, __u32 group, struct d3dkmt_queryvideomemoryinfo *info)
{
	*info = (struct d3dkmt_queryvideomemoryinfo){
		.adapter.v = gpu->adapter,
		.memory_segment_group = group,
	};
	return dxg_ioctl(gpu->fd, LX_DXQUERYVIDEOMEMORYINFO, info);
}

static int change(const struct dxg_gpu *gpu, __u32 group, __u64 bytes)
{
	struct d3dkmt_changevideomemoryreservation args = {
		.adapter.v = gpu->adapter,
		.memory_segment_group = group,
		.reservation = bytes,
	};

	return dxg_ioctl(gpu->fd, LX_DXCHANGEVIDEOMEMORYRESERVATION, &args);
}

TEST_F(reservation, change)
{
	for (__u32 group = 0; group < 2; group++) {
		struct d3dkmt_queryvideomemoryinfo info, other;
		__u64 available;

		ASSERT_EQ(0, query(&self->gpu, group, &info));
		available = info.available_for_reservation;
		if (!available)
			continue;
		EXPECT_EQ(0, info.current_reservation);
		EXPECT_EQ(0, change(&self->gpu, group, available / 2));
		ASSERT_EQ(0, query(&self->gpu, group, &info));
		EXPECT_EQ(available / 2, info.current_reservation);
		ASSERT_EQ(0, query(&self->gpu, !group, &other));
		EXPECT_EQ(0, other.current_reservation);
		EXPECT_EQ(0, change(&self->gpu, group, available));
		EXPECT_EQ(0, change(&self->gpu, group, 0));
		ASSERT_EQ(0, query(&self->gpu, group, &info));
		EXPECT_EQ(0, info.current_reservation);
		EXPECT_EQ(available, info.available_for_reservation);
	}
}

TEST_F(reservation, nothing_written)
{
	struct d3dkmt_changevideomemoryreservation args = {
		.adapter.v = self->gpu.adapter,
		.reservation = DXG_PAGE,
		.pad = 0x5a5a5a5a,
	}, before = args;

	EXPECT_EQ(0, dxg_ioctl(FD, LX_DXCHANGEVIDEOMEMORYRESERVATION, &args));
	EXPECT_EQ(0, memcmp(&before, &args, sizeof(args)));
}

TEST_F(reservation, too_much)
{
	struct d3dkmt_queryvideomemoryinfo info;

	ASSERT_EQ(0, query(&self->gpu, 0, &info));
	EXPECT_ERRNO(EINVAL, change(&self->gpu, 0, info.available_for_reservation + 1));
	EXPECT_ERRNO(EINVAL, change(&self->gpu, 0, ~0ULL));
	ASSERT_EQ(0, query(&self->gpu, 0, &info));
	EXPECT_EQ(0, info.current_reservation);
}

TEST_F(reservation, other_process)
{
	const __u64 processes[] = { 1, getpid(), 1ULL << 32, ~0ULL };
	struct d3dkmt_changevideomemoryreservation args = { .adapter.v = self->gpu.adapter };

	for (int i = 0; i < ARRAY_SIZE(processes); i++) {
		args.process = processes[i];
		EXPECT_REFUSED(EINVAL, FD, LX_DXCHANGEVIDEOMEMORYRESERVATION, &args);
	}
}

TEST_F(reservation, unknown_group)
{
	EXPECT_ERRNO(EINVAL, change(&self->gpu, 2, 0));
	EXPECT_ERRNO(EINVAL, change(&self->gpu, 0xffffffff, 0));
}

TEST_F(reservation, unknown_gpu)
{
	struct d3dkmt_changevideomemoryreservation args = {
		.adapter.v = self->gpu.adapter,
		.physical_adapter_index = 64,
	};

	EXPECT_REFUSED(EINVAL, FD, LX_DXCHANGEVIDEOMEMORYRESERVATION, &args);
}

/* A reservation ends with the process that made it. */
static int reserve_and_exit(void *data)
{
	struct d3dkmt_queryvideomemoryinfo info;
	struct dxg_gpu gpu;

	return dxg_gpu_open(&gpu, *(bool *)data) ?: query(&gpu, 0, &info) ?:
	       change(&gpu, 0, info.available_for_reservation);
}

TEST_F(reservation, of_ended_process)
{
	bool compute = variant->compute;
	struct d3dkmt_queryvideomemoryinfo before, after;

	ASSERT_EQ(0, query(&self->gpu, 0, &before));
	for (int i = 0; i < 3; i++)
		ASSERT_OK(dxg_in_child(reserve_and_exit, &compute));
	for (int i = 0; i < DXG_TIMEOUT_MS / 10; i++) {
		ASSERT_EQ(0, query(&self->gpu, 0, &after));
		if (after.available_for_reservation == before.available_for_reservation)
			break;
		dxg_sleep_ms(10);
	}
	EXPECT_EQ(before.available_for_reservation, after.available_for_reservation);
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
