// SPDX-License-Identifier: GPL-2.0
//! Tests of the faults in front of a GPU-PV host, without a virtual machine.

mod answers;
mod excuses;
mod guest;
mod machine;
mod messages;
mod plan;
