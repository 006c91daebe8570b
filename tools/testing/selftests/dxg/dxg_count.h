/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How many objects there are: on the host, which counts for us, and in the driver,
 * which lists what it has in debugfs.
 */
#ifndef DXG_COUNT_H
#define DXG_COUNT_H

#include "dxg_objects.h"

#define DXG_DRIVER_OBJECTS	"/sys/kernel/debug/dxgkrnl/objects"

struct dxg_count {
	int host;
	/* The whole file: a line for each kind of object */
	char driver[1024];
};

/* Counts when nothing changes any more. */
void dxg_count_take(struct dxg_count *count);
/* Whether there is more than before, in both places. */
bool dxg_count_is_more(const struct dxg_count *before);
/*
 * Whether it comes back to what was before, within DXG_TIMEOUT_MS. What a process
 * leaves behind takes a moment to go, since a worker does it.
 */
bool dxg_count_returns(const struct dxg_count *before);
/* The same of the driver alone: a host that took its adapter away counts as it likes. */
bool dxg_count_driver_returns(const struct dxg_count *before);

/* Ends the program as skipped when there is nobody to ask. */
void dxg_require_counts(void);

/* Goes before TEST_HARNESS_MAIN in programs that count. */
#define DXG_REQUIRE_COUNTS						\
	static void __attribute__((constructor)) require_counts(void)	\
	{								\
		dxg_require_device();					\
		dxg_require_counts();					\
		dxg_coverage_start();					\
	}

#endif /* DXG_COUNT_H */
