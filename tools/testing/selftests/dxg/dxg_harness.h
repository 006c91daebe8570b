/* SPDX-License-Identifier: GPL-2.0 */
/* The kselftest harness, with time for guests that are emulated. */
#ifndef DXG_HARNESS_H
#define DXG_HARNESS_H

#include "kselftest_harness.h"

/*
 * How many seconds a test may take that says nothing else. It ends tests that hang, and
 * no others: a machine that has other things to do may leave a guest waiting for long.
 */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	240

#endif /* DXG_HARNESS_H */
