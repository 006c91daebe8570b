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
/* The same for one that knows how many there can be: how many of @n are left. */
unsigned int dxg_fault_left(int nth);

/*
 * Has dxg_fault_begin() count only what the initialisation of a module does, or everything
 * again. False where the kernel cannot tell who allocates.
 */
bool dxg_fault_only_init(bool only);

/*
 * From now on every @interval-th allocation that the module makes fails, @times often, but
 * for those that this thread makes: in the driver's workers, above all. @nth is what
 * dxg_fault_open() returned. False where the kernel cannot tell who allocates.
 */
bool dxg_fault_workers_begin(int nth, unsigned int interval, unsigned int times);
/* From now on none does. Returns how many have. */
unsigned int dxg_fault_workers_end(int nth);

#endif /* DXG_FAULT_H */
