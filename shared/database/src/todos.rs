//! What documents ask somebody to do. Found by runs, changed by people; a run never undoes what a person did.

use chrono::{DateTime, Utc};
use domain::{DocumentId, Moment, TodoId, TodoPriority as Priority, UserId};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, FromQueryResult, Value};
use serde_json::json;
use uuid::Uuid;

use crate::agenda::{self, After, Source, Span, UNSCHEDULED, first_second};
use crate::reuse::For;
use crate::{Database, DatabaseError, Result, audit, sql};

/// A todo as a run found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundTodo {
    /// What has to be done.
    pub text: String,
    /// By whom, as the text says it.
    pub owner: Option<String>,
    /// How pressing it is.
    pub priority: Priority,
    /// Until when.
    pub due: Option<Moment>,
    /// Where it was found.
    pub source: Source,
}

/// A todo as its owner sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Todo {
    /// The todo.
    pub id: TodoId,
    /// The document that asks for it.
    pub document: DocumentId,
    /// What has to be done.
    pub text: String,
    /// By whom.
    pub owner: Option<String>,
    /// How pressing it is.
    pub priority: Priority,
    /// Until when.
    pub due: Option<Moment>,
    /// Whether it is done.
    pub done: bool,
    /// When it was marked so.
    pub done_at: Option<DateTime<Utc>>,
    /// Whether a person changed anything of it.
    pub edited: bool,
    /// Where it was found.
    pub source: Source,
    /// Which rules found it.
    pub engine: String,
    /// When it was found first.
    pub created_at: DateTime<Utc>,
    /// When a person changed it last, or when it was found first.
    pub updated_at: DateTime<Utc>,
    due_second: i64,
}

impl Todo {
    /// Where a list goes on behind it.
    #[must_use]
    pub fn position(&self) -> After {
        (self.due_second, self.id.uuid())
    }
}

/// Which todos to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct TodoFilter {
    /// Only those of this document.
    pub document: Option<DocumentId>,
    /// Only those due in this stretch of time.
    pub span: Span,
    /// Only those that are done, or only the others.
    pub done: Option<bool>,
    /// Only those behind this one.
    pub after: Option<After>,
}

/// What a person changes of a todo; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TodoChange {
    /// What has to be done.
    pub text: Option<String>,
    /// By whom; `Some(None)` for nobody.
    pub owner: Option<Option<String>>,
    /// How pressing it is.
    pub priority: Option<Priority>,
    /// Until when; `Some(None)` for no date.
    pub due: Option<Option<Moment>>,
    /// Whether it is done.
    pub done: Option<bool>,
}

/// The bits of `edited`.
const TEXT: i32 = 1;
const OWNER: i32 = 2;
const PRIORITY: i32 = 4;
const DUE: i32 = 8;
const DONE: i32 = 16;
/// What a person changed of what was found.
pub(crate) const REWORDED: i32 = TEXT | OWNER | PRIORITY | DUE;

const COLUMNS: &str = "t.id, t.document_id, t.text, t.owner, t.priority, t.due, t.due_second, t.done, t.done_at, t.edited, \
    t.page, t.start_character, t.end_character, t.quote, t.engine, t.created_at, t.updated_at";

/// A todo of a user.
///
/// # Errors
/// When the database is away.
pub async fn find(db: &Database, user: UserId, id: TodoId) -> Result<Option<Todo>> {
    let row: Option<Row> = sql::first(
        db.connection(),
        format!("SELECT {COLUMNS} FROM todos t WHERE t.id = $1 AND t.user_id = $2"),
        [id.uuid().into(), user.uuid().into()],
    )
    .await?;
    row.map(Todo::try_from).transpose()
}

/// Todos of a user in the order of their dates, those without one last; at most `limit`.
///
/// # Errors
/// When the database is away.
pub async fn list(db: &Database, user: UserId, filter: &TodoFilter, limit: u64) -> Result<Vec<Todo>> {
    let mut values: Vec<Value> = vec![user.uuid().into()];
    let mut statement = format!("SELECT {COLUMNS} FROM todos t WHERE t.user_id = $1");
    let mut condition = |condition: &str, value: Value| {
        values.push(value);
        statement += &format!(" AND {}", condition.replace('?', &format!("${}", values.len())));
    };
    if let Some(document) = filter.document {
        condition("t.document_id = ?", document.uuid().into());
    }
    if let Some(from) = filter.span.from {
        condition("t.due_second >= ?", from.into());
    }
    let scheduled = filter
        .span
        .scheduled
        .or(filter.span.from.is_some().then_some(true));
    if let Some(to) = filter.span.to {
        condition("t.due_second <= ?", to.min(UNSCHEDULED - 1).into());
    }
    match scheduled {
        Some(true) => condition("t.due_second < ?", UNSCHEDULED.into()),
        Some(false) => condition("t.due_second >= ?", UNSCHEDULED.into()),
        None => {}
    }
    if let Some((second, _)) = filter.after {
        // The first part alone is what the index needs.
        condition("t.due_second >= ?", second.into());
    }
    if let Some((second, id)) = filter.after {
        values.push(second.into());
        values.push(id.into());
        let (second, id) = (values.len() - 1, values.len());
        statement += &format!(" AND (t.due_second > ${second} OR t.id > ${id})");
    }
    // Written out, so that the index of what is open can be used.
    match filter.done {
        Some(true) => statement += " AND t.done",
        Some(false) => statement += " AND NOT t.done",
        None => {}
    }
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    statement += &format!(" ORDER BY t.due_second, t.id LIMIT ${}", values.len());
    let rows: Vec<Row> = sql::all(db.connection(), statement, values).await?;
    rows.into_iter().map(Todo::try_from).collect()
}

/// The todos of a document of a user, in the order of its text.
///
/// # Errors
/// When the database is away.
pub async fn of_document(db: &Database, user: UserId, document: DocumentId) -> Result<Vec<Todo>> {
    let rows: Vec<Row> = sql::all(
        db.connection(),
        format!("SELECT {COLUMNS} FROM todos t WHERE t.document_id = $1 AND t.user_id = $2 ORDER BY t.position, t.id"),
        [document.uuid().into(), user.uuid().into()],
    )
    .await?;
    rows.into_iter().map(Todo::try_from).collect()
}

/// Changes a todo of a user. A later run leaves what was changed alone. Returns the todo as it is now; `None` when there is
/// no such todo. Changing nothing, or the same again, is fine.
///
/// # Errors
/// When the database is away; nothing changed then.
pub async fn change(
    db: &Database,
    user: UserId,
    id: TodoId,
    change: TodoChange,
    origin: audit::Origin,
    now: DateTime<Utc>,
) -> Result<Option<Todo>> {
    let mut values: Vec<Value> = vec![id.uuid().into(), user.uuid().into()];
    let mut assignments: Vec<String> = Vec::new();
    let mut bits = 0;
    let mut set = |column: &str, value: Value, bit: i32| {
        values.push(value);
        assignments.push(format!("{column} = ${}", values.len()));
        bits |= bit;
    };
    if let Some(text) = change.text {
        set("text", text.into(), TEXT);
    }
    if let Some(owner) = change.owner {
        set("owner", owner.into(), OWNER);
    }
    if let Some(priority) = change.priority {
        set("priority", priority.as_str().into(), PRIORITY);
    }
    if let Some(due) = change.due {
        set("due", due.map(|due| due.to_string()).into(), DUE);
        set("due_second", first_second(due.as_ref()).into(), DUE);
    }
    if let Some(done) = change.done {
        set("done", done.into(), DONE);
    }
    if bits == 0 {
        return find(db, user, id).await;
    }
    if let Some(done) = change.done {
        // Who marks twice has done it the first time.
        let kept = if done { "COALESCE(done_at, " } else { "(" };
        values.push(done.then_some(now).into());
        assignments.push(format!("done_at = {kept}${})", values.len()));
    }
    values.push(bits.into());
    assignments.push(format!("edited = edited | ${}", values.len()));
    values.push(now.into());
    assignments.push(format!("updated_at = ${}", values.len()));
    let transaction = db.begin().await?;
    let row: Option<Row> = sql::first(
        &transaction,
        format!(
            "UPDATE todos AS t SET {} WHERE id = $1 AND user_id = $2 RETURNING {}",
            assignments.join(", "),
            COLUMNS.replace("t.", ""),
        ),
        values,
    )
    .await?;
    if row.is_some() {
        let entry = audit::Entry {
            user: Some(user),
            action: "todo.change",
            resource: Some(("todo", id.uuid())),
            outcome: audit::Outcome::Success,
            origin,
        };
        audit::insert(&transaction, entry, now).await?;
    }
    transaction.commit().await?;
    row.map(Todo::try_from).transpose()
}

const INSERTED: &str = "id, user_id, document_id, position, text, owner, priority, due, due_second, done, edited, page, \
    start_character, end_character, quote, engine, created_at, updated_at";

/// What another run found takes the place of what was there, but for what a person changed.
fn on_conflict() -> String {
    let kept = |column: &str, bit: i32| {
        format!(
            "{column} = CASE WHEN todos.edited & {bit} = 0 THEN excluded.{column} ELSE todos.{column} END"
        )
    };
    let found = [
        "position",
        "page",
        "start_character",
        "end_character",
        "quote",
        "engine",
    ];
    let mut parts: Vec<String> = found.map(|column| format!("{column} = excluded.{column}")).into();
    parts.extend([
        kept("text", TEXT),
        kept("owner", OWNER),
        kept("priority", PRIORITY),
        kept("due", DUE),
        kept("due_second", DUE),
    ]);
    format!("ON CONFLICT (id) DO UPDATE SET {}", parts.join(", "))
}

/// Todos on their way into the database.
pub(crate) struct Found {
    ids: Vec<Uuid>,
    todos: Vec<FoundTodo>,
}

impl Found {
    pub(crate) fn of(document: DocumentId, todos: Vec<FoundTodo>) -> Self {
        let ids = agenda::ids(
            document,
            "todo",
            todos.iter().map(|todo| todo.source.quote.as_str()),
        );
        Self { ids, todos }
    }

    /// Postgres: parts of the statement that closes a task, `ended` being the part that ends it. `$first` is the user, and
    /// behind it come the values of [`Self::values`].
    pub(crate) fn parts(first: usize) -> String {
        let [user, found, ids, engine, now] = std::array::from_fn(|n| first + n);
        format!(
            "todo AS (INSERT INTO todos ({INSERTED}) \
                SELECT f.id, ${user}, ended.document_id, f.position, f.text, f.owner, f.priority, f.due, f.due_second, false, 0, \
                    f.page, f.start_character, f.end_character, f.quote, ${engine}, ${now}, ${now} \
                FROM ended, jsonb_to_recordset(${found}) AS f (id uuid, position integer, text text, owner text, \
                    priority text, due text, due_second bigint, page integer, start_character bigint, \
                    end_character bigint, quote text) {}), \
             old_todo AS (DELETE FROM todos USING ended WHERE todos.document_id = ended.document_id AND todos.edited = 0 \
                AND todos.id <> ALL (${ids}))",
            on_conflict(),
        )
    }

    /// Five values for [`Self::parts`].
    pub(crate) fn values(self, user: UserId, engine: &str, now: DateTime<Utc>) -> [Value; 5] {
        let found: Vec<serde_json::Value> = (0_i32..)
            .zip(self.ids.iter().zip(&self.todos))
            .map(|(position, (id, todo))| {
                json!({
                    "id": id,
                    "position": position,
                    "text": todo.text,
                    "owner": todo.owner,
                    "priority": todo.priority.as_str(),
                    "due": todo.due,
                    "due_second": first_second(todo.due.as_ref()),
                    "page": todo.source.page,
                    "start_character": todo.source.start,
                    "end_character": todo.source.end,
                    "quote": todo.source.quote,
                })
            })
            .collect();
        [
            user.uuid().into(),
            serde_json::Value::from(found).into(),
            self.ids.into(),
            engine.into(),
            now.into(),
        ]
    }

    /// Stores them for a document that has none.
    pub(crate) async fn insert(
        self,
        transaction: &DatabaseTransaction,
        (user, document): (UserId, DocumentId),
        engine: &str,
        now: DateTime<Utc>,
    ) -> Result<()> {
        if transaction.get_database_backend() != DbBackend::Postgres {
            return self.store(transaction, (user, document), engine, now).await;
        }
        let statement = format!(
            "WITH ended AS (SELECT $1::uuid AS document_id), {} SELECT 1",
            Self::parts(2)
        );
        let values = std::iter::once(document.uuid().into()).chain(self.values(user, engine, now));
        sql::execute(transaction, statement, values).await?;
        Ok(())
    }

    /// SQLite: the same in steps, inside of the transaction that closes a task.
    pub(crate) async fn store(
        self,
        transaction: &DatabaseTransaction,
        (user, document): (UserId, DocumentId),
        engine: &str,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let mut values: Vec<Value> = vec![document.uuid().into()];
        values.extend(self.ids.iter().map(|id| Value::from(*id)));
        let found = sql::placeholders(2, self.ids.len());
        let stale =
            format!("DELETE FROM todos WHERE document_id = $1 AND edited = 0 AND id NOT IN ({found})");
        sql::execute(transaction, stale, values).await?;
        let statement = format!(
            "INSERT INTO todos ({INSERTED}) VALUES ({}) {}",
            sql::placeholders(1, 18),
            on_conflict()
        );
        for (position, (id, todo)) in (0_i32..).zip(self.ids.into_iter().zip(self.todos)) {
            let values: [Value; 18] = [
                id.into(),
                user.uuid().into(),
                document.uuid().into(),
                position.into(),
                todo.text.into(),
                todo.owner.into(),
                todo.priority.as_str().into(),
                todo.due.map(|due| due.to_string()).into(),
                first_second(todo.due.as_ref()).into(),
                false.into(),
                0_i32.into(),
                todo.source.page.into(),
                todo.source.start.into(),
                todo.source.end.into(),
                todo.source.quote.into(),
                engine.into(),
                now.into(),
                now.into(),
            ];
            sql::execute(transaction, statement.as_str(), values).await?;
        }
        Ok(())
    }
}

/// Gives a document that has no todos those of another one of the same user.
pub(crate) async fn copy(
    transaction: &DatabaseTransaction,
    (user, document): (UserId, DocumentId),
    from: DocumentId,
    purpose: For,
    engine: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    let rows: Vec<Row> = sql::all(
        transaction,
        format!("SELECT {COLUMNS} FROM todos t WHERE t.document_id = $1 ORDER BY t.position, t.id"),
        [from.uuid().into()],
    )
    .await?;
    let todos: Vec<Todo> = rows.into_iter().map(Todo::try_from).collect::<Result<_>>()?;
    if todos.is_empty() {
        return Ok(());
    }
    let edited: Vec<Option<Uuid>> = todos
        .iter()
        .map(|todo| todo.edited.then(|| todo.id.uuid()))
        .collect();
    let found = Found::of(document, todos.into_iter().map(FoundTodo::from).collect());
    let ids = found.ids.clone();
    found.insert(transaction, (user, document), engine, now).await?;
    if purpose == For::ALaterVersion {
        for (id, edited) in ids.into_iter().zip(edited) {
            let Some(edited) = edited else { continue };
            sql::execute(
                transaction,
                "UPDATE todos SET edited = s.edited, done = s.done, done_at = s.done_at, updated_at = s.updated_at \
                 FROM todos s WHERE todos.id = $1 AND s.id = $2",
                [id.into(), edited.into()],
            )
            .await?;
        }
    }
    Ok(())
}

impl From<Todo> for FoundTodo {
    fn from(todo: Todo) -> Self {
        Self {
            text: todo.text,
            owner: todo.owner,
            priority: todo.priority,
            due: todo.due,
            source: todo.source,
        }
    }
}

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    document_id: Uuid,
    text: String,
    owner: Option<String>,
    priority: String,
    due: Option<String>,
    due_second: i64,
    done: bool,
    done_at: Option<DateTime<Utc>>,
    edited: i32,
    page: Option<i32>,
    start_character: i64,
    end_character: i64,
    quote: String,
    engine: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Todo {
    type Error = DatabaseError;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            document: row.document_id.into(),
            text: row.text,
            owner: row.owner,
            priority: row.priority.parse()?,
            // What cannot be read is better shown without a date than not at all.
            due: row.due.and_then(|due| due.parse().ok()),
            done: row.done,
            done_at: row.done_at,
            edited: row.edited != 0,
            source: Source {
                page: row.page,
                start: row.start_character,
                end: row.end_character,
                quote: row.quote,
            },
            engine: row.engine,
            created_at: row.created_at,
            updated_at: row.updated_at,
            due_second: row.due_second,
        })
    }
}
