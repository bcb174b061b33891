//! Whose turn it is: tenants stand in a circle, and each in its turn starts as many tasks as its weight says.

use std::collections::VecDeque;

use uuid::Uuid;

/// How far a level has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The tenant that was served last.
    pub(super) user: Uuid,
    /// How much of its turn it has had; 0 when its turn is over.
    pub(super) used: usize,
}

/// A tenant with tasks that may start.
#[derive(Debug)]
pub(super) struct Tenant<T> {
    pub(super) user: Uuid,
    /// Tasks in one turn.
    pub(super) weight: usize,
    /// The first tasks in its line.
    pub(super) tasks: VecDeque<T>,
}

/// Gives every tenant its turn in the order of `circle`, `turns` times at most, until `room` tasks were taken. The first one may
/// have had `used` of its turn already. Returns the tasks in their order, and where to go on.
pub(super) fn take<T>(
    circle: &mut [Tenant<T>],
    used: usize,
    turns: usize,
    room: usize,
) -> (Vec<T>, Option<Cursor>) {
    let mut taken = Vec::new();
    let mut cursor = None;
    let mut used = used;
    for _ in 0..turns {
        for tenant in circle.iter_mut() {
            if taken.len() == room {
                return (taken, cursor);
            }
            let before = std::mem::take(&mut used);
            let quantum = tenant.weight.saturating_sub(before);
            let count = quantum.min(room - taken.len()).min(tenant.tasks.len());
            taken.extend(tenant.tasks.drain(..count));
            // Only want of room interrupts a turn. Who has nothing left to start has had it.
            let interrupted = count < quantum && !tenant.tasks.is_empty();
            cursor = Some(Cursor {
                user: tenant.user,
                used: if interrupted { before + count } else { 0 },
            });
        }
    }
    (taken, cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circle(tenants: &[(u128, usize, usize)]) -> Vec<Tenant<u128>> {
        let tenant = |&(user, weight, tasks): &(u128, usize, usize)| Tenant {
            user: Uuid::from_u128(user),
            weight,
            tasks: std::iter::repeat_n(user, tasks).collect(),
        };
        tenants.iter().map(tenant).collect()
    }

    #[test]
    fn everybody_has_a_turn_before_anybody_has_another_one() {
        let (taken, cursor) = take(&mut circle(&[(1, 1, 100), (2, 1, 1), (3, 1, 100)]), 0, 9, 6);
        assert_eq!(taken, [1, 2, 3, 1, 3, 1]);
        assert_eq!(
            cursor,
            Some(Cursor {
                user: Uuid::from_u128(1),
                used: 0
            })
        );
    }

    #[test]
    fn a_turn_that_was_interrupted_goes_on_where_it_ended() {
        let (taken, cursor) = take(&mut circle(&[(1, 3, 9), (2, 1, 9)]), 0, 9, 2);
        assert_eq!(taken, [1, 1]);
        assert_eq!(
            cursor,
            Some(Cursor {
                user: Uuid::from_u128(1),
                used: 2
            })
        );
        let (taken, cursor) = take(&mut circle(&[(1, 3, 7), (2, 1, 9)]), 2, 9, 3);
        assert_eq!(taken, [1, 2, 1]);
        assert_eq!(
            cursor,
            Some(Cursor {
                user: Uuid::from_u128(1),
                used: 1
            })
        );
    }

    #[test]
    fn who_has_nothing_left_loses_the_rest_of_the_turn() {
        let (taken, cursor) = take(&mut circle(&[(1, 5, 2), (2, 1, 3)]), 0, 1, 10);
        assert_eq!(taken, [1, 1, 2]);
        assert_eq!(
            cursor,
            Some(Cursor {
                user: Uuid::from_u128(2),
                used: 0
            })
        );
    }
}
