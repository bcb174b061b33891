//! What browsers are told: which other sites may use the API with scripts (CORS), and how careful to be with what it answers.

use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};

use crate::settings::HttpSettings;

/// Headers of answers that scripts of other sites may read.
const EXPOSED: &str =
    "etag, idempotency-replayed, link, location, ratelimit, ratelimit-policy, retry-after, x-request-id";
/// Headers that they may send.
const ALLOWED: &str = "authorization, content-type, idempotency-key, if-none-match, prefer, range, traceparent, \
     x-api-key, x-csrf-token";
const METHODS: &str = "DELETE, GET, HEAD, PATCH, POST, PUT";
/// Seconds that a browser need not ask again.
const REMEMBERED: &str = "600";

/// For answers that are data: nothing in them is to be run, shown inside another page, or fetched.
const DATA_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// For our own two pages, whose scripts and styles are in the page.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);
/// Half a year, as is asked of sites before they are listed.
const SECURE_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=15552000; includeSubDomains");

/// Writes what every answer says to browsers. What a route has said itself stays.
pub(crate) fn write_careful(headers: &mut HeaderMap, path: &str, secure: bool) {
    let is_page = matches!(path.trim_end_matches('/'), "/docs" | "/problems");
    let policy = if is_page { PAGE_POLICY } else { DATA_POLICY };
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        // The filter that this once switched on could be abused; 0 is what browsers that still have it should hear.
        (header::X_XSS_PROTECTION, "0"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        let name = HeaderName::from_static("cross-origin-resource-policy");
        headers.insert(name, HeaderValue::from_static("same-origin"));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("private, no-store"));
    // Over plain HTTP it must not be said (RFC 6797, section 7.2).
    if secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, SECURE_TRANSPORT);
    }
}

/// The site that a request comes from, if it is another one and may use the API.
pub(crate) struct AllowedOrigin {
    origin: HeaderValue,
    credentials: bool,
}

impl AllowedOrigin {
    /// The site of a request; `None` when none is named, or one that is not on the list. Such a request is answered like every
    /// other one, and the browser keeps the answer from the site.
    pub(crate) fn of(settings: &HttpSettings, request: &Request) -> Option<Self> {
        let origin = request.headers().get(header::ORIGIN)?;
        let text = origin.to_str().ok()?;
        let listed = |entry: &String| entry == text || entry == "*";
        settings.cors_origins.iter().any(listed).then(|| Self {
            origin: origin.clone(),
            credentials: settings.cors_credentials,
        })
    }

    /// Lets scripts of the site read the answer.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, self.origin.clone());
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(EXPOSED),
        );
        if self.credentials {
            let yes = HeaderValue::from_static("true");
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        }
    }
}

/// The answer to a browser that asks, before the request itself, whether it may send it.
pub(crate) fn preflight(request: &Request, origin: Option<&AllowedOrigin>) -> Option<Response> {
    origin?;
    let asks = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    asks.then(|| {
        Response::builder()
            .status(StatusCode::NO_CONTENT)
            .header(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS)
            .header(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED)
            .header(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED)
            .finish()
    })
}

/// What is wrong with the list of sites, if anything.
pub(crate) fn problems(settings: &HttpSettings) -> Vec<String> {
    let mut problems = Vec::new();
    for origin in &settings.cors_origins {
        if origin == "*" {
            if settings.cors_credentials {
                let problem = "cors_origins: must not have * while cors_credentials is set: any site could act for its visitors";
                problems.push(problem.to_owned());
            }
        } else if !is_origin(origin) {
            problems.push(
                "cors_origins: must have sites such as https://app.example.com, without a path or a slash at the end"
                    .to_owned(),
            );
        }
    }
    problems
}

fn is_origin(text: &str) -> bool {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte);
    host.is_some_and(|host| !host.is_empty() && host.bytes().all(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(origins: &[&str], credentials: bool) -> HttpSettings {
        HttpSettings {
            cors_origins: origins.iter().map(|it| (*it).to_owned()).collect(),
            cors_credentials: credentials,
            ..HttpSettings::default()
        }
    }

    #[test]
    fn a_list_of_sites_has_only_sites() {
        for good in [
            &["https://app.example.com"][..],
            &["http://localhost:3000", "http://[::1]:8080"],
            &["*"],
            &[],
        ] {
            assert_eq!(problems(&settings(good, false)), Vec::<String>::new());
        }
        for bad in [
            "https://app.example.com/",
            "app.example.com",
            "https://",
            "null",
            "https://*.example.com",
            "file://x",
        ] {
            assert_eq!(problems(&settings(&[bad], true)).len(), 1, "{bad}");
        }
        assert_eq!(problems(&settings(&["https://a.example", "*"], true)).len(), 1);
    }

    #[test]
    fn only_a_listed_site_is_allowed_and_by_its_exact_name() {
        let settings = settings(&["https://app.example.com"], true);
        let from = |origin: &'static str| {
            let request = Request::builder().header("origin", origin).finish();
            AllowedOrigin::of(&settings, &request).is_some()
        };
        assert!(from("https://app.example.com"));
        for other in [
            "http://app.example.com",
            "https://app.example.com:444",
            "https://app.example.com.evil.example",
            "https://evil-app.example.com",
            "null",
            "",
        ] {
            assert!(!from(other), "{other}");
        }
        assert!(
            AllowedOrigin::of(
                &HttpSettings::default(),
                &Request::builder().header("origin", "*").finish()
            )
            .is_none()
        );
    }
}
