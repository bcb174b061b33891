//! Says of a chosen tag where it stands in the text, and whether it is somebody, a company or a place.
//!
//! Only what the text or its file shows is said; a name that nothing gives away stays a topic.

use super::places::PLACES;
use super::{Tag, TagKind};

/// Bytes of a text in which a tag is looked for; tags come from the beginning mostly.
const LOOKED_AT_BYTES: usize = 64 * 1024;
/// Occurrences of a tag that may show what it is.
const OCCURRENCES_MAX: usize = 8;
/// Characters between the words of a tag: a space, or a line break with an indent.
const GAP_BYTES_MAX: usize = 8;

/// Behind the name of a company.
const LEGAL_FORMS: &[&str] = &[
    "gmbh", "mbh", "ag", "kg", "ohg", "gbr", "ug", "e.v.", "eg", "se", "ltd", "ltd.", "limited", "inc",
    "inc.", "llc", "llp", "plc", "corp", "corp.", "co.", "s.a.", "sa", "sas", "s.a.s.", "sarl", "s.à", "sl",
    "s.l.", "slu", "s.r.l.", "srl", "spa", "s.p.a.", "bv", "b.v.", "nv", "n.v.", "ab", "oy", "as",
];
/// Words that make an institution of the name around them.
const INSTITUTIONS: &[&str] = &[
    "university",
    "universität",
    "université",
    "universidad",
    "institute",
    "institut",
    "instituto",
    "ministry",
    "ministerium",
    "ministère",
    "ministerio",
    "hochschule",
    "foundation",
    "stiftung",
    "fondation",
    "fundación",
    "gmbh",
    "sparkasse",
    "verein",
    "hausverwaltung",
    "tischlerei",
    "college",
    "council",
    "ayuntamiento",
    "mairie",
    "stadtverwaltung",
    "finanzamt",
];
/// Words by which several call themselves who write together, or the program that wrote for them.
const GROUPS: &[&str] = &[
    "team",
    "committee",
    "department",
    "office",
    "board",
    "association",
    "society",
    "library",
    "museum",
    "school",
    "administrator",
    "admin",
    "user",
    "group",
    "redaktion",
    "abteilung",
    "ausschuss",
    "vorstand",
    "verwaltung",
    "bibliothek",
    "schule",
    "gruppe",
    "amt",
    "équipe",
    "comité",
    "service",
    "bureau",
    "bibliothèque",
    "école",
    "groupe",
    "equipo",
    "oficina",
    "departamento",
    "biblioteca",
    "escuela",
    "grupo",
];
/// Before the name of a person.
const ADDRESSES: &[&str] = &[
    "mr", "mrs", "ms", "miss", "dr", "prof", "herr", "herrn", "frau", "m", "mme", "mlle", "monsieur",
    "madame", "sr", "sra", "srta", "señor", "señora", "don", "doña",
];

/// Adds span and kind to the tags of `text`.
pub(super) fn dress(text: &str, people: &[String], tags: &mut [Tag]) {
    let near = &text[..text.floor_char_boundary(LOOKED_AT_BYTES)];
    let lower = lower_case_in_place(near);
    let people: Vec<String> = people
        .iter()
        .map(|name| name.to_lowercase())
        .filter(|name| !is_group(name))
        .collect();
    for tag in tags {
        let first = occurrences(&lower, &tag.value).next();
        tag.span = first.map(|(from, to)| {
            let before = near[..from].chars().count() as u64;
            (before, before + near[from..to].chars().count() as u64)
        });
        tag.kind = kind(near, &lower, &tag.value, &people);
    }
}

/// In small letters, each where it was: what would change its length stays as it is.
fn lower_case_in_place(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars()
        .map(|c| {
            let mut small = c.to_lowercase();
            match (small.next(), small.next()) {
                (Some(one), None) if one.len_utf8() == c.len_utf8() => one,
                _ => c,
            }
        })
        .collect()
}

/// Where the words of a tag stand in a row, as whole words.
fn occurrences<'t>(text: &'t str, tag: &'t str) -> impl Iterator<Item = (usize, usize)> + 't {
    let mut words = tag.split(' ');
    let first = words.next().unwrap_or_default();
    let unspaced = !first.is_empty() && first.chars().all(|c| c > '\u{2e80}');
    let first_only = (!first.is_empty()).then_some(first);
    first_only
        .into_iter()
        .flat_map(|first| text.match_indices(first))
        .filter_map(move |(from, first)| {
            let mut end = from + first.len();
            for word in words.clone() {
                let rest = &text[end..];
                let gap = rest.len() - rest.trim_start().len();
                if gap == 0 || gap > GAP_BYTES_MAX || !rest[gap..].starts_with(word) {
                    return None;
                }
                end += gap + word.len();
            }
            let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
            let inside = letter(text[..from].chars().next_back()) || letter(text[end..].chars().next());
            (unspaced || !inside).then_some((from, end))
        })
}

fn kind(text: &str, lower: &str, tag: &str, people: &[String]) -> TagKind {
    if tag.split(' ').any(|word| INSTITUTIONS.contains(&word)) && tag.contains(' ') {
        return TagKind::Organisation;
    }
    let is_part = |name: &String| {
        name == tag
            || tag
                .split(' ')
                .all(|word| name.split([' ', '-', ',']).any(|part| part == word))
    };
    // "Rose" has written it, but the roses that it is about are written small.
    if people.iter().any(is_part) && is_written_as_a_name(text, lower, tag) {
        return TagKind::Person;
    }
    for (from, to) in occurrences(lower, tag).take(OCCURRENCES_MAX) {
        // A name begins with a capital; without letters of two sizes nothing can be told.
        if !text[from..].starts_with(char::is_uppercase) {
            continue;
        }
        let behind = lower[to..]
            .split_whitespace()
            .next()
            .filter(|_| lower[to..].starts_with(' '))
            .unwrap_or_default();
        if LEGAL_FORMS.contains(&behind.trim_end_matches([',', ';', ':', ')']))
            && text[to..].trim_start().starts_with(char::is_alphabetic)
            && is_form(text, to)
        {
            return TagKind::Organisation;
        }
        let before = lower[..from].trim_end();
        let word = before
            .rsplit(|c: char| c.is_whitespace() || c == '(')
            .next()
            .unwrap_or_default();
        if from > before.len()
            && ADDRESSES.contains(&word.trim_end_matches('.'))
            && starts_with_capital(text, before.len() - word.len())
        {
            return TagKind::Person;
        }
        if from == before.len() + 1
            && matches!(word.len(), 4 | 5)
            && word.bytes().all(|b| b.is_ascii_digit())
            && !is_year(word)
        {
            return TagKind::Place;
        }
    }
    if PLACES.contains(&tag)
        && occurrences(lower, tag)
            .take(OCCURRENCES_MAX)
            .any(|(from, _)| starts_with_capital(text, from))
    {
        return TagKind::Place;
    }
    TagKind::Topic
}

/// Whether those who are named as authors are several under one name, or no people at all.
fn is_group(name: &str) -> bool {
    name.split([' ', '-', ','])
        .any(|word| INSTITUTIONS.contains(&word) || GROUPS.contains(&word))
}

/// Whether a tag stands in the text with a capital at least as often as without. One that does not stand there in just these
/// words is believed, and so is one in a script without capitals.
fn is_written_as_a_name(text: &str, lower: &str, tag: &str) -> bool {
    let (mut capital, mut small) = (0, 0);
    for (from, _) in occurrences(lower, tag).take(OCCURRENCES_MAX) {
        capital += usize::from(starts_with_capital(text, from));
        small += usize::from(text[from..].starts_with(char::is_lowercase));
    }
    small <= capital
}

/// Legal forms are written with a capital, or with full stops; "as" and "se" are words.
fn is_form(text: &str, at: usize) -> bool {
    let form = text[at..].split_whitespace().next().unwrap_or_default();
    form.starts_with(char::is_uppercase) || form.contains('.') && form.len() > 3
}

fn starts_with_capital(text: &str, at: usize) -> bool {
    text.get(at..)
        .is_some_and(|rest| rest.starts_with(char::is_uppercase))
}

/// "2026 Paris" has a year before it more likely than a postal code.
fn is_year(word: &str) -> bool {
    word.len() == 4 && (word.starts_with("19") || word.starts_with("20"))
}

/// Names of people in what a file says of them: `Ágnes Kovács <agnes@example.org>, "Müller, Ida" <ida@example.org>`, or a list
/// parted by commas.
#[must_use]
pub fn names_in(list: &str) -> Vec<String> {
    const NAMES_MAX: usize = 50;
    let mut names = Vec::new();
    let mut name = String::new();
    let (mut quoted, mut address) = (false, false);
    for c in list.chars().chain([',']) {
        match c {
            '"' => quoted = !quoted,
            '<' => address = true,
            '>' => address = false,
            ',' | ';' if !quoted && !address => {
                let found = std::mem::take(&mut name);
                let found = found.trim();
                // An address without a name says nothing.
                if !found.is_empty() && !found.contains('@') && names.len() < NAMES_MAX {
                    names.push(found.to_owned());
                }
            }
            _ if !address => name.push(c),
            _ => {}
        }
    }
    names
}
