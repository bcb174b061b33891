//! The children of a worker: started when needed, used again while they are well, replaced when they are not.

use std::error::Error;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use domain::DocumentKind;
use extraction::{Extracted, Limits};
use futures::Stream;
use telemetry::metrics::{self, ParserEnd};
use tokio::sync::Semaphore;
use tracing::{debug, info, warn};

use crate::Confinement;
use crate::error::ParseError;
use crate::parser_child::{Failure, ParserChild};
use crate::settings::SandboxSettings;

/// The program that is started as a child; it must run [`child_main`](crate::child_main).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildProgram {
    /// Where the program is.
    pub path: PathBuf,
    /// What it is called with.
    pub args: Vec<OsString>,
}

impl ChildProgram {
    /// The hidden subcommand under which every binary with a pool runs [`child_main`](crate::child_main).
    pub const SUBCOMMAND: &str = "parser-child";

    /// This program itself, with the hidden subcommand.
    ///
    /// # Errors
    /// When the system does not tell where this program is.
    pub fn this() -> io::Result<Self> {
        // Through /proc, a program that was replaced on disk by its next release still starts children of its own.
        let own = PathBuf::from("/proc/self/exe");
        let path = if own.exists() {
            own
        } else {
            std::env::current_exe()?
        };
        Ok(Self {
            path,
            args: vec![Self::SUBCOMMAND.into()],
        })
    }
}

/// A document to be parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseRequest {
    /// What the document is.
    pub kind: DocumentKind,
    /// Its name, which only helps to tell variants apart.
    pub file_name: String,
    /// Its bytes, as far as known; the stream decides.
    pub size: u64,
    /// How much of it is read.
    pub limits: Limits,
}

/// Parses documents in children, one in each at a time.
///
/// Nothing is started before the first document. Children die with the pool.
#[derive(Debug)]
pub struct ParserPool {
    program: ChildProgram,
    settings: SandboxSettings,
    slots: Semaphore,
    /// Children without a document, the last used at the end.
    idle: Mutex<Vec<ParserChild>>,
    confinement: OnceLock<Confinement>,
}

impl ParserPool {
    /// A pool of children of this program.
    #[must_use]
    pub fn new(program: ChildProgram, settings: SandboxSettings) -> Self {
        Self {
            program,
            slots: Semaphore::new(usize::try_from(settings.children()).unwrap_or(1)),
            settings,
            idle: Mutex::default(),
            confinement: OnceLock::new(),
        }
    }

    /// Starts a child, to find out before the first document that it works and what the kernel can take away from it.
    ///
    /// # Errors
    /// [`ParseError::Unavailable`] when no child comes up.
    pub async fn warm_up(&self) -> Result<Confinement, ParseError> {
        let child = self.start_child().await?;
        let confinement = self.confinement.get().cloned();
        self.put_back(child).await;
        confinement.ok_or_else(|| ParseError::Unavailable(io::ErrorKind::NotFound.into()))
    }

    /// Parses a document. `open` opens its bytes; it is called again when the first child does not survive them, so that
    /// they need not be kept. Dropping the future kills the child that is busy with it.
    ///
    /// # Errors
    /// See [`ParseError`].
    pub async fn extract<O, F, S, E, C>(
        &self,
        request: &ParseRequest,
        open: O,
    ) -> Result<Extracted, ParseError>
    where
        O: Fn() -> F,
        F: Future<Output = Result<S, E>>,
        S: Stream<Item = Result<Bytes, C>>,
        E: Into<Box<dyn Error + Send + Sync>>,
        C: Into<Box<dyn Error + Send + Sync>>,
    {
        let bytes_max = self.settings.input_max.bytes();
        if request.size > bytes_max {
            return Err(ParseError::TooLarge { bytes_max });
        }
        let _slot = self
            .slots
            .acquire()
            .await
            .map_err(|_| ParseError::Unavailable(io::Error::other("the pool is shut down")))?;

        let child = match self.take_idle() {
            Some(child) => child,
            None => self.start_child().await?,
        };
        match self.attempt(child, request, &open).await? {
            Attempt::Read(extracted) => return Ok(extracted),
            Attempt::Crashed(detail) => warn!(detail, "a parser child died of a document; trying another"),
        }
        // A fresh one: the other may have been broken by the documents before.
        let child = self.start_child().await?;
        match self.attempt(child, request, &open).await? {
            Attempt::Read(extracted) => Ok(extracted),
            Attempt::Crashed(detail) => Err(ParseError::Crashed { detail }),
        }
    }

    /// Waits for the documents under way, then ends all children. From then on no document is accepted.
    pub async fn shut_down(&self) {
        // Acquiring all slots fails only when the pool is shut down already.
        let all = self.slots.acquire_many(self.settings.children()).await;
        self.slots.close();
        drop(all);
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for child in idle {
            metrics::parser_child_ended(ParserEnd::Stopped);
            child.kill().await;
        }
    }

    async fn attempt<O, F, S, E, C>(
        &self,
        mut child: ParserChild,
        request: &ParseRequest,
        open: &O,
    ) -> Result<Attempt, ParseError>
    where
        O: Fn() -> F,
        F: Future<Output = Result<S, E>>,
        S: Stream<Item = Result<Bytes, C>>,
        E: Into<Box<dyn Error + Send + Sync>>,
        C: Into<Box<dyn Error + Send + Sync>>,
    {
        // Dropped with the future, unless something else becomes of the child first.
        let mut ending = Ending(Some(ParserEnd::Abandoned));
        let document = match open().await {
            Ok(document) => document,
            Err(error) => {
                ending.0 = None;
                self.put_back(child).await;
                return Err(ParseError::Body(error.into()));
            }
        };
        match child.parse(request, document, &self.settings).await {
            Ok(answer) => {
                ending.0 = None;
                self.put_back(child).await;
                answer.map(Attempt::Read).map_err(ParseError::Refused)
            }
            Err(Failure::Final(error)) => {
                if matches!(error, ParseError::TimedOut { .. }) {
                    ending.0 = Some(ParserEnd::TimedOut);
                }
                child.kill().await;
                Err(error)
            }
            Err(Failure::Crashed(error)) => {
                ending.0 = Some(ParserEnd::Crashed);
                let end = child.end(&error).await;
                if end.is_out_of_time() {
                    ending.0 = Some(ParserEnd::TimedOut);
                    let after = self.settings.cpu_time_max;
                    return Err(ParseError::TimedOut { after });
                }
                Ok(Attempt::Crashed(end.line))
            }
        }
    }

    async fn start_child(&self) -> Result<ParserChild, ParseError> {
        let (child, confinement) = ParserChild::start(&self.program, &self.settings)
            .await
            .map_err(ParseError::Unavailable)?;
        metrics::parser_child_started();
        debug!("started a parser child");
        if self.confinement.set(confinement.clone()).is_ok() {
            if confinement.is_complete() {
                info!("parser children are confined: {confinement}");
            } else {
                warn!("parser children are confined only in part, the kernel has no more: {confinement}");
            }
        }
        Ok(child)
    }

    fn take_idle(&self) -> Option<ParserChild> {
        loop {
            let mut child = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if !child.is_gone() {
                return Some(child);
            }
            metrics::parser_child_ended(ParserEnd::Crashed);
        }
    }

    async fn put_back(&self, child: ParserChild) {
        if child.is_worn_out(&self.settings) {
            metrics::parser_child_ended(ParserEnd::Recycled);
            child.kill().await;
        } else {
            self.idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(child);
        }
    }
}

/// Counts the end of a child, however it comes. `None`: it goes on.
struct Ending(Option<ParserEnd>);

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(reason) = self.0 {
            metrics::parser_child_ended(reason);
        }
    }
}

/// What came of a document in one child, if anything came of it.
enum Attempt {
    Read(Extracted),
    Crashed(String),
}
