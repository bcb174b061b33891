//! Sessions of browsers: a cookie proves who asks, and only pages of docmill may change anything with it.

use e2e::{Answer, Client, Mill};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::on_both;

const COOKIE: &str = "__Host-docmill";
const EVIL: &str = "https://evil.example";

/// A browser that is logged in, at one API.
struct Browser {
    http: Client,
    cookie: String,
    token: String,
}

impl Browser {
    /// A request as a page of docmill's own makes it.
    fn page(&self, method: Method, path: &str) -> RequestBuilder {
        self.plain(method, path)
            .header("origin", self.http.origin())
            .header("sec-fetch-site", "same-origin")
            .header("x-csrf-token", &self.token)
    }

    /// A request with the cookie, and nothing else.
    fn plain(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, &format!("/api/v1{path}"))
            .header("cookie", &self.cookie)
    }

    async fn get(&self, path: &str) -> Answer {
        self.http.send(self.plain(Method::GET, path)).await
    }

    async fn name(&self) -> Value {
        self.get("/me").await.status(200).json()["full_name"].clone()
    }
}

/// Somebody who asks one API only, as a browser does.
fn visitor(mill: &Mill) -> Client {
    Client::anonymous(&mill.bases()[..1])
}

fn login(http: &Client, email: &str) -> RequestBuilder {
    http.request(Method::POST, "/api/v1/auth/browser/login")
        .header("origin", http.origin())
        .json(&json!({ "email": email, "password": Client::password() }))
}

/// The cookie that an answer sets, as the browser sends it, and its attributes.
fn cookie_of(answer: &Answer) -> (String, Vec<String>) {
    let line = answer.header("set-cookie").unwrap();
    let mut parts = line.split("; ").map(str::to_owned);
    (parts.next().unwrap(), parts.collect())
}

async fn logged_in(mill: &Mill, email: &str) -> Browser {
    let http = visitor(mill);
    let answer = http.send(login(&http, email)).await.status(200);
    let token = answer.json()["csrf_token"].as_str().unwrap().to_owned();
    let (cookie, _) = cookie_of(&answer);
    Browser { http, cookie, token }
}

on_both! {
    async fn a_browser_gets_a_cookie_and_no_token_that_a_script_could_take(mill: &Mill) {
        let ada = mill.user().await;
        let http = visitor(mill);
        let answer = http.send(login(&http, ada.email())).await.status(200);
        let (cookie, mut attributes) = cookie_of(&answer);
        attributes.sort();
        assert_eq!(attributes, ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]);
        let secret = cookie.strip_prefix("__Host-docmill=dms_").unwrap();
        let body = answer.text();
        for taken in [secret, "access_token", "refresh_token"] {
            assert!(!body.contains(taken), "{body}");
        }
        let browser = Browser { http, cookie: cookie.clone(), token: answer.json()["csrf_token"].as_str().unwrap().to_owned() };
        let me = browser.get("/me").await.status(200).json();
        assert_eq!(me["email"], ada.session["user"]["email"]);
        // A page that was just loaded asks for its token; a program has none.
        let session = browser.get("/auth/browser/session").await.status(200).json();
        assert_eq!(session["csrf_token"], json!(browser.token));
        ada.get("/api/v1/auth/browser/session").await.problem(404, "not_found");
        let sessions = browser.get("/me/sessions").await.status(200).json();
        let current: Vec<bool> = sessions["items"].as_array().unwrap().iter().map(|it| it["current"] == true).collect();
        assert_eq!(current, [true, false]);
        // The secret of the cookie is good for nothing else, and no other name of it is.
        let bearer = browser.http.with_token(&format!("dms_{secret}"));
        bearer.get("/api/v1/me").await.problem(401, "unauthenticated");
        browser.http.with_token("cookie").get("/api/v1/me").await.problem(401, "unauthenticated");
        let refresh = json!({ "refresh_token": format!("dmr_{secret}") });
        browser.http.post("/api/v1/auth/refresh", &refresh).await.problem(401, "unauthenticated");
        let other_names = [format!("docmill=dms_{secret}"), format!("{cookie}; {cookie}"), format!("{COOKIE}=dms_")];
        for cookie in other_names {
            let answer = browser.http.get_with("/api/v1/me", "cookie", &cookie).await;
            answer.problem(401, "unauthenticated");
        }
        let stored: Vec<u8> = mill.everything_stored().await.into_iter().flat_map(|(_, bytes)| bytes).collect();
        assert!(!String::from_utf8_lossy(&stored).contains(secret));
    }

    async fn another_site_changes_nothing_with_the_cookie_of_its_visitor(mill: &Mill) {
        let ada = mill.user().await;
        let browser = logged_in(mill, ada.email()).await;
        let stranger = logged_in(mill, mill.user().await.email()).await;
        let (own, token) = (browser.http.origin().to_owned(), browser.token.clone());
        let change = || browser.plain(Method::PATCH, "/me");
        let with = |headers: &[(&str, &str)]| {
            headers.iter().fold(change(), |request, (name, value)| request.header(*name, *value))
        };
        let json_body = json!({ "full_name": "Eve" }).to_string();
        let json_type = ("content-type", "application/json");
        let here = ("origin", own.as_str());
        let good = ("x-csrf-token", token.as_str());
        let elsewhere = format!("{own}.evil.example");
        let table: Vec<(&str, RequestBuilder)> = vec![
            ("a form of another site", with(&[("origin", EVIL), ("content-type", "application/x-www-form-urlencoded")])),
            ("a script of another site", with(&[("origin", EVIL), json_type])),
            ("one that knows the token", with(&[("origin", EVIL), json_type, good])),
            ("a host that begins like ours", with(&[("origin", elsewhere.as_str()), json_type, good])),
            ("a page that hides itself", with(&[("origin", "null"), json_type, good])),
            ("no Origin", with(&[json_type, good])),
            ("two of them", with(&[here, ("origin", EVIL), json_type, good])),
            ("JSON as text", with(&[here, good, ("content-type", "text/plain")])),
            ("JSON as a form", with(&[here, good, ("content-type", "multipart/form-data; boundary=x")])),
            ("JSON as nothing", with(&[here, good])),
            ("JSON as nearly JSON", with(&[here, good, ("content-type", "text/plain; application/json")])),
            ("no token", with(&[here, json_type])),
            ("an empty token", with(&[here, json_type, ("x-csrf-token", "")])),
            ("a wrong token", with(&[here, json_type, ("x-csrf-token", &token[1..])])),
            ("the token of another session", with(&[here, json_type, ("x-csrf-token", stranger.token.as_str())])),
            ("the browser says cross-site", with(&[here, json_type, good, ("sec-fetch-site", "cross-site")])),
            ("the browser says same-site", with(&[here, json_type, good, ("sec-fetch-site", "same-site")])),
            ("the browser says nothing led there", with(&[here, json_type, good, ("sec-fetch-site", "none")])),
        ];
        for (what, request) in table {
            let answer = browser.http.send(request.body(json_body.clone())).await;
            assert_eq!((answer.status, &answer.json()["code"]), (403, &json!("cross_site")), "{what}: {answer:?}");
        }
        // Without a body there is nothing to tell a form by but the rest.
        let empty = |path: &str| browser.plain(Method::POST, path).header("origin", EVIL).header("x-csrf-token", &token);
        browser.http.send(empty("/auth/logout?all=true")).await.problem(403, "cross_site");
        let upload = browser.http.form("", &[("a.txt", b"x")]).header("cookie", &browser.cookie).header("origin", own.as_str());
        browser.http.send(upload).await.problem(403, "cross_site");
        assert_eq!(browser.name().await, Value::Null, "nothing was done");
        assert_eq!(ada.jobs().await, Vec::<Value>::new());

        // And the same from a page of our own.
        let _ = browser.http.send(with(&[here, json_type, good]).body(json_body)).await.status(200);
        assert_eq!(browser.name().await, "Eve");
        let upload = browser.http.form("", &[("a.txt", b"Words of worth.")]).header("cookie", &browser.cookie);
        let upload = upload.header("origin", own.as_str()).header("x-csrf-token", &token);
        let _ = browser.http.send(upload).await.status(202);
        // Whoever shows a token in Authorization needs none of it, whatever cookies come along.
        let both = ada.request(Method::PATCH, "/api/v1/me").header("cookie", &browser.cookie).header("origin", EVIL);
        let _ = ada.send(both.json(&json!({ "full_name": "Ada" }))).await.status(200);
    }

    async fn reading_with_a_cookie_changes_nothing(mill: &Mill) {
        let ada = mill.user().await;
        let browser = logged_in(mill, ada.email()).await;
        let _ = ada.post("/api/v1/me/keys", &json!({ "name": "x", "scopes": ["jobs:read"] })).await.status(201);
        let things = async || {
            let mut seen = Vec::new();
            for path in ["/me", "/me/keys", "/me/sessions", "/jobs", "/conversations", "/usage"] {
                let mut body = ada.get(&format!("/api/v1{path}")).await.status(200).json();
                // That somebody asked is noted with the session; it is no change.
                for item in body["items"].as_array_mut().into_iter().flatten() {
                    item.as_object_mut().unwrap().retain(|key, _| key != "last_used_at" && key != "expires_at");
                }
                seen.push(body);
            }
            seen
        };
        let before = things().await;
        let spec: Value = ada.get("/openapi.json").await.status(200).json();
        let mut asked = 0;
        for (path, methods) in spec["paths"].as_object().unwrap() {
            if methods.get("get").is_none() {
                continue;
            }
            let path = path.trim_start_matches("/api/v1");
            let path: Vec<&str> = path.split('/').map(|it| if it.starts_with('{') { "x" } else { it }).collect();
            let request = browser.plain(Method::GET, &path.join("/")).header("origin", EVIL);
            let answer = browser.http.send(request.header("sec-fetch-site", "cross-site")).await;
            assert!(answer.status < 500, "{answer:?}");
            assert_eq!(answer.header("access-control-allow-origin"), None);
            asked += 1;
        }
        assert!(asked > 20, "{asked}");
        assert_eq!(things().await, before);
    }

    async fn a_login_makes_a_new_session_whatever_the_browser_showed_before(mill: &Mill) {
        let ada = mill.user().await;
        let http = visitor(mill);
        // Somebody put a cookie of their choice into the browser.
        let chosen = format!("{COOKIE}=dms_{}", "A".repeat(43));
        let answer = http.send(login(&http, ada.email()).header("cookie", &chosen)).await.status(200);
        let (cookie, _) = cookie_of(&answer);
        assert_ne!(cookie, chosen);
        http.get_with("/api/v1/me", "cookie", &chosen).await.problem(401, "unauthenticated");
        // The session of somebody else who sat here ends with the next login.
        let eve = logged_in(mill, mill.user().await.email()).await;
        let answer = http.send(login(&http, ada.email()).header("cookie", &eve.cookie)).await.status(200);
        assert_ne!(cookie_of(&answer).0, eve.cookie);
        eve.get("/me").await.problem(401, "unauthenticated");
        let still = http.get_with("/api/v1/me", "cookie", &cookie).await.status(200).json();
        assert_eq!(still["email"], ada.session["user"]["email"]);
        // Nobody is logged in by another site, to an account of its choice.
        let body = json!({ "email": ada.email(), "password": Client::password() });
        let ask = || http.request(Method::POST, "/api/v1/auth/browser/login");
        http.send(ask().json(&body)).await.problem(403, "cross_site");
        http.send(ask().header("origin", EVIL).json(&body)).await.problem(403, "cross_site");
        let text = ask().header("origin", http.origin()).header("content-type", "text/plain").body(body.to_string());
        http.send(text).await.problem(415, "unsupported_media_type");
        let wrong = json!({ "email": ada.email(), "password": "wrong" });
        let answer = http.send(ask().header("origin", http.origin()).json(&wrong)).await;
        answer.problem(401, "invalid_credentials");
        assert_eq!(answer.header("set-cookie"), None);
    }

    async fn logging_out_ends_the_session_and_takes_the_cookie_away(mill: &Mill) {
        let ada = mill.user().await;
        let browser = logged_in(mill, ada.email()).await;
        browser.http.send(browser.plain(Method::POST, "/auth/logout")).await.problem(403, "cross_site");
        let answer = browser.http.send(browser.page(Method::POST, "/auth/logout")).await.status(204);
        let (cookie, attributes) = cookie_of(&answer);
        assert_eq!(cookie, format!("{COOKIE}="));
        assert!(attributes.contains(&"Max-Age=0".to_owned()) && attributes.contains(&"Secure".to_owned()));
        browser.get("/me").await.problem(401, "unauthenticated");
        // Sessions of programs have no cookie to lose.
        let answer = ada.post("/api/v1/auth/logout", &json!({})).await.status(204);
        assert_eq!(answer.header("set-cookie"), None);
    }
}
