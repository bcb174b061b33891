//! What can be learned from a text without asking anybody: its language, its tags, and what it answers to a question.
//!
//! Everything here is pure and deterministic: the same text gives the same answer on every machine, without
//! network, models or files. The cost of a call is bounded whatever the text looks like, because long texts are
//! sampled before they are looked at.

mod answers;
mod language;
mod sample;
mod tags;
mod votes;

pub use answers::{Claim, Intent, Question, answer};
pub use language::{Language, detect_language};
pub use tags::{Tag, TagKind, extract_tags};
