//! Reads one document and stores its text, language, tags, todos and events.
//!
//! Fetch, parse, enrich, ask a model where one is chosen, store, close. Nothing is visible before the close, which is one
//! transaction; whatever this process leaves behind when it dies on any line is a task that is taken back, and at most three
//! objects that the nightly clean-up finds.

mod enriching;
mod model_step;

use std::sync::Arc;
use std::time::{Duration, Instant};

use database::tasks::{self, Claim, Closed, DocumentResult};
use domain::{ReasonCode, SealedPassword};
use extraction::{Extracted, Limits};
use futures::TryStreamExt;
use sandbox::{ParseError, ParseRequest};
use secrecy::SecretString;
use storage::StorageKey;
use telemetry::metrics::{self, Stage};
use tokio_util::sync::CancellationToken;

use enriching::{Stored, dress, enrich};

use crate::context::Context;
use crate::outcome::{Ended, Failure, failure};

/// The database may be away for a while when a result is ready; the result is kept so long before it is thrown away.
const CLOSE_PATIENCE: Duration = Duration::from_secs(120);
/// How long a run that came to nothing waits for its text to be deleted. The clean-up finds what is left.
const DELETE_PATIENCE: Duration = Duration::from_secs(5);
/// The wait before a close is tried again.
const CLOSE_AGAIN: Duration = Duration::from_millis(500);

/// Runs one attempt until it ends or becomes `unwanted`.
pub(crate) async fn run(
    context: &Arc<Context>,
    claim: &Claim,
    unwanted: &CancellationToken,
) -> Result<Ended, Failure> {
    let read = async {
        let mut enriched = enrich(claim, parse(context, claim).await?).await?;
        let (findings, made_by) =
            model_step::findings(context, claim, &enriched.subject, enriched.findings).await;
        enriched.result.made_by = made_by;
        dress(&mut enriched.result, findings, enriched.paged);
        Ok::<_, Failure>((enriched.stored, enriched.result))
    };
    // Dropping it kills the child that reads the document, and hangs up on the model, whatever they are doing.
    let (stored, result) = tokio::select! {
        read = read => read?,
        () = unwanted.cancelled() => return Ok(Ended::Stopped),
    };
    // Cut off behind this line, a run could leave the text of a document that its owner does not want any more. It is not
    // far now.
    if unwanted.is_cancelled() {
        return Ok(Ended::Stopped);
    }
    let keys = store(context, claim, stored).await?;
    let ended = close(context, claim, result).await;
    // After an error nobody knows: the results may be stored, and then they point at this text.
    if matches!(ended, Ok(Ended::Stale)) {
        take_back(context, &keys).await;
    }
    ended
}

/// Stores the text in all its forms, at the same time. Returns their keys. After a failure nothing of it is left.
async fn store(context: &Context, claim: &Claim, stored: Stored) -> Result<Vec<StorageKey>, Failure> {
    let (user, document, fence) = (claim.user, claim.document, claim.fence);
    let objects = [Some(stored.text), stored.markdown, stored.parts];
    let objects = StorageKey::results(user, document, fence)
        .into_iter()
        .zip(objects);
    let objects = objects.filter_map(|(key, bytes)| Some((key, bytes?)));
    let (keys, puts): (Vec<_>, Vec<_>) = objects
        .map(|(key, bytes)| (key, async move { context.storage.put(&key, bytes).await }))
        .unzip();
    // None is broken off because another failed: it could arrive after all were deleted.
    let ended = timed(Stage::Store, futures::future::join_all(puts)).await;
    if let Some(error) = ended.into_iter().find_map(Result::err) {
        // It may have arrived although no answer came.
        take_back(context, &keys).await;
        return Err(error.into());
    }
    Ok(keys)
}

/// Deletes a text at which nobody will ever point, in all its forms: its fence is this run's alone.
async fn take_back(context: &Context, keys: &[StorageKey]) {
    let delete = context.storage.delete(keys);
    match tokio::time::timeout(DELETE_PATIENCE, delete).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(
                "left a text without a row to the clean-up: {}",
                telemetry::chain(&error)
            );
        }
        Err(_) => tracing::warn!("left a text without a row to the clean-up: no answer in time"),
    }
}

/// The bytes go from storage to a parser child without ever lying in this process as a whole.
async fn parse(context: &Arc<Context>, claim: &Claim) -> Result<Extracted, Failure> {
    let key = StorageKey::original(claim.user, claim.document);
    let password = match &claim.payload.sealed_password {
        Some(sealed) => Some(open(context, claim, sealed)?),
        None => None,
    };
    let request = ParseRequest {
        kind: claim.payload.kind,
        file_name: claim.payload.file_name.clone(),
        size: claim.payload.size_bytes,
        limits: Limits {
            content: claim.payload.content,
            ..Limits::default()
        },
        password,
    };
    let fetch = || async {
        match context.storage.get(&key).await {
            Ok(Some(object)) => Ok(object.stream.map_err(Fetch::Storage)),
            Ok(None) => Err(Fetch::Missing),
            Err(error) => Err(Fetch::Storage(error)),
        }
    };
    let parsed = timed(Stage::Parse, context.parsers.extract(&request, fetch)).await;
    parsed.map_err(|error| match &error {
        ParseError::Body(body) if matches!(body.downcast_ref(), Some(Fetch::Missing)) => {
            ReasonCode::OriginalMissing.into()
        }
        _ => error.into(),
    })
}

/// The password that came with the job. Without the key there is no use in trying again.
fn open(context: &Context, claim: &Claim, sealed: &SealedPassword) -> Result<SecretString, Failure> {
    context.sealing.open(claim.job, sealed).map_err(|error| {
        tracing::error!("{error}");
        failure(
            ReasonCode::Encrypted,
            "the password that came with it could not be used here; send the document again, with its password",
        )
    })
}

/// Why a document's bytes did not come.
#[derive(Debug, thiserror::Error)]
enum Fetch {
    #[error("the object is missing")]
    Missing,
    #[error("the object store failed")]
    Storage(#[source] storage::StorageError),
}

/// Stores the result. A database that is away for a moment does not waste the work that was done.
async fn close(context: &Arc<Context>, claim: &Claim, result: DocumentResult) -> Result<Ended, Failure> {
    let started = Instant::now();
    let mut unanswered = false;
    loop {
        match complete(context, claim, result.clone(), unanswered).await {
            Ok(closed) => {
                metrics::stage_finished(Stage::Close, started.elapsed());
                return Ok(match closed {
                    Closed::Won => Ended::Done,
                    Closed::Lost => Ended::Stale,
                });
            }
            Err(error) if error.is_transient() && started.elapsed() < CLOSE_PATIENCE => {
                unanswered = true;
                tracing::warn!("could not store the result yet: {}", telemetry::chain(&error));
                tokio::time::sleep(CLOSE_AGAIN).await;
            }
            Err(error) => {
                tracing::error!("could not store the result: {}", telemetry::chain(&error));
                // What the database refuses today it refuses tomorrow.
                return Err(if error.is_transient() {
                    ReasonCode::DatabaseUnavailable.into()
                } else {
                    ReasonCode::Internal.into()
                });
            }
        }
    }
}

/// Stores the result once. After a try that was not answered, a lost race may be one against that try.
async fn complete(
    context: &Context,
    claim: &Claim,
    result: DocumentResult,
    unanswered: bool,
) -> database::Result<Closed> {
    let database = &context.database;
    match tasks::complete(database, claim, result, context.clock.now()).await? {
        Closed::Lost if unanswered && tasks::is_complete(database, claim).await? => Ok(Closed::Won),
        closed => Ok(closed),
    }
}

async fn timed<T>(stage: Stage, work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let done = work.await;
    metrics::stage_finished(stage, started.elapsed());
    done
}
