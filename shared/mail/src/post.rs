//! How a message gets away.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use domain::TaskId;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::ExposeSecret;

use crate::letter::Letter;
use crate::settings::{MailEncryption, MailSettings, UnusableMail, host_of};

/// For each step of the conversation with a mail server.
const PATIENCE: Duration = Duration::from_secs(20);

/// Answers with which a mail server finds fault with whoever logs in. The message is as good as before.
const ABOUT_LOGGING_IN: [u16; 5] = [454, 530, 534, 535, 538];

/// The way that messages take.
pub struct Post {
    way: Way,
    from: Mailbox,
    public_url: String,
}

enum Way {
    Server(AsyncSmtpTransport<Tokio1Executor>),
    Folder(PathBuf),
}

/// Why a message is not away. Neither the address nor the text stands in it.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// It never will be.
    #[error("the message is not taken: {0}")]
    Refused(String),
    /// The world may get better.
    #[error("the message could not be handed over: {0}")]
    Unavailable(String),
}

impl Post {
    /// The way of the settings; `None` when nothing is sent.
    ///
    /// # Errors
    /// When the sender or the certificates cannot be used.
    pub fn open(settings: &MailSettings) -> Result<Option<Self>, UnusableMail> {
        if !settings.is_on() {
            return Ok(None);
        }
        let way = if settings.has_server() {
            Way::Server(server(settings)?)
        } else {
            Way::Folder(settings.folder.clone())
        };
        Ok(Some(Self {
            way,
            from: settings.sender().ok_or(UnusableMail::From)?,
            public_url: settings.public_url.clone(),
        }))
    }

    /// Where people reach docmill.
    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// Whether the mail server answers, is protected as it should be, and lets us in. A folder always does.
    ///
    /// # Errors
    /// When it does not.
    pub async fn try_server(&self) -> Result<(), SendError> {
        let Way::Server(server) = &self.way else {
            return Ok(());
        };
        match server.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(SendError::Unavailable("the mail server broke off".to_owned())),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Sends a message. It carries the id, so that whoever gets it twice (the answer of the mail server may have been lost)
    /// sees that it is one.
    ///
    /// # Errors
    /// When nobody took it.
    pub async fn send(&self, id: TaskId, letter: &Letter, at: DateTime<Utc>) -> Result<(), SendError> {
        let message = self.message(id, letter, at)?;
        match &self.way {
            Way::Server(server) => match server.send(message).await {
                Ok(_) => Ok(()),
                // Not every server takes letters beyond ASCII in addresses (SMTPUTF8), and this one will not learn it.
                Err(error) if error.is_client() && !letter.to.is_ascii() => Err(SendError::Refused(
                    "the mail server does not know such addresses".to_owned(),
                )),
                Err(error) => Err(failed(&error)),
            },
            Way::Folder(folder) => put(folder, id, &message.formatted())
                .await
                .map_err(|error| SendError::Unavailable(format!("the folder of mail.folder: {error}"))),
        }
    }

    fn message(&self, id: TaskId, letter: &Letter, at: DateTime<Utc>) -> Result<Message, SendError> {
        let refused = |why: &str| SendError::Refused(why.to_owned());
        let to: Address = letter.to.parse().map_err(|_| refused("the address is none"))?;
        let host = host_of(&self.public_url);
        let by_program = HeaderName::new_from_ascii_str("Auto-Submitted");
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(letter.subject)
            .date(SystemTime::from(at))
            .message_id(Some(format!("<{id}@{host}>")))
            .raw_header(HeaderValue::new(by_program, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text.expose_secret().to_owned())
            .map_err(|_| refused("no message could be made"))
    }
}

fn server(settings: &MailSettings) -> Result<AsyncSmtpTransport<Tokio1Executor>, UnusableMail> {
    let (tls, port) = match settings.encryption {
        MailEncryption::StartTls => (Tls::Required(certificates(settings)?), 587),
        MailEncryption::Tls => (Tls::Wrapper(certificates(settings)?), 465),
        MailEncryption::None => (Tls::None, 587),
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(settings.host.clone())
        .port(settings.port.unwrap_or(port))
        .tls(tls)
        .timeout(Some(PATIENCE))
        .hello_name(ClientId::Domain(host_of(&settings.public_url).to_owned()));
    if !settings.user.is_empty() {
        builder = builder.credentials(Credentials::new(
            settings.user.clone(),
            settings.password.expose_secret().to_owned(),
        ));
    }
    Ok(builder.build())
}

/// How a certificate begins in PEM.
const BEGINNING: &[u8] = b"-----BEGIN CERTIFICATE-----";

fn certificates(settings: &MailSettings) -> Result<TlsParameters, UnusableMail> {
    let mut parameters = TlsParameters::builder(settings.host.clone());
    if !settings.ca_file.as_os_str().is_empty() {
        let pem = std::fs::read(&settings.ca_file).map_err(|source| UnusableMail::Certificates {
            path: settings.ca_file.display().to_string(),
            source,
        })?;
        // What holds none would be passed over in silence.
        if !pem.windows(BEGINNING.len()).any(|text| text == BEGINNING) {
            return Err(UnusableMail::NoCertificates(
                settings.ca_file.display().to_string(),
            ));
        }
        parameters = parameters.add_root_certificate(Certificate::from_pem(&pem).map_err(UnusableMail::Tls)?);
    }
    parameters.build_rustls().map_err(UnusableMail::Tls)
}

/// The words of the server may hold the address, so only its number is told.
fn failed(error: &lettre::transport::smtp::Error) -> SendError {
    let number = error.status().map(u16::from);
    if let Some(fault) = tls_fault(error) {
        return SendError::Unavailable(fault.to_owned());
    }
    match number {
        Some(number) if error.is_permanent() && !ABOUT_LOGGING_IN.contains(&number) => {
            SendError::Refused(format!("the mail server answered {number}"))
        }
        Some(number) if ABOUT_LOGGING_IN.contains(&number) => SendError::Unavailable(format!(
            "the mail server answered {number}; look at mail.user, mail.password and mail.encryption"
        )),
        Some(number) => SendError::Unavailable(format!("the mail server answered {number}")),
        None if error.is_timeout() => {
            SendError::Unavailable(format!("the mail server did not answer within {PATIENCE:?}"))
        }
        None if error.is_client() => SendError::Unavailable(
            "the mail server does not offer what is needed: protection (STARTTLS), or a way to log in"
                .to_owned(),
        ),
        None => SendError::Unavailable("the mail server was not reached, or broke off".to_owned()),
    }
}

/// Why the way to the mail server could not be protected, if that is what failed. Nothing was said on it then.
fn tls_fault(error: &lettre::transport::smtp::Error) -> Option<&'static str> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        // An I/O error tells of what is behind the one inside it, and not of that one.
        let inside = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        let tls = match inside {
            Some(inside) => inside.downcast_ref::<rustls::Error>(),
            None => error.downcast_ref::<rustls::Error>(),
        };
        if let Some(tls) = tls {
            return Some(explained(tls));
        }
        cause = error.source();
    }
    error
        .is_tls()
        .then_some("the way to the mail server could not be protected (TLS)")
}

fn explained(error: &rustls::Error) -> &'static str {
    use rustls::CertificateError as Fault;

    match error {
        rustls::Error::InvalidCertificate(fault) => match fault {
            Fault::NotValidForName | Fault::NotValidForNameContext { .. } => {
                "the certificate of the mail server is for another name than that of mail.host"
            }
            Fault::UnknownIssuer | Fault::BadSignature => {
                "the certificate of the mail server comes from nobody who is trusted; one's own authority is named by mail.ca_file"
            }
            Fault::Expired | Fault::ExpiredContext { .. } => "the certificate of the mail server has expired",
            Fault::NotValidYet | Fault::NotValidYetContext { .. } => {
                "the certificate of the mail server is not valid yet; look at the clocks of both machines"
            }
            _ => "the certificate of the mail server is not acceptable",
        },
        _ => "the mail server does not speak TLS as it should; look at mail.port and mail.encryption",
    }
}

/// Under another name first, so that nobody finds half a message. The links in it are secrets, so it is for its owner only.
async fn put(folder: &Path, id: TaskId, message: &[u8]) -> std::io::Result<()> {
    use tokio::io::AsyncWriteExt;

    tokio::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .await?;
    let unfinished = folder.join(format!(".{id}"));
    let mut file = tokio::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)
        .await?;
    file.write_all(message).await?;
    file.sync_all().await?;
    tokio::fs::rename(&unfinished, folder.join(format!("{id}.eml"))).await
}
