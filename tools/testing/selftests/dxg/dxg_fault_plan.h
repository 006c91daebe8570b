/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Faults that the host makes: late, missing and wrong answers, and all else that
 * gpupv-host lists under "Faults" in its documentation. Needs gpupv-host --fault-port
 * and root.
 */
#ifndef DXG_FAULT_PLAN_H
#define DXG_FAULT_PLAN_H

#include <stdbool.h>

/*
 * Puts a plan (TOML) in force instead of the one before; "" ends all faults, and what
 * waited because of them happens. Returns 0; -ENODEV if the host has no port for that:
 * skip the test; -EINVAL if it refuses the text, and prints why.
 */
int dxg_fault_plan(const char *toml);

/* Returns the number of faults made since the last dxg_fault_plan(); negative without a port. */
int dxg_faults_done(void);

/* Waits until at least @count faults were made; false after DXG_TIMEOUT_MS. */
bool dxg_faults_reach(int count);

#endif /* DXG_FAULT_PLAN_H */
