//! Chance that can be repeated.

use std::ops::Range;
use std::time::Duration;

/// Numbers that look like chance and follow from a seed (SplitMix64). They decide what is done and when, never what counts
/// as kept.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice that always fall the same way for the same seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 when there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = bound.max(1) as u64;
        usize::try_from(self.roll() % bound).unwrap_or(0)
    }

    /// One of some things.
    ///
    /// # Panics
    /// When there are none.
    pub fn one_of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len())]
    }

    /// A time within a range, in whole milliseconds.
    pub fn time(&mut self, within: Range<Duration>) -> Duration {
        let span = within.end.saturating_sub(within.start).as_millis();
        let chosen = self.below(usize::try_from(span).unwrap_or(usize::MAX));
        within.start + Duration::from_millis(chosen as u64)
    }

    /// The same things in another order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_plan_and_another_one_another() {
        let rolls = |seed| {
            let mut dice = Dice::new(seed);
            std::iter::repeat_with(move || dice.roll())
                .take(100)
                .collect::<Vec<_>>()
        };
        assert_eq!(rolls(7), rolls(7));
        assert_ne!(rolls(7), rolls(8));
    }

    #[test]
    fn what_is_drawn_lies_within_its_bounds_and_nothing_is_left_out() {
        let mut dice = Dice::new(1);
        let mut seen = [0; 5];
        for _ in 0..1_000 {
            seen[dice.below(5)] += 1;
            let time = dice.time(Duration::from_secs(1)..Duration::from_secs(2));
            assert!((1_000..2_000).contains(&time.as_millis()), "{time:?}");
        }
        assert!(seen.iter().all(|count| *count > 100), "{seen:?}");
        let mut things: Vec<usize> = (0..50).collect();
        dice.shuffle(&mut things);
        assert_ne!(things, (0..50).collect::<Vec<_>>());
        things.sort_unstable();
        assert_eq!(things, (0..50).collect::<Vec<_>>());
    }
}
