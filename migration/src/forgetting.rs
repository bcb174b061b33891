//! What a task knows only until it ends. A trigger, because a task ends in many ways and each of them has to forget it: with
//! results, with a reason, cancelled, expired, given up; those of later releases too.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// A trigger that takes a field out of the payload of a task when that ends.
pub(crate) struct Forgetting {
    /// Its name, and with Postgres that of its function.
    pub(crate) trigger: &'static str,
    /// The field. Released names stay: rows of earlier releases have them.
    pub(crate) field: &'static str,
}

impl Forgetting {
    /// From now on.
    pub(crate) async fn begin(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let Self { trigger, field } = self;
        let statements = match manager.get_database_backend() {
            DbBackend::Postgres => vec![
                format!(
                    "CREATE FUNCTION {trigger}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                     NEW.payload := NEW.payload - '{field}'; RETURN NEW; END $$"
                ),
                format!(
                    "CREATE TRIGGER {trigger} BEFORE UPDATE OF state ON tasks FOR EACH ROW \
                     WHEN (NEW.state NOT IN ('queued', 'running') AND jsonb_exists(NEW.payload, '{field}')) \
                     EXECUTE FUNCTION {trigger}()"
                ),
            ],
            _ => vec![format!(
                "CREATE TRIGGER {trigger} AFTER UPDATE OF state ON tasks FOR EACH ROW \
                 WHEN NEW.state NOT IN ('queued', 'running') AND json_extract(NEW.payload, '$.{field}') IS NOT NULL \
                 BEGIN UPDATE tasks SET payload = json_remove(payload, '$.{field}') WHERE id = NEW.id; END"
            )],
        };
        run(manager, statements).await
    }

    /// No more.
    pub(crate) async fn end(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let trigger = self.trigger;
        let statements = match manager.get_database_backend() {
            DbBackend::Postgres => vec![
                format!("DROP TRIGGER IF EXISTS {trigger} ON tasks"),
                format!("DROP FUNCTION IF EXISTS {trigger}()"),
            ],
            _ => vec![format!("DROP TRIGGER IF EXISTS {trigger}")],
        };
        run(manager, statements).await
    }
}

/// As they are: their braces and semicolons mean nothing here.
async fn run(manager: &SchemaManager<'_>, statements: Vec<String>) -> Result<(), DbErr> {
    for statement in statements {
        manager.get_connection().execute_unprepared(&statement).await?;
    }
    Ok(())
}
