//! A mail server that keeps what it is given, and behaves as badly as it is told to.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::waiting::{PATIENCE, until};
use crate::{Client, ServerCertificate, Settings};

/// How the way to a [`MailServer`] is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Protection {
    /// Not at all.
    #[default]
    None,
    /// When the client asks for it (RFC 3207).
    StartTls,
    /// From the first byte.
    Tls,
}

/// How a [`MailServer`] behaves.
#[derive(Debug, Clone, Default)]
pub struct Manners {
    /// How the way to it is protected. It shows the certificate of [`MailServer::present`].
    pub protection: Protection,
    /// The name and the password that everybody must show.
    pub login: Option<(String, String)>,
    /// Messages that it does not take for now (451) before it takes the first one.
    pub busy_for: usize,
    /// An address that it does not know (550).
    pub unknown: Option<String>,
}

/// A message as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// What `MAIL FROM` said.
    pub from: String,
    /// What each `RCPT TO` said.
    pub to: Vec<String>,
    /// Everything between `DATA` and the dot.
    pub content: String,
}

/// A mail server of the test. It listens until the test ends.
pub struct MailServer {
    port: u16,
    manners: Manners,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    messages: Mutex<Vec<Received>>,
    /// Every line that any client said.
    lines: Mutex<Vec<String>>,
    /// Those of them that anybody on the way could read.
    in_the_clear: Mutex<Vec<String>>,
    refused: Mutex<usize>,
    certificate: Mutex<Option<ServerCertificate>>,
}

impl MailServer {
    /// Starts one.
    ///
    /// # Panics
    /// When there is no port to be had.
    pub async fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Seen::default());
        let (shared, known) = (Arc::clone(&seen), manners.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, manners) = (Arc::clone(&shared), known.clone());
                tokio::spawn(async move { serve(stream, &seen, &manners).await });
            }
        });
        Self { port, manners, seen }
    }

    /// Shows this certificate from now on.
    ///
    /// # Panics
    /// Never.
    pub fn present(&self, certificate: ServerCertificate) {
        *self.seen.certificate.lock().unwrap() = Some(certificate);
    }

    /// What docmill has to know to use it.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let (host, encryption) = match self.manners.protection {
            Protection::None => ("127.0.0.1", "none"),
            // Certificates are for names.
            Protection::StartTls => ("localhost", "start_tls"),
            Protection::Tls => ("localhost", "tls"),
        };
        let settings = Settings::new()
            .with("mail.host", host)
            .with("mail.port", self.port.to_string())
            .with("mail.encryption", encryption)
            .with("mail.from", "docmill <no-reply@example.com>")
            .with("mail.public_url", "https://docmill.example.com");
        match &self.manners.login {
            Some((user, password)) => settings.with("mail.user", user).with("mail.password", password),
            None => settings,
        }
    }

    /// Every message so far, the first one first.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn messages(&self) -> Vec<Received> {
        self.seen.messages.lock().unwrap().clone()
    }

    /// Messages that went to this address.
    #[must_use]
    pub fn messages_to(&self, address: &str) -> Vec<Received> {
        let mut messages = self.messages();
        messages.retain(|message| message.to.iter().any(|to| to == address));
        messages
    }

    /// The message with this number to an address, as soon as it is there. Numbers begin with 0.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn message(&self, address: &str, number: usize) -> Received {
        let what = format!("message {number} to {address} arrives");
        until(&what, PATIENCE, async || {
            self.messages_to(address).get(number).cloned()
        })
        .await
    }

    /// How often something was not taken.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn refused(&self) -> usize {
        *self.seen.refused.lock().unwrap()
    }

    /// Everything that clients said.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.seen.lines.lock().unwrap().clone()
    }

    /// What of it anybody on the way could read.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn in_the_clear(&self) -> Vec<String> {
        self.seen.in_the_clear.lock().unwrap().clone()
    }

    /// Somebody who made an account with the address and has confirmed it.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn confirmed(&self, anybody: &Client, email: &str) -> Client {
        let account = serde_json::json!({ "email": email, "password": Client::password() });
        let before = self.messages_to(email).len();
        let _ = anybody.post("/api/v1/auth/register", &account).await.status(202);
        let token = self.message(email, before).await.token();
        let body = serde_json::json!({ "token": token });
        let _ = anybody.post("/api/v1/auth/verify", &body).await.status(204);
        let session = anybody
            .post("/api/v1/auth/login", &account)
            .await
            .status(200)
            .json();
        anybody.with_session(session)
    }
}

impl Received {
    /// The secret of the link in it.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn token(&self) -> String {
        secret(&self.content).unwrap_or_else(|| panic!("there is no link in {}", self.content))
    }
}

/// The secret of the link in a message, which may be wrapped (quoted-printable).
#[must_use]
pub fn secret(content: &str) -> Option<String> {
    let whole = content.replace("=\r\n", "").replace("=\n", "");
    let (_, rest) = whole.split_once("#dml_")?;
    let digits: String = rest
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_')
        .collect();
    Some(format!("dml_{digits}"))
}

/// Whoever connects, over a way that is protected as it should be.
async fn serve(stream: TcpStream, seen: &Seen, manners: &Manners) -> Option<()> {
    let protect = |stream: TcpStream| {
        let certificate = seen.certificate.lock().unwrap().clone();
        let certificate = certificate.expect("a server with TLS presents a certificate first");
        // A client that does not like it hangs up.
        async move { certificate.accept(stream).await.ok() }
    };
    let stream = match manners.protection {
        Protection::Tls => {
            let mut stream = protect(stream).await?;
            say(&mut stream, "220 test ready").await?;
            stream
        }
        Protection::None | Protection::StartTls => {
            let mut stream = stream;
            say(&mut stream, "220 test ready").await?;
            // Unless it goes on protected, the conversation is over.
            let stream = converse(stream, seen, manners, true).await?;
            protect(stream).await?
        }
    };
    converse(stream, seen, manners, false).await.map(drop)
}

/// One conversation (RFC 5321, and RFC 4954 for the login). Gives the way back when it is to be protected from here on.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    seen: &Seen,
    manners: &Manners,
    in_the_clear: bool,
) -> Option<S> {
    let offers_protection = in_the_clear && manners.protection == Protection::StartTls;
    let mut stream = BufReader::new(stream);
    let mut logged_in = manners.login.is_none();
    let (mut from, mut to) = (String::new(), Vec::new());
    while let Some(line) = hear(&mut stream).await {
        seen.lines.lock().unwrap().push(line.clone());
        if in_the_clear {
            seen.in_the_clear.lock().unwrap().push(line.clone());
        }
        let refuse = || *seen.refused.lock().unwrap() += 1;
        let upper = line.to_ascii_uppercase();
        if upper.starts_with("EHLO") {
            say(&mut stream, "250-test").await?;
            if offers_protection {
                say(&mut stream, "250-STARTTLS").await?;
            }
            say(&mut stream, "250-8BITMIME").await?;
            say(&mut stream, "250 AUTH PLAIN").await?;
        } else if upper == "STARTTLS" && offers_protection {
            say(&mut stream, "220 go on").await?;
            return Some(stream.into_inner());
        } else if let Some(shown) = line.strip_prefix("AUTH PLAIN ") {
            logged_in = manners
                .login
                .as_ref()
                .is_some_and(|login| shown == encoded(login));
            say(&mut stream, if logged_in { "235 welcome" } else { "535 no" }).await?;
        } else if upper.starts_with("MAIL FROM:") {
            if !logged_in {
                refuse();
                say(&mut stream, "530 who are you").await?;
                continue;
            }
            from = address(&line);
            to.clear();
            say(&mut stream, "250 ok").await?;
        } else if upper.starts_with("RCPT TO:") {
            let wanted = address(&line);
            if manners.unknown.as_ref() == Some(&wanted) {
                refuse();
                say(&mut stream, &format!("550 nobody is called {wanted} here")).await?;
                continue;
            }
            to.push(wanted);
            say(&mut stream, "250 ok").await?;
        } else if upper == "DATA" {
            say(&mut stream, "354 go on").await?;
            let mut content = String::new();
            loop {
                let line = hear(&mut stream).await?;
                if line == "." {
                    break;
                }
                content.push_str(line.strip_prefix('.').unwrap_or(&line));
                content.push_str("\r\n");
            }
            let busy = {
                let mut refused = seen.refused.lock().unwrap();
                let busy = *refused < manners.busy_for;
                *refused += usize::from(busy);
                busy
            };
            if busy {
                say(&mut stream, "451 come back later").await?;
                continue;
            }
            let message = Received {
                from: from.clone(),
                to: to.clone(),
                content,
            };
            seen.messages.lock().unwrap().push(message);
            say(&mut stream, "250 taken").await?;
        } else if upper == "QUIT" {
            say(&mut stream, "221 bye").await?;
            return None;
        } else if upper == "RSET" || upper == "NOOP" {
            say(&mut stream, "250 ok").await?;
        } else {
            say(&mut stream, "502 not known here").await?;
        }
    }
    None
}

/// The next line, without its end; `None` when the client has gone.
async fn hear(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Option<String> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await.ok()?;
    (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
}

async fn say(stream: &mut (impl AsyncWrite + Unpin), text: &str) -> Option<()> {
    stream.write_all(format!("{text}\r\n").as_bytes()).await.ok()?;
    stream.flush().await.ok()
}

/// What stands between the angle brackets.
fn address(line: &str) -> String {
    let inside = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or_else(String::new, |(address, _)| address.to_owned())
}

/// `\0user\0password` in base64.
fn encoded((user, password): &(String, String)) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let plain = format!("\0{user}\0{password}");
    let mut text = String::new();
    for chunk in plain.as_bytes().chunks(3) {
        let mut three = [0; 3];
        three[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    text
}
