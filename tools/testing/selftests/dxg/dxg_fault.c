// SPDX-License-Identifier: GPL-2.0
/* Faults that the kernel injects, see dxg_fault.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dxg_fault.h"
#include "dxg_memory.h"
#include "kselftest.h"

#define NTH		"/proc/thread-self/fail-nth"
#define DEBUGFS		"/sys/kernel/debug"

/* Whatever may fail does, also what may sleep, and without a word. */
static bool prepare(void)
{
	return dxg_write_file(DEBUGFS "/failslab/verbose", "0") &&
	       dxg_write_file(DEBUGFS "/failslab/ignore-gfp-wait", "N") &&
	       dxg_write_file(DEBUGFS "/fail_page_alloc/verbose", "0") &&
	       dxg_write_file(DEBUGFS "/fail_page_alloc/ignore-gfp-wait", "N") &&
	       dxg_write_file(DEBUGFS "/fail_page_alloc/min-order", "0") &&
	       dxg_write_file(DEBUGFS "/fail_usercopy/verbose", "0");
}

int dxg_fault_open(void)
{
	int nth = open(NTH, O_RDWR | O_CLOEXEC);

	if (nth >= 0 && !prepare()) {
		close(nth);
		nth = -1;
	}
	return nth;
}

/*
 * Asking for faults, and about them, copies too: what is left to fail after a call may
 * fail here, and only then.
 */
void dxg_fault_begin(int nth, unsigned int n)
{
	char text[16];
	int length = sprintf(text, "%u", n);

	if (pwrite(nth, text, length, 0) != length && pwrite(nth, text, length, 0) != length)
		ksft_exit_fail_msg("%s: %m\n", NTH);
}

bool dxg_fault_end(int nth)
{
	char text[16] = "";
	int length = pread(nth, text, sizeof(text) - 1, 0);

	if (length <= 0 && errno != EFAULT)
		ksft_exit_fail_msg("%s: %m\n", NTH);
	dxg_fault_begin(nth, 0);
	return length > 0 && !strtoul(text, NULL, 0);
}
