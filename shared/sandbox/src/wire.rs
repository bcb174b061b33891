//! What goes through the pipes between worker and child: frames of a length (four bytes, little endian) and as many
//! bytes.
//!
//! | from | frame |
//! |---|---|
//! | worker | [`Setup`], once |
//! | child | [`Confinement`](crate::Confinement), once |
//! | worker | [`Order::Read`], then the document in frames of any length, then an empty frame |
//! | child | [`Answer`] |
//! | worker | [`Order::Paint`], as often as it wants, for pages of that document |
//! | child | [`Painting`], then the pixels in one frame if there are any |
//! | worker | [`Order::Forget`] when it wants no more of them |
//!
//! From the first order on they repeat until the worker closes the pipe. A child that is set up to become another program
//! takes no orders: what comes after its [`Confinement`] is for that program. Messages are JSON: both ends are the same program, and a person
//! who traces the pipe can read it.

use std::io::{self, Read, Write};
use std::time::Duration;

use domain::DocumentKind;
use extraction::{Extracted, ExtractionError, Limits, MARKS_BYTES_MAX};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes of a message other than an answer.
pub(crate) const MESSAGE_BYTES_MAX: u64 = 64 << 10;

/// Bounds that a child sets for itself before it looks at any document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub(crate) address_space_bytes_max: u64,
    pub(crate) input_bytes_max: u64,
    pub(crate) cpu_time_max: Duration,
    /// What the child becomes in place of a parser.
    pub(crate) other_program: Option<OtherProgram>,
}

/// A program that is run with the child's limits, and what it is called with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OtherProgram {
    pub(crate) program: String,
    pub(crate) arguments: Vec<String>,
}

/// What a parser is to do.
#[derive(Serialize, Deserialize)]
pub(crate) enum Order {
    /// Read the document that follows.
    Read(Request),
    /// Paint a page of the document that was read last.
    Paint {
        /// An index into the pages of the answer.
        page: u32,
        /// Pixels per inch, for pages whose size is known.
        resolution_dpi: u32,
    },
    /// Let go of that document.
    Forget,
}

/// The picture that follows, or why there is none.
pub(crate) type Painting = Result<Painted, ExtractionError>;

/// What there is to know of the pixels that follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Painted {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) resolution_dpi: Option<u32>,
}

/// The document that follows. It may hold a password, so nothing prints it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) kind: DocumentKind,
    pub(crate) file_name: String,
    /// Bytes to make room for; the frames decide what is read.
    pub(crate) size: u64,
    pub(crate) limits: Limits,
    /// What opens the document.
    pub(crate) password: Option<String>,
    /// Whether its pages may be asked for as pictures.
    pub(crate) keep_scans: bool,
}

/// What became of the document.
pub(crate) type Answer = Result<Extracted, ExtractionError>;

/// Bytes of an answer within these limits, at most. In JSON, the characters that a text can have take twice their
/// length.
pub(crate) fn answer_bytes_max(limits: &Limits) -> u64 {
    let text = u64::try_from(limits.text_bytes_max).unwrap_or(u64::MAX);
    // Its quotes, and its number where it is unread.
    let quotes = u64::from(limits.pages_max) * 16;
    let marks = u64::try_from(MARKS_BYTES_MAX).unwrap_or(u64::MAX);
    text.saturating_mul(2)
        .saturating_add(quotes + marks + MESSAGE_BYTES_MAX)
}

pub(crate) async fn write_frame(to: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> io::Result<()> {
    to.write_all(&length(frame)?).await?;
    to.write_all(frame).await
}

pub(crate) async fn write_message(
    to: &mut (impl AsyncWrite + Unpin),
    message: &impl Serialize,
) -> io::Result<()> {
    write_frame(to, &serde_json::to_vec(message)?).await
}

/// Reads a message of at most `bytes_max`; memory is only taken for what really arrives.
pub(crate) async fn read_message<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin),
    bytes_max: u64,
) -> io::Result<T> {
    let frame = read_frame(from, bytes_max).await?;
    serde_json::from_slice(&frame).map_err(|_| invalid("a frame that is no message".to_owned()))
}

/// Reads a frame of at most `bytes_max`; memory is only taken for what really arrives.
pub(crate) async fn read_frame(from: &mut (impl AsyncRead + Unpin), bytes_max: u64) -> io::Result<Vec<u8>> {
    let length = u64::from(from.read_u32_le().await?);
    if length > bytes_max {
        return Err(invalid(format!(
            "a frame of {length} bytes, where {bytes_max} are allowed"
        )));
    }
    let mut frame = Vec::new();
    from.take(length).read_to_end(&mut frame).await?;
    if u64::try_from(frame.len()).ok() != Some(length) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(frame)
}

/// [`write_message`] for the child, which has no runtime.
pub(crate) fn write_message_blocking(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    write_frame_blocking(to, &serde_json::to_vec(message)?)
}

/// [`write_frame`] for the child.
pub(crate) fn write_frame_blocking(to: &mut impl Write, frame: &[u8]) -> io::Result<()> {
    to.write_all(&length(frame)?)?;
    to.write_all(frame)?;
    to.flush()
}

/// Appends the next frame to `buffer` and returns its length; `None` at the end of the stream.
///
/// # Errors
/// Also when the buffer would hold more than `bytes_max` then.
pub(crate) fn read_frame_blocking(
    from: &mut impl Read,
    buffer: &mut Vec<u8>,
    bytes_max: u64,
) -> io::Result<Option<u64>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        result => result?,
    }
    let length = u64::from(u32::from_le_bytes(length));
    let already = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
    if already.saturating_add(length) > bytes_max {
        return Err(invalid(format!("more than {bytes_max} bytes")));
    }
    let read = from.take(length).read_to_end(buffer)?;
    if u64::try_from(read).ok() != Some(length) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(length))
}

/// Reads a message of at most [`MESSAGE_BYTES_MAX`]; `None` at the end of the stream.
pub(crate) fn read_message_blocking<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut frame = Vec::new();
    match read_frame_blocking(from, &mut frame, MESSAGE_BYTES_MAX)? {
        Some(_) => Ok(Some(serde_json::from_slice(&frame)?)),
        None => Ok(None),
    }
}

fn length(frame: &[u8]) -> io::Result<[u8; 4]> {
    let length =
        u32::try_from(frame.len()).map_err(|_| invalid("a frame of over four gigabytes".to_owned()))?;
    Ok(length.to_le_bytes())
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_ends_understand_each_other() {
        let mut pipe = Vec::new();
        write_message(&mut pipe, &"from the worker").await.unwrap();
        write_message_blocking(&mut pipe, &"from the child").unwrap();
        let mut rest = pipe.as_slice();
        assert_eq!(
            read_message_blocking::<String>(&mut rest).unwrap().unwrap(),
            "from the worker"
        );
        assert_eq!(
            read_message::<String>(&mut rest, 100).await.unwrap(),
            "from the child"
        );
        assert_eq!(read_message_blocking::<String>(&mut rest).unwrap(), None);
    }

    #[tokio::test]
    async fn a_frame_beyond_its_bound_is_not_read() {
        let flood = [u32::MAX.to_le_bytes().as_slice(), b"xxxx"].concat();
        let error = read_message::<String>(&mut flood.as_slice(), 100)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let error = read_frame_blocking(&mut flood.as_slice(), &mut Vec::new(), 100).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[tokio::test]
    async fn a_frame_that_breaks_off_is_an_error() {
        let broken = [9_u32.to_le_bytes().as_slice(), b"\"brok"].concat();
        assert!(read_message::<String>(&mut broken.as_slice(), 100).await.is_err());
        assert!(read_frame_blocking(&mut broken.as_slice(), &mut Vec::new(), 100).is_err());
    }

    #[test]
    fn the_longest_text_fits_into_an_answer() {
        let limits = Limits {
            pages_max: 3,
            text_bytes_max: 3_000_000,
            ..Limits::default()
        };
        let extracted = Extracted {
            pages: vec!["\"\n".repeat(500_000); 3],
            ..Extracted::default()
        };
        let answer: Answer = Ok(extracted);
        let bytes = serde_json::to_vec(&answer).unwrap().len();
        assert!(u64::try_from(bytes).unwrap() <= answer_bytes_max(&limits));
    }
}
