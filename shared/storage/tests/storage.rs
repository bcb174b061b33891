//! What every storage must do, run over a folder, memory and a real S3 server.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{DocumentId, UserId};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};
use storage::{ByteRange, PutError, Storage, StorageBackend, StorageError, StorageKey, StorageSettings};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const MIB: usize = 1 << 20;
const NO_LIMIT: u64 = u64::MAX;

/// A storage, and one user in it whom no other test knows.
struct Fixture {
    storage: Storage,
    user: UserId,
    folder: Option<TempDir>,
}

fn memory() -> Fixture {
    fixture(
        &StorageSettings {
            backend: StorageBackend::Memory,
            ..StorageSettings::default()
        },
        None,
    )
}

fn folder() -> Fixture {
    let folder = TempDir::new().unwrap();
    let settings = StorageSettings {
        path: folder.path().join("new/objects"),
        ..StorageSettings::default()
    };
    fixture(&settings, Some(folder))
}

fn s3() -> Fixture {
    fixture(&s3_settings(), None)
}

fn s3_settings() -> StorageSettings {
    let variable = |name: &str| {
        std::env::var(name).unwrap_or_else(|_| {
            panic!("{name} must name an S3 server that tests may use; ./script/test starts one and sets it")
        })
    };
    StorageSettings {
        backend: StorageBackend::S3,
        endpoint: variable("DOCMILL_TEST_S3_ENDPOINT"),
        bucket: variable("DOCMILL_TEST_S3_BUCKET"),
        access_key_id: variable("DOCMILL_TEST_S3_ACCESS_KEY"),
        secret_access_key: variable("DOCMILL_TEST_S3_SECRET_KEY").into(),
        allow_http: true,
        ..StorageSettings::default()
    }
}

fn fixture(settings: &StorageSettings, folder: Option<TempDir>) -> Fixture {
    Fixture {
        storage: Storage::open(settings).unwrap(),
        user: UserId::new(),
        folder,
    }
}

impl Fixture {
    fn key(&self) -> StorageKey {
        StorageKey::original(self.user, DocumentId::new())
    }

    async fn read(&self, key: &StorageKey) -> Option<Bytes> {
        self.storage.read_all(key, NO_LIMIT).await.unwrap()
    }

    async fn part(&self, key: &StorageKey, range: ByteRange) -> Bytes {
        let object = self.storage.get_range(key, range).await.unwrap().unwrap();
        assert_eq!(object.size_bytes, 10);
        let length = object.range.end - object.range.start;
        let bytes = collect(object.stream).await;
        assert_eq!(bytes.len() as u64, length);
        bytes
    }

    async fn listed(&self) -> Vec<String> {
        self.listed_before(Utc::now() + TimeDelta::minutes(1)).await
    }

    async fn listed_before(&self, before: DateTime<Utc>) -> Vec<String> {
        let listing = self.storage.list(&format!("users/{}", self.user), before);
        let mut keys: Vec<String> = listing.map_ok(|object| object.key).try_collect().await.unwrap();
        keys.sort_unstable();
        keys
    }

    /// Comes back when nothing of the user is left, in the folder not even a file that no listing shows.
    async fn until_nothing_is_left(&self) {
        let left = async {
            while !self.listed().await.is_empty()
                || self.folder.as_ref().is_some_and(|it| files(it.path()) > 0)
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), left)
            .await
            .expect("nothing is left");
    }
}

macro_rules! on_every_backend {
    ($($test:ident),+ $(,)?) => {
        mod in_a_folder { $(#[tokio::test] async fn $test() { super::$test(super::folder()).await; })+ }
        mod in_memory { $(#[tokio::test] async fn $test() { super::$test(super::memory()).await; })+ }
        mod over_s3 { $(#[tokio::test] async fn $test() { super::$test(super::s3()).await; })+ }
    };
}

on_every_backend! {
    what_is_put_is_read_back,
    putting_twice_replaces,
    a_copy_lives_on_without_what_it_was_made_of,
    an_object_that_is_not_there_is_none,
    a_part_of_an_object_can_be_read,
    a_part_without_bytes_is_out_of_range,
    an_object_larger_than_its_reader_allows_is_refused,
    streams_of_any_length_are_stored_with_their_hash,
    a_stream_of_tiny_or_huge_chunks_is_stored,
    a_stream_that_fails_leaves_nothing,
    a_stream_over_its_limit_leaves_nothing,
    a_stream_at_its_limit_is_stored,
    an_upload_that_is_given_up_leaves_nothing,
    a_failed_stream_leaves_the_object_that_was_there,
    deleting_twice_is_fine,
    many_objects_are_deleted_at_once,
    a_listing_shows_keys_sizes_and_ages,
    the_storage_can_be_probed_and_is_ready,
}

async fn what_is_put_is_read_back(it: Fixture) {
    for bytes in [Bytes::new(), Bytes::from_static(b"hello"), random(MIB)] {
        let key = StorageKey::text(it.user, DocumentId::new(), 7);
        it.storage.put(&key, bytes.clone()).await.unwrap();
        assert_eq!(it.read(&key).await, Some(bytes.clone()));
        let object = it.storage.get(&key).await.unwrap().unwrap();
        assert_eq!(
            (object.size_bytes, object.range),
            (bytes.len() as u64, 0..bytes.len() as u64)
        );
        assert_eq!(collect(object.stream).await, bytes);
    }
}

async fn a_copy_lives_on_without_what_it_was_made_of(fixture: Fixture) {
    let (from, to) = (fixture.key(), fixture.key());
    assert!(
        !fixture.storage.copy(&from, &to).await.unwrap(),
        "there is nothing to copy"
    );
    let began = Utc::now() - TimeDelta::seconds(2);
    let bytes = Bytes::from(vec![b'x'; 3 * MIB]);
    fixture.storage.put(&from, bytes.clone()).await.unwrap();
    for _ in 0..2 {
        assert!(fixture.storage.copy(&from, &to).await.unwrap());
    }
    fixture
        .storage
        .put(&from, Bytes::from_static(b"other"))
        .await
        .unwrap();
    fixture.storage.delete(&[from]).await.unwrap();
    assert_eq!(fixture.read(&to).await, Some(bytes));
    assert!(fixture.listed_before(began).await.is_empty(), "a copy is new");
}

async fn putting_twice_replaces(it: Fixture) {
    let key = it.key();
    it.storage
        .put(&key, Bytes::from_static(b"a long first text"))
        .await
        .unwrap();
    it.storage.put(&key, Bytes::from_static(b"second")).await.unwrap();
    assert_eq!(it.read(&key).await.unwrap(), "second");
}

async fn an_object_that_is_not_there_is_none(it: Fixture) {
    let key = it.key();
    assert!(it.storage.get(&key).await.unwrap().is_none());
    assert!(
        it.storage
            .get_range(&key, ByteRange::From(0))
            .await
            .unwrap()
            .is_none()
    );
    assert!(it.read(&key).await.is_none());
}

async fn a_part_of_an_object_can_be_read(it: Fixture) {
    let key = it.key();
    it.storage
        .put(&key, Bytes::from_static(b"0123456789"))
        .await
        .unwrap();
    assert_eq!(it.part(&key, ByteRange::Within(2..5)).await, "234");
    assert_eq!(it.part(&key, ByteRange::Within(8..100)).await, "89");
    assert_eq!(it.part(&key, ByteRange::From(7)).await, "789");
    assert_eq!(it.part(&key, ByteRange::Last(4)).await, "6789");
    assert_eq!(it.part(&key, ByteRange::Last(100)).await, "0123456789");
}

async fn a_part_without_bytes_is_out_of_range(it: Fixture) {
    let key = it.key();
    it.storage
        .put(&key, Bytes::from_static(b"0123456789"))
        .await
        .unwrap();
    for range in [
        ByteRange::Within(10..20),
        ByteRange::Within(3..3),
        ByteRange::From(10),
        ByteRange::Last(0),
    ] {
        let part = it.storage.get_range(&key, range.clone()).await;
        assert!(
            matches!(part, Err(StorageError::OutOfRange { size_bytes: 10 })),
            "{range:?}"
        );
    }
}

async fn an_object_larger_than_its_reader_allows_is_refused(it: Fixture) {
    let key = it.key();
    it.storage
        .put(&key, Bytes::from_static(b"0123456789"))
        .await
        .unwrap();
    assert_eq!(
        it.storage.read_all(&key, 10).await.unwrap().unwrap(),
        "0123456789"
    );
    let error = it.storage.read_all(&key, 9).await.unwrap_err();
    assert_eq!(error.to_string(), "the object has 10B but may have 9B at most");
    assert!(!error.is_transient());
}

async fn streams_of_any_length_are_stored_with_their_hash(it: Fixture) {
    // Around the sizes at which a folder and S3 begin another part, and well beyond.
    for size in [0, 1, MIB, MIB + 1, 8 * MIB, 8 * MIB + 1, 20 * MIB] {
        let (key, bytes) = (it.key(), random(size));
        let stored = it
            .storage
            .put_stream(&key, chunks(&bytes, 64 << 10), NO_LIMIT)
            .await
            .unwrap();
        assert_eq!(stored.size_bytes, size as u64);
        assert_eq!(hex::encode(stored.sha256), hex::encode(Sha256::digest(&bytes)));
        assert!(
            it.read(&key).await.unwrap() == bytes,
            "{size} bytes came back as others"
        );
        it.storage.delete(&[key]).await.unwrap();
    }
    it.until_nothing_is_left().await;
}

async fn a_stream_of_tiny_or_huge_chunks_is_stored(it: Fixture) {
    for (size, chunk) in [(10_000, 1), (20 * MIB, 20 * MIB), (3 * MIB, MIB + 1)] {
        let (key, bytes) = (it.key(), random(size));
        let stored = it
            .storage
            .put_stream(&key, chunks(&bytes, chunk), NO_LIMIT)
            .await
            .unwrap();
        assert_eq!(stored.size_bytes, size as u64);
        assert!(
            it.read(&key).await.unwrap() == bytes,
            "{size} bytes came back as others"
        );
    }
}

async fn a_stream_that_fails_leaves_nothing(it: Fixture) {
    for size in [0, MIB / 2, 3 * MIB, 20 * MIB] {
        let bytes = random(size);
        let failing = chunks(&bytes, 64 << 10)
            .map(|chunk| chunk.map_err(|never: Infallible| match never {}))
            .chain(stream::once(async {
                Err(io::Error::from(io::ErrorKind::ConnectionReset))
            }));
        let outcome = it.storage.put_stream(&it.key(), failing, NO_LIMIT).await;
        assert!(matches!(outcome, Err(PutError::Stream(_))), "{outcome:?}");
        it.until_nothing_is_left().await;
    }
}

async fn a_stream_over_its_limit_leaves_nothing(it: Fixture) {
    for limit in [0, MIB / 2, 3 * MIB, 20 * MIB] {
        let bytes = random(limit + 1);
        let outcome = it
            .storage
            .put_stream(&it.key(), chunks(&bytes, 64 << 10), limit as u64)
            .await;
        assert!(matches!(outcome, Err(PutError::TooLarge { .. })), "{outcome:?}");
        it.until_nothing_is_left().await;
    }
}

async fn a_stream_at_its_limit_is_stored(it: Fixture) {
    let (key, bytes) = (it.key(), random(MIB));
    it.storage
        .put_stream(&key, chunks(&bytes, 1000), MIB as u64)
        .await
        .unwrap();
    assert!(it.read(&key).await.unwrap() == bytes);
}

async fn an_upload_that_is_given_up_leaves_nothing(it: Fixture) {
    let bytes = random(20 * MIB);
    // As when a client stops sending and its request is dropped.
    let endless = chunks(&bytes, 64 << 10).chain(stream::pending());
    let key = it.key();
    let put = it.storage.put_stream(&key, endless, NO_LIMIT);
    assert!(
        tokio::time::timeout(Duration::from_millis(400), put)
            .await
            .is_err()
    );
    it.until_nothing_is_left().await;
}

async fn a_failed_stream_leaves_the_object_that_was_there(it: Fixture) {
    let key = it.key();
    it.storage.put(&key, Bytes::from_static(b"old")).await.unwrap();
    let bytes = random(10 * MIB);
    it.storage
        .put_stream(&key, chunks(&bytes, MIB), 9 << 20)
        .await
        .unwrap_err();
    assert_eq!(it.read(&key).await.unwrap(), "old");
    it.storage
        .put_stream(&key, chunks(&bytes, MIB), NO_LIMIT)
        .await
        .unwrap();
    assert!(it.read(&key).await.unwrap() == bytes);
}

async fn deleting_twice_is_fine(it: Fixture) {
    let (key, other) = (it.key(), it.key());
    it.storage.put(&key, Bytes::from_static(b"bytes")).await.unwrap();
    it.storage.delete(&[]).await.unwrap();
    it.storage.delete(&[other, key, key]).await.unwrap();
    assert!(it.read(&key).await.is_none());
    it.storage.delete(&[key]).await.unwrap();
}

async fn many_objects_are_deleted_at_once(it: Fixture) {
    let keys: Vec<StorageKey> = (0..120).map(|_| it.key()).collect();
    let puts = keys
        .iter()
        .map(|key| it.storage.put(key, Bytes::from_static(b"bytes")));
    stream::iter(puts)
        .buffered(10)
        .try_collect::<Vec<()>>()
        .await
        .unwrap();
    assert_eq!(it.listed().await.len(), keys.len());
    it.storage.delete(&keys).await.unwrap();
    it.until_nothing_is_left().await;
}

async fn a_listing_shows_keys_sizes_and_ages(it: Fixture) {
    let begin = Utc::now();
    let mut keys = [it.key(), it.key(), it.key()];
    for key in &keys {
        it.storage.put(key, Bytes::from_static(b"bytes")).await.unwrap();
    }
    keys.sort_unstable_by_key(StorageKey::to_string);
    assert_eq!(it.listed().await, keys.map(|key| key.to_string()));
    let read_back: Vec<_> = it
        .listed()
        .await
        .iter()
        .map(|key| StorageKey::try_from(key.as_str()))
        .collect();
    assert_eq!(read_back, keys.map(Ok));
    // Times of a storage may be cut to seconds.
    assert_eq!(it.listed_before(begin - TimeDelta::seconds(2)).await, [""; 0]);

    let everything = it.storage.list("users", Utc::now() + TimeDelta::minutes(1));
    let ours = everything.try_filter(|object| std::future::ready(object.key == keys[0].to_string()));
    let [object] = &ours.try_collect::<Vec<_>>().await.unwrap()[..] else {
        panic!("one object");
    };
    assert_eq!(object.size_bytes, 5);
    assert!(
        (object.last_modified - begin).abs() < TimeDelta::minutes(1),
        "{object:?}"
    );

    let nobody = it.storage.list(&format!("users/{}", UserId::new()), Utc::now());
    assert_eq!(nobody.count().await, 0);
}

async fn the_storage_can_be_probed_and_is_ready(it: Fixture) {
    it.storage.readiness().await.unwrap();
    it.storage.probe().await.unwrap();
    it.storage.probe().await.unwrap();
    it.storage.readiness().await.unwrap();
    it.until_nothing_is_left().await;
}

#[tokio::test]
async fn a_wrong_secret_is_a_clear_error_without_the_secret() {
    let settings = StorageSettings {
        secret_access_key: "not-the-hunter3".into(),
        ..s3_settings()
    };
    let it = fixture(&settings, None);
    let put = it.storage.put(&it.key(), Bytes::from_static(b"bytes")).await;
    let get = it.storage.get(&it.key()).await.map(drop);
    let probe = it.storage.probe().await;
    for error in [put.unwrap_err(), get.unwrap_err(), probe.unwrap_err()] {
        assert_eq!(error.to_string(), "the storage refused a request");
        assert!(!format!("{error:?}").contains("hunter3"), "{error:?}");
        assert!(!error.is_transient());
    }
    let readiness = it.storage.readiness().await.unwrap_err();
    assert!(!format!("{readiness:?} {:?}", it.storage).contains("hunter3"));
}

#[tokio::test]
async fn a_bucket_that_does_not_exist_is_not_an_empty_one() {
    // Answers as S3 does; not every test server does.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = StorageSettings {
        endpoint: format!("http://{}", listener.local_addr().unwrap()),
        ..s3_settings()
    };
    let it = fixture(&settings, None);
    let answering = async {
        let body = "<Error><Code>NoSuchBucket</Code></Error>";
        let answer = format!(
            "HTTP/1.1 404 Not Found\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            assert!(client.read(&mut [0; 4096]).await.unwrap() > 0, "a request");
            client.write_all(answer.as_bytes()).await.unwrap();
        }
    };
    let asking = async {
        assert!(it.storage.readiness().await.unwrap_err().is_transient());
        let got = it.storage.get(&it.key()).await.map(drop);
        assert!(got.unwrap_err().is_transient());
    };
    tokio::select! {
        () = answering => {}
        () = asking => {}
    }
}

#[tokio::test]
async fn a_busy_store_says_how_long_it_wants_to_be_left_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = StorageSettings {
        endpoint: format!("http://{}", listener.local_addr().unwrap()),
        ..s3_settings()
    };
    let it = fixture(&settings, None);
    assert_eq!(it.storage.asked_to_wait(), None);
    let answering = async {
        let answer =
            "HTTP/1.1 503 Slow Down\r\nRetry-After: 120\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            assert!(client.read(&mut [0; 4096]).await.unwrap() > 0, "a request");
            client.write_all(answer.as_bytes()).await.unwrap();
        }
    };
    let asking = async {
        assert!(
            it.storage
                .get(&it.key())
                .await
                .map(drop)
                .unwrap_err()
                .is_transient()
        );
    };
    tokio::select! {
        () = answering => {}
        () = asking => {}
    }
    let wait = it.storage.asked_to_wait().expect("it has said so");
    assert!(
        wait > Duration::from_secs(60) && wait <= Duration::from_secs(120),
        "{wait:?}"
    );
    assert_eq!(memory().storage.asked_to_wait(), None);
}

#[tokio::test]
async fn a_server_that_is_away_is_not_available() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let settings = StorageSettings {
        endpoint: format!("http://{address}"),
        ..s3_settings()
    };
    let it = fixture(&settings, None);
    let error = it.storage.put(&it.key(), Bytes::new()).await.unwrap_err();
    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_folder_that_has_gone_is_not_an_empty_one() {
    let it = folder();
    it.storage.put(&it.key(), Bytes::new()).await.unwrap();
    std::fs::remove_dir_all(it.folder.as_ref().unwrap().path().join("new/objects")).unwrap();
    assert!(it.storage.readiness().await.unwrap_err().is_transient());
    assert!(
        it.storage
            .get(&it.key())
            .await
            .map(drop)
            .unwrap_err()
            .is_transient()
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_folder_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let it = folder();
    let new = it.folder.as_ref().unwrap().path().join("new");
    for made in [new.join("objects"), new] {
        let mode = std::fs::metadata(&made).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", made.display());
    }
}

#[tokio::test]
async fn deleting_the_last_object_of_a_user_removes_the_users_folder() {
    let it = folder();
    let key = it.key();
    it.storage.put(&key, Bytes::new()).await.unwrap();
    let root = it.folder.as_ref().unwrap().path().join("new/objects");
    assert!(root.join(key.to_string()).is_file());
    it.storage.delete(&[key]).await.unwrap();
    assert_eq!(std::fs::read_dir(&root).unwrap().count(), 0);
    assert!(root.is_dir());
}

#[tokio::test]
async fn what_a_killed_process_left_is_removed_once_it_is_old() {
    let it = folder();
    let key = it.key();
    let unfinished = StorageKey::original(UserId::new(), DocumentId::new());
    it.storage.put(&key, Bytes::from_static(b"bytes")).await.unwrap();
    let left = it
        .folder
        .as_ref()
        .unwrap()
        .path()
        .join("new/objects")
        .join(format!("{unfinished}#1"));
    std::fs::create_dir_all(left.parent().unwrap()).unwrap();
    std::fs::write(&left, "half").unwrap();

    let past = Utc::now() - TimeDelta::hours(1);
    assert_eq!(it.storage.remove_unfinished(past).await.unwrap(), 0);
    assert!(left.exists());
    let future = Utc::now() + TimeDelta::hours(1);
    assert_eq!(it.storage.remove_unfinished(future).await.unwrap(), 1);
    assert!(!left.parent().unwrap().exists(), "nor its folder");
    assert_eq!(it.storage.remove_unfinished(future).await.unwrap(), 0);
    assert_eq!(it.read(&key).await.unwrap(), "bytes");
}

#[tokio::test]
async fn only_a_folder_has_to_be_tidied() {
    for it in [memory(), s3()] {
        assert_eq!(it.storage.remove_unfinished(Utc::now()).await.unwrap(), 0);
    }
}

#[test]
fn a_folder_needs_a_path() {
    let error = Storage::open(&StorageSettings::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the storage cannot be opened: no folder is set"
    );
}

fn chunks(bytes: &Bytes, size: usize) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + use<> {
    let bytes = bytes.clone();
    let starts = (0..bytes.len()).step_by(size);
    stream::iter(starts.map(move |start| Ok(bytes.slice(start..bytes.len().min(start + size)))))
}

async fn collect(stream: impl Stream<Item = Result<Bytes, StorageError>>) -> Bytes {
    stream.map_ok(Vec::from).try_concat().await.unwrap().into()
}

/// Bytes without a pattern (xorshift), the same at every run.
fn random(size: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = vec![0; size];
    for word in bytes.chunks_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        word.copy_from_slice(&state.to_le_bytes()[..word.len()]);
    }
    bytes.into()
}

/// Files in and below a folder.
fn files(path: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(path) else {
        return 0; // removed meanwhile
    };
    entries
        .flatten()
        .map(|entry| {
            if entry.path().is_dir() {
                files(&entry.path())
            } else {
                1
            }
        })
        .sum()
}
