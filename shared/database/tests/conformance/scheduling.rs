//! Who is next, and why one waits: turns, levels, limits, pauses, and what nobody knows.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use database::jobs::{JobOptions, NewJob, Submitted};
use database::queues::{self, DISPATCHER_SILENCE};
use database::tasks::{Operator, Reason};
use database::tenants::{self, Change};
use database::users::User;
use database::workers::{self, Worker};
use database::{Database, Knowledge, SchedulingSettings, jobs, tasks};
use domain::{JobId, Priority, QueueName, ReasonCode, TaskId, WaitingOn, WorkerId, limits};

use crate::support::{HOUR, SECOND, TestDatabase, a_user, a_worker, claim_one, new_job, on_both, start};

const QUEUE: QueueName = QueueName::Documents;

/// A job of `count` documents that waits in the database.
async fn waiting(db: &Database, user: &User, count: usize, options: JobOptions) -> (JobId, Vec<TaskId>) {
    waiting_since(db, user, count, options, start()).await
}

async fn waiting_since(
    db: &Database,
    user: &User,
    count: usize,
    options: JobOptions,
    at: DateTime<Utc>,
) -> (JobId, Vec<TaskId>) {
    let new = NewJob {
        options,
        dispatched: false,
        deadline_at: at + 24 * HOUR,
        ..new_job(user, count)
    };
    let id = new.id;
    match jobs::submit(db, new, at).await.unwrap() {
        Submitted::Accepted(_, tasks) => (id, tasks),
        other => panic!("not accepted: {other:?}"),
    }
}

fn level(priority: Priority) -> JobOptions {
    JobOptions {
        priority: Some(priority),
        ..JobOptions::default()
    }
}

fn normal() -> JobOptions {
    level(Priority::Normal)
}

async fn take(db: &Database, limit: u64) -> Vec<TaskId> {
    take_at(db, start(), limit).await
}

async fn take_at(db: &Database, now: DateTime<Utc>, limit: u64) -> Vec<TaskId> {
    tasks::take_due(db, QUEUE, now, limit).await.unwrap()
}

/// How many of these tasks each tenant has.
async fn shares(db: &Database, ids: &[TaskId]) -> BTreeMap<domain::UserId, usize> {
    let mut shares = BTreeMap::new();
    for id in ids {
        let task = tasks::find(db, *id).await.unwrap().unwrap();
        *shares.entry(task.user).or_default() += 1;
    }
    shares
}

async fn weigh(db: &Database, user: &User, weight: u32) {
    let change = Change {
        weight: Some(Some(weight)),
        ..Change::default()
    };
    let changed = tenants::change(db, user.id, change, Operator::default(), start()).await;
    assert_eq!(changed.unwrap().unwrap().weight, Some(weight));
}

async fn limit_running(db: &Database, user: &User, running_max: u32) {
    let change = Change {
        running_max: Some(Some(running_max)),
        ..Change::default()
    };
    let changed = tenants::change(db, user.id, change, Operator::default(), start()).await;
    assert!(changed.unwrap().is_some());
}

/// A scheduler has looked at the queue with these settings.
async fn observe(db: &Database, settings: &SchedulingSettings, now: DateTime<Utc>) -> queues::Plan {
    queues::plan(db, QUEUE, 0, settings, now).await.unwrap()
}

async fn why(db: &Database, user: &User, job: JobId, now: DateTime<Utc>) -> Option<jobs::Waiting> {
    jobs::waiting(db, user.id, job, now).await.unwrap()
}

async fn reason(db: &Database, user: &User, job: JobId, now: DateTime<Utc>) -> Option<WaitingOn> {
    why(db, user, job, now).await.map(|waiting| waiting.on)
}

on_both! {
    async fn one_document_does_not_wait_for_the_hundreds_of_somebody_else(db: &TestDatabase) {
        let (ada, ben) = (a_user(db).await, a_user(db).await);
        waiting(db, &ada, 300, normal()).await;
        let (_, one) = waiting(db, &ben, 1, normal()).await;
        let first = take(db, 4).await;
        assert!(first.contains(&one[0]), "in the first round");
        assert_eq!(take(db, 500).await.len(), 297);
        assert!(take(db, 500).await.is_empty());
    }

    async fn tenants_have_turns_according_to_their_weights(db: &TestDatabase) {
        let mut tenants = Vec::new();
        for weight in [1, 2, 5] {
            let user = a_user(db).await;
            weigh(db, &user, weight).await;
            waiting(db, &user, 700, normal()).await;
            tenants.push((user, weight));
        }
        let mut taken = Vec::new();
        // Rounds of every size, so that they end in the middle of turns.
        for room in (1..=13).cycle() {
            if taken.len() >= 1_000 {
                break;
            }
            taken.extend(take(db, room).await);
        }
        let shares = shares(db, &taken[..1_000]).await;
        for (user, weight) in &tenants {
            let fair = 1_000.0 * f64::from(*weight) / 8.0;
            let error = (shares[&user.id] as f64 - fair).abs() / 1_000.0;
            assert!(error < 0.005, "weight {weight}: {shares:?}");
        }
    }

    async fn the_tasks_of_one_tenant_keep_their_order(db: &TestDatabase) {
        let ada = a_user(db).await;
        let (_, mut expected) = waiting(db, &ada, 5, normal()).await;
        let (_, later) = waiting_since(db, &ada, 2, normal(), start() + SECOND).await;
        expected.extend(later);
        let mut taken = take_at(db, start() + SECOND, 3).await;
        taken.extend(take_at(db, start() + SECOND, 10).await);
        assert_eq!(taken, expected);
    }

    async fn what_is_urgent_goes_first_and_single_documents_go_before_many(db: &TestDatabase) {
        let (ada, ben) = (a_user(db).await, a_user(db).await);
        let (_, low) = waiting(db, &ada, 1, level(Priority::Low)).await;
        let (_, batch) = waiting(db, &ada, 2, JobOptions::default()).await;
        let (_, single) = waiting(db, &ben, 1, JobOptions::default()).await;
        let (_, urgent) = waiting(db, &ben, 1, level(Priority::Urgent)).await;
        let mut expected = [urgent, single, batch].concat();
        expected.extend(low);
        assert_eq!(take(db, 10).await, expected);
    }

    async fn who_waits_long_on_a_low_level_gets_one_start_in_eight(db: &TestDatabase) {
        let (ada, ben) = (a_user(db).await, a_user(db).await);
        let (_, low) = waiting(db, &ben, 1, level(Priority::Low)).await;
        let age = Priority::Low.ages_after();
        waiting(db, &ada, 80, level(Priority::High)).await;
        let before = take_at(db, start() + age - SECOND, 20).await;
        assert!(!before.contains(&low[0]), "it has not waited long enough");
        let mut taken = Vec::new();
        for _ in 0..8 {
            taken.extend(take_at(db, start() + age, 1).await);
        }
        assert_eq!(taken.len(), 8);
        assert!(taken.contains(&low[0]), "within eight starts");
    }

    async fn a_level_that_is_reached_is_shared_whoever_has_waited_longer(db: &TestDatabase) {
        let (ada, ben) = (a_user(db).await, a_user(db).await);
        waiting(db, &ada, 600, normal()).await;
        let much_later = start() + HOUR;
        waiting_since(db, &ben, 600, normal(), much_later).await;
        let mut taken = Vec::new();
        for _ in 0..125 {
            taken.extend(take_at(db, much_later, 8).await);
        }
        assert_eq!(shares(db, &taken).await[&ben.id], 500);
    }

    async fn a_task_for_later_is_not_in_line_before_its_time(db: &TestDatabase) {
        let ada = a_user(db).await;
        let due = start() + HOUR;
        let options = JobOptions { run_at: Some(due), ..JobOptions::default() };
        let (job, tasks) = waiting(db, &ada, 1, options).await;
        assert!(take_at(db, due - SECOND, 10).await.is_empty());
        let waits = why(db, &ada, job, start()).await.unwrap();
        assert_eq!((waits.on, waits.until, waits.eta_seconds), (WaitingOn::Scheduled, Some(due), Some(3600)));
        assert!(!observe(db, &SchedulingSettings::default(), due - SECOND).await.waiting);
        assert!(observe(db, &SchedulingSettings::default(), due).await.waiting);
        assert_eq!(take_at(db, due, 10).await, tasks);
    }

    async fn many_tasks_due_at_once_hold_up_nobody(db: &TestDatabase) {
        let (ada, ben) = (a_user(db).await, a_user(db).await);
        let due = start() + HOUR;
        for _ in 0..200 {
            let options = JobOptions { run_at: Some(due), ..normal() };
            waiting(db, &ada, 100, options).await;
        }
        let (_, one) = waiting_since(db, &ben, 1, normal(), due).await;
        assert!(take_at(db, due, 8).await.contains(&one[0]));
        let mut taken = 8;
        while taken < 20_001 {
            let round = take_at(db, due, 500).await.len();
            assert!(round > 0, "{taken} of 20001");
            taken += round;
        }
    }

    async fn a_paused_queue_begins_nothing_and_loses_nothing(db: &TestDatabase) {
        let ada = a_user(db).await;
        let worker = a_worker(db, start()).await;
        let (job, all) = waiting(db, &ada, 4, normal()).await;
        let handed_out = take(db, 2).await;
        let running = claim_one(db, &worker, handed_out[0], start()).await;
        queues::pause(db, QUEUE, Operator::default(), start()).await.unwrap();
        queues::pause(db, QUEUE, Operator::default(), start() + SECOND).await.unwrap();
        assert!(take(db, 10).await.is_empty());
        assert!(tasks::claim(db, worker.id, &handed_out, start()).await.unwrap().is_empty());
        assert_eq!(queues::room_for_pushes(db, QUEUE, start()).await.unwrap(), 0);
        let paused = queues::find(db, QUEUE).await.unwrap().unwrap().paused_at;
        assert_eq!(paused, Some(start()), "since the first time");
        assert_eq!(reason(db, &ada, job, start()).await, None, "one of it runs");
        let retried = Reason::of(ReasonCode::StorageUnavailable);
        tasks::retry(db, &running, start(), &retried, start()).await.unwrap();
        assert_eq!(reason(db, &ada, job, start()).await, Some(WaitingOn::QueuePaused));
        queues::resume(db, QUEUE, Operator::default(), start()).await.unwrap();
        let mut again = take(db, 10).await;
        again.sort();
        let mut expected = all;
        expected.sort();
        assert_eq!(again, expected, "what had been handed out is handed out again");
    }

    async fn a_paused_tenant_waits_alone(db: &TestDatabase) {
        let (ada, ben) = (a_user(db).await, a_user(db).await);
        let worker = a_worker(db, start()).await;
        let (job, hers) = waiting(db, &ada, 2, normal()).await;
        let handed_out = take(db, 1).await;
        let paused = tenants::pause(db, ada.id, Operator::default(), start()).await.unwrap();
        assert_eq!(paused.unwrap().paused_at, Some(start()));
        let (_, his) = waiting(db, &ben, 2, normal()).await;
        assert_eq!(take(db, 10).await, his);
        assert!(tasks::claim(db, worker.id, &handed_out, start()).await.unwrap().is_empty());
        assert_eq!(reason(db, &ada, job, start()).await, Some(WaitingOn::TenantPaused));
        assert_eq!(tenants::list(db, 10).await.unwrap().len(), 1);
        tenants::resume(db, ada.id, Operator::default(), start()).await.unwrap();
        assert_eq!(take(db, 10).await, hers);
        assert!(tenants::list(db, 10).await.unwrap().is_empty());
        let nobody = tenants::pause(db, domain::UserId::new(), Operator::default(), start()).await;
        assert_eq!(nobody.unwrap(), None);
    }

    async fn no_more_of_a_tenant_is_under_way_than_its_limit(db: &TestDatabase) {
        let (ada, ben) = (a_user(db).await, a_user(db).await);
        let worker = a_worker(db, start()).await;
        limit_running(db, &ada, 2).await;
        let (_, hers) = waiting(db, &ada, 5, normal()).await;
        let (job, _) = waiting(db, &ada, 1, normal()).await;
        let (_, his) = waiting(db, &ben, 3, normal()).await;
        let taken = take(db, 20).await;
        assert_eq!(taken.len(), 5, "two of hers and all of his");
        // Hints that came another way, say from an upload while nothing waited.
        let claims = tasks::claim(db, worker.id, &[&hers[..], &his[..]].concat(), start()).await.unwrap();
        assert_eq!(claims.len(), 5);
        assert_eq!(reason(db, &ada, job, start()).await, Some(WaitingOn::TenantLimit));
        assert!(take(db, 20).await.is_empty());
        let done = claims.iter().find(|claim| claim.user == ada.id).unwrap();
        tasks::reject(db, done, &Reason::of(ReasonCode::Unreadable), start()).await.unwrap();
        assert_eq!(take(db, 20).await.len(), 1);
    }

    async fn no_more_of_a_kind_is_under_way_than_its_limit(db: &TestDatabase) {
        let (ada, ben) = (a_user(db).await, a_user(db).await);
        let worker = a_worker(db, start()).await;
        let settings = SchedulingSettings {
            kinds: [("process_document".to_owned(), 3)].into(),
            ..SchedulingSettings::default()
        };
        observe(db, &settings, start()).await;
        let (_, hers) = waiting(db, &ada, 4, normal()).await;
        let (job, his) = waiting(db, &ben, 4, normal()).await;
        assert_eq!(take(db, 20).await.len(), 3);
        assert_eq!(tasks::claim(db, worker.id, &hers, start()).await.unwrap().len(), 3);
        assert!(tasks::claim(db, worker.id, &his, start()).await.unwrap().is_empty());
        assert!(take(db, 20).await.is_empty());
        assert_eq!(reason(db, &ben, job, start()).await, Some(WaitingOn::KindLimit));
        tasks::give_back(db, worker.id, start()).await.unwrap();
        assert_eq!(take(db, 20).await.len(), 3);
    }

    async fn limits_hold_however_many_workers_claim_at_once(db: &TestDatabase) {
        let ada = a_user(db).await;
        let settings = SchedulingSettings { running_max: 3, ..SchedulingSettings::default() };
        observe(db, &settings, start()).await;
        let (_, ids) = waiting(db, &ada, 40, normal()).await;
        let claims = ids.chunks(4).map(|hints| tasks::claim(db, WorkerId::new(), hints, start()));
        let claims = futures::future::join_all(claims).await;
        let claimed: usize = claims.into_iter().map(|claims| claims.unwrap().len()).sum();
        assert_eq!(claimed, 3);
    }

    async fn a_limit_leaves_room_for_a_worker_whose_clock_is_behind(db: &TestDatabase) {
        let ada = a_user(db).await;
        let settings = SchedulingSettings { running_max: 1, ..SchedulingSettings::default() };
        observe(db, &settings, start()).await;
        let (_, ids) = waiting(db, &ada, 2, normal()).await;
        let behind = start() - SECOND / 25;
        assert_eq!(tasks::claim(db, WorkerId::new(), &ids, behind).await.unwrap().len(), 1);
    }

    async fn dispatchers_share_one_order_and_never_a_task(db: &TestDatabase) {
        let (ada, ben) = (a_user(db).await, a_user(db).await);
        waiting(db, &ada, 60, normal()).await;
        waiting(db, &ben, 60, normal()).await;
        let mut taken = Vec::new();
        while taken.len() < 120 {
            let rounds = (0..4).map(|_| tasks::take_due(db, QUEUE, start(), 7));
            let rounds = futures::future::join_all(rounds).await;
            let ids: Vec<TaskId> = rounds.into_iter().flat_map(Result::unwrap).collect();
            assert!(!ids.is_empty(), "one of them has its turn");
            taken.extend(ids);
            let shares = shares(db, &taken).await;
            assert!(shares[&ada.id].abs_diff(shares[&ben.id]) <= 1, "{shares:?}");
        }
        taken.sort();
        taken.dedup();
        assert_eq!(taken.len(), 120);
    }

    async fn a_tenant_may_have_only_so_many_waiting_tasks(db: &TestDatabase) {
        let (ada, ben) = (a_user(db).await, a_user(db).await);
        let settings = SchedulingSettings { queued_max: 5, ..SchedulingSettings::default() };
        observe(db, &settings, start()).await;
        waiting(db, &ada, 3, normal()).await;
        let submit = async |user: &User, count| {
            let new = NewJob { dispatched: false, ..new_job(user, count) };
            jobs::submit(db, new, start()).await.unwrap()
        };
        assert_eq!(submit(&ada, 3).await, Submitted::QueueFull(5));
        assert!(matches!(submit(&ada, 2).await, Submitted::Accepted(..)));
        assert_eq!(submit(&ada, 1).await, Submitted::QueueFull(5));
        assert!(matches!(submit(&ben, 5).await, Submitted::Accepted(..)), "nobody else is refused");
        let change = Change { queued_max: Some(Some(6)), ..Change::default() };
        tenants::change(db, ada.id, change, Operator::default(), start()).await.unwrap();
        assert!(matches!(submit(&ada, 1).await, Submitted::Accepted(..)));
        take(db, 20).await;
        assert!(matches!(submit(&ada, 5).await, Submitted::Accepted(..)), "what is handed out waits no more");
    }

    async fn what_no_living_worker_knows_is_left_for_those_who_come(db: &TestDatabase) {
        let ada = a_user(db).await;
        let ignorant = a_worker_knowing(db, &Knowledge::default().and("deliver", 7)).await;
        let (job, ids) = waiting(db, &ada, 3, normal()).await;
        assert!(take(db, 10).await.is_empty());
        assert_eq!(reason(db, &ada, job, start()).await, Some(WaitingOn::NoCapableWorker));
        assert_eq!(tasks::release_known(db, QUEUE, start()).await.unwrap(), 0);
        assert!(take(db, 10).await.is_empty());
        let able = a_worker(db, start()).await;
        assert_eq!(tasks::release_known(db, QUEUE, start()).await.unwrap(), 3);
        assert_eq!(take(db, 10).await, ids);
        // Both pop hints; whoever does not understand them leaves them, and nothing fails.
        let knows = Knowledge::default().and("deliver", 7);
        assert!(tasks::claim_knowing(db, ignorant.id, &knows, &ids, start()).await.unwrap().is_empty());
        assert_eq!(tasks::release_known(db, QUEUE, start()).await.unwrap(), 3, "at the next look");
        assert_eq!(take(db, 10).await, ids);
        assert_eq!(tasks::claim(db, able.id, &ids, start()).await.unwrap().len(), 3);
    }

    async fn workers_of_two_releases_share_a_queue(db: &TestDatabase) {
        let ada = a_user(db).await;
        // The form of this release is news to the release before it.
        let before = Knowledge::default().and("process_document", 0);
        let old = a_worker_knowing(db, &before).await;
        let new = a_worker(db, start()).await;
        let (_, ids) = waiting(db, &ada, 4, normal()).await;
        assert_eq!(take(db, 10).await, ids, "one of them understands it");
        assert!(tasks::claim_knowing(db, old.id, &before, &ids[..2], start()).await.unwrap().is_empty());
        assert_eq!(tasks::claim(db, new.id, &ids[2..], start()).await.unwrap().len(), 2);
        tasks::release_known(db, QUEUE, start()).await.unwrap();
        let again = take(db, 10).await;
        assert_eq!(again, ids[..2]);
        assert_eq!(tasks::claim(db, new.id, &again, start()).await.unwrap().len(), 2);
        for id in ids {
            assert_eq!(tasks::find(db, id).await.unwrap().unwrap().attempt, 1, "looking costs no attempt");
        }
    }

    async fn every_job_that_does_not_run_says_why(db: &TestDatabase) {
        let ada = a_user(db).await;
        let now = start();
        let (job, ids) = waiting(db, &ada, 1, normal()).await;
        assert_eq!(reason(db, &ada, job, now).await, Some(WaitingOn::NoWorkers));
        let worker = a_worker(db, now).await;
        assert_eq!(reason(db, &ada, job, now).await, Some(WaitingOn::Dispatcher), "nobody hands it out");
        observe(db, &SchedulingSettings::default(), now).await;
        assert_eq!(reason(db, &ada, job, now).await, Some(WaitingOn::WorkersBusy));
        assert_eq!(take(db, 1).await, ids);
        let long_ago = now + 2 * DISPATCHER_SILENCE;
        assert_eq!(reason(db, &ada, job, long_ago).await, Some(WaitingOn::WorkersBusy), "it is handed out");
        let claim = claim_one(db, &worker, ids[0], now).await;
        assert_eq!(why(db, &ada, job, now).await, None, "it runs");
        let soon = now + 7 * SECOND;
        tasks::retry(db, &claim, soon, &Reason::of(ReasonCode::StorageUnavailable), now).await.unwrap();
        let waits = why(db, &ada, job, now).await.unwrap();
        assert_eq!((waits.on, waits.until), (WaitingOn::Backoff, Some(soon)));
        assert_eq!(why(db, &a_user(db).await, job, now).await, None, "not theirs");
        let claim = claim_one(db, &worker, ids[0], soon).await;
        tasks::reject(db, &claim, &Reason::of(ReasonCode::Unreadable), soon).await.unwrap();
        assert_eq!(why(db, &ada, job, soon).await, None, "it has ended");
    }

    async fn the_place_in_line_counts_turns_and_not_tasks_of_others(db: &TestDatabase) {
        let (ada, ben) = (a_user(db).await, a_user(db).await);
        a_worker(db, start()).await;
        observe(db, &SchedulingSettings::default(), start()).await;
        waiting(db, &ada, 200, normal()).await;
        let (first, _) = waiting(db, &ben, 1, normal()).await;
        let place = why(db, &ben, first, start()).await.unwrap();
        assert_eq!(place.position, Some(2), "one of hers, then his");
        assert_eq!(place.eta_seconds, None, "nothing was begun yet");
        let (single, _) = waiting(db, &ada, 1, level(Priority::High)).await;
        assert_eq!(why(db, &ada, single, start()).await.unwrap().position, Some(1));
        assert_eq!(why(db, &ben, first, start()).await.unwrap().position, Some(3));
        let (last, _) = waiting(db, &ben, 1, normal()).await;
        assert_eq!(why(db, &ben, last, start()).await.unwrap().position, Some(5), "two turns of each");
        assert_eq!(take(db, 1).await.len(), 1);
        assert_eq!(why(db, &ada, single, start()).await.unwrap().position, Some(1), "it was handed out first");
    }

    async fn the_estimate_follows_from_what_is_begun(db: &TestDatabase) {
        let ada = a_user(db).await;
        a_worker(db, start()).await;
        let settings = SchedulingSettings::default();
        for _ in 0..2 {
            waiting(db, &ada, 100, normal()).await;
        }
        let mut now = start();
        let mut length = 0;
        // Workers begin five in each half second.
        for _ in 0..20 {
            let plan = queues::plan(db, QUEUE, length, &settings, now).await.unwrap();
            length += take_at(db, now, plan.room).await.len() as u64;
            length = length.saturating_sub(5);
            now += SECOND / 2;
        }
        let (job, _) = waiting_since(db, &ada, 1, normal(), now).await;
        let waits = why(db, &ada, job, now).await.unwrap();
        let (position, eta) = (waits.position.unwrap(), waits.eta_seconds.unwrap());
        assert!((position / 14..=position / 7).contains(&eta), "{waits:?}");
    }

    async fn uploads_push_hints_themselves_only_while_nobody_is_overtaken(db: &TestDatabase) {
        let ada = a_user(db).await;
        let settings = SchedulingSettings::default();
        let room = async |now| queues::room_for_pushes(db, QUEUE, now).await.unwrap();
        assert_eq!(room(start()).await, limits::HINTS_MAX, "no scheduler would do it");
        observe(db, &settings, start()).await;
        assert_eq!(room(start()).await, limits::HINTS_MIN);
        waiting(db, &ada, 20, normal()).await;
        let plan = observe(db, &settings, start()).await;
        assert!(plan.waiting && plan.room > 0);
        assert_eq!(room(start()).await, 0, "they wait for their turn");
        take(db, plan.room).await;
        assert_eq!(room(start()).await, 0, "there are more");
        take(db, 100).await;
        assert_eq!(room(start()).await, limits::HINTS_MIN);
        assert_eq!(room(start() + DISPATCHER_SILENCE).await, limits::HINTS_MAX, "the scheduler is gone");
    }
}

async fn a_worker_knowing(db: &Database, knows: &Knowledge) -> Worker {
    let worker = Worker {
        id: WorkerId::new(),
        name: "host-2".to_owned(),
        version: "0.0.9".to_owned(),
        slots: 4,
        ocr: None,
    };
    workers::heartbeat_knowing(db, &worker, knows, start())
        .await
        .unwrap();
    worker
}

/// Whoever floods a queue is faster than Postgres counts: its statistics tell of an empty line then, all of which might as well be
/// read. How much was read, only Postgres tells.
#[tokio::test]
async fn a_round_reads_a_few_entries_of_a_line_that_nobody_has_counted() {
    let database = TestDatabase::postgres().await;
    database
        .by_hand("ALTER TABLE tasks SET (autovacuum_enabled = off)")
        .await;
    database.by_hand("VACUUM tasks").await;
    let user = a_user(&database).await;
    a_worker(&database, start()).await;
    waiting(&database, &user, 1, normal()).await;
    const SAME: &str = "kind, queue, state, priority, user_id, job_id, payload, payload_version, attempt, attempts_max, fence, run_at, \
         deadline_at, created_at";
    let flood = format!(
        "INSERT INTO tasks (id, {SAME}) SELECT gen_random_uuid(), {SAME} FROM tasks, generate_series(1, 50000)"
    );
    database.by_hand(&flood).await;
    let before = entries_read(&database).await;
    // Postgres counts what somebody has read when he leaves.
    let guest = database.again().await;
    assert_eq!(take(&guest, 16).await.len(), 16);
    drop(guest);
    let read = loop {
        let read = entries_read(&database).await - before;
        if read > 0 {
            break read;
        }
        tokio::task::yield_now().await;
    };
    assert!(read < 1_000, "{read} of 50,001 entries");
    database.drop().await;
}

async fn entries_read(database: &TestDatabase) -> u64 {
    let read = "SELECT idx_tup_read::text FROM pg_stat_user_indexes WHERE indexrelname = 'tasks_in_line'";
    database.names(read).await[0].parse().unwrap()
}
