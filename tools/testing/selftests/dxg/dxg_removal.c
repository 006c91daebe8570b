// SPDX-License-Identifier: GPL-2.0
/* Channels and functions that come and go. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dxg_removal.h"
#include "kselftest.h"

/* Takes a byte: the upper half says what to do, the lower half is a channel. */
#define REMOVAL_PORT	0x606

static int write_to(const char *path, off_t offset, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int result = fd < 0 ? -errno : 0;

	if (!result && pwrite(fd, data, size, offset) != size)
		result = -errno;
	if (fd >= 0)
		close(fd);
	return result;
}

int dxg_removal_ask(int what)
{
	unsigned char byte = what;

	return write_to("/dev/port", REMOVAL_PORT, &byte, 1);
}

int dxg_function_drive(const char *file, const char *function)
{
	char path[128];

	snprintf(path, sizeof(path), DXG_PCI_DRIVER "/%s", file);
	return write_to(path, 0, function, strlen(function));
}

bool dxg_function_find(unsigned int wanted, char *name, size_t size)
{
	DIR *directory = opendir(DXG_PCI_DRIVER);
	struct dirent *entry;
	bool found = false;

	while (directory && !found && (entry = readdir(directory))) {
		char path[512];
		unsigned int id;
		FILE *stream;

		snprintf(path, sizeof(path), DXG_PCI_DRIVER "/%s/device", entry->d_name);
		stream = strchr(entry->d_name, ':') ? fopen(path, "r") : NULL;
		if (!stream)
			continue;
		found = fscanf(stream, "%x", &id) == 1 && id == wanted;
		fclose(stream);
		snprintf(name, size, "%.31s", entry->d_name);
	}
	if (directory)
		closedir(directory);
	return found;
}

int dxg_functions_rebind(void)
{
	const unsigned int devices[] = { DXG_PCI_RENDER, DXG_PCI_COMPUTE };

	for (int i = 0; i < ARRAY_SIZE(devices); i++) {
		char function[32];

		if (!dxg_function_find(devices[i], function, sizeof(function)))
			return -ENODEV;
		if (dxg_function_drive("unbind", function) || dxg_function_drive("bind", function))
			return -EIO;
	}
	return 0;
}

unsigned int dxg_adapters_active(void)
{
	struct dxg_list list = {};
	int fd = dxg_open();

	if (fd >= 0) {
		dxg_list(fd, &list);
		close(fd);
	}
	return list.count;
}

bool dxg_adapters_complete(void)
{
	for (int i = 0; i < DXG_TIMEOUT_MS / 10; i++) {
		if (dxg_adapters_active() == 2)
			return true;
		dxg_sleep_ms(10);
	}
	return false;
}
