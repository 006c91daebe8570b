// SPDX-License-Identifier: GPL-2.0
/*
 * Stands for fastfetch from 2.61 on, which shows GPUs under WSL.
 *
 * Source: fastfetch, src/detection/gpu/gpu_windows.c, whose calls go to /dev/dxg on Linux. It
 * lists adapters with room for 64, asks each of them the questions below, and closes it.
 *
 * What it does with the answers: an adapter whose type is unknown is left out, one that is a
 * software device too. The name is AdapterString of the registry information; the driver is
 * the user-mode driver's version, four numbers of 16 bits; the memory is the sum of five
 * numbers of the statistics of each segment group, asked for from WDDM 3.1 on. Nodes are
 * listed until a query fails; the first one of type 3D is asked for its clock.
 */
#include "client.h"

#define SEGMENT_GROUP_USAGE	17
#define WDDM_2_4		2400
#define WDDM_3_1		3100

struct registry_info {
	__u16 adapter[260], bios[260], dac[260], chip[260];
};

struct node_perf_data {
	__u32 node, physical_adapter;
	__u64 frequency, max_frequency, max_frequency_oc;
	__u32 voltage, voltage_max, voltage_max_oc, pad;
	__u64 max_transition_latency;
};

struct adapter_perf_data {
	__u32 physical_adapter, pad;
	__u64 memory_frequency, max_memory_frequency, max_memory_frequency_oc;
	__u64 memory_bandwidth, pcie_bandwidth;
	__u32 fan_rpm, power, temperature;
	__u8 power_state_override;
};

/* The result of SEGMENT_GROUP_USAGE, in bytes, and what is asked for, which follows the result */
struct memory_usage {
	__u64 allocated, free, zero, modified, standby;
};

struct segment_group {
	__u16 physical_adapter;
	/* 0: local, 1: not local */
	__u16 group;
};

FIXTURE(fastfetch)
{
	int fd;
	struct d3dkmt_adapterinfo adapters[64];
	__u32 count;
};

FIXTURE_SETUP(fastfetch)
{
	self->fd = dxg_open();
	ASSERT_LE(0, self->fd);
	self->count = ARRAY_SIZE(self->adapters);
	ASSERT_EQ(0, dxg_enum2(self->fd, self->adapters, &self->count));
	ASSERT_LT(0, self->count);
}

FIXTURE_TEARDOWN(fastfetch)
{
	for (int i = 0; i < self->count; i++)
		EXPECT_OK(dxg_close_adapter(self->fd, self->adapters[i].adapter_handle.v));
	close(self->fd);
}

#define for_each_listed(handle)								\
	for (__u32 __i = 0, handle; __i < self->count &&				\
	     (handle = self->adapters[__i].adapter_handle.v); __i++)
#define QUERY(handle, type, data)	dxg_query(self->fd, handle, type, data, sizeof(*(data)))

TEST_F(fastfetch, is_shown)
{
	for_each_listed(handle) {
		struct client_device_ids ids = {};
		struct client_adapter_address address = {};
		struct d3dkmt_adaptertype type;
		__u32 wddm = 0;

		EXPECT_OK(QUERY(handle, QAI_ADAPTERTYPE, &type));
		EXPECT_EQ(0, 0 + type.software_device);
		EXPECT_OK(QUERY(handle, QAI_DRIVERVERSION, &wddm));
		EXPECT_LE(WDDM_2_4, wddm);
		EXPECT_OK(QUERY(handle, QAI_ADAPTERADDRESS, &address));
		EXPECT_OK(QUERY(handle, QAI_PHYSICALADAPTERDEVICEIDS, &ids));
		EXPECT_NE(0, ids.vendor);
	}
}

TEST_F(fastfetch, name)
{
	for_each_listed(handle) {
		struct registry_info info = {};

		EXPECT_OK(QUERY(handle, QAI_ADAPTERREGISTRYINFO, &info));
		EXPECT_NE(0, info.adapter[0]);
		EXPECT_EQ(0, info.adapter[ARRAY_SIZE(info.adapter) - 1]);
	}
}

TEST_F(fastfetch, driver)
{
	for_each_listed(handle) {
		__u64 version = 0;

		EXPECT_OK(QUERY(handle, CLIENT_QAI_UMD_DRIVER_VERSION, &version));
		EXPECT_NE(0, version);
	}
}

TEST_F(fastfetch, memory)
{
	for (int i = 0; i < self->count; i++) {
		__u64 total = 0;

		for (__u16 group = 0; group < 2; group++) {
			struct d3dkmt_querystatistics args = {
				.type = SEGMENT_GROUP_USAGE,
				.adapter_luid = self->adapters[i].adapter_luid,
			};
			const struct segment_group asked = { .group = group };
			struct memory_usage usage;
			__u64 used;

			memcpy((unsigned char *)(&args.result + 1), &asked, sizeof(asked));
			EXPECT_OK(dxg_ioctl(self->fd, LX_DXQUERYSTATISTICS, &args));
			memcpy(&usage, args.result.size, sizeof(usage));
			used = usage.allocated + usage.modified + usage.standby;
			total += used + usage.free + usage.zero;
		}
		EXPECT_NE(0, total);
	}
}

TEST_F(fastfetch, nodes)
{
	for_each_listed(handle) {
		int nodes = 0, frequencies = 0;

		/* 64 are more than any adapter has: the list must end. */
		for (; nodes < 64; nodes++) {
			struct client_node_metadata node = { .node_and_adapter = nodes };
			struct node_perf_data perf = { .node = nodes };

			if (dxg_query(self->fd, handle, QAI_NODEMETADATA, &node,
				      CLIENT_NODE_METADATA_SIZE))
				break;
			if (node.engine_type != CLIENT_ENGINE_3D)
				continue;
			EXPECT_OK(QUERY(handle, CLIENT_QAI_NODEPERFDATA, &perf));
			frequencies++;
		}
		EXPECT_LT(0, nodes);
		EXPECT_GT(64, nodes);
		EXPECT_LE(frequencies, nodes);
	}
}

TEST_F(fastfetch, temperature)
{
	for_each_listed(handle) {
		struct adapter_perf_data perf = {};

		EXPECT_OK(QUERY(handle, CLIENT_QAI_ADAPTERPERFDATA, &perf));
	}
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
