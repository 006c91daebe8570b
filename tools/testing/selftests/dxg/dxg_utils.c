// SPDX-License-Identifier: GPL-2.0
/* What the tests of /dev/dxg share, see dxg_utils.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dxg_layout.h"
#include "dxg_utils.h"
#include "kselftest.h"

#define PCI_DEVICES	"/sys/bus/pci/devices"
#define VMBUS_DEVICES	"/sys/bus/vmbus/devices"
#define VGPU_CLASS	"{6e382d18-3336-4f4b-acc4-2b7703d4df4a}"

#define MAX_PROCESSES	256

int dxg_open(void)
{
	int fd = open(DXG_PATH, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

void dxg_require_device(void)
{
	int fd = dxg_open();
	bool functions = dxg_pci_functions(DXG_PCI_RENDER) + dxg_pci_functions(DXG_PCI_COMPUTE) > 0;

	if (fd >= 0) {
		close(fd);
		return;
	}
	/* Without a virtual GPU this is what open has to answer: see no_host. */
	if (fd == -ENOENT || (fd == -EBADF && !functions)) {
		ksft_print_header();
		ksft_exit_skip("%s: %s\n", DXG_PATH, strerror(-fd));
	}
}

int dxg_rounds(int full)
{
	int few = full / 5;

	if (getenv("DXG_SOAK"))
		return full;
	return few < 2 ? 2 : few;
}

int dxg_ioctl(int fd, unsigned int request, void *argument)
{
	int result = ioctl(fd, request, argument);

	if (result < 0)
		result = -errno;
	dxg_coverage_record(request, result);
	return result;
}

int dxg_open_adapter(int fd, struct winluid luid, __u32 *handle)
{
	struct d3dkmt_openadapterfromluid args = {
		.adapter_luid = luid,
		.adapter_handle.v = *handle,
	};
	int result = dxg_ioctl(fd, LX_DXOPENADAPTERFROMLUID, &args);

	*handle = args.adapter_handle.v;
	return result;
}

int dxg_close_adapter(int fd, __u32 handle)
{
	struct d3dkmt_closeadapter args = { .adapter_handle.v = handle };

	return dxg_ioctl(fd, LX_DXCLOSEADAPTER, &args);
}

int dxg_enum2(int fd, void *adapters, __u32 *count)
{
	struct d3dkmt_enumadapters2 args = {
		.num_adapters = *count,
		.adapters = (uintptr_t)adapters,
	};
	int result = dxg_ioctl(fd, LX_DXENUMADAPTERS2, &args);

	*count = args.num_adapters;
	return result;
}

int dxg_enum3(int fd, __u64 filter, void *adapters, __u32 *count)
{
	struct d3dkmt_enumadapters3 args = {
		.filter.value = filter,
		.adapter_count = *count,
		.adapters = (uintptr_t)adapters,
	};
	int result = dxg_ioctl(fd, LX_DXENUMADAPTERS3, &args);

	*count = args.adapter_count;
	return result;
}

int dxg_query(int fd, __u32 adapter, __u32 type, void *data, __u32 size)
{
	struct d3dkmt_queryadapterinfo args = {
		.adapter.v = adapter,
		.type = type,
		.private_data = (uintptr_t)data,
		.private_data_size = size,
	};

	return dxg_ioctl(fd, LX_DXQUERYADAPTERINFO, &args);
}

int dxg_processes(int fd, struct winluid luid, void *pids, __u64 *count)
{
	struct d3dkmt_enumprocesses args = {
		.adapter_luid = luid,
		.buffer = (uintptr_t)pids,
		.buffer_count = *count,
	};
	int result = dxg_ioctl(fd, LX_DXENUMPROCESSES, &args);

	*count = args.buffer_count;
	return result;
}

int dxg_list(int fd, struct dxg_list *list)
{
	list->count = D3DKMT_ADAPTERS_MAX;
	return dxg_enum3(fd, DXG_FILTER_COMPUTE, list->adapter, &list->count);
}

int dxg_list_close(int fd, const struct dxg_list *list)
{
	int result = 0;

	for (unsigned int i = 0; i < list->count; i++) {
		int closed = dxg_close_adapter(fd, list->adapter[i].adapter_handle.v);

		result = result ?: closed;
	}
	return result;
}

int dxg_first_luid(int fd, struct winluid *luid)
{
	struct dxg_list list;
	int result = dxg_list(fd, &list);

	if (result)
		return result;
	if (!list.count)
		return -ENODEV;
	*luid = list.adapter[0].adapter_luid;
	return dxg_list_close(fd, &list);
}

int dxg_bound(int fd, struct winluid luid, pid_t pid)
{
	__u32 pids[MAX_PROCESSES];
	__u64 count = MAX_PROCESSES;
	int result = dxg_processes(fd, luid, pids, &count);

	if (result)
		return result;
	for (__u64 i = 0; i < count; i++) {
		if (pids[i] == pid)
			return 1;
	}
	return 0;
}

bool dxg_wait_unbound(int fd, struct winluid luid)
{
	for (int i = 0; i < DXG_TIMEOUT_MS / 10; i++) {
		__u32 pids[MAX_PROCESSES];
		__u64 count = MAX_PROCESSES;

		if (!dxg_processes(fd, luid, pids, &count) && !count)
			return true;
		dxg_sleep_ms(10);
	}
	return false;
}

void *dxg_guarded(size_t size, unsigned char fill)
{
	size_t page = sysconf(_SC_PAGESIZE);
	size_t room = (size + page - 1) / page * page;
	unsigned char *start = mmap(NULL, room + page, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (start == MAP_FAILED || munmap(start + room, page))
		ksft_exit_fail_msg("no memory: %s\n", strerror(errno));
	memset(start, fill, room);
	return start + room - size;
}

void *dxg_readonly(const void *data, size_t size)
{
	size_t page = sysconf(_SC_PAGESIZE);
	size_t room = (size + page - 1) / page * page;
	unsigned char *copy = dxg_guarded(size, 0);

	memcpy(copy, data, size);
	if (mprotect(copy + size - room, room, PROT_READ))
		ksft_exit_fail_msg("mprotect: %s\n", strerror(errno));
	return copy;
}

void *dxg_unmapped(void)
{
	return (char *)dxg_guarded(1, 0) + 1;
}

bool dxg_filled(const void *data, size_t size, unsigned char fill)
{
	const unsigned char *bytes = data;

	while (size--) {
		if (*bytes++ != fill)
			return false;
	}
	return true;
}

/* Calls @visit with the text of @file of each device below @bus. */
static int visit_devices(const char *bus, const char *file,
			 bool (*visit)(const char *device, const char *text, void *data),
			 void *data)
{
	DIR *directory = opendir(bus);
	struct dirent *entry;
	int found = 0;

	if (!directory)
		return -errno;
	while ((entry = readdir(directory))) {
		char path[512], text[64] = "";
		FILE *stream;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s/%s", bus, entry->d_name, file);
		stream = fopen(path, "r");
		if (!stream)
			continue;
		if (fgets(text, sizeof(text), stream))
			found += visit(entry->d_name, text, data);
		fclose(stream);
	}
	closedir(directory);
	return found;
}

static bool visit_function(const char *device, const char *text, void *data)
{
	unsigned int vendor = strtoul(text, NULL, 16), id;
	char path[512], line[32] = "";
	FILE *stream;

	if (vendor != 0x1414)
		return false;
	snprintf(path, sizeof(path), "%s/%s/device", PCI_DEVICES, device);
	stream = fopen(path, "r");
	if (!stream)
		return false;
	if (!fgets(line, sizeof(line), stream))
		line[0] = '\0';
	fclose(stream);
	id = strtoul(line, NULL, 16);
	return id == *(unsigned int *)data;
}

int dxg_pci_functions(unsigned int device)
{
	int found = visit_devices(PCI_DEVICES, "vendor", visit_function, &device);

	return found < 0 ? 0 : found;
}

static bool visit_vgpu(const char *device, const char *text, void *data)
{
	const struct winluid *luid = data;
	unsigned int a, b, c;

	if (strncmp(text, VGPU_CLASS, strlen(VGPU_CLASS)))
		return false;
	/* A device is named after its instance, whose first half is the LUID. */
	return sscanf(device, "%x-%x-%x", &a, &b, &c) == 3 &&
	       luid->a == a && luid->b == (b | c << 16);
}

int dxg_vmbus_has_luid(struct winluid luid)
{
	return visit_devices(VMBUS_DEVICES, "class_id", visit_vgpu, &luid);
}

int dxg_in_child(int (*function)(void *data), void *data)
{
	pid_t child;
	int status;

	fflush(NULL);
	child = fork();
	if (child < 0)
		ksft_exit_fail_msg("fork: %s\n", strerror(errno));
	if (!child)
		_exit(abs(function(data)));
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return 255;
	return WEXITSTATUS(status);
}

void dxg_sleep_ms(unsigned int ms)
{
	/*
	 * Not nanosleep(): in a program of 32 bits it takes a system call that kernels
	 * without CONFIG_COMPAT_32BIT_TIME do not have, and comes back at once.
	 */
	poll(NULL, 0, ms);
}
