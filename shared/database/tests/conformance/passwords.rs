//! The password of a document, sealed, is with its task as long as that may run, and not a moment longer.

use database::tasks::{self, Operator, Reason};
use database::{jobs, workers};
use domain::{JobId, ReasonCode, SealedPassword, TaskId};

use crate::support::{
    HOUR, SECOND, TestDatabase, a_result, a_user, a_worker, claim_one, new_job, on_both, start, submit,
};

const SEALED: &str = "c2VhbGVkIHBhc3N3b3Jk";

async fn submit_locked(db: &TestDatabase, documents: usize) -> (JobId, Vec<TaskId>) {
    let user = a_user(db).await;
    let mut new = new_job(&user, documents);
    new.options.password = Some(SealedPassword::of_text(SEALED.to_owned()));
    submit(db, new).await
}

/// In how many tasks the password stands.
async fn known_to(db: &TestDatabase) -> usize {
    let payloads = db.payloads().await;
    payloads.iter().filter(|payload| payload.contains(SEALED)).count()
}

on_both! {
    async fn a_password_stays_through_retries_and_goes_with_the_results(db: &TestDatabase) {
        let (_, ids) = submit_locked(db, 1).await;
        assert_eq!(known_to(db).await, 1);
        let worker = a_worker(db, start()).await;
        let claim = claim_one(db, &worker, ids[0], start()).await;
        assert_eq!(claim.payload.sealed_password.as_ref().unwrap().as_text(), SEALED);
        assert!(!format!("{claim:?}").contains(SEALED), "nothing prints it");
        let away = Reason::of(ReasonCode::StorageUnavailable);
        tasks::retry(db, &claim, start() + SECOND, &away, start()).await.unwrap();
        assert_eq!(known_to(db).await, 1, "it is needed again");
        let claim = claim_one(db, &worker, ids[0], start() + SECOND).await;
        tasks::complete(db, &claim, a_result("Lease", &["text"]), start() + SECOND).await.unwrap();
        assert_eq!(known_to(db).await, 0);
    }

    async fn a_password_goes_however_a_task_ends(db: &TestDatabase) {
        let worker = a_worker(db, start()).await;

        let (_, rejected) = submit_locked(db, 1).await;
        let claim = claim_one(db, &worker, rejected[0], start()).await;
        tasks::reject(db, &claim, &Reason::of(ReasonCode::Encrypted), start()).await.unwrap();
        assert_eq!(known_to(db).await, 0, "rejected");

        let (_, given_up) = submit_locked(db, 1).await;
        for _ in 0..domain::limits::ATTEMPTS_MAX {
            assert_eq!(known_to(db).await, 1);
            let claim = claim_one(db, &worker, given_up[0], start()).await;
            tasks::retry(db, &claim, start(), &Reason::of(ReasonCode::StorageUnavailable), start()).await.unwrap();
        }
        assert_eq!(known_to(db).await, 0, "given up");

        let user = a_user(db).await;
        let mut new = new_job(&user, 2);
        new.options.password = Some(SealedPassword::of_text(SEALED.to_owned()));
        let (cancelled, _) = submit(db, new).await;
        assert_eq!(known_to(db).await, 2);
        jobs::cancel(db, user.id, cancelled, Default::default(), start()).await.unwrap();
        assert_eq!(known_to(db).await, 0, "cancelled");

        submit_locked(db, 2).await;
        tasks::expire(db, start() + HOUR + SECOND, 100).await.unwrap();
        assert_eq!(known_to(db).await, 0, "expired");

        // Put back in line by an operator, it has to do without.
        tasks::requeue(db, rejected[0], Operator::default(), start() + SECOND).await.unwrap();
        let claim = claim_one(db, &worker, rejected[0], start() + SECOND).await;
        assert_eq!(claim.payload.sealed_password, None);
    }

    async fn a_job_does_not_tell_its_password(db: &TestDatabase) {
        let (id, _) = submit_locked(db, 1).await;
        let worker = a_worker(db, start()).await;
        let told = format!("{:?}", workers::picture_readers(db, start()).await.unwrap());
        assert_eq!(told, "[None]");
        let task = tasks::list(db, &Default::default(), 10).await.unwrap();
        assert!(!format!("{task:?} {worker:?}").contains(SEALED), "{id}");
    }
}
