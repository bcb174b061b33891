//! Sessions of browsers: a cookie that no script can read, and what has to come beside it before anything is changed.
//!
//! A browser sends its cookie with every request to us, whichever site made it ask. So a request that changes something is
//! believed only with the `Origin` of a page of ours, with a body that no form of another site can send, and with a token that
//! only our pages can know. Whoever shows a token in `Authorization` shows no cookie and needs none of this.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{BrowserCookie, SessionId};
use hmac::{Hmac, KeyInit, Mac};
use poem::Request;
use poem::http::{HeaderMap, HeaderName, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use super::access::Needs;
use super::settings::AuthSettings;
use crate::context::Api;
use crate::http::rates::Policy;
use crate::problem::{Code, Problem};
use crate::settings::HttpSettings;

/// The cookie's name. Browsers take one of this kind over TLS only, for this host only, and for all of it.
pub(crate) const COOKIE: &str = "__Host-docmill";
/// Its name where it may travel without TLS (`http.insecure_cookies`).
const INSECURE_COOKIE: &str = "docmill";
/// Where the token comes.
const CSRF_HEADER: HeaderName = HeaderName::from_static("x-csrf-token");
/// Where browsers say how near the page is that asks.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What has the browser keep its cookie, until it is closed. The session itself ends on the server.
pub(crate) fn keep(cookie: &BrowserCookie, settings: &HttpSettings) -> String {
    written(settings, cookie.expose().expose_secret(), "")
}

/// What has the browser forget its cookie.
pub(crate) fn forget(settings: &HttpSettings) -> String {
    written(settings, "", "; Max-Age=0")
}

fn written(settings: &HttpSettings, value: &str, more: &str) -> String {
    let (name, secure) = match settings.insecure_cookies {
        true => (INSECURE_COOKIE, ""),
        false => (COOKIE, "; Secure"),
    };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}")
}

/// Finds the cookie of a request that shows nothing else. It is looked at where somebody has to be known.
pub(crate) fn accept_cookie(request: &mut Request) {
    if request.headers().contains_key(header::AUTHORIZATION) {
        return;
    }
    let Some(api) = request.data::<Api>() else { return };
    let name = match api.http.insecure_cookies {
        true => INSECURE_COOKIE,
        false => COOKIE,
    };
    let Some(cookie) = cookie(request.headers(), name) else {
        return;
    };
    request.set_data(cookie);
    // Has the framework ask who it is. The word itself proves nothing.
    let word = HeaderValue::from_static("Bearer cookie");
    request.headers_mut().insert(header::AUTHORIZATION, word);
}

/// Of several cookies of the name none counts: nobody could say which of them is ours.
fn cookie(headers: &HeaderMap, name: &str) -> Option<BrowserCookie> {
    let lines = headers.get_all(header::COOKIE).iter();
    let mut values = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter_map(|(key, value)| (key == name).then_some(value));
    let value = values.next()?;
    match values.next() {
        Some(_) => None,
        None => BrowserCookie::parse(value).ok(),
    }
}

/// Whether a request that changes something comes from a page of our own, as far as can be told without knowing whose it is.
///
/// # Errors
/// With the problem to answer with.
pub(crate) fn check_page(api: &Api, request: &Request, needs: Needs) -> Result<(), Problem> {
    let refused = |detail: &str| Err(Problem::new(Code::CrossSite).detail(detail));
    let headers = request.headers();
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let (Some(origin), None) = (origins.next().and_then(|it| it.to_str().ok()), origins.next()) else {
        return refused("with a cookie, the header Origin has to say which page asks");
    };
    let listed = api.http.cors_credentials && api.http.cors_origins.iter().any(|site| site == origin);
    if !listed && !is_own(api, request, origin) {
        return refused("the page that asks (header Origin) is none of docmill's");
    }
    let site = headers.get(FETCH_SITE);
    if !listed && site.is_some_and(|site| site != "same-origin") {
        return refused("the browser says that another site asks (header Sec-Fetch-Site)");
    }
    // Files come as they are; everything else is JSON, which no form can send.
    let path = request.uri().path();
    let takes_files =
        path == "/documents" || (path.starts_with("/documents/") && path.ends_with("/versions"));
    let is_upload = needs.policy(request) == Policy::Submit && takes_files;
    let kind = headers.get(header::CONTENT_TYPE);
    let is_json = kind.and_then(|kind| kind.to_str().ok()).is_some_and(|kind| {
        let essence = kind.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/json")
    });
    let is_empty = kind.is_none()
        && !headers.contains_key(header::TRANSFER_ENCODING)
        && headers
            .get(header::CONTENT_LENGTH)
            .is_none_or(|length| length == "0");
    if is_upload || is_json || is_empty {
        return Ok(());
    }
    refused("with a cookie, a body has to be application/json")
}

/// Whether the request shows the token of its session.
///
/// # Errors
/// With the problem to answer with.
pub(crate) fn check_token(api: &Api, request: &Request, session: SessionId) -> Result<(), Problem> {
    let shown = request.headers().get(&CSRF_HEADER);
    if shown.is_some_and(|shown| api.csrf.accepts(session, shown.as_bytes())) {
        return Ok(());
    }
    Err(Problem::new(Code::CrossSite)
        .detail("with a cookie, the header X-CSRF-Token has to have the token of the session"))
}

/// Whether an origin is where the request went to, or where people are told to reach docmill.
fn is_own(api: &Api, request: &Request, origin: &str) -> bool {
    let public = api.mail.public_url.as_str();
    let rest = public.strip_prefix(origin);
    if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) && origin.contains("://") {
        return true;
    }
    let Some(host) = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
    else {
        return false;
    };
    let host_of = |scheme: &str| {
        origin
            .strip_prefix(scheme)
            .is_some_and(|it| it.eq_ignore_ascii_case(host))
    };
    // A proxy that ends TLS and that nobody trusts says nothing of it; then either will do.
    host_of("https://") || (host_of("http://") && !api.proxies.is_secure(request))
}

/// Makes the tokens of sessions, which follow from the session and a key of the settings: every replica knows them, and
/// nothing is stored.
pub(crate) struct CsrfKeys(Vec<Hmac<Sha256>>);

impl CsrfKeys {
    /// With the keys of the settings.
    pub(crate) fn derive(settings: &AuthSettings) -> Self {
        let derived = settings.keys.iter().map(|key| {
            let mut mac = mac(key.expose_secret().as_bytes());
            mac.update(b"docmill token of a browser session");
            self::mac(&mac.finalize().into_bytes())
        });
        Self(derived.collect())
    }

    /// The token for the pages of a session.
    pub(crate) fn token(&self, session: SessionId) -> SecretString {
        let newest = self
            .0
            .first()
            .expect("there is a key, or there would be no tokens");
        let mut mac = newest.clone();
        mac.update(session.uuid().as_bytes());
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()).into()
    }

    fn accepts(&self, session: SessionId, shown: &[u8]) -> bool {
        let Ok(shown) = URL_SAFE_NO_PAD.decode(shown) else {
            return false;
        };
        self.0.iter().any(|key| {
            let mut mac = key.clone();
            mac.update(session.uuid().as_bytes());
            mac.verify_slice(&shown).is_ok()
        })
    }
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::auth::keys::generate_key;

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    fn value_of(cookie: &str) -> String {
        let (_, rest) = cookie.split_once('=').unwrap();
        rest.split(';').next().unwrap().to_owned()
    }

    #[test]
    fn a_cookie_is_found_by_its_exact_name_and_once_only() {
        let secure = HttpSettings::default();
        let made = BrowserCookie::draw(getrandom::fill);
        let kept = keep(&made, &secure);
        assert!(
            kept.starts_with("__Host-docmill=dms_")
                && kept.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure")
        );
        let value = value_of(&kept);
        let found = |lines: &[&str]| cookie(&headers(lines), COOKIE).map(|it| it.hash());
        assert_eq!(found(&[&format!("a=b; {COOKIE}={value}")]), Some(made.hash()));
        assert_eq!(
            found(&["a=b", &format!("{COOKIE}={value};c=d")]),
            Some(made.hash())
        );
        for other in [
            format!("docmill={value}"),
            format!("x{COOKIE}={value}"),
            format!("{COOKIE}={value}A"),
            format!("{COOKIE}=dmr_{}", &value[4..]),
            format!("{COOKIE}={value}; {COOKIE}={value}"),
            format!("{COOKIE}="),
        ] {
            assert_eq!(found(&[&other]), None, "{other}");
        }
        let near = HttpSettings {
            insecure_cookies: true,
            ..HttpSettings::default()
        };
        assert!(keep(&made, &near).starts_with("docmill=") && !keep(&made, &near).contains("Secure"));
        assert_eq!(
            forget(&secure),
            "__Host-docmill=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0"
        );
        assert!(!format!("{made:?}").contains(&value[4..]));
    }

    #[test]
    fn a_token_is_good_for_its_session_only_and_outlives_a_change_of_keys() {
        let settings = |keys: &[&SecretString]| AuthSettings {
            keys: keys.iter().map(|key| (*key).clone()).collect(),
            ..AuthSettings::default()
        };
        let (old, new) = (generate_key(), generate_key());
        let (session, other) = (SessionId::new(), SessionId::new());
        let before = CsrfKeys::derive(&settings(&[&old]));
        let during = CsrfKeys::derive(&settings(&[&new, &old]));
        let after = CsrfKeys::derive(&settings(&[&new]));
        let token = before.token(session);
        let shown = token.expose_secret().as_bytes();
        assert!(before.accepts(session, shown) && during.accepts(session, shown));
        assert!(!after.accepts(session, shown) && !before.accepts(other, shown));
        assert!(!before.accepts(session, b"") && !before.accepts(session, &shown[1..]));
    }

    proptest! {
        #[test]
        fn no_header_of_cookies_does_harm(line in "[ -~]{0,200}") {
            let _ = cookie(&headers(&[&line]), COOKIE);
            let ours = format!("{COOKIE}={line}");
            let found = cookie(&headers(&[&ours]), COOKIE).is_some();
            prop_assert!(!found || line.starts_with(BrowserCookie::PREFIX), "{}", ours);
        }
    }
}
