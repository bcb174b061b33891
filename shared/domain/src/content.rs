//! How much of a document counts as its content.

use std::fmt;

use crate::UnknownWord;

/// Which part of a document is read. Only web pages have parts that are not content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// All of it.
    #[default]
    Full,
    /// Without navigation, advertisements and the like; all of it where no main content can be told.
    Main,
}

impl Content {
    /// Every choice.
    pub const ALL: &'static [Self] = &[Self::Full, Self::Main];

    /// The word used in the database and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Main => "main",
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Content {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .iter()
            .copied()
            .find(|content| content.as_str() == word)
            .ok_or_else(|| UnknownWord {
                word: word.to_owned(),
                known: Self::ALL
                    .iter()
                    .map(|content| content.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for content in Content::ALL {
            assert_eq!(content.to_string().parse(), Ok(*content));
        }
        assert!("some".parse::<Content>().is_err());
    }
}
