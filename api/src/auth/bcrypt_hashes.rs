//! Hashes of bcrypt, which earlier systems made: compared as long as any account has one, and costly enough that the time of a
//! login would tell who has.
//!
//! A hash of cost c takes 2^c rounds. So that nobody learns anything from the time, a login that is refused takes as many as the
//! costliest hash that is in use, whatever hash it was compared with, if with any: 2^c + (2^c + 2^(c+1) + … + 2^(max−1)) = 2^max.

use std::hint::black_box;
use std::ops::RangeInclusive;

/// Costs of hashes that are computed. The highest takes about a second and a half, and each step more twice as long.
pub(crate) const COSTS: RangeInclusive<u32> = 4..=14;

/// Whether it looks like a hash of bcrypt, sound or not.
pub(super) fn is_one(hash: &str) -> bool {
    ["$2a$", "$2b$", "$2x$", "$2y$"]
        .iter()
        .any(|prefix| hash.starts_with(prefix))
}

/// What a hash costs, as a power of two; `None` for every other hash.
fn cost(hash: &str) -> Option<u32> {
    let (cost, _) = hash.get(4..).filter(|_| is_one(hash))?.split_once('$')?;
    cost.parse().ok()
}

/// What a hash costs that is not computed for its cost, which would keep a core busy for minutes or days.
pub(crate) fn unaffordable(hash: &str) -> Option<u32> {
    cost(hash).filter(|cost| cost > COSTS.end())
}

/// Whether the password belongs to the hash, and how many rounds it took to know. A hash that is broken, or costs more than is
/// computed, belongs to no password and takes none.
pub(super) fn verify(hash: &str, password: &[u8]) -> (bool, u64) {
    match cost(hash).filter(|cost| COSTS.contains(cost)) {
        Some(cost) => match bcrypt::verify(password, hash) {
            Ok(matches) => (matches, 1 << cost),
            Err(_) => (false, 0),
        },
        None => (false, 0),
    }
}

/// Spends what is missing, after `rounds` of a hash that was compared, to the rounds of a hash of `cost_max`. Gives how many that
/// were.
pub(super) fn make_up(rounds: u64, cost_max: u32) -> u64 {
    let first = match rounds {
        0 => return compute(cost_max),
        rounds => rounds.ilog2(),
    };
    (first..cost_max).map(compute).sum()
}

fn compute(cost: u32) -> u64 {
    // What the salt and the password are makes no difference to the time.
    black_box(bcrypt::bcrypt(cost, black_box([0; 16]), black_box(b"nobody's\0")));
    1 << cost
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of "correct horse", made by the C library's crypt(3).
    const HASH: &str = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";

    #[test]
    fn whatever_a_hash_costs_a_refused_login_takes_as_many_rounds() {
        for cost_max in 4..=9 {
            for cost in 4..=cost_max {
                let hash = HASH.replace("$04$", &format!("${cost:02}$"));
                let (matches, rounds) = verify(&hash, b"a wrong password");
                assert!(!matches);
                assert_eq!(rounds, 1 << cost);
                assert_eq!(rounds + make_up(rounds, cost_max), 1 << cost_max);
            }
            assert_eq!(make_up(0, cost_max), 1 << cost_max);
        }
        // One that nobody knew of when the login began.
        assert_eq!(make_up(1 << 9, 4), 0);
    }

    #[test]
    fn what_is_broken_or_costs_too_much_belongs_to_no_password_and_takes_no_time() {
        assert_eq!(verify(HASH, b"correct horse"), (true, 16));
        for broken in [
            "$2b$",
            "$2b$04$",
            "$2b$04$tooshort",
            "$2b$xx$",
            &HASH[..50],
            "$2b$é",
            "",
        ] {
            assert_eq!(verify(broken, b"correct horse"), (false, 0), "{broken}");
            assert_eq!(unaffordable(broken), None, "{broken}");
        }
        for (cost, hash) in [15, 31, 99].map(|cost| (cost, HASH.replace("$04$", &format!("${cost}$")))) {
            assert_eq!(verify(&hash, b"correct horse"), (false, 0));
            assert_eq!(unaffordable(&hash), Some(cost));
        }
        assert_eq!(
            verify(&HASH.replace("$04$", "$03$"), b"correct horse"),
            (false, 0)
        );
        assert_eq!(unaffordable(HASH), None);
    }
}
