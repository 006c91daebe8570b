// SPDX-License-Identifier: GPL-2.0
/* Command buffers, see dxg_compute.h. */
#include <errno.h>
#include <string.h>

#include "dxg_compute.h"
#include "dxg_memory.h"

#define COMMAND_PAGES	16

int dxg_map(struct dxg_worker *worker, __u32 allocation, __u32 pages, __u64 *address)
{
	struct d3dddi_mapgpuvirtualaddress args = {
		.paging_queue.v = worker->paging.queue,
		.allocation.v = allocation,
		.size_in_pages = pages,
		.protection.write = 1,
	};
	int result = dxg_make_resident(worker->gpu->fd, &worker->paging, &allocation, 1);

	if (result)
		return result;
	result = dxg_ioctl(worker->gpu->fd, LX_DXMAPGPUVIRTUALADDRESS, &args);
	if (result < 0)
		return result;
	*address = args.virtual_address;
	/* Without anything left to do there is no value to wait for. */
	if (result != DXG_STATUS_PENDING)
		return 0;
	return dxg_wait_fence(worker->paging.value, args.paging_fence_value) ? 0 : -ETIME;
}

int dxg_unmap(struct dxg_worker *worker, __u64 address, __u32 pages)
{
	struct d3dkmt_freegpuvirtualaddress args = {
		.adapter.v = worker->gpu->adapter,
		.base_address = address,
		.size = (__u64)pages * DXG_PAGE,
	};

	return dxg_ioctl(worker->gpu->fd, LX_DXFREEGPUVIRTUALADDRESS, &args);
}

int dxg_make_memory(struct dxg_worker *worker, bool sysmem, __u32 pages,
		    struct dxg_gpu_memory *memory)
{
	const struct dxg_gpu *gpu = worker->gpu;
	char *data = NULL;
	int result;

	if (sysmem) {
		data = dxg_memory(pages * DXG_PAGE);
		result = dxg_create_over(gpu, data, pages * DXG_PAGE, false, &memory->allocation);
	} else {
		result = dxg_create_allocation(gpu->fd, gpu->device, pages, &memory->allocation);
		if (!result)
			result = dxg_lock(gpu, memory->allocation, &data);
	}
	memory->cpu = data;
	return result ? result : dxg_map(worker, memory->allocation, pages, &memory->gpu);
}

int dxg_make_worker(const struct dxg_gpu *gpu, struct dxg_worker *worker)
{
	int result;

	memset(worker, 0, sizeof(*worker));
	worker->gpu = gpu;
	result = dxg_create_paging_queue(gpu->fd, gpu->device, &worker->paging);
	if (!result)
		result = dxg_create_context(gpu->fd, gpu->device, &worker->context);
	if (!result)
		result = dxg_create_monitored(gpu->fd, gpu->device, 0, 0, &worker->done);
	return result ? result : dxg_make_memory(worker, false, COMMAND_PAGES, &worker->commands);
}

int dxg_end_worker(struct dxg_worker *worker)
{
	int fd = worker->gpu->fd, result;

	result = dxg_unmap(worker, worker->commands.gpu, COMMAND_PAGES);
	if (!result)
		result = dxg_destroy_allocation(fd, worker->gpu->device, worker->commands.allocation);
	if (!result)
		result = dxg_destroy_sync(fd, worker->done.handle);
	if (!result)
		result = dxg_destroy_context(fd, worker->context);
	return result ? result : dxg_destroy_paging_queue(fd, worker->paging.queue);
}

void dxg_worker_add(struct dxg_worker *worker, const void *command, __u32 size)
{
	memcpy(worker->commands.cpu + worker->used, command, size);
	worker->used += size;
}

int dxg_worker_submit(struct dxg_worker *worker)
{
	struct d3dkmt_submitcommand args = {
		.command_buffer = worker->commands.gpu + worker->submitted,
		.command_length = worker->used - worker->submitted,
		.broadcast_context_count = 1,
		.broadcast_context[0].v = worker->context,
	};

	worker->submitted = worker->used;
	return dxg_ioctl(worker->gpu->fd, LX_DXSUBMITCOMMAND, &args);
}

int dxg_worker_signal(struct dxg_worker *worker)
{
	int result;

	DXG_ADD(worker, gpu_fence, GPU_FENCE, worker->done.gpu_va, ++worker->rounds);
	result = dxg_worker_submit(worker);
	worker->used = 0;
	worker->submitted = 0;
	return result;
}

int dxg_worker_finish(struct dxg_worker *worker)
{
	int result = dxg_worker_signal(worker);

	if (result)
		return result;
	if (!dxg_wait_fence(worker->done.value, worker->rounds))
		return -ETIME;
	return *worker->done.value == worker->rounds ? 0 : -EIO;
}
