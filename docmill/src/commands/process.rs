//! Reads files and folders: starts everything in this process, hands the files in through the real HTTP API, and shows what
//! was found in them.

mod client;
mod files;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use api::operations::accounts::{self, Device};
use api::operations::registering::{self, Registration};
use clap::Args;
use domain::UserRole;
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use runtime::Process;
use secrecy::SecretString;

use super::Done;
use super::document_password::DocumentPassword;
use crate::embedded::Embedded;
use crate::output::say;
use crate::settings::Settings;
use client::Client;
use report::Row;

#[derive(Args)]
pub(crate) struct Options {
    /// Files and folders; folders are searched through, hidden files are passed over.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    json: bool,
    /// Where the results go: for each document its text and a JSON file.
    #[arg(long, value_name = "FOLDER", default_value = "docmill-results")]
    output: PathBuf,
    /// Tags per document at most.
    #[arg(long, value_name = "NUMBER", default_value_t = domain::limits::TAGS_DEFAULT)]
    max_tags: u8,
    /// The languages that tags are wanted in (ISO 639-1, several with commas), where a document has parts in them.
    #[arg(long, value_name = "CODES", value_delimiter = ',')]
    languages: Vec<String>,
    #[command(flatten)]
    password: DocumentPassword,
}

/// Files handed in at once.
const PARALLEL: usize = 8;

pub(crate) async fn run(process: Process<Settings>, options: Options) -> Done {
    let files = files::find(&options.paths)?;
    if files.is_empty() {
        eprintln!("docmill: no file in {}", files::names(&options.paths));
        return Ok(ExitCode::from(runtime::EXIT_CODE_USAGE));
    }
    let password = options.password.read()?;
    std::fs::create_dir_all(&options.output)
        .map_err(|error| format!("could not make the folder {}: {error}", options.output.display()))?;

    // Results are files of their own; what docmill keeps inside goes with this command.
    let inside = tempfile::Builder::new().prefix("docmill-").tempdir()?;
    let Process {
        mut settings,
        stopping,
        exposition,
    } = process;
    settings.complete(inside.path())?;
    settings.http.listen = ([127, 0, 0, 1], 0).into();
    settings.health.listen = None;
    // Nobody else can ask.
    settings.http.rate = api::RateSettings::unlimited();
    let embedded = Embedded::new(settings, stopping.clone(), exposition).await?;
    let client = Client::new(embedded.address, access_token(&embedded).await?, password)?;
    let running = tokio::spawn(async move { embedded.run().await.map_err(|error| error.to_string()) });

    let bar = progress(files.len(), options.json);
    let mut rows: Vec<Row> = futures::stream::iter(files)
        .map(|file| {
            let (client, bar, max_tags, languages) = (&client, &bar, options.max_tags, &options.languages);
            async move {
                let row = client.process(file, max_tags, languages).await;
                bar.inc(1);
                row
            }
        })
        .buffer_unordered(PARALLEL)
        .take_until(stopping.cancelled())
        .collect()
        .await;
    bar.finish_and_clear();
    let stopped = stopping.is_cancelled();
    rows.sort_by(|a, b| a.path.cmp(&b.path));
    for row in &mut rows {
        row.write_results(&options.output).await?;
    }
    if options.json {
        say!("{}", report::json(&rows)?);
    } else {
        report::print(&rows, &options.output);
    }
    stopping.cancel();
    running.await??;
    let failed = rows.iter().any(|row| row.found.is_err());
    if stopped {
        eprintln!("docmill: stopped before every document was read");
    }
    Ok(if failed || stopped {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// An account that lives as long as this command.
async fn access_token(embedded: &Embedded) -> Result<String, Box<dyn std::error::Error>> {
    let new = Registration {
        email: "process@localhost".to_owned(),
        username: None,
        full_name: None,
        organization: None,
        password: SecretString::from(domain::SessionId::new().to_string()),
    };
    let origin = database::audit::Origin::default();
    let user = registering::create(&embedded.api, new, UserRole::User, origin).await?;
    Ok(accounts::start_session(&embedded.api, user, Device::default())
        .await?
        .access_token)
}

fn progress(documents: usize, quiet: bool) -> ProgressBar {
    let bar = if quiet {
        ProgressBar::hidden()
    } else {
        ProgressBar::new(documents as u64)
    };
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} documents  {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
