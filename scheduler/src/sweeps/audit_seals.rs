//! Seals the new lines of the audit log.

use database::audit::seals::{self, Look};

use super::SweepError;
use crate::scheduler::Parts;

const BATCH: u32 = 1_000;

/// Returns how many lines were sealed.
pub(crate) async fn seal(parts: &Parts, look: Look) -> Result<u64, SweepError> {
    let mut sum = 0;
    loop {
        let sealed = seals::seal(&parts.database, look, BATCH, parts.clock.now()).await?;
        sum += sealed;
        if sealed < u64::from(BATCH) || parts.stopping.is_cancelled() {
            return Ok(sum);
        }
    }
}
