use chrono::{DateTime, Utc};
use database::tasks::{self, Attempt, Reason, Recovered, Task};
use database::{Database, workers};
use domain::{AttemptEnd, ReasonCode, TaskId, TaskState};

use crate::support::{HOUR, SECOND, a_result, a_user, a_worker, claim_one, new_job, on_both, start, submit};

async fn task(db: &Database, id: TaskId) -> Task {
    tasks::find(db, id).await.unwrap().unwrap()
}

/// What one asks first: which, when, how, why.
type Told = (
    i16,
    i64,
    DateTime<Utc>,
    Option<DateTime<Utc>>,
    Option<AttemptEnd>,
    Option<String>,
);

fn told(attempts: &[Attempt]) -> Vec<Told> {
    attempts
        .iter()
        .map(|it| {
            (
                it.attempt,
                it.fence,
                it.began_at,
                it.ended_at,
                it.end,
                it.code.clone(),
            )
        })
        .collect()
}

fn code(code: ReasonCode) -> Option<String> {
    Some(code.to_string())
}

on_both! {
    async fn every_attempt_is_remembered_with_its_worker_its_times_and_its_end(db: &TestDatabase) {
        let user = a_user(db).await;
        let (_, ids) = submit(db, new_job(&user, 1)).await;
        let at = |seconds: u32| start() + seconds * SECOND;
        assert_eq!(task(db, ids[0]).await.attempts, []);

        let stopped = a_worker(db, at(0)).await;
        claim_one(db, &stopped, ids[0], at(1)).await;
        tasks::give_back(db, stopped.id, at(2)).await.unwrap();
        workers::stop(db, stopped.id, at(2)).await.unwrap();

        let silent = a_worker(db, at(3)).await;
        claim_one(db, &silent, ids[0], at(3)).await;
        tasks::recover_orphans(db, at(33), at(34), 10).await.unwrap();

        let lucky = a_worker(db, at(40)).await;
        let claim = claim_one(db, &lucky, ids[0], at(41)).await;
        let reason = Reason { code: ReasonCode::StorageUnavailable, detail: "it's \"away\"\nagain".to_owned() };
        tasks::retry(db, &claim, at(43), &reason, at(42)).await.unwrap();
        let claim = claim_one(db, &lucky, ids[0], at(44)).await;

        let running = (3, 5, at(44), None, None, None);
        let mut expected = vec![
            (1, 1, at(1), Some(at(2)), Some(AttemptEnd::Returned), code(ReasonCode::WorkerStopped)),
            (1, 3, at(3), Some(at(34)), Some(AttemptEnd::Lost), code(ReasonCode::WorkerLost)),
            (2, 4, at(41), Some(at(42)), Some(AttemptEnd::Retried), code(ReasonCode::StorageUnavailable)),
            running,
        ];
        assert_eq!(told(&task(db, ids[0]).await.attempts), expected);
        tasks::complete(db, &claim, a_result("t", &["x"]), at(45)).await.unwrap();
        expected[3] = (3, 5, at(44), Some(at(45)), Some(AttemptEnd::Done), None);
        let done = task(db, ids[0]).await;
        assert_eq!(told(&done.attempts), expected);
        assert_eq!(done.attempts[2].detail.as_deref(), Some("it's \"away\"\nagain"));
        assert!(done.attempts.iter().all(|attempt| attempt.worker == "host-1"), "{done:?}");
        assert_eq!((done.state, done.error), (TaskState::Done, None));
    }

    async fn a_document_that_works_at_once_adds_nothing_to_its_row(db: &TestDatabase) {
        let user = a_user(db).await;
        let (_, ids) = submit(db, new_job(&user, 1)).await;
        let worker = a_worker(db, start()).await;
        let claim = claim_one(db, &worker, ids[0], start()).await;
        tasks::complete(db, &claim, a_result("t", &["x"]), start() + SECOND).await.unwrap();
        let attempts = task(db, ids[0]).await.attempts;
        assert_eq!(told(&attempts), [(1, 1, start(), Some(start() + SECOND), Some(AttemptEnd::Done), None)]);
    }

    async fn the_last_attempt_says_what_it_died_of(db: &TestDatabase) {
        let user = a_user(db).await;
        let (_, ids) = submit(db, new_job(&user, 3)).await;
        let mut now = start();
        for _ in 0..3 {
            let worker = a_worker(db, now).await;
            claim_one(db, &worker, ids[0], now).await;
            let claim = claim_one(db, &worker, ids[1], now).await;
            tasks::retry(db, &claim, now, &Reason::of(ReasonCode::AttemptTimeout), now).await.unwrap();
            now += 30 * SECOND;
            tasks::recover_orphans(db, now, now, 10).await.unwrap();
        }
        let worker = a_worker(db, now).await;
        let claim = claim_one(db, &worker, ids[2], now).await;
        tasks::reject(db, &claim, &Reason::of(ReasonCode::Encrypted), now).await.unwrap();
        let ends = async |id| {
            let task = task(db, id).await;
            let last = task.attempts.last().unwrap().clone();
            (task.state, task.error.unwrap().0, last.end.unwrap(), last.code.unwrap())
        };
        let word = |code: ReasonCode| code.to_string();
        assert_eq!(
            ends(ids[0]).await,
            (TaskState::Dead, word(ReasonCode::CrashedWorker), AttemptEnd::Lost, word(ReasonCode::WorkerLost))
        );
        assert_eq!(
            ends(ids[1]).await,
            (TaskState::Dead, word(ReasonCode::AttemptTimeout), AttemptEnd::Dead, word(ReasonCode::AttemptTimeout))
        );
        assert_eq!(
            ends(ids[2]).await,
            (TaskState::Failed, word(ReasonCode::Encrypted), AttemptEnd::Failed, word(ReasonCode::Encrypted))
        );
    }

    async fn an_attempt_that_meets_the_deadline_says_so(db: &TestDatabase) {
        let user = a_user(db).await;
        let (_, ids) = submit(db, new_job(&user, 2)).await;
        let worker = a_worker(db, start()).await;
        claim_one(db, &worker, ids[0], start()).await;
        tasks::expire(db, start() + HOUR, 10).await.unwrap();
        let expected = (1, 1, start(), Some(start() + HOUR), Some(AttemptEnd::Expired), code(ReasonCode::Deadline));
        assert_eq!(told(&task(db, ids[0]).await.attempts), [expected]);
        assert_eq!(task(db, ids[1]).await.attempts, [], "it never ran");
    }

    async fn what_ran_together_when_its_worker_died_twice_runs_apart(db: &TestDatabase) {
        let user = a_user(db).await;
        let (_, ids) = submit(db, new_job(&user, 3)).await;
        let mut now = start();
        for _ in 0..2 {
            let worker = a_worker(db, now).await;
            assert_eq!(tasks::claim(db, worker.id, &ids, now).await.unwrap().len(), 3, "all come back at once");
            now += 30 * SECOND;
            assert_eq!(tasks::recover_orphans(db, now, now, 10).await.unwrap(), Recovered { queued: 3, dead: 0 });
        }
        let worker = a_worker(db, now).await;
        for turn in 0..3 {
            let claimed = tasks::claim(db, worker.id, &ids, now + turn * tasks::SUSPECTS_APART).await.unwrap();
            assert_eq!(claimed.len(), 1, "turn {turn}");
        }
    }

    async fn only_the_claims_that_nobody_works_on_are_given_back(db: &TestDatabase) {
        let user = a_user(db).await;
        let (_, ids) = submit(db, new_job(&user, 3)).await;
        let worker = a_worker(db, start()).await;
        let other = a_worker(db, start()).await;
        let runs = claim_one(db, &worker, ids[0], start()).await;
        let unanswered = claim_one(db, &worker, ids[1], start()).await;
        let foreign = claim_one(db, &other, ids[2], start()).await;
        let these = [(unanswered.task, unanswered.fence), (runs.task, runs.fence + 1), (foreign.task, foreign.fence)];
        assert_eq!(tasks::give_back_these(db, worker.id, &these, start()).await.unwrap(), 1);
        assert_eq!(tasks::give_back_these(db, worker.id, &these, start()).await.unwrap(), 0);
        assert_eq!(tasks::give_back_these(db, worker.id, &[], start()).await.unwrap(), 0);
        assert_eq!(task(db, ids[1]).await.attempt, 0);
        assert_eq!(tasks::owned(db, worker.id).await.unwrap(), [(runs.task, runs.fence)]);
        assert_eq!(tasks::owned(db, other.id).await.unwrap(), [(foreign.task, foreign.fence)]);
    }

    async fn an_attempt_whose_end_could_not_be_written_down_counts(db: &TestDatabase) {
        let user = a_user(db).await;
        let (_, ids) = submit(db, new_job(&user, 1)).await;
        let worker = a_worker(db, start()).await;
        for expected in [(1, 0), (1, 0), (0, 1)] {
            let claim = claim_one(db, &worker, ids[0], start() + HOUR / 2).await;
            let stale = (claim.task, claim.fence - 1);
            assert_eq!(tasks::lose_these(db, &[stale], start()).await.unwrap(), Recovered::default());
            let lost = tasks::lose_these(db, &[(claim.task, claim.fence)], start()).await.unwrap();
            assert_eq!((lost.queued, lost.dead), expected);
        }
    }
}
