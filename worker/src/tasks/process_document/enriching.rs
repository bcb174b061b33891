//! What is found in a text by the rules, and how the database keeps it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use chrono::{NaiveDate, NaiveTime};
use database::MadeBy;
use database::agenda::Source;
use database::events::FoundEvent;
use database::tasks::{Claim, DocumentResult, PassageText};
use database::todos::FoundTodo;
use domain::{DocumentKind, ReasonCode};
use enrichment::Context as TextContext;
use extraction::{Extracted, Structure};
use models::{Findings, Subject};
use telemetry::metrics::{self, Stage};

use crate::outcome::Failure;

/// Texts up to this size take less than half a millisecond.
const SHORT_TEXT_BYTES_MAX: usize = 4 * 1024;

/// A document that was read and looked at.
pub(super) struct Enriched {
    pub(super) stored: Stored,
    /// Everything but the findings.
    pub(super) result: DocumentResult,
    pub(super) subject: Subject,
    /// What the rules found.
    pub(super) findings: Findings,
    /// Whether its pages are counted.
    pub(super) paged: bool,
}

/// What lies beside the database.
pub(super) struct Stored {
    pub(super) text: Bytes,
    /// The same with its structure, where that is known and the text does not show it already.
    pub(super) markdown: Option<Bytes>,
    /// Where its parts lie, where they have titles; others the text shows by itself.
    pub(super) parts: Option<Bytes>,
}

impl Stored {
    fn bytes(&self) -> u64 {
        let others = [&self.markdown, &self.parts].into_iter().flatten();
        let bytes = self.text.len() + others.map(Bytes::len).sum::<usize>();
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// A text that is stored and looked at without lying in memory twice.
struct SharedText(Arc<str>);

impl AsRef<[u8]> for SharedText {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A long text is looked at on a thread of its own kind, so that it does not hold up the others' input and output. For a
/// short one, waking that thread would take about as long as the work.
pub(super) async fn enrich(claim: &Claim, extracted: Extracted) -> Result<Enriched, Failure> {
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
    let text: Arc<str> = extraction::full_text(&extracted).into();
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
    let subject = Subject {
        text: Arc::clone(&text),
        languages,
        context: request.context(&extracted),
        people: people_of(&extracted),
        tag_languages: request.languages.clone(),
        tags_max: request.tags_max,
    };
    let findings = models::analyse(&subject);
    let languages = &subject.languages;
    let paged = extracted.paged;
    let words = extraction::count_words(&text);
    let characters = text.chars().count();
    let stored = Stored {
        text: Bytes::from_owner(SharedText(text)),
        markdown,
        parts,
    };
    let result = DocumentResult {
        title: extracted.title,
        language: languages.main.as_ref().map(|it| (it.code.clone(), it.confidence)),
        languages: json_or(&languages.shares, "[]"),
        tag_words: Vec::new(),
        tags: serde_json::json!([]),
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
        summary: None,
        made_by: MadeBy::default(),
        stored_bytes: stored.bytes(),
        passages,
        todos: Vec::new(),
        events: Vec::new(),
    };
    Enriched {
        stored,
        result,
        subject,
        findings,
        paged,
    }
}

/// Adds what was found, whoever found it.
pub(super) fn dress(result: &mut DocumentResult, findings: Findings, paged: bool) {
    result.tag_words = findings.tags.iter().map(|tag| tag.value.clone()).collect();
    result.tags = json_or(&findings.tags, "[]");
    result.summary = findings.summary;
    let enrichment::Agenda { todos, events } = findings.agenda;
    result.todos = todos.into_iter().map(|todo| found_todo(todo, paged)).collect();
    result.events = events
        .into_iter()
        .map(|event| found_event(event, paged))
        .collect();
}

fn json_or(value: &impl serde::Serialize, otherwise: &str) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_else(|_| serde_json::from_str(otherwise).unwrap_or_default())
}

/// Who wrote or said something in the document, as far as its file tells.
fn people_of(extracted: &Extracted) -> Vec<String> {
    ["from", "to", "cc", "speakers", "author"]
        .into_iter()
        .filter_map(|key| extracted.metadata.get(key))
        .flat_map(|names| enrichment::names_in(names))
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
