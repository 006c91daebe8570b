// SPDX-License-Identifier: GPL-2.0
/*
 * Devices that are bound while memory is short: the n-th allocation fails, for each n
 * that there is. Either the device is bound or nothing of it is left, and it can be
 * bound when there is memory again. Needs CONFIG_FAULT_INJECTION.
 */
#include <stdio.h>

#include "dxg_count.h"
#include "dxg_fault.h"
#include "dxg_module.h"
#include "dxg_harness.h"

/* Binding takes many more allocations than any call. */
#define MAX_COUNT		2000

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

FIXTURE_VARIANT_ADD(probe, functions) { .driver = DXG_PCI_DRIVER };
FIXTURE_VARIANT_ADD(probe, channels) { .driver = DXG_VMBUS_DRIVER };

FIXTURE_SETUP(probe)
{
	self->nth = dxg_fault_open();
	if (self->nth < 0)
		SKIP(return, "no fault injection");
	self->adapters = dxg_count_adapters();
	ASSERT_LT(0, self->adapters);
	dxg_count_take(&self->before);
}

FIXTURE_TEARDOWN(probe)
{
	close(self->nth);
}

TEST_F_TIMEOUT(probe, bind, 900)
{
	struct dxg_devices devices;

	/* Found first, as they change their order when they are bound. */
	dxg_find_devices(variant->driver, &devices);
	ASSERT_LT(0, devices.count);
	for (int i = 0; i < devices.count; i++) {
		const char *device = devices.name[i];

		for (unsigned int n = 1; n < MAX_COUNT; n++) {
			bool failed, bound;

			ASSERT_TRUE(dxg_drive(variant->driver, "unbind", device));
			dxg_fault_begin(self->nth, n);
			bound = dxg_drive(variant->driver, "bind", device);
			failed = dxg_fault_end(self->nth);
			ASSERT_TRUE(bound || failed) TH_LOG("%s, %u", device, n);
			self->injected += failed;
			if (!bound)
				ASSERT_TRUE(dxg_drive(variant->driver, "bind", device));
			if (!failed)
				break;
			ASSERT_GT(MAX_COUNT - 1, n);
		}
		/* An adapter that has lost its channel does not come back with that. */
		ASSERT_TRUE(dxg_renew_adapters());
		ASSERT_TRUE(dxg_adapters_return(self->adapters)) TH_LOG("%s", device);
	}
	TH_LOG("%d devices, %u faults", devices.count, self->injected);
	EXPECT_LT(devices.count, self->injected);
	EXPECT_TRUE(dxg_count_returns(&self->before));
}

DXG_REQUIRE_COUNTS
TEST_HARNESS_MAIN
