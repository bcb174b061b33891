//! What a model writes, before anybody believes it.

use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// Bytes of a reply. What is longer was not asked for.
pub(crate) const REPLY_BYTES_MAX: usize = 128 * 1024;

/// A reply that is one JSON object of a form. Some models put it between fences.
pub(crate) fn object<T: DeserializeOwned>(reply: &str) -> Result<T, Failure> {
    if reply.len() > REPLY_BYTES_MAX {
        return Err(Failure::Garbage);
    }
    serde_json::from_str(without_fence(reply)).map_err(|error| {
        if error.is_eof() && !reply.trim().is_empty() {
            Failure::Truncated
        } else {
            Failure::Garbage
        }
    })
}

fn without_fence(reply: &str) -> &str {
    let reply = reply.trim();
    let Some(inner) = reply.strip_prefix("```") else {
        return reply;
    };
    let inner = inner.strip_prefix("json").unwrap_or(inner);
    inner.strip_suffix("```").unwrap_or(inner).trim()
}

/// Gathers pieces of a reply until lines are complete.
#[derive(Default)]
pub(crate) struct Lines {
    open: String,
    bytes: usize,
}

impl Lines {
    /// The lines that this piece completes.
    pub(crate) fn push(&mut self, piece: &str) -> Result<Vec<String>, Failure> {
        self.bytes = self.bytes.saturating_add(piece.len());
        if self.bytes > REPLY_BYTES_MAX {
            return Err(Failure::Garbage);
        }
        self.open.push_str(piece);
        let Some((whole, rest)) = self.open.rsplit_once('\n') else {
            return Ok(Vec::new());
        };
        let lines = whole.lines().map(str::to_owned).collect();
        self.open = rest.to_owned();
        Ok(lines)
    }

    /// The last line, which nothing ends.
    pub(crate) fn finish(&mut self) -> String {
        std::mem::take(&mut self.open)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Form {
        a: u8,
    }

    #[test]
    fn an_object_is_read_with_and_without_fences() {
        for reply in ["{\"a\": 1}", " ```json\n{\"a\": 1}\n``` ", "```\n{\"a\":1}```"] {
            assert_eq!(object(reply), Ok(Form { a: 1 }), "{reply}");
        }
    }

    #[test]
    fn what_is_cut_off_and_what_is_something_else_are_told_apart() {
        assert_eq!(object::<Form>("{\"a\": "), Err(Failure::Truncated));
        for reply in [
            "",
            "Sure! Here you are.",
            "{\"a\": 300}",
            "[]",
            "{\"a\": 1} and more",
        ] {
            assert_eq!(object::<Form>(reply), Err(Failure::Garbage), "{reply}");
        }
        let long = format!("{{\"a\": 1}}{}", " ".repeat(REPLY_BYTES_MAX));
        assert_eq!(object::<Form>(&long), Err(Failure::Garbage));
        // Nesting has an end, too.
        assert_eq!(
            object::<serde_json::Value>(&"[".repeat(50_000)),
            Err(Failure::Garbage)
        );
    }

    #[test]
    fn lines_come_when_they_are_complete() {
        let mut lines = Lines::default();
        assert_eq!(lines.push("one\ntw").unwrap(), ["one"]);
        assert_eq!(lines.push("o").unwrap(), [""; 0]);
        assert_eq!(lines.push("\n\nthree").unwrap(), ["two"]);
        assert_eq!(lines.finish(), "three");
        assert_eq!(lines.push(&"x".repeat(REPLY_BYTES_MAX)), Err(Failure::Garbage));
    }
}
