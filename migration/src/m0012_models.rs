//! What language models made, what they took, and questions that are answered later.

use sea_orm_migration::prelude::*;

use crate::ddl;
use crate::forgetting::Forgetting;

pub(crate) struct Models;

impl MigrationName for Models {
    fn name(&self) -> &str {
        "m0012_models"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Models {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, UP).await?;
        FORGET.begin(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        FORGET.end(manager).await?;
        ddl::run(manager, DOWN).await?;
        ddl::drop_tables(manager, &["model_spending_of_jobs", "model_spending"]).await
    }
}

// made_by tells which provider made a result, and why it was not the one that was asked.
// Spending is counted before a call, as much as it may take, and corrected after it: what is there is never less than what was
// spent. Costs are millionths of the smallest unit of the operator's currency.
// A queue for questions has a row as that of documents has; earlier releases pass it over.
const UP: &str = "
ALTER TABLE documents ADD COLUMN summary text;
ALTER TABLE documents ADD COLUMN made_by {json};
ALTER TABLE messages ADD COLUMN made_by {json};
CREATE TABLE model_spending (
    user_id {uuid} NOT NULL,
    month integer NOT NULL,
    calls bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cost bigint NOT NULL,
    PRIMARY KEY (user_id, month)
);
CREATE TABLE model_spending_of_jobs (
    job_id {uuid} PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    calls bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cost bigint NOT NULL
);
INSERT INTO queues (name, hints_max, hints, slots, starts_per_second, flowing, tenant_weight, credit, owed_level)
    VALUES ('questions', 8, 0, 0, 0, true, 1, 0, 0) ON CONFLICT (name) DO NOTHING;
";

const DOWN: &str = "
UPDATE jobs SET kind = 'single' WHERE kind = 'question';
DELETE FROM dispatch_turns WHERE queue = 'questions';
DELETE FROM queues WHERE name = 'questions';
ALTER TABLE messages DROP COLUMN made_by;
ALTER TABLE documents DROP COLUMN made_by;
ALTER TABLE documents DROP COLUMN summary;
";

// What a model said about a text is kept with the task until that ends, so that nobody asks and pays twice; then it goes, in
// whichever way the task ended. It costs nothing where no model was asked.
const FORGET: Forgetting = Forgetting {
    trigger: "tasks_forget_findings",
    field: "findings",
};
