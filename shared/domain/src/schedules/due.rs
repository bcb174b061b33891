//! Which slots of a timetable run when somebody looks, and which one is waited for next.

use chrono::{DateTime, TimeDelta, Utc};

use super::{MissedRuns, Timetable};

/// Slots that run one after the other after an absence, and older ones that are counted, at most. Whoever was away for
/// longer catches up with the newest.
pub const SLOTS_AT_ONCE_MAX: usize = 100;
/// A slot that is seen later than this was missed.
const LATE_AFTER: TimeDelta = TimeDelta::seconds(60);

/// What there is to do about the slots that have come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Runs to be noted, the oldest first.
    pub slots: Vec<DueSlot>,
    /// The slot that is waited for next; `None` when there is none any more.
    pub next_at: Option<DateTime<Utc>>,
}

/// A slot that gets a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueSlot {
    /// Its time.
    pub at: DateTime<Utc>,
    /// Earlier slots without runs of their own, for which it stands. At most [`SLOTS_AT_ONCE_MAX`] are counted.
    pub missed: u16,
    /// Whether it runs, or is only noted as skipped.
    pub runs: bool,
}

/// What there is to do at `now` about a schedule that has waited for the slot `from`. Nothing when that has not come.
#[must_use]
pub fn due(timetable: &Timetable, from: DateTime<Utc>, now: DateTime<Utc>, missed: MissedRuns) -> Due {
    if now < from {
        return Due {
            slots: Vec::new(),
            next_at: Some(from),
        };
    }
    let one_second = TimeDelta::seconds(1);
    let mut come: Vec<DateTime<Utc>> = std::iter::successors(timetable.last_at(now), |slot| {
        timetable.last_at(*slot - one_second)
    })
    .take_while(|slot| *slot >= from)
    .take(2 * SLOTS_AT_ONCE_MAX)
    .collect();
    if come.is_empty() {
        // Whoever set `from` had a timetable of his own; it is not lost for that.
        come.push(from);
    }
    let newest = come[0];
    let others = |count: usize| u16::try_from(count.min(SLOTS_AT_ONCE_MAX)).unwrap_or(u16::MAX);
    let one = |runs: bool| DueSlot {
        at: newest,
        missed: others(come.len() - 1),
        runs,
    };
    let slots = match missed {
        MissedRuns::RunOnce => vec![one(true)],
        MissedRuns::Skip => vec![one(now - newest <= LATE_AFTER)],
        MissedRuns::RunAll => {
            let given_up = come.len().saturating_sub(SLOTS_AT_ONCE_MAX);
            let mut slots: Vec<DueSlot> = come
                .iter()
                .take(SLOTS_AT_ONCE_MAX)
                .rev()
                .map(|slot| DueSlot {
                    at: *slot,
                    missed: 0,
                    runs: true,
                })
                .collect();
            slots[0].missed = others(given_up);
            slots
        }
    };
    Due {
        slots,
        next_at: timetable.next_after(now.max(newest)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn hourly() -> Timetable {
        Timetable::read(Some("0 * * * *"), None, "UTC").unwrap()
    }

    /// Time, missed, runs.
    fn found(missed: MissedRuns, now: &str) -> (Vec<(String, u16, bool)>, String) {
        let due = due(&hourly(), at("2026-03-04T09:00:00Z"), at(now), missed);
        let slots = due.slots.iter();
        let slots = slots.map(|slot| (slot.at.format("%d %H:%M").to_string(), slot.missed, slot.runs));
        (
            slots.collect(),
            due.next_at.unwrap().format("%d %H:%M").to_string(),
        )
    }

    #[test]
    fn nothing_is_due_before_its_time() {
        for policy in MissedRuns::ALL {
            let (slots, next) = found(*policy, "2026-03-04T08:59:59.999Z");
            assert_eq!((slots, next.as_str()), (vec![], "04 09:00"));
        }
    }

    #[test]
    fn what_is_seen_in_time_runs_whatever_the_policy() {
        for policy in MissedRuns::ALL {
            let (slots, next) = found(*policy, "2026-03-04T09:00:00.400Z");
            assert_eq!(
                (slots, next.as_str()),
                (vec![("04 09:00".to_owned(), 0, true)], "04 10:00")
            );
        }
    }

    #[test]
    fn missed_slots_run_once_each_or_not_at_all() {
        let away = "2026-03-04T12:30:00Z";
        let slot = |text: &str, missed, runs| (text.to_owned(), missed, runs);
        assert_eq!(
            found(MissedRuns::RunOnce, away),
            (vec![slot("04 12:00", 3, true)], "04 13:00".to_owned())
        );
        assert_eq!(
            found(MissedRuns::Skip, away),
            (vec![slot("04 12:00", 3, false)], "04 13:00".to_owned())
        );
        let all = ["04 09:00", "04 10:00", "04 11:00", "04 12:00"].map(|text| slot(text, 0, true));
        assert_eq!(
            found(MissedRuns::RunAll, away),
            (all.to_vec(), "04 13:00".to_owned())
        );
    }

    #[test]
    fn a_slot_in_time_after_missed_ones_runs_even_if_those_are_skipped() {
        let (slots, _) = found(MissedRuns::Skip, "2026-03-04T12:00:30Z");
        assert_eq!(slots, [("04 12:00".to_owned(), 3, true)]);
    }

    #[test]
    fn after_a_long_absence_only_the_newest_hundred_run() {
        let (slots, next) = found(MissedRuns::RunAll, "2027-03-04T12:30:00Z");
        assert_eq!(slots.len(), SLOTS_AT_ONCE_MAX);
        assert_eq!(slots[0].1, 100, "as many again are counted");
        assert_eq!(slots[99], ("04 12:00".to_owned(), 0, true));
        assert_eq!(next, "04 13:00");
    }

    #[test]
    fn a_slot_of_another_timetable_is_not_lost() {
        let from = at("2026-03-04T09:17:00Z");
        let due = due(
            &hourly(),
            from,
            at("2026-03-04T09:17:00.100Z"),
            MissedRuns::RunOnce,
        );
        assert_eq!(due.slots.iter().map(|slot| slot.at).collect::<Vec<_>>(), [from]);
        assert_eq!(due.next_at, Some(at("2026-03-04T10:00:00Z")));
    }
}
