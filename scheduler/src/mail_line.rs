//! Keeps the queue of messages filled: what is due goes from the database into the queue, the one that waits longest first. Nobody
//! has a share in it, for nobody can have many messages sent.

use std::time::Duration;

use database::{mails, queues};
use domain::limits;
use queue::Pushed;
use telemetry::metrics;

use crate::dispatcher::{DispatchError, Round};
use crate::scheduler::Parts;

/// Hints in the queue at most. They stay there while no worker of the fleet sends mail.
const LENGTH_MAX: u64 = 200;
/// A hint that was just given may be on its way to the queue, or from there to the row.
const ON_ITS_WAY: Duration = Duration::from_secs(2);
/// After that long a hint counts as lost though there are others in the queue.
const OVERDUE: Duration = Duration::from_secs(5 * 60);

/// Looks once, and moves at most one batch.
pub(crate) async fn round(parts: &Parts, look_for_lost: bool) -> Result<Round, DispatchError> {
    let (queue, db, now) = (mails::QUEUE, &parts.database, parts.clock.now());
    let length = parts.hints.length(queue).await?;
    // Has the queue listed, and tells that somebody looks after it.
    queues::plan(db, queue, length, &parts.scheduling, now).await?;
    // Nearly always there is nothing to do, and that is found by reading.
    let waiting = mails::backlog(db).await?;
    if waiting.waiting == 0 {
        return Ok(Round::Rest);
    }
    if look_for_lost {
        mails::expire(db, now - mails::GOOD_FOR, now).await?;
        let before = now - if length == 0 { ON_ITS_WAY } else { OVERDUE };
        let lost = mails::forget_lost(db, before).await?;
        if lost > 0 {
            metrics::tasks_redispatched(queue, lost);
            tracing::warn!("{lost} hints of messages were lost; giving them again");
        }
    }
    let room = LENGTH_MAX.saturating_sub(length);
    if room == 0 || waiting.oldest_due_at.is_none_or(|due| due > now) {
        return Ok(Round::Rest);
    }
    let due = mails::take_due(db, now, room).await?;
    if due.is_empty() {
        return Ok(Round::Rest);
    }
    // If this process dies here, the messages are marked and have no hint: that is what looking for lost ones is for.
    match parts.hints.push(queue, &due, limits::HINTS_MAX).await {
        Ok(Pushed::Accepted { .. }) => {
            metrics::tasks_dispatched(queue, due.len() as u64);
            Ok(Round::Rest)
        }
        Ok(Pushed::Full { .. }) => {
            mails::release(db, &due).await?;
            Ok(Round::Rest)
        }
        Err(error) => {
            mails::release(db, &due).await?;
            Err(error.into())
        }
    }
}
