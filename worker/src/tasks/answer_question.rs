//! Answers one question and stores the answer in its conversation.
//!
//! Nothing is visible before the end, which is one transaction: message, task and job. A worker that dies before it leaves a
//! task that is taken back, and the question is answered anew; but what a model has answered is kept with the task before anything
//! else is done with it, so that nobody asks and pays twice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use answering::{Bill, Ending, Gathered, Inquiry, Line};
use database::conversations::NewAnswer;
use database::tasks::{self, Answered, Closed, QuestionClaim};
use domain::ReasonCode;
use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::outcome::{Ended, Failure};

/// The database may be away for a while when an answer is ready.
const CLOSE_PATIENCE: Duration = Duration::from_secs(120);
/// The wait before a close is tried again.
const CLOSE_AGAIN: Duration = Duration::from_millis(500);

/// Runs one attempt until it ends or becomes `unwanted`.
pub(crate) async fn run(
    context: &Arc<Context>,
    claim: &QuestionClaim,
    unwanted: &CancellationToken,
) -> Result<Ended, Failure> {
    // Dropping it hangs up on the model.
    let answer = tokio::select! {
        answer = gather(context, claim) => answer?,
        () = unwanted.cancelled() => return Ok(Ended::Stopped),
    };
    close(context, claim, answer).await
}

/// The answer: that of an earlier attempt whose end was not stored, else a new one.
async fn gather(context: &Context, claim: &QuestionClaim) -> Result<NewAnswer, Failure> {
    if let Some(kept) = kept(claim) {
        return Ok(kept);
    }
    let inquiry = Inquiry {
        user: claim.user,
        job: Some(claim.job),
        text: claim.payload.question.clone(),
        documents: claim.payload.documents.clone(),
    };
    let mut lines = std::pin::pin!(context.answerer().lines(inquiry));
    let mut gathered = Gathered::default();
    while let Some(line) = lines.next().await {
        match line {
            Ok(Line::Claim(said)) => gathered.push(said),
            Ok(Line::End(Ending { made_by, bill })) => {
                let answer = gathered.into_answer(made_by);
                if let Some(bill) = bill {
                    keep(context, claim, &answer, bill).await;
                }
                return Ok(answer);
            }
            Err(error) => {
                tracing::warn!("could not look for an answer: {}", telemetry::chain(&error));
                return Err(of_database(&error));
            }
        }
    }
    // An answer ends with its end.
    Err(ReasonCode::Internal.into())
}

/// What a model answered in an earlier attempt. Another release may have kept it otherwise; then it is asked anew.
fn kept(claim: &QuestionClaim) -> Option<NewAnswer> {
    serde_json::from_value(claim.payload.findings.clone()?).ok()
}

/// Keeps what a model answered, and corrects what was counted for it.
async fn keep(context: &Context, claim: &QuestionClaim, answer: &NewAnswer, bill: Bill) {
    let Ok(value) = serde_json::to_value(answer) else {
        return bill.settle(&context.database).await;
    };
    match tasks::remember(&context.database, claim, value, bill.reserved, bill.took).await {
        Ok(Closed::Won) => {}
        // The end of this run will find out, too.
        Ok(Closed::Lost) => {
            tracing::info!("the task is somebody else's by now; what the model answered is not kept")
        }
        // This run has it all the same; too much stays counted.
        Err(error) => tracing::warn!(
            "could not keep what the model answered: {}",
            telemetry::chain(&error)
        ),
    }
}

/// Stores the answer. A database that is away for a moment does not waste the work that was done.
async fn close(context: &Context, claim: &QuestionClaim, answer: NewAnswer) -> Result<Ended, Failure> {
    let started = Instant::now();
    let mut unanswered = false;
    loop {
        let now = context.clock.now();
        match tasks::complete_question(&context.database, claim, answer.clone(), now).await {
            Ok(Answered::Won) => return Ok(Ended::Done),
            // It may be lost to the try that was not answered.
            Ok(Answered::Lost) if unanswered && is_complete(context, claim).await => return Ok(Ended::Done),
            Ok(Answered::Lost) => return Ok(Ended::Stale),
            Ok(Answered::NoConversation) => return Err(ReasonCode::ConversationDeleted.into()),
            Err(error) if error.is_transient() && started.elapsed() < CLOSE_PATIENCE => {
                unanswered = true;
                tracing::warn!("could not store the answer yet: {}", telemetry::chain(&error));
                tokio::time::sleep(CLOSE_AGAIN).await;
            }
            Err(error) => {
                tracing::error!("could not store the answer: {}", telemetry::chain(&error));
                return Err(of_database(&error));
            }
        }
    }
}

async fn is_complete(context: &Context, claim: &QuestionClaim) -> bool {
    tasks::is_complete(&context.database, claim)
        .await
        .unwrap_or(false)
}

/// What the database refuses today it refuses tomorrow.
fn of_database(error: &database::DatabaseError) -> Failure {
    if error.is_transient() {
        ReasonCode::DatabaseUnavailable.into()
    } else {
        ReasonCode::Internal.into()
    }
}
