//! What can be learned from a text without asking anybody: its language and its tags.
//!
//! Everything here is pure and deterministic: the same text gives the same answer on every machine, without
//! network, models or files. The cost of a call is bounded whatever the text looks like, because long texts are
//! sampled before they are looked at.

mod agenda;
mod language;
mod sample;
mod tags;
mod votes;

pub use agenda::{
    AGENDA_ENGINE, Agenda, Context, EVENTS_MAX, Event, Moment, Priority, Source, TODOS_MAX, Todo, WRITER, extract_agenda, find_dates,
};
pub use language::{Language, detect_language};
pub use tags::{Tag, TagKind, extract_tags};
