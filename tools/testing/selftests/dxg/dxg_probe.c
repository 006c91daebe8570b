// SPDX-License-Identifier: GPL-2.0
/*
 * Small steps for the other tests, as a program of its own:
 *
 *	dxg_probe adapters		print "KNOWN LISTED" adapters, or the errno
 *	dxg_probe hold FILE		hold a handle of each adapter, make FILE to say
 *					so, and end when FILE is gone
 *	dxg_probe close FD HANDLE	close an adapter handle of an inherited file
 *
 * The exit status is 0, or the errno of what failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dxg_utils.h"

/* How many adapters the driver knows, and how many of them work. */
static int adapters(void)
{
	struct dxg_list list;
	__u32 known = 0;
	int fd = dxg_open();
	int result;

	if (fd < 0) {
		printf("errno %d\n", -fd);
		return -fd;
	}
	result = dxg_enum3(fd, DXG_FILTER_COMPUTE, NULL, &known) ?: dxg_list(fd, &list);
	if (result) {
		printf("errno %d\n", -result);
		return -result;
	}
	printf("%u %u\n", known, list.count);
	return 0;
}

static int hold(const char *file)
{
	struct dxg_list list;
	int fd = dxg_open();
	int result;

	if (fd < 0)
		return -fd;
	result = dxg_list(fd, &list);
	if (result)
		return -result;
	if (close(creat(file, 0600)))
		return errno;
	while (!access(file, F_OK))
		dxg_sleep_ms(20);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "adapters"))
		return adapters();
	if (argc == 3 && !strcmp(argv[1], "hold"))
		return hold(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "close"))
		return -dxg_close_adapter(atoi(argv[2]), strtoul(argv[3], NULL, 0));
	fprintf(stderr, "dxg_probe: want adapters, hold FILE or close FD HANDLE\n");
	exit(EINVAL);
}
