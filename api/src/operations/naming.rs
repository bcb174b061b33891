//! Which labels, titles and names are fine.

use domain::limits::{
    LABEL_CHARACTERS_MAX, LABELS_MAX, QUERY_CHARACTERS_MAX, SEARCH_NAME_CHARACTERS_MAX, TITLE_CHARACTERS_MAX,
};

/// Labels in order, each once.
///
/// # Errors
/// With what is wrong with one of them.
pub(crate) fn labels(given: &[String]) -> Result<Vec<String>, String> {
    let mut labels = given
        .iter()
        .map(|label| one_line(label, LABEL_CHARACTERS_MAX))
        .collect::<Result<Vec<_>, _>>()?;
    labels.sort_unstable();
    labels.dedup();
    if labels.len() > LABELS_MAX {
        return Err(format!("must be {LABELS_MAX} labels at most"));
    }
    Ok(labels)
}

/// A title.
///
/// # Errors
/// With what is wrong with it.
pub(crate) fn title(given: &str) -> Result<String, String> {
    one_line(given, TITLE_CHARACTERS_MAX)
}

/// The name of a kept search.
///
/// # Errors
/// With what is wrong with it.
pub(crate) fn search_name(given: &str) -> Result<String, String> {
    one_line(given, SEARCH_NAME_CHARACTERS_MAX)
}

/// A query that is kept.
///
/// # Errors
/// With what is wrong with it.
pub(crate) fn query(given: &str) -> Result<String, String> {
    one_line(given, QUERY_CHARACTERS_MAX)
}

fn one_line(given: &str, characters_max: usize) -> Result<String, String> {
    let text = given.trim();
    let length = text.chars().count();
    if length == 0 || length > characters_max || text.chars().any(char::is_control) {
        return Err(format!("must be 1 to {characters_max} characters on one line"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(given: &[&str]) -> Result<Vec<String>, String> {
        labels(&given.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn labels_are_trimmed_ordered_and_kept_once() {
        assert_eq!(of(&[" urgent", "2027", "urgent "]).unwrap(), ["2027", "urgent"]);
        assert_eq!(of(&[]).unwrap(), Vec::<String>::new());
        assert!(of(&[&"ä".repeat(50)]).is_ok());
    }

    #[test]
    fn empty_long_and_many_labels_are_refused() {
        let many: Vec<String> = (0..21).map(|n| n.to_string()).collect();
        assert!(labels(&many).is_err());
        assert!(labels(&many[..20]).is_ok());
        for label in ["", "  ", "a\nb", "a\0", &"ä".repeat(51)] {
            assert!(of(&[label]).is_err(), "{label:?}");
        }
    }
}
