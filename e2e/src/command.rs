//! The command line, as a person or a script uses it.

use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;

use crate::waiting::PATIENCE;
use crate::{Settings, program};

/// What a command has said and ended with.
#[derive(Debug)]
pub struct Output {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// The same output, if the command ended well.
    ///
    /// # Panics
    /// When it did not.
    #[must_use]
    pub fn success(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    /// The same output, if the command ended with this code.
    ///
    /// # Panics
    /// When it did not.
    #[must_use]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Everything it has said.
    #[must_use]
    pub fn everything(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }
}

/// Runs `docmill` in a folder.
///
/// # Panics
/// When it takes too long.
pub async fn docmill(folder: &Path, arguments: &[&str], settings: &Settings) -> Output {
    run("docmill", folder, arguments, settings, "").await
}

/// Runs one of docmill's programs in a folder, with `input` to read.
///
/// # Panics
/// When it takes too long.
pub async fn run(name: &str, folder: &Path, arguments: &[&str], settings: &Settings, input: &str) -> Output {
    let mut child = tokio::process::Command::new(program(name))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(settings.environment())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // A command that does not read closes its input first.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes()).await;
    let ended = tokio::time::timeout(2 * PATIENCE, child.wait_with_output()).await;
    let ended = ended
        .unwrap_or_else(|_| panic!("{name} {arguments:?} did not end"))
        .unwrap();
    Output {
        code: ended.status.code(),
        stdout: String::from_utf8(ended.stdout).unwrap(),
        stderr: String::from_utf8(ended.stderr).unwrap(),
    }
}
