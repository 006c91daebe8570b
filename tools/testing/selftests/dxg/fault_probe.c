// SPDX-License-Identifier: GPL-2.0
/*
 * Devices that are bound while memory is short: the n-th allocation fails, for each n
 * that there is. Either the device is bound or nothing of it is left, and it can be
 * bound when there is memory again. Needs CONFIG_FAULT_INJECTION.
 */
#include <dirent.h>
#include <stdio.h>

#include "dxg_count.h"
#include "dxg_fault.h"
#include "dxg_memory.h"
#include "dxg_harness.h"

/* Binding takes many more allocations than any call. */
#define MOST		2000
/* For the name of a device */
#define NAME_ROOM	64

/* The directory of the driver on its bus */
#define PCI_DRIVER	"/sys/bus/pci/drivers/dxgkrnl"
#define VMBUS_DRIVER	"/sys/bus/vmbus/drivers/dxgkrnl"

FIXTURE(probe)
{
	int nth;
	int adapters;
	struct dxg_count before;
	unsigned int injected;
};

FIXTURE_VARIANT(probe)
{
	const char *driver;
};

FIXTURE_VARIANT_ADD(probe, functions) { .driver = PCI_DRIVER };
FIXTURE_VARIANT_ADD(probe, channels) { .driver = VMBUS_DRIVER };

/* How many adapters work */
static int count_adapters(void)
{
	struct dxg_list list = {};
	int fd = dxg_open();

	if (fd < 0)
		return 0;
	dxg_list(fd, &list);
	close(fd);
	return list.count;
}

static bool adapters_return(int count)
{
	for (int i = 0; i < DXG_PATIENCE / 10; i++) {
		if (count_adapters() == count)
			return true;
		dxg_sleep_ms(10);
	}
	return false;
}

FIXTURE_SETUP(probe)
{
	self->nth = dxg_fault_open();
	if (self->nth < 0)
		SKIP(return, "no fault injection");
	self->adapters = count_adapters();
	ASSERT_LT(0, self->adapters);
	dxg_count_take(&self->before);
}

FIXTURE_TEARDOWN(probe)
{
	close(self->nth);
}

static bool drive(const char *driver, const char *what, const char *device)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", driver, what);
	return dxg_write_file(path, device);
}

/* The device with this number that the driver has; false if it has not so many */
static bool find_device(const char *driver, int number, char name[NAME_ROOM])
{
	DIR *directory = opendir(driver);
	struct dirent *entry;
	bool found = false;

	while (directory && !found && (entry = readdir(directory))) {
		/* Devices are links; the others are files of the driver. */
		if (entry->d_type != DT_LNK || !strcmp(entry->d_name, "module") || number--)
			continue;
		snprintf(name, NAME_ROOM, "%.63s", entry->d_name);
		found = true;
	}
	if (directory)
		closedir(directory);
	return found;
}

/* Takes the functions away and gives them back, so that there are new adapters. */
static bool renew_adapters(void)
{
	char functions[16][NAME_ROOM];
	int count = 0;
	bool driven = true;

	while (count < ARRAY_SIZE(functions) && find_device(PCI_DRIVER, count, functions[count]))
		count++;
	for (int i = 0; i < count; i++) {
		driven &= drive(PCI_DRIVER, "unbind", functions[i]) &&
			  drive(PCI_DRIVER, "bind", functions[i]);
	}
	return driven;
}

TEST_F_TIMEOUT(probe, bind, 900)
{
	/* Found first, as they change their order when they are bound. */
	char devices[16][NAME_ROOM];
	int count = 0;

	while (count < ARRAY_SIZE(devices) && find_device(variant->driver, count, devices[count]))
		count++;
	ASSERT_LT(0, count);
	for (int i = 0; i < count; i++) {
		const char *device = devices[i];

		for (unsigned int n = 1; n < MOST; n++) {
			bool failed, bound;

			ASSERT_TRUE(drive(variant->driver, "unbind", device));
			dxg_fault_begin(self->nth, n);
			bound = drive(variant->driver, "bind", device);
			failed = dxg_fault_end(self->nth);
			ASSERT_TRUE(bound || failed) TH_LOG("%s, %u", device, n);
			self->injected += failed;
			if (!bound)
				ASSERT_TRUE(drive(variant->driver, "bind", device));
			if (!failed)
				break;
			ASSERT_GT(MOST - 1, n);
		}
		/* An adapter that has lost its channel does not come back with that. */
		ASSERT_TRUE(renew_adapters());
		ASSERT_TRUE(adapters_return(self->adapters)) TH_LOG("%s", device);
	}
	TH_LOG("%d devices, %u faults", count, self->injected);
	EXPECT_LT(count, self->injected);
	EXPECT_TRUE(dxg_count_returns(&self->before));
}

DXG_REQUIRE_COUNTS
TEST_HARNESS_MAIN
