//! Answering a question about documents, line by line.

use std::collections::VecDeque;

use database::audit::Origin;
use database::conversations::{self, Citation, NewQuestion};
use database::documents;
use database::search::{self, Evidence};
use domain::{ConversationId, DocumentId, DocumentStatus, MessageId, UserId};
use enrichment::{Claim, Intent, Question};
use futures::{Stream, stream};

use crate::context::Api;

/// Documents that a question may name.
pub(crate) const DOCUMENTS_MAX: usize = 50;
/// Characters of a question.
pub(crate) const QUESTION_CHARACTERS_MAX: usize = 4_000;
/// Passages that are looked at for an answer.
const PASSAGES_MAX: u64 = 60;
/// Sentences of an answer.
const CLAIMS_MAX: usize = 5;

/// What somebody wants to know.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) user: UserId,
    pub(crate) question: String,
    /// Only from these; empty means all of the user's.
    pub(crate) documents: Vec<DocumentId>,
    pub(crate) conversation: Option<ConversationId>,
    pub(crate) origin: Origin,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("{0} has no words to search for")]
    NoWords(&'static str),
    #[error("document {0} is {1}; ask when it is completed")]
    NotReady(DocumentId, DocumentStatus),
    #[error("there is no document {0}")]
    NoSuchDocument(DocumentId),
    #[error("there is no conversation {0}")]
    NoSuchConversation(ConversationId),
    #[error("name the documents that are to be summarised")]
    NothingToSummarise,
    #[error(transparent)]
    Database(#[from] database::DatabaseError),
}

/// One line of an answer.
pub(crate) enum Line {
    /// The question is stored; the answer begins.
    Started {
        conversation: ConversationId,
        language: Option<String>,
        intent: &'static str,
    },
    /// A sentence of the answer, and where it stands.
    Claim { text: String, citation: Citation },
    /// The answer is stored.
    Done { message: MessageId, claims: usize },
    /// The answer could not be finished.
    Failed(Refused),
}

/// A question that is stored and not yet answered.
pub(crate) struct Answering {
    asked: Asked,
    question: Question,
    conversation: ConversationId,
}

/// Stores a question.
pub(crate) async fn begin(api: &Api, asked: Asked) -> Result<Answering, Refused> {
    let question = Question::read(&asked.question);
    for id in &asked.documents {
        let found = documents::find(&api.database, asked.user, *id).await?;
        match found.map(|document| document.status) {
            None => return Err(Refused::NoSuchDocument(*id)),
            Some(DocumentStatus::Completed) => {}
            Some(status) => return Err(Refused::NotReady(*id, status)),
        }
    }
    match question.intent() {
        Intent::Question if question.beginnings().next().is_none() => {
            return Err(Refused::NoWords("the question"));
        }
        Intent::Summary if asked.documents.is_empty() => return Err(Refused::NothingToSummarise),
        Intent::Question | Intent::Summary => {}
    }
    let new = NewQuestion {
        user: asked.user,
        conversation: asked.conversation,
        text: asked.question.clone(),
        language: question.language().map(str::to_owned),
        intent: question.intent().as_str(),
        origin: asked.origin.clone(),
    };
    let stored = conversations::ask(&api.database, new, api.clock.now()).await?;
    let conversation = match (stored, asked.conversation) {
        (Some(id), _) => id,
        (None, Some(id)) => return Err(Refused::NoSuchConversation(id)),
        // Without a conversation to go on, one is begun.
        (None, None) => unreachable!("a new conversation is always stored"),
    };
    Ok(Answering {
        asked,
        question,
        conversation,
    })
}

enum Step {
    Start,
    Search,
    Say { left: VecDeque<Said>, all: Vec<Said> },
    End,
}

#[derive(Clone)]
struct Said {
    text: String,
    citation: Citation,
}

impl Answering {
    /// The answer, from its first line to its last, which is [`Line::Done`] or [`Line::Failed`]. Dropping it stops the work:
    /// the question stays in its conversation without an answer.
    pub(crate) fn lines(self, api: Api) -> impl Stream<Item = Line> + Send + 'static {
        stream::unfold((self, api, Step::Start), |(this, api, step)| async move {
            let (line, next) = this.step(&api, step).await?;
            Some((line, (this, api, next)))
        })
    }

    async fn step(&self, api: &Api, step: Step) -> Option<(Line, Step)> {
        let (left, all) = match step {
            Step::Start => {
                let started = Line::Started {
                    conversation: self.conversation,
                    language: self.question.language().map(str::to_owned),
                    intent: self.question.intent().as_str(),
                };
                return Some((started, Step::Search));
            }
            Step::Search => match self.search(api).await {
                Ok(said) => (VecDeque::from(said.clone()), said),
                Err(refused) => return Some((Line::Failed(refused), Step::End)),
            },
            Step::Say { left, all } => (left, all),
            Step::End => return None,
        };
        let mut left = left;
        if let Some(Said { text, citation }) = left.pop_front() {
            return Some((Line::Claim { text, citation }, Step::Say { left, all }));
        }
        let last = match self.store(api, all).await {
            Ok(line) => line,
            Err(refused) => Line::Failed(refused),
        };
        Some((last, Step::End))
    }

    async fn search(&self, api: &Api) -> Result<Vec<Said>, Refused> {
        let (database, user, documents) = (&api.database, self.asked.user, &self.asked.documents);
        let evidence = match self.question.intent() {
            Intent::Summary => search::beginnings(database, user, documents, PASSAGES_MAX).await?,
            Intent::Question => {
                let words: Vec<&str> = self.question.beginnings().collect();
                search::evidence(database, user, documents, &words.join(" "), PASSAGES_MAX).await?
            }
        };
        let passages: Vec<&str> = evidence.iter().map(|evidence| evidence.text.as_str()).collect();
        let claims = enrichment::answer(&self.question, &passages, CLAIMS_MAX);
        Ok(claims
            .into_iter()
            .map(|claim| said(&claim, &evidence[claim.passage]))
            .collect())
    }

    async fn store(&self, api: &Api, said: Vec<Said>) -> Result<Line, Refused> {
        let claims = said.len();
        let text = said
            .iter()
            .map(|said| said.text.as_str())
            .collect::<Vec<_>>()
            .join("\n\n");
        let citations = said.into_iter().map(|said| said.citation).collect();
        let (database, user, now) = (&api.database, self.asked.user, api.clock.now());
        let message = conversations::answer(database, user, self.conversation, text, citations, now).await?;
        Ok(Line::Done {
            message: message.ok_or(Refused::NoSuchConversation(self.conversation))?,
            claims,
        })
    }
}

fn said(claim: &Claim, evidence: &Evidence) -> Said {
    let at = |offset: usize| evidence.start_byte + i64::try_from(offset).unwrap_or(i64::MAX);
    Said {
        text: evidence.text[claim.range.clone()].to_owned(),
        citation: Citation {
            document_id: evidence.document.uuid(),
            file_name: evidence.file_name.clone(),
            page: evidence.page,
            start_byte: at(claim.range.start),
            end_byte: at(claim.range.end),
        },
    }
}
