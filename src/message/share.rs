// SPDX-License-Identifier: GPL-2.0

//! Commands about objects that several processes share.
