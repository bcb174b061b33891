//! What a document looks like from outside, by itself and among those that a search found.

use database::documents::Document;
use database::events::Event;
use database::search::Hit;
use database::todos::Todo;
use domain::DocumentStatus;
use poem_openapi::Object;

use super::{DocumentKindName, DocumentStatusName, Failure, Timestamp, job_path};
use crate::routes::agenda::{EventBody, TodoBody};
use crate::routes::model_schema::MadeByBody;

/// A document and what was found in it.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Document", skip_serializing_if_is_none)]
pub(in crate::routes) struct DocumentBody {
    id: String,
    job_id: String,
    status: DocumentStatusName,
    file_name: String,
    kind: DocumentKindName,
    media_type: String,
    size_bytes: u64,
    /// SHA-256 of the content, hexadecimal.
    sha256: String,
    title: Option<String>,
    /// ISO 639-1; `unknown` when it could not be told. Absent until the document is completed.
    language: Option<String>,
    language_confidence: Option<f32>,
    /// All its languages, the largest share first; several when it is mixed.
    languages: Vec<LanguageShareBody>,
    /// What the document is about, the best first.
    tags: Vec<TagBody>,
    /// How many todos were found in it.
    todo_count: i64,
    /// How many events were found in it.
    event_count: i64,
    /// Its todos in the order of its text; only in the answer about one document.
    todos: Option<Vec<TodoBody>>,
    /// Its events in the order of its text; only in the answer about one document.
    events: Option<Vec<EventBody>>,
    /// Absent where the kind has no pages.
    pages: Option<i32>,
    words: Option<i64>,
    characters: Option<i64>,
    /// What the file says about itself.
    metadata: serde_json::Value,
    /// It has pages and no usable text on them.
    needs_ocr: bool,
    /// A limit was reached; the text is only its beginning.
    truncated: bool,
    /// Which engine read it, and its version.
    engine: Option<String>,
    /// Which rules found its language, tags, todos and events.
    enriched_by: Option<String>,
    /// Who found tags, todos, events and summary.
    made_by: Option<MadeByBody>,
    /// What it says, in a few sentences, where it is long enough for that.
    summary: Option<String>,
    /// Which release of docmill made the results.
    release: Option<String>,
    /// The document of yours with the same bytes and options whose results these are.
    reused_from: Option<String>,
    /// What you call it.
    labels: Vec<String>,
    /// Which version it is, from 1.
    version: i32,
    /// The first version, if this is a later one.
    root_id: Option<String>,
    /// The version before it.
    parent_id: Option<String>,
    error: Option<Failure>,
    created_at: Timestamp,
    processed_at: Option<Timestamp>,
    links: DocumentLinks,
    /// Only in the answer to a search: why this document was found.
    matched: Option<Match>,
}

/// What a document is about.
#[derive(Debug, Clone, serde::Deserialize, Object)]
#[oai(rename = "Tag", skip_serializing_if_is_none)]
struct TagBody {
    value: String,
    /// 0 to 1, higher is better.
    score: f32,
    /// ISO 639-1.
    lang: Option<String>,
    /// `topic`, `person`, `organisation` or `place`. More words may come.
    kind: String,
    /// Where the text has it first: its first and its behind-last character.
    #[serde(default)]
    span: Option<Vec<u64>>,
}

/// How much of a document is in a language.
#[derive(Debug, Clone, serde::Deserialize, Object)]
#[oai(rename = "LanguageShare")]
struct LanguageShareBody {
    /// ISO 639-1.
    code: String,
    /// 0 to 1; the shares of a document are 1 together.
    share: f32,
}

/// Where to go from a document.
#[derive(Debug, Clone, Object)]
#[oai(rename = "DocumentLinks")]
struct DocumentLinks {
    #[oai(rename = "self")]
    itself: String,
    text: String,
    parts: String,
    original: String,
    job: String,
    todos: String,
    events: String,
    versions: String,
}

/// Why a search found a document.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
struct Match {
    /// Higher is better; comparable within one answer only.
    score: f64,
    /// The page, where the kind has pages.
    page: Option<i32>,
    /// The place in the text that answers best; absent when only the title, the name or a tag does.
    passage: Option<String>,
    /// The words found, as pairs of first and behind-last character of `passage`.
    highlights: Vec<Vec<u64>>,
}

impl From<Document> for DocumentBody {
    fn from(document: Document) -> Self {
        let itself = format!("/api/v1/documents/{}", document.id);
        let completed = document.status == DocumentStatus::Completed;
        Self {
            id: document.id.to_string(),
            job_id: document.job.to_string(),
            status: document.status.into(),
            file_name: document.file_name,
            kind: document.kind.into(),
            media_type: document.kind.media_type().to_owned(),
            size_bytes: document.size_bytes,
            sha256: hex::encode(document.sha256),
            title: document.title,
            language: document
                .language
                .or_else(|| completed.then(|| UNKNOWN_LANGUAGE.to_owned())),
            languages: serde_json::from_value(document.languages).unwrap_or_default(),
            todo_count: document.todos,
            event_count: document.events,
            todos: None,
            events: None,
            enriched_by: document.enriched_by,
            made_by: document.made_by.map(MadeByBody::from),
            summary: document.summary,
            language_confidence: document.language_confidence,
            tags: serde_json::from_value(document.tags).unwrap_or_default(),
            pages: document.pages,
            words: document.words,
            characters: document.characters,
            metadata: document.metadata,
            needs_ocr: document.needs_ocr,
            truncated: document.truncated,
            engine: document.engine,
            release: document.release,
            reused_from: document.reused_from.map(|id| id.to_string()),
            labels: document.labels,
            version: document.version,
            root_id: document.root.map(|id| id.to_string()),
            parent_id: document.parent.map(|id| id.to_string()),
            error: document.error.map(Failure::from),
            created_at: document.created_at.into(),
            processed_at: document.processed_at.map(Timestamp::from),
            links: DocumentLinks {
                text: format!("{itself}/text"),
                parts: format!("{itself}/parts"),
                original: format!("{itself}/original"),
                versions: format!("{itself}/versions"),
                job: job_path(document.job),
                todos: format!("/api/v1/todos?document_id={}", document.id),
                events: format!("/api/v1/events?document_id={}", document.id),
                itself,
            },
            matched: None,
        }
    }
}

/// The language of a document of which nobody can tell.
const UNKNOWN_LANGUAGE: &str = "unknown";

impl DocumentBody {
    /// With everything that it asks for and announces.
    pub(in crate::routes) fn with_agenda(self, todos: Vec<Todo>, events: Vec<Event>) -> Self {
        Self {
            todos: Some(todos.into_iter().map(TodoBody::from).collect()),
            events: Some(events.into_iter().map(EventBody::from).collect()),
            ..self
        }
    }
}

impl From<Hit> for DocumentBody {
    fn from(hit: Hit) -> Self {
        let (passage, highlights) = hit.excerpt.map_or((None, Vec::new()), |excerpt| {
            let ranges = excerpt
                .highlights
                .iter()
                .map(|range| vec![range.start as u64, range.end as u64])
                .collect();
            (Some(excerpt.text), ranges)
        });
        let matched = Match {
            score: hit.score,
            page: hit.page,
            passage,
            highlights,
        };
        Self {
            matched: Some(matched),
            ..Self::from(hit.document)
        }
    }
}

/// A page of documents.
#[derive(Debug, Clone, Object)]
#[oai(rename = "DocumentPage", skip_serializing_if_is_none)]
pub(in crate::routes) struct DocumentPage {
    pub(in crate::routes) items: Vec<DocumentBody>,
    /// Where the list goes on; absent on the last page.
    pub(in crate::routes) next_cursor: Option<String>,
    /// Other spellings that were looked up too, because hardly any document has the words as they were typed.
    pub(in crate::routes) spellings: Option<Vec<SpellingBody>>,
    /// How everything that matches is spread, if that was asked for.
    pub(in crate::routes) facets: Option<FacetsBody>,
}

/// Other spellings of a word.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Spelling")]
pub(in crate::routes) struct SpellingBody {
    pub(in crate::routes) word: String,
    pub(in crate::routes) others: Vec<String>,
}

/// How documents are spread: the 20 most frequent values of each facet that was asked for.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Facets", skip_serializing_if_is_none)]
pub(in crate::routes) struct FacetsBody {
    /// Documents that were counted: those that match, or the newest 2000 of them.
    pub(in crate::routes) counted: u64,
    pub(in crate::routes) kind: Option<Vec<FacetValueBody>>,
    pub(in crate::routes) language: Option<Vec<FacetValueBody>>,
    pub(in crate::routes) tag: Option<Vec<FacetValueBody>>,
    pub(in crate::routes) label: Option<Vec<FacetValueBody>>,
}

/// A value and how many documents have it.
#[derive(Debug, Clone, Object)]
#[oai(rename = "FacetValue")]
pub(in crate::routes) struct FacetValueBody {
    pub(in crate::routes) value: String,
    pub(in crate::routes) count: i64,
}
