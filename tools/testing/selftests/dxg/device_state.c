// SPDX-License-Identifier: GPL-2.0
/* GetDeviceState and MarkDeviceAsError */
#include "dxg_objects.h"
#include "dxg_harness.h"

FIXTURE(state)
{
	struct dxg_gpu gpu;
};

FIXTURE_VARIANT(state)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(state, render) { .compute = false };
FIXTURE_VARIANT_ADD(state, compute) { .compute = true };

FIXTURE_SETUP(state)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
}

FIXTURE_TEARDOWN(state)
{
	dxg_gpu_close(&self->gpu);
}

#define FD	(self->gpu.fd)

static int mark(int fd, __u32 device, __u32 reason)
{
	struct d3dkmt_markdeviceaserror args = { .device.v = device, .reason = reason };

	return dxg_ioctl(fd, LX_DXMARKDEVICEASERROR, &args);
}

TEST_F(state, active)
{
	struct d3dkmt_getdevicestate args = {
		.device.v = self->gpu.device,
		.state_type = _D3DKMT_DEVICESTATE_EXECUTION,
	};

	for (int i = 0; i < 3; i++) {
		args.execution_state = 0xa5a5a5a5;
		ASSERT_EQ(0, dxg_ioctl(FD, LX_DXGETDEVICESTATE, &args));
		EXPECT_EQ(self->gpu.device, args.device.v);
		EXPECT_EQ(_D3DKMT_DEVICESTATE_EXECUTION, args.state_type);
		EXPECT_EQ(_D3DKMT_DEVICEEXECUTION_ACTIVE, args.execution_state);
	}
}

/* The other states are the host's to tell. */
TEST_F(state, other_types)
{
	for (__u32 type = _D3DKMT_DEVICESTATE_PRESENT; type <= _D3DKMT_DEVICESTATE_PRESENT_QUEUE;
	     type++) {
		struct d3dkmt_getdevicestate args = {
			.device.v = self->gpu.device,
			.state_type = type,
		};

		EXPECT_EQ(0, dxg_ioctl(FD, LX_DXGETDEVICESTATE, &args)) TH_LOG("type %u", type);
		EXPECT_EQ(self->gpu.device, args.device.v);
		EXPECT_EQ(type, args.state_type);
	}
}

TEST_F(state, no_page_fault)
{
	struct d3dkmt_getdevicestate args = {
		.device.v = self->gpu.device,
		.state_type = _D3DKMT_DEVICESTATE_PAGE_FAULT,
	};

	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXGETDEVICESTATE, &args));
	EXPECT_EQ(0, args.page_fault_state.faulted_virtual_address);
}

TEST_F(state, unknown_type)
{
	const __u32 types[] = { 0, 7, 0x80000001, 0xffffffff };

	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		struct d3dkmt_getdevicestate args = {
			.device.v = self->gpu.device,
			.state_type = types[i],
			.execution_state = 0xa5a5a5a5,
		};

		EXPECT_REFUSED(EINVAL, FD, LX_DXGETDEVICESTATE, &args);
	}
}

TEST_F(state, mark_as_error)
{
	const __u32 reasons[] = {
		_D3DKMT_DEVICE_ERROR_REASON_GENERIC, _D3DKMT_DEVICE_ERROR_REASON_DRIVER_ERROR,
	};

	for (int i = 0; i < ARRAY_SIZE(reasons); i++) {
		__u32 device;

		ASSERT_EQ(0, dxg_create_device(FD, self->gpu.adapter, &device));
		ASSERT_EQ(0, mark(FD, device, reasons[i]));
		/* At once, and for good */
		for (int j = 0; j < 20; j++) {
			EXPECT_EQ(_D3DKMT_DEVICEEXECUTION_RESET, dxg_device_state(FD, device));
			dxg_sleep_ms(2);
		}
		/* It can still be destroyed, and nobody else is concerned. */
		EXPECT_EQ(0, dxg_destroy_device(FD, device));
		EXPECT_EQ(0, dxg_device_state(FD, self->gpu.device));
	}
}

TEST_F(state, mark_twice)
{
	EXPECT_EQ(0, mark(FD, self->gpu.device, _D3DKMT_DEVICE_ERROR_REASON_GENERIC));
	EXPECT_EQ(0, mark(FD, self->gpu.device, _D3DKMT_DEVICE_ERROR_REASON_GENERIC));
	EXPECT_EQ(_D3DKMT_DEVICEEXECUTION_RESET, dxg_device_state(FD, self->gpu.device));
}

TEST_F(state, mark_without_reason)
{
	const __u32 reasons[] = { 0, 1, 6, 0x80000001, 0xffffffff };

	for (int i = 0; i < ARRAY_SIZE(reasons); i++) {
		struct d3dkmt_markdeviceaserror args = {
			.device.v = self->gpu.device,
			.reason = reasons[i],
		};

		EXPECT_REFUSED(EINVAL, FD, LX_DXMARKDEVICEASERROR, &args);
	}
}

/* News of one device makes the driver ask for the others: they answer for themselves. */
TEST_F(state, of_each_device)
{
	enum { DEVICES = 6 };
	__u32 devices[DEVICES];

	for (int i = 0; i < DEVICES; i++)
		ASSERT_OK(dxg_create_device(FD, self->gpu.adapter, &devices[i]));
	for (int i = 0; i < DEVICES; i += 2)
		ASSERT_OK(mark(FD, devices[i], _D3DKMT_DEVICE_ERROR_REASON_GENERIC));
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < DEVICES; i++) {
			EXPECT_EQ(i % 2 ? 0 : _D3DKMT_DEVICEEXECUTION_RESET,
				  dxg_device_state(FD, devices[i]));
		}
		dxg_sleep_ms(2);
	}
}

static int watch_or_mark(void *data, unsigned int index)
{
	const struct dxg_gpu *gpu = data;

	if (!index)
		return mark(gpu->fd, gpu->device, _D3DKMT_DEVICE_ERROR_REASON_GENERIC);
	for (int i = 0, seen = 0; i < 200; i++) {
		int state = dxg_device_state(gpu->fd, gpu->device);

		/* Once lost, it never comes back. */
		if (state < 0 || (seen && !state))
			return -1;
		seen = state;
	}
	return 0;
}

TEST_F(state, mark_while_watched)
{
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(0, dxg_create_device(FD, self->gpu.adapter, &self->gpu.device));
		EXPECT_EQ(0, dxg_together(4, watch_or_mark, &self->gpu));
		EXPECT_EQ(_D3DKMT_DEVICEEXECUTION_RESET, dxg_device_state(FD, self->gpu.device));
	}
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
