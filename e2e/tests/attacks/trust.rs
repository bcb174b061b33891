//! Things that look like an access token and are none.

use e2e::{Client, Embedded, Settings};
use serde_json::json;

#[tokio::test]
async fn nothing_but_an_access_token_is_one() {
    let mill = Embedded::start(&Settings::new()).await;
    let ada = mill.user().await;
    let token = ada.token();
    let refresh = ada.session["refresh_token"].as_str().unwrap();
    let wish = json!({ "name": "x", "scopes": ["account:read"] });
    let made = ada.post("/api/v1/me/keys", &wish).await.status(201).json();
    let key = made["key"].as_str().unwrap();
    let (head, footer) = token.rsplit_once('.').unwrap();
    let payload = head.strip_prefix("v4.local.").unwrap();
    let _ = ada.get("/api/v1/me").await.status(200);
    for (what, token) in [
        ("a refresh token", refresh.to_owned()),
        (
            "a JWT that nobody has signed",
            "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJhZG1pbiIsInJvbGUiOiJhZG1pbiIsImV4cCI6NDEwMjQ0NDgwMH0.".to_owned(),
        ),
        ("another version", format!("v3.local.{payload}.{footer}")),
        ("another purpose", format!("v4.public.{payload}.{footer}")),
        ("no purpose", format!("v4..{payload}.{footer}")),
        ("no footer", format!("v4.local.{payload}")),
        ("a key named by a path", format!("v4.local.{payload}.eyJraWQiOiIuLi8uLi9ldGMvcGFzc3dkIn0")),
        ("a footer too many", format!("{token}.{footer}")),
        ("capital letters", token.to_uppercase()),
        ("a changed end", format!("v4.local.{}AAAA.{footer}", &payload[..payload.len() - 4])),
        ("a changed beginning", format!("v4.local.AAAA{}.{footer}", &payload[4..])),
        ("half of it", token[..token.len() / 2].to_owned()),
        ("twice", format!("{token} {token}")),
        ("a key with a letter more", format!("{key}A")),
        ("a key without its checksum", key[..key.len() - 6].to_owned()),
    ] {
        let answer = ada.with_token(&token).get("/api/v1/me").await;
        assert_eq!(answer.status, 401, "{what} is believed: {}", answer.text());
        answer.problem(401, "unauthenticated");
    }
    // Nor is one of the others a refresh token.
    for other in [token, key, &refresh.to_uppercase(), &format!("{refresh}A")] {
        let body = json!({ "refresh_token": other });
        mill.anybody()
            .post("/api/v1/auth/refresh", &body)
            .await
            .problem(401, "unauthenticated");
    }
    let again = json!({ "email": ada.email(), "password": Client::password() });
    let _ = mill
        .anybody()
        .post("/api/v1/auth/login", &again)
        .await
        .status(200);
}
