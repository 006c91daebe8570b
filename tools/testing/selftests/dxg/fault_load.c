// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that the kernel refuses while the module is loaded: the n-th allocation of its
 * initialisation fails, for each n that there is. Loading says so and leaves nothing behind,
 * or goes well all the same; and then the module works. Needs CONFIG_FAULT_INJECTION with its
 * filter, root and DXG_MODULE. Leaves the module loaded.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "dxg_fault.h"
#include "dxg_memory.h"
#include "dxg_module.h"
#include "dxg_harness.h"

/* No initialisation has so many places where it can fail. */
#define MAX_COUNT	2000

FIXTURE(load)
{
	int nth;
	int adapters;
};

FIXTURE_SETUP(load)
{
	if (!getenv("DXG_MODULE"))
		SKIP(return, "DXG_MODULE does not name the module");
	self->nth = dxg_fault_open();
	if (self->nth < 0 || !dxg_fault_only_init(true))
		SKIP(return, "no fault injection with a filter");
	self->adapters = dxg_count_adapters();
	ASSERT_TRUE(dxg_unload());
}

FIXTURE_TEARDOWN(load)
{
	dxg_fault_only_init(false);
	close(self->nth);
	if (access("/sys/module/dxgkrnl", F_OK))
		EXPECT_EQ(0, dxg_load());
	EXPECT_TRUE(dxg_adapters_return(self->adapters));
}

/* Loads the module while the n-th allocation fails. Returns how many of @n are left. */
static unsigned int load_in_want(int nth, unsigned int n, int *result)
{
	dxg_fault_begin(nth, n);
	*result = dxg_load();
	return dxg_fault_left(nth);
}

TEST_F_TIMEOUT(load, memory, 900)
{
	unsigned int allocations, step, refused = 0, loaded = 0;
	int result;

	/* None fails: so many there are. */
	allocations = MAX_COUNT - load_in_want(self->nth, MAX_COUNT, &result);
	ASSERT_EQ(0, result);
	ASSERT_TRUE(dxg_unload());
	EXPECT_LT(20, allocations);
	ASSERT_GT(MAX_COUNT, allocations);

	/* All of them take their time; a part begins somewhere else each time. */
	step = allocations / dxg_rounds(allocations) ?: 1;
	for (unsigned int n = 1 + getpid() % step; n <= allocations; n += step) {
		load_in_want(self->nth, n, &result);
		/* The driver core says EINVAL where it could not make a directory. */
		EXPECT_TRUE(!result || result == -ENOMEM || result == -EINVAL)
			TH_LOG("%u: %d", n, result);
		if (result) {
			refused++;
			ASSERT_NE(0, access("/dev/dxg", F_OK)) TH_LOG("%u", n);
			ASSERT_NE(0, access("/sys/module/dxgkrnl", F_OK)) TH_LOG("%u", n);
			continue;
		}
		loaded++;
		/* Some devices may be without the driver, which the kernel has not told. */
		ASSERT_TRUE(dxg_unload()) TH_LOG("%u", n);
	}
	ksft_print_msg("of %u allocations: %u refused loading, %u did not\n", allocations, refused,
		       loaded);
	EXPECT_LT(0, refused);
	/* And it works as if nothing had been. */
	ASSERT_EQ(0, dxg_load());
	EXPECT_TRUE(dxg_adapters_return(self->adapters));
}

TEST_HARNESS_MAIN
