//! Answering a question about documents: line by line, or as a job.

use answering::{Ending, Gathered, Inquiry, Said};
use chrono::{DateTime, Utc};
use database::audit::Origin;
use database::conversations::{self, NewQuestion};
use database::jobs::{self, Job};
use database::tasks;
use database::{MadeBy, documents};
use domain::{ConversationId, DocumentId, DocumentStatus, JobId, MessageId, UserId, limits};
use enrichment::{Intent, Question};
use futures::stream::{self, BoxStream, Stream, StreamExt};
use sha2::{Digest, Sha256};

use crate::context::Api;

/// Documents that a question may name.
pub(crate) const DOCUMENTS_MAX: usize = 50;
/// Characters of a question.
pub(crate) const QUESTION_CHARACTERS_MAX: usize = 4_000;

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
    #[error("{0} questions wait already; ask again when some of them are answered")]
    QueueFull(u64),
    #[error("the Idempotency-Key was used for another request")]
    KeyReused,
    #[error("the job of this key was deleted this moment")]
    Gone,
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
    Claim(Said),
    /// The answer is stored.
    Done {
        message: MessageId,
        claims: usize,
        made_by: MadeBy,
    },
    /// The answer could not be finished.
    Failed(Refused),
}

/// A question that is stored and not yet answered.
pub(crate) struct Answering {
    asked: Asked,
    question: Question,
    conversation: ConversationId,
}

/// Looks whether a question can be answered at all.
async fn check(api: &Api, asked: &Asked) -> Result<Question, Refused> {
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
        Intent::Question if question.beginnings().next().is_none() => Err(Refused::NoWords("the question")),
        Intent::Summary if asked.documents.is_empty() => Err(Refused::NothingToSummarise),
        Intent::Question | Intent::Summary => Ok(question),
    }
}

fn to_store(asked: &Asked, question: &Question) -> NewQuestion {
    NewQuestion {
        user: asked.user,
        conversation: asked.conversation,
        text: asked.question.clone(),
        language: question.language().map(str::to_owned),
        intent: question.intent().as_str(),
        origin: asked.origin.clone(),
    }
}

/// Stores a question that is answered at once.
pub(crate) async fn begin(api: &Api, asked: Asked) -> Result<Answering, Refused> {
    let question = check(api, &asked).await?;
    let stored = conversations::ask(&api.database, to_store(&asked, &question), api.clock.now()).await?;
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

/// What a request for an answer later brings beside the question.
pub(crate) struct Wish {
    pub(crate) idempotency_key: Option<String>,
    pub(crate) trace_parent: Option<String>,
}

/// A job that will answer a question.
pub(crate) struct Accepted {
    pub(crate) job: Job,
    /// An earlier request with the same key made it.
    pub(crate) by_earlier: bool,
}

/// Stores a question that a worker answers, as a job. The same request with the same key finds the job that it made, whatever has
/// become of the documents meanwhile.
pub(crate) async fn later(api: &Api, asked: Asked, wish: Wish) -> Result<Accepted, Refused> {
    let idempotency = wish.idempotency_key.map(|key| (key, fingerprint(&asked)));
    if let Some((key, fingerprint)) = &idempotency {
        let earlier = tasks::asked_before(&api.database, asked.user, key, *fingerprint).await?;
        if let Some(earlier) = earlier {
            return accepted(api, earlier, &asked).await;
        }
    }
    let question = check(api, &asked).await?;
    let now: DateTime<Utc> = api.clock.now();
    let ask = tasks::Ask {
        job: JobId::new(),
        question: to_store(&asked, &question),
        documents: asked.documents.clone(),
        idempotency,
        deadline_at: now + limits::DEADLINE_DEFAULT,
        trace_parent: wish.trace_parent,
    };
    let outcome = tasks::ask(&api.database, ask, now).await?;
    accepted(api, outcome, &asked).await
}

async fn accepted(api: &Api, outcome: tasks::Asked, asked: &Asked) -> Result<Accepted, Refused> {
    match outcome {
        tasks::Asked::Accepted(job) => Ok(Accepted {
            job: *job,
            by_earlier: false,
        }),
        tasks::Asked::Replayed(id) => Ok(Accepted {
            job: jobs::find(&api.database, asked.user, id)
                .await?
                .ok_or(Refused::Gone)?,
            by_earlier: true,
        }),
        tasks::Asked::KeyReused => Err(Refused::KeyReused),
        tasks::Asked::QueueFull(bound) => Err(Refused::QueueFull(bound)),
        tasks::Asked::NoSuchConversation => match asked.conversation {
            Some(id) => Err(Refused::NoSuchConversation(id)),
            None => unreachable!("a new conversation is always stored"),
        },
    }
}

/// The same request is the same question about the same documents in the same conversation.
fn fingerprint(asked: &Asked) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(b"question");
    digest.update((asked.question.len() as u64).to_be_bytes());
    digest.update(&asked.question);
    digest.update((asked.documents.len() as u64).to_be_bytes());
    for document in &asked.documents {
        digest.update(document.uuid());
    }
    if let Some(conversation) = asked.conversation {
        digest.update(conversation.uuid());
    }
    digest.finalize().into()
}

enum Step {
    Start,
    Say(BoxStream<'static, Result<answering::Line, database::DatabaseError>>),
    End,
}

impl Answering {
    /// The answer, from its first line to its last, which is [`Line::Done`] or [`Line::Failed`]. Dropping it stops the work:
    /// the question stays in its conversation without an answer.
    pub(crate) fn lines(self, api: Api) -> impl Stream<Item = Line> + Send + 'static {
        let begin = (self, api, Step::Start, Gathered::default());
        stream::unfold(begin, |(this, api, step, mut gathered)| async move {
            let (line, next) = this.step(&api, step, &mut gathered).await?;
            Some((line, (this, api, next, gathered)))
        })
    }

    async fn step(&self, api: &Api, step: Step, gathered: &mut Gathered) -> Option<(Line, Step)> {
        let mut lines = match step {
            Step::Start => {
                let started = Line::Started {
                    conversation: self.conversation,
                    language: self.question.language().map(str::to_owned),
                    intent: self.question.intent().as_str(),
                };
                let inquiry = Inquiry {
                    user: self.asked.user,
                    job: None,
                    text: self.asked.question.clone(),
                    documents: self.asked.documents.clone(),
                };
                return Some((started, Step::Say(api.answerer().lines(inquiry).boxed())));
            }
            Step::Say(lines) => lines,
            Step::End => return None,
        };
        match lines.next().await? {
            Ok(answering::Line::Claim(said)) => {
                gathered.push(said.clone());
                Some((Line::Claim(said), Step::Say(lines)))
            }
            Ok(answering::Line::End(Ending { made_by, bill })) => {
                if let Some(bill) = bill {
                    bill.settle(&api.database).await;
                }
                let last = self.store(api, std::mem::take(gathered), made_by).await;
                Some((last.unwrap_or_else(Line::Failed), Step::End))
            }
            Err(error) => Some((Line::Failed(error.into()), Step::End)),
        }
    }

    async fn store(&self, api: &Api, gathered: Gathered, made_by: MadeBy) -> Result<Line, Refused> {
        let claims = gathered.claims();
        let answer = gathered.into_answer(made_by.clone());
        let (database, user, now) = (&api.database, self.asked.user, api.clock.now());
        let message = conversations::answer(database, user, self.conversation, answer, now).await?;
        Ok(Line::Done {
            message: message.ok_or(Refused::NoSuchConversation(self.conversation))?,
            claims,
            made_by,
        })
    }
}
