// SPDX-License-Identifier: GPL-2.0

//! Commands that hand work to the GPU.
