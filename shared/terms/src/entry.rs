//! The terms of one document, in the forms in which the two databases take them.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use foldhash::fast::RandomState;

use crate::expression::quoted_for_postgres;
use crate::marks::{owner_mark, tag_mark};
use crate::pieces::{Piece, folded, pairs, pieces};
use crate::stems::Language;

/// Postgres keeps no place beyond 16,383.
const PART_PLACES_MAX: u16 = 16_000;
/// Postgres keeps no places of a term beyond so many.
const TERM_PLACES_MAX: usize = 255;
/// Postgres takes a megabyte of terms for one row; places and lengths count too.
const PART_BYTES_MAX: usize = 384 * 1024;
/// Words of a phrase do not lie on both sides of this gap.
const GAP: u16 = 10;

/// What a document is found by.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'t> {
    /// Whose it is, in letters and digits.
    pub owner: &'t str,
    /// Its language (ISO 639-1), whose rules give the stems.
    pub language: Option<&'t str>,
    /// What it is called.
    pub names: &'t [&'t str],
    /// Its tags.
    pub tags: &'t [&'t str],
}

/// A row of the index in Postgres.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// 0 for the only part of a document; from 1 for one of several; below 0 for the terms of all of them without their
    /// places, so that words of different parts are found together.
    pub number: i32,
    /// The terms and their places, as a `tsvector`.
    pub vector: String,
}

/// A row of the index in SQLite: terms divided by spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flat {
    /// Of names.
    pub names: String,
    /// Of tags.
    pub tags: String,
    /// Of the text, in order.
    pub text: String,
    /// What has no place: stems, and marks of the whole document.
    pub marks: String,
}

/// A term with the places where it stands; none for a mark.
#[derive(Debug, Default, Clone)]
struct Places {
    /// With the weight of a name, `A`, or of a tag, `B`.
    heading: Vec<(u16, char)>,
    text: Vec<u16>,
}

type Terms = HashMap<String, Places, RandomState>;

impl Entry<'_> {
    /// The document with these passages as rows for Postgres. A document of up to 16,000 words is one row.
    pub fn parts<'p>(&self, passages: impl IntoIterator<Item = &'p str>) -> Vec<Part> {
        let language = self.language.and_then(Language::of);
        let head = self.head(language.as_ref());
        let first_place = head
            .values()
            .flat_map(|places| &places.heading)
            .map(|(place, _)| *place)
            .max()
            .map_or(1, |last| last + GAP);
        let mut parts: Vec<Terms> = vec![head.clone()];
        let (mut place, mut bytes) = (first_place, 0);
        for passage in passages {
            for (_, piece) in pieces(passage) {
                if place >= PART_PLACES_MAX || bytes >= PART_BYTES_MAX {
                    parts.push(head.clone());
                    (place, bytes) = (first_place, 0);
                }
                let terms = parts.last_mut().expect("there is a part from the beginning");
                let mut add = |term: &str| {
                    if let Some(places) = terms.get_mut(term) {
                        if places.text.len() < TERM_PLACES_MAX {
                            places.text.push(place);
                        }
                    } else {
                        bytes += term.len() + 8;
                        if let Some(stem) = language.as_ref().and_then(|language| language.stem_term(term)) {
                            bytes += stem.len() + 8;
                            terms.entry(stem).or_default();
                        }
                        terms.insert(
                            term.to_owned(),
                            Places {
                                text: vec![place],
                                heading: Vec::new(),
                            },
                        );
                    }
                    place = place.saturating_add(1);
                };
                match piece {
                    Piece::Word(word) => {
                        let word = folded(word);
                        if !word.is_empty() {
                            add(&word);
                        }
                    }
                    Piece::Run(run) => pairs(run).iter().for_each(|pair| add(pair)),
                }
            }
        }
        if let [only] = parts.as_slice() {
            return vec![Part {
                number: 0,
                vector: vector(only),
            }];
        }
        let mut rows: Vec<Part> = (1..)
            .zip(&parts)
            .map(|(number, terms)| Part {
                number,
                vector: vector(terms),
            })
            .collect();
        rows.extend(summaries(&head, parts));
        rows
    }

    /// The document with these passages as a row for SQLite.
    pub fn flat<'p>(&self, passages: impl IntoIterator<Item = &'p str>) -> Flat {
        let language = self.language.and_then(Language::of);
        let mut stems: HashSet<String, RandomState> = HashSet::default();
        let mut known: HashSet<String, RandomState> = HashSet::default();
        let mut write = |to: &mut String, term: &str| {
            if !to.is_empty() {
                to.push(' ');
            }
            to.push_str(term);
            if !known.contains(term) {
                known.insert(term.to_owned());
                if let Some(stem) = language.as_ref().and_then(|language| language.stem_term(term)) {
                    stems.insert(stem);
                }
            }
        };
        let (mut names, mut tags, mut text) = (String::new(), String::new(), String::new());
        for (all, heading) in [(self.names, &mut names), (self.tags, &mut tags)] {
            for name in all {
                for term in terms_of(name) {
                    write(heading, &term);
                }
                // No phrase goes from one name into the next.
                heading.push_str(" .");
            }
        }
        for passage in passages {
            for term in terms_of(passage) {
                write(&mut text, &term);
            }
        }
        let mut marks: Vec<String> = stems.into_iter().collect();
        marks.extend(self.marks(language.as_ref()));
        marks.sort_unstable();
        Flat {
            names,
            tags,
            text,
            marks: marks.join(" "),
        }
    }

    fn marks(&self, language: Option<&Language>) -> Vec<String> {
        let mut marks = vec![owner_mark(self.owner)];
        marks.extend(language.map(Language::mark));
        marks.extend(self.tags.iter().map(|tag| tag_mark(tag)));
        marks
    }

    /// What every part has: marks, names and tags.
    fn head(&self, language: Option<&Language>) -> Terms {
        let mut terms = Terms::default();
        for mark in self.marks(language) {
            terms.entry(mark).or_default();
        }
        let mut place = 1_u16;
        let names = self.names.iter().map(|name| (name, 'A'));
        for (name, weight) in names.chain(self.tags.iter().map(|tag| (tag, 'B'))) {
            for term in terms_of(name) {
                if let Some(stem) = language.and_then(|language| language.stem_term(&term)) {
                    terms.entry(stem).or_default();
                }
                let places = terms.entry(term).or_default();
                if places.heading.len() < TERM_PLACES_MAX && place < PART_PLACES_MAX / 2 {
                    places.heading.push((place, weight));
                }
                place = place.saturating_add(1).min(PART_PLACES_MAX / 2);
            }
            place = place.saturating_add(GAP).min(PART_PLACES_MAX / 2);
        }
        terms
    }
}

fn terms_of(text: &str) -> impl Iterator<Item = String> {
    pieces(text)
        .flat_map(|(_, piece)| match piece {
            Piece::Word(word) => vec![folded(word).into_owned()],
            Piece::Run(run) => pairs(run),
        })
        .filter(|term| !term.is_empty())
}

/// The terms of all parts without their places, in as many rows as are needed.
fn summaries(head: &Terms, parts: Vec<Terms>) -> Vec<Part> {
    let mut all: Vec<String> = parts.into_iter().flat_map(Terms::into_keys).collect();
    all.sort_unstable();
    all.dedup();
    let mut rows = Vec::new();
    let mut row = head.clone();
    let mut bytes = 0;
    for term in all {
        if bytes >= PART_BYTES_MAX {
            rows.push(std::mem::replace(&mut row, head.clone()));
            bytes = 0;
        }
        bytes += term.len() + 8;
        row.entry(term).or_default();
    }
    rows.push(row);
    (1..)
        .zip(rows)
        .map(|(number, terms)| Part {
            number: -number,
            vector: vector(&terms),
        })
        .collect()
}

/// As a `tsvector`.
fn vector(terms: &Terms) -> String {
    // Postgres sorts by itself; sorted here, the same document is the same text.
    let mut sorted: Vec<_> = terms.iter().collect();
    sorted.sort_unstable_by_key(|(term, _)| term.as_str());
    let mut vector = String::with_capacity(16 * sorted.len());
    for (term, places) in sorted {
        vector.push_str(&quoted_for_postgres(term));
        let heading = places
            .heading
            .iter()
            .map(|(place, weight)| (place, Some(*weight)));
        let text = places.text.iter().map(|place| (place, None));
        for (number, (place, weight)) in heading.chain(text).take(TERM_PLACES_MAX).enumerate() {
            let sign = if number == 0 { ':' } else { ',' };
            // Writing to a string cannot fail.
            let _ = write!(vector, "{sign}{place}");
            vector.extend(weight);
        }
        vector.push(' ');
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry<'t>(names: &'t [&'t str], tags: &'t [&'t str]) -> Entry<'t> {
        Entry {
            owner: "ada",
            language: Some("en"),
            names,
            tags,
        }
    }

    #[test]
    fn a_document_is_one_row_of_names_text_stems_and_marks() {
        let entry = entry(&["Harvest Report"], &["Cider Press"]);
        let parts = entry.parts(["Apples, early", "apples late."]);
        assert_eq!(parts.len(), 1);
        assert_eq!(
            (parts[0].number, parts[0].vector.as_str()),
            (
                0,
                "'#cider_press' '=en' '@ada' 'apples':24,26 'cider':13B 'early':25 'harvest':1A 'late':27 'press':14B \
                 'report':2A '~enappl' '~enearli' "
            )
        );
        let flat = entry.flat(["Apples, early", "apples late."]);
        assert_eq!(
            (flat.names.as_str(), flat.tags.as_str()),
            ("harvest report .", "cider press .")
        );
        assert_eq!(flat.text, "apples early apples late");
        assert_eq!(flat.marks, "#cider_press =en @ada ~enappl ~enearli");
    }

    #[test]
    fn a_long_document_is_several_rows_that_none_outgrows() {
        let text: String = (0..50_000).map(|n| format!("w{n} ")).collect();
        let parts = entry(&["Title"], &[]).parts([text.as_str()]);
        assert!(parts.len() > 3);
        assert!(
            parts
                .iter()
                .all(|part| part.number != 0 && part.vector.contains("'title':1A"))
        );
        assert!(parts.iter().all(|part| part.vector.len() < 1_000_000));
        let all: String = parts.iter().map(|part| part.vector.as_str()).collect();
        for word in ["'w0'", "'w20000'", "'w49999'"] {
            assert_eq!(
                all.matches(word).count(),
                2,
                "{word} stands in its part and in a summary"
            );
        }
    }

    #[test]
    fn a_document_without_text_is_found_by_its_name() {
        let parts = entry(&["scan.pdf"], &[]).parts([]);
        assert_eq!(parts[0].vector, "'=en' '@ada' 'pdf':2A 'scan':1A ");
    }
}
