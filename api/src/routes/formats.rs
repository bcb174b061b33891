//! `/formats`: what this installation can read.

use std::collections::BTreeSet;
use std::time::Duration;

use database::workers::{self, PictureReader};
use domain::DocumentKind;
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::Section;
use super::schema::DocumentKindName;
use crate::context::Api;

/// Workers not heard of for so long do not count; they give a sign of life much more often.
const ALIVE: Duration = Duration::from_secs(30);

pub(super) struct Formats;

/// What can be read.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Formats")]
struct FormatsBody {
    items: Vec<FormatBody>,
    /// What reads pictures and scanned pages; absent where no worker has such a thing.
    #[oai(skip_serializing_if_is_none)]
    ocr: Option<OcrBody>,
}

/// What reads pictures and scanned pages.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Ocr")]
struct OcrBody {
    /// The programs with their versions.
    engines: Vec<String>,
    /// The languages in which all workers read that have such a program, by three letters.
    languages: Vec<String>,
}

/// A kind of document.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Format", skip_serializing_if_is_none)]
struct FormatBody {
    kind: DocumentKindName,
    /// What it is called by programs; it is served under the first.
    media_types: Vec<String>,
    /// How the names of its files end, without the dot. The content decides where it can.
    extensions: Vec<String>,
    /// Whether its text can be had as Markdown too.
    markdown: bool,
    /// What must be installed beside docmill to read it; absent where docmill needs nothing else.
    needs: Option<String>,
    /// Whether that is installed where workers run. Without it a document is accepted and says that it `needs_ocr`. Absent
    /// where nothing is needed, and while no worker is there to tell.
    available: Option<bool>,
}

#[OpenApi(tag = "Section::Documents")]
impl Formats {
    /// The kinds of documents that can be read here
    #[oai(path = "/formats", method = "get")]
    async fn formats(&self, api: Data<&Api>) -> Json<FormatsBody> {
        let since = api.clock.now() - ALIVE;
        let asked = api
            .unless_away(workers::picture_readers(&api.database, since))
            .await;
        // What can be read is known without the database, too.
        let workers = asked.ok().and_then(Result::ok).unwrap_or_default();
        let available = (!workers.is_empty()).then(|| workers.iter().any(Option::is_some));
        let items = DocumentKind::ALL
            .iter()
            .map(|kind| FormatBody::new(*kind, available))
            .collect();
        let ocr = OcrBody::of(workers.into_iter().flatten().collect());
        Json(FormatsBody { items, ocr })
    }
}

impl OcrBody {
    /// Any worker may get a document, so only what all of them read in is promised.
    fn of(readers: Vec<PictureReader>) -> Option<Self> {
        let engines: BTreeSet<&String> = readers.iter().map(|reader| &reader.engine).collect();
        let first = readers.first()?;
        let everywhere =
            |language: &&String| readers.iter().all(|reader| reader.languages.contains(language));
        Some(Self {
            engines: engines.into_iter().cloned().collect(),
            languages: first.languages.iter().filter(everywhere).cloned().collect(),
        })
    }
}

impl FormatBody {
    fn new(kind: DocumentKind, reads_pictures: Option<bool>) -> Self {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            kind: kind.into(),
            media_types: owned(kind.media_types()),
            extensions: owned(kind.extensions()),
            markdown: kind.has_markdown(),
            needs: kind.needs().map(str::to_owned),
            available: kind.needs().and(reads_pictures),
        }
    }
}
