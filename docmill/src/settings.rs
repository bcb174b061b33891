//! The settings of the all-in-one binary: those of every other binary together, completed for the embedded mode.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use api::{AuthSettings, HttpSettings, QuotaSettings};
use database::{DatabaseSettings, SchedulingSettings};
use mail::MailSettings;
use queue::QueueSettings;
use runtime::HealthSettings;
use runtime::settings::Sections;
use sandbox::{OcrSettings, SandboxSettings};
use sealing::SealingSettings;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use storage::{StorageBackend, StorageSettings};
use telemetry::LogSettings;
use worker::WorkerSettings;

/// All sections.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) database: DatabaseSettings,
    pub(crate) queue: QueueSettings,
    pub(crate) storage: StorageSettings,
    pub(crate) auth: AuthSettings,
    pub(crate) http: HttpSettings,
    pub(crate) quotas: QuotaSettings,
    pub(crate) worker: WorkerSettings,
    pub(crate) sandbox: SandboxSettings,
    pub(crate) ocr: OcrSettings,
    pub(crate) sealing: SealingSettings,
    pub(crate) mail: MailSettings,
    pub(crate) scheduling: SchedulingSettings,
    pub(crate) health: HealthSettings,
    pub(crate) log: LogSettings,
}

impl Sections for Settings {
    fn problems(&self) -> Vec<(&'static str, Vec<String>)> {
        // Without keys the embedded mode makes its own.
        let auth = if self.auth.keys.is_empty() {
            Vec::new()
        } else {
            self.auth.problems()
        };
        vec![
            ("database", self.database.problems()),
            ("queue", self.queue.problems()),
            ("storage", self.storage.problems()),
            ("auth", auth),
            ("http", self.http.problems()),
            ("quotas", self.quotas.problems()),
            ("worker", self.worker.problems()),
            ("sandbox", self.sandbox.problems()),
            ("ocr", self.ocr.problems()),
            ("sealing", self.sealing.problems()),
            ("mail", self.mail.problems()),
            ("scheduling", self.scheduling.problems()),
            ("health", self.health.problems()),
            ("log", self.log.problems()),
            ("log", self.http.problems_of_log(&self.log.level)),
        ]
    }
}

/// The data folder could not be used.
#[derive(Debug, thiserror::Error)]
#[error("could not use {path} (option --data)")]
pub(crate) struct DataFolderError {
    path: String,
    #[source]
    source: std::io::Error,
}

impl Settings {
    /// Fills in what the embedded mode brings itself: a database file, a folder for documents, and keys made at the first
    /// start. The folder is made for its owner only.
    pub(crate) fn complete(&mut self, data: &Path) -> Result<(), DataFolderError> {
        let needs_database = self.database.url.expose_secret().is_empty();
        let needs_storage =
            self.storage.backend == StorageBackend::Folder && self.storage.path.as_os_str().is_empty();
        let needs_key = self.auth.keys.is_empty();
        let needs_sealing_key = self.sealing.keys.is_empty();
        if !self.mail.is_on() {
            // Made when the first message is put into it.
            self.mail.folder = data.join("mail");
        }
        if self.mail.from.is_empty() {
            self.mail.from = "docmill <docmill@localhost>".to_owned();
        }
        if !(needs_database || needs_storage || needs_key || needs_sealing_key) {
            return Ok(());
        }
        let failed = |source| DataFolderError {
            path: data.display().to_string(),
            source,
        };
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(data)
            .map_err(failed)?;
        let data = data.canonicalize().map_err(failed)?;
        if needs_database {
            self.database.url = format!("sqlite://{}", data.join("docmill.db").display()).into();
        }
        if needs_storage {
            self.storage.path = data.join("objects");
        }
        if needs_key {
            let path = data.join("access-token.key");
            self.auth.keys = vec![own_key(&path, api::auth::keys::generate_key).map_err(failed)?];
        }
        if needs_sealing_key {
            let path = data.join("sealing.key");
            self.sealing.keys = vec![own_key(&path, sealing::generate_key).map_err(failed)?];
        }
        Ok(())
    }
}

/// The key in the file, made now if there is none. Only its owner may read it.
fn own_key(path: &Path, generate: fn() -> SecretString) -> std::io::Result<SecretString> {
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Ok(mut file) => {
            let key = generate();
            file.write_all(key.expose_secret().as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            Ok(key)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Ok(std::fs::read_to_string(path)?.trim().to_owned().into())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_embedded_mode_brings_its_own_database_storage_and_key() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut settings = Settings::default();
        settings.complete(&data).unwrap();
        assert!(settings.database.url.expose_secret().starts_with("sqlite://"));
        assert!(settings.auth.problems().is_empty());
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&data), 0o700);
        assert_eq!(mode(&data.join("access-token.key")), 0o600);
        assert_eq!(mode(&data.join("sealing.key")), 0o600);
        assert!(settings.sealing.problems().is_empty() && settings.sealing.keys.len() == 1);
        assert!(settings.mail.folder.ends_with("data/mail") && !settings.mail.verifies());

        let mut again = Settings::default();
        again.complete(&data).unwrap();
        assert_eq!(
            again.auth.keys[0].expose_secret(),
            settings.auth.keys[0].expose_secret()
        );
    }

    #[test]
    fn what_is_set_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.database.url = "postgres://db/docmill".to_owned().into();
        settings.complete(folder.path()).unwrap();
        assert_eq!(settings.database.url.expose_secret(), "postgres://db/docmill");
    }
}
