//! Opens what comes in archives and compound files, and finds out what it really is: the beginning of a file, by which its
//! kind was guessed, does not always tell.

use domain::DocumentKind;

use crate::archive::Archive;
use crate::{Extracted, ExtractionError, Limits, docx, epub, odf, ooxml, pptx};

/// Reads a document that is an archive, and says what kind it turned out to be.
pub(crate) fn extract(
    expected: DocumentKind,
    bytes: &[u8],
    limits: &Limits,
) -> Result<(DocumentKind, Extracted), ExtractionError> {
    let mut archive = Archive::open(bytes)?;
    let kind = kind(expected, &mut archive)?;
    let extracted = match kind {
        DocumentKind::Docx => docx::extract(&mut archive, limits),
        DocumentKind::Pptx => pptx::extract(&mut archive, limits),
        DocumentKind::Odt => odf::extract_text(&mut archive, limits),
        DocumentKind::Odp => odf::extract_slides(&mut archive, limits),
        DocumentKind::Epub => epub::extract(&mut archive, limits),
        _ => Err(ExtractionError::Unreadable(
            "the archive holds no document".to_owned(),
        )),
    };
    Ok((kind, extracted?))
}

/// What the archive holds: by its media type, else by its main part, else what was expected.
fn kind(expected: DocumentKind, archive: &mut Archive<'_>) -> Result<DocumentKind, ExtractionError> {
    if let Some(media_type) = archive.read("mimetype")? {
        let media_type = String::from_utf8_lossy(&media_type);
        // Templates have the media type of their documents with an addition.
        let by_media_type = DocumentKind::ALL
            .iter()
            .find(|kind| media_type.trim().starts_with(kind.media_type()));
        if let Some(kind) = by_media_type {
            return Ok(*kind);
        }
    }
    let by_main_part = ooxml::kind(archive)?;
    Ok(by_main_part.unwrap_or(expected))
}
