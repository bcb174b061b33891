//! Reads one document and stores its text, language and tags.
//!
//! Fetch, parse, enrich, store, close. Nothing is visible before the close, which is one transaction; whatever this process
//! leaves behind when it dies on any line is a task that is taken back, and at most one object that the nightly clean-up
//! finds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use database::tasks::{self, Claim, Closed, DocumentResult, PassageText};
use domain::ReasonCode;
use enrichment::{Language, Tag};
use extraction::{Extracted, Limits};
use futures::TryStreamExt;
use sandbox::{ParseError, ParseRequest};
use storage::StorageKey;
use telemetry::metrics::{self, Stage};
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::outcome::{Ended, Failure};

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
    let read = async { enrich(claim, parse(context, claim).await?).await };
    // Dropping it kills the child that reads the document, whatever it is doing.
    let enriched = tokio::select! {
        read = read => read?,
        () = unwanted.cancelled() => return Ok(Ended::Stopped),
    };
    // Cut off behind this line, a run could leave the text of a document that its owner does not want any more. It is not
    // far now.
    if unwanted.is_cancelled() {
        return Ok(Ended::Stopped);
    }
    let key = StorageKey::text(claim.user, claim.job, claim.document, claim.fence);
    let put = timed(Stage::Store, context.storage.put(&key, enriched.text)).await;
    let (ended, is_useless) = match put {
        Ok(()) => {
            let ended = close(context, claim, enriched.result).await;
            // After an error nobody knows: the results may be stored, and then they point at this text.
            let is_useless = matches!(ended, Ok(Ended::Stale));
            (ended, is_useless)
        }
        // It may have arrived although no answer came.
        Err(error) => (Err(error.into()), true),
    };
    if is_useless {
        // Nobody will ever point at this text: its fence is this run's alone.
        let delete = context.storage.delete(std::slice::from_ref(&key));
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
    ended
}

/// The bytes go from storage to a parser child without ever lying in this process as a whole.
async fn parse(context: &Arc<Context>, claim: &Claim) -> Result<Extracted, Failure> {
    let key = StorageKey::original(claim.user, claim.job, claim.document);
    let request = ParseRequest {
        kind: claim.payload.kind,
        file_name: claim.payload.file_name.clone(),
        size: claim.payload.size_bytes,
        limits: Limits::default(),
    };
    let open = || async {
        match context.storage.get(&key).await {
            Ok(Some(object)) => Ok(object.stream.map_err(Fetch::Storage)),
            Ok(None) => Err(Fetch::Missing),
            Err(error) => Err(Fetch::Storage(error)),
        }
    };
    let parsed = timed(Stage::Parse, context.parsers.extract(&request, open)).await;
    parsed.map_err(|error| match &error {
        ParseError::Body(body) if matches!(body.downcast_ref(), Some(Fetch::Missing)) => {
            ReasonCode::OriginalMissing.into()
        }
        _ => error.into(),
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

struct Enriched {
    text: Bytes,
    result: DocumentResult,
}

/// Computes on a thread of its own kind, so that a long text does not hold up the others' input and output.
async fn enrich(claim: &Claim, extracted: Extracted) -> Result<Enriched, Failure> {
    let tags_max = usize::from(claim.payload.tags_max);
    let started = Instant::now();
    let enriched = tokio::task::spawn_blocking(move || result_of(extracted, tags_max)).await;
    metrics::stage_finished(Stage::Enrich, started.elapsed());
    enriched.map_err(|_| ReasonCode::EnrichmentFailed.into())
}

fn result_of(extracted: Extracted, tags_max: usize) -> Enriched {
    let text = extraction::full_text(&extracted);
    let passages = extraction::passages(&extracted)
        .into_iter()
        .map(|passage| PassageText {
            page: passage.page.map(|page| i32::try_from(page).unwrap_or(i32::MAX)),
            start_byte: i64::try_from(passage.start).unwrap_or(i64::MAX),
            text: passage.text,
        })
        .collect();
    let language = enrichment::detect_language(&text);
    let tags = enrichment::extract_tags(&text, language.as_ref().map(|it| it.code.as_str()), tags_max);
    let result = DocumentResult {
        title: extracted.title,
        language: language.map(|Language { code, confidence }| (code, confidence)),
        tag_words: tags.iter().map(|tag: &Tag| tag.value.clone()).collect(),
        tags: serde_json::to_value(&tags).unwrap_or_else(|_| serde_json::json!([])),
        pages: extracted
            .paged
            .then(|| i32::try_from(extracted.pages.len()).unwrap_or(i32::MAX)),
        words: i64::try_from(extraction::count_words(&text)).unwrap_or(i64::MAX),
        characters: i64::try_from(text.chars().count()).unwrap_or(i64::MAX),
        metadata: serde_json::to_value(&extracted.metadata).unwrap_or_else(|_| serde_json::json!({})),
        needs_ocr: extracted.needs_ocr,
        truncated: extracted.truncated,
        engine: extracted.engine,
        passages,
    };
    Enriched {
        text: Bytes::from(text),
        result,
    }
}

/// Stores the result. A database that is away for a moment does not waste the work that was done.
async fn close(context: &Arc<Context>, claim: &Claim, result: DocumentResult) -> Result<Ended, Failure> {
    let started = Instant::now();
    loop {
        match tasks::complete(&context.database, claim, result.clone(), context.clock.now()).await {
            Ok(closed) => {
                metrics::stage_finished(Stage::Close, started.elapsed());
                return Ok(match closed {
                    Closed::Won => Ended::Done,
                    Closed::Lost => Ended::Stale,
                });
            }
            Err(error) if error.is_transient() && started.elapsed() < CLOSE_PATIENCE => {
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

async fn timed<T>(stage: Stage, work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let done = work.await;
    metrics::stage_finished(stage, started.elapsed());
    done
}
