//! An S3 server of one's own: s3s-fs, which keeps objects as files.

use std::path::PathBuf;
use std::time::Duration;

use tokio::net::TcpStream;

use super::{free_port, in_path};
use crate::process::with_us;
use crate::programs;
use crate::waiting::{PATIENCE, eventually};
use crate::{Bucket, Folder, Process};

/// The variable that names the server; `script/test` sets it.
const VARIABLE: &str = "DOCMILL_TEST_S3_SERVER";
const BUCKET: &str = "box";
const ACCESS_KEY: &str = "docmill-chaos";
const SECRET_KEY: &str = "docmill-chaos-secret";

/// A running S3 server.
pub struct Objects {
    process: Process,
    port: u16,
    _folder: Folder,
}

/// Named by the variable, in the path, or where `script/test` builds it.
fn program() -> Option<PathBuf> {
    let named = std::env::var_os(VARIABLE).map(PathBuf::from);
    let tools = programs::folder().parent().map(|target| target.join("tools"));
    let built = || {
        let versions = std::fs::read_dir(tools?).ok()?.flatten();
        let programs = versions.map(|version| version.path().join("bin/s3s-fs"));
        programs.filter(|path| path.is_file()).max()
    };
    named
        .filter(|path| path.is_file())
        .or_else(|| in_path("s3s-fs"))
        .or_else(built)
}

pub(super) fn missing() -> Option<String> {
    let how = format!("s3s-fs: run script/test once, which builds it, or name it in {VARIABLE}");
    program().is_none().then_some(how)
}

impl Objects {
    pub(super) async fn start() -> Self {
        let (folder, port) = (Folder::new(), free_port());
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let objects = Self {
            process: spawn(&folder, port),
            port,
            _folder: folder,
        };
        objects.listens().await;
        objects
    }

    async fn listens(&self) {
        eventually("the S3 server listens", PATIENCE, async || {
            TcpStream::connect(("127.0.0.1", self.port)).await.is_ok()
        })
        .await;
    }

    /// The bucket with what opens it.
    #[must_use]
    pub fn bucket(&self) -> Bucket {
        Bucket {
            endpoint: format!("http://127.0.0.1:{}", self.port),
            name: BUCKET.to_owned(),
            access_key: ACCESS_KEY.to_owned(),
            secret_key: SECRET_KEY.to_owned(),
        }
    }

    /// Stops it where it is for a while.
    pub async fn stall(&self, time: Duration) {
        self.process.freeze();
        tokio::time::sleep(time).await;
        self.process.thaw();
    }
}

fn spawn(folder: &Folder, port: u16) -> Process {
    let mut command = with_us(program().unwrap());
    command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
    command.args(["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY]);
    command.arg(folder.path());
    Process::spawn("the S3 server", command)
}
