//! Three schedulers, killed anywhere, with clocks that are minutes apart: every slot has one run, which is done.
#![allow(clippy::print_stdout)] // figures are for whoever reads the run

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use database::schedules::{self, Ended, RunFilter};
use database::tasks::Operator;
use domain::schedules::{MissedRuns, Overlap, Plan, RunCause, RunState};
use domain::{Clock, ManualClock, RunId};
use futures::future::join_all;
use proptest::prelude::*;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::Bench;
use crate::scheduler::Parts;
use crate::schedules::{claim, fire_due, perform, take_over};

/// Slots that each story has at least.
const SLOTS: usize = 1_000;
const TAKEOVER_MAX: TimeDelta = TimeDelta::seconds(15);

/// The clock of one machine: the true time and an error.
struct Wrong {
    truth: Arc<ManualClock>,
    by: TimeDelta,
}

impl Clock for Wrong {
    fn now(&self) -> DateTime<Utc> {
        self.truth.now() + self.by
    }
}

struct Machine {
    parts: Parts,
    dead_until: Option<DateTime<Utc>>,
    /// Whether it is about to do a run that it has claimed.
    holds_a_run: Cell<bool>,
}

/// When a scheduler is killed in its turn.
#[derive(Debug, Clone, Copy)]
enum Death {
    /// When it waits for the so-many-th time: before, between and after statements, also when the database has done what was
    /// asked and nobody hears of it.
    AtWait(u64),
    /// When it waits with a run in its hands; it lives on if it gets none.
    WithARun,
}

/// A sequence that looks random and is the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

#[derive(Debug, Default)]
struct Story {
    slots: usize,
    kills: usize,
    /// Kills that left a run behind for certain.
    kills_with_a_run: usize,
    missed: usize,
    not_done: usize,
    twice: usize,
    taken_over: usize,
    slowest_takeover: TimeDelta,
}

/// One look of a scheduler, with everything that it finds to do.
async fn turn(machine: &Machine, done: &std::sync::Mutex<BTreeMap<RunId, usize>>) {
    let Machine {
        parts, holds_a_run, ..
    } = machine;
    holds_a_run.set(false);
    take_over(parts).await.unwrap();
    fire_due(parts, &mut BTreeSet::new()).await.unwrap();
    loop {
        let claims = claim(parts, 4).await.unwrap();
        if claims.is_empty() {
            return;
        }
        holds_a_run.set(true);
        for claim in claims {
            if perform(parts, &claim).await == Ended::Now {
                *done.lock().unwrap().entry(claim.run).or_default() += 1;
            }
        }
        holds_a_run.set(false);
    }
}

/// The same, killed in the middle of it. Whether it was.
async fn killed(
    machine: &Machine,
    done: &std::sync::Mutex<BTreeMap<RunId, usize>>,
    mut death: Option<Death>,
) -> bool {
    let mut work = pin!(turn(machine, done));
    std::future::poll_fn(|context| {
        if work.as_mut().poll(context).is_ready() {
            return Poll::Ready(false);
        }
        match &mut death {
            Some(Death::AtWait(0)) => Poll::Ready(true),
            Some(Death::WithARun) if machine.holds_a_run.get() => Poll::Ready(true),
            Some(Death::AtWait(left)) => {
                *left -= 1;
                Poll::Pending
            }
            Some(Death::WithARun) | None => Poll::Pending,
        }
    })
    .await
}

struct Setting {
    /// Errors of the three clocks.
    wrong_by: [TimeDelta; 3],
    /// Seconds of the intervals.
    intervals: &'static [u32],
    /// Time between two rounds at most.
    pause_max: Duration,
}

async fn play(setting: &Setting, seed: u64) -> Story {
    let bench = Bench::new().await;
    let truth = bench.clock.clone();
    let mut dice = Dice(seed | 1);
    let mut machines: Vec<Machine> = setting
        .wrong_by
        .iter()
        .enumerate()
        .map(|(number, by)| machine(&bench, number, *by))
        .collect();
    let began = truth.now();
    for every in setting.intervals {
        plan(&bench, *every).await;
    }
    let done = std::sync::Mutex::new(BTreeMap::new());
    let mut story = Story::default();
    let mut orphans: BTreeMap<(RunId, i16), DateTime<Utc>> = BTreeMap::new();
    let per_second: f64 = setting
        .intervals
        .iter()
        .map(|every| 1.0 / f64::from(*every))
        .sum();
    let end = began + TimeDelta::seconds((SLOTS as f64 / per_second) as i64 + 60);
    while truth.now() < end {
        let pause = 200 + dice.below(setting.pause_max.as_millis() as u64 - 200);
        truth.advance(Duration::from_millis(pause));
        let now = truth.now();
        for machine in &mut machines {
            machine.dead_until = machine.dead_until.filter(|until| *until > now);
        }
        // One of them lives on, or nobody could take anything over.
        let living: Vec<usize> = (0..machines.len())
            .filter(|number| machines[*number].dead_until.is_none())
            .collect();
        let survivor = living[dice.below(living.len() as u64) as usize];
        let mut deaths = Vec::new();
        for number in 0..machines.len() {
            // Until a run was left behind, nothing else happens.
            let nothing_left_yet = story.kills_with_a_run == 0;
            let may_die = number != survivor && living.contains(&number);
            let dies = may_die && (nothing_left_yet || dice.below(4) == 0);
            deaths.push(match (dies, nothing_left_yet || dice.below(2) == 0) {
                (false, _) => None,
                (true, true) => Some(Death::WithARun),
                (true, false) => Some(Death::AtWait(dice.below(25))),
            });
        }
        let turns = machines.iter().zip(&deaths).map(async |(machine, death)| {
            machine.dead_until.is_none() && killed(machine, &done, *death).await
        });
        let killed = join_all(turns).await;
        for ((machine, death), killed) in machines.iter_mut().zip(deaths).zip(killed) {
            let dead = match death {
                None => false,
                Some(Death::AtWait(_)) => true,
                Some(Death::WithARun) => {
                    story.kills_with_a_run += usize::from(killed);
                    killed
                }
            };
            if dead {
                story.kills += 1;
                machine.dead_until = Some(now + TimeDelta::seconds(1 + dice.below(20).cast_signed()));
            }
        }
        watch(&bench, &machines, &mut orphans, &mut story).await;
    }
    // Whoever is left finishes what has come, once every clock has passed it.
    for _ in 0..60 {
        truth.advance(Duration::from_secs(15));
        turn(&machines[0], &done).await;
    }
    judge(&bench, began, end, &done.into_inner().unwrap(), &mut story).await;
    println!("{story:?}");
    story
}

fn machine(bench: &Bench, number: usize, by: TimeDelta) -> Machine {
    let parts = Parts {
        database: bench.parts.database.clone(),
        storage: bench.parts.storage.clone(),
        hints: bench.parts.hints.clone(),
        clock: Arc::new(Wrong {
            truth: bench.clock.clone(),
            by,
        }),
        scheduling: database::SchedulingSettings::default(),
        name: format!("host-{number}"),
        stopping: CancellationToken::new(),
    };
    Machine {
        parts,
        dead_until: None,
        holds_a_run: Cell::new(false),
    }
}

async fn plan(bench: &Bench, every: u32) {
    let plan = Plan {
        work: "clean_up".to_owned(),
        options: json!({}),
        cron: None,
        every_seconds: Some(every),
        time_zone: "UTC".to_owned(),
        missed: MissedRuns::RunAll,
        overlap: Overlap::Queue,
        retries: 0,
    };
    let now = bench.clock.now();
    let (plan, next) = plan.checked(now).unwrap();
    let name = format!("every-{every}");
    schedules::add(
        &bench.parts.database,
        &name,
        &plan,
        next,
        Operator::default(),
        now,
    )
    .await
    .unwrap();
}

/// Measures how long runs stay with the dead.
async fn watch(
    bench: &Bench,
    machines: &[Machine],
    orphans: &mut BTreeMap<(RunId, i16), DateTime<Utc>>,
    story: &mut Story,
) {
    let now = bench.clock.now();
    let running = RunFilter {
        state: Some(RunState::Running),
        before: None,
    };
    let mut still = BTreeMap::new();
    for schedule in schedules::list(&bench.parts.database, 0, 100).await.unwrap() {
        for run in schedules::list_runs(&bench.parts.database, schedule.id, running, 10)
            .await
            .unwrap()
        {
            // Nobody comes back with a run in its hands: what is under way between two rounds was left by the dead.
            // Whoever took over and died as well left another one.
            let orphan = (run.id, run.takeovers);
            still.insert(orphan, orphans.get(&orphan).copied().unwrap_or(now));
        }
    }
    for (run, died) in orphans.iter() {
        if !still.contains_key(run) {
            story.taken_over += 1;
            story.slowest_takeover = story.slowest_takeover.max(now - *died);
        }
    }
    *orphans = still;
    assert!(machines.iter().any(|machine| machine.dead_until.is_none()));
}

/// Compares the runs with the slots that there should have been.
async fn judge(
    bench: &Bench,
    began: DateTime<Utc>,
    end: DateTime<Utc>,
    done: &BTreeMap<RunId, usize>,
    story: &mut Story,
) {
    story.twice = done.values().filter(|count| **count > 1).count();
    for schedule in schedules::list(&bench.parts.database, 0, 100).await.unwrap() {
        let timetable = schedule.plan.timetable().unwrap();
        let expected: BTreeSet<DateTime<Utc>> = timetable
            .upcoming(began, 10 * SLOTS)
            .into_iter()
            .take_while(|slot| *slot <= end)
            .collect();
        let runs = schedules::list_runs(&bench.parts.database, schedule.id, RunFilter::default(), 100_000)
            .await
            .unwrap();
        let mut found: BTreeMap<DateTime<Utc>, usize> = BTreeMap::new();
        for run in runs.iter().filter(|run| run.slot <= end) {
            assert_eq!((run.cause, run.missed), (RunCause::Slot, 0));
            *found.entry(run.slot).or_default() += 1;
            story.not_done += usize::from(run.state != RunState::Done);
        }
        story.slots += expected.len();
        story.missed += expected.iter().filter(|slot| !found.contains_key(slot)).count();
        story.twice += found.values().filter(|count| **count > 1).count();
        let invented: Vec<_> = found.keys().filter(|slot| !expected.contains(slot)).collect();
        assert!(invented.is_empty(), "{invented:?}");
    }
}

fn told(setting: &Setting, seed: u64) -> Story {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(play(setting, seed))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2, failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::default() })]

    /// As in a fleet: everybody goes by the clock of the database.
    #[test]
    fn every_slot_is_done_once_and_what_the_dead_had_goes_on_within_fifteen_seconds(seed in any::<u64>()) {
        let setting = Setting {
            wrong_by: [TimeDelta::zero(); 3],
            intervals: &[1, 2, 3, 5, 7, 60],
            pause_max: Duration::from_millis(1_500),
        };
        let story = told(&setting, seed);
        prop_assert!(story.slots >= SLOTS && story.kills > 20, "{story:?}");
        prop_assert!(story.kills_with_a_run > 0 && story.taken_over > 0, "{story:?}");
        prop_assert_eq!((story.missed, story.not_done, story.twice), (0, 0, 0), "{:?}", story);
        prop_assert!(story.slowest_takeover <= TAKEOVER_MAX, "{story:?}");
    }

    /// As if everybody went by a clock of his own, which nobody does: slow then, and still right.
    #[test]
    fn even_clocks_that_are_minutes_apart_fire_no_slot_twice_and_miss_none(seed in any::<u64>()) {
        let setting = Setting {
            wrong_by: [TimeDelta::minutes(-5), TimeDelta::zero(), TimeDelta::minutes(5)],
            intervals: &[10, 13, 17, 20, 31, 60],
            pause_max: Duration::from_secs(10),
        };
        let story = told(&setting, seed);
        prop_assert!(story.slots >= SLOTS && story.kills > 20, "{story:?}");
        prop_assert_eq!((story.missed, story.not_done, story.twice), (0, 0, 0), "{:?}", story);
    }
}
