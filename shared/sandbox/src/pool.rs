//! The children of a worker: started when needed, used again while they are well, replaced when they are not.

use std::error::Error;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use domain::DocumentKind;
use extraction::{Extracted, ExtractionError, Limits};
use futures::Stream;
use secrecy::SecretString;
use telemetry::metrics::{self, ParserEnd};
use tokio::sync::{OnceCell, Semaphore};
use tracing::{debug, info, warn};

use crate::Confinement;
use crate::error::ParseError;
use crate::ocr::{NoOcr, OcrEngine, OcrSettings, PageByPage, PictureReader};
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
#[derive(Debug, Clone)]
pub struct ParseRequest {
    /// What the document is.
    pub kind: DocumentKind,
    /// Its name, which only helps to tell variants apart.
    pub file_name: String,
    /// Its bytes, as far as known; the stream decides.
    pub size: u64,
    /// How much of it is read.
    pub limits: Limits,
    /// What opens it, if it is locked; other documents do not mind.
    pub password: Option<SecretString>,
}

/// Parses documents in children, one in each at a time.
///
/// Nothing is started before the first document. Children die with the pool.
pub struct ParserPool {
    program: ChildProgram,
    settings: SandboxSettings,
    ocr_settings: OcrSettings,
    /// Looked for once, when it is needed first, or at the start.
    pictures: OnceCell<Result<PictureReader, NoOcr>>,
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
            ocr_settings: OcrSettings::default(),
            pictures: OnceCell::new(),
            idle: Mutex::default(),
            confinement: OnceLock::new(),
        }
    }

    /// The same pool, with other settings for pages that are pictures of text.
    #[must_use]
    pub fn with_ocr(mut self, settings: OcrSettings) -> Self {
        self.ocr_settings = settings;
        self
    }

    /// What reads pages that are pictures of text here. It is looked for once, and its presence or absence logged then.
    ///
    /// # Errors
    /// Why nothing does. Such pages stay without text then, and their document says so.
    pub async fn ocr(&self) -> Result<&OcrEngine, &NoOcr> {
        self.pictures().await.as_ref().map(|reader| &reader.engine)
    }

    async fn pictures(&self) -> &Result<PictureReader, NoOcr> {
        let discover = || async {
            let found = PictureReader::discover(self.program.clone(), self.ocr_settings.clone()).await;
            match &found {
                Ok(reader) => reader.announce(),
                Err(reason) => info!("pages that are pictures of text stay without text: {reason}"),
            }
            found
        };
        self.pictures.get_or_init(discover).await
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
        // Whether somebody reads pictures is found out when there is one.
        let keep_scans = self.pictures.get().is_none_or(Result::is_ok);
        let parsed = child.parse(request, document, &self.settings, keep_scans);
        let failure = match parsed.await {
            Ok(Err(refusal)) => {
                ending.0 = None;
                self.put_back(child).await;
                return Err(ParseError::Refused(refusal));
            }
            Ok(Ok(mut extracted)) => {
                match self.read_pictures(&mut child, request, &mut extracted).await {
                    Ok(()) => {
                        ending.0 = None;
                        self.put_back(child).await;
                        return Ok(Attempt::Read(extracted));
                    }
                    Err(NotAllRead::Refused(refusal)) => {
                        ending.0 = None;
                        self.put_back(child).await;
                        return Err(ParseError::Refused(refusal));
                    }
                    // What was read before is worth more than the reason.
                    Err(NotAllRead::Lost(failure)) if has_text(&extracted) => {
                        extracted.truncated = true;
                        let lost = self.bury(child, failure, &mut ending).await;
                        warn!("a parser child was lost with the page that it painted: {lost:?}");
                        return Ok(Attempt::Read(extracted));
                    }
                    Err(NotAllRead::Lost(failure)) => failure,
                }
            }
            Err(failure) => failure,
        };
        self.bury(child, failure, &mut ending).await.map(Attempt::Crashed)
    }

    /// Has the unread pages painted and read, one after the other, if there are any, and if anybody reads pictures.
    async fn read_pictures(
        &self,
        child: &mut ParserChild,
        request: &ParseRequest,
        extracted: &mut Extracted,
    ) -> Result<(), NotAllRead> {
        if extracted.unread_pages.is_empty() {
            return Ok(());
        }
        let Ok(reader) = self.pictures().await else {
            child.forget().await;
            return Ok(());
        };
        let mut pages = PageByPage::new(reader, extracted);
        while let Some(page) = pages.next(extracted) {
            match child.paint(page, reader.resolution_dpi(), &self.settings).await {
                Ok(painted) => {
                    pages
                        .read(page, painted, extracted, request.limits.text_bytes_max)
                        .await;
                }
                Err(failure) => {
                    pages.finish(extracted);
                    return Err(NotAllRead::Lost(failure));
                }
            }
        }
        child.forget().await;
        let refusal = pages.refusal.take();
        pages.finish(extracted);
        match refusal {
            // Of a picture that cannot be decoded there is nothing else to tell.
            Some(refusal) if request.kind.is_picture() && !has_text(extracted) => {
                Err(NotAllRead::Refused(refusal))
            }
            _ => Ok(()),
        }
    }

    /// Ends a child that is of no more use, and says what it died of, unless the reason is final.
    async fn bury(
        &self,
        child: ParserChild,
        failure: Failure,
        ending: &mut Ending,
    ) -> Result<String, ParseError> {
        match failure {
            Failure::Final(error) => {
                if matches!(error, ParseError::TimedOut { .. }) {
                    ending.0 = Some(ParserEnd::TimedOut);
                }
                child.kill().await;
                Err(error)
            }
            Failure::Crashed(error) => {
                ending.0 = Some(ParserEnd::Crashed);
                let end = child.end(&error).await;
                if end.is_out_of_time() {
                    ending.0 = Some(ParserEnd::TimedOut);
                    let after = self.settings.cpu_time_max;
                    return Err(ParseError::TimedOut { after });
                }
                Ok(end.line)
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

/// Why pages that are pictures of text could not all be painted.
enum NotAllRead {
    /// The child is of no more use.
    Lost(Failure),
    /// The document is a picture that cannot be decoded.
    Refused(ExtractionError),
}

fn has_text(extracted: &Extracted) -> bool {
    extracted.pages.iter().any(|page| !page.trim().is_empty())
}
