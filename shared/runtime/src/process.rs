//! What every binary does first, in the same order: settings, logs, TLS, metrics, signals.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use telemetry::{Exposition, LogSettings};
use tokio_util::sync::CancellationToken;

use crate::settings::{self, Sections};
use crate::{install_tls_provider, shutdown};

/// What a shell reports of a process whose settings or arguments are wrong.
pub const EXIT_CODE_USAGE: u8 = 2;

/// A process that has read its settings and hears signals.
pub struct Process<S> {
    /// The settings of the binary.
    pub settings: S,
    /// Set by the first SIGTERM or SIGINT.
    pub stopping: CancellationToken,
    /// The metrics of the process.
    pub exposition: Exposition,
}

/// The whole life of a process of the fleet: begins, does `work`, and says in the log what it ended with. `name` is what
/// it is called there.
pub async fn live<S, W>(
    name: &str,
    config: Option<&Path>,
    log: impl Fn(&S) -> LogSettings,
    work: impl FnOnce(Process<S>) -> W,
) -> ExitCode
where
    S: Sections,
    W: Future<Output = Result<(), Box<dyn Error>>>,
{
    let process = match begin(config, log) {
        Ok(process) => process,
        Err(code) => return code,
    };
    match work(process).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{name} ended: {}", telemetry::chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// Begins a process. What is wrong with its settings is printed, one line each.
///
/// # Errors
/// With the exit code, when the process cannot begin.
#[allow(clippy::print_stderr)] // there is no log before the settings are read
pub fn begin<S: Sections>(
    config: Option<&Path>,
    log: impl Fn(&S) -> LogSettings,
) -> Result<Process<S>, ExitCode> {
    let settings: S = settings::load(config).map_err(|problems| {
        eprintln!("{problems}");
        ExitCode::from(EXIT_CODE_USAGE)
    })?;
    telemetry::start(&log(&settings)).map_err(|problem| {
        eprintln!("{problem}");
        ExitCode::from(EXIT_CODE_USAGE)
    })?;
    install_tls_provider();
    let exposition = telemetry::install_recorder();
    let stopping = shutdown::listen().map_err(|error| {
        eprintln!("cannot listen for signals: {error}");
        ExitCode::FAILURE
    })?;
    Ok(Process {
        settings,
        stopping,
        exposition,
    })
}
