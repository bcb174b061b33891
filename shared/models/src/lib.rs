//! Text in; tags, todos, events, a summary and answers out: by rules, or by a language model that an operator has chosen.
//!
//! There is one seam, [`Provider`]. [`Local`] is behind it always: the rules of `enrichment`, which need no network. A
//! [`Model`] is behind it where the section `model` names one; this crate is the only place that knows `genai`.
//!
//! A model is asked by people who wrote a document or a question, so what it says is worth no more than a document is: it
//! has no tools, what it says is checked for its form and its bounds, and what the text does not say is dropped
//! (`grounding.rs`). What a call takes is told in tokens and money; whoever calls keeps the budgets.

mod analysis;
mod answering;
mod breaker;
mod costs;
mod failure;
mod grounding;
mod local;
mod model;
mod patience;
mod replies;
mod settings;

use std::sync::Arc;

use async_trait::async_trait;
use enrichment::{Agenda, Context, Languages, Question, Tag};
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

pub use breaker::BREAKER_FAILURES_MAX;
pub use costs::{Cost, Usage};
pub use failure::Failure;
pub use local::{Local, analyse};
pub use model::Model;
pub use patience::{TRIES_MAX, patiently};
pub use settings::{Maker, ModelSettings};

/// Turns texts into findings and passages into answers.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// Who it is, in one word, as results tell it: `local`, or the maker of the model.
    fn name(&self) -> &'static str;

    /// The model, as its maker calls it; `None` for rules.
    fn model(&self) -> Option<&str> {
        None
    }

    /// What analysing a text of so many bytes takes at most. Nothing, for rules.
    fn analysis_costs(&self, _bytes: usize) -> Usage {
        Usage::default()
    }

    /// What answering from passages of so many bytes takes at most. Nothing, for rules.
    fn answer_costs(&self, _bytes: usize) -> Usage {
        Usage::default()
    }

    /// Looks at a text. Asked twice, a model may say something else the second time, and takes money for it.
    ///
    /// # Errors
    /// Why there is nothing. Whether it was paid for nobody knows then.
    async fn analyse(&self, subject: Subject) -> Result<(Findings, Usage), Failure>;

    /// Answers a question from passages, sentence by sentence. Nothing that comes is without a place in a passage. Dropping
    /// the stream hangs up.
    fn answer(&self, ask: Ask) -> BoxStream<'static, Result<Piece, Failure>>;
}

/// A provider that a process shares.
pub type SharedProvider = Arc<dyn Provider>;

/// A text, and what is known of it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The text.
    pub text: Arc<str>,
    /// Its languages.
    pub languages: Languages,
    /// When it was written, and whether its lines are messages.
    pub context: Context,
    /// Who wrote or said something in it, as its file tells.
    pub people: Vec<String>,
    /// The languages that tags are wanted in; none for that of the text. Models go by the text.
    pub tag_languages: Vec<String>,
    /// Tags wanted at most.
    pub tags_max: usize,
}

/// What was found in a text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// What it is about.
    pub tags: Vec<Tag>,
    /// What it asks for and announces, in the order of the text.
    pub agenda: Agenda,
    /// What it says, in a few sentences; `None` when it is too short to be shortened.
    pub summary: Option<String>,
    /// Bytes of the text from its beginning that were looked at.
    pub looked_at_bytes: usize,
}

/// A question, and the passages that an answer may be taken from.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The question.
    pub question: Arc<Question>,
    /// The question in its own words.
    pub text: String,
    /// The passages, the best first; for a summary, in the order of the text.
    pub passages: Arc<Vec<String>>,
    /// Sentences of an answer at most.
    pub claims_max: usize,
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// A sentence, and where the passages say so.
    Claim(Claim),
    /// The answer is complete; this is what it took.
    End(Usage),
}

/// A sentence of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What is said.
    pub text: String,
    /// The passage that says so, by its place in the list.
    pub passage: usize,
    /// Which part of it, in bytes.
    pub range: std::ops::Range<usize>,
}

/// The provider that the settings name; `None` when it is the rules.
#[must_use]
pub fn open(settings: &ModelSettings, clock: domain::SharedClock) -> Option<Arc<Model>> {
    Model::open(settings, clock).map(Arc::new)
}
