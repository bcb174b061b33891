//! One job, or one piece of internal work, for a key and a time.

use database::jobs::{self, NewJob, Submitted, Terms, Unique};
use database::tasks::{self, Reason};
use database::unique_keys::{self, Taken};
use database::users::User;
use database::{Database, audit};
use domain::{JobId, ReasonCode};
use futures::future::join_all;
use uuid::Uuid;

use crate::support::{HOUR, SECOND, a_user, a_worker, claim_one, new_job, on_both, start};

fn terms(key: &str) -> Terms {
    let unique = Unique {
        key: key.to_owned(),
        until: start() + HOUR,
    };
    Terms {
        unique: Some(unique),
        ..Terms::default()
    }
}

async fn submit(db: &Database, user: &User, key: &str) -> Submitted {
    jobs::submit_on(db, terms(key), new_job(user, 1), start())
        .await
        .unwrap()
}

fn accepted(submitted: Submitted) -> JobId {
    match submitted {
        Submitted::Accepted(job, _) => job.id,
        other => panic!("expected the job to be accepted, got {other:?}"),
    }
}

on_both! {
    async fn a_second_job_with_the_key_is_answered_with_the_first(db: &TestDatabase) {
        let user = a_user(db).await;
        let first = accepted(submit(db, &user, "nightly").await);
        assert_eq!(submit(db, &user, "nightly").await, Submitted::Unique(first));
        assert_eq!(jobs::list(db, user.id, &jobs::JobFilter::default(), 10).await.unwrap().len(), 1);
        accepted(submit(db, &user, "weekly").await);
        accepted(submit(db, &a_user(db).await, "nightly").await);
        accepted(jobs::submit(db, new_job(&user, 1), start()).await.unwrap());
    }

    async fn when_its_time_is_over_a_key_is_free(db: &TestDatabase) {
        let user = a_user(db).await;
        let first = accepted(submit(db, &user, "nightly").await);
        let again = |now| jobs::submit_on(db, terms("nightly"), new_job(&user, 1), now);
        assert_eq!(again(start() + HOUR - SECOND).await.unwrap(), Submitted::Unique(first));
        assert_ne!(accepted(again(start() + HOUR).await.unwrap()), first);
    }

    async fn a_job_without_results_leaves_its_key_to_the_next(db: &TestDatabase) {
        let user = a_user(db).await;
        let origin = audit::Origin::default;
        let cancelled = accepted(submit(db, &user, "key").await);
        jobs::cancel(db, user.id, cancelled, origin(), start()).await.unwrap();
        let deleted = accepted(submit(db, &user, "key").await);
        jobs::delete(db, user.id, deleted, origin(), start()).await.unwrap().unwrap();
        let new = new_job(&user, 1);
        let Submitted::Accepted(failed, tasks) = jobs::submit_on(db, terms("key"), new, start()).await.unwrap() else {
            panic!("not accepted");
        };
        let claim = claim_one(db, &a_worker(db, start()).await, tasks[0], start()).await;
        assert_eq!(submit(db, &user, "key").await, Submitted::Unique(failed.id), "it runs");
        tasks::reject(db, &claim, &Reason::of(ReasonCode::Encrypted), start()).await.unwrap();
        let last = accepted(submit(db, &user, "key").await);
        assert_eq!(submit(db, &user, "key").await, Submitted::Unique(last));
    }

    async fn of_twenty_at_once_one_is_a_job(db: &TestDatabase) {
        let user = a_user(db).await;
        let answers = join_all((0..20).map(|_| submit(db, &user, "at-once"))).await;
        let jobs: Vec<JobId> = answers
            .iter()
            .filter_map(|answer| match answer {
                Submitted::Accepted(job, _) => Some(job.id),
                _ => None,
            })
            .collect();
        assert_eq!(jobs.len(), 1);
        assert_eq!(answers.iter().filter(|answer| **answer == Submitted::Unique(jobs[0])).count(), 19);
    }

    async fn of_twenty_at_once_one_takes_over_from_a_failed_job(db: &TestDatabase) {
        let user = a_user(db).await;
        let cancelled = accepted(submit(db, &user, "key").await);
        jobs::cancel(db, user.id, cancelled, audit::Origin::default(), start()).await.unwrap();
        let answers = join_all((0..20).map(|_| submit(db, &user, "key"))).await;
        let fresh = answers.iter().filter(|answer| matches!(answer, Submitted::Accepted(..))).count();
        assert_eq!(fresh, 1);
        assert!(!answers.contains(&Submitted::Unique(cancelled)));
    }

    async fn the_same_request_is_the_same_job_before_it_is_a_second_one(db: &TestDatabase) {
        let user = a_user(db).await;
        let request = || {
            let mut new: NewJob = new_job(&user, 1);
            new.idempotency = Some(("request-1".to_owned(), [1; 32]));
            jobs::submit_on(db, terms("key"), new, start())
        };
        let first = accepted(request().await.unwrap());
        assert_eq!(request().await.unwrap(), Submitted::Replayed(first));
    }

    async fn internal_work_takes_keys_too(db: &TestDatabase) {
        let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
        let until = start() + HOUR;
        let claim = |holder, now| unique_keys::claim(db, "reindex", holder, until, now);
        assert_eq!(claim(first, start()).await.unwrap(), Taken::Now);
        assert_eq!(claim(second, start()).await.unwrap(), Taken::By(first));
        assert_eq!(claim(first, start()).await.unwrap(), Taken::Now, "it has it");
        unique_keys::release(db, "reindex", second).await.unwrap();
        assert_eq!(claim(second, start()).await.unwrap(), Taken::By(first), "only its holder lets it go");
        unique_keys::release(db, "reindex", first).await.unwrap();
        assert_eq!(claim(second, start()).await.unwrap(), Taken::Now);
        // Keys of accounts are others.
        accepted(submit(db, &a_user(db).await, "reindex").await);
    }

    async fn keys_whose_time_is_over_are_deleted_in_batches(db: &TestDatabase) {
        let user = a_user(db).await;
        for n in 0..3 {
            accepted(submit(db, &user, &format!("key-{n}")).await);
        }
        let over = start() + HOUR + SECOND;
        assert_eq!(unique_keys::delete_expired(db, start() + HOUR, 10).await.unwrap(), 0);
        assert_eq!(unique_keys::delete_expired(db, over, 2).await.unwrap(), 2);
        assert_eq!(unique_keys::delete_expired(db, over, 2).await.unwrap(), 1);
        assert_eq!(unique_keys::delete_expired(db, over, 2).await.unwrap(), 0);
    }
}
