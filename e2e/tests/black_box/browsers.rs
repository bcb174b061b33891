//! What browsers are told, and which other sites they may let in.

use e2e::{Embedded, Settings};
use reqwest::Method;

use crate::support::on_both;

const APP: &str = "https://app.example.com";

on_both! {
    async fn every_answer_keeps_browsers_careful(mill: &Mill) {
        let ada = mill.user().await;
        for path in ["/api/v1/me", "/nothing", "/openapi.json", "/api/v1/jobs?x=1"] {
            let answer = ada.get(path).await;
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("x-frame-options", "DENY"),
                ("referrer-policy", "no-referrer"),
                ("x-xss-protection", "0"),
                ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
                ("cross-origin-resource-policy", "same-origin"),
                ("cross-origin-opener-policy", "same-origin"),
                ("cache-control", "private, no-store"),
            ] {
                assert_eq!(answer.header(name), Some(value), "{path}: {name}");
            }
            assert!(answer.header("permissions-policy").is_some());
            // Nothing here came over TLS, and nobody who may say so has said it.
            assert_eq!(answer.header("strict-transport-security"), None);
        }
        let pretender = ada.get_with("/api/v1/me", "x-forwarded-proto", "https").await;
        assert_eq!(pretender.header("strict-transport-security"), None);
    }

    async fn no_other_site_is_let_in_unless_it_is_listed(mill: &Mill) {
        let ada = mill.user().await;
        for origin in [APP, "null", "http://localhost:3000"] {
            let answer = ada.get_with("/api/v1/me", "origin", origin).await.status(200);
            assert_eq!(answer.header("access-control-allow-origin"), None);
            let ask = mill.anybody().request(Method::OPTIONS, "/api/v1/me").header("origin", origin);
            let answer = ada.send(ask.header("access-control-request-method", "GET")).await;
            assert_eq!(answer.header("access-control-allow-origin"), None);
            assert!(answer.status >= 400, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_listed_site_may_use_the_api_and_read_what_it_needs() {
    let settings = Settings::new()
        .with("http.cors_origins", APP)
        .with("http.cors_credentials", "true");
    let mill = Embedded::start(&settings.with("http.trusted_proxies", "127.0.0.1")).await;
    let ada = mill.user().await;
    let ask = mill
        .anybody()
        .request(Method::OPTIONS, "/api/v1/documents")
        .header("origin", APP);
    let ask = ask.header("access-control-request-method", "POST");
    let answer = ada
        .send(ask.header("access-control-request-headers", "authorization, idempotency-key"))
        .await
        .status(204);
    assert_eq!(answer.header("access-control-allow-origin"), Some(APP));
    assert!(
        answer
            .header("access-control-allow-methods")
            .unwrap()
            .contains("POST")
    );
    for name in ["authorization", "idempotency-key", "content-type"] {
        assert!(
            answer
                .header("access-control-allow-headers")
                .unwrap()
                .contains(name),
            "{name}"
        );
    }
    let answer = ada.get_with("/api/v1/jobs", "origin", APP).await.status(200);
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(answer.header("vary"), Some("origin"));
    assert!(
        answer
            .header("access-control-expose-headers")
            .unwrap()
            .contains("x-request-id")
    );
    // Refusals are readable too, or nobody could tell why.
    let refused = mill.anybody().get_with("/api/v1/jobs", "origin", APP).await;
    refused.problem(401, "unauthenticated");
    assert_eq!(refused.header("access-control-allow-origin"), Some(APP));
    for other in ["https://app.example.com.evil.example", "http://app.example.com"] {
        assert_eq!(
            ada.get_with("/api/v1/jobs", "origin", other)
                .await
                .header("access-control-allow-origin"),
            None
        );
    }
    let secure = ada.get_with("/api/v1/me", "x-forwarded-proto", "https").await;
    assert!(
        secure
            .header("strict-transport-security")
            .unwrap()
            .starts_with("max-age=")
    );
}

#[tokio::test]
async fn strangers_find_no_documentation_page_in_production() {
    let mill = Embedded::start(&Settings::new().with("http.production", "true")).await;
    mill.anybody().get("/docs").await.problem(404, "not_found");
    let _ = mill.anybody().get("/openapi.json").await.status(200);
}
