//! `/formats`: what this installation can read.

use domain::DocumentKind;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::Section;
use super::schema::DocumentKindName;

pub(super) struct Formats;

/// What can be read.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Formats")]
struct FormatsBody {
    items: Vec<FormatBody>,
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
}

#[OpenApi(tag = "Section::Documents")]
impl Formats {
    /// The kinds of documents that can be read here
    #[oai(path = "/formats", method = "get")]
    async fn formats(&self) -> Json<FormatsBody> {
        let items = DocumentKind::ALL
            .iter()
            .map(|kind| FormatBody::from(*kind))
            .collect();
        Json(FormatsBody { items })
    }
}

impl From<DocumentKind> for FormatBody {
    fn from(kind: DocumentKind) -> Self {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            kind: kind.into(),
            media_types: owned(kind.media_types()),
            extensions: owned(kind.extensions()),
            markdown: kind.has_markdown(),
            needs: kind.needs().map(str::to_owned),
        }
    }
}
