//! A door before an S3 server that understands what passes: it can hold, refuse, slow down or cut off the requests for
//! chosen objects, and let all others through.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::gate::authority;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// It waits until the treatment ends.
    Hold,
    /// It is answered with 503, which S3 servers use for "slow down".
    Refuse,
    /// Its answer breaks off after so many bytes of its body.
    CutAfter(u64),
    /// It waits so long before it goes on.
    Delay(Duration),
}

/// Which requests are treated how.
#[derive(Debug, Clone)]
struct Rule {
    number: u64,
    method: &'static str,
    /// Words that the path has in it; empty for every path.
    path_contains: String,
    treatment: Treatment,
}

type Rules = Vec<Rule>;

/// A forwarder of HTTP requests.
pub struct StoreGate {
    address: SocketAddr,
    rules: Arc<watch::Sender<Rules>>,
    accepting: JoinHandle<()>,
}

/// A treatment that ends when this is dropped.
#[must_use]
pub struct Treated {
    number: u64,
    rules: Arc<watch::Sender<Rules>>,
}

impl StoreGate {
    /// An open gate before the S3 server with this address.
    ///
    /// # Panics
    /// When there is no port for it.
    pub async fn before(endpoint: &str) -> Self {
        let server = authority(endpoint).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (rules, seen) = watch::channel(Rules::new());
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, seen) = (server.clone(), seen.clone());
                // An error is a side that hung up, which the other side is told by hanging up too.
                tokio::spawn(async move { serve(client, &server, seen).await });
            }
        });
        Self {
            address,
            rules: Arc::new(rules),
            accepting,
        }
    }

    /// Where it listens, as `storage.endpoint` takes it.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Treats requests of this method whose path has these words in it, the newest rule first.
    pub fn treat(&self, method: &'static str, path_contains: &str, treatment: Treatment) -> Treated {
        let mut number = 0;
        self.rules.send_modify(|rules| {
            number = rules.last().map_or(0, |rule| rule.number + 1);
            rules.push(Rule {
                number,
                method,
                path_contains: path_contains.to_owned(),
                treatment,
            });
        });
        Treated {
            number,
            rules: Arc::clone(&self.rules),
        }
    }
}

impl Drop for Treated {
    fn drop(&mut self) {
        self.rules
            .send_modify(|rules| rules.retain(|rule| rule.number != self.number));
    }
}

impl Drop for StoreGate {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The head of a request or an answer.
struct Head {
    text: String,
    length: Option<u64>,
}

/// One request after the other, each over a connection of its own to the server, so that the end of its answer is plain.
async fn serve(client: TcpStream, server: &str, mut seen: watch::Receiver<Rules>) -> Result<()> {
    client.set_nodelay(true)?;
    let (reads, mut writes) = client.into_split();
    let mut reads = BufReader::new(reads);
    while let Some(request) = read_head(&mut reads).await? {
        let treatment = wait_out(&request, &mut seen).await;
        if treatment == Some(Treatment::Refuse) {
            return refuse(&mut reads, &mut writes, &request).await;
        }
        let cut_after = match treatment {
            Some(Treatment::CutAfter(bytes)) => Some(bytes),
            _ => None,
        };
        if !pass_on(&request, &mut reads, &mut writes, server, cut_after).await? {
            return Ok(());
        }
    }
    Ok(())
}

/// Waits as long as a rule says so; gives the treatment that is left to be done.
async fn wait_out(request: &Head, seen: &mut watch::Receiver<Rules>) -> Option<Treatment> {
    let line = request.text.lines().next().unwrap_or_default().to_owned();
    let rule_for = |rules: &Rules| {
        let applies = |rule: &&Rule| {
            line.split_once(' ')
                .is_some_and(|(method, rest)| method == rule.method && rest.contains(&rule.path_contains))
        };
        rules.iter().rev().find(applies).map(|rule| rule.treatment)
    };
    let treatment = {
        let rules = seen
            .wait_for(|rules| rule_for(rules) != Some(Treatment::Hold))
            .await
            .ok()?;
        rule_for(&rules)
    };
    if let Some(Treatment::Delay(time)) = treatment {
        tokio::time::sleep(time).await;
    }
    treatment
}

/// The body is read first: whoever is still sending might not listen.
async fn refuse(
    reads: &mut BufReader<OwnedReadHalf>,
    writes: &mut OwnedWriteHalf,
    request: &Head,
) -> Result<()> {
    let mut body = reads.take(request.length.unwrap_or(0));
    tokio::io::copy(&mut body, &mut tokio::io::sink()).await?;
    let answer = b"HTTP/1.1 503 Slow Down\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    writes.write_all(answer).await
}

/// Says whether the client may send another request on its connection.
async fn pass_on(
    request: &Head,
    reads: &mut BufReader<OwnedReadHalf>,
    writes: &mut OwnedWriteHalf,
    server: &str,
    cut_after: Option<u64>,
) -> Result<bool> {
    let (server_reads, mut server_writes) = TcpStream::connect(server).await?.into_split();
    let mut server_reads = BufReader::new(server_reads);
    let closing = request.text.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    server_writes.write_all(closing.as_bytes()).await?;
    copy(reads, &mut server_writes, request.length.unwrap_or(0)).await?;

    let answer = read_head(&mut server_reads)
        .await?
        .ok_or(ErrorKind::UnexpectedEof)?;
    let kept_open: String = answer
        .text
        .split_inclusive("\r\n")
        .filter(|line| !line.to_ascii_lowercase().starts_with("connection:"))
        .collect();
    writes.write_all(kept_open.as_bytes()).await?;
    let is_bodiless = request.text.starts_with("HEAD ")
        || ["204", "304"]
            .iter()
            .any(|code| answer.text.split(' ').nth(1) == Some(*code));
    let length = if is_bodiless { Some(0) } else { answer.length };
    if let Some(bytes) = cut_after.filter(|bytes| length.is_none_or(|length| *bytes < length)) {
        copy(&mut server_reads, writes, bytes).await?;
        return Ok(false);
    }
    match length {
        Some(length) => {
            copy(&mut server_reads, writes, length).await?;
            Ok(true)
        }
        None => {
            tokio::io::copy(&mut server_reads, writes).await?;
            Ok(false)
        }
    }
}

async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    length: u64,
) -> Result<()> {
    let copied = tokio::io::copy(&mut from.take(length), to).await?;
    if copied < length {
        return Err(Error::from(ErrorKind::UnexpectedEof));
    }
    Ok(())
}

/// `None` when the other side has hung up between two requests.
async fn read_head(from: &mut (impl AsyncBufReadExt + Unpin)) -> Result<Option<Head>> {
    let mut text = String::new();
    let mut length = None;
    loop {
        let begin = text.len();
        if from.read_line(&mut text).await? == 0 {
            return if begin == 0 {
                Ok(None)
            } else {
                Err(ErrorKind::UnexpectedEof.into())
            };
        }
        let line = &text[begin..];
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok();
        }
        if line == "\r\n" {
            return Ok(Some(Head { text, length }));
        }
    }
}
