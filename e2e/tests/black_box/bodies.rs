//! What stands in a body that nobody has declared. The bodies come from the OpenAPI document, so those of a new route are in here.

use domain::UserId;
use e2e::Client;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::on_both;

/// What somebody who wants more than is theirs would try.
const COVETED: [&str; 9] = [
    "id",
    "user_id",
    "org_id",
    "role",
    "status",
    "quota",
    "is_admin",
    "is_active",
    "created_at",
];

/// Every route that takes JSON: method, path with ids that nobody has, schema of the body.
fn routes(spec: &Value) -> Vec<(Method, String, Value)> {
    let mut routes = Vec::new();
    for (path, methods) in spec["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let contents = operation["requestBody"]["content"].as_object();
            let json = contents.and_then(|contents| {
                contents
                    .iter()
                    .find(|(kind, _)| kind.starts_with("application/json"))
            });
            if let Some((_, content)) = json {
                let segments = path.split('/').map(|part| match part.starts_with('{') {
                    true => UserId::new().to_string(),
                    false => part.to_owned(),
                });
                let path = segments.collect::<Vec<_>>().join("/");
                routes.push((
                    method.to_uppercase().parse().unwrap(),
                    path,
                    content["schema"].clone(),
                ));
            }
        }
    }
    routes
}

/// A schema with everything that it refers to.
fn resolved(spec: &Value, schema: &Value) -> Value {
    let mut whole = schema.as_object().unwrap().clone();
    let referred = schema["$ref"]
        .as_str()
        .map(|path| spec.pointer(&path[1..]).unwrap().clone());
    let all = schema["allOf"].as_array().cloned().unwrap_or_default();
    for part in referred.into_iter().chain(all) {
        whole.extend(resolved(spec, &part).as_object().unwrap().clone());
    }
    Value::Object(whole)
}

/// Bodies with `field` in each object that a schema knows, and the pointers to it.
fn with_field(spec: &Value, schema: &Value, field: &str) -> Vec<(Value, String)> {
    let schema = resolved(spec, schema);
    if schema["type"] == "array" {
        let inner = with_field(spec, &schema["items"], field).into_iter();
        return inner
            .map(|(body, pointer)| (json!([body]), format!("/0{pointer}")))
            .collect();
    }
    let Some(properties) = schema["properties"].as_object() else {
        return Vec::new();
    };
    let mut bodies = Vec::new();
    if !properties.contains_key(field) {
        bodies.push((json!({ field: "x" }), format!("/{field}")));
    }
    for (name, property) in properties {
        for (body, pointer) in with_field(spec, property, field) {
            bodies.push((json!({ name: body }), format!("/{name}{pointer}")));
        }
    }
    bodies
}

async fn send(who: &Client, method: &Method, path: &str, body: &Value) -> e2e::Answer {
    who.send(who.request(method.clone(), path).json(body)).await
}

on_both! {
    async fn a_field_that_nobody_declared_is_refused_with_its_place_on_every_route(mill: &Mill) {
        let admin = mill.with_role("admin").await;
        let spec: Value = admin.get("/openapi.json").await.status(200).json();
        let (mut refused, mut nested) = (0, 0);
        for (method, path, schema) in routes(&spec) {
            let bodies = with_field(&spec, &schema, "nobody_declared");
            assert!(!bodies.is_empty(), "{method} {path} takes anything: {schema}");
            for (body, pointer) in bodies {
                send(&admin, &method, &path, &body).await.refuses(&pointer);
                refused += 1;
                nested += usize::from(pointer.matches('/').count() > 1);
            }
        }
        assert!(refused > 20 && nested > 0, "{refused} bodies, {nested} of them deep");
    }

    async fn nobody_gives_themselves_what_only_docmill_gives(mill: &Mill) {
        let ada = mill.user().await;
        let spec: Value = ada.get("/openapi.json").await.status(200).json();
        let before = ada.get("/api/v1/me").await.status(200).json();
        let mut tried = 0;
        for (method, path, schema) in routes(&spec).into_iter().filter(|(_, path, _)| !path.contains("/admin/")) {
            for field in COVETED {
                for (body, pointer) in with_field(&spec, &schema, field) {
                    send(&ada, &method, &path, &body).await.refuses(&pointer);
                    tried += 1;
                }
            }
        }
        assert!(tried > 80, "{tried}");
        assert_eq!(ada.get("/api/v1/me").await.status(200).json(), before);
    }

    async fn a_text_that_no_database_can_store_is_refused_on_every_way_in(mill: &Mill) {
        let ada = mill.user().await;
        ada.post("/api/v1/chat", &json!({ "question": "who\0?" })).await.refuses("/question");
        ada.patch("/api/v1/me", &json!({ "full_name": "A\0" })).await.refuses("/full_name");
        let login = json!({ "email": "a\0@example.com", "password": "x" });
        mill.anybody().post("/api/v1/auth/login", &login).await.refuses("/email");
        ada.get("/api/v1/documents?q=a%00b").await.refuses("query:q");
        ada.get("/api/v1/jobs/%00").await.problem(404, "not_found");
        let admin = mill.with_role("admin").await;
        admin.get("/api/v1/admin/schedules/a%00").await.problem(404, "not_found");
        admin.get("/api/v1/admin/audit?action=%00").await.refuses("query:action");
    }
}
