//! Bounds that nobody would change, each with its reason. What an operator may change is a setting.

use std::time::Duration;

/// Files in one upload.
pub const FILES_PER_UPLOAD_MAX: usize = 100;

/// Bytes of a file name that are kept as a label; longer names are cut at a character.
pub const FILE_NAME_BYTES_MAX: usize = 255;

/// Bytes of a password that opens a document.
pub const DOCUMENT_PASSWORD_BYTES_MAX: usize = 1_024;

/// Tags that may be asked for.
pub const TAGS_MAX: u8 = 50;

/// Tags when nobody asks for a number.
pub const TAGS_DEFAULT: u8 = 10;

/// Attempts before a task that keeps failing for reasons of the world, or keeps killing its worker, is dead.
pub const ATTEMPTS_MAX: i16 = 3;

/// How long a job may take when nobody asks for a deadline.
pub const DEADLINE_DEFAULT: Duration = Duration::from_secs(60 * 60);

/// The longest deadline that may be asked for.
pub const DEADLINE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Bytes of a passage; passages end at the nearest break before it.
pub const PASSAGE_BYTES_MAX: usize = 2_000;

/// Items on a page of a list when nobody asks for a number.
pub const PAGE_ITEMS_DEFAULT: u64 = 50;

/// Items on a page of a list at most.
pub const PAGE_ITEMS_MAX: u64 = 100;

/// The longest a client may wait in one request for a job to change.
pub const WAIT_MAX: Duration = Duration::from_secs(60);

/// Hints that wait in one queue at most, however large the fleet. Usually far fewer do, a few times what the fleet takes in a
/// moment; the rest waits in the database, where it can be ordered.
pub const HINTS_MAX: u64 = 1_000;

/// Characters of a key that only one job of an account may have at a time. The column is as wide.
pub const UNIQUE_KEY_CHARS_MAX: usize = 255;

/// For how long a job has its unique key unless the client says otherwise: as long as a request can be repeated.
pub const UNIQUE_FOR_DEFAULT: Duration = Duration::from_secs(24 * 3600);

/// For how long a job may have its unique key. Longer ones would be forgotten by those who chose them.
pub const UNIQUE_FOR_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// Hints for which there is room in a queue however small the fleet.
pub const HINTS_MIN: u64 = 8;

/// A worker that was not heard of for so long does not count as alive. Several signs of life fit into it.
pub const WORKER_SILENCE: Duration = Duration::from_secs(30);
/// Labels of a document.
pub const LABELS_MAX: usize = 20;

/// Characters of a label.
pub const LABEL_CHARACTERS_MAX: usize = 50;

/// Characters of a title.
pub const TITLE_CHARACTERS_MAX: usize = 500;

/// Searches that one user may keep.
pub const SAVED_SEARCHES_MAX: i64 = 100;

/// Characters of the name of a kept search.
pub const SEARCH_NAME_CHARACTERS_MAX: usize = 100;

/// Characters of a query that is kept. Longer ones are cut where they are run.
pub const QUERY_CHARACTERS_MAX: usize = 1_000;
