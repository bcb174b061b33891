//! Deletes every account, job and document.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use database::Database;
use domain::{Clock, QueueName, SystemClock};
use futures::TryStreamExt;
use queue::Queue;
use runtime::Process;
use storage::{Storage, StorageError, StorageKey};

use super::Done;
use crate::output::say;
use crate::settings::Settings;

#[derive(Args)]
pub(crate) struct Options {
    /// Do it; nothing can be brought back.
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(process: Process<Settings>, data: &Path, options: Options) -> Done {
    let mut settings = process.settings;
    settings.complete(data)?;
    if !options.yes {
        eprintln!("This deletes every account, job and document, for good. Say --yes to do it.");
        return Ok(ExitCode::from(runtime::EXIT_CODE_USAGE));
    }
    let database = Database::connect(&settings.database).await?;
    let storage = Storage::open(&settings.storage)?;
    let queue = Queue::open(&settings.queue)?;
    let steps = u32::try_from(database.migrations().await?.len()).unwrap_or(u32::MAX);
    database.migrate_down(steps).await?;
    database.migrate_up().await?;
    for name in QueueName::ALL {
        queue.hints.clear(*name).await?;
    }
    let objects = delete_objects(&storage).await?;
    say!("deleted all rows, hints and {objects} objects");
    Ok(ExitCode::SUCCESS)
}

/// Deletes every object of a document. What else lies in the bucket is not ours.
async fn delete_objects(storage: &Storage) -> Result<usize, StorageError> {
    const BATCH: usize = 500;
    let in_an_hour = SystemClock.now() + Duration::from_secs(3600);
    let keys = storage
        .list("users", in_an_hour)
        .try_filter_map(|listed| async move { Ok(StorageKey::try_from(listed.key.as_str()).ok()) });
    let batches = keys.try_chunks(BATCH);
    futures::pin_mut!(batches);
    let mut deleted = 0;
    while let Some(batch) = batches.try_next().await.map_err(|error| error.1)? {
        storage.delete(&batch).await?;
        deleted += batch.len();
    }
    Ok(deleted)
}
