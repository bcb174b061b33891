//! An answer, sentence by sentence.

use std::sync::Arc;
use std::time::{Duration, Instant};

use database::DatabaseError;
use database::conversations::Citation;
use database::search::Evidence;
use database::spending::Reserved;
use enrichment::Question;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use models::{Ask, Claim, Failure, Local, Model, Piece, Provider, TRIES_MAX};

use crate::budget::Counted;
use crate::{Answerer, CLAIMS_MAX, Ending, Inquiry, Line, Said, budget};

impl Answerer {
    /// The answer to an inquiry, to its end. Dropping it hangs up on the model at once; what was counted for a call that had begun
    /// stays counted.
    ///
    /// # Errors
    /// One line is an error when the database is away, and it is the last one.
    pub fn lines(self, inquiry: Inquiry) -> impl Stream<Item = Result<Line, DatabaseError>> + Send + 'static {
        let lines = Lines {
            answerer: self,
            inquiry,
            said: Vec::new(),
            state: State::Search,
        };
        stream::unfold(lines, |mut lines| async {
            let line = lines.next().await?;
            Some((line, lines))
        })
    }
}

struct Lines {
    answerer: Answerer,
    inquiry: Inquiry,
    /// What was said so far.
    said: Vec<Claim>,
    state: State,
}

enum State {
    Search,
    Listen(Box<Listening>),
    Over,
}

/// Passages, and who is talking about them.
struct Listening {
    evidence: Vec<Evidence>,
    ask: Ask,
    provider: Arc<dyn Provider>,
    pieces: BoxStream<'static, Result<Piece, Failure>>,
    /// Why somebody else talks than was asked first.
    fallback: Option<Failure>,
    counted: Option<Counted>,
    tries: u32,
    began: Instant,
}

impl Lines {
    async fn next(&mut self) -> Option<Result<Line, DatabaseError>> {
        let mut listening = match std::mem::replace(&mut self.state, State::Over) {
            State::Over => return None,
            State::Listen(listening) => listening,
            State::Search => match self.answerer.begin(&self.inquiry).await {
                Ok(listening) => Box::new(listening),
                Err(error) => return Some(Err(error)),
            },
        };
        loop {
            if let Some(counted) = &mut listening.counted {
                counted.ask();
            }
            let piece = listening.pieces.next().await.unwrap_or(Err(Failure::Truncated));
            match piece {
                Ok(Piece::Claim(claim)) => {
                    if self.said.len() >= CLAIMS_MAX || self.said.iter().any(|other| overlaps(other, &claim))
                    {
                        continue;
                    }
                    let said = said(&claim, &listening.evidence[claim.passage]);
                    self.said.push(claim);
                    self.state = State::Listen(listening);
                    return Some(Ok(Line::Claim(said)));
                }
                Ok(Piece::End(usage)) => {
                    let ending = Ending {
                        made_by: budget::made_by(&*listening.provider, listening.fallback),
                        bill: listening.counted.and_then(|counted| counted.billed(usage)),
                    };
                    return Some(Ok(Line::End(ending)));
                }
                Err(failure) => self.after(failure, &mut listening).await,
            }
        }
    }

    /// Asks the model again, where nothing was said or paid yet and there is time; else the rules go on.
    async fn after(&mut self, failure: Failure, listening: &mut Listening) {
        let patience = self
            .answerer
            .model
            .as_ref()
            .map_or(Duration::ZERO, |model| model.patience());
        let left = patience.saturating_sub(listening.began.elapsed());
        match failure.ask_again_after() {
            Some(wait) if self.said.is_empty() && listening.tries < TRIES_MAX && wait < left => {
                if let Some(counted) = &mut listening.counted {
                    counted.failed_for_free();
                }
                tokio::time::sleep(wait).await;
                listening.tries += 1;
            }
            _ => {
                // What had begun to answer is paid for.
                if let Some(counted) = listening.counted.take().filter(|_| self.said.is_empty()) {
                    counted.failed(failure).await;
                }
                listening.fallback = Some(failure);
                listening.provider = Arc::new(Local);
            }
        }
        listening.pieces = listening.provider.answer(listening.ask.clone());
    }
}

impl Answerer {
    /// The passages, and the first who talks about them.
    async fn begin(&self, inquiry: &Inquiry) -> Result<Listening, DatabaseError> {
        let question = Arc::new(Question::read(&inquiry.text));
        let evidence = self.evidence(inquiry, &question).await?;
        let passages: Vec<String> = evidence.iter().map(|evidence| evidence.text.clone()).collect();
        let bytes = passages.iter().map(String::len).sum();
        let ask = Ask {
            question,
            text: inquiry.text.clone(),
            passages: Arc::new(passages),
            claims_max: CLAIMS_MAX,
        };
        let (mut provider, mut fallback, mut counted) = (self.provider(), None, None);
        // Nobody is paid for saying that there is nothing.
        if evidence.is_empty() {
            provider = Arc::new(Local);
        } else if let Some(model) = &self.model {
            let reserved = self.reserve(model, inquiry, bytes).await?;
            counted = reserved.map(|reserved| Counted::new(&self.database, reserved));
            if counted.is_none() {
                fallback = Some(Failure::BudgetExceeded);
                provider = Arc::new(Local);
            }
        }
        Ok(Listening {
            pieces: provider.answer(ask.clone()),
            evidence,
            ask,
            provider,
            fallback,
            counted,
            tries: 1,
            began: Instant::now(),
        })
    }

    async fn reserve(
        &self,
        model: &Model,
        inquiry: &Inquiry,
        bytes: usize,
    ) -> Result<Option<Reserved>, DatabaseError> {
        let (most, now) = (model.answer_costs(bytes), self.clock.now());
        budget::reserve(
            &self.database,
            model.settings(),
            inquiry.user,
            inquiry.job,
            most,
            now,
        )
        .await
    }
}

fn overlaps(one: &Claim, other: &Claim) -> bool {
    one.passage == other.passage && one.range.start < other.range.end && other.range.start < one.range.end
}

fn said(claim: &Claim, evidence: &Evidence) -> Said {
    let at = |offset: usize| evidence.start_byte + i64::try_from(offset).unwrap_or(i64::MAX);
    Said {
        text: claim.text.clone(),
        citation: Citation {
            document_id: evidence.document.uuid(),
            file_name: evidence.file_name.clone(),
            page: evidence.page,
            start_byte: at(claim.range.start),
            end_byte: at(claim.range.end),
        },
    }
}
