//! A language model behind the seam. The only file that speaks `genai`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::SharedClock;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use genai::adapter::AdapterKind;
use genai::chat::{
    ChatMessage, ChatOptions, ChatRequest, ChatResponseFormat, ChatStream, ChatStreamEvent, JsonSpec,
    Usage as Tokens,
};
use genai::resolver::{AuthData, Endpoint};
use genai::{Client, ModelIden, ServiceTarget};
use secrecy::ExposeSecret;

use crate::answering::{self, Said};
use crate::breaker::Breaker;
use crate::costs::{Usage, tokens_of};
use crate::failure::Failure;
use crate::replies::Lines;
use crate::settings::{Maker, ModelSettings};
use crate::{Ask, Findings, Piece, Provider, Subject, analysis};

/// A connection comes about within this time, or not at all.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Nobody waits longer than this for a model that wants to be left alone; whoever asks looks what is left of their own time.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(10 * 60);

/// A language model.
#[derive(Clone)]
pub struct Model(Arc<Inner>);

struct Inner {
    client: Client,
    target: ServiceTarget,
    settings: ModelSettings,
    breaker: Breaker,
    clock: SharedClock,
}

impl Model {
    /// The model that the settings name; `None` when they name the rules. Nobody is asked yet.
    pub(crate) fn open(settings: &ModelSettings, clock: SharedClock) -> Option<Self> {
        let adapter = match settings.provider {
            Maker::Local => return None,
            // Ollama's own protocol silently forgets the form that it is asked for.
            Maker::OpenAi | Maker::Ollama => AdapterKind::OpenAI,
            Maker::Mistral => AdapterKind::Mistral,
            Maker::Gemini => AdapterKind::Gemini,
            Maker::Anthropic => AdapterKind::Anthropic,
        };
        let key = match settings.api_key.expose_secret() {
            // The protocol wants one.
            "" => "none",
            key => key,
        };
        let target = ServiceTarget {
            endpoint: Endpoint::from_owned(settings.base_url()),
            auth: AuthData::from_single(key),
            model: ModelIden::new(adapter, settings.name.as_str()),
        };
        Some(Self(Arc::new(Inner {
            client: Client::builder().with_reqwest(connections()).build().ok()?,
            target,
            breaker: Breaker::new(Arc::clone(&clock), settings.pause),
            settings: settings.clone(),
            clock,
        })))
    }

    /// How long a caller waits at most: all calls, and the waits between them.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.0.settings.patience
    }

    /// The settings that it was opened with.
    #[must_use]
    pub fn settings(&self) -> &ModelSettings {
        &self.0.settings
    }
}

/// No redirect is followed and no proxy of the environment taken: documents go where the operator says, and nowhere else. A
/// compressed answer could be a thousand times as long as what came over the wire.
fn connections() -> reqwest::Client {
    // An error means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .connect_timeout(CONNECT_MAX)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .no_gzip()
        .build()
        .expect("a client with plain options and an installed TLS provider can be built")
}

#[async_trait]
impl Provider for Model {
    fn name(&self) -> &'static str {
        self.0.settings.provider.as_str()
    }

    fn model(&self) -> Option<&str> {
        Some(&self.0.settings.name)
    }

    fn analysis_costs(&self, bytes: usize) -> Usage {
        self.0.costs_at_most(bytes, analysis::INSTRUCTIONS)
    }

    fn answer_costs(&self, bytes: usize) -> Usage {
        self.0.costs_at_most(bytes, answering::INSTRUCTIONS)
    }

    async fn analyse(&self, subject: Subject) -> Result<(Findings, Usage), Failure> {
        let inner = &self.0;
        inner.ask_leave()?;
        let told = inner.analyse(&subject).await;
        inner.note(told.as_ref().err().copied());
        told
    }

    fn answer(&self, ask: Ask) -> BoxStream<'static, Result<Piece, Failure>> {
        let answer = Answer {
            inner: Arc::clone(&self.0),
            ask,
            state: State::Ask,
        };
        stream::unfold(answer, |mut answer| async {
            let piece = answer.next().await?;
            Some((piece, answer))
        })
        .boxed()
    }
}

impl Inner {
    fn ask_leave(&self) -> Result<(), Failure> {
        if self.breaker.lets_through() {
            Ok(())
        } else {
            Err(Failure::LeftAlone)
        }
    }

    fn note(&self, failure: Option<Failure>) {
        let Some(failure) = failure else {
            self.breaker.worked();
            return;
        };
        tracing::warn!(model.provider = self.settings.provider.as_str(), "{failure}");
        if self.breaker.failed() {
            let pause = domain::units::duration::show(self.settings.pause);
            tracing::error!("the model failed several times in a row and is left alone for {pause}");
        }
    }

    fn input_max(&self) -> usize {
        usize::try_from(self.settings.input_max.bytes()).unwrap_or(usize::MAX)
    }

    fn costs_at_most(&self, bytes: usize, instructions: &str) -> Usage {
        // Quotation marks and the form that is asked for.
        const AROUND: usize = 2_048;
        let input = bytes.min(self.input_max()) + instructions.len() + AROUND;
        let prices = self.settings.prices();
        prices.of(tokens_of(input), u64::from(self.settings.output_tokens_max))
    }

    fn options(&self) -> ChatOptions {
        ChatOptions::default()
            .with_max_tokens(self.settings.output_tokens_max)
            .with_capture_usage(true)
            .with_stream_header_timeout(self.settings.timeout)
            .with_stream_read_timeout(self.settings.timeout)
    }

    async fn analyse(&self, subject: &Subject) -> Result<(Findings, Usage), Failure> {
        let (request, looked_at) = analysis::request(subject, self.input_max());
        let sent = request.len() + analysis::INSTRUCTIONS.len();
        let form = JsonSpec::new("analysis", analysis::schema());
        let options = self
            .options()
            .with_response_format(ChatResponseFormat::JsonSpec(form));
        let call = self.client.exec_chat(
            self.target.clone(),
            chat(analysis::INSTRUCTIONS, request),
            Some(&options),
        );
        let answer = tokio::time::timeout(self.settings.timeout, call)
            .await
            .map_err(|_| Failure::TimedOut)?
            .map_err(|error| self.why(&error))?;
        let reply = answer.content.joined_texts().unwrap_or_default();
        let usage = self.usage(Some(&answer.usage), sent, reply.len());
        Ok((analysis::read(&reply, subject, looked_at)?, usage))
    }

    /// What a call took, as its maker counts; where that is not told, as its bytes allow.
    fn usage(&self, counted: Option<&Tokens>, sent: usize, received: usize) -> Usage {
        let number = |tokens: Option<i32>, bytes: usize| {
            tokens
                .and_then(|count| u64::try_from(count).ok())
                .filter(|count| *count > 0)
                .unwrap_or_else(|| tokens_of(bytes))
        };
        self.settings.prices().of(
            number(counted.and_then(|it| it.prompt_tokens), sent),
            number(counted.and_then(|it| it.completion_tokens), received),
        )
    }

    /// Only what kind of failure it is: the error itself quotes what was sent and received.
    fn why(&self, error: &genai::Error) -> Failure {
        if let Some(status) = error.status() {
            return match status.as_u16() {
                429 => Failure::RateLimited {
                    retry_after: error.headers().and_then(|headers| {
                        let value = headers.get(reqwest::header::RETRY_AFTER)?.to_str().ok()?;
                        self.retry_after(value)
                    }),
                },
                status @ 500..=599 => Failure::Unavailable { status },
                status => Failure::Refused { status },
            };
        }
        let cause: &(dyn std::error::Error + 'static) = match error {
            genai::Error::WebModelCall { webc_error, .. }
            | genai::Error::WebAdapterCall { webc_error, .. } => match webc_error {
                genai::webc::Error::Reqwest(error) => error,
                _ => return Failure::Garbage,
            },
            genai::Error::WebStream { error, .. } => &**error,
            genai::Error::ChatResponse { .. } => return Failure::Unavailable { status: 500 },
            _ => return Failure::Garbage,
        };
        match cause.downcast_ref::<reqwest::Error>() {
            Some(error) if error.is_timeout() => Failure::TimedOut,
            Some(error) if error.is_connect() || error.is_request() => Failure::Unreachable,
            // It broke off while it came.
            Some(_) => Failure::Truncated,
            None => Failure::TimedOut,
        }
    }

    /// Seconds, or a date (RFC 9110).
    fn retry_after(&self, value: &str) -> Option<Duration> {
        let wait = match value.trim().parse() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => {
                let date = chrono::DateTime::parse_from_rfc2822(value).ok()?;
                (date.to_utc() - self.clock.now()).to_std().ok()?
            }
        };
        Some(wait.min(RETRY_AFTER_MAX))
    }
}

fn chat(instructions: &str, request: String) -> ChatRequest {
    ChatRequest::new(vec![ChatMessage::user(request)]).with_system(instructions)
}

/// An answer on its way.
struct Answer {
    inner: Arc<Inner>,
    ask: Ask,
    state: State,
}

enum State {
    Ask,
    Listen(Box<Listening>),
    Over,
}

struct Listening {
    stream: ChatStream,
    lines: Lines,
    /// Lines that are complete and not yet looked at.
    ready: VecDeque<String>,
    /// Passages that the model was shown.
    shown: usize,
    claims: usize,
    sent: usize,
    received: usize,
    /// The model said that it is done.
    ended: bool,
    tokens: Option<Tokens>,
    began: Instant,
}

impl Answer {
    /// The next piece; `None` after the end or a failure.
    async fn next(&mut self) -> Option<Result<Piece, Failure>> {
        let piece = match std::mem::replace(&mut self.state, State::Over) {
            State::Over => return None,
            State::Ask => match begin(&self.inner, &self.ask).await {
                Ok(listening) => self.listen(Box::new(listening)).await,
                Err(failure) => Err(failure),
            },
            State::Listen(listening) => self.listen(listening).await,
        };
        match &piece {
            Ok(Piece::Claim(_)) => {}
            Ok(Piece::End(_)) => self.inner.note(None),
            // Whoever is left alone was not asked.
            Err(Failure::LeftAlone) => {}
            Err(failure) => self.inner.note(Some(*failure)),
        }
        Some(piece)
    }

    /// Listens until a sentence is complete or the answer is.
    async fn listen(&mut self, mut it: Box<Listening>) -> Result<Piece, Failure> {
        loop {
            while let Some(line) = it.ready.pop_front() {
                match answering::read(&line, &self.ask.passages, it.shown)? {
                    Said::Claim(claim) if it.claims < self.ask.claims_max => {
                        it.claims += 1;
                        self.state = State::Listen(it);
                        return Ok(Piece::Claim(claim));
                    }
                    Said::Claim(_) | Said::Nothing => {}
                    Said::End => it.ended = true,
                }
            }
            // A stall of one piece is bounded, and so is an answer that trickles.
            let left = self.inner.settings.patience.saturating_sub(it.began.elapsed());
            let wait = left.min(self.inner.settings.timeout);
            let event = tokio::time::timeout(wait, it.stream.next())
                .await
                .map_err(|_| Failure::TimedOut)?;
            match event {
                Some(Ok(ChatStreamEvent::Chunk(chunk))) => {
                    it.received += chunk.content.len();
                    it.ready.extend(it.lines.push(&chunk.content)?);
                }
                Some(Ok(ChatStreamEvent::End(end))) => {
                    it.tokens = end.captured_usage.or(it.tokens.take());
                    it.ready.push_back(it.lines.finish());
                    // A stream may go on saying nothing after its end.
                    if it.ended || it.ready.iter().any(|line| !line.trim().is_empty()) {
                        self.drain(&mut it)?;
                    }
                    return self.end(&it);
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(self.inner.why(&error)),
                None => {
                    it.ready.push_back(it.lines.finish());
                    self.drain(&mut it)?;
                    return self.end(&it);
                }
            }
        }
    }

    /// Looks at what is left for the word that ends an answer; sentences that nothing ended are not believed.
    fn drain(&self, it: &mut Listening) -> Result<(), Failure> {
        while let Some(line) = it.ready.pop_front() {
            match answering::read(&line, &self.ask.passages, it.shown) {
                Ok(Said::End) => it.ended = true,
                Ok(_) => {}
                Err(_) => return Err(Failure::Truncated),
            }
        }
        Ok(())
    }

    fn end(&self, it: &Listening) -> Result<Piece, Failure> {
        if !it.ended {
            return Err(Failure::Truncated);
        }
        Ok(Piece::End(self.inner.usage(
            it.tokens.as_ref(),
            it.sent,
            it.received,
        )))
    }
}

async fn begin(inner: &Inner, ask: &Ask) -> Result<Listening, Failure> {
    inner.ask_leave()?;
    let (request, shown) = answering::request(ask, inner.input_max());
    let sent = request.len() + answering::INSTRUCTIONS.len();
    let options = inner.options();
    let call = inner.client.exec_chat_stream(
        inner.target.clone(),
        chat(answering::INSTRUCTIONS, request),
        Some(&options),
    );
    let began = Instant::now();
    let answer = tokio::time::timeout(inner.settings.timeout, call)
        .await
        .map_err(|_| Failure::TimedOut)?
        .map_err(|error| inner.why(&error))?;
    Ok(Listening {
        stream: answer.stream,
        lines: Lines::default(),
        ready: VecDeque::new(),
        shown,
        claims: 0,
        sent,
        received: 0,
        ended: false,
        tokens: None,
        began,
    })
}
