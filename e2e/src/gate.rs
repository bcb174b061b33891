//! A door between a process and something it needs, which a test can close.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    Open,
    /// Connections stand, and nothing comes through: a stalled server, a slow network.
    Stalled,
    /// There are no connections: a server that is down.
    Closed,
}

/// A forwarder of TCP connections.
pub struct Gate {
    address: SocketAddr,
    position: watch::Sender<Position>,
    accepting: JoinHandle<()>,
}

impl Gate {
    /// An open gate before the server that a URL names.
    ///
    /// # Panics
    /// When there is no port for it.
    pub async fn before(url: &str) -> Self {
        let server = authority(url).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (position, seen) = watch::channel(Position::Open);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if *seen.borrow() != Position::Closed {
                    tokio::spawn(forward(stream, server.clone(), seen.clone()));
                }
            }
        });
        Self {
            address,
            position,
            accepting,
        }
    }

    /// The same URL through the gate.
    #[must_use]
    pub fn through(&self, url: &str) -> String {
        url.replacen(authority(url), &self.address.to_string(), 1)
    }

    /// Lets everything through.
    pub fn open(&self) {
        self.position.send_replace(Position::Open);
    }

    /// Lets nothing through and keeps what knocks waiting.
    pub fn stall(&self) {
        self.position.send_replace(Position::Stalled);
    }

    /// Ends every connection and takes no new one.
    pub fn close(&self) {
        self.position.send_replace(Position::Closed);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// `host:port` of `scheme://user:password@host:port/path`.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['/', '?']).next().unwrap_or(rest);
    rest.rsplit_once('@').map_or(rest, |(_, authority)| authority)
}

async fn forward(client: TcpStream, server: String, mut seen: watch::Receiver<Position>) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    let (up, down) = (seen.clone(), seen.clone());
    tokio::select! {
        () = copy(client_reads, server_writes, up) => {}
        () = copy(server_reads, client_writes, down) => {}
        _ = seen.wait_for(|position| *position == Position::Closed) => {}
    }
}

/// Both directions end with the first that does; HTTP, Postgres and Redis do not close one side only.
async fn copy(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut seen: watch::Receiver<Position>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count) = from.read(&mut buffer).await {
        let open = seen
            .wait_for(|position| *position == Position::Open)
            .await
            .is_ok();
        if count == 0 || !open || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
