//! Reads one document and stores its text, language and tags.
//!
//! Fetch, parse, enrich, store, close. Nothing is visible before the close, which is one transaction; whatever this process
//! leaves behind when it dies on any line is a task that is taken back, and at most one object that the nightly clean-up
//! finds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use database::tasks::{self, Claim, Closed, DocumentResult, PassageText};
use enrichment::{Language, Tag};
use extraction::{Extracted, Limits, Structure};
use futures::TryStreamExt;
use sandbox::{ParseError, ParseRequest};
use storage::StorageKey;
use telemetry::metrics::{self, Stage};
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::outcome::{Failure, reject, retry};

/// The database may be away for a while when a result is ready; the result is kept so long before it is thrown away.
const CLOSE_PATIENCE: Duration = Duration::from_secs(120);
/// The wait before a close is tried again.
const CLOSE_AGAIN: Duration = Duration::from_millis(500);

/// Runs one attempt. `Ok(Closed::Lost)` when somebody else was faster or the run became `unwanted`, which is fine.
pub(crate) async fn run(
    context: &Arc<Context>,
    claim: &Claim,
    unwanted: &CancellationToken,
) -> Result<Closed, Failure> {
    let extracted = tokio::select! {
        parsed = parse(context, claim) => parsed?,
        () = unwanted.cancelled() => return Ok(Closed::Lost),
    };
    let enriched = enrich(claim, extracted).await?;
    // Cut off behind this line, a run could leave the text of a document that its owner has deleted. It is not far now.
    if unwanted.is_cancelled() {
        return Ok(Closed::Lost);
    }
    let keys = store(context, claim, enriched.text, enriched.markdown).await?;
    let closed = close(context, claim, enriched.result).await;
    if !matches!(closed, Ok(Closed::Won)) {
        // Nobody will ever point at this text: its fence is this run's alone.
        if let Err(error) = context.storage.delete(&keys).await {
            tracing::warn!(
                "left a text without a row to the clean-up: {}",
                telemetry::chain(&error)
            );
        }
    }
    closed
}

/// Stores the text, and its Markdown if there is any. Returns their keys. What was stored before a failure is left to the
/// clean-up: the next attempt writes under a fence of its own.
async fn store(
    context: &Arc<Context>,
    claim: &Claim,
    text: Bytes,
    markdown: Option<Bytes>,
) -> Result<Vec<StorageKey>, Failure> {
    let (user, job, document) = (claim.user, claim.job, claim.document);
    let mut keys = vec![StorageKey::text(user, job, document, claim.fence)];
    timed(Stage::Store, context.storage.put(&keys[0], text)).await?;
    if let Some(markdown) = markdown {
        let key = StorageKey::markdown(user, job, document, claim.fence);
        timed(Stage::Store, context.storage.put(&key, markdown)).await?;
        keys.push(key);
    }
    Ok(keys)
}

/// The bytes go from storage to a parser child without ever lying in this process as a whole.
async fn parse(context: &Arc<Context>, claim: &Claim) -> Result<Extracted, Failure> {
    let key = StorageKey::original(claim.user, claim.job, claim.document);
    let request = ParseRequest {
        kind: claim.payload.kind,
        file_name: claim.payload.file_name.clone(),
        size: claim.payload.size_bytes,
        limits: Limits {
            content: claim.payload.content,
            ..Limits::default()
        },
    };
    let open = || async {
        match context.storage.get(&key).await {
            Ok(Some(object)) => Ok(object.stream.map_err(Fetch::Storage)),
            Ok(None) => Err(Fetch::Missing),
            Err(error) => Err(Fetch::Storage(error)),
        }
    };
    let parsed = timed(Stage::Parse, context.parsers.extract(&request, open)).await;
    parsed.map_err(|error| match error {
        ParseError::Refused(error) => error.into(),
        ParseError::Body(error) => match error.downcast_ref::<Fetch>() {
            Some(Fetch::Missing) => reject(
                "original_missing",
                "the stored document is missing; upload it again",
            ),
            _ => {
                tracing::warn!(
                    "the document could not be fetched: {}",
                    telemetry::chain(error.as_ref())
                );
                retry("storage_unavailable", "the object store could not be read")
            }
        },
        ParseError::Crashed { .. } => reject("crashed_parser", "the document makes its reader crash"),
        ParseError::TimedOut { after } => reject(
            "parser_timeout",
            format!(
                "the document could not be read within {} seconds",
                after.as_secs()
            ),
        ),
        ParseError::TooLarge { .. } => reject("too_large", error.to_string()),
        ParseError::Unavailable(error) => {
            tracing::error!("no parser child could be started: {}", telemetry::chain(&error));
            retry(
                "parser_unavailable",
                "no process could be started to read the document",
            )
        }
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
    /// The same with its structure, where that is known and the text does not show it already.
    markdown: Option<Bytes>,
    result: DocumentResult,
}

/// Computes on a thread of its own kind, so that a long text does not hold up the others' input and output.
async fn enrich(claim: &Claim, extracted: Extracted) -> Result<Enriched, Failure> {
    let tags_max = usize::from(claim.payload.tags_max);
    let started = Instant::now();
    let enriched = tokio::task::spawn_blocking(move || result_of(extracted, tags_max)).await;
    metrics::stage_finished(Stage::Enrich, started.elapsed());
    enriched.map_err(|_| reject("enrichment_failed", "the text could not be analysed"))
}

fn result_of(extracted: Extracted, tags_max: usize) -> Enriched {
    let text = extraction::full_text(&extracted);
    let markdown = match &extracted.structure {
        Structure::Markdown => None,
        _ => extraction::markdown(&extracted).map(Bytes::from),
    };
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
        markdown,
        result,
    }
}

/// Stores the result. A database that is away for a moment does not waste the work that was done.
async fn close(context: &Arc<Context>, claim: &Claim, result: DocumentResult) -> Result<Closed, Failure> {
    let started = Instant::now();
    loop {
        match tasks::complete(&context.database, claim, result.clone(), context.clock.now()).await {
            Ok(closed) => {
                metrics::stage_finished(Stage::Close, started.elapsed());
                return Ok(closed);
            }
            Err(error) if error.is_transient() && started.elapsed() < CLOSE_PATIENCE => {
                tracing::warn!("could not store the result yet: {}", telemetry::chain(&error));
                tokio::time::sleep(CLOSE_AGAIN).await;
            }
            Err(error) => {
                tracing::error!("could not store the result: {}", telemetry::chain(&error));
                return Err(retry("database_unavailable", "the result could not be stored"));
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
