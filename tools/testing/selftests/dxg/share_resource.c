// SPDX-License-Identifier: GPL-2.0
/* Shared resources: QueryResourceInfoFromNtHandle and OpenResourceFromNtHandle */
#include <fcntl.h>
#include <sys/socket.h>

#include "dxg_sync.h"
#include "dxg_watch.h"
#include "dxg_harness.h"

#define ALLOCATIONS	3
#define RUNTIME_SIZE	33
#define RESOURCE_SIZE	24
#define TOTAL_SIZE	(ALLOCATIONS * sizeof(struct dxg_allocation_data))

FIXTURE(resource)
{
	struct dxg_gpu gpu;
	__u32 handle;
	__u32 allocations[ALLOCATIONS];
	unsigned char runtime[RUNTIME_SIZE];
	unsigned char private[RESOURCE_SIZE];
	int descriptor;
};

FIXTURE_VARIANT(resource)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(resource, render) { .compute = false };
FIXTURE_VARIANT_ADD(resource, compute) { .compute = true };

FIXTURE_SETUP(resource)
{
	struct d3dkmt_createallocation args = {
		.private_runtime_data = (uintptr_t)self->runtime,
		.private_runtime_data_size = RUNTIME_SIZE,
		.priv_drv_data = (uintptr_t)self->private,
		.priv_drv_data_size = RESOURCE_SIZE,
		.alloc_count = ALLOCATIONS,
		.flags = {
			.create_resource = 1,
			.create_shared = 1,
			.nt_security_sharing = 1,
		},
	};

	DXG_GPU_SETUP(&self->gpu, variant->compute);
	memset(self->runtime, 0x5a, RUNTIME_SIZE);
	memset(self->private, 0xa5, RESOURCE_SIZE);
	args.device.v = self->gpu.device;
	ASSERT_EQ(0, dxg_create_allocations(self->gpu.fd, &args, 2, self->allocations));
	self->handle = args.resource.v;
	ASSERT_EQ(0, dxg_share(self->gpu.fd, self->handle, &self->descriptor));
}

FIXTURE_TEARDOWN(resource)
{
	dxg_gpu_close(&self->gpu);
}

/* What an importer needs room for */
struct import {
	struct d3dkmt_openresourcefromnthandle args;
	struct d3dddi_openallocationinfo2 info[ALLOCATIONS];
	unsigned char runtime[RUNTIME_SIZE];
	unsigned char private[RESOURCE_SIZE];
	struct dxg_allocation_data total[ALLOCATIONS];
};

static void prepare(struct import *import, __u32 device, int descriptor)
{
	memset(import, 0x77, sizeof(*import));
	import->args = (struct d3dkmt_openresourcefromnthandle) {
		.device.v = device,
		.nt_handle = descriptor,
		.allocation_count = ALLOCATIONS,
		.open_alloc_info = (uintptr_t)import->info,
		.private_runtime_data_size = RUNTIME_SIZE,
		.private_runtime_data = (uintptr_t)import->runtime,
		.resource_priv_drv_data_size = RESOURCE_SIZE,
		.resource_priv_drv_data = (uintptr_t)import->private,
		.total_priv_drv_data_size = TOTAL_SIZE,
		.total_priv_drv_data = (uintptr_t)import->total,
	};
}

static int query(const struct dxg_gpu *gpu, int descriptor,
		 struct d3dkmt_queryresourceinfofromnthandle *args)
{
	*args = (struct d3dkmt_queryresourceinfofromnthandle) {
		.device.v = gpu->device,
		.nt_handle = descriptor,
	};
	return dxg_ioctl(gpu->fd, LX_DXQUERYRESOURCEINFOFROMNTHANDLE, args);
}

#define OPEN(args)	dxg_ioctl(self->gpu.fd, LX_DXOPENRESOURCEFROMNTHANDLE, args)

static int lock(const struct dxg_gpu *gpu, __u32 allocation, unsigned char **data)
{
	struct d3dkmt_lock2 args = { .device.v = gpu->device, .allocation.v = allocation };
	int result = dxg_ioctl(gpu->fd, LX_DXLOCK2, &args);

	*data = (unsigned char *)(uintptr_t)args.data;
	return result;
}

TEST_F(resource, descriptor)
{
	char path[64], name[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->descriptor);
	ASSERT_LT(0, readlink(path, name, sizeof(name) - 1));
	EXPECT_STREQ("anon_inode:dxgresource", name);
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->descriptor, F_GETFD));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, DXG_PAGE, PROT_READ, MAP_SHARED, self->descriptor, 0));
}

TEST_F(resource, query)
{
	unsigned char room[RUNTIME_SIZE];
	struct d3dkmt_queryresourceinfofromnthandle args = {
		.device.v = self->gpu.device,
		.nt_handle = self->descriptor,
		.private_runtime_data = (uintptr_t)room,
		.private_runtime_data_size = RUNTIME_SIZE,
	};

	memset(room, 0x77, sizeof(room));
	ASSERT_EQ(0, dxg_ioctl(self->gpu.fd, LX_DXQUERYRESOURCEINFOFROMNTHANDLE, &args));
	/* Only how much there is */
	EXPECT_TRUE(dxg_filled(room, sizeof(room), 0x77));
	EXPECT_EQ((uintptr_t)room, args.private_runtime_data);
	EXPECT_EQ(RUNTIME_SIZE, args.private_runtime_data_size);
	ASSERT_EQ(0, query(&self->gpu, self->descriptor, &args));
	EXPECT_EQ(RUNTIME_SIZE, args.private_runtime_data_size);
	EXPECT_EQ(RESOURCE_SIZE, args.resource_priv_drv_data_size);
	EXPECT_EQ(TOTAL_SIZE, args.total_priv_drv_data_size);
	EXPECT_EQ(ALLOCATIONS, args.allocation_count);
}

TEST_F(resource, query_refused)
{
	const __u32 devices[] = { 0, self->handle, self->allocations[0], DXG_NO_HANDLE, ~0U };
	struct d3dkmt_queryresourceinfofromnthandle args = { .nt_handle = self->descriptor };
	struct dxg_monitored fence;
	int shared;

	ASSERT_EQ(0, dxg_create_monitored(self->gpu.fd, self->gpu.device, 0, DXG_SHARED, &fence));
	ASSERT_EQ(0, dxg_share(self->gpu.fd, fence.handle, &shared));
	const int descriptors[] = { 0, self->gpu.fd, dxg_event(), 1000, -1 };

	for (int i = 0; i < ARRAY_SIZE(devices); i++) {
		args.device.v = devices[i];
		EXPECT_REFUSED(EINVAL, self->gpu.fd, LX_DXQUERYRESOURCEINFOFROMNTHANDLE, &args);
	}
	args.device.v = self->gpu.device;
	for (int i = 0; i < ARRAY_SIZE(descriptors); i++) {
		args.nt_handle = descriptors[i];
		EXPECT_REFUSED(EBADF, self->gpu.fd, LX_DXQUERYRESOURCEINFOFROMNTHANDLE, &args);
	}
	args.nt_handle = shared;
	EXPECT_REFUSED(EPROTOTYPE, self->gpu.fd, LX_DXQUERYRESOURCEINFOFROMNTHANDLE, &args);
	args.nt_handle = self->descriptor;
	EXPECT_ERRNO(EFAULT, dxg_ioctl(self->gpu.fd, LX_DXQUERYRESOURCEINFOFROMNTHANDLE,
				       dxg_readonly(&args, sizeof(args))));
}

TEST_F(resource, open)
{
	struct import import;
	unsigned char *here, *there;

	prepare(&import, self->gpu.device, self->descriptor);
	/* Room for more than there is, which comes back as what there is */
	import.args.total_priv_drv_data_size = TOTAL_SIZE + 8;
	import.args.keyed_mutex.v = 0x77;
	import.args.keyed_mutex_private_data_size = 0x77;
	import.args.sync_object.v = 0x77;
	ASSERT_EQ(0, OPEN(&import.args));
	EXPECT_NE(0, import.args.resource.v);
	EXPECT_NE(self->handle, import.args.resource.v);
	EXPECT_EQ(TOTAL_SIZE, import.args.total_priv_drv_data_size);
	EXPECT_EQ(0, import.args.keyed_mutex.v);
	EXPECT_EQ(0, import.args.keyed_mutex_private_data_size);
	EXPECT_EQ(0, import.args.sync_object.v);
	EXPECT_EQ(0, memcmp(self->runtime, import.runtime, RUNTIME_SIZE));
	EXPECT_EQ(0, memcmp(self->private, import.private, RESOURCE_SIZE));
	for (int i = 0; i < ALLOCATIONS; i++) {
		EXPECT_NE(0, import.info[i].allocation.v);
		EXPECT_EQ((uintptr_t)&import.total[i], import.info[i].priv_drv_data);
		EXPECT_EQ(sizeof(import.total[i]), import.info[i].priv_drv_data_size);
		EXPECT_EQ(0, import.info[i].gpu_va);
		EXPECT_TRUE(dxg_filled(import.info[i].reserved, sizeof(import.info[i].reserved), 0));
		EXPECT_EQ(0, memcmp("GPVA", import.total[i].magic, 4));
		EXPECT_EQ(2 * DXG_PAGE, import.total[i].bytes);
	}
	/* The same memory under both handles */
	ASSERT_EQ(0, lock(&self->gpu, self->allocations[1], &here));
	ASSERT_EQ(0, lock(&self->gpu, import.info[1].allocation.v, &there));
	EXPECT_NE(here, there);
	memset(here, 0x3c, 2 * DXG_PAGE);
	EXPECT_TRUE(dxg_filled(there, 2 * DXG_PAGE, 0x3c));
	EXPECT_OK(dxg_destroy_resource(self->gpu.fd, self->gpu.device, import.args.resource.v));
	EXPECT_ERRNO(EINVAL, dxg_destroy_resource(self->gpu.fd, self->gpu.device,
						  import.args.resource.v));
	EXPECT_FALSE(dxg_can_read(there));
	EXPECT_TRUE(dxg_can_read(here));
}

TEST_F(resource, open_refused)
{
	const __u32 counts[] = { 0, ALLOCATIONS - 1, ALLOCATIONS + 1, ~0U };
	const __u32 devices[] = { 0, self->handle, self->allocations[0], DXG_NO_HANDLE, ~0U };
	const int descriptors[] = { 0, self->gpu.fd, dxg_event(), 1000, -1 };
	int before = dxg_host_objects_settled(), shared;
	struct dxg_monitored fence;
	struct import import;

	prepare(&import, self->gpu.device, self->descriptor);
	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		import.args.allocation_count = counts[i];
		EXPECT_ERRNO(EINVAL, OPEN(&import.args));
	}
	import.args.allocation_count = ALLOCATIONS;
	for (int i = 0; i < ARRAY_SIZE(devices); i++) {
		import.args.device.v = devices[i];
		EXPECT_ERRNO(EINVAL, OPEN(&import.args));
	}
	import.args.device.v = self->gpu.device;
	for (int i = 0; i < ARRAY_SIZE(descriptors); i++) {
		import.args.nt_handle = descriptors[i];
		EXPECT_ERRNO(EBADF, OPEN(&import.args));
	}
	ASSERT_EQ(0, dxg_create_monitored(self->gpu.fd, self->gpu.device, 0, DXG_SHARED, &fence));
	ASSERT_EQ(0, dxg_share(self->gpu.fd, fence.handle, &shared));
	import.args.nt_handle = shared;
	EXPECT_ERRNO(EPROTOTYPE, OPEN(&import.args));
	close(shared);
	ASSERT_EQ(0, dxg_destroy_sync(self->gpu.fd, fence.handle));
	import.args.nt_handle = self->descriptor;
	import.args.private_runtime_data_size = RUNTIME_SIZE - 1;
	EXPECT_ERRNO(EINVAL, OPEN(&import.args));
	import.args.private_runtime_data_size = RUNTIME_SIZE;
	import.args.resource_priv_drv_data_size = RESOURCE_SIZE - 1;
	EXPECT_ERRNO(EINVAL, OPEN(&import.args));
	import.args.resource_priv_drv_data_size = RESOURCE_SIZE;
	import.args.total_priv_drv_data_size = TOTAL_SIZE - 1;
	EXPECT_ERRNO(ENOMEM, OPEN(&import.args));
	EXPECT_TRUE(dxg_host_objects_return(before));
	/* More room than needed is no mistake. */
	import.args.total_priv_drv_data_size = TOTAL_SIZE;
	import.args.private_runtime_data_size = RUNTIME_SIZE + 1;
	EXPECT_OK(OPEN(&import.args));
}

/* Memory that cannot be written to: the host's objects go again. */
TEST_F(resource, open_faults)
{
	int before = dxg_host_objects_settled();
	__u64 hole = (uintptr_t)dxg_unmapped();
	struct import import;

	prepare(&import, self->gpu.device, self->descriptor);
	__u64 *const pointers[] = {
		(__u64 *)&import.args.open_alloc_info, (__u64 *)&import.args.private_runtime_data,
		(__u64 *)&import.args.resource_priv_drv_data,
		(__u64 *)&import.args.total_priv_drv_data,
	};

	for (int i = 0; i < ARRAY_SIZE(pointers); i++) {
		__u64 good = *pointers[i];

		*pointers[i] = hole;
		EXPECT_ERRNO(EFAULT, OPEN(&import.args));
		/* No place at all is another mistake, and seen before anything is opened. */
		*pointers[i] = 0;
		EXPECT_ERRNO(EINVAL, OPEN(&import.args));
		*pointers[i] = good;
	}
	EXPECT_ERRNO(EFAULT, OPEN(dxg_readonly(&import.args, sizeof(import.args))));
	EXPECT_TRUE(dxg_host_objects_return(before));
	EXPECT_OK(OPEN(&import.args));
}

/* The first look at it freezes what the resource consists of. */
TEST_F(resource, sealed)
{
	struct d3dkmt_createallocation args = {
		.device.v = self->gpu.device,
		.resource.v = self->handle,
		.alloc_count = 1,
	};
	__u32 allocation;

	EXPECT_ERRNO(EINVAL, dxg_create_allocations(self->gpu.fd, &args, 1, &allocation));
	/* Nor does it lose any. */
	EXPECT_ERRNO(EINVAL, dxg_destroy_allocation(self->gpu.fd, self->gpu.device,
						    self->allocations[0]));
}

/* A shared resource has the allocations that it was made with, and gets no more. */
TEST_F(resource, added_before_sealing)
{
	struct d3dkmt_queryresourceinfofromnthandle info;
	struct d3dkmt_createallocation args = { .device.v = self->gpu.device, .alloc_count = 1 };
	__u32 resource, allocation;
	int descriptor;

	ASSERT_EQ(0, dxg_create_shared_resource(&self->gpu, 1, &resource, &allocation));
	args.resource.v = resource;
	EXPECT_GT(0, dxg_create_allocations(self->gpu.fd, &args, 1, &allocation));
	ASSERT_EQ(0, dxg_share(self->gpu.fd, resource, &descriptor));
	ASSERT_EQ(0, query(&self->gpu, descriptor, &info));
	EXPECT_EQ(1, info.allocation_count);
	EXPECT_EQ(sizeof(struct dxg_allocation_data), info.total_priv_drv_data_size);
}

/* Sharing needs the flag. */
TEST_F(resource, not_shared)
{
	__u32 resource, allocation;
	int descriptor;

	ASSERT_EQ(0, dxg_create_resource(self->gpu.fd, self->gpu.device, 1, &resource,
					 &allocation));
	EXPECT_ERRNO(EINVAL, dxg_share(self->gpu.fd, resource, &descriptor));
	EXPECT_ERRNO(EINVAL, dxg_share(self->gpu.fd, self->allocations[0], &descriptor));
}

struct message {
	int socket;
	bool compute;
};

/* Makes a resource with a mark in its memory, sends it away and dies. */
static int create_and_die(void *data)
{
	struct message *message = data;
	__u32 resource, allocation;
	unsigned char *memory;
	struct dxg_gpu gpu;
	int descriptor;
	int result = dxg_gpu_open(&gpu, message->compute);

	result = result ?: dxg_create_shared_resource(&gpu, 1, &resource, &allocation) ?:
		 lock(&gpu, allocation, &memory);
	if (result)
		return result;
	memset(memory, 0x91, DXG_PAGE);
	return dxg_share(gpu.fd, resource, &descriptor) ?:
		dxg_send_descriptor(message->socket, descriptor);
}

TEST_F(resource, creator_ends)
{
	int before = dxg_host_objects_settled();
	unsigned char *memory;
	struct message message;
	struct import import;
	int ends[2], descriptor;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
	message = (struct message) { ends[0], variant->compute };
	ASSERT_EQ(0, dxg_in_child(create_and_die, &message));
	descriptor = dxg_receive_descriptor(ends[1]);
	ASSERT_LE(0, descriptor);
	dxg_host_objects_settled();
	prepare(&import, self->gpu.device, descriptor);
	import.args.allocation_count = 1;
	ASSERT_EQ(0, OPEN(&import.args));
	EXPECT_EQ(sizeof(struct dxg_allocation_data), import.args.total_priv_drv_data_size);
	ASSERT_EQ(0, lock(&self->gpu, import.info[0].allocation.v, &memory));
	EXPECT_TRUE(dxg_filled(memory, DXG_PAGE, 0x91));
	EXPECT_OK(dxg_destroy_resource(self->gpu.fd, self->gpu.device, import.args.resource.v));
	close(descriptor);
	EXPECT_TRUE(dxg_host_objects_return(before));
}

/* The NT handle goes with the last descriptor, what was opened by it stays. */
TEST_F(resource, last_descriptor)
{
	unsigned char *memory;
	struct import import;
	bool watched;
	int again;

	prepare(&import, self->gpu.device, self->descriptor);
	ASSERT_EQ(0, OPEN(&import.args));
	watched = dxg_watch_begin();
	close(self->descriptor);
	for (int i = 0; watched && i < DXG_TIMEOUT_MS / 10; i++) {
		if (dxg_watch_count(DXG_MSG_DESTROYNTSHAREDOBJECT, NULL))
			break;
		dxg_sleep_ms(10);
	}
	EXPECT_SENT(watched, 1, DXG_MSG_DESTROYNTSHAREDOBJECT);
	EXPECT_EQ(0, lock(&self->gpu, import.info[0].allocation.v, &memory));
	ASSERT_EQ(0, dxg_share(self->gpu.fd, import.args.resource.v, &again));
	prepare(&import, self->gpu.device, again);
	EXPECT_OK(OPEN(&import.args));
}

/* Whether a resource of one adapter is something to another is for the host to say. */
TEST_F(resource, other_adapter)
{
	struct dxg_gpu other;
	struct import import;
	int result = dxg_gpu_open(&other, !variant->compute);

	if (result == -ENODEV)
		SKIP(return, "there is only one adapter");
	ASSERT_EQ(0, result);
	prepare(&import, other.device, self->descriptor);
	EXPECT_CROSS_ADAPTER(dxg_ioctl(other.fd, LX_DXOPENRESOURCEFROMNTHANDLE, &import.args));
	dxg_gpu_close(&other);
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
