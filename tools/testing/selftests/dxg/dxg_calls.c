// SPDX-License-Identifier: GPL-2.0
/* The ioctls that work on objects, see dxg_calls.h. */
#include <string.h>

#include "dxg_calls.h"
#include "kselftest.h"

int dxg_scene_open(struct dxg_scene *scene, bool compute)
{
	struct d3dddi_reservegpuvirtualaddress reserve = { .size = DXG_GPU_UNIT };
	struct dxg_hw_queue hw = {};
	struct dxg_paging_queue paging;
	__u32 *handle = scene->handle, member;
	int result;

	memset(scene, 0, sizeof(*scene));
	result = dxg_gpu_open(&scene->gpu, compute);
	if (result)
		return result;
	handle[DXG_ADAPTER] = scene->gpu.adapter;
	handle[DXG_DEVICE] = scene->gpu.device;
	reserve.adapter.v = scene->gpu.adapter;
	result = dxg_create_context(scene->gpu.fd, handle[DXG_DEVICE], &handle[DXG_CONTEXT]) ?:
		 dxg_create_paging_queue(scene->gpu.fd, handle[DXG_DEVICE], &paging) ?:
		 dxg_create_fence(scene->gpu.fd, handle[DXG_DEVICE], &handle[DXG_SYNC_OBJECT]) ?:
		 dxg_create_allocation(scene->gpu.fd, handle[DXG_DEVICE], 1,
				       &handle[DXG_ALLOCATION]) ?:
		 dxg_create_resource(scene->gpu.fd, handle[DXG_DEVICE], 1, &handle[DXG_RESOURCE],
				     &member) ?:
		 dxg_ioctl(scene->gpu.fd, LX_DXRESERVEGPUVIRTUALADDRESS, &reserve);
	if (!result && scene->gpu.hw_queues)
		result = dxg_create_hw_context(scene->gpu.fd, handle[DXG_DEVICE],
					       &scene->hw_context) ?:
			 dxg_create_hw_queue(scene->gpu.fd, scene->hw_context, &hw);
	handle[DXG_HW_QUEUE] = hw.queue;
	handle[DXG_PROGRESS_FENCE] = hw.fence;
	handle[DXG_PAGING_QUEUE] = paging.queue;
	handle[DXG_PAGING_FENCE] = paging.fence;
	scene->paging_value = paging.value;
	scene->gpu_va = reserve.virtual_address;
	scene->list[0] = handle[DXG_ALLOCATION];
	return result;
}

void dxg_scene_close(struct dxg_scene *scene)
{
	dxg_gpu_close(&scene->gpu);
}

/* A function that fills an argument; what is not named is 0. */
#define FILL(name, type, ...)						\
	static void fill_##name(struct dxg_scene *scene, void *args)	\
	{								\
		type made = { __VA_ARGS__ };				\
									\
		memcpy(args, &made, sizeof(made));			\
	}
#define HANDLE(kind)	scene->handle[DXG_##kind]
#define LIST		((uintptr_t)scene->list)

FILL(create_device, struct d3dkmt_createdevice, .adapter.v = HANDLE(ADAPTER))
FILL(destroy_device, struct d3dkmt_destroydevice, .device.v = HANDLE(DEVICE))
FILL(device_state, struct d3dkmt_getdevicestate, .device.v = HANDLE(DEVICE),
	.state_type = _D3DKMT_DEVICESTATE_EXECUTION)
FILL(mark_device, struct d3dkmt_markdeviceaserror, .device.v = HANDLE(DEVICE),
	.reason = _D3DKMT_DEVICE_ERROR_REASON_GENERIC)
FILL(create_context, struct d3dkmt_createcontextvirtual, .device.v = HANDLE(DEVICE),
	.engine_affinity = 1)
FILL(destroy_context, struct d3dkmt_destroycontext, .context.v = HANDLE(CONTEXT))
FILL(priority, struct d3dkmt_setcontextschedulingpriority, .context.v = HANDLE(CONTEXT))
FILL(submit, struct d3dkmt_submitcommand, .broadcast_context_count = 1,
	.broadcast_context = { { .v = HANDLE(CONTEXT) } })
FILL(create_hw_queue, struct d3dkmt_createhwqueue, .context.v = scene->hw_context)
FILL(destroy_hw_queue, struct d3dkmt_destroyhwqueue, .queue.v = HANDLE(HW_QUEUE))
FILL(submit_hw, struct d3dkmt_submitcommandtohwqueue, .hwqueue.v = HANDLE(HW_QUEUE),
	.hwqueue_progress_fence_id = ++scene->progress)
FILL(create_paging_queue, struct d3dkmt_createpagingqueue, .device.v = HANDLE(DEVICE))
FILL(destroy_paging_queue, struct d3dddi_destroypagingqueue,
	.paging_queue.v = HANDLE(PAGING_QUEUE))
FILL(make_resident, struct d3dddi_makeresident, .paging_queue.v = HANDLE(PAGING_QUEUE),
	.alloc_count = 1, .allocation_list = LIST)
FILL(evict, struct d3dkmt_evict, .device.v = HANDLE(DEVICE), .alloc_count = 1,
	.allocations = LIST)
FILL(offer, struct d3dkmt_offerallocations, .device.v = HANDLE(DEVICE), .allocation_count = 1,
	.allocations = LIST, .priority = _D3DKMT_OFFER_PRIORITY_NORMAL)
FILL(reclaim, struct d3dkmt_reclaimallocations2, .paging_queue.v = HANDLE(PAGING_QUEUE),
	.allocation_count = 1, .allocations = LIST)
FILL(residency, struct d3dkmt_queryallocationresidency, .device.v = HANDLE(DEVICE),
	.allocation_count = 1, .allocations = LIST, .residency_status = (uintptr_t)scene->words)
/* There is nothing to do, so there is no value of a fence to tell. */
FILL(property, struct d3dddi_updateallocproperty, .paging_queue.v = HANDLE(PAGING_QUEUE),
	.allocation.v = HANDLE(ALLOCATION), .set_accessed_physically = 1)
FILL(map_va, struct d3dddi_mapgpuvirtualaddress, .paging_queue.v = HANDLE(PAGING_QUEUE),
	.allocation.v = HANDLE(ALLOCATION), .size_in_pages = 1)
FILL(reserve_va, struct d3dddi_reservegpuvirtualaddress, .adapter.v = HANDLE(ADAPTER),
	.size = DXG_GPU_UNIT)
FILL(free_va, struct d3dkmt_freegpuvirtualaddress, .adapter.v = HANDLE(ADAPTER),
	.base_address = scene->gpu_va, .size = DXG_GPU_UNIT)
FILL(destroy_allocation, struct d3dkmt_destroyallocation2, .device.v = HANDLE(DEVICE),
	.alloc_count = 1, .allocations = LIST)
FILL(destroy_resource, struct d3dkmt_destroyallocation2, .device.v = HANDLE(DEVICE),
	.resource.v = HANDLE(RESOURCE))
FILL(lock, struct d3dkmt_lock2, .device.v = HANDLE(DEVICE), .allocation.v = HANDLE(ALLOCATION))
FILL(invalidate, struct d3dkmt_invalidatecache, .device.v = HANDLE(DEVICE),
	.allocation.v = HANDLE(ALLOCATION), .length = DXG_PAGE)
FILL(allocation_priority, struct d3dkmt_setallocationpriority, .device.v = HANDLE(DEVICE),
	.allocation_count = 1, .allocation_list = LIST, .priorities = (uintptr_t)scene->words)
FILL(reservation, struct d3dkmt_changevideomemoryreservation, .adapter.v = HANDLE(ADAPTER))
FILL(flush_heap, struct d3dkmt_flushheaptransitions, .adapter.v = HANDLE(ADAPTER))
FILL(clock, struct d3dkmt_queryclockcalibration, .adapter.v = HANDLE(ADAPTER))
FILL(escape, struct d3dkmt_escape, .adapter.v = HANDLE(ADAPTER),
	.priv_drv_data = (uintptr_t)scene->words, .priv_drv_data_size = sizeof(scene->words))
FILL(statistics, struct d3dkmt_querystatistics, .adapter_luid = scene->gpu.luid)

static void fill_create_allocation(struct dxg_scene *scene, void *args)
{
	const struct d3dkmt_createallocation made = {
		.device.v = HANDLE(DEVICE),
		.alloc_count = 1,
		.allocation_info = (uintptr_t)&scene->info,
	};

	scene->data = DXG_ALLOCATION_DATA(DXG_PAGE);
	scene->info = (struct d3dddi_allocationinfo2){
		.priv_drv_data = (uintptr_t)&scene->data,
		.priv_drv_data_size = sizeof(scene->data),
	};
	memcpy(args, &made, sizeof(made));
}

static void fill_unlock(struct dxg_scene *scene, void *args)
{
	const struct d3dkmt_unlock2 made = {
		.device.v = HANDLE(DEVICE),
		.allocation.v = HANDLE(ALLOCATION),
	};
	struct d3dkmt_lock2 lock;

	fill_lock(scene, &lock);
	dxg_ioctl(scene->gpu.fd, LX_DXLOCK2, &lock);
	memcpy(args, &made, sizeof(made));
}

static void fill_update_va(struct dxg_scene *scene, void *args)
{
	const struct d3dkmt_updategpuvirtualaddress made = {
		.device.v = HANDLE(DEVICE),
		.context.v = HANDLE(CONTEXT),
		.fence_object.v = HANDLE(SYNC_OBJECT),
		.num_operations = 1,
		.operations = (uintptr_t)&scene->operation,
		.fence_value = 1,
		.flags.do_not_wait = 1,
	};

	scene->operation = (struct d3dddi_updategpuvirtualaddress_operation){
		.operation = _D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP,
		.map.base_address = scene->gpu_va,
		.map.size = DXG_PAGE,
		.map.allocation.v = HANDLE(ALLOCATION),
		.map.allocation_size = DXG_PAGE,
	};
	memcpy(args, &made, sizeof(made));
}

#define AT_START(object)	.handle = { { DXG_##object, 0 } }
#define WITH_ALLOCATION(type)	\
	.handle = { { DXG_DEVICE, 0 }, { DXG_ALLOCATION, offsetof(type, allocation) } }
#define CALL(of, number, filler, ...)	\
	{ .name = of, .request = number, .fill = fill_##filler, __VA_ARGS__ }

const struct dxg_call dxg_calls[] = {
	CALL("CreateDevice", LX_DXCREATEDEVICE, create_device, AT_START(ADAPTER), .writes = true),
	CALL("DestroyDevice", LX_DXDESTROYDEVICE, destroy_device, AT_START(DEVICE),
	     .destroys = DXG_DEVICE),
	CALL("GetDeviceState", LX_DXGETDEVICESTATE, device_state, AT_START(DEVICE), .writes = true),
	CALL("MarkDeviceAsError", LX_DXMARKDEVICEASERROR, mark_device, AT_START(DEVICE)),
	CALL("CreateContextVirtual", LX_DXCREATECONTEXTVIRTUAL, create_context, AT_START(DEVICE),
	     .writes = true),
	CALL("DestroyContext", LX_DXDESTROYCONTEXT, destroy_context, AT_START(CONTEXT),
	     .destroys = DXG_CONTEXT),
	CALL("SetContextSchedulingPriority", LX_DXSETCONTEXTSCHEDULINGPRIORITY, priority,
	     AT_START(CONTEXT)),
	CALL("SetContextInProcessSchedulingPriority", LX_DXSETCONTEXTINPROCESSSCHEDULINGPRIORITY,
	     priority, AT_START(CONTEXT)),
	CALL("GetContextSchedulingPriority", LX_DXGETCONTEXTSCHEDULINGPRIORITY, priority,
	     AT_START(CONTEXT), .writes = true),
	CALL("GetContextInProcessSchedulingPriority", LX_DXGETCONTEXTINPROCESSSCHEDULINGPRIORITY,
	     priority, AT_START(CONTEXT), .writes = true),
	CALL("SubmitCommand", LX_DXSUBMITCOMMAND, submit, .handle = { { DXG_CONTEXT,
	     offsetof(struct d3dkmt_submitcommand, broadcast_context) } }),
	CALL("CreateHwQueue", LX_DXCREATEHWQUEUE, create_hw_queue, AT_START(CONTEXT),
	     .writes = true, .hw_queues = true),
	CALL("DestroyHwQueue", LX_DXDESTROYHWQUEUE, destroy_hw_queue, AT_START(HW_QUEUE),
	     .destroys = DXG_HW_QUEUE, .hw_queues = true),
	CALL("SubmitCommandToHwQueue", LX_DXSUBMITCOMMANDTOHWQUEUE, submit_hw, AT_START(HW_QUEUE),
	     .hw_queues = true),
	CALL("CreatePagingQueue", LX_DXCREATEPAGINGQUEUE, create_paging_queue, AT_START(DEVICE),
	     .writes = true),
	CALL("DestroyPagingQueue", LX_DXDESTROYPAGINGQUEUE, destroy_paging_queue,
	     AT_START(PAGING_QUEUE), .destroys = DXG_PAGING_QUEUE),
	CALL("MakeResident", LX_DXMAKERESIDENT, make_resident, AT_START(PAGING_QUEUE),
	     .writes = true),
	CALL("Evict", LX_DXEVICT, evict, AT_START(DEVICE), .writes = true),
	CALL("OfferAllocations", LX_DXOFFERALLOCATIONS, offer, AT_START(DEVICE)),
	CALL("ReclaimAllocations2", LX_DXRECLAIMALLOCATIONS2, reclaim, AT_START(PAGING_QUEUE),
	     .writes = true),
	CALL("QueryAllocationResidency", LX_DXQUERYALLOCATIONRESIDENCY, residency,
	     AT_START(DEVICE)),
	CALL("UpdateAllocationProperty", LX_DXUPDATEALLOCPROPERTY, property, AT_START(PAGING_QUEUE)),
	CALL("MapGpuVirtualAddress", LX_DXMAPGPUVIRTUALADDRESS, map_va, AT_START(PAGING_QUEUE),
	     .writes = true),
	CALL("ReserveGpuVirtualAddress", LX_DXRESERVEGPUVIRTUALADDRESS, reserve_va,
	     AT_START(ADAPTER), .writes = true),
	CALL("FreeGpuVirtualAddress", LX_DXFREEGPUVIRTUALADDRESS, free_va, AT_START(ADAPTER)),
	CALL("UpdateGpuVirtualAddress", LX_DXUPDATEGPUVIRTUALADDRESS, update_va, AT_START(DEVICE),
	     .writes = true),
	CALL("CreateAllocation2", LX_DXCREATEALLOCATION, create_allocation, AT_START(DEVICE),
	     .writes = true),
	CALL("DestroyAllocation2", LX_DXDESTROYALLOCATION2, destroy_allocation, AT_START(DEVICE),
	     .destroys = DXG_ALLOCATION),
	CALL("DestroyAllocation2 of a resource", LX_DXDESTROYALLOCATION2, destroy_resource,
	     .handle = { { DXG_DEVICE, 0 }, { DXG_RESOURCE,
	     offsetof(struct d3dkmt_destroyallocation2, resource) } }, .destroys = DXG_RESOURCE),
	CALL("Lock2", LX_DXLOCK2, lock, WITH_ALLOCATION(struct d3dkmt_lock2), .writes = true),
	CALL("Unlock2", LX_DXUNLOCK2, unlock, WITH_ALLOCATION(struct d3dkmt_unlock2)),
	CALL("InvalidateCache", LX_DXINVALIDATECACHE, invalidate, AT_START(DEVICE)),
	CALL("SetAllocationPriority", LX_DXSETALLOCATIONPRIORITY, allocation_priority,
	     AT_START(DEVICE)),
	CALL("GetAllocationPriority", LX_DXGETALLOCATIONPRIORITY, allocation_priority,
	     AT_START(DEVICE)),
	CALL("ChangeVideoMemoryReservation", LX_DXCHANGEVIDEOMEMORYRESERVATION, reservation,
	     .handle = { { DXG_ADAPTER,
	     offsetof(struct d3dkmt_changevideomemoryreservation, adapter) } }),
	CALL("FlushHeapTransitions", LX_DXFLUSHHEAPTRANSITIONS, flush_heap, AT_START(ADAPTER)),
	CALL("QueryClockCalibration", LX_DXQUERYCLOCKCALIBRATION, clock, AT_START(ADAPTER),
	     .writes = true),
	CALL("Escape", LX_DXESCAPE, escape, AT_START(ADAPTER)),
	CALL("QueryStatistics", LX_DXQUERYSTATISTICS, statistics, .writes = true),
};

const unsigned int dxg_calls_count = ARRAY_SIZE(dxg_calls);

const struct dxg_call *dxg_next_call(const struct dxg_scene *scene, const struct dxg_call *call)
{
	for (call = call ? call + 1 : dxg_calls; call < dxg_calls + dxg_calls_count; call++) {
		if (!call->hw_queues || scene->gpu.hw_queues)
			return call;
	}
	return NULL;
}
