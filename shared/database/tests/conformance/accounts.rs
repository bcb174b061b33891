use std::time::Duration;

use database::sessions::{self, NewSession, Rotation, Shown, TokenHash};
use database::users::{self, ProfileChange, UserFilter};
use domain::{UserId, UserRole, UserStatus};

use crate::support::{HOUR, SECOND, a_user, new_job, on_both, start, submit};

const FIRST: TokenHash = [1; 32];
const SECOND_TOKEN: TokenHash = [2; 32];
const THIRD: TokenHash = [3; 32];

const GRACE: Duration = Duration::from_secs(10);

fn shown<'a>(token: &'a TokenHash, successors: &'a [TokenHash]) -> Shown<'a> {
    Shown {
        token,
        successors,
        grace: GRACE,
        expires_at: start() + 3 * HOUR,
    }
}

fn session_of(user: &users::User) -> NewSession {
    NewSession {
        user: user.id,
        token_hash: FIRST,
        ip: Some("192.0.2.1".to_owned()),
        user_agent: Some("x".repeat(1000)),
        expires_at: start() + HOUR,
    }
}

on_both! {
    async fn an_address_has_one_account_whatever_its_case(db: &TestDatabase) {
        let user = a_user(db).await;
        let again = users::NewUser {
            email: user.email.to_uppercase(),
            username: None,
            full_name: None,
            password_hash: "other".to_owned(),
            role: UserRole::User,
        };
        assert_eq!(users::insert(db, again, start()).await.unwrap(), None);
        let found = users::find_by_login(db, &user.email.to_uppercase()).await.unwrap().unwrap();
        assert_eq!(found.user, user);
        assert_eq!(found.password_hash, "$argon2id$");
    }

    async fn the_costliest_hash_of_an_earlier_system_is_known_until_it_is_replaced(db: &TestDatabase) {
        let dearest = async || users::bcrypt_cost_max(db, 4..=14).await.unwrap();
        let keep = async |user: &users::User, hash: &str| {
            users::note_login(db, user.id, Some(hash.to_owned()), start()).await.unwrap();
        };
        assert_eq!(dearest().await, None);
        let (ada, eve, bob) = (a_user(db).await, a_user(db).await, a_user(db).await);
        assert_eq!(dearest().await, None, "hashes of our own are none of them");
        let rest = "x".repeat(53);
        keep(&ada, &format!("$2b$09${rest}")).await;
        keep(&eve, &format!("$2a$12${rest}")).await;
        // What nobody would compute, and what is no hash, hides none of the others.
        for odd in ["$2y$31$", "$2b$15$", "$2b$xx$", "$2b$1", "$2", "$2$10$", "$2b$14$short", ""] {
            keep(&bob, odd).await;
            assert_eq!(dearest().await, Some(12), "{odd:?}");
        }
        keep(&eve, "$argon2id$").await;
        assert_eq!(dearest().await, Some(9));
        keep(&ada, "$argon2id$").await;
        assert_eq!(dearest().await, None);
    }

    async fn a_refresh_token_is_good_once_and_its_reuse_ends_the_family(db: &TestDatabase) {
        let user = a_user(db).await;
        let session = sessions::start(db, session_of(&user), start()).await.unwrap();
        let now = start() + SECOND;
        let rotated = sessions::rotate(db, shown(&FIRST, &[SECOND_TOKEN]), now).await.unwrap();
        assert_eq!(rotated, Rotation::Rotated { user: user.id, session });
        let reused = sessions::rotate(db, shown(&FIRST, &[SECOND_TOKEN]), now + GRACE).await.unwrap();
        assert_eq!(reused, Rotation::Reused { user: user.id, session });
        let newest = sessions::rotate(db, shown(&SECOND_TOKEN, &[THIRD]), now + GRACE).await.unwrap();
        assert_eq!(newest, Rotation::Refused);
        assert!(!sessions::standing(db, session, now).await.unwrap().unwrap().alive);
    }

    async fn whoever_lost_the_answer_gets_it_again_for_a_moment(db: &TestDatabase) {
        let user = a_user(db).await;
        let session = sessions::start(db, session_of(&user), start()).await.unwrap();
        sessions::rotate(db, shown(&FIRST, &[SECOND_TOKEN]), start()).await.unwrap();
        // Another replica has a new key in front; the successor that is stored is among those it can make.
        let again = sessions::rotate(db, shown(&FIRST, &[THIRD, SECOND_TOKEN]), start() + SECOND).await.unwrap();
        assert_eq!(again, Rotation::Repeated { user: user.id, session, successor: 1 });
        // Once the answer was used it was not lost.
        sessions::rotate(db, shown(&SECOND_TOKEN, &[THIRD]), start() + SECOND).await.unwrap();
        let reused = sessions::rotate(db, shown(&FIRST, &[SECOND_TOKEN]), start() + SECOND).await.unwrap();
        assert_eq!(reused, Rotation::Reused { user: user.id, session });
    }

    async fn whoever_shows_a_token_at_once_with_others_gets_the_same_successor(db: &TestDatabase) {
        let user = a_user(db).await;
        sessions::start(db, session_of(&user), start()).await.unwrap();
        let asking = (0..8).map(|_| sessions::rotate(db, shown(&FIRST, &[SECOND_TOKEN]), start()));
        let outcomes: Vec<Rotation> = futures::future::join_all(asking).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(outcomes.iter().filter(|it| matches!(it, Rotation::Rotated { .. })).count(), 1, "{outcomes:?}");
        assert_eq!(outcomes.iter().filter(|it| matches!(it, Rotation::Repeated { .. })).count(), 7, "{outcomes:?}");
    }

    async fn an_expired_session_refreshes_nothing(db: &TestDatabase) {
        let user = a_user(db).await;
        let session = sessions::start(db, session_of(&user), start()).await.unwrap();
        let late = start() + HOUR + SECOND;
        assert_eq!(sessions::rotate(db, shown(&FIRST, &[THIRD]), late).await.unwrap(), Rotation::Refused);
        let standing = sessions::standing(db, session, late).await.unwrap().unwrap();
        assert_eq!((standing.alive, standing.role, standing.status), (false, UserRole::User, UserStatus::Active));
        assert_eq!(sessions::list(db, user.id, late, 10).await.unwrap(), []);
        assert_eq!(sessions::delete_ended(db, late, 10).await.unwrap(), 1);
        assert_eq!(sessions::delete_ended(db, late, 10).await.unwrap(), 0);
        assert_eq!(sessions::standing(db, session, late).await.unwrap(), None);
    }

    async fn a_profile_changes_only_where_it_is_told_to(db: &TestDatabase) {
        let user = a_user(db).await;
        let change = ProfileChange { organization: Some(Some("Analytical Engines".to_owned())), ..ProfileChange::default() };
        let changed = users::change_profile(db, user.id, change, start()).await.unwrap().unwrap();
        assert_eq!((changed.organization.as_deref(), &changed.full_name), (Some("Analytical Engines"), &user.full_name));
        let name = format!("Ada-{}", &user.id.to_string()[24..]);
        let change = ProfileChange { full_name: Some(None), username: Some(Some(name.clone())), ..ProfileChange::default() };
        let changed = users::change_profile(db, user.id, change.clone(), start()).await.unwrap().unwrap();
        assert_eq!((changed.full_name, changed.username), (None, Some(name.to_lowercase())));
        // The name is taken now, whatever its case.
        let other = a_user(db).await;
        assert_eq!(users::change_profile(db, other.id, change, start()).await.unwrap(), None);
        assert_eq!(users::find(db, other.id).await.unwrap().unwrap(), other);
    }

    async fn a_new_password_ends_the_other_sessions(db: &TestDatabase) {
        let user = a_user(db).await;
        let one = sessions::start(db, session_of(&user), start()).await.unwrap();
        let two = sessions::start(db, NewSession { token_hash: THIRD, ..session_of(&user) }, start()).await.unwrap();
        users::change_password(db, user.id, "new".to_owned(), two, false, start()).await.unwrap();
        assert!(!sessions::standing(db, one, start()).await.unwrap().unwrap().alive);
        assert!(sessions::standing(db, two, start()).await.unwrap().unwrap().alive);
        assert_eq!(users::credentials(db, user.id).await.unwrap().unwrap().password_hash, "new");
        let left: Vec<_> = sessions::list(db, user.id, start(), 10).await.unwrap().into_iter().map(|it| it.id).collect();
        assert_eq!(left, [two]);
    }

    async fn whoever_is_disabled_has_no_sessions_and_comes_back_without_them(db: &TestDatabase) {
        let user = a_user(db).await;
        let session = sessions::start(db, session_of(&user), start()).await.unwrap();
        assert!(users::set_status(db, user.id, UserStatus::Disabled, start()).await.unwrap());
        assert!(!users::set_status(db, user.id, UserStatus::Disabled, start()).await.unwrap());
        let standing = sessions::standing(db, session, start()).await.unwrap().unwrap();
        assert_eq!((standing.alive, standing.status), (false, UserStatus::Disabled));
        assert!(users::set_status(db, user.id, UserStatus::Active, start()).await.unwrap());
        assert!(!sessions::standing(db, session, start()).await.unwrap().unwrap().alive);
        assert!(users::set_role(db, user.id, UserRole::Operator, start()).await.unwrap());
        assert!(!users::set_role(db, user.id, UserRole::Operator, start()).await.unwrap());
        assert_eq!(users::find(db, user.id).await.unwrap().unwrap().role, UserRole::Operator);
    }

    async fn a_closed_account_goes_when_its_jobs_are_gone(db: &TestDatabase) {
        let user = a_user(db).await;
        sessions::start(db, session_of(&user), start()).await.unwrap();
        let (job, _) = submit(db, new_job(&user, 2)).await;
        assert!(!users::delete_closed(db, user.id).await.unwrap(), "it is not closed");
        users::set_status(db, user.id, UserStatus::Closed, start()).await.unwrap();
        assert_eq!(users::closed(db, start(), 10).await.unwrap(), []);
        assert_eq!(users::closed(db, start() + SECOND, 10).await.unwrap(), [user.id]);
        assert!(!users::delete_closed(db, user.id).await.unwrap(), "it has a job");
        database::jobs::delete(db, user.id, job, database::audit::Origin::default(), start()).await.unwrap();
        assert!(users::delete_closed(db, user.id).await.unwrap());
        assert!(!users::delete_closed(db, user.id).await.unwrap());
        assert_eq!(users::find(db, user.id).await.unwrap(), None);
        // Whoever opened it again in time keeps it.
        let other = a_user(db).await;
        users::set_status(db, other.id, UserStatus::Closed, start()).await.unwrap();
        users::set_status(db, other.id, UserStatus::Active, start()).await.unwrap();
        assert_eq!(users::closed(db, start() + HOUR, 10).await.unwrap(), []);
        assert!(!users::delete_closed(db, other.id).await.unwrap());
    }

    /// A new table with a user in it has to be named in `users::OWNED`, or in this list with the reason why not.
    async fn whatever_belongs_to_an_account_goes_with_it(db: &TestDatabase) {
        const GONE_BEFORE_OR_BY_FOREIGN_KEY: [&str; 11] = [
            "api_keys", "document_labels", "documents", "events", "jobs", "mail_links", "recovery_codes", "saved_searches", "sessions", "tasks",
            "todos",
        ];
        // Usage is what bills are made from; it names nobody but by the id.
        const KEPT: [&str; 3] = ["audit_log", "discarded_documents", "usage_entries"];
        const GOES: [&str; 7] = ["conversations", "dispatch_turns", "mails", "model_spending", "quota_reservations", "quotas", "tenants"];
        let query = match db.is_shared() {
            true => "SELECT table_name::text FROM information_schema.columns WHERE column_name = 'user_id' AND table_schema = 'public'",
            false => "SELECT m.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = 'user_id'",
        };
        let tables = db.names(query).await;
        assert!(tables.len() >= 8, "{tables:?}");
        for table in &tables {
            let table = table.as_str();
            let known = GONE_BEFORE_OR_BY_FOREIGN_KEY.contains(&table) || KEPT.contains(&table) || GOES.contains(&table);
            assert!(known, "what becomes of {table} when an account is deleted?");
        }
        let user = a_user(db).await;
        let (own, conversation) = (db.uuid(user.id.uuid()), db.uuid(UserId::new().uuid()));
        db.by_hand(&format!(
            "INSERT INTO conversations (id, user_id, title, created_at, updated_at) \
             VALUES ({conversation}, {own}, 'x', '2026-03-04 09:00:00+00:00', '2026-03-04 09:00:00+00:00')"
        ))
        .await;
        users::set_status(db, user.id, UserStatus::Closed, start()).await.unwrap();
        assert!(users::delete_closed(db, user.id).await.unwrap());
        for table in tables.iter().filter(|table| !KEPT.contains(&table.as_str())) {
            let query = format!("SELECT 'left' FROM {table} WHERE user_id = {own}");
            assert_eq!(db.names(&query).await, [""; 0], "{table}");
        }
    }

    async fn accounts_are_found_by_their_parts(db: &TestDatabase) {
        let (ada, eve) = (a_user(db).await, a_user(db).await);
        let change = ProfileChange { organization: Some(Some("100%_Mills!".to_owned())), ..ProfileChange::default() };
        users::change_profile(db, ada.id, change, start()).await.unwrap();
        users::set_role(db, eve.id, UserRole::Admin, start()).await.unwrap();
        let found = |filter: UserFilter| async move {
            users::list(db, &filter, 10).await.unwrap().into_iter().map(|user| user.id).collect::<Vec<_>>()
        };
        let text = |text: &str| UserFilter { text: Some(text.to_owned()), ..UserFilter::default() };
        assert_eq!(found(UserFilter::default()).await, [eve.id, ada.id]);
        assert_eq!(found(text(&ada.email.to_uppercase())).await, [ada.id]);
        assert_eq!(found(text("@EXAMPLE.com")).await, [eve.id, ada.id]);
        assert_eq!(found(text("100%_mills!")).await, [ada.id]);
        for nobody in ["100_", "%%", "' OR 1=1 --", "_______________"] {
            assert_eq!(found(text(nobody)).await, [], "{nobody}");
        }
        assert_eq!(found(UserFilter { role: Some(UserRole::Admin), ..UserFilter::default() }).await, [eve.id]);
        assert_eq!(found(UserFilter { status: Some(UserStatus::Closed), ..UserFilter::default() }).await, []);
        assert_eq!(found(UserFilter { before: Some(eve.id), ..UserFilter::default() }).await, [ada.id]);
    }

    async fn logging_out_ends_one_session_or_all(db: &TestDatabase) {
        let user = a_user(db).await;
        let one = sessions::start(db, session_of(&user), start()).await.unwrap();
        let two = sessions::start(db, NewSession { token_hash: THIRD, ..session_of(&user) }, start()).await.unwrap();
        sessions::revoke(db, user.id, one, start()).await.unwrap();
        assert!(!sessions::standing(db, one, start()).await.unwrap().unwrap().alive);
        assert!(sessions::standing(db, two, start()).await.unwrap().unwrap().alive);
        let stranger = a_user(db).await;
        sessions::revoke(db, stranger.id, two, start()).await.unwrap();
        assert!(sessions::standing(db, two, start()).await.unwrap().unwrap().alive);
        sessions::revoke_all(db, user.id, start()).await.unwrap();
        assert!(!sessions::standing(db, two, start()).await.unwrap().unwrap().alive);
    }
}
