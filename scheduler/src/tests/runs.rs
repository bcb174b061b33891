//! From a slot to the end of its run.

use std::collections::BTreeSet;

use database::schedules::{self, Ended, RunFilter};
use database::tasks::Operator;
use domain::Clock;
use domain::schedules::{MissedRuns, Overlap, Plan, RunState};
use serde_json::json;

use super::{Bench, HOUR, SECOND};
use crate::schedules::{claim, fire_due, insert_built_in, perform};

impl Bench {
    async fn hourly(&self, missed: MissedRuns, overlap: Overlap) {
        let plan = Plan {
            work: "delete_leftover_objects".to_owned(),
            options: json!({}),
            cron: Some("0 * * * *".to_owned()),
            every_seconds: None,
            time_zone: "UTC".to_owned(),
            missed,
            overlap,
            retries: 0,
        };
        let now = self.clock.now();
        let (plan, next) = plan.checked(now).unwrap();
        schedules::add(
            &self.parts.database,
            "hourly",
            &plan,
            next,
            Operator::default(),
            now,
        )
        .await
        .unwrap();
    }

    async fn fire(&self) {
        fire_due(&self.parts, &mut BTreeSet::new()).await.unwrap();
    }

    async fn states(&self, name: &str) -> Vec<(RunState, i32)> {
        let schedule = schedules::find(&self.parts.database, name)
            .await
            .unwrap()
            .unwrap();
        let mut runs = schedules::list_runs(&self.parts.database, schedule.id, RunFilter::default(), 1000)
            .await
            .unwrap();
        runs.sort_by_key(|run| run.slot);
        runs.iter().map(|run| (run.state, run.missed)).collect()
    }
}

#[tokio::test]
async fn what_docmill_does_at_night_is_there_and_runs_once() {
    let bench = Bench::new().await;
    for _ in 0..2 {
        insert_built_in(&bench.parts).await.unwrap();
    }
    let names: Vec<String> = schedules::list(&bench.parts.database, 0, 100)
        .await
        .unwrap()
        .into_iter()
        .map(|it| it.name)
        .collect();
    assert_eq!(
        names,
        ["clean_up", "delete_expired_rows", "delete_leftover_objects"]
    );
    bench.fire().await;
    assert_eq!(claim(&bench.parts, 10).await.unwrap(), [], "it is not night yet");
    bench.clock.advance(24 * HOUR);
    bench.fire().await;
    let claims = claim(&bench.parts, 10).await.unwrap();
    assert_eq!(claims.len(), 3);
    for claim in &claims {
        assert_eq!(perform(&bench.parts, claim).await, Ended::Now);
    }
    bench.fire().await;
    assert_eq!(claim(&bench.parts, 10).await.unwrap(), []);
    for name in names {
        assert_eq!(bench.states(&name).await, [(RunState::Done, 0)]);
    }
}

#[tokio::test]
async fn a_scheduler_that_was_away_makes_good_as_the_schedule_says() {
    for (missed, expected) in [
        (MissedRuns::RunOnce, vec![(RunState::Waiting, 4)]),
        (MissedRuns::Skip, vec![(RunState::Skipped, 4)]),
        (MissedRuns::RunAll, vec![(RunState::Waiting, 0); 5]),
    ] {
        let bench = Bench::new().await;
        bench.hourly(missed, Overlap::Skip).await;
        let name = "hourly";
        let next = schedules::find(&bench.parts.database, name)
            .await
            .unwrap()
            .unwrap()
            .next_at
            .unwrap();
        // Two minutes after the fifth slot.
        bench
            .clock
            .advance((next - bench.clock.now()).to_std().unwrap() + 4 * HOUR + 120 * SECOND);
        bench.fire().await;
        bench.fire().await;
        assert_eq!(bench.states(name).await, expected, "{missed}");
    }
}

#[tokio::test]
async fn a_run_under_way_is_skipped_over_waited_for_or_cancelled() {
    use RunState::{Cancelled, Running, Skipped, Waiting};
    for (overlap, expected) in [
        (Overlap::Skip, [(Running, 0), (Skipped, 0)]),
        (Overlap::Queue, [(Running, 0), (Waiting, 0)]),
        (Overlap::CancelPrevious, [(Cancelled, 0), (Waiting, 0)]),
    ] {
        let bench = Bench::new().await;
        bench.hourly(MissedRuns::RunOnce, overlap).await;
        bench.clock.advance(HOUR);
        bench.fire().await;
        let under_way = claim(&bench.parts, 1).await.unwrap().remove(0);
        bench.clock.advance(HOUR);
        bench.fire().await;
        assert_eq!(bench.states("hourly").await, expected, "{overlap}");
        let ended = perform(&bench.parts, &under_way).await;
        assert_eq!(
            ended == Ended::Lost,
            overlap == Overlap::CancelPrevious,
            "{overlap}"
        );
    }
}

#[tokio::test]
async fn a_schedule_of_another_release_is_left_alone_and_holds_up_nobody() {
    let bench = Bench::new().await;
    bench.hourly(MissedRuns::RunOnce, Overlap::Skip).await;
    let plan = schedules::find(&bench.parts.database, "hourly")
        .await
        .unwrap()
        .unwrap()
        .plan;
    let newer = Plan {
        options: json!({ "colour": "blue" }),
        ..plan
    };
    let now = bench.clock.now();
    schedules::add(
        &bench.parts.database,
        "newer",
        &newer,
        now,
        Operator::default(),
        now,
    )
    .await
    .unwrap();
    bench.clock.advance(HOUR);
    let mut puzzling = BTreeSet::new();
    fire_due(&bench.parts, &mut puzzling).await.unwrap();
    assert_eq!(
        puzzling.iter().collect::<Vec<_>>(),
        ["newer:1"],
        "which is said once"
    );
    assert_eq!(bench.states("newer").await, []);
    assert_eq!(bench.states("hourly").await, [(RunState::Waiting, 0)]);
}
