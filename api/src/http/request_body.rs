//! Bodies that can be read on after a route has let go of them, and that do not keep anybody waiting for ever.
//!
//! A route that refuses an upload does so in the middle of it. Closing the connection there breaks it under whoever is
//! still sending, and most clients then report that and never read the answer. So what is left is read for a while first.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, future};
use poem::http::header;
use poem::{Body, Request};

/// The time for what nobody wants. A client that sends nothing more gets its answer after it.
const REST_PATIENCE: Duration = Duration::from_secs(2);
/// A body of which nothing comes for so long has lost its sender. Its place is somebody else's.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// How much is read of what nobody wants. Above it a broken connection is the lesser evil.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RestBytes(usize);

impl RestBytes {
    /// After a route has looked at the request.
    pub(crate) const SEEN: Self = Self(64 * 1024 * 1024);
    /// After it was turned away at the door, where work is what there is too much of.
    pub(crate) const TURNED_AWAY: Self = Self(1024 * 1024);
}

/// A second handle to the body of a request.
#[derive(Clone)]
pub(crate) struct RequestBody {
    chunks: Arc<Mutex<BoxStream<'static, io::Result<Bytes>>>>,
    /// Whether the client sends at all before it is told to (`Expect: 100-continue`), which it is by the first look.
    coming: Arc<AtomicBool>,
}

impl RequestBody {
    /// The body of a request, which stays where it is too; `None` when it has none.
    pub(crate) fn of(request: &mut Request) -> Option<Self> {
        let is_empty = |length: &str| length.trim() == "0";
        let chunked = request.header(header::TRANSFER_ENCODING).is_some();
        if !chunked && request.header(header::CONTENT_LENGTH).is_none_or(is_empty) {
            return None;
        }
        let waits = request
            .header(header::EXPECT)
            .is_some_and(|expected| expected.trim().eq_ignore_ascii_case("100-continue"));
        let chunks = request.take_body().into_bytes_stream();
        let body = Self {
            chunks: Arc::new(Mutex::new(without_silence(chunks.boxed()))),
            coming: Arc::new(AtomicBool::new(!waits)),
        };
        let theirs = body.clone();
        request.set_body(Body::from_bytes_stream(stream::poll_fn(move |context| {
            theirs.poll(context)
        })));
        Some(body)
    }

    /// Reads what the route has left, within bounds, and throws it away. What was never asked for is not asked for now.
    pub(crate) async fn discard_rest(self, bytes_max: RestBytes) {
        if !self.coming.load(Ordering::Relaxed) {
            return;
        }
        let rest = async {
            let mut read = 0;
            while let Some(Ok(chunk)) = future::poll_fn(|context| self.poll(context)).await {
                read += chunk.len();
                if read > bytes_max.0 {
                    break;
                }
            }
        };
        // Out of time is fine too: the answer comes either way.
        let _ = tokio::time::timeout(REST_PATIENCE, rest).await;
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        self.coming.store(true, Ordering::Relaxed);
        self.chunks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .poll_next_unpin(context)
    }
}

/// The same chunks, and an error where the next one is waited for too long.
fn without_silence(chunks: BoxStream<'static, io::Result<Bytes>>) -> BoxStream<'static, io::Result<Bytes>> {
    stream::unfold(chunks, |mut chunks| async move {
        let chunk = match tokio::time::timeout(SILENCE_MAX, chunks.next()).await {
            Ok(chunk) => chunk?,
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("nothing came for {SILENCE_MAX:?}"),
            )),
        };
        Some((chunk, chunks))
    })
    .fuse() // whoever throws the rest away asks once more after the end
    .boxed()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_silent_body_is_given_up_and_a_slow_one_is_not() {
        let slow = stream::unfold(0_u8, |count| async move {
            tokio::time::sleep(SILENCE_MAX - Duration::from_secs(1)).await;
            (count < 3).then(|| (Ok(Bytes::from_static(b"x")), count + 1))
        });
        let chunks: Vec<_> = without_silence(slow.boxed()).collect().await;
        assert_eq!(chunks.len(), 3);
        assert!(chunks.iter().all(Result::is_ok));
        let mut ended = without_silence(stream::empty().boxed());
        assert!(ended.next().await.is_none());
        assert!(ended.next().await.is_none());

        let mut silent = without_silence(stream::pending().boxed());
        assert_eq!(
            silent.next().await.unwrap().unwrap_err().kind(),
            io::ErrorKind::TimedOut
        );
    }
}
