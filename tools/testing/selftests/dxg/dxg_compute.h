/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Command buffers that the GPUs of gpupv-host execute, built by hand. The commands
 * are described in Documentation/gpu-commands.md.
 *
 * Each function that calls the driver returns what the ioctl returned, or the
 * negative errno.
 */
#ifndef DXG_COMPUTE_H
#define DXG_COMPUTE_H

#include "dxg_objects.h"
#include "dxg_sync.h"

enum {
	GPU_NOP		= 1,
	GPU_FILL	= 2,
	GPU_COPY	= 3,
	GPU_SAXPY	= 5,
	GPU_MATMUL	= 6,
	GPU_FENCE	= 7,
	GPU_FAULT	= 8,
	GPU_BUSY	= 9,
};

struct gpu_nop {
	__u32 number, size;
};

struct gpu_fill {
	__u32 number, size;
	__u64 target, bytes;
	__u32 value, reserved;
};

struct gpu_copy {
	__u32 number, size;
	__u64 target, source, bytes;
};

struct gpu_saxpy {
	__u32 number, size;
	__u64 target, x, y, count;
	float a;
	__u32 reserved;
};

struct gpu_matmul {
	__u32 number, size;
	__u64 target, first, second;
	__u32 rows, columns, depth, reserved;
};

struct gpu_fence {
	__u32 number, size;
	__u64 address, value;
};

struct gpu_word {
	__u32 number, size;
	__u32 value, reserved;
};

/* Memory that both the CPU and the GPU see */
struct dxg_gpu_memory {
	__u32 allocation;
	void *cpu;
	__u64 gpu;
};

/* A context with what it needs to execute something */
struct dxg_worker {
	const struct dxg_gpu *gpu;
	struct dxg_paging_queue paging;
	__u32 context;
	struct dxg_gpu_memory commands;
	/* Bytes of commands, and how many of them were submitted */
	__u32 used, submitted;
	struct dxg_monitored done;
	__u64 rounds;
};

/* A context of the GPU's device, and memory for commands; and none of it any more */
int dxg_make_worker(const struct dxg_gpu *gpu, struct dxg_worker *worker);
int dxg_end_worker(struct dxg_worker *worker);

/*
 * Memory that the worker's commands may use: the host's, which the driver maps, or the
 * program's, which it pins
 */
int dxg_make_memory(struct dxg_worker *worker, bool sysmem, __u32 pages,
		    struct dxg_gpu_memory *memory);

/* Gives an allocation an address, resident and writable, and takes it back. */
int dxg_map(struct dxg_worker *worker, __u32 allocation, __u32 pages, __u64 *address);
int dxg_unmap(struct dxg_worker *worker, __u64 address, __u32 pages);

void dxg_worker_add(struct dxg_worker *worker, const void *command, __u32 size);

/* Adds a command: its structure, its number, and its fields after the size. */
#define DXG_ADD(worker, type, what, ...) do {					\
	struct type __command = { what, sizeof(__command), __VA_ARGS__ };	\
										\
	dxg_worker_add(worker, &__command, sizeof(__command));		\
} while (0)

/* Submits what was added since the last time. */
int dxg_worker_submit(struct dxg_worker *worker);

/* The same, with a fence at the end; starts over in the buffer. */
int dxg_worker_signal(struct dxg_worker *worker);

/* The same, and waits until it is done. */
int dxg_worker_finish(struct dxg_worker *worker);

#endif /* DXG_COMPUTE_H */
