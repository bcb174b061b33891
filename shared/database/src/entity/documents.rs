//! A document with its results.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "documents")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub job_id: Uuid,
    pub user_id: Uuid,
    pub position: i32,
    pub file_name: String,
    pub kind: String,
    pub size_bytes: i64,
    pub sha256: Vec<u8>,
    pub status: String,
    pub title: Option<String>,
    pub language: Option<String>,
    pub language_confidence: Option<f32>,
    #[sea_orm(column_type = "JsonBinary")]
    pub tags: Json,
    pub pages: Option<i32>,
    pub words: Option<i64>,
    pub characters: Option<i64>,
    #[sea_orm(column_type = "JsonBinary")]
    pub metadata: Json,
    pub needs_ocr: bool,
    pub truncated: bool,
    pub engine: Option<String>,
    pub text_fence: Option<i64>,
    pub error_code: Option<String>,
    pub error_detail: Option<String>,
    pub created_at: DateTimeUtc,
    pub processed_at: Option<DateTimeUtc>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
