// SPDX-License-Identifier: GPL-2.0

//! Structures for signalling sync objects.
