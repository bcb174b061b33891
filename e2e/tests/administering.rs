//! What administrators see and do: accounts, and the audit log.
#![allow(clippy::unwrap_used)]

#[path = "support/totp.rs"]
mod totp;

use std::collections::BTreeSet;
use std::time::Duration;

use domain::UserId;
use e2e::{Answer, Client, Embedded, Fleet, Folder, PATIENCE, Settings, docmill, eventually, secret, until};
use reqwest::Method;
use serde_json::{Value, json};

/// A replica may believe for four seconds what was so.
const FORGETTING: Duration = Duration::from_secs(5);
/// Longer than it takes until new lines are sealed.
const SEALING: Duration = Duration::from_secs(30);

async fn on_account(admin: &Client, method: Method, user: &Client, act: &str, body: &Value) -> Answer {
    let path = format!("/api/v1/admin/users/{}/{act}", user.user_id());
    admin.send(admin.request(method, &path).json(body)).await
}

#[tokio::test]
async fn what_administrators_decide_holds_on_every_replica_within_five_seconds() {
    let fleet = Fleet::start(2, &Settings::new()).await;
    let bases: Vec<String> = fleet.apis.iter().map(|api| api.base.clone()).collect();
    let anybody = Client::anonymous(&bases);
    let admin = fleet.with_role("admin").await;
    let ada = anybody.registered().await;
    let everywhere = |status: u16, path: &'static str| {
        let (bases, ada) = (bases.clone(), &ada);
        async move {
            for base in bases {
                let here = Client::anonymous(&[base]).with_session(ada.session.clone());
                eventually("every replica knows it", FORGETTING, async || {
                    here.get(path).await.status == status
                })
                .await;
            }
        }
    };
    everywhere(200, "/api/v1/me").await;
    everywhere(403, "/api/v1/admin/tasks").await;
    let role = json!({ "role": "operator" });
    let raised = on_account(&admin, Method::PUT, &ada, "role", &role)
        .await
        .status(200)
        .json();
    assert_eq!(
        (&raised["role"], &raised["status"]),
        (&json!("operator"), &json!("active"))
    );
    everywhere(200, "/api/v1/admin/tasks").await;
    let _ = on_account(&admin, Method::PUT, &ada, "role", &json!({ "role": "user" }))
        .await
        .status(200);
    everywhere(403, "/api/v1/admin/tasks").await;

    let wish = json!({ "name": "nightly", "scopes": ["jobs:read"] });
    let made = ada.post("/api/v1/me/keys", &wish).await.status(201).json();
    let key = ada.with_token(made["key"].as_str().unwrap());
    let _ = key.get("/api/v1/jobs").await.status(200);
    let disabled = on_account(&admin, Method::POST, &ada, "disable", &json!({}))
        .await
        .status(200)
        .json();
    assert_eq!(disabled["status"], "disabled");
    everywhere(401, "/api/v1/me").await;
    eventually("the key is refused", FORGETTING, async || {
        key.get("/api/v1/jobs").await.status == 403
    })
    .await;
    let login = json!({ "email": ada.email(), "password": Client::password() });
    anybody
        .post("/api/v1/auth/login", &login)
        .await
        .problem(403, "account_disabled");
    let _ = on_account(&admin, Method::POST, &ada, "enable", &json!({}))
        .await
        .status(200);
    let again = anybody
        .post("/api/v1/auth/login", &login)
        .await
        .status(200)
        .json();
    let again = ada.with_session(again);
    let _ = on_account(&admin, Method::POST, &ada, "logout", &json!({}))
        .await
        .status(204);
    eventually("the session has ended", FORGETTING, async || {
        again.get("/api/v1/me").await.status == 401
    })
    .await;
}

#[tokio::test]
async fn accounts_are_for_administrators_only_and_none_locks_everybody_out() {
    let mill = Embedded::start(&Settings::new()).await;
    let (admin, operator, ada) = (
        mill.with_role("admin").await,
        mill.with_role("operator").await,
        mill.user().await,
    );
    for other in [&operator, &ada] {
        for (method, path) in [
            (Method::GET, "/api/v1/admin/users".to_owned()),
            (Method::GET, format!("/api/v1/admin/users/{}", ada.user_id())),
            (
                Method::POST,
                format!("/api/v1/admin/users/{}/disable", ada.user_id()),
            ),
            (
                Method::PUT,
                format!("/api/v1/admin/users/{}/role", other.user_id()),
            ),
            (Method::GET, "/api/v1/admin/audit".to_owned()),
            (Method::GET, "/api/v1/admin/audit/export".to_owned()),
        ] {
            other
                .send(other.request(method, &path).json(&json!({ "role": "admin" })))
                .await
                .problem(403, "forbidden");
        }
    }
    let page = admin
        .get(&format!("/api/v1/admin/users?q={}", ada.email().to_uppercase()))
        .await
        .status(200);
    let items = page.json()["items"].clone();
    assert_eq!(
        (items.as_array().unwrap().len(), &items[0]["id"]),
        (1, &json!(ada.user_id()))
    );
    assert!(!page.text().contains("argon2"));
    let admins = admin
        .get("/api/v1/admin/users?role=admin&status=active")
        .await
        .status(200)
        .json();
    assert_eq!(admins["items"].as_array().unwrap().len(), 1);
    let first = admin.get("/api/v1/admin/users?limit=2").await.status(200);
    let next = admin.get(&first.link("next").unwrap()).await.status(200);
    assert_eq!(next.json()["items"].as_array().unwrap().len(), 1);
    assert_ne!(first.json()["items"][0]["id"], next.json()["items"][0]["id"]);

    on_account(&admin, Method::POST, &admin, "disable", &json!({}))
        .await
        .problem(409, "own_account");
    on_account(&admin, Method::PUT, &admin, "role", &json!({ "role": "user" }))
        .await
        .problem(409, "own_account");
    let nobody = format!("/api/v1/admin/users/{}", UserId::new());
    admin.get(&nobody).await.problem(404, "not_found");
    for act in ["disable", "enable", "logout"] {
        admin
            .post(&format!("{nobody}/{act}"), &json!({}))
            .await
            .problem(404, "not_found");
    }
    // Whoever closed an account by mistake gets it back.
    let _ = ada
        .post("/api/v1/me/close", &json!({ "password": Client::password() }))
        .await
        .status(204);
    let opened = on_account(&admin, Method::POST, &ada, "enable", &json!({}))
        .await
        .status(200)
        .json();
    assert_eq!(opened["status"], "active");
}

/// The secret in the message that went to an address; there is no mail server, so it lies in a folder.
async fn token_sent_to(mill: &Embedded, address: &str) -> String {
    let folder = mill.data().join("mail");
    until("the message is there", PATIENCE, async || {
        let files = std::fs::read_dir(&folder).ok()?.flatten();
        let messages = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
        messages
            .filter(|message| message.contains(address))
            .find_map(|message| secret(&message))
    })
    .await
}

/// Does something that changes something, once for every route that does; the last one is the answer that counts.
async fn act(route: &str, mill: &Embedded, admin: &Client) -> (Answer, &'static str) {
    let ada = mill.user().await;
    let key = async || {
        ada.post(
            "/api/v1/me/keys",
            &json!({ "name": "x", "scopes": ["jobs:read"] }),
        )
        .await
        .status(201)
    };
    let key_path = async || {
        format!(
            "/api/v1/me/keys/{}",
            key().await.json()["api_key"]["id"].as_str().unwrap()
        )
    };
    let given_up = async || {
        let job = ada.upload(&[("broken.pdf", b"%PDF-1.4 broken")]).await;
        let _ = ada.ended(&job).await;
        let path = format!("/api/v1/admin/tasks?user_id={}", ada.user_id());
        let page = admin.get(&path).await.status(200).json();
        page["items"][0]["id"].as_str().unwrap().to_owned()
    };
    let conversation = async || {
        let answer = ada
            .post("/api/v1/chat", &json!({ "question": "What was said of words?" }))
            .await
            .status(200);
        let page = ada.get("/api/v1/conversations").await.status(200).json();
        let path = format!(
            "/api/v1/conversations/{}",
            page["items"][0]["id"].as_str().unwrap()
        );
        (answer, path)
    };
    let document = async || {
        let document = ada.processed("a.txt", b"words").await;
        format!("/api/v1/documents/{}", document["id"].as_str().unwrap())
    };
    let search = async || {
        let body = json!({ "name": "words", "q": "words" });
        ada.post("/api/v1/searches", &body).await.status(201)
    };
    let login = json!({ "email": ada.email(), "password": Client::password() });
    let new = "another horse, another battery";
    let tenant = format!("/api/v1/admin/tenants/{}", ada.user_id());
    let schedule = async || {
        let name = format!("test-{}", UserId::new());
        let body =
            json!({ "name": name, "work": "clean_up", "cron": "30 2 1 1 *", "time_zone": "Europe/Berlin" });
        let answer = admin.post("/api/v1/admin/schedules", &body).await.status(201);
        (answer, format!("/api/v1/admin/schedules/{name}"))
    };
    let changed = async |method: Method, path: String, body: Value| {
        let request = admin.request(method, &path).header("if-match", "*").json(&body);
        admin.send(request).await
    };
    match route {
        "POST /auth/register" => {
            let account =
                json!({ "email": format!("{}@example.com", UserId::new()), "password": Client::password() });
            (
                mill.anybody()
                    .post("/api/v1/auth/register", &account)
                    .await
                    .status(201),
                "user.create",
            )
        }
        "POST /auth/login" => (
            ada.post("/api/v1/auth/login", &login).await.status(200),
            "session.start",
        ),
        "POST /auth/refresh" => {
            let body = json!({ "refresh_token": ada.session["refresh_token"] });
            (
                ada.post("/api/v1/auth/refresh", &body).await.status(200),
                "session.refresh",
            )
        }
        "POST /auth/logout" => (
            ada.post("/api/v1/auth/logout", &json!({})).await.status(204),
            "session.end",
        ),
        "PATCH /me" => (
            ada.patch("/api/v1/me", &json!({ "full_name": "Ada" }))
                .await
                .status(200),
            "user.change",
        ),
        "POST /me/password" => {
            let body = json!({ "current_password": Client::password(), "new_password": new });
            (
                ada.post("/api/v1/me/password", &body).await.status(204),
                "user.password",
            )
        }
        "POST /auth/browser/login" => {
            let anybody = mill.anybody();
            let request = anybody.request(Method::POST, "/api/v1/auth/browser/login");
            let request = request.header("origin", anybody.origin()).json(&login);
            (anybody.send(request).await.status(200), "session.start")
        }
        "POST /auth/verify" => {
            // A new address is proven in the same way.
            let email = format!("{}@example.com", UserId::new());
            let body = json!({ "email": email, "password": Client::password() });
            let _ = ada.post("/api/v1/me/email", &body).await.status(202);
            let body = json!({ "token": token_sent_to(mill, &email).await });
            (
                ada.post("/api/v1/auth/verify", &body).await.status(204),
                "user.email_change",
            )
        }
        "POST /auth/verify/resend" => {
            let body = json!({ "email": ada.email() });
            (
                ada.post("/api/v1/auth/verify/resend", &body).await.status(202),
                "user.verify_ask",
            )
        }
        "POST /auth/password/forgot" => {
            let body = json!({ "email": ada.email() });
            (
                ada.post("/api/v1/auth/password/forgot", &body).await.status(202),
                "user.password_ask",
            )
        }
        "POST /auth/password/reset" => {
            let body = json!({ "email": ada.email() });
            let _ = ada.post("/api/v1/auth/password/forgot", &body).await.status(202);
            let body = json!({ "token": token_sent_to(mill, ada.email()).await, "new_password": new });
            (
                ada.post("/api/v1/auth/password/reset", &body).await.status(204),
                "user.password_reset",
            )
        }
        "POST /me/email" => {
            let email = format!("{}@example.com", UserId::new());
            let body = json!({ "email": email, "password": Client::password() });
            (
                ada.post("/api/v1/me/email", &body).await.status(202),
                "user.email",
            )
        }
        "POST /me/second-factor" => {
            let body = json!({ "password": Client::password() });
            (
                ada.post("/api/v1/me/second-factor", &body).await.status(200),
                "factor.begin",
            )
        }
        "POST /me/second-factor/confirm" => {
            let body = json!({ "password": Client::password() });
            let made = ada
                .post("/api/v1/me/second-factor", &body)
                .await
                .status(200)
                .json();
            let body = json!({ "code": totp::code(&made, 0) });
            (
                ada.post("/api/v1/me/second-factor/confirm", &body)
                    .await
                    .status(200),
                "factor.confirm",
            )
        }
        "POST /me/second-factor/remove" => {
            let body = json!({ "password": Client::password() });
            (
                ada.post("/api/v1/me/second-factor/remove", &body)
                    .await
                    .status(204),
                "factor.remove",
            )
        }
        "DELETE /admin/users/{id}/second-factor" => (
            on_account(admin, Method::DELETE, &ada, "second-factor", &json!({}))
                .await
                .status(204),
            "factor.reset",
        ),
        "POST /me/close" => {
            let body = json!({ "password": Client::password() });
            (
                ada.post("/api/v1/me/close", &body).await.status(204),
                "user.close",
            )
        }
        "DELETE /me/sessions/{id}" => {
            let page = ada.get("/api/v1/me/sessions").await.status(200).json();
            let path = format!("/api/v1/me/sessions/{}", page["items"][0]["id"].as_str().unwrap());
            (ada.delete(&path).await.status(204), "session.end")
        }
        "POST /me/keys" => (key().await, "key.create"),
        "PATCH /me/keys/{id}" => (
            ada.patch(&key_path().await, &json!({ "disabled": true }))
                .await
                .status(200),
            "key.disable",
        ),
        "POST /me/keys/{id}/rotate" => {
            let path = format!("{}/rotate", key_path().await);
            (ada.post(&path, &json!({})).await.status(201), "key.rotate")
        }
        "DELETE /me/keys/{id}" => (ada.delete(&key_path().await).await.status(204), "key.delete"),
        "POST /documents" => (
            ada.send(ada.form("", &[("a.txt", b"words")])).await.status(202),
            "job.create",
        ),
        "DELETE /documents/{id}" => {
            let path = document().await;
            (ada.delete(&path).await.status(204), "document.delete")
        }
        "PATCH /documents/{id}" => {
            let path = document().await;
            let body = json!({ "labels": ["words"] });
            (ada.edit(&path, &body).await.status(200), "document.edit")
        }
        "POST /documents/{id}/versions" => {
            let path = format!("{}/versions", document().await);
            let request = ada
                .request(Method::POST, &path)
                .header("content-type", "application/octet-stream");
            (
                ada.send(request.body("more words")).await.status(202),
                "job.create",
            )
        }
        "POST /documents/{id}/restore" | "POST /documents/{id}/reprocess" => {
            let how = route.rsplit('/').next().unwrap();
            let path = format!("{}/{how}", document().await);
            (ada.post(&path, &json!({})).await.status(202), "job.create")
        }
        "POST /searches" => (search().await, "search.create"),
        "PATCH /searches/{id}" => {
            let path = search().await.header("location").unwrap().to_owned();
            let body = json!({ "q": "more words" });
            (ada.edit(&path, &body).await.status(200), "search.edit")
        }
        "DELETE /searches/{id}" => {
            let path = search().await.header("location").unwrap().to_owned();
            (ada.delete(&path).await.status(204), "search.delete")
        }
        "DELETE /jobs/{id}" => {
            let job = ada.upload(&[("a.txt", b"words")]).await;
            let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
            (ada.delete(&path).await.status(204), "job.delete")
        }
        "POST /jobs/{id}/cancel" => loop {
            // Whoever comes too late tries another job.
            let texts: Vec<(&str, &[u8])> = vec![("a.txt", b"words"); 20];
            let path = format!(
                "/api/v1/jobs/{}/cancel",
                ada.upload(&texts).await["id"].as_str().unwrap()
            );
            let answer = ada.post(&path, &json!({})).await;
            if answer.status == 202 {
                break (answer, "job.cancel");
            }
        },
        "POST /chat" => (conversation().await.0, "conversation.begin"),
        "PATCH /conversations/{id}" => {
            let (_, path) = conversation().await;
            (
                ada.patch(&path, &json!({ "title": "words" })).await.status(200),
                "conversation.rename",
            )
        }
        "DELETE /conversations/{id}" => {
            let (_, path) = conversation().await;
            (ada.delete(&path).await.status(204), "conversation.delete")
        }
        "POST /admin/tasks/{id}/requeue" => {
            let path = format!("/api/v1/admin/tasks/{}/requeue", given_up().await);
            (admin.post(&path, &json!({})).await.status(200), "task.requeue")
        }
        "POST /admin/tasks/requeue" => {
            let _ = given_up().await;
            let body = json!({ "filter": { "user_id": ada.user_id() }, "expected_count": 1 });
            (
                admin.post("/api/v1/admin/tasks/requeue", &body).await.status(200),
                "task.requeue",
            )
        }
        "POST /admin/users/{id}/disable" => (
            on_account(admin, Method::POST, &ada, "disable", &json!({}))
                .await
                .status(200),
            "user.disable",
        ),
        "POST /admin/users/{id}/enable" => (
            on_account(admin, Method::POST, &ada, "enable", &json!({}))
                .await
                .status(200),
            "user.enable",
        ),
        "POST /admin/users/{id}/logout" => (
            on_account(admin, Method::POST, &ada, "logout", &json!({}))
                .await
                .status(204),
            "user.log_out",
        ),
        "PUT /admin/users/{id}/role" => {
            let body = json!({ "role": "operator" });
            (
                on_account(admin, Method::PUT, &ada, "role", &body)
                    .await
                    .status(200),
                "user.role.operator",
            )
        }
        "POST /admin/queues/{name}/pause" => {
            let answer = admin
                .post("/api/v1/admin/queues/documents/pause", &json!({}))
                .await
                .status(200);
            // The others need the queue.
            let _ = admin
                .post("/api/v1/admin/queues/documents/resume", &json!({}))
                .await
                .status(200);
            (answer, "queue.pause")
        }
        "POST /admin/queues/{name}/resume" => {
            let _ = admin
                .post("/api/v1/admin/queues/documents/pause", &json!({}))
                .await
                .status(200);
            let answer = admin
                .post("/api/v1/admin/queues/documents/resume", &json!({}))
                .await
                .status(200);
            (answer, "queue.resume")
        }
        "PATCH /todos/{id}" => {
            let _ = ada
                .processed("todo.txt", b"TODO: Ben paints the boat by Friday.\n")
                .await;
            let todos = ada.get("/api/v1/todos").await.status(200).json();
            let path = format!("/api/v1/todos/{}", todos["items"][0]["id"].as_str().unwrap());
            (
                ada.patch(&path, &json!({ "done": true })).await.status(200),
                "todo.change",
            )
        }
        "PATCH /admin/users/{id}/quota" => (
            admin
                .patch(
                    &format!("/api/v1/admin/users/{}/quota", ada.user_id()),
                    &json!({ "documents_per_month": 5 }),
                )
                .await
                .status(200),
            "quota.change",
        ),
        "PATCH /admin/tenants/{user_id}" => (
            admin.patch(&tenant, &json!({ "weight": 3 })).await.status(200),
            "tenant.change",
        ),
        "POST /admin/tenants/{user_id}/pause" => (
            admin
                .post(&format!("{tenant}/pause"), &json!({}))
                .await
                .status(200),
            "tenant.pause",
        ),
        "POST /admin/tenants/{user_id}/resume" => {
            let _ = admin
                .post(&format!("{tenant}/pause"), &json!({}))
                .await
                .status(200);
            (
                admin
                    .post(&format!("{tenant}/resume"), &json!({}))
                    .await
                    .status(200),
                "tenant.resume",
            )
        }
        "POST /admin/schedules" => (schedule().await.0, "schedule.add"),
        "PATCH /admin/schedules/{name}" => {
            let (_, path) = schedule().await;
            let body = json!({ "cron": "30 3 1 1 *" });
            (
                changed(Method::PATCH, path, body).await.status(200),
                "schedule.edit",
            )
        }
        "DELETE /admin/schedules/{name}" => {
            let (_, path) = schedule().await;
            (
                changed(Method::DELETE, path, json!({})).await.status(204),
                "schedule.remove",
            )
        }
        "POST /admin/schedules/{name}/pause" => {
            let (_, path) = schedule().await;
            (
                admin.post(&format!("{path}/pause"), &json!({})).await.status(200),
                "schedule.pause",
            )
        }
        "POST /admin/schedules/{name}/resume" => {
            let (_, path) = schedule().await;
            let _ = admin.post(&format!("{path}/pause"), &json!({})).await.status(200);
            (
                admin
                    .post(&format!("{path}/resume"), &json!({}))
                    .await
                    .status(200),
                "schedule.resume",
            )
        }
        "POST /admin/schedules/{name}/run" => {
            let (_, path) = schedule().await;
            (
                admin.post(&format!("{path}/run"), &json!({})).await.status(202),
                "schedule.run",
            )
        }
        other => panic!("nobody has said how {other} shows in the audit log"),
    }
}

#[tokio::test]
async fn whatever_changes_something_is_in_the_audit_log() {
    let mill = Embedded::start(&Settings::impatient()).await;
    let admin = mill.with_role("admin").await;
    let spec: Value = admin.get("/openapi.json").await.status(200).json();
    let mut routes = BTreeSet::new();
    for (path, methods) in spec["paths"].as_object().unwrap() {
        for method in methods
            .as_object()
            .unwrap()
            .keys()
            .filter(|method| *method != "get")
        {
            let path = path.trim_start_matches("/api/v1");
            routes.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    assert!(routes.len() > 20, "{routes:?}");
    for route in &routes {
        let (answer, action) = act(route, &mill, &admin).await;
        let request = answer.header("x-request-id").unwrap();
        let page = admin
            .get(&format!("/api/v1/admin/audit?request_id={request}"))
            .await
            .status(200)
            .json();
        let lines = page["items"].as_array().unwrap();
        let line = lines.iter().find(|line| line["action"] == action);
        let line = line.unwrap_or_else(|| panic!("{route} is not in the audit log as {action}: {page}"));
        assert_eq!(
            (&line["outcome"], &line["ip"]),
            (&json!("success"), &json!("127.0.0.1")),
            "{route}: {line}"
        );
        // Nobody has looked yet whether anybody has the address.
        let of_nobody = ["POST /auth/password/forgot", "POST /auth/verify/resend"].contains(&route.as_str());
        assert!(
            line["user_id"].is_string() != of_nobody
                && line["resource_type"].is_string()
                && line["at"].is_string(),
            "{route}: {line}"
        );
    }
}

#[tokio::test]
async fn whoever_fails_to_get_in_is_in_the_audit_log() {
    let mill = Embedded::start(&Settings::new()).await;
    let admin = mill.with_role("admin").await;
    let ada = mill.user().await;
    let login = |password: &str| json!({ "email": ada.email(), "password": password });
    let tokens = ada
        .post(
            "/api/v1/auth/refresh",
            &json!({ "refresh_token": ada.session["refresh_token"] }),
        )
        .await
        .status(200)
        .json();
    let _ = ada
        .post(
            "/api/v1/auth/refresh",
            &json!({ "refresh_token": tokens["refresh_token"] }),
        )
        .await
        .status(200);
    let reused = ada
        .post(
            "/api/v1/auth/refresh",
            &json!({ "refresh_token": ada.session["refresh_token"] }),
        )
        .await;
    let wrong = ada.post("/api/v1/auth/login", &login("wrong")).await;
    let eve = mill.user().await;
    let unproven = eve
        .post("/api/v1/me/close", &json!({ "password": "wrong" }))
        .await;
    let _ = on_account(&admin, Method::POST, &ada, "disable", &json!({}))
        .await
        .status(200);
    let disabled = ada.post("/api/v1/auth/login", &login(Client::password())).await;
    for (answer, action, named) in [
        (reused, "session.reuse", true),
        (wrong, "session.start", true),
        (unproven, "user.close", true),
        (disabled, "session.start", true),
    ] {
        let request = answer.header("x-request-id").unwrap();
        let page = admin
            .get(&format!(
                "/api/v1/admin/audit?outcome=refused&request_id={request}"
            ))
            .await
            .status(200)
            .json();
        let line = &page["items"][0];
        assert_eq!(
            (&line["action"], line["resource_id"].is_string()),
            (&json!(action), named),
            "{page}"
        );
    }
}

#[tokio::test]
async fn the_audit_log_is_filtered_paged_and_exported() {
    let mill = Embedded::start(&Settings::new()).await;
    let admin = mill.with_role("admin").await;
    let ada = mill.user().await;
    for number in 0..5 {
        let _ = ada
            .patch("/api/v1/me", &json!({ "full_name": format!("Ada {number}") }))
            .await
            .status(200);
    }
    let list = async |query: &str| {
        admin
            .get(&format!("/api/v1/admin/audit{query}"))
            .await
            .status(200)
    };
    let own = format!("?user_id={}", ada.user_id());
    let all = list(&own).await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 7, "{all}");
    let first = list(&format!("{own}&action=user.change&limit=3")).await;
    let next = admin.get(&first.link("next").unwrap()).await.status(200);
    assert_eq!(first.json()["items"].as_array().unwrap().len(), 3);
    assert_eq!(next.json()["items"].as_array().unwrap().len(), 2);
    let newest = first.json()["items"][0]["at"].as_str().unwrap().to_owned();
    let since = list(&format!("{own}&since={newest}")).await.json();
    assert_eq!(since["items"].as_array().unwrap().len(), 1, "{since}");
    for (query, pointer) in [
        ("?user_id=1", "query:user_id"),
        ("?resource_id=x", "query:resource_id"),
        ("?limit=101", "query:limit"),
    ] {
        admin
            .get(&format!("/api/v1/admin/audit{query}"))
            .await
            .refuses(pointer);
    }
    admin
        .get("/api/v1/admin/audit?since=yesterday")
        .await
        .problem(400, "invalid_request");

    let export = admin
        .get(&format!("/api/v1/admin/audit/export{own}"))
        .await
        .status(200);
    assert_eq!(export.header("content-type"), Some("application/x-ndjson"));
    let lines: Vec<Value> = export
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut backwards = all["items"].as_array().unwrap().clone();
    backwards.reverse();
    assert_eq!(lines, backwards);
}

#[tokio::test]
async fn what_was_done_with_an_api_key_says_with_which_one() {
    let mill = Embedded::start(&Settings::new()).await;
    let admin = mill.with_role("admin").await;
    let ada = mill.user().await;
    let wish = json!({ "name": "nightly", "scopes": ["documents:write", "jobs:read", "jobs:write", "documents:read"] });
    let mut programs = Vec::new();
    for _ in 0..2 {
        let made = ada.post("/api/v1/me/keys", &wish).await.status(201).json();
        let id = made["api_key"]["id"].as_str().unwrap().to_owned();
        programs.push((ada.with_token(made["key"].as_str().unwrap()), id));
    }
    let (program, key) = &programs[0];
    let document = program.processed("a.txt", b"a few words").await;
    let by_login = ada.upload(&[("b.txt", b"a few words")]).await;
    let path = format!("/api/v1/documents/{}", document["id"].as_str().unwrap());
    let _ = program.delete(&path).await.status(204);
    let lines = async |query: &str| {
        let page = admin
            .get(&format!("/api/v1/admin/audit{query}"))
            .await
            .status(200);
        assert!(!page.text().contains(program.token()), "the secret is in the log");
        page.json()["items"].as_array().unwrap().clone()
    };
    let done = lines(&format!("?api_key_id={key}")).await;
    let actions: Vec<&Value> = done.iter().map(|line| &line["action"]).collect();
    assert_eq!(actions, ["document.delete", "job.create"]);
    assert!(
        done.iter()
            .all(|line| line["api_key_id"] == **key && line["user_id"] == ada.user_id())
    );
    assert_eq!(
        lines(&format!("?api_key_id={}", programs[1].1)).await,
        Vec::<Value>::new()
    );
    let job = lines(&format!(
        "?action=job.create&resource_id={}",
        by_login["id"].as_str().unwrap()
    ))
    .await;
    assert_eq!(
        (job.len(), job[0].get("api_key_id")),
        (1, None),
        "a login is no key"
    );
    admin
        .get("/api/v1/admin/audit?api_key_id=x")
        .await
        .refuses("query:api_key_id");
    let export = admin
        .get(&format!("/api/v1/admin/audit/export?api_key_id={key}"))
        .await
        .status(200);
    assert_eq!(export.text().lines().count(), 2);
}

#[tokio::test]
async fn an_audit_log_that_was_touched_is_found_out() {
    let fleet = Fleet::start(1, &Settings::new()).await;
    let ada = fleet.apis[0].user().await;
    let _ = ada
        .patch("/api/v1/me", &json!({ "full_name": "Ada" }))
        .await
        .status(200);
    let folder = Folder::new();
    let verify = async |arguments: &[&str]| {
        docmill(
            folder.path(),
            &[&["audit", "verify"], arguments].concat(),
            &fleet.settings,
        )
        .await
    };
    eventually("every line is sealed", SEALING, async || {
        verify(&[]).await.stdout.starts_with("sealed up to 3:")
    })
    .await;
    let sound = verify(&[]).await.success();
    let seal = sound
        .stdout
        .lines()
        .next()
        .unwrap()
        .rsplit_once(' ')
        .unwrap()
        .1
        .to_owned();
    let _ = verify(&["--expect", &seal]).await.success();
    let _ = verify(&["--expect", "3:abcd"]).await.code(2);
    fleet
        .stores
        .by_hand("UPDATE audit_log SET ip = '192.0.2.1' WHERE action = 'user.change'")
        .await;
    let touched = verify(&[]).await.code(1);
    assert!(
        touched.stdout.contains("EDITED") && touched.stdout.contains(" at 3 "),
        "{touched:?}"
    );
    fleet
        .stores
        .by_hand("DELETE FROM audit_log WHERE action = 'user.change'")
        .await;
    let touched = verify(&[]).await.code(1);
    assert!(
        touched.stdout.contains("REMOVED") && touched.stdout.contains(" at 3 "),
        "{touched:?}"
    );
    fleet
        .stores
        .by_hand("DELETE FROM audit_seals WHERE sequence = 3")
        .await;
    let _ = verify(&[]).await.success();
    let touched = verify(&["--expect", &seal]).await.code(1);
    assert!(touched.stdout.contains("REPLACED"), "{touched:?}");
}
