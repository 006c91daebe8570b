// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that the kernel refuses to the driver's workers: those that start adapters, and
 * those that see to what processes leave. When there is memory again everything comes to its
 * end. Needs CONFIG_FAULT_INJECTION with its filter, and root.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dxg_count.h"
#include "dxg_fault.h"
#include "dxg_memory.h"
#include "dxg_module.h"
#include "dxg_harness.h"

#define MOST_INTERVALS	40
/* How long there is no memory, in ms */
#define WANT_MS		60
/* How often memory is refused meanwhile */
#define TIMES		50
#define PAGES		64

FIXTURE(workers)
{
	int nth;
	int adapters;
	long pins;
	struct dxg_count before;
};

FIXTURE_SETUP(workers)
{
	self->nth = dxg_fault_open();
	if (self->nth < 0 || !dxg_fault_workers_begin(self->nth, 1, 1))
		SKIP(return, "no fault injection with a filter");
	dxg_fault_workers_end(self->nth);
	self->adapters = dxg_count_adapters();
	self->pins = dxg_pins();
	dxg_count_take(&self->before);
}

FIXTURE_TEARDOWN(workers)
{
	close(self->nth);
	EXPECT_TRUE(dxg_adapters_return(self->adapters));
}

/* Each adapter is started again, while every n-th allocation fails. */
TEST_F_TIMEOUT(workers, adapters, 600)
{
	unsigned int step = MOST_INTERVALS / dxg_rounds(MOST_INTERVALS) ?: 1, failed = 0;

	for (unsigned int interval = 1; interval <= MOST_INTERVALS; interval += step) {
		ASSERT_TRUE(dxg_fault_workers_begin(self->nth, interval, TIMES));
		EXPECT_TRUE(dxg_renew_adapters()) TH_LOG("%u", interval);
		dxg_sleep_ms(WANT_MS);
		failed += dxg_fault_workers_end(self->nth);
		ASSERT_TRUE(dxg_adapters_return(self->adapters)) TH_LOG("every %u-th", interval);
	}
	ksft_print_msg("%u allocations failed\n", failed);
	EXPECT_LT(0, failed);
}

/* Has something of everything, says so, and ends without a word when it is told to. */
static void leave_much(const int *ready, const int *go)
{
	char *memory = dxg_memory(PAGES * getpagesize());
	struct dxg_gpu gpu;
	__u32 handle;
	char byte = 0;

	if (dxg_gpu_open(&gpu, false) && dxg_gpu_open(&gpu, true))
		_exit(1);
	for (int i = 0; i < 4; i++) {
		if (dxg_create_context(gpu.fd, gpu.device, &handle) ||
		    dxg_create_allocation(gpu.fd, gpu.device, 1, &handle))
			_exit(2);
	}
	if (dxg_create_over(&gpu, memory, PAGES * getpagesize(), false, &handle))
		_exit(3);
	_exit(write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1 ? 4 : 0);
}

/* What processes leave goes, although the host could not be told at once. */
TEST_F_TIMEOUT(workers, process_end, 600)
{
	unsigned int step = MOST_INTERVALS / dxg_rounds(MOST_INTERVALS) ?: 1, failed = 0;
	int ready[2], go[2];
	char byte = 0;

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, pipe(go));
	for (unsigned int interval = 1; interval <= MOST_INTERVALS; interval += step) {
		int status = -1;
		pid_t child = fork();

		ASSERT_LE(0, child);
		if (!child)
			leave_much(ready, go);
		ASSERT_EQ(1, read(ready[0], &byte, 1));
		ASSERT_TRUE(dxg_fault_workers_begin(self->nth, interval, TIMES));
		ASSERT_EQ(1, write(go[1], &byte, 1));
		ASSERT_EQ(child, waitpid(child, &status, 0));
		dxg_sleep_ms(WANT_MS);
		failed += dxg_fault_workers_end(self->nth);
		EXPECT_EQ(0, status) TH_LOG("every %u-th", interval);
		ASSERT_TRUE(dxg_count_returns(&self->before)) TH_LOG("every %u-th", interval);
		ASSERT_TRUE(dxg_pins_return(self->pins)) TH_LOG("every %u-th", interval);
	}
	ksft_print_msg("%u allocations failed\n", failed);
	EXPECT_LT(0, failed);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
	}
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
