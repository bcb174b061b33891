//! Headers whose form somebody else defined: traceparent, Idempotency-Key, If-None-Match. And Docmill-Password, which may
//! be any text.

use domain::limits;
use poem::http::HeaderMap;
use secrecy::SecretString;

use crate::problem::{Code, Problem};

/// Longer keys are no names but payloads.
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// The client's own name for a request: a structured-field string as the IETF draft wants it, or a bare token as many
/// clients send it.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let refused = || {
        let rule =
            format!("must be 1 to {IDEMPOTENCY_KEY_BYTES_MAX} visible characters, quoted or without quotes");
        Problem::invalid("header:Idempotency-Key", rule)
    };
    let text = value.to_str().map_err(|_| refused())?.trim();
    let key = match text.strip_prefix('"') {
        Some(rest) => rest
            .strip_suffix('"')
            .filter(|key| !key.contains(['"', '\\']))
            .ok_or_else(refused)?,
        None => text,
    };
    let visible = key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    if key.is_empty() || key.len() > IDEMPOTENCY_KEY_BYTES_MAX || !visible {
        return Err(refused());
    }
    Ok(Some(key.to_owned()))
}

/// The password that opens the documents of a request. It comes as UTF-8, in a header because addresses end up in logs.
pub(crate) fn document_password(headers: &HeaderMap) -> Result<Option<SecretString>, Problem> {
    let Some(value) = headers.get("docmill-password") else {
        return Ok(None);
    };
    password(value.as_bytes().to_vec())
        .map(Some)
        .ok_or_else(|| Problem::invalid("header:Docmill-Password", PASSWORD_RULE))
}

/// What a password must be.
pub(crate) const PASSWORD_RULE: &str = "must be 1 to 1024 bytes of UTF-8";

/// A password from its bytes; `None` when it breaks the rule.
pub(crate) fn password(bytes: Vec<u8>) -> Option<SecretString> {
    let fits = (1..=limits::DOCUMENT_PASSWORD_BYTES_MAX).contains(&bytes.len());
    let password = String::from_utf8(bytes).ok().filter(|_| fits)?;
    Some(password.into())
}

/// The trace that a request belongs to (W3C Trace Context, version 00), if it is well formed.
pub(crate) fn trace_parent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = text.split('-');
    let hexadecimal = |part: Option<&str>, length: usize| {
        part.filter(|part| {
            part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        })
        .is_some_and(|part| length == 2 || part.bytes().any(|byte| byte != b'0'))
    };
    let well_formed = parts.next() == Some("00")
        && hexadecimal(parts.next(), 32)
        && hexadecimal(parts.next(), 16)
        && hexadecimal(parts.next(), 2)
        && parts.next().is_none();
    well_formed.then(|| text.to_owned())
}

/// Whether the client wants nothing that was made before (`Cache-Control: no-cache` or `no-store`; RFC 9111, section 5.2.1).
pub(crate) fn refuses_stored(headers: &HeaderMap) -> bool {
    headers
        .get_all("cache-control")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|word| matches!(word.trim().to_ascii_lowercase().as_str(), "no-cache" | "no-store"))
}

/// Whether the client holds the version called `etag` already (RFC 9110, section 13.1.2).
pub(crate) fn holds(if_none_match: Option<&str>, etag: &str) -> bool {
    let Some(held) = if_none_match else { return false };
    held.split(',')
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == "*" || tag == etag)
}

/// Whether a change is meant for the version called `etag` (RFC 9110, section 13.1.1): compared strongly, so that a weak tag
/// never is it.
pub(crate) fn means(if_match: &str, etag: &str) -> bool {
    if_match
        .split(',')
        .map(str::trim)
        .any(|tag| tag == "*" || tag == etag)
}

/// Whether a change that has to say which version it is for is meant for the one called `etag`.
///
/// # Errors
/// When it does not say so, or is meant for another version.
pub(crate) fn check_version(if_match: Option<&str>, etag: &str) -> Result<(), Problem> {
    let Some(if_match) = if_match else {
        let rule = "send the ETag of the version that you have seen in If-Match";
        return Err(Problem::new(Code::PreconditionRequired)
            .detail(rule)
            .error("header:If-Match", rule));
    };
    if means(if_match, etag) {
        Ok(())
    } else {
        Err(changed_meanwhile())
    }
}

/// The answer to a change that is meant for an earlier version.
pub(crate) fn changed_meanwhile() -> Problem {
    Problem::new(Code::PreconditionFailed)
        .detail("it was changed meanwhile; look at it again and decide anew")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use poem::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn key(value: &'static str) -> Result<Option<String>, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert("idempotency-key", value.parse().unwrap());
        idempotency_key(&headers)
    }

    #[test]
    fn a_key_comes_with_or_without_quotes() {
        assert_eq!(key("\"order-17\"").unwrap().as_deref(), Some("order-17"));
        assert_eq!(key("0192f1d0-7c5a").unwrap().as_deref(), Some("0192f1d0-7c5a"));
        assert_eq!(idempotency_key(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        for value in ["", "\"\"", "\"open", "a b", "a\"b", "\"a\\\"b\""] {
            assert!(key(value).is_err(), "{value}");
        }
        let mut headers = HeaderMap::new();
        headers.insert("idempotency-key", "x".repeat(256).parse().unwrap());
        assert!(idempotency_key(&headers).is_err());
    }

    #[test]
    fn a_password_is_any_text_within_its_bounds_and_is_not_shown() {
        let password = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(
                "docmill-password",
                poem::http::HeaderValue::from_bytes(value).unwrap(),
            );
            document_password(&headers)
        };
        let given = password("Obstgarten 7ü".as_bytes()).unwrap().unwrap();
        assert_eq!(secrecy::ExposeSecret::expose_secret(&given), "Obstgarten 7ü");
        assert!(!format!("{given:?}").contains("Obst"));
        for refused in [b"".as_slice(), b"\xFF\xFE", &[b'x'; 1025]] {
            assert!(password(refused).is_err());
        }
        assert!(document_password(&HeaderMap::new()).unwrap().is_none());
    }

    #[test]
    fn only_a_well_formed_trace_is_joined() {
        let trace = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", value.parse().unwrap());
            trace_parent(&headers)
        };
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(trace(good).as_deref(), Some(good));
        for bad in [
            "",
            "00-0-0-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert_eq!(trace(bad), None, "{bad}");
        }
    }

    #[test]
    fn stored_results_can_be_refused() {
        let refused = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("cache-control", value.parse().unwrap());
            refuses_stored(&headers)
        };
        assert!(refused("no-cache") && refused("max-age=0, No-Cache") && refused("no-store"));
        assert!(!refused("max-age=0") && !refused("no-cached"));
        assert!(!refuses_stored(&HeaderMap::new()));
    }

    #[test]
    fn a_change_is_meant_for_exactly_one_version() {
        assert!(means("\"1\", \"2\"", "\"2\""));
        assert!(means("*", "\"2\""));
        assert!(!means("W/\"2\"", "\"2\""));
        assert!(!means("2", "\"2\""));
    }

    #[test]
    fn a_held_version_is_recognised_in_a_list() {
        assert!(holds(Some("\"a\", W/\"b\""), "\"b\""));
        assert!(holds(Some("*"), "\"b\""));
        assert!(!holds(Some("\"a\""), "\"b\""));
        assert!(!holds(None, "\"b\""));
    }

    proptest! {
        #[test]
        fn whatever_a_header_says_is_refused_or_within_its_rule(bytes in prop::collection::vec(32_u8.., 0..400)) {
            let mut headers = HeaderMap::new();
            for name in ["idempotency-key", "traceparent", "docmill-password"] {
                if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                    headers.insert(name, value);
                }
            }
            if let Ok(Some(key)) = idempotency_key(&headers) {
                prop_assert!((1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len()));
                prop_assert!(key.bytes().all(|byte| byte.is_ascii_graphic()));
            }
            prop_assert!(trace_parent(&headers).is_none_or(|trace| trace.len() == 55));
            if let Ok(Some(password)) = document_password(&headers) {
                let length = secrecy::ExposeSecret::expose_secret(&password).len();
                prop_assert!((1..=limits::DOCUMENT_PASSWORD_BYTES_MAX).contains(&length));
            }
        }

        #[test]
        fn a_trace_is_joined_as_it_was_given(trace in "00-[1-9a-f]{32}-[1-9a-f]{16}-[0-9a-f]{2}") {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", trace.parse().unwrap());
            prop_assert_eq!(trace_parent(&headers), Some(trace));
        }
    }
}
