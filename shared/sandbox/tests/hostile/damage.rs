//! Damage at random, the same in every run. Also for the tests of the whole system, which have no library for archives.

/// Numbers that look random and are the same in every run (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`, which is more than nothing.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.roll() % bound as u64).unwrap()
    }
}

/// A way of damaging a file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    BreakOff,
    Flip,
    Splice,
    Number,
}

pub(crate) const KINDS: [Kind; 4] = [Kind::BreakOff, Kind::Flip, Kind::Splice, Kind::Number];

const NUMBERS: [&[u8]; 8] = [
    b"0",
    b"-1",
    b"1",
    b"65536",
    b"99999999",
    b"2147483647",
    b"4294967295",
    b"18446744073709551615",
];

/// A damaged file; pieces come from `others`.
pub(crate) fn damaged(mut bytes: Vec<u8>, kind: Kind, others: &[&[u8]], dice: &mut Dice) -> Vec<u8> {
    if bytes.is_empty() {
        return bytes;
    }
    match kind {
        Kind::BreakOff => bytes.truncate(1 + dice.below(bytes.len())),
        Kind::Flip => {
            for _ in 0..=dice.below(200) {
                let at = dice.below(bytes.len());
                bytes[at] ^= 1 << dice.below(8);
            }
        }
        Kind::Splice => {
            let other = others[dice.below(others.len())];
            let start = dice.below(other.len());
            let length = 1 + dice.below((other.len() - start).min(20_000));
            let at = dice.below(bytes.len());
            let replaced = if dice.below(2) == 0 {
                length.min(bytes.len() - at)
            } else {
                0
            };
            bytes.splice(at..at + replaced, other[start..start + length].iter().copied());
        }
        Kind::Number => {
            for _ in 0..=dice.below(12) {
                let from = dice.below(bytes.len());
                let Some(start) = (from..bytes.len()).find(|at| bytes[*at].is_ascii_digit()) else {
                    continue;
                };
                let digits = bytes[start..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit())
                    .count();
                let number = NUMBERS[dice.below(NUMBERS.len())];
                bytes.splice(start..start + digits, number.iter().copied());
            }
        }
    }
    bytes
}
