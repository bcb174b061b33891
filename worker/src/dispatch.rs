//! From a claim to its end: which function, how long, and what becomes of a panic, a failure, or a stop.
//!
//! Policy lives here and in the row, not in layers of apalis, which loses track of tasks that panic or time out. This is
//! the only file of the worker that names apalis.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::{Data, Monitor, ParallelizeExt, WorkerBuilder};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use database::Database;
use database::mails::MailClaim;
use database::tasks::{
    self, Claim, Closed, DocumentPayload, QuestionClaim, QuestionPayload, Reason, Retried, Subject,
};
use domain::{DocumentId, QueueName, ReasonCode, TaskId, TaskKind, WorkerId};
use futures::FutureExt;
use futures::future::BoxFuture;
use queue::{HintBackend, SharedHints, Slotted};
use telemetry::metrics::{self, TaskOutcome};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::context::{Context, Running};
use crate::outcome::{self, Ended, Failure};
use crate::postman::{self, Postman};
use crate::tasks::{answer_question, process_document};

/// No attempt needs longer: reading a document is bounded by its parser's limits, storing by the patience of each step.
const ATTEMPT_MAX: Duration = Duration::from_secs(10 * 60);
/// A database that just failed to claim is left alone for a moment.
const CLAIM_AGAIN: Duration = Duration::from_millis(500);
/// How often the end of an attempt is written down again when the database is away. After that the attempt counts as lost,
/// which is written down when the database is back (see `heartbeat.rs`).
const CLOSE_TRIES: u32 = 120;

/// Questions that one worker answers at once, beside its documents: they wait for the database and for models, and hardly
/// compute.
pub(crate) const QUESTION_SLOTS: usize = 4;

/// Takes hints and works until `stopping`, then until what was claimed has ended.
pub(crate) async fn work(
    context: Arc<Context>,
    worker: WorkerId,
    slots: usize,
    hints: SharedHints,
    stopping: CancellationToken,
) {
    let feed = move |queue: QueueName, slots: usize| Feed {
        hints: Arc::clone(&hints),
        queue,
        free: Arc::new(Semaphore::new(slots)),
        stopping: stopping.clone(),
        claimer: Arc::new(Claimer {
            context: Arc::clone(&context),
            worker,
        }),
    };
    let documents = feed(QueueName::Documents, slots);
    let questions = feed(QueueName::Questions, QUESTION_SLOTS);
    let monitor = Monitor::new()
        .register(move |restart| {
            WorkerBuilder::new(format!("{worker}-{restart}"))
                .backend(documents.backend::<Documents>())
                .data(Arc::clone(&documents.claimer.context))
                .parallelize(tokio::spawn)
                .build(handle::<Documents>)
        })
        .register(move |restart| {
            WorkerBuilder::new(format!("{worker}-questions-{restart}"))
                .backend(questions.backend::<Questions>())
                .data(Arc::clone(&questions.claimer.context))
                .parallelize(tokio::spawn)
                .build(handle::<Questions>)
        });
    if let Err(error) = monitor.run().await {
        tracing::error!("the worker ended: {error}");
    }
}

/// Takes hints of messages and sends them until `stopping`, then until what was claimed has ended.
pub(crate) async fn send(postman: Postman, hints: SharedHints, stopping: CancellationToken) {
    let (worker, postman) = (postman.worker, Arc::new(postman));
    let free = Arc::new(Semaphore::new(postman::SLOTS));
    let monitor = Monitor::new().register(move |restart| {
        let backend = HintBackend::new(
            Arc::clone(&hints),
            QueueName::Mail,
            Arc::clone(&free),
            Arc::clone(&postman),
            stopping.clone(),
        );
        WorkerBuilder::new(format!("mail-{worker}-{restart}"))
            .backend(backend)
            .data(Arc::clone(&postman))
            .parallelize(tokio::spawn)
            .build(handle_mail)
    });
    if let Err(error) = monitor.run().await {
        tracing::error!("the sending of mail ended: {error}");
    }
}

async fn handle_mail(
    message: Slotted<MailClaim>,
    postman: Data<Arc<Postman>>,
) -> Result<(), std::convert::Infallible> {
    let Slotted {
        claimed,
        permit: _slot,
    } = message;
    postman::attempt(Arc::clone(&postman), claimed).await;
    Ok(())
}

/// Where the tasks of one kind come from.
struct Feed {
    hints: SharedHints,
    queue: QueueName,
    free: Arc<Semaphore>,
    stopping: CancellationToken,
    claimer: Arc<Claimer>,
}

impl Feed {
    fn backend<K: Kind>(&self) -> HintBackend<ClaimerOf<K>> {
        HintBackend::new(
            Arc::clone(&self.hints),
            self.queue,
            Arc::clone(&self.free),
            ClaimerOf(Arc::clone(&self.claimer), PhantomData),
            self.stopping.clone(),
        )
    }
}

/// Turns hints into owned tasks.
struct Claimer {
    context: Arc<Context>,
    worker: WorkerId,
}

/// A kind of task: how it is claimed, and what is done.
#[async_trait]
trait Kind: Send + Sync + 'static {
    const KIND: TaskKind;
    type Subject: Subject + 'static;
    type Payload: Clone + Send + Sync + 'static;

    async fn claim(
        database: &Database,
        worker: WorkerId,
        ids: &[TaskId],
        now: DateTime<Utc>,
    ) -> database::Result<Vec<Claim<Self::Subject, Self::Payload>>>;

    /// One attempt, which ends by itself soon after it is `unwanted`.
    async fn run(
        context: &Arc<Context>,
        claim: &Claim<Self::Subject, Self::Payload>,
        unwanted: &CancellationToken,
    ) -> Result<Ended, Failure>;
}

struct Documents;

#[async_trait]
impl Kind for Documents {
    const KIND: TaskKind = TaskKind::ProcessDocument;
    type Subject = DocumentId;
    type Payload = DocumentPayload;

    async fn claim(
        database: &Database,
        worker: WorkerId,
        ids: &[TaskId],
        now: DateTime<Utc>,
    ) -> database::Result<Vec<Claim>> {
        tasks::claim(database, worker, ids, now).await
    }

    async fn run(
        context: &Arc<Context>,
        claim: &Claim,
        unwanted: &CancellationToken,
    ) -> Result<Ended, Failure> {
        process_document::run(context, claim, unwanted).await
    }
}

struct Questions;

#[async_trait]
impl Kind for Questions {
    const KIND: TaskKind = TaskKind::AnswerQuestion;
    type Subject = ();
    type Payload = QuestionPayload;

    async fn claim(
        database: &Database,
        worker: WorkerId,
        ids: &[TaskId],
        now: DateTime<Utc>,
    ) -> database::Result<Vec<QuestionClaim>> {
        tasks::claim_questions(database, worker, ids, now).await
    }

    async fn run(
        context: &Arc<Context>,
        claim: &QuestionClaim,
        unwanted: &CancellationToken,
    ) -> Result<Ended, Failure> {
        answer_question::run(context, claim, unwanted).await
    }
}

/// A [`Claimer`] of tasks of one kind.
struct ClaimerOf<K>(Arc<Claimer>, PhantomData<K>);

#[async_trait]
impl<K: Kind> queue::Claim for ClaimerOf<K> {
    type Claimed = Claim<K::Subject, K::Payload>;

    async fn claim(&self, ids: Vec<TaskId>) -> Vec<Self::Claimed> {
        let Claimer { context, worker } = &*self.0;
        let now = context.clock.now();
        match K::claim(&context.database, *worker, &ids, now).await {
            Ok(claims) => {
                for _ in claims.len()..ids.len() {
                    metrics::claim_lost(K::KIND);
                }
                for claim in &claims {
                    let waited = (now - claim.due_at).to_std().unwrap_or_default();
                    metrics::task_claimed(claim.kind, waited);
                }
                claims
            }
            Err(error) => {
                tracing::warn!(
                    "could not claim {} tasks: {}",
                    ids.len(),
                    telemetry::chain(&error)
                );
                context.running.note_unanswered_claim();
                tokio::time::sleep(CLAIM_AGAIN).await;
                Vec::new()
            }
        }
    }
}

async fn handle<K: Kind>(
    task: Slotted<Claim<K::Subject, K::Payload>>,
    context: Data<Arc<Context>>,
) -> Result<(), std::convert::Infallible> {
    let Slotted {
        claimed: claim,
        permit: _slot,
    } = task;
    let span = tracing::info_span!(
        "task",
        task.id = %claim.task,
        task.kind = %claim.kind,
        task.attempt = claim.attempt,
        job.id = %claim.job,
        document.id = claim.document.document().map(tracing::field::display),
    );
    attempt::<K>(Arc::clone(&context), claim).instrument(span).await;
    Ok(())
}

/// Runs one attempt and writes down how it ended. A run that is no longer wanted ends by itself.
async fn attempt<K: Kind>(context: Arc<Context>, claim: Claim<K::Subject, K::Payload>) {
    let started = std::time::Instant::now();
    let registered = Running::begin(&context, &claim);
    let run = {
        let (context, claim) = (Arc::clone(&context), claim.clone());
        let unwanted = registered.unwanted.clone();
        async move { K::run(&context, &claim, &unwanted).await }
    };
    // A task of its own: a panic in it is an outcome, and dropping it kills the parser child that it waits for.
    let mut run = tokio::spawn(run.in_current_span());
    let ended = tokio::select! {
        ended = &mut run => ended.map_err(|error| {
            tracing::error!("the attempt panicked: {error}");
            ReasonCode::Internal.into()
        }).flatten(),
        () = tokio::time::sleep(ATTEMPT_MAX) => {
            run.abort();
            Err(ReasonCode::AttemptTimeout.into())
        }
    };
    let outcome = match ended {
        Ok(Ended::Done) => TaskOutcome::Done,
        Ok(Ended::Stale) => stale(&claim),
        Ok(Ended::Stopped) if context.running.is_handed_back() => TaskOutcome::Returned,
        Ok(Ended::Stopped) => TaskOutcome::Lost,
        Err(Failure(reason)) if reason.code.is_transient() => retry(&context, &claim, &reason).await,
        Err(Failure(reason)) => reject(&context, &claim, &reason).await,
    };
    metrics::task_finished(claim.kind, outcome, started.elapsed());
    if outcome != TaskOutcome::Lost {
        context.events.publish(claim.job);
    }
    let duration_ms = started.elapsed().as_secs_f64() * 1e3;
    let about = match claim.document.document() {
        Some(document) => format!("document {document}"),
        None => format!("job {}", claim.job),
    };
    tracing::info!(
        duration_ms,
        "attempt {} at {about} ended: {outcome:?}",
        claim.attempt
    );
}

/// An outcome that was refused, because the task was taken back, cancelled, expired or deleted meanwhile.
fn stale<S, P>(claim: &Claim<S, P>) -> TaskOutcome {
    metrics::stale_result(claim.kind);
    TaskOutcome::Lost
}

async fn reject<S: Subject, P: Sync>(context: &Context, claim: &Claim<S, P>, reason: &Reason) -> TaskOutcome {
    let write = || tasks::reject(&context.database, claim, reason, context.clock.now()).boxed();
    match insistently(write).await {
        Some(Closed::Won) => TaskOutcome::Failed,
        Some(Closed::Lost) => stale(claim),
        None => unclosed(context, claim),
    }
}

async fn retry<S: Subject, P: Sync>(context: &Context, claim: &Claim<S, P>, reason: &Reason) -> TaskOutcome {
    let chance = getrandom::u32().unwrap_or(u32::MAX);
    // Whoever was asked may want to be left alone (`Retry-After`).
    let asked_to_wait = match reason.code {
        ReasonCode::StorageUnavailable => context.storage.asked_to_wait(),
        _ => None,
    };
    let wait = outcome::backoff(claim.attempt, chance, asked_to_wait);
    let write = || {
        let now = context.clock.now();
        tasks::retry(&context.database, claim, now + wait, reason, now).boxed()
    };
    match insistently(write).await {
        Some(Retried::Queued) => TaskOutcome::Retried,
        Some(Retried::Dead) => TaskOutcome::Dead,
        Some(Retried::Lost) => stale(claim),
        None => unclosed(context, claim),
    }
}

/// The row still says that this worker runs the task, and nobody will write down how it ended.
fn unclosed<S, P>(context: &Context, claim: &Claim<S, P>) -> TaskOutcome {
    context.running.note_unclosed(claim);
    TaskOutcome::Lost
}

/// Writes until it is written, or until there is no sense in it any more.
async fn insistently<'a, T>(write: impl Fn() -> BoxFuture<'a, database::Result<T>>) -> Option<T> {
    for _ in 0..CLOSE_TRIES {
        match write().await {
            Ok(written) => return Some(written),
            Err(error) if error.is_transient() => {
                tracing::warn!(
                    "could not write down how the attempt ended: {}",
                    telemetry::chain(&error)
                );
                tokio::time::sleep(CLAIM_AGAIN).await;
            }
            Err(error) => {
                tracing::error!(
                    "could not write down how the attempt ended: {}",
                    telemetry::chain(&error)
                );
                return None;
            }
        }
    }
    None
}
