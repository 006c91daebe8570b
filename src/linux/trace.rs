// SPDX-License-Identifier: GPL-2.0

//! Safe functions for the trace points that `c/trace.h` declares.
//!
//! A call costs one instruction while the trace point is disabled.

/// Defines a safe function for a trace point whose arguments are plain numbers.
macro_rules! trace_point {
    ($(#[$attr:meta])* $name:ident($($argument:ident: $type:ty),* $(,)?)) => {
        $(#[$attr])*
        #[inline(always)]
        pub(crate) fn $name($($argument: $type),*) {
            #[cfg(dxgkrnl_trace)]
            kernel::macros::paste! {
                // SAFETY: The key is the one C defines for this trace point.
                let listening = unsafe {
                    kernel::jump_label::static_branch_unlikely!(
                        super::bindings::[<__tracepoint_dxgkrnl_ $name>],
                        kernel::bindings::tracepoint,
                        key
                    )
                };

                if listening {
                    // SAFETY: The arguments are plain numbers, copied into the trace buffer.
                    unsafe { super::bindings::[<rust_do_trace_dxgkrnl_ $name>]($($argument),*) };
                }
            }
            #[cfg(not(dxgkrnl_trace))]
            {
                $(let _ = $argument;)*
            }
        }
    };
}

trace_point! {
    /// Traces the result of an ioctl.
    ioctl(request: u32, result: isize)
}

trace_point! {
    /// Traces a message that is about to be sent to the host, over the VMBus channel with this
    /// number.
    send(command: u32, process: u32, length: u32, channel: u32)
}

trace_point! {
    /// Traces the end of a request: the host has replied, or will not reply.
    reply(command: u32, process: u32, error: i32)
}
