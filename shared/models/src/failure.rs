//! Why a model said nothing that can be used. None of it quotes what was sent or received: both may hold a document.

use std::time::Duration;

/// Why a model said nothing that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It was asked too often.
    #[error("the model was asked too often (429)")]
    RateLimited {
        /// How long it wants to be left alone, if it says so.
        retry_after: Option<Duration>,
    },
    /// It is in trouble.
    #[error("the model is in trouble ({status})")]
    Unavailable {
        /// The HTTP status: 500 to 599.
        status: u16,
    },
    /// It does not accept what it is asked, or by whom: key, name or address are wrong.
    #[error("the model refuses the request ({status}); look at model.api_key, model.name and model.base_url")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// No connection came about, or it broke.
    #[error("the model cannot be reached")]
    Unreachable,
    /// It did not answer in time.
    #[error("the model did not answer in time")]
    TimedOut,
    /// It said something else than it was asked for.
    #[error("the answer of the model has not the form that it was asked for")]
    Garbage,
    /// Its answer ends in the middle.
    #[error("the answer of the model ends in the middle")]
    Truncated,
    /// It failed several times in a row and is left alone for a while.
    #[error("the model failed several times in a row and is left alone for a while")]
    LeftAlone,
    /// The account or the job has no money left for it.
    #[error("the budget for models is used up")]
    BudgetExceeded,
    /// Nobody could look whether there is money left, so nothing is spent.
    #[error("the budget for models could not be looked at")]
    BudgetUnknown,
}

impl Failure {
    /// The word that results tell, which never changes its meaning.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited { .. } => "model_rate_limited",
            Self::Unavailable { .. } => "model_unavailable",
            Self::Refused { .. } => "model_refused",
            Self::Unreachable => "model_unreachable",
            Self::TimedOut => "model_timed_out",
            Self::Garbage => "model_answer_unusable",
            Self::Truncated => "model_answer_truncated",
            Self::LeftAlone => "model_left_alone",
            Self::BudgetExceeded => "budget_exceeded",
            Self::BudgetUnknown => "budget_unknown",
        }
    }

    /// How long to wait before the same is asked again; `None` when that makes no sense, or would be paid twice.
    #[must_use]
    pub const fn ask_again_after(self) -> Option<Duration> {
        const USUALLY: Duration = Duration::from_secs(1);
        match self {
            Self::RateLimited {
                retry_after: Some(wait),
            } => Some(wait),
            Self::RateLimited { retry_after: None } | Self::Unavailable { .. } => Some(USUALLY),
            _ => None,
        }
    }

    /// Whether the model was not even asked, or refused before it worked, so that nothing was paid.
    #[must_use]
    pub const fn is_free(self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. }
                | Self::Unavailable { .. }
                | Self::Refused { .. }
                | Self::LeftAlone
                | Self::BudgetExceeded
                | Self::BudgetUnknown
        )
    }
}
