// SPDX-License-Identifier: GPL-2.0
/* SubmitCommand: limits, what is read, and what the host refuses */
#include "dxg_objects.h"
#include "dxg_harness.h"

#define HISTORY_MAX		1024
#define SIZE_SUBMIT		408

FIXTURE(submit)
{
	struct dxg_gpu gpu;
	__u32 context;
	struct d3dkmt_submitcommand args;
};

FIXTURE_VARIANT(submit)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(submit, render) { .compute = false };
FIXTURE_VARIANT_ADD(submit, compute) { .compute = true };

FIXTURE_SETUP(submit)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	ASSERT_EQ(0, dxg_create_context(self->gpu.fd, self->gpu.device, &self->context));
	self->args.broadcast_context_count = 1;
	self->args.broadcast_context[0].v = self->context;
}

FIXTURE_TEARDOWN(submit)
{
	dxg_gpu_close(&self->gpu);
}

#define FD		(self->gpu.fd)
#define SUBMIT()	dxg_ioctl(FD, LX_DXSUBMITCOMMAND, &self->args)
#define REFUSED(error)	EXPECT_REFUSED(error, FD, LX_DXSUBMITCOMMAND, &self->args)

TEST_F(submit, nothing_written)
{
	struct d3dkmt_submitcommand before = self->args;

	for (int i = 0; i < 10; i++)
		EXPECT_OK(SUBMIT());
	EXPECT_EQ(0, memcmp(&before, &self->args, sizeof(before)));
}

TEST_F(submit, context_count)
{
	const __u32 counts[] = { 0, D3DDDI_MAX_BROADCAST_CONTEXT + 1, 0x10000, 0xffffffff };

	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		self->args.broadcast_context_count = counts[i];
		REFUSED(EINVAL);
	}
}

TEST_F(submit, most_contexts)
{
	for (int i = 1; i < D3DDDI_MAX_BROADCAST_CONTEXT; i++) {
		__u32 *context = &self->args.broadcast_context[i].v;

		ASSERT_EQ(0, dxg_create_context(FD, self->gpu.device, context));
	}
	self->args.broadcast_context_count = D3DDDI_MAX_BROADCAST_CONTEXT;
	EXPECT_EQ(0, SUBMIT());
}

TEST_F(submit, primaries)
{
	const __u32 counts[] = { 131073, 0xffffffff };

	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		self->args.num_primaries = counts[i];
		REFUSED(EINVAL);
	}
	self->args.num_primaries = 1;
	ASSERT_EQ(0, dxg_create_allocation(FD, self->gpu.device, 1,
					   &self->args.written_primaries[0].v));
	EXPECT_EQ(0, SUBMIT());
}

TEST_F(submit, history)
{
	const __u32 counts[] = { HISTORY_MAX + 1, 0x40000000, 0xffffffff };
	__u32 *history = dxg_guarded(HISTORY_MAX * sizeof(*history), 0);
	__u32 allocation;

	ASSERT_EQ(0, dxg_create_allocation(FD, self->gpu.device, 1, &allocation));
	for (int i = 0; i < HISTORY_MAX; i++)
		history[i] = allocation;
	self->args.history_buffer_array = (uintptr_t)history;
	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		self->args.num_history_buffers = counts[i];
		REFUSED(EINVAL);
	}
	self->args.num_history_buffers = HISTORY_MAX;
	EXPECT_EQ(0, SUBMIT());
	self->args.history_buffer_array += sizeof(*history);
	REFUSED(EFAULT);
	self->args.num_history_buffers = HISTORY_MAX - 1;
	EXPECT_EQ(0, SUBMIT());
	self->args.num_history_buffers = 1;
	self->args.history_buffer_array = 0;
	REFUSED(EFAULT);
}

TEST_F(submit, private_data)
{
	__u32 most = dxg_message_room(SIZE_SUBMIT);
	const __u32 sizes[] = {
		most + 1, DXG_MESSAGE_MAX, DXG_MESSAGE_MAX + 1, 0x7fffffff, 0xffffffff,
	};
	unsigned char *data = dxg_guarded(DXG_MESSAGE_MAX + 1, 0x5a);

	self->args.priv_drv_data = (uintptr_t)data;
	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		self->args.priv_drv_data_size = sizes[i];
		REFUSED(EINVAL);
	}
	self->args.priv_drv_data_size = most;
	EXPECT_EQ(0, SUBMIT());
	EXPECT_TRUE(dxg_filled(data, DXG_MESSAGE_MAX + 1, 0x5a));
	/* Data and history share the room. */
	self->args.num_history_buffers = 1;
	self->args.history_buffer_array = (uintptr_t)data;
	REFUSED(EINVAL);
	self->args.num_history_buffers = 0;
	self->args.priv_drv_data_size = 5;
	self->args.priv_drv_data = (uintptr_t)data + DXG_MESSAGE_MAX + 1 - 4;
	REFUSED(EFAULT);
	self->args.priv_drv_data_size = 4;
	EXPECT_EQ(0, SUBMIT());
}

/* Limits are checked before the context, and the context before memory is read. */
TEST_F(submit, order_of_checks)
{
	self->args.broadcast_context[0].v = DXG_NO_HANDLE;
	self->args.num_history_buffers = 1;
	self->args.priv_drv_data_size = 1;
	REFUSED(EINVAL);
}

/* The first context is the driver's to know; the rest is the host's, if it is asked. */
TEST_F(submit, refused_by_host)
{
	if (dxg_asynchronous())
		SKIP(return, "nobody waits for the host's answer");
	/* There is room for sixteen in the argument. */
	self->args.num_primaries = D3DDDI_MAX_WRITTEN_PRIMARIES + 1;
	REFUSED(EINVAL);
	self->args.num_primaries = 131072;
	REFUSED(EINVAL);
	self->args.num_primaries = 0;
	self->args.broadcast_context_count = 2;
	self->args.broadcast_context[1].v = self->gpu.device;
	REFUSED(EINVAL);
	self->args.broadcast_context[1].v = 0;
	REFUSED(EINVAL);
	self->args.broadcast_context_count = 1;
	self->args.flags.reserved = 1;
	REFUSED(EINVAL);
	self->args.flags.reserved = 0;
	self->args.num_primaries = 1;
	self->args.written_primaries[0].v = self->context;
	REFUSED(EINVAL);
	self->args.num_primaries = 0;
	self->args.num_history_buffers = 1;
	self->args.history_buffer_array = (uintptr_t)&self->context;
	REFUSED(EINVAL);
	self->args.num_history_buffers = 0;
	if (self->gpu.hw_queues) {
		/* A context whose work goes to hardware queues */
		ASSERT_EQ(0, dxg_create_hw_context(FD, self->gpu.device,
						   &self->args.broadcast_context[0].v));
		REFUSED(EINVAL);
	}
}

/* A lost device takes no more work. */
TEST_F(submit, lost_device)
{
	struct d3dkmt_markdeviceaserror lose = {
		.device.v = self->gpu.device,
		.reason = _D3DKMT_DEVICE_ERROR_REASON_GENERIC,
	};

	EXPECT_EQ(0, SUBMIT());
	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXMARKDEVICEASERROR, &lose));
	if (dxg_asynchronous())
		EXPECT_OK(SUBMIT());
	else
		REFUSED(ENODEV);
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
