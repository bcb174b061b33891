//! A door between a process and something it needs, which a test can close, or leave ajar.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the gate does to everything that passes.
#[derive(Debug, Clone, Copy, Default)]
struct Position {
    /// There are no connections: a server that is down.
    closed: bool,
    /// What is on its way to the server does not arrive.
    up_stalled: bool,
    /// What is on its way back does not arrive.
    down_stalled: bool,
    /// How much later everything arrives.
    latency: Duration,
    /// Connections from before the last reset are broken.
    resets: u64,
    /// Connections from before the last loss are dead without knowing it.
    losses: u64,
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
        let (position, seen) = watch::channel(Position::default());
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if !seen.borrow().closed {
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

    /// Lets everything through, at once.
    pub fn open(&self) {
        self.change(|position| {
            *position = Position {
                resets: position.resets,
                losses: position.losses,
                ..Position::default()
            };
        });
    }

    /// Lets nothing through and keeps what knocks waiting: a stalled server, packets that vanish.
    pub fn stall(&self) {
        self.change(|position| (position.up_stalled, position.down_stalled) = (true, true));
    }

    /// Lets nothing through to the server; what it says still arrives.
    pub fn cut_towards_server(&self) {
        self.change(|position| position.up_stalled = true);
    }

    /// Lets nothing back from the server, which hears everything and acts on it.
    pub fn cut_towards_client(&self) {
        self.change(|position| position.down_stalled = true);
    }

    /// Lets everything through so much later, in both directions.
    pub fn delay(&self, latency: Duration) {
        self.change(|position| position.latency = latency);
    }

    /// Ends every connection, in the middle of whatever it carries. New ones pass.
    pub fn reset(&self) {
        self.change(|position| position.resets += 1);
    }

    /// Forgets every connection without telling the client, as a machine does that lost its power: the server sees them
    /// end, the client waits for answers that never come. New ones pass.
    pub fn lose_connections(&self) {
        self.change(|position| position.losses += 1);
    }

    /// Ends every connection and takes no new one.
    pub fn close(&self) {
        self.change(|position| position.closed = true);
    }

    fn change(&self, change: impl FnOnce(&mut Position)) {
        self.position.send_modify(change);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// `host:port` of `scheme://user:password@host:port/path`.
pub(crate) fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['/', '?']).next().unwrap_or(rest);
    rest.rsplit_once('@').map_or(rest, |(_, authority)| authority)
}

async fn forward(mut client: TcpStream, server: String, mut seen: watch::Receiver<Position>) {
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let Position { resets, losses, .. } = *seen.borrow();
    let (up, down) = (seen.clone(), seen.clone());
    let lost = {
        let (client_reads, client_writes) = client.split();
        let (server_reads, server_writes) = server.split();
        tokio::select! {
            () = copy(client_reads, server_writes, up, |position| position.up_stalled) => false,
            () = copy(server_reads, client_writes, down, |position| position.down_stalled) => false,
            it = seen.wait_for(|it| it.closed || it.resets != resets || it.losses != losses) => {
                it.is_ok_and(|it| it.losses != losses)
            }
        }
    };
    drop(server);
    if lost {
        swallow(client, seen, resets).await;
    }
}

/// Hears everything and says nothing, until the connection is broken by somebody.
async fn swallow(mut client: TcpStream, mut seen: watch::Receiver<Position>, resets: u64) {
    let mut buffer = vec![0; 64 * 1024];
    let hearing = async { while client.read(&mut buffer).await.is_ok_and(|count| count > 0) {} };
    tokio::select! {
        () = hearing => {}
        _ = seen.wait_for(|it| it.closed || it.resets != resets) => {}
    }
}

/// Both directions end with the first that does; HTTP, Postgres and Redis do not close one side only.
async fn copy(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut seen: watch::Receiver<Position>,
    is_stalled: impl Fn(&Position) -> bool,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count) = from.read(&mut buffer).await {
        let latency = seen.borrow().latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let open = seen.wait_for(|position| !is_stalled(position)).await.is_ok();
        if count == 0 || !open || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
