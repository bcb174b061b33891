//! Questions in, sentences of documents with their places out: for whoever waits on the line, and for workers.
//!
//! The passages that the full-text index finds are all that an answer is made of. A model says it in its own words where one is
//! chosen and there is money left; the rules of `enrichment` do it otherwise, and finish what a model began and could not end.

mod budget;
mod lines;

use std::sync::Arc;

use database::conversations::{Citation, NewAnswer};
use database::search::{self, Evidence};
use database::{Database, DatabaseError, MadeBy};
use domain::{DocumentId, JobId, SharedClock, UserId};
use enrichment::{Intent, Question};
use models::{Local, Model, Provider};

pub use budget::{Bill, made_by, millionths, reserve, settle, spent};

/// Passages that are looked at for an answer.
const PASSAGES_MAX: u64 = 60;
/// Sentences of an answer.
pub const CLAIMS_MAX: usize = 5;

/// What answers are made with.
#[derive(Clone)]
pub struct Answerer {
    /// The truth.
    pub database: Database,
    /// The time.
    pub clock: SharedClock,
    /// The model, if one is chosen.
    pub model: Option<Arc<Model>>,
}

/// What somebody wants to know.
#[derive(Debug, Clone)]
pub struct Inquiry {
    /// Who asks.
    pub user: UserId,
    /// The job that it is part of, if it is one.
    pub job: Option<JobId>,
    /// The question in its own words.
    pub text: String,
    /// Only from these; empty means all of the user's.
    pub documents: Vec<DocumentId>,
}

/// A sentence of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// What is said.
    pub text: String,
    /// Where a document says so.
    pub citation: Citation,
}

/// One step of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// A sentence.
    Claim(Said),
    /// There are no more.
    End(Ending),
}

/// The end of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// Who made it.
    pub made_by: MadeBy,
    /// What a model took for it, which whoever stores the answer corrects; `None` where there is nothing left to correct.
    pub bill: Option<Bill>,
}

/// An answer that has been gathered from its lines.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gathered {
    said: Vec<Said>,
}

impl Gathered {
    /// Adds a sentence.
    pub fn push(&mut self, said: Said) {
        self.said.push(said);
    }

    /// How many sentences there are.
    #[must_use]
    pub fn claims(&self) -> usize {
        self.said.len()
    }

    /// The answer as it is stored: one paragraph for each sentence.
    #[must_use]
    pub fn into_answer(self, made_by: MadeBy) -> NewAnswer {
        let (texts, citations): (Vec<String>, Vec<Citation>) = self
            .said
            .into_iter()
            .map(|said| (said.text, said.citation))
            .unzip();
        NewAnswer {
            text: texts.join("\n\n"),
            citations,
            made_by,
        }
    }
}

impl Answerer {
    /// The passages that the answer may be taken from.
    async fn evidence(&self, inquiry: &Inquiry, question: &Question) -> Result<Vec<Evidence>, DatabaseError> {
        let (user, documents) = (inquiry.user, &inquiry.documents);
        match question.intent() {
            Intent::Summary => search::beginnings(&self.database, user, documents, PASSAGES_MAX).await,
            Intent::Question => {
                let words: Vec<&str> = question.beginnings().collect();
                search::evidence(&self.database, user, documents, &words.join(" "), PASSAGES_MAX).await
            }
        }
    }

    /// Who makes results here, when nothing goes wrong.
    #[must_use]
    pub fn makes(&self) -> MadeBy {
        made_by(&*self.provider(), None)
    }

    /// The provider that is asked first.
    fn provider(&self) -> Arc<dyn Provider> {
        match &self.model {
            Some(model) => Arc::clone(model) as Arc<dyn Provider>,
            None => Arc::new(Local),
        }
    }
}
