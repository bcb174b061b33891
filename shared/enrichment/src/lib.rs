//! What can be learned from a text without asking anybody: its language, its tags, and what it answers to a question.
//!
//! Everything here is pure and deterministic: the same text gives the same answer on every machine, without
//! network, models or files. The cost of a call is bounded whatever the text looks like, because long texts are
//! sampled before they are looked at.

mod agenda;
mod answers;
mod language;
mod languages;
mod sample;
mod tags;
mod votes;

pub use agenda::{
    Agenda, Context, EVENTS_MAX, Event, Moment, Priority, Source, TODOS_MAX, Todo, WRITER, extract_agenda,
    find_dates,
};
pub use answers::{Claim, Intent, Question, answer};
pub use language::{Language, detect_language};
pub use languages::{LanguageShare, Languages, detect_languages};
pub use tags::{Tag, TagKind, extract_tags, find_tags, names_in};

/// Changes whenever the same text gives other languages, tags, todos or events than before, so that results of different
/// versions can be told apart.
pub const ENGINE: &str = "rules/2";
