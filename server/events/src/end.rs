//! How sockets end, and what their clients are told of it.

use mintaka_core::Error;
use tokio_tungstenite::tungstenite::Error as SocketError;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;

pub(crate) use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// The longest reason of a close frame, in bytes.
const MAX_REASON: usize = 123;

/// How a socket ends.
#[derive(Debug)]
pub(crate) enum End {
    /// The client went away.
    Gone,
    /// The connection is dropped without another word, so that nothing is confirmed that is not so.
    Drop,
    /// A close frame with a reason, which is cut to what a frame can hold.
    Close(CloseCode, String),
}

impl End {
    /// The client broke the protocol.
    pub(crate) fn protocol(reason: impl Into<String>) -> End {
        End::Close(CloseCode::Protocol, reason.into())
    }

    /// The server keeps as much for its sockets as it may.
    pub(crate) fn busy() -> End {
        tracing::warn!("a socket is closed because the sockets together keep as much as they may");
        End::Close(CloseCode::Again, "The server is busy with other clients, try again".into())
    }

    /// The client does not read what is sent to it.
    pub(crate) fn unread() -> End {
        tracing::warn!("a socket is closed because its client does not read what is sent");
        End::Close(CloseCode::Again, "What was sent was not read in time".into())
    }

    /// The client does not end what it began to say.
    pub(crate) fn unfinished() -> End {
        tracing::warn!("a socket is closed because its client does not end a message");
        End::Close(CloseCode::Policy, "A message was begun and not ended in time".into())
    }

    /// A message of the client could not be read; it may have `max` bytes.
    pub(crate) fn unreadable(fault: &SocketError, max: usize) -> End {
        match fault {
            SocketError::Capacity(_) => End::Close(CloseCode::Size, format!("A message is larger than {max} bytes")),
            SocketError::Utf8(_) => End::Close(CloseCode::Invalid, "A text is not in UTF-8".into()),
            SocketError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Gone,
            SocketError::Protocol(fault) => End::protocol(fault.to_string()),
            _ => End::Gone,
        }
    }

    /// The close frame for the other side, if there is one.
    pub(crate) fn frame(self) -> Option<CloseFrame> {
        let End::Close(code, mut reason) = self else { return None };
        reason.truncate(reason.floor_char_boundary(MAX_REASON));
        Some(CloseFrame { code, reason: reason.into() })
    }

    /// The server stops.
    pub(crate) fn restart() -> End {
        End::Close(CloseCode::Restart, "The server is restarting".into())
    }
}

impl From<Error> for End {
    fn from(error: Error) -> End {
        tracing::warn!(%error, "a socket is closed because the store failed");
        End::Close(CloseCode::Again, "Storage is unavailable, try again".into())
    }
}
