//! Korean writes particles onto its nouns; without them one noun would be a dozen words.

/// Particles, longer ones first so that the whole of a compound particle goes.
const PARTICLES: &[&str] = &[
    "에서는",
    "으로는",
    "이라는",
    "으로서",
    "으로써",
    "에게서",
    "까지는",
    "부터는",
    "입니다",
    "합니다",
    "됩니다",
    "에서",
    "에게",
    "으로",
    "까지",
    "부터",
    "보다",
    "처럼",
    "하고",
    "이나",
    "이며",
    "하는",
    "하여",
    "에는",
    "와의",
    "과의",
    "들은",
    "들이",
    "들을",
    "들의",
    "은",
    "는",
    "이",
    "가",
    "을",
    "를",
    "의",
    "에",
    "로",
    "와",
    "과",
    "도",
    "만",
];

/// `word` without its particle, when at least two syllables remain.
pub(super) fn without_particle(word: &str) -> &str {
    const TWO_SYLLABLES: usize = 6;
    let stripped = PARTICLES.iter().find_map(|particle| word.strip_suffix(particle));
    stripped
        .filter(|noun| noun.len() >= TWO_SYLLABLES)
        .unwrap_or(word)
}
