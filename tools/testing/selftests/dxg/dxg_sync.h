/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Synchronization objects for the tests of /dev/dxg: made, signalled and waited for
 * in one line each.
 *
 * Each function that calls the driver returns what the ioctl returned, or the
 * negative errno.
 */
#ifndef DXG_SYNC_H
#define DXG_SYNC_H

#include "dxg_objects.h"

/* Both flags that an object needs which others may open */
#define DXG_SHARED		3u
/* It is signalled when commands are read, not when they are done */
#define DXG_TOP_OF_PIPELINE	0x08u
/* The flags of an object made from a sync file: it cannot be signalled */
#define DXG_NO_SIGNAL		0x10u
/* It cannot be waited for */
#define DXG_NO_WAIT		0x20u
/* The GPU has no address for the value */
#define DXG_NO_GPU_ACCESS	0x80u
/* The end of a handle is not the end of the waits that were made with it */
#define DXG_UNWAIT_ONLY_ON_DESTROY 0x400u
/* The host's driver may signal it too */
#define DXG_SIGNAL_BY_KMD	0x100u

struct dxg_monitored {
	__u32 handle;
	dxg_fence value;
	__u64 gpu_va;
};

/*
 * What only the host can refuse: of signals and waits it may not tell, and then they
 * work even with handles that do not.
 */
#define EXPECT_HOST_REFUSES(call)					\
	EXPECT_ERRNO(dxg_asynchronous() ? 0 : EINVAL, call)

/* The same for what a handle gives no right to */
#define EXPECT_HOST_DENIES(call)					\
	EXPECT_ERRNO(dxg_asynchronous() ? 0 : EACCES, call)

int dxg_create_sync(int fd, __u32 device, __u32 type, __u32 flags, __u32 *object);
int dxg_create_monitored(int fd, __u32 device, __u64 initial, __u32 flags,
			 struct dxg_monitored *fence);
int dxg_create_semaphore(int fd, __u32 device, __u32 initial, __u32 max, __u32 *object);
/* A CPU notification that adds to an eventfd */
int dxg_create_notification(int fd, __u32 device, int event, __u32 *object);
int dxg_destroy_sync(int fd, __u32 object);

/* One monitored fence, signalled or waited for by the CPU or by a context. */
int dxg_signal_cpu(const struct dxg_gpu *gpu, __u32 object, __u64 value);
int dxg_signal_gpu(int fd, __u32 context, __u32 object, __u64 value);
int dxg_wait_cpu(const struct dxg_gpu *gpu, __u32 object, __u64 value);
int dxg_wait_event(const struct dxg_gpu *gpu, __u32 object, __u64 value, int event);
int dxg_wait_gpu(int fd, __u32 context, __u32 object, __u64 value);

/* One object without a value, or with a value that only the GPU sees */
int dxg_signal_legacy(int fd, __u32 context, __u32 object, __u64 value);
int dxg_wait_legacy(int fd, __u32 context, __u32 object, __u64 value);

/* An eventfd that is not waited for, and what was added to it, 0 if nothing is. */
int dxg_event(void);
__u64 dxg_event_count(int event);
/* Whether nothing is added to it for a while. */
bool dxg_event_silent(int event);

/* A descriptor for a shared object */
int dxg_share(int fd, __u32 object, int *descriptor);
int dxg_open_shared(const struct dxg_gpu *gpu, int descriptor, __u32 flags,
		    struct dxg_monitored *fence);

/*
 * Whether this is how the host answers when a shared object of one adapter is opened
 * on another: it refuses it, or tolerates it. Of a host that nothing is known of either
 * will do.
 */
bool dxg_cross_adapter_result(int result);
#define EXPECT_CROSS_ADAPTER(call) do {						\
	int __opened = call;							\
										\
	EXPECT_TRUE(dxg_cross_adapter_result(__opened)) TH_LOG("%d", __opened);	\
} while (0)

int dxg_create_sync_file(const struct dxg_gpu *gpu, __u32 fence, __u64 value, int *descriptor);
int dxg_wait_sync_file(int fd, __u32 context, int descriptor);
/* Skips what needs sync files when the driver was built without. */
#define DXG_SYNC_FILE_SETUP(gpu) do {						\
	int __descriptor;							\
										\
	if (dxg_create_sync_file(gpu, 0, 0, &__descriptor) == -EOPNOTSUPP)	\
		SKIP(return, "the driver was built without sync files");	\
} while (0)

int dxg_open_sync_file(const struct dxg_gpu *gpu, int descriptor, __u64 *value,
		       struct dxg_monitored *fence);

/* Whether a sync file signals within some time */
bool dxg_file_signals(int file, int ms);
/* 1 when it has signalled, negative when with an error, 0 when not */
int dxg_file_status(int file);
/* A sync file of two, or the negative errno */
int dxg_file_merge(int one, int other);

/*
 * The kernel's test driver for fences: a timeline, negative errno where there is none,
 * and a sync file that signals when the timeline has gone so far.
 */
int dxg_sw_timeline(void);
int dxg_sw_fence(int timeline, __u32 value);
int dxg_sw_advance(int timeline, __u32 steps);

/* A resource with one allocation of @pages pages that others may open */
int dxg_create_shared_resource(const struct dxg_gpu *gpu, __u32 pages, __u32 *resource,
			       __u32 *allocation);

/* Sends a descriptor through a socket, and takes one: negative errno */
int dxg_send_descriptor(int socket, int descriptor);
int dxg_receive_descriptor(int socket);

/*
 * Lets this process map nothing more, which is how a mapping of the host's memory
 * fails; ends with the process.
 */
void dxg_no_more_memory(void);

#endif /* DXG_SYNC_H */
