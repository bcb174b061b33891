//! Making an account, logging in, staying logged in, logging out.

use std::collections::HashSet;
use std::time::Duration;

use domain::UserId;
use e2e::{Client, eventually};
use serde_json::{Value, json};

use crate::support::on_both;

/// A replica may believe for four seconds that a session stands.
const FORGETTING: Duration = Duration::from_secs(8);

async fn refresh(client: &Client, token: &Value) -> e2e::Answer {
    client
        .post("/api/v1/auth/refresh", &json!({ "refresh_token": token }))
        .await
}

/// The token is refused everywhere, and stays so.
async fn assert_dies(client: &Client) {
    eventually("the access token is refused", FORGETTING, async || {
        let answers = [client.get("/api/v1/me").await, client.get("/api/v1/me").await];
        answers.iter().all(|answer| answer.status == 401)
    })
    .await;
    client.get("/api/v1/me").await.problem(401, "unauthenticated");
}

fn assert_session(session: &Value) {
    assert_eq!(session["token_type"], "Bearer");
    assert!(session["access_token"].as_str().unwrap().starts_with("v4.local."));
    assert!(session["refresh_token"].as_str().unwrap().starts_with("dmr_"));
    assert!((300..=3600).contains(&session["expires_in"].as_u64().unwrap()));
}

on_both! {
    async fn whoever_registers_is_logged_in(mill: &Mill) {
        let anybody = mill.anybody();
        let email = format!("Ada.{}@Example.com", UserId::new());
        let username = format!("ada-{}", &UserId::new().to_string()[24..]);
        let account = json!({ "email": email, "password": Client::password(), "username": username, "full_name": "Ada L." });
        let session = anybody.post("/api/v1/auth/register", &account).await.status(201).json();
        assert_session(&session);
        let me = anybody.with_session(session.clone()).get("/api/v1/me").await.status(200).json();
        assert_eq!(me["id"], session["user"]["id"]);
        assert_eq!((&me["username"], &me["full_name"]), (&json!(username), &json!("Ada L.")));
        assert_eq!((&me["role"], &me["is_active"]), (&json!("user"), &json!(true)));
        assert!(!me.to_string().contains("argon2") && me.get("password").is_none(), "{me}");

        for login in [
            json!({ "email": email, "password": Client::password() }),
            json!({ "email": email.to_lowercase(), "password": Client::password() }),
            json!({ "username": username, "password": Client::password() }),
        ] {
            let session = anybody.post("/api/v1/auth/login", &login).await.status(200).json();
            assert_session(&session);
            assert_eq!(session["user"]["id"], me["id"]);
        }
    }

    async fn an_address_is_taken_once(mill: &Mill) {
        let ada = mill.user().await;
        for email in [ada.email().to_owned(), ada.email().to_uppercase()] {
            let account = json!({ "email": email, "password": Client::password() });
            mill.anybody().post("/api/v1/auth/register", &account).await.problem(409, "account_exists");
        }
    }

    async fn an_account_must_be_acceptable(mill: &Mill) {
        let anybody = mill.anybody();
        let email = format!("{}@example.com", UserId::new());
        let with = |change: Value| {
            let mut account = json!({ "email": email, "password": Client::password() });
            account.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            account
        };
        for (change, pointer) in [
            (json!({ "email": "ada" }), "/email"),
            (json!({ "email": "a b@example.com" }), "/email"),
            (json!({ "username": "a" }), "/username"),
            (json!({ "username": "ada@example.com" }), "/username"),
            (json!({ "full_name": "x".repeat(256) }), "/full_name"),
            (json!({ "password": "short" }), "/password"),
            (json!({ "password": "password123" }), "/password"),
            (json!({ "password": email }), "/password"),
            (json!({ "password": "x".repeat(1025) }), "/password"),
        ] {
            anybody.post("/api/v1/auth/register", &with(change)).await.refuses(pointer);
        }
        for change in [json!({ "role": "admin" }), json!({ "is_active": true }), json!({ "password": 12_345_678 })] {
            anybody.post("/api/v1/auth/register", &with(change)).await.problem(400, "invalid_request");
        }
        for body in ["", "{", "[]", "null", "{\"email\": \"a@b\"}"] {
            let request = anybody.request(reqwest::Method::POST, "/api/v1/auth/register");
            let request = request.header("content-type", "application/json").body(body);
            anybody.send(request).await.problem(400, "invalid_request");
        }
        // Nothing of this made an account.
        let _ = anybody.post("/api/v1/auth/register", &with(json!({}))).await.status(201);
    }

    async fn a_wrong_login_tells_nothing(mill: &Mill) {
        let ada = mill.user().await;
        let nobody = format!("{}@example.com", UserId::new());
        let mut details = Vec::new();
        for login in [
            json!({ "email": ada.email(), "password": "a wrong password" }),
            json!({ "email": nobody, "password": "a wrong password" }),
            json!({ "username": "nobody-at-all", "password": "a wrong password" }),
            json!({ "email": ada.email(), "password": "" }),
        ] {
            let problem = mill.anybody().post("/api/v1/auth/login", &login).await.problem(401, "invalid_credentials");
            details.push((problem["title"].clone(), problem.get("detail").cloned()));
        }
        assert!(details.windows(2).all(|pair| pair[0] == pair[1]), "{details:?}");
        for login in [
            json!({ "password": Client::password() }),
            json!({ "email": ada.email(), "username": "ada", "password": Client::password() }),
            json!({ "email": ada.email(), "password": Client::password(), "remember": true }),
        ] {
            mill.anybody().post("/api/v1/auth/login", &login).await.problem(400, "invalid_request");
        }
    }

    async fn a_refresh_token_is_good_once(mill: &Mill) {
        let ada = mill.user().await;
        let first = ada.session["refresh_token"].clone();
        let tokens = refresh(&ada, &first).await.status(200).json();
        assert!(tokens["refresh_token"] != first && tokens["access_token"] != ada.session["access_token"]);
        let renewed = ada.with_token(tokens["access_token"].as_str().unwrap());
        let _ = renewed.get("/api/v1/me").await.status(200);
        let again = refresh(&ada, &tokens["refresh_token"]).await.status(200).json();
        let _ = ada.with_token(again["access_token"].as_str().unwrap()).get("/api/v1/me").await.status(200);
        for garbage in ["", "dmr_", "dmr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", ada.token()] {
            refresh(&ada, &json!(garbage)).await.problem(401, "unauthenticated");
        }
    }

    async fn whoever_lost_the_answer_to_a_refresh_gets_it_again(mill: &Mill) {
        let ada = mill.user().await;
        let first = ada.session["refresh_token"].clone();
        let tokens = refresh(&ada, &first).await.status(200).json();
        let again = refresh(&ada, &first).await.status(200).json();
        assert_eq!(again["refresh_token"], tokens["refresh_token"]);
        let _ = ada.with_token(again["access_token"].as_str().unwrap()).get("/api/v1/me").await.status(200);
    }

    async fn of_twenty_refreshes_at_once_there_is_one_family(mill: &Mill) {
        let ada = mill.user().await;
        let first = ada.session["refresh_token"].clone();
        let asking = (0..20).map(|_| refresh(&ada, &first));
        let answers = futures::future::join_all(asking).await;
        let next: HashSet<String> = answers.into_iter().map(|it| it.status(200).json()["refresh_token"].to_string()).collect();
        assert_eq!(next.len(), 1, "{next:?}");
        let sessions = ada.get("/api/v1/me/sessions").await.status(200).json();
        assert_eq!(sessions["items"].as_array().unwrap().len(), 1);
    }

    async fn a_refresh_token_shown_twice_ends_its_session(mill: &Mill) {
        let ada = mill.user().await;
        let login = json!({ "email": ada.email(), "password": Client::password() });
        let elsewhere = ada.with_session(ada.post("/api/v1/auth/login", &login).await.status(200).json());

        let stolen = ada.session["refresh_token"].clone();
        let tokens = refresh(&ada, &stolen).await.status(200).json();
        let newest = refresh(&ada, &tokens["refresh_token"]).await.status(200).json();
        refresh(&ada, &stolen).await.problem(401, "unauthenticated");
        // The thief's session is the owner's session: both end.
        refresh(&ada, &newest["refresh_token"]).await.problem(401, "unauthenticated");
        assert_dies(&ada.with_token(tokens["access_token"].as_str().unwrap())).await;
        // Others of the account go on.
        let _ = elsewhere.get("/api/v1/me").await.status(200);
        let _ = refresh(&elsewhere, &elsewhere.session["refresh_token"]).await.status(200);
    }

    async fn logging_out_ends_the_session(mill: &Mill) {
        let ada = mill.user().await;
        let login = json!({ "email": ada.email(), "password": Client::password() });
        let elsewhere = ada.with_session(ada.post("/api/v1/auth/login", &login).await.status(200).json());
        let _ = ada.send(ada.request(reqwest::Method::POST, "/api/v1/auth/logout")).await.status(204);
        assert_dies(&ada).await;
        refresh(&ada, &ada.session["refresh_token"]).await.problem(401, "unauthenticated");
        let _ = elsewhere.get("/api/v1/me").await.status(200);
    }

    async fn logging_out_everywhere_ends_every_session(mill: &Mill) {
        let ada = mill.user().await;
        let login = json!({ "email": ada.email(), "password": Client::password() });
        let elsewhere = ada.with_session(ada.post("/api/v1/auth/login", &login).await.status(200).json());
        let _ = ada.send(ada.request(reqwest::Method::POST, "/api/v1/auth/logout?all=true")).await.status(204);
        assert_dies(&ada).await;
        assert_dies(&elsewhere).await;
        let session = ada.post("/api/v1/auth/login", &login).await.status(200).json();
        let _ = ada.with_session(session).get("/api/v1/me").await.status(200);
    }
}
