use database::documents;
use database::tasks::{self, Closed, Reason, Recovered, Retried};
use database::{jobs, workers};
use domain::{DocumentStatus, JobStatus, Priority, QueueName, ReasonCode, TaskId, WorkerId};

use crate::support::{HOUR, SECOND, a_result, a_user, a_worker, claim_one, new_job, on_both, start, submit};

const QUEUE: QueueName = QueueName::Documents;

fn reason() -> Reason {
    Reason {
        code: ReasonCode::StorageUnavailable,
        detail: "the object store did not answer".to_owned(),
    }
}

on_both! {
    async fn a_task_is_claimed_by_one_worker(db: &TestDatabase) {
        let user = a_user(db).await;
        let (_, ids) = submit(db, new_job(&user, 20)).await;
        let (one, two) = (a_worker(db, start()).await, a_worker(db, start()).await);
        let (first, second) = tokio::join!(
            tasks::claim(db, one.id, &ids, start()),
            tasks::claim(db, two.id, &ids, start()),
        );
        let mut claimed: Vec<TaskId> = first.unwrap().iter().chain(&second.unwrap()).map(|claim| claim.task).collect();
        claimed.sort();
        let mut all = ids;
        all.sort();
        assert_eq!(claimed, all);
    }

    async fn forged_and_repeated_hints_find_nothing(db: &TestDatabase) {
        let user = a_user(db).await;
        let (_, ids) = submit(db, new_job(&user, 1)).await;
        let worker = a_worker(db, start()).await;
        assert!(tasks::claim(db, worker.id, &[TaskId::new()], start()).await.unwrap().is_empty());
        assert_eq!(tasks::claim(db, worker.id, &[ids[0], ids[0]], start()).await.unwrap().len(), 1);
        assert!(tasks::claim(db, worker.id, &ids, start()).await.unwrap().is_empty());
        assert!(tasks::claim(db, worker.id, &[], start()).await.unwrap().is_empty());
    }

    async fn a_worker_whose_clock_is_behind_begins_what_was_accepted_this_moment(db: &TestDatabase) {
        let user = a_user(db).await;
        let (job, accepted) = submit(db, new_job(&user, 1)).await;
        let mut later = new_job(&user, 1);
        later.dispatched = false;
        let (_, handed_out) = submit(db, later).await;
        assert_eq!(tasks::take_due(db, QUEUE, start(), 10).await.unwrap(), handed_out);
        let behind = start() - SECOND / 20;
        let worker = a_worker(db, behind).await;
        for task in accepted.into_iter().chain(handed_out) {
            let claim = claim_one(db, &worker, task, behind).await;
            assert_eq!((claim.due_at, claim.started_at), (start(), start()), "nothing begins before it is accepted");
        }
        let job = jobs::find(db, user.id, job).await.unwrap().unwrap();
        assert_eq!(job.started_at, Some(start()));
    }

    async fn a_claim_tells_the_worker_what_it_needs(db: &TestDatabase) {
        let user = a_user(db).await;
        let (job, ids) = submit(db, new_job(&user, 1)).await;
        let worker = a_worker(db, start()).await;
        let claim = claim_one(db, &worker, ids[0], start() + SECOND).await;
        assert_eq!((claim.user, claim.job, claim.attempt, claim.fence), (user.id, job, 1, 1));
        assert_eq!((claim.payload.file_name.as_str(), claim.payload.tags_max), ("note-0.txt", 5));
        assert_eq!((claim.due_at, claim.started_at), (start(), start() + SECOND));
    }

    async fn a_result_without_the_standing_fence_changes_nothing(db: &TestDatabase) {
        let user = a_user(db).await;
        let (id, ids) = submit(db, new_job(&user, 1)).await;
        let slow = a_worker(db, start()).await;
        let stale = claim_one(db, &slow, ids[0], start()).await;
        let later = start() + HOUR / 2;
        assert_eq!(
            tasks::recover_orphans(db, later, later, 10).await.unwrap(),
            Recovered { queued: 1, dead: 0 }
        );
        let quick = a_worker(db, later).await;
        let claim = claim_one(db, &quick, ids[0], later).await;
        assert_eq!((claim.attempt, claim.fence), (2, 2));
        let stale_result = tasks::complete(db, &stale, a_result("stale", &["old"]), later).await.unwrap();
        assert_eq!(stale_result, Closed::Lost);
        assert_eq!(tasks::reject(db, &stale, &reason(), later).await.unwrap(), Closed::Lost);
        assert_eq!(tasks::retry(db, &stale, later, &reason(), later).await.unwrap(), Retried::Lost);
        let result = tasks::complete(db, &claim, a_result("fresh", &["new"]), later).await.unwrap();
        assert_eq!(result, Closed::Won);
        let again = tasks::complete(db, &claim, a_result("twice", &["new"]), later).await.unwrap();
        assert_eq!(again, Closed::Lost);
        // Who asks again because no answer came can find out that it had won.
        assert!(tasks::is_complete(db, &claim).await.unwrap());
        assert!(!tasks::is_complete(db, &stale).await.unwrap());
        let document = documents::find(db, user.id, claim.document).await.unwrap().unwrap();
        assert_eq!((document.title.as_deref(), document.text_fence), (Some("fresh"), Some(2)));
        let job = jobs::find(db, user.id, id).await.unwrap().unwrap();
        assert_eq!((job.status, job.completed), (JobStatus::Completed, 1));
    }

    async fn three_attempts_mean_three(db: &TestDatabase) {
        let user = a_user(db).await;
        let (id, ids) = submit(db, new_job(&user, 1)).await;
        let worker = a_worker(db, start()).await;
        let mut now = start();
        for expected in [Retried::Queued, Retried::Queued, Retried::Dead] {
            let claim = claim_one(db, &worker, ids[0], now).await;
            let run_at = now + SECOND;
            assert_eq!(tasks::retry(db, &claim, run_at, &reason(), now).await.unwrap(), expected);
            assert!(tasks::claim(db, worker.id, &ids, now).await.unwrap().is_empty(), "claimed before it was due");
            now = run_at;
        }
        assert!(tasks::claim(db, worker.id, &ids, now).await.unwrap().is_empty());
        let job = jobs::find(db, user.id, id).await.unwrap().unwrap();
        assert_eq!((job.status, job.failed, job.attempt), (JobStatus::Failed, 1, 3));
        assert_eq!(job.error.unwrap().0, "storage_unavailable");
    }

    async fn a_document_that_kills_workers_stops_at_three(db: &TestDatabase) {
        let user = a_user(db).await;
        let (id, ids) = submit(db, new_job(&user, 1)).await;
        let mut now = start();
        for expected in [
            Recovered { queued: 1, dead: 0 },
            Recovered { queued: 1, dead: 0 },
            Recovered { queued: 0, dead: 1 },
        ] {
            let worker = a_worker(db, now).await;
            claim_one(db, &worker, ids[0], now).await;
            now += 30 * SECOND;
            assert_eq!(tasks::recover_orphans(db, now, now, 10).await.unwrap(), expected);
        }
        assert_eq!(tasks::recover_orphans(db, now, now, 10).await.unwrap(), Recovered::default());
        let job = jobs::find(db, user.id, id).await.unwrap().unwrap();
        assert_eq!((job.status, job.error.unwrap().0.as_str()), (JobStatus::Failed, "crashed_worker"));
    }

    async fn only_silent_workers_lose_their_tasks(db: &TestDatabase) {
        let user = a_user(db).await;
        let (_, ids) = submit(db, new_job(&user, 3)).await;
        let (silent, slow) = (a_worker(db, start()).await, a_worker(db, start()).await);
        claim_one(db, &silent, ids[0], start()).await;
        claim_one(db, &slow, ids[1], start()).await;
        let later = start() + HOUR / 2;
        workers::heartbeat(db, &slow, later).await.unwrap();
        let recovered = tasks::recover_orphans(db, later - 30 * SECOND, later, 10).await.unwrap();
        assert_eq!(recovered, Recovered { queued: 1, dead: 0 });
        let gone = a_worker(db, later).await;
        claim_one(db, &gone, ids[2], later).await;
        workers::stop(db, gone.id, later).await.unwrap();
        let recovered = tasks::recover_orphans(db, later - 30 * SECOND, later, 10).await.unwrap();
        assert_eq!(recovered, Recovered { queued: 1, dead: 0 });
    }

    async fn recovery_goes_in_bounded_batches(db: &TestDatabase) {
        let user = a_user(db).await;
        let (_, ids) = submit(db, new_job(&user, 5)).await;
        let worker = a_worker(db, start()).await;
        tasks::claim(db, worker.id, &ids, start()).await.unwrap();
        let later = start() + HOUR / 2;
        for expected in [2, 2, 1, 0] {
            assert_eq!(tasks::recover_orphans(db, later, later, 2).await.unwrap().queued, expected);
        }
    }

    async fn what_is_given_back_costs_no_attempt(db: &TestDatabase) {
        let user = a_user(db).await;
        let (_, ids) = submit(db, new_job(&user, 1)).await;
        let worker = a_worker(db, start()).await;
        let stale = claim_one(db, &worker, ids[0], start()).await;
        assert_eq!(tasks::owned(db, worker.id).await.unwrap(), [(ids[0], 1)]);
        assert_eq!(tasks::give_back(db, worker.id, start()).await.unwrap(), 1);
        assert_eq!(tasks::owned(db, worker.id).await.unwrap(), []);
        assert_eq!(tasks::give_back(db, worker.id, start()).await.unwrap(), 0);
        assert_eq!(tasks::complete(db, &stale, a_result("t", &["x"]), start()).await.unwrap(), Closed::Lost);
        assert_eq!(tasks::take_due(db, QUEUE, start(), 10).await.unwrap(), ids);
        let next = a_worker(db, start()).await;
        let claim = claim_one(db, &next, ids[0], start()).await;
        assert_eq!((claim.attempt, claim.owner), (1, next.id));
    }

    async fn a_job_past_its_deadline_ends_with_a_reason(db: &TestDatabase) {
        let user = a_user(db).await;
        let (id, ids) = submit(db, new_job(&user, 3)).await;
        let worker = a_worker(db, start()).await;
        let running = claim_one(db, &worker, ids[0], start()).await;
        let deadline = start() + HOUR;
        assert_eq!(tasks::expire(db, deadline - SECOND, 10).await.unwrap(), 0);
        assert_eq!(tasks::expire(db, deadline, 2).await.unwrap(), 2);
        assert_eq!(tasks::expire(db, deadline, 2).await.unwrap(), 1);
        assert_eq!(tasks::expire(db, deadline, 2).await.unwrap(), 0);
        let job = jobs::find(db, user.id, id).await.unwrap().unwrap();
        assert_eq!((job.status, job.failed, job.finished_at), (JobStatus::Expired, 3, Some(deadline)));
        assert_eq!(job.error.unwrap().0, "deadline");
        assert_eq!(tasks::complete(db, &running, a_result("t", &["x"]), deadline).await.unwrap(), Closed::Lost);
        assert!(tasks::claim(db, worker.id, &ids, deadline).await.unwrap().is_empty());
    }

    async fn a_due_task_is_handed_out_once_and_in_order(db: &TestDatabase) {
        let user = a_user(db).await;
        let waiting = |documents| {
            let mut new = new_job(&user, documents);
            new.dispatched = false;
            new.options.priority = Some(Priority::Normal);
            new
        };
        let (_, first) = submit(db, waiting(2)).await;
        let (_, second) = submit(db, waiting(1)).await;
        let worker = WorkerId::new();
        assert_eq!(tasks::backlog(db, QUEUE).await.unwrap().waiting, 3);
        let taken = tasks::take_due(db, QUEUE, start(), 2).await.unwrap();
        assert_eq!(taken, first);
        assert_eq!(tasks::take_due(db, QUEUE, start(), 2).await.unwrap(), second);
        assert!(tasks::take_due(db, QUEUE, start(), 2).await.unwrap().is_empty());
        tasks::release(db, &second).await.unwrap();
        assert_eq!(tasks::take_due(db, QUEUE, start(), 2).await.unwrap(), second);
        tasks::claim(db, worker, &second, start()).await.unwrap();
        tasks::release(db, &second).await.unwrap();
        assert!(tasks::take_due(db, QUEUE, start(), 2).await.unwrap().is_empty());
    }

    async fn a_delayed_task_waits_for_its_time(db: &TestDatabase) {
        let user = a_user(db).await;
        let (_, ids) = submit(db, new_job(&user, 1)).await;
        let worker = a_worker(db, start()).await;
        let claim = claim_one(db, &worker, ids[0], start()).await;
        let due = start() + 10 * SECOND;
        tasks::retry(db, &claim, due, &reason(), start()).await.unwrap();
        assert!(tasks::take_due(db, QUEUE, due - SECOND, 10).await.unwrap().is_empty());
        assert!(tasks::claim(db, worker.id, &ids, due - SECOND).await.unwrap().is_empty(), "an old hint begins nothing");
        assert_eq!(tasks::take_due(db, QUEUE, due, 10).await.unwrap(), ids);
    }

    async fn hints_that_were_lost_are_handed_out_again(db: &TestDatabase) {
        let user = a_user(db).await;
        let (_, lost) = submit(db, new_job(&user, 2)).await;
        let now = start() + 10 * SECOND;
        let mut fresh = new_job(&user, 1);
        fresh.dispatched = false;
        let (_, fresh) = submit(db, fresh).await;
        assert_eq!(tasks::take_due(db, QUEUE, now, 10).await.unwrap(), fresh);
        // The queue still holds the older ones: nothing is lost.
        assert_eq!(tasks::forget_lost(db, QUEUE, Some(lost[0]), now, 10).await.unwrap(), 0);
        // The oldest in the queue was handed out after them: they are lost.
        assert_eq!(tasks::forget_lost(db, QUEUE, Some(fresh[0]), now, 10).await.unwrap(), 2);
        assert_eq!(tasks::take_due(db, QUEUE, now, 10).await.unwrap(), lost);
        // The queue is empty; what was handed out this moment is on its way.
        assert_eq!(tasks::forget_lost(db, QUEUE, None, now, 10).await.unwrap(), 0);
        assert_eq!(tasks::forget_lost(db, QUEUE, None, now + 3 * SECOND, 10).await.unwrap(), 3);
        // A forged hint proves nothing.
        assert_eq!(tasks::forget_lost(db, QUEUE, Some(TaskId::new()), now, 10).await.unwrap(), 0);
    }

    async fn a_failed_document_says_why(db: &TestDatabase) {
        let user = a_user(db).await;
        let (_, ids) = submit(db, new_job(&user, 1)).await;
        let worker = a_worker(db, start()).await;
        let claim = claim_one(db, &worker, ids[0], start()).await;
        assert_eq!(tasks::reject(db, &claim, &reason(), start()).await.unwrap(), Closed::Won);
        let document = documents::find(db, user.id, claim.document).await.unwrap().unwrap();
        assert_eq!(document.status, DocumentStatus::Failed);
        assert_eq!(document.error.unwrap().0, "storage_unavailable");
        assert_eq!(document.processed_at, Some(start()));
    }
}
