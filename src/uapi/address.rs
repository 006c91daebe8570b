// SPDX-License-Identifier: GPL-2.0

//! Structures about GPU virtual addresses.
