/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Channels and functions that come and go: for hosts that let their guest ask for it
 * (gpupv-host --removal-port), and root.
 */
#ifndef DXG_REMOVAL_H
#define DXG_REMOVAL_H

#include "dxg_utils.h"

#define DXG_PCI_DRIVER		"/sys/bus/pci/drivers/dxgkrnl"

/* What the host is asked for, with the number of a channel added to it */
#define DXG_RESCIND		0x10
#define DXG_OFFER		0x20
/* The global channel, then those of the adapters */
#define DXG_CHANNEL_GLOBAL	0
#define DXG_CHANNEL_RENDER	1
#define DXG_CHANNEL_COMPUTE	2

/* Asks the host to take a channel away or to offer it again. Returns 0 or an error. */
int dxg_removal_ask(int what);

/* Writes the name of a PCI function to a file of the driver, "bind" or "unbind". */
int dxg_function_drive(const char *file, const char *function);

/* Finds the PCI function of an adapter: of the driver's, the one with this device number. */
bool dxg_function_find(unsigned int wanted, char *name, size_t size);

/* Gives both functions away and takes them back: that makes new adapters. */
int dxg_functions_rebind(void);

/* How many adapters work now */
unsigned int dxg_adapters_active(void);

/* Waits until both adapters work; false after DXG_TIMEOUT_MS. */
bool dxg_adapters_complete(void);

#endif /* DXG_REMOVAL_H */
