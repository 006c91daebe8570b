// SPDX-License-Identifier: GPL-2.0
/* CreateContextVirtual and DestroyContext */
#include "dxg_objects.h"
#include "dxg_harness.h"

#define THREADS		4
#define ROUNDS		dxg_rounds(20)
#define SIZE_REQUEST	55

FIXTURE(context)
{
	struct dxg_gpu gpu;
};

FIXTURE_VARIANT(context)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(context, render) { .compute = false };
FIXTURE_VARIANT_ADD(context, compute) { .compute = true };

FIXTURE_SETUP(context)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
}

FIXTURE_TEARDOWN(context)
{
	dxg_gpu_close(&self->gpu);
}

#define FD	(self->gpu.fd)
#define VALID	{ .device.v = self->gpu.device, .engine_affinity = 1 }

/* Whether a context exists, found out with a question about it */
static int ask(int fd, __u32 context)
{
	struct d3dkmt_getcontextschedulingpriority args = { .context.v = context };

	return dxg_ioctl(fd, LX_DXGETCONTEXTSCHEDULINGPRIORITY, &args);
}

TEST_F(context, output)
{
	struct d3dkmt_createcontextvirtual args = VALID, before;

	args.client_hint = _D3DKMT_CLIENTHINT_DX10;
	args.context.v = 0xa5a5a5a5;
	args.pad = 0xa5a5a5a5;
	before = args;
	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXCREATECONTEXTVIRTUAL, &args));
	EXPECT_NE(0, args.context.v);
	EXPECT_NE(before.context.v, args.context.v);
	EXPECT_EQ(0, ask(FD, args.context.v));
	/* Nothing but the handle is written. */
	before.context = args.context;
	EXPECT_EQ(0, memcmp(&before, &args, sizeof(args)));
	EXPECT_EQ(0, dxg_destroy_context(FD, args.context.v));
	EXPECT_ERRNO(EINVAL, ask(FD, args.context.v));
}

TEST_F(context, flags)
{
	for (__u32 flags = 0; flags < 32; flags++) {
		struct d3dkmt_createcontextvirtual args = VALID;

		args.flags.value = flags;
		if (args.flags.hw_queue_supported && !self->gpu.hw_queues)
			continue;
		EXPECT_EQ(0, dxg_ioctl(FD, LX_DXCREATECONTEXTVIRTUAL, &args))
			TH_LOG("flags %#x", flags);
		EXPECT_EQ(0, dxg_destroy_context(FD, args.context.v));
	}
}

/* What the host refuses is EINVAL, and makes no context. */
TEST_F(context, refused)
{
	struct d3dkmt_createcontextvirtual args = VALID;
	int objects = dxg_host_objects_settled();

	args.node_ordinal = 0xffff;
	EXPECT_REFUSED(EINVAL, FD, LX_DXCREATECONTEXTVIRTUAL, &args);
	args.node_ordinal = 0xffffffff;
	EXPECT_REFUSED(EINVAL, FD, LX_DXCREATECONTEXTVIRTUAL, &args);
	args.node_ordinal = 0;
	args.flags.value = 0x80000000;
	EXPECT_REFUSED(EINVAL, FD, LX_DXCREATECONTEXTVIRTUAL, &args);
	if (!self->gpu.hw_queues) {
		args.flags.value = 0;
		args.flags.hw_queue_supported = 1;
		EXPECT_REFUSED(EINVAL, FD, LX_DXCREATECONTEXTVIRTUAL, &args);
	}
	EXPECT_EQ(objects, dxg_host_objects());
}

TEST_F(context, private_data)
{
	const __u32 sizes[] = { 1, 3, 4, 8, 64, 4095, 4096, 4097, 70000 };

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct d3dkmt_createcontextvirtual args = VALID;
		unsigned char *data = dxg_guarded(sizes[i], 0x5a);

		args.priv_drv_data = (uintptr_t)data;
		args.priv_drv_data_size = sizes[i];
		ASSERT_EQ(0, dxg_ioctl(FD, LX_DXCREATECONTEXTVIRTUAL, &args))
			TH_LOG("size %u", sizes[i]);
		EXPECT_EQ(sizes[i], args.priv_drv_data_size);
		EXPECT_EQ(0, dxg_destroy_context(FD, args.context.v));
	}
}

TEST_F(context, private_data_size)
{
	__u32 most = dxg_echo_room(SIZE_REQUEST);
	const __u32 sizes[] = {
		most + 1, DXG_MESSAGE_MAX, DXG_MESSAGE_MAX + 1, 0x7fffffff, 0xffffffff,
	};
	struct d3dkmt_createcontextvirtual args = VALID;
	void *data = dxg_guarded(DXG_MESSAGE_MAX + 1, 0);

	args.priv_drv_data = (uintptr_t)data;
	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		args.priv_drv_data_size = sizes[i];
		EXPECT_REFUSED(EINVAL, FD, LX_DXCREATECONTEXTVIRTUAL, &args);
	}
	args.priv_drv_data_size = most;
	EXPECT_EQ(0, dxg_ioctl(FD, LX_DXCREATECONTEXTVIRTUAL, &args));
	/* Without a size there is nothing to read. */
	args.priv_drv_data = (uintptr_t)dxg_unmapped();
	args.priv_drv_data_size = 0;
	EXPECT_EQ(0, dxg_ioctl(FD, LX_DXCREATECONTEXTVIRTUAL, &args));
}

/* Data that cannot be read are wrong, those that cannot be written are out of reach. */
TEST_F(context, private_data_fault)
{
	struct d3dkmt_createcontextvirtual args = VALID;
	unsigned char *end = dxg_guarded(64, 0);
	int objects = dxg_host_objects_settled();

	args.priv_drv_data_size = 64;
	EXPECT_REFUSED(EINVAL, FD, LX_DXCREATECONTEXTVIRTUAL, &args);
	args.priv_drv_data = (uintptr_t)dxg_unmapped();
	EXPECT_REFUSED(EINVAL, FD, LX_DXCREATECONTEXTVIRTUAL, &args);
	args.priv_drv_data = (uintptr_t)(end + 1);
	EXPECT_REFUSED(EINVAL, FD, LX_DXCREATECONTEXTVIRTUAL, &args);
	/* Readable only: the context is made, and unmade when its data cannot be told. */
	args.priv_drv_data = (uintptr_t)dxg_readonly(end, 64);
	EXPECT_ERRNO(EFAULT, dxg_ioctl(FD, LX_DXCREATECONTEXTVIRTUAL, &args));
	EXPECT_EQ(objects, dxg_host_objects());
}

/* The host's answer is in the same bytes. */
TEST_F(context, private_data_answer)
{
	struct d3dkmt_createcontextvirtual args = VALID;
	struct {
		char magic[4];
		__u32 handle;
		__u32 rest[5];
	} data = { .magic = { 'G', 'P', 'V', 'Q' }, .rest = { 1, 2, 3, 4, 5 } };

	args.priv_drv_data = (uintptr_t)&data;
	args.priv_drv_data_size = offsetof(typeof(data), rest[4]);
	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXCREATECONTEXTVIRTUAL, &args));
	EXPECT_EQ(args.context.v, data.handle);
	for (int i = 0; i < ARRAY_SIZE(data.rest); i++)
		EXPECT_OK(i + 1 - data.rest[i]);
}

/* The device is looked up before anything is read, and the size checked before that. */
TEST_F(context, order_of_checks)
{
	struct d3dkmt_createcontextvirtual args = VALID;

	args.device.v = DXG_NO_HANDLE;
	args.priv_drv_data = (uintptr_t)dxg_unmapped();
	args.priv_drv_data_size = 64;
	EXPECT_REFUSED(EINVAL, FD, LX_DXCREATECONTEXTVIRTUAL, &args);
	args.device.v = self->gpu.device;
	args.priv_drv_data_size = DXG_MESSAGE_MAX + 1;
	EXPECT_REFUSED(EINVAL, FD, LX_DXCREATECONTEXTVIRTUAL, &args);
}

TEST_F(context, destroy_twice)
{
	__u32 context, next;

	ASSERT_EQ(0, dxg_create_context(FD, self->gpu.device, &context));
	ASSERT_EQ(0, dxg_create_context(FD, self->gpu.device, &next));
	EXPECT_NE(context, next);
	EXPECT_EQ(0, dxg_destroy_context(FD, context));
	EXPECT_ERRNO(EINVAL, dxg_destroy_context(FD, context));
	EXPECT_EQ(0, ask(FD, next));
	EXPECT_EQ(0, dxg_destroy_context(FD, next));
	EXPECT_ERRNO(EINVAL, dxg_destroy_context(FD, next));
}

TEST_F(context, on_lost_device)
{
	struct d3dkmt_markdeviceaserror lose = {
		.device.v = self->gpu.device,
		.reason = _D3DKMT_DEVICE_ERROR_REASON_GENERIC,
	};
	__u32 context, another;

	ASSERT_EQ(0, dxg_create_context(FD, self->gpu.device, &context));
	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXMARKDEVICEASERROR, &lose));
	/* Nothing new, but what is there can be taken down. */
	EXPECT_ERRNO(EINVAL, dxg_create_context(FD, self->gpu.device, &another));
	EXPECT_EQ(0, dxg_destroy_context(FD, context));
}

static int create_and_destroy(void *data, unsigned int index)
{
	const struct dxg_gpu *gpu = data;

	for (int i = 0; i < ROUNDS; i++) {
		__u32 context;
		int result = dxg_create_context(gpu->fd, gpu->device, &context) ?:
			     ask(gpu->fd, context) ?:
			     dxg_destroy_context(gpu->fd, context);

		if (result)
			return result;
	}
	return 0;
}

TEST_F(context, create_together)
{
	int objects = dxg_host_objects_settled();

	EXPECT_EQ(0, dxg_together(THREADS, create_and_destroy, &self->gpu));
	EXPECT_EQ(objects, dxg_host_objects());
}

struct race {
	int fd;
	__u32 context;
};

static int destroy(void *data, unsigned int index)
{
	struct race *race = data;

	return dxg_destroy_context(race->fd, race->context);
}

TEST_F(context, destroy_together)
{
	struct race race = { .fd = FD };

	for (int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, dxg_create_context(FD, self->gpu.device, &race.context));
		ASSERT_EQ(THREADS - 1, dxg_together(THREADS, destroy, &race));
	}
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
