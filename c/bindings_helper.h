/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What bindgen reads. Only declarations the kernel crate does not have end up
 * in our bindings; see Kbuild for the selection.
 */

/* First: hyperv.h needs it, and the order of the kernel crate's own file is kept. */
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
