//! Where log lines go and how they look.

use std::fmt;
use std::io::{self, IsTerminal};

use domain::{Clock, SystemClock};
use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

/// Libraries that tell at `info` what only their authors need. An operator who names one of them in
/// `log.level` hears it anyway.
const NOISE: &str = "sqlx=warn,sea_orm=warn,sea_orm_migration=warn,hyper=warn,hyper_util=warn,h2=warn,poem=warn,\
                     rustls=warn,reqwest=warn,object_store=warn,redis=warn,apalis=warn,apalis_core=warn";

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// The section `log`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// `text` or `json`.
    pub format: LogFormat,
    /// What is logged: a level (`error`, `warn`, `info`, `debug`, `trace`), or directives such as
    /// `info,worker=debug`.
    pub level: String,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            format: LogFormat::default(),
            level: "info".to_owned(),
        }
    }
}

impl LogSettings {
    /// Everything wrong with the section, one line each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        if self.level.trim().is_empty() || filter(&self.level).is_err() {
            return vec!["level: is neither a level nor directives such as info,worker=debug".to_owned()];
        }
        Vec::new()
    }
}

/// Why logging could not start.
#[derive(Debug, thiserror::Error)]
#[error("log.level is neither a level nor directives")]
pub struct LogProblem(#[source] tracing_subscriber::filter::ParseError);

/// Sends every event of this process to standard error from now on.
///
/// Calling it again is safe and changes nothing: the first call decides, also when another subscriber was there.
///
/// # Errors
/// When the level cannot be understood.
pub fn start(settings: &LogSettings) -> Result<(), LogProblem> {
    let filter = filter(&settings.level).map_err(LogProblem)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_timer(UtcMillis)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    // An error means that a subscriber is installed already.
    let _ = match settings.format {
        LogFormat::Text => builder.compact().try_init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .try_init(),
    };
    Ok(())
}

fn filter(level: &str) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
    // Whatever level is asked for, nobody writes down what is sent to a model and what it says: both hold documents.
    const NEVER: &str = "genai=off";
    // Of two directives for one target the later one counts. Regular expressions are of no use here and slow.
    let directives = if level.trim().is_empty() {
        format!("{NOISE},{NEVER}")
    } else {
        format!("{NOISE},{level},{NEVER}")
    };
    EnvFilter::builder().with_regex(false).parse(directives)
}

/// RFC 3339 in UTC with milliseconds, as everywhere in docmill.
struct UtcMillis;

impl FormatTime for UtcMillis {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{}", SystemClock.now().format("%Y-%m-%dT%H:%M:%S%.3fZ"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing::{debug, info};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: &str, act: impl FnOnce()) -> String {
        let lines = Lines::default();
        let sink = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter(level).unwrap())
            .with_timer(UtcMillis)
            .with_writer(move || sink.clone())
            .json()
            .flatten_event(true)
            .finish();
        tracing::subscriber::with_default(subscriber, act);
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_line_carries_its_fields_and_the_time_in_utc_milliseconds() {
        let line = logged("info", || info!(document.id = "d1", "stored the original"));
        assert!(line.contains(r#""document.id":"d1""#), "{line}");
        let time = line.split('"').nth(3).unwrap();
        assert_eq!(time.len(), "2026-01-01T00:00:00.000Z".len(), "{line}");
        assert!(time.ends_with('Z'), "{line}");
    }

    #[test]
    fn libraries_are_quiet_until_they_are_named() {
        let noise = || info!(target: "sqlx::query", "a slow query");
        assert_eq!(logged("debug", noise), "");
        assert_ne!(logged("debug,sqlx=info", noise), "");
        assert_eq!(logged("info", || debug!("ours")), "");
    }

    #[test]
    fn a_level_that_is_no_level_is_a_problem() {
        let settings = LogSettings {
            level: "info,worker=loud".to_owned(),
            ..LogSettings::default()
        };
        assert_eq!(settings.problems().len(), 1);
        assert!(start(&settings).is_err());
        assert_eq!(LogSettings::default().problems(), Vec::<String>::new());
    }

    #[test]
    fn starting_twice_is_safe() {
        assert!(start(&LogSettings::default()).is_ok());
        assert!(
            start(&LogSettings {
                format: LogFormat::Json,
                ..LogSettings::default()
            })
            .is_ok()
        );
    }
}
