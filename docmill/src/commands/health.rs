//! Asks a running process whether it is ready. Containers have no curl; they have this.

use std::process::ExitCode;
use std::time::Duration;

use crate::output::say;
use clap::Args;

#[derive(Args)]
pub(crate) struct Options {
    /// What to ask.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8000/readyz")]
    url: String,
}

/// A health check that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) async fn run(options: &Options) -> ExitCode {
    runtime::install_tls_provider();
    let asked = async {
        let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?;
        let response = client.get(&options.url).send().await?;
        Ok::<_, reqwest::Error>((response.status(), response.text().await?))
    };
    match asked.await {
        Ok((status, body)) if status.is_success() => {
            say!("{body}");
            ExitCode::SUCCESS
        }
        Ok((status, body)) => {
            eprintln!("{} answered {status}: {body}", options.url);
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{}", telemetry::chain(&error));
            ExitCode::FAILURE
        }
    }
}
