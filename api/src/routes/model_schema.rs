//! What came from a model and what it took, as it looks from outside.

use database::MadeBy;
use database::jobs::QuestionOf;
use database::spending::Spent;
use poem_openapi::Object;

/// Who made a result.
#[derive(Debug, Clone, Object)]
#[oai(rename = "MadeBy", skip_serializing_if_is_none)]
pub(super) struct MadeByBody {
    /// `local` for rules, which need no model and no network; else the maker of the model.
    provider: String,
    /// The model, as its maker calls it.
    model: Option<String>,
    /// Why rules made it although a model was wanted: `budget_exceeded`, `model_rate_limited`, `model_unavailable`,
    /// `model_refused`, `model_unreachable`, `model_timed_out`, `model_answer_unusable`, `model_answer_truncated`,
    /// `model_left_alone` or `budget_unknown`. More words may come.
    fallback_reason: Option<String>,
}

impl From<MadeBy> for MadeByBody {
    fn from(made_by: MadeBy) -> Self {
        Self {
            provider: made_by.provider,
            model: made_by.model,
            fallback_reason: made_by.fallback_reason,
        }
    }
}

/// Where the answer to a question appears.
#[derive(Debug, Clone, Object)]
#[oai(rename = "JobQuestion")]
pub(super) struct QuestionOfBody {
    /// The conversation with the question.
    conversation_id: String,
    /// The message that the answer becomes; it is there when the job is completed.
    message_id: String,
}

impl From<QuestionOf> for QuestionOfBody {
    fn from(question: QuestionOf) -> Self {
        Self {
            conversation_id: question.conversation.to_string(),
            message_id: question.message.to_string(),
        }
    }
}

/// What models took. While a call is under way, and after one of which nobody knows whether it was paid, the cost is the most
/// that it may be.
#[derive(Debug, Clone, Object)]
#[oai(rename = "ModelUsage")]
pub(super) struct ModelUsageBody {
    calls: i64,
    input_tokens: i64,
    output_tokens: i64,
    /// In the smallest unit of the operator's currency, rounded up.
    cost: i64,
}

impl From<Spent> for ModelUsageBody {
    fn from(spent: Spent) -> Self {
        const MILLION: i64 = 1_000_000;
        Self {
            calls: spent.calls,
            input_tokens: spent.input_tokens,
            output_tokens: spent.output_tokens,
            cost: spent.cost / MILLION + i64::from(spent.cost % MILLION > 0),
        }
    }
}
