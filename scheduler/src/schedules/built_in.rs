//! The schedules that docmill comes with. They are added where they are missing; what an operator makes of them stays.

use chrono::{DateTime, Utc};
use domain::schedules::{CleanUp, ExpiredRows, LeftoverObjects, MissedRuns, Overlap, Plan, Work, WorkKind};

/// Tried again after a minute, four and sixteen: a database or store that is away at night is mostly back by then.
const RETRIES: i16 = 3;

/// Name, plan and first slot of each. At night, apart from each other; the day is UTC until an operator says another zone.
pub(super) fn plans(now: DateTime<Utc>) -> Vec<(&'static str, Plan, DateTime<Utc>)> {
    let night = [
        // Keeps everything for ever until an operator sets `older_than_days`.
        (WorkKind::CleanUp, Work::CleanUp(CleanUp::default()), "0 2 * * *"),
        (
            WorkKind::DeleteExpiredRows,
            Work::DeleteExpiredRows(ExpiredRows::default()),
            "30 2 * * *",
        ),
        (
            WorkKind::DeleteLeftoverObjects,
            Work::DeleteLeftoverObjects(LeftoverObjects::default()),
            "0 3 * * *",
        ),
    ];
    let with_first_slot = |(kind, work, cron): (WorkKind, Work, &str)| {
        let plan = Plan {
            work: kind.as_str().to_owned(),
            options: work.options(),
            cron: Some(cron.to_owned()),
            every_seconds: None,
            time_zone: "UTC".to_owned(),
            // One clean-up makes good for any number of missed ones.
            missed: MissedRuns::RunOnce,
            overlap: Overlap::Skip,
            retries: RETRIES,
        };
        let (plan, first) = plan.checked(now).ok()?;
        Some((kind.as_str(), plan, first))
    };
    night.into_iter().filter_map(with_first_slot).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_work_has_a_schedule_that_can_be_used() {
        let now: DateTime<Utc> = "2026-03-04T02:15:00Z".parse().unwrap();
        let first: Vec<_> = plans(now)
            .into_iter()
            .map(|(name, _, first)| (name, first.to_string()))
            .collect();
        let expected = [
            ("clean_up", "2026-03-05 02:00:00 UTC"),
            ("delete_expired_rows", "2026-03-04 02:30:00 UTC"),
            ("delete_leftover_objects", "2026-03-04 03:00:00 UTC"),
        ];
        assert_eq!(first, expected.map(|(name, first)| (name, first.to_owned())));
        assert_eq!(first.len(), WorkKind::ALL.len());
    }
}
