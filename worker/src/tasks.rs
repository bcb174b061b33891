//! One file per kind of task; each reads as the story of the task.

pub(crate) mod answer_question;
pub(crate) mod process_document;
