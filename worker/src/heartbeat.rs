//! Tells the fleet that this worker lives, and hears which of its tasks are no longer wanted.

use std::sync::Arc;
use std::time::Duration;

use database::workers::Worker;
use database::{tasks, workers};
use tokio_util::sync::CancellationToken;

use crate::context::Context;

/// Several signs of life fit into the 30 seconds after which a worker counts as dead.
const EVERY: Duration = Duration::from_secs(5);
/// How often a worker looks for tasks that were cancelled, deleted or taken back.
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

/// Stops runs whose tasks this worker does not own any more, until `until`. Asks nothing while nothing runs.
pub(crate) async fn stop_unwanted(context: Arc<Context>, worker: Worker, until: CancellationToken) {
    loop {
        tokio::select! {
            () = until.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        // Taken before asking: what is claimed meanwhile is not in it.
        let running = context.running.snapshot();
        if running.is_empty() {
            continue;
        }
        match tasks::owned(&context.database, worker.id).await {
            Ok(owned) => {
                for (task, fence) in running.into_iter().filter(|run| !owned.contains(run)) {
                    context.running.stop(task, fence);
                }
            }
            Err(error) => tracing::debug!("could not look for unwanted tasks: {}", telemetry::chain(&error)),
        }
    }
}
