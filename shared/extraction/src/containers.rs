//! Opens what comes in archives and compound files, and finds out what it really is: the beginning of a file, by which its
//! kind was guessed, does not always tell.

use domain::DocumentKind;

use crate::archive::Archive;
use crate::ole::CompoundFile;
use crate::workbook::{ods, xls, xlsb, xlsx};
use crate::{Extracted, ExtractionError, Limits, doc, docx, epub, locked, mail, odf, ole, ooxml, ppt, pptx};

/// Reads a document that comes in a container, and says what kind it turned out to be.
pub(crate) fn extract(
    expected: DocumentKind,
    bytes: Vec<u8>,
    password: Option<&str>,
    limits: &Limits,
) -> Result<(DocumentKind, Extracted), ExtractionError> {
    if bytes.starts_with(ole::SIGNATURE) {
        from_compound_file(expected, bytes, password, limits)
    } else {
        from_archive(expected, &bytes, password, limits)
    }
}

/// A compound file holds a document of Office 97 to 2003, a message saved by Outlook, or any document of Office Open XML
/// behind a password.
fn from_compound_file(
    expected: DocumentKind,
    bytes: Vec<u8>,
    password: Option<&str>,
    limits: &Limits,
) -> Result<(DocumentKind, Extracted), ExtractionError> {
    let file = CompoundFile::open(&bytes)?;
    let has = |name| file.contains(name);
    if holds_message(&file) {
        return Ok((DocumentKind::Msg, mail::extract_msg(&file, limits)));
    }
    if has("EncryptedPackage") {
        let package = locked::office::unlock(&file, password)?;
        // The locked form is as large again.
        drop(file);
        drop(bytes);
        return from_archive(expected, &package, None, limits);
    }
    if has(doc::STREAM) {
        return Ok((DocumentKind::Doc, doc::extract(&file, password, limits)?));
    }
    if has(ppt::STREAM) {
        return Ok((DocumentKind::Ppt, ppt::extract(&file, password, limits)?));
    }
    Ok((DocumentKind::Xls, xls::extract(&file, password, limits)?))
}

/// Whether the bytes are a message saved by Outlook, whatever their name says.
pub(crate) fn is_message(bytes: &[u8]) -> bool {
    CompoundFile::open(bytes).is_ok_and(|file| holds_message(&file))
}

fn holds_message(file: &CompoundFile<'_>) -> bool {
    file.contains(mail::OUTLOOK_PROPERTIES)
}

fn from_archive(
    expected: DocumentKind,
    bytes: &[u8],
    password: Option<&str>,
    limits: &Limits,
) -> Result<(DocumentKind, Extracted), ExtractionError> {
    let unlocked;
    let mut archive = Archive::open(bytes)?.with_password(password);
    if let Some(password) = password {
        unlocked = locked::opendocument::unlock(&mut archive, password)?;
        if let Some(bytes) = &unlocked {
            archive = Archive::open(bytes)?;
        }
    }
    let kind = kind(expected, &mut archive)?;
    let extracted = match kind {
        DocumentKind::Docx => docx::extract(&mut archive, limits),
        DocumentKind::Pptx => pptx::extract(&mut archive, limits),
        DocumentKind::Odt => odf::extract_text(&mut archive, limits),
        DocumentKind::Odp => odf::extract_slides(&mut archive, limits),
        DocumentKind::Epub => epub::extract(&mut archive, limits),
        DocumentKind::Xlsx => xlsx::extract(&mut archive, limits),
        DocumentKind::Xlsb => xlsb::extract(&mut archive, limits),
        DocumentKind::Ods => ods::extract(&mut archive, limits),
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
