//! What a run has behind it and the next one need not do again.

use sea_orm::{DbBackend, Value};

use super::Claim;
use super::close::Closed;
use crate::spending::{self, Reserved, Spent};
use crate::{Database, Result, sql};

/// Keeps what a model said about the text of a document or to a question, and corrects what was counted for the call, at once. A
/// run that comes after this one, because this worker dies or the attempt fails later, finds it in its claim. Whether the task is
/// this run's or not, what was paid is counted.
///
/// # Errors
/// When the database is away; nothing is kept then.
pub async fn remember<S, P>(
    db: &Database,
    claim: &Claim<S, P>,
    findings: serde_json::Value,
    reserved: Reserved,
    took: Spent,
) -> Result<Closed> {
    let payload = match db.backend() {
        DbBackend::Postgres => "jsonb_set(payload, '{findings}', $3)",
        _ => "json_set(payload, '$.findings', json($3))",
    };
    let values: [Value; 3] = [claim.task.uuid().into(), claim.fence.into(), findings.into()];
    let transaction = db.begin().await?;
    let kept = sql::execute(
        &transaction,
        format!("UPDATE tasks SET payload = {payload} WHERE id = $1 AND fence = $2 AND state = 'running'"),
        values,
    )
    .await?;
    spending::settle_in(&transaction, reserved, took).await?;
    transaction.commit().await?;
    Ok(if kept == 1 { Closed::Won } else { Closed::Lost })
}
