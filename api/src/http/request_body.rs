//! Bodies that can be read on after a route has let go of them.
//!
//! A route that refuses an upload does so in the middle of it. Closing the connection there breaks it under whoever is
//! still sending, and most clients then report that and never read the answer. So what is left is read for a while first.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, future};
use poem::http::header;
use poem::{Body, Request};

/// Bytes that are read of what nobody wants. Above it a broken connection is the lesser evil.
const REST_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The time for that. A client that sends nothing more gets its answer after it.
const REST_PATIENCE: Duration = Duration::from_secs(2);

/// A second handle to the body of a request.
#[derive(Clone)]
pub(crate) struct RequestBody(Arc<Mutex<BoxStream<'static, io::Result<Bytes>>>>);

impl RequestBody {
    /// The body of a request, which stays where it is too; `None` when it has none.
    pub(crate) fn of(request: &mut Request) -> Option<Self> {
        let is_empty = |length: &str| length.trim() == "0";
        let chunked = request.header(header::TRANSFER_ENCODING).is_some();
        if !chunked && request.header(header::CONTENT_LENGTH).is_none_or(is_empty) {
            return None;
        }
        let chunks = request.take_body().into_bytes_stream().fuse().boxed();
        let body = Self(Arc::new(Mutex::new(chunks)));
        let theirs = body.clone();
        request.set_body(Body::from_bytes_stream(stream::poll_fn(move |context| {
            theirs.poll(context)
        })));
        Some(body)
    }

    /// Reads what the route has left, within bounds, and throws it away.
    pub(crate) async fn discard_rest(self) {
        let rest = async {
            let mut read = 0;
            while let Some(Ok(chunk)) = future::poll_fn(|context| self.poll(context)).await {
                read += chunk.len();
                if read > REST_BYTES_MAX {
                    break;
                }
            }
        };
        // Out of time is fine too: the answer comes either way.
        let _ = tokio::time::timeout(REST_PATIENCE, rest).await;
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .poll_next_unpin(context)
    }
}
