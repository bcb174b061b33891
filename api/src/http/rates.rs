//! How often somebody may ask: per account, per API key and per address, with policies of their own for logins, uploads and
//! everything else.
//!
//! The numbers hold over all replicas, which take from the same buckets in Redis. While Redis is away each replica counts for
//! itself, so that nobody is shut out and nobody gets in unbounded.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::UserId;
use poem::http::{HeaderMap, HeaderName, HeaderValue};
use queue::{Bucket, MemoryRateLimits, RateLimits, SharedRateLimits, Taken};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::auth::caller::{Identity, Proof};
use crate::problem::{Code, Problem};

/// In which time a bucket is full again.
const WINDOW: Duration = Duration::from_secs(60);

const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The section `http.rate`: requests in a minute, and as many at once. 0 switches a limit off.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateSettings {
    /// Logins, registrations and refreshes from one address.
    pub login_per_address: u32,
    /// Passwords and codes tried for one account.
    pub login_per_account: u32,
    /// Messages asked for to one address, or by one account.
    pub mail_per_account: u32,
    /// Uploads of one account.
    pub submit_per_account: u32,
    /// Uploads with one API key.
    pub submit_per_key: u32,
    /// Other requests of one account.
    pub read_per_account: u32,
    /// Other requests with one API key.
    pub read_per_key: u32,
    /// Requests of any kind from one address.
    pub requests_per_address: u32,
}

impl Default for RateSettings {
    fn default() -> Self {
        Self {
            login_per_address: 60,
            login_per_account: 10,
            mail_per_account: 5,
            submit_per_account: 1_200,
            submit_per_key: 1_200,
            read_per_account: 6_000,
            read_per_key: 6_000,
            requests_per_address: 30_000,
        }
    }
}

impl RateSettings {
    /// No limits at all.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self {
            login_per_address: 0,
            login_per_account: 0,
            mail_per_account: 0,
            submit_per_account: 0,
            submit_per_key: 0,
            read_per_account: 0,
            read_per_key: 0,
            requests_per_address: 0,
        }
    }
}

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    Login,
    Submit,
    Read,
}

/// Takes from buckets.
pub(crate) struct Rates {
    settings: RateSettings,
    shared: SharedRateLimits,
    own: MemoryRateLimits,
    /// Whether the shared ones were away the last time; told once.
    alone: AtomicBool,
}

/// A bucket and what its policy is called in answers.
struct Limit {
    name: &'static str,
    bucket: Bucket,
}

tokio::task_local! {
    /// What the limits of the request at hand say, for its answer.
    pub(crate) static READING: Mutex<Option<Reading>>;
}

/// What an answer says of limits.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    policies: String,
    limit: String,
}

impl Rates {
    pub(crate) fn new(settings: &RateSettings, shared: SharedRateLimits) -> Self {
        Self {
            settings: settings.clone(),
            shared,
            own: MemoryRateLimits::default(),
            alone: AtomicBool::new(false),
        }
    }

    /// Counts a request of somebody known.
    ///
    /// # Errors
    /// When it is one too many.
    pub(crate) async fn known(
        &self,
        policy: Policy,
        who: &Identity,
        address: Option<IpAddr>,
    ) -> Result<(), TooOften> {
        let settings = &self.settings;
        let (names, per_account, per_key) = match policy {
            Policy::Submit => (
                ["submit-account", "submit-key"],
                settings.submit_per_account,
                settings.submit_per_key,
            ),
            Policy::Read | Policy::Login => (
                ["read-account", "read-key"],
                settings.read_per_account,
                settings.read_per_key,
            ),
        };
        let mut limits = vec![limit(names[0], per_account, who.user.to_string())];
        if let Proof::Key(key) = who.proof {
            limits.push(limit(names[1], per_key, key.to_string()));
        }
        limits.extend(address.map(|address| self.of_address(address)));
        self.take(limits).await
    }

    /// Counts a request of somebody unknown, who may be trying passwords or tokens.
    ///
    /// # Errors
    /// When it is one too many.
    pub(crate) async fn unknown(&self, policy: Policy, address: Option<IpAddr>) -> Result<(), TooOften> {
        let Some(address) = address else { return Ok(()) };
        let mut limits = vec![self.of_address(address)];
        if policy == Policy::Login {
            let name = network(address);
            limits.push(limit("login-address", self.settings.login_per_address, name));
        }
        self.take(limits).await
    }

    /// Counts a password or code that is tried for an account, or for a name that no account has: both alike, so that
    /// nobody learns which it is.
    ///
    /// # Errors
    /// When it is one too many.
    pub(crate) async fn attempt(&self, user: Option<UserId>, name: &str) -> Result<(), TooOften> {
        let whose = user.map_or_else(|| hashed(name), |user| user.to_string());
        self.take(vec![limit(
            "login-account",
            self.settings.login_per_account,
            whose,
        )])
        .await
    }

    /// Counts a message that is asked for to an address, and by an account if one is known. Whether any account has the
    /// address makes no difference.
    ///
    /// # Errors
    /// When it is one too many.
    pub(crate) async fn message(&self, user: Option<UserId>, address: &str) -> Result<(), TooOften> {
        let per_minute = self.settings.mail_per_account;
        let mut limits = vec![limit("mail-address", per_minute, hashed(address))];
        limits.extend(user.map(|user| limit("mail-account", per_minute, user.to_string())));
        self.take(limits).await
    }

    fn of_address(&self, address: IpAddr) -> Option<Limit> {
        limit("address", self.settings.requests_per_address, network(address))
    }

    async fn take(&self, limits: Vec<Option<Limit>>) -> Result<(), TooOften> {
        let limits: Vec<Limit> = limits.into_iter().flatten().collect();
        if limits.is_empty() {
            return Ok(());
        }
        let buckets: Vec<Bucket> = limits.iter().map(|limit| limit.bucket.clone()).collect();
        let taken = match self.shared.take(&buckets).await {
            Ok(taken) => {
                if self.alone.swap(false, Ordering::Relaxed) {
                    tracing::info!("rate limits are counted together with the other replicas again");
                }
                taken
            }
            Err(error) => {
                if !self.alone.swap(true, Ordering::Relaxed) {
                    let why = telemetry::chain(&error);
                    tracing::warn!("rate limits are counted by this replica alone for now: {why}");
                }
                self.own.take(&buckets).await.expect("memory is never away")
            }
        };
        note(&limits, taken);
        if taken.allowed {
            return Ok(());
        }
        let Limit { name, bucket } = &limits[taken.tightest];
        Err(TooOften {
            name,
            per_minute: bucket.capacity,
            wait_seconds: whole_seconds(taken.retry_after).max(1),
        })
    }
}

/// A request that was one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the limit {name} allows {per_minute} requests a minute; try again in {wait_seconds} s")]
pub struct TooOften {
    name: &'static str,
    per_minute: u32,
    wait_seconds: u64,
}

impl From<TooOften> for Problem {
    fn from(refused: TooOften) -> Self {
        Self::new(Code::RateLimited)
            .detail(refused)
            .retry_after(refused.wait_seconds)
    }
}

/// What a request may do next, for its answer. Of several counts the newest one is told.
fn note(limits: &[Limit], taken: Taken) {
    let policies: Vec<String> = limits
        .iter()
        .map(|Limit { name, bucket }| {
            format!("\"{name}\";q={};w={}", bucket.capacity, bucket.window.as_secs())
        })
        .collect();
    let name = limits[taken.tightest].name;
    let full = whole_seconds(taken.full_after);
    let reading = Reading {
        policies: policies.join(", "),
        limit: format!("\"{name}\";r={};t={full}", taken.remaining),
    };
    let _ = READING.try_with(|noted| *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading));
}

impl Reading {
    /// Writes it into the headers of an answer (draft-ietf-httpapi-ratelimit-headers).
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        for (name, value) in [(POLICY, &self.policies), (LIMIT, &self.limit)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }
}

fn limit(name: &'static str, per_minute: u32, whose: String) -> Option<Limit> {
    let bucket = Bucket {
        key: format!("{name}:{whose}"),
        capacity: per_minute,
        window: WINDOW,
    };
    (per_minute > 0).then_some(Limit { name, bucket })
}

/// What people type is not kept in buckets.
fn hashed(name: &str) -> String {
    hex::encode(&Sha256::digest(name.trim().to_lowercase())[..16])
}

/// Who has one address of IPv6 has the 2^64 of its network too.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use queue::QueueError;

    use super::*;

    fn rates(settings: RateSettings) -> Rates {
        Rates::new(&settings, Arc::new(MemoryRateLimits::default()))
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_has_so_many_attempts_a_minute_from_wherever_they_come() {
        let rates = rates(RateSettings::default());
        let (ada, eve) = (UserId::new(), UserId::new());
        for _ in 0..10 {
            assert!(rates.attempt(Some(ada), "ada").await.is_ok());
            assert!(rates.attempt(None, "nobody").await.is_ok());
        }
        assert!(rates.attempt(Some(ada), "another name of hers").await.is_err());
        assert!(rates.attempt(None, "NOBODY").await.is_err());
        assert!(rates.attempt(Some(eve), "eve").await.is_ok());
        tokio::time::advance(Duration::from_secs(6)).await;
        assert!(rates.attempt(Some(ada), "ada").await.is_ok());
        assert!(rates.attempt(Some(ada), "ada").await.is_err());
    }

    #[tokio::test]
    async fn neighbours_in_a_network_of_ipv6_share_their_limit() {
        let rates = rates(RateSettings {
            login_per_address: 1,
            ..RateSettings::default()
        });
        let allowed = async |address: &str| {
            let address = address.parse().expect("an address");
            rates.unknown(Policy::Login, Some(address)).await.is_ok()
        };
        assert!(allowed("2001:db8:1:2::1").await);
        assert!(!allowed("2001:db8:1:2:ffff::9").await);
        assert!(allowed("2001:db8:1:3::1").await);
        assert!(allowed("192.0.2.1").await);
        assert!(!allowed("::ffff:192.0.2.1").await);
        assert!(allowed("192.0.2.2").await);
    }

    #[tokio::test]
    async fn zero_means_no_limit() {
        let rates = rates(RateSettings::unlimited());
        for _ in 0..10_000 {
            assert!(rates.attempt(None, "ada").await.is_ok());
        }
    }

    #[tokio::test]
    async fn a_replica_that_is_alone_still_counts() {
        struct Away;
        #[async_trait]
        impl RateLimits for Away {
            async fn take(&self, _: &[Bucket]) -> Result<Taken, QueueError> {
                Err(QueueError::Away)
            }
        }
        let rates = Rates::new(&RateSettings::default(), Arc::new(Away));
        for _ in 0..10 {
            assert!(rates.attempt(None, "ada").await.is_ok());
        }
        let refused = rates.attempt(None, "ada").await.expect_err("it is one too many");
        assert_eq!((refused.name, refused.wait_seconds), ("login-account", 6));
        let Problem::Answer(status, _, retry_after, _) = refused.into();
        assert_eq!((status.as_u16(), retry_after), (429, Some(6)));
    }
}
