//! What calls take: tokens, and money in whole numbers.

use serde::{Deserialize, Serialize};

/// Money, in millionths of the smallest unit of the operator's currency. A price is so many of the smallest unit for a
/// million tokens, so the price of one token is a whole number of these, and nothing is ever rounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cost(pub u64);

impl Cost {
    /// So many of the smallest unit.
    #[must_use]
    pub const fn units(units: u64) -> Self {
        Self(units.saturating_mul(1_000_000))
    }

    /// In whole smallest units, rounded up: what is shown is never less than what was spent.
    #[must_use]
    pub const fn in_units(self) -> u64 {
        self.0.div_ceil(1_000_000)
    }
}

/// What a call took, or takes at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens sent.
    pub input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// The price of both.
    pub cost: Cost,
}

/// Prices, in the smallest unit of the currency for a million tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prices {
    pub(crate) input: u64,
    pub(crate) output: u64,
}

impl Prices {
    pub(crate) const fn of(self, input_tokens: u64, output_tokens: u64) -> Usage {
        let input = input_tokens.saturating_mul(self.input);
        let output = output_tokens.saturating_mul(self.output);
        Usage {
            input_tokens,
            output_tokens,
            cost: Cost(input.saturating_add(output)),
        }
    }
}

/// A token is three bytes of a text or more in nearly every language; in Chinese or Japanese it is a character, which has
/// three.
const TOKEN_BYTES: usize = 3;

/// Tokens that a text of so many bytes has at most, nearly always.
pub(crate) const fn tokens_of(bytes: usize) -> u64 {
    bytes.div_ceil(TOKEN_BYTES) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_costs_what_its_tokens_cost_to_the_millionth() {
        let prices = Prices {
            input: 300,
            output: 1_500,
        };
        let usage = prices.of(1_000, 10);
        assert_eq!(usage.cost, Cost(315_000));
        assert_eq!(usage.cost.in_units(), 1, "shown rounded up");
        assert_eq!(prices.of(0, 0).cost.in_units(), 0);
        assert_eq!(Cost::units(7).in_units(), 7);
        assert_eq!(prices.of(u64::MAX, u64::MAX).cost, Cost(u64::MAX), "never wraps");
    }
}
