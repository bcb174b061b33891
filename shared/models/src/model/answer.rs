//! An answer of a model, as it comes: pieces of lines in, sentences with their places out.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt;
use genai::chat::{ChatStream, ChatStreamEvent, Usage as Tokens};

use super::{Inner, chat};
use crate::answering::{self, Said};
use crate::failure::Failure;
use crate::replies::Lines;
use crate::{Ask, Piece};

/// An answer on its way.
pub(super) struct Answer {
    inner: Arc<Inner>,
    ask: Ask,
    state: State,
    /// When somebody began to listen.
    began: Instant,
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
}

impl Answer {
    /// Nobody is asked before somebody listens.
    pub(super) fn new(inner: Arc<Inner>, ask: Ask) -> Self {
        Self {
            inner,
            ask,
            state: State::Ask,
            began: Instant::now(),
        }
    }

    /// The next piece; `None` after the end or a failure.
    pub(super) async fn next(&mut self) -> Option<Result<Piece, Failure>> {
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
            Ok(Piece::End(_)) => self.inner.note(None, self.began),
            // Whoever is left alone was not asked.
            Err(Failure::LeftAlone) => {}
            Err(failure) => self.inner.note(Some(*failure), self.began),
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
            let left = self.inner.settings.patience.saturating_sub(self.began.elapsed());
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
    })
}
