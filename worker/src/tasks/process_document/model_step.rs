//! Asks the model about a text, once. What it said is kept with the task before anything else is done with it, so that the next
//! attempt, after a crash or a failure further on, does not ask and pay again. Whatever goes wrong, there are the rules.

use std::sync::Arc;
use std::time::Duration;

use database::MadeBy;
use database::tasks::{self, Claim, Closed};
use models::{Failure, Findings, Local, Model, Provider, Subject, Usage};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::context::Context;

/// What was kept by an earlier attempt.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// SHA-256 of the text that it is about, for another release may read a document otherwise.
    text: String,
    findings: Findings,
    made_by: MadeBy,
}

/// What was found in a text, and by whom. `rules` is what there is without a model.
pub(super) async fn findings(
    context: &Arc<Context>,
    claim: &Claim,
    subject: &Subject,
    rules: Findings,
) -> (Findings, MadeBy) {
    let Some(model) = &context.model else {
        return (rules, answering::made_by(&Local, None));
    };
    // There is nothing to say about nothing.
    if !subject.text.contains(char::is_alphanumeric) {
        return (rules, answering::made_by(&Local, None));
    }
    if let Some(kept) = kept(claim, subject) {
        return (kept.findings.completed_by(rules, &subject.text), kept.made_by);
    }
    match ask(context, claim, model, subject).await {
        Ok((findings, made_by)) => (findings.completed_by(rules, &subject.text), made_by),
        Err(failure) => {
            tracing::info!("the rules do it: {failure}");
            (rules, answering::made_by(&Local, Some(failure)))
        }
    }
}

fn kept(claim: &Claim, subject: &Subject) -> Option<Kept> {
    let kept: Kept = serde_json::from_value(claim.payload.findings.clone()?).ok()?;
    (kept.text == digest(subject)).then_some(kept)
}

fn digest(subject: &Subject) -> String {
    hex::encode(Sha256::digest(subject.text.as_bytes()))
}

/// Counts the call, makes it, and keeps what came of it. No transaction is open meanwhile.
async fn ask(
    context: &Context,
    claim: &Claim,
    model: &Arc<Model>,
    subject: &Subject,
) -> Result<(Findings, MadeBy), Failure> {
    let now = context.clock.now();
    let most = model.analysis_costs(subject.text.len());
    let job = Some(claim.job);
    let reserved = answering::reserve(&context.database, model.settings(), claim.user, job, most, now).await;
    let reserved = reserved.map_err(|error| {
        // Without knowing what is left nothing is spent.
        tracing::warn!("could not look at the budget: {}", telemetry::chain(&error));
        Failure::BudgetUnknown
    })?;
    let reserved = reserved.ok_or(Failure::BudgetExceeded)?;
    // The rules have to be stored before the deadline, too.
    let left = (claim.deadline_at - now).to_std().unwrap_or(Duration::ZERO) / 2;
    let told = models::patiently(model.patience().min(left), || model.analyse(subject.clone())).await;
    let (findings, usage) = match told {
        Ok(told) => told,
        Err(failure) => {
            answering::settle(&context.database, reserved, Err(failure)).await;
            return Err(failure);
        }
    };
    let kept = Kept {
        text: digest(subject),
        findings,
        made_by: answering::made_by(&**model, None),
    };
    keep(context, claim, &kept, reserved, usage).await;
    Ok((kept.findings, kept.made_by))
}

async fn keep(
    context: &Context,
    claim: &Claim,
    kept: &Kept,
    reserved: database::spending::Reserved,
    usage: Usage,
) {
    let Ok(value) = serde_json::to_value(kept) else {
        return;
    };
    let spent = answering::spent(usage);
    match tasks::remember(&context.database, claim, value, reserved, spent).await {
        Ok(Closed::Won) => {}
        // The end of this run will find out, too.
        Ok(Closed::Lost) => {
            tracing::info!("the task is somebody else's by now; what the model said is not kept")
        }
        // This run has it all the same; too much stays counted.
        Err(error) => tracing::warn!("could not keep what the model said: {}", telemetry::chain(&error)),
    }
}
