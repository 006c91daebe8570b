// SPDX-License-Identifier: GPL-2.0
/*
 * Stands for ROCm on WSL: its library below the runtime (librocdxg).
 *
 * Source: ROCm/librocdxg, src/wddm/device.cpp and event.cpp; ROCm/rocm-systems,
 * src/wddm/gpu_memory.cpp of the same library, whose calls libdxcore takes to /dev/dxg. It
 * counts adapters with a null pointer first and lists them with exactly that room. All of its
 * memory is made in the order reserve, allocate, map, make resident (CantTrimFurther), wait
 * for the paging fence from the CPU; the range is unmapped by mapping it once more with
 * NoAccess and the allocation. Memory of the program lies at the address of the program.
 * Shared memory is a resource with runtime data. Events are CPU notifications with an
 * eventfd, made with SignalByKmd.
 *
 * What it does with the answers: STATUS_PENDING gives a fence value to wait for, 0 gives none,
 * anything else undoes what was done. An escape of its own that is refused is only noted.
 */
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "client.h"

#define SIZE		(2ul * DXG_GPU_UNIT)
#define PAGES		(SIZE / DXG_PAGE)
#define CANT_TRIM	1u
#define SIGNAL_BY_KMD	0x100u
/* What the escape for events consists of */
#define ESCAPE_CPU_EVENT_USAGE	2

FIXTURE(rocm)
{
	struct dxg_gpu gpu;
	struct dxg_paging_queue paging;
	__u64 paging_value;
};

FIXTURE_VARIANT(rocm)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(rocm, render) { .compute = false };
FIXTURE_VARIANT_ADD(rocm, compute) { .compute = true };

FIXTURE_SETUP(rocm)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	ASSERT_EQ(0, dxg_create_paging_queue(self->gpu.fd, self->gpu.device, &self->paging));
	self->paging_value = 0;
}

FIXTURE_TEARDOWN(rocm)
{
	dxg_gpu_close(&self->gpu);
}

#define FD	(self->gpu.fd)

/* Keeps the largest fence value, as the library does. */
static bool accepted(__u64 *known, int result, __u64 value)
{
	if (result == DXG_STATUS_PENDING && value > *known)
		*known = value;
	return client_accepted(result);
}

TEST(list_of_adapters)
{
	int fd = dxg_open();
	__u32 room = 0, count;
	struct d3dkmt_adapterinfo *adapters;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, dxg_enum2(fd, NULL, &room));
	ASSERT_LT(0, room);
	adapters = dxg_guarded(room * sizeof(*adapters), 0);
	count = room;
	ASSERT_EQ(0, dxg_enum2(fd, adapters, &count));
	EXPECT_LT(0, count);
	EXPECT_GE(room, count);
	for (int i = 0; i < count; i++) {
		__u32 handle = adapters[i].adapter_handle.v, physical = 0;

		EXPECT_OK(dxg_query(fd, handle, QAI_PHYSICALADAPTERCOUNT, &physical,
				    sizeof(physical)));
		EXPECT_LT(0, physical);
		for (__u32 j = 0; j < physical; j++) {
			struct client_device_ids ids = { .physical_adapter_index = j };

			EXPECT_OK(dxg_query(fd, handle, QAI_PHYSICALADAPTERDEVICEIDS, &ids,
					    sizeof(ids)));
		}
		EXPECT_OK(dxg_close_adapter(fd, handle));
	}
	close(fd);
}

/* One piece of memory from its beginning to its end */
static void memory_life(struct __test_metadata *_metadata, const struct dxg_gpu *gpu,
			const struct dxg_paging_queue *paging, __u64 *known, char *user)
{
	struct dxg_allocation_data data = DXG_ALLOCATION_DATA(SIZE);
	struct d3dddi_allocationinfo2 info = {
		.sysmem = (uintptr_t)user,
		.priv_drv_data = (uintptr_t)&data,
		.priv_drv_data_size = sizeof(data),
		.vidpn_source_id = ~0u,
	};
	unsigned char runtime[64] = { 1, 2, 3 };
	/* Memory of the GPU is always made so that it can be shared. */
	struct d3dkmt_createallocation create = {
		.device.v = gpu->device,
		.alloc_count = 1,
		.allocation_info = (uintptr_t)&info,
		.private_runtime_data = user ? 0 : (uintptr_t)runtime,
		.private_runtime_data_size = user ? 0 : sizeof(runtime),
		.flags.value = user ? 0 : 1 | 2 | 64,
	};
	struct d3dddi_reservegpuvirtualaddress reserve = {
		.adapter.v = gpu->adapter,
		.base_address = (uintptr_t)user,
		.size = SIZE,
	};
	__u64 value;
	int result;

	ASSERT_EQ(0, dxg_ioctl(gpu->fd, LX_DXRESERVEGPUVIRTUALADDRESS, &reserve));
	ASSERT_TRUE(!user || (uintptr_t)user == reserve.virtual_address);
	ASSERT_EQ(0, dxg_ioctl(gpu->fd, LX_DXCREATEALLOCATION, &create));

	struct d3dddi_mapgpuvirtualaddress map = {
		.paging_queue.v = paging->queue,
		.base_address = reserve.virtual_address,
		.allocation = info.allocation,
		.size_in_pages = PAGES,
		.protection.write = 1,
	};
	struct d3dddi_mapgpuvirtualaddress unmap = map;
	struct d3dkmt_evict evict = {
		.device.v = gpu->device,
		.alloc_count = 1,
		.allocations = (uintptr_t)&info.allocation,
	};
	struct d3dkmt_destroyallocation2 destroy = {
		.device.v = gpu->device,
		.resource = create.resource,
		/* With a resource, the list is still given. */
		.allocations = (uintptr_t)&info.allocation,
		.alloc_count = 1,
	};

	result = client_map(gpu->fd, &map);
	ASSERT_TRUE(accepted(known, result, map.paging_fence_value));
	result = client_resident(gpu->fd, paging->queue, &info.allocation.v, 1, CANT_TRIM,
				 &value);
	ASSERT_TRUE(accepted(known, result, value));
	ASSERT_EQ(0, client_wait_paging(gpu, paging, *known));

	EXPECT_OK(dxg_ioctl(gpu->fd, LX_DXEVICT, &evict));
	unmap.protection.value = 0;
	unmap.protection.no_access = 1;
	result = client_map(gpu->fd, &unmap);
	EXPECT_TRUE(accepted(known, result, unmap.paging_fence_value)) TH_LOG("unmap: %d", result);
	EXPECT_OK(dxg_ioctl(gpu->fd, LX_DXDESTROYALLOCATION2, &destroy));
	EXPECT_OK(client_free(gpu, reserve.virtual_address, SIZE));
}

TEST_F(rocm, memory_of_the_gpu)
{
	for (int i = 0; i < 3; i++)
		memory_life(_metadata, &self->gpu, &self->paging, &self->paging_value, NULL);
}

TEST_F(rocm, memory_of_the_program)
{
	char *memory = mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	uintptr_t start = ((uintptr_t)memory + DXG_GPU_UNIT - 1) & ~(uintptr_t)(DXG_GPU_UNIT - 1);

	ASSERT_NE(MAP_FAILED, memory);
	for (int i = 0; i < 3; i++)
		memory_life(_metadata, &self->gpu, &self->paging, &self->paging_value,
			    (char *)start);
	munmap(memory, 2 * SIZE);
}

/* Between processes: the memory's descriptor is opened with the runtime data of its maker. */
TEST_F(rocm, memory_of_another_process)
{
	unsigned char runtime[64] = { 7, 7, 7 };
	struct d3dkmt_createallocation create = {
		.device.v = self->gpu.device,
		.private_runtime_data = (uintptr_t)runtime,
		.private_runtime_data_size = sizeof(runtime),
		.alloc_count = 1,
		.flags = { .create_resource = 1, .create_shared = 1, .nt_security_sharing = 1 },
	};
	__u32 allocation;
	int descriptor;

	ASSERT_EQ(0, dxg_create_allocations(FD, &create, PAGES, &allocation));
	ASSERT_EQ(0, dxg_share(FD, create.resource.v, &descriptor));

	struct d3dkmt_queryresourceinfofromnthandle query = {
		.device.v = self->gpu.device,
		.nt_handle = descriptor,
	};

	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXQUERYRESOURCEINFOFROMNTHANDLE, &query));
	ASSERT_EQ(sizeof(runtime), query.private_runtime_data_size);
	ASSERT_EQ(1, query.allocation_count);

	unsigned char copy[64] = {}, total[256];
	struct d3dddi_openallocationinfo2 opened = {};
	struct d3dkmt_openresourcefromnthandle open = {
		.device.v = self->gpu.device,
		.nt_handle = descriptor,
		.allocation_count = query.allocation_count,
		.open_alloc_info = (uintptr_t)&opened,
		.private_runtime_data_size = query.private_runtime_data_size,
		.private_runtime_data = (uintptr_t)copy,
		.resource_priv_drv_data_size = query.resource_priv_drv_data_size,
		.total_priv_drv_data_size = query.total_priv_drv_data_size,
		.total_priv_drv_data = (uintptr_t)total,
	};

	ASSERT_GE(sizeof(total), query.total_priv_drv_data_size);
	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXOPENRESOURCEFROMNTHANDLE, &open));
	EXPECT_NE(0, opened.allocation.v);
	EXPECT_EQ(0, memcmp(copy, runtime, sizeof(copy)));
	close(descriptor);
}

/* A context for either way of scheduling, with its queue and a submission to it */
TEST_F(rocm, queues)
{
	unsigned char data[32] = {};
	struct d3dkmt_createcontextvirtual context = {
		.device.v = self->gpu.device,
		.engine_affinity = 1,
		.priv_drv_data = (uintptr_t)data,
		.priv_drv_data_size = sizeof(data),
		.client_hint = 2,
		.flags.hw_queue_supported = self->gpu.hw_queues,
		.flags.disable_gpu_timeout = !self->gpu.hw_queues,
	};

	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXCREATECONTEXTVIRTUAL, &context));
	if (self->gpu.hw_queues) {
		struct d3dkmt_createhwqueue create = {
			.context = context.context,
			.flags.disable_gpu_timeout = 1,
			.priv_drv_data = (uintptr_t)data,
			.priv_drv_data_size = sizeof(data),
		};
		struct d3dkmt_submitcommandtohwqueue submit = {
			.hwqueue_progress_fence_id = 1,
			.priv_drv_data = (uintptr_t)data,
			.priv_drv_data_size = sizeof(data),
		};

		ASSERT_EQ(0, dxg_ioctl(FD, LX_DXCREATEHWQUEUE, &create));
		submit.hwqueue = create.queue;
		EXPECT_OK(dxg_ioctl(FD, LX_DXSUBMITCOMMANDTOHWQUEUE, &submit));
		EXPECT_OK(dxg_wait_cpu(&self->gpu, create.queue_progress_fence.v, 1));
		EXPECT_OK(dxg_destroy_hw_queue(FD, create.queue.v));
	} else {
		struct d3dkmt_submitcommand submit = {
			.broadcast_context_count = 1,
			.broadcast_context[0] = context.context,
			.priv_drv_data = (uintptr_t)data,
			.priv_drv_data_size = sizeof(data),
		};
		struct dxg_monitored done;

		ASSERT_EQ(0, dxg_create_monitored(FD, self->gpu.device, 0, 0, &done));
		EXPECT_OK(dxg_ioctl(FD, LX_DXSUBMITCOMMAND, &submit));
		EXPECT_OK(dxg_signal_gpu(FD, context.context.v, done.handle, 1));
		EXPECT_OK(dxg_wait_cpu(&self->gpu, done.handle, 1));
		EXPECT_OK(dxg_destroy_sync(FD, done.handle));
	}
	EXPECT_OK(dxg_destroy_context(FD, context.context.v));
}

TEST_F(rocm, events)
{
	struct {
		__u32 type, sync_object;
		__u64 kmd_event;
		__u32 usage[8];
	} usage = { .type = ESCAPE_CPU_EVENT_USAGE };
	struct d3dkmt_createsynchronizationobject2 create = {
		.device.v = self->gpu.device,
		.info.type = _D3DDDI_CPU_NOTIFICATION,
		.info.flags.value = SIGNAL_BY_KMD,
	};
	struct d3dkmt_escape escape = {
		.adapter.v = self->gpu.adapter,
		.device.v = self->gpu.device,
		.flags.driver_known_escape = 1,
		.priv_drv_data = (uintptr_t)&usage,
		.priv_drv_data_size = sizeof(usage),
	};
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int result;

	ASSERT_LE(0, event);
	create.info.cpu_notification.event = event;
	EXPECT_OK(dxg_ioctl(FD, LX_DXCREATESYNCHRONIZATIONOBJECT, &create));
	usage.sync_object = create.sync_object.v;
	usage.usage[0] = 1;
	result = dxg_ioctl(FD, LX_DXESCAPE, &escape);
	/* Where the host's driver knows no such events, the library has events of the CPU only. */
	EXPECT_TRUE(result == 0 || result == -EINVAL || result == -EPERM || result == -EOPNOTSUPP);
	EXPECT_OK(dxg_destroy_sync(FD, create.sync_object.v));
	close(event);
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
