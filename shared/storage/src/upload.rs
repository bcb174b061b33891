//! Storing a stream of unknown length, in bounded memory, or nothing of it.

use bytes::{Buf, Bytes, BytesMut};
use domain::ByteSize;
use futures::{Stream, StreamExt};
use object_store::{MultipartUpload, ObjectStoreExt};
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;
use tracing::debug;

use crate::{PutError, Storage, StorageError, StorageKey};

/// Parts that may be on their way while the next one is being filled.
const PARTS_AT_ONCE: usize = 2;

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
        // Copied into one piece: a client that sends byte by byte must not make us keep a thing for each.
        let mut part = BytesMut::new();
        let mut upload = None;
        while let Some(chunk) = stream.next().await {
            let mut chunk = chunk.map_err(PutError::Stream)?;
            size_bytes = size_bytes.saturating_add(chunk.len() as u64);
            if size_bytes > bytes_max {
                let max = ByteSize::from_bytes(bytes_max);
                return Err(PutError::TooLarge { max });
            }
            digest.update(&chunk);
            while part.len() + chunk.len() > self.part_size.0 {
                let fitting = self.part_size.0 - part.len();
                part.extend_from_slice(&chunk[..fitting]);
                chunk.advance(fitting);
                let upload = match &mut upload {
                    Some(upload) => upload,
                    none => none.insert(Upload::begin(self, key).await?),
                };
                part = upload.send(part.freeze()).await?;
                part.reserve(self.part_size.0); // so that it does not grow by doubling, beyond its bound
            }
            part.extend_from_slice(&chunk);
        }
        match upload {
            None => self.put(key, part.freeze()).await?,
            Some(mut upload) => {
                upload.send(part.freeze()).await?;
                upload.complete().await?;
            }
        }
        Ok(Stored {
            size_bytes,
            sha256: digest.finalize().into(),
        })
    }
}

/// An object that is being sent in parts. Dropping it takes back what was sent.
struct Upload {
    /// `None` once it is complete.
    parts: Option<Box<dyn MultipartUpload>>,
    /// Each gives its memory back.
    on_their_way: JoinSet<object_store::Result<BytesMut>>,
}

impl Upload {
    async fn begin(storage: &Storage, key: &StorageKey) -> Result<Self, StorageError> {
        Ok(Self {
            parts: Some(storage.store.put_multipart(&key.path()).await?),
            on_their_way: JoinSet::new(),
        })
    }

    /// Sends a part, and gives an empty buffer for the next one. It is that of a part that has arrived: an allocator that
    /// has to free and find such blocks again and again ends up holding a multiple of them.
    async fn send(&mut self, part: Bytes) -> Result<BytesMut, StorageError> {
        let mut free = BytesMut::new();
        while self.on_their_way.len() >= PARTS_AT_ONCE {
            free = self.arrived().await?;
        }
        if let Some(parts) = &mut self.parts {
            let sending = parts.put_part(part.clone().into());
            self.on_their_way.spawn(async move {
                sending.await?;
                let mut buffer = part.try_into_mut().unwrap_or_default();
                buffer.clear();
                Ok(buffer)
            });
        }
        Ok(free)
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

    /// Waits for any part to have arrived, and gives its buffer back.
    async fn arrived(&mut self) -> Result<BytesMut, StorageError> {
        match self.on_their_way.join_next().await {
            Some(part) => Ok(part.map_err(object_store::Error::from)??),
            None => Ok(BytesMut::new()),
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
