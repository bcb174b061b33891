//! Listens, answers, and stops gently.

use std::net::SocketAddr;
use std::time::Duration;

use poem::EndpointExt;
use poem::listener::{Acceptor, Listener, TcpAcceptor, TcpListener};

use crate::context::Api;
use crate::http::middleware;
use crate::routes;

/// How long running requests may take once the process is asked to stop.
const GRACE: Duration = Duration::from_secs(20);

/// The API could not listen or stopped listening.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is taken or not ours.
    #[error("could not listen on {address}; is another process using it? (setting http.listen)")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The listener failed.
    #[error("the listener failed")]
    Accept(#[source] std::io::Error),
}

/// An API that listens already and answers once it is run.
pub struct Server {
    api: Api,
    acceptor: TcpAcceptor,
    address: SocketAddr,
}

impl Server {
    /// Listens on the address in the settings. Port 0 takes any free one.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn bind(api: Api) -> Result<Self, ServerError> {
        let address = api.http.listen;
        let failed = |source| ServerError::Listen { address, source };
        let acceptor = TcpListener::bind(address).into_acceptor().await.map_err(failed)?;
        let address = acceptor
            .local_addr()
            .iter()
            .find_map(|local| local.as_socket_addr().copied())
            .unwrap_or(address);
        Ok(Self {
            api,
            acceptor,
            address,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until the process is asked to stop, then until the running requests have ended. `metrics` are shown here
    /// too when they have no listener of their own.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn run(
        self,
        probes: runtime::Probes,
        metrics: Option<telemetry::Exposition>,
    ) -> Result<(), ServerError> {
        let stopping = self.api.stopping.clone();
        let api = self.api.clone();
        let app = routes::all(self.api, probes, metrics)
            .around(move |next, request| middleware::around(api.clone(), next, request));
        poem::Server::new_with_acceptor(self.acceptor)
            .run_with_graceful_shutdown(app, async move { stopping.cancelled().await }, Some(GRACE))
            .await
            .map_err(ServerError::Accept)
    }
}
