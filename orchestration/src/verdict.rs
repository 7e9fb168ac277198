//! What the judgement of a transition answers, as it is sent.

use serde::Serialize;

/// The outcome of a proposed transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// The proposed state was written.
    Accept,
    /// Another state was written, or none.
    Reject,
    /// Nothing was written: propose again later.
    Wait,
    /// Nothing was written: give up.
    Abort,
}

/// Why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type")]
pub enum Details {
    /// Of [`Status::Accept`].
    #[serde(rename = "accept_details")]
    Accept {},
    /// Of [`Status::Reject`].
    #[serde(rename = "reject_details")]
    Reject {
        /// Text for people and, in part, for clients.
        reason: Option<String>,
    },
    /// Of [`Status::Wait`].
    #[serde(rename = "wait_details")]
    Wait {
        /// When to propose again.
        delay_seconds: i64,
        /// Text for people.
        reason: Option<String>,
    },
    /// Of [`Status::Abort`].
    #[serde(rename = "abort_details")]
    Abort {
        /// Text for people.
        reason: Option<String>,
    },
}

impl Details {
    /// The reason, if there is one.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Details::Accept {} => None,
            Details::Reject { reason } | Details::Wait { reason, .. } | Details::Abort { reason } => reason.as_deref(),
        }
    }
}
