//! Which storage. Flat, so that every key can be set by one variable.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// Where objects lie.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageBackend {
    /// In a folder of this machine.
    #[default]
    Folder,
    /// In a bucket of an S3-compatible store.
    S3,
    /// Nowhere: gone with the process. For tests.
    Memory,
}

/// The section `storage`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageSettings {
    /// `folder`, `s3` or `memory`.
    pub backend: StorageBackend,
    /// The folder, with `folder`. It is made, readable by nobody else, when it is not there. Empty: the embedded
    /// mode's own folder.
    pub path: PathBuf,
    /// Whether a file is on the disk before it counts as stored, with `folder`. Without it a power cut may lose the
    /// documents of the last moments; a crash of docmill does not.
    pub fsync: bool,
    /// The address of the store, with `s3`, such as `https://s3.example.org`. Empty: Amazon's.
    pub endpoint: String,
    /// The bucket, with `s3`. It must exist.
    pub bucket: String,
    /// The region, with `s3`.
    pub region: String,
    /// The name of the access key, with `s3`.
    pub access_key_id: String,
    /// The access key itself, with `s3`.
    pub secret_access_key: SecretString,
    /// Whether documents may travel to the store without encryption, with `s3`. Only for a store on the same network.
    pub allow_http: bool,
}

impl Default for StorageSettings {
    fn default() -> Self {
        Self {
            backend: StorageBackend::default(),
            path: PathBuf::new(),
            fsync: true,
            endpoint: String::new(),
            bucket: String::new(),
            region: "us-east-1".to_owned(),
            access_key_id: String::new(),
            secret_access_key: SecretString::default(),
            allow_http: false,
        }
    }
}

impl StorageSettings {
    /// Everything wrong with the section, one line each, without secrets.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        match self.backend {
            StorageBackend::S3 => self.s3_problems(&mut problems),
            StorageBackend::Folder | StorageBackend::Memory => {
                for (key, is_set) in [
                    ("endpoint", !self.endpoint.is_empty()),
                    ("bucket", !self.bucket.is_empty()),
                    ("access_key_id", !self.access_key_id.is_empty()),
                    (
                        "secret_access_key",
                        !self.secret_access_key.expose_secret().is_empty(),
                    ),
                ] {
                    if is_set {
                        // Most likely the backend was forgotten, and documents would end up in the wrong place.
                        problems.push(format!("{key}: has a meaning with backend = \"s3\" only"));
                    }
                }
            }
        }
        if self.backend != StorageBackend::Folder && !self.path.as_os_str().is_empty() {
            problems.push("path: has a meaning with backend = \"folder\" only".to_owned());
        }
        problems
    }

    /// As [`StorageSettings::problems`], and what keeps several processes from sharing the objects.
    #[must_use]
    pub fn problems_in_fleet(&self) -> Vec<String> {
        let mut problems = self.problems();
        match self.backend {
            StorageBackend::Memory => {
                problems.push("backend: must be s3, or a folder that every process shares".to_owned());
            }
            StorageBackend::Folder if self.path.as_os_str().is_empty() => {
                problems.push(
                    "path: must be a folder that every process shares, or set backend = \"s3\"".to_owned(),
                );
            }
            StorageBackend::Folder | StorageBackend::S3 => {}
        }
        problems
    }

    fn s3_problems(&self, problems: &mut Vec<String>) {
        for (key, is_empty) in [
            ("bucket", self.bucket.is_empty()),
            ("region", self.region.is_empty()),
            ("access_key_id", self.access_key_id.is_empty()),
            (
                "secret_access_key",
                self.secret_access_key.expose_secret().is_empty(),
            ),
        ] {
            if is_empty {
                problems.push(format!("{key}: is needed with backend = \"s3\""));
            }
        }
        let secret = self.secret_access_key.expose_secret();
        let host = self.endpoint.split("://").nth(1).unwrap_or_default();
        let host = host.split('/').next().unwrap_or_default();
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        if !secret.is_empty() && !domain::is_loopback(host) && domain::is_sample_secret(secret) {
            problems.push("secret_access_key: is from an example; make one of your own".to_owned());
        }
        if self.bucket.contains(['/', '?', '#']) {
            problems.push("bucket: is a name, not an address".to_owned());
        }
        let is_http = self.endpoint.starts_with("http://");
        if !self.endpoint.is_empty() && !is_http && !self.endpoint.starts_with("https://") {
            problems.push("endpoint: must begin with https:// or http://".to_owned());
        }
        if self.endpoint.contains('@') {
            problems.push("endpoint: must not hold a user or a password".to_owned());
        }
        if is_http && !self.allow_http {
            problems.push(
                "endpoint: documents would travel in the clear; allow_http = true permits it".to_owned(),
            );
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn s3() -> StorageSettings {
        StorageSettings {
            backend: StorageBackend::S3,
            endpoint: "https://s3.example.org".to_owned(),
            bucket: "documents".to_owned(),
            access_key_id: "name".to_owned(),
            secret_access_key: "hunter2".into(),
            ..StorageSettings::default()
        }
    }

    #[test]
    fn the_default_and_a_complete_section_are_fine() {
        assert_eq!(StorageSettings::default().problems(), [""; 0]);
        assert_eq!(s3().problems(), [""; 0]);
        let amazon = StorageSettings {
            endpoint: String::new(),
            ..s3()
        };
        assert_eq!(amazon.problems(), [""; 0]);
    }

    #[test]
    fn every_missing_key_is_named() {
        let settings = StorageSettings {
            backend: StorageBackend::S3,
            region: String::new(),
            path: "/data".into(),
            ..StorageSettings::default()
        };
        let problems = settings.problems().join("\n");
        for key in ["bucket", "region", "access_key_id", "secret_access_key", "path"] {
            assert!(problems.contains(&format!("{key}: ")), "{key} in {problems}");
        }
    }

    #[test]
    fn keys_of_another_backend_are_a_problem() {
        let settings = StorageSettings {
            backend: StorageBackend::Folder,
            ..s3()
        };
        assert_eq!(settings.problems().len(), 4);
    }

    #[test]
    fn an_endpoint_in_the_clear_has_to_be_allowed() {
        let refused = StorageSettings {
            endpoint: "http://minio:9000".to_owned(),
            ..s3()
        };
        assert_eq!(refused.problems().len(), 1);
        let allowed = StorageSettings {
            allow_http: true,
            ..refused
        };
        assert_eq!(allowed.problems(), [""; 0]);
        let odd = StorageSettings {
            endpoint: "s3.example.org".to_owned(),
            bucket: "documents/sub".to_owned(),
            ..s3()
        };
        assert_eq!(odd.problems().len(), 2);
    }

    #[test]
    fn the_secret_is_never_shown() {
        assert!(!format!("{:?}", s3()).contains("hunter2"));
    }

    #[test]
    fn keys_are_flat_and_unknown_ones_are_refused() {
        let read = |text| serde_json::from_str::<StorageSettings>(text);
        let settings = read(r#"{"backend": "s3", "bucket": "documents", "allow_http": true}"#).unwrap();
        assert_eq!(settings.backend, StorageBackend::S3);
        assert!(settings.allow_http);
        assert!(read(r#"{"folder": "/data"}"#).is_err());
        assert!(read(r#"{"backend": "ftp"}"#).is_err());
    }
}
