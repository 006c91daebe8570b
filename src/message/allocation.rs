// SPDX-License-Identifier: GPL-2.0

//! Commands about allocations and resources.
