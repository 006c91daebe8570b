/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ioctls that work on objects, as a table: what is true of all of them need
 * not be tested one by one. A scene has an object of each kind for them.
 */
#ifndef DXG_CALLS_H
#define DXG_CALLS_H

#include "dxg_objects.h"

enum dxg_kind {
	DXG_NONE,
	DXG_ADAPTER,
	DXG_DEVICE,
	DXG_CONTEXT,
	DXG_HW_QUEUE,
	DXG_PAGING_QUEUE,
	DXG_ALLOCATION,
	DXG_RESOURCE,
	DXG_SYNC_OBJECT,
	/* The fences of queues, which only stand for their queue */
	DXG_PAGING_FENCE,
	DXG_PROGRESS_FENCE,
	DXG_KINDS,
};

/* One object of each kind, and the memory that arguments point to */
struct dxg_scene {
	struct dxg_gpu gpu;
	__u32 handle[DXG_KINDS];
	dxg_fence paging_value;
	/* What was submitted to the hardware queue last */
	__u64 progress;
	/* The context of the hardware queue; these are 0 where there are no such queues. */
	__u32 hw_context;
	/* A reserved range of GPU addresses */
	__u64 gpu_va;

	__u32 list[1];
	__u32 words[1];
	struct d3dddi_allocationinfo2 info;
	struct dxg_allocation_data data;
	struct d3dddi_updategpuvirtualaddress_operation operation;
};

int dxg_scene_open(struct dxg_scene *scene, bool compute);
void dxg_scene_close(struct dxg_scene *scene);

/* A handle in an argument which the driver itself looks up */
struct dxg_call_handle {
	enum dxg_kind kind;
	unsigned int offset;
};

struct dxg_call {
	const char *name;
	unsigned int request;
	/* Makes an argument with which the call works. */
	void (*fill)(struct dxg_scene *scene, void *args);
	struct dxg_call_handle handle[2];
	/* Whether a call that works writes to its argument */
	bool writes;
	/* What it takes away, with everything below it */
	enum dxg_kind destroys;
	/* Whether it is about hardware queues, which not all adapters have */
	bool hw_queues;
};

extern const struct dxg_call dxg_calls[];
extern const unsigned int dxg_calls_count;

/* Room for any argument */
#define DXG_ARGUMENT_MAX	1024

/* The call after one, or the first, which the adapter of a scene can do */
const struct dxg_call *dxg_next_call(const struct dxg_scene *scene, const struct dxg_call *call);

#define for_each_call(call, scene)						\
	for (const struct dxg_call *call = dxg_next_call(scene, NULL); call;	\
	     call = dxg_next_call(scene, call))

#endif /* DXG_CALLS_H */
