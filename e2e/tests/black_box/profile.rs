//! What people do with their own account.

use std::time::Duration;

use domain::UserId;
use e2e::{Client, Mill, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::on_both;

/// A replica may believe for four seconds that a session stands.
const FORGETTING: Duration = Duration::from_secs(5);

pub(crate) async fn log_in(client: &Client, password: &str) -> e2e::Answer {
    let login = json!({ "email": client.email(), "password": password });
    client.post("/api/v1/auth/login", &login).await
}

/// The access token is refused by every replica, no later than five seconds after it was revoked.
async fn assert_dies(mill: &Mill, client: &Client) {
    for base in mill.bases() {
        let here = Client::anonymous(&[base]).with_session(client.session.clone());
        eventually("the access token is refused", FORGETTING, async || {
            here.get("/api/v1/me").await.status == 401
        })
        .await;
    }
}

on_both! {
    async fn a_profile_is_changed_where_it_is_told_to(mill: &Mill) {
        let ada = mill.user().await;
        let name = format!("Ada-{}", &UserId::new().to_string()[24..]);
        let me = ada.patch("/api/v1/me", &json!({ "full_name": "Ada L.", "organization": "Engines", "username": name })).await.status(200).json();
        assert_eq!((&me["full_name"], &me["organization"], &me["username"]), (&json!("Ada L."), &json!("Engines"), &json!(name.to_lowercase())));
        let me = ada.patch("/api/v1/me", &json!({ "organization": null })).await.status(200).json();
        assert_eq!((&me["full_name"], me.get("organization")), (&json!("Ada L."), None));
        assert_eq!(ada.get("/api/v1/me").await.status(200).json(), me);
        let login = json!({ "username": name, "password": Client::password() });
        let _ = mill.anybody().post("/api/v1/auth/login", &login).await.status(200);
        // Taken, not acceptable, or nothing of one's own to decide.
        let eve = mill.user().await;
        eve.patch("/api/v1/me", &json!({ "username": name.to_uppercase() })).await.problem(409, "account_exists");
        for (change, pointer) in [
            (json!({ "username": "a" }), "/username"),
            (json!({ "full_name": "x".repeat(256) }), "/full_name"),
            (json!({ "organization": "two\nlines" }), "/organization"),
        ] {
            eve.patch("/api/v1/me", &change).await.refuses(pointer);
        }
        for field in ["role", "is_active", "status", "id", "email", "password_hash", "second_factor", "quota"] {
            eve.patch("/api/v1/me", &json!({ field: "admin" })).await.refuses(&format!("/{field}"));
        }
        assert_eq!(eve.get("/api/v1/me").await.status(200).json(), eve.session["user"]);
    }

    async fn whoever_registers_may_name_an_organisation(mill: &Mill) {
        let account = json!({ "email": format!("{}@example.com", UserId::new()), "password": Client::password(), "organization": "Engines" });
        let session = mill.anybody().post("/api/v1/auth/register", &account).await.status(201).json();
        assert_eq!(session["user"]["organization"], "Engines");
    }

    async fn a_new_password_ends_the_other_sessions(mill: &Mill) {
        let ada = mill.user().await;
        let elsewhere = ada.with_session(log_in(&ada, Client::password()).await.status(200).json());
        let change = |current: &str, new: &str| json!({ "current_password": current, "new_password": new });
        const NEW: &str = "another horse, another battery";
        ada.post("/api/v1/me/password", &change("wrong", NEW)).await.problem(403, "wrong_password");
        ada.post("/api/v1/me/password", &change(Client::password(), "password1")).await.refuses("/new_password");
        ada.post("/api/v1/me/password", &change(Client::password(), &"x".repeat(1025))).await.refuses("/new_password");
        let _ = elsewhere.get("/api/v1/me").await.status(200);
        let _ = ada.post("/api/v1/me/password", &change(Client::password(), NEW)).await.status(204);
        assert_dies(mill, &elsewhere).await;
        let _ = ada.get("/api/v1/me").await.status(200);
        log_in(&ada, Client::password()).await.problem(401, "invalid_credentials");
        let _ = log_in(&ada, NEW).await.status(200);
    }

    async fn sessions_are_listed_and_ended_one_by_one(mill: &Mill) {
        let ada = mill.user().await;
        let request = ada.request(Method::POST, "/api/v1/auth/login").header("user-agent", "a telephone");
        let login = request.json(&json!({ "email": ada.email(), "password": Client::password() }));
        let phone = ada.with_session(ada.send(login).await.status(200).json());
        let page = ada.get("/api/v1/me/sessions").await.status(200).json();
        let sessions = page["items"].as_array().unwrap();
        assert_eq!(sessions.len(), 2, "{page}");
        assert_eq!((&sessions[0]["user_agent"], &sessions[0]["current"]), (&json!("a telephone"), &json!(false)));
        assert_eq!(sessions[1]["current"], true);
        assert!(sessions[0]["ip"].as_str().unwrap().starts_with("127."), "{page}");
        let path = format!("/api/v1/me/sessions/{}", sessions[0]["id"].as_str().unwrap());
        // Others end nothing of it.
        let eve = mill.user().await;
        let _ = eve.delete(&path).await.status(204);
        let _ = phone.get("/api/v1/me").await.status(200);
        let _ = ada.delete(&path).await.status(204);
        assert_dies(mill, &phone).await;
        let _ = ada.delete(&path).await.status(204);
        ada.delete("/api/v1/me/sessions/none").await.problem(404, "not_found");
        let page = ada.get("/api/v1/me/sessions").await.status(200).json();
        assert_eq!(page["items"].as_array().unwrap().len(), 1);
    }

    async fn a_closed_account_lets_nobody_in(mill: &Mill) {
        let ada = mill.user().await;
        let elsewhere = ada.with_session(log_in(&ada, Client::password()).await.status(200).json());
        ada.post("/api/v1/me/close", &json!({ "password": "wrong" })).await.problem(403, "wrong_password");
        let _ = ada.post("/api/v1/me/close", &json!({ "password": Client::password() })).await.status(204);
        assert_dies(mill, &ada).await;
        assert_dies(mill, &elsewhere).await;
        log_in(&ada, Client::password()).await.problem(403, "account_disabled");
        log_in(&ada, "wrong").await.problem(401, "invalid_credentials");
        let refresh: Value = json!({ "refresh_token": ada.session["refresh_token"] });
        ada.post("/api/v1/auth/refresh", &refresh).await.problem(401, "unauthenticated");
    }
}
