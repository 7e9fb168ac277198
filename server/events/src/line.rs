//! The connection under a socket, and where in its messages the client is.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes of the longest header of a frame.
const HEADER: usize = 14;

/// Follows the frames in what a client sends (RFC 6455, section 5.2), so that it is known how much of a message is there
/// that has not ended. It judges nothing: what is no frame is refused by whoever reads it.
#[derive(Debug, Default)]
struct Frames {
    header: [u8; HEADER],
    /// Bytes of the header that are there.
    begun: usize,
    /// Bytes of the frame that are still to come after its header.
    left: u64,
    /// Whether a message has begun of which this or a later frame is the last.
    open: bool,
    /// Bytes of that message.
    of_message: u64,
    /// Bytes of the largest frame so far.
    largest: u64,
}

impl Frames {
    fn pass(&mut self, mut bytes: &[u8]) {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let now = self.left.min(bytes.len() as u64);
                self.left -= now;
                // It is no more than there is in the slice.
                bytes = &bytes[now as usize..];
                if !self.is_control() {
                    self.of_message += now;
                }
            } else {
                self.header[self.begun] = first;
                self.begun += 1;
                bytes = rest;
                if let Some(length) = self.length() {
                    self.left = length;
                    self.largest = self.largest.max(length);
                }
            }
            if self.left == 0 && self.length().is_some() {
                self.end_frame();
            }
        }
    }

    fn is_control(&self) -> bool {
        self.header[0] & 0x08 != 0
    }

    /// The length of the frame, once its header is whole.
    fn length(&self) -> Option<u64> {
        if self.begun < 2 {
            return None;
        }
        let mask = if self.header[1] & 0x80 != 0 { 4 } else { 0 };
        let (bytes, length) = match self.header[1] & 0x7f {
            126 => (2, u64::from(u16::from_be_bytes([self.header[2], self.header[3]]))),
            127 => (8, self.header[2..10].iter().fold(0, |length, byte| length << 8 | u64::from(*byte))),
            short => (0, u64::from(short)),
        };
        (self.begun == 2 + bytes + mask).then_some(length)
    }

    fn end_frame(&mut self) {
        self.begun = 0;
        if self.is_control() {
            return;
        }
        self.open = self.header[0] & 0x80 == 0;
        if !self.open {
            self.of_message = 0;
        }
    }

    /// Whether a message has begun, or a frame of one.
    fn are_in_message(&self) -> bool {
        self.open || self.begun > 0 && !self.is_control()
    }

    fn are_whole(&self) -> bool {
        self.begun == 0 && !self.open
    }
}

/// The connection under a socket.
pub(crate) struct Line<S> {
    /// Absent only after it was taken.
    connection: Option<S>,
    frames: Frames,
}

impl<S> Line<S> {
    pub(crate) fn new(connection: S) -> Line<S> {
        Line { connection: Some(connection), frames: Frames::default() }
    }

    /// Takes the connection, for another reader of it.
    pub(crate) fn take(&mut self) -> Line<S> {
        Line { connection: self.connection.take(), frames: Frames::default() }
    }

    /// Whether all that was read is whole messages.
    pub(crate) fn is_between_messages(&self) -> bool {
        self.frames.are_whole()
    }

    /// Whether a message has begun that has not ended; pings and pongs are none.
    pub(crate) fn is_in_message(&self) -> bool {
        self.frames.are_in_message()
    }

    /// Bytes that were read of a message that has not ended.
    pub(crate) fn unfinished(&self) -> u64 {
        self.frames.of_message
    }

    /// Bytes of the largest frame that was read: the reader's buffer has grown to them.
    pub(crate) fn largest(&self) -> u64 {
        self.frames.largest
    }

    fn connection(&mut self) -> io::Result<Pin<&mut S>>
    where
        S: Unpin,
    {
        self.connection.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Line<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(self.connection()?.poll_read(cx, buf))?;
        self.frames.pass(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Line<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.connection()?.poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection()?.poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection()?.poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::Frames;

    /// A frame of a client, whose length takes so many bytes more than one.
    fn frame(first: u8, length: usize, more: usize) -> Vec<u8> {
        let short = match more {
            0 => length as u8,
            2 => 126,
            _ => 127,
        };
        let mut bytes = vec![first, 0x80 | short];
        bytes.extend(&(length as u64).to_be_bytes()[8 - more..]);
        bytes.extend([1, 2, 3, 4]);
        bytes.extend(vec![0xff; length]);
        bytes
    }

    #[test]
    fn messages_are_whole_at_the_end_of_their_last_frame_however_they_arrive() {
        // Text in three frames with a ping within, an empty text, and one of each length's spelling.
        let frames = [
            (frame(0x01, 5, 0), false, 5),
            (frame(0x89, 3, 0), false, 5),
            (frame(0x00, 0, 0), false, 5),
            (frame(0x80, 7, 2), true, 0),
            (frame(0x81, 0, 0), true, 0),
            (frame(0x82, 300, 2), true, 0),
            (frame(0x8a, 0, 0), true, 0),
            (frame(0x02, 70_000, 8), false, 70_000),
            (frame(0x80, 1, 0), true, 0),
        ];
        for at_once in [1, 2, 3, 7, 100_000] {
            let mut read = Frames::default();
            for (n, (bytes, whole, unfinished)) in frames.iter().enumerate() {
                for (m, some) in bytes.chunks(at_once).enumerate() {
                    read.pass(some);
                    let ended = (m + 1) * at_once >= bytes.len();
                    assert_eq!(read.are_whole(), ended && *whole, "frame {n}, part {m} of {at_once}");
                    let is_control = bytes[0] & 8 != 0;
                    let expected = if ended || is_control { !whole } else { true };
                    assert_eq!(read.are_in_message(), expected, "frame {n}, part {m} of {at_once}");
                }
                assert_eq!(read.of_message, *unfinished, "frame {n} by {at_once}");
            }
            assert_eq!(read.largest, 70_000);
            let mut together = Frames::default();
            together.pass(&frames.iter().flat_map(|frame| frame.0.clone()).collect::<Vec<_>>());
            assert!(together.are_whole());
        }
    }
}
