//! Everything in one process until it is stopped.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use runtime::Process;

use super::Done;
use crate::embedded::Embedded;
use crate::output::say;
use crate::settings::Settings;

#[derive(Args)]
pub(crate) struct Options {
    /// Where to listen; wins over http.listen.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

pub(crate) async fn run(process: Process<Settings>, data: &Path, options: Options) -> Done {
    let mut settings = process.settings;
    settings.complete(data)?;
    if let Some(listen) = options.listen {
        settings.http.listen = listen;
    }
    let registration_open = settings.http.registration_open;
    let (production, health) = (settings.http.production, settings.health.listen);
    let embedded = Embedded::new(settings, process.stopping, process.exposition).await?;
    let address = format!("http://{}", embedded.address);
    say!("docmill is listening on {address}");
    if !production {
        say!("  documentation  {address}/docs");
    }
    match health {
        Some(listen) => say!("  metrics        http://{listen}/metrics"),
        None if production => say!("  metrics        nowhere; set health.listen"),
        None => say!("  metrics        {address}/metrics"),
    }
    say!("  data           {}", data.display());
    if !database::users::any(&embedded.database).await? {
        say!("There is no account yet. Make the first one:");
        if registration_open {
            say!(
                "  curl {address}/api/v1/auth/register --json '{{\"email\":\"you@example.com\",\"password\":\"…\"}}'"
            );
        } else {
            say!(
                "  DOCMILL_PASSWORD=… docmill --data {} user create --email you@example.com",
                data.display()
            );
        }
    }
    embedded.run().await?;
    Ok(ExitCode::SUCCESS)
}
