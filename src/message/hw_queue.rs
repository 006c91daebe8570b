// SPDX-License-Identifier: GPL-2.0

//! Commands about hardware queues.
