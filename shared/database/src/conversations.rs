//! Questions about documents and their answers.

use chrono::{DateTime, Utc};
use domain::{ConversationId, MessageId, UserId};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Database, DatabaseError, MadeBy, Result, audit, sql};

/// Questions that belong together, with their answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// The conversation.
    pub id: ConversationId,
    /// What its owner calls it; at first, its first question.
    pub title: String,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it last grew, or got another title.
    pub updated_at: DateTime<Utc>,
}

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// The owner of the conversation.
    User,
    /// docmill.
    Docmill,
}

impl Author {
    /// The word used in the database and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Docmill => "docmill",
        }
    }
}

/// Where something that an answer says stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    /// The document.
    pub document_id: Uuid,
    /// Its label when it was cited.
    pub file_name: String,
    /// The page, where its kind has pages.
    pub page: Option<i32>,
    /// Where it begins, in bytes of the document's text.
    pub start_byte: i64,
    /// Where it ends, in bytes of the document's text.
    pub end_byte: i64,
}

/// A question or an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The message.
    pub id: MessageId,
    /// Who says it.
    pub author: Author,
    /// What is said; every paragraph of an answer has its citation.
    pub text: String,
    /// The language of a question (ISO 639-1), if it can be told.
    pub language: Option<String>,
    /// What a question wants, in one word.
    pub intent: Option<String>,
    /// Where the paragraphs of an answer stand, in their order.
    pub citations: Vec<Citation>,
    /// Who made an answer. Those of earlier releases do not say.
    pub made_by: Option<MadeBy>,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// A question to be stored.
#[derive(Debug, Clone)]
pub struct NewQuestion {
    /// Who asks.
    pub user: UserId,
    /// The conversation that it goes on; `None` begins one.
    pub conversation: Option<ConversationId>,
    /// The question.
    pub text: String,
    /// Its language, if it can be told.
    pub language: Option<String>,
    /// What it wants, in one word.
    pub intent: &'static str,
    /// From where it came.
    pub origin: audit::Origin,
}

/// An answer to be stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAnswer {
    /// What is said; every paragraph has its citation.
    pub text: String,
    /// Where the paragraphs stand, in their order.
    pub citations: Vec<Citation>,
    /// Who made it.
    pub made_by: MadeBy,
}

/// Characters of a title.
pub const TITLE_CHARACTERS_MAX: usize = 200;

/// Stores a question, in its conversation or in a new one. `None` when there is no such conversation of that user.
///
/// # Errors
/// When the database is away; nothing is stored then.
pub async fn ask(db: &Database, new: NewQuestion, now: DateTime<Utc>) -> Result<Option<ConversationId>> {
    let transaction = db.begin().await?;
    let asked = ask_in(&transaction, new, now).await?;
    transaction.commit().await?;
    Ok(asked)
}

/// As [`ask`], in a transaction of something else.
pub(crate) async fn ask_in(
    transaction: &impl ConnectionTrait,
    new: NewQuestion,
    now: DateTime<Utc>,
) -> Result<Option<ConversationId>> {
    let conversation = match new.conversation {
        Some(id) => {
            let grown = sql::execute(
                transaction,
                "UPDATE conversations SET updated_at = $3 WHERE id = $1 AND user_id = $2",
                [id.uuid().into(), new.user.uuid().into(), now.into()],
            )
            .await?;
            if grown == 0 {
                return Ok(None);
            }
            id
        }
        None => begin(transaction, &new, now).await?,
    };
    let question = Message {
        id: MessageId::new(),
        author: Author::User,
        text: new.text,
        language: new.language,
        intent: Some(new.intent.to_owned()),
        citations: Vec::new(),
        made_by: None,
        created_at: now,
    };
    insert(transaction, new.user, conversation, &question).await?;
    Ok(Some(conversation))
}

/// Stores an answer. `None` when its conversation was deleted meanwhile.
///
/// # Errors
/// When the database is away; nothing is stored then.
pub async fn answer(
    db: &Database,
    user: UserId,
    conversation: ConversationId,
    answer: NewAnswer,
    now: DateTime<Utc>,
) -> Result<Option<MessageId>> {
    let id = MessageId::new();
    let stored = answer_as(db.connection(), user, conversation, id, answer, now).await?;
    Ok(stored.then_some(id))
}

/// As [`answer`], with an id that is known already, wherever it belongs to something else. `false` when the conversation was
/// deleted meanwhile.
pub(crate) async fn answer_as(
    db: &impl ConnectionTrait,
    user: UserId,
    conversation: ConversationId,
    id: MessageId,
    answer: NewAnswer,
    now: DateTime<Utc>,
) -> Result<bool> {
    let message = Message {
        id,
        author: Author::Docmill,
        text: answer.text,
        language: None,
        intent: None,
        citations: answer.citations,
        made_by: Some(answer.made_by),
        created_at: now,
    };
    Ok(insert(db, user, conversation, &message).await? > 0)
}

/// Conversations of a user, the newest first, at most `limit` after the one called `before`.
///
/// # Errors
/// When the database is away.
pub async fn list(
    db: &Database,
    user: UserId,
    before: Option<ConversationId>,
    limit: u64,
) -> Result<Vec<Conversation>> {
    let mut values: Vec<Value> = vec![
        user.uuid().into(),
        i64::try_from(limit).unwrap_or(i64::MAX).into(),
    ];
    let mut older = "";
    if let Some(before) = before {
        values.push(before.uuid().into());
        older = " AND id < $3";
    }
    let rows: Vec<ConversationRow> = sql::all(
        db.connection(),
        format!("{SELECT} WHERE user_id = $1{older} ORDER BY id DESC LIMIT $2"),
        values,
    )
    .await?;
    Ok(rows.into_iter().map(Conversation::from).collect())
}

/// A conversation of a user.
///
/// # Errors
/// When the database is away.
pub async fn find(db: &Database, user: UserId, id: ConversationId) -> Result<Option<Conversation>> {
    let row: Option<ConversationRow> = sql::first(
        db.connection(),
        format!("{SELECT} WHERE id = $1 AND user_id = $2"),
        [id.uuid().into(), user.uuid().into()],
    )
    .await?;
    Ok(row.map(Conversation::from))
}

/// Messages of a user's conversation, the oldest first, at most `limit` after the one called `after`.
///
/// # Errors
/// When the database is away.
pub async fn messages(
    db: &Database,
    user: UserId,
    conversation: ConversationId,
    after: Option<MessageId>,
    limit: u64,
) -> Result<Vec<Message>> {
    let mut values: Vec<Value> = vec![
        conversation.uuid().into(),
        user.uuid().into(),
        i64::try_from(limit).unwrap_or(i64::MAX).into(),
    ];
    let mut newer = "";
    if let Some(after) = after {
        values.push(after.uuid().into());
        newer = " AND m.id > $4";
    }
    let rows: Vec<MessageRow> = sql::all(
        db.connection(),
        format!(
            "SELECT m.id, m.author, m.text, m.language, m.intent, m.citations, m.made_by, m.created_at FROM messages m \
             JOIN conversations c ON c.id = m.conversation_id WHERE m.conversation_id = $1 AND c.user_id = $2{newer} \
             ORDER BY m.id LIMIT $3"
        ),
        values,
    )
    .await?;
    rows.into_iter().map(Message::try_from).collect()
}

/// Gives a conversation another title. `false` when there is no such conversation of that user.
///
/// # Errors
/// When the database is away; nothing changed then.
pub async fn rename(
    db: &Database,
    user: UserId,
    id: ConversationId,
    title: &str,
    origin: audit::Origin,
    now: DateTime<Utc>,
) -> Result<bool> {
    let transaction = db.begin().await?;
    let changed = sql::execute(
        &transaction,
        "UPDATE conversations SET title = $3, updated_at = $4 WHERE id = $1 AND user_id = $2",
        [id.uuid().into(), user.uuid().into(), title.into(), now.into()],
    )
    .await?;
    if changed > 0 {
        audit::insert(&transaction, entry(user, id, "conversation.rename", origin), now).await?;
    }
    transaction.commit().await?;
    Ok(changed > 0)
}

/// Deletes a conversation with its messages; deleting what is not there changes nothing.
///
/// # Errors
/// When the database is away; nothing changed then.
pub async fn delete(
    db: &Database,
    user: UserId,
    id: ConversationId,
    origin: audit::Origin,
    now: DateTime<Utc>,
) -> Result<()> {
    let transaction = db.begin().await?;
    let deleted = sql::execute(
        &transaction,
        "DELETE FROM conversations WHERE id = $1 AND user_id = $2",
        [id.uuid().into(), user.uuid().into()],
    )
    .await?;
    if deleted > 0 {
        audit::insert(&transaction, entry(user, id, "conversation.delete", origin), now).await?;
    }
    transaction.commit().await?;
    Ok(())
}

const SELECT: &str = "SELECT id, title, created_at, updated_at FROM conversations";

async fn begin(
    transaction: &impl ConnectionTrait,
    new: &NewQuestion,
    now: DateTime<Utc>,
) -> Result<ConversationId> {
    let id = ConversationId::new();
    let title: String = new.text.split_whitespace().collect::<Vec<_>>().join(" ");
    let title: String = title.chars().take(TITLE_CHARACTERS_MAX).collect();
    sql::execute(
        transaction,
        "INSERT INTO conversations (id, user_id, title, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)",
        [id.uuid().into(), new.user.uuid().into(), title.into(), now.into()],
    )
    .await?;
    let entry = entry(new.user, id, "conversation.begin", new.origin.clone());
    audit::insert(transaction, entry, now).await?;
    Ok(id)
}

/// Adds a message to a conversation that is still there.
async fn insert(
    db: &impl ConnectionTrait,
    user: UserId,
    conversation: ConversationId,
    message: &Message,
) -> Result<u64> {
    let citations = serde_json::to_value(&message.citations).expect("plain structs always become JSON");
    let made_by: Option<serde_json::Value> = message
        .made_by
        .as_ref()
        .map(|made_by| serde_json::to_value(made_by).expect("plain structs always become JSON"));
    sql::execute(
        db,
        "INSERT INTO messages (id, conversation_id, author, text, language, intent, citations, created_at, made_by) \
         SELECT $1, c.id, $4, $5, $6, $7, $8, $9, $10 FROM conversations c WHERE c.id = $2 AND c.user_id = $3",
        [
            message.id.uuid().into(),
            conversation.uuid().into(),
            user.uuid().into(),
            message.author.as_str().into(),
            message.text.as_str().into(),
            message.language.clone().into(),
            message.intent.clone().into(),
            citations.into(),
            message.created_at.into(),
            made_by.into(),
        ],
    )
    .await
}

fn entry(user: UserId, id: ConversationId, action: &'static str, origin: audit::Origin) -> audit::Entry {
    audit::Entry {
        user: Some(user),
        action,
        resource: Some(("conversation", id.uuid())),
        outcome: audit::Outcome::Success,
        origin,
    }
}

#[derive(FromQueryResult)]
struct ConversationRow {
    id: Uuid,
    title: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<ConversationRow> for Conversation {
    fn from(row: ConversationRow) -> Self {
        Self {
            id: row.id.into(),
            title: row.title,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

#[derive(FromQueryResult)]
struct MessageRow {
    id: Uuid,
    author: String,
    text: String,
    language: Option<String>,
    intent: Option<String>,
    citations: serde_json::Value,
    made_by: Option<serde_json::Value>,
    created_at: DateTime<Utc>,
}

impl TryFrom<MessageRow> for Message {
    type Error = DatabaseError;

    fn try_from(row: MessageRow) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            author: if row.author == Author::User.as_str() {
                Author::User
            } else {
                Author::Docmill
            },
            text: row.text,
            language: row.language,
            intent: row.intent,
            citations: serde_json::from_value(row.citations).unwrap_or_default(),
            made_by: row
                .made_by
                .and_then(|made_by| serde_json::from_value(made_by).ok()),
            created_at: row.created_at,
        })
    }
}
