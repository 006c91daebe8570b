/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs of this folder share. Each of them stands for one user library: it makes
 * the calls that the library's public source shows, in its order and with its arguments, and
 * checks what the library would act on.
 *
 * Each function that calls the driver returns what the ioctl returned, or the negative errno.
 */
#ifndef DXG_CLIENT_H
#define DXG_CLIENT_H

#include <string.h>

#include "../dxg_compute.h"
#include "../dxg_objects.h"
#include "../dxg_sync.h"
#include "../dxg_harness.h"

/* Types of QueryAdapterInfo that clients ask for besides those of dxg_utils.h */
enum {
	CLIENT_QAI_UMD_DRIVER_VERSION	= 18,
	CLIENT_QAI_NODEPERFDATA		= 61,
	CLIENT_QAI_ADAPTERPERFDATA	= 62,
	CLIENT_QAI_DRIVER_DESCRIPTION	= 65,
	CLIENT_QAI_WDDM_2_7_CAPS	= 70,
};

/* Engine types of node metadata */
enum {
	CLIENT_ENGINE_OTHER	= 0,
	CLIENT_ENGINE_3D	= 1,
};

struct client_device_ids {
	__u32 physical_adapter_index;
	__u32 vendor;
	__u32 device;
	__u32 sub_vendor;
	__u32 sub_system;
	__u32 revision;
	__u32 bus_type;
};

/* Windows packs this structure: without the padding at its end. */
#define CLIENT_NODE_METADATA_SIZE	78

struct client_node_metadata {
	__u32 node_and_adapter;
	__u32 engine_type;
	__u16 friendly_name[32];
	__u32 flags;
	__u8 gpu_mmu;
	__u8 io_mmu;
};

struct client_adapter_address {
	__u32 bus;
	__u32 device;
	__u32 function;
};

/* Whether the host speaks a version in which replies to queries have no status */
static inline bool client_old_host(void)
{
	const char *version = getenv("DXG_INTERFACE_VERSION");

	return version && atoi(version) < 40;
}

/* A paging operation is under way or done; the fence value is only valid in the first case. */
static inline bool client_accepted(int result)
{
	return result == 0 || result == DXG_STATUS_PENDING;
}

/* What user-mode drivers do after paging operations: they wait by the fence's handle. */
static inline int client_wait_paging(const struct dxg_gpu *gpu,
				     const struct dxg_paging_queue *paging, __u64 value)
{
	return dxg_wait_cpu(gpu, paging->fence, value);
}

static inline int client_map(int fd, struct d3dddi_mapgpuvirtualaddress *args)
{
	return dxg_ioctl(fd, LX_DXMAPGPUVIRTUALADDRESS, args);
}

static inline int client_free(const struct dxg_gpu *gpu, __u64 address, __u64 size)
{
	struct d3dkmt_freegpuvirtualaddress args = {
		.adapter.v = gpu->adapter,
		.base_address = address,
		.size = size,
	};

	return dxg_ioctl(gpu->fd, LX_DXFREEGPUVIRTUALADDRESS, &args);
}

static inline int client_lock(const struct dxg_gpu *gpu, __u32 allocation, void **data)
{
	struct d3dkmt_lock2 args = { .device.v = gpu->device, .allocation.v = allocation };
	int result = dxg_ioctl(gpu->fd, LX_DXLOCK2, &args);

	*data = (void *)(uintptr_t)args.data;
	return result;
}

static inline int client_unlock(const struct dxg_gpu *gpu, __u32 allocation)
{
	struct d3dkmt_unlock2 args = { .device.v = gpu->device, .allocation.v = allocation };

	return dxg_ioctl(gpu->fd, LX_DXUNLOCK2, &args);
}

static inline int client_resident(int fd, __u32 queue, const __u32 *allocations, __u32 count,
				  __u32 flags, __u64 *value)
{
	struct d3dddi_makeresident args = {
		.paging_queue.v = queue,
		.alloc_count = count,
		.allocation_list = (uintptr_t)allocations,
		.flags.value = flags,
	};
	int result = dxg_ioctl(fd, LX_DXMAKERESIDENT, &args);

	*value = args.paging_fence_value;
	return result;
}

#endif /* DXG_CLIENT_H */
