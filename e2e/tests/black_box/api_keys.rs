//! Keys with which programs act for an account.

use std::time::Duration;

use e2e::{Client, Mill, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::on_both;

/// A replica may believe for four seconds that a key is good.
const FORGETTING: Duration = Duration::from_secs(5);

const EVERYTHING: [&str; 6] = [
    "documents:read",
    "documents:write",
    "jobs:read",
    "jobs:write",
    "account:read",
    "admin",
];

async fn new_key(client: &Client, scopes: &[&str]) -> (Client, Value) {
    let wish = json!({ "name": "a program", "scopes": scopes });
    let made = client.post("/api/v1/me/keys", &wish).await.status(201).json();
    (client.with_token(made["key"].as_str().unwrap()), made)
}

/// The key is refused by every replica, no later than five seconds after it was taken away.
async fn assert_dies(mill: &Mill, client: &Client) {
    for base in mill.bases() {
        let here = Client::anonymous(&[base]).with_token(client.token());
        eventually("the key is refused", FORGETTING, async || {
            here.get("/api/v1/jobs").await.status == 401
        })
        .await;
    }
}

on_both! {
    async fn a_key_works_for_its_account_within_its_scopes(mill: &Mill) {
        let ada = mill.user().await;
        let (key, made) = new_key(&ada, &["documents:write", "documents:read", "jobs:read"]).await;
        let text = made["key"].as_str().unwrap();
        assert!(text.starts_with("dmk_") && text.len() == 53, "{text}");
        assert!(text.starts_with(made["api_key"]["hint"].as_str().unwrap()));
        let document = key.processed("a.txt", b"a few words").await;
        let mut whole = ada.get(&format!("/api/v1/documents/{}", document["id"].as_str().unwrap())).await.status(200).json();
        // Lists leave these out.
        for more in ["todos", "events"] {
            whole.as_object_mut().unwrap().remove(more);
        }
        assert_eq!(whole, document);
        // In a header of its own too, on every kind of route.
        let by_header = |path: &str| mill.anybody().request(Method::GET, path).header("x-api-key", text);
        let _ = ada.send(by_header("/api/v1/jobs")).await.status(200);
        let original = document["links"]["original"].as_str().unwrap();
        let _ = ada.send(by_header(original)).await.status(200);
        for (method, path, scope) in [
            (Method::DELETE, format!("/api/v1/jobs/{}", document["job_id"].as_str().unwrap()), "jobs:write"),
            (Method::GET, "/api/v1/me".to_owned(), "account:read"),
            (Method::GET, "/api/v1/admin/tasks".to_owned(), "admin"),
        ] {
            let problem = key.send(key.request(method, &path)).await.problem(403, "insufficient_scope");
            assert!(problem["detail"].as_str().unwrap().contains(scope), "{problem}");
        }
        // It is shown once.
        let page = ada.get("/api/v1/me/keys").await.status(200).text();
        assert!(page.contains("a program") && !page.contains(&text[12..]), "{page}");
        assert!(page.contains("last_used_at"), "{page}");
    }

    async fn a_key_of_an_ordinary_account_is_not_raised_by_its_scope(mill: &Mill) {
        let (key, _) = new_key(&mill.user().await, &EVERYTHING).await;
        key.get("/api/v1/admin/tasks").await.problem(403, "forbidden");
    }

    async fn a_key_cannot_take_the_account_over(mill: &Mill) {
        let ada = mill.user().await;
        let (key, _) = new_key(&ada, &EVERYTHING).await;
        let _ = key.get("/api/v1/me").await.status(200);
        let spec: Value = ada.get("/openapi.json").await.status(200).json();
        let mut refused = 0;
        for (path, methods) in spec["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let is_for_people = operation["security"] == json!([{ "accessToken": [] }]);
                if !is_for_people {
                    continue;
                }
                let path = path.replace("{id}", ada.user_id());
                let request = key.request(method.to_uppercase().parse().unwrap(), &path).json(&json!({}));
                key.send(request).await.problem(403, "insufficient_scope");
                refused += 1;
            }
        }
        assert!(refused >= 10, "{refused}");
    }

    async fn a_key_in_an_address_is_refused(mill: &Mill) {
        let (key, _) = new_key(&mill.user().await, &EVERYTHING).await;
        for name in ["api_key", "key", "token", "access_token"] {
            let path = format!("/api/v1/jobs?{name}={}", key.token());
            mill.anybody().get(&path).await.refuses(&format!("query:{name}"));
        }
        let with_password = format!("Basic {}", "eDpkbWtf");
        let request = mill.anybody().request(Method::GET, "/api/v1/jobs").header("authorization", with_password);
        key.send(request).await.problem(401, "unauthenticated");
    }

    async fn a_header_for_keys_takes_keys_only(mill: &Mill) {
        let ada = mill.user().await;
        let (key, _) = new_key(&ada, &["jobs:read"]).await;
        let both = ada.request(Method::GET, "/api/v1/jobs").header("x-api-key", key.token());
        ada.send(both).await.refuses("header:X-API-Key");
        let token = mill.anybody().request(Method::GET, "/api/v1/jobs").header("x-api-key", ada.token());
        ada.send(token).await.problem(401, "unauthenticated");
    }

    async fn a_made_up_key_is_refused_like_every_other_one(mill: &Mill) {
        let ada = mill.user().await;
        let (key, _) = new_key(&ada, &["jobs:read"]).await;
        let mut mistyped = key.token().to_owned();
        mistyped.replace_range(10..11, if &mistyped[10..11] == "A" { "B" } else { "A" });
        let never = "dmk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAX0BpWq";
        for text in [&mistyped, "dmk_", never, &key.token()[..52], &format!("{}A", key.token()), &"dmk_x".repeat(500)] {
            ada.with_token(text).get("/api/v1/jobs").await.problem(401, "unauthenticated");
        }
    }

    async fn a_key_that_is_taken_away_is_refused_within_five_seconds(mill: &Mill) {
        let ada = mill.user().await;
        let (key, made) = new_key(&ada, &["jobs:read"]).await;
        let path = format!("/api/v1/me/keys/{}", made["api_key"]["id"].as_str().unwrap());
        let _ = key.get("/api/v1/jobs").await.status(200);
        // Others can neither see nor change it.
        let eve = mill.user().await;
        eve.patch(&path, &json!({ "disabled": true })).await.problem(404, "not_found");
        eve.post(&format!("{path}/rotate"), &json!({})).await.problem(404, "not_found");
        let _ = eve.delete(&path).await.status(204);
        let _ = key.get("/api/v1/jobs").await.status(200);
        let off = ada.patch(&path, &json!({ "disabled": true, "name": "off" })).await.status(200).json();
        assert_eq!((&off["disabled"], &off["name"]), (&json!(true), &json!("off")));
        assert_dies(mill, &key).await;
        let _ = ada.patch(&path, &json!({ "disabled": false })).await.status(200);
        eventually("the key is good again", FORGETTING, async || key.get("/api/v1/jobs").await.status == 200).await;
        let _ = ada.delete(&path).await.status(204);
        assert_dies(mill, &key).await;
        let _ = ada.delete(&path).await.status(204);
    }

    async fn a_key_is_replaced_without_a_gap(mill: &Mill) {
        let ada = mill.user().await;
        let wish = json!({ "name": "nightly", "scopes": ["jobs:read", "jobs:read"], "expires_in_days": 30 });
        let made = ada.post("/api/v1/me/keys", &wish).await.status(201).json();
        let old = ada.with_token(made["key"].as_str().unwrap());
        let path = format!("/api/v1/me/keys/{}/rotate", made["api_key"]["id"].as_str().unwrap());
        ada.post(&path, &json!({ "overlap_seconds": 604_801 })).await.refuses("/overlap_seconds");
        let next = ada.post(&path, &json!({})).await.status(201).json();
        assert_eq!((&next["api_key"]["name"], &next["api_key"]["scopes"]), (&json!("nightly"), &json!(["jobs:read"])));
        assert!(next["api_key"]["expires_at"].is_string());
        let new = ada.with_token(next["key"].as_str().unwrap());
        for key in [&old, &new] {
            let _ = key.get("/api/v1/jobs").await.status(200);
        }
        let _ = ada.post(&path, &json!({ "overlap_seconds": 0 })).await.status(201);
        assert_dies(mill, &old).await;
        let _ = new.get("/api/v1/jobs").await.status(200);
    }

    async fn a_key_must_be_acceptable(mill: &Mill) {
        let ada = mill.user().await;
        for (wish, pointer) in [
            (json!({ "name": " ", "scopes": ["jobs:read"] }), "/name"),
            (json!({ "name": "x".repeat(101), "scopes": ["jobs:read"] }), "/name"),
            (json!({ "name": "x", "scopes": [] }), "/scopes"),
            (json!({ "name": "x", "scopes": ["jobs:read"], "expires_in_days": 0 }), "/expires_in_days"),
        ] {
            ada.post("/api/v1/me/keys", &wish).await.refuses(pointer);
        }
        for wish in [
            json!({ "name": "x", "scopes": ["everything"] }),
            json!({ "name": "x", "scopes": ["jobs:read"], "user_id": ada.user_id() }),
        ] {
            ada.post("/api/v1/me/keys", &wish).await.problem(400, "invalid_request");
        }
    }
}
