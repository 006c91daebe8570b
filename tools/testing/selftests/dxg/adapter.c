// SPDX-License-Identifier: GPL-2.0
/* OpenAdapterFromLuid, CloseAdapter and the handles they make and take. */
#include "dxg_utils.h"
#include "dxg_harness.h"

/* A freed slot is not used again before this many others were. */
#define SLOTS_KEPT	128

FIXTURE(adapter)
{
	int fd;
	struct winluid luid;
};

FIXTURE_SETUP(adapter)
{
	self->fd = dxg_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, dxg_first_luid(self->fd, &self->luid));
	/* Start with handle tables that nobody has used. */
	close(self->fd);
	self->fd = dxg_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(adapter)
{
	close(self->fd);
}

/* Opens the adapter of the fixture; the test cannot go on without. */
#define ASSERT_OPEN(handle) do {						\
	*(handle) = 0;								\
	ASSERT_EQ(0, dxg_open_adapter(self->fd, self->luid, handle));		\
	ASSERT_NE(0, *(handle));						\
} while (0)

#define BOUND()	dxg_bound(self->fd, self->luid, getpid())

TEST_F(adapter, numbers)
{
	__u32 handle;

	for (int i = 0; i < 4; i++) {
		ASSERT_OPEN(&handle);
		EXPECT_EQ(DXG_HANDLE_FIRST + i * DXG_HANDLE_STEP, handle);
	}
}

TEST_F(adapter, open_and_close_balance)
{
	__u32 handles[5];

	EXPECT_EQ(0, BOUND());
	for (int i = 0; i < ARRAY_SIZE(handles); i++) {
		ASSERT_OPEN(&handles[i]);
		/* Fresh slots, in order: then no number occurs twice. */
		EXPECT_LT(i ? handles[i - 1] : 0, handles[i]);
	}
	for (int i = 0; i < ARRAY_SIZE(handles); i++) {
		struct d3dkmt_adaptertype type;

		EXPECT_EQ(1, BOUND());
		EXPECT_EQ(0, dxg_query(self->fd, handles[i], QAI_ADAPTERTYPE, &type, sizeof(type)));
		EXPECT_EQ(0, dxg_close_adapter(self->fd, handles[i]));
		EXPECT_ERRNO(EINVAL, dxg_query(self->fd, handles[i], QAI_ADAPTERTYPE, &type,
					       sizeof(type)));
	}
	EXPECT_EQ(0, BOUND());
}

TEST_F(adapter, close_twice)
{
	__u32 handle, other;

	ASSERT_OPEN(&handle);
	ASSERT_OPEN(&other);
	EXPECT_EQ(0, dxg_close_adapter(self->fd, handle));
	EXPECT_ERRNO(EINVAL, dxg_close_adapter(self->fd, handle));
	EXPECT_EQ(1, BOUND());
	EXPECT_EQ(0, dxg_close_adapter(self->fd, other));
	EXPECT_ERRNO(EINVAL, dxg_close_adapter(self->fd, other));
}

TEST_F(adapter, close_zero)
{
	EXPECT_EQ(0, dxg_close_adapter(self->fd, 0));
}

TEST_F(adapter, close_unknown)
{
	__u32 handle;

	/* Without any table */
	EXPECT_ERRNO(EINVAL, dxg_close_adapter(self->fd, DXG_HANDLE_FIRST));
	/* Not the first slot: without a generation that would be 0, "no handle". */
	ASSERT_OPEN(&handle);
	ASSERT_OPEN(&handle);
	const __u32 unknown[] = {
		handle & DXG_HANDLE_SLOT,			/* generations there are not: */
		(handle & DXG_HANDLE_SLOT) | 0x80000000,
		(handle & DXG_HANDLE_SLOT) | 0xc0000000,
		handle + DXG_HANDLE_STEP,			/* next slot */
		handle + 1023 * DXG_HANDLE_STEP,		/* around the end of the table */
		handle + 1024 * DXG_HANDLE_STEP,
		handle + 1025 * DXG_HANDLE_STEP,
		0x7fffffc0, 0xffffffff, 0x3fffffff, 1,
	};

	for (int i = 0; i < ARRAY_SIZE(unknown); i++) {
		int result = dxg_close_adapter(self->fd, unknown[i]);

		EXPECT_EQ(-EINVAL, result) TH_LOG("handle %#x", unknown[i]);
	}
	EXPECT_EQ(0, dxg_close_adapter(self->fd, handle));
}

TEST_F(adapter, luid_unknown)
{
	const struct winluid wrong[] = {
		DXG_NO_LUID,
		{ .a = self->luid.a, .b = ~self->luid.b },
		{ .a = ~self->luid.a, .b = self->luid.b },
		{ .a = self->luid.b, .b = ~self->luid.a },
	};

	for (int i = 0; i < ARRAY_SIZE(wrong); i++) {
		__u32 handle = 0;

		EXPECT_ERRNO(EINVAL, dxg_open_adapter(self->fd, wrong[i], &handle));
		/* What the field held before must not look like a result. */
		handle = DXG_HANDLE_FIRST;
		EXPECT_ERRNO(EINVAL, dxg_open_adapter(self->fd, wrong[i], &handle));
	}
	EXPECT_EQ(0, BOUND());
}

TEST_F(adapter, handle_field_is_output)
{
	__u32 first, second = 0xdeadbeef;

	ASSERT_OPEN(&first);
	EXPECT_EQ(0, dxg_open_adapter(self->fd, self->luid, &second));
	EXPECT_EQ(first + DXG_HANDLE_STEP, second);
}

TEST_F(adapter, every_adapter)
{
	struct dxg_list list;

	ASSERT_EQ(0, dxg_list(self->fd, &list));
	ASSERT_LT(0, list.count);
	for (unsigned int i = 0; i < list.count; i++) {
		__u32 handle = 0;

		EXPECT_EQ(0, dxg_open_adapter(self->fd, list.adapter[i].adapter_luid, &handle));
		EXPECT_NE(list.adapter[i].adapter_handle.v, handle);
		/* Each adapter has a count of its own. */
		EXPECT_EQ(0, dxg_close_adapter(self->fd, list.adapter[i].adapter_handle.v));
		EXPECT_EQ(1, dxg_bound(self->fd, list.adapter[i].adapter_luid, getpid()));
		EXPECT_EQ(0, dxg_close_adapter(self->fd, handle));
		EXPECT_EQ(0, dxg_bound(self->fd, list.adapter[i].adapter_luid, getpid()));
	}
}

TEST_F(adapter, slot_rests_when_freed)
{
	__u32 keep, freed, handle;

	ASSERT_OPEN(&keep);
	ASSERT_OPEN(&freed);
	ASSERT_EQ(0, dxg_close_adapter(self->fd, freed));
	for (int i = 0; i < SLOTS_KEPT; i++) {
		ASSERT_OPEN(&handle);
		ASSERT_NE(freed & DXG_HANDLE_SLOT, handle & DXG_HANDLE_SLOT);
		ASSERT_EQ(0, dxg_close_adapter(self->fd, handle));
	}
}

/*
 * A slot that is used again has another generation, so that an old handle is not
 * taken for the new one; and that again when it is used for the third time.
 */
TEST_F(adapter, stale_generation)
{
	__u32 keep, seen[3];

	ASSERT_OPEN(&keep);
	ASSERT_OPEN(&seen[0]);
	for (int use = 1; use < ARRAY_SIZE(seen); use++) {
		int tries = 0;

		ASSERT_EQ(0, dxg_close_adapter(self->fd, seen[use - 1]));
		for (;;) {
			ASSERT_LT(tries++, 4096);
			ASSERT_OPEN(&seen[use]);
			if (!((seen[use] ^ seen[0]) & DXG_HANDLE_SLOT))
				break;
			ASSERT_EQ(0, dxg_close_adapter(self->fd, seen[use]));
		}
		for (int old = 0; old < use; old++) {
			EXPECT_NE(seen[old], seen[use]);
			EXPECT_ERRNO(EINVAL, dxg_close_adapter(self->fd, seen[old]));
		}
	}
	EXPECT_EQ(0, dxg_close_adapter(self->fd, seen[2]));
}

/* More handles than the first table has slots: it grows. */
TEST_F(adapter, many_handles)
{
	enum { MANY = 1500 };
	__u32 *handles = calloc(MANY, sizeof(*handles));
	__u32 highest = 0;

	ASSERT_NE(NULL, handles);
	for (int i = 0; i < MANY; i++) {
		ASSERT_OPEN(&handles[i]);
		ASSERT_LT(highest, handles[i]);
		highest = handles[i];
	}
	for (int i = MANY - 1; i >= 0; i--)
		ASSERT_OK(dxg_close_adapter(self->fd, handles[i]));
	EXPECT_EQ(0, BOUND());
	free(handles);
}

/* What is still open when the file is closed goes with it. */
TEST_F(adapter, close_file_with_handles)
{
	__u32 handle, again;

	for (int i = 0; i < 10; i++)
		ASSERT_OPEN(&handle);
	close(self->fd);
	self->fd = dxg_open();
	ASSERT_LE(0, self->fd);
	EXPECT_ERRNO(EINVAL, dxg_close_adapter(self->fd, handle));
	ASSERT_OPEN(&again);
	EXPECT_EQ(DXG_HANDLE_FIRST, again);
	EXPECT_EQ(0, dxg_close_adapter(self->fd, again));
	EXPECT_TRUE(dxg_wait_unbound(self->fd, self->luid));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
