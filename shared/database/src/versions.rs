//! Versions of a document: a line without branches, from 1. Each is a document of its own, with its own bytes and results.
//!
//! The first version knows nothing of it; later ones name it as their root. That a number is given once is a constraint of the
//! database, so of two versions that come at the same moment one is the later one.

use domain::{DocumentId, UserId, VersionOf};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use uuid::Uuid;

use crate::documents::{self, Document};
use crate::{Database, Result, sql};

/// The versions of the document that $1 of the user $2 is a version of.
const OF_SERIES: &str = "FROM documents given JOIN documents d ON d.user_id = given.user_id \
    AND (d.id = COALESCE(given.root_id, given.id) OR d.root_id = COALESCE(given.root_id, given.id)) \
    WHERE given.id = $1 AND given.user_id = $2";

/// Versions of a document, the newest first, at most `limit`, only those before the number `before` if it is given. `id` may
/// be any version. Empty when there is no such document.
///
/// # Errors
/// When the database is away.
pub async fn list(
    db: &Database,
    user: UserId,
    id: DocumentId,
    before: Option<i32>,
    limit: u64,
) -> Result<Vec<Document>> {
    let values: [Value; 4] = [
        id.uuid().into(),
        user.uuid().into(),
        before.unwrap_or(i32::MAX).into(),
        i64::try_from(limit).unwrap_or(i64::MAX).into(),
    ];
    let rows: Vec<documents::Row> = sql::all(
        db.connection(),
        format!(
            "SELECT {} {OF_SERIES} AND d.version < $3 ORDER BY d.version DESC LIMIT $4",
            documents::columns(db.backend())
        ),
        values,
    )
    .await?;
    rows.into_iter().map(Document::try_from).collect()
}

/// A version of a document by its number. `id` may be any version.
///
/// # Errors
/// When the database is away.
pub async fn find(db: &Database, user: UserId, id: DocumentId, version: i32) -> Result<Option<Document>> {
    let row: Option<documents::Row> = sql::first(
        db.connection(),
        format!(
            "SELECT {} {OF_SERIES} AND d.version = $3",
            documents::columns(db.backend())
        ),
        [id.uuid().into(), user.uuid().into(), version.into()],
    )
    .await?;
    row.map(Document::try_from).transpose()
}

/// Makes a new document the next version. When the other one was deleted meanwhile, it stays a document without history.
pub(crate) async fn append(
    db: &impl ConnectionTrait,
    user: UserId,
    document: Uuid,
    of: &VersionOf,
) -> Result<()> {
    #[derive(FromQueryResult)]
    struct Newest {
        id: Uuid,
        root: Uuid,
        version: i32,
    }
    let newest: Option<Newest> = sql::first(
        db,
        format!("SELECT d.id, COALESCE(d.root_id, d.id) AS root, d.version {OF_SERIES} ORDER BY d.version DESC LIMIT 1"),
        [of.document.uuid().into(), user.uuid().into()],
    )
    .await?;
    let Some(newest) = newest else { return Ok(()) };
    sql::execute(
        db,
        "UPDATE documents SET root_id = $2, parent_id = $3, version = $4, version_origin = $5 WHERE id = $1",
        [
            document.into(),
            newest.root.into(),
            newest.id.into(),
            (newest.version + 1).into(),
            of.origin.as_str().into(),
        ],
    )
    .await?;
    Ok(())
}
