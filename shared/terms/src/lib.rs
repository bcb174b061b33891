//! What a search compares: the terms of texts, and those of queries.
//!
//! Both databases are given terms that were found here, so they find the same documents. A term is a word as it is written,
//! the stem of a word in the language of its document, two neighbouring characters of a script without spaces, or a mark
//! that says something about the whole document. What people type never reaches a query language: only its letters and
//! digits do.

mod entry;
mod expression;
mod finder;
mod marks;
mod neighbours;
mod pieces;
mod query;
mod stems;

pub use entry::{Entry, Flat, Part};
pub use expression::Expression;
pub use finder::{Finder, Place};
pub use marks::{owner_mark, tag_mark};
pub use neighbours::neighbours;
pub use query::{Query, Wanted};
