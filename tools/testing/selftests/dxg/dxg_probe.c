// SPDX-License-Identifier: GPL-2.0
/*
 * Small steps for the other tests, as a program of its own:
 *
 *	dxg_probe adapters		print "KNOWN LISTED" adapters, or the errno
 *	dxg_probe hold FILE		hold a handle of each adapter, make FILE to say
 *					so, and end when FILE is gone
 *	dxg_probe close FD HANDLE	close an adapter handle of an inherited file
 *	dxg_probe leave COUNT HOW	make so many objects of each kind on each adapter and
 *					end: HOW is exit, close (the device, before that)
 *					or kill
 *	dxg_probe hold_fence FILE	as hold, with a sync file and nothing else of the driver
 *	dxg_probe fence MS		make a sync file that nobody signals, and print
 *					its status when it has one, or after so long
 *
 * The exit status is 0, or the errno of what failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dxg_memory.h"
#include "dxg_sync.h"

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

/* Makes the file to say that it is so far. */
static int hold_until_gone(const char *file)
{
	if (close(creat(file, 0600)))
		return errno;
	while (!access(file, F_OK))
		dxg_sleep_ms(20);
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
	return hold_until_gone(file);
}

/* A sync file that nobody signals */
static int make_fence(struct dxg_gpu *gpu, int *file)
{
	struct dxg_monitored fence;
	int result = dxg_gpu_open(gpu, false);

	if (result == -ENODEV)
		result = dxg_gpu_open(gpu, true);
	return result ?: dxg_create_monitored(gpu->fd, gpu->device, 0, 0, &fence) ?:
		dxg_create_sync_file(gpu, fence.handle, 1, file);
}

static int hold_fence(const char *path)
{
	struct dxg_gpu gpu;
	int file, result = make_fence(&gpu, &file);

	if (result)
		return -result;
	/* The process ends for the driver, and with it what could signal. */
	dxg_gpu_close(&gpu);
	if (!dxg_file_signals(file, DXG_TIMEOUT_MS) || dxg_file_status(file) != -ENODEV)
		result = -ETIME;
	return result ? -result : hold_until_gone(path);
}

static int fence(int ms)
{
	struct dxg_gpu gpu;
	int file, result = make_fence(&gpu, &file);

	if (result)
		return -result;
	dxg_file_signals(file, ms);
	printf("%d\n", dxg_file_status(file));
	return 0;
}

/* Objects of each kind, all that the program sees of the host's memory among them */
static int make_many(struct dxg_gpu *gpu, int count)
{
	for (int i = 0; i < count; i++) {
		char *memory = dxg_memory(4 * DXG_PAGE), *data;
		struct dxg_paging_queue queue;
		struct dxg_monitored fence;
		__u32 allocation, context;
		int file, result;

		result = dxg_create_monitored(gpu->fd, gpu->device, 0, DXG_SHARED, &fence) ?:
			dxg_create_paging_queue(gpu->fd, gpu->device, &queue) ?:
			dxg_create_context(gpu->fd, gpu->device, &context) ?:
			dxg_create_allocation(gpu->fd, gpu->device, 4, &allocation) ?:
			dxg_lock(gpu, allocation, &data) ?:
			dxg_create_over(gpu, memory, 4 * DXG_PAGE, false, &allocation) ?:
			dxg_wait_event(gpu, fence.handle, 1, dxg_event()) ?:
			dxg_share(gpu->fd, fence.handle, &file);
		if (result)
			return result;
		result = dxg_create_sync_file(gpu, fence.handle, 1, &file);
		if (result && result != -EOPNOTSUPP)
			return result;
		memset(data, 0x5a, 4 * DXG_PAGE);
	}
	return 0;
}

static int leave(int count, const char *how)
{
	struct dxg_gpu gpu = { .fd = -1 };
	int result = -ENODEV;

	for (int compute = 0; compute < 2; compute++) {
		int opened = dxg_gpu_open(&gpu, compute);

		if (opened == -ENODEV)
			continue;
		result = opened ?: make_many(&gpu, count);
		if (result)
			return -result;
	}
	if (result)
		return -result;
	if (!strcmp(how, "kill"))
		raise(SIGKILL);
	/* All that are open, the device among them, and at once after each other */
	if (!strcmp(how, "close")) {
		for (int fd = 3; fd < 1024; fd++)
			close(fd);
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "adapters"))
		return adapters();
	if (argc == 3 && !strcmp(argv[1], "hold"))
		return hold(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "hold_fence"))
		return hold_fence(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "leave"))
		return leave(atoi(argv[2]), argv[3]);
	if (argc == 3 && !strcmp(argv[1], "fence"))
		return fence(atoi(argv[2]));
	if (argc == 4 && !strcmp(argv[1], "close"))
		return -dxg_close_adapter(atoi(argv[2]), strtoul(argv[3], NULL, 0));
	fprintf(stderr, "dxg_probe: want adapters, hold FILE, close FD HANDLE, leave COUNT HOW, hold_fence FILE or fence MS\n");
	exit(EINVAL);
}
