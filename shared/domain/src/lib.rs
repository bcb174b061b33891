//! The words of docmill: ids, states and their transitions, document kinds, limits, units and the clock.
//!
//! Everything here is pure: no input, no output, no clock but the one handed in. Every other crate may
//! depend on this one; it depends on none of them.

mod agenda;
mod chat_line;
mod clock;
mod content;
mod document_kind;
mod document_parts;
mod ids;
pub mod limits;
mod mail;
mod quota;
mod reasons;
mod sample_secrets;
pub mod schedules;
mod sealed_password;
mod secrets;
mod states;
mod text_encoding;
pub mod units;
mod versions;

pub use agenda::{InvalidMoment, Moment, TodoPriority};
pub use chat_line::{ChatDate, ChatLine, ChatTime, DateOrder, Stamp};
pub use clock::{Clock, ManualClock, SharedClock, SystemClock};
pub use content::Content;
pub use document_kind::{DocumentKind, KindMismatch};
pub use document_parts::{DocumentPart, DocumentPartKind, PAGE_SEPARATOR};
pub use ids::{
    ApiKeyId, AuditId, ConversationId, DocumentId, EventId, InvalidId, JobId, MessageId, PassageId,
    RequestId, RunId, SavedSearchId, ScheduleId, SessionId, TaskId, TodoId, UserId, WorkerId,
};
pub use mail::{LinkPurpose, MailKind};
pub use quota::{Month, QUOTA_MAX, Quota, QuotaLimits};
pub use reasons::{ReasonClass, ReasonCode};
pub use sample_secrets::{is_loopback, is_sample_secret};
pub use sealed_password::SealedPassword;
pub use secrets::{
    ApiKeyText, BrowserCookie, InvalidSecret, MailToken, PrefixedSecret, RefreshToken, SecretKind,
};
pub use states::{
    AttemptEnd, DocumentStatus, JobKind, JobStatus, Priority, QueueName, Scope, TaskKind, TaskState,
    UnknownWord, UserRole, UserStatus, WaitingOn,
};
pub use text_encoding::{ByteOrder, utf_16_without_mark, utf_32_without_mark};
pub use units::ByteSize;
pub use versions::{VersionOf, VersionOrigin};

/// The release that this is. Results are marked with the release that made them: another one may read the same bytes
/// otherwise.
pub const RELEASE: &str = env!("CARGO_PKG_VERSION");
