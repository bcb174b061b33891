//! Storing a stream of unknown length, in bounded memory, or nothing of it.

use bytes::{Bytes, BytesMut};
use domain::ByteSize;
use futures::{Stream, StreamExt};
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;
use tracing::debug;

use crate::{PutError, Storage, StorageError, StorageKey};

/// Parts that may be on their way while the next one is being filled.
const PARTS_AT_ONCE: usize = 2;

/// A part is gathered in pieces of this size. The allocator of the C library keeps what it gave out in large blocks for
/// each thread, and an upload would hold twice what it needs; it gives small ones back.
const PIECE_BYTES: usize = 64 << 10;

/// How much of a stream is held before it is sent: that is also the size up to which one request does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PartSize(usize);

impl PartSize {
    /// For a store in the network, where every request costs time and a part must have 5 MiB. With the parts on their
    /// way an upload holds 15 MiB at most.
    pub(crate) const S3: Self = Self(5 << 20);
    /// For a folder, where parts are only written one after the other.
    pub(crate) const SMALL: Self = Self(1 << 20);
}

/// What was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// How many bytes.
    pub size_bytes: u64,
    /// Their SHA-256.
    pub sha256: [u8; 32],
}

impl Storage {
    /// Stores a stream, replacing an object that is there. It appears all at once or not at all.
    ///
    /// When the stream fails, is too long, or the future is dropped, what was sent already is removed. That is tried
    /// once: see [`Storage::remove_unfinished`] for the rest.
    ///
    /// # Errors
    /// When the stream fails, when it has more than `bytes_max`, and when the storage fails.
    pub async fn put_stream<E>(
        &self,
        key: &StorageKey,
        stream: impl Stream<Item = Result<Bytes, E>> + Send,
        bytes_max: u64,
    ) -> Result<Stored, PutError<E>> {
        let mut stream = std::pin::pin!(stream);
        let mut digest = Sha256::new();
        let mut size_bytes: u64 = 0;
        let mut part = Part::default();
        let mut upload = None;
        while let Some(chunk) = stream.next().await {
            let mut chunk = chunk.map_err(PutError::Stream)?;
            size_bytes = size_bytes.saturating_add(chunk.len() as u64);
            if size_bytes > bytes_max {
                let max = ByteSize::from_bytes(bytes_max);
                return Err(PutError::TooLarge { max });
            }
            digest.update(&chunk);
            while part.bytes + chunk.len() > self.part_size.0 {
                part.add(&mut chunk, self.part_size.0);
                let upload = match &mut upload {
                    Some(upload) => upload,
                    none => none.insert(Upload::begin(self, key).await?),
                };
                upload.send(part.take()).await?;
            }
            part.add(&mut chunk, self.part_size.0);
        }
        match upload {
            None => {
                let put = self.store.put(&key.path(), part.take()).await;
                put.map_err(StorageError::from)?;
            }
            Some(mut upload) => {
                upload.send(part.take()).await?;
                upload.complete().await?;
            }
        }
        Ok(Stored {
            size_bytes,
            sha256: digest.finalize().into(),
        })
    }
}

/// What of a stream is held and not yet sent.
#[derive(Default)]
struct Part {
    bytes: usize,
    full: Vec<Bytes>,
    // Copied together: a client that sends byte by byte must not make us keep a thing for each.
    filling: BytesMut,
}

impl Part {
    /// Takes from the front of `chunk` as much as fits.
    fn add(&mut self, chunk: &mut Bytes, bytes_max: usize) {
        let mut fitting = chunk.split_to(chunk.len().min(bytes_max - self.bytes));
        self.bytes += fitting.len();
        while !fitting.is_empty() {
            if self.filling.capacity() == 0 {
                self.filling.reserve(PIECE_BYTES.min(bytes_max));
            }
            let room = self.filling.capacity() - self.filling.len();
            self.filling
                .extend_from_slice(&fitting.split_to(room.min(fitting.len())));
            if self.filling.len() == self.filling.capacity() {
                self.full.push(std::mem::take(&mut self.filling).freeze());
            }
        }
    }

    /// All of it, leaving nothing.
    fn take(&mut self) -> PutPayload {
        let Self {
            mut full, filling, ..
        } = std::mem::take(self);
        if !filling.is_empty() {
            full.push(filling.freeze());
        }
        full.into_iter().collect()
    }
}

/// An object that is being sent in parts. Dropping it takes back what was sent.
struct Upload {
    /// `None` once it is complete.
    parts: Option<Box<dyn MultipartUpload>>,
    on_their_way: JoinSet<object_store::Result<()>>,
}

impl Upload {
    async fn begin(storage: &Storage, key: &StorageKey) -> Result<Self, StorageError> {
        Ok(Self {
            parts: Some(storage.store.put_multipart(&key.path()).await?),
            on_their_way: JoinSet::new(),
        })
    }

    async fn send(&mut self, part: PutPayload) -> Result<(), StorageError> {
        while self.on_their_way.len() >= PARTS_AT_ONCE {
            self.arrived().await?;
        }
        if let Some(parts) = &mut self.parts {
            self.on_their_way.spawn(parts.put_part(part));
        }
        Ok(())
    }

    async fn complete(mut self) -> Result<(), StorageError> {
        while !self.on_their_way.is_empty() {
            self.arrived().await?;
        }
        if let Some(parts) = &mut self.parts {
            parts.complete().await?;
        }
        self.parts = None;
        Ok(())
    }

    /// Waits for any part to have arrived.
    async fn arrived(&mut self) -> Result<(), StorageError> {
        match self.on_their_way.join_next().await {
            Some(part) => Ok(part.map_err(object_store::Error::from)??),
            None => Ok(()),
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let (Some(mut parts), Ok(runtime)) = (self.parts.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let mut on_their_way = std::mem::take(&mut self.on_their_way);
        runtime.spawn(async move {
            // A part that arrives after the end would stay behind.
            on_their_way.shutdown().await;
            if let Err(error) = parts.abort().await {
                debug!(%error, "an unfinished upload may have left parts behind");
            }
        });
    }
}
