// SPDX-License-Identifier: GPL-2.0
/* QueryVideoMemoryInfo */
#include "dxg_utils.h"
#include "dxg_harness.h"

#define FILL	0xa5a5a5a5a5a5a5a5

FIXTURE(memory)
{
	int fd;
	struct dxg_list list;
	struct d3dkmt_queryvideomemoryinfo args;
};

FIXTURE_SETUP(memory)
{
	self->fd = dxg_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, dxg_list(self->fd, &self->list));
	ASSERT_LT(0, self->list.count);
	self->args.adapter = self->list.adapter[0].adapter_handle;
	self->args.budget = FILL;
	self->args.current_usage = FILL;
	self->args.current_reservation = FILL;
	self->args.available_for_reservation = FILL;
}

FIXTURE_TEARDOWN(memory)
{
	close(self->fd);
}

/* The call fails and leaves its argument as it was. */
#define EXPECT_REFUSED(expected) do {							\
	struct d3dkmt_queryvideomemoryinfo before = self->args;				\
											\
	EXPECT_ERRNO(expected, dxg_ioctl(self->fd, LX_DXQUERYVIDEOMEMORYINFO, &self->args)); \
	EXPECT_EQ(0, memcmp(&before, &self->args, sizeof(before)));			\
} while (0)

TEST_F(memory, answer)
{
	for (unsigned int i = 0; i < self->list.count; i++) {
		__u64 budgets = 0;

		for (__u32 group = 0; group < 2; group++) {
			struct d3dkmt_queryvideomemoryinfo args = self->args;

			args.adapter = self->list.adapter[i].adapter_handle;
			args.memory_segment_group = group;
			args.pad = 0x5a5a5a5a;
			ASSERT_EQ(0, dxg_ioctl(self->fd, LX_DXQUERYVIDEOMEMORYINFO, &args));
			/* Four outputs, each of them a sensible number of bytes */
			EXPECT_GT(1ULL << 50, args.budget);
			EXPECT_GT(1ULL << 50, args.current_usage);
			EXPECT_GE(args.budget, args.current_reservation);
			EXPECT_GT(1ULL << 50, args.available_for_reservation);
			budgets += args.budget;
			/* Nothing else is written. */
			EXPECT_EQ(0, args.process);
			EXPECT_EQ(self->list.adapter[i].adapter_handle.v, args.adapter.v);
			EXPECT_EQ(group, args.memory_segment_group);
			EXPECT_EQ(0, args.physical_adapter_index);
			EXPECT_EQ(0x5a5a5a5a, args.pad);
		}
		EXPECT_LT(0, budgets);
	}
}

TEST_F(memory, other_process)
{
	const __u64 processes[] = { 1, getpid(), 1ULL << 32, ~0ULL };

	for (int i = 0; i < ARRAY_SIZE(processes); i++) {
		self->args.process = processes[i];
		EXPECT_REFUSED(EINVAL);
	}
}

TEST_F(memory, bad_handle)
{
	const __u32 handles[] = { 0, 1, self->args.adapter.v ^ 0xc0000000, 0xffffffff };

	for (int i = 0; i < ARRAY_SIZE(handles); i++) {
		self->args.adapter.v = handles[i];
		EXPECT_REFUSED(EINVAL);
	}
}

/* The host refuses with an empty answer, as this one has no status. */
TEST_F(memory, bad_physical_adapter)
{
	self->args.physical_adapter_index = 99;
	EXPECT_REFUSED(EINVAL);
}

TEST_F(memory, closed_handle)
{
	ASSERT_EQ(0, dxg_close_adapter(self->fd, self->args.adapter.v));
	EXPECT_REFUSED(EINVAL);
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
