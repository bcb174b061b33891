//! Slides of PowerPoint 97 to 2003 (MS-PPT): one page for each slide, in the order of the show, with its notes and comments.
//!
//! The stream is a heap of records. What is in force of it, after all the saving, a directory says, which is itself written in
//! pieces, the last one first. Records hold records; texts are in the innermost.

mod records;
mod slide;

use std::borrow::Cow;
use std::collections::HashMap;

use crate::locked::binary::StreamLock;
use crate::ole::CompoundFile;
use crate::prose::{Parts, Prose};
use crate::{Extracted, ExtractionError, Limits};
use records::{Record, Records, number_u32, text_of};
use slide::Slide;

/// The stream by which such a document is known.
pub(crate) const STREAM: &str = "PowerPoint Document";

const ENGINE: &str = "ppt/1";

/// Pieces of the directory that are looked at: one for every time the show was saved in haste.
const EDITS_MAX: usize = 10_000;
/// Bytes of a name that describe a locked show, in the stream that says who edits it.
const LOCKED: u32 = 0xF3D1_C4DF;

const DOCUMENT: u16 = 0x03E8;
const SLIDE: u16 = 0x03EE;
const USER_EDIT: u16 = 0x0FF5;
const DIRECTORY: u16 = 0x1772;
const LIST_WITH_TEXT: u16 = 0x0FF0;
const ENTRY: u16 = 0x03F3;
const TEXT_HEADER: u16 = 0x0F9F;
const CRYPT_SESSION: u16 = 0x2F14;

pub(crate) fn extract(
    file: &CompoundFile<'_>,
    password: Option<&str>,
    limits: &Limits,
) -> Result<Extracted, ExtractionError> {
    let stream = file.stream(STREAM).unwrap_or_default();
    let current = file.stream("Current User").unwrap_or_default();
    let show = Show::open(&stream, &current, password)?;
    let mut extracted = Extracted {
        paged: true,
        engine: ENGINE.to_owned(),
        ..Extracted::default()
    };
    file.describe(&mut extracted);
    let slides = show.slides();
    if slides.is_empty() && show.directory.is_empty() {
        return Err(ExtractionError::Unreadable("no slide can be read".to_owned()));
    }
    extracted
        .metadata
        .insert("slide_count".to_owned(), slides.len().to_string());
    let mut parts = Parts::new(limits);
    for slide in &slides {
        if parts.is_full() {
            break;
        }
        let mut prose = Prose::default();
        show.write(slide, &mut prose);
        parts.push_marked(prose.take_marked());
    }
    extracted.pages = parts.pages;
    extracted.structure = parts.marks.into_structure();
    extracted.truncated = parts.truncated || Records::new(&stream).any(|record| record.breaks_off);
    Ok(extracted)
}

/// A slide or a page of notes, as the document lists it, with the texts of its outline.
#[derive(Default)]
struct Listed {
    /// By which number the directory knows it.
    object: u32,
    /// By which number others refer to it.
    id: u32,
    /// The kind of each text, and the text.
    outline: Vec<(u32, String)>,
}

struct Show<'s> {
    stream: &'s [u8],
    /// Where the objects begin in the stream.
    directory: HashMap<u32, usize>,
    lock: Option<StreamLock>,
    slides: Vec<Listed>,
    notes: HashMap<u32, u32>,
}

impl<'s> Show<'s> {
    fn open(stream: &'s [u8], current: &[u8], password: Option<&str>) -> Result<Self, ExtractionError> {
        let mut show = Self {
            stream,
            directory: HashMap::new(),
            lock: None,
            slides: Vec::new(),
            notes: HashMap::new(),
        };
        // A record's head, the length of what follows, the name, and where the last edit is.
        let mut edit_at = number_u32(current, 16);
        let (mut document, mut session) = (None, None);
        for _ in 0..EDITS_MAX {
            let edit = edit_at.and_then(|at| show.record_at(usize::try_from(at).ok()?));
            let Some(edit) = edit.filter(|edit| edit.kind == USER_EDIT) else {
                break;
            };
            if let Some(at) = number_u32(edit.bytes, 12) {
                show.read_directory(at);
            }
            document = document.or(number_u32(edit.bytes, 16));
            session = session.or(number_u32(edit.bytes, 28));
            edit_at = number_u32(edit.bytes, 8).filter(|at| *at != 0);
        }
        let is_locked = number_u32(current, 12) == Some(LOCKED);
        let session = session.and_then(|id| show.object(id)).filter(|record| {
            Records::new(record)
                .next()
                .is_some_and(|record| record.kind == CRYPT_SESSION)
        });
        match session
            .as_deref()
            .and_then(|session| Records::new(session).next())
        {
            Some(session) => show.lock = Some(StreamLock::open(session.bytes, password)?),
            None if is_locked => {
                return Err(ExtractionError::Unreadable(
                    "the description of its encryption is damaged".to_owned(),
                ));
            }
            None => {}
        }
        if let Some(document) = document.and_then(|id| show.object(id)) {
            show.read_document(&document);
        }
        Ok(show)
    }

    fn record_at(&self, at: usize) -> Option<Record<'s>> {
        Records::new(self.stream.get(at..)?).next()
    }

    /// A piece of the directory: a first number and how many follow it, then where each of them is. What is known already is
    /// newer.
    fn read_directory(&mut self, at: u32) -> Option<()> {
        let record = self.record_at(usize::try_from(at).ok()?)?;
        let (numbers, _) = record.bytes.as_chunks::<4>();
        let mut numbers = numbers.iter().map(|number| u32::from_le_bytes(*number));
        if record.kind != DIRECTORY {
            return None;
        }
        while let Some(head) = numbers.next() {
            for id in (head & 0x000F_FFFF..).take(usize::try_from(head >> 20).ok()?) {
                let at = usize::try_from(numbers.next()?).ok()?;
                self.directory.entry(id).or_insert(at);
            }
        }
        Some(())
    }

    /// The record of an object, with its head, decrypted if need be.
    fn object(&self, id: u32) -> Option<Cow<'s, [u8]>> {
        let rest = self.stream.get(*self.directory.get(&id)?..)?;
        let Some(lock) = &self.lock else {
            return Some(Cow::Borrowed(rest));
        };
        let mut head = rest.get(..records::HEAD_BYTES)?.to_vec();
        lock.block(id).apply(&mut head);
        let length = usize::try_from(number_u32(&head, 4)?).ok()?;
        let mut object = rest[..records::HEAD_BYTES.saturating_add(length).min(rest.len())].to_vec();
        lock.block(id).apply(&mut object);
        Some(Cow::Owned(object))
    }

    /// Learns the slides and their order, and where the notes are.
    fn read_document(&mut self, document: &[u8]) {
        /// Which list it is.
        const OF_SLIDES: u16 = 0;
        const OF_NOTES: u16 = 2;
        let Some(document) = Records::new(document)
            .next()
            .filter(|record| record.kind == DOCUMENT)
        else {
            return;
        };
        for list in Records::new(document.bytes).filter(|record| record.kind == LIST_WITH_TEXT) {
            match list.instance {
                OF_SLIDES => self.slides.extend(listed(list.bytes)),
                OF_NOTES => {
                    let pages = listed(list.bytes);
                    self.notes
                        .extend(pages.into_iter().map(|page| (page.id, page.object)));
                }
                _ => {}
            }
        }
    }

    /// The slides in the order of the show; where that is lost, all that there are.
    fn slides(&self) -> Vec<Slide<'_>> {
        if self.slides.is_empty() {
            let loose = Records::new(self.stream).filter(|record| record.kind == SLIDE);
            return loose
                .map(|record| Slide {
                    record: Some(Cow::Borrowed(record.bytes)),
                    outline: &[],
                })
                .collect();
        }
        self.slides
            .iter()
            .map(|listed| Slide {
                record: self
                    .object(listed.object)
                    .and_then(|object| content(object, SLIDE)),
                outline: &listed.outline,
            })
            .collect()
    }

    /// Writes a slide, then its notes, then what was said about it.
    fn write(&self, slide: &Slide<'_>, prose: &mut Prose) {
        slide.write(prose);
        let notes = slide.notes().and_then(|id| self.object(*self.notes.get(&id)?));
        if let Some(notes) = notes.and_then(|object| content(object, slide::NOTES)) {
            slide::write_notes(&notes, prose);
        }
        slide.write_comments(prose);
    }
}

/// What is in a record, if it is of that kind.
fn content(object: Cow<'_, [u8]>, kind: u16) -> Option<Cow<'_, [u8]>> {
    match object {
        Cow::Borrowed(bytes) => {
            let record = Records::new(bytes).next().filter(|record| record.kind == kind)?;
            Some(Cow::Borrowed(record.bytes))
        }
        Cow::Owned(bytes) => {
            let record = Records::new(&bytes).next().filter(|record| record.kind == kind)?;
            Some(Cow::Owned(record.bytes.to_vec()))
        }
    }
}

/// The entries of a list, each with the texts that follow it.
fn listed(list: &[u8]) -> Vec<Listed> {
    let mut entries: Vec<Listed> = Vec::new();
    for record in Records::new(list) {
        match (record.kind, entries.last_mut()) {
            (ENTRY, _) => entries.push(Listed {
                object: number_u32(record.bytes, 0).unwrap_or(0),
                id: number_u32(record.bytes, 12).unwrap_or(0),
                outline: Vec::new(),
            }),
            (TEXT_HEADER, Some(entry)) => {
                let kind = number_u32(record.bytes, 0).unwrap_or(0);
                // The text may be missing; others refer to texts by their place.
                entry.outline.push((kind, String::new()));
            }
            (_, Some(entry)) => {
                if let (Some(text), Some((_, last))) = (text_of(&record), entry.outline.last_mut()) {
                    *last = text;
                }
            }
            _ => {}
        }
    }
    entries
}

#[cfg(test)]
mod tests;
