//! docmill in one process, as `docmill serve` runs it.

use std::path::{Path, PathBuf};

use crate::{Client, Folder, Process, Settings};

/// A running `docmill serve` with its data folder.
pub struct Embedded {
    /// The process.
    pub process: Process,
    /// Where it listens, as `http://127.0.0.1:1234`.
    pub base: String,
    data: Folder,
    settings: Settings,
}

impl Embedded {
    /// Starts one on an empty data folder.
    ///
    /// # Panics
    /// When it does not listen.
    pub async fn start(settings: &Settings) -> Self {
        Self::start_on(Folder::new(), settings).await
    }

    /// Starts one on a data folder that may have been used before.
    ///
    /// # Panics
    /// When it does not listen.
    pub async fn start_on(data: Folder, settings: &Settings) -> Self {
        let settings = &Settings::new().without_rate_limits().and(settings);
        let folder = data.path().display().to_string();
        let process = Process::start(
            "docmill",
            &["--data", &folder, "serve", "--listen", "127.0.0.1:0"],
            settings,
        );
        let line = process.line("docmill is listening on http://").await;
        let base = format!(
            "http://{}",
            line.rsplit_once("http://").expect("an address").1.trim()
        );
        Self {
            process,
            base,
            data,
            settings: settings.clone(),
        }
    }

    /// Starts it again after it has ended, on the same data.
    ///
    /// # Panics
    /// When it does not listen.
    pub async fn again(self) -> Self {
        self.again_with(&Settings::new()).await
    }

    /// As [`Embedded::again`], with these settings over those that it was started with.
    ///
    /// # Panics
    /// When it does not listen.
    pub async fn again_with(self, changed: &Settings) -> Self {
        drop(self.process);
        Self::start_on(self.data, &self.settings.and(changed)).await
    }

    /// Somebody without an account.
    #[must_use]
    pub fn anybody(&self) -> Client {
        Client::anonymous(std::slice::from_ref(&self.base))
    }

    /// Somebody with a new account.
    ///
    /// # Panics
    /// When the account is refused.
    pub async fn user(&self) -> Client {
        self.anybody().registered().await
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// The paths of everything in its folder of objects.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let root = self.data().join("objects");
        files_in(&root)
            .iter()
            .map(|path| path.strip_prefix(&root).unwrap_or(path).display().to_string())
            .collect()
    }
}

/// Every file in a folder. What vanishes while it is read is not in it.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| {
            if entry.path().is_dir() {
                files_in(&entry.path())
            } else {
                vec![entry.path()]
            }
        })
        .collect()
}
