//! `/chat` and `/conversations`: questions about documents and their answers.

use std::time::Duration;

use database::conversations::{self, Author, Citation, Conversation, Message, TITLE_CHARACTERS_MAX};
use domain::{ConversationId, DocumentId, MessageId};
use futures::stream::{self, Stream, StreamExt};
use poem::web::Data;
use poem::{Body, IntoResponse, Request, Response};
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::ToJSON;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde_json::json;

use super::Section;
use super::jobs::{RETRY_AFTER_SECONDS, etag};
use super::listing::{self, Page};
use super::model_schema::MadeByBody;
use super::schema::{self, JobBody, Timestamp};
use crate::auth::caller::Caller;
use crate::context::Api;
use crate::http::admission::Place;
use crate::http::cursor::Position;
use crate::http::patience;
use crate::http::request_headers;
use crate::operations::answering::{
    self, Accepted, Asked, DOCUMENTS_MAX, Line, QUESTION_CHARACTERS_MAX, Refused, Wish,
};
use crate::problem::{Code, Problem};

pub(super) struct Conversations;

const LIST: &str = "conversations";
const MESSAGES: &str = "messages";
/// When it makes sense to ask again while too many questions wait.
const QUEUE_FULL_SECONDS: u64 = 10;

/// A question.
#[derive(Debug, Object)]
#[oai(rename = "Question", deny_unknown_fields)]
struct QuestionBody {
    /// 1 to 4,000 characters, in any language.
    question: String,
    /// The document to look in.
    document_id: Option<String>,
    /// The documents to look in, at most 50. Without any, all of yours are looked in.
    document_ids: Option<Vec<String>>,
    /// The conversation to go on; without it, one is begun.
    conversation_id: Option<String>,
}

/// A conversation.
#[derive(Debug, Object)]
#[oai(rename = "Conversation")]
struct ConversationBody {
    id: String,
    /// What you call it; at first, its first question.
    title: String,
    created_at: Timestamp,
    /// When it last grew.
    updated_at: Timestamp,
}

/// A page of conversations.
#[derive(Debug, Object)]
#[oai(rename = "ConversationPage")]
struct ConversationPage {
    items: Vec<ConversationBody>,
    /// Where the list goes on; absent on the last page.
    #[oai(skip_serializing_if_is_none)]
    next_cursor: Option<String>,
}

/// Where something stands.
#[derive(Debug, Object)]
#[oai(rename = "Citation", skip_serializing_if_is_none)]
struct CitationBody {
    document_id: String,
    file_name: String,
    /// The page, where the document has pages.
    page: Option<i32>,
    /// Where it begins, in bytes of the document's text.
    start_byte: i64,
    /// Where it ends, in bytes of the document's text.
    end_byte: i64,
}

/// A question or an answer.
#[derive(Debug, Object)]
#[oai(rename = "Message", skip_serializing_if_is_none)]
struct MessageBody {
    id: String,
    /// `user` or `docmill`.
    author: String,
    /// An answer's paragraphs are separated by blank lines.
    text: String,
    /// The language of a question (ISO 639-1), if it can be told.
    language: Option<String>,
    /// What a question wants: `question` or `summary`.
    intent: Option<String>,
    /// Where the paragraphs of an answer stand, in their order.
    citations: Vec<CitationBody>,
    /// Who made an answer.
    made_by: Option<MadeByBody>,
    created_at: Timestamp,
}

/// A page of messages.
#[derive(Debug, Object)]
#[oai(rename = "MessagePage")]
struct MessagePage {
    items: Vec<MessageBody>,
    /// Where the list goes on; absent on the last page.
    #[oai(skip_serializing_if_is_none)]
    next_cursor: Option<String>,
}

/// What changes of a conversation.
#[derive(Debug, Object)]
#[oai(rename = "ConversationChange", deny_unknown_fields)]
struct ConversationChange {
    /// 1 to 200 characters.
    title: String,
}

/// An answer, line by line.
struct AnswerLines {
    body: Body,
    as_events: bool,
}

impl Payload for AnswerLines {
    const CONTENT_TYPE: &'static str = "application/x-ndjson";

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")))
    }
}

impl IntoResponse for AnswerLines {
    fn into_response(self) -> Response {
        let content_type = if self.as_events {
            EVENTS
        } else {
            Self::CONTENT_TYPE
        };
        self.body.with_content_type(content_type).into_response()
    }
}

const EVENTS: &str = "text/event-stream";

/// The longest time without a byte. Only who writes learns that the other side has hung up, with the second write at the latest.
const SILENCE_MAX: Duration = Duration::from_millis(500);

#[derive(ApiResponse)]
enum Answer {
    /// One JSON object per line: `started` with the conversation, `claim` for each sentence of the answer with its
    /// citations, and at the end `done` or `error`. With `Accept: text/event-stream` each line is an event.
    #[oai(status = 200)]
    Lines(
        AnswerLines,
        /// The form depends on the request.
        #[oai(header = "Vary")]
        String,
        /// Proxies pass each line on at once.
        #[oai(header = "X-Accel-Buffering")]
        String,
    ),
    /// A worker answers it, as `Prefer: respond-async` asked. The answer appears in the conversation when the job is completed.
    #[oai(status = 202)]
    Later(
        Json<JobBody>,
        /// Where to follow the job.
        #[oai(header = "Location")]
        String,
        /// Seconds until asking makes sense.
        #[oai(header = "Retry-After")]
        u64,
        /// The version of the job.
        #[oai(header = "ETag")]
        String,
        /// That the wish was granted.
        #[oai(header = "Preference-Applied")]
        String,
        /// `true` when an earlier request with the same Idempotency-Key did the work.
        #[oai(header = "Idempotency-Replayed")]
        Option<bool>,
    ),
}

#[derive(ApiResponse)]
enum ConversationList {
    /// A page of conversations, the newest first.
    #[oai(status = 200)]
    Page(
        Json<ConversationPage>,
        /// The first and the next page (RFC 8288).
        #[oai(header = "Link")]
        String,
    ),
}

#[derive(ApiResponse)]
enum MessageList {
    /// A page of messages, the oldest first.
    #[oai(status = 200)]
    Page(
        Json<MessagePage>,
        /// The first and the next page (RFC 8288).
        #[oai(header = "Link")]
        String,
    ),
}

#[derive(ApiResponse)]
enum Deleted {
    /// It is gone, or was never there.
    #[oai(status = 204)]
    Done,
}

#[OpenApi(tag = "Section::Answers")]
impl Conversations {
    /// Ask a question about your documents
    ///
    /// The answer consists of sentences, each with the place in a document that says so. Hanging up stops the work within a
    /// second or two; while nothing is said, white space before the next line (or a comment between events) is sent. With
    /// `Prefer: respond-async` a worker answers the question, and the answer to this request is a job; with an `Idempotency-Key`
    /// the same request can then be sent again without making a second job.
    #[oai(path = "/chat", method = "post")]
    #[allow(clippy::too_many_arguments)] // one for each part of the request
    async fn chat(
        &self,
        api: Data<&Api>,
        caller: Caller,
        place: Data<&Place>,
        request: &Request,
        #[oai(name = "Accept")] accept: Header<Option<String>>,
        body: Json<QuestionBody>,
    ) -> Result<Answer, Problem> {
        let asked = asked(caller, body.0)?;
        if patience::prefers_async(request.headers()) {
            let wish = Wish {
                idempotency_key: request_headers::idempotency_key(request.headers())?,
                trace_parent: request_headers::trace_parent(request.headers()),
            };
            let Accepted { job, by_earlier } = answering::later(&api, asked, wish).await?;
            let (location, etag) = (schema::job_path(job.id), etag(&job));
            let applied = "respond-async".to_owned();
            return Ok(Answer::Later(
                Json(job.into()),
                location,
                RETRY_AFTER_SECONDS,
                etag,
                applied,
                by_earlier.then_some(true),
            ));
        }
        let answering = answering::begin(&api, asked).await?;
        let as_events = accept.0.is_some_and(|accept| accept.contains(EVENTS));
        let lines = answering.lines(api.clone());
        let lines = AnswerLines {
            body: Body::from_bytes_stream(written(lines, as_events, (*place).clone())),
            as_events,
        };
        Ok(Answer::Lines(lines, "Accept".to_owned(), "no".to_owned()))
    }

    /// Your conversations, the newest first
    #[oai(path = "/conversations", method = "get")]
    async fn conversations(
        &self,
        api: Data<&Api>,
        caller: Caller,
        /// Items on the page, 1 to 100.
        limit: Query<Option<u64>>,
        /// Where the list goes on.
        cursor: Query<Option<String>>,
    ) -> Result<ConversationList, Problem> {
        let page = Page::read(&api, LIST, limit.0, cursor.0.as_deref())?;
        let before = page.after().map(ConversationId::from);
        let mut found = conversations::list(&api.database, caller.0.user, before, page.fetch()).await?;
        let more = page.cut(&mut found);
        let last = found.last().filter(|_| more).map(|last| last.id.uuid());
        let next = last.map(|id| api.cursors.write(LIST, Position::After(id)));
        let given = [("limit", limit.0.map(|limit| limit.to_string()))];
        let link = listing::links("/api/v1/conversations", &given, next.as_deref());
        let items = found.into_iter().map(ConversationBody::from).collect();
        Ok(ConversationList::Page(
            Json(ConversationPage {
                items,
                next_cursor: next,
            }),
            link,
        ))
    }

    /// A conversation
    #[oai(path = "/conversations/:id", method = "get")]
    async fn conversation(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
    ) -> Result<Json<ConversationBody>, Problem> {
        Ok(Json(find(&api, &caller, &id.0).await?.into()))
    }

    /// The questions and answers of a conversation, the oldest first
    #[oai(path = "/conversations/:id/messages", method = "get")]
    async fn messages(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
        /// Items on the page, 1 to 100.
        limit: Query<Option<u64>>,
        /// Where the list goes on.
        cursor: Query<Option<String>>,
    ) -> Result<MessageList, Problem> {
        let page = Page::read(&api, MESSAGES, limit.0, cursor.0.as_deref())?;
        let conversation = find(&api, &caller, &id.0).await?.id;
        let after = page.after().map(MessageId::from);
        let mut found =
            conversations::messages(&api.database, caller.0.user, conversation, after, page.fetch()).await?;
        let more = page.cut(&mut found);
        let last = found.last().filter(|_| more).map(|last| last.id.uuid());
        let next = last.map(|id| api.cursors.write(MESSAGES, Position::After(id)));
        let given = [("limit", limit.0.map(|limit| limit.to_string()))];
        let path = format!("/api/v1/conversations/{conversation}/messages");
        let link = listing::links(&path, &given, next.as_deref());
        let items = found.into_iter().map(MessageBody::from).collect();
        Ok(MessageList::Page(
            Json(MessagePage {
                items,
                next_cursor: next,
            }),
            link,
        ))
    }

    /// Give a conversation another title
    #[oai(path = "/conversations/:id", method = "patch")]
    async fn rename(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
        body: Json<ConversationChange>,
    ) -> Result<Json<ConversationBody>, Problem> {
        let title = body.0.title.trim();
        let fits = (1..=TITLE_CHARACTERS_MAX).contains(&title.chars().count());
        if !fits || title.chars().any(char::is_control) {
            let rule = format!("must have 1 to {TITLE_CHARACTERS_MAX} characters, and no line breaks");
            return Err(Problem::invalid("/title", rule));
        }
        let id_of: ConversationId = id.0.parse().map_err(|_| Problem::new(Code::NotFound))?;
        let who = caller.0.clone();
        conversations::rename(&api.database, who.user, id_of, title, who.origin, api.clock.now()).await?;
        Ok(Json(find(&api, &caller, &id.0).await?.into()))
    }

    /// Delete a conversation with its messages
    ///
    /// Deleting twice is fine: what is not there, and what is not yours, is answered as if it had just gone.
    #[oai(path = "/conversations/:id", method = "delete")]
    async fn delete(&self, api: Data<&Api>, caller: Caller, id: Path<String>) -> Result<Deleted, Problem> {
        let id: ConversationId = id.0.parse().map_err(|_| Problem::new(Code::NotFound))?;
        let Caller(who) = caller;
        conversations::delete(&api.database, who.user, id, who.origin, api.clock.now()).await?;
        Ok(Deleted::Done)
    }
}

async fn find(api: &Api, caller: &Caller, id: &str) -> Result<Conversation, Problem> {
    let id: ConversationId = id.parse().map_err(|_| Problem::new(Code::NotFound))?;
    let found = conversations::find(&api.database, caller.0.user, id).await?;
    found.ok_or_else(|| Problem::new(Code::NotFound))
}

fn asked(caller: Caller, body: QuestionBody) -> Result<Asked, Problem> {
    let question = body.question.trim().to_owned();
    if !(1..=QUESTION_CHARACTERS_MAX).contains(&question.chars().count()) {
        let rule = format!("must have 1 to {QUESTION_CHARACTERS_MAX} characters");
        return Err(Problem::invalid("/question", rule));
    }
    let (pointer, ids) = match (body.document_id, body.document_ids) {
        (Some(_), Some(_)) => {
            let rule = "give either document_id or document_ids";
            return Err(Problem::invalid("/document_ids", rule));
        }
        (one, None) => ("/document_id", one.into_iter().collect()),
        (None, Some(several)) => ("/document_ids", several),
    };
    if ids.len() > DOCUMENTS_MAX {
        return Err(Problem::invalid(
            pointer,
            format!("names more than {DOCUMENTS_MAX} documents"),
        ));
    }
    let documents: Result<Vec<DocumentId>, _> = ids.iter().map(|id| id.parse()).collect();
    let conversation = body.conversation_id.map(|id| id.parse()).transpose();
    let Caller(who) = caller;
    Ok(Asked {
        user: who.user,
        question,
        documents: documents.map_err(|_| Problem::new(Code::NotFound).detail("there is no such document"))?,
        conversation: conversation
            .map_err(|_| Problem::new(Code::NotFound).detail("there is no such conversation"))?,
        origin: who.origin,
    })
}

/// The lines as they go out, and a sign of life where none comes for a while. The place is kept until the last one has gone.
fn written(
    lines: impl Stream<Item = Line> + Send + 'static,
    as_events: bool,
    place: Place,
) -> impl Stream<Item = std::io::Result<bytes::Bytes>> + Send + 'static {
    stream::unfold((lines.boxed(), place), move |(mut lines, place)| async move {
        // The line that is being made is not lost when the wait for it ends.
        let text = match tokio::time::timeout(SILENCE_MAX, lines.next()).await {
            Ok(line) => {
                let json = line_of(line?);
                if as_events {
                    format!("data: {json}\n\n")
                } else {
                    format!("{json}\n")
                }
            }
            // A comment between events; white space before an object, which is part of no line but the next.
            Err(_) if as_events => ":\n\n".to_owned(),
            Err(_) => " ".to_owned(),
        };
        Some((Ok(bytes::Bytes::from(text)), (lines, place)))
    })
}

fn line_of(line: Line) -> serde_json::Value {
    match line {
        Line::Started {
            conversation,
            language,
            intent,
        } => json!({
            "type": "started", "conversation_id": conversation, "language": language, "intent": intent,
        }),
        Line::Claim(said) => json!({
            "type": "claim", "text": said.text, "citations": [CitationBody::from(said.citation).to_json()],
        }),
        Line::Done {
            message,
            claims,
            made_by,
        } => json!({
            "type": "done", "message_id": message, "claims": claims, "made_by": MadeByBody::from(made_by).to_json(),
        }),
        Line::Failed(refused) => {
            let Problem::Answer(_, Json(problem), ..) = Problem::from(refused);
            json!({ "type": "error", "problem": problem.to_json() })
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NoWords(_) => Self::invalid("/question", refused),
            Refused::NothingToSummarise => Self::invalid("/document_ids", refused),
            Refused::NotReady(..) => Self::new(Code::NotReady).detail(refused),
            Refused::NoSuchDocument(_) | Refused::NoSuchConversation(_) => {
                Self::new(Code::NotFound).detail(refused)
            }
            Refused::QueueFull(_) => Self::new(Code::QueueFull)
                .detail(refused)
                .retry_after(QUEUE_FULL_SECONDS),
            Refused::KeyReused => Self::new(Code::IdempotencyKeyReused),
            Refused::Gone => Self::new(Code::NotFound).detail(refused),
            Refused::Database(error) => error.into(),
        }
    }
}

impl From<Conversation> for ConversationBody {
    fn from(conversation: Conversation) -> Self {
        Self {
            id: conversation.id.to_string(),
            title: conversation.title,
            created_at: conversation.created_at.into(),
            updated_at: conversation.updated_at.into(),
        }
    }
}

impl From<Message> for MessageBody {
    fn from(message: Message) -> Self {
        Self {
            id: message.id.to_string(),
            author: match message.author {
                Author::User => "user",
                Author::Docmill => "docmill",
            }
            .to_owned(),
            text: message.text,
            language: message.language,
            intent: message.intent,
            citations: message.citations.into_iter().map(CitationBody::from).collect(),
            made_by: message.made_by.map(MadeByBody::from),
            created_at: message.created_at.into(),
        }
    }
}

impl From<Citation> for CitationBody {
    fn from(citation: Citation) -> Self {
        Self {
            document_id: citation.document_id.to_string(),
            file_name: citation.file_name,
            page: citation.page,
            start_byte: citation.start_byte,
            end_byte: citation.end_byte,
        }
    }
}
