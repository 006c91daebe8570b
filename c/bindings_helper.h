/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The input of bindgen. Only declarations that the kernel crate does not have
 * are generated; see Kbuild for the selection.
 */

/* First, as hyperv.h needs it, and as in the kernel crate's own bindings_helper.h. */
#include <linux/hrtimer_types.h>

#include <linux/anon_inodes.h>
#include <linux/hyperv.h>
#include <linux/mman.h>
#include <linux/sync_file.h>
#include <linux/vmalloc.h>
#include <misc/d3dkmthk.h>

#include <asm/mshyperv.h>

#include "helpers.h"
#include "trace.h"
