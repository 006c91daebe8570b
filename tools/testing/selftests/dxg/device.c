// SPDX-License-Identifier: GPL-2.0
/* CreateDevice and DestroyDevice */
#include "dxg_objects.h"
#include "dxg_harness.h"

#define THREADS	4
#define ROUNDS	dxg_rounds(20)

FIXTURE(device)
{
	struct dxg_gpu gpu;
};

FIXTURE_VARIANT(device)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(device, render) { .compute = false };
FIXTURE_VARIANT_ADD(device, compute) { .compute = true };

FIXTURE_SETUP(device)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
}

FIXTURE_TEARDOWN(device)
{
	dxg_gpu_close(&self->gpu);
}

#define FD	(self->gpu.fd)

TEST_F(device, output)
{
	struct d3dkmt_createdevice args, before;

	memset(&args, 0xa5, sizeof(args));
	args.adapter.v = self->gpu.adapter;
	memset(&args.flags, 0, sizeof(args.flags));
	before = args;
	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXCREATEDEVICE, &args));
	EXPECT_NE(0, args.device.v);
	EXPECT_NE(before.device.v, args.device.v);
	EXPECT_EQ(0, dxg_device_state(FD, args.device.v));
	/* Nothing but the handle is written. */
	before.device = args.device;
	EXPECT_EQ(0, memcmp(&before, &args, sizeof(args)));
}

TEST_F(device, flags)
{
	for (__u32 flags = 0; flags < 16; flags++) {
		struct d3dkmt_createdevice args = { .adapter.v = self->gpu.adapter };

		memcpy(&args.flags, &flags, sizeof(flags));
		EXPECT_EQ(0, dxg_ioctl(FD, LX_DXCREATEDEVICE, &args)) TH_LOG("flags %u", flags);
		EXPECT_EQ(0, dxg_destroy_device(FD, args.device.v));
	}
}

/* The host refuses bits it does not know: an error, and no device. */
TEST_F(device, flags_refused)
{
	struct d3dkmt_createdevice args = { .adapter.v = self->gpu.adapter };
	int objects = dxg_host_objects_settled();

	args.flags.reserved = 1 << 27;
	EXPECT_REFUSED(EINVAL, FD, LX_DXCREATEDEVICE, &args);
	args.device.v = 0x12345678;
	EXPECT_REFUSED(EINVAL, FD, LX_DXCREATEDEVICE, &args);
	EXPECT_EQ(objects, dxg_host_objects());
}

TEST_F(device, many)
{
	enum { MANY = 100 };
	__u32 devices[MANY];
	int objects = dxg_host_objects_settled();

	for (int i = 0; i < MANY; i++) {
		ASSERT_EQ(0, dxg_create_device(FD, self->gpu.adapter, &devices[i]));
		for (int j = 0; j < i; j++)
			ASSERT_OK(devices[j] == devices[i]);
	}
	if (objects >= 0)
		EXPECT_OK(dxg_host_objects() - objects - MANY);
	/* Every second first: the others stay as they are. */
	for (int i = 0; i < MANY; i += 2)
		EXPECT_OK(dxg_destroy_device(FD, devices[i]));
	for (int i = 0; i < MANY; i++)
		EXPECT_ERRNO(i % 2 ? 0 : EINVAL, dxg_device_state(FD, devices[i]));
	for (int i = 1; i < MANY; i += 2)
		EXPECT_OK(dxg_destroy_device(FD, devices[i]));
	EXPECT_EQ(objects, dxg_host_objects());
	EXPECT_EQ(0, dxg_device_state(FD, self->gpu.device));
}

TEST_F(device, destroy_twice)
{
	EXPECT_EQ(0, dxg_destroy_device(FD, self->gpu.device));
	for (int i = 0; i < 3; i++)
		EXPECT_ERRNO(EINVAL, dxg_destroy_device(FD, self->gpu.device));
	/* Nor does the old number name the device that comes next. */
	for (int i = 0; i < 2; i++) {
		__u32 next;

		ASSERT_EQ(0, dxg_create_device(FD, self->gpu.adapter, &next));
		EXPECT_ERRNO(EINVAL, dxg_destroy_device(FD, self->gpu.device));
		EXPECT_EQ(0, dxg_destroy_device(FD, next));
	}
}

struct family {
	struct dxg_hw_queue hw;
	struct dxg_paging_queue paging;
	__u32 hw_context;
	__u32 context;
	__u32 fence;
	__u32 allocation;
	__u32 resource;
	__u32 members[3];
};

static int make_family(const struct dxg_gpu *gpu, __u32 device, struct family *family)
{
	int fd = gpu->fd, result = 0;

	*family = (struct family){};
	if (gpu->hw_queues)
		result = dxg_create_hw_context(fd, device, &family->hw_context) ?:
			 dxg_create_hw_queue(fd, family->hw_context, &family->hw);
	return	result ?:
		dxg_create_context(fd, device, &family->context) ?:
		dxg_create_paging_queue(fd, device, &family->paging) ?:
		dxg_create_fence(fd, device, &family->fence) ?:
		dxg_create_allocation(fd, device, 4, &family->allocation) ?:
		dxg_create_resource(fd, device, 3, &family->resource, family->members);
}

/* Everything made with a device goes with it, here and on the host. */
TEST_F(device, destroy_with_children)
{
	int objects = dxg_host_objects_settled();

	for (int i = 0; i < 3; i++) {
		struct d3dkmt_destroysynchronizationobject fence = {};
		struct d3dkmt_lock2 lock = {};
		struct family family;
		__u32 device;

		ASSERT_EQ(0, dxg_create_device(FD, self->gpu.adapter, &device));
		ASSERT_EQ(0, make_family(&self->gpu, device, &family));
		EXPECT_EQ(self->gpu.hw_queues, dxg_can_read(family.hw.value));
		EXPECT_TRUE(dxg_can_read(family.paging.value));
		lock.device.v = device;
		lock.allocation.v = family.allocation;
		ASSERT_EQ(0, dxg_ioctl(FD, LX_DXLOCK2, &lock));
		ASSERT_EQ(0, dxg_destroy_device(FD, device));
		EXPECT_EQ(objects, dxg_host_objects());

		EXPECT_ERRNO(EINVAL, dxg_destroy_context(FD, family.context));
		EXPECT_ERRNO(EINVAL, dxg_destroy_hw_queue(FD, family.hw.queue));
		EXPECT_ERRNO(EINVAL, dxg_destroy_paging_queue(FD, family.paging.queue));
		fence.sync_object.v = family.fence;
		EXPECT_ERRNO(EINVAL, dxg_ioctl(FD, LX_DXDESTROYSYNCHRONIZATIONOBJECT, &fence));
		/* Nor do they belong to another device. */
		EXPECT_ERRNO(EINVAL, dxg_destroy_allocation(FD, self->gpu.device,
							    family.allocation));
		EXPECT_ERRNO(EINVAL, dxg_destroy_resource(FD, self->gpu.device, family.resource));
		/* Memory of the host is out of sight. */
		EXPECT_FALSE(dxg_can_read(family.hw.value));
		EXPECT_FALSE(dxg_can_read(family.paging.value));
		EXPECT_FALSE(dxg_can_read((void *)(uintptr_t)lock.data));
	}
}

/* Only the last handle of an adapter takes the devices along. */
TEST_F(device, close_adapter)
{
	__u32 second = 0;

	ASSERT_EQ(0, dxg_open_adapter(FD, self->gpu.luid, &second));
	ASSERT_EQ(0, dxg_close_adapter(FD, self->gpu.adapter));
	EXPECT_EQ(0, dxg_device_state(FD, self->gpu.device));
	ASSERT_EQ(0, dxg_close_adapter(FD, second));
	EXPECT_ERRNO(EINVAL, dxg_device_state(FD, self->gpu.device));
	EXPECT_ERRNO(EINVAL, dxg_destroy_device(FD, self->gpu.device));
}

TEST_F(device, close_adapter_with_children)
{
	struct family family;

	ASSERT_EQ(0, make_family(&self->gpu, self->gpu.device, &family));
	ASSERT_EQ(0, dxg_close_adapter(FD, self->gpu.adapter));
	EXPECT_ERRNO(EINVAL, dxg_destroy_context(FD, family.context));
	EXPECT_ERRNO(EINVAL, dxg_destroy_hw_queue(FD, family.hw.queue));
	EXPECT_ERRNO(EINVAL, dxg_destroy_paging_queue(FD, family.paging.queue));
	EXPECT_FALSE(dxg_can_read(family.paging.value));
	/* The adapter works as before. */
	self->gpu.adapter = 0;
	ASSERT_EQ(0, dxg_open_adapter(FD, self->gpu.luid, &self->gpu.adapter));
	ASSERT_EQ(0, dxg_create_device(FD, self->gpu.adapter, &self->gpu.device));
	EXPECT_EQ(0, make_family(&self->gpu, self->gpu.device, &family));
}

/* A device of one adapter is none of another's business. */
TEST_F(device, two_adapters)
{
	struct dxg_gpu other;

	if (dxg_gpu_open(&other, !variant->compute) == -ENODEV)
		SKIP(return, "needs both kinds of adapter");
	ASSERT_EQ(0, dxg_close_adapter(FD, other.adapter));
	EXPECT_ERRNO(EINVAL, dxg_device_state(FD, other.device));
	EXPECT_EQ(0, dxg_device_state(FD, self->gpu.device));
	dxg_gpu_close(&other);
}

static int create_and_destroy(void *data, unsigned int index)
{
	const struct dxg_gpu *gpu = data;

	for (int i = 0; i < ROUNDS; i++) {
		struct family family;
		__u32 device;
		int result = dxg_create_device(gpu->fd, gpu->adapter, &device) ?:
			     make_family(gpu, device, &family) ?:
			     dxg_device_state(gpu->fd, device) ?:
			     dxg_destroy_device(gpu->fd, device);

		if (result)
			return result;
	}
	return 0;
}

TEST_F(device, create_together)
{
	int objects = dxg_host_objects_settled();

	EXPECT_EQ(0, dxg_together(THREADS, create_and_destroy, &self->gpu));
	EXPECT_EQ(objects, dxg_host_objects());
}

struct race {
	struct dxg_gpu *gpu;
	__u32 device;
	__u32 adapter;
};

static int destroy(void *data, unsigned int index)
{
	struct race *race = data;

	return dxg_destroy_device(race->gpu->fd, race->device);
}

/* A device is destroyed once, however many try. */
TEST_F(device, destroy_together)
{
	struct race race = { .gpu = &self->gpu };

	for (int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, dxg_create_device(FD, self->gpu.adapter, &race.device));
		ASSERT_EQ(THREADS - 1, dxg_together(THREADS, destroy, &race));
	}
}

static int make_or_destroy(void *data, unsigned int index)
{
	struct race *race = data;
	struct family family;
	int result;

	if (!index)
		return dxg_destroy_device(race->gpu->fd, race->device);
	result = make_family(race->gpu, race->device, &family);
	/* In time, too late, or while the device was on its way out */
	return result == -EINVAL || result == -ENODEV ? 0 : result;
}

TEST_F(device, destroy_while_used)
{
	struct race race = { .gpu = &self->gpu };
	int objects = dxg_host_objects_settled();

	for (int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, dxg_create_device(FD, self->gpu.adapter, &race.device));
		ASSERT_EQ(0, dxg_together(THREADS, make_or_destroy, &race));
		EXPECT_TRUE(dxg_host_objects_return(objects));
	}
}

static int destroy_or_close(void *data, unsigned int index)
{
	struct race *race = data;
	int result = index ? dxg_destroy_device(race->gpu->fd, race->device)
			   : dxg_close_adapter(race->gpu->fd, race->adapter);

	return index && result == -EINVAL ? 0 : result;
}

/* Two ways for a device to go: each time one of them is taken. */
TEST_F(device, destroy_while_closed)
{
	struct race race = { .gpu = &self->gpu };

	ASSERT_EQ(0, dxg_close_adapter(FD, self->gpu.adapter));
	for (int i = 0; i < ROUNDS; i++) {
		race.adapter = 0;
		ASSERT_EQ(0, dxg_open_adapter(FD, self->gpu.luid, &race.adapter));
		ASSERT_EQ(0, dxg_create_device(FD, race.adapter, &race.device));
		ASSERT_EQ(0, dxg_together(2, destroy_or_close, &race));
	}
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
