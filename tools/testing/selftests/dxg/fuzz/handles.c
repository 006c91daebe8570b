// SPDX-License-Identifier: GPL-2.0
/* Remembers what calls have returned, and draws from it, from others' and from nothing. */
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "../dxg_memory.h"
#include "../dxg_sync.h"

#define LUIDS	4

static struct winluid luids[LUIDS];

static void add_luid(struct fuzz_thread *thread, struct winluid luid)
{
	luids[fuzz_below(&thread->random, LUIDS)] = luid;
}

struct winluid fuzz_luid(struct fuzz_thread *thread)
{
	struct winluid luid = luids[fuzz_below(&thread->random, LUIDS)];

	if (fuzz_is_odd(thread))
		luid.a = fuzz_boundary(thread);
	return luid;
}

static __u32 any_of(struct fuzz_thread *thread, const struct fuzz_process *process,
		    enum fuzz_kind kind)
{
	const struct fuzz_slot *slots = process->slot[kind];
	__u32 start = fuzz_below(&thread->random, FUZZ_SLOTS), fallback = 0;

	for (__u32 i = 0; i < FUZZ_SLOTS; i++) {
		struct fuzz_slot slot = slots[(start + i) % FUZZ_SLOTS];

		if (!slot.handle)
			continue;
		if (!thread->group || !slot.group || slot.group == thread->group) {
			thread->group = thread->group ?: slot.group;
			return slot.handle;
		}
		fallback = slot.handle;
	}
	return fallback;
}

__u32 fuzz_handle(struct fuzz_thread *thread, enum fuzz_kind kind)
{
	struct fuzz_random *random = &thread->random;
	const struct fuzz_shared *shared = thread->shared;

	if (!fuzz_is_odd(thread))
		return any_of(thread, thread->process, kind);
	switch (fuzz_below(random, 6)) {
	case 0:
		return fuzz_boundary(thread);
	case 1:
	case 2:
		return thread->process->dead[fuzz_below(random, FUZZ_DEAD)];
	case 3:
		return any_of(thread, &shared->process[fuzz_below(random, shared->processes)],
			      kind);
	case 4:
		return any_of(thread, thread->process, fuzz_below(random, FUZZ_KINDS));
	default:
		return any_of(thread, thread->process, kind) ^ 1u << fuzz_below(random, 32);
	}
}

static void add(struct fuzz_thread *thread, enum fuzz_kind kind, __u32 handle, __u32 group)
{
	struct fuzz_slot *slots = thread->process->slot[kind];
	__u32 start = fuzz_below(&thread->random, FUZZ_SLOTS), place = start;

	if (!handle)
		return;
	/* An old one is forgotten when there is no room. */
	for (__u32 i = 0; i < FUZZ_SLOTS; i++) {
		if (!slots[(start + i) % FUZZ_SLOTS].handle) {
			place = (start + i) % FUZZ_SLOTS;
			break;
		}
	}
	slots[place] = (struct fuzz_slot){ .handle = handle, .group = group };
}

static __u32 new_group(struct fuzz_thread *thread)
{
	return fuzz_next(&thread->random) | 1;
}

void fuzz_add_handle(struct fuzz_thread *thread, enum fuzz_kind kind, __u32 handle)
{
	/* A device begins a group, and an adapter is in none. */
	if (kind == FUZZ_DEVICE)
		thread->group = new_group(thread);
	add(thread, kind, handle, kind == FUZZ_ADAPTER ? 0 : thread->group);
}

static void forget(struct fuzz_process *process, struct fuzz_slot *slot)
{
	process->dead[process->next_dead++ % FUZZ_DEAD] = slot->handle;
	slot->handle = 0;
}

void fuzz_drop_handle(struct fuzz_thread *thread, __u32 handle)
{
	struct fuzz_process *process = thread->process;
	__u32 group = 0;

	for (int kind = 0; kind < FUZZ_KINDS; kind++) {
		for (int i = 0; i < FUZZ_SLOTS; i++) {
			struct fuzz_slot *slot = &process->slot[kind][i];

			if (slot->handle != handle)
				continue;
			if (kind == FUZZ_DEVICE)
				group = slot->group;
			forget(process, slot);
		}
	}
	/* With a device goes what was made with it. */
	for (int kind = 0; group && kind < FUZZ_KINDS; kind++) {
		for (int i = 0; i < FUZZ_SLOTS; i++) {
			struct fuzz_slot *slot = &process->slot[kind][i];

			if (slot->handle && slot->group == group)
				forget(process, slot);
		}
	}
}

__u64 fuzz_gpu_va(struct fuzz_thread *thread)
{
	__u64 address = thread->process->gpu_va[fuzz_below(&thread->random, FUZZ_SLOTS)];

	return fuzz_is_odd(thread) ? address + fuzz_boundary(thread) : address;
}

void fuzz_add_gpu_va(struct fuzz_thread *thread, __u64 address)
{
	thread->process->gpu_va[fuzz_below(&thread->random, FUZZ_SLOTS)] = address;
}

/* The entries of a list of adapters that the caller was given */
static void add_adapters(struct fuzz_thread *thread, __u64 list, __u32 count)
{
	const struct d3dkmt_adapterinfo *adapters = (const void *)(uintptr_t)list;

	for (__u32 i = 0; adapters && i < count && i < D3DKMT_ADAPTERS_MAX; i++) {
		add_luid(thread, adapters[i].adapter_luid);
		fuzz_add_handle(thread, FUZZ_ADAPTER, adapters[i].adapter_handle.v);
	}
}

void fuzz_harvest_adapters2(struct fuzz_thread *thread, const void *args)
{
	const struct d3dkmt_enumadapters2 *made = args;

	add_adapters(thread, made->adapters, made->num_adapters);
}

void fuzz_harvest_adapters3(struct fuzz_thread *thread, const void *args)
{
	const struct d3dkmt_enumadapters3 *made = args;

	add_adapters(thread, made->adapters, made->adapter_count);
}

/* Objects that need a device only */
static void make_simple(struct fuzz_thread *thread, const struct dxg_gpu *gpu)
{
	struct dxg_paging_queue paging;
	__u32 context, object, allocation, member;
	int fd = gpu->fd;

	if (!dxg_create_context(fd, gpu->device, &context))
		fuzz_add_handle(thread, FUZZ_CONTEXT, context);
	if (!dxg_create_paging_queue(fd, gpu->device, &paging)) {
		fuzz_add_handle(thread, FUZZ_PAGING_QUEUE, paging.queue);
		fuzz_add_mapping(thread, (uintptr_t)paging.value, FUZZ_PAGE);
	}
	if (!dxg_create_allocation(fd, gpu->device, 2, &allocation))
		fuzz_add_handle(thread, FUZZ_ALLOCATION, allocation);
	if (!dxg_create_resource(fd, gpu->device, 1, &object, &member)) {
		fuzz_add_handle(thread, FUZZ_RESOURCE, object);
		fuzz_add_handle(thread, FUZZ_ALLOCATION, member);
	}
	if (!dxg_create_semaphore(fd, gpu->device, 0, 1, &object))
		fuzz_add_handle(thread, FUZZ_SYNC, object);
}

static void make_hw_queue(struct fuzz_thread *thread, const struct dxg_gpu *gpu)
{
	struct dxg_hw_queue queue;
	__u32 context;

	if (!gpu->hw_queues || dxg_create_hw_context(gpu->fd, gpu->device, &context))
		return;
	fuzz_add_handle(thread, FUZZ_CONTEXT, context);
	if (dxg_create_hw_queue(gpu->fd, context, &queue))
		return;
	fuzz_add_handle(thread, FUZZ_HW_QUEUE, queue.queue);
	fuzz_add_mapping(thread, (uintptr_t)queue.value, FUZZ_PAGE);
}

/* Objects that others can have too */
static void make_shared(struct fuzz_thread *thread, const struct dxg_gpu *gpu)
{
	struct dxg_monitored fence;
	__u32 resource, allocation;
	int descriptor;

	if (!dxg_create_monitored(gpu->fd, gpu->device, 1, DXG_SHARED, &fence)) {
		fuzz_add_handle(thread, FUZZ_SYNC, fence.handle);
		fuzz_add_mapping(thread, (uintptr_t)fence.value, FUZZ_PAGE);
		if (!dxg_share(gpu->fd, fence.handle, &descriptor))
			fuzz_add_descriptor(thread, FUZZ_FILE_SHARED, descriptor);
		if (!dxg_create_sync_file(gpu, fence.handle, 4, &descriptor))
			fuzz_add_descriptor(thread, FUZZ_FILE_SYNC, descriptor);
	}
	if (!dxg_create_shared_resource(gpu, 1, &resource, &allocation)) {
		fuzz_add_handle(thread, FUZZ_RESOURCE, resource);
		fuzz_add_handle(thread, FUZZ_ALLOCATION, allocation);
		if (!dxg_share(gpu->fd, resource, &descriptor))
			fuzz_add_descriptor(thread, FUZZ_FILE_SHARED, descriptor);
	}
}

void fuzz_make_scene(struct fuzz_thread *thread)
{
	struct dxg_gpu gpu = { .fd = -1 };
	int result = dxg_gpu_open(&gpu, fuzz_one_in(&thread->random, 3));

	if (result && gpu.fd >= 0)
		close(gpu.fd);
	if (result)
		return;
	thread->odd = 0;
	add_luid(thread, gpu.luid);
	fuzz_add_descriptor(thread, FUZZ_FILE_DXG, gpu.fd);
	fuzz_add_handle(thread, FUZZ_ADAPTER, gpu.adapter);
	fuzz_add_handle(thread, FUZZ_DEVICE, gpu.device);
	make_simple(thread, &gpu);
	make_hw_queue(thread, &gpu);
	make_shared(thread, &gpu);
}
