//! Every route is as closed as the OpenAPI document says. Routes, scopes and roles come from there, so a new route is in here.

use domain::UserId;
use e2e::Client;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::on_both;

const SCOPES: [&str; 6] = [
    "documents:read",
    "documents:write",
    "jobs:read",
    "jobs:write",
    "account:read",
    "admin",
];

/// Every operation: method, path with ids that nobody has, and what the document says of it.
fn operations(spec: &Value) -> Vec<(Method, String, Value)> {
    let mut operations = Vec::new();
    for (path, methods) in spec["paths"].as_object().unwrap() {
        let segments = path.split('/').map(|part| match part.starts_with('{') {
            true => UserId::new().to_string(),
            false => part.to_owned(),
        });
        let path = segments.collect::<Vec<_>>().join("/");
        for (method, operation) in methods.as_object().unwrap() {
            operations.push((
                method.to_uppercase().parse().unwrap(),
                path.clone(),
                operation.clone(),
            ));
        }
    }
    operations
}

async fn ask(who: &Client, method: &Method, path: &str) -> e2e::Answer {
    let request = who.request(method.clone(), path);
    // What is refused at the door needs no good body.
    let request = if *method == Method::GET {
        request
    } else {
        request.json(&json!({}))
    };
    who.send(request).await
}

/// A key with these scopes.
async fn key(owner: &Client, scopes: &[&str]) -> Client {
    let wish = json!({ "name": "a program", "scopes": scopes });
    let made = owner.post("/api/v1/me/keys", &wish).await.status(201).json();
    owner.with_token(made["key"].as_str().unwrap())
}

on_both! {
    async fn only_what_is_for_everybody_answers_strangers(mill: &Mill) {
        let anybody = mill.anybody();
        let spec: Value = anybody.get("/openapi.json").await.status(200).json();
        let mut closed = 0;
        for (method, path, operation) in operations(&spec) {
            let answer = ask(&anybody, &method, &path).await;
            if operation["security"].as_array().unwrap().is_empty() {
                // Getting in, and what says nothing of anybody.
                assert!(path.starts_with("/api/v1/auth/") || path == "/api/v1/formats", "{method} {path} is open");
                assert_ne!(answer.status, 403, "{method} {path}");
            } else {
                answer.problem(401, "unauthenticated");
                closed += 1;
            }
        }
        assert!(closed > 60, "{closed}");
    }

    async fn no_role_reaches_what_is_for_a_higher_one(mill: &Mill) {
        let (ada, operator) = (mill.user().await, mill.with_role("operator").await);
        let spec: Value = ada.get("/openapi.json").await.status(200).json();
        let mut refused = 0;
        for (method, path, operation) in operations(&spec) {
            let Some(role) = operation["x-required-role"].as_str() else { continue };
            ask(&ada, &method, &path).await.problem(403, "forbidden");
            if role == "admin" {
                ask(&operator, &method, &path).await.problem(403, "forbidden");
            }
            refused += 1;
        }
        assert!(refused > 25, "{refused}");
    }

    async fn a_key_without_the_scope_of_a_route_is_refused_there_and_nowhere_else(mill: &Mill) {
        let admin = mill.with_role("admin").await;
        let spec: Value = admin.get("/openapi.json").await.status(200).json();
        for left_out in SCOPES {
            let scopes: Vec<&str> = SCOPES.into_iter().filter(|scope| *scope != left_out).collect();
            let (with, without) = (key(&admin, &[left_out]).await, key(&admin, &scopes).await);
            let mut asked = 0;
            for (method, path, operation) in operations(&spec) {
                if operation["x-required-scope"] != left_out {
                    continue;
                }
                let problem = ask(&without, &method, &path).await.problem(403, "insufficient_scope");
                assert!(problem["detail"].as_str().unwrap().contains(left_out), "{problem}");
                // With it the door opens; what is behind is another matter.
                if !path.ends_with("/run") {
                    assert!(![401, 403].contains(&ask(&with, &method, &path).await.status), "{method} {path}");
                }
                asked += 1;
            }
            assert!(asked > 0, "no route needs {left_out}");
        }
    }
}
