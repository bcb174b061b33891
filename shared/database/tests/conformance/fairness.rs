//! The dispatcher against what it promises, whatever happens: several of them that die between any two steps, workers that
//! die, a queue that forgets, pauses and limits that come and go, and a clock that the script moves.
//!
//! `PROPTEST_CASES` sets the number of scripts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use chrono::{DateTime, Utc};
use database::jobs::{JobOptions, NewJob, Submitted};
use database::tasks::{Claim, Operator, Reason};
use database::tenants::{self, Change};
use database::users::User;
use database::{Database, SchedulingSettings, jobs, queues, tasks, workers};
use domain::{Priority, QueueName, ReasonCode, TaskId, UserId};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::support::{HOUR, SECOND, TestDatabase, a_user, a_worker, new_job, start};

const QUEUE: QueueName = QueueName::Documents;
const TENANTS: usize = 4;

/// What a dispatcher did last before it died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    Planning,
    Marking,
}

#[derive(Debug, Clone)]
enum Step {
    Submit {
        tenant: usize,
        documents: usize,
        priority: Priority,
        later: u64,
        pushed: bool,
    },
    Round {
        death: Option<Death>,
    },
    /// Workers pop so many hints and claim them; `dies` in between.
    Claim {
        hints: usize,
        dies: bool,
    },
    End {
        ends: Vec<u8>,
    },
    WorkerDies,
    Forget,
    Wait {
        seconds: u64,
    },
    Repair,
    PauseQueue {
        paused: bool,
    },
    PauseTenant {
        tenant: usize,
        paused: bool,
    },
    LimitTenant {
        tenant: usize,
        running_max: Option<u32>,
    },
    LimitKind {
        running_max: Option<u32>,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let tenant = || 0..TENANTS;
    let limit = || proptest::option::of(1_u32..5);
    let death =
        prop_oneof![8 => Just(None), 1 => Just(Some(Death::Planning)), 1 => Just(Some(Death::Marking))];
    let submit = (
        tenant(),
        1_usize..7,
        prop::sample::select(Priority::ALL),
        0_u64..20,
        prop::bool::weighted(0.2),
    );
    let step = prop_oneof![
        5 => submit.prop_map(|(tenant, documents, priority, later, pushed)| Step::Submit {
            tenant,
            documents,
            priority,
            later: later.saturating_sub(15),
            pushed,
        }),
        8 => death.prop_map(|death| Step::Round { death }),
        8 => (1_usize..9, prop::bool::weighted(0.1)).prop_map(|(hints, dies)| Step::Claim { hints, dies }),
        6 => proptest::collection::vec(0_u8..10, 1..6).prop_map(|ends| Step::End { ends }),
        1 => Just(Step::WorkerDies),
        1 => Just(Step::Forget),
        4 => (0_u64..200).prop_map(|seconds| Step::Wait { seconds: seconds.saturating_sub(190).max(seconds % 4) }),
        2 => Just(Step::Repair),
        1 => any::<bool>().prop_map(|paused| Step::PauseQueue { paused }),
        2 => (tenant(), any::<bool>()).prop_map(|(tenant, paused)| Step::PauseTenant { tenant, paused }),
        2 => (tenant(), limit()).prop_map(|(tenant, running_max)| Step::LimitTenant { tenant, running_max }),
        1 => limit().prop_map(|running_max| Step::LimitKind { running_max }),
    ];
    proptest::collection::vec(step, 1..80)
}

/// The world of one script: what the database must agree with.
struct World<'a> {
    db: &'a Database,
    users: &'a [User],
    now: DateTime<Utc>,
    /// The queue.
    hints: VecDeque<TaskId>,
    settings: SchedulingSettings,
    queue_paused: bool,
    tenants_paused: BTreeSet<UserId>,
    limits: BTreeMap<UserId, u32>,
    worker: workers::Worker,
    running: Vec<Claim>,
    open: BTreeMap<TaskId, DateTime<Utc>>,
}

type Checked = Result<(), TestCaseError>;

impl World<'_> {
    async fn step(&mut self, step: &Step) -> Checked {
        workers::heartbeat(self.db, &self.worker, self.now).await.unwrap();
        match step {
            Step::Submit {
                tenant,
                documents,
                priority,
                later,
                pushed,
            } => {
                let run_at = self.now + Duration::from_secs(*later);
                let pushed = *pushed && *later == 0;
                let new = NewJob {
                    options: JobOptions {
                        priority: Some(*priority),
                        run_at: Some(run_at),
                        ..JobOptions::default()
                    },
                    dispatched: pushed,
                    deadline_at: self.now + 1_000 * HOUR,
                    ..new_job(&self.users[*tenant], *documents)
                };
                let Submitted::Accepted(_, ids) = jobs::submit(self.db, new, self.now).await.unwrap() else {
                    return Err(TestCaseError::fail("not accepted"));
                };
                if pushed {
                    self.hints.extend(&ids);
                }
                self.open.extend(ids.into_iter().map(|id| (id, run_at)));
            }
            Step::Round { death } => self.round(*death).await?,
            Step::Claim { hints, dies } => self.claim(*hints, *dies).await?,
            Step::End { ends } => {
                for how in ends {
                    self.end(*how).await;
                }
            }
            Step::WorkerDies => {
                self.running.clear();
                self.worker = a_worker(self.db, self.now).await;
            }
            Step::Forget => self.hints.clear(),
            Step::Wait { seconds } => self.now += Duration::from_secs(*seconds),
            Step::Repair => self.repair().await,
            Step::PauseQueue { paused } => self.pause_queue(*paused).await,
            Step::PauseTenant { tenant, paused } => self.pause_tenant(self.users[*tenant].id, *paused).await,
            Step::LimitTenant { tenant, running_max } => {
                self.limit_tenant(self.users[*tenant].id, *running_max).await;
            }
            Step::LimitKind { running_max } => self.limit_kind(*running_max).await,
        }
        Ok(())
    }

    async fn pause_queue(&mut self, paused: bool) {
        self.queue_paused = paused;
        let done = if paused {
            queues::pause(self.db, QUEUE, Operator::default(), self.now).await
        } else {
            queues::resume(self.db, QUEUE, Operator::default(), self.now).await
        };
        done.unwrap();
    }

    async fn pause_tenant(&mut self, user: UserId, paused: bool) {
        let done = if paused {
            self.tenants_paused.insert(user);
            tenants::pause(self.db, user, Operator::default(), self.now).await
        } else {
            self.tenants_paused.remove(&user);
            tenants::resume(self.db, user, Operator::default(), self.now).await
        };
        assert!(done.unwrap().is_some());
    }

    async fn limit_tenant(&mut self, user: UserId, running_max: Option<u32>) {
        match running_max {
            Some(max) => self.limits.insert(user, max),
            None => self.limits.remove(&user),
        };
        let change = Change {
            running_max: Some(running_max),
            ..Change::default()
        };
        tenants::change(self.db, user, change, Operator::default(), self.now)
            .await
            .unwrap();
    }

    /// A scheduler starts with other settings, and tells them.
    async fn limit_kind(&mut self, running_max: Option<u32>) {
        let kinds = running_max.map(|max| ("process_document".to_owned(), max));
        self.settings.kinds = kinds.into_iter().collect();
        self.plan().await;
    }

    async fn plan(&self) -> queues::Plan {
        let length = self.hints.len() as u64;
        queues::plan(self.db, QUEUE, length, &self.settings, self.now)
            .await
            .unwrap()
    }

    async fn round(&mut self, death: Option<Death>) -> Checked {
        let plan = self.plan().await;
        if death == Some(Death::Planning) || plan.room == 0 {
            return Ok(());
        }
        let ids = tasks::take_due(self.db, QUEUE, self.now, plan.room)
            .await
            .unwrap();
        prop_assert!(ids.len() as u64 <= plan.room);
        prop_assert!(
            ids.is_empty() || !self.queue_paused,
            "handed out of a paused queue"
        );
        let mut seen = BTreeSet::new();
        for id in &ids {
            let due = self.open.get(id).copied();
            prop_assert!(due.is_some_and(|due| due <= self.now), "{} is not due", id);
            prop_assert!(seen.insert(*id), "{} was handed out twice at once", id);
            let task = tasks::find(self.db, *id).await.unwrap().unwrap();
            prop_assert!(
                !self.tenants_paused.contains(&task.user),
                "handed out of a paused tenant"
            );
        }
        if death.is_none() {
            self.hints.extend(ids);
        }
        Ok(())
    }

    async fn claim(&mut self, hints: usize, dies: bool) -> Checked {
        let ids: Vec<TaskId> = self.hints.drain(..hints.min(self.hints.len())).collect();
        if dies {
            return Ok(());
        }
        let before = self.counts().await;
        let claims = tasks::claim(self.db, self.worker.id, &ids, self.now)
            .await
            .unwrap();
        prop_assert!(
            claims.is_empty() || !self.queue_paused,
            "begun although the queue is paused"
        );
        for claim in &claims {
            prop_assert!(self.open[&claim.task] <= self.now, "begun before its time");
            prop_assert!(
                !self.tenants_paused.contains(&claim.user),
                "begun although the tenant is paused"
            );
        }
        // A limit that was lowered below what runs lets nothing begin, and ends nothing.
        let after = self.counts().await;
        for (user, max) in &self.limits {
            let (was, is) = (
                before.get(user).copied().unwrap_or(0),
                after.get(user).copied().unwrap_or(0),
            );
            prop_assert!(
                is <= was.max(*max as usize),
                "{is} of a tenant run, and {max} may"
            );
        }
        if let Some(max) = self.settings.kinds.get("process_document") {
            let (was, is) = (before.values().sum::<usize>(), after.values().sum::<usize>());
            prop_assert!(is <= was.max(*max as usize), "{is} of a kind run, and {max} may");
        }
        self.running.extend(claims);
        Ok(())
    }

    /// What runs, by the database.
    async fn counts(&self) -> BTreeMap<UserId, usize> {
        let filter = tasks::TaskFilter {
            state: Some(domain::TaskState::Running),
            ..tasks::TaskFilter::default()
        };
        let mut counts = BTreeMap::new();
        for task in tasks::list(self.db, &filter, 10_000).await.unwrap() {
            *counts.entry(task.user).or_default() += 1;
        }
        counts
    }

    async fn end(&mut self, how: u8) {
        if self.running.is_empty() {
            return;
        }
        let claim = self.running.remove(usize::from(how) % self.running.len());
        let (db, now) = (self.db, self.now);
        match how {
            0 => {
                tasks::give_back_these(db, claim.owner, &[(claim.task, claim.fence)], now)
                    .await
                    .unwrap();
            }
            1 | 2 if claim.attempt < claim.attempts_max => {
                let (reason, due) = (
                    Reason::of(ReasonCode::StorageUnavailable),
                    now + Duration::from_secs(u64::from(how)),
                );
                tasks::retry(db, &claim, due, &reason, now).await.unwrap();
                self.open.insert(claim.task, due);
            }
            _ => {
                // Somebody else may have it by now, if its worker was taken for dead.
                let closed = tasks::reject(db, &claim, &Reason::of(ReasonCode::Unreadable), now)
                    .await
                    .unwrap();
                if closed == tasks::Closed::Won {
                    self.open.remove(&claim.task);
                }
            }
        }
    }

    /// What schedulers do beside dispatching.
    async fn repair(&mut self) {
        let (db, now) = (self.db, self.now);
        tasks::recover_orphans(db, now - Duration::from_secs(30), now, 1_000)
            .await
            .unwrap();
        tasks::forget_lost(db, QUEUE, self.hints.front().copied(), now, 1_000)
            .await
            .unwrap();
        tasks::release_known(db, QUEUE, now).await.unwrap();
        // Who died three times is dead, and who waits for its next attempt has another time.
        for id in self.open.keys().copied().collect::<Vec<_>>() {
            let task = tasks::find(db, id).await.unwrap().unwrap();
            if task.state.is_terminal() {
                self.open.remove(&id);
            } else {
                self.open.insert(id, task.run_at);
            }
        }
    }

    /// When nothing is paused any more and somebody lives, everything that was accepted is begun and ended.
    async fn finish(&mut self) -> Checked {
        self.pause_queue(false).await;
        for user in self.users {
            self.pause_tenant(user.id, false).await;
        }
        for _ in 0..400 {
            if self.open.is_empty() {
                return Ok(());
            }
            self.now += 3 * SECOND;
            self.step(&Step::Repair).await?;
            self.step(&Step::Round { death: None }).await?;
            self.step(&Step::Claim {
                hints: 50,
                dies: false,
            })
            .await?;
            while !self.running.is_empty() {
                self.end(9).await;
            }
        }
        Err(TestCaseError::fail(format!(
            "{} tasks were never begun: {:?}",
            self.open.len(),
            self.open.keys()
        )))
    }
}

async fn play(db: &Database, users: &[User], steps: &[Step]) -> Checked {
    let mut world = World {
        db,
        users,
        now: start(),
        hints: VecDeque::new(),
        settings: SchedulingSettings::default(),
        queue_paused: false,
        tenants_paused: BTreeSet::new(),
        limits: BTreeMap::new(),
        worker: a_worker(db, start()).await,
        running: Vec::new(),
        open: BTreeMap::new(),
    };
    world.limit_kind(None).await;
    for user in users {
        world.limit_tenant(user.id, None).await;
    }
    for (n, step) in steps.iter().enumerate() {
        let played = world.step(step).await;
        played.map_err(|error| TestCaseError::fail(format!("at step {n}, {step:?}: {error}")))?;
    }
    let finished = world.finish().await;
    // Nothing of a script that failed is in the way of the next one.
    for user in users {
        let jobs = jobs::list(db, user.id, &jobs::JobFilter::default(), 10_000)
            .await
            .unwrap();
        for job in jobs {
            jobs::delete(db, user.id, job.id, database::audit::Origin::default(), world.now)
                .await
                .unwrap();
        }
    }
    workers::delete_silent(db, start() + 100_000 * HOUR)
        .await
        .unwrap();
    finished
}

fn hold_for<S: Strategy>(
    cases: u32,
    strategy: S,
    open: impl AsyncFnOnce() -> TestDatabase,
    test: impl AsyncFn(&Database, &[User], &S::Value) -> Checked,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let database = runtime.block_on(open());
    let users = runtime.block_on(async {
        let mut users = Vec::new();
        for _ in 0..TENANTS {
            users.push(a_user(&database.db).await);
        }
        users
    });
    let asked = std::env::var("PROPTEST_CASES").is_ok();
    let config = Config {
        cases: if asked { Config::default().cases } else { cases },
        failure_persistence: None,
        ..Config::default()
    };
    let played = TestRunner::new(config).run(&strategy, |value| {
        runtime.block_on(test(&database.db, &users, &value))
    });
    runtime.block_on(database.drop());
    if let Err(error) = played {
        panic!("{error}");
    }
}

#[test]
fn whatever_happens_limits_hold_and_everything_is_begun_on_sqlite() {
    hold_for(60, steps(), TestDatabase::sqlite, async |db, users, steps| {
        play(db, users, steps).await
    });
}

#[test]
fn whatever_happens_limits_hold_and_everything_is_begun_on_postgres() {
    hold_for(12, steps(), TestDatabase::postgres, async |db, users, steps| {
        play(db, users, steps).await
    });
}

/// Weights, and how a thousand starts come about: rounds of so many tasks, of which some die before they are pushed.
#[derive(Debug, Clone)]
struct Shares {
    weights: Vec<u32>,
    rounds: Vec<(u64, bool)>,
}

fn shares() -> impl Strategy<Value = Shares> {
    let rounds = proptest::collection::vec((1_u64..40, prop::bool::weighted(0.1)), 20);
    (proptest::collection::vec(1_u32..9, 2..=TENANTS), rounds)
        .prop_map(|(weights, rounds)| Shares { weights, rounds })
}

/// With more to do than can be done, each has its share of a thousand starts, to within 5 of 100.
async fn share(db: &Database, users: &[User], shares: &Shares) -> Checked {
    const STARTS: usize = 1_000;
    let total: u32 = shares.weights.iter().sum();
    let mut now = start();
    let mut jobs = Vec::new();
    let worker = a_worker(db, now).await;
    for (user, weight) in users.iter().zip(&shares.weights) {
        let change = Change {
            weight: Some(Some(*weight)),
            ..Change::default()
        };
        tenants::change(db, user.id, change, Operator::default(), now)
            .await
            .unwrap();
        // More than its share, so that it never runs out.
        let wanted = STARTS * *weight as usize / total as usize + 120;
        let new = NewJob {
            options: JobOptions {
                priority: Some(Priority::Normal),
                ..JobOptions::default()
            },
            dispatched: false,
            deadline_at: now + 1_000 * HOUR,
            ..new_job(user, wanted)
        };
        jobs.push((user.id, new.id));
        jobs::submit(db, new, now).await.unwrap();
    }
    let mut starts: BTreeMap<UserId, usize> = BTreeMap::new();
    let mut started = 0;
    for (room, dies) in shares.rounds.iter().cycle() {
        if started >= STARTS {
            break;
        }
        now += 3 * SECOND;
        workers::heartbeat(db, &worker, now).await.unwrap();
        // What a dispatcher took with it into its death is found and handed out again.
        tasks::forget_lost(db, QUEUE, None, now, 1_000).await.unwrap();
        let ids = tasks::take_due(db, QUEUE, now, *room).await.unwrap();
        if *dies {
            continue;
        }
        let ids: Vec<TaskId> = ids.into_iter().take(STARTS - started).collect();
        for claim in tasks::claim(db, worker.id, &ids, now).await.unwrap() {
            started += 1;
            *starts.entry(claim.user).or_default() += 1;
        }
    }
    for ((user, job), weight) in jobs.into_iter().zip(&shares.weights) {
        jobs::delete(db, user, job, database::audit::Origin::default(), now)
            .await
            .unwrap();
        let fair = STARTS as f64 * f64::from(*weight) / f64::from(total);
        let error = (starts.get(&user).copied().unwrap_or(0) as f64 - fair).abs() / STARTS as f64;
        prop_assert!(error < 0.05, "weights {:?}: {starts:?}", shares.weights);
    }
    workers::delete_silent(db, start() + 100_000 * HOUR)
        .await
        .unwrap();
    Ok(())
}

#[test]
fn everybody_has_a_share_of_a_thousand_starts_by_weight_though_dispatchers_die() {
    hold_for(12, shares(), TestDatabase::sqlite, async |db, users, shares_| {
        share(db, users, shares_).await
    });
}

/// The bound that docs/scheduling.md publishes: eight minutes, then one start in eight goes round among those who wait so long.
#[tokio::test]
async fn nobody_starves_on_the_lowest_level_however_much_there_is_above_it() {
    let database = TestDatabase::sqlite().await;
    let db = &database.db;
    let flood = a_user(db).await;
    let submit = async |user: &User, count, priority, at| {
        let new = NewJob {
            options: JobOptions {
                priority: Some(priority),
                ..JobOptions::default()
            },
            dispatched: false,
            deadline_at: at + HOUR,
            ..new_job(user, count)
        };
        let Submitted::Accepted(_, ids) = jobs::submit(db, new, at).await.unwrap() else {
            panic!("not accepted");
        };
        ids
    };
    let mut low = BTreeSet::new();
    for _ in 0..6 {
        let user = a_user(db).await;
        low.extend(submit(&user, 1, Priority::Low, start()).await);
        submit(&user, 3, Priority::Low, start() + SECOND).await;
    }
    let mut now = start();
    let mut starts_since_aged = 0;
    // Ten seconds a step: more urgent work comes than there is room for, for ever.
    for step in 0_u64.. {
        now = start() + Duration::from_secs(10 * step);
        submit(
            &flood,
            12,
            if step % 2 == 0 {
                Priority::High
            } else {
                Priority::Normal
            },
            now,
        )
        .await;
        let taken = tasks::take_due(db, QUEUE, now, 5).await.unwrap();
        assert_eq!(taken.len(), 5);
        if now >= start() + Priority::Low.ages_after() {
            starts_since_aged += taken.len();
        } else {
            assert!(
                taken.iter().all(|id| !low.contains(id)),
                "it has not waited long enough"
            );
        }
        low.retain(|id| !taken.contains(id));
        if low.is_empty() {
            break;
        }
        // One start in eight, of which the level in between has as much as this one.
        assert!(starts_since_aged <= 2 * 8 * 6, "{} of 6 still wait", low.len());
    }
    assert!(now < start() + 2 * Priority::Low.ages_after());
}
