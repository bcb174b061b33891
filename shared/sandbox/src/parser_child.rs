//! One child as the worker sees it: a process, two pipes to talk through and one to hear its last words.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use extraction::{ExtractionError, RASTER_PIXELS_MAX, Raster};
use futures::{Stream, StreamExt};
use rustix::process::Signal;
use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader, BufWriter};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::Confinement;
use crate::error::ParseError;
use crate::pool::{ChildProgram, ParseRequest};
use crate::settings::SandboxSettings;
use crate::wire::{self, Answer, Order, Painted, Painting, Request, Setup};

/// Bytes of a child's last words that are kept: enough for the message of an abort.
const LAST_WORDS_BYTES_MAX: u64 = 300;

/// How long a child that closed its pipe may take to be gone.
const DYING_TIME_MAX: Duration = Duration::from_secs(1);

/// What went wrong with a document in one child.
pub(crate) enum Failure {
    /// The child died or answered nonsense; another may do better.
    Crashed(io::Error),
    /// Another child would fail as well, or the child was not the reason.
    Final(ParseError),
}

/// A child that is ready for a document. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct ParserChild {
    process: Child,
    to: BufWriter<ChildStdin>,
    from: BufReader<ChildStdout>,
    last_words: ChildStderr,
    documents: u32,
}

impl ParserChild {
    /// Starts a child and waits until it is confined.
    pub(crate) async fn start(
        program: &ChildProgram,
        settings: &SandboxSettings,
    ) -> io::Result<(Self, Confinement)> {
        // Nothing may be added here that makes the standard library fork instead of `posix_spawn`: the cost of a fork
        // grows with the memory of the worker.
        let mut process = Command::new(&program.path)
            .args(&program.args)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(to), Some(from), Some(last_words)) =
            (process.stdin.take(), process.stdout.take(), process.stderr.take())
        else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let mut child = Self {
            process,
            to: BufWriter::new(to),
            from: BufReader::new(from),
            last_words,
            documents: 0,
        };
        match timeout(settings.wall_time_max, child.set_up(settings)).await {
            Ok(Ok(confinement)) => Ok((child, confinement)),
            Ok(Err(error)) => {
                let end = child.end(&error).await;
                Err(io::Error::new(
                    error.kind(),
                    format!("the child did not come up: {}", end.line),
                ))
            }
            Err(_) => {
                child.kill().await;
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }

    async fn set_up(&mut self, settings: &SandboxSettings) -> io::Result<Confinement> {
        let setup = Setup {
            address_space_bytes_max: settings.address_space_max.bytes(),
            input_bytes_max: settings.input_max.bytes(),
            cpu_time_max: settings.cpu_time_max,
            other_program: None,
        };
        wire::write_message(&mut self.to, &setup).await?;
        self.to.flush().await?;
        wire::read_message(&mut self.from, wire::MESSAGE_BYTES_MAX).await
    }

    /// Gives the child a document and waits for what it makes of it. With `keep_scans` its pages can be had as pictures
    /// afterwards, until [`Self::forget`]. After a failure the child is of no more use.
    pub(crate) async fn parse<S, E>(
        &mut self,
        request: &ParseRequest,
        document: S,
        settings: &SandboxSettings,
        keep_scans: bool,
    ) -> Result<Answer, Failure>
    where
        S: Stream<Item = Result<Bytes, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.documents += 1;
        // Only the child is timed; how fast the document arrives is not its doing.
        let time = settings.wall_time_max;
        let mut limits = request.limits;
        limits.time_max.get_or_insert(settings.reading_time_max());
        let order = Order::Read(Request {
            kind: request.kind,
            file_name: request.file_name.clone(),
            size: request.size,
            limits,
            password: request.password.as_ref().map(|it| it.expose_secret().to_owned()),
            keep_scans,
        });
        within(time, wire::write_message(&mut self.to, &order)).await?;
        drop(order);

        let mut document = pin!(document);
        let mut sent: u64 = 0;
        while let Some(chunk) = document.next().await {
            let chunk = chunk.map_err(|error| Failure::Final(ParseError::Body(error.into())))?;
            sent = sent.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
            let bytes_max = settings.input_max.bytes();
            if sent > bytes_max {
                return Err(Failure::Final(ParseError::TooLarge { bytes_max }));
            }
            // An empty frame would be the end.
            if !chunk.is_empty() {
                within(time, wire::write_frame(&mut self.to, &chunk)).await?;
            }
        }
        within(time, async {
            wire::write_frame(&mut self.to, &[]).await?;
            self.to.flush().await?;
            wire::read_message(&mut self.from, wire::answer_bytes_max(&request.limits)).await
        })
        .await
    }

    /// Has a page of the document painted that was read last. After a failure the child is of no more use.
    pub(crate) async fn paint(
        &mut self,
        page: u32,
        resolution_dpi: u32,
        settings: &SandboxSettings,
    ) -> Result<Result<Raster, ExtractionError>, Failure> {
        let order = Order::Paint { page, resolution_dpi };
        within(settings.wall_time_max, async {
            wire::write_message(&mut self.to, &order).await?;
            self.to.flush().await?;
            let painting: Painting = wire::read_message(&mut self.from, wire::MESSAGE_BYTES_MAX).await?;
            let Painted {
                width,
                height,
                resolution_dpi,
            } = match painting {
                Ok(painted) => painted,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let pixels = wire::read_frame(&mut self.from, u64::from(RASTER_PIXELS_MAX)).await?;
            let expected = u64::from(width) * u64::from(height);
            if u64::try_from(pixels.len()).ok() != Some(expected) || expected == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a picture that is not as large as it says",
                ));
            }
            Ok(Ok(Raster {
                width,
                height,
                resolution_dpi,
                pixels,
            }))
        })
        .await
    }

    /// Lets the child give up the document that was read last. A failure shows with the next document.
    pub(crate) async fn forget(&mut self) {
        let tell = async {
            wire::write_message(&mut self.to, &Order::Forget).await?;
            self.to.flush().await
        };
        let _ = timeout(DYING_TIME_MAX, tell).await;
    }

    /// Whether it has done its share, or keeps too much memory.
    pub(crate) fn is_worn_out(&self, settings: &SandboxSettings) -> bool {
        let resident = self.process.id().and_then(resident_bytes).unwrap_or(0);
        self.documents >= settings.documents_per_child.get() || resident > settings.resident_max.bytes()
    }

    /// Whether it has died since it was last used, as when the machine ran out of memory.
    pub(crate) fn is_gone(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    /// Ends the child, if it has not ended itself, and says how it went. `because` is what was seen of it last.
    pub(crate) async fn end(mut self, because: &io::Error) -> End {
        let dying = matches!(
            because.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe
        );
        let mut status = None;
        if dying {
            // Its pipe is closed already; how it dies is worth waiting for.
            status = timeout(DYING_TIME_MAX, self.process.wait())
                .await
                .ok()
                .and_then(Result::ok);
        }
        if status.is_none() {
            self.kill().await;
            return End {
                signal: None,
                line: because.to_string(),
            };
        }
        let mut words = Vec::new();
        let mut last_words = self.last_words.take(LAST_WORDS_BYTES_MAX);
        let _ = timeout(DYING_TIME_MAX, last_words.read_to_end(&mut words)).await;
        End::of(status, &String::from_utf8_lossy(&words))
    }

    /// Kills the child and takes it off the list of processes.
    pub(crate) async fn kill(mut self) {
        // Fails only when it is dead already. What is not reaped in time is reaped by the runtime.
        let _ = timeout(DYING_TIME_MAX, self.process.kill()).await;
    }
}

/// How a child ended.
pub(crate) struct End {
    signal: Option<Signal>,
    /// For people.
    pub(crate) line: String,
}

impl End {
    fn of(status: Option<ExitStatus>, last_words: &str) -> Self {
        let signal = status
            .and_then(|status| status.signal())
            .and_then(Signal::from_named_raw);
        let how = match signal {
            Some(Signal::ABORT) => "aborted".to_owned(),
            Some(Signal::KILL) => "killed".to_owned(),
            Some(Signal::SEGV) => "segmentation fault".to_owned(),
            Some(Signal::XCPU) => "out of processor time".to_owned(),
            _ => status.map_or_else(String::new, |status| status.to_string()),
        };
        let words = last_words.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = if words.is_empty() {
            how
        } else {
            format!("{how}: {words}")
        };
        Self { signal, line }
    }

    /// Whether the kernel ended it because its processor time was used up.
    pub(crate) fn is_out_of_time(&self) -> bool {
        self.signal == Some(Signal::XCPU)
    }
}

/// A pipe that breaks, or a child that answers nonsense, is a crash; taking too long is final.
async fn within<T>(time: Duration, work: impl Future<Output = io::Result<T>>) -> Result<T, Failure> {
    match timeout(time, work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Failure::Crashed(error)),
        Err(_) => Err(Failure::Final(ParseError::TimedOut { after: time })),
    }
}

/// Memory of a process that is really there; `None` where the system does not tell.
fn resident_bytes(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim_end().parse().ok()?;
    Some(kib * 1024)
}
