// SPDX-License-Identifier: GPL-2.0

//! Structures of work for the GPU.
