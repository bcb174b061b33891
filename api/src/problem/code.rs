//! Every kind of problem, and the one place where statuses are chosen.

use poem::http::StatusCode;

/// Where the kinds of problems are explained; a kind's code is appended.
const TYPES: &str = "/problems#";
/// The kind that the draft on RateLimit fields registers for quotas.
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $status:ident $word:literal $title:literal;)+) => {
        /// Every kind of problem.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])* $code),+ }

        impl Code {
            /// Every kind, for the page that explains them.
            pub const ALL: &'static [Self] = &[$(Self::$code),+];

            /// Status, stable word and title.
            #[must_use]
            pub const fn meaning(&self) -> (StatusCode, &'static str, &'static str) {
                match self { $(Self::$code => (StatusCode::$status, $word, $title)),+ }
            }
        }
    };
}

codes! {
    /// A part of the request cannot be understood.
    InvalidRequest = BAD_REQUEST "invalid_request" "The request is not valid";
    /// Nobody is logged in, or the token is not good any more.
    Unauthenticated = UNAUTHORIZED "unauthenticated" "A valid access token is needed";
    /// The login's name or password is wrong.
    InvalidCredentials = UNAUTHORIZED "invalid_credentials" "The name or the password is wrong";
    /// The account may not be used.
    AccountDisabled = FORBIDDEN "account_disabled" "The account may not be used";
    /// Making accounts is switched off.
    RegistrationClosed = FORBIDDEN "registration_closed" "Accounts are made by the operator";
    /// The address or name is taken.
    AccountExists = CONFLICT "account_exists" "The address or the name is taken";
    /// Somebody who is logged in gave another password than theirs.
    WrongPassword = FORBIDDEN "wrong_password" "The password is wrong";
    /// The account may not do this.
    Forbidden = FORBIDDEN "forbidden" "The account may not do this";
    /// The API key may not do this.
    InsufficientScope = FORBIDDEN "insufficient_scope" "The API key may not do this";
    /// A login needs a good code beside the password.
    SecondFactorRequired = UNAUTHORIZED "second_factor_required" "A code of the second factor is needed";
    /// The code of a second factor is wrong.
    WrongCode = FORBIDDEN "wrong_code" "The code is wrong";
    /// A browser asked with its cookie, and not from a page of docmill's own.
    CrossSite = FORBIDDEN "cross_site" "The request did not come from a page of docmill";
    /// The account has yet to prove its address.
    EmailUnverified = FORBIDDEN "email_unverified" "The address of the account has to be confirmed first";
    /// The link of a message was used, is too old, or never was.
    LinkNotGood = FORBIDDEN "link_not_good" "The link is not good any more";
    /// No messages are sent here.
    MailOff = CONFLICT "mail_off" "No messages are sent here";
    /// The account has a second factor already, or has none.
    SecondFactorState = CONFLICT "second_factor_state" "The second factor is not in the state for this";
    /// Administrators may not do this to themselves.
    OwnAccount = CONFLICT "own_account" "Administrators cannot do this to themselves";
    /// The account has as many API keys as it may have.
    TooManyKeys = CONFLICT "too_many_keys" "The account has as many API keys as it may have";
    /// No such thing, or not yours.
    NotFound = NOT_FOUND "not_found" "There is no such thing";
    /// No such method here.
    MethodNotAllowed = METHOD_NOT_ALLOWED "method_not_allowed" "The method is not allowed here";
    /// The document or job has not ended.
    NotReady = CONFLICT "not_ready" "The document is still being processed";
    /// The document has failed and has no text.
    DocumentFailed = CONFLICT "document_failed" "The document could not be processed";
    /// The document was cancelled; its content is gone.
    Gone = GONE "gone" "The content is gone";
    /// The job has ended otherwise and cannot be cancelled.
    JobEnded = CONFLICT "job_ended" "The job has ended already";
    /// The task has not been given up, or may not be put back in line.
    NotGivenUp = CONFLICT "not_given_up" "The task cannot be put back in line";
    /// Not as many things match as the caller expects.
    CountDiffers = CONFLICT "count_differs" "Another number of things matches than expected";
    /// Something else has this name.
    NameTaken = CONFLICT "name_taken" "The name is taken";
    /// There are as many searches as one may keep.
    TooManySearches = CONFLICT "too_many_searches" "There are as many searches as one may keep";
    /// The name of the schedule is taken.
    ScheduleExists = CONFLICT "schedule_exists" "The name of the schedule is taken";
    /// The schedule came with docmill and cannot be removed.
    BuiltIn = CONFLICT "built_in" "What comes with docmill cannot be removed";
    /// A run of the schedule is under way.
    RunUnderWay = CONFLICT "run_under_way" "A run of the schedule has not ended";
    /// A change must say which version it is meant for.
    PreconditionRequired = PRECONDITION_REQUIRED "precondition_required"
        "The change must say which version it is meant for";
    /// Somebody else has changed it meanwhile.
    PreconditionFailed = PRECONDITION_FAILED "precondition_failed" "It has been changed meanwhile";
    /// The Idempotency-Key was used for another request.
    IdempotencyKeyReused = UNPROCESSABLE_ENTITY "idempotency_key_reused"
        "The Idempotency-Key was used for another request";
    /// The address and the headers are larger than allowed.
    HeadTooLarge = REQUEST_HEADER_FIELDS_TOO_LARGE "head_too_large"
        "The address and the headers are too large";
    /// The body is larger than allowed.
    TooLarge = PAYLOAD_TOO_LARGE "too_large" "The body is too large";
    /// The content is not a kind that can be read.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE "unsupported_media_type"
        "This kind of content cannot be read";
    /// The document does not exist in any form that the client accepts.
    NotAcceptable = NOT_ACCEPTABLE "not_acceptable" "The document has no such form";
    /// The range lies outside the document.
    RangeNotSatisfiable = RANGE_NOT_SATISFIABLE "range_not_satisfiable" "The range lies outside the document";
    /// The body did not come in time.
    RequestTimeout = REQUEST_TIMEOUT "request_timeout" "The request did not come in time";
    /// The account has not so much left in this month.
    QuotaExceeded = TOO_MANY_REQUESTS "quota_exceeded" "The quota of this month is used up";
    /// The account has no room for so much.
    StorageQuota = INSUFFICIENT_STORAGE "storage_quota" "The storage of the account is full";
    /// Too many documents of the account wait already.
    QueueFull = TOO_MANY_REQUESTS "queue_full" "Too many documents are waiting already";
    /// More requests than the account, the key or the address may make.
    RateLimited = TOO_MANY_REQUESTS "rate_limited" "Too many requests in too short a time";
    /// Too many requests wait for jobs already.
    TooManyWaits = TOO_MANY_REQUESTS "too_many_waits" "Too many requests are waiting already";
    /// There is more to do than can be done soon.
    Overloaded = SERVICE_UNAVAILABLE "overloaded" "There is too much to do at the moment";
    /// A part that docmill needs is away.
    Unavailable = SERVICE_UNAVAILABLE "unavailable" "A part of docmill is away";
    /// A fault of docmill's own.
    Internal = INTERNAL_SERVER_ERROR "internal" "A fault of docmill's own";
}

impl Code {
    /// Whether the same request may succeed later.
    pub(super) const fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::RequestTimeout
                | Self::QueueFull
                | Self::RateLimited
                | Self::TooManyWaits
                | Self::Overloaded
                | Self::Unavailable
        )
    }

    /// What a problem of this kind has as its `type`.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::QuotaExceeded => QUOTA_EXCEEDED.to_owned(),
            other => format!("{TYPES}{}", other.meaning().1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_word() {
        let words: std::collections::BTreeSet<_> = Code::ALL.iter().map(|code| code.meaning().1).collect();
        assert_eq!(words.len(), Code::ALL.len());
    }
}
