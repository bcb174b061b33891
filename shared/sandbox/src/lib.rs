//! Runs the extraction in child processes that may die.
//!
//! Parsing a stranger's document is hostile work: parsers run out of stack, allocate gigabytes, or never end, and none of
//! that can be caught within a process. So documents are read in children of the worker: the same program, started
//! again, without files, network or environment as far as the kernel can see to it. A child that dies or must be killed
//! takes nothing with it but its document.
//!
//! Pages that are pictures of text are read by another program, `tesseract`, in children of their own (`ocr`).
//!
//! [`ParserPool`] is the side of the worker, [`child_main`] that of the child. They talk in frames over the child's
//! standard input and output; what goes through them is written down in `wire.rs`.

mod child;
mod confinement;
mod error;
mod ocr;
mod parser_child;
mod pool;
mod settings;
mod wire;

pub use child::{child_main, child_main_with};
pub use confinement::Confinement;
pub use error::ParseError;
pub use ocr::{NoOcr, OcrEngine, OcrSettings};
pub use pool::{ChildProgram, ParseRequest, ParserPool};
pub use settings::SandboxSettings;
