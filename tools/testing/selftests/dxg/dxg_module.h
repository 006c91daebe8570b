/* SPDX-License-Identifier: GPL-2.0 */
/* The module and its devices: loaded and unloaded, bound and unbound, and back again. */
#ifndef DXG_MODULE_H
#define DXG_MODULE_H

#include <stdbool.h>

/* The directory of the driver on its buses */
#define DXG_PCI_DRIVER		"/sys/bus/pci/drivers/dxgkrnl"
#define DXG_VMBUS_DRIVER	"/sys/bus/vmbus/drivers/dxgkrnl"

#define DXG_DEVICES_MAX		16

/* Names of the devices that a driver has */
struct dxg_devices {
	int count;
	char name[DXG_DEVICES_MAX][64];
};

void dxg_find_devices(const char *driver, struct dxg_devices *devices);
/* Writes a device's name to a file of the driver, such as "bind": whether it took that. */
bool dxg_drive(const char *driver, const char *what, const char *device);
/* Takes the functions away and gives them back, so that there are new adapters. */
bool dxg_renew_adapters(void);

/* The same with everything that the driver has, channels too: as if it had just been loaded. */
void dxg_renew_everything(void);

/* How many adapters work, and whether so many do within DXG_TIMEOUT_MS */
int dxg_count_adapters(void);
bool dxg_adapters_return(int count);

/*
 * Unloads the module as soon as nobody uses it; false after DXG_TIMEOUT_MS. Loads the one that
 * DXG_MODULE in the environment names: 0 or the negative errno.
 */
bool dxg_unload(void);
int dxg_load(void);

#endif /* DXG_MODULE_H */
