//! One run of a schedule, from its claim to its end.

use std::time::{Duration, Instant};

use database::schedules::{self, Ended, RunClaim};
use domain::schedules::Work;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use telemetry::metrics;
use tokio_util::sync::CancellationToken;

use crate::scheduler::Parts;
use crate::sweeps::{self, SweepError, Swept};

/// Between two signs of life.
const BEAT_EVERY: Duration = Duration::from_secs(2);
/// Before a failed run is tried again; four times as long after each further failure.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(3600);
/// How often the end of a run is written down when the database does not answer, and the pause in between. Together less than
/// the silence after which another scheduler does it again.
const CLOSE_TRIES: u32 = 5;
const CLOSE_AGAIN: Duration = Duration::from_secs(1);

/// What came of the work itself.
struct Outcome {
    report: Value,
    rows: u64,
    result: Result<Swept, Failed>,
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    /// Edited by a newer release after it was noted.
    #[error("the options cannot be used: {0}")]
    Options(#[from] domain::schedules::InvalidOption),
    #[error(transparent)]
    Sweep(#[from] SweepError),
}

/// Does a run and writes down how it ended. Whatever dies on the way, somebody takes the run over and does the work again,
/// which finds only what is left to do.
pub(crate) async fn perform(parts: &Parts, claim: &RunClaim) -> Ended {
    let stop = parts.stopping.child_token();
    let started = Instant::now();
    let outcome = tokio::select! {
        outcome = work(parts, claim, &stop) => outcome,
        () = lost(parts, claim) => {
            tracing::info!(run.id = %claim.run, "stopped a run of {}: it is cancelled, removed, or somebody else's", claim.name);
            return Ended::Lost;
        }
    };
    let kind = claim.work.as_str();
    match &outcome.result {
        Ok(Swept::All) => metrics::sweep_finished(kind, outcome.rows, started.elapsed()),
        Ok(Swept::Some) => {}
        Err(error) => {
            metrics::sweep_failed(kind);
            let name = &claim.name;
            tracing::warn!(run.id = %claim.run, "{name} did not finish: {}", telemetry::chain(error));
        }
    }
    close(parts, claim, &outcome).await
}

/// Gives signs of life until the run is not ours any more.
async fn lost(parts: &Parts, claim: &RunClaim) {
    loop {
        tokio::time::sleep(BEAT_EVERY).await;
        match schedules::beat(&parts.database, claim, parts.clock.now()).await {
            Ok(true) => {}
            Ok(false) => return,
            // The work will notice by itself when it is away for long.
            Err(error) => tracing::debug!("could not give a sign of life: {}", telemetry::chain(&error)),
        }
    }
}

async fn work(parts: &Parts, claim: &RunClaim, stop: &CancellationToken) -> Outcome {
    match Work::read(claim.work, &claim.options) {
        Ok(Work::DeleteExpiredRows(options)) => {
            let mut report: sweeps::expired_rows::Report = earlier(claim);
            let result = sweeps::expired_rows::delete(parts, &options, stop, &mut report).await;
            outcome(&report, report.rows(), result)
        }
        Ok(Work::DeleteLeftoverObjects(options)) => {
            let mut report: sweeps::leftovers::Report = earlier(claim);
            let result = sweeps::leftovers::delete(parts, &options, stop, &mut report).await;
            outcome(&report, report.objects, result)
        }
        Ok(Work::CleanUp(options)) => {
            let mut report: sweeps::clean_up::Report = earlier(claim);
            let result = sweeps::clean_up::delete(parts, claim, &options, stop, &mut report).await;
            let deleted = if report.dry_run { 0 } else { report.jobs };
            outcome(&report, deleted, result)
        }
        Err(error) => Outcome {
            report: claim.report.clone().unwrap_or_default(),
            rows: 0,
            result: Err(error.into()),
        },
    }
}

/// What earlier attempts of the run have done, to be added to.
fn earlier<R: DeserializeOwned + Default>(claim: &RunClaim) -> R {
    let report = claim.report.clone();
    report
        .and_then(|report| serde_json::from_value(report).ok())
        .unwrap_or_default()
}

fn outcome(report: &impl Serialize, rows: u64, result: Result<Swept, SweepError>) -> Outcome {
    Outcome {
        report: serde_json::to_value(report).unwrap_or_default(),
        rows,
        result: result.map_err(Failed::from),
    }
}

async fn close(parts: &Parts, claim: &RunClaim, outcome: &Outcome) -> Ended {
    let run = claim.run;
    for _ in 0..CLOSE_TRIES {
        match close_once(parts, claim, outcome).await {
            Ok(ended) => {
                if ended == Ended::Lost {
                    tracing::debug!(run.id = %run, "the run {run} had ended or belongs to somebody else");
                }
                return ended;
            }
            Err(error) => {
                tracing::debug!(run.id = %run, "could not end the run {run}: {}", telemetry::chain(&error));
            }
        }
        tokio::time::sleep(CLOSE_AGAIN).await;
    }
    tracing::warn!(run.id = %run, "could not write down how the run {run} ended; it is done again");
    Ended::Lost
}

async fn close_once(parts: &Parts, claim: &RunClaim, outcome: &Outcome) -> database::Result<Ended> {
    let now = parts.clock.now();
    let or_lost = |mine: bool, ended: Ended| if mine { ended } else { Ended::Lost };
    match &outcome.result {
        Ok(Swept::All) => {
            let mine = schedules::finish(&parts.database, claim, &outcome.report, now).await?;
            Ok(or_lost(mine, Ended::Now))
        }
        Ok(Swept::Some) => {
            let mine = schedules::give_back(&parts.database, claim, &outcome.report, now).await?;
            Ok(or_lost(mine, Ended::Again))
        }
        Err(error) => {
            let again_at = now + retry_after(claim.attempt);
            // The chain of causes is in the log; it may name hosts, and this is shown over HTTP.
            let said = error.to_string();
            schedules::fail(&parts.database, claim, &said, &outcome.report, again_at, now).await
        }
    }
}

fn retry_after(attempt: i16) -> Duration {
    let failures = u32::try_from(attempt.max(1) - 1).unwrap_or(0);
    AGAIN_AFTER
        .saturating_mul(4_u32.saturating_pow(failures))
        .min(AGAIN_AFTER_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_run_waits_longer_each_time() {
        let minutes: Vec<u64> = (1..6)
            .map(|attempt| retry_after(attempt).as_secs() / 60)
            .collect();
        assert_eq!(minutes, [1, 4, 16, 60, 60]);
    }
}
