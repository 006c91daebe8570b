// SPDX-License-Identifier: GPL-2.0
/* The ioctls of synchronization objects and of sharing, see dxg_sync_calls.h. */
#include <string.h>
#include <unistd.h>

#include "dxg_sync_calls.h"
#include "kselftest.h"

int dxg_sync_scene_open(struct dxg_sync_scene *scene, bool compute)
{
	struct dxg_gpu *gpu = &scene->scene.gpu;
	int result = dxg_scene_open(&scene->scene, compute);

	scene->event = dxg_event();
	scene->shared_descriptor = -1;
	scene->resource_descriptor = -1;
	scene->sync_file = -1;
	result = result ?:
		 dxg_create_monitored(gpu->fd, gpu->device, 1, 0, &scene->fence) ?:
		 dxg_create_monitored(gpu->fd, gpu->device, 1, DXG_SHARED, &scene->shared) ?:
		 dxg_create_sync(gpu->fd, gpu->device, _D3DDDI_FENCE, 0, &scene->legacy) ?:
		 dxg_create_shared_resource(gpu, 1, &scene->resource, &scene->member) ?:
		 dxg_share(gpu->fd, scene->shared.handle, &scene->shared_descriptor) ?:
		 dxg_share(gpu->fd, scene->resource, &scene->resource_descriptor) ?:
		 dxg_create_sync_file(gpu, scene->shared.handle, 1000, &scene->sync_file);
	scene->object[0] = scene->fence.handle;
	scene->context[0] = scene->scene.handle[DXG_CONTEXT];
	scene->queue[0] = scene->scene.handle[DXG_HW_QUEUE];
	/* What the fence has already reached */
	scene->value[0] = 1;
	return result;
}

void dxg_sync_scene_close(struct dxg_sync_scene *scene)
{
	close(scene->event);
	close(scene->shared_descriptor);
	close(scene->resource_descriptor);
	close(scene->sync_file);
	dxg_scene_close(&scene->scene);
}

/* A function that fills an argument; what is not named is 0. */
#define FILL(name, type, ...)						\
	static void fill_##name(struct dxg_scene *base, void *args)	\
	{								\
		struct dxg_sync_scene *scene = (void *)base;		\
		type made = { __VA_ARGS__ };				\
									\
		memcpy(args, &made, sizeof(made));			\
	}
#define HANDLE(kind)	scene->scene.handle[DXG_##kind]
#define OBJECT		((uintptr_t)scene->object)
#define VALUE		((uintptr_t)scene->value)

FILL(create, struct d3dkmt_createsynchronizationobject2, .device.v = HANDLE(DEVICE),
	.info.type = _D3DDDI_MONITORED_FENCE)
FILL(destroy, struct d3dkmt_destroysynchronizationobject, .sync_object.v = scene->fence.handle)
FILL(signal, struct d3dkmt_signalsynchronizationobject2, .context.v = HANDLE(CONTEXT),
	.object_count = 1, .object_array = { { .v = scene->legacy } }, .fence.fence_value = 1)
FILL(signal_cpu, struct d3dkmt_signalsynchronizationobjectfromcpu, .device.v = HANDLE(DEVICE),
	.object_count = 1, .objects = OBJECT, .fence_values = VALUE)
FILL(signal_gpu, struct d3dkmt_signalsynchronizationobjectfromgpu, .context.v = HANDLE(CONTEXT),
	.object_count = 1, .objects = OBJECT, .monitored_fence_values = VALUE)
FILL(signal_gpu2, struct d3dkmt_signalsynchronizationobjectfromgpu2, .object_count = 1,
	.objects = OBJECT, .context_count = 1, .contexts = (uintptr_t)scene->context,
	.monitored_fence_values = VALUE)
FILL(signal_event, struct d3dkmt_signalsynchronizationobjectfromgpu2, .context_count = 1,
	.contexts = (uintptr_t)scene->context, .flags.enqueue_cpu_event = 1,
	.cpu_event_handle = scene->event)
FILL(signal_hw, struct d3dkmt_submitsignalsyncobjectstohwqueue, .hwqueue_count = 1,
	.hwqueues = (uintptr_t)scene->queue, .object_count = 1, .objects = OBJECT,
	.fence_values = VALUE)
FILL(wait, struct d3dkmt_waitforsynchronizationobject2, .context.v = HANDLE(CONTEXT),
	.object_count = 1, .object_array = { { .v = scene->legacy } })
FILL(wait_gpu, struct d3dkmt_waitforsynchronizationobjectfromgpu, .context.v = HANDLE(CONTEXT),
	.object_count = 1, .objects = OBJECT, .monitored_fence_values = VALUE)
FILL(wait_hw, struct d3dkmt_submitwaitforsyncobjectstohwqueue, .hwqueue.v = HANDLE(HW_QUEUE),
	.object_count = 1, .objects = OBJECT, .fence_values = VALUE)
FILL(wait_cpu, struct d3dkmt_waitforsynchronizationobjectfromcpu, .device.v = HANDLE(DEVICE),
	.object_count = 1, .objects = OBJECT, .fence_values = VALUE)
FILL(wait_event, struct d3dkmt_waitforsynchronizationobjectfromcpu, .device.v = HANDLE(DEVICE),
	.object_count = 1, .objects = OBJECT, .fence_values = VALUE, .async_event = scene->event)
FILL(open, struct d3dkmt_opensyncobjectfromnthandle2, .nt_handle = scene->shared_descriptor,
	.device.v = HANDLE(DEVICE), .flags.value = DXG_SHARED)
FILL(query_resource, struct d3dkmt_queryresourceinfofromnthandle, .device.v = HANDLE(DEVICE),
	.nt_handle = scene->resource_descriptor)
FILL(open_resource, struct d3dkmt_openresourcefromnthandle, .device.v = HANDLE(DEVICE),
	.nt_handle = scene->resource_descriptor, .allocation_count = 1,
	.open_alloc_info = (uintptr_t)&scene->info,
	.total_priv_drv_data = (uintptr_t)&scene->data,
	.total_priv_drv_data_size = sizeof(scene->data))
FILL(share_with_host, struct d3dkmt_shareobjectwithhost, .device_handle.v = HANDLE(DEVICE),
	.object_handle.v = scene->shared.handle)
FILL(create_file, struct d3dkmt_createsyncfile, .device.v = HANDLE(DEVICE),
	.monitored_fence.v = scene->shared.handle, .fence_value = 1)
FILL(wait_file, struct d3dkmt_waitsyncfile, .context.v = HANDLE(CONTEXT),
	.sync_file_handle = scene->sync_file)
FILL(open_file, struct d3dkmt_opensyncobjectfromsyncfile, .device.v = HANDLE(DEVICE),
	.sync_file_handle = scene->sync_file)

static void fill_share(struct dxg_scene *base, void *args)
{
	struct dxg_sync_scene *scene = (void *)base;
	const struct d3dkmt_shareobjects made = {
		.object_count = 1,
		.objects = OBJECT,
		.shared_handle = (uintptr_t)&scene->descriptor,
	};

	scene->object[0] = scene->shared.handle;
	memcpy(args, &made, sizeof(made));
}

/* The driver looks them up in an array, or none at all. */
#define ELSEWHERE		.handle = {}
#define AT_START(object)	.handle = { { .kind = DXG_##object, .offset = 0 } }
#define AT(type, object, field)	\
	.handle = { { .kind = DXG_##object, .offset = offsetof(struct type, field) } }

const struct dxg_call dxg_sync_calls[] = {
	{ "CreateSynchronizationObject2", LX_DXCREATESYNCHRONIZATIONOBJECT, fill_create,
	  AT_START(DEVICE), .writes = true },
	{ "SignalSynchronizationObject2", LX_DXSIGNALSYNCHRONIZATIONOBJECT, fill_signal,
	  AT_START(CONTEXT) },
	{ "SignalSynchronizationObjectFromCpu", LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMCPU,
	  fill_signal_cpu, AT_START(DEVICE) },
	{ "SignalSynchronizationObjectFromGpu", LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMGPU,
	  fill_signal_gpu, AT_START(CONTEXT) },
	{ "SignalSynchronizationObjectFromGpu2", LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMGPU2,
	  fill_signal_gpu2, ELSEWHERE },
	{ "SignalSynchronizationObjectFromGpu2 with an event",
	  LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMGPU2, fill_signal_event, ELSEWHERE },
	{ "SubmitSignalSyncObjectsToHwQueue", LX_DXSUBMITSIGNALSYNCOBJECTSTOHWQUEUE,
	  fill_signal_hw, .hw_queues = true },
	{ "WaitForSynchronizationObject2", LX_DXWAITFORSYNCHRONIZATIONOBJECT, fill_wait,
	  AT_START(CONTEXT) },
	{ "WaitForSynchronizationObjectFromGpu", LX_DXWAITFORSYNCHRONIZATIONOBJECTFROMGPU,
	  fill_wait_gpu, AT_START(CONTEXT) },
	{ "SubmitWaitForSyncObjectsToHwQueue", LX_DXSUBMITWAITFORSYNCOBJECTSTOHWQUEUE,
	  fill_wait_hw, AT_START(HW_QUEUE), .hw_queues = true },
	{ "WaitForSynchronizationObjectFromCpu", LX_DXWAITFORSYNCHRONIZATIONOBJECTFROMCPU,
	  fill_wait_cpu, AT_START(DEVICE) },
	{ "WaitForSynchronizationObjectFromCpu with an event",
	  LX_DXWAITFORSYNCHRONIZATIONOBJECTFROMCPU, fill_wait_event, AT_START(DEVICE) },
	{ "ShareObjects", LX_DXSHAREOBJECTS, fill_share, ELSEWHERE },
	{ "OpenSyncObjectFromNtHandle2", LX_DXOPENSYNCOBJECTFROMNTHANDLE2, fill_open,
	  AT(d3dkmt_opensyncobjectfromnthandle2, DEVICE, device), .writes = true },
	{ "QueryResourceInfoFromNtHandle", LX_DXQUERYRESOURCEINFOFROMNTHANDLE,
	  fill_query_resource, AT_START(DEVICE), .writes = true },
	{ "OpenResourceFromNtHandle", LX_DXOPENRESOURCEFROMNTHANDLE, fill_open_resource,
	  AT_START(DEVICE), .writes = true },
	{ "ShareObjectWithHost", LX_DXSHAREOBJECTWITHHOST, fill_share_with_host,
	  AT_START(DEVICE), .writes = true },
	{ "CreateSyncFile", LX_DXCREATESYNCFILE, fill_create_file, AT_START(DEVICE), .writes = true },
	{ "WaitSyncFile", LX_DXWAITSYNCFILE, fill_wait_file,
	  AT(d3dkmt_waitsyncfile, CONTEXT, context) },
	{ "OpenSyncObjectFromSyncFile", LX_DXOPENSYNCOBJECTFROMSYNCFILE, fill_open_file,
	  AT(d3dkmt_opensyncobjectfromsyncfile, DEVICE, device), .writes = true },
	{ "DestroySynchronizationObject", LX_DXDESTROYSYNCHRONIZATIONOBJECT, fill_destroy,
	  AT_START(SYNC_OBJECT), .destroys = DXG_SYNC_OBJECT },
};

const unsigned int dxg_sync_calls_count = ARRAY_SIZE(dxg_sync_calls);

const struct dxg_call *dxg_next_sync_call(const struct dxg_sync_scene *scene,
					  const struct dxg_call *call)
{
	const struct dxg_call *end = dxg_sync_calls + dxg_sync_calls_count;

	for (call = call ? call + 1 : dxg_sync_calls; call < end; call++) {
		if (!call->hw_queues || scene->scene.gpu.hw_queues)
			return call;
	}
	return NULL;
}
