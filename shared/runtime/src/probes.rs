//! Whether this process lives, has started, and should be sent work: what an orchestrator asks every few seconds.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, join_all};
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// A dependency that does not answer in this time is as good as gone; probes themselves time out soon after.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

/// Answers are kept this long, so that many probes cost the dependencies no more than one.
const REPORT_AGE_MAX: Duration = Duration::from_secs(1);

/// Whether the process should be sent work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// Everything works.
    Ready,
    /// It works, without something it can do without for a while.
    Degraded,
    /// Not yet, not any more, or not without what is missing.
    Unready,
}

/// How one dependency fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// It answers.
    Ok,
    /// It does not, and the process can do without it for a while.
    Degraded,
    /// It does not, and the process cannot work.
    Failed,
}

/// The answer to a readiness probe. It names no host, no version and no cause: those are in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The sum of it.
    pub status: Readiness,
    /// Each dependency by its name.
    pub checks: BTreeMap<&'static str, CheckState>,
}

type CheckResult = Result<(), Box<dyn Error + Send + Sync>>;

struct Check {
    name: &'static str,
    /// What it means that the check fails.
    failure: CheckState,
    run: Box<dyn Fn() -> BoxFuture<'static, CheckResult> + Send + Sync>,
}

/// A question to a dependency, asked again and again.
pub trait Ask<D, R>: Fn(D) -> R + Send + Sync + 'static {}

impl<D, R, F: Fn(D) -> R + Send + Sync + 'static> Ask<D, R> for F {}

/// What readiness depends on.
#[derive(Default)]
pub struct Checks(Vec<Check>);

impl Checks {
    /// Without dependencies: ready as soon as the process says so.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds something about a dependency without which the process cannot work. `ask` gets a clone of the dependency each
    /// time, and one second.
    #[must_use]
    pub fn critical<D, R, E>(self, name: &'static str, dependency: &D, ask: impl Ask<D, R>) -> Self
    where
        D: Clone + Send + Sync + 'static,
        R: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.add(name, CheckState::Failed, dependency.clone(), ask)
    }

    /// Adds something about a dependency that the process can do without for a while. `ask` gets a clone of the dependency
    /// each time, and one second.
    #[must_use]
    pub fn degrading<D, R, E>(self, name: &'static str, dependency: &D, ask: impl Ask<D, R>) -> Self
    where
        D: Clone + Send + Sync + 'static,
        R: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.add(name, CheckState::Degraded, dependency.clone(), ask)
    }

    fn add<D, R, E>(
        mut self,
        name: &'static str,
        failure: CheckState,
        dependency: D,
        ask: impl Ask<D, R>,
    ) -> Self
    where
        D: Clone + Send + Sync + 'static,
        R: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let run = Box::new(move || {
            ask(dependency.clone())
                .map(|result| result.map_err(Into::into))
                .boxed()
        });
        self.0.push(Check { name, failure, run });
        self
    }
}

/// The state that probes ask for. Clones share it.
#[derive(Clone)]
pub struct Probes(Arc<State>);

struct State {
    checks: Checks,
    shutdown: CancellationToken,
    started: AtomicBool,
    ready: AtomicBool,
    /// Held while the checks run, so that probes at the same time wait for one run and share it.
    last: Mutex<Option<(Instant, BTreeMap<&'static str, CheckState>)>>,
}

impl Probes {
    /// Probes of a process that has not started yet. From the moment that `shutdown` is set it is not ready any more,
    /// before anything else stops.
    #[must_use]
    pub fn new(checks: Checks, shutdown: CancellationToken) -> Self {
        Self(Arc::new(State {
            checks,
            shutdown,
            started: AtomicBool::new(false),
            ready: AtomicBool::new(false),
            last: Mutex::new(None),
        }))
    }

    /// Says whether the process wants work. The first `true` also ends its start.
    pub fn set_ready(&self, ready: bool) {
        if ready {
            self.0.started.store(true, Ordering::Relaxed);
        }
        self.0.ready.store(ready, Ordering::Relaxed);
    }

    /// Whether the process has ever been ready.
    #[must_use]
    pub fn has_started(&self) -> bool {
        self.0.started.load(Ordering::Relaxed)
    }

    /// Asks every dependency, at most once a second however often this is called.
    pub async fn report(&self) -> Report {
        let checks = self.checked().await;
        let willing = self.0.ready.load(Ordering::Relaxed) && !self.0.shutdown.is_cancelled();
        let status = if !willing || checks.values().any(|state| *state == CheckState::Failed) {
            Readiness::Unready
        } else if checks.values().any(|state| *state == CheckState::Degraded) {
            Readiness::Degraded
        } else {
            Readiness::Ready
        };
        Report { status, checks }
    }

    async fn checked(&self) -> BTreeMap<&'static str, CheckState> {
        let mut last = self.0.last.lock().await;
        if let Some((at, checks)) = &*last
            && at.elapsed() < REPORT_AGE_MAX
        {
            return checks.clone();
        }
        let before = last.as_ref().map(|(_, checks)| checks);
        let running = self.0.checks.0.iter().map(|check| async move {
            let failed_before = before
                .and_then(|checks| checks.get(check.name))
                .is_some_and(|state| *state != CheckState::Ok);
            (check.name, run(check, failed_before).await)
        });
        let checks: BTreeMap<_, _> = join_all(running).await.into_iter().collect();
        *last = Some((Instant::now(), checks.clone()));
        checks
    }
}

/// Runs a check, and logs only what has changed since the last time.
async fn run(check: &Check, failed_before: bool) -> CheckState {
    let name = check.name;
    let failure = match timeout(CHECK_TIMEOUT, (check.run)()).await {
        Ok(Ok(())) => {
            if failed_before {
                info!(check.name = name, "{name} is in order again");
            }
            return CheckState::Ok;
        }
        Ok(Err(error)) => telemetry::chain(&*error).to_string(),
        Err(_) => format!("no answer within {CHECK_TIMEOUT:?}"),
    };
    if !failed_before {
        warn!(check.name = name, "{name} is not in order: {failure}");
    }
    check.failure
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    type Never = std::io::Error;

    fn ready(checks: Checks) -> (Probes, CancellationToken) {
        let shutdown = CancellationToken::new();
        let probes = Probes::new(checks, shutdown.clone());
        probes.set_ready(true);
        (probes, shutdown)
    }

    fn states(report: &Report) -> Vec<(&'static str, CheckState)> {
        report
            .checks
            .iter()
            .map(|(name, state)| (*name, *state))
            .collect()
    }

    #[tokio::test]
    async fn a_process_is_ready_when_it_says_so_and_never_retry_after_shutdown() {
        let shutdown = CancellationToken::new();
        let probes = Probes::new(Checks::new(), shutdown.clone());
        assert!(!probes.has_started());
        assert_eq!(probes.report().await.status, Readiness::Unready);

        probes.set_ready(true);
        assert!(probes.has_started());
        assert_eq!(probes.report().await.status, Readiness::Ready);

        shutdown.cancel();
        assert_eq!(probes.report().await.status, Readiness::Unready);
        assert!(probes.has_started());
    }

    #[tokio::test]
    async fn a_critical_failure_is_unready_and_another_one_only_degrades() {
        let queue_down = Checks::new()
            .critical("database", &(), |()| async { Ok::<(), Never>(()) })
            .degrading("queue", &(), |()| async { Err("refused") });
        let report = ready(queue_down).0.report().await;
        assert_eq!(report.status, Readiness::Degraded);
        assert_eq!(
            states(&report),
            [("database", CheckState::Ok), ("queue", CheckState::Degraded)]
        );

        let all_down = Checks::new()
            .critical("database", &(), |()| async { Err("refused") })
            .degrading("queue", &(), |()| async { Err("refused") });
        let report = ready(all_down).0.report().await;
        assert_eq!(report.status, Readiness::Unready);
        assert_eq!(
            states(&report),
            [("database", CheckState::Failed), ("queue", CheckState::Degraded)]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_hangs_has_failed_after_a_second() {
        let hanging =
            Checks::new().critical("database", &(), |()| std::future::pending::<Result<(), Never>>());
        let (probes, _shutdown) = ready(hanging);
        let start = Instant::now();
        assert_eq!(probes.report().await.status, Readiness::Unready);
        assert_eq!(start.elapsed().as_secs(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn many_probes_ask_the_dependency_once_a_second() {
        let asked = Arc::new(AtomicUsize::new(0));
        let checks = Checks::new().critical("database", &asked, |asked| async move {
            asked.fetch_add(1, Ordering::Relaxed);
            Ok::<(), Never>(())
        });
        let (probes, _shutdown) = ready(checks);
        join_all((0..50).map(|_| probes.report())).await;
        assert_eq!(asked.load(Ordering::Relaxed), 1);

        tokio::time::advance(REPORT_AGE_MAX).await;
        join_all((0..50).map(|_| probes.report())).await;
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }
}
