use database::api_keys::{self, KEYS_MAX, NewApiKey};
use database::users::{self, User};
use domain::{Scope, UserStatus};

use crate::support::{HOUR, SECOND, a_user, on_both, start};

fn key_of(user: &User, number: u8) -> NewApiKey {
    NewApiKey {
        user: user.id,
        name: format!("key {number}"),
        hint: "dmk_AAAA".to_owned(),
        hash: [number; 32],
        scopes: vec![Scope::DocumentsRead, Scope::JobsWrite],
        expires_at: Some(start() + HOUR),
    }
}

on_both! {
    async fn a_key_stands_for_its_account_until_it_expires(db: &TestDatabase) {
        let user = a_user(db).await;
        let key = api_keys::insert(db, key_of(&user, 1), start()).await.unwrap().unwrap();
        assert_eq!(api_keys::list(db, user.id).await.unwrap(), std::slice::from_ref(&key));
        let standing = api_keys::standing(db, &[1; 32], start()).await.unwrap().unwrap();
        assert_eq!((standing.key, standing.user, standing.role), (key.id, user.id, user.role));
        assert_eq!(standing.scopes, [Scope::DocumentsRead, Scope::JobsWrite]);
        assert!(standing.is_good(start()) && !standing.is_good(start() + HOUR));
        assert_eq!(api_keys::standing(db, &[2; 32], start()).await.unwrap(), None);
    }

    async fn the_use_of_a_key_is_noted_once_a_minute(db: &TestDatabase) {
        let user = a_user(db).await;
        let key = api_keys::insert(db, key_of(&user, 1), start()).await.unwrap().unwrap();
        assert_eq!(key.last_used_at, None);
        for (at, noted) in [(start(), start()), (start() + 59 * SECOND, start()), (start() + 60 * SECOND, start() + 60 * SECOND)] {
            api_keys::standing(db, &[1; 32], at).await.unwrap();
            let key = api_keys::find(db, user.id, key.id).await.unwrap().unwrap();
            assert_eq!(key.last_used_at, Some(noted));
        }
        // A refused use is none.
        api_keys::standing(db, &[1; 32], start() + 2 * HOUR).await.unwrap();
        let key = api_keys::find(db, user.id, key.id).await.unwrap().unwrap();
        assert_eq!(key.last_used_at, Some(start() + 60 * SECOND));
    }

    async fn a_key_is_switched_off_on_and_deleted_by_its_owner_only(db: &TestDatabase) {
        let (ada, eve) = (a_user(db).await, a_user(db).await);
        let key = api_keys::insert(db, key_of(&ada, 1), start()).await.unwrap().unwrap();
        let good = async || api_keys::standing(db, &[1; 32], start()).await.unwrap().is_some_and(|it| it.is_good(start()));
        assert_eq!(api_keys::change(db, eve.id, key.id, None, Some(true), start()).await.unwrap(), None);
        assert!(!api_keys::delete(db, eve.id, key.id).await.unwrap());
        assert_eq!(api_keys::find(db, eve.id, key.id).await.unwrap(), None);
        api_keys::expire(db, eve.id, key.id, start()).await.unwrap();
        assert!(good().await);

        let off = api_keys::change(db, ada.id, key.id, Some("old".to_owned()), Some(true), start()).await.unwrap().unwrap();
        assert_eq!((off.name.as_str(), off.disabled_at), ("old", Some(start())));
        assert!(!good().await);
        let on = api_keys::change(db, ada.id, key.id, None, Some(false), start()).await.unwrap().unwrap();
        assert_eq!((on.name.as_str(), on.disabled_at), ("old", None));
        assert!(good().await);
        // Never longer than it was to last anyway.
        api_keys::expire(db, ada.id, key.id, start() + 2 * HOUR).await.unwrap();
        assert_eq!(api_keys::find(db, ada.id, key.id).await.unwrap().unwrap().expires_at, Some(start() + HOUR));
        api_keys::expire(db, ada.id, key.id, start()).await.unwrap();
        assert!(!good().await);
        assert!(api_keys::delete(db, ada.id, key.id).await.unwrap());
        assert!(!api_keys::delete(db, ada.id, key.id).await.unwrap());
    }

    async fn keys_end_with_their_account(db: &TestDatabase) {
        let user = a_user(db).await;
        api_keys::insert(db, key_of(&user, 1), start()).await.unwrap();
        users::set_status(db, user.id, UserStatus::Disabled, start()).await.unwrap();
        assert_eq!(api_keys::standing(db, &[1; 32], start()).await.unwrap().unwrap().status, UserStatus::Disabled);
        users::set_status(db, user.id, UserStatus::Closed, start()).await.unwrap();
        assert!(!api_keys::standing(db, &[1; 32], start()).await.unwrap().unwrap().enabled);
        assert!(users::delete_closed(db, user.id).await.unwrap());
        assert_eq!(api_keys::standing(db, &[1; 32], start()).await.unwrap(), None);
    }

    async fn an_account_has_so_many_keys_and_no_more(db: &TestDatabase) {
        let user = a_user(db).await;
        let making = (0..u8::try_from(KEYS_MAX).unwrap() + 10).map(|n| api_keys::insert(db, key_of(&user, n), start()));
        let made = futures::future::join_all(making).await.into_iter().filter(|it| it.as_ref().unwrap().is_some());
        assert_eq!(made.count(), KEYS_MAX as usize);
        assert_eq!(api_keys::list(db, user.id).await.unwrap().len(), KEYS_MAX as usize);
    }
}
