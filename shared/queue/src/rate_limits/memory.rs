//! Rate limits within one process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::{Bucket, RateLimits, Taken};
use crate::QueueError;

/// Buckets that are remembered before the full ones, which need not be, are looked for.
const REMEMBERED_MAX: usize = 50_000;

/// Buckets of this process only.
#[derive(Debug, Default)]
pub struct MemoryRateLimits(Mutex<HashMap<String, Level>>);

/// What was left in a bucket when something was taken from it.
#[derive(Debug, Clone, Copy)]
struct Level {
    tokens: f64,
    at: Instant,
    /// When it is full again: forgetting it changes nothing then.
    full_at: Instant,
}

#[async_trait]
impl RateLimits for MemoryRateLimits {
    async fn take(&self, buckets: &[Bucket]) -> Result<Taken, QueueError> {
        let now = Instant::now();
        let mut levels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found: Vec<f64> = buckets
            .iter()
            .map(|bucket| match levels.get(&bucket.key) {
                None => f64::from(bucket.capacity),
                Some(level) => filled(bucket, *level, now),
            })
            .collect();
        let allowed = found.iter().all(|tokens| *tokens >= 1.0);
        let cost = if allowed { 1.0 } else { 0.0 };
        let mut taken: Option<(f64, Taken)> = None;
        for (index, (bucket, tokens)) in buckets.iter().zip(found).enumerate() {
            let left = tokens - cost;
            let seconds_each = bucket.window.as_secs_f64() / f64::from(bucket.capacity);
            let full_after =
                Duration::from_secs_f64((f64::from(bucket.capacity) - left).max(0.0) * seconds_each);
            if allowed {
                let level = Level {
                    tokens: left,
                    at: now,
                    full_at: now + full_after,
                };
                levels.insert(bucket.key.clone(), level);
            }
            let wait = if allowed {
                0.0
            } else {
                (1.0 - left).max(0.0) * seconds_each
            };
            // Refused ones by how long they last, the others by the part that is used up.
            let tightness = if allowed {
                1.0 - left / f64::from(bucket.capacity)
            } else {
                wait
            };
            if taken.as_ref().is_none_or(|(tightest, _)| tightness > *tightest) {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                // between 0 and the capacity
                let remaining = left.max(0.0) as u32;
                let answer = Taken {
                    allowed,
                    tightest: index,
                    remaining,
                    retry_after: Duration::from_secs_f64(wait),
                    full_after,
                };
                taken = Some((tightness, answer));
            }
        }
        if levels.len() > REMEMBERED_MAX {
            levels.retain(|_, level| level.full_at > now);
        }
        Ok(taken.expect("there is at least one bucket").1)
    }
}

fn filled(bucket: &Bucket, level: Level, now: Instant) -> f64 {
    let passed = now.saturating_duration_since(level.at).as_secs_f64();
    let capacity = f64::from(bucket.capacity);
    (level.tokens + passed * capacity / bucket.window.as_secs_f64()).min(capacity)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn bucket(key: &str) -> Bucket {
        Bucket {
            key: key.to_owned(),
            capacity: 60,
            window: Duration::from_secs(60),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_fills_evenly_and_never_over_its_brim() {
        let limits = MemoryRateLimits::default();
        let all = [bucket("a")];
        for left in (0..60).rev() {
            let taken = limits.take(&all).await.unwrap();
            assert_eq!((taken.allowed, taken.remaining), (true, left));
        }
        let refused = limits.take(&all).await.unwrap();
        assert_eq!(
            (refused.allowed, refused.retry_after),
            (false, Duration::from_secs(1))
        );
        assert_eq!(refused.full_after, Duration::from_secs(60));
        tokio::time::advance(Duration::from_secs(2)).await;
        for allowed in [true, true, false] {
            assert_eq!(limits.take(&all).await.unwrap().allowed, allowed);
        }
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(limits.take(&all).await.unwrap().remaining, 59);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_full_again_is_forgotten() {
        let limits = MemoryRateLimits::default();
        for number in 0..=REMEMBERED_MAX {
            limits.take(&[bucket(&number.to_string())]).await.unwrap();
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        limits.take(&[bucket("a")]).await.unwrap();
        assert_eq!(limits.0.lock().unwrap().len(), 1);
    }
}
