// SPDX-License-Identifier: GPL-2.0
/*
 * Arguments whose fields depend on each other: a plausible one is put together here, and
 * what a call has returned beyond single fields is taken from it.
 */
#include <string.h>

#include "fuzz.h"
#include "../dxg_memory.h"
#include "../dxg_sync.h"

#define ALLOCATIONS_MAX	4

/* Memory of the GPU, or, as @flags say, of the program */
static void describe(struct fuzz_thread *thread, struct d3dddi_allocationinfo2 *info,
		     const struct d3dkmt_createallocationflags *flags)
{
	__u64 pages = fuzz_below(&thread->random, 4) ? 1 + fuzz_below(&thread->random, 4) : 16;
	struct dxg_allocation_data data = DXG_ALLOCATION_DATA(pages * DXG_PAGE);

	if (fuzz_is_odd(thread))
		data.bytes = fuzz_boundary(thread);
	data.flags = fuzz_below(&thread->random, 4);
	memset(info, 0, sizeof(*info));
	info->priv_drv_data = fuzz_place(thread, &data, sizeof(data));
	info->priv_drv_data_size = sizeof(data);
	if (!flags->create_shared && fuzz_one_in(&thread->random, 2))
		info->sysmem = fuzz_memory(thread, pages * DXG_PAGE);
}

void fuzz_shape_allocations(struct fuzz_thread *thread, void *argument)
{
	struct d3dkmt_createallocation *args = argument;
	struct d3dddi_allocationinfo2 info[ALLOCATIONS_MAX];
	struct fuzz_random *random = &thread->random;

	args->flags.value &= fuzz_one_in(random, 2) ? 0x81 : 0;
	if (fuzz_one_in(random, 5))
		args->flags.value |= 0x43;
	if (fuzz_below(random, 6))
		args->resource.v = 0;
	else if (args->resource.v)
		args->flags.value &= ~0x43u;
	args->alloc_count = fuzz_below(random, 4) ? 1 : 1 + fuzz_below(random, ALLOCATIONS_MAX);
	for (__u32 i = 0; i < args->alloc_count; i++)
		describe(thread, &info[i], &args->flags);
	if (fuzz_one_in(random, 8)) {
		struct d3dkmt_createstandardallocation standard = {
			.type = 1 + fuzz_below(random, 2),
			.existing_heap_data.size = DXG_PAGE * (1 + fuzz_below(random, 16)),
		};

		args->flags.standard_allocation = 1;
		args->flags.existing_sysmem = fuzz_one_in(random, 2);
		args->flags.create_resource = 1;
		args->flags.cross_adapter = standard.type == 2;
		args->alloc_count = 1;
		info[0].priv_drv_data = 0;
		info[0].priv_drv_data_size = 0;
		info[0].sysmem = args->flags.existing_sysmem ?
			fuzz_memory(thread, standard.existing_heap_data.size) : 0;
		args->standard_allocation = fuzz_place(thread, &standard, sizeof(standard));
		args->priv_drv_data_size = sizeof(standard);
	} else {
		args->priv_drv_data_size = 0;
	}
	args->allocation_info = fuzz_place(thread, info, args->alloc_count * sizeof(info[0]));
}

void fuzz_harvest_allocations(struct fuzz_thread *thread, const void *argument)
{
	const struct d3dkmt_createallocation *args = argument;
	const struct d3dddi_allocationinfo2 *info =
		(const void *)(uintptr_t)args->allocation_info;

	for (__u32 i = 0; i < args->alloc_count && i < FUZZ_SLOTS; i++)
		fuzz_add_handle(thread, FUZZ_ALLOCATION, info[i].allocation.v);
	if (args->flags.create_resource)
		fuzz_add_handle(thread, FUZZ_RESOURCE, args->resource.v);
}

void fuzz_shape_open_resource(struct fuzz_thread *thread, void *argument)
{
	struct d3dkmt_openresourcefromnthandle *args = argument;
	struct d3dddi_openallocationinfo2 info[2] = {};

	args->allocation_count = 1;
	args->open_alloc_info = fuzz_place(thread, info, sizeof(info));
	args->private_runtime_data_size = 0;
	args->resource_priv_drv_data_size = 0;
	args->total_priv_drv_data_size = 256;
	args->total_priv_drv_data = fuzz_place(thread, thread->scratch, 256);
}

void fuzz_harvest_open_resource(struct fuzz_thread *thread, const void *argument)
{
	const struct d3dkmt_openresourcefromnthandle *args = argument;
	const struct d3dddi_openallocationinfo2 *info =
		(const void *)(uintptr_t)args->open_alloc_info;

	for (__u32 i = 0; i < args->allocation_count && i < FUZZ_SLOTS; i++)
		fuzz_add_handle(thread, FUZZ_ALLOCATION, info[i].allocation.v);
	fuzz_add_handle(thread, FUZZ_RESOURCE, args->resource.v);
}

void fuzz_shape_sync(struct fuzz_thread *thread, void *argument)
{
	struct d3dkmt_createsynchronizationobject2 *args = argument;
	struct fuzz_random *random = &thread->random;

	args->info.type = fuzz_one_in(random, 2) ? _D3DDDI_MONITORED_FENCE :
		1 + fuzz_below(random, 6);
	args->info.flags.value &= ~3u;
	if (fuzz_one_in(random, 3))
		args->info.flags.value |= DXG_SHARED;
	memset(&args->info.reserved, 0, sizeof(args->info.reserved));
	switch (args->info.type) {
	case _D3DDDI_SEMAPHORE:
		args->info.semaphore.max_count = 4;
		break;
	case _D3DDDI_CPU_NOTIFICATION:
		args->info.cpu_notification.event = fuzz_descriptor(thread, FUZZ_FILE_EVENT);
		break;
	case _D3DDDI_PERIODIC_MONITORED_FENCE:
		args->info.periodic_monitored_fence.adapter.v = fuzz_handle(thread, FUZZ_ADAPTER);
		break;
	}
}

void fuzz_harvest_sync(struct fuzz_thread *thread, const void *argument)
{
	const struct d3dkmt_createsynchronizationobject2 *args = argument;

	if (args->info.type == _D3DDDI_MONITORED_FENCE)
		fuzz_add_mapping(thread, args->info.monitored_fence.fence_cpu_virtual_address,
				 FUZZ_PAGE);
	else if (args->info.type == _D3DDDI_PERIODIC_MONITORED_FENCE)
		fuzz_add_mapping(thread,
				 args->info.periodic_monitored_fence.fence_cpu_virtual_address,
				 FUZZ_PAGE);
}

void fuzz_shape_update(struct fuzz_thread *thread, void *argument)
{
	struct d3dkmt_updategpuvirtualaddress *args = argument;
	struct d3dddi_updategpuvirtualaddress_operation operation[2] = {};

	for (int i = 0; i < 2; i++) {
		operation[i].operation = fuzz_below(&thread->random, 4);
		operation[i].map.base_address = fuzz_gpu_va(thread);
		operation[i].map.size = DXG_PAGE;
		/* A copy has an address here. */
		if (operation[i].operation == _D3DDDI_UPDATEGPUVIRTUALADDRESS_COPY) {
			operation[i].copy.dest_address = fuzz_gpu_va(thread);
		} else if (operation[i].operation != _D3DDDI_UPDATEGPUVIRTUALADDRESS_UNMAP) {
			operation[i].map.allocation.v = fuzz_handle(thread, FUZZ_ALLOCATION);
			operation[i].map.allocation_size = DXG_PAGE;
		}
	}
	args->num_operations = 1 + fuzz_below(&thread->random, 2);
	args->operations = fuzz_place(thread, operation, sizeof(operation));
	args->flags.value = 1;
}

void fuzz_shape_escape(struct fuzz_thread *thread, void *argument)
{
	struct d3dkmt_escape *args = argument;
	struct fuzz_random *random = &thread->random;

	args->flags.value = 0;
	args->type = _D3DKMT_ESCAPE_DRIVERPRIVATE;
	if (fuzz_one_in(random, 3)) {
		struct d3dddi_buildtestcommandbuffer build = {
			.escape_type = _D3DDDI_DRIVERESCAPETYPE_BUILDTESTCOMMANDBUFFER,
			.device.v = fuzz_handle(thread, FUZZ_DEVICE),
			.context.v = fuzz_handle(thread, FUZZ_CONTEXT),
			.dma_buffer_size = 1 + fuzz_below(random, D3DDDI_MAXTESTBUFFERSIZE),
			.dma_buffer_priv_data_size = fuzz_below(random, 1024),
		};

		build.dma_buffer = fuzz_place(thread, thread->scratch, build.dma_buffer_size);
		build.dma_buffer_priv_data = fuzz_place(thread, thread->scratch,
							build.dma_buffer_priv_data_size);
		args->flags.driver_known_escape = 1;
		args->priv_drv_data = fuzz_place(thread, &build, sizeof(build));
		args->priv_drv_data_size = sizeof(build);
	}
}

/* Allocations, or a resource, but not both */
void fuzz_shape_destroy(struct fuzz_thread *thread, void *argument)
{
	struct d3dkmt_destroyallocation2 *args = argument;
	__u32 handle;

	if (args->resource.v) {
		args->alloc_count = 0;
		args->allocations = 0;
		handle = args->resource.v;
	} else {
		handle = fuzz_handle(thread, FUZZ_ALLOCATION);
		args->alloc_count = 1;
		args->allocations = fuzz_place(thread, &handle, sizeof(handle));
	}
	/* Forgotten before it is known whether the call works: one that does not is no loss. */
	fuzz_drop_handle(thread, handle);
}

/* One of the two lists; where they are is the same in OfferAllocations and ReclaimAllocations2. */
void fuzz_shape_offer(struct fuzz_thread *thread, void *argument)
{
	struct d3dkmt_offerallocations *args = argument;

	_Static_assert(offsetof(struct d3dkmt_offerallocations, resources) ==
		       offsetof(struct d3dkmt_reclaimallocations2, resources), "one place");
	_Static_assert(offsetof(struct d3dkmt_offerallocations, allocations) ==
		       offsetof(struct d3dkmt_reclaimallocations2, allocations), "one place");
	if (fuzz_below(&thread->random, 4))
		args->resources = 0;
	else
		args->allocations = 0;
}

void fuzz_shape_event(struct fuzz_thread *thread, void *argument)
{
	struct d3dkmt_signalsynchronizationobjectfromgpu2 *args = argument;

	args->flags.enqueue_cpu_event = fuzz_one_in(&thread->random, 3);
	if (!args->flags.enqueue_cpu_event)
		return;
	args->object_count = 0;
	args->objects = 0;
	args->cpu_event_handle = fuzz_descriptor(thread, FUZZ_FILE_EVENT);
}

void fuzz_shape_share(struct fuzz_thread *thread, void *argument)
{
	struct d3dkmt_shareobjects *args = argument;
	__u32 handle;

	/* The table knows of fences only. */
	if (fuzz_below(&thread->random, 3))
		return;
	handle = fuzz_handle(thread, FUZZ_RESOURCE);
	args->object_count = 1;
	args->objects = fuzz_place(thread, &handle, sizeof(handle));
}

void fuzz_shape_statistics(struct fuzz_thread *thread, void *argument)
{
	struct d3dkmt_querystatistics *args = argument;
	const struct fuzz_shared *shared = thread->shared;

	/* Of a process of the round, which may be about to end */
	if (fuzz_one_in(&thread->random, 2))
		args->process = shared->process[fuzz_below(&thread->random,
							   shared->processes)].pid;
}

void fuzz_harvest_share(struct fuzz_thread *thread, const void *argument)
{
	const struct d3dkmt_shareobjects *args = argument;
	const __u64 *descriptor = (const void *)(uintptr_t)args->shared_handle;

	fuzz_add_descriptor(thread, FUZZ_FILE_SHARED, *descriptor);
}

void fuzz_harvest_sync_file(struct fuzz_thread *thread, const void *argument)
{
	const struct d3dkmt_createsyncfile *args = argument;

	fuzz_add_descriptor(thread, FUZZ_FILE_SYNC, args->sync_file_handle);
}
