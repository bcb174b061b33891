//! Whatever happens to tasks, in any order and by any number of workers: after every step the database says what the model
//! says, and what always holds does hold.
//!
//! `PROPTEST_CASES` sets the number of scripts. A script that fails is shrunk and told line by line.

mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use database::documents::{self, DocumentFilter};
use database::jobs::{self, Cancelled, JobFilter, Submitted};
use database::quotas::{self, NewLimits};
use database::tasks::{self, Claim, Closed, Operator, Reason, Requeued, RequeuedAll, Retried, TaskFilter};
use database::users::User;
use database::workers::{self, Worker};
use database::{Database, audit, discarded, search, usage};
use domain::{
    DocumentId, DocumentStatus, JobId, JobStatus, QueueName, ReasonCode, TaskId, TaskState, WorkerId,
};
use model::{Close, Model, SILENCE};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::support::{TestDatabase, a_result, a_user, new_job, start};

const WORKERS: usize = 3;
/// Long enough for several deaths of a worker, short enough to be reached.
const TIME_OF_A_JOB: Duration = Duration::from_secs(240);
/// More than there ever is.
const ALL: u32 = 1_000;
/// The size of every document, and of every result.
const BYTES: u64 = 12;
const RESULT_BYTES: u64 = 7;

/// Which of several things; the script knows only how many there are when it gets there.
type Pick = proptest::sample::Index;

#[derive(Clone)]
enum Step {
    Submit {
        documents: usize,
        dispatched: bool,
    },
    Beat {
        worker: usize,
    },
    Claim {
        worker: usize,
        /// Among everything, not only what waits.
        anything: bool,
        hints: Vec<Pick>,
    },
    Close {
        /// Any run that ever was, not only one that stands.
        late: bool,
        run: Pick,
        how: Close,
    },
    GiveBack {
        worker: usize,
    },
    GiveBackOne {
        run: Pick,
    },
    /// A new process takes its place; the old one is never heard of again.
    Kill {
        worker: usize,
    },
    /// As `Kill`, after saying goodbye.
    Stop {
        worker: usize,
    },
    Wait {
        time: Duration,
    },
    Recover {
        limit: usize,
    },
    Expire,
    Cancel {
        job: Pick,
    },
    Requeue {
        task: Pick,
    },
    RequeueDead {
        miscounted: bool,
    },
    DeleteDocument {
        document: Pick,
    },
    DeleteJob {
        job: Pick,
    },
    Dispatch,
    ForgetLost,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Submit {
                documents,
                dispatched,
            } => {
                let by = if *dispatched { "with" } else { "without" };
                write!(f, "submit {documents} documents {by} hints")
            }
            Self::Beat { worker } => write!(f, "worker {worker} gives a sign of life"),
            Self::Claim {
                worker,
                anything,
                hints,
            } => {
                let which = if *anything { "any tasks" } else { "waiting tasks" };
                write!(f, "worker {worker} claims by {} hints at {which}", hints.len())
            }
            Self::Close { late, run, how } => {
                let which = if *late {
                    "any run, perhaps late,"
                } else {
                    "a standing run"
                };
                write!(f, "{which} ({run:?}) closes: {how:?}")
            }
            Self::GiveBack { worker } => write!(f, "worker {worker} gives everything back"),
            Self::GiveBackOne { run } => write!(f, "some run ({run:?}) is given back"),
            Self::Kill { worker } => write!(f, "worker {worker} dies"),
            Self::Stop { worker } => write!(f, "worker {worker} says goodbye"),
            Self::Wait { time } => write!(f, "{time:?} pass"),
            Self::Recover { limit } => write!(f, "at most {limit} orphans are recovered"),
            Self::Expire => write!(f, "deadlines are looked at"),
            Self::Cancel { job } => write!(f, "some job ({job:?}) is cancelled"),
            Self::Requeue { task } => write!(f, "some task ({task:?}) is put back in line"),
            Self::RequeueDead { miscounted } => {
                write!(f, "all dead tasks are put back, miscounted: {miscounted}")
            }
            Self::DeleteDocument { document } => write!(f, "some document ({document:?}) is deleted"),
            Self::DeleteJob { job } => write!(f, "some job ({job:?}) is deleted"),
            Self::Dispatch => write!(f, "what is due is handed out"),
            Self::ForgetLost => write!(f, "the queue has lost everything"),
        }
    }
}

/// Steps, told one a line.
#[derive(Clone)]
struct Script(Vec<Step>);

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .enumerate()
            .try_for_each(|(n, step)| write!(f, "\n  {n:>3}. {step:?}"))
    }
}

fn scripts() -> impl Strategy<Value = Script> {
    let pick = any::<Pick>;
    let worker = || 0..WORKERS;
    let rarely = || prop::bool::weighted(0.2);
    let close = prop_oneof![
        3 => Just(Close::Complete),
        2 => Just(Close::Reject),
        4 => (0_u64..8).prop_map(|seconds| Close::Retry { wait: Duration::from_secs(seconds) }),
        1 => Just(Close::WriteOff),
    ];
    let hints = proptest::collection::vec(pick(), 1..5);
    let time = prop_oneof![
        6 => 0_u64..12,
        2 => 25_u64..40,
        1 => Just(TIME_OF_A_JOB.as_secs()),
    ];
    let step = prop_oneof![
        3 => (1_usize..4, any::<bool>()).prop_map(|(documents, dispatched)| Step::Submit { documents, dispatched }),
        2 => worker().prop_map(|worker| Step::Beat { worker }),
        14 => (worker(), rarely(), hints)
            .prop_map(|(worker, anything, hints)| Step::Claim { worker, anything, hints }),
        14 => (rarely(), pick(), close).prop_map(|(late, run, how)| Step::Close { late, run, how }),
        1 => worker().prop_map(|worker| Step::GiveBack { worker }),
        1 => pick().prop_map(|run| Step::GiveBackOne { run }),
        2 => worker().prop_map(|worker| Step::Kill { worker }),
        1 => worker().prop_map(|worker| Step::Stop { worker }),
        6 => time.prop_map(|seconds| Step::Wait { time: Duration::from_secs(seconds) }),
        5 => prop_oneof![Just(1_usize), Just(2), Just(ALL as usize)].prop_map(|limit| Step::Recover { limit }),
        2 => Just(Step::Expire),
        2 => pick().prop_map(|job| Step::Cancel { job }),
        3 => pick().prop_map(|task| Step::Requeue { task }),
        1 => any::<bool>().prop_map(|miscounted| Step::RequeueDead { miscounted }),
        1 => pick().prop_map(|document| Step::DeleteDocument { document }),
        1 => pick().prop_map(|job| Step::DeleteJob { job }),
        2 => Just(Step::Dispatch),
        1 => Just(Step::ForgetLost),
    ];
    proptest::collection::vec(step, 1..60).prop_map(Script)
}

/// The world of one script: the database, the model, and what both go by.
struct World<'a> {
    db: &'a Database,
    user: &'a User,
    model: Model,
    workers: Vec<WorkerId>,
    /// Every claim that was ever made: an old one may come back late.
    claims: Vec<Claim>,
    fences: BTreeMap<TaskId, i64>,
    started: usize,
    /// What the account had used when the script began, and what it has to have used by now.
    used_before: u64,
    completed: u64,
}

type Checked = Result<(), TestCaseError>;

impl<'a> World<'a> {
    async fn new(db: &'a Database, user: &'a User) -> Self {
        let mut world = Self {
            db,
            user,
            model: Model {
                now: start(),
                ..Model::default()
            },
            workers: Vec::new(),
            claims: Vec::new(),
            fences: BTreeMap::new(),
            started: 0,
            used_before: with_limits(db, user).await,
            completed: 0,
        };
        for _ in 0..WORKERS {
            let worker = world.start_worker().await;
            world.workers.push(worker);
        }
        world
    }

    async fn start_worker(&mut self) -> WorkerId {
        self.started += 1;
        let (id, name) = (WorkerId::new(), format!("worker-{}", self.started));
        self.beat(id, &name).await;
        let worker = model::Worker {
            name,
            heard_of_at: self.model.now,
            stopped: false,
        };
        self.model.workers.insert(id, worker);
        id
    }

    async fn beat(&self, id: WorkerId, name: &str) {
        let worker = Worker {
            id,
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            slots: 4,
            ocr: None,
        };
        workers::heartbeat(self.db, &worker, self.model.now)
            .await
            .unwrap();
    }

    /// What a pick means now.
    fn picked<T: Copy>(pick: &Pick, from: impl Iterator<Item = T>) -> Option<T> {
        let all: Vec<T> = from.collect();
        (!all.is_empty()).then(|| *pick.get(&all))
    }

    async fn step(&mut self, step: &Step) -> Checked {
        let (db, now) = (self.db, self.model.now);
        match step {
            Step::Submit {
                documents,
                dispatched,
            } => self.submit(*documents, *dispatched).await?,
            Step::Beat { worker } => {
                let id = self.workers[*worker];
                let name = self.model.workers[&id].name.clone();
                self.beat(id, &name).await;
                self.model.workers.get_mut(&id).unwrap().heard_of_at = now;
            }
            Step::Claim {
                worker,
                anything,
                hints,
            } => self.claim(self.workers[*worker], *anything, hints).await?,
            Step::Close { late, run, how } => self.close(*late, run, *how).await?,
            Step::GiveBack { worker } => {
                let worker = self.workers[*worker];
                let given_back = tasks::give_back(db, worker, now).await.unwrap();
                prop_assert_eq!(given_back, self.model.give_back(worker), "given back");
            }
            Step::GiveBackOne { run } => {
                let Some(claim) = Self::picked(run, self.claims.iter()) else {
                    return Ok(());
                };
                let stands = self.model.stands(claim.task, claim.fence);
                let these = [(claim.task, claim.fence)];
                let given_back = tasks::give_back_these(db, claim.owner, &these, now)
                    .await
                    .unwrap();
                prop_assert_eq!(given_back, u64::from(stands), "given back");
                if stands {
                    self.model.give_back_one(claim.task);
                }
            }
            Step::Kill { worker } => self.workers[*worker] = self.start_worker().await,
            Step::Stop { worker } => {
                let id = self.workers[*worker];
                workers::stop(db, id, now).await.unwrap();
                self.model.workers.get_mut(&id).unwrap().stopped = true;
                self.workers[*worker] = self.start_worker().await;
            }
            Step::Wait { time } => self.model.now += *time,
            Step::Recover { limit } => {
                let recovered =
                    tasks::recover_orphans(db, now - SILENCE, now, u32::try_from(*limit).unwrap())
                        .await
                        .unwrap();
                prop_assert_eq!(
                    (recovered.queued, recovered.dead),
                    self.model.recover(*limit),
                    "recovered"
                );
            }
            Step::Expire => {
                prop_assert_eq!(
                    tasks::expire(db, now, ALL).await.unwrap(),
                    self.model.expire(),
                    "expired"
                );
            }
            Step::Cancel { job } => self.cancel(job).await?,
            Step::Requeue { task } => self.requeue(task).await?,
            Step::RequeueDead { miscounted } => self.requeue_dead(*miscounted).await?,
            Step::DeleteDocument { document } => {
                let picked = Self::picked(document, self.model.documents.keys().copied());
                if let Some(id) = picked {
                    let origin = audit::Origin::default();
                    let deleted = documents::delete(db, self.user.id, id, origin, now)
                        .await
                        .unwrap();
                    prop_assert_eq!(deleted.len(), 1);
                    self.model.delete_document(id);
                }
            }
            Step::DeleteJob { job } => {
                if let Some(id) = Self::picked(job, self.model.jobs.keys().copied()) {
                    let origin = audit::Origin::default();
                    let deleted = jobs::delete(db, self.user.id, id, origin, now).await.unwrap();
                    prop_assert!(deleted.is_some());
                    self.model.delete_job(id);
                }
            }
            Step::Dispatch => {
                let due = tasks::take_due(db, QueueName::Documents, now, u64::from(ALL))
                    .await
                    .unwrap();
                prop_assert_eq!(
                    due.into_iter().collect::<BTreeSet<_>>(),
                    self.model.take_due(),
                    "handed out"
                );
            }
            Step::ForgetLost => {
                let queue = QueueName::Documents;
                let lost = tasks::forget_lost(db, queue, None, now, u64::from(ALL))
                    .await
                    .unwrap();
                prop_assert_eq!(lost, self.model.forget_lost(), "lost hints");
            }
        }
        Ok(())
    }

    async fn submit(&mut self, documents: usize, dispatched: bool) -> Checked {
        let mut new = new_job(self.user, documents);
        new.deadline_at = self.model.now + TIME_OF_A_JOB;
        new.dispatched = dispatched;
        let job = new.id;
        let documents: Vec<DocumentId> = new.documents.iter().map(|document| document.id).collect();
        let Submitted::Accepted(_, tasks) = jobs::submit(self.db, new, self.model.now).await.unwrap() else {
            return Err(TestCaseError::fail("the job was not accepted"));
        };
        self.model
            .submit(job, &documents, &tasks, dispatched, TIME_OF_A_JOB);
        Ok(())
    }

    /// Hints may be double, and there is always one of a task that never was.
    async fn claim(&mut self, worker: WorkerId, anything: bool, hints: &[Pick]) -> Checked {
        let tasks = self.model.tasks.iter();
        let all: Vec<TaskId> = tasks
            .filter(|(_, task)| anything || task.state == TaskState::Queued)
            .map(|(id, _)| *id)
            .collect();
        let mut ids = vec![TaskId::new()];
        if !all.is_empty() {
            ids.extend(hints.iter().map(|hint| *hint.get(&all)));
        }
        let claims = tasks::claim(self.db, worker, &ids, self.model.now).await.unwrap();
        let claimed: BTreeSet<TaskId> = claims.iter().map(|claim| claim.task).collect();
        prop_assert_eq!(claimed.len(), claims.len(), "a task was claimed twice in one go");
        prop_assert_eq!(claimed, self.model.claim(worker, &ids), "claimed");
        for claim in &claims {
            let task = &self.model.tasks[&claim.task];
            prop_assert_eq!((claim.fence, claim.attempt), (task.fence, task.attempt));
        }
        self.claims.extend(claims);
        Ok(())
    }

    async fn close(&mut self, late: bool, run: &Pick, how: Close) -> Checked {
        let runs = self.claims.iter();
        let runs = runs.filter(|claim| late || self.model.stands(claim.task, claim.fence));
        let Some(claim) = Self::picked(run, runs) else {
            return Ok(());
        };
        let (db, now) = (self.db, self.model.now);
        let expected = self.model.close(claim.task, claim.fence, how);
        match how {
            Close::Complete => {
                let result = a_result(&format!("fence {}", claim.fence), &["the text"]);
                let closed = tasks::complete(db, claim, result, now).await.unwrap();
                prop_assert_eq!(closed == Closed::Won, expected.is_some(), "complete");
                self.completed += u64::from(closed == Closed::Won);
            }
            Close::Reject => {
                let closed = tasks::reject(db, claim, &Reason::of(ReasonCode::Unreadable), now)
                    .await
                    .unwrap();
                prop_assert_eq!(closed == Closed::Won, expected.is_some(), "reject");
            }
            Close::Retry { wait } => {
                let reason = Reason::of(ReasonCode::StorageUnavailable);
                let retried = tasks::retry(db, claim, now + wait, &reason, now).await.unwrap();
                let expected = match expected {
                    None => Retried::Lost,
                    Some(TaskState::Dead) => Retried::Dead,
                    Some(_) => Retried::Queued,
                };
                prop_assert_eq!(retried, expected, "retry");
            }
            Close::WriteOff => {
                let lost = tasks::lose_these(db, &[(claim.task, claim.fence)], now)
                    .await
                    .unwrap();
                prop_assert_eq!(
                    lost.queued + lost.dead,
                    u64::from(expected.is_some()),
                    "write off"
                );
            }
        }
        Ok(())
    }

    async fn cancel(&mut self, job: &Pick) -> Checked {
        let Some(id) = Self::picked(job, self.model.jobs.keys().copied()) else {
            return Ok(());
        };
        let origin = audit::Origin::default();
        let cancelled = jobs::cancel(self.db, self.user.id, id, origin, self.model.now)
            .await
            .unwrap();
        let before = self.model.jobs[&id].status;
        match self.model.cancel(id) {
            Some(count) => {
                let stored = match cancelled {
                    Cancelled::Now(stored) => stored.len(),
                    other => return Err(TestCaseError::fail(format!("not cancelled: {other:?}"))),
                };
                prop_assert_eq!(stored, count);
            }
            None if before == JobStatus::Cancelled => prop_assert_eq!(cancelled, Cancelled::Before),
            None => prop_assert_eq!(cancelled, Cancelled::Ended(before)),
        }
        Ok(())
    }

    async fn requeue(&mut self, task: &Pick) -> Checked {
        let Some(id) = Self::picked(task, self.model.tasks.keys().copied()) else {
            return Ok(());
        };
        let requeued = tasks::requeue(self.db, id, Operator::default(), self.model.now)
            .await
            .unwrap();
        let task = &self.model.tasks[&id];
        if self.model.is_given_up(id) {
            prop_assert_eq!(requeued, Requeued::Queued(task.job));
            self.model.requeue(&[id]);
        } else if matches!(task.state, TaskState::Failed | TaskState::Dead) {
            prop_assert_eq!(requeued, Requeued::JobCancelled);
        } else {
            prop_assert_eq!(requeued, Requeued::NotGivenUp(task.state));
        }
        Ok(())
    }

    async fn requeue_dead(&mut self, miscounted: bool) -> Checked {
        let filter = TaskFilter {
            state: Some(TaskState::Dead),
            ..TaskFilter::default()
        };
        let dead: Vec<TaskId> = self
            .model
            .tasks
            .iter()
            .filter(|(id, task)| task.state == TaskState::Dead && self.model.is_given_up(**id))
            .map(|(id, _)| *id)
            .collect();
        let count = dead.len() as u64;
        let expected = count + u64::from(miscounted);
        let requeued = tasks::requeue_all(self.db, &filter, expected, Operator::default(), self.model.now)
            .await
            .unwrap();
        if miscounted {
            prop_assert_eq!(requeued, RequeuedAll::CountDiffers(count));
        } else {
            let jobs: BTreeSet<JobId> = dead.iter().map(|id| self.model.tasks[id].job).collect();
            prop_assert_eq!(requeued, RequeuedAll::Queued(jobs.into_iter().collect()));
            self.model.requeue(&dead);
        }
        Ok(())
    }

    /// The database equals the model, and what always holds does hold.
    async fn check(&mut self) -> Checked {
        self.check_tasks().await?;
        self.check_documents_and_jobs().await?;
        self.check_quotas().await?;
        for id in self.model.workers.keys() {
            let owned: BTreeSet<(TaskId, i64)> =
                tasks::owned(self.db, *id).await.unwrap().into_iter().collect();
            prop_assert_eq!(
                owned,
                self.model.owned(*id),
                "owned by {}",
                self.model.workers[id].name
            );
        }
        let noted = discarded::list(self.db, self.model.now + Duration::from_secs(1), ALL)
            .await
            .unwrap();
        let noted: BTreeMap<DocumentId, Option<i64>> = noted
            .iter()
            .map(|stored| (stored.document, stored.text_fence))
            .collect();
        prop_assert_eq!(&noted, &self.model.discarded, "objects that have to go");
        Ok(())
    }

    async fn check_tasks(&mut self) -> Checked {
        let stored = tasks::list(self.db, &TaskFilter::default(), u64::from(ALL))
            .await
            .unwrap();
        let ids: BTreeSet<TaskId> = stored.iter().map(|task| task.id).collect();
        prop_assert_eq!(
            &ids,
            &self.model.tasks.keys().copied().collect::<BTreeSet<_>>(),
            "tasks"
        );
        for task in stored {
            let expected = &self.model.tasks[&task.id];
            let what = format!("task {}", task.id);
            prop_assert_eq!(
                (task.state, task.attempt, task.attempts_max, task.fence),
                (
                    expected.state,
                    expected.attempt,
                    expected.attempts_max,
                    expected.fence
                ),
                "{}",
                what
            );
            prop_assert_eq!(
                (task.run_at, task.deadline_at, task.finished_at),
                (expected.run_at, expected.deadline_at, expected.finished_at),
                "{}",
                what
            );
            let error = task.error.map(|(code, _)| code);
            prop_assert_eq!(error, expected.error.map(|code| code.to_string()), "{}", what);
            let attempts: Vec<model::Attempt> = task.attempts.iter().map(told).collect();
            prop_assert_eq!(&attempts, &self.model.attempts(expected), "{}", what);
            // What holds whatever the model says.
            let counted = attempts
                .iter()
                .filter(|it| it.end != Some(domain::AttemptEnd::Returned))
                .count();
            prop_assert_eq!(
                counted,
                usize::try_from(task.attempt).unwrap(),
                "{}: attempts are exact",
                what
            );
            prop_assert!(task.attempt <= task.attempts_max, "{}: no attempt too many", what);
            let fence = self.fences.insert(task.id, task.fence).unwrap_or(0);
            prop_assert!(fence <= task.fence, "{}: the fence only grows", what);
            let won = attempts
                .iter()
                .filter(|it| it.end == Some(domain::AttemptEnd::Done))
                .count();
            prop_assert_eq!(
                won,
                usize::from(task.state == TaskState::Done),
                "{}: one result",
                what
            );
        }
        Ok(())
    }

    /// The counters of the account equal the documents, and what is exported equals what was completed: once for each
    /// document, whatever became of it later.
    async fn check_quotas(&self) -> Checked {
        let standing = quotas::find(self.db, self.user.id, self.model.now).await.unwrap();
        let standing = standing.expect("there is such an account");
        let of = |wanted: fn(DocumentStatus) -> bool| {
            let documents = self.model.documents.values();
            documents.filter(|document| wanted(document.status)).count() as u64
        };
        let open = of(|status| status == DocumentStatus::Pending);
        let stored = of(|status| status != DocumentStatus::Cancelled);
        let with_results = of(|status| status == DocumentStatus::Completed);
        prop_assert_eq!(
            (standing.reserved.documents, standing.reserved.bytes),
            (open, open * BYTES),
            "what is reserved is what is open"
        );
        prop_assert_eq!(
            standing.storage_bytes,
            stored * BYTES + with_results * RESULT_BYTES,
            "what is stored"
        );
        let used = self.used_before + self.completed;
        prop_assert_eq!(
            (standing.used.documents, standing.used.bytes),
            (used, used * BYTES),
            "what is used"
        );
        // No script takes as long, but an earlier one may have been further than this one is now.
        let end = start() + Duration::from_secs(24 * 3600);
        let exported = usage::days(self.db, start(), end, ALL).await.unwrap();
        let exported: u64 = exported.iter().map(|day| day.used.documents).sum();
        prop_assert_eq!(exported, used, "what is exported");
        Ok(())
    }

    async fn check_documents_and_jobs(&self) -> Checked {
        let (db, user) = (self.db, self.user.id);
        let documents = documents::list(db, user, &DocumentFilter::default(), u64::from(ALL))
            .await
            .unwrap();
        prop_assert_eq!(documents.len(), self.model.documents.len());
        for document in &documents {
            let expected = &self.model.documents[&document.id];
            prop_assert_eq!(document.status, self.model.shown_document(document.id));
            prop_assert_eq!(document.text_fence, expected.text_fence);
            let error = document.error.clone().map(|(code, _)| code);
            prop_assert_eq!(error, expected.error.map(|code| code.to_string()));
            let winner = expected.text_fence.map(|fence| format!("fence {fence}"));
            prop_assert_eq!(&document.title, &winner, "the result is that of the run that won");
        }
        let jobs = jobs::list(db, user, &JobFilter::default(), u64::from(ALL))
            .await
            .unwrap();
        prop_assert_eq!(jobs.len(), self.model.jobs.len());
        for job in &jobs {
            let expected = &self.model.jobs[&job.id];
            prop_assert_eq!((job.status, job.started_at), self.model.shown_job(job.id));
            prop_assert_eq!(
                (job.finished_at, job.deadline_at),
                (expected.finished_at, expected.deadline_at)
            );
            // What holds whatever the model says.
            let mine: Vec<DocumentStatus> = documents
                .iter()
                .filter(|it| it.job == job.id)
                .map(|it| it.status)
                .collect();
            let count = |status| i32::try_from(mine.iter().filter(|it| **it == status).count()).unwrap();
            prop_assert_eq!(
                (job.total, job.completed, job.failed, job.cancelled),
                (
                    i32::try_from(mine.len()).unwrap(),
                    count(DocumentStatus::Completed),
                    count(DocumentStatus::Failed),
                    count(DocumentStatus::Cancelled)
                ),
                "counters equal documents"
            );
            let all_ended = mine.iter().all(|status| status.is_terminal());
            prop_assert_eq!(
                job.status.is_terminal(),
                all_ended,
                "a job ends with its last document"
            );
        }
        Ok(())
    }

    /// Nobody dead owns anything after a recovery, and every completed document was stored once.
    async fn check_the_end(&mut self) -> Checked {
        self.step(&Step::Recover { limit: ALL as usize }).await?;
        prop_assert_eq!(self.model.orphans(), Vec::<TaskId>::new());
        self.check().await?;
        for (id, document) in &self.model.documents {
            let passages = search::passages(self.db, *id).await.unwrap();
            let expected = usize::from(document.status == DocumentStatus::Completed);
            prop_assert_eq!(passages.len(), expected, "passages of {}", id);
        }
        Ok(())
    }
}

/// Sees to it that the account has limits, which nothing here reaches. Returns what it has used already.
async fn with_limits(db: &Database, user: &User) -> u64 {
    let limits = NewLimits {
        documents: Some(Some(1_000_000)),
        ..NewLimits::default()
    };
    let standing = quotas::set(db, user.id, limits, Operator::default(), start())
        .await
        .unwrap();
    standing.expect("there is such an account").used.documents
}

fn told(attempt: &tasks::Attempt) -> model::Attempt {
    model::Attempt {
        attempt: attempt.attempt,
        fence: attempt.fence,
        worker: attempt.worker.clone(),
        began_at: attempt.began_at,
        ended_at: attempt.ended_at,
        end: attempt.end,
        code: attempt.code.clone(),
    }
}

/// Leaves nothing of an earlier script.
async fn clear(db: &Database, user: &User) {
    let end_of_time: DateTime<Utc> = start() + 1_000_000 * Duration::from_secs(3600);
    for job in jobs::list(db, user.id, &JobFilter::default(), u64::from(ALL))
        .await
        .unwrap()
    {
        jobs::delete(db, user.id, job.id, audit::Origin::default(), start())
            .await
            .unwrap();
    }
    workers::delete_silent(db, end_of_time).await.unwrap();
    loop {
        let noted = discarded::list(db, end_of_time, 100).await.unwrap();
        if noted.is_empty() {
            return;
        }
        let ids: Vec<DocumentId> = noted.iter().map(|stored| stored.document).collect();
        discarded::forget(db, &ids).await.unwrap();
    }
}

async fn play(db: &Database, user: &User, script: &Script) -> Checked {
    clear(db, user).await;
    let mut world = World::new(db, user).await;
    for (n, step) in script.0.iter().enumerate() {
        let checked = match world.step(step).await {
            Ok(()) => world.check().await,
            wrong => wrong,
        };
        checked.map_err(|error| TestCaseError::fail(format!("after step {n}, {step:?}: {error}")))?;
    }
    world.check_the_end().await
}

/// Plays `cases` scripts, or as many as `PROPTEST_CASES` says.
fn hold_for(cases: u32, open: impl AsyncFnOnce() -> TestDatabase) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let database = runtime.block_on(open());
    let user = runtime.block_on(a_user(&database.db));
    let asked = std::env::var("PROPTEST_CASES").is_ok();
    let config = Config {
        cases: if asked { Config::default().cases } else { cases },
        failure_persistence: None,
        ..Config::default()
    };
    let played = TestRunner::new(config).run(&scripts(), |script| {
        runtime.block_on(play(&database.db, &user, &script))
    });
    runtime.block_on(database.drop());
    if let Err(error) = played {
        panic!("{error}");
    }
}

#[test]
fn the_state_machine_is_the_model_on_sqlite() {
    hold_for(200, TestDatabase::sqlite);
}

#[test]
fn the_state_machine_is_the_model_on_postgres() {
    hold_for(30, TestDatabase::postgres);
}
