//! What can go wrong with a database, as far as callers care.

use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// The result of talking to the database.
pub type Result<T, E = DatabaseError> = std::result::Result<T, E>;

/// A statement or connection that failed.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The database is away, full up or too slow: worth trying again.
    #[error("the database is not available")]
    Unavailable(#[source] DbErr),
    /// A unique value is taken, or a row that was pointed at is gone.
    #[error("the database refused a row that breaks a constraint")]
    Constraint(#[source] DbErr),
    /// A row holds a word that this release does not know.
    #[error("the database holds a value that this release does not understand")]
    Unintelligible(#[from] domain::UnknownWord),
    /// A task's history is not what this release writes.
    #[error("the database holds a history of attempts that this release does not understand")]
    History(#[source] serde_json::Error),
    /// Anything else: a fault of ours or of the schema.
    #[error("the database refused a statement")]
    Refused(#[source] DbErr),
    /// The schema is older than this release.
    #[error("the database lacks the migration {0}; run `docmill migrate up`")]
    Schema(String),
    /// The address in the settings cannot be used.
    #[error("{0}")]
    Settings(&'static str),
}

impl DatabaseError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Whether a statement certainly changed nothing: it got no connection, or the database itself refused it and undid
    /// whatever it had done. Otherwise nobody knows: the connection may have broken after the change and before the answer.
    #[must_use]
    pub fn changed_nothing(&self) -> bool {
        let (Self::Unavailable(error) | Self::Constraint(error) | Self::Refused(error)) = self else {
            return false;
        };
        match error {
            DbErr::Conn(_) | DbErr::ConnectionAcquire(_) => true,
            DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
                matches!(error.as_ref(), sqlx::Error::Database(_))
            }
            _ => false,
        }
    }
}

impl From<DbErr> for DatabaseError {
    fn from(error: DbErr) -> Self {
        if matches!(
            error.sql_err(),
            Some(SqlErr::UniqueConstraintViolation(_) | SqlErr::ForeignKeyConstraintViolation(_))
        ) {
            return Self::Constraint(error);
        }
        if is_transient(&error) {
            Self::Unavailable(error)
        } else {
            Self::Refused(error)
        }
    }
}

fn is_transient(error: &DbErr) -> bool {
    match error {
        DbErr::Conn(_) | DbErr::ConnectionAcquire(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            match error.as_ref() {
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed => true,
                sqlx::Error::Database(error) => error.code().is_some_and(|code| is_transient_code(&code)),
                _ => false,
            }
        }
        _ => false,
    }
}

/// PostgreSQL error classes (appendix A of its manual) and SQLite result codes that pass by themselves.
fn is_transient_code(code: &str) -> bool {
    const SQLITE_BUSY: &str = "5";
    const SQLITE_LOCKED: &str = "6";
    const SQLITE_BUSY_SNAPSHOT: &str = "517";
    // 08 connection, 40 rollback (deadlock, serialization), 53 resources, 55P03 lock, 57 operator intervention.
    ["08", "40", "53", "57"]
        .iter()
        .any(|class| code.len() == 5 && code.starts_with(class))
        || ["55P03", SQLITE_BUSY, SQLITE_LOCKED, SQLITE_BUSY_SNAPSHOT].contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_breaks_leaves_everything_open() {
        let exec = |error: sqlx::Error| DatabaseError::from(DbErr::Exec(RuntimeErr::SqlxError(error.into())));
        let broken = exec(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()));
        assert!(broken.is_transient() && !broken.changed_nothing());
        let none = DatabaseError::from(DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::Timeout));
        assert!(none.is_transient() && none.changed_nothing());
    }

    #[test]
    fn a_deadlock_passes_and_a_missing_table_does_not() {
        assert!(is_transient_code("40P01"));
        assert!(is_transient_code("57P03"));
        assert!(is_transient_code("5"));
        assert!(!is_transient_code("42P01"));
        assert!(!is_transient_code("53"));
    }
}
