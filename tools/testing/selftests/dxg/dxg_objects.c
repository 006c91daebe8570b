// SPDX-License-Identifier: GPL-2.0
/* Objects for the tests of /dev/dxg, see dxg_objects.h. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <sys/io.h>
#endif

#include "dxg_objects.h"
#include "kselftest.h"

/* The port of gpupv-host that counts, and what an unused port reads as */
#define COUNT_PORT	0x608
#define NO_PORT		0xffffffff

/* Hosts that do not know the question have the hardware for it in render adapters. */
static bool has_hw_queues(int fd, __u32 adapter, bool compute)
{
	struct d3dkmt_isfeatureenabled args = {
		.adapter.v = adapter,
		.feature_id = _DXGK_FEATURE_HWSCH,
	};

	return dxg_ioctl(fd, LX_ISFEATUREENABLED, &args) ? !compute : args.result.enabled;
}

int dxg_gpu_open(struct dxg_gpu *gpu, bool compute)
{
	struct dxg_list list;
	int result;

	gpu->fd = dxg_open();
	if (gpu->fd < 0)
		return gpu->fd;
	result = dxg_list(gpu->fd, &list);
	if (result)
		return result;
	gpu->adapter = 0;
	for (unsigned int i = 0; i < list.count; i++) {
		__u32 adapter = list.adapter[i].adapter_handle.v;
		struct d3dkmt_adaptertype type;

		result = dxg_query(gpu->fd, adapter, QAI_ADAPTERTYPE, &type, sizeof(type));
		if (result)
			return result;
		if (!gpu->adapter && type.compute_only == compute) {
			gpu->adapter = adapter;
			gpu->luid = list.adapter[i].adapter_luid;
		} else {
			dxg_close_adapter(gpu->fd, adapter);
		}
	}
	if (!gpu->adapter)
		return -ENODEV;
	gpu->hw_queues = has_hw_queues(gpu->fd, gpu->adapter, compute);
	return dxg_create_device(gpu->fd, gpu->adapter, &gpu->device);
}

void dxg_gpu_close(struct dxg_gpu *gpu)
{
	close(gpu->fd);
}

int dxg_create_device(int fd, __u32 adapter, __u32 *device)
{
	struct d3dkmt_createdevice args = { .adapter.v = adapter };
	int result = dxg_ioctl(fd, LX_DXCREATEDEVICE, &args);

	*device = args.device.v;
	return result;
}

int dxg_destroy_device(int fd, __u32 device)
{
	struct d3dkmt_destroydevice args = { .device.v = device };

	return dxg_ioctl(fd, LX_DXDESTROYDEVICE, &args);
}

int dxg_device_state(int fd, __u32 device)
{
	struct d3dkmt_getdevicestate args = {
		.device.v = device,
		.state_type = _D3DKMT_DEVICESTATE_EXECUTION,
	};
	int result = dxg_ioctl(fd, LX_DXGETDEVICESTATE, &args);

	if (result)
		return result;
	return args.execution_state == _D3DKMT_DEVICEEXECUTION_ACTIVE ? 0 : args.execution_state;
}

static int create_context(int fd, __u32 device, bool hw_queues, __u32 *context)
{
	struct d3dkmt_createcontextvirtual args = {
		.device.v = device,
		.engine_affinity = 1,
		.flags.hw_queue_supported = hw_queues,
	};
	int result = dxg_ioctl(fd, LX_DXCREATECONTEXTVIRTUAL, &args);

	*context = args.context.v;
	return result;
}

int dxg_create_context(int fd, __u32 device, __u32 *context)
{
	return create_context(fd, device, false, context);
}

int dxg_create_hw_context(int fd, __u32 device, __u32 *context)
{
	return create_context(fd, device, true, context);
}

int dxg_destroy_context(int fd, __u32 context)
{
	struct d3dkmt_destroycontext args = { .context.v = context };

	return dxg_ioctl(fd, LX_DXDESTROYCONTEXT, &args);
}

int dxg_create_hw_queue(int fd, __u32 context, struct dxg_hw_queue *queue)
{
	struct d3dkmt_createhwqueue args = { .context.v = context };
	int result = dxg_ioctl(fd, LX_DXCREATEHWQUEUE, &args);

	queue->queue = args.queue.v;
	queue->fence = args.queue_progress_fence.v;
	queue->value = (dxg_fence)(uintptr_t)args.queue_progress_fence_cpu_va;
	queue->gpu_va = args.queue_progress_fence_gpu_va;
	return result;
}

int dxg_destroy_hw_queue(int fd, __u32 queue)
{
	struct d3dkmt_destroyhwqueue args = { .queue.v = queue };

	return dxg_ioctl(fd, LX_DXDESTROYHWQUEUE, &args);
}

int dxg_submit_to_hw_queue(int fd, __u32 queue, __u64 value)
{
	struct d3dkmt_submitcommandtohwqueue args = {
		.hwqueue.v = queue,
		.hwqueue_progress_fence_id = value,
	};

	return dxg_ioctl(fd, LX_DXSUBMITCOMMANDTOHWQUEUE, &args);
}

int dxg_create_paging_queue(int fd, __u32 device, struct dxg_paging_queue *queue)
{
	struct d3dkmt_createpagingqueue args = { .device.v = device };
	int result = dxg_ioctl(fd, LX_DXCREATEPAGINGQUEUE, &args);

	queue->queue = args.paging_queue.v;
	queue->fence = args.sync_object.v;
	queue->value = (dxg_fence)(uintptr_t)args.fence_cpu_virtual_address;
	return result;
}

int dxg_destroy_paging_queue(int fd, __u32 queue)
{
	struct d3dddi_destroypagingqueue args = { .paging_queue.v = queue };

	return dxg_ioctl(fd, LX_DXDESTROYPAGINGQUEUE, &args);
}

int dxg_create_fence(int fd, __u32 device, __u32 *fence)
{
	struct d3dkmt_createsynchronizationobject2 args = {
		.device.v = device,
		.info.type = _D3DDDI_MONITORED_FENCE,
	};
	int result = dxg_ioctl(fd, LX_DXCREATESYNCHRONIZATIONOBJECT, &args);

	*fence = args.sync_object.v;
	return result;
}

int dxg_create_allocations(int fd, struct d3dkmt_createallocation *args, __u32 pages,
			   __u32 *allocations)
{
	struct d3dddi_allocationinfo2 *info = calloc(args->alloc_count, sizeof(*info));
	struct dxg_allocation_data data = DXG_ALLOCATION_DATA((__u64)pages * DXG_PAGE);
	int result;

	if (!info)
		ksft_exit_fail_msg("no memory\n");
	for (__u32 i = 0; i < args->alloc_count; i++) {
		info[i].priv_drv_data = (uintptr_t)&data;
		info[i].priv_drv_data_size = sizeof(data);
	}
	args->allocation_info = (uintptr_t)info;
	result = dxg_ioctl(fd, LX_DXCREATEALLOCATION, args);
	for (__u32 i = 0; i < args->alloc_count; i++)
		allocations[i] = info[i].allocation.v;
	free(info);
	return result;
}

int dxg_create_allocation(int fd, __u32 device, __u32 pages, __u32 *allocation)
{
	struct d3dkmt_createallocation args = { .device.v = device, .alloc_count = 1 };

	return dxg_create_allocations(fd, &args, pages, allocation);
}

int dxg_create_resource(int fd, __u32 device, __u32 count, __u32 *resource, __u32 *allocations)
{
	struct d3dkmt_createallocation args = {
		.device.v = device,
		.alloc_count = count,
		.flags.create_resource = 1,
	};
	int result = dxg_create_allocations(fd, &args, 1, allocations);

	*resource = args.resource.v;
	return result;
}

int dxg_destroy_allocation(int fd, __u32 device, __u32 allocation)
{
	struct d3dkmt_destroyallocation2 args = {
		.device.v = device,
		.allocations = (uintptr_t)&allocation,
		.alloc_count = 1,
	};

	return dxg_ioctl(fd, LX_DXDESTROYALLOCATION2, &args);
}

int dxg_destroy_resource(int fd, __u32 device, __u32 resource)
{
	struct d3dkmt_destroyallocation2 args = { .device.v = device, .resource.v = resource };

	return dxg_ioctl(fd, LX_DXDESTROYALLOCATION2, &args);
}

int dxg_make_resident(int fd, const struct dxg_paging_queue *queue, const __u32 *allocations,
		      __u32 count)
{
	struct d3dddi_makeresident args = {
		.paging_queue.v = queue->queue,
		.alloc_count = count,
		.allocation_list = (uintptr_t)allocations,
	};
	int result = dxg_ioctl(fd, LX_DXMAKERESIDENT, &args);

	if (result != DXG_STATUS_PENDING)
		return result;
	return dxg_wait_fence(queue->value, args.paging_fence_value) ? 0 : -ETIME;
}

bool dxg_wait_fence(dxg_fence fence, __u64 value)
{
	for (int i = 0; i < DXG_TIMEOUT_MS; i++) {
		if (*fence >= value)
			return true;
		dxg_sleep_ms(1);
	}
	return false;
}

/* What copying a byte between memory and a pipe or file does, it faults in the kernel. */
bool dxg_can_read(const void *address)
{
	int ends[2];
	bool can;

	if (pipe(ends))
		ksft_exit_fail_msg("pipe: %s\n", strerror(errno));
	can = write(ends[1], address, 1) == 1;
	close(ends[0]);
	close(ends[1]);
	return can;
}

bool dxg_can_write(const void *address)
{
	int ends[2];
	bool can;

	if (pipe(ends) || write(ends[1], "", 1) != 1)
		ksft_exit_fail_msg("pipe: %s\n", strerror(errno));
	can = read(ends[0], (void *)address, 1) == 1;
	close(ends[0]);
	close(ends[1]);
	return can;
}

int dxg_host_objects(void)
{
	static int allowed = -1;
	__u32 count = NO_PORT;
	int port;

	if (allowed < 0)
		allowed = !ioperm(COUNT_PORT, 4, 1);
	if (allowed) {
		count = inl(COUNT_PORT);
	} else {
		/* Kernels without ioperm() have this way, which is slower. */
		port = open("/dev/port", O_RDONLY | O_CLOEXEC);
		if (pread(port, &count, sizeof(count), COUNT_PORT) != sizeof(count))
			count = NO_PORT;
		close(port);
	}
	return count == NO_PORT ? -1 : count;
}

bool dxg_asynchronous(void)
{
	const char *set = getenv("DXG_ASYNC");

	return set && atoi(set);
}

int dxg_host_does(const char *setting)
{
	const char *settings = getenv("DXG_BEHAVIOUR");
	size_t length = strlen(setting);

	if (!settings)
		return -1;
	for (const char *at = settings; (at = strstr(at, setting)); at += length) {
		if ((at == settings || at[-1] == ',') && (at[length] == ',' || !at[length]))
			return 1;
	}
	return 0;
}

__u32 dxg_message_room(__u32 fixed)
{
	const char *version = getenv("DXG_INTERFACE_VERSION");
	__u32 extended = version && atoi(version) < 40 ? 0 : DXG_MESSAGE_EXTENDED;

	return DXG_MESSAGE_MAX - extended - fixed;
}

__u32 dxg_echo_room(__u32 fixed)
{
	return DXG_MESSAGE_MAX - DXG_PACKET_HEADER - fixed;
}

struct together {
	pthread_barrier_t barrier;
	int (*function)(void *data, unsigned int index);
	void *data;
};

struct together_one {
	struct together *all;
	unsigned int index;
	int result;
};

static void *together_start(void *data)
{
	struct together_one *one = data;

	pthread_barrier_wait(&one->all->barrier);
	one->result = one->all->function(one->all->data, one->index);
	return NULL;
}

int dxg_together(unsigned int count, int (*function)(void *data, unsigned int index),
		 void *data)
{
	struct together all = { .function = function, .data = data };
	struct together_one one[DXG_THREADS_MAX];
	pthread_t threads[DXG_THREADS_MAX];
	int failed = 0;

	if (count > DXG_THREADS_MAX || pthread_barrier_init(&all.barrier, NULL, count))
		ksft_exit_fail_msg("%u threads\n", count);
	for (unsigned int i = 0; i < count; i++) {
		one[i] = (struct together_one){ .all = &all, .index = i };
		if (pthread_create(&threads[i], NULL, together_start, &one[i]))
			ksft_exit_fail_msg("pthread_create\n");
	}
	for (unsigned int i = 0; i < count; i++) {
		pthread_join(threads[i], NULL);
		failed += one[i].result != 0;
	}
	pthread_barrier_destroy(&all.barrier);
	return failed;
}
