//! Logins that need a code beside the password.

use e2e::{Client, Embedded, Folder, Mill, Settings, docmill};
use serde_json::{Value, json};

use crate::support::on_both;
use crate::totp;

/// Somebody with a confirmed second factor, what the app was given, and the recovery codes.
async fn with_app(mill: &Mill) -> (Client, Value, Vec<String>) {
    let ada = mill.user().await;
    let made = ada
        .post(
            "/api/v1/me/second-factor",
            &json!({ "password": Client::password() }),
        )
        .await
        .status(200)
        .json();
    // The app's clock is behind: so there are two more codes to use before the next half minute.
    let body = json!({ "code": totp::code(&made, -1) });
    let answer = ada
        .post("/api/v1/me/second-factor/confirm", &body)
        .await
        .status(200)
        .json();
    let codes = answer["recovery_codes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap().to_owned());
    (ada, made, codes.collect())
}

async fn log_in(ada: &Client, code: Option<&str>) -> e2e::Answer {
    let login = json!({ "email": ada.email(), "password": Client::password(), "code": code });
    ada.post("/api/v1/auth/login", &login).await
}

on_both! {
    async fn a_login_needs_a_code_and_none_is_good_twice(mill: &Mill) {
        let (ada, made, _) = with_app(mill).await;
        assert_eq!(ada.get("/api/v1/me").await.status(200).json()["second_factor"], true);
        assert!(made["uri"].as_str().unwrap().starts_with("otpauth://totp/docmill:"));
        log_in(&ada, None).await.problem(401, "second_factor_required");
        for wrong in ["", "000000", "12345", "abcdef", "AAAA-AAAA-AAAA-AAAA"] {
            log_in(&ada, Some(wrong)).await.problem(401, "second_factor_required");
        }
        // Without the password nobody learns that there is a second factor.
        let login = json!({ "email": ada.email(), "password": "wrong", "code": totp::code(&made, 0) });
        ada.post("/api/v1/auth/login", &login).await.problem(401, "invalid_credentials");
        let code = totp::code(&made, 1);
        let _ = log_in(&ada, Some(&code)).await.status(200);
        log_in(&ada, Some(&code)).await.problem(401, "second_factor_required");
        // An earlier one is not good any more either.
        log_in(&ada, Some(&totp::code(&made, 0))).await.problem(401, "second_factor_required");
    }

    async fn a_recovery_code_is_good_once(mill: &Mill) {
        let (ada, _, codes) = with_app(mill).await;
        assert_eq!(codes.len(), 10);
        let _ = log_in(&ada, Some(&codes[0])).await.status(200);
        log_in(&ada, Some(&codes[0])).await.problem(401, "second_factor_required");
        let _ = log_in(&ada, Some(&codes[1].to_lowercase().replace('-', ""))).await.status(200);
        // And takes the second factor away for who has lost the app.
        let removal = |password: &str, code: &str| json!({ "password": password, "code": code });
        ada.post("/api/v1/me/second-factor/remove", &removal("wrong", &codes[2])).await.problem(403, "wrong_password");
        ada.post("/api/v1/me/second-factor/remove", &removal(Client::password(), &codes[0])).await.problem(403, "wrong_code");
        let _ = ada.post("/api/v1/me/second-factor/remove", &removal(Client::password(), &codes[2])).await.status(204);
        let _ = log_in(&ada, None).await.status(200);
    }

    async fn a_second_factor_counts_only_once_it_is_confirmed(mill: &Mill) {
        let ada = mill.user().await;
        ada.post("/api/v1/me/second-factor/confirm", &json!({ "code": "000000" })).await.problem(409, "second_factor_state");
        ada.post("/api/v1/me/second-factor", &json!({ "password": "wrong" })).await.problem(403, "wrong_password");
        let made = ada.post("/api/v1/me/second-factor", &json!({ "password": Client::password() })).await.status(200).json();
        ada.post("/api/v1/me/second-factor/confirm", &json!({ "code": "not a code" })).await.problem(403, "wrong_code");
        let _ = log_in(&ada, None).await.status(200);
        let body = json!({ "code": totp::code(&made, 0) });
        let _ = ada.post("/api/v1/me/second-factor/confirm", &body).await.status(200);
        ada.post("/api/v1/me/second-factor", &json!({ "password": Client::password() })).await.problem(409, "second_factor_state");
        log_in(&ada, None).await.problem(401, "second_factor_required");
    }
}

#[tokio::test]
async fn a_second_factor_outlives_a_change_of_keys_for_whoever_logs_in_meanwhile() {
    let folder = Folder::new();
    let key = async || {
        let made = docmill(folder.path(), &["generate-key"], &Settings::new()).await;
        made.success().stdout.trim().to_owned()
    };
    let keys = |keys: &str| Settings::new().with("auth.keys", keys);
    let (old, new) = (key().await, key().await);
    let mill = Mill::Embedded(Embedded::start(&keys(&old)).await);
    let (ada, adas_app, _) = with_app(&mill).await;
    let (eve, eves_app, codes) = with_app(&mill).await;
    let Mill::Embedded(mill) = mill else {
        unreachable!("it was made above")
    };

    let mill = mill.again_with(&keys(&format!("{new},{old}"))).await;
    let at = |user: &Client| mill.anybody().with_session(user.session.clone());
    let _ = log_in(&at(&ada), Some(&totp::code(&adas_app, 0)))
        .await
        .status(200);

    let mill = mill.again_with(&keys(&new)).await;
    let at = |user: &Client| mill.anybody().with_session(user.session.clone());
    let _ = log_in(&at(&ada), Some(&totp::code(&adas_app, 1)))
        .await
        .status(200);
    let problem = log_in(&at(&eve), Some(&totp::code(&eves_app, 1)))
        .await
        .problem(401, "second_factor_required");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("use a recovery code"),
        "{problem}"
    );
    let _ = log_in(&at(&eve), Some(&codes[0])).await.status(200);
}
