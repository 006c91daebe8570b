// SPDX-License-Identifier: GPL-2.0
/*
 * Stands for libdxg, the library with the names of Windows over /dev/dxg, and what is on it.
 *
 * Source: microsoft/libdxg, src/d3dkmt-wsl.cpp (the numbers and the names), include/d3dkmthk.h
 * (the sizes); microsoft/libdxgtest, src/main.cpp (the queries). It opens the device for
 * reading, once, and hands each structure of Windows to the driver as it is.
 *
 * What it does with the answers: what is not negative goes back as it is; of errors it knows
 * the thirteen below, and all others are STATUS_UNSUCCESSFUL. If opening or listing adapters
 * fails with EBADF or ENOTTY it opens the device anew and tries once more.
 */
#include <fcntl.h>
#include <linux/ioctl.h>
#include <sys/wait.h>

#include "client.h"
#include "../dxg_sync_calls.h"

struct function {
	const char *name;
	unsigned int number, size, request;
};

/* Exported functions, with the sizes of their structures in the library's own header */
static const struct function functions[] = {
	{ "OpenAdapterFromLuid", 0x01, 12, LX_DXOPENADAPTERFROMLUID },
	{ "CreateDevice", 0x02, 64, LX_DXCREATEDEVICE },
	{ "CreateContextVirtual", 0x04, 40, LX_DXCREATECONTEXTVIRTUAL },
	{ "DestroyContext", 0x05, 4, LX_DXDESTROYCONTEXT },
	{ "CreateAllocation2", 0x06, 72, LX_DXCREATEALLOCATION },
	{ "CreatePagingQueue", 0x07, 32, LX_DXCREATEPAGINGQUEUE },
	{ "ReserveGpuVirtualAddress", 0x08, 72, LX_DXRESERVEGPUVIRTUALADDRESS },
	{ "QueryAdapterInfo", 0x09, 24, LX_DXQUERYADAPTERINFO },
	{ "QueryVideoMemoryInfo", 0x0a, 56, LX_DXQUERYVIDEOMEMORYINFO },
	{ "MakeResident", 0x0b, 48, LX_DXMAKERESIDENT },
	{ "MapGpuVirtualAddress", 0x0c, 104, LX_DXMAPGPUVIRTUALADDRESS },
	{ "Escape", 0x0d, 32, LX_DXESCAPE },
	{ "GetDeviceState", 0x0e, 56, LX_DXGETDEVICESTATE },
	{ "SubmitCommand", 0x0f, 384, LX_DXSUBMITCOMMAND },
	{ "CreateSynchronizationObject2", 0x10, 96, LX_DXCREATESYNCHRONIZATIONOBJECT },
	{ "SignalSynchronizationObject2", 0x11, 464, LX_DXSIGNALSYNCHRONIZATIONOBJECT },
	{ "WaitForSynchronizationObject2", 0x12, 200, LX_DXWAITFORSYNCHRONIZATIONOBJECT },
	{ "DestroyAllocation2", 0x13, 24, LX_DXDESTROYALLOCATION2 },
	{ "EnumAdapters2", 0x14, 16, LX_DXENUMADAPTERS2 },
	{ "CloseAdapter", 0x15, 4, LX_DXCLOSEADAPTER },
	{ "ChangeVideoMemoryReservation", 0x16, 32, LX_DXCHANGEVIDEOMEMORYRESERVATION },
	{ "CreateHwQueue", 0x18, 48, LX_DXCREATEHWQUEUE },
	{ "DestroyDevice", 0x19, 4, LX_DXDESTROYDEVICE },
	{ "DestroyHwQueue", 0x1b, 4, LX_DXDESTROYHWQUEUE },
	{ "DestroyPagingQueue", 0x1c, 4, LX_DXDESTROYPAGINGQUEUE },
	{ "DestroySynchronizationObject", 0x1d, 4, LX_DXDESTROYSYNCHRONIZATIONOBJECT },
	{ "Evict", 0x1e, 32, LX_DXEVICT },
	{ "FlushHeapTransitions", 0x1f, 4, LX_DXFLUSHHEAPTRANSITIONS },
	{ "FreeGpuVirtualAddress", 0x20, 24, LX_DXFREEGPUVIRTUALADDRESS },
	{ "GetContextInProcessSchedulingPriority", 0x21, 8,
	  LX_DXGETCONTEXTINPROCESSSCHEDULINGPRIORITY },
	{ "GetContextSchedulingPriority", 0x22, 8, LX_DXGETCONTEXTSCHEDULINGPRIORITY },
	{ "InvalidateCache", 0x24, 24, LX_DXINVALIDATECACHE },
	{ "Lock2", 0x25, 24, LX_DXLOCK2 },
	{ "MarkDeviceAsError", 0x26, 8, LX_DXMARKDEVICEASERROR },
	{ "OfferAllocations", 0x27, 40, LX_DXOFFERALLOCATIONS },
	{ "QueryAllocationResidency", 0x2a, 32, LX_DXQUERYALLOCATIONRESIDENCY },
	{ "ReclaimAllocations2", 0x2c, 40, LX_DXRECLAIMALLOCATIONS2 },
	{ "SetAllocationPriority", 0x2e, 32, LX_DXSETALLOCATIONPRIORITY },
	{ "SetContextInProcessSchedulingPriority", 0x2f, 8,
	  LX_DXSETCONTEXTINPROCESSSCHEDULINGPRIORITY },
	{ "SetContextSchedulingPriority", 0x30, 8, LX_DXSETCONTEXTSCHEDULINGPRIORITY },
	{ "SignalSynchronizationObjectFromCpu", 0x31, 32,
	  LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMCPU },
	{ "SignalSynchronizationObjectFromGpu", 0x32, 80,
	  LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMGPU },
	{ "SignalSynchronizationObjectFromGpu2", 0x33, 96,
	  LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMGPU2 },
	{ "SubmitCommandToHwQueue", 0x34, 56, LX_DXSUBMITCOMMANDTOHWQUEUE },
	{ "SubmitSignalSyncObjectsToHwQueue", 0x35, 40, LX_DXSUBMITSIGNALSYNCOBJECTSTOHWQUEUE },
	{ "SubmitWaitForSyncObjectsToHwQueue", 0x36, 24,
	  LX_DXSUBMITWAITFORSYNCOBJECTSTOHWQUEUE },
	{ "Unlock2", 0x37, 8, LX_DXUNLOCK2 },
	{ "UpdateAllocationProperty", 0x38, 40, LX_DXUPDATEALLOCPROPERTY },
	{ "UpdateGpuVirtualAddress", 0x39, 56, LX_DXUPDATEGPUVIRTUALADDRESS },
	{ "WaitForSynchronizationObjectFromCpu", 0x3a, 40,
	  LX_DXWAITFORSYNCHRONIZATIONOBJECTFROMCPU },
	{ "WaitForSynchronizationObjectFromGpu", 0x3b, 80,
	  LX_DXWAITFORSYNCHRONIZATIONOBJECTFROMGPU },
	{ "GetAllocationPriority", 0x3c, 32, LX_DXGETALLOCATIONPRIORITY },
	{ "QueryClockCalibration", 0x3d, 40, LX_DXQUERYCLOCKCALIBRATION },
	{ "EnumAdapters3", 0x3e, 24, LX_DXENUMADAPTERS3 },
	{ "ShareObjects", 0x3f, 40, LX_DXSHAREOBJECTS },
	{ "OpenSyncObjectFromNtHandle2", 0x40, 88, LX_DXOPENSYNCOBJECTFROMNTHANDLE2 },
	{ "QueryResourceInfoFromNtHandle", 0x41, 40, LX_DXQUERYRESOURCEINFOFROMNTHANDLE },
	{ "OpenResourceFromNtHandle", 0x42, 104, LX_DXOPENRESOURCEFROMNTHANDLE },
	{ "QueryStatistics", 0x43, 808, LX_DXQUERYSTATISTICS },
	{ "ShareObjectWithHost", 0x44, 24, LX_DXSHAREOBJECTWITHHOST },
	{ "CreateSyncFile", 0x45, 24, LX_DXCREATESYNCFILE },
};

/* Those that it exports although no driver has had them since the first versions */
static const struct function retired[] = {
	{ "CreateContext", 0x03, 96, 0 },
	{ "CreateHwContext", 0x17, 40, 0 },
	{ "DestroyHwContext", 0x1a, 4, 0 },
	{ "GetSharedResourceAdapterLuid", 0x23, 24, 0 },
	{ "OpenResource", 0x28, 72, 0 },
	{ "OpenSynchronizationObject", 0x29, 72, 0 },
	{ "QueryResourceInfo", 0x2b, 32, 0 },
	{ "Render", 0x2d, 368, 0 },
};

/* All of its structures are in and out. */
#define REQUEST(function)	_IOC(_IOC_READ | _IOC_WRITE, 'G', (function)->number, (function)->size)

TEST(numbers_and_sizes)
{
	for (int i = 0; i < ARRAY_SIZE(functions); i++) {
		EXPECT_EQ(REQUEST(&functions[i]), functions[i].request)
			TH_LOG("%s", functions[i].name);
	}
}

TEST(retired_functions)
{
	unsigned char args[512] = {};
	int fd = dxg_open();

	ASSERT_LE(0, fd);
	for (int i = 0; i < ARRAY_SIZE(retired); i++) {
		EXPECT_EQ(-ENOTTY, dxg_ioctl(fd, REQUEST(&retired[i]), args))
			TH_LOG("%s", retired[i].name);
	}
	close(fd);
}

FIXTURE(libdxg)
{
	/* Its scene comes first, so that both tables find what they need. */
	struct dxg_sync_scene sync;
};

FIXTURE_VARIANT(libdxg)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(libdxg, render) { .compute = false };
FIXTURE_VARIANT_ADD(libdxg, compute) { .compute = true };

FIXTURE_SETUP(libdxg)
{
	int result = dxg_sync_scene_open(&self->sync, variant->compute);

	if (result == -ENODEV)
		SKIP(return, "no such adapter");
	if (result == -EOPNOTSUPP)
		SKIP(return, "the driver was built without sync files");
	ASSERT_EQ(0, result);
}

FIXTURE_TEARDOWN(libdxg)
{
	dxg_sync_scene_close(&self->sync);
}

static bool is_exported(unsigned int request)
{
	for (int i = 0; i < ARRAY_SIZE(functions); i++) {
		if (functions[i].request == request)
			return true;
	}
	return false;
}

/*
 * One program calls all of them, one after the other on the same objects; what takes objects
 * away comes last, from the inside to the outside.
 */
TEST_F(libdxg, each_function_once)
{
	struct dxg_scene *scene = &self->sync.scene;
	unsigned char args[DXG_ARGUMENT_MAX];
	const enum dxg_kind last[] = {
		DXG_SYNC_OBJECT, DXG_ALLOCATION, DXG_RESOURCE, DXG_HW_QUEUE, DXG_PAGING_QUEUE,
		DXG_CONTEXT,
	};

	for_each_call(call, scene) {
	/* A device in error takes no more work, and addresses that are free cannot be updated. */
		if (!is_exported(call->request) || call->destroys != DXG_NONE ||
		    call->request == LX_DXMARKDEVICEASERROR ||
		    call->request == LX_DXFREEGPUVIRTUALADDRESS)
			continue;
		memset(args, 0, sizeof(args));
		call->fill(scene, args);
		EXPECT_TRUE(client_accepted(dxg_ioctl(scene->gpu.fd, call->request, args)))
			TH_LOG("%s", call->name);
	}
	for_each_sync_call(call, &self->sync) {
		if (!is_exported(call->request) || call->destroys != DXG_NONE)
			continue;
		memset(args, 0, sizeof(args));
		call->fill(scene, args);
		EXPECT_TRUE(client_accepted(dxg_ioctl(scene->gpu.fd, call->request, args)))
			TH_LOG("%s", call->name);
	}
	for_each_call(call, scene) {
		if (call->request != LX_DXFREEGPUVIRTUALADDRESS)
			continue;
		call->fill(scene, args);
		EXPECT_OK(dxg_ioctl(scene->gpu.fd, call->request, args));
	}
	for (int i = 0; i < ARRAY_SIZE(last); i++) {
		for_each_call(call, scene) {
			if (call->destroys != last[i])
				continue;
			memset(args, 0, sizeof(args));
			call->fill(scene, args);
			EXPECT_OK(dxg_ioctl(scene->gpu.fd, call->request, args));
		}
	}

	struct d3dkmt_markdeviceaserror lose = {
		.device.v = scene->gpu.device,
		.reason = _D3DKMT_DEVICE_ERROR_REASON_GENERIC,
	};

	EXPECT_OK(dxg_ioctl(scene->gpu.fd, LX_DXMARKDEVICEASERROR, &lose));
	EXPECT_OK(dxg_destroy_device(scene->gpu.fd, scene->gpu.device));
	EXPECT_OK(dxg_close_adapter(scene->gpu.fd, scene->gpu.adapter));
}

/* What libdxgtest asks of each adapter before its first test; it gives up at any failure. */
TEST(queries_of_libdxgtest)
{
	static __u16 description[4096];
	struct dxg_list list = {};
	__u32 count = 16;
	int fd = dxg_open();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, dxg_enum3(fd, DXG_FILTER_COMPUTE, list.adapter, &count));
	ASSERT_LT(0, count);
	for (int i = 0; i < count; i++) {
		__u32 handle = list.adapter[i].adapter_handle.v, caps = 0;
		struct client_device_ids ids = {};
		struct d3dkmt_adaptertype type;

		EXPECT_OK(dxg_query(fd, handle, QAI_ADAPTERTYPE_RENDER, &type, sizeof(type)));
		EXPECT_OK(dxg_query(fd, handle, QAI_PHYSICALADAPTERDEVICEIDS, &ids, sizeof(ids)));
		EXPECT_OK(dxg_query(fd, handle, CLIENT_QAI_WDDM_2_7_CAPS, &caps, sizeof(caps)));
		EXPECT_OK(dxg_query(fd, handle, CLIENT_QAI_DRIVER_DESCRIPTION, description,
				    sizeof(description)));
		EXPECT_NE(0, description[0]);
		EXPECT_OK(dxg_close_adapter(fd, handle));
	}
	close(fd);
}

/* NODEMETADATA with the library's own structure, which is two bytes shorter than aligned. */
TEST(node_metadata)
{
	struct dxg_list list;
	int fd = dxg_open();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, dxg_list(fd, &list));
	for (int i = 0; i < list.count; i++) {
		__u32 handle = list.adapter[i].adapter_handle.v;
		struct client_node_metadata *node = dxg_guarded(CLIENT_NODE_METADATA_SIZE, 0);

		EXPECT_OK(dxg_query(fd, handle, QAI_NODEMETADATA, node,
				    CLIENT_NODE_METADATA_SIZE));
		EXPECT_NE(0, node->friendly_name[0] | node->engine_type);
	}
	close(fd);
}

static int in_child(void *data)
{
	int *fd = data;
	struct d3dkmt_adapterinfo adapters[16];
	__u32 count = ARRAY_SIZE(adapters);
	int result = dxg_enum2(*fd, adapters, &count);

	if (result != -EBADF && result != -ENOTTY)
		return result ? -result : EEXIST;
	close(*fd);
	*fd = open(DXG_PATH, O_RDONLY | O_CLOEXEC);
	count = ARRAY_SIZE(adapters);
	return *fd < 0 ? errno : -dxg_enum2(*fd, adapters, &count);
}

/* A child has its parent's descriptor: the library notices by the error, and opens its own. */
TEST(fork_and_reopen)
{
	int fd = dxg_open();

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, dxg_in_child(in_child, &fd));
	close(fd);
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
