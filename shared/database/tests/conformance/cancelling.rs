use database::documents::{self, DocumentFilter};
use database::jobs::{self, Cancelled, Job};
use database::tasks::{self, Claim, Closed, Reason};
use database::users::User;
use database::{Database, audit, discarded};
use domain::{DocumentStatus, JobId, JobStatus, ReasonCode, TaskState};

use crate::support::{HOUR, SECOND, a_result, a_user, a_worker, claim_one, new_job, on_both, start, submit};

async fn cancel(db: &Database, user: &User, job: JobId) -> Cancelled {
    let origin = audit::Origin::default();
    jobs::cancel(db, user.id, job, origin, start() + SECOND)
        .await
        .unwrap()
}

async fn job(db: &Database, user: &User, id: JobId) -> Job {
    jobs::find(db, user.id, id).await.unwrap().unwrap()
}

async fn statuses(db: &Database, user: &User, job: JobId) -> Vec<DocumentStatus> {
    let filter = DocumentFilter {
        job: Some(job),
        ..DocumentFilter::default()
    };
    let mut found = documents::list(db, user.id, &filter, 100).await.unwrap();
    found.sort_by_key(|document| document.position);
    found.iter().map(|document| document.status).collect()
}

/// Whatever raced: the job is cancelled, it has ended, and its counters are those of its documents.
async fn assert_ends_cancelled(db: &Database, user: &User, id: JobId, what: &str) {
    let job = job(db, user, id).await;
    let statuses = statuses(db, user, id).await;
    let count = |status| i32::try_from(statuses.iter().filter(|it| **it == status).count()).unwrap();
    assert_eq!(job.status, JobStatus::Cancelled, "{what}");
    assert!(job.finished_at.is_some(), "{what}");
    assert_eq!(
        (job.completed, job.failed, job.cancelled),
        (
            count(DocumentStatus::Completed),
            count(DocumentStatus::Failed),
            count(DocumentStatus::Cancelled)
        ),
        "{what}"
    );
    assert_eq!(job.completed + job.failed + job.cancelled, job.total, "{what}");
}

on_both! {
    async fn what_waits_and_runs_is_cancelled_and_what_is_done_stays(db: &TestDatabase) {
        let user = a_user(db).await;
        let worker = a_worker(db, start()).await;
        let (id, ids) = submit(db, new_job(&user, 3)).await;
        let done = claim_one(db, &worker, ids[0], start()).await;
        tasks::complete(db, &done, a_result("t", &["x"]), start()).await.unwrap();
        let running = claim_one(db, &worker, ids[1], start()).await;
        let Cancelled::Now(stored) = cancel(db, &user, id).await else { panic!("not cancelled") };
        let mut fences: Vec<_> = stored.iter().map(|stored| stored.text_fence).collect();
        fences.sort();
        assert_eq!(fences, [None, Some(1)], "the text that the running one may be storing has to go too");
        let ended = job(db, &user, id).await;
        assert_eq!((ended.status, ended.finished_at), (JobStatus::Cancelled, Some(start() + SECOND)));
        assert_eq!((ended.completed, ended.cancelled, ended.error), (1, 2, None));
        assert_eq!(
            statuses(db, &user, id).await,
            [DocumentStatus::Completed, DocumentStatus::Cancelled, DocumentStatus::Cancelled]
        );
        assert_eq!(tasks::owned(db, worker.id).await.unwrap(), [], "the worker sees that it is not wanted");
        let late = tasks::complete(db, &running, a_result("late", &["x"]), start()).await.unwrap();
        assert_eq!(late, Closed::Lost);
        assert!(tasks::claim(db, worker.id, &ids, start() + SECOND).await.unwrap().is_empty());
        let noted = discarded::list(db, start() + HOUR, 10).await.unwrap();
        assert_eq!(noted.len(), 2, "what was not done has to go from storage");
    }

    async fn cancelling_may_be_repeated_and_comes_too_late_for_what_has_ended(db: &TestDatabase) {
        let (user, other) = (a_user(db).await, a_user(db).await);
        let worker = a_worker(db, start()).await;
        let (id, _) = submit(db, new_job(&user, 1)).await;
        assert_eq!(cancel(db, &other, id).await, Cancelled::NoSuchJob);
        assert_eq!(job(db, &user, id).await.status, JobStatus::Pending);
        assert!(matches!(cancel(db, &user, id).await, Cancelled::Now(_)));
        let version = job(db, &user, id).await.version;
        assert_eq!(cancel(db, &user, id).await, Cancelled::Before);
        assert_eq!(job(db, &user, id).await.version, version);
        assert_eq!(cancel(db, &user, JobId::new()).await, Cancelled::NoSuchJob);
        let (id, ids) = submit(db, new_job(&user, 1)).await;
        let claim = claim_one(db, &worker, ids[0], start()).await;
        tasks::complete(db, &claim, a_result("t", &["x"]), start()).await.unwrap();
        assert_eq!(cancel(db, &user, id).await, Cancelled::Ended(JobStatus::Completed));
    }

    async fn a_cancelled_job_can_be_deleted_before_its_objects_are_gone(db: &TestDatabase) {
        let user = a_user(db).await;
        let worker = a_worker(db, start()).await;
        let (id, ids) = submit(db, new_job(&user, 2)).await;
        claim_one(db, &worker, ids[0], start()).await;
        cancel(db, &user, id).await;
        let stored = jobs::delete(db, user.id, id, audit::Origin::default(), start() + HOUR).await.unwrap().unwrap();
        assert_eq!(stored.len(), 2);
        assert!(stored.iter().any(|stored| stored.text_fence == Some(1)), "the noted text is not forgotten");
        assert_eq!(discarded::list(db, start() + 2 * HOUR, 10).await.unwrap().len(), 2);
    }

    async fn objects_of_cancelled_documents_are_nobodys(db: &TestDatabase) {
        let user = a_user(db).await;
        let new = new_job(&user, 1);
        let document = new.documents[0].id;
        let (id, _) = submit(db, new).await;
        assert_eq!(documents::existing(db, &[document]).await.unwrap().len(), 1);
        cancel(db, &user, id).await;
        assert_eq!(documents::existing(db, &[document]).await.unwrap(), []);
    }

    async fn a_cancelled_attempt_is_told_in_the_history(db: &TestDatabase) {
        let user = a_user(db).await;
        let worker = a_worker(db, start()).await;
        let (id, ids) = submit(db, new_job(&user, 2)).await;
        claim_one(db, &worker, ids[0], start()).await;
        cancel(db, &user, id).await;
        let ran = tasks::find(db, ids[0]).await.unwrap().unwrap();
        assert_eq!(ran.state, TaskState::Cancelled);
        assert_eq!(ran.attempts.len(), 1);
        assert_eq!(ran.attempts[0].code.as_deref(), Some("cancelled"));
        assert_eq!(ran.attempts[0].ended_at, Some(start() + SECOND));
        let waited = tasks::find(db, ids[1]).await.unwrap().unwrap();
        assert_eq!((waited.state, waited.attempts), (TaskState::Cancelled, vec![]));
    }

    async fn a_cancel_that_races_ends_the_job_whatever_it_races_with(db: &TestDatabase) {
        const ROUNDS: usize = 12;
        let user = a_user(db).await;
        let now = start() + SECOND;
        for round in 0..ROUNDS {
            for what in ["claim", "complete", "reject", "retry", "give back", "recover", "expire"] {
                let worker = a_worker(db, start()).await;
                let (id, ids) = submit(db, new_job(&user, 3)).await;
                let claim: Claim = claim_one(db, &worker, ids[0], start()).await;
                let reason = Reason::of(ReasonCode::StorageUnavailable);
                let race = async {
                    match what {
                        "claim" => drop(tasks::claim(db, worker.id, &ids, now).await.unwrap()),
                        "complete" => drop(tasks::complete(db, &claim, a_result("t", &["x"]), now).await.unwrap()),
                        "reject" => drop(tasks::reject(db, &claim, &reason, now).await.unwrap()),
                        "retry" => drop(tasks::retry(db, &claim, now, &reason, now).await.unwrap()),
                        "give back" => drop(tasks::give_back(db, worker.id, now).await.unwrap()),
                        "recover" => drop(tasks::recover_orphans(db, now, now, 100).await.unwrap()),
                        // Two of three, so that there is something left to be cancelled.
                        _ => drop(tasks::expire(db, start() + 2 * HOUR, 2).await.unwrap()),
                    }
                };
                let cancelled = if round % 2 == 0 {
                    tokio::join!(cancel(db, &user, id), race).0
                } else {
                    tokio::join!(race, cancel(db, &user, id)).1
                };
                assert!(matches!(cancelled, Cancelled::Now(_)), "{what}: {cancelled:?}");
                assert_ends_cancelled(db, &user, id, what).await;
                for task in &ids {
                    let task = tasks::find(db, *task).await.unwrap().unwrap();
                    assert!(task.state.is_terminal(), "{what}: {task:?}");
                }
                assert_eq!(tasks::owned(db, worker.id).await.unwrap(), [], "{what}");
            }
        }
    }
}
