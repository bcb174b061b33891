//! What every HTTP client meets: routes that are not there, limits, documentation, probes, metrics.

use std::collections::HashSet;

use domain::JobId;
use e2e::Mill;
use reqwest::Method;
use serde_json::Value;

use crate::support::on_both;

async fn fetch(url: &str) -> (u16, String) {
    let response = reqwest::get(url).await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

on_both! {
    async fn an_unknown_route_is_a_problem(mill: &Mill) {
        let ada = mill.user().await;
        for path in ["/nothing", "/api", "/api/v1", "/api/v1/nothing", "/api/v1/jobs/a/b/c", "/api/v2/jobs", "/docs/../x"] {
            ada.get(path).await.problem(404, "not_found");
        }
    }

    async fn a_wrong_method_is_a_problem(mill: &Mill) {
        let ada = mill.user().await;
        for (method, path) in [
            (Method::PUT, "/api/v1/jobs"),
            (Method::DELETE, "/api/v1/documents"),
            (Method::GET, "/api/v1/auth/login"),
            (Method::PUT, "/api/v1/me"),
            (Method::POST, "/livez"),
        ] {
            ada.send(ada.request(method, path)).await.problem(405, "method_not_allowed");
        }
    }

    async fn a_parameter_that_nobody_declared_is_refused_by_name(mill: &Mill) {
        let ada = mill.user().await;
        let spec: Value = ada.get("/openapi.json").await.status(200).json();
        let mut routes = 0;
        for (path, methods) in spec["paths"].as_object().unwrap() {
            let path = path.replace("{id}", &JobId::new().to_string());
            for method in methods.as_object().unwrap().keys().filter(|key| *key != "parameters") {
                let method: Method = method.to_uppercase().parse().unwrap();
                // A body that is never read does not matter.
                let misspelt = ada.request(method.clone(), &format!("{path}?limitt=5&wiat=1")).body("x");
                let answer = ada.send(misspelt).await;
                answer.refuses("query:limitt");
                answer.refuses("query:wiat");
                routes += 1;
            }
        }
        assert!(routes >= 14, "{routes} routes");
        let problem = ada.get("/api/v1/jobs?limitt=5").await.problem(400, "invalid_request");
        assert!(problem["detail"].as_str().unwrap().contains("it takes status, kind, limit, cursor"), "{problem}");
        // Outside the API there are no parameters to declare.
        let _ = ada.get("/livez?from=balancer").await.status(200);
    }

    async fn every_request_has_an_id_of_its_own(mill: &Mill) {
        let ada = mill.user().await;
        let mut ids = HashSet::new();
        for path in ["/api/v1/me", "/api/v1/me", "/nothing", "/livez"] {
            ids.insert(ada.get(path).await.header("x-request-id").unwrap().to_owned());
        }
        assert_eq!(ids.len(), 4);
    }

    async fn a_body_that_is_no_upload_is_small(mill: &Mill) {
        let anybody = mill.anybody();
        let large = format!("{{\"email\": \"{}\", \"password\": \"x\"}}", "a".repeat(70_000));
        let login = || anybody.request(Method::POST, "/api/v1/auth/login").header("content-type", "application/json");
        anybody.send(login().body(large.clone())).await.problem(413, "too_large");
        // Without a length, byte by byte as it comes.
        let chunks: Vec<std::io::Result<Vec<u8>>> = large.as_bytes().chunks(1000).map(|it| Ok(it.to_vec())).collect();
        let body = reqwest::Body::wrap_stream(futures::stream::iter(chunks));
        anybody.send(login().body(body)).await.problem(413, "too_large");
        let fits = format!("{{\"email\": \"{}\", \"password\": \"x\"}}", "a".repeat(60_000));
        anybody.send(login().body(fits)).await.problem(401, "invalid_credentials");
    }

    async fn the_api_describes_itself(mill: &Mill) {
        let anybody = mill.anybody();
        let docs = anybody.get("/docs").await.status(200);
        assert!(docs.header("content-type").unwrap().starts_with("text/html"));
        for words in ["x-required-scope", "documents:write", "Needs a login; API keys are refused."] {
            assert!(docs.text().contains(words), "{words}");
        }
        let spec: Value = anybody.get("/openapi.json").await.status(200).json();
        assert!(spec["openapi"].as_str().unwrap().starts_with("3."), "{}", spec["openapi"]);
        let paths = spec["paths"].as_object().unwrap();
        let (_, documents) = paths.iter().find(|(path, _)| path.ends_with("/documents")).unwrap();
        let upload = &documents["post"];
        let content = upload["requestBody"]["content"].as_object().unwrap();
        assert!(content.contains_key("multipart/form-data"), "{content:?}");
        assert!(content.contains_key("application/octet-stream"), "{content:?}");
        assert!(upload["responses"]["202"]["headers"].to_string().to_lowercase().contains("location"), "{upload}");
        assert!(!upload["security"].as_array().unwrap().is_empty());
        let mut operations: Vec<String> = Vec::new();
        for (path, methods) in paths {
            let methods = methods.as_object().unwrap().keys().filter(|key| *key != "parameters");
            operations.extend(methods.map(|method| format!("{method} {}", path.trim_start_matches("/api/v1"))));
        }
        operations.sort();
        let expected = [
            "delete /admin/schedules/{name}",
            "delete /admin/users/{id}/second-factor",
            "delete /conversations/{id}",
            "delete /documents/{id}",
            "delete /jobs/{id}",
            "delete /me/keys/{id}",
            "delete /me/sessions/{id}",
            "delete /searches/{id}",
            "get /admin/audit",
            "get /admin/audit/export",
            "get /admin/queues",
            "get /admin/schedules",
            "get /admin/schedules/{name}",
            "get /admin/schedules/{name}/runs",
            "get /admin/schedules/{name}/runs/{id}",
            "get /admin/tasks",
            "get /admin/tasks/{id}",
            "get /admin/tenants",
            "get /admin/tenants/{user_id}",
            "get /admin/usage",
            "get /admin/users",
            "get /admin/users/{id}",
            "get /admin/users/{id}/quota",
            "get /auth/browser/session",
            "get /conversations",
            "get /conversations/{id}",
            "get /conversations/{id}/messages",
            "get /documents",
            "get /documents/{id}",
            "get /documents/{id}/diff",
            "get /documents/{id}/original",
            "get /documents/{id}/parts",
            "get /documents/{id}/text",
            "get /documents/{id}/versions",
            "get /events",
            "get /events.ics",
            "get /formats",
            "get /jobs",
            "get /jobs/{id}",
            "get /me",
            "get /me/keys",
            "get /me/sessions",
            "get /searches",
            "get /searches/{id}",
            "get /searches/{id}/results",
            "get /todos",
            "get /todos/{id}",
            "get /usage",
            "patch /admin/schedules/{name}",
            "patch /admin/tenants/{user_id}",
            "patch /admin/users/{id}/quota",
            "patch /conversations/{id}",
            "patch /documents/{id}",
            "patch /me",
            "patch /me/keys/{id}",
            "patch /searches/{id}",
            "patch /todos/{id}",
            "post /admin/queues/{name}/pause",
            "post /admin/queues/{name}/resume",
            "post /admin/schedules",
            "post /admin/schedules/{name}/pause",
            "post /admin/schedules/{name}/resume",
            "post /admin/schedules/{name}/run",
            "post /admin/tasks/requeue",
            "post /admin/tasks/{id}/requeue",
            "post /admin/tenants/{user_id}/pause",
            "post /admin/tenants/{user_id}/resume",
            "post /admin/users/{id}/disable",
            "post /admin/users/{id}/enable",
            "post /admin/users/{id}/logout",
            "post /auth/browser/login",
            "post /auth/login",
            "post /auth/logout",
            "post /auth/password/forgot",
            "post /auth/password/reset",
            "post /auth/refresh",
            "post /auth/register",
            "post /auth/verify",
            "post /auth/verify/resend",
            "post /chat",
            "post /documents",
            "post /documents/{id}/reprocess",
            "post /documents/{id}/restore",
            "post /documents/{id}/versions",
            "post /jobs/{id}/cancel",
            "post /me/close",
            "post /me/email",
            "post /me/keys",
            "post /me/keys/{id}/rotate",
            "post /me/password",
            "post /me/second-factor",
            "post /me/second-factor/confirm",
            "post /me/second-factor/remove",
            "post /searches",
            "put /admin/users/{id}/role",
        ];
        assert_eq!(operations, expected);
    }

    async fn every_problem_is_explained(mill: &Mill) {
        let page = mill.anybody().get("/problems").await.status(200).text();
        for code in ["invalid_request", "unauthenticated", "not_found", "unsupported_media_type", "too_large", "quota_exceeded", "storage_quota", "internal"] {
            assert!(page.contains(&format!("id=\"{code}\"")), "{code}");
        }
    }

    async fn probes_are_on_every_process(mill: &Mill) {
        for base in mill.health() {
            for (path, status) in [("/livez", "alive"), ("/readyz", "ready"), ("/health", "ready"), ("/startupz", "started")] {
                let (code, body) = fetch(&format!("{base}{path}")).await;
                let report: Value = serde_json::from_str(&body).unwrap();
                assert_eq!((code, report["status"].as_str()), (200, Some(status)), "{base}{path}: {body}");
            }
        }
        let ready = mill.anybody().get("/readyz").await.status(200).json();
        assert_eq!((&ready["checks"]["database"], &ready["checks"]["schema"]), (&"ok".into(), &"ok".into()));
    }

    async fn metrics_are_beside_the_probes(mill: &Mill) {
        let ada = mill.user().await;
        let document = ada.processed("a.txt", b"a few words").await;
        let secrets = [ada.email(), ada.user_id(), document["id"].as_str().unwrap(), document["job_id"].as_str().unwrap()];
        let mut all = String::new();
        for base in mill.health() {
            let (code, metrics) = fetch(&format!("{base}/metrics")).await;
            assert_eq!(code, 200);
            assert!(metrics.contains("docmill_build_info{"), "{base}: {metrics}");
            assert!(secrets.iter().all(|secret| !metrics.contains(secret)), "{base}: {metrics}");
            all.push_str(&metrics);
        }
        for name in ["docmill_http_requests_total{", "docmill_tasks_finished_total{", "docmill_documents_accepted_total"] {
            assert!(all.contains(name), "{name} is missing in {all}");
        }
        let public = mill.anybody().get("/metrics").await;
        match mill {
            Mill::Embedded(_) => assert_eq!(public.status, 200),
            Mill::Fleet(_) => assert_eq!(public.status, 404, "metrics are not for the public"),
        }
    }
}
