use database::second_factors::{self, CodeHash, SecondFactor};
use database::users;

use crate::support::{a_user, on_both, start};

const CODES: [CodeHash; 2] = [[1; 32], [2; 32]];

on_both! {
    async fn a_second_factor_counts_once_it_is_confirmed(db: &TestDatabase) {
        let user = a_user(db).await;
        assert_eq!(second_factors::find(db, user.id).await.unwrap(), None);
        assert!(second_factors::begin(db, user.id, "one".to_owned(), start()).await.unwrap());
        assert!(second_factors::begin(db, user.id, "two".to_owned(), start()).await.unwrap());
        assert!(!users::find(db, user.id).await.unwrap().unwrap().second_factor);
        assert!(!second_factors::spend_step(db, user.id, 5).await.unwrap());
        assert!(!second_factors::confirm(db, user.id, "one", 7, &CODES, start()).await.unwrap(), "it was replaced");
        assert!(second_factors::confirm(db, user.id, "two", 7, &CODES, start()).await.unwrap());
        assert!(!second_factors::confirm(db, user.id, "two", 8, &CODES, start()).await.unwrap());
        assert!(!second_factors::begin(db, user.id, "three".to_owned(), start()).await.unwrap());
        let found = second_factors::find(db, user.id).await.unwrap();
        assert_eq!(found, Some(SecondFactor { secret: "two".to_owned(), confirmed: true }));
        assert!(users::find(db, user.id).await.unwrap().unwrap().second_factor);
    }

    async fn no_code_is_good_twice(db: &TestDatabase) {
        let user = a_user(db).await;
        second_factors::begin(db, user.id, "one".to_owned(), start()).await.unwrap();
        second_factors::confirm(db, user.id, "one", 7, &CODES, start()).await.unwrap();
        for (step, good) in [(7, false), (6, false), (8, true), (8, false), (7, false), (10, true)] {
            assert_eq!(second_factors::spend_step(db, user.id, step).await.unwrap(), good, "{step}");
        }
        let spending = (0..8).map(|_| second_factors::spend_step(db, user.id, 11));
        let spent = futures::future::join_all(spending).await;
        assert_eq!(spent.into_iter().filter(|it| *it.as_ref().unwrap()).count(), 1);
        let stranger = a_user(db).await;
        assert!(!second_factors::spend_recovery_code(db, stranger.id, &CODES[0]).await.unwrap());
        for good in [true, false] {
            assert_eq!(second_factors::spend_recovery_code(db, user.id, &CODES[0]).await.unwrap(), good);
        }
        assert!(second_factors::remove(db, user.id, start()).await.unwrap());
        assert!(!second_factors::remove(db, user.id, start()).await.unwrap());
        assert!(!second_factors::spend_recovery_code(db, user.id, &CODES[1]).await.unwrap());
        assert_eq!(second_factors::find(db, user.id).await.unwrap(), None);
    }
}
