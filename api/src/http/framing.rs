//! How large the head of a request may be, and who says where its body ends.
//!
//! Whoever gets two servers to disagree about the end of a request has the second one read its body as a request of somebody
//! else. So a request that says it twice is refused; and behind a body in chunks nothing is read from the same connection,
//! for of a length that stands after `Transfer-Encoding` the library has told nobody.

use poem::Request;
use poem::http::{HeaderMap, header};

use crate::problem::{Code, Problem};

/// Bytes of the address and of all names and values together. Enough for a token, a trace and a long search.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Refuses a request whose head is too large, or which says twice where its body ends.
///
/// # Errors
/// With the problem to answer with. The connection has to be closed then: what comes next may not be a request.
pub(crate) fn check(request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    let fields: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    let address = request
        .uri()
        .path_and_query()
        .map_or(0, |address| address.as_str().len());
    if address + fields > HEAD_BYTES_MAX {
        let rule = format!("address and headers may have {HEAD_BYTES_MAX} bytes together");
        return Err(Problem::new(Code::HeadTooLarge).detail(rule));
    }
    if is_chunked(headers) && headers.contains_key(header::CONTENT_LENGTH) {
        let rule = "Content-Length and Transfer-Encoding both say where the body ends; give one of them";
        return Err(Problem::new(Code::InvalidRequest).detail(rule));
    }
    if headers.get_all(header::CONTENT_LENGTH).iter().count() > 1 {
        let rule = "Content-Length is there more than once";
        return Err(Problem::new(Code::InvalidRequest).detail(rule));
    }
    Ok(())
}

/// Whether the body comes in chunks.
pub(crate) fn is_chunked(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(headers: &[(&str, &str)]) -> Option<u16> {
        let request = headers.iter().fold(Request::builder(), |request, (name, value)| {
            request.header(*name, *value)
        });
        check(&request.finish())
            .err()
            .map(|Problem::Answer(status, ..)| status.as_u16())
    }

    #[test]
    fn a_head_has_a_bound_and_one_end_of_the_body() {
        assert_eq!(refused(&[("content-length", "5")]), None);
        assert_eq!(refused(&[("transfer-encoding", "chunked")]), None);
        assert_eq!(
            refused(&[("content-length", "5"), ("transfer-encoding", "chunked")]),
            Some(400)
        );
        assert_eq!(
            refused(&[("content-length", "5"), ("content-length", "5")]),
            Some(400)
        );
        assert_eq!(refused(&[("x-long", &"x".repeat(HEAD_BYTES_MAX))]), Some(431));
        assert_eq!(refused(&[("x-long", &"x".repeat(HEAD_BYTES_MAX - 100))]), None);
    }
}
