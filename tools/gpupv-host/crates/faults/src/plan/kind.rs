// SPDX-License-Identifier: GPL-2.0
//! The kinds of faults.

use vmbus::proto::MessageType;

/// What goes wrong. A parameter that is `None` is drawn anew each time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The message is handled later, and answered then.
    Delay {
        /// How much later, in milliseconds.
        ms: Option<u64>,
    },
    /// The message is handled when the plan is no longer in force.
    Hold,
    /// The message is neither handled nor answered.
    Ignore,
    /// The message is not handled, and answered as one that has failed.
    Status {
        /// The NTSTATUS that the answer has, if that of the command has one.
        status: Option<u32>,
    },
    /// The message is handled at once, and answered later.
    DelayAnswer {
        /// How much later, in milliseconds.
        ms: Option<u64>,
    },
    /// The message is handled, and answered when the plan is no longer in force.
    HoldAnswer,
    /// The message is handled and not answered.
    NeverAnswer,
    /// The answer is sent twice.
    AnswerTwice,
    /// The answer ends early.
    Truncate {
        /// How many bytes are left of it.
        length: Option<u64>,
    },
    /// More bytes follow the answer.
    Extend {
        /// How many.
        length: Option<u64>,
    },
    /// Bytes of the answer are others.
    Overwrite {
        /// Where they begin.
        offset: Option<u64>,
        /// What they are.
        bytes: Option<Vec<u8>>,
    },
    /// The answer names another request.
    Transaction {
        /// The transaction id of that.
        id: Option<u64>,
    },
    /// What a driver asks for when it starts is answered when the plan is no longer in force.
    SilentNegotiation,
    /// The packet of the answer is not as packets in a ring have to be.
    Packet(PacketKind),
    /// Something is so for a time, or while the plan is in force.
    State {
        /// What.
        state: State,
        /// How long, in milliseconds.
        ms: Option<u64>,
    },
    /// Something happens that no message asks for.
    Event(Event),
}

/// What is wrong with a packet in a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketKind {
    /// Its lengths contradict themselves, or the ring.
    BadLength {
        /// Where its payload begins, in units of 8 bytes.
        offset8: Option<u16>,
        /// Where it ends, in units of 8 bytes.
        length8: Option<u16>,
    },
    /// It has a type that it must not have.
    BadType {
        /// Which one.
        number: Option<u16>,
    },
    /// The write index is out of range when it has been written.
    BadIndex {
        /// What it is.
        index: Option<u32>,
    },
    /// Its bytes change back and forth while the guest reads them.
    Unstable {
        /// How often.
        times: Option<u32>,
    },
}

/// What may be so for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The host does not read the guest's ring.
    StallRing,
    /// The host does not say that there is room in the guest's ring.
    NoInterrupt,
    /// The host does not interrupt the guest at all.
    NoInterrupts,
    /// The host does not confirm that a channel is open.
    NoOpenResult,
    /// The host does not confirm that it has a GPADL,
    NoGpadlCreated,
    /// or that it has let go of one.
    NoGpadlTorndown,
    /// The version register of an adapter's PCI function reads as something else; `None` is drawn
    /// with each read.
    OddVersion(Option<u32>),
}

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The host takes a channel back.
    Rescind,
    /// The same, and the message that it happens with is not answered.
    Close,
    /// The host takes a channel back and offers it again.
    OfferAgain {
        /// How much later, in milliseconds; at once if it is not said.
        ms: Option<u64>,
    },
    /// The host asks the guest to give up an adapter's PCI function.
    Eject {
        /// When it puts it back after that, in milliseconds; never if it is not said.
        ms: Option<u64>,
    },
    /// The PCI function is gone before the guest is told.
    TearOut {
        /// When it puts it back after that, in milliseconds; never if it is not said.
        ms: Option<u64>,
    },
    /// The host sends SIGNALGUESTEVENT.
    GuestEvent {
        /// The event.
        id: Option<u64>,
    },
    /// The host sends SETGUESTDATA.
    GuestData {
        /// What it is about.
        id: Option<u64>,
    },
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::StallRing => "stall-ring",
            Self::NoInterrupt => "no-interrupt",
            Self::NoInterrupts => "no-interrupts",
            Self::NoOpenResult => "no-open-result",
            Self::NoGpadlCreated => "no-gpadl-created",
            Self::NoGpadlTorndown => "no-gpadl-torndown",
            Self::OddVersion(_) => "odd-version",
        }
    }

    /// The control message that the guest does not get.
    pub(crate) fn message(self) -> Option<MessageType> {
        match self {
            Self::NoOpenResult => Some(MessageType::OpenChannelResult),
            Self::NoGpadlCreated => Some(MessageType::GpadlCreated),
            Self::NoGpadlTorndown => Some(MessageType::GpadlTorndown),
            _ => None,
        }
    }
}

impl Event {
    fn name(self) -> &'static str {
        match self {
            Self::Rescind => "rescind",
            Self::Close => "close",
            Self::OfferAgain { .. } => "offer-again",
            Self::Eject { .. } => "eject",
            Self::TearOut { .. } => "tear-out",
            Self::GuestEvent { .. } => "guest-event",
            Self::GuestData { .. } => "guest-data",
        }
    }

    /// Whether it is about a PCI function, which only adapters have.
    pub(crate) fn is_of_adapter(self) -> bool {
        matches!(self, Self::Eject { .. } | Self::TearOut { .. })
    }

    /// Whether it is about a channel, or an adapter.
    pub(crate) fn has_channel(self) -> bool {
        !matches!(self, Self::GuestEvent { .. } | Self::GuestData { .. })
    }
}

impl PacketKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BadLength { .. } => "bad-length",
            Self::BadType { .. } => "bad-type",
            Self::BadIndex { .. } => "bad-index",
            Self::Unstable { .. } => "unstable",
        }
    }
}

impl Kind {
    /// The name in a plan, by which faults are counted too.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Delay { .. } => "delay",
            Self::Hold => "hold",
            Self::Ignore => "ignore",
            Self::Status { .. } => "status",
            Self::DelayAnswer { .. } => "delay-answer",
            Self::HoldAnswer => "hold-answer",
            Self::NeverAnswer => "never-answer",
            Self::AnswerTwice => "answer-twice",
            Self::Truncate { .. } => "truncate",
            Self::Extend { .. } => "extend",
            Self::Overwrite { .. } => "overwrite",
            Self::Transaction { .. } => "transaction",
            Self::SilentNegotiation => "silent-negotiation",
            Self::Packet(kind) => kind.name(),
            Self::State { state, .. } => state.name(),
            Self::Event(event) => event.name(),
        }
    }

    /// Whether only a message with an answer can have the fault.
    pub(crate) fn needs_answer(&self) -> bool {
        !matches!(
            self,
            Self::Delay { .. } | Self::Hold | Self::Ignore | Self::State { .. } | Self::Event(_)
        )
    }

    /// Whether a message that the host sends by itself can have the fault. What is said of an answer
    /// is said of the message then.
    pub(crate) fn fits_unasked(&self) -> bool {
        !matches!(
            self,
            Self::Status { .. } | Self::Transaction { .. } | Self::SilentNegotiation
        )
    }

    /// Whether a guest that makes no mistake may break the protocol after it, or leave something
    /// behind: it does not learn what the host did, or the host does it in another order.
    pub(crate) fn misleads(&self) -> bool {
        !matches!(
            self,
            Self::DelayAnswer { .. }
                | Self::HoldAnswer
                | Self::AnswerTwice
                | Self::SilentNegotiation
                | Self::State { .. }
                | Self::Event(
                    Event::Rescind
                        | Event::OfferAgain { .. }
                        | Event::Eject { .. }
                        | Event::TearOut { .. }
                        | Event::GuestEvent { .. }
                        | Event::GuestData { .. }
                )
        )
    }

    /// Whether the fault happens by itself when the plan comes in force, unless it is tied to a message.
    pub(crate) fn is_of_plan(&self) -> bool {
        matches!(self, Self::State { .. } | Self::Event(_))
    }

    /// Whether the fault changes the order in which messages are handled, and nothing else.
    pub(crate) fn reorders(&self) -> bool {
        matches!(self, Self::Delay { .. } | Self::Hold)
    }
}
