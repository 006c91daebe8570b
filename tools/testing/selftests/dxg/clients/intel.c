// SPDX-License-Identifier: GPL-2.0
/*
 * Stands for Intel's compute runtime (OpenCL and Level Zero) on WSL.
 *
 * Source: intel/compute-runtime, shared/source/os_interface/windows/wddm/wddm.cpp and
 * wddm_interface.cpp, whose calls libdxcore takes to /dev/dxg. Each device begins with a device
 * and a paging queue; contexts name no engine by affinity (0); memory is reserved in ranges of
 * its address spaces, always with the paging queue, allocated one by one, mapped with all of
 * base, minimum and maximum address, and made resident with one priority, however many
 * allocations there are. With hardware queues each submission has 4096 bytes of driver data.
 *
 * What it does with the answers: 0 and STATUS_PENDING are both success for mapping and
 * residency; of the second it notes the fence value, and a submission that comes before it
 * is preceded by a wait of the context for the paging queue's fence. MakeResident that fails
 * is repeated with CantTrimFurther after an eviction. Any other failure ends the program.
 */
#include <sys/mman.h>

#include "client.h"

#define RANGE		(4ul * DXG_GPU_UNIT)
#define PAGES		(RANGE / DXG_PAGE)
/* The end of the range that it keeps for memory which the CPU shares */
#define SVM_END		((1ull << 47) - 1)
#define CANT_TRIM	1u

FIXTURE(intel)
{
	struct dxg_gpu gpu;
	struct dxg_paging_queue paging;
};

FIXTURE_VARIANT(intel)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(intel, render) { .compute = false };
FIXTURE_VARIANT_ADD(intel, compute) { .compute = true };

FIXTURE_SETUP(intel)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	ASSERT_EQ(0, dxg_create_paging_queue(self->gpu.fd, self->gpu.device, &self->paging));
}

FIXTURE_TEARDOWN(intel)
{
	dxg_gpu_close(&self->gpu);
}

#define FD	(self->gpu.fd)

/* The union of the argument has the paging queue where the driver's header has the adapter. */
static int reserve(int fd, __u32 queue, __u64 minimum, __u64 maximum, __u64 size, __u64 *address)
{
	struct d3dddi_reservegpuvirtualaddress args = {
		.adapter.v = queue,
		.minimum_address = minimum,
		.maximum_address = maximum,
		.size = size,
	};
	int result = dxg_ioctl(fd, LX_DXRESERVEGPUVIRTUALADDRESS, &args);

	*address = args.virtual_address;
	return result;
}

/* The host's address spaces are per adapter: a reservation on the wrong one cannot be used. */
TEST_F(intel, reserve_by_the_paging_queue)
{
	__u64 first, second;

	ASSERT_EQ(0, reserve(FD, self->paging.queue, 0, 0, RANGE, &first));
	EXPECT_NE(0, first);
	EXPECT_EQ(0, first % DXG_GPU_UNIT);
	/* In a range, as its address spaces are divided */
	ASSERT_EQ(0, reserve(FD, self->paging.queue, 1ull << 40, 1ull << 41, RANGE, &second));
	EXPECT_LE(1ull << 40, second);
	EXPECT_GE(1ull << 41, second + RANGE);
	EXPECT_OK(client_free(&self->gpu, first, RANGE));
	EXPECT_OK(client_free(&self->gpu, second, RANGE));
}

/*
 * The number of a paging queue may be that of an adapter handle. One open handle of another
 * adapter is enough; with 64 of them it is likely, and none may take the reservation.
 */
TEST_F(intel, reserve_beside_other_adapters)
{
	__u32 handles[64], allocation;
	struct dxg_list list;
	__u64 address, value;

	ASSERT_EQ(0, dxg_list(FD, &list));
	for (int i = 0; i < ARRAY_SIZE(handles); i++) {
		struct winluid luid = list.adapter[i % list.count].adapter_luid;

		handles[i] = 0;
		ASSERT_EQ(0, dxg_open_adapter(FD, luid, &handles[i]));
	}
	ASSERT_EQ(0, reserve(FD, self->paging.queue, 0, 0, RANGE, &address));
	ASSERT_EQ(0, dxg_create_allocation(FD, self->gpu.device, PAGES, &allocation));

	struct d3dddi_mapgpuvirtualaddress map = {
		.paging_queue.v = self->paging.queue,
		.base_address = address,
		.allocation.v = allocation,
		.size_in_pages = PAGES,
		.protection.write = 1,
	};

	/* It only works on the adapter on which the range is reserved. */
	EXPECT_TRUE(client_accepted(client_map(FD, &map)));
	EXPECT_EQ(address, map.virtual_address);
	value = map.paging_fence_value;
	EXPECT_OK(client_wait_paging(&self->gpu, &self->paging, value));
	EXPECT_OK(client_free(&self->gpu, address, RANGE));
	for (int i = 0; i < ARRAY_SIZE(handles); i++)
		EXPECT_OK(dxg_close_adapter(FD, handles[i]));
}

/* Memory that the CPU shares lies at the same address: the base decides, whatever the rest is. */
TEST_F(intel, memory_of_the_program_at_its_own_address)
{
	char *memory = mmap(NULL, 2 * RANGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	__u64 base = ((uintptr_t)memory + DXG_GPU_UNIT - 1) & ~(__u64)(DXG_GPU_UNIT - 1);
	struct dxg_allocation_data data = DXG_ALLOCATION_DATA(RANGE);
	/* Neither of the flags that say so: the pointer is enough. */
	struct d3dddi_allocationinfo2 info = {
		.sysmem = base,
		.priv_drv_data = (uintptr_t)&data,
		.priv_drv_data_size = sizeof(data),
	};
	struct d3dkmt_createallocation create = {
		.device.v = self->gpu.device,
		.alloc_count = 1,
		.allocation_info = (uintptr_t)&info,
	};

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXCREATEALLOCATION, &create));

	struct d3dddi_mapgpuvirtualaddress map = {
		.paging_queue.v = self->paging.queue,
		.base_address = base,
		/* Would not let it be there. */
		.minimum_address = 0,
		.maximum_address = DXG_GPU_UNIT,
		.allocation = info.allocation,
		.size_in_pages = PAGES,
		.protection.write = 1,
	};

	EXPECT_TRUE(client_accepted(client_map(FD, &map)));
	EXPECT_EQ(base, map.virtual_address);
	EXPECT_OK(client_wait_paging(&self->gpu, &self->paging, map.paging_fence_value));
	EXPECT_OK(dxg_destroy_allocation(FD, self->gpu.device, info.allocation.v));
	munmap(memory, 2 * RANGE);
}

/* Several allocations, and a list of priorities with room for one. */
TEST_F(intel, residency)
{
	__u32 allocations[3];
	__u32 *priority = dxg_guarded(sizeof(allocations), 0);
	struct d3dddi_makeresident args = {
		.paging_queue.v = self->paging.queue,
		.alloc_count = ARRAY_SIZE(allocations),
		.allocation_list = (uintptr_t)allocations,
		.priority_list = (uintptr_t)priority,
		.flags.value = CANT_TRIM,
	};
	struct d3dkmt_evict evict = {
		.device.v = self->gpu.device,
		.alloc_count = ARRAY_SIZE(allocations),
		.allocations = (uintptr_t)allocations,
	};

	for (int i = 0; i < ARRAY_SIZE(allocations); i++)
		ASSERT_OK(dxg_create_allocation(FD, self->gpu.device, PAGES, &allocations[i]));
	EXPECT_PENDING(dxg_ioctl(FD, LX_DXMAKERESIDENT, &args));
	EXPECT_OK(client_wait_paging(&self->gpu, &self->paging, args.paging_fence_value));
	/* Once more: nothing is left to do, and nothing to wait for. */
	EXPECT_OK(dxg_ioctl(FD, LX_DXMAKERESIDENT, &args));
	/* As many evictions as it was made resident. */
	evict.flags.evict_only_if_necessary = 1;
	EXPECT_OK(dxg_ioctl(FD, LX_DXEVICT, &evict));
	evict.flags.value = 0;
	EXPECT_OK(dxg_ioctl(FD, LX_DXEVICT, &evict));
}

/* A wait for the paging fence, the device's state, and the submission, in this order. */
TEST_F(intel, submission_of_a_context)
{
	unsigned char header[64] = {};
	struct d3dkmt_createcontextvirtual context = {
		.device.v = self->gpu.device,
		/* All engines of the node */
		.engine_affinity = 0,
		.priv_drv_data = (uintptr_t)header,
		.priv_drv_data_size = sizeof(header),
		.client_hint = 2,
	};
	struct d3dkmt_submitcommand submit = {
		.broadcast_context_count = 1,
		.priv_drv_data = (uintptr_t)header,
		.priv_drv_data_size = sizeof(header),
	};
	struct dxg_gpu_memory memory;
	struct dxg_worker worker;

	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXCREATECONTEXTVIRTUAL, &context));
	ASSERT_EQ(0, dxg_make_worker(&self->gpu, &worker));
	ASSERT_EQ(0, dxg_make_memory(&worker, false, 1, &memory));
	DXG_ADD(&worker, gpu_fill, GPU_FILL, memory.gpu, 4, 0x12345678, 0);
	DXG_ADD(&worker, gpu_fence, GPU_FENCE, worker.done.gpu_va, 1);
	ASSERT_EQ(0, dxg_wait_gpu(FD, context.context.v, worker.paging.fence,
				  *worker.paging.value));
	ASSERT_EQ(0, dxg_device_state(FD, self->gpu.device));
	submit.command_buffer = worker.commands.gpu;
	submit.command_length = worker.used;
	submit.broadcast_context[0] = context.context;
	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXSUBMITCOMMAND, &submit));
	/* It looks at the value for a while, and then waits by the handle. */
	EXPECT_OK(dxg_wait_cpu(&self->gpu, worker.done.handle, 1));
	EXPECT_EQ(1, *worker.done.value);
	EXPECT_EQ(0x12345678, *(__u32 *)memory.cpu);
}

TEST_F(intel, submission_of_a_hardware_queue)
{
	unsigned char *header = dxg_guarded(DXG_PAGE, 0);
	struct d3dkmt_submitcommandtohwqueue submit = {
		.hwqueue_progress_fence_id = 1,
		.priv_drv_data = (uintptr_t)header,
		.priv_drv_data_size = DXG_PAGE,
	};
	struct dxg_hw_queue queue;
	__u32 context;

	if (!self->gpu.hw_queues)
		SKIP(return, "no hardware scheduling");
	ASSERT_EQ(0, dxg_create_hw_context(FD, self->gpu.device, &context));
	ASSERT_EQ(0, dxg_create_hw_queue(FD, context, &queue));
	submit.hwqueue.v = queue.queue;
	EXPECT_OK(dxg_ioctl(FD, LX_DXSUBMITCOMMANDTOHWQUEUE, &submit));
	EXPECT_OK(dxg_wait_cpu(&self->gpu, queue.fence, 1));
	EXPECT_EQ(1, *queue.value);
}

/* How memory goes to another API: by the resource; an export that fails destroys by both. */
TEST_F(intel, sharing)
{
	__u32 resource, allocation;
	int descriptor;

	ASSERT_EQ(0, dxg_create_shared_resource(&self->gpu, 1, &resource, &allocation));
	ASSERT_EQ(0, dxg_share(FD, resource, &descriptor));

	struct d3dkmt_queryresourceinfofromnthandle query = {
		.device.v = self->gpu.device,
		.nt_handle = descriptor,
	};
	struct d3dkmt_destroyallocation2 destroy = {
		.device.v = self->gpu.device,
		.resource.v = resource,
		.allocations = (uintptr_t)&allocation,
		.alloc_count = 1,
	};

	EXPECT_OK(dxg_ioctl(FD, LX_DXQUERYRESOURCEINFOFROMNTHANDLE, &query));
	EXPECT_EQ(1, query.allocation_count);
	EXPECT_EQ(sizeof(struct dxg_allocation_data), query.total_priv_drv_data_size);
	EXPECT_OK(dxg_ioctl(FD, LX_DXDESTROYALLOCATION2, &destroy));
	close(descriptor);
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
