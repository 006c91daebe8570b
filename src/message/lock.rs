// SPDX-License-Identifier: GPL-2.0

//! Commands that show allocations to the program.
