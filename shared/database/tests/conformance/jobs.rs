use database::documents::{self, DocumentFilter};
use database::jobs::{self, JobFilter, Submitted};
use database::tasks::{self, Reason};
use database::{DatabaseError, audit, discarded, workers};
use domain::{DocumentStatus, JobKind, JobStatus, QueueName, ReasonCode};

use crate::support::{HOUR, SECOND, a_result, a_user, a_worker, claim_one, new_job, on_both, start, submit};

fn reason() -> Reason {
    Reason {
        code: ReasonCode::Unreadable,
        detail: "not a PDF".to_owned(),
    }
}

on_both! {
    async fn an_accepted_job_waits_with_its_documents(db: &TestDatabase) {
        let user = a_user(db).await;
        let (id, tasks) = submit(db, new_job(&user, 3)).await;
        let job = jobs::find(db, user.id, id).await.unwrap().unwrap();
        assert_eq!((job.kind, job.status, job.total, job.attempt), (JobKind::Batch, JobStatus::Pending, 3, 0));
        assert_eq!((job.created_at, job.started_at, job.finished_at), (start(), None, None));
        assert_eq!(tasks.len(), 3);
        let filter = DocumentFilter { job: Some(id), ..DocumentFilter::default() };
        let documents = documents::list(db, user.id, &filter, 10).await.unwrap();
        assert!(documents.iter().all(|document| document.status == DocumentStatus::Pending));
    }

    async fn a_job_is_processing_once_a_worker_has_it_and_never_pending_again(db: &TestDatabase) {
        let user = a_user(db).await;
        let (id, tasks) = submit(db, new_job(&user, 1)).await;
        let worker = a_worker(db, start()).await;
        let before = jobs::find(db, user.id, id).await.unwrap().unwrap();
        let claim = claim_one(db, &worker, tasks[0], start()).await;
        let running = jobs::find(db, user.id, id).await.unwrap().unwrap();
        assert_eq!((running.status, running.attempt), (JobStatus::Processing, 1));
        assert_ne!(before.revision(), running.revision());
        let document = documents::find(db, user.id, claim.document).await.unwrap().unwrap();
        assert_eq!(document.status, DocumentStatus::Processing);
        tasks::give_back(db, worker.id, start()).await.unwrap();
        let returned = jobs::find(db, user.id, id).await.unwrap().unwrap();
        assert_eq!((returned.status, returned.attempt), (JobStatus::Processing, 0));
    }

    async fn a_job_ends_as_its_documents_end(db: &TestDatabase) {
        let user = a_user(db).await;
        let worker = a_worker(db, start()).await;
        for (good, bad, expected) in
            [(2, 0, JobStatus::Completed), (1, 1, JobStatus::Partial), (0, 2, JobStatus::Failed)]
        {
            let (id, tasks) = submit(db, new_job(&user, good + bad)).await;
            let now = start() + SECOND;
            for (n, task) in tasks.into_iter().enumerate() {
                let claim = claim_one(db, &worker, task, now).await;
                if n < good {
                    tasks::complete(db, &claim, a_result("t", &["text"]), now).await.unwrap();
                } else {
                    tasks::reject(db, &claim, &reason(), now).await.unwrap();
                }
            }
            let job = jobs::find(db, user.id, id).await.unwrap().unwrap();
            assert_eq!(job.status, expected);
            assert_eq!((job.completed, job.failed), (good as i32, bad as i32));
            assert_eq!((job.started_at, job.finished_at), (Some(now), Some(now)));
            let error = (bad > 0).then(|| ("unreadable".to_owned(), Some("not a PDF".to_owned())));
            assert_eq!(job.error, error);
        }
    }

    async fn lists_show_the_newest_first_and_go_on_from_a_cursor(db: &TestDatabase) {
        let user = a_user(db).await;
        let mut ids = Vec::new();
        for _ in 0..5 {
            ids.push(submit(db, new_job(&user, 1)).await.0);
        }
        submit(db, new_job(&a_user(db).await, 1)).await;
        ids.reverse();
        let first = jobs::list(db, user.id, &JobFilter::default(), 3).await.unwrap();
        assert_eq!(first.iter().map(|job| job.id).collect::<Vec<_>>(), ids[..3]);
        let filter = JobFilter { before: Some(ids[2]), ..JobFilter::default() };
        let rest = jobs::list(db, user.id, &filter, 3).await.unwrap();
        assert_eq!(rest.iter().map(|job| job.id).collect::<Vec<_>>(), ids[3..]);
    }

    async fn lists_are_filtered_by_what_is_shown(db: &TestDatabase) {
        let user = a_user(db).await;
        let worker = a_worker(db, start()).await;
        let (pending, _) = submit(db, new_job(&user, 1)).await;
        let (processing, tasks) = submit(db, new_job(&user, 2)).await;
        claim_one(db, &worker, tasks[0], start()).await;
        let (completed, tasks) = submit(db, new_job(&user, 1)).await;
        let claim = claim_one(db, &worker, tasks[0], start()).await;
        tasks::complete(db, &claim, a_result("t", &["x"]), start()).await.unwrap();
        for (status, expected) in [
            (JobStatus::Pending, pending),
            (JobStatus::Processing, processing),
            (JobStatus::Completed, completed),
        ] {
            let filter = JobFilter { status: Some(status), ..JobFilter::default() };
            let listed = jobs::list(db, user.id, &filter, 10).await.unwrap();
            assert_eq!(listed.iter().map(|job| (job.id, job.status)).collect::<Vec<_>>(), [(expected, status)]);
        }
        let batches = JobFilter { kind: Some(JobKind::Batch), ..JobFilter::default() };
        assert_eq!(jobs::list(db, user.id, &batches, 10).await.unwrap().len(), 1);
        for (status, count) in
            [(DocumentStatus::Pending, 2), (DocumentStatus::Processing, 1), (DocumentStatus::Completed, 1)]
        {
            let filter = DocumentFilter { status: Some(status), ..DocumentFilter::default() };
            assert_eq!(documents::list(db, user.id, &filter, 10).await.unwrap().len(), count, "{status}");
        }
    }

    async fn the_same_request_twice_is_one_job(db: &TestDatabase) {
        let user = a_user(db).await;
        let request = |fingerprint| {
            let mut new = new_job(&user, 1);
            new.idempotency = Some(("key-1".to_owned(), fingerprint));
            new
        };
        let (first, _) = submit(db, request([1; 32])).await;
        assert_eq!(jobs::submit(db, request([1; 32]), start()).await.unwrap(), Submitted::Replayed(first));
        assert_eq!(jobs::submit(db, request([2; 32]), start()).await.unwrap(), Submitted::KeyReused);
        let other = a_user(db).await;
        let mut same_key = new_job(&other, 1);
        same_key.idempotency = Some(("key-1".to_owned(), [1; 32]));
        submit(db, same_key).await;
        assert_eq!(jobs::forget_idempotency_keys(db, start() + HOUR, 10).await.unwrap(), 2);
        submit(db, request([2; 32])).await;
    }

    async fn a_deleted_job_is_gone_and_its_objects_are_noted(db: &TestDatabase) {
        let user = a_user(db).await;
        let worker = a_worker(db, start()).await;
        let (id, tasks) = submit(db, new_job(&user, 2)).await;
        let claim = claim_one(db, &worker, tasks[0], start()).await;
        tasks::complete(db, &claim, a_result("t", &["x"]), start()).await.unwrap();
        let running = claim_one(db, &worker, tasks[1], start()).await;
        let origin = audit::Origin::default;
        assert_eq!(jobs::delete(db, a_user(db).await.id, id, origin(), start()).await.unwrap(), None);
        let deleted = jobs::delete(db, user.id, id, origin(), start()).await.unwrap().unwrap();
        assert_eq!(deleted.len(), 2);
        assert_eq!(jobs::delete(db, user.id, id, origin(), start()).await.unwrap(), None);
        assert_eq!(jobs::find(db, user.id, id).await.unwrap(), None);
        assert_eq!(documents::find(db, user.id, claim.document).await.unwrap(), None);
        let late = tasks::complete(db, &running, a_result("t", &["x"]), start()).await.unwrap();
        assert_eq!(late, tasks::Closed::Lost);
        let noted = discarded::list(db, start() + SECOND, 10).await.unwrap();
        assert_eq!(noted.len(), 2);
        assert_eq!(noted.iter().find(|it| it.document == claim.document).unwrap().text_fence, Some(claim.fence));
        let ids: Vec<_> = noted.iter().map(|stored| stored.document).collect();
        discarded::forget(db, &ids).await.unwrap();
        assert_eq!(discarded::list(db, start() + SECOND, 10).await.unwrap(), []);
    }

    async fn deleting_the_last_open_document_ends_its_job(db: &TestDatabase) {
        let user = a_user(db).await;
        let worker = a_worker(db, start()).await;
        let (id, tasks) = submit(db, new_job(&user, 2)).await;
        let claim = claim_one(db, &worker, tasks[0], start()).await;
        tasks::complete(db, &claim, a_result("t", &["x"]), start()).await.unwrap();
        let filter = DocumentFilter { status: Some(DocumentStatus::Pending), ..DocumentFilter::default() };
        let open = documents::list(db, user.id, &filter, 10).await.unwrap().remove(0);
        let origin = audit::Origin::default();
        assert!(documents::delete(db, user.id, open.id, origin.clone(), start()).await.unwrap().len() == 1);
        let job = jobs::find(db, user.id, id).await.unwrap().unwrap();
        assert_eq!((job.status, job.total, job.completed), (JobStatus::Completed, 1, 1));
        assert!(documents::delete(db, user.id, claim.document, origin.clone(), start()).await.unwrap().len() == 1);
        assert!(documents::delete(db, user.id, claim.document, origin, start()).await.unwrap().is_empty());
        let job = jobs::find(db, user.id, id).await.unwrap().unwrap();
        assert_eq!((job.status, job.total, job.completed), (JobStatus::Completed, 0, 0));
    }

    async fn living_workers_are_counted(db: &TestDatabase) {
        a_worker(db, start()).await;
        a_worker(db, start() + HOUR).await;
        assert_eq!(workers::count_alive(db, start() + SECOND).await.unwrap(), (1, 4));
        assert_eq!(workers::delete_silent(db, start() + SECOND).await.unwrap(), 1);
        assert_eq!(workers::count_alive(db, start()).await.unwrap(), (1, 4));
    }

    async fn the_schema_goes_down_and_up_again_with_data(db: &TestDatabase) {
        let user = a_user(db).await;
        let (_, tasks) = submit(db, new_job(&user, 1)).await;
        let worker = a_worker(db, start()).await;
        let claim = claim_one(db, &worker, tasks[0], start()).await;
        tasks::complete(db, &claim, a_result("t", &["x"]), start()).await.unwrap();
        let steps = db.migrations().await.unwrap();
        assert!(steps.iter().all(|step| step.applied));
        db.migrate_down(u32::try_from(steps.len()).unwrap()).await.unwrap();
        assert!(db.migrations().await.unwrap().iter().all(|step| !step.applied));
        assert!(matches!(db.check_schema().await, Err(DatabaseError::Schema(_))));
        db.migrate_up().await.unwrap();
        db.check_schema().await.unwrap();
        let user = a_user(db).await;
        submit(db, new_job(&user, 1)).await;
        assert_eq!(tasks::backlog(db, QueueName::Documents).await.unwrap().waiting, 1);
    }
}
