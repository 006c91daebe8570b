// SPDX-License-Identifier: GPL-2.0
/*
 * Stands for CUDA on WSL.
 *
 * Source: libcuda is closed. What is known of it: NVIDIA's user guide for WSL (pinned memory
 * and its limits), the CUDA API (events, contexts, streams), and what users' kernel logs show:
 * microsoft/WSL issues 11293 and 13734 (at its start it asks for features and for registry
 * values that are not there, and goes on after EINVAL and ENOENT) and 41176 (a model that is
 * larger than what is left makes MakeResident fail with ENOMEM, which becomes "device not
 * ready"). Which arguments it uses is not known; these are the plain ones.
 *
 * What it does with the answers: without the start's queries being answered or refused by just
 * these errors there is no device. ENOMEM is an error of one call, not of the device.
 */
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "client.h"

#define PINNED		(2ul * 1024 * 1024)
#define PIECES		16
#define CONTEXTS	24
#define QAI_REGISTRY	48

enum {
	REGISTRY_ADAPTER_KEY	= 1,
	REGISTRY_DRIVER_STORE	= 2,
};

struct registry_query {
	__u32 type, flags;
	__u16 name[260];
	__u32 value_type, physical_adapter, output_size, status;
	union {
		__u64 number;
		__u16 text[260];
	} output;
};

FIXTURE(cuda)
{
	struct dxg_gpu gpu;
};

FIXTURE_VARIANT(cuda)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(cuda, render) { .compute = false };
FIXTURE_VARIANT_ADD(cuda, compute) { .compute = true };

FIXTURE_SETUP(cuda)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
}

FIXTURE_TEARDOWN(cuda)
{
	dxg_gpu_close(&self->gpu);
}

#define FD	(self->gpu.fd)

static int ask_registry(const struct dxg_gpu *gpu, struct registry_query *query)
{
	return dxg_query(gpu->fd, gpu->adapter, QAI_REGISTRY, query, sizeof(*query));
}

/* Where the user-mode driver lies: the beginning of everything, since libcuda is loaded from there */
TEST_F(cuda, driver_store)
{
	struct registry_query query = { .type = REGISTRY_DRIVER_STORE };

	EXPECT_OK(ask_registry(&self->gpu, &query));
	EXPECT_EQ(0, query.status);
	EXPECT_LT(0, query.output_size);
	EXPECT_GE(sizeof(query.output), query.output_size);
	EXPECT_NE(0, query.output.text[0]);
}

TEST_F(cuda, registry_values_that_are_not_there)
{
	struct registry_query query = { .type = REGISTRY_ADAPTER_KEY, .value_type = 4 };
	static const char name[] = "NoSuchValueOfAnyDriver";

	if (client_old_host())
		SKIP(return, "an old host's replies have no status");
	for (int i = 0; name[i]; i++)
		query.name[i] = name[i];
	EXPECT_ERRNO(ENOENT, ask_registry(&self->gpu, &query));
}

TEST_F(cuda, features_that_are_not_known)
{
	struct d3dkmt_isfeatureenabled args = {
		.adapter.v = self->gpu.adapter,
		.feature_id = 0x7fffffff,
	};
	int result = dxg_ioctl(FD, LX_ISFEATUREENABLED, &args);

	EXPECT_TRUE(result == -EINVAL || (result == 0 && !args.result.enabled));
}

/* cudaHostAlloc: many pieces of the program's memory, which the GPU writes and the CPU reads */
TEST_F(cuda, pinned_memory)
{
	char *memory = mmap(NULL, PIECES * PINNED, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct dxg_worker worker;
	__u32 allocations[PIECES];
	__u64 addresses[PIECES];

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(0, dxg_make_worker(&self->gpu, &worker));
	for (int i = 0; i < PIECES; i++) {
		struct dxg_allocation_data data = DXG_ALLOCATION_DATA(PINNED);
		struct d3dddi_allocationinfo2 info = {
			.sysmem = (uintptr_t)memory + i * PINNED,
			.priv_drv_data = (uintptr_t)&data,
			.priv_drv_data_size = sizeof(data),
		};
		struct d3dkmt_createallocation create = {
			.device.v = self->gpu.device,
			.alloc_count = 1,
			.allocation_info = (uintptr_t)&info,
			.flags.existing_sysmem = 1,
		};

		ASSERT_EQ(0, dxg_ioctl(FD, LX_DXCREATEALLOCATION, &create));
		allocations[i] = info.allocation.v;
		ASSERT_EQ(0, dxg_map(&worker, allocations[i], PINNED / DXG_PAGE, &addresses[i]));
		DXG_ADD(&worker, gpu_fill, GPU_FILL, addresses[i] + PINNED - DXG_PAGE, DXG_PAGE,
			0x01010101 * i, 0);
	}
	ASSERT_EQ(0, dxg_worker_finish(&worker));
	for (int i = 0; i < PIECES; i++) {
		EXPECT_TRUE(dxg_filled(memory + (i + 1) * PINNED - DXG_PAGE, DXG_PAGE, i));
		EXPECT_OK(dxg_unmap(&worker, addresses[i], PINNED / DXG_PAGE));
		EXPECT_OK(dxg_destroy_allocation(FD, self->gpu.device, allocations[i]));
	}
	munmap(memory, PIECES * PINNED);
}

/* cudaEventRecord and cudaEventSynchronize with blocking, on many streams at once */
TEST_F(cuda, events_of_many_contexts)
{
	struct dxg_monitored fences[CONTEXTS];
	__u32 contexts[CONTEXTS];
	int events[CONTEXTS];

	for (int i = 0; i < CONTEXTS; i++) {
		ASSERT_EQ(0, dxg_create_context(FD, self->gpu.device, &contexts[i]));
		ASSERT_EQ(0, dxg_create_monitored(FD, self->gpu.device, 0, 0, &fences[i]));
		events[i] = dxg_event();
		ASSERT_LE(0, events[i]);
		ASSERT_EQ(0, dxg_wait_event(&self->gpu, fences[i].handle, 1, events[i]));
	}
	/* Each one waits for the one before it, the first one for nothing. */
	for (int i = CONTEXTS - 1; i >= 0; i--) {
		if (i > 0)
			ASSERT_OK(dxg_wait_gpu(FD, contexts[i], fences[i - 1].handle, 1));
		ASSERT_EQ(0, dxg_signal_gpu(FD, contexts[i], fences[i].handle, 1));
	}
	for (int i = 0; i < CONTEXTS; i++) {
		EXPECT_TRUE(dxg_file_signals(events[i], DXG_TIMEOUT_MS));
		EXPECT_EQ(1, *fences[i].value);
		close(events[i]);
	}
	for (int i = 0; i < CONTEXTS; i++) {
		EXPECT_OK(dxg_destroy_sync(FD, fences[i].handle));
		EXPECT_OK(dxg_destroy_context(FD, contexts[i]));
	}
}

/* A CUDA context is a device with a paging queue; programs have several on one GPU. */
TEST_F(cuda, many_devices)
{
	__u32 devices[CONTEXTS], context;
	struct dxg_paging_queue paging;

	for (int i = 0; i < CONTEXTS; i++) {
		ASSERT_EQ(0, dxg_create_device(FD, self->gpu.adapter, &devices[i]));
		ASSERT_EQ(0, dxg_create_paging_queue(FD, devices[i], &paging));
		ASSERT_EQ(0, dxg_create_context(FD, devices[i], &context));
	}
	for (int i = 0; i < CONTEXTS; i++) {
		EXPECT_OK(dxg_device_state(FD, devices[i]));
		EXPECT_OK(dxg_destroy_device(FD, devices[i]));
	}
}

/* More than the budget: the call fails and says by how much, and the device works on. */
TEST_F(cuda, more_than_there_is)
{
	struct d3dkmt_queryvideomemoryinfo info = { .adapter.v = self->gpu.adapter };
	struct dxg_paging_queue paging;
	__u32 small, large;
	__u64 value;

	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXQUERYVIDEOMEMORYINFO, &info));
	ASSERT_EQ(0, dxg_create_paging_queue(FD, self->gpu.device, &paging));
	ASSERT_EQ(0, dxg_create_allocation(FD, self->gpu.device, 16, &small));
	ASSERT_EQ(0, dxg_create_allocation(FD, self->gpu.device,
					   info.budget / DXG_PAGE + 1, &large));

	struct d3dddi_makeresident args = {
		.paging_queue.v = paging.queue,
		.alloc_count = 1,
		.allocation_list = (uintptr_t)&large,
	};

	EXPECT_ERRNO(ENOMEM, dxg_ioctl(FD, LX_DXMAKERESIDENT, &args));
	EXPECT_OK(dxg_device_state(FD, self->gpu.device));
	EXPECT_TRUE(client_accepted(client_resident(FD, paging.queue, &small, 1, 0, &value)));
	EXPECT_OK(dxg_destroy_allocation(FD, self->gpu.device, large));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
