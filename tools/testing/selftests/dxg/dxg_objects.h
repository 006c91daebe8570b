/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Objects for the tests of /dev/dxg: made and destroyed in one line each, the
 * fixture that most programs share, and how to see what is left of an object.
 *
 * Each function that calls the driver returns what the ioctl returned, or the
 * negative errno.
 */
#ifndef DXG_OBJECTS_H
#define DXG_OBJECTS_H

#include "dxg_utils.h"

#define DXG_PAGE		4096u

/* Reservations of GPU addresses come in units of this. */
#define DXG_GPU_UNIT		0x10000u

/* What paging operations return whose fence value is still to be reached */
#define DXG_STATUS_PENDING	0x103

/* The largest message to the host, and what the header of version 40 takes of it */
#define DXG_MESSAGE_MAX		131072u
#define DXG_MESSAGE_EXTENDED	16u
#define DXG_PACKET_HEADER	16u

/* A number that no object of a test has: far beyond what hosts give out first */
#define DXG_NO_HANDLE		0x7fffff40u

/*
 * A number in a page of the host's, which only grows. Any call may have changed it:
 * it need not be volatile where something is called between two looks at it.
 */
typedef const __u64 *dxg_fence;

struct dxg_paging_queue {
	__u32 queue;
	__u32 fence;
	dxg_fence value;
};

struct dxg_hw_queue {
	__u32 queue;
	__u32 fence;
	dxg_fence value;
	__u64 gpu_va;
};

/* One adapter, opened, with a device on it */
struct dxg_gpu {
	int fd;
	struct winluid luid;
	__u32 adapter;
	__u32 device;
	/* Whether the adapter schedules by itself, so that there are hardware queues */
	bool hw_queues;
};

/* What the user-mode driver of gpupv-host's adapters says of an allocation it wants */
struct dxg_allocation_data {
	char magic[4];
	__u32 size;
	__u32 version;
	/* 1: cached by the CPU; 2: in the machine's memory; 4: a size that is not rounded up */
	__u32 flags;
	__u64 bytes;
	/* out: names the memory, the same for all who share it */
	__u64 number;
};

#define DXG_ALLOCATION_DATA(byte_count)					\
	((struct dxg_allocation_data){					\
		.magic = { 'G', 'P', 'V', 'A' },			\
		.size = sizeof(struct dxg_allocation_data),		\
		.version = 1,						\
		.bytes = (byte_count),					\
	})

/*
 * Opens the first adapter of the kind and makes a device; -ENODEV if the machine has
 * no such adapter. Closing ends whatever the process still has.
 */
int dxg_gpu_open(struct dxg_gpu *gpu, bool compute);
void dxg_gpu_close(struct dxg_gpu *gpu);

int dxg_create_device(int fd, __u32 adapter, __u32 *device);
int dxg_destroy_device(int fd, __u32 device);
/* 0 if the device exists and is active, otherwise the errno or the state. */
int dxg_device_state(int fd, __u32 device);

/* A context for submissions, and one for hardware queues: no context takes both. */
int dxg_create_context(int fd, __u32 device, __u32 *context);
int dxg_create_hw_context(int fd, __u32 device, __u32 *context);
int dxg_destroy_context(int fd, __u32 context);

int dxg_create_hw_queue(int fd, __u32 context, struct dxg_hw_queue *queue);
int dxg_destroy_hw_queue(int fd, __u32 queue);
/* Submits a command that ends with @value in the fence of the queue. */
int dxg_submit_to_hw_queue(int fd, __u32 queue, __u64 value);

int dxg_create_paging_queue(int fd, __u32 device, struct dxg_paging_queue *queue);
int dxg_destroy_paging_queue(int fd, __u32 queue);

/* A monitored fence of the device */
int dxg_create_fence(int fd, __u32 device, __u32 *fence);

/*
 * The allocations of an argument, of @pages pages each, and their handles; and the
 * usual cases: one that belongs to the device, and @count of a page in a new resource.
 */
int dxg_create_allocations(int fd, struct d3dkmt_createallocation *args, __u32 pages,
			   __u32 *allocations);
int dxg_create_allocation(int fd, __u32 device, __u32 pages, __u32 *allocation);
int dxg_create_resource(int fd, __u32 device, __u32 count, __u32 *resource, __u32 *allocations);
int dxg_destroy_allocation(int fd, __u32 device, __u32 allocation);
int dxg_destroy_resource(int fd, __u32 device, __u32 resource);

/* Makes allocations resident and waits until they are. */
int dxg_make_resident(int fd, const struct dxg_paging_queue *queue, const __u32 *allocations,
		      __u32 count);

/* Waits until a fence has reached a value; false after DXG_TIMEOUT_MS. */
bool dxg_wait_fence(dxg_fence fence, __u64 value);

/* Whether a byte can be read or written, found out without a signal. */
bool dxg_can_read(const void *address);
bool dxg_can_write(const void *address);

/*
 * How many objects the host has for all processes of this machine; -1 where the
 * host does not tell (gpupv-host --count-port does).
 */
int dxg_host_objects(void);

/*
 * The same once it does not change any more, to compare with later; and whether it
 * comes back to that. Objects of processes that ended go a moment after them.
 */
int dxg_host_objects_settled(void);
bool dxg_host_objects_return(int before);

/*
 * Whether the host takes submissions without answering them (DXG_ASYNC in the
 * environment): they succeed when they are sent.
 */
bool dxg_asynchronous(void);

/*
 * Whether the host was started with this setting, such as "cross-adapter=tolerate"
 * (DXG_BEHAVIOUR in the environment has them, separated by commas); -1 if nothing is
 * known of it.
 */
int dxg_host_does(const char *setting);

/* The longest variable part of a message whose fixed part has @fixed bytes */
__u32 dxg_message_room(__u32 fixed);

/* The same if the answer is as long, since an answer comes in a packet with a header */
__u32 dxg_echo_room(__u32 fixed);

/*
 * Runs @function in @count threads that start at the same moment. Returns how many
 * returned something but 0.
 */
#define DXG_THREADS_MAX		8

int dxg_together(unsigned int count, int (*function)(void *data, unsigned int index),
		 void *data);

/* For the set-up of fixtures that need an adapter of a kind */
#define DXG_GPU_SETUP(gpu, compute) do {				\
	int __opened = dxg_gpu_open(gpu, compute);			\
									\
	if (__opened == -ENODEV)					\
		SKIP(return, "no %s adapter",				\
		     (compute) ? "compute-only" : "render");		\
	ASSERT_EQ(0, __opened);						\
} while (0)

/* A context for hardware queues, on the adapter that has them */
#define DXG_HW_SETUP(gpu, context) do {					\
	DXG_GPU_SETUP(gpu, false);					\
	if (!(gpu)->hw_queues)						\
		SKIP(return, "no hardware scheduling");			\
	ASSERT_EQ(0, dxg_create_hw_context((gpu)->fd, (gpu)->device, context)); \
} while (0)

/* The call fails and leaves its argument as it was. */
#define EXPECT_REFUSED(expected, fd, request, args) ({			\
	typeof(*(args)) __before;					\
	int __refused;							\
									\
	memcpy(&__before, args, sizeof(__before));			\
	__refused = dxg_ioctl(fd, request, args);			\
	EXPECT_EQ(-(expected), __refused);				\
	EXPECT_EQ(0, memcmp(&__before, args, sizeof(__before)));	\
})

#define EXPECT_PENDING(call)	({ EXPECT_EQ(DXG_STATUS_PENDING, call); })

#endif /* DXG_OBJECTS_H */
