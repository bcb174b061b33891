//! Keeps the queue filled, and short: what is due goes from the database into the queue as long as there is room, and a hint
//! that was lost on the way is given again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use database::tasks;
use domain::{QueueName, limits};
use queue::Pushed;
use telemetry::metrics;

use crate::scheduler::Parts;

/// How often the dispatcher looks. Uploads push their own hints while the queue is short, so this is only the wait of
/// retries, and of what did not fit.
const EVERY: Duration = Duration::from_millis(250);
/// How often it looks for lost hints. A hint counts as lost two seconds after it was given at the earliest.
const LOOK_FOR_LOST_EVERY: Duration = Duration::from_secs(1);
/// Tasks marked in one statement.
const BATCH: u64 = 500;

/// Dispatches one queue until the process is asked to stop.
pub(crate) async fn run(parts: Arc<Parts>, queue: QueueName) {
    let mut looked_for_lost: Option<Instant> = None;
    let mut silent = false;
    while !parts.stopping.is_cancelled() {
        let look = looked_for_lost.is_none_or(|at| at.elapsed() >= LOOK_FOR_LOST_EVERY);
        let round = round(&parts, queue, look).await;
        match &round {
            Ok(_) => {
                if look {
                    looked_for_lost = Some(Instant::now());
                }
                if std::mem::take(&mut silent) {
                    tracing::info!("dispatching again");
                }
            }
            // Said once, not four times a second.
            Err(error) if !silent => {
                silent = true;
                tracing::warn!("cannot dispatch: {}", telemetry::chain(error));
            }
            Err(_) => {}
        }
        if matches!(round, Ok(Round::More)) {
            continue;
        }
        tokio::select! {
            () = parts.stopping.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Round {
    /// There may be more to do at once.
    More,
    /// Nothing more to do for now.
    Rest,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum DispatchError {
    #[error("the queue cannot be used")]
    Queue(#[from] queue::QueueError),
    #[error("the database cannot be used")]
    Database(#[from] database::DatabaseError),
}

/// Looks once, and moves at most one batch.
pub(crate) async fn round(
    parts: &Parts,
    queue: QueueName,
    look_for_lost: bool,
) -> Result<Round, DispatchError> {
    let length = parts.hints.length(queue).await?;
    if look_for_lost {
        let oldest = if length == 0 {
            None
        } else {
            parts.hints.oldest(queue).await?
        };
        // A queue that is not empty and shows no id holds rubbish at its head; a worker will drop it.
        if length == 0 || oldest.is_some() {
            let lost = tasks::forget_lost(
                &parts.database,
                queue,
                oldest,
                parts.clock.now(),
                limits::HINTS_MAX,
            )
            .await?;
            if lost > 0 {
                metrics::tasks_redispatched(queue, lost);
                tracing::warn!("{lost} hints were lost; giving them again");
            }
        }
    }
    let room = limits::HINTS_MAX.saturating_sub(length).min(BATCH);
    if room == 0 {
        return Ok(Round::Rest);
    }
    let now = parts.clock.now();
    let due = tasks::take_due(&parts.database, queue, now, room).await?;
    if due.is_empty() {
        return Ok(Round::Rest);
    }
    // If this process dies here, the tasks are marked and have no hint: that is what looking for lost ones is for.
    match parts.hints.push(queue, &due, limits::HINTS_MAX).await {
        Ok(Pushed::Accepted { .. }) => {
            metrics::tasks_dispatched(queue, due.len() as u64);
            Ok(if due.len() as u64 == room {
                Round::More
            } else {
                Round::Rest
            })
        }
        Ok(Pushed::Full { .. }) => {
            tasks::release(&parts.database, &due).await?;
            Ok(Round::Rest)
        }
        Err(error) => {
            tasks::release(&parts.database, &due).await?;
            Err(error.into())
        }
    }
}
