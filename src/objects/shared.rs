// SPDX-License-Identifier: GPL-2.0

//! Objects that several processes share, by way of file descriptors.
