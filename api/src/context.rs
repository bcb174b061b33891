//! What every route has at hand.

use std::sync::Arc;

use answering::Answerer;
use database::{Database, Pulse};
use domain::SharedClock;
use mail::MailSettings;
use models::{Model, ModelSettings};
use queue::{SharedEvents, SharedHints, SharedRateLimits};
use sealing::Sealing;
use storage::Storage;
use tokio_util::sync::CancellationToken;

use crate::auth::access_tokens::Tokens;
use crate::auth::browser::CsrfKeys;
use crate::auth::passwords::Passwords;
use crate::auth::refresh_tokens::Successors;
use crate::auth::standing::{BcryptInUse, BrowserStandings, KeyStandings, Standings};
use crate::auth::totp::SecretBox;
use crate::http::admission::Admission;
use crate::http::client_address::TrustedProxies;
use crate::http::cursor::CursorKey;
use crate::http::rates::Rates;
use crate::operations::handover::Handover;
use crate::quota_settings::QuotaSettings;
use crate::settings::HttpSettings;

/// The parts that the API is put together from; cheap to clone.
#[derive(Clone)]
pub struct Api {
    pub(crate) database: Database,
    pub(crate) storage: Storage,
    pub(crate) events: SharedEvents,
    pub(crate) clock: SharedClock,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) passwords: Arc<Passwords>,
    pub(crate) bcrypt_in_use: Arc<BcryptInUse>,
    pub(crate) secrets: Arc<SecretBox>,
    pub(crate) successors: Arc<Successors>,
    pub(crate) standings: Arc<Standings>,
    pub(crate) key_standings: Arc<KeyStandings>,
    pub(crate) browser_standings: Arc<BrowserStandings>,
    pub(crate) csrf: Arc<CsrfKeys>,
    pub(crate) handover: Arc<Handover>,
    pub(crate) rates: Arc<Rates>,
    pub(crate) proxies: Arc<TrustedProxies>,
    pub(crate) cursors: CursorKey,
    /// What closes the passwords of documents.
    pub(crate) sealing: Arc<Sealing>,
    /// Whether messages are sent, and whether addresses have to be proven.
    pub(crate) mail: MailSettings,
    /// The model that answers questions, if one is chosen.
    pub(crate) model: Option<Arc<Model>>,
    pub(crate) http: HttpSettings,
    /// Limits of accounts that have none of their own.
    pub(crate) quotas: QuotaSettings,
    /// Who is served, and how many.
    pub(crate) admission: Arc<Admission>,
    /// Whether the database answers.
    pub(crate) pulse: Pulse,
    /// Set when the process stops: waiting requests answer at once.
    pub(crate) stopping: CancellationToken,
}

/// What an [`Api`] is made of.
pub struct Parts {
    /// The truth.
    pub database: Database,
    /// The bytes.
    pub storage: Storage,
    /// Where hints go.
    pub hints: SharedHints,
    /// Where changes of jobs are heard of.
    pub events: SharedEvents,
    /// How often somebody may do something.
    pub rate_limits: SharedRateLimits,
    /// The time.
    pub clock: SharedClock,
    /// What closes the passwords of documents.
    pub sealing: Sealing,
    /// The section `mail`. Messages are sent by workers; here only their wish is written down.
    pub mail: MailSettings,
    /// The section `model`.
    pub model: ModelSettings,
    /// The section `auth`.
    pub auth: crate::AuthSettings,
    /// The section `http`.
    pub http: HttpSettings,
    /// The section `quotas`.
    pub quotas: QuotaSettings,
    /// Set when the process stops.
    pub stopping: CancellationToken,
}

impl Api {
    /// Puts the API together, inside the runtime that it will run in.
    ///
    /// # Errors
    /// When the keys or the password parameters cannot be used.
    pub fn new(parts: Parts) -> Result<Self, UnusableAuth> {
        Ok(Self {
            tokens: Arc::new(Tokens::new(&parts.auth, parts.clock.clone())?),
            passwords: Arc::new(Passwords::new(&parts.auth.password)?),
            bcrypt_in_use: Arc::new(BcryptInUse::default()),
            secrets: Arc::new(SecretBox::new(&parts.auth)),
            successors: Arc::new(Successors::derive(&parts.auth)),
            standings: Arc::new(Standings::default()),
            key_standings: Arc::new(KeyStandings::default()),
            browser_standings: Arc::new(BrowserStandings::default()),
            csrf: Arc::new(CsrfKeys::derive(&parts.auth)),
            handover: Arc::new(Handover::new(parts.hints)),
            rates: Arc::new(Rates::new(&parts.http.rate, parts.rate_limits)),
            proxies: Arc::new(TrustedProxies::of(&parts.http)),
            cursors: CursorKey::derive(&parts.auth),
            sealing: Arc::new(parts.sealing),
            model: models::open(&parts.model, Arc::clone(&parts.clock)),
            admission: Arc::new(Admission::new(&parts.http)),
            pulse: parts.database.pulse(),
            database: parts.database,
            storage: parts.storage,
            events: parts.events,
            clock: parts.clock,
            mail: parts.mail,
            http: parts.http,
            quotas: parts.quotas,
            stopping: parts.stopping,
        })
    }
}

impl Api {
    /// What questions are answered with.
    pub(crate) fn answerer(&self) -> Answerer {
        Answerer {
            database: self.database.clone(),
            clock: Arc::clone(&self.clock),
            model: self.model.clone(),
        }
    }

    /// Has this replica ask anew who may do what. Others do so within a few seconds by themselves.
    pub(crate) fn forget_standings(&self) {
        self.forget_sessions();
        self.key_standings.forget_all();
    }

    /// As [`Api::forget_standings`], for sessions only.
    pub(crate) fn forget_sessions(&self) {
        self.standings.forget_all();
        self.browser_standings.forget_all();
    }

    /// What comes of work that needs the database, unless the database is away: a statement that nobody answers would
    /// wait for as long as the kernel hopes.
    ///
    /// # Errors
    /// As soon as the database is away. The work is dropped then.
    pub(crate) async fn unless_away<T>(&self, work: impl Future<Output = T>) -> Result<T, DatabaseAway> {
        tokio::select! {
            biased;
            outcome = work => Ok(outcome),
            () = self.pulse.gone() => Err(DatabaseAway),
        }
    }
}

/// The database does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the database does not answer")]
pub struct DatabaseAway;

/// The section `auth` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnusableAuth {
    /// Its keys.
    #[error(transparent)]
    Keys(#[from] crate::auth::keys::InvalidKeys),
    /// Its password parameters.
    #[error(transparent)]
    Passwords(#[from] crate::auth::passwords::PasswordError),
}
