// SPDX-License-Identifier: GPL-2.0
/* The module and its devices, see dxg_module.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dxg_memory.h"
#include "dxg_module.h"
#include "kselftest.h"

void dxg_find_devices(const char *driver, struct dxg_devices *devices)
{
	DIR *directory = opendir(driver);
	struct dirent *entry;

	devices->count = 0;
	while (directory && devices->count < DXG_DEVICES_MAX && (entry = readdir(directory))) {
		/* Devices are links; the others are files of the driver. */
		if (entry->d_type != DT_LNK || !strcmp(entry->d_name, "module"))
			continue;
		snprintf(devices->name[devices->count++], sizeof(devices->name[0]), "%.63s",
			 entry->d_name);
	}
	if (directory)
		closedir(directory);
}

bool dxg_drive(const char *driver, const char *what, const char *device)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", driver, what);
	return dxg_write_file(path, device);
}

bool dxg_renew_adapters(void)
{
	struct dxg_devices functions;
	bool driven = true;

	dxg_find_devices(DXG_PCI_DRIVER, &functions);
	for (int i = 0; i < functions.count; i++) {
		driven &= dxg_drive(DXG_PCI_DRIVER, "unbind", functions.name[i]) &&
			  dxg_drive(DXG_PCI_DRIVER, "bind", functions.name[i]);
	}
	return driven;
}

void dxg_renew_everything(void)
{
	static const char *const drivers[] = { DXG_PCI_DRIVER, DXG_VMBUS_DRIVER };
	struct dxg_devices devices[2];

	for (int i = 0; i < 2; i++) {
		dxg_find_devices(drivers[i], &devices[i]);
		for (int device = 0; device < devices[i].count; device++)
			dxg_drive(drivers[i], "unbind", devices[i].name[device]);
	}
	for (int i = 0; i < 2; i++) {
		for (int device = 0; device < devices[i].count; device++)
			dxg_drive(drivers[i], "bind", devices[i].name[device]);
	}
}

int dxg_count_adapters(void)
{
	struct dxg_list list = {};
	int fd = dxg_open();

	if (fd < 0)
		return 0;
	if (dxg_list(fd, &list))
		list.count = 0;
	close(fd);
	return list.count;
}

bool dxg_adapters_return(int count)
{
	for (int i = 0; i < DXG_TIMEOUT_MS / 10; i++) {
		if (dxg_count_adapters() == count)
			return true;
		dxg_sleep_ms(10);
	}
	ksft_print_msg("%d adapters work, not %d\n", dxg_count_adapters(), count);
	return false;
}

bool dxg_unload(void)
{
	for (int i = 0; i < DXG_TIMEOUT_MS / 10; i++) {
		if (!syscall(SYS_delete_module, "dxgkrnl", O_NONBLOCK))
			return true;
		dxg_sleep_ms(10);
	}
	ksft_print_msg("rmmod: %s\n", strerror(errno));
	return false;
}

int dxg_load(void)
{
	const char *path = getenv("DXG_MODULE");
	int file = open(path ?: "", O_RDONLY | O_CLOEXEC);
	int result = syscall(SYS_finit_module, file, "", 0);

	if (result)
		result = -errno;
	close(file);
	return result;
}
