//! The clean-up: what is old goes with everything of it, and nothing else.

use database::schedules::{self, Ended, Run, RunClaim, RunNow};
use database::tasks::{self, Operator, Reason};
use database::{discarded, jobs};
use domain::schedules::{CleanUp, RunState};
use domain::{Clock, DocumentId, JobId, ReasonCode, RunId, WorkerId};
use serde_json::{Value, json};
use storage::StorageKey;

use super::{Bench, HOUR, SECOND};
use crate::schedules::{claim, insert_built_in, perform};
use crate::sweeps::{self, Swept, clean_up::Report};

const DAY: std::time::Duration = HOUR.saturating_mul(24);

impl Bench {
    /// A job that has ended, with a document whose original is stored.
    async fn ended_job(&self) -> (JobId, DocumentId) {
        let (job, documents, tasks) = self.submit(1, true).await;
        self.store(StorageKey::original(self.user, documents[0])).await;
        let now = self.clock.now();
        let claims = tasks::claim(&self.parts.database, WorkerId::new(), &tasks, now)
            .await
            .unwrap();
        let reason = Reason::of(ReasonCode::Encrypted);
        tasks::reject(&self.parts.database, &claims[0], &reason, now)
            .await
            .unwrap();
        (job, documents[0])
    }

    async fn has(&self, job: JobId) -> bool {
        jobs::find(&self.parts.database, self.user, job)
            .await
            .unwrap()
            .is_some()
    }

    /// A run of the nightly clean-up with these options, claimed.
    async fn claimed(&self, options: Value) -> RunClaim {
        insert_built_in(&self.parts).await.unwrap();
        let now = self.clock.now();
        let noted = schedules::run_now(
            &self.parts.database,
            "clean_up",
            &options,
            Operator::default(),
            now,
        );
        assert!(matches!(noted.await.unwrap(), RunNow::Noted(_)));
        claim(&self.parts, 1).await.unwrap().remove(0)
    }

    /// Does such a run from its beginning to its end.
    async fn cleaned_up(&self, options: Value) -> Run {
        let claim = self.claimed(options).await;
        assert_eq!(perform(&self.parts, &claim).await, Ended::Now);
        self.run(claim.run).await
    }

    pub(super) async fn run(&self, id: RunId) -> Run {
        schedules::find_run(&self.parts.database, id)
            .await
            .unwrap()
            .unwrap()
    }
}

#[tokio::test]
async fn old_jobs_go_with_their_documents_and_objects() {
    let bench = Bench::new().await;
    let handed_in = bench.clock.now();
    let (old, _) = bench.ended_job().await;
    bench.clock.advance(30 * DAY + SECOND);
    let run = bench.cleaned_up(json!({ "older_than_days": 30 })).await;
    assert_eq!(run.state, RunState::Done);
    let report: Report = serde_json::from_value(run.report.unwrap()).unwrap();
    assert_eq!((report.jobs, report.documents, report.bytes), (1, 1, 1));
    assert_eq!((report.oldest, report.dry_run), (Some(handed_in), false));
    assert!(!bench.has(old).await);
    assert_eq!(bench.stored().await, [""; 0]);
    let left = discarded::list(&bench.parts.database, bench.clock.now() + DAY, 10)
        .await
        .unwrap();
    assert_eq!(left, [], "the objects are gone, and the notes with them");
}

#[tokio::test]
async fn young_jobs_and_open_ones_stay() {
    let bench = Bench::new().await;
    let (open, _, _) = bench.submit(1, true).await;
    bench.clock.advance(DAY);
    let (young, document) = bench.ended_job().await;
    bench.clock.advance(30 * DAY);
    let run = bench.cleaned_up(json!({ "older_than_days": 30 })).await;
    assert_eq!(run.report.unwrap()["jobs"], 0);
    assert!(bench.has(open).await, "it has not ended");
    assert!(bench.has(young).await, "it is no older than thirty days");
    assert_eq!(
        bench.stored().await,
        [StorageKey::original(bench.user, document).to_string()]
    );
}

#[tokio::test]
async fn a_clean_up_looks_at_shutdown_after_each_batch_and_somebody_goes_on() {
    let bench = Bench::new().await;
    for _ in 0..25 {
        bench.ended_job().await;
    }
    bench.clock.advance(2 * DAY);
    let claim = bench.claimed(json!({ "older_than_days": 1 })).await;
    let options = CleanUp {
        older_than_days: Some(1),
        dry_run: false,
    };
    let stop = bench.parts.stopping.child_token();
    let mut report = Report::default();
    stop.cancel();
    let swept = sweeps::clean_up::delete(&bench.parts, &claim, &options, &stop, &mut report)
        .await
        .unwrap();
    assert_eq!((swept, report.jobs), (Swept::Some, 0));

    // The process stops: what is not done is handed back, and costs no attempt.
    let stopped = bench.parts.stopping.clone();
    stopped.cancel();
    assert_eq!(perform(&bench.parts, &claim).await, Ended::Again);
    let run = bench.run(claim.run).await;
    assert_eq!((run.state, run.attempt), (RunState::Waiting, 0));
}

#[tokio::test]
async fn a_clean_up_that_was_lost_half_way_is_told_as_a_whole() {
    let bench = Bench::new().await;
    for _ in 0..25 {
        bench.ended_job().await;
    }
    bench.clock.advance(2 * DAY);
    let lost = bench.claimed(json!({ "older_than_days": 1 })).await;
    let before = bench.clock.now() - DAY;
    let report =
        |old: &jobs::OldJobs| json!({ "jobs": old.jobs, "documents": old.documents, "bytes": old.bytes });
    let now = bench.clock.now();
    let batch = jobs::delete_old(&bench.parts.database, &lost, before, 20, report, now)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(batch.0.jobs, 20, "a bounded batch; and here its scheduler dies");
    bench.clock.advance(11 * SECOND);
    crate::schedules::take_over(&bench.parts).await.unwrap();
    let claim = claim(&bench.parts, 1).await.unwrap().remove(0);
    assert_eq!(claim.run, lost.run);
    assert_eq!(perform(&bench.parts, &claim).await, Ended::Now);
    let run = bench.run(claim.run).await;
    assert_eq!((run.takeovers, &run.report.unwrap()["jobs"]), (1, &json!(25)));
    let again = jobs::delete_old(&bench.parts.database, &lost, before, 20, report, now)
        .await
        .unwrap();
    assert_eq!(again, None, "who lost the run deletes nothing more");
}

#[tokio::test]
async fn a_clean_up_finds_nothing_the_second_time() {
    let bench = Bench::new().await;
    bench.ended_job().await;
    bench.clock.advance(2 * DAY);
    let first = bench.cleaned_up(json!({ "older_than_days": 1 })).await;
    bench.clock.advance(SECOND);
    let second = bench.cleaned_up(json!({ "older_than_days": 1 })).await;
    assert_eq!(
        (&first.report.unwrap()["jobs"], &second.report.unwrap()["jobs"]),
        (&json!(1), &json!(0))
    );
}

#[tokio::test]
async fn a_dry_run_tells_the_same_and_deletes_nothing() {
    let bench = Bench::new().await;
    let handed_in = bench.clock.now();
    let (old, _) = bench.ended_job().await;
    bench.clock.advance(2 * DAY);
    let dry = bench
        .cleaned_up(json!({ "older_than_days": 1, "dry_run": true }))
        .await;
    let dry: Report = serde_json::from_value(dry.report.unwrap()).unwrap();
    assert_eq!((dry.dry_run, dry.jobs, dry.documents, dry.bytes), (true, 1, 1, 1));
    assert_eq!(
        (dry.oldest, dry.before),
        (Some(handed_in), Some(bench.clock.now() - DAY))
    );
    assert!(bench.has(old).await && bench.stored().await.len() == 1);
    bench.clock.advance(SECOND);
    let wet = bench.cleaned_up(json!({ "older_than_days": 1 })).await;
    let wet: Report = serde_json::from_value(wet.report.unwrap()).unwrap();
    assert_eq!(
        Report {
            dry_run: false,
            before: wet.before,
            ..dry
        },
        wet,
        "what was announced is what is done"
    );
}

#[tokio::test]
async fn until_somebody_says_otherwise_everything_is_kept() {
    let bench = Bench::new().await;
    let (job, _) = bench.ended_job().await;
    bench.clock.advance(10_000 * DAY);
    let run = bench.cleaned_up(json!({})).await;
    let report: Report = serde_json::from_value(run.report.unwrap()).unwrap();
    assert_eq!(report, Report::default());
    assert!(bench.has(job).await);
}
