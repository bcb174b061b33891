//! What an operator may choose about mail.

use std::path::PathBuf;

use lettre::message::Mailbox;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// The section `mail`. The API and the workers of a fleet need the same one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailSettings {
    /// The mail server. Empty: there is none.
    pub host: String,
    /// Its port; 587, or 465 with `encryption = "tls"`, unless set.
    pub port: Option<u16>,
    /// How the way to it is protected.
    pub encryption: MailEncryption,
    /// Certificates in PEM that are trusted beside those of the world, for a server of one's own.
    pub ca_file: PathBuf,
    /// The name to log in to it with. Empty: nobody logs in.
    pub user: String,
    /// The password to log in to it with.
    pub password: SecretString,
    /// The sender, such as `docmill <no-reply@example.com>`.
    pub from: String,
    /// Where people reach docmill, such as `https://docmill.example.com`; links begin with it.
    pub public_url: String,
    /// Where messages are put as `.eml` files, for whoever has no mail server. For the embedded mode.
    pub folder: PathBuf,
    /// Whether a new account has to prove its address before it can hand documents in. Unless set: with a mail server it has.
    pub verification: Option<bool>,
}

/// How the way to the mail server is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailEncryption {
    /// Not at first; nothing of worth is said before it is (STARTTLS).
    #[default]
    StartTls,
    /// From the first byte.
    Tls,
    /// Not at all: for a server on this machine.
    None,
}

/// The section `mail` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnusableMail {
    /// The certificates cannot be read.
    #[error("could not read the certificates in {path} (setting mail.ca_file)")]
    Certificates {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is nothing in the file that looks like one.
    #[error("there are no certificates (PEM) in {0} (setting mail.ca_file)")]
    NoCertificates(String),
    /// The certificates are none, or the name of the server is none.
    #[error("could not prepare the way to the mail server (settings mail.host and mail.ca_file)")]
    Tls(#[source] lettre::transport::smtp::Error),
    /// The sender is no address.
    #[error("mail.from is no address such as `docmill <no-reply@example.com>`")]
    From,
}

impl MailSettings {
    /// Whether messages are sent at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.has_server() || !self.folder.as_os_str().is_empty()
    }

    /// Whether there is a mail server.
    #[must_use]
    pub fn has_server(&self) -> bool {
        !self.host.is_empty()
    }

    /// Whether a new account has to prove its address.
    #[must_use]
    pub fn verifies(&self) -> bool {
        self.is_on() && self.verification.unwrap_or(self.has_server())
    }

    /// Everything wrong with the section, one line each, without secrets.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut wrong = |problem: &str| problems.push(problem.to_owned());
        let is_near = domain::is_loopback(&self.host);
        if self.has_server() {
            if !is_host(&self.host) {
                wrong("host: must be a name such as mail.example.com, or an address");
            }
            if !self.folder.as_os_str().is_empty() {
                wrong("folder: must be empty while mail.host is set; messages go one way");
            }
            if self.encryption == MailEncryption::None && !is_near {
                wrong("encryption: none is for a mail server on this machine; use start_tls or tls");
            }
            if self.from.is_empty() {
                wrong("from: must be the sender, such as docmill <no-reply@example.com>");
            }
            if self.public_url.is_empty() {
                wrong("public_url: must be where people reach docmill, such as https://docmill.example.com");
            }
        } else if !self.user.is_empty() || self.port.is_some() {
            wrong("host: must be the mail server, for mail.user or mail.port is set");
        }
        if self.port == Some(0) {
            wrong("port: must be between 1 and 65535");
        }
        if self.user.is_empty() != self.password.expose_secret().is_empty() {
            wrong("password: must be set together with mail.user");
        }
        let password = self.password.expose_secret();
        if !is_near && !password.is_empty() && domain::is_sample_secret(password) {
            wrong("password: must not be one that stands in examples");
        }
        if !self.from.is_empty() && self.sender().is_none() {
            wrong("from: must be an address such as docmill <no-reply@example.com>");
        }
        if !self.public_url.is_empty() && !is_public(&self.public_url) {
            wrong(
                "public_url: must begin with https:// (http:// on this machine only), and have no query, fragment or slash \
                 at its end",
            );
        }
        problems
    }

    /// As [`MailSettings::problems`], for a fleet: its workers have no folder in common.
    #[must_use]
    pub fn problems_in_fleet(&self) -> Vec<String> {
        let mut problems = self.problems();
        if !self.folder.as_os_str().is_empty() {
            problems
                .push("folder: is for the embedded mode; a fleet needs a mail server (mail.host)".to_owned());
        }
        if !self.has_server() && self.verification == Some(true) {
            problems.push("verification: needs a mail server (mail.host)".to_owned());
        }
        problems
    }

    pub(crate) fn sender(&self) -> Option<Mailbox> {
        let plain = !self.from.chars().any(char::is_control);
        self.from.parse().ok().filter(|_| plain)
    }
}

fn is_host(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
    text.len() <= 253 && text.bytes().all(allowed)
}

/// The host of an address such as `https://docmill.example.com:8443/path`.
pub(crate) fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    match authority.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or(address),
        None => authority.split(':').next().unwrap_or(authority),
    }
}

fn is_public(url: &str) -> bool {
    let allowed = |c: char| c.is_ascii_graphic() && !"?#\"'<>\\^`{|}@".contains(c);
    let secure = url.starts_with("https://");
    let near = url.starts_with("http://") && domain::is_loopback(host_of(url));
    (secure || near)
        && url.len() <= 200
        && !host_of(url).is_empty()
        && url.chars().all(allowed)
        && !url.ends_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> MailSettings {
        MailSettings {
            host: "mail.example.com".to_owned(),
            user: "docmill".to_owned(),
            password: "Kq8-vWc2_rTz".to_owned().into(),
            from: "docmill <no-reply@example.com>".to_owned(),
            public_url: "https://docmill.example.com".to_owned(),
            ..MailSettings::default()
        }
    }

    #[test]
    fn nothing_set_means_that_nothing_is_sent() {
        let none = MailSettings::default();
        assert!(!none.is_on() && !none.verifies());
        assert_eq!(none.problems_in_fleet(), Vec::<String>::new());
        let server = good();
        assert!(server.is_on() && server.verifies());
        assert_eq!(server.problems_in_fleet(), Vec::<String>::new());
        let folder = MailSettings {
            folder: "/var/mail".into(),
            ..none
        };
        assert!(folder.is_on() && !folder.verifies());
        assert_eq!(folder.problems(), Vec::<String>::new());
        assert_eq!(folder.problems_in_fleet().len(), 1);
    }

    #[test]
    fn what_would_say_secrets_aloud_or_lead_nowhere_is_a_problem() {
        type Spoil = fn(&mut MailSettings);
        let table: [(&str, Spoil); 12] = [
            ("host", |it| it.host = "mail.example.com/x".to_owned()),
            ("host", |it| it.host = String::new()),
            ("port", |it| it.port = Some(0)),
            ("encryption", |it| it.encryption = MailEncryption::None),
            ("password", |it| it.password = String::new().into()),
            ("password", |it| it.password = "changeme".to_owned().into()),
            ("from", |it| it.from = String::new()),
            ("from", |it| it.from = "docmill".to_owned()),
            ("from", |it| {
                it.from = "a@example.com\r\nBcc: b@example.com".to_owned()
            }),
            ("public_url", |it| {
                it.public_url = "http://docmill.example.com".to_owned()
            }),
            ("public_url", |it| {
                it.public_url = "https://docmill.example.com/?x".to_owned()
            }),
            ("folder", |it| it.folder = "/var/mail".into()),
        ];
        for (key, spoil) in table {
            let mut settings = good();
            spoil(&mut settings);
            let problems = settings.problems();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].starts_with(&format!("{key}: ")), "{problems:?}");
            assert!(!problems[0].contains("changeme"), "{problems:?}");
        }
        let near = MailSettings {
            host: "127.0.0.1".to_owned(),
            encryption: MailEncryption::None,
            public_url: "http://127.0.0.1:8000".to_owned(),
            ..good()
        };
        assert_eq!(near.problems(), Vec::<String>::new());
    }
}
