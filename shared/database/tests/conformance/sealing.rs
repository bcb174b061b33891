use chrono::{DateTime, Utc};
use database::audit::seals::{self, Fault, Look};
use database::audit::{self, Entry, LineFilter, Order, Origin, Outcome};
use domain::{ApiKeyId, AuditId, Clock, RequestId, SystemClock, UserId};

use sha2::{Digest, Sha256};

use crate::support::{HOUR, SECOND, on_both, start};

async fn record(db: &database::Database, action: &'static str, at: DateTime<Utc>) {
    let entry = Entry {
        user: Some(UserId::new()),
        action,
        resource: Some(("job", UserId::new().uuid())),
        outcome: Outcome::Success,
        origin: Origin {
            ip: Some("192.0.2.1".to_owned()),
            request: Some(RequestId::new()),
            key: Some(ApiKeyId::new()),
        },
    };
    audit::record(db, entry, at).await.unwrap();
}

/// A log of five sealed lines, the oldest first.
async fn sealed(db: &database::Database) -> Vec<AuditId> {
    for action in ["one", "two", "three", "four", "five"] {
        record(db, action, start()).await;
    }
    assert_eq!(
        seals::seal(db, Look::Lately, 100, SystemClock.now())
            .await
            .unwrap(),
        5
    );
    let lines = audit::list(db, &LineFilter::default(), Order::OldestFirst(None), 100)
        .await
        .unwrap();
    lines.into_iter().map(|line| line.id).collect()
}

async fn faults(db: &database::Database) -> Vec<Fault> {
    seals::verify(db, None, start() + HOUR).await.unwrap().faults
}

on_both! {
    async fn an_untouched_log_is_sound(db: &TestDatabase) {
        assert_eq!(faults(db).await, []);
        sealed(db).await;
        assert_eq!(seals::seal(db, Look::Lately, 100, SystemClock.now()).await.unwrap(), 0);
        // Batch by batch it is the same chain.
        for action in ["six", "seven", "eight"] {
            record(db, action, start()).await;
        }
        assert_eq!(seals::seal(db, Look::Lately, 2, SystemClock.now()).await.unwrap(), 2);
        assert_eq!(seals::seal(db, Look::Everywhere, 2, SystemClock.now()).await.unwrap(), 1);
        let verdict = seals::verify(db, None, start()).await.unwrap();
        assert_eq!((verdict.faults, verdict.waiting), (vec![], 0));
        assert_eq!(verdict.head.unwrap().sequence, 8);
        assert_eq!(verdict.head, seals::head(db).await.unwrap());
    }

    async fn an_edited_line_is_named(db: &TestDatabase) {
        let lines = sealed(db).await;
        for change in ["action = 'nothing'", "user_id = NULL", "outcome = 'refused'", "ip = NULL", "api_key_id = NULL", "at = at_before"] {
            let change = change.replace("at_before", &format!("'{}'", (start() - HOUR).format("%F %T+00:00")));
            db.by_hand(&format!("UPDATE audit_log SET {change} WHERE action = 'three' OR id = {}", db.uuid(lines[2].uuid()))).await;
            assert_eq!(faults(db).await, [Fault::Edited { sequence: 3, line: lines[2] }], "{change}");
        }
    }

    async fn a_key_that_is_put_on_a_sealed_line_is_named(db: &TestDatabase) {
        let entry = Entry {
            user: None,
            action: "by login",
            resource: None,
            outcome: Outcome::Success,
            origin: Origin::default(),
        };
        audit::record(db, entry, start()).await.unwrap();
        assert_eq!(seals::seal(db, Look::Lately, 100, SystemClock.now()).await.unwrap(), 1);
        assert_eq!(faults(db).await, []);
        let key = db.uuid(ApiKeyId::new().uuid());
        db.by_hand(&format!("UPDATE audit_log SET api_key_id = {key}")).await;
        assert_eq!(faults(db).await.len(), 1);
        // Saying that the seal is an older one, which knows no keys, does not help.
        db.by_hand("UPDATE audit_seals SET form = 1").await;
        assert_eq!(faults(db).await.len(), 1);
    }

    async fn a_seal_of_an_earlier_release_stays_good(db: &TestDatabase) {
        // As a release made it that knew no keys.
        let line: AuditId = "01920000-0000-7000-8000-000000000001".parse().unwrap();
        let at = start().format("%F %T+00:00");
        db.by_hand(&format!(
            "INSERT INTO audit_log (id, at, action, outcome) VALUES ({}, '{at}', 'old', 'success')",
            db.uuid(line.uuid())
        ))
        .await;
        let content = serde_json::json!([1, line.to_string(), start().timestamp_micros(), null, "old", null, null, "success", null, null]);
        let mut digest = Sha256::new();
        digest.update([0; 32]);
        digest.update(content.to_string());
        let seal = db.bytes(&digest.finalize());
        db.by_hand(&format!(
            "INSERT INTO audit_seals (sequence, audit_id, sealed_at, seal) VALUES (1, {}, '{at}', {seal})",
            db.uuid(line.uuid())
        ))
        .await;
        assert_eq!(faults(db).await, []);
        record(db, "new", start()).await;
        assert_eq!(seals::seal(db, Look::Everywhere, 100, SystemClock.now()).await.unwrap(), 1);
        assert_eq!(faults(db).await, []);
    }

    async fn a_removed_line_is_named_and_so_is_one_that_went_with_its_seal(db: &TestDatabase) {
        let lines = sealed(db).await;
        db.by_hand("DELETE FROM audit_log WHERE action = 'two'").await;
        assert_eq!(faults(db).await, [Fault::Removed { sequence: 2, line: lines[1] }]);
        db.by_hand("DELETE FROM audit_seals WHERE sequence = 2").await;
        assert_eq!(faults(db).await, [Fault::Gap { sequence: 2, next: 3 }]);
    }

    async fn lines_that_changed_places_are_named(db: &TestDatabase) {
        let lines = sealed(db).await;
        for statement in [
            "UPDATE audit_seals SET sequence = 100 WHERE sequence = 2",
            "UPDATE audit_seals SET sequence = 2 WHERE sequence = 4",
            "UPDATE audit_seals SET sequence = 4 WHERE sequence = 100",
        ] {
            db.by_hand(statement).await;
        }
        let faults = faults(db).await;
        assert!(faults.contains(&Fault::Edited { sequence: 2, line: lines[3] }), "{faults:?}");
        assert!(faults.contains(&Fault::Edited { sequence: 4, line: lines[1] }), "{faults:?}");
    }

    async fn a_cut_end_and_a_chain_made_anew_are_found_by_a_seal_noted_elsewhere(db: &TestDatabase) {
        let lines = sealed(db).await;
        let noted = seals::head(db).await.unwrap();
        assert_eq!(seals::verify(db, noted, start() + HOUR).await.unwrap().faults, []);
        db.by_hand("DELETE FROM audit_seals WHERE sequence = 5").await;
        db.by_hand(&format!("DELETE FROM audit_log WHERE id = {}", db.uuid(lines[4].uuid()))).await;
        assert_eq!(faults(db).await, []);
        assert_eq!(seals::verify(db, noted, start() + HOUR).await.unwrap().faults, [Fault::OtherChain { sequence: 5 }]);
        db.by_hand("DELETE FROM audit_seals").await;
        record(db, "another", start()).await;
        assert_eq!(seals::seal(db, Look::Lately, 100, SystemClock.now()).await.unwrap(), 5);
        assert_eq!(seals::verify(db, noted, start() + HOUR).await.unwrap().faults, [Fault::OtherChain { sequence: 5 }]);
    }

    async fn a_line_waits_for_its_seal_only_for_a_while(db: &TestDatabase) {
        sealed(db).await;
        record(db, "young", start() + HOUR).await;
        record(db, "old", start()).await;
        let verdict = seals::verify(db, None, start() + SECOND).await.unwrap();
        assert_eq!(verdict.waiting, 1);
        assert!(matches!(verdict.faults[..], [Fault::Unsealed { .. }]), "{:?}", verdict.faults);
    }

    async fn of_many_that_seal_at_once_every_line_is_sealed_once(db: &TestDatabase) {
        for _ in 0..40 {
            record(db, "job.create", start()).await;
        }
        let rounds = (0..8).map(|_| async {
            let mut sealed = 0;
            for _ in 0..4 {
                sealed += seals::seal(db, Look::Everywhere, 10, SystemClock.now()).await.unwrap();
            }
            sealed
        });
        let sealed: u64 = futures::future::join_all(rounds).await.into_iter().sum();
        let rest = seals::seal(db, Look::Everywhere, 100, SystemClock.now()).await.unwrap();
        assert_eq!(sealed + rest, 40);
        assert_eq!(faults(db).await, []);
    }

    async fn lines_are_found_by_what_they_say(db: &TestDatabase) {
        let lines = sealed(db).await;
        record(db, "late", start() + HOUR).await;
        let all = audit::list(db, &LineFilter::default(), Order::NewestFirst(None), 100).await.unwrap();
        assert_eq!(all.len(), 6);
        let third = all.iter().find(|line| line.action == "three").unwrap().clone();
        assert_eq!(third.id, lines[2]);
        let found = |filter: LineFilter| async move {
            let found = audit::list(db, &filter, Order::NewestFirst(None), 100).await.unwrap();
            found.into_iter().map(|line| line.action).collect::<Vec<_>>()
        };
        assert_eq!(found(LineFilter { user: third.user, ..LineFilter::default() }).await, ["three"]);
        assert_eq!(found(LineFilter { action: Some("three".to_owned()), ..LineFilter::default() }).await, ["three"]);
        assert_eq!(found(LineFilter { resource_id: third.resource_id, ..LineFilter::default() }).await, ["three"]);
        assert_eq!(found(LineFilter { request: third.request, ..LineFilter::default() }).await, ["three"]);
        assert_eq!(found(LineFilter { outcome: Some(Outcome::Refused), ..LineFilter::default() }).await, [""; 0]);
        assert_eq!(found(LineFilter { since: Some(start() + SECOND), ..LineFilter::default() }).await, ["late"]);
        let until = LineFilter { until: Some(start() + SECOND), resource_type: Some("job".to_owned()), ..LineFilter::default() };
        assert_eq!(found(until).await, ["five", "four", "three", "two", "one"]);
        let page = audit::list(db, &LineFilter::default(), Order::NewestFirst(Some(lines[2])), 1).await.unwrap();
        assert_eq!(page[0].action, "two");
    }
}
