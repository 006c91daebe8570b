// SPDX-License-Identifier: GPL-2.0
/*
 * EnumAdapters2 and EnumAdapters3. The PCI bus says which adapters there are: the
 * tests do not take the driver's word for it.
 */
#include "dxg_utils.h"
#include "dxg_harness.h"

#define FILL	0xa5

FIXTURE(enumerate)
{
	int fd;
	/* How many adapters there are, and how many of them EnumAdapters2 lists */
	__u32 known;
	__u32 render;
	struct d3dkmt_adapterinfo list[D3DKMT_ADAPTERS_MAX];
};

FIXTURE_SETUP(enumerate)
{
	self->fd = dxg_open();
	ASSERT_LE(0, self->fd);
	self->render = dxg_pci_functions(DXG_PCI_RENDER);
	self->known = self->render + dxg_pci_functions(DXG_PCI_COMPUTE);
	ASSERT_LT(0, self->known);
	memset(self->list, FILL, sizeof(self->list));
}

FIXTURE_TEARDOWN(enumerate)
{
	close(self->fd);
}

/* Whether the process holds a handle of any adapter. */
static int any_bound(int fd)
{
	struct dxg_list list;
	int bound = 0;

	if (dxg_list(fd, &list) || dxg_list_close(fd, &list))
		return -1;
	for (unsigned int i = 0; i < list.count; i++)
		bound |= dxg_bound(fd, list.adapter[i].adapter_luid, getpid());
	return bound;
}

static bool is_compute_only(int fd, __u32 handle)
{
	struct d3dkmt_adaptertype type = {};

	return !dxg_query(fd, handle, QAI_ADAPTERTYPE, &type, sizeof(type)) && type.compute_only;
}

/* Checks a list and closes its handles. */
#define EXPECT_LIST(entries, count) do {						\
	const struct d3dkmt_adapterinfo *__list = (entries);							\
											\
	for (unsigned int i = 0; i < (count); i++) {					\
		EXPECT_EQ(0, __list[i].num_sources);					\
		EXPECT_EQ(0, __list[i].present_move_regions_preferred);			\
		for (unsigned int j = 0; j < i; j++) {					\
			EXPECT_FALSE(dxg_luid_equal(__list[i].adapter_luid,		\
						    __list[j].adapter_luid));		\
			EXPECT_NE(__list[i].adapter_handle.v, __list[j].adapter_handle.v); \
		}									\
	}										\
	for (unsigned int i = 0; i < (count); i++)					\
		EXPECT_OK(dxg_close_adapter(self->fd, __list[i].adapter_handle.v));	\
	EXPECT_EQ(0, any_bound(self->fd));						\
} while (0)

TEST_F(enumerate, count2)
{
	/* Without room nothing else is looked at. */
	const __u32 counts[] = { 0, 1, D3DKMT_ADAPTERS_MAX + 1, 0xffffffff };

	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		__u32 count = counts[i];

		EXPECT_EQ(0, dxg_enum2(self->fd, NULL, &count));
		EXPECT_EQ(self->known, count);
	}
	EXPECT_EQ(0, any_bound(self->fd));
}

TEST_F(enumerate, list2)
{
	__u32 count = self->known, compute = 0;

	ASSERT_EQ(0, dxg_enum2(self->fd, self->list, &count));
	ASSERT_EQ(self->render, count);
	EXPECT_TRUE(dxg_filled(&self->list[count], sizeof(self->list[0]), FILL));
	for (__u32 i = 0; i < count; i++)
		compute += is_compute_only(self->fd, self->list[i].adapter_handle.v);
	EXPECT_EQ(0, compute);
	EXPECT_LIST(self->list, count);
}

TEST_F(enumerate, list2_limit)
{
	__u32 count = D3DKMT_ADAPTERS_MAX;

	ASSERT_EQ(0, dxg_enum2(self->fd, self->list, &count));
	EXPECT_EQ(self->render, count);
	EXPECT_LIST(self->list, count);

	count = D3DKMT_ADAPTERS_MAX + 1;
	EXPECT_ERRNO(EINVAL, dxg_enum2(self->fd, self->list, &count));
	count = 0xffffffff;
	EXPECT_ERRNO(EINVAL, dxg_enum2(self->fd, self->list, &count));
	EXPECT_EQ(0, any_bound(self->fd));
}

TEST_F(enumerate, list2_too_small)
{
	for (__u32 room = 0; room < self->known; room++) {
		__u32 count = room;

		EXPECT_ERRNO(EOVERFLOW, dxg_enum2(self->fd, self->list, &count));
		EXPECT_EQ(room, count);
		EXPECT_TRUE(dxg_filled(self->list, sizeof(self->list), FILL));
	}
	EXPECT_EQ(0, any_bound(self->fd));
}

TEST_F(enumerate, count3)
{
	const __u64 filters[] = { DXG_FILTER_NONE, DXG_FILTER_COMPUTE, ~0ULL };

	for (int i = 0; i < ARRAY_SIZE(filters); i++) {
		__u32 count = 0;

		/* No array */
		EXPECT_EQ(0, dxg_enum3(self->fd, filters[i], NULL, &count));
		EXPECT_EQ(self->known, count);
		count = 0x10000;
		EXPECT_EQ(0, dxg_enum3(self->fd, filters[i], NULL, &count));
		EXPECT_EQ(self->known, count);
		/* An array without entries: not even looked at */
		count = 0;
		EXPECT_EQ(0, dxg_enum3(self->fd, filters[i], dxg_unmapped(), &count));
		EXPECT_EQ(self->known, count);
	}
	EXPECT_EQ(0, any_bound(self->fd));
}

TEST_F(enumerate, list3_all)
{
	__u32 count = self->known, compute = 0;

	ASSERT_EQ(0, dxg_enum3(self->fd, DXG_FILTER_COMPUTE, self->list, &count));
	ASSERT_EQ(self->known, count);
	EXPECT_TRUE(dxg_filled(&self->list[count], sizeof(self->list[0]), FILL));
	for (__u32 i = 0; i < count; i++)
		compute += is_compute_only(self->fd, self->list[i].adapter_handle.v);
	EXPECT_EQ(self->known - self->render, compute);
	EXPECT_LIST(self->list, count);
}

TEST_F(enumerate, list3_filter)
{
	/* Only bit 0 is interpreted. */
	const struct {
		__u64 filter;
		__u32 expected;
	} cases[] = {
		{ 0, self->render },
		{ 2, self->render },
		{ ~1ULL, self->render },
		{ 1, self->known },
		{ ~0ULL, self->known },
	};

	if (self->render == self->known)
		SKIP(return, "no compute-only adapter");
	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		__u32 count = D3DKMT_ADAPTERS_MAX;

		ASSERT_EQ(0, dxg_enum3(self->fd, cases[i].filter, self->list, &count));
		EXPECT_EQ(cases[i].expected, count) TH_LOG("filter %#llx", cases[i].filter);
		EXPECT_LIST(self->list, count);
	}
}

TEST_F(enumerate, list3_limit)
{
	/* A count may promise more than there is: only what is used must exist. */
	struct d3dkmt_adapterinfo *exact = dxg_guarded(self->known * sizeof(*exact), FILL);
	__u32 count = 0xffff;

	ASSERT_EQ(0, dxg_enum3(self->fd, DXG_FILTER_COMPUTE, exact, &count));
	ASSERT_EQ(self->known, count);
	EXPECT_LIST(exact, count);

	count = 0x10000;
	EXPECT_ERRNO(EINVAL, dxg_enum3(self->fd, DXG_FILTER_COMPUTE, self->list, &count));
	count = 0xffffffff;
	EXPECT_ERRNO(EINVAL, dxg_enum3(self->fd, DXG_FILTER_COMPUTE, self->list, &count));
	EXPECT_EQ(0, any_bound(self->fd));
}

TEST_F(enumerate, list3_too_small)
{
	__u32 count;

	if (self->known < 2)
		SKIP(return, "needs two adapters");
	for (__u32 room = 1; room < self->known; room++) {
		count = room;
		EXPECT_ERRNO(EOVERFLOW, dxg_enum3(self->fd, DXG_FILTER_COMPUTE, self->list,
						  &count));
		EXPECT_EQ(self->known, count);
		EXPECT_TRUE(dxg_filled(self->list, sizeof(self->list), FILL));
		EXPECT_EQ(0, any_bound(self->fd));
	}
	/* Room for those that the filter lets through is enough. */
	if (!self->render || self->render == self->known)
		return;
	count = self->render;
	ASSERT_EQ(0, dxg_enum3(self->fd, DXG_FILTER_NONE, self->list, &count));
	EXPECT_EQ(self->render, count);
	EXPECT_LIST(self->list, count);
}

TEST_F(enumerate, same_adapters)
{
	struct d3dkmt_adapterinfo again[D3DKMT_ADAPTERS_MAX];
	__u32 count = D3DKMT_ADAPTERS_MAX, count3 = D3DKMT_ADAPTERS_MAX;

	ASSERT_EQ(0, dxg_enum2(self->fd, self->list, &count));
	ASSERT_EQ(0, dxg_enum3(self->fd, DXG_FILTER_NONE, again, &count3));
	ASSERT_EQ(count, count3);
	for (__u32 i = 0; i < count; i++) {
		EXPECT_TRUE(dxg_luid_equal(self->list[i].adapter_luid, again[i].adapter_luid));
		/* Every call opens handles of its own. */
		EXPECT_NE(self->list[i].adapter_handle.v, again[i].adapter_handle.v);
		EXPECT_EQ(0, dxg_close_adapter(self->fd, self->list[i].adapter_handle.v));
	}
	EXPECT_LIST(again, count);
}

TEST_F(enumerate, luid_is_vmbus_instance)
{
	__u32 count = D3DKMT_ADAPTERS_MAX;

	ASSERT_EQ(0, dxg_enum3(self->fd, DXG_FILTER_COMPUTE, self->list, &count));
	for (__u32 i = 0; i < count; i++) {
		struct winluid luid = self->list[i].adapter_luid;

		EXPECT_EQ(1, dxg_vmbus_has_luid(luid)) TH_LOG("%x:%x", luid.b, luid.a);
	}
	/* The check itself can say no. */
	EXPECT_EQ(0, dxg_vmbus_has_luid(DXG_NO_LUID));
	EXPECT_LIST(self->list, count);
}

/* A list that cannot be written leaves no handle behind. */
#define EXPECT_FAULT(array) do {							\
	__u32 count = D3DKMT_ADAPTERS_MAX;						\
											\
	EXPECT_ERRNO(EFAULT, dxg_enum2(self->fd, array, &count));			\
	EXPECT_EQ(0, any_bound(self->fd));						\
	count = D3DKMT_ADAPTERS_MAX;							\
	EXPECT_ERRNO(EFAULT, dxg_enum3(self->fd, DXG_FILTER_NONE, array, &count));	\
	EXPECT_EQ(0, any_bound(self->fd));						\
} while (0)

TEST_F(enumerate, list_faults)
{
	size_t size = self->render * sizeof(self->list[0]);

	if (!self->render)
		SKIP(return, "no render adapter");
	EXPECT_FAULT(dxg_unmapped());
	EXPECT_FAULT((void *)8);
	EXPECT_FAULT((void *)-4096L);
	EXPECT_FAULT(dxg_readonly(self->list, size));
	/* All but the last byte */
	EXPECT_FAULT((char *)dxg_guarded(size, FILL) + 1);
}

TEST_F(enumerate, list_at_end_of_memory)
{
	struct d3dkmt_adapterinfo *exact = dxg_guarded(self->render * sizeof(*exact), FILL);
	__u32 count = self->known;

	if (!self->render)
		SKIP(return, "no render adapter");
	ASSERT_EQ(0, dxg_enum2(self->fd, exact, &count));
	ASSERT_EQ(self->render, count);
	EXPECT_LIST(exact, count);
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
