// SPDX-License-Identifier: GPL-2.0
/* IsFeatureEnabled */
#include "dxg_utils.h"
#include "dxg_harness.h"

#define FILL	0xa5a5

FIXTURE(feature)
{
	int fd;
	struct dxg_list list;
};

FIXTURE_SETUP(feature)
{
	self->fd = dxg_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, dxg_list(self->fd, &self->list));
	ASSERT_LT(0, self->list.count);
}

FIXTURE_TEARDOWN(feature)
{
	close(self->fd);
}

static struct d3dkmt_isfeatureenabled question(__u32 adapter, __u32 feature)
{
	return (struct d3dkmt_isfeatureenabled) {
		.adapter.v = adapter,
		.feature_id = feature,
		.result.version = FILL,
		.result.value = FILL,
	};
}

TEST_F(feature, answer)
{
	const __u32 features[] = {
		_DXGK_FEATURE_HWSCH, _DXGK_FEATURE_PAGE_BASED_MEMORY_MANAGER,
		_DXGK_FEATURE_KERNEL_MODE_TESTING, _DXGK_FEATURE_MAX, 0x7fffffff,
	};

	for (unsigned int i = 0; i < self->list.count; i++) {
		__u32 adapter = self->list.adapter[i].adapter_handle.v;

		for (int j = 0; j < ARRAY_SIZE(features); j++) {
			struct d3dkmt_isfeatureenabled args = question(adapter, features[j]);
			int result = dxg_ioctl(self->fd, LX_ISFEATUREENABLED, &args);

			/* The message came late to GPU-PV. */
			if (result == -EINVAL)
				SKIP(return, "the host does not know the question");
			ASSERT_EQ(0, result);
			EXPECT_EQ(adapter, args.adapter.v);
			EXPECT_EQ(features[j], args.feature_id);
			EXPECT_NE(FILL, args.result.value);
			EXPECT_TRUE(!args.result.reserved);
			/* What is not known is nothing else either. */
			if (!args.result.known_feature)
				EXPECT_OK(args.result.value);
			EXPECT_FALSE(features[j] == 0x7fffffff && args.result.known_feature);
		}
	}
}

TEST_F(feature, bad_handle)
{
	__u32 adapter = self->list.adapter[0].adapter_handle.v;
	const __u32 handles[] = { 0, 1, adapter ^ 0xc0000000, 0xffffffff };

	for (int i = 0; i < ARRAY_SIZE(handles); i++) {
		struct d3dkmt_isfeatureenabled args = question(handles[i], _DXGK_FEATURE_HWSCH);

		EXPECT_ERRNO(EINVAL, dxg_ioctl(self->fd, LX_ISFEATUREENABLED, &args));
		EXPECT_EQ(FILL, args.result.version);
		EXPECT_EQ(FILL, args.result.value);
	}
}

TEST_F(feature, closed_handle)
{
	__u32 adapter = self->list.adapter[0].adapter_handle.v;
	struct d3dkmt_isfeatureenabled args = question(adapter, _DXGK_FEATURE_HWSCH);

	ASSERT_EQ(0, dxg_close_adapter(self->fd, adapter));
	EXPECT_ERRNO(EINVAL, dxg_ioctl(self->fd, LX_ISFEATUREENABLED, &args));
	EXPECT_EQ(FILL, args.result.value);
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
