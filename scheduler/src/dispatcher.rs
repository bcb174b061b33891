//! Keeps the queue filled, and short: what is due goes from the database into the queue as long as there is room, and a hint
//! that was lost on the way is given again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use database::{queues, tasks};
use domain::{QueueName, limits};
use queue::Pushed;
use telemetry::metrics;

use crate::mail_line;
use crate::scheduler::Parts;

/// How often the dispatcher looks. Uploads push their own hints while everything that is due has been handed out, so this is
/// only the wait of retries, and of what waits for its turn.
const EVERY: Duration = Duration::from_millis(250);
/// How soon it looks again when workers have all but emptied the queue and more waits.
const SOON: Duration = Duration::from_millis(50);
/// How often it looks for lost hints. A hint counts as lost two seconds after it was given at the earliest.
const LOOK_FOR_LOST_EVERY: Duration = Duration::from_secs(1);
/// Tasks handed out in one round.
const ROUND_MAX: u64 = 500;

/// Dispatches one queue until the process is asked to stop.
pub(crate) async fn run(parts: Arc<Parts>, queue: QueueName) {
    let mut looked_for_lost: Option<Instant> = None;
    let mut silent = false;
    while !parts.stopping.is_cancelled() {
        let look = looked_for_lost.is_none_or(|at| at.elapsed() >= LOOK_FOR_LOST_EVERY);
        let round = match queue {
            QueueName::Mail => mail_line::round(&parts, look).await,
            QueueName::Documents => round(&parts, queue, look).await,
        };
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
        let pause = match round {
            Ok(Round::More) => SOON,
            Ok(Round::Rest) | Err(_) => EVERY,
        };
        tokio::select! {
            () = parts.stopping.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Round {
    /// Workers wait for more than one round hands out, and there is more.
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
        let known = tasks::release_known(&parts.database, queue, parts.clock.now()).await?;
        if known > 0 {
            tracing::info!("{known} tasks are known to a worker now and wait in line again");
        }
    }
    let now = parts.clock.now();
    let plan = queues::plan(&parts.database, queue, length, &parts.scheduling, now).await?;
    let room = plan.room.min(ROUND_MAX);
    if room == 0 || !plan.waiting {
        return Ok(Round::Rest);
    }
    let due = tasks::take_due(&parts.database, queue, now, room).await?;
    if due.is_empty() {
        return Ok(Round::Rest);
    }
    // If this process dies here, the tasks are marked and have no hint: that is what looking for lost ones is for.
    // Nobody else pushes while anything waits, but for a moment; what was marked is pushed in any case.
    match parts.hints.push(queue, &due, limits::HINTS_MAX).await {
        Ok(Pushed::Accepted { .. }) => {
            metrics::tasks_dispatched(queue, due.len() as u64);
            Ok(if due.len() as u64 == room && plan.drained {
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
