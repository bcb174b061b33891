//! Reads one document and stores its text, language, tags, todos and events.
//!
//! Fetch, parse, enrich, store, close. Nothing is visible before the close, which is one transaction; whatever this process
//! leaves behind when it dies on any line is a task that is taken back, and at most three objects that the nightly clean-up
//! finds.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{NaiveDate, NaiveTime};
use database::agenda::Source;
use database::events::FoundEvent;
use database::tasks::{self, Claim, Closed, DocumentResult, PassageText};
use database::todos::FoundTodo;
use domain::{DocumentKind, ReasonCode, SealedPassword};
use enrichment::{Context as TextContext, Tag};
use extraction::{Extracted, Limits, Structure};
use futures::TryStreamExt;
use sandbox::{ParseError, ParseRequest};
use secrecy::SecretString;
use storage::StorageKey;
use telemetry::metrics::{self, Stage};
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::outcome::{Ended, Failure, failure};

/// The database may be away for a while when a result is ready; the result is kept so long before it is thrown away.
const CLOSE_PATIENCE: Duration = Duration::from_secs(120);
/// Texts up to this size take less than half a millisecond.
const SHORT_TEXT_BYTES_MAX: usize = 4 * 1024;
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
    let keys = store(context, claim, enriched.stored).await?;
    let ended = close(context, claim, enriched.result).await;
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

struct Enriched {
    stored: Stored,
    result: DocumentResult,
}

/// What lies beside the database.
struct Stored {
    text: Bytes,
    /// The same with its structure, where that is known and the text does not show it already.
    markdown: Option<Bytes>,
    /// Where its parts lie, where they have titles; others the text shows by itself.
    parts: Option<Bytes>,
}

impl Stored {
    fn bytes(&self) -> u64 {
        let others = [&self.markdown, &self.parts].into_iter().flatten();
        let bytes = self.text.len() + others.map(Bytes::len).sum::<usize>();
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// A long text is looked at on a thread of its own kind, so that it does not hold up the others' input and output. For a
/// short one, waking that thread would take about as long as the work.
async fn enrich(claim: &Claim, extracted: Extracted) -> Result<Enriched, Failure> {
    let started = Instant::now();
    let bytes: usize = extracted.pages.iter().map(String::len).sum();
    let request = Request::of(claim);
    let work = move || result_of(extracted, &request);
    let enriched = if bytes <= SHORT_TEXT_BYTES_MAX {
        // A fault in the analysis is the same reason, whatever the length. What it was at is gone with it.
        std::panic::catch_unwind(AssertUnwindSafe(work)).map_err(drop)
    } else {
        tokio::task::spawn_blocking(work).await.map_err(drop)
    };
    metrics::stage_finished(Stage::Enrich, started.elapsed());
    enriched.map_err(|()| ReasonCode::EnrichmentFailed.into())
}

/// What a claim says about how its document is looked at.
struct Request {
    kind: DocumentKind,
    tags_max: usize,
    /// The languages that tags are wanted in; none for that of the document.
    languages: Vec<String>,
    /// The day on which the document came in.
    came_on: NaiveDate,
}

impl Request {
    fn of(claim: &Claim) -> Self {
        Self {
            kind: claim.payload.kind,
            tags_max: usize::from(claim.payload.tags_max),
            languages: claim.payload.languages.clone(),
            // Not the time of the attempt: every attempt finds the same.
            came_on: claim.document.made_on(),
        }
    }

    /// What "today" means in a text that does not say when it was written: when it was sent, changed or made, says its
    /// file, else when it came in.
    fn context(&self, extracted: &Extracted) -> TextContext {
        let said = ["sent_at", "last_message_at", "modified_at", "created_at"]
            .into_iter()
            .find_map(|key| extracted.metadata.get(key)?.get(..10)?.parse().ok());
        TextContext {
            reference: said.unwrap_or(self.came_on).and_time(NaiveTime::MIN),
            chat: self.kind == DocumentKind::Chat,
        }
    }
}

fn result_of(extracted: Extracted, request: &Request) -> Enriched {
    let text = extraction::full_text(&extracted);
    let markdown = match &extracted.structure {
        Structure::Markdown => None,
        _ => extraction::markdown(&extracted).map(Bytes::from),
    };
    let parts = extraction::parts(request.kind, &extracted);
    let has_titles = parts.iter().any(|part| part.title.is_some());
    let parts = has_titles
        .then(|| serde_json::to_vec(&parts).ok().map(Bytes::from))
        .flatten();
    let passages = extraction::passages(&extracted)
        .into_iter()
        .map(|passage| PassageText {
            page: passage.page.map(|page| i32::try_from(page).unwrap_or(i32::MAX)),
            start_byte: i64::try_from(passage.start).unwrap_or(i64::MAX),
            text: passage.text,
        })
        .collect();
    let languages = enrichment::detect_languages(&text);
    let main = languages.main.as_ref().map(|it| it.code.as_str());
    let agenda = enrichment::extract_agenda(&text, main, request.context(&extracted));
    let people = people_of(&extracted, &agenda);
    let tags = enrichment::find_tags(&text, &languages, &request.languages, &people, request.tags_max);
    let paged = extracted.paged;
    let words = extraction::count_words(&text);
    let characters = text.chars().count();
    let stored = Stored {
        text: Bytes::from(text),
        markdown,
        parts,
    };
    let result = DocumentResult {
        title: extracted.title,
        language: languages.main.map(|it| (it.code, it.confidence)),
        languages: json_or(&languages.shares, "[]"),
        tag_words: tags.iter().map(|tag: &Tag| tag.value.clone()).collect(),
        tags: json_or(&tags, "[]"),
        pages: extracted
            .paged
            .then(|| i32::try_from(extracted.pages.len()).unwrap_or(i32::MAX)),
        words: i64::try_from(words).unwrap_or(i64::MAX),
        characters: i64::try_from(characters).unwrap_or(i64::MAX),
        metadata: json_or(&extracted.metadata, "{}"),
        needs_ocr: extracted.needs_ocr,
        truncated: extracted.truncated,
        engine: extracted.engine,
        enriched_by: enrichment::ENGINE.to_owned(),
        stored_bytes: stored.bytes(),
        passages,
        todos: agenda
            .todos
            .into_iter()
            .map(|todo| found_todo(todo, paged))
            .collect(),
        events: agenda
            .events
            .into_iter()
            .map(|event| found_event(event, paged))
            .collect(),
    };
    Enriched { stored, result }
}

fn json_or(value: &impl serde::Serialize, otherwise: &str) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_else(|_| serde_json::from_str(otherwise).unwrap_or_default())
}

/// Who wrote or said something in the document, as far as its file tells, and who has to do something.
fn people_of(extracted: &Extracted, agenda: &enrichment::Agenda) -> Vec<String> {
    let named = ["from", "to", "cc", "speakers", "author"]
        .into_iter()
        .filter_map(|key| extracted.metadata.get(key));
    let owners = agenda.todos.iter().filter_map(|todo| todo.owner.clone());
    named
        .flat_map(|names| enrichment::names_in(names))
        .chain(owners.filter(|owner| owner != enrichment::WRITER))
        .collect()
}

fn found_todo(todo: enrichment::Todo, paged: bool) -> FoundTodo {
    FoundTodo {
        text: todo.text,
        owner: todo.owner,
        priority: todo.priority,
        due: todo.due,
        source: source_of(todo.source, paged),
    }
}

fn found_event(event: enrichment::Event, paged: bool) -> FoundEvent {
    FoundEvent {
        title: event.title,
        start: event.start,
        end: event.end,
        source: source_of(event.source, paged),
    }
}

fn source_of(source: enrichment::Source, paged: bool) -> Source {
    Source {
        page: i32::try_from(source.page).ok().filter(|_| paged),
        start: i64::try_from(source.start).unwrap_or(i64::MAX),
        end: i64::try_from(source.end).unwrap_or(i64::MAX),
        quote: source.quote,
    }
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
