// SPDX-License-Identifier: GPL-2.0
/*
 * Stands for Mesa's replay tool of freedreno on WSL.
 *
 * Source: Mesa, src/freedreno/decode/replay.c, the part under FD_REPLAY_WSL. It calls the
 * driver without any library. It lists adapters with room for one, opens that one by its LUID,
 * and gets one allocation of 1 GiB that is mapped at an address of its own choice, is resident
 * and locked for as long as the program runs: all its buffers lie in there. It has no fence of
 * the driver's: commands write a value that it looks for 1000 times, a millisecond apart.
 *
 * What it does with the answers: it ends with an error unless MapGpuVirtualAddress and
 * MakeResident return just 0x103, STATUS_PENDING, and each of the other calls 0. The
 * address comes from the answer and is not always the wanted one.
 */
#include "client.h"

#define SPACE		(1024ul * 1024 * 1024)
#define DONE		0xababfcfc
/* Where the tool's fence and the command that writes it lie: in the last page */
#define FENCE_OFFSET	(SPACE - DXG_PAGE)
#define DEFAULT_BASE	0x500000000ull

FIXTURE(freedreno)
{
	struct dxg_gpu gpu;
};

FIXTURE_SETUP(freedreno)
{
	struct d3dkmt_adapterinfo adapter = {};
	__u32 count = 1;

	memset(&self->gpu, 0, sizeof(self->gpu));
	self->gpu.fd = dxg_open();
	ASSERT_LE(0, self->gpu.fd);
	/* Without the filter for compute-only adapters there is one; more would be too many. */
	ASSERT_EQ(0, dxg_enum3(self->gpu.fd, DXG_FILTER_NONE, &adapter, &count));
	if (!count)
		SKIP(return, "no render adapter");
	ASSERT_EQ(1, count);
	self->gpu.luid = adapter.adapter_luid;
	ASSERT_EQ(0, dxg_open_adapter(self->gpu.fd, adapter.adapter_luid, &self->gpu.adapter));
	ASSERT_EQ(0, dxg_create_device(self->gpu.fd, self->gpu.adapter, &self->gpu.device));
}

FIXTURE_TEARDOWN(freedreno)
{
	close(self->gpu.fd);
}

static void replay(struct __test_metadata *_metadata, const struct dxg_gpu *gpu, __u64 base)
{
	/* The context has 64 bytes of driver data, which a host hands on as they are. */
	unsigned char context_data[64] = { [4] = 1, [8] = 2 };
	struct d3dkmt_createcontextvirtual context = {
		.device.v = gpu->device,
		.engine_affinity = 1,
		.priv_drv_data = (uintptr_t)context_data,
		.priv_drv_data_size = sizeof(context_data),
		.client_hint = 16,
	};
	struct dxg_allocation_data data = DXG_ALLOCATION_DATA(SPACE);
	struct d3dddi_allocationinfo2 info = {
		.priv_drv_data = (uintptr_t)&data,
		.priv_drv_data_size = sizeof(data),
	};
	struct d3dkmt_createallocation create = {
		.device.v = gpu->device,
		.alloc_count = 1,
		.allocation_info = (uintptr_t)&info,
	};
	struct dxg_paging_queue paging;
	__u32 priority = 0;
	void *space;

	ASSERT_EQ(0, dxg_ioctl(gpu->fd, LX_DXCREATECONTEXTVIRTUAL, &context));
	ASSERT_EQ(0, dxg_create_paging_queue(gpu->fd, gpu->device, &paging));
	ASSERT_EQ(0, dxg_ioctl(gpu->fd, LX_DXCREATEALLOCATION, &create));

	struct d3dddi_mapgpuvirtualaddress map = {
		.paging_queue.v = paging.queue,
		.base_address = base,
		.maximum_address = ~0ull,
		.allocation = info.allocation,
		.size_in_pages = SPACE / DXG_PAGE,
		.protection = { .write = 1, .execute = 1 },
	};
	struct d3dddi_makeresident resident = {
		.paging_queue.v = paging.queue,
		.alloc_count = 1,
		.allocation_list = (uintptr_t)&info.allocation,
		.priority_list = (uintptr_t)&priority,
	};

	ASSERT_EQ(DXG_STATUS_PENDING, client_map(gpu->fd, &map));
	EXPECT_TRUE(!base || base == map.virtual_address);
	ASSERT_EQ(DXG_STATUS_PENDING, dxg_ioctl(gpu->fd, LX_DXMAKERESIDENT, &resident));
	ASSERT_EQ(0, client_lock(gpu, info.allocation.v, &space));

	/* The real one has its own command for this; the value and the place are the tool's. */
	__u32 *fence = space + FENCE_OFFSET;
	struct gpu_fill *fill = space + FENCE_OFFSET + 8;

	*fence = 0;
	*fill = (struct gpu_fill){
		.number = GPU_FILL,
		.size = sizeof(*fill),
		.target = map.virtual_address + FENCE_OFFSET,
		.bytes = sizeof(*fence),
		.value = DONE,
	};

	struct d3dkmt_submitcommand submit = {
		.command_buffer = map.virtual_address + FENCE_OFFSET + 8,
		.command_length = sizeof(*fill),
		.broadcast_context_count = 1,
		.broadcast_context[0] = context.context,
	};

	ASSERT_EQ(0, dxg_ioctl(gpu->fd, LX_DXSUBMITCOMMAND, &submit));
	for (int i = 0; i < DXG_TIMEOUT_MS && !*fence; i++)
		dxg_sleep_ms(1);
	EXPECT_EQ(DONE, *fence);
}

TEST_F(freedreno, replay_anywhere)
{
	replay(_metadata, &self->gpu, 0);
}

/* Its option --address, on GPUs whose command streams hold addresses */
TEST_F(freedreno, replay_at_an_address)
{
	replay(_metadata, &self->gpu, DEFAULT_BASE);
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
