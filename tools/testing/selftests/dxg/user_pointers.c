// SPDX-License-Identifier: GPL-2.0
/* The argument itself in memory that is not there, not writable, or ends too early. */
#include "dxg_utils.h"
#include "dxg_harness.h"

FIXTURE(argument)
{
	int fd;
	struct winluid luid;
	__u32 adapter;
	/* Room for any of the eight arguments */
	unsigned char valid[64];
};

FIXTURE_VARIANT(argument)
{
	unsigned int request;
	/* Whether a call that works writes to its argument */
	bool writes;
	void (*fill)(void *valid, struct winluid luid, __u32 adapter);
};

/* Query data, apart from the argument */
static struct d3dkmt_adaptertype query_data;

#define ARGUMENT(name, request_number, writes_back, type, ...)				\
	static void fill_##name(void *valid, struct winluid luid, __u32 adapter)	\
	{										\
		type args = { __VA_ARGS__ };						\
											\
		memcpy(valid, &args, sizeof(args));					\
	}										\
											\
	FIXTURE_VARIANT_ADD(argument, name)						\
	{										\
		.request = request_number,						\
		.writes = writes_back,							\
		.fill = fill_##name,							\
	}

ARGUMENT(open_adapter, LX_DXOPENADAPTERFROMLUID, true, struct d3dkmt_openadapterfromluid,
	 .adapter_luid = luid);
ARGUMENT(close_adapter, LX_DXCLOSEADAPTER, false, struct d3dkmt_closeadapter,
	 .adapter_handle.v = 0);
ARGUMENT(enum2, LX_DXENUMADAPTERS2, true, struct d3dkmt_enumadapters2,
	 .num_adapters = 0);
ARGUMENT(enum3, LX_DXENUMADAPTERS3, true, struct d3dkmt_enumadapters3,
	 .adapter_count = 0);
ARGUMENT(query, LX_DXQUERYADAPTERINFO, false, struct d3dkmt_queryadapterinfo,
	 .adapter.v = adapter, .type = QAI_ADAPTERTYPE,
	 .private_data = (uintptr_t)&query_data, .private_data_size = sizeof(query_data));
ARGUMENT(memory, LX_DXQUERYVIDEOMEMORYINFO, true, struct d3dkmt_queryvideomemoryinfo,
	 .adapter.v = adapter);
ARGUMENT(processes, LX_DXENUMPROCESSES, true, struct d3dkmt_enumprocesses,
	 .adapter_luid = luid, .buffer = (uintptr_t)&query_data, .buffer_count = 1);
ARGUMENT(feature, LX_ISFEATUREENABLED, true, struct d3dkmt_isfeatureenabled,
	 .adapter.v = adapter);

FIXTURE_SETUP(argument)
{
	self->fd = dxg_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, dxg_first_luid(self->fd, &self->luid));
	ASSERT_TRUE(dxg_wait_unbound(self->fd, self->luid));
	ASSERT_EQ(0, dxg_open_adapter(self->fd, self->luid, &self->adapter));
	variant->fill(self->valid, self->luid, self->adapter);
}

FIXTURE_TEARDOWN(argument)
{
	close(self->fd);
}

#define CALL(argument)	dxg_ioctl(self->fd, variant->request, argument)
#define SIZE		_IOC_SIZE(variant->request)

/* No handle but the fixture's is open: what a failed call opened is closed again. */
#define EXPECT_NOTHING_LEFT() do {						\
	EXPECT_EQ(0, dxg_close_adapter(self->fd, self->adapter));		\
	EXPECT_EQ(0, dxg_bound(self->fd, self->luid, getpid()));		\
} while (0)

TEST_F(argument, not_readable)
{
	EXPECT_ERRNO(EFAULT, CALL(NULL));
	EXPECT_ERRNO(EFAULT, CALL((void *)1));
	EXPECT_ERRNO(EFAULT, CALL(dxg_unmapped()));
	/* Of the kernel, and of nobody */
	EXPECT_ERRNO(EFAULT, CALL((void *)0xffff888000000000));
	EXPECT_ERRNO(EFAULT, CALL((void *)0x1234000000000000));
	EXPECT_ERRNO(EFAULT, CALL((void *)-8L));
	EXPECT_NOTHING_LEFT();
}

TEST_F(argument, ends_too_early)
{
	unsigned char *end = dxg_guarded(SIZE, 0);

	memcpy(end, self->valid, SIZE);
	for (unsigned int missing = 1; missing < SIZE; missing += 1 + SIZE / 8) {
		memmove(end + missing, self->valid, SIZE - missing);
		EXPECT_ERRNO(EFAULT, CALL(end + missing));
	}
	EXPECT_NOTHING_LEFT();
}

/* Exactly as much as the request number says: not a byte more is touched. */
TEST_F(argument, at_end_of_memory)
{
	unsigned char *end = dxg_guarded(SIZE, 0);
	int result;

	memcpy(end, self->valid, SIZE);
	result = CALL(end);
	/* An old host knows no features. */
	if (variant->request == LX_ISFEATUREENABLED && result == -EINVAL)
		SKIP(return, "the host does not know the question");
	EXPECT_EQ(0, result);
}

/* Two pages that need not be near each other */
TEST_F(argument, across_pages)
{
	unsigned char *pages = dxg_guarded(2 * sysconf(_SC_PAGESIZE), 0);
	unsigned char *args = pages + sysconf(_SC_PAGESIZE) - SIZE / 2;
	int result;

	memcpy(args, self->valid, SIZE);
	result = CALL(args);
	if (variant->request == LX_ISFEATUREENABLED && result == -EINVAL)
		SKIP(return, "the host does not know the question");
	EXPECT_EQ(0, result);
}

TEST_F(argument, not_writable)
{
	int result = CALL(dxg_readonly(self->valid, SIZE));

	if (variant->request == LX_ISFEATUREENABLED && result == -EINVAL)
		SKIP(return, "the host does not know the question");
	EXPECT_EQ(variant->writes ? -EFAULT : 0, result);
	EXPECT_NOTHING_LEFT();
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
