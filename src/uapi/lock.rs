// SPDX-License-Identifier: GPL-2.0

//! Structures about allocations in the address space of the program.
