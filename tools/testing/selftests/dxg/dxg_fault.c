// SPDX-License-Identifier: GPL-2.0
/* Faults that the kernel injects, see dxg_fault.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

unsigned int dxg_fault_left(int nth)
{
	char text[16] = "";
	int length = pread(nth, text, sizeof(text) - 1, 0);

	if (length <= 0 && errno != EFAULT)
		ksft_exit_fail_msg("%s: %m\n", NTH);
	dxg_fault_begin(nth, 0);
	/* Reading itself was refused: the last one was left for that. */
	return length > 0 ? strtoul(text, NULL, 0) : 1;
}

bool dxg_fault_end(int nth)
{
	return !dxg_fault_left(nth);
}

/* Where memory is refused, PLACES of them, and copies from and to programs */
static const char *const places[] = {
	DEBUGFS "/failslab",
	DEBUGFS "/fail_page_alloc",
	DEBUGFS "/fail_usercopy",
};

#define PLACES	2
#define FILTERS	3

static bool set(const char *place, const char *name, unsigned long value)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), "%s/%s", place, name);
	snprintf(text, sizeof(text), "%#lx", value);
	return dxg_write_file(path, text);
}

/* Numbers of the kernel's files, which may be hexadecimal */
static unsigned long number_in(const char *path)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (read(fd, text, sizeof(text) - 1) < 0)
			text[0] = 0;
		close(fd);
	}
	return strtoul(text, NULL, 0);
}

/* More than this thread ever allocates: its count goes down, and nothing else can refuse it. */
#define NEVER	1000000000

/* Where the code of a function lies: false if the kernel does not tell. */
static bool find_function(const char *wanted, unsigned long *start, unsigned long *end)
{
	FILE *symbols = fopen("/proc/kallsyms", "r");
	char line[256], name[128];
	unsigned long address;

	*start = 0;
	*end = 0;
	while (symbols && !*end && fgets(line, sizeof(line), symbols)) {
		if (sscanf(line, "%lx %*c %127s", &address, name) != 2)
			continue;
		/* They are sorted, and several names may have one address. */
		if (*start && address > *start)
			*end = address;
		if (!strcmp(name, wanted))
			*start = address;
	}
	if (symbols)
		fclose(symbols);
	return *end;
}

/*
 * Only what a function does that lies there may be refused. Where the VMBus core gets no
 * memory to take pages back from the host, it loses them, rather than use them again.
 */
static bool filter(unsigned long start, unsigned long end)
{
	unsigned long lossy, lossy_end;
	bool done = find_function("vmbus_teardown_gpadl", &lossy, &lossy_end);

	for (int i = 0; i < FILTERS; i++) {
		done &= set(places[i], "stacktrace-depth", 32) &&
			set(places[i], "reject-start", lossy) &&
			set(places[i], "reject-end", lossy_end) &&
			set(places[i], "require-start", start) &&
			set(places[i], "require-end", end);
	}
	return done;
}

static void unfilter(void)
{
	for (int i = 0; i < FILTERS; i++) {
		set(places[i], "require-start", 0);
		set(places[i], "require-end", -1ul);
		set(places[i], "reject-start", 0);
		set(places[i], "reject-end", 0);
	}
}

bool dxg_fault_only_init(bool only)
{
	unsigned long start, end;

	if (only)
		return find_function("do_one_initcall", &start, &end) && filter(start, end);
	unfilter();
	return true;
}

/* How many faults were asked for last, in all places */
static unsigned int asked;

bool dxg_fault_workers_begin(int nth, unsigned int interval, unsigned int times)
{
	unsigned long text = number_in("/sys/module/dxgkrnl/sections/.text");
	unsigned long size = number_in("/sys/module/dxgkrnl/coresize");
	bool done = text && size && filter(text, text + size);

	asked = 0;
	dxg_fault_begin(nth, NEVER);
	for (int i = 0; i < PLACES && done; i++) {
		done = set(places[i], "task-filter", 0) && set(places[i], "interval", interval) &&
		       set(places[i], "times", times) && set(places[i], "probability", 100);
		asked += times;
	}
	if (!done)
		dxg_fault_workers_end(nth);
	return done;
}

unsigned int dxg_fault_workers_end(int nth)
{
	unsigned int left = 0;
	char path[128];

	for (int i = 0; i < PLACES; i++) {
		set(places[i], "probability", 0);
		snprintf(path, sizeof(path), "%s/times", places[i]);
		left += number_in(path);
		set(places[i], "times", 1);
	}
	unfilter();
	dxg_fault_begin(nth, 0);
	return asked > left ? asked - left : 0;
}
