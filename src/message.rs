// SPDX-License-Identifier: GPL-2.0

//! One typed request and reply per host command.
//!
//! A command has the length of its body, fills it, and parses its reply. Headers, lengths and
//! limits are handled here. A [`Link`] is a transport together with the data that all its messages
//! have in common. Takes no locks.

pub(crate) mod adapter;
pub(crate) mod address;
pub(crate) mod allocation;
pub(crate) mod allocation_priority;
pub(crate) mod clock;
pub(crate) mod context;
pub(crate) mod device;
pub(crate) mod device_state;
pub(crate) mod escape;
pub(crate) mod existing_memory;
mod fence_storage;
pub(crate) mod global;
pub(crate) mod hw_queue;
mod list;
pub(crate) mod lock;
pub(crate) mod notification;
pub(crate) mod offer;
pub(crate) mod open_resource;
pub(crate) mod paging_queue;
mod prepared;
pub(crate) mod priority;
pub(crate) mod private_data;
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
pub(crate) mod provided;
pub(crate) mod query;
pub(crate) mod residency;
pub(crate) mod share;
pub(crate) mod signal;
pub(crate) mod standard_allocation;
pub(crate) mod statistics;
pub(crate) mod submit;
pub(crate) mod sync_object;
mod told;
pub(crate) mod under_way;
pub(crate) mod video_memory;
pub(crate) mod wait;

pub(crate) use self::{
    prepared::Prepared,
    told::Told, //
};
use crate::{
    linux::{
        channel::{
            Channel,
            Session, //
        },
        trace,
        wait::{
            wait_for_memory,
            Deadline,
            WaitMode, //
        },
    },
    transport::{
        Account,
        Endpoint,
        Message,
        ReplyBuffer,
        Transport,
        Undo,
        UndoFn,
        UndoHow,
        UndoTarget,
        MAX_MESSAGE, //
    },
    wire::{
        Envelope,
        Handle,
        HostProcess,
        InterfaceVersion,
        Luid,
        NtStatus, //
    },
};
use kernel::{
    prelude::*,
    sync::Arc, //
};
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Header before the command header, since protocol version 40.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct ExtendedHeader {
    command_offset: u32,
    reserved: u32,
    vgpu: Luid,
}

/// Header before the body of every command.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct CommandHeader {
    command_id: u64,
    process: Handle,
    /// Bits 0 to 7: channel type. Bit 8: no completion is wanted.
    channel_type: u32,
    command_type: u32,
    padding: u32,
}

const EXTENDED_HEADER: usize = size_of::<ExtendedHeader>();
const COMMAND_HEADER: usize = size_of::<CommandHeader>();

/// Bit of the channel type word: no completion is wanted.
const ASYNCHRONOUS: u32 = 1 << 8;

static_assert!(EXTENDED_HEADER == 16);
static_assert!(COMMAND_HEADER == 24);

/// The number of a command, and its kind.
#[derive(Clone, Copy)]
pub(crate) enum Opcode {
    /// A command for the virtual machine as a whole.
    Global(u32),
    /// A command for one vGPU.
    Vgpu(u32),
}

impl Opcode {
    const fn channel_type(self) -> u32 {
        match self {
            Self::Vgpu(_) => 0,
            Self::Global(_) => 1,
        }
    }

    const fn number(self) -> u32 {
        match self {
            Self::Global(number) | Self::Vgpu(number) => number,
        }
    }
}

/// A command for the host.
pub(crate) trait Command {
    /// Number and kind of the command.
    const OPCODE: Opcode;

    /// Makes the message that destroys what the command creates, for a reply that arrives after the
    /// waiter has left.
    const UNDO: Option<UndoFn> = None;

    /// Whether that message is a global command.
    const UNDO_IS_GLOBAL: bool = false;

    /// Whether the reply consists of nothing but data, as many bytes as the program has space for.
    /// An empty reply to such a command is too short (`EOVERFLOW`). An empty reply to any other
    /// command is how a host refuses without a status (`EINVAL`): a larger buffer would not help.
    const ECHO: bool = false;

    /// The parsed reply.
    type Reply;

    /// Returns how to destroy what this command creates, for a reply that arrives after the waiter
    /// has left.
    fn undo(&self) -> Option<UndoHow> {
        Self::UNDO.map(UndoHow::ByReply)
    }

    /// Returns the length of the body, after the command header, in bytes.
    fn body_len(&self) -> usize;

    /// Fills the body, which is zero before.
    fn fill(&mut self, body: &mut [u8]) -> Result;

    /// Returns the length of the shortest valid reply in bytes.
    fn reply_len(&self, version: InterfaceVersion) -> usize;

    /// Parses a reply of exactly that length.
    fn parse(&self, version: InterfaceVersion, reply: ReplyBuffer) -> Result<Self::Reply>;
}

/// A command whose body and reply have a fixed layout.
pub(crate) trait FixedCommand {
    /// Number and kind of the command.
    const OPCODE: Opcode;

    /// Makes the message that destroys what the command creates, for a reply that arrives after the
    /// waiter has left.
    const UNDO: Option<UndoFn> = None;

    /// Whether that message is a global command.
    const UNDO_IS_GLOBAL: bool = false;

    /// Layout of the body, after the command header.
    type Body: IntoBytes + zerocopy::Immutable;

    /// Layout of the reply.
    type ReplyBody: FromBytes;

    /// The parsed reply.
    type Reply;

    /// Returns the body.
    fn body(&self) -> Self::Body;

    /// Converts the reply.
    fn reply(&self, answer: Self::ReplyBody) -> Result<Self::Reply>;
}

impl<P: FixedCommand> Command for P {
    const OPCODE: Opcode = P::OPCODE;
    const UNDO: Option<UndoFn> = P::UNDO;
    const UNDO_IS_GLOBAL: bool = P::UNDO_IS_GLOBAL;

    type Reply = P::Reply;

    fn body_len(&self) -> usize {
        size_of::<P::Body>()
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        put(body, &self.body())
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        size_of::<P::ReplyBody>()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<P::Reply> {
        self.reply(take(reply.bytes())?)
    }
}

/// A command that can be sent without asking for a reply if the host works asynchronously. Its
/// reply is a status only.
pub(crate) trait Submission: Command<Reply = isize> {}

/// Makes the undo message of a command whose reply begins with the handle of the new object, which
/// `D` destroys.
fn undo_by_handle<D: Command + From<Handle>>(
    reply: &[u8],
    envelope: Envelope,
    process: HostProcess,
) -> Result<Option<Message>> {
    undo_by_handle_at::<D, 0>(reply, envelope, process)
}

/// Makes the undo message as [`undo_by_handle`] does, with the handle `AT` bytes from the start of
/// the reply.
fn undo_by_handle_at<D: Command + From<Handle>, const AT: usize>(
    reply: &[u8],
    envelope: Envelope,
    process: HostProcess,
) -> Result<Option<Message>> {
    let handle = take_at::<Handle>(reply, AT)?;

    if handle.is_none() {
        return Ok(None);
    }
    Ok(Some(encode(envelope, process, &mut D::from(handle))?))
}

/// Makes the message for `command`, which asks for a reply.
///
/// # Errors
///
/// `EINVAL` if the message is larger than the protocol allows; those of [`Command::fill`].
fn encode<M: Command>(
    envelope: Envelope,
    process: HostProcess,
    command: &mut M,
) -> Result<Message> {
    encode_with(envelope, process, 0, command)
}

/// Makes the message for `command`, with `channel_bits` added to the channel type word.
fn encode_with<M: Command>(
    envelope: Envelope,
    process: HostProcess,
    channel_bits: u32,
    command: &mut M,
) -> Result<Message> {
    let start = if envelope.version.is_extended() {
        EXTENDED_HEADER
    } else {
        0
    };
    let length = (start + COMMAND_HEADER)
        .checked_add(command.body_len())
        .ok_or(EINVAL)?;
    let mut message = Message::new(length)?;
    let bytes = message.bytes_mut();

    if start != 0 {
        let extended = ExtendedHeader {
            // CAST: The size is 16.
            command_offset: EXTENDED_HEADER as u32,
            reserved: 0,
            vgpu: envelope.vgpu,
        };

        put(bytes, &extended)?;
    }

    let header = CommandHeader {
        command_id: 0,
        process: process.handle(),
        channel_type: M::OPCODE.channel_type() | channel_bits,
        command_type: M::OPCODE.number(),
        padding: 0,
    };
    let rest = bytes.get_mut(start..).ok_or(EINVAL)?;
    let body = rest.split_at_mut_checked(COMMAND_HEADER).ok_or(EINVAL)?;

    put(body.0, &header)?;
    command.fill(body.1)?;
    Ok(message)
}

/// Returns the longest body, in bytes, that a message to a host of `version` has space for.
fn room(version: InterfaceVersion) -> usize {
    let start = if version.is_extended() {
        EXTENDED_HEADER
    } else {
        0
    };

    MAX_MESSAGE - start - COMMAND_HEADER
}

/// Writes `value` to the start of `bytes`.
fn put<T: IntoBytes + zerocopy::Immutable + ?Sized>(bytes: &mut [u8], value: &T) -> Result {
    value.write_to_prefix(bytes).map_err(|_| EINVAL)
}

/// Reads a value from the start of a reply.
fn take<T: FromBytes>(reply: &[u8]) -> Result<T> {
    take_at(reply, 0)
}

/// Reads a value at `offset` of a reply.
fn take_at<T: FromBytes>(reply: &[u8], offset: usize) -> Result<T> {
    let bytes = reply.get(offset..).ok_or(EOVERFLOW)?;
    let (value, _) = T::read_from_prefix(bytes).map_err(|_| EOVERFLOW)?;

    Ok(value)
}

/// Parses a reply that consists of a status.
fn status_only(reply: &ReplyBuffer) -> Result<isize> {
    take::<NtStatus>(reply.bytes())?.into_result()
}

/// The target and envelope of global commands.
pub(crate) struct GlobalLink {
    target: UndoTarget,
    envelope: Envelope,
}

/// The process on whose behalf a message is sent.
#[derive(Clone, Copy)]
pub(crate) struct Sender<'a> {
    process: HostProcess,
    /// Account on which the request is counted while it is in flight.
    account: Option<&'a Arc<Account>>,
    /// Link for undo messages that are global commands.
    global: Option<&'a GlobalLink>,
}

impl<'a> Sender<'a> {
    /// Makes a sender for a process. Its requests are counted on `account`, and its undo messages
    /// that are global commands go over `global`.
    pub(crate) fn new(
        process: HostProcess,
        account: &'a Arc<Account>,
        global: &'a GlobalLink,
    ) -> Self {
        Self {
            process,
            account: Some(account),
            global: Some(global),
        }
    }

    /// Returns a sender for messages on behalf of `other` that are counted on the account of
    /// `self`: the end of `other` does not wait for their replies.
    pub(crate) fn in_the_name_of(self, other: &Sender<'_>) -> Self {
        Self {
            process: other.process,
            ..self
        }
    }
}

/// The guest itself, or a process that sends no other requests, so that none needs to be counted.
impl From<HostProcess> for Sender<'_> {
    fn from(process: HostProcess) -> Self {
        Self {
            process,
            account: None,
            global: None,
        }
    }
}

/// A transport, and the envelope of the messages on it.
pub(crate) struct Link<C: Channel = Arc<Session>> {
    transport: Arc<Transport<C>>,
    endpoint: Arc<Endpoint>,
    envelope: Envelope,
}

impl<C: Channel> Clone for Link<C> {
    fn clone(&self) -> Self {
        Self {
            transport: self.transport.clone(),
            endpoint: self.endpoint.clone(),
            envelope: self.envelope,
        }
    }
}

impl<C: Channel + 'static> Link<C> {
    /// Makes a link over `transport` with messages wrapped in `envelope` and an endpoint of its
    /// own.
    pub(crate) fn new(transport: Arc<Transport<C>>, envelope: Envelope) -> Result<Self> {
        Ok(Self {
            transport,
            endpoint: Endpoint::new()?,
            envelope,
        })
    }

    /// Makes a link over the same transport with another envelope and an endpoint of its own.
    pub(crate) fn with_envelope(&self, envelope: Envelope) -> Result<Self> {
        Self::new(self.transport.clone(), envelope)
    }

    /// Makes a link like this one, which stays open when this one is [left](Self::leave).
    pub(crate) fn in_new_endpoint(&self) -> Result<Self> {
        self.with_envelope(self.envelope)
    }

    /// Returns the target and envelope of this link, for undo messages that are global commands.
    pub(crate) fn global_link(&self) -> GlobalLink {
        GlobalLink {
            target: self.transport.as_arc_borrow().target(&self.endpoint),
            envelope: self.envelope,
        }
    }

    /// Ends all requests on this link and its clones, and refuses new ones: all get `ENODEV`. The
    /// channel stays open.
    pub(crate) fn leave(&self) {
        self.transport.close_endpoint(&self.endpoint);
    }

    /// Returns the channel.
    pub(crate) fn channel(&self) -> &C {
        self.transport.channel()
    }

    /// Closes the channel.
    pub(crate) fn close(&self) {
        self.transport.close();
    }

    /// Returns how to undo a command of type `M`.
    fn undo<M: Command>(&self, how: UndoHow, sender: &Sender<'_>) -> Undo {
        let (target, envelope) = match sender.global {
            Some(way) if M::UNDO_IS_GLOBAL => (Some(way.target.clone()), way.envelope),
            _ => (None, self.envelope),
        };

        Undo {
            how,
            label: if envelope.version.is_extended() {
                |message| under_way::label_in(message, EXTENDED_HEADER)
            } else {
                |message| under_way::label_in(message, 0)
            },
            envelope,
            process: sender.process,
            target,
        }
    }

    /// Sends `command` on behalf of `sender` and waits for the reply.
    ///
    /// # Errors
    ///
    /// Those of [`Self::prepare`], [`Prepared::send`] and [`Command::parse`].
    pub(crate) fn call<'a, M: Command>(
        &self,
        sender: impl Into<Sender<'a>>,
        command: M,
        mode: WaitMode,
    ) -> Result<M::Reply> {
        self.prepare(sender, command)?.send(mode)
    }

    /// Sends the command that `make` returns on behalf of `sender`, and waits for the reply. This
    /// is for commands that the host must receive: if memory is short, it is tried again as long as
    /// `mode` allows and the link is open.
    ///
    /// # Errors
    ///
    /// As for [`Self::call`].
    pub(crate) fn tell<'a, M: Command>(
        &self,
        sender: impl Into<Sender<'a>>,
        make: impl Fn() -> M,
        mode: WaitMode,
    ) -> Result<M::Reply> {
        let sender = sender.into();
        let deadline = Deadline::new(mode);

        loop {
            match self.prepare(sender, make()) {
                Err(error) if error == ENOMEM && self.transport.is_open(&self.endpoint) => {
                    wait_for_memory(deadline.rest()?)?
                }
                prepared => {
                    let (prepared, rest) = (prepared?, deadline.rest()?);

                    return Told::count(|| prepared.send(rest));
                }
            }
        }
    }

    /// Allocates everything that is needed to send `command` later, so that only the host or a
    /// timeout can make that fail.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `ENODEV` if the link is closed; those of [`Command::fill`].
    pub(crate) fn prepare<'a, M: Command>(
        &self,
        sender: impl Into<Sender<'a>>,
        mut command: M,
    ) -> Result<Prepared<'_, M, C>> {
        let sender = sender.into();
        let message = encode(self.envelope, sender.process, &mut command)?;
        let request = self.transport.as_arc_borrow().prepare(
            &self.endpoint,
            sender.account,
            command.reply_len(self.envelope.version),
            command.undo().map(|how| self.undo::<M>(how, &sender)),
            under_way::label_of::<M>(sender.process),
        )?;

        Ok(Prepared {
            command,
            message,
            request,
            sender: sender.process.handle().raw(),
            version: self.envelope.version,
        })
    }

    /// Sends `command` without asking for a reply.
    ///
    /// # Errors
    ///
    /// Those of [`Transport::post`] and of [`Command::fill`].
    pub(crate) fn post<'a, M: Submission>(
        &self,
        sender: impl Into<Sender<'a>>,
        mut command: M,
        mode: WaitMode,
    ) -> Result {
        let Sender { process, .. } = sender.into();
        let message = encode_with(self.envelope, process, ASYNCHRONOUS, &mut command)?;

        trace::send(
            M::OPCODE.number(),
            process.handle().raw(),
            // CAST: The length is at most `MAX_MESSAGE`.
            message.bytes().len() as u32,
            self.channel().relid(),
        );
        self.transport.post(&self.endpoint, message.bytes(), mode)
    }
}
