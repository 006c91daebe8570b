// SPDX-License-Identifier: GPL-2.0

//! Commands that wait for sync objects.
