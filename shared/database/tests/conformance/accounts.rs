use database::sessions::{self, NewSession, Rotation};
use database::users;
use domain::{UserRole, UserStatus};

use crate::support::{HOUR, SECOND, a_user, on_both, start};

const FIRST: sessions::TokenHash = [1; 32];
const SECOND_TOKEN: sessions::TokenHash = [2; 32];
const THIRD: sessions::TokenHash = [3; 32];

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

    async fn a_refresh_token_is_good_once_and_its_reuse_ends_the_family(db: &TestDatabase) {
        let user = a_user(db).await;
        let session = sessions::start(db, session_of(&user), start()).await.unwrap();
        let now = start() + SECOND;
        let rotated = sessions::rotate(db, &FIRST, &SECOND_TOKEN, now + HOUR, now).await.unwrap();
        assert_eq!(rotated, Rotation::Rotated { user: user.id, session });
        let reused = sessions::rotate(db, &FIRST, &THIRD, now + HOUR, now).await.unwrap();
        assert_eq!(reused, Rotation::Reused { user: user.id, session });
        let newest = sessions::rotate(db, &SECOND_TOKEN, &THIRD, now + HOUR, now).await.unwrap();
        assert_eq!(newest, Rotation::Refused);
        assert!(!sessions::standing(db, session, now).await.unwrap().unwrap().alive);
    }

    async fn of_two_that_show_the_same_token_one_wins(db: &TestDatabase) {
        let user = a_user(db).await;
        sessions::start(db, session_of(&user), start()).await.unwrap();
        let (one, other) = tokio::join!(
            sessions::rotate(db, &FIRST, &SECOND_TOKEN, start() + HOUR, start()),
            sessions::rotate(db, &FIRST, &THIRD, start() + HOUR, start()),
        );
        let outcomes = [one.unwrap(), other.unwrap()];
        assert_eq!(outcomes.iter().filter(|it| matches!(it, Rotation::Rotated { .. })).count(), 1, "{outcomes:?}");
    }

    async fn an_expired_session_refreshes_nothing(db: &TestDatabase) {
        let user = a_user(db).await;
        let session = sessions::start(db, session_of(&user), start()).await.unwrap();
        let late = start() + HOUR + SECOND;
        assert_eq!(sessions::rotate(db, &FIRST, &THIRD, late + HOUR, late).await.unwrap(), Rotation::Refused);
        let standing = sessions::standing(db, session, late).await.unwrap().unwrap();
        assert_eq!((standing.alive, standing.role, standing.status), (false, UserRole::User, UserStatus::Active));
        assert_eq!(sessions::delete_ended(db, late, 10).await.unwrap(), 1);
        assert_eq!(sessions::delete_ended(db, late, 10).await.unwrap(), 0);
        assert_eq!(sessions::standing(db, session, late).await.unwrap(), None);
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
