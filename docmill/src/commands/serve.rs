//! Everything in one process until it is stopped.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use runtime::Process;

use super::Done;
use crate::embedded::Embedded;
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
    println!("docmill is listening on {address}");
    if !production {
        println!("  documentation  {address}/docs");
    }
    match health {
        Some(listen) => println!("  metrics        http://{listen}/metrics"),
        None if production => println!("  metrics        nowhere; set health.listen"),
        None => println!("  metrics        {address}/metrics"),
    }
    println!("  data           {}", data.display());
    if !database::users::any(&embedded.database).await? {
        println!("There is no account yet. Make the first one:");
        if registration_open {
            println!(
                "  curl {address}/api/v1/auth/register --json '{{\"email\":\"you@example.com\",\"password\":\"…\"}}'"
            );
        } else {
            println!(
                "  DOCMILL_PASSWORD=… docmill --data {} user create --email you@example.com",
                data.display()
            );
        }
    }
    embedded.run().await?;
    Ok(ExitCode::SUCCESS)
}
