//! Closed accounts and the seals of the audit log.

use database::audit::seals::{self, Look};
use database::users;
use domain::UserStatus;

use super::*;

const HALF_A_DAY: Duration = Duration::from_secs(12 * 3600);

#[tokio::test]
async fn a_closed_account_is_deleted_with_everything_in_it_and_others_stay() {
    let bench = Bench::new().await;
    let (database, clock) = (&bench.parts.database, &bench.clock);
    let (_, documents, _) = bench.submit(2, false).await;
    let new = NewUser {
        email: "eve@example.com".to_owned(),
        username: None,
        full_name: None,
        password_hash: String::new(),
        role: UserRole::User,
    };
    let other = users::insert(database, new, clock.now()).await.unwrap().unwrap();
    let closed = users::set_status(database, bench.user, UserStatus::Closed, clock.now()).await;
    assert!(closed.unwrap());

    clock.advance(HALF_A_DAY);
    assert_eq!(
        sweeps::closed_accounts::delete(&bench.parts).await.unwrap(),
        0,
        "too early"
    );
    clock.advance(SECOND);
    assert_eq!(sweeps::closed_accounts::delete(&bench.parts).await.unwrap(), 1);
    assert_eq!(
        sweeps::closed_accounts::delete(&bench.parts).await.unwrap(),
        0,
        "nothing is left"
    );
    assert_eq!(users::find(database, bench.user).await.unwrap(), None);
    assert_eq!(users::jobs_left(database, bench.user, 10).await.unwrap(), []);
    assert!(users::find(database, other.id).await.unwrap().is_some());
    // Their objects are noted, so that they go too.
    let noted = discarded::list(database, clock.now() + SECOND, 10).await.unwrap();
    assert_eq!(noted.len(), documents.len());
}

#[tokio::test]
async fn many_closed_accounts_go_in_one_round() {
    let bench = Bench::new().await;
    for number in 0..105 {
        let new = NewUser {
            email: format!("{number}@example.com"),
            username: None,
            full_name: None,
            password_hash: String::new(),
            role: UserRole::User,
        };
        let user = users::insert(&bench.parts.database, new, bench.clock.now())
            .await
            .unwrap()
            .unwrap();
        users::set_status(
            &bench.parts.database,
            user.id,
            UserStatus::Closed,
            bench.clock.now(),
        )
        .await
        .unwrap();
    }
    bench.clock.advance(HALF_A_DAY + SECOND);
    assert_eq!(sweeps::closed_accounts::delete(&bench.parts).await.unwrap(), 105);
}

#[tokio::test]
async fn every_line_of_the_audit_log_is_sealed_once() {
    let bench = Bench::new().await;
    for _ in 0..3 {
        bench.submit(1, false).await;
    }
    assert_eq!(
        sweeps::audit_seals::seal(&bench.parts, Look::Lately)
            .await
            .unwrap(),
        3
    );
    assert_eq!(
        sweeps::audit_seals::seal(&bench.parts, Look::Everywhere)
            .await
            .unwrap(),
        0
    );
    bench.submit(1, false).await;
    assert_eq!(
        sweeps::audit_seals::seal(&bench.parts, Look::Lately)
            .await
            .unwrap(),
        1
    );
    let verdict = seals::verify(&bench.parts.database, None, bench.clock.now())
        .await
        .unwrap();
    assert_eq!((verdict.faults, verdict.head.unwrap().sequence), (vec![], 4));
}
