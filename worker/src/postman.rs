//! From the claim of a message to its end: to whom, with which link, and what becomes of a failure.
//!
//! The link's secret is made here and stands in the message only; the database gets its hash before the message leaves. A worker
//! that dies on any line leaves a message that is taken back and sent again, with another link beside the first one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use database::mail_links::{self, Link};
use database::mails::{self, MailClaim};
use database::tasks::{Closed, Reason, Retried};
use database::users::{self, User};
use database::{Database, DatabaseError};
use domain::{
    LinkPurpose, MailKind, MailToken, ReasonCode, SharedClock, TaskId, TaskKind, UserStatus, WorkerId,
};
use mail::{Letter, Post, SendError};
use telemetry::metrics::{self, TaskOutcome};
use tracing::Instrument;

/// Messages that one worker sends at once.
pub(crate) const SLOTS: usize = 4;
/// Longer than a patient conversation with a mail server.
const ATTEMPT_MAX: Duration = Duration::from_secs(2 * 60);
/// The wait before the second attempt, at most; it doubles with each.
const BACKOFF_FIRST: Duration = Duration::from_secs(4);
/// The longest wait.
const BACKOFF_MAX: Duration = Duration::from_secs(60 * 60);
/// A database that just failed is left alone for a moment.
const AGAIN: Duration = Duration::from_millis(500);
/// How often the end of an attempt is written down again when the database is away. After that the message is taken back.
const CLOSE_TRIES: u32 = 120;

/// Who sends messages.
pub(crate) struct Postman {
    pub(crate) database: Database,
    pub(crate) clock: SharedClock,
    pub(crate) post: Post,
    pub(crate) worker: WorkerId,
}

#[async_trait]
impl queue::Claim for Postman {
    type Claimed = MailClaim;

    async fn claim(&self, ids: Vec<TaskId>) -> Vec<MailClaim> {
        let now = self.clock.now();
        match mails::claim(&self.database, self.worker, &ids, now).await {
            Ok(claims) => {
                for _ in claims.len()..ids.len() {
                    metrics::claim_lost(TaskKind::SendMail);
                }
                for claim in &claims {
                    let waited = (now - claim.due_at).to_std().unwrap_or_default();
                    metrics::task_claimed(TaskKind::SendMail, waited);
                }
                claims
            }
            Err(error) => {
                tracing::warn!(
                    "could not claim {} messages: {}",
                    ids.len(),
                    telemetry::chain(&error)
                );
                tokio::time::sleep(AGAIN).await;
                Vec::new()
            }
        }
    }
}

/// How an attempt ended that did not fail.
enum Delivered {
    /// The message is away.
    Sent,
    /// There is nobody to send it to.
    Nobody,
    /// The message was taken back meanwhile.
    Stale,
}

/// Runs one attempt and writes down how it ended.
pub(crate) async fn attempt(postman: Arc<Postman>, claim: MailClaim) {
    let span = tracing::info_span!(
        "task",
        task.id = %claim.id,
        task.kind = %TaskKind::SendMail,
        task.attempt = claim.attempt,
    );
    let started = std::time::Instant::now();
    async {
        // A task of its own: a panic in it is an outcome.
        let mut run = tokio::spawn({
            let (postman, claim) = (Arc::clone(&postman), claim.clone());
            async move { postman.deliver(&claim).await }.in_current_span()
        });
        let ended = match tokio::time::timeout(ATTEMPT_MAX, &mut run).await {
            Ok(Ok(ended)) => ended,
            Ok(Err(error)) => {
                tracing::error!("the attempt panicked: {error}");
                Err(Reason::of(ReasonCode::Internal))
            }
            Err(_) => {
                run.abort();
                Err(Reason::of(ReasonCode::AttemptTimeout))
            }
        };
        let outcome = postman.close(&claim, ended).await;
        metrics::task_finished(TaskKind::SendMail, outcome, started.elapsed());
        let duration_ms = started.elapsed().as_secs_f64() * 1e3;
        let (attempt, kind) = (claim.attempt, claim.kind);
        tracing::info!(
            duration_ms,
            "attempt {attempt} at a message ({kind}) ended: {outcome:?}"
        );
    }
    .instrument(span)
    .await;
}

impl Postman {
    async fn deliver(&self, claim: &MailClaim) -> Result<Delivered, Reason> {
        let since = self.clock.now() - mails::ASKED_WITHIN;
        if claim.kind.is_asked_for()
            && mails::asked_since(&self.database, claim, since)
                .await
                .map_err(away)?
                > mails::ASKED_MAX
        {
            return Err(Reason {
                code: ReasonCode::MailRefused,
                detail: "so many messages were asked for to this address that it gets no more for now"
                    .to_owned(),
            });
        }
        let Some(letter) = self.write(claim).await? else {
            return Ok(Delivered::Nobody);
        };
        let letter = match letter {
            Written::Ready(letter) => letter,
            Written::Stale => return Ok(Delivered::Stale),
        };
        match self.post.send(claim.id, &letter, self.clock.now()).await {
            Ok(()) => Ok(Delivered::Sent),
            Err(error) => Err(reason(&error)),
        }
    }

    /// The message; `None` when it concerns nobody.
    async fn write(&self, claim: &MailClaim) -> Result<Option<Written>, Reason> {
        let (to, url) = (claim.address.as_str(), self.post.public_url());
        let owner = users::find_by_email(&self.database, to).await.map_err(away)?;
        let owner = owner.filter(|owner| owner.status == UserStatus::Active);
        let ready = |letter| Ok(Some(Written::Ready(letter)));
        match (claim.kind, owner) {
            (MailKind::Register | MailKind::Verify, Some(owner)) if owner.unverified => {
                let link = link_of(LinkPurpose::Verify, &owner, to);
                self.with_link(claim, link, Letter::verify).await
            }
            (MailKind::Register, Some(_)) => ready(Letter::already_registered(to, url)),
            (MailKind::ResetPassword, Some(owner)) => {
                let link = link_of(LinkPurpose::ResetPassword, &owner, to);
                self.with_link(claim, link, Letter::reset_password).await
            }
            (MailKind::ChangeAddress, None) => {
                let Some(user) = claim.user else { return Ok(None) };
                let found = users::find(&self.database, user).await.map_err(away)?;
                match found.filter(|user| user.status == UserStatus::Active) {
                    Some(user) => {
                        let link = link_of(LinkPurpose::ChangeAddress, &user, to);
                        self.with_link(claim, link, Letter::change_address).await
                    }
                    None => Ok(None),
                }
            }
            (MailKind::PasswordChanged, Some(_)) => ready(Letter::password_changed(to, url)),
            (MailKind::AddressChanged, _) => ready(Letter::address_changed(to, url)),
            _ => Ok(None),
        }
    }

    async fn with_link(
        &self,
        claim: &MailClaim,
        link: Link,
        letter: fn(&str, &str, &MailToken) -> Letter,
    ) -> Result<Option<Written>, Reason> {
        let token = MailToken::draw(getrandom::fill);
        let now = self.clock.now();
        let stored = mail_links::add(&self.database, claim, &token.hash(), &link, now).await;
        Ok(Some(match stored.map_err(away)? {
            Closed::Won => Written::Ready(letter(&claim.address, self.post.public_url(), &token)),
            Closed::Lost => Written::Stale,
        }))
    }

    async fn close(&self, claim: &MailClaim, ended: Result<Delivered, Reason>) -> TaskOutcome {
        let (db, clock) = (&self.database, &self.clock);
        for _ in 0..CLOSE_TRIES {
            let now = clock.now();
            let written = match &ended {
                Ok(Delivered::Stale) => Ok(TaskOutcome::Lost),
                Ok(Delivered::Sent | Delivered::Nobody) => mails::complete(db, claim, now)
                    .await
                    .map(|closed| outcome(closed, TaskOutcome::Done)),
                Err(reason) if reason.code.is_transient() => {
                    let run_at = now + backoff(claim.attempt, getrandom::u32().unwrap_or(u32::MAX));
                    mails::retry(db, claim, run_at, reason, now)
                        .await
                        .map(|retried| match retried {
                            Retried::Queued => TaskOutcome::Retried,
                            Retried::Dead => TaskOutcome::Dead,
                            Retried::Lost => outcome(Closed::Lost, TaskOutcome::Lost),
                        })
                }
                Err(reason) => mails::reject(db, claim, reason, now)
                    .await
                    .map(|closed| outcome(closed, TaskOutcome::Failed)),
            };
            match written {
                Ok(written) => {
                    if let Err(reason) = &ended {
                        let Reason { code, detail } = reason;
                        tracing::warn!(error.code = %code, "a message was not sent: {detail}");
                    }
                    return written;
                }
                Err(error) => tracing::warn!(
                    "could not write down how the attempt ended: {}",
                    telemetry::chain(&error)
                ),
            }
            tokio::time::sleep(AGAIN).await;
        }
        TaskOutcome::Lost
    }
}

enum Written {
    Ready(Letter),
    Stale,
}

fn link_of(purpose: LinkPurpose, user: &User, address: &str) -> Link {
    Link {
        purpose,
        user: user.id,
        address: address.to_owned(),
    }
}

fn outcome(closed: Closed, won: TaskOutcome) -> TaskOutcome {
    match closed {
        Closed::Won => won,
        Closed::Lost => {
            metrics::stale_result(TaskKind::SendMail);
            TaskOutcome::Lost
        }
    }
}

fn away(error: DatabaseError) -> Reason {
    tracing::warn!("the database failed: {}", telemetry::chain(&error));
    Reason::of(ReasonCode::DatabaseUnavailable)
}

fn reason(error: &SendError) -> Reason {
    let code = match error {
        SendError::Refused(_) => ReasonCode::MailRefused,
        SendError::Unavailable(_) => ReasonCode::MailUnavailable,
    };
    Reason {
        code,
        detail: error.to_string(),
    }
}

/// Between half of it and all of it, so that messages do not come back to a mail server all at once.
fn backoff(attempt: i16, chance: u32) -> Duration {
    let doublings = u32::from(attempt.unsigned_abs().saturating_sub(1)).min(16);
    let ceiling = BACKOFF_FIRST.saturating_mul(1 << doublings).min(BACKOFF_MAX);
    ceiling.mul_f64(0.5 + 0.5 * f64::from(chance) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour() {
        assert_eq!(backoff(1, 0), Duration::from_secs(2));
        assert_eq!(backoff(1, u32::MAX), Duration::from_secs(4));
        assert_eq!(backoff(3, u32::MAX), Duration::from_secs(16));
        assert_eq!(backoff(i16::MAX, u32::MAX), BACKOFF_MAX);
        let all: Duration = (1..mails::ATTEMPTS_MAX)
            .map(|attempt| backoff(attempt, u32::MAX))
            .sum();
        assert!(
            all > Duration::from_secs(5 * 60 * 60) && all < mails::GOOD_FOR,
            "{all:?}"
        );
    }
}
