// SPDX-License-Identifier: GPL-2.0
/* What ended processes leave, until it is gone: a worker of the driver sees to that. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dxg_count.h"
#include "dxg_memory.h"
#include "kselftest.h"

/* Whether the process has the device open */
static bool is_holder(const char *pid)
{
	char path[300], target[64];
	struct dirent *entry;
	bool found = false;
	DIR *files;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	files = opendir(path);
	while (files && !found && (entry = readdir(files))) {
		ssize_t length = readlinkat(dirfd(files), entry->d_name, target, sizeof(target));

		found = length == strlen(DXG_PATH) && !memcmp(target, DXG_PATH, length);
	}
	if (files)
		closedir(files);
	return found;
}

static long count_holders(void)
{
	struct dirent *entry;
	DIR *processes = opendir("/proc");
	long count = 0;

	while (processes && (entry = readdir(processes))) {
		if (strspn(entry->d_name, "0123456789") == strlen(entry->d_name))
			count += is_holder(entry->d_name);
	}
	if (processes)
		closedir(processes);
	return count;
}

/*
 * For the driver a process is there until the host has answered DESTROYPROCESS. Without
 * debugfs nobody can tell.
 */
static void wait_for_farewells(void)
{
	for (int i = 0; i < DXG_TIMEOUT_MS / 10; i++) {
		long processes = dxg_number_of(DXG_DRIVER_OBJECTS, "process");

		/* Mostly it is the caller alone, and the others need not be looked at. */
		if (processes <= is_holder("self") || processes <= count_holders())
			return;
		dxg_sleep_ms(10);
	}
	ksft_print_msg("the driver has a process that is gone\n");
}

int dxg_host_objects_settled(void)
{
	/*
	 * Of a host that answers what ends an object one more sample is enough: nothing is
	 * under way. Asynchronous messages may be.
	 */
	int last, same = 0, wanted = dxg_asynchronous() ? 10 : 1;

	wait_for_farewells();
	last = dxg_host_objects();
	for (int i = 0; i < 500 && same < wanted; i++) {
		int now;

		dxg_sleep_ms(10);
		now = dxg_host_objects();
		same = now == last ? same + 1 : 0;
		last = now;
	}
	return last;
}

bool dxg_host_objects_return(int before)
{
	for (int i = 0; i < DXG_TIMEOUT_MS / 10; i++) {
		if (dxg_host_objects() == before)
			return true;
		dxg_sleep_ms(10);
	}
	ksft_print_msg("the host has %d objects, not %d\n", dxg_host_objects(), before);
	return false;
}
