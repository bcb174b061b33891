//! Questions that a worker answers: a job without documents, whose one task ends with a message in a conversation.

use chrono::{DateTime, Utc};
use domain::{
    ConversationId, DocumentId, JobId, JobKind, JobStatus, MessageId, Priority, TaskId, TaskKind, TaskState,
    UserId, WorkerId, limits,
};
use sea_orm::{ActiveValue::Set, EntityTrait};
use serde::{Deserialize, Serialize};

use super::claim::claim_about;
use super::complete::END;
use super::{Claim, PAYLOAD_VERSION};
use crate::conversations::{self, NewAnswer, NewQuestion};
use crate::entity::{jobs as job_rows, tasks as task_rows};
use crate::jobs::{self, Counts, Job, QuestionOf, Submitted};
use crate::{Database, DatabaseError, Knowledge, Result, audit, sql};

/// What a task needs to know about its question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionPayload {
    /// The question.
    pub question: String,
    /// The documents that it names; none for all of the user's.
    pub documents: Vec<DocumentId>,
    /// The conversation that the answer belongs to.
    pub conversation: ConversationId,
    /// The id of the message that the answer becomes.
    pub message: MessageId,
    /// What a model answered in an earlier attempt: it is not asked twice. Only [`super::remember`] writes it, for questions under
    /// the same name as for documents, so that the database takes it out with the end of the task as it does theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<serde_json::Value>,
}

/// A question that a worker owns.
pub type QuestionClaim = Claim<(), QuestionPayload>;

/// A question to be answered later.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The job that it becomes.
    pub job: JobId,
    /// The question, and its conversation.
    pub question: NewQuestion,
    /// The documents that it names; none for all of the user's.
    pub documents: Vec<DocumentId>,
    /// The client's own name for this request, and the fingerprint of what it asked.
    pub idempotency: Option<(String, [u8; 32])>,
    /// When the job ends at the latest.
    pub deadline_at: DateTime<Utc>,
    /// The trace that it belongs to (W3C traceparent).
    pub trace_parent: Option<String>,
}

/// What came of storing a question.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// It is stored, as this job.
    Accepted(Box<Job>),
    /// The same request was accepted before, as this job.
    Replayed(JobId),
    /// The client used this key before, for something else.
    KeyReused,
    /// The user has no such conversation. Nothing is stored.
    NoSuchConversation,
    /// So many questions of the user wait that no more are taken; the number is the bound.
    QueueFull(u64),
}

/// Stores a question in its conversation with a job, a task and a line in the audit log, in one transaction. The dispatcher hands
/// the task out. A request that was accepted before is answered with its job, however many questions wait by now.
///
/// # Errors
/// When the database is away; nothing is stored then.
pub async fn ask(db: &Database, ask: Ask, now: DateTime<Utc>) -> Result<Asked> {
    let Some((key, fingerprint)) = ask.idempotency.clone() else {
        return store(db, ask, now).await;
    };
    let user = ask.question.user;
    if let Some(earlier) = asked_before(db, user, &key, fingerprint).await? {
        return Ok(earlier);
    }
    match store(db, ask, now).await {
        // Somebody may have sent the same this moment.
        Err(DatabaseError::Constraint(error)) => asked_before(db, user, &key, fingerprint)
            .await?
            .ok_or(DatabaseError::Constraint(error)),
        Ok(refused @ Asked::QueueFull(_)) => {
            let earlier = asked_before(db, user, &key, fingerprint).await?;
            Ok(earlier.unwrap_or(refused))
        }
        stored => stored,
    }
}

/// What an earlier use of an idempotency key came to; `None` when it was not used.
///
/// # Errors
/// When the database is away.
pub async fn asked_before(
    db: &Database,
    user: UserId,
    key: &str,
    fingerprint: [u8; 32],
) -> Result<Option<Asked>> {
    Ok(match jobs::replay(db, user, key, fingerprint).await? {
        Some(Submitted::Replayed(job)) => Some(Asked::Replayed(job)),
        Some(_) => Some(Asked::KeyReused),
        None => None,
    })
}

async fn store(db: &Database, ask: Ask, now: DateTime<Utc>) -> Result<Asked> {
    let kind = TaskKind::AnswerQuestion;
    let (user, origin) = (ask.question.user, ask.question.origin.clone());
    let (key, fingerprint) = ask.idempotency.unzip();
    if let Some(bound) = jobs::full(db, kind.queue(), user, 1).await? {
        return Ok(Asked::QueueFull(bound));
    }
    let transaction = db.begin().await?;
    let question = ask.question.text.clone();
    let Some(conversation) = conversations::ask_in(&transaction, ask.question, now).await? else {
        return Ok(Asked::NoSuchConversation);
    };
    let asked = QuestionOf {
        conversation,
        message: MessageId::new(),
    };
    let payload = QuestionPayload {
        question,
        documents: ask.documents,
        conversation,
        message: asked.message,
        findings: None,
    };
    let json = |value| serde_json::to_value(value).expect("plain structs always become JSON");
    job_rows::Entity::insert(job_rows::ActiveModel {
        id: Set(ask.job.uuid()),
        user_id: Set(user.uuid()),
        kind: Set(JobKind::Question.to_string()),
        status: Set(JobStatus::Pending.to_string()),
        status_reason: Set(None),
        total: Set(1),
        completed: Set(0),
        failed: Set(0),
        cancelled: Set(0),
        version: Set(1),
        options: Set(serde_json::to_value(asked).expect("plain structs always become JSON")),
        idempotency_key: Set(key),
        fingerprint: Set(fingerprint.map(|digest| digest.to_vec())),
        trace_parent: Set(ask.trace_parent),
        deadline_at: Set(ask.deadline_at),
        created_at: Set(now),
        started_at: Set(None),
        finished_at: Set(None),
    })
    .exec_without_returning(&transaction)
    .await?;
    task_rows::Entity::insert(task_rows::ActiveModel {
        id: Set(TaskId::new().uuid()),
        kind: Set(kind.to_string()),
        queue: Set(kind.queue().to_string()),
        state: Set(TaskState::Queued.to_string()),
        priority: Set(Priority::High.level()),
        user_id: Set(user.uuid()),
        job_id: Set(ask.job.uuid()),
        document_id: Set(None),
        payload: Set(json(&payload)),
        payload_version: Set(PAYLOAD_VERSION),
        attempt: Set(0),
        attempts_max: Set(limits::ATTEMPTS_MAX),
        fence: Set(0),
        owner: Set(None),
        run_at: Set(now),
        deadline_at: Set(ask.deadline_at),
        dispatched_at: Set(None),
        created_at: Set(now),
        started_at: Set(None),
        finished_at: Set(None),
        error_code: Set(None),
        error_detail: Set(None),
        history: Set(serde_json::json!([])),
        held: Set(None),
    })
    .exec_without_returning(&transaction)
    .await?;
    let entry = audit::Entry {
        user: Some(user),
        action: "job.create",
        resource: Some(("job", ask.job.uuid())),
        outcome: audit::Outcome::Success,
        origin,
    };
    audit::insert(&transaction, entry, now).await?;
    transaction.commit().await?;
    Ok(Asked::Accepted(Box::new(Job {
        question: Some(asked),
        ..Job::accepted(ask.job, user, JobKind::Question, 1, ask.deadline_at, now)
    })))
}

/// As [`super::claim`], for questions.
///
/// # Errors
/// When the database is away; nothing is claimed then, or the claim is recovered as an orphan.
pub async fn claim_questions(
    db: &Database,
    owner: WorkerId,
    ids: &[TaskId],
    now: DateTime<Utc>,
) -> Result<Vec<QuestionClaim>> {
    claim_about(db, owner, &Knowledge::of(TaskKind::AnswerQuestion), ids, now).await
}

/// What came of storing an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It is in its conversation, and the job has ended.
    Won,
    /// The task was taken back, cancelled, expired or deleted meanwhile; nothing changed.
    Lost,
    /// The conversation is gone; nothing changed.
    NoConversation,
}

/// Stores the answer to a question and ends its task and job, at once.
///
/// # Errors
/// When the database is away; nothing is stored then.
pub async fn complete_question(
    db: &Database,
    claim: &QuestionClaim,
    answer: NewAnswer,
    now: DateTime<Utc>,
) -> Result<Answered> {
    let transaction = db.begin().await?;
    let ended = sql::execute(
        &transaction,
        format!("{END} WHERE id = $1 AND fence = $2 AND state = 'running'"),
        [claim.task.uuid().into(), claim.fence.into(), now.into()],
    )
    .await?;
    if ended == 0 {
        return Ok(Answered::Lost);
    }
    let (conversation, message): (ConversationId, MessageId) =
        (claim.payload.conversation, claim.payload.message);
    let user: UserId = claim.user;
    if !conversations::answer_as(&transaction, user, conversation, message, answer, now).await? {
        return Ok(Answered::NoConversation);
    }
    let change = Counts {
        completed: 1,
        ..Counts::default()
    };
    jobs::count(
        &transaction,
        claim.job.uuid(),
        change,
        JobStatus::Failed,
        Some(claim.started_at),
        now,
    )
    .await?;
    transaction.commit().await?;
    Ok(Answered::Won)
}
