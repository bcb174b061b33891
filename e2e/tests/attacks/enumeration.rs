//! Whether somebody can find out who has an account.

use domain::UserId;
use e2e::{Client, Embedded, Fleet, PATIENCE, Settings, eventually};
use futures::StreamExt;
use futures::stream;
use serde_json::{Value, json};

use crate::totp;

/// Pairs of a known and an unknown account.
const PAIRS: usize = 500;

/// How many passwords have gone through the hash.
async fn hashed(mill: &Embedded) -> u64 {
    let page = mill.anybody().get("/metrics").await.status(200).text();
    let line = page
        .lines()
        .find(|line| line.starts_with("docmill_passwords_hashed_total"));
    line.map_or(0, |line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
}

/// Everything that is answered but the id of the request.
async fn answer(client: &Client, login: &Value) -> (u16, Value, Option<String>) {
    loop {
        let answer = client.post("/api/v1/auth/login", login).await;
        if answer.status != 503 {
            let mut body = answer.json();
            body["request_id"] = Value::Null;
            return (
                answer.status,
                body,
                answer.header("www-authenticate").map(str::to_owned),
            );
        }
        // There is room for so many only.
        tokio::task::yield_now().await;
    }
}

// That the two take as long is shown by what they do, not by a clock: one hash each, which is all that takes time.
#[tokio::test]
async fn a_login_of_nobody_is_answered_and_worked_on_like_a_wrong_one_of_somebody() {
    let mill = Embedded::start(&Settings::new()).await;
    let (ada, anybody) = (mill.user().await, mill.anybody());
    let before = hashed(&mill).await;
    let known = json!({ "email": ada.email(), "password": "a wrong password" });
    let expected = answer(&anybody, &known).await;
    assert_eq!(expected.0, 401);
    let after_known = hashed(&mill).await;
    assert_eq!(after_known - before, 1);
    let differing: Vec<_> = stream::iter(0..PAIRS)
        .flat_map(|_| {
            let unknown =
                json!({ "email": format!("{}@example.com", UserId::new()), "password": "a wrong password" });
            stream::iter([known.clone(), unknown])
        })
        .map(|login| {
            let anybody = &anybody;
            async move { answer(anybody, &login).await }
        })
        .buffer_unordered(32)
        .filter(|answer| futures::future::ready(*answer != expected))
        .collect()
        .await;
    assert!(
        differing.is_empty(),
        "{} answers differ: {:?}",
        differing.len(),
        differing.first()
    );
    assert_eq!(
        hashed(&mill).await - after_known,
        2 * PAIRS as u64,
        "one hash for each login"
    );
}

/// Of "correct horse", made by the C library's crypt(3).
const OF_COST_4: &str = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";
const OF_COST_7: &str = "$2b$07$abcdefghijklmnopqrstuuhZbjkdqACUPn8aMizcVK3G.oXGejdo6";

/// What a login has cost: hashes of Argon2id, and rounds of bcrypt.
async fn cost_of(fleet: &Fleet, login: &Value) -> ((u64, u64), (u16, Value, Option<String>)) {
    let api = &fleet.apis[0];
    let work = async || {
        let mut counted = [0.0; 2];
        for (count, name) in counted
            .iter_mut()
            .zip(["docmill_passwords_hashed_total", "docmill_bcrypt_rounds_total"])
        {
            *count = api.metric(name).await.unwrap();
        }
        counted
    };
    let before = work().await;
    let answer = answer(&api.anybody(), login).await;
    let after = work().await;
    let spent = |index: usize| format!("{}", after[index] - before[index]).parse().unwrap();
    ((spent(0), spent(1)), answer)
}

/// Somebody with a second factor that is confirmed.
async fn with_app(fleet: &Fleet) -> Client {
    let ada = fleet.apis[0].user().await;
    let begin = json!({ "password": Client::password() });
    let made = ada
        .post("/api/v1/me/second-factor", &begin)
        .await
        .status(200)
        .json();
    let confirm = json!({ "code": totp::code(&made, 0) });
    let _ = ada
        .post("/api/v1/me/second-factor/confirm", &confirm)
        .await
        .status(200);
    ada
}

// A hash of an earlier system takes a time of its own, by which its account would be known. So while there is one, everybody who is
// refused takes that time, in addition.
#[tokio::test]
async fn no_refused_login_costs_more_or_less_than_another_whatever_became_of_the_account() {
    let mut fleet = Fleet::prepared(&Settings::new()).await;
    fleet.add_api(&Settings::new()).await;
    let api = &fleet.apis[0];
    let anybody = api.anybody();
    let set = async |of: &Client, change: &str| {
        let id = of.user_id();
        fleet
            .stores
            .by_hand(&format!("UPDATE users SET {change} WHERE id = '{id}'"))
            .await;
    };
    let ada = api.user().await;
    set(&ada, "username = 'ada-of-the-mill'").await;
    let [cheap, dear, broken, unaffordable] = [
        api.user().await,
        api.user().await,
        api.user().await,
        api.user().await,
    ];
    set(&cheap, &format!("password_hash = '{OF_COST_4}'")).await;
    set(&dear, &format!("password_hash = '{OF_COST_7}'")).await;
    set(&broken, "password_hash = '$2b$05$broken'").await;
    let beyond = OF_COST_4.replace("$04$", "$31$");
    set(&unaffordable, &format!("password_hash = '{beyond}'")).await;
    let [disabled, closed, unverified] = [api.user().await, api.user().await, api.user().await];
    set(
        &disabled,
        &format!("status = 'disabled', password_hash = '{OF_COST_4}'"),
    )
    .await;
    set(&closed, "status = 'closed', closed_at = now()").await;
    set(&unverified, "unverified_since = now()").await;
    let with_app = with_app(&fleet).await;

    let wrong = |key: &str, name: &str| json!({ key: name, "password": "a wrong password" });
    let nobody = format!("{}@example.com", UserId::new());
    let (expected, answered) = cost_of(&fleet, &wrong("email", &nobody)).await;
    assert_eq!((expected, answered.0), ((1, 1 << 7), 401));
    let mut logins = vec![
        wrong("username", "nobody-at-all"),
        wrong("username", "ada-of-the-mill"),
        json!({ "email": with_app.email(), "password": "a wrong password", "code": "000000" }),
    ];
    let everybody = [
        &ada,
        &cheap,
        &dear,
        &broken,
        &unaffordable,
        &disabled,
        &closed,
        &unverified,
        &with_app,
    ];
    logins.extend(everybody.map(|it| wrong("email", it.email())));
    for login in logins {
        assert_eq!(
            cost_of(&fleet, &login).await,
            (expected, answered.clone()),
            "{login}"
        );
    }
    // What is too long for a password is looked at for nobody.
    for email in [nobody.as_str(), ada.email(), cheap.email()] {
        let login = json!({ "email": email, "password": "x".repeat(1025) });
        assert_eq!(
            cost_of(&fleet, &login).await,
            ((0, 0), answered.clone()),
            "{email}"
        );
    }
    let line = api.process.line("nobody can log in to account ").await;
    assert!(
        line.contains(unaffordable.user_id()) && line.contains("cost 31"),
        "{line}"
    );

    // Their owners come, and their passwords are hashed anew: from then on nobody pays for them. The dearest comes last.
    set(&disabled, "status = 'active'").await;
    for owner in [&disabled, &cheap, &dear] {
        let login = json!({ "email": owner.email(), "password": "correct horse" });
        let _ = anybody.post("/api/v1/auth/login", &login).await.status(200);
        let _ = anybody.post("/api/v1/auth/login", &login).await.status(200);
    }
    eventually("no bcrypt is computed any more", PATIENCE, async || {
        let (spent, _) = cost_of(&fleet, &wrong("email", &nobody)).await;
        assert!([expected, (1, 0)].contains(&spent), "{spent:?}");
        spent == (1, 0)
    })
    .await;
    assert_eq!(
        cost_of(&fleet, &wrong("email", cheap.email())).await,
        ((1, 0), answered)
    );
}

// With addresses to be proven, whoever asks learns nothing of the address: the password is hashed whether there is an account for it
// or not, and a forgotten one, or a message to be sent again, needs no hash for anybody.
#[tokio::test]
async fn where_addresses_are_proven_a_taken_one_costs_what_a_new_one_does() {
    let mill = Embedded::start(&Settings::new()).await;
    let known = mill.user().await;
    let mill = mill
        .again_with(&Settings::new().with("mail.verification", "true"))
        .await;
    let unknown = format!("{}@example.com", UserId::new());
    for (path, hashes) in [("register", 1), ("password/forgot", 0), ("verify/resend", 0)] {
        let mut answers = Vec::new();
        for email in [known.email(), &unknown] {
            let before = hashed(&mill).await;
            let body = match path {
                "register" => json!({ "email": email, "password": Client::password() }),
                _ => json!({ "email": email }),
            };
            let answer = mill
                .anybody()
                .post(&format!("/api/v1/auth/{path}"), &body)
                .await
                .status(202);
            answers.push(answer.text());
            assert_eq!(hashed(&mill).await - before, hashes, "{path} {email}");
        }
        assert_eq!(answers[0], answers[1], "{path}");
    }
}

// An address that is taken is told to whoever wants to register it. But only after the same hash as for one that is not, and no
// more often than logins may be tried.
#[tokio::test]
async fn registering_a_taken_address_costs_the_hash_of_a_new_one() {
    let mill = Embedded::start(&Settings::new()).await;
    let ada = mill.user().await;
    for (email, status) in [
        (ada.email().to_owned(), 409),
        (format!("{}@example.com", UserId::new()), 201),
    ] {
        let before = hashed(&mill).await;
        let account = json!({ "email": email, "password": Client::password() });
        let _ = mill
            .anybody()
            .post("/api/v1/auth/register", &account)
            .await
            .status(status);
        assert_eq!(hashed(&mill).await - before, 1, "{status}");
    }
}
