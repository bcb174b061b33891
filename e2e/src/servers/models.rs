//! A server that speaks like the makers of models: OpenAI (and with it Mistral and Ollama), Anthropic and Gemini, each in one
//! piece and streamed, and that can be told to fail in every way that they do.
//!
//! It knows nothing but tokio and JSON, so that whoever tests a client of models can use it as it is.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// How a request is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Mood {
    /// As it should be.
    Right,
    /// With a status, and perhaps a `Retry-After`.
    Status(u16, Option<&'static str>),
    /// The head comes, and then nothing more.
    Stall,
    /// As it should be, once [`ModelServer::go_on`] was called.
    Wait,
    /// With something that nobody asked for, in the right protocol.
    Garbage,
    /// With a body that is no JSON and no event.
    NoProtocol,
    /// As it should be, but it breaks off in the middle.
    Truncated,
    /// Elsewhere, says a redirect to this address.
    Elsewhere(String),
}

#[derive(Default)]
struct Script {
    analysis: String,
    answer: String,
    moods: VecDeque<Mood>,
    usually: Option<Mood>,
    asked: Vec<Value>,
    paths: Vec<String>,
    keys: Vec<String>,
    left: usize,
}

/// A model that says what it is told to say. It is gone when this is dropped.
pub struct ModelServer {
    /// Where it answers, without a path.
    pub base: String,
    script: Arc<Mutex<Script>>,
    gate: Arc<Notify>,
    heard: Arc<Notify>,
    serving: JoinHandle<()>,
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl ModelServer {
    /// Starts it on a free port.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (script, gate, heard) = (
            Arc::<Mutex<Script>>::default(),
            Arc::<Notify>::default(),
            Arc::<Notify>::default(),
        );
        let serving = tokio::spawn({
            let (script, gate, heard) = (Arc::clone(&script), Arc::clone(&gate), Arc::clone(&heard));
            async move {
                // Whoever hangs up is not answered; the tasks end with their connections.
                while let Ok((stream, _)) = listener.accept().await {
                    let (script, gate, heard) = (Arc::clone(&script), Arc::clone(&gate), Arc::clone(&heard));
                    tokio::spawn(async move {
                        let _hung_up = serve(stream, &script, &gate, &heard).await;
                    });
                }
            }
        });
        Self {
            base,
            script,
            gate,
            heard,
            serving,
        }
    }

    /// What it says when it is asked for a form: about a text.
    pub fn says_of_texts(&self, analysis: &Value) {
        self.script.lock().unwrap().analysis = analysis.to_string();
    }

    /// What it says otherwise: the lines of an answer.
    pub fn says_to_questions(&self, lines: &[Value]) {
        self.script.lock().unwrap().answer = lines.iter().map(|line| format!("{line}\n")).collect();
    }

    /// How the next requests are answered, in their order; those after them as they should be.
    pub fn next(&self, moods: impl IntoIterator<Item = Mood>) {
        self.script.lock().unwrap().moods.extend(moods);
    }

    /// How every request is answered from now on for which nothing else was said.
    pub fn always(&self, mood: Mood) {
        self.script.lock().unwrap().usually = Some(mood);
    }

    /// Lets one waiting request go on.
    pub fn go_on(&self) {
        self.gate.notify_one();
    }

    /// Comes back when a further request has been read.
    pub async fn hears(&self) {
        self.heard.notified().await;
    }

    /// How often it was asked.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.script.lock().unwrap().asked.len()
    }

    /// How often somebody hung up who was to be answered by [`Mood::Stall`] or [`Mood::Wait`].
    #[must_use]
    pub fn left(&self) -> usize {
        self.script.lock().unwrap().left
    }

    /// What it was asked, the oldest first.
    #[must_use]
    pub fn asked(&self) -> Vec<Value> {
        self.script.lock().unwrap().asked.clone()
    }

    /// Where it was asked, the oldest first.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.script.lock().unwrap().paths.clone()
    }

    /// The keys that it was shown, the oldest first.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.script.lock().unwrap().keys.clone()
    }
}

struct Request {
    path: String,
    key: String,
    body: Value,
}

async fn serve(
    stream: TcpStream,
    script: &Mutex<Script>,
    gate: &Notify,
    heard: &Notify,
) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    while let Some(request) = next_request(&mut read).await? {
        let (mood, reply) = {
            let mut script = script.lock().unwrap();
            let mood = script.moods.pop_front().or_else(|| script.usually.clone());
            let reply = if wants_form(&request.body) {
                script.analysis.clone()
            } else {
                script.answer.clone()
            };
            script.asked.push(request.body.clone());
            script.paths.push(request.path.clone());
            script.keys.push(request.key.clone());
            (mood.unwrap_or(Mood::Right), reply)
        };
        heard.notify_one();
        let protocol = Protocol::of(&request);
        match mood {
            Mood::Right => protocol.write(&mut write, &reply, false).await?,
            Mood::Wait => {
                tokio::select! {
                    () = gate.notified() => protocol.write(&mut write, &reply, false).await?,
                    // Nobody says anything more before the answer, so this is the end.
                    _ = read.fill_buf() => {
                        script.lock().unwrap().left += 1;
                        return Ok(());
                    }
                }
            }
            Mood::Garbage => {
                protocol
                    .write(&mut write, "Sure! Here is a poem about ducks.\nQuack.\n", false)
                    .await?
            }
            Mood::Truncated => {
                protocol.write(&mut write, &reply, true).await?;
                return Ok(());
            }
            Mood::NoProtocol => {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 12\r\n\r\n";
                write.write_all(format!("{head}<html></html").as_bytes()).await?;
            }
            Mood::Status(status, retry_after) => {
                let retry_after = retry_after
                    .map(|it| format!("retry-after: {it}\r\n"))
                    .unwrap_or_default();
                let body = r#"{"error": {"message": "no"}}"#;
                let head = format!(
                    "HTTP/1.1 {status} No\r\ncontent-type: application/json\r\n{retry_after}content-length: {}\r\n\r\n{body}",
                    body.len()
                );
                write.write_all(head.as_bytes()).await?;
            }
            Mood::Elsewhere(address) => {
                let head =
                    format!("HTTP/1.1 307 Elsewhere\r\nlocation: {address}\r\ncontent-length: 0\r\n\r\n");
                write.write_all(head.as_bytes()).await?;
            }
            Mood::Stall => {
                let kind = protocol.content_type();
                write
                    .write_all(
                        format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: 999\r\n\r\n")
                            .as_bytes(),
                    )
                    .await?;
                // Until the other side has had enough.
                let mut nothing = [0];
                let _ = read.read(&mut nothing).await;
                script.lock().unwrap().left += 1;
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn next_request(read: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if read.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut key) = (0, String::new());
    loop {
        line.clear();
        if read.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "authorization" | "x-api-key" | "x-goog-api-key" => value.clone_into(&mut key),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    read.read_exact(&mut body).await?;
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Ok(Some(Request { path, key, body }))
}

/// Whether a request asks for JSON of a form, in any of the protocols.
fn wants_form(body: &Value) -> bool {
    body.get("response_format").is_some()
        || body.pointer("/output_config/format").is_some()
        || body.pointer("/generationConfig/responseJsonSchema").is_some()
        || body.pointer("/generationConfig/responseSchema").is_some()
}

enum Protocol {
    OpenAi { streamed: bool },
    Anthropic { streamed: bool },
    Gemini { streamed: bool },
}

impl Protocol {
    fn of(request: &Request) -> Self {
        let streamed = request.body["stream"] == true;
        if request.path.ends_with("/messages") {
            Self::Anthropic { streamed }
        } else if request.path.contains("enerateContent") {
            Self::Gemini {
                streamed: request.path.contains("stream"),
            }
        } else {
            Self::OpenAi { streamed }
        }
    }

    const fn is_streamed(&self) -> bool {
        match self {
            Self::OpenAi { streamed } | Self::Anthropic { streamed } | Self::Gemini { streamed } => *streamed,
        }
    }

    const fn content_type(&self) -> &'static str {
        if self.is_streamed() {
            "text/event-stream"
        } else {
            "application/json"
        }
    }

    /// Writes a reply, or its first half.
    async fn write(
        &self,
        to: &mut (impl AsyncWriteExt + Unpin),
        reply: &str,
        only_half: bool,
    ) -> std::io::Result<()> {
        let body = if self.is_streamed() {
            self.events(reply)
        } else {
            self.whole(reply).to_string()
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n",
            self.content_type(),
            body.len()
        );
        to.write_all(head.as_bytes()).await?;
        let half = body.floor_char_boundary(body.len() * 6 / 10);
        to.write_all(&body.as_bytes()[..if only_half { half } else { body.len() }])
            .await?;
        to.flush().await
    }

    fn whole(&self, reply: &str) -> Value {
        match self {
            Self::OpenAi { .. } => json!({
                "id": "1", "object": "chat.completion", "model": "fake",
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": reply}}],
                "usage": {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100},
            }),
            Self::Anthropic { .. } => json!({
                "id": "1", "type": "message", "role": "assistant", "model": "fake", "stop_reason": "end_turn",
                "content": [{"type": "text", "text": reply}],
                "usage": {"input_tokens": 1_000, "output_tokens": 100},
            }),
            Self::Gemini { .. } => json!({
                "candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [{"text": reply}]}}],
                "usageMetadata": {"promptTokenCount": 1_000, "candidatesTokenCount": 100, "totalTokenCount": 1_100},
                "modelVersion": "fake",
            }),
        }
    }

    fn events(&self, reply: &str) -> String {
        // Pieces that end in the middle of words and lines.
        let characters: Vec<char> = reply.chars().collect();
        let pieces = characters
            .chunks(17)
            .map(|piece| piece.iter().collect::<String>());
        let mut events = String::new();
        let mut push = |name: &str, data: Value| {
            if !name.is_empty() {
                events += &format!("event: {name}\n");
            }
            events += &format!("data: {data}\n\n");
        };
        match self {
            Self::OpenAi { .. } => {
                for piece in pieces {
                    push(
                        "",
                        json!({"id": "1", "model": "fake", "choices": [{"index": 0, "delta": {"content": piece}}]}),
                    );
                }
                push(
                    "",
                    json!({"id": "1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
                );
                push(
                    "",
                    json!({"id": "1", "choices": [], "usage": {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100}}),
                );
                events += "data: [DONE]\n\n";
            }
            Self::Anthropic { .. } => {
                push(
                    "message_start",
                    json!({"type": "message_start", "message": {"id": "1", "type": "message", "role": "assistant",
                    "model": "fake", "content": [], "usage": {"input_tokens": 1_000, "output_tokens": 1}}}),
                );
                push(
                    "content_block_start",
                    json!({"type": "content_block_start", "index": 0,
                    "content_block": {"type": "text", "text": ""}}),
                );
                for piece in pieces {
                    push(
                        "content_block_delta",
                        json!({"type": "content_block_delta", "index": 0,
                        "delta": {"type": "text_delta", "text": piece}}),
                    );
                }
                push(
                    "content_block_stop",
                    json!({"type": "content_block_stop", "index": 0}),
                );
                push(
                    "message_delta",
                    json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"},
                    "usage": {"output_tokens": 100}}),
                );
                push("message_stop", json!({"type": "message_stop"}));
            }
            Self::Gemini { .. } => {
                for piece in pieces {
                    push(
                        "",
                        json!({"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": piece}]}}]}),
                    );
                }
                push(
                    "",
                    json!({"candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [{"text": ""}]}}],
                    "usageMetadata": {"promptTokenCount": 1_000, "candidatesTokenCount": 100, "totalTokenCount": 1_100}}),
                );
            }
        }
        events
    }
}
