//! One run of the program that reads pictures, as the worker sees it.
//!
//! It is started through a child of this program, which gives up what it can (see `confinement.rs`) and becomes the other
//! program then. So nothing has to be done between fork and exec in the worker, and the limits hold from the first
//! instruction on.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use domain::ByteSize;
use domain::units::duration;
use extraction::Raster;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;

use crate::Confinement;
use crate::pool::ChildProgram;
use crate::wire::{self, OtherProgram, Setup};

/// Bytes of an answer: the table of a page with twenty thousand words has a million.
const OUTPUT_BYTES_MAX: u64 = 8 << 20;
/// Bytes of what it complains about that are kept.
const COMPLAINT_BYTES_MAX: u64 = 300;

/// What one run may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Also the processor time, in whole seconds.
    pub(super) wall_time_max: Duration,
    pub(super) address_space_max: ByteSize,
}

/// Why a run came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    #[error("the reader of pictures could not be started")]
    NotStarted(#[source] io::Error),
    #[error("the reader of pictures did not finish within {}", duration::show(*.after))]
    TimedOut { after: Duration },
    #[error("the reader of pictures broke off")]
    BrokeOff(#[source] io::Error),
    #[error("the reader of pictures ended with {status}: {complaint}")]
    Failed { status: String, complaint: String },
}

/// What a run has printed.
pub(super) struct Output {
    pub(super) output: String,
    pub(super) confinement: Confinement,
}

/// Runs the other program with a picture on its standard input. Dropping the future kills it.
pub(super) async fn run(
    child: &ChildProgram,
    program: &str,
    arguments: Vec<String>,
    picture: Option<&Raster>,
    bounds: Bounds,
) -> Result<Output, Unread> {
    let mut process = Command::new(&child.path)
        .args(&child.args)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(Unread::NotStarted)?;
    let (Some(to), Some(from), Some(complaints)) =
        (process.stdin.take(), process.stdout.take(), process.stderr.take())
    else {
        return Err(Unread::NotStarted(io::ErrorKind::BrokenPipe.into()));
    };
    let setup = Setup {
        address_space_bytes_max: bounds.address_space_max.bytes(),
        input_bytes_max: 0,
        cpu_time_max: bounds.wall_time_max.max(Duration::from_secs(1)),
        other_program: Some(OtherProgram {
            program: program.to_owned(),
            arguments,
        }),
    };
    let work = async {
        let (confinement, (output, complaint)) =
            tokio::try_join!(talk(to, from, &setup, picture), listen(complaints)).map(
                |(talked, heard)| {
                    let (confinement, output) = talked;
                    (confinement, (output, heard))
                },
            )?;
        Ok::<_, io::Error>((confinement, output, complaint, process.wait().await?))
    };
    let (confinement, output, complaint, status) = match timeout(bounds.wall_time_max, work).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(error)) => return Err(Unread::BrokeOff(error)),
        Err(_) => {
            return Err(Unread::TimedOut {
                after: bounds.wall_time_max,
            });
        }
    };
    if !status.success() {
        return Err(Unread::Failed {
            status: status.to_string(),
            complaint,
        });
    }
    Ok(Output { output, confinement })
}

/// Nothing but the setup is sent before the child has answered: it must not read what is meant for the other program.
async fn talk(
    mut to: impl AsyncWrite + Unpin,
    mut from: impl AsyncRead + Unpin,
    setup: &Setup,
    picture: Option<&Raster>,
) -> io::Result<(Confinement, String)> {
    wire::write_message(&mut to, setup).await?;
    to.flush().await?;
    let confinement: Confinement = wire::read_message(&mut from, wire::MESSAGE_BYTES_MAX).await?;
    let send = async {
        if let Some(Raster {
            width,
            height,
            pixels,
            ..
        }) = picture
        {
            // A program that has died, or has enough, closes the pipe; its status tells which.
            let _ = to
                .write_all(format!("P5\n{width} {height}\n255\n").as_bytes())
                .await;
            let _ = to.write_all(pixels).await;
        }
        let _ = to.shutdown().await;
        drop(to);
    };
    let receive = async {
        let mut output = Vec::new();
        from.take(OUTPUT_BYTES_MAX + 1).read_to_end(&mut output).await?;
        if u64::try_from(output.len()).unwrap_or(u64::MAX) > OUTPUT_BYTES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("it printed more than {OUTPUT_BYTES_MAX} bytes"),
            ));
        }
        Ok(output)
    };
    let ((), output) = tokio::join!(send, receive);
    Ok((confinement, String::from_utf8_lossy(&output?).into_owned()))
}

/// The first words on standard error; the rest is read, so that nobody waits for room, and thrown away.
async fn listen(mut from: impl AsyncRead + Unpin) -> io::Result<String> {
    let mut words = Vec::new();
    (&mut from)
        .take(COMPLAINT_BYTES_MAX)
        .read_to_end(&mut words)
        .await?;
    tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    let words = String::from_utf8_lossy(&words);
    Ok(words.split_whitespace().collect::<Vec<_>>().join(" "))
}
