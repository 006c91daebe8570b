// SPDX-License-Identifier: GPL-2.0
/* Synchronization objects for the tests of /dev/dxg, see dxg_sync.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dxg_sync.h"
#include "kselftest.h"

int dxg_create_sync(int fd, __u32 device, __u32 type, __u32 flags, __u32 *object)
{
	struct d3dkmt_createsynchronizationobject2 args = {
		.device.v = device,
		.info.type = type,
		.info.flags.value = flags,
	};
	int result = dxg_ioctl(fd, LX_DXCREATESYNCHRONIZATIONOBJECT, &args);

	*object = args.sync_object.v;
	return result;
}

int dxg_create_monitored(int fd, __u32 device, __u64 initial, __u32 flags,
			 struct dxg_monitored *fence)
{
	struct d3dkmt_createsynchronizationobject2 args = {
		.device.v = device,
		.info.type = _D3DDDI_MONITORED_FENCE,
		.info.flags.value = flags,
		.info.monitored_fence.initial_fence_value = initial,
	};
	int result = dxg_ioctl(fd, LX_DXCREATESYNCHRONIZATIONOBJECT, &args);
	__u64 address = args.info.monitored_fence.fence_cpu_virtual_address;

	fence->handle = args.sync_object.v;
	fence->value = (dxg_fence)(uintptr_t)address;
	fence->gpu_va = args.info.monitored_fence.fence_gpu_virtual_address;
	return result;
}

int dxg_create_semaphore(int fd, __u32 device, __u32 initial, __u32 max, __u32 *object)
{
	struct d3dkmt_createsynchronizationobject2 args = {
		.device.v = device,
		.info.type = _D3DDDI_SEMAPHORE,
		.info.semaphore.max_count = max,
		.info.semaphore.initial_count = initial,
	};
	int result = dxg_ioctl(fd, LX_DXCREATESYNCHRONIZATIONOBJECT, &args);

	*object = args.sync_object.v;
	return result;
}

int dxg_create_notification(int fd, __u32 device, int event, __u32 *object)
{
	struct d3dkmt_createsynchronizationobject2 args = {
		.device.v = device,
		.info.type = _D3DDDI_CPU_NOTIFICATION,
		.info.cpu_notification.event = event,
	};
	int result = dxg_ioctl(fd, LX_DXCREATESYNCHRONIZATIONOBJECT, &args);

	*object = args.sync_object.v;
	return result;
}

int dxg_destroy_sync(int fd, __u32 object)
{
	struct d3dkmt_destroysynchronizationobject args = { .sync_object.v = object };

	return dxg_ioctl(fd, LX_DXDESTROYSYNCHRONIZATIONOBJECT, &args);
}

int dxg_signal_cpu(const struct dxg_gpu *gpu, __u32 object, __u64 value)
{
	struct d3dkmt_signalsynchronizationobjectfromcpu args = {
		.device.v = gpu->device,
		.object_count = 1,
		.objects = (uintptr_t)&object,
		.fence_values = (uintptr_t)&value,
	};

	return dxg_ioctl(gpu->fd, LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMCPU, &args);
}

int dxg_signal_gpu(int fd, __u32 context, __u32 object, __u64 value)
{
	struct d3dkmt_signalsynchronizationobjectfromgpu args = {
		.context.v = context,
		.object_count = 1,
		.objects = (uintptr_t)&object,
		.monitored_fence_values = (uintptr_t)&value,
	};

	return dxg_ioctl(fd, LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMGPU, &args);
}

int dxg_wait_event(const struct dxg_gpu *gpu, __u32 object, __u64 value, int event)
{
	struct d3dkmt_waitforsynchronizationobjectfromcpu args = {
		.device.v = gpu->device,
		.object_count = 1,
		.objects = (uintptr_t)&object,
		.fence_values = (uintptr_t)&value,
		.async_event = event,
	};

	return dxg_ioctl(gpu->fd, LX_DXWAITFORSYNCHRONIZATIONOBJECTFROMCPU, &args);
}

int dxg_wait_cpu(const struct dxg_gpu *gpu, __u32 object, __u64 value)
{
	return dxg_wait_event(gpu, object, value, 0);
}

int dxg_wait_gpu(int fd, __u32 context, __u32 object, __u64 value)
{
	struct d3dkmt_waitforsynchronizationobjectfromgpu args = {
		.context.v = context,
		.object_count = 1,
		.objects = (uintptr_t)&object,
		.monitored_fence_values = (uintptr_t)&value,
	};

	return dxg_ioctl(fd, LX_DXWAITFORSYNCHRONIZATIONOBJECTFROMGPU, &args);
}

int dxg_signal_legacy(int fd, __u32 context, __u32 object, __u64 value)
{
	struct d3dkmt_signalsynchronizationobject2 args = {
		.context.v = context,
		.object_count = 1,
		.object_array[0].v = object,
		.fence.fence_value = value,
	};

	return dxg_ioctl(fd, LX_DXSIGNALSYNCHRONIZATIONOBJECT, &args);
}

int dxg_wait_legacy(int fd, __u32 context, __u32 object, __u64 value)
{
	struct d3dkmt_waitforsynchronizationobject2 args = {
		.context.v = context,
		.object_count = 1,
		.object_array[0].v = object,
		.fence.fence_value = value,
	};

	return dxg_ioctl(fd, LX_DXWAITFORSYNCHRONIZATIONOBJECT, &args);
}

int dxg_event(void)
{
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (event < 0)
		ksft_exit_fail_msg("eventfd: %s\n", strerror(errno));
	return event;
}

static __u64 count_within(int event, int ms)
{
	struct pollfd poll_event = { .fd = event, .events = POLLIN };
	__u64 count;

	if (poll(&poll_event, 1, ms) != 1 || read(event, &count, sizeof(count)) != sizeof(count))
		return 0;
	return count;
}

__u64 dxg_event_count(int event)
{
	return count_within(event, DXG_TIMEOUT_MS);
}

bool dxg_event_silent(int event)
{
	return !count_within(event, 100);
}

int dxg_share(int fd, __u32 object, int *descriptor)
{
	__u64 shared = -1;
	struct d3dkmt_shareobjects args = {
		.object_count = 1,
		.objects = (uintptr_t)&object,
		.shared_handle = (uintptr_t)&shared,
	};
	int result = dxg_ioctl(fd, LX_DXSHAREOBJECTS, &args);

	*descriptor = shared;
	return result;
}

int dxg_open_shared(const struct dxg_gpu *gpu, int descriptor, __u32 flags,
		    struct dxg_monitored *fence)
{
	struct d3dkmt_opensyncobjectfromnthandle2 args = {
		.nt_handle = descriptor,
		.device.v = gpu->device,
		.flags.value = flags,
	};
	int result = dxg_ioctl(gpu->fd, LX_DXOPENSYNCOBJECTFROMNTHANDLE2, &args);

	fence->handle = args.sync_object.v;
	fence->value = (dxg_fence)(uintptr_t)args.monitored_fence.fence_value_cpu_va;
	fence->gpu_va = args.monitored_fence.fence_value_gpu_va;
	return result;
}

bool dxg_cross_adapter_result(int result)
{
	int tolerates = dxg_host_does("cross-adapter=tolerate");

	return (!result && tolerates) || (result == -EINVAL && tolerates != 1);
}

int dxg_create_sync_file(const struct dxg_gpu *gpu, __u32 fence, __u64 value, int *descriptor)
{
	struct d3dkmt_createsyncfile args = {
		.device.v = gpu->device,
		.monitored_fence.v = fence,
		.fence_value = value,
		.sync_file_handle = -1,
	};
	int result = dxg_ioctl(gpu->fd, LX_DXCREATESYNCFILE, &args);

	*descriptor = args.sync_file_handle;
	return result;
}

int dxg_wait_sync_file(int fd, __u32 context, int descriptor)
{
	struct d3dkmt_waitsyncfile args = {
		.sync_file_handle = descriptor,
		.context.v = context,
	};

	return dxg_ioctl(fd, LX_DXWAITSYNCFILE, &args);
}

int dxg_open_sync_file(const struct dxg_gpu *gpu, int descriptor, __u64 *value,
		       struct dxg_monitored *fence)
{
	struct d3dkmt_opensyncobjectfromsyncfile args = {
		.sync_file_handle = descriptor,
		.device.v = gpu->device,
	};
	int result = dxg_ioctl(gpu->fd, LX_DXOPENSYNCOBJECTFROMSYNCFILE, &args);

	*value = args.fence_value;
	fence->handle = args.syncobj.v;
	fence->value = (dxg_fence)(uintptr_t)args.fence_value_cpu_va;
	fence->gpu_va = args.fence_value_gpu_va;
	return result;
}

bool dxg_file_signals(int file, int ms)
{
	struct pollfd one = { .fd = file, .events = POLLIN };

	return poll(&one, 1, ms) == 1 && one.revents == POLLIN;
}

int dxg_file_status(int file)
{
	struct sync_file_info info = {};

	return ioctl(file, SYNC_IOC_FILE_INFO, &info) ? -errno : info.status;
}

int dxg_file_merge(int one, int other)
{
	struct sync_merge_data data = { .name = "both", .fd2 = other };

	return ioctl(one, SYNC_IOC_MERGE, &data) ? -errno : data.fence;
}

/* Its interface is in no header. */
struct sw_sync_create_fence_data {
	__u32 value;
	char name[32];
	__s32 fence;
};

#define SW_SYNC_IOC_CREATE_FENCE	_IOWR('W', 0, struct sw_sync_create_fence_data)
#define SW_SYNC_IOC_INC			_IOW('W', 1, __u32)

int dxg_sw_timeline(void)
{
	int fd = open("/sys/kernel/debug/sync/sw_sync", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int dxg_sw_fence(int timeline, __u32 value)
{
	struct sw_sync_create_fence_data data = { .value = value, .name = "foreign" };

	return ioctl(timeline, SW_SYNC_IOC_CREATE_FENCE, &data) ? -errno : data.fence;
}

int dxg_sw_advance(int timeline, __u32 steps)
{
	return ioctl(timeline, SW_SYNC_IOC_INC, &steps) ? -errno : 0;
}

int dxg_create_shared_resource(const struct dxg_gpu *gpu, __u32 pages, __u32 *resource,
			       __u32 *allocation)
{
	struct d3dkmt_createallocation args = {
		.device.v = gpu->device,
		.alloc_count = 1,
		.flags = {
			.create_resource = 1,
			.create_shared = 1,
			.nt_security_sharing = 1,
		},
	};
	int result = dxg_create_allocations(gpu->fd, &args, pages, allocation);

	*resource = args.resource.v;
	return result;
}

int dxg_send_descriptor(int socket, int descriptor)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {};
	struct iovec byte = { .iov_base = "", .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &byte,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &descriptor, sizeof(int));
	return sendmsg(socket, &message, 0) == 1 ? 0 : -errno;
}

int dxg_receive_descriptor(int socket)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {};
	char byte;
	struct iovec room = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &room,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int descriptor;

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1)
		return -errno;
	if (!CMSG_FIRSTHDR(&message))
		return -ENOMSG;
	memcpy(&descriptor, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	return descriptor;
}

void dxg_no_more_memory(void)
{
	const struct rlimit none = { .rlim_cur = 1, .rlim_max = 1 };

	if (setrlimit(RLIMIT_AS, &none))
		ksft_exit_fail_msg("setrlimit: %s\n", strerror(errno));
}
