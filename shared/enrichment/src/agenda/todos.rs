//! Tells whether a sentence asks somebody to do something, or promises it, and who and until when.

use super::dates::When;
use super::lexicon::Sign;
use super::statements::Place;
use super::tokens::{Kind, Token};
use super::{Characters, Moment, Priority, Read, Todo, WRITER, one_line};

/// What was found, before it is dressed.
pub(super) struct Found {
    /// Where the text of the todo begins in its sentence, in bytes.
    from: usize,
    owner: Option<String>,
    due: Option<Moment>,
    priority: Priority,
}

impl Found {
    pub(super) fn into_todo(self, read: &Read<'_>, characters: &mut Characters<'_>) -> Todo {
        // What joins it to the next clause says nothing by itself.
        let text = read.statement.text[self.from..].trim_end_matches([';', ',', ' ']);
        Todo {
            text: one_line(text),
            owner: self.owner,
            priority: self.priority,
            due: self.due,
            source: read.source(characters),
        }
    }
}

/// Days ahead of a deadline from which on a todo is pressing.
const PRESSING_DAYS: i64 = 2;
/// Words that a request has at least: "yes please" asks for nothing.
const REQUEST_WORDS_MIN: usize = 3;
/// Words of a name at most.
const NAME_WORDS_MAX: usize = 2;

/// A todo, if the sentence is one.
pub(super) fn find(read: &Read<'_>) -> Option<Found> {
    let sentence = Sentence::of(read);
    let boxed = read.statement.place == Place::OpenBox && read.statement.first;
    if !boxed && (read.statement.place == Place::Row || !sentence.asks()) {
        return None;
    }
    let (owner, from) = sentence.owner();
    let due = sentence.due();
    let found = Found {
        from,
        owner,
        due,
        priority: sentence.priority(due.as_ref()),
    };
    // A label alone is the heading of a list.
    let left = read.statement.text[from..]
        .split_whitespace()
        .filter(|word| word.chars().any(char::is_alphabetic));
    (left.count() >= 1 && !sentence.is_only_tbd(from)).then_some(found)
}

/// A sentence with what todos depend on.
struct Sentence<'r> {
    read: &'r Read<'r>,
    tokens: &'r [Token],
    /// The first word, behind brackets and the like.
    start: usize,
    /// The day that it is about, if it names one.
    when: Option<&'r When>,
}

impl<'r> Sentence<'r> {
    fn of(read: &'r Read<'r>) -> Self {
        let live = || read.whens.iter().filter(|when| !when.over);
        Self {
            read,
            tokens: read.tokens,
            start: read.tokens.iter().position(Token::is_word).unwrap_or(0),
            when: live().find(|when| when.deadline).or_else(|| live().next()),
        }
    }

    fn any(&self, sign: Sign) -> bool {
        self.tokens.iter().any(|token| token.is(sign))
    }

    fn is(&self, at: usize, sign: Sign) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is(sign))
    }

    fn is_sign(&self, at: usize, signs: &[char]) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_sign(signs))
    }

    fn words(&self) -> usize {
        self.tokens.iter().filter(|token| token.is_word()).count()
    }

    /// The label at the beginning ("TODO", "Action:") and what stands behind it.
    fn after_label(&self) -> Option<usize> {
        let token = self.tokens.get(self.start)?;
        if !token.is(Sign::Label) {
            return None;
        }
        let text = token.text(self.read.statement.text);
        let loud = text.chars().all(|c| c.is_uppercase() || !c.is_alphabetic());
        let colon =
            (self.start + 1..self.tokens.len().min(self.start + 4)).find(|at| self.is_sign(*at, &[':']));
        match colon {
            // "TODO Ravi: compare": the name is not part of the label.
            Some(colon) if colon == self.start + 1 => Some(colon + 1),
            Some(_) => Some(self.start + 1),
            None => loud.then_some(self.start + 1),
        }
    }

    fn asks(&self) -> bool {
        let dated = self.when.is_some();
        let deadline = self.when.is_some_and(|when| when.deadline);
        let more = [Sign::Please, Sign::Ask, Sign::Promise];
        if self.is(self.start, Sign::Thanks) && !more.into_iter().any(|sign| self.any(sign)) {
            return false;
        }
        let asked = self.requests();
        if self.any(Sign::Attend) && dated && !deadline && self.any(Sign::Event) {
            return false;
        }
        if self.after_label().is_some() || asked || self.begins_with(Sign::Forget) {
            return true;
        }
        if self.is(self.start, Sign::Deadline) && (dated || self.any(Sign::Urgent)) {
            return true;
        }
        if self.promises() {
            return true;
        }
        if self.is(self.start, Sign::Urgent) && self.is_sign(self.start + 1, &[':', '!', '-', '–']) {
            return true;
        }
        if self.any(Sign::Past) && !self.any(Sign::Must) {
            return false;
        }
        let does = self.any(Sign::Verb);
        if self.any(Sign::Someday) && does && !self.any(Sign::Again) {
            return true;
        }
        let pressed = deadline || dated || self.any(Sign::Urgent);
        if self.any(Sign::Must) && pressed && !self.any(Sign::Again) {
            return true;
        }
        // "ist bis zum 1. Juni zu stellen", "is to be filed by".
        if deadline && self.any(Sign::Be) && self.any(Sign::ToDo) {
            return true;
        }
        self.names_who_acts() || self.commands()
    }

    /// "Could you", "please"; but not what somebody may do, and not what nobody shall do.
    fn requests(&self) -> bool {
        let question = self.tokens.iter().any(|token| token.is_sign(&['?']));
        if self.any(Sign::Ask) && (question || self.begins_with(Sign::Ask)) {
            return true;
        }
        let Some(please) = self.tokens.iter().position(|token| token.is(Sign::Please)) else {
            return false;
        };
        let forbids = (please + 1..please + 3).any(|at| self.is(at, Sign::Not));
        self.words() >= REQUEST_WORDS_MIN && (!forbids || self.any(Sign::Forget))
    }

    /// Whether the sign stands at the beginning, behind a name or a label at most.
    fn begins_with(&self, sign: Sign) -> bool {
        (self.start..self.start + 4).any(|at| self.is(at, sign))
    }

    /// "I'll send it tonight", "Ich schicke dir morgen die Fotos", "Te llamo antes del viernes".
    fn promises(&self) -> bool {
        if self.any(Sign::Past) && !self.any(Sign::Promise) {
            return false;
        }
        let follows =
            |at: usize, sign: Sign| (at + 1..(at + 4).min(self.tokens.len())).any(|next| self.is(next, sign));
        if let Some(at) = self.tokens.iter().position(|token| token.is(Sign::Promise)) {
            let be = self.is(at + 1, Sign::Be);
            return !be && (self.when.is_some() || follows(at, Sign::Verb));
        }
        if self.when.is_none() {
            return false;
        }
        let early = self.tokens.len().min(self.start + 4);
        (self.start..early).any(|at| {
            let doing = self.is(at, Sign::Doing);
            let alone = at == self.start;
            // Without "I", a command may look the same; Spanish leaves it out, and then the verb is no command.
            doing
                && (!self.is(at, Sign::Verb) && (!alone || !self.is(at, Sign::Common)) || self.me_before(at))
        })
    }

    fn me_before(&self, at: usize) -> bool {
        (self.start..at).any(|before| self.is(before, Sign::Me))
    }

    /// "Priya to circulate the minutes", "Kim must submit", "Frau Yilmaz meldet den Termin bis …".
    fn names_who_acts(&self) -> bool {
        let Some((_, after)) = self.name_at(self.start) else {
            return false;
        };
        if self.is(after, Sign::ToDo) && self.is(after + 1, Sign::Verb) {
            return true;
        }
        let dated = self.when.is_some();
        if self.is_sign(after, &[':', '-', '–', ',']) && after > self.start {
            let acts = self.is(after + 1, Sign::Verb) || self.last_word_is(Sign::Verb);
            let addressed = self.is_sign(after, &[',']);
            return acts && (dated || !addressed && self.read.statement.place == Place::Item)
                || dated && self.deadline() && !addressed && self.any(Sign::Verb);
        }
        if dated && (self.is(after, Sign::Acts) || self.is(after, Sign::Will) && self.any(Sign::Verb)) {
            return true;
        }
        // Any word with a capital may begin a sentence; in a list, or behind "Frau", it is a name.
        let acts = self.tokens.get(after).is_some_and(Token::is_word);
        let surely = self.read.statement.place == Place::Item || self.is(self.start, Sign::Honorific);
        acts && self.deadline() && surely
    }

    fn deadline(&self) -> bool {
        self.when.is_some_and(|when| when.deadline)
    }

    /// "Fix this by tonight", "Fenster putzen bis Freitag", and the items of a list of tasks.
    fn commands(&self) -> bool {
        let Some(first) = self.tokens.get(self.start) else {
            return false;
        };
        let item = self.read.statement.place == Place::Item && self.read.statement.first;
        if item && self.under_label() {
            return true;
        }
        let command = first.is(Sign::Verb) && !first.is(Sign::Event)
            || first.is(Sign::Verb)
                && !self.is(self.start + 1, Sign::With)
                && self.when.is_none_or(|when| when.from > self.start + 1);
        let infinitive = self.last_word_is(Sign::Verb) && self.words() >= 2 && (item || self.deadline());
        (command || infinitive) && self.when.is_some() && !self.any(Sign::Again)
    }

    /// Whether the heading above says that todos follow.
    fn under_label(&self) -> bool {
        const HEADINGS: &[&str] = &[
            "action",
            "to do",
            "to-do",
            "todo",
            "next steps",
            "aufgaben",
            "nächste schritte",
            "maßnahmen",
            "zu erledigen",
            "à faire",
            "prochaines étapes",
            "tâches",
            "tareas",
            "pendientes",
            "próximos pasos",
            "por hacer",
            "acciones",
        ];
        self.read.statement.heading.is_some_and(|heading| {
            let heading = heading.to_lowercase();
            HEADINGS.iter().any(|label| heading.starts_with(label))
        })
    }

    fn last_word_is(&self, sign: Sign) -> bool {
        self.tokens
            .iter()
            .rev()
            .find(|token| token.is_word())
            .is_some_and(|token| token.is(sign))
    }

    /// A person's name that begins here, and what stands behind it.
    fn name_at(&self, at: usize) -> Option<(String, usize)> {
        let at_sign = self.is_sign(at, &['@']);
        let mut next = at + usize::from(at_sign);
        let from = next;
        if self.is(next, Sign::Honorific) && self.tokens.get(next)?.capital {
            next += 1;
            if self.is_sign(next, &['.']) {
                next += 1;
            }
        }
        let mut words = 0;
        // What follows an "@" is a name however it is written.
        while words < NAME_WORDS_MAX
            && self
                .tokens
                .get(next)
                .is_some_and(|token| is_name(token, at_sign && words == 0))
        {
            words += 1;
            next += 1;
        }
        if words == 0 {
            return None;
        }
        let (first, last) = (self.tokens.get(from)?, self.tokens.get(next - 1)?);
        let name = &self.read.statement.text[first.from as usize..last.to as usize];
        Some((name.to_owned(), next))
    }

    /// Who has to act, and where the todo itself begins.
    fn owner(&self) -> (Option<String>, usize) {
        let byte = |at: usize| {
            self.tokens
                .get(at)
                .map_or(self.read.statement.text.len(), |token| token.from as usize)
        };
        let writer = || Some(self.read.statement.speaker.unwrap_or(WRITER).to_owned());
        let mut start = self.after_label().unwrap_or(self.start);
        if self.is(self.start, Sign::Urgent) && self.is_sign(self.start + 1, &[':', '!']) {
            start = self.start + 2;
        }
        if let Some(at) = self.tokens.iter().position(|token| token.is_sign(&['@']))
            && let Some((name, _)) = self.name_at(at)
        {
            return (Some(name), byte(start.min(at)));
        }
        if let Some((name, after)) = self.name_at(start) {
            // The name is a label of its own: it is not repeated in the text.
            if self.is_sign(after, &[':'])
                || self.is_sign(after, &['-', '–', ',']) && !self.tokens[after].glued
            {
                return (Some(name), byte(after + 1));
            }
            if self.is_sign(after, &[',']) {
                return (Some(name), byte(start));
            }
            let acts = self.tokens.get(after).is_some_and(Token::is_word);
            // "Pendiente: Marta revisa el contrato", but "Aufgabe: Protokoll schreiben".
            let does = self.is(after, Sign::Verb) || self.is(after, Sign::Acts);
            let labelled = self.after_label().is_some() && does && after + 1 < self.tokens.len();
            if acts && (labelled || self.is_subject(after)) {
                return (Some(name), byte(start));
            }
        }
        if self.promises() && !self.any(Sign::Please) && !self.any(Sign::Ask) {
            return (writer(), byte(start));
        }
        // "…: Tom, could you", "Noah please"
        let asking = self
            .tokens
            .iter()
            .position(|token| token.meaning.is_any(&[Sign::Ask, Sign::Please]));
        if let Some(asking) = asking {
            let comma = usize::from(asking > 0 && self.tokens[asking - 1].is_sign(&[',']));
            let opening = usize::from(asking > comma && self.tokens[asking - 1 - comma].is_sign(&['¿']));
            let end = asking - comma - opening;
            for words in (1..=NAME_WORDS_MAX).rev() {
                if let Some((name, after)) = end.checked_sub(words).and_then(|at| self.name_at(at))
                    && after == end
                {
                    return (Some(name), byte(start));
                }
            }
            if self.is_sign(asking.wrapping_sub(1), &['¿'])
                && self.is_sign(asking.wrapping_sub(2), &[','])
                && let Some((name, _)) = asking.checked_sub(3).and_then(|at| self.name_at(at))
            {
                return (Some(name), byte(start));
            }
        }
        (None, byte(start))
    }

    /// Whether the words behind a name make it the one who acts.
    fn is_subject(&self, after: usize) -> bool {
        let meaning = self.tokens[after].meaning;
        meaning.is_any(&[
            Sign::ToDo,
            Sign::Will,
            Sign::Must,
            Sign::Please,
            Sign::Ask,
            Sign::Acts,
        ]) || self.deadline()
    }

    fn due(&self) -> Option<Moment> {
        let when = self.when?;
        let date = if when.vague {
            when.last.or(when.date)?
        } else {
            when.date?
        };
        Some(Moment::new(
            date,
            when.times.start.filter(|_| !when.vague),
            when.times.zone,
        ))
    }

    fn priority(&self, due: Option<&Moment>) -> Priority {
        if self.any(Sign::Someday) {
            return Priority::Low;
        }
        let today = self.read.statement.reference.date();
        let pressing = due.is_some_and(|due| (due.date - today).num_days() <= PRESSING_DAYS);
        let shouts = self.read.statement.text.contains("!!");
        if pressing || shouts || self.any(Sign::Urgent) {
            Priority::High
        } else {
            Priority::Medium
        }
    }

    /// "Action: TBD".
    fn is_only_tbd(&self, from: usize) -> bool {
        let mut words = self
            .tokens
            .iter()
            .filter(|token| token.from as usize >= from && token.is_word())
            .peekable();
        words.peek().is_some() && words.all(|token| token.is(Sign::Tbd))
    }
}

/// Whether a word may be part of a person's name.
fn is_name(token: &Token, addressed: bool) -> bool {
    let letters = token.to - token.from;
    token.kind == Kind::Word && letters >= 2 && (addressed || token.capital && token.meaning.is_nothing())
}
