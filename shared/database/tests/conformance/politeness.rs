//! At most two at once towards another host, and none while it wants to be left alone.

use chrono::TimeDelta;
use database::politeness::{self, AT_ONCE_MAX, LEASE, Lease, PAUSE_MAX, Turn};
use futures::future::join_all;

use crate::support::{HOUR, SECOND, TestDatabase, on_both, start};

async fn lease(db: &TestDatabase, host: &str) -> Lease {
    match politeness::enter(db, host, start()).await.unwrap() {
        Turn::Go(lease) => lease,
        other => panic!("expected a turn, got {other:?}"),
    }
}

on_both! {
    async fn two_at_once_and_the_third_when_one_has_left(db: &TestDatabase) {
        let (first, _second) = (lease(db, "example.com").await, lease(db, "EXAMPLE.com.").await);
        assert_eq!(politeness::enter(db, "example.com", start()).await.unwrap(), Turn::Busy);
        lease(db, "other.example.com").await;
        politeness::leave(db, first).await.unwrap();
        lease(db, "example.com").await;
        assert_eq!(politeness::enter(db, "example.com", start()).await.unwrap(), Turn::Busy);
    }

    async fn of_fifty_who_ask_at_once_two_go(db: &TestDatabase) {
        let asked = join_all((0..50).map(|_| politeness::enter(db, "example.com", start()))).await;
        let went = asked.into_iter().filter(|turn| matches!(turn, Ok(Turn::Go(_)))).count();
        assert_eq!(went, usize::try_from(AT_ONCE_MAX).unwrap());
    }

    async fn who_dies_makes_room_when_the_lease_is_over(db: &TestDatabase) {
        let (dead, slow) = (lease(db, "example.com").await, lease(db, "example.com").await);
        let later = start() + LEASE / 2;
        assert!(politeness::keep(db, &slow, later).await.unwrap());
        let turn = politeness::enter(db, "example.com", start() + LEASE - SECOND).await.unwrap();
        assert_eq!(turn, Turn::Busy);
        let turn = politeness::enter(db, "example.com", start() + LEASE).await.unwrap();
        assert!(matches!(turn, Turn::Go(_)), "{turn:?}");
        // Whoever took too long is told so, and does not throw his successor out.
        assert!(!politeness::keep(db, &dead, start() + LEASE).await.unwrap());
        politeness::leave(db, dead).await.unwrap();
        let turn = politeness::enter(db, "example.com", start() + LEASE).await.unwrap();
        assert_eq!(turn, Turn::Busy);
    }

    async fn a_host_that_wants_to_be_left_alone_is(db: &TestDatabase) {
        let until = start() + 2 * SECOND;
        politeness::stay_away(db, "Example.com", until, start()).await.unwrap();
        // A shorter wish does not end a longer one.
        politeness::stay_away(db, "example.com", until - SECOND, start()).await.unwrap();
        let turn = politeness::enter(db, "example.com", start() + SECOND).await.unwrap();
        assert_eq!(turn, Turn::Paused(until));
        lease(db, "example.org").await;
        let turn = politeness::enter(db, "example.com", until).await.unwrap();
        assert!(matches!(turn, Turn::Go(_)), "{turn:?}");
        politeness::stay_away(db, "example.net", start() + TimeDelta::days(400), start()).await.unwrap();
        let turn = politeness::enter(db, "example.net", start()).await.unwrap();
        assert_eq!(turn, Turn::Paused(start() + PAUSE_MAX));
    }

    async fn what_is_over_is_forgotten(db: &TestDatabase) {
        lease(db, "example.com").await;
        politeness::stay_away(db, "example.org", start() + HOUR, start()).await.unwrap();
        assert_eq!(politeness::delete_old(db, start() + LEASE).await.unwrap(), 0);
        assert_eq!(politeness::delete_old(db, start() + LEASE + SECOND).await.unwrap(), 1);
        assert_eq!(politeness::delete_old(db, start() + 2 * HOUR).await.unwrap(), 1);
        assert_eq!(politeness::delete_old(db, start() + 2 * HOUR).await.unwrap(), 0);
    }
}
