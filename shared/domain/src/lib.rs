//! The words of docmill: ids, states and their transitions, document kinds, limits, units and the clock.
//!
//! Everything here is pure: no input, no output, no clock but the one handed in. Every other crate may
//! depend on this one; it depends on none of them.

mod chat_line;
mod clock;
mod content;
mod document_kind;
mod ids;
pub mod limits;
mod reasons;
mod states;
mod text_encoding;
pub mod units;
mod versions;

pub use chat_line::{ChatDate, ChatLine, ChatTime, DateOrder, Stamp};
pub use clock::{Clock, ManualClock, SharedClock, SystemClock};
pub use content::Content;
pub use document_kind::{DocumentKind, KindMismatch};
pub use ids::{
    AuditId, ConversationId, DocumentId, InvalidId, JobId, MessageId, PassageId, RequestId, SavedSearchId,
    SessionId, TaskId, UserId, WorkerId,
};
pub use reasons::{ReasonClass, ReasonCode};
pub use states::{
    AttemptEnd, DocumentStatus, JobKind, JobStatus, QueueName, TaskKind, TaskState, UnknownWord, UserRole,
    UserStatus,
};
pub use text_encoding::{ByteOrder, utf_16_without_mark};
pub use units::ByteSize;
pub use versions::{VersionOf, VersionOrigin};

/// The release that this is. Results are marked with the release that made them: another one may read the same bytes
/// otherwise.
pub const RELEASE: &str = env!("CARGO_PKG_VERSION");
