//! The unit of work.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "tasks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub kind: String,
    pub queue: String,
    pub state: String,
    pub priority: i16,
    pub user_id: Uuid,
    pub job_id: Uuid,
    pub document_id: Option<Uuid>,
    #[sea_orm(column_type = "JsonBinary")]
    pub payload: Json,
    pub payload_version: i16,
    pub attempt: i16,
    pub attempts_max: i16,
    pub fence: i64,
    pub owner: Option<Uuid>,
    pub run_at: DateTimeUtc,
    pub deadline_at: DateTimeUtc,
    pub dispatched_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub started_at: Option<DateTimeUtc>,
    pub finished_at: Option<DateTimeUtc>,
    pub error_code: Option<String>,
    pub error_detail: Option<String>,
    #[sea_orm(column_type = "JsonBinary")]
    pub history: Json,
    pub held: Option<String>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
