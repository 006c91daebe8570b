// SPDX-License-Identifier: GPL-2.0
//! Decoding the two hypercalls of VMBus.

use vm_memory::{ByteValued, Bytes, GuestAddress, GuestMemoryMmap};

use crate::traits::MAX_MESSAGE;
use crate::PostStatus;

const POST_MESSAGE: u16 = 0x5C;
const SIGNAL_EVENT: u16 = 0x5D;
const FAST: u64 = 1 << 16;
const CONNECTION_MASK: u32 = 0x00FF_FFFF;
const MESSAGE_TYPE_VMBUS: u32 = 1;
const PAGE: u64 = 4096;

/// Status of a hypercall, the low bits of its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
#[expect(missing_docs, reason = "the names are those of the specification")]
pub enum Status {
    Success = 0,
    InvalidCode = 2,
    InvalidInput = 3,
    InvalidAlignment = 4,
    InvalidParameter = 5,
    InvalidPort = 0x11,
    InvalidConnection = 0x12,
    InsufficientBuffers = 0x13,
}

impl From<PostStatus> for Status {
    fn from(status: PostStatus) -> Self {
        match status {
            PostStatus::Accepted => Status::Success,
            PostStatus::UnknownConnection => Status::InvalidConnection,
            PostStatus::Busy => Status::InsufficientBuffers,
            PostStatus::InvalidParameter => Status::InvalidParameter,
        }
    }
}

/// A hypercall that makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// A message for `connection`.
    PostMessage {
        /// Where it goes.
        connection: u32,
        /// What it says.
        payload: Vec<u8>,
    },
    /// A signal for `connection`.
    SignalEvent {
        /// Where it goes.
        connection: u32,
        /// Which of the flags there.
        flag: u16,
    },
}

/// The input of a post message call, in guest memory.
#[derive(Clone, Copy)]
#[repr(C)]
struct PostMessageInput {
    connection: u32,
    reserved: u32,
    message_type: u32,
    payload_size: u32,
    payload: [u8; MAX_MESSAGE],
}

impl Default for PostMessageInput {
    fn default() -> Self {
        Self {
            connection: 0,
            reserved: 0,
            message_type: 0,
            payload_size: 0,
            payload: [0; MAX_MESSAGE],
        }
    }
}

// SAFETY: only integers and bytes, in C order without padding (16 + 240 bytes, alignment 4), and every
// bit pattern is a value.
unsafe impl ByteValued for PostMessageInput {}

/// Decodes a call: control word and parameters as KVM reports them.
///
/// # Errors
///
/// The status that the call has.
pub fn decode(memory: &GuestMemoryMmap, input: u64, parameters: [u64; 2]) -> Result<Call, Status> {
    let fast = input & FAST != 0;
    // CAST: the low 16 bits are the call's code.
    match input as u16 {
        // A message does not fit into registers.
        POST_MESSAGE if fast => Err(Status::InvalidCode),
        POST_MESSAGE => post_message(memory, parameters[0]),
        SIGNAL_EVENT if fast => Ok(signal_event(parameters[0])),
        SIGNAL_EVENT => read::<u64>(memory, parameters[0]).map(signal_event),
        _ => Err(Status::InvalidCode),
    }
}

/// Copies the input block out of guest memory, once.
fn read<T: ByteValued>(memory: &GuestMemoryMmap, address: u64) -> Result<T, Status> {
    let size = size_of::<T>() as u64;
    if address % 8 != 0 || address % PAGE + size > PAGE {
        return Err(Status::InvalidAlignment);
    }
    memory
        .read_obj(GuestAddress(address))
        .map_err(|_| Status::InvalidParameter)
}

fn post_message(memory: &GuestMemoryMmap, address: u64) -> Result<Call, Status> {
    let input: PostMessageInput = read(memory, address)?;
    if input.message_type != MESSAGE_TYPE_VMBUS {
        return Err(Status::InvalidInput);
    }
    let payload = usize::try_from(input.payload_size)
        .ok()
        .and_then(|size| input.payload.get(..size))
        .ok_or(Status::InvalidInput)?;
    Ok(Call::PostMessage {
        connection: input.connection & CONNECTION_MASK,
        payload: payload.to_vec(),
    })
}

/// Bits 23:0 connection, bits 47:32 flag number; in a register or in memory.
fn signal_event(value: u64) -> Call {
    // CAST: cut out the named bits.
    Call::SignalEvent {
        connection: value as u32 & CONNECTION_MASK,
        flag: (value >> 32) as u16,
    }
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    const AT: u64 = 0x3000;

    fn memory() -> GuestMemoryMmap {
        GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 0x10000)]).unwrap()
    }

    fn posted(connection: u32, message_type: u32, size: u32, at: u64) -> Result<Call, Status> {
        let memory = memory();
        let mut input = PostMessageInput {
            connection,
            message_type,
            payload_size: size,
            ..Default::default()
        };
        input.payload[..4].copy_from_slice(b"data");
        let _ = memory.write_obj(input, GuestAddress(at));
        decode(&memory, u64::from(POST_MESSAGE), [at, 0])
    }

    #[test]
    fn a_message_is_copied_out() {
        assert_eq!(
            posted(0xFF00_0004, 1, 4, AT),
            Ok(Call::PostMessage {
                connection: 4,
                payload: b"data".to_vec()
            })
        );
        assert!(
            matches!(posted(1, 1, 240, AT), Ok(Call::PostMessage { payload, .. }) if payload.len() == 240)
        );
        assert!(
            matches!(posted(1, 1, 0, AT), Ok(Call::PostMessage { payload, .. }) if payload.is_empty())
        );
    }

    #[test]
    fn bad_messages_are_refused() {
        assert_eq!(posted(1, 1, 241, AT), Err(Status::InvalidInput));
        assert_eq!(posted(1, 1, u32::MAX, AT), Err(Status::InvalidInput));
        assert_eq!(posted(1, 2, 4, AT), Err(Status::InvalidInput));
        assert_eq!(posted(1, 1, 4, AT + 4), Err(Status::InvalidAlignment));
        assert_eq!(posted(1, 1, 4, AT + 0xF08), Err(Status::InvalidAlignment));
        assert!(posted(1, 1, 4, AT + 0xF00).is_ok());
        assert_eq!(posted(1, 1, 4, 0x10000), Err(Status::InvalidParameter));
        assert_eq!(
            posted(1, 1, 4, 0xFFFF_FFFF_FFFF_FF00),
            Err(Status::InvalidParameter)
        );
        assert_eq!(
            decode(&memory(), 0x1_005C, [AT, 0]),
            Err(Status::InvalidCode)
        );
        assert_eq!(decode(&memory(), 0x0012, [AT, 0]), Err(Status::InvalidCode));
    }

    #[test]
    fn signals_come_fast_and_slow() {
        let value = 0x0000_0003_0000_2005;
        let expected = Ok(Call::SignalEvent {
            connection: 0x2005,
            flag: 3,
        });
        assert_eq!(decode(&memory(), 0x1_005D, [value, 0]), expected);
        let memory = memory();
        memory.write_obj(value, GuestAddress(AT)).unwrap();
        assert_eq!(decode(&memory, 0x5D, [AT, 0]), expected);
        assert_eq!(
            decode(&memory, 0x5D, [AT + 4, 0]),
            Err(Status::InvalidAlignment)
        );
    }

    #[test]
    fn layout_and_numbers_match_the_specification() {
        let csv = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../../Documentation/spec/hyperv-layout.csv"
        ))
        .unwrap();
        for (field, offset) in [
            ("connection_id", offset_of!(PostMessageInput, connection)),
            ("reserved", offset_of!(PostMessageInput, reserved)),
            ("message_type", offset_of!(PostMessageInput, message_type)),
            ("payload_size", offset_of!(PostMessageInput, payload_size)),
            ("payload", offset_of!(PostMessageInput, payload)),
        ] {
            let row = format!(
                "post_message_input,{},{field},{offset},",
                size_of::<PostMessageInput>()
            );
            assert!(
                csv.lines().any(|line| line.starts_with(&row)),
                "no row {row}"
            );
        }
        let constants = crate::cpuid::tests::constants();
        for (name, value) in [
            ("hypercall,post_message", u64::from(POST_MESSAGE)),
            ("hypercall,signal_event", u64::from(SIGNAL_EVENT)),
            ("hv_status,success", Status::Success as u64),
            (
                "hv_status,invalid_hypercall_code",
                Status::InvalidCode as u64,
            ),
            (
                "hv_status,invalid_hypercall_input",
                Status::InvalidInput as u64,
            ),
            (
                "hv_status,invalid_alignment",
                Status::InvalidAlignment as u64,
            ),
            (
                "hv_status,invalid_parameter",
                Status::InvalidParameter as u64,
            ),
            ("hv_status,invalid_port_id", Status::InvalidPort as u64),
            (
                "hv_status,invalid_connection_id",
                Status::InvalidConnection as u64,
            ),
            (
                "hv_status,insufficient_buffers",
                Status::InsufficientBuffers as u64,
            ),
        ] {
            assert_eq!(constants[name], value, "{name}");
        }
    }
}
