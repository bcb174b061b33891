//! What documents ask somebody to do. Found by runs, changed by people; a run never undoes what a person did.

use chrono::{DateTime, Utc};
use domain::{DocumentId, Moment, TodoId, TodoPriority as Priority, UserId};
use sea_orm::{DatabaseTransaction, FromQueryResult, Value};
use uuid::Uuid;

use crate::agenda::{self, After, Findable, Listing, Source, Span, first_second};
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

const COLUMNS: &str = "id, document_id, text, owner, priority, due, due_second, done, done_at, edited, page, start_character, \
    end_character, quote, engine, created_at, updated_at";

/// A todo of a user.
///
/// # Errors
/// When the database is away.
pub async fn find(db: &Database, user: UserId, id: TodoId) -> Result<Option<Todo>> {
    let row: Option<Row> = sql::first(
        db.connection(),
        format!("SELECT {COLUMNS} FROM todos WHERE id = $1 AND user_id = $2"),
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
    let mut listing = Listing::of(user, &format!("SELECT {COLUMNS} FROM todos"), "due_second");
    if let Some(document) = filter.document {
        listing.only("document_id = ?", document.uuid());
    }
    if let Some(from) = filter.span.from {
        listing.only("due_second >= ?", from);
    }
    listing.only_until_the_end_of(&filter.span);
    listing.only_behind(filter.after);
    // Written out, so that the index of what is open can be used.
    match filter.done {
        Some(true) => listing.only_if("done"),
        Some(false) => listing.only_if("NOT done"),
        None => {}
    }
    let rows: Vec<Row> = listing.rows(db, limit).await?;
    rows.into_iter().map(Todo::try_from).collect()
}

/// The todos of a document of a user, in the order of its text.
///
/// # Errors
/// When the database is away.
pub async fn of_document(db: &Database, user: UserId, document: DocumentId) -> Result<Vec<Todo>> {
    let rows: Vec<Row> = sql::all(
        db.connection(),
        format!("SELECT {COLUMNS} FROM todos WHERE document_id = $1 AND user_id = $2 ORDER BY position, id"),
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
            "UPDATE todos SET {} WHERE id = $1 AND user_id = $2 RETURNING {COLUMNS}",
            assignments.join(", "),
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

/// Todos on their way into the database.
pub(crate) type Found = agenda::Found<FoundTodo>;

impl Findable for FoundTodo {
    const WHAT: &'static str = "todo";
    const TABLE: &'static str = "todos";
    const OWN: &'static [(&'static str, &'static str)] = &[
        ("text", "text"),
        ("owner", "text"),
        ("priority", "text"),
        ("due", "text"),
        ("due_second", "bigint"),
        ("done", "boolean"),
        ("edited", "integer"),
    ];
    const STALE: &'static str = " AND todos.edited = 0";

    fn own(&self) -> Vec<serde_json::Value> {
        vec![
            self.text.as_str().into(),
            self.owner.as_deref().into(),
            self.priority.as_str().into(),
            self.due.map(|due| due.to_string()).into(),
            first_second(self.due.as_ref()).into(),
            false.into(),
            0.into(),
        ]
    }

    fn source(&self) -> &Source {
        &self.source
    }

    /// What was found now takes the place of what was there, but for what a person changed.
    fn found_again() -> Vec<String> {
        let kept = |(column, bit)| {
            format!(
                "{column} = CASE WHEN todos.edited & {bit} = 0 THEN excluded.{column} ELSE todos.{column} END"
            )
        };
        let columns = [
            ("text", TEXT),
            ("owner", OWNER),
            ("priority", PRIORITY),
            ("due", DUE),
            ("due_second", DUE),
        ];
        columns.map(kept).into()
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
        format!("SELECT {COLUMNS} FROM todos WHERE document_id = $1 ORDER BY position, id"),
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
