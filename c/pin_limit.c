// SPDX-License-Identifier: GPL-2.0
/* The module parameter max_pinned_mib: parameters of Rust modules cannot change after loading. */

#include <linux/compiler.h>
#include <linux/moduleparam.h>

#include "helpers.h"

static unsigned long max_pinned_mib;
module_param(max_pinned_mib, ulong, 0644);
MODULE_PARM_DESC(max_pinned_mib,
		 "most memory of programs that the host may use at a time, in MiB (0: 7/8 of the machine's)");

unsigned long dxgkrnl_helper_max_pinned_mib(void)
{
	return READ_ONCE(max_pinned_mib);
}
