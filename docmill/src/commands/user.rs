//! Makes accounts.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use api::operations::registering::{self, Registration};
use api::{Api, Parts};
use clap::{Args, Subcommand, ValueEnum};
use database::Database;
use domain::{SystemClock, UserRole};
use queue::Queue;
use runtime::Process;
use sealing::Sealing;
use secrecy::SecretString;
use storage::Storage;

use super::Done;
use crate::output::say;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make an account
    Create(Create),
}

#[derive(Args)]
pub(crate) struct Create {
    /// The address to log in with.
    #[arg(long)]
    email: String,
    /// A second name to log in with.
    #[arg(long)]
    username: Option<String>,
    /// What the person is called.
    #[arg(long)]
    full_name: Option<String>,
    /// What the account may do.
    #[arg(long, value_enum, default_value_t = Role::User)]
    role: Role,
    /// Read the password from standard input instead of the variable `DOCMILL_PASSWORD`. It is never an argument:
    /// everybody on the machine can read those.
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Role {
    User,
    Operator,
    Admin,
}

impl From<Role> for UserRole {
    fn from(role: Role) -> Self {
        match role {
            Role::User => Self::User,
            Role::Operator => Self::Operator,
            Role::Admin => Self::Admin,
        }
    }
}

pub(crate) async fn run(process: Process<Settings>, data: &Path, command: Command) -> Done {
    let Command::Create(create) = command;
    let Some(password) = password(create.password_stdin)? else {
        eprintln!("No password: set DOCMILL_PASSWORD, or say --password-stdin and type it.");
        return Ok(ExitCode::from(runtime::EXIT_CODE_USAGE));
    };
    let mut settings = process.settings;
    settings.complete(data)?;
    let database = Database::connect(&settings.database).await?;
    database.migrate_up().await?;
    let queue = Queue::open(&settings.queue)?;
    let api = Api::new(Parts {
        database,
        storage: Storage::open(&settings.storage)?,
        hints: queue.hints,
        events: queue.events,
        rate_limits: queue.rate_limits,
        clock: SystemClock::shared(),
        sealing: Sealing::new(&settings.sealing)?,
        mail: settings.mail,
        auth: settings.auth,
        http: settings.http,
        quotas: settings.quotas,
        stopping: process.stopping,
    })?;
    let new = Registration {
        email: create.email,
        username: create.username,
        full_name: create.full_name,
        organization: None,
        password,
    };
    let user = registering::create(&api, new, create.role.into(), database::audit::Origin::default()).await?;
    say!("{}", user.id);
    Ok(ExitCode::SUCCESS)
}

fn password(from_stdin: bool) -> std::io::Result<Option<SecretString>> {
    if !from_stdin {
        return Ok(std::env::var("DOCMILL_PASSWORD")
            .ok()
            .filter(|it| !it.is_empty())
            .map(SecretString::from));
    }
    let mut typed = String::new();
    std::io::stdin().read_to_string(&mut typed)?;
    let typed = typed.trim_end_matches(['\r', '\n']);
    Ok((!typed.is_empty()).then(|| typed.to_owned().into()))
}
