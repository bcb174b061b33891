//! How long and how much: the only difference between a test of a minute and an hour of chaos.

use std::time::Duration;

/// The sizes of all scenarios.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Jobs that are handed in, where a scenario counts jobs.
    pub jobs: usize,
    /// Processes that are killed while they run (P1).
    pub kills: usize,
    /// Deliveries that are forced by hand (P2).
    pub deliveries: usize,
    /// How often Redis forgets everything (P3).
    pub flushes: usize,
    /// How long Redis is away (P4).
    pub redis_away: Duration,
    /// How long Postgres is away (P5).
    pub postgres_away: Duration,
    /// Tasks whose worker is killed in the middle of them (P6).
    pub orphans: usize,
    /// How long one document takes while its worker lives (P7).
    pub slow_document: Duration,
    /// How long a worker is frozen (P7).
    pub frozen: Duration,
    /// Documents whose attempts are counted (P9).
    pub cases: usize,
    /// Jobs that are due at the same moment (P10).
    pub due_at_once: usize,
    /// Jobs that are cancelled, each way (P11).
    pub cancels: usize,
    /// Documents of one user that wait when another one hands one in (P12).
    pub backlog: usize,
    /// Slots of schedules that are fired and done (P13).
    pub slots: usize,
    /// How long more is asked for than can be done (P15).
    pub overload: Duration,
    /// What 99 of 100 accepted uploads may take meanwhile (P15).
    pub accepted_within: Duration,
}

/// After so long a worker that is not heard of counts as dead. The slow are slower than that.
pub(super) const LEASE: Duration = Duration::from_secs(30);

impl Scale {
    /// A minute or so for each promise.
    #[must_use]
    pub const fn short() -> Self {
        Self {
            jobs: 150,
            kills: 12,
            deliveries: 300,
            flushes: 5,
            redis_away: Duration::from_secs(6),
            postgres_away: Duration::from_secs(5),
            orphans: 6,
            slow_document: Duration::from_secs(45),
            frozen: Duration::from_secs(40),
            cases: 90,
            due_at_once: 5_000,
            cancels: 6,
            backlog: 1_200,
            slots: 600,
            overload: Duration::from_secs(6),
            // Ten times what is promised: programs that are not optimised, on processors that others use as well.
            accepted_within: Duration::from_millis(2_500),
        }
    }

    /// As short as [`Scale::short`], with so many jobs and what goes with them.
    #[must_use]
    pub const fn with_jobs(jobs: usize) -> Self {
        Self {
            jobs,
            kills: jobs / 50 + 1,
            deliveries: jobs,
            orphans: jobs / 50 + 1,
            cases: jobs,
            slots: jobs,
            accepted_within: Duration::from_millis(250),
            ..Self::short()
        }
    }

    /// The sizes and times that the promises name, with so many jobs.
    #[must_use]
    pub const fn full(jobs: usize) -> Self {
        Self {
            redis_away: Duration::from_secs(300),
            postgres_away: Duration::from_secs(60),
            slow_document: LEASE.saturating_mul(10),
            frozen: Duration::from_secs(60),
            due_at_once: 100_000,
            cancels: 50,
            backlog: 10_000,
            overload: Duration::from_secs(600),
            ..Self::with_jobs(jobs)
        }
    }
}
