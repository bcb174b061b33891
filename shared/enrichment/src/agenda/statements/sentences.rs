//! Where sentences end, and where a full stop does not end one.

/// Words that end with a full stop without ending a sentence.
const ABBREVIATIONS: &[&str] = &[
    "abs", "apr", "approx", "apt", "art", "aug", "av", "bd", "bzw", "ca", "cf", "chap", "dec", "dept", "dez",
    "dr", "dra", "ed", "eg", "etc", "evtl", "exp", "feb", "fig", "fr", "ggf", "gov", "hr", "inkl", "jan",
    "jr", "jul", "jun", "kap", "lt", "max", "min", "mme", "mr", "mrs", "ms", "nr", "no", "nov", "núm", "oct",
    "okt", "pág", "pp", "prof", "rev", "sept", "sr", "sra", "st", "str", "tel", "usw", "vgl", "vol", "vs",
    "zb", "zzgl",
];

/// Cuts where a sentence ends; a full stop does so before a capital only. Calls `each` with where each begins.
pub(super) fn sentences<'t>(text: &'t str, mut each: impl FnMut(usize, &'t str) -> bool) {
    let mut from = 0;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        let ends = matches!(byte, b'.' | b'!' | b'?' | b';')
            && bytes.get(at + 1).is_some_and(u8::is_ascii_whitespace)
            && (matches!(byte, b'!' | b'?' | b';')
                || ends_sentence(&text[from..at], text[at + 1..].trim_start()));
        at += 1;
        if ends {
            if !give(text, from, at, &mut each) {
                return;
            }
            from = at;
        }
    }
    give(text, from, text.len(), &mut each);
}

fn give<'t>(text: &'t str, from: usize, to: usize, each: &mut impl FnMut(usize, &'t str) -> bool) -> bool {
    let sentence = &text[from..to];
    let trimmed = sentence.trim();
    trimmed.is_empty() || each(from + (sentence.len() - sentence.trim_start().len()), trimmed)
}

/// Whether the full stop between these two is the end of a sentence.
fn ends_sentence(before: &str, after: &str) -> bool {
    if !after.starts_with(|c: char| {
        c.is_uppercase() || c.is_ascii_digit() || matches!(c, '¿' | '¡' | '"' | '“' | '„' | '«' | '@' | '[')
    }) {
        return false;
    }
    let word = before
        .rsplit(|c: char| c.is_whitespace() || c == '(')
        .next()
        .unwrap_or_default();
    let letters = word.rsplit('.').next().unwrap_or_default();
    // Initials; but "de 9 h à 16 h." ends with a unit.
    let unit = before.len() > word.len()
        && before[..before.len() - word.len()]
            .trim_end()
            .ends_with(|c: char| c.is_ascii_digit());
    if letters.chars().count() <= 1 && !letters.is_empty() && !unit {
        return false;
    }
    // "am 5. Mai", "12.3. um"
    if letters.len() <= 2 && letters.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    letters.len() > 6 || !ABBREVIATIONS.contains(&letters.to_lowercase().as_str())
}
