//! Rate limits over Redis: every replica takes from the same buckets, by the clock of Redis.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Bucket, RateLimits, Taken};
use crate::redis_link::RedisLink;
use crate::{QueueError, QueueSettings};

/// One hash for each bucket: `n` tokens were left at `t`, in microseconds. Its key goes by itself when the bucket is full
/// again. Numbers come back as text, for Redis cuts them to integers. `ARGV`: capacity and window of each key, in turn.
const TAKE: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local levels, allowed = {}, true
for i, key in ipairs(KEYS) do
  local capacity, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local known = redis.call('HMGET', key, 'n', 't')
  local tokens, at = tonumber(known[1]) or capacity, tonumber(known[2]) or now
  tokens = math.min(capacity, tokens + math.max(0, now - at) * capacity / window)
  levels[i] = tokens
  if tokens < 1 then allowed = false end
end
local tightest, tightness, answer = 0, nil, nil
for i, key in ipairs(KEYS) do
  local capacity, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local each, left, wait = window / capacity, levels[i], 0
  if allowed then left = left - 1 else wait = math.max(0, 1 - left) * each end
  local full = math.max(0, capacity - left) * each
  if allowed then
    redis.call('HSET', key, 'n', string.format('%.9f', left), 't', string.format('%.0f', now))
    redis.call('PEXPIRE', key, math.ceil(full / 1000) + 1000)
  end
  local this = wait
  if allowed then this = 1 - left / capacity end
  if not tightness or this > tightness then
    tightest, tightness = i, this
    answer = {math.floor(math.max(0, left)), math.ceil(wait), math.ceil(full)}
  end
end
return {allowed and 1 or 0, tightest - 1, answer[1], answer[2], answer[3]}";

/// Buckets in Redis 7 or later.
#[derive(Clone)]
pub struct RedisRateLimits(Arc<RedisLink>);

impl RedisRateLimits {
    /// Reads the address. Redis need not be up: every call connects when it has to.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub fn connect(settings: &QueueSettings) -> Result<Self, QueueError> {
        Ok(Self(Arc::new(RedisLink::new(settings)?)))
    }
}

#[async_trait]
impl RateLimits for RedisRateLimits {
    async fn take(&self, buckets: &[Bucket]) -> Result<Taken, QueueError> {
        let mut take = redis::cmd("EVAL");
        take.arg(TAKE).arg(buckets.len());
        for bucket in buckets {
            take.arg(self.0.key(&format!("rate:{}", bucket.key)));
        }
        for bucket in buckets {
            let window = u64::try_from(bucket.window.as_micros()).unwrap_or(u64::MAX);
            take.arg(bucket.capacity).arg(window);
        }
        let (allowed, tightest, remaining, wait, full): (bool, usize, u32, u64, u64) =
            self.0.query_in_a_hurry(&take).await?;
        Ok(Taken {
            allowed,
            tightest,
            remaining,
            retry_after: Duration::from_micros(wait),
            full_after: Duration::from_micros(full),
        })
    }
}
