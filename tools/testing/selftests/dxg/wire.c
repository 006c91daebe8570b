// SPDX-License-Identifier: GPL-2.0
/* What the driver sends to the host, and over which channel, as its trace points show it */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dxg_memory.h"
#include "dxg_sync.h"
#include "dxg_watch.h"
#include "dxg_harness.h"

#define VMBUS_DEVICES	"/sys/bus/vmbus/devices"
#define GLOBAL_CLASS	"{dde9cbc0-5060-4436-9448-ea1254a5d177}"
#define PCI_DRIVER	"/sys/bus/pci/drivers/dxgkrnl"

FIXTURE(wire)
{
	struct dxg_gpu gpu;
	struct dxg_gpu other;
};

FIXTURE_VARIANT(wire)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(wire, render) { .compute = false };
FIXTURE_VARIANT_ADD(wire, compute) { .compute = true };

FIXTURE_SETUP(wire)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	DXG_GPU_SETUP(&self->other, !variant->compute);
	DXG_WATCH_SETUP();
}

FIXTURE_TEARDOWN(wire)
{
	dxg_gpu_close(&self->other);
	dxg_gpu_close(&self->gpu);
}

TEST_F(wire, sync_object_of_another_adapter)
{
	struct dxg_monitored fence, opened;
	int descriptor;

	ASSERT_EQ(0, dxg_create_monitored(self->gpu.fd, self->gpu.device, 3, DXG_SHARED, &fence));
	ASSERT_EQ(0, dxg_share(self->gpu.fd, fence.handle, &descriptor));
	EXPECT_CROSS_ADAPTER(dxg_open_shared(&self->other, descriptor, DXG_SHARED, &opened));
	EXPECT_SENT(true, 1, DXG_MSG_OPENSYNCOBJECT);
}

TEST_F(wire, resource_of_another_adapter)
{
	struct d3dkmt_openresourcefromnthandle args = { .allocation_count = 1 };
	struct d3dddi_openallocationinfo2 info;
	struct dxg_allocation_data data;
	__u32 resource, allocation;
	int descriptor;

	ASSERT_EQ(0, dxg_create_shared_resource(&self->gpu, 1, &resource, &allocation));
	ASSERT_EQ(0, dxg_share(self->gpu.fd, resource, &descriptor));
	args.device.v = self->other.device;
	args.nt_handle = descriptor;
	args.open_alloc_info = (uintptr_t)&info;
	args.total_priv_drv_data = (uintptr_t)&data;
	args.total_priv_drv_data_size = sizeof(data);
	EXPECT_CROSS_ADAPTER(dxg_ioctl(self->other.fd, LX_DXOPENRESOURCEFROMNTHANDLE, &args));
	EXPECT_SENT(true, 1, DXG_MSG_OPENRESOURCE);
}

TEST_F(wire, sync_files_of_another_adapter)
{
	struct dxg_gpu mixed = self->gpu;
	struct dxg_monitored fence, opened;
	int file, another, result;
	__u32 context;
	__u64 value;

	DXG_SYNC_FILE_SETUP(&self->gpu);
	ASSERT_EQ(0, dxg_create_context(self->other.fd, self->other.device, &context));
	ASSERT_EQ(0, dxg_create_monitored(self->gpu.fd, self->gpu.device, 0, DXG_SHARED, &fence));
	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, fence.handle, 5, &file));
	EXPECT_SENT(true, 1, DXG_MSG_WAITFROMCPU);
	EXPECT_CROSS_ADAPTER(dxg_open_sync_file(&self->other, file, &value, &opened));
	EXPECT_SENT(true, 1, DXG_MSG_OPENSYNCOBJECT);
	/* If the host refuses this, the driver waits itself. */
	EXPECT_OK(dxg_wait_sync_file(self->other.fd, context, file));
	EXPECT_SENT(true, 2, DXG_MSG_OPENSYNCOBJECT);
	/* A device of one adapter, and a fence of the other */
	mixed.device = self->other.device;
	result = dxg_create_sync_file(&mixed, fence.handle, 5, &another);
	EXPECT_TRUE(!result || result == -EINVAL);
	EXPECT_SENT(true, 2, DXG_MSG_WAITFROMCPU);
}

/* Without values a signal is just as much shorter. */
TEST_F(wire, signals_without_values)
{
	__u64 values[2] = { 1, 1 };
	__u32 objects[2];
	struct d3dkmt_signalsynchronizationobjectfromgpu args = {
		.object_count = 2,
		.objects = (uintptr_t)objects,
	};
	/* Before the arrays; then two objects and a context */
	const unsigned int bare = DXG_MESSAGE_MAX - dxg_message_room(56) + 3 * 4;
	struct dxg_sent sent;

	ASSERT_EQ(0, dxg_create_context(self->gpu.fd, self->gpu.device, &args.context.v));
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, dxg_create_semaphore(self->gpu.fd, self->gpu.device, 0, 9,
						  &objects[i]));
	EXPECT_OK(dxg_ioctl(self->gpu.fd, LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMGPU, &args));
	ASSERT_EQ(1, dxg_watch_count(DXG_MSG_SIGNALSYNCOBJECT, &sent));
	EXPECT_EQ(bare, sent.length);
	args.monitored_fence_values = (uintptr_t)values;
	dxg_ioctl(self->gpu.fd, LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMGPU, &args);
	ASSERT_EQ(2, dxg_watch_count(DXG_MSG_SIGNALSYNCOBJECT, &sent));
	EXPECT_EQ(bare + 2 * 8, sent.length);
}

/* News of one device make the driver ask about every other one, once. */
TEST_F(wire, state_of_all_devices)
{
	struct d3dkmt_markdeviceaserror mark = {
		.device.v = self->gpu.device,
		.reason = _D3DKMT_DEVICE_ERROR_REASON_GENERIC,
	};

	/* What earlier tests have left unasked */
	dxg_device_state(self->gpu.fd, self->gpu.device);
	dxg_device_state(self->other.fd, self->other.device);
	ASSERT_TRUE(dxg_watch_begin());
	EXPECT_EQ(0, dxg_device_state(self->other.fd, self->other.device));
	EXPECT_SENT(true, 0, DXG_MSG_GETDEVICESTATE);
	ASSERT_EQ(0, dxg_ioctl(self->gpu.fd, LX_DXMARKDEVICEASERROR, &mark));
	/* The host says so in its own time. */
	for (int i = 0; i < DXG_TIMEOUT_MS / 10; i++) {
		EXPECT_EQ(0, dxg_device_state(self->other.fd, self->other.device));
		if (dxg_watch_count(DXG_MSG_GETDEVICESTATE, NULL))
			break;
		dxg_sleep_ms(10);
	}
	EXPECT_EQ(0, dxg_device_state(self->other.fd, self->other.device));
	EXPECT_SENT(true, 1, DXG_MSG_GETDEVICESTATE);
}

static bool read_line(const char *directory, const char *name, const char *file, char *line,
		      size_t size)
{
	char path[512];
	FILE *stream;
	bool read;

	snprintf(path, sizeof(path), "%s/%s/%s", directory, name, file);
	stream = fopen(path, "re");
	if (!stream)
		return false;
	read = fgets(line, size, stream);
	fclose(stream);
	line[strcspn(line, "\n")] = '\0';
	return read;
}

/* The number of the global channel on the bus; 0 if there is none */
static unsigned int global_channel(void)
{
	DIR *directory = opendir(VMBUS_DEVICES);
	struct dirent *entry;
	unsigned int id = 0;

	while (directory && !id && (entry = readdir(directory))) {
		char line[64];

		if (read_line(VMBUS_DEVICES, entry->d_name, "class_id", line, sizeof(line)) &&
		    !strcmp(line, GLOBAL_CLASS) &&
		    read_line(VMBUS_DEVICES, entry->d_name, "id", line, sizeof(line)))
			id = strtoul(line, NULL, 10);
	}
	if (directory)
		closedir(directory);
	return id;
}

/* The PCI function of the driver with this device number */
static bool find_function(unsigned int wanted, char *name, size_t size)
{
	DIR *directory = opendir(PCI_DRIVER);
	struct dirent *entry;
	bool found = false;

	while (directory && !found && (entry = readdir(directory))) {
		char line[64];

		if (strchr(entry->d_name, ':') &&
		    read_line(PCI_DRIVER, entry->d_name, "device", line, sizeof(line)) &&
		    strtoul(line, NULL, 16) == wanted)
			found = snprintf(name, size, "%s", entry->d_name) < size;
	}
	if (directory)
		closedir(directory);
	return found;
}

/*
 * An adapter that comes when the host has told the driver with another one that it works
 * asynchronously is opened over the global channel, as all that follows.
 */
TEST_F(wire, later_adapter_is_opened_over)
{
	unsigned int global = global_channel();
	char function[64];
	struct dxg_sent sent;

	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_NE(0, global);
	ASSERT_TRUE(find_function(variant->compute ? DXG_PCI_COMPUTE : DXG_PCI_RENDER, function,
				  sizeof(function)));
	ASSERT_TRUE(dxg_write_file(PCI_DRIVER "/unbind", function));
	EXPECT_EQ(0, dxg_watch_count(DXG_MSG_OPENADAPTER, &sent));
	ASSERT_TRUE(dxg_write_file(PCI_DRIVER "/bind", function));
	for (int i = 0; i < DXG_TIMEOUT_MS / 10; i++) {
		__u32 known = 0;
		struct dxg_list list;

		if (!dxg_enum3(self->other.fd, DXG_FILTER_COMPUTE, NULL, &known) &&
		    !dxg_list(self->other.fd, &list) && list.count == known)
			break;
		dxg_sleep_ms(10);
	}
	ASSERT_EQ(1, dxg_watch_count(DXG_MSG_OPENADAPTER, &sent));
	EXPECT_EQ(dxg_asynchronous(), sent.channel == global);
	/* GETINTERNALADAPTERINFO */
	ASSERT_EQ(1, dxg_watch_count(36, &sent));
	EXPECT_EQ(dxg_asynchronous(), sent.channel == global);
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
