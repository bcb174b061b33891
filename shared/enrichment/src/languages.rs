//! All the languages of a text, when it has several, and which part of it is in which.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use whatlang::Lang;

use crate::language::{Language, code, detect_language};
use crate::votes::Votes;

/// The languages of a text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Languages {
    /// The one that most of it is in; `None` when nobody can say.
    pub main: Option<Language>,
    /// Every language that is more than a quotation, the largest share first. The shares are 1 together.
    pub shares: Vec<LanguageShare>,
    /// Where each language stands, if there are several: in the order of the text, as numbers of `shares`.
    pieces: Vec<(Range<usize>, usize)>,
}

/// How much of a text is in a language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LanguageShare {
    /// ISO 639-1 code such as `en`.
    pub code: String,
    /// From 0 to 1, by bytes of text, to two decimals.
    pub share: f32,
}

/// Bytes of a piece that is judged by itself: a paragraph or two.
const PIECE_BYTES_MIN: usize = 240;
/// Bytes of a piece that are looked at.
const LOOKED_AT_BYTES: usize = 1_000;
/// Pieces that are looked at; of a longer text, evenly spread ones.
const PIECES_MAX: usize = 64;
/// A smaller part is a quotation.
const SHARE_MIN: f32 = 0.1;
/// Words of one language that a piece needs, and how many times as many as of any other.
const HITS_MIN: u32 = 6;
const LEAD: f32 = 1.5;

/// The languages of `text`. Costs, beyond [`detect_language`], a look at each of its words, at 64 kB of them at most.
#[must_use]
pub fn detect_languages(text: &str) -> Languages {
    let main = detect_language(text);
    let mut found = Shares::default();
    let pieces = pieces(text);
    let step = pieces.len().div_ceil(PIECES_MAX).max(1);
    if pieces.len() > 1 {
        for piece in pieces.into_iter().step_by(step) {
            found.add(text, piece, main.as_ref());
        }
    }
    found.into_languages(text, main)
}

impl Languages {
    /// The parts of `text` that are in this language, as one text; `None` when it is not one of several.
    pub(crate) fn part(&self, text: &str, code: &str) -> Option<String> {
        let number = self.shares.iter().position(|share| share.code == code)?;
        if self.shares.len() < 2 {
            return None;
        }
        let own = self.pieces.iter().filter(|(_, language)| *language == number);
        let parts: Vec<&str> = own.filter_map(|(range, _)| text.get(range.clone())).collect();
        Some(parts.join("\n\n"))
    }

    pub(crate) fn has(&self, code: &str) -> bool {
        self.shares.iter().any(|share| share.code == code)
    }
}

/// Paragraphs, the short ones together with what follows.
fn pieces(text: &str) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut from = 0;
    for (at, _) in text.match_indices('\n') {
        if at - from >= PIECE_BYTES_MIN {
            pieces.push(from..at);
            from = at + 1;
        }
    }
    if !text[from..].trim().is_empty() {
        pieces.push(from..text.len());
    }
    pieces
}

/// Languages with the pieces that are in them.
#[derive(Debug, Default)]
struct Shares(Vec<(String, Vec<Range<usize>>)>);

impl Shares {
    fn add(&mut self, text: &str, piece: Range<usize>, main: Option<&Language>) {
        let end = text.floor_char_boundary(piece.end.min(piece.start + LOOKED_AT_BYTES));
        let looked_at = &text[piece.start..end];
        let known = main.map(|main| main.code.as_str());
        let found = language_of(looked_at, known).or_else(|| known.map(str::to_owned));
        let Some(code) = found else { return };
        match self.0.iter_mut().find(|(known, _)| *known == code) {
            Some((_, pieces)) => pieces.push(piece),
            None => self.0.push((code, vec![piece])),
        }
    }

    fn into_languages(mut self, text: &str, main: Option<Language>) -> Languages {
        let bytes = |pieces: &[Range<usize>]| pieces.iter().map(Range::len).sum::<usize>();
        let all: usize = self.0.iter().map(|(_, pieces)| bytes(pieces)).sum();
        let share = |pieces: &[Range<usize>]| bytes(pieces) as f32 / all.max(1) as f32;
        // A few words may vote for anything; a whole part has to convince.
        self.0.retain(|(code, pieces)| {
            let is_main = main.as_ref().is_some_and(|main| main.code == *code);
            is_main || share(pieces) >= SHARE_MIN && confirmed(text, pieces, code)
        });
        self.0
            .sort_by(|a, b| bytes(&b.1).cmp(&bytes(&a.1)).then(a.0.cmp(&b.0)));
        let all: usize = self.0.iter().map(|(_, pieces)| bytes(pieces)).sum();
        let shares: Vec<LanguageShare> = self
            .0
            .iter()
            .map(|(code, pieces)| LanguageShare {
                code: code.clone(),
                share: (bytes(pieces) as f32 / all.max(1) as f32 * 100.0).round() / 100.0,
            })
            .collect();
        match (shares.len(), main) {
            // Nothing but the main language, or a text too short for several.
            (0 | 1, Some(main)) => Languages {
                shares: vec![LanguageShare {
                    code: main.code.clone(),
                    share: 1.0,
                }],
                main: Some(main),
                pieces: Vec::new(),
            },
            (0 | 1, None) => Languages::default(),
            (_, main) => {
                let largest = &shares[0];
                let main = main
                    .filter(|main| main.code == largest.code)
                    .unwrap_or_else(|| Language {
                        code: largest.code.clone(),
                        confidence: largest.share,
                    });
                let mut pieces: Vec<(Range<usize>, usize)> = self
                    .0
                    .into_iter()
                    .enumerate()
                    .flat_map(|(number, (_, pieces))| pieces.into_iter().map(move |piece| (piece, number)))
                    .collect();
                pieces.sort_by_key(|(piece, _)| piece.start);
                Languages {
                    main: Some(main),
                    shares,
                    pieces,
                }
            }
        }
    }
}

/// The language of a piece, if it surely is another than the main one or there is no main one.
fn language_of(piece: &str, main: Option<&str>) -> Option<String> {
    let lower = piece.to_lowercase();
    let votes = Votes::of(lower.split(|c: char| !c.is_alphabetic() && c != '\''));
    let main_hits = main.map_or(0, |main| votes.hits_of(main));
    if let Some((language, hits)) = votes.leader()
        && hits >= HITS_MIN
    {
        let clear = hits as f32 >= LEAD * main_hits as f32;
        return (clear || main == Some(code(language))).then(|| code(language).to_owned());
    }
    // Scripts without spaces have no words to vote with.
    let letters = || piece.chars().filter(|c| c.is_alphabetic());
    let other_script = letters().filter(|c| !c.is_ascii()).count() * 2 > letters().count();
    (other_script && main_hits < HITS_MIN).then(|| detect_language(piece).map(|language| language.code))?
}

/// Whether the parts together are in this language for the careful look as well.
fn confirmed(text: &str, pieces: &[Range<usize>], code: &str) -> bool {
    const PARTS_MAX: usize = 4;
    let parts: Vec<&str> = pieces
        .iter()
        .take(PARTS_MAX)
        .map(|piece| &text[piece.clone()])
        .collect();
    detect_language(&parts.join("\n")).is_some_and(|language| language.code == code)
}

/// Every language that whatlang knows, by its code.
pub(crate) fn language_of_code(wanted: &str) -> Option<Lang> {
    Lang::all()
        .iter()
        .copied()
        .find(|language| code(*language) == wanted)
}
