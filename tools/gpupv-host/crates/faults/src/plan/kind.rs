// SPDX-License-Identifier: GPL-2.0
//! The kinds of faults.

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
        }
    }

    /// Whether only a message with an answer can have the fault.
    pub(crate) fn needs_answer(&self) -> bool {
        !matches!(self, Self::Delay { .. } | Self::Hold | Self::Ignore)
    }

    /// Whether a message that the host sends by itself can have the fault. What is said of an answer
    /// is said of the message then.
    pub(crate) fn fits_unasked(&self) -> bool {
        !matches!(self, Self::Status { .. } | Self::Transaction { .. })
    }

    /// Whether a guest that makes no mistake may break the protocol after it, or leave something
    /// behind: it does not learn what the host did, or the host does it in another order.
    pub(crate) fn misleads(&self) -> bool {
        !matches!(
            self,
            Self::DelayAnswer { .. } | Self::HoldAnswer | Self::AnswerTwice
        )
    }

    /// Whether the fault changes the order in which messages are handled, and nothing else.
    pub(crate) fn reorders(&self) -> bool {
        matches!(self, Self::Delay { .. } | Self::Hold)
    }
}
