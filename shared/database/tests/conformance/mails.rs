use std::time::Duration;

use database::audit::Origin;
use database::mail_links::{self, Link};
use database::mails::{self, MailClaim, NewMail};
use database::sessions::{self, NewSession};
use database::tasks::{Closed, Reason, Recovered, Retried};
use database::{registrations, users};
use domain::{LinkPurpose, MailKind, ReasonCode, TaskId, UserId, UserRole};

use crate::support::{HOUR, SECOND, TestDatabase, a_user, a_worker, on_both, start};

const SECRET: [u8; 32] = [7; 32];
const OTHER_SECRET: [u8; 32] = [8; 32];

fn message(kind: MailKind, user: Option<UserId>, address: &str) -> NewMail {
    NewMail {
        kind,
        user,
        address: address.to_owned(),
    }
}

/// The claim of the only message that is due.
async fn claimed(db: &TestDatabase, id: TaskId) -> MailClaim {
    let worker = a_worker(db, start()).await;
    mails::claim(db, worker.id, &[id], start())
        .await
        .unwrap()
        .remove(0)
}

async fn with_link(db: &TestDatabase, purpose: LinkPurpose, user: UserId, address: &str, secret: [u8; 32]) {
    let id = mails::ask_for(db, message(MailKind::Verify, None, address), start())
        .await
        .unwrap();
    let claim = claimed(db, id).await;
    let link = Link {
        purpose,
        user,
        address: address.to_owned(),
    };
    assert_eq!(
        mail_links::add(db, &claim, &secret, &link, start())
            .await
            .unwrap(),
        Closed::Won
    );
}

fn new_account(email: &str) -> users::NewUser {
    users::NewUser {
        email: email.to_owned(),
        username: None,
        full_name: None,
        password_hash: "$argon2id$".to_owned(),
        role: UserRole::User,
    }
}

on_both! {
    async fn a_message_is_handed_out_once_claimed_once_and_ends(db: &TestDatabase) {
        let first = mails::ask_for(db, message(MailKind::Verify, None, "Ada@Example.com"), start()).await.unwrap();
        let second = mails::ask_for(db, message(MailKind::ResetPassword, None, "b@c"), start() + SECOND).await.unwrap();
        assert_eq!(mails::take_due(db, start(), 10).await.unwrap(), [first]);
        assert_eq!(mails::take_due(db, start(), 10).await.unwrap(), []);
        let worker = a_worker(db, start()).await;
        let ids = [first, second, TaskId::new()];
        let claims = mails::claim(db, worker.id, &ids, start()).await.unwrap();
        assert_eq!(claims.len(), 1, "the other one is not due yet");
        let claim = &claims[0];
        assert_eq!((claim.id, claim.kind, claim.address.as_str()), (first, MailKind::Verify, "ada@example.com"));
        assert_eq!(mails::claim(db, worker.id, &[first], start()).await.unwrap().len(), 0);
        assert_eq!(mails::complete(db, claim, start()).await.unwrap(), Closed::Won);
        assert_eq!(mails::complete(db, claim, start()).await.unwrap(), Closed::Lost);
        assert_eq!(mails::backlog(db).await.unwrap().waiting, 1);
        // It is kept for a while, and deleted once.
        assert_eq!(mails::delete_ended(db, start(), 10).await.unwrap(), 0);
        assert_eq!(mails::delete_ended(db, start() + SECOND, 10).await.unwrap(), 1);
        assert_eq!(mails::delete_ended(db, start() + SECOND, 10).await.unwrap(), 0);
    }

    async fn a_worker_whose_clock_is_behind_sends_what_was_handed_out(db: &TestDatabase) {
        let id = mails::ask_for(db, message(MailKind::Verify, None, "a@b"), start()).await.unwrap();
        let behind = start() - SECOND / 25;
        let worker = a_worker(db, behind).await;
        assert_eq!(mails::claim(db, worker.id, &[id], behind).await.unwrap().len(), 0, "nobody handed it out");
        assert_eq!(mails::take_due(db, start(), 10).await.unwrap(), [id]);
        assert_eq!(mails::claim(db, worker.id, &[id], behind).await.unwrap().len(), 1);
    }

    async fn a_hint_that_is_lost_is_given_again(db: &TestDatabase) {
        let id = mails::ask_for(db, message(MailKind::Verify, None, "a@b"), start()).await.unwrap();
        assert_eq!(mails::take_due(db, start(), 10).await.unwrap(), [id]);
        assert_eq!(mails::forget_lost(db, start()).await.unwrap(), 0);
        assert_eq!(mails::forget_lost(db, start() + SECOND).await.unwrap(), 1);
        assert_eq!(mails::take_due(db, start(), 10).await.unwrap(), [id]);
        mails::release(db, &[id]).await.unwrap();
        assert_eq!(mails::take_due(db, start(), 10).await.unwrap(), [id]);
    }

    async fn a_failure_is_tried_again_later_until_the_attempts_are_used_up(db: &TestDatabase) {
        let id = mails::ask_for(db, message(MailKind::Verify, None, "a@b"), start()).await.unwrap();
        let worker = a_worker(db, start()).await;
        let reason = Reason::of(ReasonCode::MailUnavailable);
        let mut now = start();
        for attempt in 1..=mails::ATTEMPTS_MAX {
            let claim = mails::claim(db, worker.id, &[id], now).await.unwrap().remove(0);
            assert_eq!(claim.attempt, attempt);
            let retried = mails::retry(db, &claim, now + SECOND, &reason, now).await.unwrap();
            let last = attempt == mails::ATTEMPTS_MAX;
            assert_eq!(retried, if last { Retried::Dead } else { Retried::Queued });
            assert_eq!(mails::retry(db, &claim, now, &reason, now).await.unwrap(), Retried::Lost);
            assert_eq!(mails::claim(db, worker.id, &[id], now).await.unwrap().len(), 0, "not before its time");
            now += SECOND;
        }
        assert_eq!(mails::claim(db, worker.id, &[id], now).await.unwrap().len(), 0);
    }

    async fn what_a_dead_worker_had_is_taken_back_and_its_writes_change_nothing(db: &TestDatabase) {
        let id = mails::ask_for(db, message(MailKind::Verify, None, "a@b"), start()).await.unwrap();
        let claim = claimed(db, id).await;
        let later = start() + 60 * SECOND;
        assert_eq!(mails::recover_orphans(db, start(), later).await.unwrap(), Recovered::default());
        let recovered = mails::recover_orphans(db, later, later).await.unwrap();
        assert_eq!(recovered, Recovered { queued: 1, dead: 0 });
        assert_eq!(mails::complete(db, &claim, later).await.unwrap(), Closed::Lost);
        let user = a_user(db).await;
        let link = Link { purpose: LinkPurpose::Verify, user: user.id, address: user.email };
        assert_eq!(mail_links::add(db, &claim, &SECRET, &link, later).await.unwrap(), Closed::Lost);
        assert_eq!(mail_links::find(db, &SECRET, later).await.unwrap(), None);
        // A living worker that has lost sight of it is no reason to wait for ever.
        let worker = a_worker(db, later).await;
        assert_eq!(mails::claim(db, worker.id, &[id], later).await.unwrap().len(), 1);
        let much_later = later + Duration::from_secs(11 * 60);
        let recovered = mails::recover_orphans(db, later, much_later).await.unwrap();
        assert_eq!(recovered, Recovered { queued: 1, dead: 0 });
    }

    async fn a_message_that_waits_too_long_is_of_no_use(db: &TestDatabase) {
        let id = mails::ask_for(db, message(MailKind::Verify, None, "a@b"), start()).await.unwrap();
        assert_eq!(mails::expire(db, start(), start()).await.unwrap(), 0);
        assert_eq!(mails::expire(db, start() + SECOND, start()).await.unwrap(), 1);
        assert_eq!(mails::expire(db, start() + SECOND, start()).await.unwrap(), 0);
        assert_eq!(mails::take_due(db, start(), 10).await.unwrap(), []);
        let worker = a_worker(db, start()).await;
        assert_eq!(mails::claim(db, worker.id, &[id], start()).await.unwrap().len(), 0);
    }

    async fn a_paused_queue_keeps_its_messages(db: &TestDatabase) {
        let id = mails::ask_for(db, message(MailKind::Verify, None, "a@b"), start()).await.unwrap();
        let operator = || database::tasks::Operator { user: None, origin: Origin::default() };
        let settings = database::SchedulingSettings::default();
        database::queues::plan(db, mails::QUEUE, 0, &settings, start()).await.unwrap();
        database::queues::pause(db, mails::QUEUE, operator(), start()).await.unwrap();
        assert_eq!(mails::take_due(db, start(), 10).await.unwrap(), []);
        let worker = a_worker(db, start()).await;
        assert_eq!(mails::claim(db, worker.id, &[id], start()).await.unwrap().len(), 0);
        database::queues::resume(db, mails::QUEUE, operator(), start()).await.unwrap();
        assert_eq!(mails::take_due(db, start(), 10).await.unwrap(), [id]);
    }

    async fn of_several_messages_to_an_address_each_knows_its_number(db: &TestDatabase) {
        let worker = a_worker(db, start()).await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(mails::ask_for(db, message(MailKind::Verify, None, "a@b"), start()).await.unwrap());
        }
        mails::ask_for(db, message(MailKind::PasswordChanged, None, "a@b"), start()).await.unwrap();
        mails::ask_for(db, message(MailKind::Verify, None, "b@b"), start()).await.unwrap();
        let mut claims = mails::claim(db, worker.id, &ids, start()).await.unwrap();
        claims.sort_by_key(|claim| claim.id);
        let since = start() - HOUR;
        for (claim, number) in claims.iter().zip(1..) {
            assert_eq!(mails::asked_since(db, claim, since).await.unwrap(), number);
        }
        let reason = Reason::of(ReasonCode::MailRefused);
        mails::reject(db, &claims[0], &reason, start()).await.unwrap();
        assert_eq!(mails::asked_since(db, &claims[2], since).await.unwrap(), 2, "what was refused does not count");
        assert_eq!(mails::asked_since(db, &claims[2], start()).await.unwrap(), 0, "nor what was long ago");
    }

    async fn a_new_account_is_unverified_until_its_link_is_followed_once(db: &TestDatabase) {
        let email = format!("{}@example.com", UserId::new());
        let made = registrations::register(db, new_account(&email.to_uppercase()), Some("Mills".to_owned()), Origin::default(), start());
        assert!(made.await.unwrap());
        let user = users::find_by_email(db, &email).await.unwrap().unwrap();
        assert!(user.unverified && user.organization.as_deref() == Some("Mills"));
        let again = registrations::register(db, users::NewUser { password_hash: "other".to_owned(), ..new_account(&email) }, None, Origin::default(), start());
        assert!(!again.await.unwrap());
        let known = users::credentials(db, user.id).await.unwrap().unwrap();
        assert_eq!((known.password_hash.as_str(), &known.user), ("$argon2id$", &user));
        assert_eq!(mails::backlog(db).await.unwrap().waiting, 2, "the owner hears of both");

        with_link(db, LinkPurpose::Verify, user.id, &email, SECRET).await;
        let late = start() + mail_links::GOOD_FOR;
        assert_eq!(mail_links::prove_address(db, &SECRET, late).await.unwrap(), None);
        assert_eq!(mail_links::reset_password(db, &SECRET, "x".to_owned(), start()).await.unwrap(), None);
        assert!(mail_links::prove_address(db, &SECRET, start()).await.unwrap().is_some());
        assert_eq!(mail_links::prove_address(db, &SECRET, start()).await.unwrap(), None);
        assert!(!users::find(db, user.id).await.unwrap().unwrap().unverified);
    }

    async fn a_new_password_by_mail_ends_every_session_and_every_other_link(db: &TestDatabase) {
        let user = a_user(db).await;
        let new = NewSession { user: user.id, token_hash: [1; 32], ip: None, user_agent: None, expires_at: start() + HOUR };
        let program = sessions::start(db, new.clone(), start()).await.unwrap();
        let cookie = [2; 32];
        sessions::start_in_browser(db, NewSession { token_hash: cookie, ..new }, start()).await.unwrap();
        with_link(db, LinkPurpose::ResetPassword, user.id, &user.email, SECRET).await;
        with_link(db, LinkPurpose::ResetPassword, user.id, &user.email, OTHER_SECRET).await;
        let (one, two) = tokio::join!(
            mail_links::reset_password(db, &SECRET, "new".to_owned(), start()),
            mail_links::reset_password(db, &SECRET, "new".to_owned(), start()),
        );
        assert_eq!([one.unwrap(), two.unwrap()].iter().flatten().count(), 1);
        assert_eq!(mail_links::reset_password(db, &OTHER_SECRET, "newer".to_owned(), start()).await.unwrap(), None);
        assert_eq!(users::credentials(db, user.id).await.unwrap().unwrap().password_hash, "new");
        assert!(!sessions::standing(db, program, start()).await.unwrap().unwrap().alive);
        let (_, standing) = sessions::standing_in_browser(db, &cookie, start(), start()).await.unwrap().unwrap();
        assert!(!standing.alive);
        let due = mails::take_due(db, start(), 10).await.unwrap();
        let worker = a_worker(db, start()).await;
        let claims = mails::claim(db, worker.id, &due, start()).await.unwrap();
        assert_eq!(claims.iter().filter(|claim| claim.kind == MailKind::PasswordChanged).count(), 1);
    }

    async fn an_address_that_is_taken_by_then_changes_nothing(db: &TestDatabase) {
        let (ada, eve) = (a_user(db).await, a_user(db).await);
        with_link(db, LinkPurpose::ChangeAddress, ada.id, &eve.email, SECRET).await;
        assert_eq!(mail_links::prove_address(db, &SECRET, start()).await.unwrap(), None);
        assert_eq!(users::find(db, ada.id).await.unwrap().unwrap(), ada);
        let free = format!("{}@example.com", UserId::new());
        with_link(db, LinkPurpose::ChangeAddress, ada.id, &free, OTHER_SECRET).await;
        assert!(mail_links::prove_address(db, &OTHER_SECRET, start()).await.unwrap().is_some());
        assert_eq!(users::find(db, ada.id).await.unwrap().unwrap().email, free);
        let due = mails::take_due(db, start(), 10).await.unwrap();
        let worker = a_worker(db, start()).await;
        let claims = mails::claim(db, worker.id, &due, start()).await.unwrap();
        let told: Vec<_> = claims.iter().filter(|claim| claim.kind == MailKind::AddressChanged).collect();
        assert_eq!((told.len(), told[0].address.as_str()), (1, ada.email.as_str()));
    }

    async fn the_session_of_a_browser_goes_on_while_it_is_used(db: &TestDatabase) {
        let user = a_user(db).await;
        let new = NewSession { user: user.id, token_hash: SECRET, ip: None, user_agent: None, expires_at: start() + HOUR };
        let session = sessions::start_in_browser(db, new, start()).await.unwrap();
        assert_eq!(sessions::standing(db, session, start()).await.unwrap(), None, "its id alone proves nothing");
        let half = start() + HOUR / 2;
        let (found, standing) = sessions::standing_in_browser(db, &SECRET, half + HOUR, half).await.unwrap().unwrap();
        assert_eq!((found, standing.alive, standing.user), (session, true, user.id));
        let (_, standing) = sessions::standing_in_browser(db, &SECRET, start() + 2 * HOUR, start() + HOUR).await.unwrap().unwrap();
        assert!(standing.alive);
        assert_eq!(sessions::standing_in_browser(db, &OTHER_SECRET, start(), start()).await.unwrap(), None);
        sessions::revoke_in_browser(db, &SECRET, half).await.unwrap();
        let (_, standing) = sessions::standing_in_browser(db, &SECRET, half + HOUR, half).await.unwrap().unwrap();
        assert!(!standing.alive);
    }
}
