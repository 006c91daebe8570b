// SPDX-License-Identifier: GPL-2.0
/*
 * QueryAdapterInfo: sizes, faults, the bits the driver changes, and the answers a
 * user library needs to start.
 */
#include "dxg_utils.h"
#include "dxg_harness.h"

#define FILL		0xa5

/* The largest message to the host, which is also what the ABI names. */
#define SIZE_MAX_NAMED	131072
/* What goes along with the data: a header of version 40, then the request around it. */
#define SIZE_EXTENDED	16
#define SIZE_REQUEST	39

struct device_ids {
	__u32 physical_adapter_index;
	__u32 vendor;
	__u32 device;
	__u32 sub_vendor;
	__u32 sub_system;
	__u32 revision;
	__u32 bus_type;
};

/* No padding at its end: 78 bytes */
struct node_metadata {
	__u16 node_ordinal;
	__u16 physical_adapter_index;
	__u32 engine_type;
	__u16 friendly_name[32];
	__u32 flags;
	__u8 gpu_mmu;
	__u8 io_mmu;
} __attribute__((packed));

_Static_assert(sizeof(struct node_metadata) == 78, "node_metadata");

/* A value of the registry, or a path; the output goes on behind the structure. */
struct registry_query {
	__u32 query_type;
	__u32 query_flags;
	__u16 value_name[260];
	__u32 value_type;
	__u32 physical_adapter_index;
	__u32 output_value_size;
	__u32 status;
	__u8 output[8];
};

_Static_assert(sizeof(struct registry_query) == 552, "registry_query");

enum { REGISTRY_ADAPTER_KEY = 1, REGISTRY_DRIVER_STORE_PATH = 2 };
enum { REGISTRY_SUCCESS = 0, REGISTRY_BUFFER_OVERFLOW = 1 };
enum { REG_SZ = 1, REG_DWORD = 4 };

struct registry_info {
	__u16 text[4][260];
};

struct segment_size {
	__u64 dedicated_video;
	__u64 dedicated_system;
	__u64 shared_system;
};

/* What a virtual machine has to say of an adapter, and what it must not promise. */
static const struct d3dkmt_adaptertype always = { .paravirtualized = 1 };
static const struct d3dkmt_adaptertype never = {
	.display_supported = 1,
	.post_device = 1,
	.indirect_display_device = 1,
	.acg_supported = 1,
	.support_set_timings_from_vidpn = 1,
};

/*
 * A host of an interface version below 40 has no status in its replies: what it
 * refuses shows as a reply that is too short. Nor is there an extended header.
 */
static bool old_host(void)
{
	const char *version = getenv("DXG_INTERFACE_VERSION");

	return version && atoi(version) < 40;
}

static int refused(void)
{
	return old_host() ? -EOVERFLOW : -EINVAL;
}

/* The most data that fits into a message. */
static __u32 size_max_sent(void)
{
	return SIZE_MAX_NAMED - SIZE_REQUEST - (old_host() ? 0 : SIZE_EXTENDED);
}

FIXTURE(query)
{
	int fd;
	__u32 adapter;
	struct dxg_list list;
};

FIXTURE_SETUP(query)
{
	self->fd = dxg_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, dxg_list(self->fd, &self->list));
	ASSERT_LT(0, self->list.count);
	self->adapter = self->list.adapter[0].adapter_handle.v;
}

FIXTURE_TEARDOWN(query)
{
	close(self->fd);
}

#define QUERY(type, data, size)	dxg_query(self->fd, self->adapter, type, data, size)

/* Runs the next statement with each adapter in turn. */
#define for_each_adapter()								\
	for (unsigned int __i = 0; __i < self->list.count &&				\
	     (self->adapter = self->list.adapter[__i].adapter_handle.v); __i++)

TEST_F(query, size_zero)
{
	__u32 data = 0;

	EXPECT_ERRNO(EINVAL, QUERY(QAI_ADAPTERTYPE, &data, 0));
	EXPECT_ERRNO(EINVAL, QUERY(QAI_ADAPTERTYPE, NULL, 0));
	EXPECT_ERRNO(EINVAL, dxg_query(self->fd, 0, QAI_ADAPTERTYPE, &data, 0));
}

TEST_F(query, size_too_large)
{
	const __u32 sizes[] = {
		size_max_sent() + 1, SIZE_MAX_NAMED - 1, SIZE_MAX_NAMED, SIZE_MAX_NAMED + 1,
		0x7fffffff, 0xffffffff,
	};
	void *data = calloc(1, SIZE_MAX_NAMED + 1);

	ASSERT_NE(NULL, data);
	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		int result = QUERY(QAI_UMDRIVERPRIVATE, data, sizes[i]);

		EXPECT_EQ(-EINVAL, result) TH_LOG("size %u", sizes[i]);
	}
	EXPECT_TRUE(dxg_filled(data, SIZE_MAX_NAMED + 1, 0));
	/* So large that nothing needs to be read to know it. */
	EXPECT_ERRNO(EINVAL, QUERY(QAI_UMDRIVERPRIVATE, dxg_unmapped(), SIZE_MAX_NAMED + 1));
	free(data);
}

TEST_F(query, size_largest)
{
	unsigned char *data = dxg_guarded(size_max_sent(), 0);
	int result = QUERY(QAI_UMDRIVERPRIVATE, data, 4096);

	/* All of it is read, to the last byte. */
	EXPECT_ERRNO(EFAULT, QUERY(QAI_UMDRIVERPRIVATE, data + 1, size_max_sent()));
	if (result)
		SKIP(return, "the host wants an exact size: %d", result);
	EXPECT_EQ(0, QUERY(QAI_UMDRIVERPRIVATE, data, size_max_sent()));
}

TEST_F(query, bad_handle)
{
	const __u32 handles[] = { 0, 1, self->adapter ^ 0xc0000000, 0xffffffff };
	__u32 data = 0;

	for (int i = 0; i < ARRAY_SIZE(handles); i++) {
		EXPECT_ERRNO(EINVAL, dxg_query(self->fd, handles[i], QAI_ADAPTERTYPE, &data,
					       sizeof(data)));
		/* The handle comes before the data. */
		EXPECT_ERRNO(EINVAL, dxg_query(self->fd, handles[i], QAI_ADAPTERTYPE, NULL,
					       sizeof(data)));
	}
	EXPECT_EQ(0, data);
}

TEST_F(query, data_not_readable)
{
	__u32 *end = dxg_guarded(sizeof(*end), FILL);

	EXPECT_ERRNO(EFAULT, QUERY(QAI_ADAPTERTYPE, NULL, 4));
	EXPECT_ERRNO(EFAULT, QUERY(QAI_ADAPTERTYPE, dxg_unmapped(), 4));
	EXPECT_ERRNO(EFAULT, QUERY(QAI_ADAPTERTYPE, (void *)0xffff888000000000, 4));
	EXPECT_ERRNO(EFAULT, QUERY(QAI_ADAPTERTYPE, (char *)end + 1, 4));
	EXPECT_TRUE(dxg_filled(end, sizeof(*end), FILL));
}

TEST_F(query, data_not_writable)
{
	struct d3dkmt_adaptertype type = {};

	EXPECT_ERRNO(EFAULT, QUERY(QAI_ADAPTERTYPE, dxg_readonly(&type, sizeof(type)),
				   sizeof(type)));
}

TEST_F(query, data_at_end_of_memory)
{
	struct d3dkmt_adaptertype *type = dxg_guarded(sizeof(*type), 0);

	EXPECT_EQ(0, QUERY(QAI_ADAPTERTYPE, type, sizeof(*type)));
	EXPECT_EQ(always.value, type->value & always.value);
}

TEST_F(query, data_not_aligned)
{
	struct d3dkmt_adaptertype type, copy;
	char buffer[16] = "";

	ASSERT_EQ(0, QUERY(QAI_ADAPTERTYPE, &type, sizeof(type)));
	ASSERT_EQ(0, QUERY(QAI_ADAPTERTYPE, buffer + 1, sizeof(type)));
	memcpy(&copy, buffer + 1, sizeof(copy));
	EXPECT_EQ(type.value, copy.value);
	EXPECT_EQ(0, buffer[0]);
	EXPECT_TRUE(dxg_filled(buffer + 1 + sizeof(type), 16 - 1 - sizeof(type), 0));
}

TEST_F(query, unknown_type)
{
	unsigned char data[64];

	for_each_adapter() {
		memset(data, FILL, sizeof(data));
		EXPECT_EQ(refused(), QUERY(QAI_UNKNOWN, data, sizeof(data)));
		EXPECT_TRUE(dxg_filled(data, sizeof(data), FILL));
	}
}

/* A query the host answers with a short or refused buffer writes nothing beyond it. */
TEST_F(query, short_buffer)
{
	const __u32 types[] = { QAI_ADAPTERTYPE, QAI_ADAPTERTYPE_RENDER };

	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		for (__u32 size = 1; size < sizeof(__u32); size++) {
			unsigned char *end = dxg_guarded(size, FILL);
			int result = QUERY(types[i], end, size);

			/* Whether that is enough is for the host to say. */
			EXPECT_TRUE(!result || result == -EINVAL || result == -EOVERFLOW)
				TH_LOG("type %u size %u: %d", types[i], size, result);
			if (result)
				EXPECT_OK(!dxg_filled(end, size, FILL));
			EXPECT_EQ(FILL, end[-1]);
		}
	}
}

TEST_F(query, adapter_type)
{
	const __u32 types[] = { QAI_ADAPTERTYPE, QAI_ADAPTERTYPE_RENDER };
	int compute = 0;

	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		for_each_adapter() {
			struct d3dkmt_adaptertype type = { .value = 0xffffffff };

			ASSERT_EQ(0, QUERY(types[i], &type, sizeof(type)));
			EXPECT_EQ(always.value, type.value & always.value);
			EXPECT_EQ(0, type.value & never.value);
			compute += type.compute_only;
		}
	}
	EXPECT_EQ(ARRAY_SIZE(types) * dxg_pci_functions(DXG_PCI_COMPUTE), compute);
}

TEST_F(query, segment_size)
{
	for_each_adapter() {
		struct segment_size size = {};

		ASSERT_EQ(0, QUERY(QAI_GETSEGMENTSIZE, &size, sizeof(size)));
		EXPECT_LT(0, size.dedicated_video + size.dedicated_system + size.shared_system);
		EXPECT_GT(1ULL << 50, size.dedicated_video);
		EXPECT_GT(1ULL << 50, size.dedicated_system);
		EXPECT_GT(1ULL << 50, size.shared_system);
	}
}

TEST_F(query, adapter_address)
{
	for_each_adapter() {
		__u32 address[4] = { ~0, ~0, ~0, ~0 };

		ASSERT_EQ(0, QUERY(QAI_ADAPTERADDRESS, address, 3 * sizeof(__u32)));
		/* Bus, device, function */
		EXPECT_GT(0x10000, address[0]);
		EXPECT_GT(32, address[1]);
		EXPECT_GT(8, address[2]);
		EXPECT_EQ(~0, address[3]);
	}
}

TEST_F(query, registry_info)
{
	struct registry_info info;

	for_each_adapter() {
		memset(&info, 0, sizeof(info));
		ASSERT_EQ(0, QUERY(QAI_ADAPTERREGISTRYINFO, &info, sizeof(info)));
		/* The name is there, and every text ends. */
		EXPECT_NE(0, info.text[0][0]);
		for (int i = 0; i < ARRAY_SIZE(info.text); i++) {
			int length = 0;

			while (length < 260 && info.text[i][length])
				length++;
			EXPECT_GT(260, length);
		}
	}
}

TEST_F(query, driver_version)
{
	for_each_adapter() {
		__u32 version = 0;
		__u16 driver[4] = {};

		ASSERT_EQ(0, QUERY(QAI_DRIVERVERSION, &version, sizeof(version)));
		/* A paravirtual GPU needs WDDM 2.x at least. */
		EXPECT_LE(2000, version);
		EXPECT_GT(10000, version);
		ASSERT_EQ(0, QUERY(QAI_KMD_DRIVER_VERSION, driver, sizeof(driver)));
		EXPECT_FALSE(dxg_filled(driver, sizeof(driver), 0));
	}
}

TEST_F(query, device_ids)
{
	for_each_adapter() {
		struct device_ids ids = {};
		__u32 count = 0;

		ASSERT_EQ(0, QUERY(QAI_PHYSICALADAPTERCOUNT, &count, sizeof(count)));
		EXPECT_LT(0, count);
		EXPECT_GE(64, count);
		ASSERT_EQ(0, QUERY(QAI_PHYSICALADAPTERDEVICEIDS, &ids, sizeof(ids)));
		EXPECT_EQ(0, ids.physical_adapter_index);
		EXPECT_NE(0, ids.vendor);
		EXPECT_GT(0x10000, ids.vendor);
		EXPECT_GT(0x10000, ids.device);
		/* The index is an input: there is no such GPU. */
		ids.physical_adapter_index = count;
		EXPECT_EQ(refused(), QUERY(QAI_PHYSICALADAPTERDEVICEIDS, &ids, sizeof(ids)));
	}
}

TEST_F(query, nodes)
{
	enum { MAX_COUNT = 64 };

	for_each_adapter() {
		struct node_metadata node;
		int nodes = 0, result;

		do {
			memset(&node, 0, sizeof(node));
			node.node_ordinal = nodes;
			result = QUERY(QAI_NODEMETADATA, &node, sizeof(node));
			EXPECT_EQ(nodes, node.node_ordinal);
		} while (!result && ++nodes < MAX_COUNT);
		EXPECT_LT(0, nodes);
		EXPECT_EQ(refused(), result);
		memset(&node, 0, sizeof(node));
		node.node_ordinal = 0xffff;
		EXPECT_EQ(refused(), QUERY(QAI_NODEMETADATA, &node, sizeof(node)));
	}
}

/* A byte less is refused by Windows, and not as "too small". */
TEST_F(query, one_byte_too_little)
{
	const struct { __u32 type, size; } queries[] = {
		{ QAI_CHECKDRIVERUPDATESTATUS, 4 }, { QAI_DRIVERVERSION, 4 },
		{ QAI_NODEMETADATA, sizeof(struct node_metadata) },
		{ QAI_DRIVER_DESCRIPTION, 8192 },
		{ QAI_QUERYREGISTRY, sizeof(struct registry_query) },
	};
	unsigned char data[8192];

	for_each_adapter() {
		for (int i = 0; i < ARRAY_SIZE(queries); i++) {
			int result = QUERY(queries[i].type, data, queries[i].size - 1);

			EXPECT_EQ(refused(), result) TH_LOG("type %u", queries[i].type);
		}
	}
}

TEST_F(query, driver)
{
	for_each_adapter() {
		__u32 updated = ~0, name[524 / 4] = { 3 };
		__u64 versions[2] = {};
		__u16 text[4096];
		int length = 0;

		/* Nobody has replaced it. */
		ASSERT_EQ(0, QUERY(QAI_CHECKDRIVERUPDATESTATUS, &updated, sizeof(updated)));
		EXPECT_EQ(0, updated);
		ASSERT_EQ(0, QUERY(QAI_UMD_DRIVER_VERSION, &versions[0], sizeof(__u64)));
		ASSERT_EQ(0, QUERY(QAI_KMD_DRIVER_VERSION, &versions[1], sizeof(__u64)));
		EXPECT_NE(0, versions[0]);
		EXPECT_EQ(versions[0], versions[1]);
		memset(text, FILL, sizeof(text));
		ASSERT_EQ(0, QUERY(QAI_DRIVER_DESCRIPTION, text, sizeof(text)));
		while (length < ARRAY_SIZE(text) && text[length])
			length++;
		EXPECT_LT(0, length);
		EXPECT_GT(ARRAY_SIZE(text), length);
		/* The file of the user-mode driver of Direct3D 12 */
		ASSERT_EQ(0, QUERY(QAI_UMDRIVERNAME, name, sizeof(name)));
		EXPECT_EQ(3, name[0]);
		EXPECT_NE(0, name[1]);
	}
}

/* The call succeeds, and the data say whether there was room for the answer. */
TEST_F(query, registry_path)
{
	for_each_adapter() {
		struct {
			struct registry_query query;
			__u8 more[1024];
		} data = { .query.query_type = REGISTRY_DRIVER_STORE_PATH };
		__u32 size;

		memset(data.query.output, FILL, sizeof(data.query.output));
		ASSERT_EQ(0, QUERY(QAI_QUERYREGISTRY, &data, sizeof(data.query)));
		EXPECT_EQ(REGISTRY_BUFFER_OVERFLOW, data.query.status);
		EXPECT_TRUE(dxg_filled(data.query.output, sizeof(data.query.output), FILL));
		size = data.query.output_value_size;
		EXPECT_LT(sizeof(data.query.output), size);
		ASSERT_GT(sizeof(data.more), size);
		data.query.status = ~0;
		ASSERT_EQ(0, QUERY(QAI_QUERYREGISTRY, &data, sizeof(data)));
		EXPECT_EQ(REGISTRY_SUCCESS, data.query.status);
		EXPECT_EQ(size, data.query.output_value_size);
		EXPECT_EQ('/', data.query.output[0]);
		/* A path has no type. */
		data.query.value_type = REG_SZ;
		EXPECT_EQ(refused(), QUERY(QAI_QUERYREGISTRY, &data, sizeof(data)));
	}
}

TEST_F(query, registry_value)
{
	static const char present[] = "DriverVersion", absent[] = "NoSuchValue";

	for_each_adapter() {
		struct {
			struct registry_query query;
			__u8 more[1024];
		} data = {
			.query.query_type = REGISTRY_ADAPTER_KEY,
			.query.value_type = REG_SZ,
		};

		for (int i = 0; i < sizeof(present); i++)
			data.query.value_name[i] = present[i];
		ASSERT_EQ(0, QUERY(QAI_QUERYREGISTRY, &data, sizeof(data)));
		EXPECT_EQ(REGISTRY_SUCCESS, data.query.status);
		/* 1.2.3.4 at least, with its zero */
		EXPECT_LE(2 * 8, data.query.output_value_size);
		data.query.value_type = REG_DWORD;
		EXPECT_EQ(old_host() ? -EOVERFLOW : -EPROTOTYPE,
			  QUERY(QAI_QUERYREGISTRY, &data, sizeof(data)));
		for (int i = 0; i < sizeof(absent); i++)
			data.query.value_name[i] = absent[i];
		EXPECT_EQ(old_host() ? -EOVERFLOW : -ENOENT,
			  QUERY(QAI_QUERYREGISTRY, &data, sizeof(data)));
	}
}

TEST_F(query, same_answer_twice)
{
	struct registry_info info[2];

	for_each_adapter() {
		memset(info, 0, sizeof(info));
		ASSERT_EQ(0, QUERY(QAI_ADAPTERREGISTRYINFO, &info[0], sizeof(info[0])));
		ASSERT_EQ(0, QUERY(QAI_ADAPTERREGISTRYINFO, &info[1], sizeof(info[1])));
		EXPECT_EQ(0, memcmp(&info[0], &info[1], sizeof(info[0])));
	}
}

/* Two adapters are told apart all the way to the host. */
TEST_F(query, adapters_differ)
{
	struct d3dkmt_adaptertype type = {};
	int compute[2] = {};

	if (!dxg_pci_functions(DXG_PCI_COMPUTE) || !dxg_pci_functions(DXG_PCI_RENDER))
		SKIP(return, "needs a render and a compute-only adapter");
	for_each_adapter() {
		struct registry_info info = {}, other = {};

		ASSERT_EQ(0, QUERY(QAI_ADAPTERTYPE, &type, sizeof(type)));
		compute[type.compute_only]++;
		ASSERT_EQ(0, QUERY(QAI_ADAPTERREGISTRYINFO, &info, sizeof(info)));
		for (unsigned int i = 0; i < self->list.count; i++) {
			__u32 handle = self->list.adapter[i].adapter_handle.v;
			struct d3dkmt_adaptertype that = {};

			ASSERT_EQ(0, dxg_query(self->fd, handle, QAI_ADAPTERTYPE, &that,
					       sizeof(that)));
			ASSERT_EQ(0, dxg_query(self->fd, handle, QAI_ADAPTERREGISTRYINFO, &other,
					       sizeof(other)));
			if (that.compute_only != type.compute_only)
				EXPECT_OK(!memcmp(&info, &other, sizeof(info)));
		}
	}
	EXPECT_EQ(dxg_pci_functions(DXG_PCI_RENDER), compute[0]);
	EXPECT_EQ(dxg_pci_functions(DXG_PCI_COMPUTE), compute[1]);
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
