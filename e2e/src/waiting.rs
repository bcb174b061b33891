//! Waiting for something to be so, never for time to pass.

use std::time::{Duration, Instant};

/// Longer than anything here takes, so that only a fault meets it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is looked.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until there is something, and gives it.
///
/// # Panics
/// When there is nothing `within` that time.
pub async fn until<T>(what: &str, within: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(started.elapsed() < within, "waited {within:?} in vain: {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Looks until it is so.
///
/// # Panics
/// When it is not `within` that time.
pub async fn eventually(what: &str, within: Duration, mut holds: impl AsyncFnMut() -> bool) {
    until(what, within, async || holds().await.then_some(())).await;
}
