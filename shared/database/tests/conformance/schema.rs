//! The schema goes up and down whatever happens meanwhile.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use crate::support::on_both;

/// Lets go of a piece of work after so many looks at it, as a process does that is killed. Whether it was done by then.
async fn is_done_after(work: impl Future, mut looks: usize) -> bool {
    let mut work = pin!(work);
    poll_fn(|context| {
        if looks == 0 {
            return Poll::Ready(false);
        }
        looks -= 1;
        work.as_mut().poll(context).map(|_| true)
    })
    .await
}

on_both! {
    async fn a_migration_that_was_broken_off_is_done_the_next_time(db: &TestDatabase) {
        let steps = u32::try_from(db.migrations().await.unwrap().len()).unwrap();
        let mut broken_off = 0;
        for looks in [2, 7, 20, 55, 150] {
            db.migrate_down(steps).await.unwrap();
            let other = db.again().await;
            broken_off += usize::from(!is_done_after(other.migrate_up(), looks).await);
            other.close().await.unwrap();
            db.migrate_up().await.unwrap();
            db.check_schema().await.unwrap();

            let other = db.again().await;
            broken_off += usize::from(!is_done_after(other.migrate_down(steps), looks).await);
            other.close().await.unwrap();
            db.migrate_up().await.unwrap();
            db.check_schema().await.unwrap();
        }
        assert!(broken_off >= 4, "only {broken_off} of ten were broken off");
    }
}
