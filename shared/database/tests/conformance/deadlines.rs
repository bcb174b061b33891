//! Jobs that reached their deadline end, in bounded batches, by any number of sweeps at once.

use database::jobs;
use database::tasks;
use domain::JobStatus;
use futures::future::join_all;

use crate::support::{HOUR, SECOND, a_user, a_worker, claim_one, new_job, on_both, start, submit};

on_both! {
    async fn what_was_due_first_ends_first(db: &TestDatabase) {
        let user = a_user(db).await;
        let mut ids = Vec::new();
        for minutes in [3, 1, 2] {
            let mut new = new_job(&user, 1);
            new.deadline_at = start() + 60 * minutes * SECOND;
            ids.push(submit(db, new).await.0);
        }
        let (later, _) = submit(db, new_job(&user, 1)).await;
        let now = start() + HOUR - SECOND;
        let ended = async |id| jobs::find(db, user.id, id).await.unwrap().unwrap().status == JobStatus::Expired;
        assert_eq!(tasks::expire(db, now, 2).await.unwrap(), 2);
        assert_eq!([ended(ids[0]).await, ended(ids[1]).await, ended(ids[2]).await], [false, true, true]);
        assert_eq!(tasks::expire(db, now, 2).await.unwrap(), 1);
        assert_eq!(tasks::expire(db, now, 2).await.unwrap(), 0);
        assert!(!ended(later).await);
        assert_eq!(tasks::expire(db, start() + HOUR, 2).await.unwrap(), 1);
    }

    async fn several_sweeps_share_the_work(db: &TestDatabase) {
        let user = a_user(db).await;
        let worker = a_worker(db, start()).await;
        let (mut ids, mut documents) = (Vec::new(), 0);
        for n in 0..30 {
            let (id, tasks) = submit(db, new_job(&user, 1 + n % 3)).await;
            documents += tasks.len() as u64;
            if n % 2 == 0 {
                claim_one(db, &worker, tasks[0], start() + SECOND).await;
            }
            ids.push((id, n));
        }
        let now = start() + HOUR;
        let sweep = async || {
            let mut sum = 0;
            loop {
                match tasks::expire(db, now, 7).await.unwrap() {
                    0 => return sum,
                    expired => sum += expired,
                }
            }
        };
        let swept = join_all((0..4).map(|_| sweep())).await;
        // One that found everything held ends early; what it left, somebody else has.
        assert_eq!(swept.iter().sum::<u64>(), documents, "{swept:?}");
        for (id, n) in ids {
            let job = jobs::find(db, user.id, id).await.unwrap().unwrap();
            let total = 1 + i32::try_from(n % 3).unwrap();
            assert_eq!((job.status, job.failed, job.total), (JobStatus::Expired, total, total));
            assert_eq!(job.finished_at, Some(now));
            assert_eq!(job.started_at, (n % 2 == 0).then_some(start() + SECOND));
            assert_eq!(job.error.unwrap().0, "deadline");
        }
    }
}
