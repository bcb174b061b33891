//! A language model behind the seam. Only this file and the one beneath it speak `genai`.

mod answer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::SharedClock;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use genai::adapter::AdapterKind;
use genai::chat::{ChatMessage, ChatOptions, ChatRequest, ChatResponseFormat, JsonSpec, Usage as Tokens};
use genai::resolver::{AuthData, Endpoint};
use genai::{Client, ModelIden, ServiceTarget};
use secrecy::ExposeSecret;
use telemetry::metrics;

use crate::answering;
use crate::breaker::Breaker;
use crate::costs::{Usage, tokens_of};
use crate::failure::Failure;
use crate::settings::{Maker, ModelSettings};
use crate::{Ask, Findings, Piece, Provider, Subject, analysis};
use answer::Answer;

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
        let began = Instant::now();
        let told = inner.analyse(&subject).await;
        inner.note(told.as_ref().err().copied(), began);
        told
    }

    fn answer(&self, ask: Ask) -> BoxStream<'static, Result<Piece, Failure>> {
        let answer = Answer::new(Arc::clone(&self.0), ask);
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

    /// Notes how a call ended.
    fn note(&self, failure: Option<Failure>, began: Instant) {
        let outcome = failure.map_or("answered", Failure::as_str);
        metrics::model_called(self.settings.provider.as_str(), outcome, began.elapsed());
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
            None => match cause.downcast_ref::<genai::Error>() {
                Some(error) => self.why(error),
                None => Failure::TimedOut,
            },
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
