//! Passwords of documents leave with the end of their task, and workers say what reads pictures where they run.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::ddl;

pub(crate) struct Passwords;

impl MigrationName for Passwords {
    fn name(&self) -> &str {
        "m0009_passwords"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Passwords {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, "ALTER TABLE workers ADD COLUMN ocr {json}").await?;
        let forget = match manager.get_database_backend() {
            DbBackend::Postgres => FORGET_ON_POSTGRES,
            _ => FORGET_ON_SQLITE,
        };
        for statement in forget {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let undo: &[&str] = match manager.get_database_backend() {
            DbBackend::Postgres => &[
                "DROP TRIGGER IF EXISTS tasks_forget_password ON tasks",
                "DROP FUNCTION IF EXISTS tasks_forget_password()",
            ],
            _ => &["DROP TRIGGER IF EXISTS tasks_forget_password"],
        };
        for statement in undo {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        ddl::run(manager, "ALTER TABLE workers DROP COLUMN ocr").await
    }
}

// A trigger, because a task ends in many ways and each of them has to forget the password: with results, with a reason,
// cancelled, expired, given up; those of later releases too. It costs nothing where there is no password.

const FORGET_ON_POSTGRES: &[&str] = &[
    "CREATE FUNCTION tasks_forget_password() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     NEW.payload := NEW.payload - 'sealed_password'; RETURN NEW; END $$",
    "CREATE TRIGGER tasks_forget_password BEFORE UPDATE OF state ON tasks FOR EACH ROW \
     WHEN (NEW.state NOT IN ('queued', 'running') AND jsonb_exists(NEW.payload, 'sealed_password')) \
     EXECUTE FUNCTION tasks_forget_password()",
];

const FORGET_ON_SQLITE: &[&str] = &[
    "CREATE TRIGGER tasks_forget_password AFTER UPDATE OF state ON tasks FOR EACH ROW \
     WHEN NEW.state NOT IN ('queued', 'running') AND json_extract(NEW.payload, '$.sealed_password') IS NOT NULL \
     BEGIN UPDATE tasks SET payload = json_remove(payload, '$.sealed_password') WHERE id = NEW.id; END",
];
