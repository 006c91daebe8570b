/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ioctls of synchronization objects and of sharing as a table, like those of
 * dxg_calls.h, with the objects they need besides those of a scene.
 */
#ifndef DXG_SYNC_CALLS_H
#define DXG_SYNC_CALLS_H

#include "dxg_calls.h"
#include "dxg_sync.h"

struct dxg_sync_scene {
	/* First, so that the calls find the rest */
	struct dxg_scene scene;
	struct dxg_monitored fence;
	struct dxg_monitored shared;
	/* A fence that only the GPU sees */
	__u32 legacy;
	__u32 resource;
	__u32 member;
	int shared_descriptor;
	int resource_descriptor;
	int sync_file;
	int event;

	__u32 object[1];
	__u32 context[1];
	__u32 queue[1];
	__u64 value[1];
	__u64 descriptor;
	struct d3dddi_openallocationinfo2 info;
	struct dxg_allocation_data data;
};

int dxg_sync_scene_open(struct dxg_sync_scene *scene, bool compute);
/* The files too, which keep their objects otherwise. */
void dxg_sync_scene_close(struct dxg_sync_scene *scene);

extern const struct dxg_call dxg_sync_calls[];
extern const unsigned int dxg_sync_calls_count;

/* The call after one, or the first, which the adapter of a scene can do */
const struct dxg_call *dxg_next_sync_call(const struct dxg_sync_scene *scene,
					  const struct dxg_call *call);

#define for_each_sync_call(call, sync_scene)						\
	for (const struct dxg_call *call = dxg_next_sync_call(sync_scene, NULL); call;	\
	     call = dxg_next_sync_call(sync_scene, call))

#endif /* DXG_SYNC_CALLS_H */
