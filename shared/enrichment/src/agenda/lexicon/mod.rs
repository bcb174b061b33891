//! What words mean for dates, todos and events, per language.

mod de;
mod en;
mod es;
mod fr;

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::RandomState;

/// What one word, or a fixed group of words, may mean. A word may mean several things.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Meaning {
    flags: u64,
    /// 1 to 12.
    pub(super) month: u8,
    /// Monday is 1.
    pub(super) weekday: u8,
    /// A number in words.
    pub(super) number: u8,
    pub(super) unit: Option<Unit>,
    /// Days from today.
    pub(super) day: Option<i8>,
    /// The offset of a time zone from UTC, in minutes.
    pub(super) zone: Option<i16>,
}

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

macro_rules! signs {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// What a word is a sign of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Sign { $($(#[$doc])* $name),+ }
    };
}

signs! {
    /// "next", before or behind what it belongs to.
    Next,
    This,
    /// "last": what it belongs to is over.
    Last,
    /// "in", before a number of units.
    In,
    /// "within": as `In`, and a deadline.
    Within,
    /// Behind a number of units: they are over.
    Ago,
    /// Before a number of units: they are over.
    AgoBefore,
    /// "by": what follows is a deadline.
    By,
    /// What stands before a day.
    On,
    /// What stands before a time.
    At,
    /// Begins a range.
    From,
    /// Between the ends of a range.
    To,
    Article,
    Of,
    End,
    Begin,
    Middle,
    /// "Monatsende": the end of the unit that the word names.
    EndOf,
    /// A part of the day in which hours are counted from noon.
    Evening,
    Morning,
    Noon,
    Midnight,
    Am,
    Pm,
    /// Behind the number of an hour.
    OClock,
    /// It happens again and again, so it is not one event.
    Again,
    /// It is over.
    Past,
    /// An abbreviation or a word that is a date only in company of a number.
    Shy,
    Please,
    /// "can you".
    Ask,
    Must,
    /// "I will", "ich werde".
    Promise,
    /// "I".
    Me,
    Will,
    /// What a person does, as a command.
    Verb,
    /// What a person does, as the first person of a promise.
    Doing,
    /// What announces a todo at the beginning of a line.
    Label,
    /// What has a deadline.
    Deadline,
    Forget,
    Urgent,
    /// It can wait.
    Someday,
    /// "Mr".
    Honorific,
    /// To come to something.
    Attend,
    Thanks,
    /// Something that takes place.
    Event,
    /// That it takes place.
    Occurs,
    /// Its date is not known yet.
    Tbd,
    /// The key of a line about a file or a message.
    Header,
    /// Never a name, though it may begin with a capital.
    Common,
    /// "to" before a verb.
    ToDo,
    /// Says when a file was made or changed.
    Stamped,
    Be,
    /// A verb of the third person: "brings".
    Acts,
    Not,
    /// "with": the word before it is a noun.
    With,
}

impl Meaning {
    pub(super) fn is(self, sign: Sign) -> bool {
        self.flags & (1 << sign as u32) != 0
    }

    pub(super) fn is_any(self, signs: &[Sign]) -> bool {
        signs.iter().any(|sign| self.is(*sign))
    }

    pub(super) fn is_nothing(self) -> bool {
        self == Self::default()
    }

    fn add(&mut self, word: Word) {
        match word {
            Word::Month(month) => self.month = month,
            Word::Weekday(weekday) => self.weekday = weekday,
            Word::Number(number) => self.number = number,
            Word::Unit(unit) => self.unit = Some(unit),
            Word::Day(day) => self.day = Some(day),
            Word::Zone(minutes) => self.zone = Some(minutes),
            Word::Sign(sign) => self.flags |= 1 << sign as u32,
        }
    }
}

/// One of the meanings that a table gives to its words.
#[derive(Debug, Clone, Copy)]
enum Word {
    Month(u8),
    Weekday(u8),
    Number(u8),
    Unit(Unit),
    Day(i8),
    Zone(i16),
    Sign(Sign),
}

/// Words and groups of words, separated by `|`, with what they mean.
type Table = &'static [(Word, &'static str)];

/// The words of a language.
#[derive(Debug)]
pub(super) struct Lexicon {
    words: HashMap<&'static str, Meaning, RandomState>,
    /// Groups of two and more words, by their first word; longer ones first.
    groups: HashMap<&'static str, Vec<(Vec<&'static str>, Meaning)>, RandomState>,
    /// Endings of compound nouns for something that takes place.
    event_endings: &'static [&'static str],
    /// `03/04` is the fourth of March.
    pub(super) month_first: bool,
    /// "Next Friday" is the one that comes next, rather than the one of next week.
    pub(super) next_is_coming: bool,
    /// A day may be written `12.3.`.
    pub(super) dotted_days: bool,
    /// "Le samedi" is every Saturday.
    pub(super) habitual_article: bool,
    verbs_add_s: bool,
}

impl Lexicon {
    /// The words of a language; without any for one that has no table, whose dates in digits are still read.
    pub(super) fn of(language: &str) -> &'static Self {
        static EN: LazyLock<Lexicon> = LazyLock::new(|| Lexicon {
            month_first: true,
            verbs_add_s: true,
            ..Lexicon::load(en::WORDS, &[])
        });
        static DE: LazyLock<Lexicon> = LazyLock::new(|| Lexicon {
            dotted_days: true,
            ..Lexicon::load(de::WORDS, de::EVENT_ENDINGS)
        });
        static FR: LazyLock<Lexicon> = LazyLock::new(|| Lexicon {
            next_is_coming: true,
            habitual_article: true,
            ..Lexicon::load(fr::WORDS, &[])
        });
        static ES: LazyLock<Lexicon> = LazyLock::new(|| Lexicon {
            next_is_coming: true,
            ..Lexicon::load(es::WORDS, &[])
        });
        static NONE: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::load(NEUTRAL, &[]));
        match language {
            "en" => &EN,
            "de" => &DE,
            "fr" => &FR,
            "es" => &ES,
            _ => &NONE,
        }
    }

    fn load(table: Table, event_endings: &'static [&'static str]) -> Self {
        let mut words: HashMap<&str, Meaning, RandomState> = HashMap::default();
        let mut groups: HashMap<&str, Vec<(Vec<&str>, Meaning)>, RandomState> = HashMap::default();
        for (meaning, list) in table.iter().chain(NEUTRAL) {
            for entry in list.split('|') {
                let Some((first, rest)) = entry.split_once(' ') else {
                    words.entry(entry).or_default().add(*meaning);
                    continue;
                };
                let rest: Vec<&str> = rest.split(' ').collect();
                let group = groups.entry(first).or_default();
                match group.iter_mut().find(|(words, _)| *words == rest) {
                    Some((_, known)) => known.add(*meaning),
                    None => {
                        let mut new = Meaning::default();
                        new.add(*meaning);
                        group.push((rest, new));
                    }
                }
            }
        }
        for group in groups.values_mut() {
            group.sort_by_key(|(words, _)| std::cmp::Reverse(words.len()));
        }
        Self {
            words,
            groups,
            event_endings,
            month_first: false,
            next_is_coming: false,
            dotted_days: false,
            habitual_article: false,
            verbs_add_s: false,
        }
    }

    /// What a word in lower case means. Elided articles ("l'assemblée") do not hide it.
    pub(super) fn word(&self, lower: &str) -> Meaning {
        if let Some(meaning) = self.words.get(lower) {
            return *meaning;
        }
        if let Some((before, after)) = lower.split_once('\'')
            && before.len() <= 2
            && let Some(meaning) = self.words.get(after)
        {
            return *meaning;
        }
        let mut meaning = Meaning::default();
        if self.verbs_add_s && self.is_verb_with_s(lower) {
            meaning.add(Word::Sign(Sign::Acts));
        }
        if lower.len() > COMPOUND_BYTES_MIN && self.event_endings.iter().any(|ending| lower.ends_with(ending))
        {
            meaning.add(Word::Sign(Sign::Event));
        }
        meaning
    }

    fn is_verb_with_s(&self, lower: &str) -> bool {
        let verb = |base: &str| self.words.get(base).is_some_and(|meaning| meaning.is(Sign::Verb));
        lower.strip_suffix('s').is_some_and(verb) || lower.strip_suffix("es").is_some_and(verb)
    }

    /// The groups of words that begin with this one: the words that follow, and what they mean together.
    pub(super) fn groups(&self, lower: &str) -> &[(Vec<&'static str>, Meaning)] {
        self.groups.get(lower).map_or(&[], Vec::as_slice)
    }

    /// How many words of a text the language knows, to choose among languages when nobody could say which it is.
    pub(super) fn knows(&self, lower: &str) -> bool {
        self.words.contains_key(lower)
    }
}

/// Shorter words are no compounds of a noun and one of the endings.
const COMPOUND_BYTES_MIN: usize = 8;

/// What is written alike in every language. Abbreviations of time zones that mean several (CST, IST) are left out.
const NEUTRAL: Table = &[
    (Word::Zone(0), "utc|gmt|z"),
    (Word::Zone(60), "cet|mez|west"),
    (Word::Zone(120), "cest|mesz|eet"),
    (Word::Zone(180), "eest"),
    (Word::Zone(-300), "est"),
    (Word::Zone(-240), "edt"),
    (Word::Zone(-480), "pst"),
    (Word::Zone(-420), "pdt"),
    (Word::Sign(Sign::Label), "todo"),
    (Word::Sign(Sign::Tbd), "tbd|tbc|tba"),
    (Word::Sign(Sign::Urgent), "asap"),
    (Word::Sign(Sign::Event), "workshop|meeting|webinar|meetup"),
];
