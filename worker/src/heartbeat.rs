//! Tells the fleet that this worker lives, and hears which of its tasks are no longer wanted.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use database::tasks::Recovered;
use database::workers::Worker;
use database::{tasks, workers};
use domain::WorkerId;
use tokio_util::sync::CancellationToken;

use crate::context::{Context, Run};

/// Several signs of life fit into the 30 seconds after which a worker counts as dead.
const EVERY: Duration = Duration::from_secs(5);
/// How often a worker looks for tasks that were cancelled, deleted or taken back, and for claims it knows nothing of.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Writes signs of life until `until`. Runs on a task of its own, so that busy handlers cannot silence it.
pub(crate) async fn beat(context: Arc<Context>, worker: Worker, until: CancellationToken) {
    loop {
        tokio::select! {
            () = until.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if let Err(error) = workers::heartbeat(&context.database, &worker, context.clock.now()).await {
            tracing::warn!("could not write a sign of life: {}", telemetry::chain(&error));
        }
    }
}

/// Makes this process and the database agree on what this worker runs, until `until`. Asks nothing while nothing runs.
///
/// What runs and is not owned any more was cancelled, deleted, expired or taken back: it is stopped. What is owned and does not
/// run is a claim whose answer was lost, and is given back; or a run whose end could not be written down, and counts as lost.
/// Without this it would belong to a living worker that knows nothing of it, until its deadline.
pub(crate) async fn agree(context: Arc<Context>, worker: Worker, until: CancellationToken) {
    let mut strays = HashSet::new();
    loop {
        tokio::select! {
            () = until.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        // Taken before asking: what is claimed meanwhile is not in it.
        let running = context.running.snapshot();
        let unclosed = context.running.unclosed_runs();
        if running.is_empty() && unclosed.is_empty() && !context.running.is_unsure() {
            strays.clear();
            continue;
        }
        let round = look(&context, worker.id, &running, &unclosed, &mut strays).await;
        if let Err(error) = round {
            tracing::debug!(
                "could not look at the tasks of this worker: {}",
                telemetry::chain(&error)
            );
        }
    }
}

async fn look(
    context: &Context,
    worker: WorkerId,
    running: &HashSet<Run>,
    unclosed: &HashSet<Run>,
    strays: &mut HashSet<Run>,
) -> database::Result<()> {
    let owned: HashSet<Run> = tasks::owned(&context.database, worker)
        .await?
        .into_iter()
        .collect();
    for run in running.difference(&owned) {
        context.running.stop(run);
    }
    let now = context.clock.now();
    let lost: Vec<Run> = unclosed.intersection(&owned).copied().collect();
    let recovered = tasks::lose_these(&context.database, &lost, now).await?;
    context.running.forget_unclosed(unclosed);
    if recovered != Recovered::default() {
        tracing::warn!(
            "wrote {} attempts off whose end could not be written down",
            lost.len()
        );
    }
    // Twice in a row: what was claimed after the first look has begun to run by the second.
    let begun = context.running.snapshot();
    let seen: HashSet<Run> = owned
        .into_iter()
        .filter(|run| !running.contains(run) && !unclosed.contains(run) && !begun.contains(run))
        .collect();
    let again: Vec<Run> = seen.intersection(strays).copied().collect();
    *strays = seen;
    let given_back = tasks::give_back_these(&context.database, worker, &again, now).await?;
    if given_back > 0 {
        tracing::warn!("gave {given_back} tasks back whose claim was answered by nobody");
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use chrono::Utc;
    use database::jobs::{self, JobOptions, NewDocument, NewJob, Submitted};
    use database::tasks::Claim;
    use database::users::{self, NewUser};
    use database::{Database, DatabaseSettings, audit};
    use domain::{AttemptEnd, DocumentId, DocumentKind, JobId, SystemClock, TaskId, TaskState, UserRole};
    use queue::{Queue, QueueSettings};
    use sandbox::{ChildProgram, ParserPool, SandboxSettings};
    use storage::{Storage, StorageBackend, StorageSettings};

    use super::*;
    use crate::context::Running;

    struct Bench {
        context: Arc<Context>,
        worker: WorkerId,
        _folder: tempfile::TempDir,
    }

    impl Bench {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let settings = DatabaseSettings {
                url: format!("sqlite://{}/test.db", folder.path().display()).into(),
                connections_max: 4,
            };
            let database = Database::connect(&settings).await.unwrap();
            database.migrate_up().await.unwrap();
            let storage = StorageSettings {
                backend: StorageBackend::Memory,
                ..StorageSettings::default()
            };
            let context = Context {
                database,
                storage: Storage::open(&storage).unwrap(),
                events: Queue::open(&QueueSettings::default()).unwrap().events,
                // Never started: nothing is read here.
                parsers: ParserPool::new(ChildProgram::this().unwrap(), SandboxSettings::default()),
                sealing: sealing::Sealing::new(&sealing::SealingSettings::default()).unwrap(),
                clock: SystemClock::shared(),
                model: None,
                running: Running::default(),
                slots: 2,
            };
            Self {
                context: Arc::new(context),
                worker: WorkerId::new(),
                _folder: folder,
            }
        }

        /// A task that the database says this worker runs.
        async fn claimed(&self) -> Claim {
            let database = &self.context.database;
            let new = NewUser {
                email: format!("{}@example.com", JobId::new()),
                username: None,
                full_name: None,
                password_hash: String::new(),
                role: UserRole::User,
            };
            let user = users::insert(database, new, Utc::now())
                .await
                .unwrap()
                .unwrap()
                .id;
            let document = NewDocument {
                id: DocumentId::new(),
                file_name: "note.txt".to_owned(),
                kind: DocumentKind::Text,
                size_bytes: 1,
                sha256: [0; 32],
            };
            let new = NewJob {
                id: JobId::new(),
                user,
                documents: vec![document],
                options: JobOptions {
                    tags_max: 1,
                    ..JobOptions::default()
                },
                idempotency: None,
                deadline_at: Utc::now() + Duration::from_secs(3600),
                trace_parent: None,
                dispatched: true,
                origin: audit::Origin::default(),
            };
            let now = self.context.clock.now();
            let Submitted::Accepted(_, ids) = jobs::submit(database, new, now).await.unwrap() else {
                panic!("not accepted");
            };
            let mut claims = tasks::claim(database, self.worker, &ids, now).await.unwrap();
            claims.pop().unwrap()
        }

        async fn look(&self, strays: &mut HashSet<Run>) {
            let running = self.context.running.snapshot();
            let unclosed = self.context.running.unclosed_runs();
            look(&self.context, self.worker, &running, &unclosed, strays)
                .await
                .unwrap();
        }

        async fn task(&self, id: TaskId) -> tasks::Task {
            tasks::find(&self.context.database, id).await.unwrap().unwrap()
        }
    }

    #[tokio::test]
    async fn a_claim_whose_answer_was_lost_is_given_back_and_costs_nothing() {
        let bench = Bench::new().await;
        let claim = bench.claimed().await;
        let mut strays = HashSet::new();
        bench.look(&mut strays).await;
        let state = bench.task(claim.task).await.state;
        assert_eq!(state, TaskState::Running, "it may be about to begin");
        bench.look(&mut strays).await;
        let task = bench.task(claim.task).await;
        assert_eq!((task.state, task.attempt), (TaskState::Queued, 0));
        assert_eq!(task.attempts[0].end, Some(AttemptEnd::Returned));
    }

    #[tokio::test]
    async fn what_runs_is_left_alone_and_stopped_once_it_is_somebody_elses() {
        let bench = Bench::new().await;
        let claim = bench.claimed().await;
        let run = Running::begin(&bench.context, &claim);
        let mut strays = HashSet::new();
        for _ in 0..3 {
            bench.look(&mut strays).await;
        }
        assert_eq!(bench.task(claim.task).await.state, TaskState::Running);
        assert!(!run.unwanted.is_cancelled());
        tasks::give_back(&bench.context.database, bench.worker, Utc::now())
            .await
            .unwrap();
        bench.look(&mut strays).await;
        assert!(run.unwanted.is_cancelled());
    }

    #[tokio::test]
    async fn an_end_that_could_not_be_written_down_counts_as_a_lost_attempt() {
        let bench = Bench::new().await;
        let claim = bench.claimed().await;
        bench.context.running.note_unclosed(&claim);
        bench.look(&mut HashSet::new()).await;
        let task = bench.task(claim.task).await;
        assert_eq!((task.state, task.attempt), (TaskState::Queued, 1));
        assert_eq!(task.attempts[0].end, Some(AttemptEnd::Lost));
        assert!(bench.context.running.unclosed_runs().is_empty());
    }

    #[tokio::test]
    async fn an_older_run_of_a_task_does_not_take_the_place_of_the_newer_one() {
        let bench = Bench::new().await;
        let old = bench.claimed().await;
        tasks::give_back(&bench.context.database, bench.worker, Utc::now())
            .await
            .unwrap();
        let now = bench.context.clock.now();
        let claims = tasks::claim(&bench.context.database, bench.worker, &[old.task], now).await;
        let new = claims.unwrap().pop().unwrap();
        let (old_run, new_run) = (
            Running::begin(&bench.context, &old),
            Running::begin(&bench.context, &new),
        );
        bench.look(&mut HashSet::new()).await;
        assert!(old_run.unwanted.is_cancelled() && !new_run.unwanted.is_cancelled());
        drop(old_run);
        assert_eq!(
            bench.context.running.snapshot(),
            HashSet::from([(new.task, new.fence)])
        );
    }
}
