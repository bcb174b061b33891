//! Objects: writing, reading, deleting and listing them.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use domain::ByteSize;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, Error as StoreError, GetOptions, GetRange, GetResult, GetResultPayload,
    ObjectStore, ObjectStoreExt, RetryConfig,
};
use secrecy::ExposeSecret;
use uuid::Uuid;

use crate::busy::{Busy, Listening};
use crate::upload::PartSize;
use crate::{PutError, StorageBackend, StorageError, StorageKey, StorageSettings, folder};

/// What the answer to a health check may take.
const READINESS_MAX: Duration = Duration::from_secs(3);

/// Files up to this size are read in one go.
const SMALL_BYTES_MAX: u64 = 64 * 1024;

/// Where [`Storage::probe`] writes. Not below `users`, so that no listing of documents meets it.
const PROBE_PREFIX: &str = "probe";

/// All objects. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Storage {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) part_size: PartSize,
    /// The folder, when it is one: without it every object would seem to be missing.
    root: Option<PathBuf>,
    busy: Busy,
}

/// The bytes of an object, on their way.
pub struct Object {
    /// The size of the whole object.
    pub size_bytes: u64,
    /// Which bytes of it the stream gives.
    pub range: Range<u64>,
    /// The bytes. An error ends the stream; what came before it is right but not all.
    pub stream: BoxStream<'static, Result<Bytes, StorageError>>,
}

/// A part of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ByteRange {
    /// From the first byte up to, and without, the second one. What lies beyond the end is left out.
    Within(Range<u64>),
    /// All from this byte on.
    From(u64),
    /// The last so many bytes, or all when there are fewer.
    Last(u64),
}

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key as it is stored. [`StorageKey::try_from`] tells whether it is one of ours.
    pub key: String,
    /// Its size.
    pub size_bytes: u64,
    /// When it was written, by the clock of the storage.
    pub last_modified: DateTime<Utc>,
}

impl Storage {
    /// Opens the storage. A folder is made when it is not there; a store in the network need not be up.
    ///
    /// # Errors
    /// When the settings cannot be used, or the folder cannot be made.
    pub fn open(settings: &StorageSettings) -> Result<Self, StorageError> {
        let storage = match settings.backend {
            StorageBackend::Memory => Self {
                store: Arc::new(InMemory::new()),
                part_size: PartSize::SMALL,
                root: None,
                busy: Busy::default(),
            },
            StorageBackend::Folder => {
                if settings.path.as_os_str().is_empty() {
                    return Err(StorageError::Settings("no folder is set"));
                }
                folder::create(&settings.path).map_err(|error| StorageError::Open(error.into()))?;
                let store = LocalFileSystem::new_with_prefix(&settings.path)
                    .map_err(|error| StorageError::Open(error.into()))?
                    .with_automatic_cleanup(true)
                    // The row that names an object survives a loss of power, so the object has to.
                    .with_fsync(settings.fsync);
                Self {
                    store: Arc::new(store),
                    part_size: PartSize::SMALL,
                    root: Some(settings.path.clone()),
                    busy: Busy::default(),
                }
            }
            StorageBackend::S3 => {
                let busy = Busy::default();
                Self {
                    store: open_s3(settings, busy.clone())?,
                    part_size: PartSize::S3,
                    root: None,
                    busy,
                }
            }
        };
        Ok(storage)
    }

    /// How long the store wants to be left alone from now on, by its newest answer (`Retry-After`); `None` when it has not
    /// said so, or the time is over.
    #[must_use]
    pub fn asked_to_wait(&self) -> Option<Duration> {
        self.busy.wait()
    }

    /// Stores a small object, replacing one that is there. Twice is as good as once.
    ///
    /// # Errors
    /// When the storage fails. The old object, if any, or the new one is there then.
    pub async fn put(&self, key: &StorageKey, bytes: Bytes) -> Result<(), StorageError> {
        self.store.put(&key.path(), bytes.into()).await?;
        Ok(())
    }

    /// Opens an object; `None` when there is none.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn get(&self, key: &StorageKey) -> Result<Option<Object>, StorageError> {
        let found = self.store.get(&key.path()).await;
        self.opened(found).await
    }

    /// Opens a part of an object; `None` when there is no object.
    ///
    /// # Errors
    /// [`StorageError::OutOfRange`] when the part is empty, and when the storage fails.
    pub async fn get_range(
        &self,
        key: &StorageKey,
        range: ByteRange,
    ) -> Result<Option<Object>, StorageError> {
        // The backends disagree about ranges without bytes, so they are never asked for one.
        let Some(head) = self.found(self.store.head(&key.path()).await)? else {
            return Ok(None);
        };
        let Some(range) = range.of(head.size) else {
            return Err(StorageError::OutOfRange {
                size_bytes: head.size,
            });
        };
        let options = GetOptions::new().with_range(Some(GetRange::Bounded(range)));
        let found = self.store.get_opts(&key.path(), options).await;
        self.opened(found).await
    }

    /// Reads a whole object into memory; `None` when there is none.
    ///
    /// # Errors
    /// [`StorageError::TooLarge`] when it has more than `bytes_max`, and when the storage fails.
    pub async fn read_all(&self, key: &StorageKey, bytes_max: u64) -> Result<Option<Bytes>, StorageError> {
        let Some(mut object) = self.get(key).await? else {
            return Ok(None);
        };
        let too_large = |size| StorageError::TooLarge {
            size: ByteSize::from_bytes(size),
            max: ByteSize::from_bytes(bytes_max),
        };
        if object.size_bytes > bytes_max {
            return Err(too_large(object.size_bytes));
        }
        let size = usize::try_from(object.size_bytes).map_err(|_| too_large(object.size_bytes))?;
        let mut bytes = BytesMut::with_capacity(size);
        while let Some(chunk) = object.stream.try_next().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > size {
                return Err(StorageError::Corrupt); // longer than it said, and perhaps without end
            }
        }
        Ok(Some(bytes.freeze()))
    }

    /// Copies an object, replacing what is at the other key. Returns whether there was one. Twice is as good as once.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn copy(&self, from: &StorageKey, to: &StorageKey) -> Result<bool, StorageError> {
        if self.root.is_none() {
            let copied = self.store.copy(&from.path(), &to.path()).await;
            return Ok(self.found(copied)?.is_some());
        }
        // In a folder it would be a second name for the same file: as old as that, and so at the mercy of whoever cleans up
        // what is old and has no row yet.
        let Some(object) = self.get(from).await? else {
            return Ok(false);
        };
        match self.put_stream(to, object.stream, u64::MAX).await {
            Ok(_) => Ok(true),
            Err(PutError::Stream(error) | PutError::Storage(error)) => Err(error),
            Err(PutError::TooLarge { .. }) => Err(StorageError::Corrupt),
        }
    }

    /// Deletes objects. Those that are not there are deleted already. Every one is tried, whatever happens to others.
    ///
    /// # Errors
    /// The first failure. Deleting them all again is safe.
    pub async fn delete(&self, keys: &[StorageKey]) -> Result<(), StorageError> {
        let paths: Vec<_> = keys.iter().map(|key| Ok(key.path())).collect();
        let mut outcome = Ok(());
        let mut deleted = self.store.delete_stream(stream::iter(paths).boxed());
        while let Some(one) = deleted.next().await {
            if let Err(error) = self.found(one) {
                outcome = outcome.and(Err(error));
            }
        }
        outcome
    }

    /// Everything in and below `folder` (`users`, or `users/{id}`) that was written before `before`, in any order.
    ///
    /// The stream ends with the first error.
    pub fn list(
        &self,
        folder: &str,
        before: DateTime<Utc>,
    ) -> BoxStream<'static, Result<Listed, StorageError>> {
        self.store
            .list(Some(&Path::from(folder)))
            .map_err(StorageError::from)
            .try_filter(move |object| std::future::ready(object.last_modified < before))
            .map_ok(|object| Listed {
                key: object.location.to_string(),
                size_bytes: object.size,
                last_modified: object.last_modified,
            })
            .boxed()
    }

    /// Removes what uploads left behind that ended together with their process before `before`, and returns how many.
    ///
    /// In a folder these are files that no listing shows. A store in the network has a rule of its own for unfinished
    /// uploads, which has to be set on the bucket; there is nothing to do here, nor in memory.
    ///
    /// # Errors
    /// When the folder cannot be read. Calling again is safe.
    pub async fn remove_unfinished(&self, before: DateTime<Utc>) -> Result<u64, StorageError> {
        let Some(root) = self.root.clone() else {
            return Ok(0);
        };
        tokio::task::spawn_blocking(move || folder::remove_unfinished(&root, before.into()))
            .await
            .map_err(|error| StorageError::Unavailable(error.into()))?
            .map_err(|error| StorageError::Unavailable(error.into()))
    }

    /// Writes, reads and deletes a small object: whether the storage can be used, not only reached.
    ///
    /// # Errors
    /// What a document would meet.
    pub async fn probe(&self) -> Result<(), StorageError> {
        let path = Path::from_iter([PROBE_PREFIX, &Uuid::now_v7().to_string()]);
        let written = Bytes::from_static(b"docmill was here");
        self.store.put(&path, written.clone().into()).await?;
        let read = async { self.store.get(&path).await?.bytes().await };
        let read = read.await;
        self.store.delete(&path).await?;
        if read? == written {
            Ok(())
        } else {
            Err(StorageError::Corrupt)
        }
    }

    /// Asks one cheap question, for the readiness of a process.
    ///
    /// # Errors
    /// When the storage does not answer it within three seconds.
    pub async fn readiness(&self) -> Result<(), StorageError> {
        // A listing, for a question about one object has the same answer from a bucket that does not exist.
        let folder = Path::from(PROBE_PREFIX);
        let asking = self.store.list_with_delimiter(Some(&folder));
        let answer = tokio::time::timeout(READINESS_MAX, asking)
            .await
            .map_err(|_| StorageError::TimedOut(READINESS_MAX))?;
        answer?;
        self.root_is_there()
    }

    async fn opened(&self, found: Result<GetResult, StoreError>) -> Result<Option<Object>, StorageError> {
        match self.found(found)? {
            Some(result) => Ok(Some(Object::open(result).await?)),
            None => Ok(None),
        }
    }

    /// Makes an answer of "there is no such object". That there is no bucket, or no folder, remains an error.
    fn found<T>(&self, result: Result<T, StoreError>) -> Result<Option<T>, StorageError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(StoreError::NotFound { source, .. }) => {
                if source.to_string().contains("NoSuchBucket") {
                    return Err(StorageError::Unavailable(source));
                }
                self.root_is_there()?;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn root_is_there(&self) -> Result<(), StorageError> {
        let Some(root) = &self.root else {
            return Ok(());
        };
        // One system call, and only after a miss.
        match std::fs::metadata(root) {
            Ok(metadata) if metadata.is_dir() => Ok(()),
            Ok(_) => Err(StorageError::Unavailable("it is no folder".into())),
            Err(error) => Err(StorageError::Unavailable(error.into())),
        }
    }
}

impl Object {
    async fn open(result: GetResult) -> Result<Self, StorageError> {
        let (size_bytes, range) = (result.meta.size, result.range.clone());
        let stream = match result.payload {
            // At once: as a stream, a file takes two trips to another thread, which cost more than reading it.
            GetResultPayload::File(file, _) if range.end - range.start <= SMALL_BYTES_MAX => {
                let wanted = range.clone();
                let bytes = tokio::task::spawn_blocking(move || folder::read_range(file, wanted))
                    .await
                    .map_err(|error| StorageError::Unavailable(error.into()))?
                    .map_err(|error| StorageError::Unavailable(error.into()))?;
                stream::once(std::future::ready(Ok(bytes))).boxed()
            }
            _ => result.into_stream().map_err(StorageError::from).boxed(),
        };
        Ok(Self {
            size_bytes,
            range,
            stream,
        })
    }
}

impl ByteRange {
    /// The bytes of an object of `size` that it means; `None` when there are none.
    fn of(&self, size: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::Within(range) => range.start..range.end.min(size),
            Self::From(start) => *start..size,
            Self::Last(count) => size.saturating_sub(*count)..size,
        };
        (!range.is_empty()).then_some(range)
    }
}

fn open_s3(settings: &StorageSettings, busy: Busy) -> Result<Arc<dyn ObjectStore>, StorageError> {
    // The HTTP client panics without a provider, even when it speaks no TLS. An error means that there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = ClientOptions::new()
        .with_connect_timeout(Duration::from_secs(5))
        // Not for a whole request: a large original takes as long as its reader does.
        .with_timeout_disabled()
        .with_read_timeout(Duration::from_secs(30))
        .with_allow_http(settings.allow_http);
    // Enough for a node that fails over. A task that needs more is tried again; a person should not wait for minutes.
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
            base: 2.,
        },
        max_retries: 4,
        retry_timeout: Duration::from_secs(15),
    };
    let mut builder = AmazonS3Builder::new()
        .with_client_options(client)
        .with_http_connector(Listening { busy })
        .with_allow_http(settings.allow_http)
        .with_retry(retry)
        .with_bucket_name(&settings.bucket)
        .with_region(&settings.region)
        .with_access_key_id(&settings.access_key_id)
        .with_secret_access_key(settings.secret_access_key.expose_secret());
    if !settings.endpoint.is_empty() {
        builder = builder.with_endpoint(&settings.endpoint);
    }
    let store = builder
        .build()
        .map_err(|error| StorageError::Open(error.into()))?;
    Ok(Arc::new(store))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::reversed_empty_ranges)]
    fn a_range_means_bytes_of_the_object_or_nothing() {
        assert_eq!(ByteRange::Within(2..5).of(10), Some(2..5));
        assert_eq!(ByteRange::Within(2..50).of(10), Some(2..10));
        assert_eq!(ByteRange::From(9).of(10), Some(9..10));
        assert_eq!(ByteRange::Last(3).of(10), Some(7..10));
        assert_eq!(ByteRange::Last(u64::MAX).of(10), Some(0..10));
        for nothing in [
            ByteRange::Within(5..5),
            ByteRange::Within(5..2),
            ByteRange::Within(10..20),
            ByteRange::From(10),
            ByteRange::Last(0),
        ] {
            assert_eq!(nothing.of(10), None, "{nothing:?}");
        }
        assert_eq!(ByteRange::Last(5).of(0), None);
    }
}
