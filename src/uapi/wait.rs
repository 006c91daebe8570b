// SPDX-License-Identifier: GPL-2.0

//! Structures for waiting for sync objects.
