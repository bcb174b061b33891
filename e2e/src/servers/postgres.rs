//! A Postgres of one's own.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::sync::OnceCell;

use super::{free_port, in_path};
use crate::process::with_us;
use crate::waiting::{PATIENCE, until};
use crate::{Folder, Process, Settings};

/// A running Postgres, or one that was stopped.
pub struct Postgres {
    process: Process,
    port: u16,
    folder: Folder,
}

/// Where the programs of Postgres are: the newest of Debian's versions, which are not in the path, or the path.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let newest = versions
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse::<u32>().ok()?,
                entry.path().join("bin"),
            ))
        })
        .filter(|(_, folder)| folder.join("initdb").is_file())
        .max();
    let in_path = || Some(in_path("initdb")?.parent()?.to_owned());
    newest.map(|(_, folder)| folder).or_else(in_path)
}

pub(super) fn missing() -> Option<String> {
    programs()
        .is_none()
        .then(|| "Postgres: apt-get install postgresql".to_owned())
}

/// As root, programs of Postgres run as its own user, for they refuse to run as root.
const AS_POSTGRES: [&str; 5] = [
    "setpriv",
    "--reuid=postgres",
    "--regid=postgres",
    "--init-groups",
    "--",
];

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs a command to its end as the user of the data.
fn run(program: &Path, arguments: &[&str]) {
    let line: Vec<&std::ffi::OsStr> = if is_root() {
        AS_POSTGRES.map(AsRef::as_ref).to_vec()
    } else {
        Vec::new()
    };
    let mut line = line.into_iter().chain([program.as_os_str()]);
    let mut command = Command::new(line.next().unwrap());
    command.args(line).args(arguments).current_dir("/");
    let Output { status, stderr, .. } = command.output().unwrap();
    assert!(
        status.success(),
        "{} {arguments:?} ended with {status}: {}",
        program.display(),
        String::from_utf8_lossy(&stderr)
    );
}

/// A folder that the user of the data owns.
fn data_folder() -> Folder {
    let folder = Folder::new();
    folder.let_others_pass();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    if is_root() {
        let owned = Command::new("chown")
            .arg("postgres:")
            .arg(&data)
            .status()
            .unwrap();
        assert!(
            owned.success(),
            "{} could not be given to postgres",
            data.display()
        );
    }
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

/// Making a cluster takes seconds, copying one does not: one is made for all fleets of a program.
async fn cluster() -> Folder {
    static EMPTY: OnceCell<Folder> = OnceCell::const_new();
    let empty = EMPTY
        .get_or_init(async || {
            let folder = data_folder();
            let data = folder.path().join("data");
            let initdb = programs().unwrap().join("initdb");
            let make = move || {
                let data = format!("--pgdata={}", data.display());
                let arguments = [
                    &data,
                    "--username=postgres",
                    "--auth=trust",
                    "--encoding=UTF8",
                    "--locale=C",
                    "--no-sync",
                ];
                run(&initdb, &arguments);
            };
            tokio::task::spawn_blocking(make).await.unwrap();
            folder
        })
        .await;
    let folder = data_folder();
    let (from, to) = (empty.path().join("data/."), folder.path().join("data"));
    let (from, to) = (from.display().to_string(), to.display().to_string());
    let copy = move || run(Path::new("cp"), &["--recursive", "--preserve=mode", &from, &to]);
    tokio::task::spawn_blocking(copy).await.unwrap();
    folder
}

impl Postgres {
    pub(super) async fn start() -> Self {
        let folder = cluster().await;
        let port = free_port();
        let postgres = Self {
            process: spawn(&folder, port, &Settings::new()),
            port,
            folder,
        };
        postgres.answers().await;
        postgres
    }

    /// Its address, as `database.url` takes it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// A connection that no gate is in the way of.
    ///
    /// # Panics
    /// When it is away.
    pub async fn connect(&self) -> PgConnection {
        let url = self.url();
        until("Postgres takes a connection", PATIENCE, async || {
            PgConnection::connect(&url).await.ok()
        })
        .await
    }

    /// Ends it as a crash does: connections break, nothing is tidied up.
    pub async fn crash(&self) {
        self.process.quit();
        self.process.ended(PATIENCE).await;
    }

    /// Starts it again over its data and waits until it answers.
    pub async fn again(&mut self) {
        self.again_with(&Settings::new()).await;
    }

    /// As [`Postgres::again`], with these variables.
    pub(crate) async fn again_with(&mut self, variables: &Settings) {
        self.process = spawn(&self.folder, self.port, variables);
        self.answers().await;
    }

    /// Breaks every connection of docmill, those in the middle of a transaction too. Returns how many there were.
    ///
    /// # Panics
    /// When it is away.
    pub async fn cut_connections(&self) -> i64 {
        let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'docmill'";
        let mut connection = self.connect().await;
        sqlx::query_scalar(cut).fetch_one(&mut connection).await.unwrap()
    }

    async fn answers(&self) {
        self.connect().await.close().await.unwrap();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Killed, it would leave a piece of shared memory behind.
        self.process.quit();
        for _ in 0..100 {
            if self.process.status().is_some() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn spawn(folder: &Folder, port: u16, variables: &Settings) -> Process {
    let programs = programs().unwrap();
    let mut command = with_us(if is_root() {
        Path::new(AS_POSTGRES[0])
    } else {
        Path::new("env")
    });
    if is_root() {
        // The kernel forgets to kill whoever changes its user, so it is asked again afterwards.
        command
            .args(&AS_POSTGRES[1..])
            .args(["setpriv", "--pdeathsig", "KILL", "--"]);
    }
    let settings = [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=300",
        // A crash of the program loses nothing without it, and the machine does not crash.
        "fsync=off",
        "full_page_writes=off",
    ];
    command
        .arg(programs.join("postgres"))
        .arg("-D")
        .arg(folder.path().join("data"));
    command
        .args(["-p", &port.to_string()])
        .envs(variables.environment());
    for setting in settings {
        command.args(["-c", setting]);
    }
    Process::spawn("Postgres", command)
}
