//! What an account may use: reserved when a job is accepted, used when a document is processed, given back when it is not.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use database::jobs::{self, Job, NewJob, Submitted, Terms};
use database::quotas::{self, Exceeded, NewLimits, Standing};
use database::tasks::{self, Claim, Closed, Operator, Reason, Requeued};
use database::usage::Used;
use database::users::User;
use database::workers::Worker;
use database::{Database, audit, documents};
use domain::{JobId, Quota, QuotaLimits, ReasonCode, TaskId, UserId};
use futures::future::join_all;
use futures::{StreamExt, stream};

use crate::support::{HOUR, SECOND, a_result, a_user, a_worker, claim_one, new_job, on_both, start};

/// The size of every document here.
const BYTES: u64 = 12;
/// The size of every result.
const RESULT: u64 = 7;

async fn limit(db: &Database, user: &User, new: NewLimits) -> Standing {
    let set = quotas::set(db, user.id, new, Operator::default(), start())
        .await
        .unwrap();
    set.expect("there is such an account")
}

fn documents_max(count: u64) -> NewLimits {
    NewLimits {
        documents: Some(Some(count)),
        ..NewLimits::default()
    }
}

async fn submit(db: &Database, new: NewJob, now: DateTime<Utc>) -> Result<(Box<Job>, Vec<TaskId>), Exceeded> {
    match jobs::submit(db, new, now).await.unwrap() {
        Submitted::Accepted(job, tasks) => Ok((job, tasks)),
        Submitted::QuotaExceeded(exceeded) => Err(exceeded),
        other => panic!("neither accepted nor exceeded: {other:?}"),
    }
}

async fn standing(db: &Database, user: &User) -> Standing {
    quotas::find(db, user.id, start()).await.unwrap().unwrap()
}

/// Used and reserved documents, and stored bytes.
async fn counts(db: &Database, user: &User) -> (u64, u64, u64) {
    let standing = standing(db, user).await;
    assert_eq!(standing.used.bytes, BYTES * standing.used.documents);
    assert_eq!(standing.reserved.bytes, BYTES * standing.reserved.documents);
    (
        standing.used.documents,
        standing.reserved.documents,
        standing.storage_bytes,
    )
}

async fn complete(db: &Database, claim: &Claim, pages: Option<i32>, now: DateTime<Utc>) {
    let mut result = a_result("t", &["text"]);
    result.pages = pages;
    assert_eq!(
        tasks::complete(db, claim, result, now).await.unwrap(),
        Closed::Won
    );
}

async fn running(db: &Database, user: &User, worker: &Worker) -> (JobId, Claim) {
    let (job, tasks) = submit(db, new_job(user, 1), start()).await.unwrap();
    (job.id, claim_one(db, worker, tasks[0], start()).await)
}

on_both! {
    async fn of_two_hundred_at_once_exactly_as_many_as_are_left_are_accepted(db: &TestDatabase) {
        let user = a_user(db).await;
        limit(db, &user, documents_max(10)).await;
        // As many at once as an API lets in; whoever finds no connection in time asks again.
        let one = async |_| loop {
            match jobs::submit(db, new_job(&user, 1), start()).await {
                Ok(submitted) => return submitted,
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
        };
        let answers: Vec<Submitted> = stream::iter(0..200).map(one).buffer_unordered(32).collect().await;
        let accepted = answers.iter().filter(|answer| matches!(answer, Submitted::Accepted(..))).count();
        assert_eq!(accepted, 10);
        let exceeded = Exceeded {
            quota: Quota::Documents,
            limit: 10,
            used: 10,
            requested: 1,
            renews_at: Some("2026-04-01T00:00:00Z".parse().unwrap()),
        };
        let refused = answers.iter().filter(|answer| **answer == Submitted::QuotaExceeded(exceeded)).count();
        assert_eq!(refused, 190);
        assert_eq!(counts(db, &user).await, (0, 10, 10 * BYTES));
        assert_eq!(jobs::list(db, user.id, &jobs::JobFilter::default(), 100).await.unwrap().len(), 10);
    }

    async fn results_of_one_account_that_come_at_once_are_all_counted(db: &TestDatabase) {
        let user = a_user(db).await;
        limit(db, &user, documents_max(100)).await;
        let worker = a_worker(db, start()).await;
        let mut claims = Vec::new();
        for _ in 0..24 {
            claims.push(running(db, &user, &worker).await.1);
        }
        join_all(claims.iter().map(|claim| complete(db, claim, Some(2), start()))).await;
        assert_eq!(counts(db, &user).await, (24, 0, 24 * (BYTES + RESULT)));
        assert_eq!(standing(db, &user).await.used.pages, 48);
    }

    async fn a_processed_document_is_used_and_counted_once(db: &TestDatabase) {
        let user = a_user(db).await;
        limit(db, &user, documents_max(3)).await;
        let worker = a_worker(db, start()).await;
        let (_, claim) = running(db, &user, &worker).await;
        assert_eq!(counts(db, &user).await, (0, 1, BYTES));
        tasks::recover_orphans(db, start() + SECOND, start(), 10).await.unwrap();
        let again = claim_one(db, &worker, claim.task, start()).await;
        let late = tasks::complete(db, &claim, a_result("late", &["text"]), start()).await.unwrap();
        assert_eq!(late, Closed::Lost);
        assert_eq!(counts(db, &user).await, (0, 1, BYTES));
        complete(db, &again, Some(5), start()).await;
        let twice = tasks::complete(db, &again, a_result("twice", &["text"]), start()).await.unwrap();
        assert_eq!(twice, Closed::Lost);
        assert_eq!(counts(db, &user).await, (1, 0, BYTES + RESULT));
        assert_eq!(standing(db, &user).await.used, Used { documents: 1, pages: 5, bytes: BYTES });
    }

    async fn what_comes_to_nothing_is_given_back(db: &TestDatabase) {
        let user = a_user(db).await;
        limit(db, &user, documents_max(1)).await;
        let worker = a_worker(db, start()).await;
        let origin = audit::Origin::default;
        let (kept, failed) = (BYTES, Reason::of(ReasonCode::Unreadable));

        let (_, claim) = running(db, &user, &worker).await;
        tasks::reject(db, &claim, &failed, start()).await.unwrap();
        assert_eq!(counts(db, &user).await, (0, 0, kept), "rejected; its original is still there");

        let (job, _) = running(db, &user, &worker).await;
        jobs::cancel(db, user.id, job, origin(), start()).await.unwrap();
        assert_eq!(counts(db, &user).await, (0, 0, kept), "cancelled");

        let (job, _) = running(db, &user, &worker).await;
        jobs::delete(db, user.id, job, origin(), start()).await.unwrap().unwrap();
        assert_eq!(counts(db, &user).await, (0, 0, kept), "its job deleted");

        let (_, claim) = running(db, &user, &worker).await;
        documents::delete(db, user.id, claim.document, origin(), start()).await.unwrap();
        assert_eq!(counts(db, &user).await, (0, 0, kept), "deleted");

        running(db, &user, &worker).await;
        assert_eq!(tasks::expire(db, start() + HOUR, 10).await.unwrap(), 1);
        assert_eq!(counts(db, &user).await, (0, 0, 2 * kept), "expired");

        let (_, mut claim) = running(db, &user, &worker).await;
        while claim.attempt < claim.attempts_max {
            tasks::retry(db, &claim, start(), &failed, start()).await.unwrap();
            assert_eq!(counts(db, &user).await, (0, 1, 3 * kept), "it will run again");
            claim = claim_one(db, &worker, claim.task, start()).await;
        }
        tasks::lose_these(db, &[(claim.task, claim.fence)], start()).await.unwrap();
        assert_eq!(counts(db, &user).await, (0, 0, 3 * kept), "dead");

        // What an operator puts back in line is reserved again, whatever the limit says, and given back or used once more.
        running(db, &user, &worker).await;
        let requeued = tasks::requeue(db, claim.task, Operator::default(), start()).await.unwrap();
        assert!(matches!(requeued, Requeued::Queued(_)));
        assert_eq!(counts(db, &user).await, (0, 2, 4 * kept));
        let claim = claim_one(db, &worker, claim.task, start()).await;
        complete(db, &claim, None, start()).await;
        assert_eq!(counts(db, &user).await, (1, 1, 4 * kept + RESULT));
    }

    async fn what_was_used_stays_used_when_it_is_deleted(db: &TestDatabase) {
        let user = a_user(db).await;
        limit(db, &user, documents_max(2)).await;
        let worker = a_worker(db, start()).await;
        let (job, claim) = running(db, &user, &worker).await;
        complete(db, &claim, None, start()).await;
        jobs::delete(db, user.id, job, audit::Origin::default(), start()).await.unwrap().unwrap();
        assert_eq!(counts(db, &user).await, (1, 0, 0));
        submit(db, new_job(&user, 1), start()).await.unwrap();
        let exceeded = submit(db, new_job(&user, 1), start()).await.unwrap_err();
        assert_eq!((exceeded.used, exceeded.limit), (2, 2));
    }

    async fn a_job_fits_as_a_whole_or_not_at_all(db: &TestDatabase) {
        let user = a_user(db).await;
        limit(db, &user, documents_max(5)).await;
        submit(db, new_job(&user, 3), start()).await.unwrap();
        let exceeded = submit(db, new_job(&user, 3), start()).await.unwrap_err();
        assert_eq!((exceeded.used, exceeded.requested), (3, 3));
        assert_eq!(counts(db, &user).await, (0, 3, 3 * BYTES));
        submit(db, new_job(&user, 2), start()).await.unwrap();
    }

    async fn pages_count_as_one_until_they_are_known(db: &TestDatabase) {
        let user = a_user(db).await;
        let pages = NewLimits { pages: Some(Some(4)), ..NewLimits::default() };
        limit(db, &user, pages).await;
        let worker = a_worker(db, start()).await;
        let (_, first) = running(db, &user, &worker).await;
        let (_, second) = running(db, &user, &worker).await;
        submit(db, new_job(&user, 3), start()).await.unwrap_err();
        complete(db, &first, Some(3), start()).await;
        let exceeded = submit(db, new_job(&user, 1), start()).await.unwrap_err();
        assert_eq!((exceeded.quota, exceeded.used), (Quota::Pages, 4));
        // Of kinds without pages none are used.
        complete(db, &second, None, start()).await;
        submit(db, new_job(&user, 1), start()).await.unwrap();
    }

    async fn bytes_are_limited_in_a_month_and_in_storage(db: &TestDatabase) {
        let user = a_user(db).await;
        let bytes = NewLimits { bytes: Some(Some(3 * BYTES)), ..NewLimits::default() };
        limit(db, &user, bytes).await;
        submit(db, new_job(&user, 3), start()).await.unwrap();
        let exceeded = submit(db, new_job(&user, 1), start()).await.unwrap_err();
        assert_eq!((exceeded.quota, exceeded.used, exceeded.requested), (Quota::Bytes, 3 * BYTES, BYTES));

        let user = a_user(db).await;
        let worker = a_worker(db, start()).await;
        let storage = NewLimits { storage_bytes: Some(Some(2 * (BYTES + RESULT))), ..NewLimits::default() };
        limit(db, &user, storage).await;
        let (job, tasks) = submit(db, new_job(&user, 2), start()).await.unwrap();
        for task in tasks {
            complete(db, &claim_one(db, &worker, task, start()).await, None, start()).await;
        }
        let exceeded = submit(db, new_job(&user, 1), start()).await.unwrap_err();
        assert_eq!((exceeded.quota, exceeded.used, exceeded.renews_at), (Quota::Storage, 38, None));
        // Deleting makes room at once.
        jobs::delete(db, user.id, job.id, audit::Origin::default(), start()).await.unwrap().unwrap();
        assert_eq!(standing(db, &user).await.storage_bytes, 0);
        submit(db, new_job(&user, 1), start()).await.unwrap();
    }

    async fn a_new_month_begins_with_nothing_used_and_with_what_is_still_open(db: &TestDatabase) {
        let user = a_user(db).await;
        limit(db, &user, documents_max(3)).await;
        let worker = a_worker(db, start()).await;
        let april: DateTime<Utc> = "2026-04-01T00:00:00Z".parse().unwrap();
        let (_, used) = running(db, &user, &worker).await;
        complete(db, &used, None, april - SECOND).await;
        let (_, open) = running(db, &user, &worker).await;
        let in_april = quotas::find(db, user.id, april).await.unwrap().unwrap();
        assert_eq!((in_april.used.documents, in_april.reserved.documents), (0, 1));
        let mut two = new_job(&user, 2);
        two.deadline_at = april + HOUR;
        submit(db, two, april).await.unwrap();
        let exceeded = submit(db, new_job(&user, 1), april).await.unwrap_err();
        assert_eq!((exceeded.used, exceeded.renews_at), (3, Some("2026-05-01T00:00:00Z".parse().unwrap())));
        complete(db, &open, None, april).await;
        let in_april = quotas::find(db, user.id, april).await.unwrap().unwrap();
        assert_eq!((in_april.used.documents, in_april.reserved.documents), (1, 2));
    }

    async fn the_first_result_of_a_month_begins_it(db: &TestDatabase) {
        let user = a_user(db).await;
        limit(db, &user, documents_max(9)).await;
        let worker = a_worker(db, start()).await;
        let april: DateTime<Utc> = "2026-04-01T00:00:00Z".parse().unwrap();
        for now in [start(), start(), april, april + SECOND] {
            let (_, claim) = running(db, &user, &worker).await;
            complete(db, &claim, Some(3), now).await;
        }
        // Told a moment late: it belongs to March, of which nobody counts any more.
        let (_, claim) = running(db, &user, &worker).await;
        complete(db, &claim, Some(3), april - SECOND).await;
        let in_april = quotas::find(db, user.id, april).await.unwrap().unwrap();
        assert_eq!(in_april.used, Used { documents: 2, pages: 6, bytes: 2 * BYTES });
        assert_eq!(in_april.reserved, Used::default());
    }

    async fn ones_own_limit_comes_before_that_of_the_settings(db: &TestDatabase) {
        let (user, other) = (a_user(db).await, a_user(db).await);
        let defaults = QuotaLimits { documents: Some(1), ..QuotaLimits::default() };
        let terms = || Terms { quotas: defaults, ..Terms::default() };
        limit(db, &user, documents_max(2)).await;
        let submit = async |user: &User| {
            let new = jobs::submit_on(db, terms(), new_job(user, 1), start()).await.unwrap();
            matches!(new, Submitted::Accepted(..))
        };
        assert_eq!([submit(&user).await, submit(&user).await, submit(&user).await], [true, true, false]);
        assert_eq!([submit(&other).await, submit(&other).await], [true, false]);
        // Without one of its own, that of the settings holds again.
        let none = NewLimits { documents: Some(None), ..NewLimits::default() };
        assert_eq!(limit(db, &user, none).await.own, QuotaLimits::default());
        assert!(!submit(&user).await);
        // Nobody has any limit: nobody counts.
        jobs::submit(db, new_job(&other, 5), start()).await.unwrap();
        assert_eq!(counts(db, &other).await, (0, 1, 6 * BYTES));
    }

    async fn a_limit_counts_what_was_used_before_it(db: &TestDatabase) {
        let user = a_user(db).await;
        let worker = a_worker(db, start()).await;
        let (_, claim) = running(db, &user, &worker).await;
        complete(db, &claim, Some(4), start()).await;
        let (_, open) = running(db, &user, &worker).await;
        let standing = limit(db, &user, documents_max(2)).await;
        assert_eq!(standing.used, Used { documents: 1, pages: 4, bytes: BYTES });
        assert_eq!(standing.reserved, Used::default(), "what was accepted before is not held against it");
        complete(db, &open, None, start()).await;
        assert_eq!(counts(db, &user).await, (2, 0, 2 * (BYTES + RESULT)));
        submit(db, new_job(&user, 1), start()).await.unwrap_err();
        // A minute later the counters are compared with the facts, which say the same.
        let later = start() + Duration::from_secs(61);
        submit(db, new_job(&user, 1), later).await.unwrap_err();
        assert_eq!(counts(db, &user).await, (2, 0, 2 * (BYTES + RESULT)));
    }

    async fn limits_that_go_and_come_again_find_what_is_open(db: &TestDatabase) {
        let user = a_user(db).await;
        limit(db, &user, documents_max(2)).await;
        let worker = a_worker(db, start()).await;
        let (_, claim) = running(db, &user, &worker).await;
        limit(db, &user, NewLimits { documents: Some(None), ..NewLimits::default() }).await;
        running(db, &user, &worker).await;
        limit(db, &user, documents_max(2)).await;
        assert_eq!(counts(db, &user).await, (0, 1, 2 * BYTES));
        complete(db, &claim, None, start()).await;
        assert_eq!(counts(db, &user).await, (1, 0, 2 * BYTES + RESULT));
    }

    async fn a_request_that_was_accepted_before_is_repeated_whatever_is_left(db: &TestDatabase) {
        let user = a_user(db).await;
        limit(db, &user, documents_max(1)).await;
        let request = || {
            let mut new = new_job(&user, 1);
            new.idempotency = Some(("key-1".to_owned(), [1; 32]));
            new
        };
        let (first, _) = submit(db, request(), start()).await.unwrap();
        let again = jobs::submit(db, request(), start()).await.unwrap();
        assert_eq!(again, Submitted::Replayed(first.id));
        assert_eq!(counts(db, &user).await, (0, 1, BYTES));
    }

    async fn nobody_has_limits_who_has_no_account(db: &TestDatabase) {
        let nobody = UserId::new();
        assert_eq!(quotas::find(db, nobody, start()).await.unwrap(), None);
        let set = quotas::set(db, nobody, documents_max(1), Operator::default(), start()).await.unwrap();
        assert_eq!(set, None);
        let ada = a_user(db).await;
        assert_eq!(standing(db, &ada).await.own, QuotaLimits::default());
        let later = start() + TimeDelta::days(40);
        assert_eq!(quotas::find(db, ada.id, later).await.unwrap().unwrap().used, Used::default());
    }
}
