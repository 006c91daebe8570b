// SPDX-License-Identifier: GPL-2.0
/* Escape: data of the vendor's driver, and the escapes which the driver itself knows */
#include "dxg_objects.h"
#include "dxg_harness.h"

#define SIZE_ESCAPE	55

FIXTURE(escape)
{
	struct dxg_gpu gpu;
	struct d3dkmt_escape args;
	__u32 data[16];
};

FIXTURE_VARIANT(escape)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(escape, render) { .compute = false };
FIXTURE_VARIANT_ADD(escape, compute) { .compute = true };

FIXTURE_SETUP(escape)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	self->args.adapter.v = self->gpu.adapter;
	self->args.priv_drv_data = (uintptr_t)self->data;
	self->args.priv_drv_data_size = sizeof(self->data);
	for (int i = 0; i < ARRAY_SIZE(self->data); i++)
		self->data[i] = 100 + i;
}

FIXTURE_TEARDOWN(escape)
{
	dxg_gpu_close(&self->gpu);
}

#define FD		(self->gpu.fd)
#define ESCAPE()	dxg_ioctl(FD, LX_DXESCAPE, &self->args)
#define REFUSED(error)	EXPECT_REFUSED(error, FD, LX_DXESCAPE, &self->args)

/* There and back, all of it, and nothing beside it */
TEST_F(escape, there_and_back)
{
	const __u32 sizes[] = { 4, 8, 12, 60, 64 };

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct d3dkmt_escape before;
		__u32 data[16];

		memcpy(data, self->data, sizeof(data));
		self->args.priv_drv_data_size = sizes[i];
		before = self->args;
		EXPECT_EQ(0, ESCAPE());
		EXPECT_EQ(0, memcmp(&before, &self->args, sizeof(before)));
		EXPECT_EQ(0, memcmp((char *)data + sizes[i], (char *)self->data + sizes[i],
				    sizeof(data) - sizes[i]));
	}
}

TEST_F(escape, without_data)
{
	self->args.priv_drv_data = (uintptr_t)dxg_unmapped();
	self->args.priv_drv_data_size = 0;
	EXPECT_EQ(0, ESCAPE());
	self->args.priv_drv_data = 0;
	EXPECT_EQ(0, ESCAPE());
}

TEST_F(escape, size)
{
	__u32 most = dxg_message_room(SIZE_ESCAPE);
	const __u32 sizes[] = {
		most + 1, DXG_MESSAGE_MAX, DXG_MESSAGE_MAX + 1, 0x7fffffff, 0xffffffff,
	};
	char *data = dxg_guarded(DXG_MESSAGE_MAX + 1, 0x5a);

	self->args.priv_drv_data = (uintptr_t)data;
	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		self->args.priv_drv_data_size = sizes[i];
		REFUSED(EINVAL);
	}
	self->args.priv_drv_data_size = most;
	EXPECT_EQ(0, ESCAPE());
	EXPECT_TRUE(dxg_filled(data + most, DXG_MESSAGE_MAX + 1 - most, 0x5a));
}

TEST_F(escape, data_fault)
{
	char *end = dxg_guarded(64, 0);

	self->args.priv_drv_data = 0;
	REFUSED(EFAULT);
	self->args.priv_drv_data = (uintptr_t)(end + 1);
	REFUSED(EFAULT);
	/* An address is an address, on the way back too. */
	self->args.priv_drv_data = (uintptr_t)dxg_readonly(end, 64);
	REFUSED(EFAULT);
	/* The adapter comes first. */
	self->args.adapter.v = DXG_NO_HANDLE;
	self->args.priv_drv_data = 0;
	REFUSED(EINVAL);
}

/* No adapter, no data: as Windows has it */
TEST_F(escape, all_zero)
{
	memset(&self->args, 0, sizeof(self->args));
	REFUSED(EINVAL);
}

/* Handles are the host's on both sides: there is nothing to translate. */
TEST_F(escape, translate_handle)
{
	struct d3dddi_translate_allocation_handle data = { .allocation.v = 0x12345678 };

	self->args.type = _D3DKMT_ESCAPE_DRIVERPRIVATE;
	self->args.flags.driver_known_escape = 1;
	self->args.priv_drv_data = (uintptr_t)&data;
	self->args.priv_drv_data_size = sizeof(data);
	for (__u32 i = 0; i < 2; i++) {
		data.escape_type = i;
		EXPECT_EQ(0, ESCAPE());
		EXPECT_EQ(i, data.escape_type);
		EXPECT_EQ(0x12345678, data.allocation.v);
	}
	/* Its number is read, and it is all that is. */
	self->args.priv_drv_data_size = 4;
	EXPECT_EQ(0, ESCAPE());
	for (__u32 size = 0; size < 4; size++) {
		self->args.priv_drv_data_size = size;
		REFUSED(EINVAL);
	}
	self->args.priv_drv_data_size = 4;
	self->args.priv_drv_data = (uintptr_t)dxg_unmapped();
	REFUSED(EFAULT);
}

/* Neither does the host hide what it refuses: there is no answer then. */
TEST_F(escape, refused_by_host)
{
	self->args.type = _D3DKMT_ESCAPE_VIDMM;
	REFUSED(EOVERFLOW);
	self->args.type = _D3DKMT_ESCAPE_DRIVERPRIVATE;
	self->args.flags.reserved2 = 1;
	REFUSED(EOVERFLOW);
}

/* The host has a device or context with that number, or it has not. */
TEST_F(escape, device_and_context)
{
	self->args.device.v = self->gpu.device;
	EXPECT_EQ(0, ESCAPE());
	ASSERT_EQ(0, dxg_create_context(FD, self->gpu.device, &self->args.context.v));
	EXPECT_EQ(0, ESCAPE());
	/* A context goes along with its device. */
	self->args.device.v = 0;
	REFUSED(EOVERFLOW);
	self->args.device.v = DXG_NO_HANDLE;
	REFUSED(EOVERFLOW);
	self->args.device.v = self->gpu.device;
	self->args.context.v = self->gpu.device;
	REFUSED(EOVERFLOW);
}

FIXTURE(build)
{
	struct dxg_gpu gpu;
	struct d3dkmt_escape args;
	struct d3dddi_buildtestcommandbuffer build;
	unsigned char dma[D3DDDI_MAXTESTBUFFERSIZE + 1];
	unsigned char priv[D3DDDI_MAXTESTBUFFERPRIVATEDRIVERDATASIZE + 1];
};

FIXTURE_SETUP(build)
{
	DXG_GPU_SETUP(&self->gpu, false);
	self->args.adapter.v = self->gpu.adapter;
	self->args.type = _D3DKMT_ESCAPE_DRIVERPRIVATE;
	self->args.flags.driver_known_escape = 1;
	self->args.priv_drv_data = (uintptr_t)&self->build;
	self->args.priv_drv_data_size = sizeof(self->build);
	self->build.escape_type = _D3DDDI_DRIVERESCAPETYPE_BUILDTESTCOMMANDBUFFER;
	self->build.device.v = self->gpu.device;
	ASSERT_EQ(0, dxg_create_context(self->gpu.fd, self->gpu.device, &self->build.context.v));
	for (int i = 0; i < sizeof(self->build.command.buffer); i++)
		self->build.command.buffer[i] = 3 * i + 1;
	self->build.dma_buffer = (uintptr_t)self->dma;
	self->build.dma_buffer_priv_data = (uintptr_t)self->priv;
	self->build.dma_buffer_size = D3DDDI_MAXTESTBUFFERSIZE;
	self->build.dma_buffer_priv_data_size = D3DDDI_MAXTESTBUFFERPRIVATEDRIVERDATASIZE;
	memset(self->dma, 0xa5, sizeof(self->dma));
	memset(self->priv, 0xa5, sizeof(self->priv));
}

FIXTURE_TEARDOWN(build)
{
	dxg_gpu_close(&self->gpu);
}

/* Refused, with nothing written anywhere */
#define BUILD_REFUSED(error) do {						\
	struct d3dddi_buildtestcommandbuffer __build = self->build;		\
										\
	REFUSED(error);								\
	EXPECT_EQ(0, memcmp(&__build, &self->build, sizeof(__build)));		\
	EXPECT_TRUE(dxg_filled(self->dma, sizeof(self->dma), 0xa5));		\
	EXPECT_TRUE(dxg_filled(self->priv, sizeof(self->priv), 0xa5));		\
} while (0)

/* The two sizes are told, as much is written, and the pointers stay the caller's. */
TEST_F(build, command)
{
	struct d3dddi_buildtestcommandbuffer before = self->build;
	__u32 dma, priv;

	ASSERT_EQ(0, ESCAPE());
	dma = self->build.dma_buffer_size;
	priv = self->build.dma_buffer_priv_data_size;
	EXPECT_LT(0, dma);
	EXPECT_GE(D3DDDI_MAXTESTBUFFERSIZE, dma);
	EXPECT_GE(D3DDDI_MAXTESTBUFFERPRIVATEDRIVERDATASIZE, priv);
	/* This host's driver repeats the command, and counts up. */
	for (__u32 i = 0; i < dma; i++)
		ASSERT_OK(self->dma[i] - self->build.command.buffer[i % 72]);
	for (__u32 i = 0; i < priv; i++)
		ASSERT_OK((unsigned char)(self->build.command.buffer[0] + i) - self->priv[i]);
	EXPECT_TRUE(dxg_filled(self->dma + dma, sizeof(self->dma) - dma, 0xa5));
	EXPECT_TRUE(dxg_filled(self->priv + priv, sizeof(self->priv) - priv, 0xa5));
	before.dma_buffer_size = dma;
	before.dma_buffer_priv_data_size = priv;
	EXPECT_EQ(0, memcmp(&before, &self->build, sizeof(before)));
}

TEST_F(build, sizes)
{
	const __u32 sizes[] = { 0, 1, 3, D3DDDI_MAXTESTBUFFERSIZE + 1, 0xffffffff };

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		self->build.dma_buffer_size = sizes[i];
		BUILD_REFUSED(EINVAL);
	}
	self->build.dma_buffer_size = D3DDDI_MAXTESTBUFFERSIZE;
	self->build.dma_buffer_priv_data_size = D3DDDI_MAXTESTBUFFERPRIVATEDRIVERDATASIZE + 1;
	BUILD_REFUSED(EINVAL);
	self->build.dma_buffer_priv_data_size = 0xffffffff;
	BUILD_REFUSED(EINVAL);
	self->build.dma_buffer_priv_data_size = 0;
	self->args.priv_drv_data_size = sizeof(self->build) - 1;
	BUILD_REFUSED(EINVAL);
	self->args.priv_drv_data_size = 4;
	BUILD_REFUSED(EINVAL);
}

TEST_F(build, fault)
{
	self->build.dma_buffer = (uintptr_t)dxg_unmapped();
	EXPECT_ERRNO(EFAULT, ESCAPE());
	self->build.dma_buffer_size = D3DDDI_MAXTESTBUFFERSIZE;
	self->args.priv_drv_data = (uintptr_t)dxg_readonly(&self->build, sizeof(self->build));
	EXPECT_ERRNO(EFAULT, ESCAPE());
	/* Only the number of the escape can be read. */
	self->args.priv_drv_data = (uintptr_t)dxg_guarded(8, 0);
	*(__u32 *)(uintptr_t)self->args.priv_drv_data = self->build.escape_type;
	EXPECT_ERRNO(EFAULT, ESCAPE());
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
