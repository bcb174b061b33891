//! `/documents/{id}/parts`: pages, slides, sheets, chapters, messages or sections, and where they lie in the text.

use domain::DocumentPart;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};

use super::Section;
use super::documents::find;
use super::schema::mirror;
use crate::auth::caller::Caller;
use crate::context::Api;
use crate::operations::parts;
use crate::problem::Problem;

pub(super) struct Parts;

mirror! {
    /// What a part of a document is. More words may come.
    PartKindName = domain::DocumentPartKind { Page, Slide, Sheet, Chapter, Message, Section }
}

/// The parts of a document in the order of its text. All of them: a document has 10,000 at most.
#[derive(Debug, Clone, Object)]
#[oai(rename = "DocumentParts")]
struct PartsBody {
    items: Vec<PartBody>,
}

/// A part of a document, and where it lies in `/documents/{id}/text`.
#[derive(Debug, Clone, Object)]
#[oai(rename = "DocumentPart", skip_serializing_if_is_none)]
struct PartBody {
    kind: PartKindName,
    /// From 1.
    number: u32,
    /// Its first heading: the title of a slide or chapter, the name of a sheet, the subject of a message.
    title: Option<String>,
    /// Its first character in the text, from 0.
    start: u64,
    /// The character behind its last one.
    end: u64,
    /// Its first byte in the text, from 0.
    start_byte: u64,
    /// The byte behind its last one.
    end_byte: u64,
}

impl From<DocumentPart> for PartBody {
    fn from(part: DocumentPart) -> Self {
        Self {
            kind: part.kind.into(),
            number: part.number,
            title: part.title,
            start: part.start as u64,
            end: part.end as u64,
            start_byte: part.start_byte as u64,
            end_byte: part.end_byte as u64,
        }
    }
}

#[OpenApi(tag = "Section::Documents")]
impl Parts {
    /// Where the pages, slides, sheets, chapters, messages or sections of a document lie in its text
    ///
    /// Pages and the like where the kind has them, else the sections under its headings; none for a text that has neither.
    #[oai(path = "/documents/:id/parts", method = "get")]
    async fn parts(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
    ) -> Result<Json<PartsBody>, Problem> {
        let document = find(&api, &caller, &id.0).await?;
        let parts = parts::of(&api, &document).await?;
        Ok(Json(PartsBody {
            items: parts.into_iter().map(PartBody::from).collect(),
        }))
    }
}
