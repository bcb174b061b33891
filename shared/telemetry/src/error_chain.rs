//! An error with its causes on one line. Errors say what failed and let `source` say why; only the edge that logs
//! needs both.

use std::error::Error;
use std::fmt;

/// Shows `error` and its sources as `what: why: why`.
///
/// A cause that the message before it already ends with is left out: some libraries repeat their source.
pub fn chain(error: &dyn Error) -> impl fmt::Display {
    Chain(error)
}

struct Chain<'a>(&'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.to_string();
        f.write_str(&shown)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            let message = cause.to_string();
            if !shown.ends_with(&message) {
                write!(f, ": {message}")?;
                shown = message;
            }
            next = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("could not read the original")]
    struct Read(#[source] Open);

    #[derive(Debug, thiserror::Error)]
    #[error("could not open the object: permission denied")]
    struct Open(#[source] Denied);

    #[derive(Debug, thiserror::Error)]
    #[error("permission denied")]
    struct Denied;

    #[test]
    fn an_error_is_followed_by_its_causes_and_none_is_told_twice() {
        let error = Read(Open(Denied));
        assert_eq!(
            chain(&error).to_string(),
            "could not read the original: could not open the object: permission denied"
        );
    }

    #[test]
    fn an_error_without_cause_is_itself() {
        assert_eq!(chain(&Denied).to_string(), "permission denied");
    }
}
