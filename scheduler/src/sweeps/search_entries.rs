//! Writes what documents are found by where an earlier release has not: after an upgrade, for the documents from before it.

use database::search;

use super::SweepError;
use crate::scheduler::Parts;

/// Entries between two looks at whether to stop: a second's work.
const BATCH: u32 = 100;

/// Returns how many documents can be found from now on.
pub(crate) async fn write(parts: &Parts) -> Result<u64, SweepError> {
    let mut sum = 0;
    while !parts.stopping.is_cancelled() {
        let written = search::write_missing(&parts.database, BATCH).await?;
        sum += written;
        // Fewer: nothing is left, or somebody else is writing them too.
        if written < u64::from(BATCH) {
            break;
        }
    }
    if sum > 0 {
        tracing::info!("wrote what {sum} documents of earlier releases are found by");
    }
    Ok(sum)
}
