//! What was used, by days and months in UTC.

use chrono::{DateTime, Utc};
use database::usage::{self, Period, Used};
use database::users::User;
use database::{Database, tasks};
use domain::Month;

use crate::support::{a_result, a_user, a_worker, claim_one, new_job, on_both, start, submit};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Lets documents of an account be processed at these times, with so many pages.
async fn process(db: &Database, user: &User, times: &[(&str, i32)]) {
    let worker = a_worker(db, start()).await;
    let (_, tasks) = submit(db, new_job(user, times.len())).await;
    for (task, (time, pages)) in tasks.into_iter().zip(times) {
        let claim = claim_one(db, &worker, task, start()).await;
        let mut result = a_result("t", &["x"]);
        result.pages = Some(*pages);
        tasks::complete(db, &claim, result, at(time)).await.unwrap();
    }
}

fn period(name: &str, user: &User, documents: u64, pages: u64) -> Period {
    Period {
        name: name.to_owned(),
        user: user.id,
        used: Used {
            documents,
            pages,
            bytes: 12 * documents,
        },
    }
}

const TIMES: [(&str, i32); 5] = [
    ("2026-02-28T23:59:59.999Z", 1),
    ("2026-03-01T00:00:00Z", 2),
    ("2026-03-01T12:00:00.5Z", 4),
    ("2026-03-31T23:59:59.999Z", 8),
    ("2026-04-01T00:00:00Z", 16),
];

on_both! {
    async fn a_day_begins_and_ends_at_midnight_in_utc(db: &TestDatabase) {
        let (ada, eve) = (a_user(db).await, a_user(db).await);
        process(db, &ada, &TIMES).await;
        process(db, &eve, &TIMES[1..2]).await;
        let days = usage::days(db, at("2026-03-01T00:00:00Z"), at("2026-04-01T00:00:00Z"), 100).await.unwrap();
        let expected =
            [period("2026-03-01", &ada, 2, 6), period("2026-03-01", &eve, 1, 2), period("2026-03-31", &ada, 1, 8)];
        assert_eq!(days, expected);
        let days = usage::days(db, at("2026-03-01T00:00:00Z"), at("2026-04-01T00:00:00Z"), 2).await.unwrap();
        assert_eq!(days, expected[..2]);
    }

    async fn months_are_of_one_account(db: &TestDatabase) {
        let (ada, eve) = (a_user(db).await, a_user(db).await);
        process(db, &ada, &TIMES).await;
        process(db, &eve, &TIMES).await;
        let april = Month::of(at("2026-04-30T00:00:00Z"));
        let months = usage::months(db, ada.id, april.years_before(1), april).await.unwrap();
        let expected =
            [period("2026-02", &ada, 1, 1), period("2026-03", &ada, 3, 14), period("2026-04", &ada, 1, 16)];
        assert_eq!(months, expected);
        let march = Month::of(start());
        assert_eq!(usage::months(db, ada.id, march, march).await.unwrap(), expected[1..2]);
    }
}
