//! Other spellings of words that hardly any document has.

use domain::UserId;
use sea_orm::{DatabaseTransaction, DbBackend, FromQueryResult, Value};
use terms::{Expression, Wanted, neighbours};

use super::FEW;
use super::matching::mark_of;
use crate::{Database, Result, sql};

/// Other spellings of one word that are tried at most, the most frequent ones first.
const SPELLINGS_MAX: usize = 8;
/// Documents up to which the frequency of a spelling is told.
const COUNTED_MAX: usize = 20;

/// Gives words that fewer than [`FEW`] documents of the user have the spellings, one letter away, that documents do have.
/// Returns whether there are any.
pub(super) async fn add_others(
    db: &Database,
    user: UserId,
    wanted: &mut [(Wanted, Vec<String>)],
) -> Result<bool> {
    let mut any = false;
    for (wanted, others) in wanted {
        let Some(word) = wanted.word() else { continue };
        let near = neighbours(word);
        if near.is_empty() || is_frequent(db, user, wanted).await? {
            continue;
        }
        *others = match db.backend() {
            DbBackend::Postgres => in_postgres(db, user, near).await?,
            _ => in_sqlite(db, near).await?,
        };
        any |= !others.is_empty();
    }
    Ok(any)
}

async fn is_frequent(db: &Database, user: UserId, wanted: &Wanted) -> Result<bool> {
    #[derive(FromQueryResult)]
    struct Count {
        count: i64,
    }
    let mut forms = vec![wanted.strict()];
    forms.extend(wanted.loose());
    let needed = Expression::All(vec![mark_of(user), Expression::Any(forms)]);
    let (table, needed) = match db.backend() {
        DbBackend::Postgres => ("search_parts WHERE words @@ $1::tsquery", needed.for_postgres()),
        _ => ("search_index WHERE search_index MATCH $1", needed.for_sqlite()),
    };
    let statement = format!("SELECT count(*) AS count FROM (SELECT 1 FROM {table} LIMIT {FEW}) AS few");
    let count: Option<Count> = match db.backend() {
        DbBackend::Postgres => sql::first(&by_index(db).await?, statement, [needed.into()]).await?,
        _ => sql::first(db.connection(), statement, [needed.into()]).await?,
    };
    Ok(count.is_some_and(|count| usize::try_from(count.count).unwrap_or(0) >= FEW))
}

#[derive(FromQueryResult)]
struct Spelling {
    term: String,
}

/// Asks the index for each of the spellings: hardly any is there, and what is not costs next to nothing.
async fn in_postgres(db: &Database, user: UserId, near: Vec<String>) -> Result<Vec<String>> {
    // Other spellings are letters only; there is nothing to quote.
    let values: [Value; 2] = [mark_of(user).for_postgres().into(), near.into()];
    let found: Vec<Spelling> = sql::all(
        &by_index(db).await?,
        format!(
            "SELECT near.term FROM unnest($2) AS near (term), LATERAL (SELECT count(*) AS documents FROM \
             (SELECT 1 FROM search_parts WHERE words @@ ($1 || ' & ''' || near.term || '''')::tsquery \
             LIMIT {COUNTED_MAX}) AS few) AS counted \
             WHERE counted.documents > 0 ORDER BY counted.documents DESC, near.term LIMIT {SPELLINGS_MAX}"
        ),
        values,
    )
    .await?;
    Ok(found.into_iter().map(|spelling| spelling.term).collect())
}

/// A transaction for questions that only the index may answer: the planner does not know how rare a word is, and would rather
/// read all documents until it has found enough of them, which for a rare word is all documents.
async fn by_index(db: &Database) -> Result<DatabaseTransaction> {
    let transaction = db.begin().await?;
    sql::execute(&transaction, "SET LOCAL enable_seqscan = off", []).await?;
    Ok(transaction)
}

/// The list of all terms may be asked directly. It knows those of other users too; they find nothing then.
async fn in_sqlite(db: &Database, near: Vec<String>) -> Result<Vec<String>> {
    let list = sql::placeholders(1, near.len());
    let found: Vec<Spelling> = sql::all(
        db.connection(),
        format!(
            "SELECT term FROM search_vocabulary WHERE term IN ({list}) ORDER BY doc DESC, term LIMIT {SPELLINGS_MAX}"
        ),
        near.into_iter().map(Value::from),
    )
    .await?;
    Ok(found.into_iter().map(|spelling| spelling.term).collect())
}
