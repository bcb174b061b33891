//! Tells the fleet that this worker lives, and hears which of its tasks are no longer wanted.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use database::tasks::Recovered;
use database::workers::Worker;
use database::{tasks, workers};
use domain::WorkerId;
use tokio_util::sync::CancellationToken;

use crate::context::{Context, Run};

/// Several signs of life fit into the 30 seconds after which a worker counts as dead.
const EVERY: Duration = Duration::from_secs(5);
/// How often a worker looks for tasks that were cancelled, deleted or taken back, and for claims it knows nothing of.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Writes signs of life until `until`. Runs on a task of its own, so that busy handlers cannot silence it.
pub(crate) async fn beat(context: Arc<Context>, worker: Worker, until: CancellationToken) {
    loop {
        tokio::select! {
            () = until.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if let Err(error) = workers::heartbeat(&context.database, &worker, context.clock.now()).await {
            tracing::warn!("could not write a sign of life: {}", telemetry::chain(&error));
        }
    }
}

/// Makes this process and the database agree on what this worker runs, until `until`. Asks nothing while nothing runs.
///
/// What runs and is not owned any more was cancelled, deleted, expired or taken back: it is stopped. What is owned and does not
/// run is a claim whose answer was lost, and is given back; or a run whose end could not be written down, and counts as lost.
/// Without this it would belong to a living worker that knows nothing of it, until its deadline.
pub(crate) async fn agree(context: Arc<Context>, worker: Worker, until: CancellationToken) {
    let mut strays = HashSet::new();
    loop {
        tokio::select! {
            () = until.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        // Taken before asking: what is claimed meanwhile is not in it.
        let running = context.running.snapshot();
        let unclosed = context.running.unclosed_runs();
        if running.is_empty() && unclosed.is_empty() && !context.running.is_unsure() {
            strays.clear();
            continue;
        }
        let round = look(&context, worker.id, &running, &unclosed, &mut strays).await;
        if let Err(error) = round {
            tracing::debug!(
                "could not look at the tasks of this worker: {}",
                telemetry::chain(&error)
            );
        }
    }
}

async fn look(
    context: &Context,
    worker: WorkerId,
    running: &HashSet<Run>,
    unclosed: &HashSet<Run>,
    strays: &mut HashSet<Run>,
) -> database::Result<()> {
    let owned: HashSet<Run> = tasks::owned(&context.database, worker)
        .await?
        .into_iter()
        .collect();
    for run in running.difference(&owned) {
        context.running.stop(run);
    }
    let now = context.clock.now();
    let lost: Vec<Run> = unclosed.intersection(&owned).copied().collect();
    let recovered = tasks::lose_these(&context.database, &lost, now).await?;
    context.running.forget_unclosed(unclosed);
    if recovered != Recovered::default() {
        tracing::warn!(
            "wrote {} attempts off whose end could not be written down",
            lost.len()
        );
    }
    // Twice in a row: what was claimed after the first look has begun to run by the second.
    let begun = context.running.snapshot();
    let seen: HashSet<Run> = owned
        .into_iter()
        .filter(|run| !running.contains(run) && !unclosed.contains(run) && !begun.contains(run))
        .collect();
    let again: Vec<Run> = seen.intersection(strays).copied().collect();
    *strays = seen;
    let given_back = tasks::give_back_these(&context.database, worker, &again, now).await?;
    if given_back > 0 {
        tracing::warn!("gave {given_back} tasks back whose claim was answered by nobody");
    }
    Ok(())
}
