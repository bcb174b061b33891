//! Lets the common words of a text vote for its language.
//!
//! This decides two things: which few languages are worth comparing closely, since comparing all of them takes
//! longer than everything else together, and whether an uncertain guess can be believed.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::RandomState;
use whatlang::Lang;

use crate::language::code;

/// How many common words of each language a text has.
#[derive(Debug)]
pub(crate) struct Votes {
    hits: [u32; LANGUAGES_MAX],
    words: u32,
}

/// The languages of whatlang are numbered by the bits of a [`Languages`].
const LANGUAGES_MAX: usize = 128;
type Languages = u128;

/// Words that vote; their order decides nothing, and more do not make it surer.
const VOTERS_MAX: usize = 200;

/// Fewer votes are chance.
const HITS_MIN: u32 = 6;
/// Share of the words that must be common ones of a language before the others may be left out.
const LEADING_SHARE: f32 = 0.1;
/// Share of the words that must be common ones of a language before an uncertain guess at it is believed.
const CONVINCING_SHARE: f32 = 0.2;

/// Languages with the most votes that are compared closely: more than ever are confused with each other.
const SHORT_LIST: usize = 5;

/// All stop words of all languages, each with the languages that it belongs to.
static COMMON_WORDS: LazyLock<HashMap<&'static str, Languages, RandomState>> = LazyLock::new(|| {
    let mut common: HashMap<&str, Languages, RandomState> = HashMap::default();
    for (number, language) in Lang::all().iter().enumerate() {
        for word in stop_words::lookup(code(*language)).into_iter().flatten() {
            *common.entry(word).or_default() |= 1 << number;
        }
    }
    common
});

impl Votes {
    /// Counts the votes of `words`, in lower case.
    pub(crate) fn of<'w>(words: impl Iterator<Item = &'w str>) -> Self {
        let mut votes = Self {
            hits: [0; LANGUAGES_MAX],
            words: 0,
        };
        // Single letters are words of every language, or initials.
        for word in words.filter(|word| word.len() >= 2).take(VOTERS_MAX) {
            votes.words += 1;
            let mut languages = COMMON_WORDS.get(word).copied().unwrap_or_default();
            while languages != 0 {
                votes.hits[languages.trailing_zeros() as usize] += 1;
                languages &= languages - 1;
            }
        }
        votes
    }

    /// Whether enough of the text is common words of `language`; `false` for a language without a list.
    pub(crate) fn confirm(&self, language: Lang) -> bool {
        let number = Lang::all().iter().position(|other| *other == language);
        number.is_some_and(|number| self.is_enough(self.hits[number], CONVINCING_SHARE))
    }

    /// The language with the most votes, and how many.
    pub(crate) fn leader(&self) -> Option<(Lang, u32)> {
        let (number, hits) = self
            .hits
            .iter()
            .copied()
            .enumerate()
            .max_by_key(|(number, hits)| (*hits, std::cmp::Reverse(*number)))?;
        Lang::all().get(number).map(|language| (*language, hits))
    }

    /// The votes for the language of this code.
    pub(crate) fn hits_of(&self, code: &str) -> u32 {
        let language = crate::languages::language_of_code(code);
        let number = language.and_then(|language| Lang::all().iter().position(|other| *other == language));
        number.map_or(0, |number| self.hits[number])
    }

    /// The languages worth comparing closely, when the votes are clear enough to leave out the others.
    pub(crate) fn short_list(&self) -> Option<Vec<Lang>> {
        let mut ranked: Vec<(u32, Lang)> = self
            .hits
            .iter()
            .copied()
            .zip(Lang::all().iter().copied())
            .collect();
        ranked.sort_by_key(|(hits, _)| std::cmp::Reverse(*hits));
        if !ranked
            .first()
            .is_some_and(|(hits, _)| self.is_enough(*hits, LEADING_SHARE))
        {
            return None;
        }
        let rivals = ranked.iter().take(SHORT_LIST).map(|(_, language)| *language);
        // Those without a list cannot win votes, so they must not lose by them.
        let unheard = ranked
            .iter()
            .skip(SHORT_LIST)
            .map(|(_, language)| *language)
            .filter(|language| is_unheard(*language));
        Some(rivals.chain(unheard).collect())
    }

    fn is_enough(&self, hits: u32, share: f32) -> bool {
        hits >= HITS_MIN && hits as f32 >= share * self.words as f32
    }
}

fn is_unheard(language: Lang) -> bool {
    stop_words::lookup(code(language)).is_none()
}
