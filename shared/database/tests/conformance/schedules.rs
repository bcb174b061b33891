use std::time::Duration;

use chrono::{DateTime, Utc};
use database::quotas::{self, NewLimits};
use database::schedules::{self, Added, Changed, Ended, RunFilter, RunNow, Schedule, TakenOver};
use database::tasks::Operator;
use database::users::User;
use database::{Database, discarded, jobs, tasks};
use domain::RunId;
use domain::schedules::{Due, DueSlot, MissedRuns, Overlap, Plan, RunCause, RunState};
use serde_json::json;

use crate::support::{HOUR, SECOND, a_result, a_user, a_worker, claim_one, new_job, on_both, start, submit};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn plan(overlap: Overlap) -> Plan {
    Plan {
        work: "clean_up".to_owned(),
        options: json!({ "older_than_days": 30, "dry_run": false }),
        cron: Some("0 2 * * *".to_owned()),
        every_seconds: None,
        time_zone: "Europe/Berlin".to_owned(),
        missed: MissedRuns::RunOnce,
        overlap,
        retries: 1,
    }
}

async fn added(db: &Database, name: &str, plan: &Plan) -> Schedule {
    let next = start() + HOUR;
    let added = schedules::add(db, name, plan, next, Operator::default(), start())
        .await
        .unwrap();
    assert!(matches!(added, Added::Now(_)));
    found(db, name).await
}

async fn found(db: &Database, name: &str) -> Schedule {
    schedules::find(db, name).await.unwrap().unwrap()
}

/// The slot that a schedule waits for has come; the next one is an hour later.
fn comes(schedule: &Schedule) -> Due {
    let at = schedule.next_at.unwrap();
    Due {
        slots: vec![DueSlot {
            at,
            missed: 0,
            runs: true,
        }],
        next_at: Some(at + HOUR),
    }
}

async fn fires(db: &Database, name: &str) -> u64 {
    let schedule = found(db, name).await;
    let due = comes(&schedule);
    schedules::fire(db, &schedule, &due, schedule.next_at.unwrap())
        .await
        .unwrap()
        .unwrap()
}

async fn states(db: &Database, schedule: &Schedule) -> Vec<RunState> {
    let mut runs = schedules::list_runs(db, schedule.id, RunFilter::default(), 1000)
        .await
        .unwrap();
    runs.sort_by_key(|run| run.slot);
    runs.iter().map(|run| run.state).collect()
}

async fn claim_run(db: &Database, now: DateTime<Utc>) -> schedules::RunClaim {
    schedules::claim(db, "host-1", 1, now)
        .await
        .unwrap()
        .pop()
        .expect("a run can be claimed")
}

on_both! {
    async fn a_schedule_is_stored_as_it_was_planned(db: &TestDatabase) {
        let nightly = added(db, "nightly", &plan(Overlap::Skip)).await;
        assert_eq!(nightly.plan, plan(Overlap::Skip));
        assert_eq!((nightly.version, nightly.built_in, nightly.next_at), (1, false, Some(start() + HOUR)));
        let again = schedules::add(db, "nightly", &plan(Overlap::Queue), start(), Operator::default(), start()).await;
        assert_eq!(again.unwrap(), Added::NameTaken);
        assert_eq!(schedules::list(db, 0, 10).await.unwrap(), [nightly]);
        assert_eq!(schedules::list(db, 1, 10).await.unwrap(), []);
        assert_eq!(schedules::find(db, "daily").await.unwrap(), None);
    }

    async fn built_in_ones_are_added_once_and_stay_as_they_were_edited(db: &TestDatabase) {
        let own = [("nightly", plan(Overlap::Skip), start() + HOUR)];
        assert_eq!(schedules::insert_missing(db, &own, start()).await.unwrap(), 1);
        let edited = Plan { retries: 5, ..plan(Overlap::Queue) };
        let next = start() + 2 * HOUR;
        let done = schedules::edit(db, "nightly", 1, &edited, next, Operator::default(), start()).await.unwrap();
        assert_eq!(done, Changed::Now);
        assert_eq!(schedules::insert_missing(db, &own, start() + HOUR).await.unwrap(), 0);
        let nightly = found(db, "nightly").await;
        assert_eq!((nightly.plan, nightly.version, nightly.next_at, nightly.built_in), (edited, 2, Some(next), true));
        let removed = schedules::remove(db, "nightly", Some(2), Operator::default(), start()).await.unwrap();
        assert_eq!(removed, Changed::BuiltIn);
    }

    async fn only_who_knows_the_newest_version_edits_and_removes(db: &TestDatabase) {
        added(db, "nightly", &plan(Overlap::Skip)).await;
        let edit = async |name: &str, version| {
            schedules::edit(db, name, version, &plan(Overlap::Queue), start(), Operator::default(), start()).await.unwrap()
        };
        assert_eq!(edit("nightly", 2).await, Changed::Stale);
        assert_eq!(edit("daily", 1).await, Changed::NoSuchSchedule);
        assert_eq!(edit("nightly", 1).await, Changed::Now);
        let remove = async |name: &str, version| {
            schedules::remove(db, name, version, Operator::default(), start()).await.unwrap()
        };
        assert_eq!(remove("nightly", Some(1)).await, Changed::Stale);
        assert_eq!(remove("nightly", Some(2)).await, Changed::Now);
        assert_eq!(remove("nightly", None).await, Changed::NoSuchSchedule);
    }

    async fn a_slot_is_fired_once_however_many_do_so(db: &TestDatabase) {
        let nightly = added(db, "nightly", &plan(Overlap::Queue)).await;
        let now = start() + HOUR;
        assert_eq!(schedules::due(db, now - SECOND, 10).await.unwrap(), []);
        assert_eq!(schedules::due(db, now, 10).await.unwrap(), std::slice::from_ref(&nightly));
        let due = comes(&nightly);
        let (one, two) = tokio::join!(
            schedules::fire(db, &nightly, &due, now),
            schedules::fire(db, &nightly, &due, now),
        );
        let mut won = [one.unwrap(), two.unwrap()];
        won.sort();
        assert_eq!(won, [None, Some(1)]);
        assert_eq!(schedules::fire(db, &nightly, &due, now).await.unwrap(), None);
        let next = found(db, "nightly").await;
        assert_eq!((next.next_at, next.version), (Some(now + HOUR), 1), "firing is no change of a person's");
        // Even a clock that goes back does not give a slot two runs.
        let again = schedules::fire(db, &next, &due, now).await.unwrap();
        assert_eq!(again, Some(0));
        assert_eq!(states(db, &nightly).await, [RunState::Waiting]);
    }

    async fn a_changed_or_paused_schedule_does_not_fire_as_it_was(db: &TestDatabase) {
        let before = added(db, "nightly", &plan(Overlap::Queue)).await;
        let operator = Operator::default;
        assert_eq!(schedules::pause(db, "nightly", operator(), start()).await.unwrap(), Changed::Now);
        assert_eq!(schedules::pause(db, "nightly", operator(), start()).await.unwrap(), Changed::Now, "twice is fine");
        let now = start() + 5 * HOUR;
        assert_eq!(schedules::fire(db, &before, &comes(&before), now).await.unwrap(), None);
        assert_eq!(schedules::due(db, now, 10).await.unwrap(), []);
        let paused = found(db, "nightly").await;
        assert_eq!((paused.paused_at, paused.next_at, paused.version), (Some(start()), None, 2));
        let next = now + HOUR;
        assert_eq!(schedules::resume(db, "nightly", next, operator(), now).await.unwrap(), Changed::Now);
        let resumed = found(db, "nightly").await;
        assert_eq!((resumed.paused_at, resumed.next_at), (None, Some(next)));
        assert_eq!(schedules::pause(db, "daily", operator(), now).await.unwrap(), Changed::NoSuchSchedule);
        assert_eq!(schedules::resume(db, "daily", next, operator(), now).await.unwrap(), Changed::NoSuchSchedule);
    }

    async fn a_paused_schedule_that_is_edited_stays_paused(db: &TestDatabase) {
        added(db, "nightly", &plan(Overlap::Queue)).await;
        schedules::pause(db, "nightly", Operator::default(), start()).await.unwrap();
        let (skipping, next) = (plan(Overlap::Skip), start() + HOUR);
        let edited = schedules::edit(db, "nightly", 2, &skipping, next, Operator::default(), start()).await.unwrap();
        assert_eq!(edited, Changed::Now);
        let paused = found(db, "nightly").await;
        assert_eq!((paused.next_at, paused.plan.overlap), (None, Overlap::Skip));
    }

    async fn what_overlaps_is_skipped_queued_or_takes_the_place(db: &TestDatabase) {
        use RunState::{Cancelled, Running, Skipped, Waiting};
        for (overlap, then) in [
            (Overlap::Skip, [Running, Skipped]),
            (Overlap::Queue, [Running, Waiting]),
            (Overlap::CancelPrevious, [Cancelled, Waiting]),
        ] {
            let schedule = added(db, overlap.as_str(), &plan(overlap)).await;
            fires(db, overlap.as_str()).await;
            let now = start() + HOUR;
            let claim = claim_run(db, now).await;
            assert_eq!(fires(db, overlap.as_str()).await, u64::from(overlap != Overlap::Skip));
            assert_eq!(states(db, &schedule).await, then, "{overlap}");
            let stands = overlap != Overlap::CancelPrevious;
            assert_eq!(schedules::beat(db, &claim, now).await.unwrap(), stands, "{overlap}");
            assert_eq!(schedules::finish(db, &claim, &json!({}), now).await.unwrap(), stands, "{overlap}");
            let next = schedules::claim(db, "host-2", 10, now + HOUR).await.unwrap();
            assert_eq!(next.len(), usize::from(overlap != Overlap::Skip), "{overlap}");
            for claim in next {
                schedules::finish(db, &claim, &json!({}), now).await.unwrap();
            }
        }
    }

    async fn runs_of_one_schedule_go_one_after_the_other(db: &TestDatabase) {
        let now = start() + HOUR;
        added(db, "nightly", &plan(Overlap::Queue)).await;
        added(db, "daily", &plan(Overlap::Queue)).await;
        let schedule = found(db, "nightly").await;
        let slot = |minutes: u32| DueSlot { at: start() + minutes * 60 * SECOND, missed: 0, runs: true };
        let due = Due { slots: vec![slot(10), slot(20), slot(30)], next_at: None };
        assert_eq!(schedules::fire(db, &schedule, &due, now).await.unwrap(), Some(3));
        fires(db, "daily").await;
        let first = schedules::claim(db, "host-1", 10, now).await.unwrap();
        assert_eq!(first.len(), 2, "one of each schedule");
        let (one, two) = tokio::join!(
            schedules::claim(db, "host-2", 10, now),
            schedules::claim(db, "host-3", 10, now),
        );
        assert_eq!((one.unwrap(), two.unwrap()), (vec![], vec![]));
        let mut slots = Vec::new();
        let mut claim = first.into_iter().find(|claim| claim.name == "nightly");
        while let Some(now_doing) = claim {
            slots.push(now_doing.slot);
            assert!(schedules::finish(db, &now_doing, &json!({}), now).await.unwrap());
            claim = schedules::claim(db, "host-2", 10, now).await.unwrap().pop();
        }
        assert_eq!(slots, [slot(10).at, slot(20).at, slot(30).at]);
    }

    async fn a_silent_scheduler_loses_its_run_to_another(db: &TestDatabase) {
        let schedule = added(db, "nightly", &plan(Overlap::Skip)).await;
        fires(db, "nightly").await;
        let now = start() + HOUR;
        let stale = claim_run(db, now).await;
        assert_eq!((stale.attempt, stale.fence, stale.name.as_str()), (1, 1, "nightly"));
        assert_eq!(schedules::take_over(db, now - SECOND, 10, now).await.unwrap(), TakenOver::default());
        assert!(schedules::beat(db, &stale, now + SECOND).await.unwrap());
        assert_eq!(schedules::take_over(db, now, 10, now).await.unwrap(), TakenOver::default());
        let later = now + 11 * SECOND;
        assert_eq!(
            schedules::take_over(db, now + SECOND, 10, later).await.unwrap(),
            TakenOver { waiting: 1, failed: 0 }
        );
        let claim = claim_run(db, later).await;
        assert_eq!((claim.attempt, claim.fence), (1, 2), "being lost costs no attempt");
        assert!(!schedules::beat(db, &stale, later).await.unwrap());
        assert!(!schedules::finish(db, &stale, &json!({ "stale": true }), later).await.unwrap());
        assert!(!schedules::give_back(db, &stale, &json!({}), later).await.unwrap());
        assert_eq!(schedules::fail(db, &stale, "x", &json!({}), later, later).await.unwrap(), Ended::Lost);
        assert!(schedules::finish(db, &claim, &json!({ "jobs": 3 }), later).await.unwrap());
        let run = schedules::find_run(db, claim.run).await.unwrap().unwrap();
        assert_eq!((run.state, run.takeovers, run.report), (RunState::Done, 1, Some(json!({ "jobs": 3 }))));
        assert_eq!((run.cause, run.owner.as_deref(), run.schedule), (RunCause::Slot, Some("host-1"), schedule.id));
        assert_eq!((run.slot, run.finished_at), (start() + HOUR, Some(later)));
    }

    async fn a_run_that_loses_one_scheduler_after_the_other_fails(db: &TestDatabase) {
        added(db, "nightly", &plan(Overlap::Skip)).await;
        fires(db, "nightly").await;
        let mut now = start() + HOUR;
        for turn in 1..=schedules::TAKEOVERS_MAX {
            let claim = claim_run(db, now).await;
            now += 10 * SECOND;
            let last = turn == schedules::TAKEOVERS_MAX;
            let expected = TakenOver { waiting: u64::from(!last), failed: u64::from(last) };
            assert_eq!(schedules::take_over(db, now, 10, now).await.unwrap(), expected);
            let run = schedules::find_run(db, claim.run).await.unwrap().unwrap();
            assert_eq!((run.takeovers, run.error.is_some(), run.finished_at.is_some()), (turn, last, last));
        }
        assert_eq!(schedules::claim(db, "host-1", 10, now).await.unwrap(), []);
    }

    async fn a_failed_run_is_tried_again_as_often_as_planned(db: &TestDatabase) {
        let schedule = added(db, "nightly", &plan(Overlap::Queue)).await;
        fires(db, "nightly").await;
        fires(db, "nightly").await;
        let now = start() + 2 * HOUR;
        let claim = claim_run(db, now).await;
        let again = now + 60 * SECOND;
        let failed = schedules::fail(db, &claim, "away", &json!({ "jobs": 1 }), again, now).await.unwrap();
        assert_eq!(failed, Ended::Again);
        assert_eq!(schedules::claim(db, "host-1", 10, again - SECOND).await.unwrap(), [], "the next one waits for it");
        let claim = claim_run(db, again).await;
        assert_eq!((claim.attempt, claim.report.clone()), (2, Some(json!({ "jobs": 1 }))));
        let failed = schedules::fail(db, &claim, "away again", &json!({}), again, again).await.unwrap();
        assert_eq!(failed, Ended::Now);
        let run = schedules::find_run(db, claim.run).await.unwrap().unwrap();
        assert_eq!((run.state, run.error.as_deref(), run.finished_at), (RunState::Failed, Some("away again"), Some(again)));
        assert_eq!(states(db, &schedule).await, [RunState::Failed, RunState::Waiting]);
        assert_eq!(claim_run(db, again).await.attempt, 1);
    }

    async fn a_run_that_is_handed_back_costs_no_attempt(db: &TestDatabase) {
        added(db, "nightly", &plan(Overlap::Skip)).await;
        fires(db, "nightly").await;
        let now = start() + HOUR;
        let claim = claim_run(db, now).await;
        assert!(schedules::give_back(db, &claim, &json!({ "jobs": 7 }), now).await.unwrap());
        let next = claim_run(db, now).await;
        assert_eq!((next.run, next.attempt, next.fence, next.report), (claim.run, 1, 2, Some(json!({ "jobs": 7 }))));
    }

    async fn a_run_that_somebody_wants_leaves_the_slots_alone(db: &TestDatabase) {
        let user = a_user(db).await;
        let operator = || Operator { user: Some(user.id), ..Operator::default() };
        let schedule = added(db, "nightly", &plan(Overlap::Skip)).await;
        let options = json!({ "older_than_days": 1, "dry_run": true });
        let RunNow::Noted(id) = schedules::run_now(db, "nightly", &options, operator(), start()).await.unwrap() else {
            panic!("not noted");
        };
        let busy = schedules::run_now(db, "nightly", &options, operator(), start() + SECOND).await.unwrap();
        assert_eq!(busy, RunNow::Busy);
        let nobody = schedules::run_now(db, "daily", &options, operator(), start()).await.unwrap();
        assert_eq!(nobody, RunNow::NoSuchSchedule);
        let run = schedules::find_run(db, id).await.unwrap().unwrap();
        assert_eq!((run.cause, run.requested_by, run.slot), (RunCause::Person, Some(user.id), start()));
        assert_eq!(found(db, "nightly").await, schedule);
        assert_eq!(claim_run(db, start()).await.options, options);
        assert_eq!(schedules::find_run(db, RunId::new()).await.unwrap(), None);
    }

    async fn of_two_wishes_at_once_one_is_busy(db: &TestDatabase) {
        added(db, "nightly", &plan(Overlap::Skip)).await;
        let options = json!({});
        let wish = |now| schedules::run_now(db, "nightly", &options, Operator::default(), now);
        let (one, two) = tokio::join!(wish(start()), wish(start() + SECOND));
        let busy = [one.unwrap(), two.unwrap()].iter().filter(|wish| **wish == RunNow::Busy).count();
        assert_eq!(busy, 1);
    }

    async fn runs_are_listed_by_page_and_state(db: &TestDatabase) {
        let schedule = added(db, "nightly", &plan(Overlap::Queue)).await;
        for _ in 0..5 {
            fires(db, "nightly").await;
        }
        let now = start() + 5 * HOUR;
        let claim = claim_run(db, now).await;
        schedules::finish(db, &claim, &json!({}), now).await.unwrap();
        let list = async |filter, limit| schedules::list_runs(db, schedule.id, filter, limit).await.unwrap();
        let first = list(RunFilter::default(), 3).await;
        let rest = list(RunFilter { before: Some(first[2].id), ..RunFilter::default() }, 3).await;
        assert_eq!((first.len(), rest.len()), (3, 2));
        assert!(first[0].slot > first[2].slot && first[2].slot > rest[0].slot);
        added(db, "without", &plan(Overlap::Queue)).await;
        let ids = [schedule.id, found(db, "without").await.id];
        assert_eq!(schedules::latest_runs(db, &ids).await.unwrap(), &first[..1]);
        assert_eq!(schedules::latest_runs(db, &[]).await.unwrap(), []);
        let done = list(RunFilter { state: Some(RunState::Done), ..RunFilter::default() }, 10).await;
        assert_eq!(done.iter().map(|run| run.id).collect::<Vec<_>>(), [claim.run]);
    }

    async fn ended_runs_are_kept_for_a_while_and_not_without_end(db: &TestDatabase) {
        let schedule = added(db, "nightly", &plan(Overlap::Queue)).await;
        let mut now = start() + HOUR;
        for _ in 0..6 {
            fires(db, "nightly").await;
            let claim = claim_run(db, now).await;
            schedules::finish(db, &claim, &json!({}), now).await.unwrap();
            now += HOUR;
        }
        fires(db, "nightly").await;
        let before = start() + 2 * HOUR + SECOND;
        assert_eq!(schedules::delete_old(db, before, 1).await.unwrap(), 1);
        assert_eq!(schedules::delete_old(db, before, 10).await.unwrap(), 1);
        assert_eq!(schedules::delete_old(db, before, 10).await.unwrap(), 0);
        assert_eq!(schedules::delete_surplus(db, 3, 1).await.unwrap(), 1);
        assert_eq!(schedules::delete_surplus(db, 3, 10).await.unwrap(), 1);
        assert_eq!(schedules::delete_surplus(db, 3, 10).await.unwrap(), 0);
        assert_eq!(states(db, &schedule).await, [RunState::Done, RunState::Done, RunState::Waiting]);
        assert_eq!(schedules::delete_old(db, now + 100 * DAY, 10).await.unwrap(), 2, "what waits stays");
    }

    async fn a_removed_schedule_takes_its_runs_with_it(db: &TestDatabase) {
        added(db, "nightly", &plan(Overlap::Skip)).await;
        fires(db, "nightly").await;
        let now = start() + HOUR;
        let claim = claim_run(db, now).await;
        schedules::remove(db, "nightly", None, Operator::default(), now).await.unwrap();
        assert!(!schedules::beat(db, &claim, now).await.unwrap());
        assert_eq!(schedules::find_run(db, claim.run).await.unwrap(), None);
    }

    async fn what_another_release_plans_is_left_to_it(db: &TestDatabase) {
        let dance = Plan { work: "dance".to_owned(), ..plan(Overlap::Skip) };
        added(db, "dance", &dance).await;
        let now = start() + HOUR;
        assert_eq!(schedules::due(db, now, 10).await.unwrap(), []);
        fires(db, "dance").await;
        assert_eq!(schedules::claim(db, "host-1", 10, now).await.unwrap(), []);
        assert_eq!(found(db, "dance").await.plan, dance);
    }

    async fn old_jobs_go_with_their_documents_and_leave_a_note_of_their_objects(db: &TestDatabase) {
        let user = a_user(db).await;
        let worker = a_worker(db, start()).await;
        let (old, ids) = submit(db, new_job(&user, 2)).await;
        for id in &ids {
            let claim = claim_one(db, &worker, *id, start()).await;
            tasks::complete(db, &claim, a_result("t", &["x"]), start()).await.unwrap();
        }
        let (open, _) = submit(db, new_job(&user, 1)).await;
        added(db, "nightly", &plan(Overlap::Skip)).await;
        fires(db, "nightly").await;
        let now = start() + HOUR;
        let run = claim_run(db, now).await;

        let counted = jobs::count_old(db, now).await.unwrap();
        assert_eq!((counted.jobs, counted.documents, counted.bytes, counted.oldest), (1, 2, 24, Some(start())));
        assert_eq!(jobs::count_old(db, start()).await.unwrap(), jobs::OldJobs::default(), "it is not so old");
        let delete = async |before, limit| {
            jobs::delete_old(db, &run, before, limit, |old| json!({ "jobs": old.jobs }), now).await.unwrap().unwrap()
        };
        let (none, stored) = delete(start(), 10).await;
        assert_eq!((none, stored.len()), (jobs::OldJobs::default(), 0));
        let (deleted, stored) = delete(now, 10).await;
        assert_eq!((deleted, stored.len()), (counted, 2));
        assert_eq!(discarded::list(db, now + SECOND, 10).await.unwrap().len(), 2);
        assert_eq!(jobs::find(db, user.id, old).await.unwrap(), None);
        assert!(jobs::find(db, user.id, open).await.unwrap().is_some(), "it has not ended");
        assert_eq!(tasks::find(db, ids[0]).await.unwrap(), None);
        assert_eq!(
            schedules::find_run(db, run.run).await.unwrap().unwrap().report,
            Some(json!({ "jobs": 1 })),
            "the report is written with the deletion"
        );
        let (again, _) = delete(now, 10).await;
        assert_eq!(again, jobs::OldJobs::default());
    }

    async fn what_is_cleaned_up_makes_room_for_its_owners(db: &TestDatabase) {
        let worker = a_worker(db, start()).await;
        let owners = [a_user(db).await, a_user(db).await];
        let stored = async |user: &User| quotas::find(db, user.id, start()).await.unwrap().unwrap().storage_bytes;
        for user in &owners {
            let limits = NewLimits { storage_bytes: Some(Some(1_000)), ..NewLimits::default() };
            quotas::set(db, user.id, limits, Operator::default(), start()).await.unwrap();
            let (_, ids) = submit(db, new_job(user, 2)).await;
            for id in ids {
                let claim = claim_one(db, &worker, id, start()).await;
                tasks::complete(db, &claim, a_result("t", &["x"]), start()).await.unwrap();
            }
            submit(db, new_job(user, 1)).await;
        }
        let before = stored(&owners[0]).await;
        added(db, "nightly", &plan(Overlap::Skip)).await;
        fires(db, "nightly").await;
        let now = start() + HOUR;
        let run = claim_run(db, now).await;
        jobs::delete_old(db, &run, now, 10, |_| json!({}), now).await.unwrap().unwrap();
        for user in &owners {
            // What has not ended is still there.
            assert_eq!((before, stored(user).await), (3 * 12 + 2 * 7, 12));
        }
    }

    async fn old_jobs_go_in_bounded_batches_and_only_by_who_owns_the_run(db: &TestDatabase) {
        let user = a_user(db).await;
        for _ in 0..3 {
            let (_, ids) = submit(db, new_job(&user, 1)).await;
            let worker = a_worker(db, start()).await;
            let claim = claim_one(db, &worker, ids[0], start()).await;
            tasks::complete(db, &claim, a_result("t", &["x"]), start()).await.unwrap();
        }
        added(db, "nightly", &plan(Overlap::Skip)).await;
        fires(db, "nightly").await;
        let now = start() + HOUR;
        let stale = claim_run(db, now).await;
        schedules::give_back(db, &stale, &json!({}), now).await.unwrap();
        let run = claim_run(db, now).await;
        let delete = async |run: &schedules::RunClaim| {
            let deleted = jobs::delete_old(db, run, now, 2, |_| json!({}), now).await.unwrap();
            deleted.map(|(old, _)| old.jobs)
        };
        assert_eq!(delete(&stale).await, None);
        assert_eq!(jobs::count_old(db, now).await.unwrap().jobs, 3, "nothing was deleted");
        assert_eq!((delete(&run).await, delete(&run).await, delete(&run).await), (Some(2), Some(1), Some(0)));
    }
}
