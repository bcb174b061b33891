//! Every route with an id in it, asked by somebody whose thing it is not. The routes come from the OpenAPI document, so a new one
//! is in here or fails.

use domain::UserId;
use e2e::Client;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::on_both;

/// Things of somebody, by how the paths to them begin.
async fn things(owner: &Client) -> Vec<(&'static str, String)> {
    let id = |thing: &Value| thing["id"].as_str().unwrap().to_owned();
    let document = owner
        .processed(
            "secret.txt",
            b"the lighthouse keeper met the harbour master\nTODO: Ben paints the boat by Friday.\n",
        )
        .await;
    let todos = owner.get("/api/v1/todos").await.status(200).json();
    let wish = json!({ "name": "secret", "scopes": ["jobs:read"] });
    let key = owner.post("/api/v1/me/keys", &wish).await.status(201).json();
    let sessions = owner.get("/api/v1/me/sessions").await.status(200).json();
    let _ = owner
        .post("/api/v1/chat", &json!({ "question": "Who met the keeper?" }))
        .await
        .status(200);
    let conversations = owner.get("/api/v1/conversations").await.status(200).json();
    let wish = json!({ "name": "secret", "q": "keeper" });
    let search = owner.post("/api/v1/searches", &wish).await.status(201).json();
    vec![
        ("/documents/", id(&document)),
        ("/jobs/", document["job_id"].as_str().unwrap().to_owned()),
        ("/me/keys/", id(&key["api_key"])),
        ("/me/sessions/", id(&sessions["items"][0])),
        ("/conversations/", id(&conversations["items"][0])),
        ("/todos/", id(&todos["items"][0])),
        ("/searches/", id(&search)),
        ("/admin/users/", owner.user_id().to_owned()),
    ]
}

/// A path with the same in the place of every parameter.
fn filled(template: &str, id: &str) -> String {
    let segments = template
        .split('/')
        .map(|segment| if segment.starts_with('{') { id } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

/// A body that the route would take from its owner.
fn body(route: &str) -> Value {
    match route {
        "PATCH /conversations/{id}" => json!({ "title": "taken over" }),
        "PATCH /todos/{id}" => json!({ "done": true }),
        "PATCH /me/keys/{id}" => json!({ "disabled": true }),
        "PUT /admin/users/{id}/role" => json!({ "role": "admin" }),
        _ => json!({}),
    }
}

on_both! {
    async fn what_is_not_yours_is_not_there_on_any_route(mill: &Mill) {
        let (ada, eve) = (mill.user().await, mill.user().await);
        let things = things(&ada).await;
        let wish = json!({ "name": "hers", "scopes": ["documents:read", "documents:write", "jobs:read", "jobs:write", "account:read", "admin"] });
        let made = eve.post("/api/v1/me/keys", &wish).await.status(201).json();
        let eves_key = eve.with_token(made["key"].as_str().unwrap());
        let spec: Value = ada.get("/openapi.json").await.status(200).json();
        let mut asked = 0;
        for (template, methods) in spec["paths"].as_object().unwrap() {
            let template = template.trim_start_matches("/api/v1");
            if !template.contains('{') {
                continue;
            }
            let found = things.iter().find(|(start, _)| template.starts_with(start)).map(|(_, id)| id);
            for (method, operation) in methods.as_object().unwrap() {
                let method: Method = method.to_uppercase().parse().unwrap();
                let route = format!("{method} {template}");
                // Routes for operators are closed whatever stands in them.
                let for_operators = operation.get("x-required-role").is_some();
                let anything = UserId::new().to_string();
                let theirs = found.or_else(|| for_operators.then_some(&anything))
                    .unwrap_or_else(|| panic!("nobody has said whose things are at {template}"));
                let ask = async |who: &Client, id: &str| {
                    let path = format!("/api/v1{}", filled(template, id));
                    let request = who.request(method.clone(), &path);
                    let request = match route.as_str() {
                        _ if method == Method::GET => request,
                        "POST /documents/{id}/versions" => {
                            request.header("content-type", "application/octet-stream").body("mine")
                        }
                        _ => request.json(&body(&route)),
                    };
                    who.send(request).await
                };
                for who in [&eve, &eves_key] {
                    let is_key = who.token().starts_with("dmk_");
                    let answer = ask(who, theirs).await;
                    let never = ask(who, &UserId::new().to_string()).await;
                    let takes_no_key = operation.get("x-required-scope").is_none();
                    if for_operators {
                        answer.problem(403, "forbidden");
                    } else if is_key && takes_no_key {
                        answer.problem(403, "insufficient_scope");
                    } else if method == Method::DELETE {
                        assert_eq!(answer.status, 204, "{route}");
                    } else {
                        answer.problem(404, "not_found");
                        assert_eq!(answer.json().get("detail"), never.json().get("detail"), "{route}");
                    }
                    assert_eq!(answer.status, never.status, "{route} tells that it is there");
                    asked += 1;
                }
            }
        }
        assert!(asked >= 30, "{asked}");
        // And all of it is still there, as it was.
        for (start, id) in things.iter().filter(|(start, _)| ["/documents/", "/jobs/", "/conversations/", "/searches/"].contains(start)) {
            let _ = ada.get(&format!("/api/v1{start}{id}")).await.status(200);
        }
        let keys = ada.get("/api/v1/me/keys").await.status(200).json();
        assert_eq!((&keys["items"][0]["name"], &keys["items"][0]["disabled"]), (&json!("secret"), &json!(false)));
        assert_eq!(ada.get("/api/v1/me").await.status(200).json()["role"], "user");
    }

    async fn lists_searches_and_cursors_of_others_show_nothing(mill: &Mill) {
        let (ada, eve) = (mill.user().await, mill.user().await);
        let document = ada.processed("secret.txt", b"the lighthouse keeper met the harbour master").await;
        let _ = ada.processed("second.txt", b"another lighthouse").await;
        let job = document["job_id"].as_str().unwrap();
        for path in [
            "/api/v1/documents".to_owned(),
            "/api/v1/documents?q=lighthouse".to_owned(),
            format!("/api/v1/documents?job_id={job}"),
            "/api/v1/jobs".to_owned(),
            "/api/v1/conversations".to_owned(),
            "/api/v1/searches".to_owned(),
            "/api/v1/me/keys".to_owned(),
        ] {
            assert_eq!(eve.get(&path).await.status(200).json()["items"], json!([]), "{path}");
        }
        let page = ada.get("/api/v1/jobs?limit=1").await.status(200).json();
        let cursor = page["next_cursor"].as_str().unwrap();
        assert_eq!(eve.get(&format!("/api/v1/jobs?cursor={cursor}")).await.status(200).json()["items"], json!([]));
    }
}
