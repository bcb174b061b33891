//! Who may see what.

use domain::{DocumentId, JobId};
use e2e::{Mill, texts};
use pasetors::keys::SymmetricKey;
use pasetors::token::UntrustedToken;
use pasetors::version4::{LocalToken, V4};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::on_both;

/// Everything that needs somebody to be logged in.
fn guarded() -> Vec<(Method, String)> {
    let (job, document) = (JobId::new(), DocumentId::new());
    vec![
        (Method::GET, "/api/v1/me".to_owned()),
        (Method::POST, "/api/v1/auth/logout".to_owned()),
        (Method::GET, "/api/v1/usage".to_owned()),
        (Method::GET, "/api/v1/jobs".to_owned()),
        (Method::GET, format!("/api/v1/jobs/{job}")),
        (Method::DELETE, format!("/api/v1/jobs/{job}")),
        (Method::POST, "/api/v1/documents".to_owned()),
        (Method::GET, "/api/v1/documents".to_owned()),
        (Method::GET, format!("/api/v1/documents/{document}")),
        (Method::GET, format!("/api/v1/documents/{document}/text")),
        (Method::GET, format!("/api/v1/documents/{document}/original")),
        (Method::DELETE, format!("/api/v1/documents/{document}")),
    ]
}

/// The key with which a mill makes access tokens.
fn key(mill: &Mill) -> SymmetricKey<V4> {
    let text = match mill {
        Mill::Embedded(embedded) => {
            std::fs::read_to_string(embedded.data().join("access-token.key")).unwrap()
        }
        Mill::Fleet(fleet) => fleet.settings.get("auth.keys").unwrap().to_owned(),
    };
    SymmetricKey::try_from(text.trim()).unwrap()
}

/// The same token, made again by somebody who has the key, with changed content.
fn made_again(key: &SymmetricKey<V4>, token: &str, change: impl FnOnce(&mut Value)) -> String {
    const ASSERTION: Option<&[u8]> = Some(b"docmill access token v1");
    let token = UntrustedToken::try_from(token).unwrap();
    let footer = token.untrusted_footer();
    let trusted = LocalToken::decrypt(key, &token, Some(footer), ASSERTION).unwrap();
    let mut payload: Value = serde_json::from_str(trusted.payload()).unwrap();
    change(&mut payload);
    LocalToken::encrypt(key, payload.to_string().as_bytes(), Some(footer), ASSERTION).unwrap()
}

on_both! {
    async fn nothing_works_without_a_good_token(mill: &Mill) {
        let ada = mill.user().await;
        let anybody = mill.anybody();
        let other = &ada.token()[..ada.token().len() - 20];
        for (method, path) in guarded() {
            let request = || anybody.request(method.clone(), &path).header("content-type", "application/octet-stream");
            let authorizations = [
                None,
                Some("Bearer".to_owned()),
                Some("Bearer garbage".to_owned()),
                Some(format!("Bearer {other}")),
                Some(format!("Bearer {}", "v4.local.".repeat(400))),
                Some(format!("Basic {}", ada.token())),
            ];
            for authorization in authorizations {
                let request = authorization.iter().fold(request(), |it, value| it.header("authorization", value));
                let answer = anybody.send(request).await;
                answer.problem(401, "unauthenticated");
                assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"), "{method} {path}");
            }
        }
    }

    async fn a_token_is_good_for_a_while_only(mill: &Mill) {
        let ada = mill.user().await;
        let key = key(mill);
        // Proves that the token below is refused for its time and for nothing else.
        let same = made_again(&key, ada.token(), |_| {});
        let _ = ada.with_token(&same).get("/api/v1/me").await.status(200);

        let expired = made_again(&key, ada.token(), |payload| payload["exp"] = json!("2020-01-01T00:00:00Z"));
        ada.with_token(&expired).get("/api/v1/me").await.problem(401, "unauthenticated");
        let early = made_again(&key, ada.token(), |payload| payload["nbf"] = json!("2100-01-01T00:00:00Z"));
        ada.with_token(&early).get("/api/v1/me").await.problem(401, "unauthenticated");
        let elsewhere = made_again(&key, ada.token(), |payload| payload["aud"] = json!("another-mill"));
        ada.with_token(&elsewhere).get("/api/v1/me").await.problem(401, "unauthenticated");
        // A role in a token is only a note; a session of somebody else is not one's own.
        let eve = mill.user().await;
        let borrowed = made_again(&key, ada.token(), |payload| payload["sub"] = eve.session["user"]["id"].clone());
        ada.with_token(&borrowed).get("/api/v1/me").await.problem(401, "unauthenticated");
    }

    async fn what_belongs_to_others_is_not_there(mill: &Mill) {
        let (ada, eve) = (mill.user().await, mill.user().await);
        let document = ada.processed("lighthouse.txt", texts::LIGHTHOUSE.as_bytes()).await;
        let (id, job) = (document["id"].as_str().unwrap(), document["job_id"].as_str().unwrap());
        for (method, path) in [
            (Method::GET, format!("/api/v1/jobs/{job}")),
            (Method::GET, format!("/api/v1/jobs/{job}?wait=30")),
            (Method::GET, format!("/api/v1/documents/{id}")),
            (Method::GET, format!("/api/v1/documents/{id}/text")),
            (Method::GET, format!("/api/v1/documents/{id}/original")),
        ] {
            let problem = eve.send(eve.request(method.clone(), &path)).await.problem(404, "not_found");
            // Nothing tells it from what never was.
            let never = path.replace(id, &DocumentId::new().to_string()).replace(job, &JobId::new().to_string());
            let unknown = eve.send(eve.request(method.clone(), &never)).await.problem(404, "not_found");
            assert_eq!(problem.get("detail"), unknown.get("detail"), "{method} {path}");
        }
        assert_eq!(eve.jobs().await, Vec::<Value>::new());
        let page = eve.get(&format!("/api/v1/documents?job_id={job}")).await.status(200).json();
        assert_eq!(page["items"], json!([]));
        // Deleting it does nothing, and is answered like deleting what was deleted before or never was.
        for path in [format!("/api/v1/documents/{id}"), format!("/api/v1/jobs/{job}")] {
            let theirs = eve.delete(&path).await.status(204);
            let never = path.replace(id, &DocumentId::new().to_string()).replace(job, &JobId::new().to_string());
            assert_eq!(eve.delete(&never).await.status(204).bytes(), theirs.bytes());
        }
        let mut still = ada.get(&format!("/api/v1/documents/{id}")).await.status(200).json();
        // Lists leave these out.
        for more in ["todos", "events"] {
            still.as_object_mut().unwrap().remove(more);
        }
        assert_eq!(still, document);
        // And all of it is still there.
        let _ = ada.get(document["links"]["original"].as_str().unwrap()).await.status(200);
    }

    async fn what_is_no_id_is_not_there(mill: &Mill) {
        let ada = mill.user().await;
        for id in ["1", "..%2f..", "%00", "'%20OR%201=1--"] {
            for path in ["/api/v1/jobs/ID", "/api/v1/documents/ID"] {
                ada.delete(&path.replace("ID", id)).await.problem(404, "not_found");
            }
        }
        for id in ["1", "x", "..%2f..", "%00", "00000000-0000-0000-0000-000000000000", "'%20OR%201=1--"] {
            for path in ["/api/v1/jobs/ID", "/api/v1/documents/ID", "/api/v1/documents/ID/text", "/api/v1/documents/ID/original"] {
                ada.get(&path.replace("ID", id)).await.problem(404, "not_found");
            }
        }
    }
}
