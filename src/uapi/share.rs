// SPDX-License-Identifier: GPL-2.0

//! Structures about objects that several processes share.
