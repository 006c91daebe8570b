/* SPDX-License-Identifier: GPL-2.0 */
/* Faults that the kernel injects into what this thread does. */
#ifndef DXG_FAULT_H
#define DXG_FAULT_H

#include <stdbool.h>

/* What to ask for faults with; negative where the kernel has none. */
int dxg_fault_open(void);

/* From now on the n-th allocation, or copy from or to the program, fails; 0: none does. */
void dxg_fault_begin(int nth, unsigned int n);
/* Whether it has; from now on none does. */
bool dxg_fault_end(int nth);

#endif /* DXG_FAULT_H */
