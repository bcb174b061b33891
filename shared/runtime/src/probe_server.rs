//! Probes and metrics over HTTP: as routes for a server that exists, and as a small listener of their own.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use poem::endpoint::{make, make_sync};
use poem::http::{StatusCode, header};
use poem::listener::{Acceptor, Listener, TcpAcceptor, TcpListener};
use poem::web::Json;
use poem::{IntoResponse, Response, Route, Server, get};
use serde::{Deserialize, Serialize};
use telemetry::Exposition;
use tokio_util::sync::CancellationToken;

use crate::probes::{Probes, Readiness};

/// Orchestrators and Prometheus ask in shorter intervals; whoever is silent for longer holds a connection for nothing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// How long an answer may still take when the listener closes.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The section `health`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealthSettings {
    /// Where probes and metrics are served, for example `0.0.0.0:9000`. Not meant for the public: metrics tell a lot.
    /// Without it the binary decides.
    pub listen: Option<SocketAddr>,
}

impl HealthSettings {
    /// Everything wrong with the section: nothing that its types do not refuse already.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        Vec::new()
    }
}

#[derive(Serialize)]
struct Simple {
    status: &'static str,
}

/// `/livez`, `/readyz`, `/startupz`, and `/health` for load balancers that know no other name for readiness. Without
/// metrics, so that they may be public.
#[must_use]
pub fn probe_routes(probes: Probes) -> Route {
    let (ready, health, started) = (probes.clone(), probes.clone(), probes);
    Route::new()
        // Answering is the proof. A dependency that is down is no reason to be restarted.
        .at(
            "/livez",
            get(make_sync(|_| answer(StatusCode::OK, Simple { status: "alive" }))),
        )
        .at("/readyz", get(make(move |_| readiness(ready.clone()))))
        .at("/health", get(make(move |_| readiness(health.clone()))))
        .at("/startupz", get(make_sync(move |_| startup(&started))))
}

async fn readiness(probes: Probes) -> Response {
    let report = probes.report().await;
    let status = match report.status {
        Readiness::Ready | Readiness::Degraded => StatusCode::OK,
        Readiness::Unready => StatusCode::SERVICE_UNAVAILABLE,
    };
    answer(status, report)
}

fn startup(probes: &Probes) -> Response {
    if probes.has_started() {
        answer(StatusCode::OK, Simple { status: "started" })
    } else {
        answer(StatusCode::SERVICE_UNAVAILABLE, Simple { status: "starting" })
    }
}

fn answer(status: StatusCode, body: impl Serialize + Send) -> Response {
    Json(body)
        .with_status(status)
        .with_header(header::CACHE_CONTROL, "no-store")
        .into_response()
}

/// A listener for probes and metrics only.
pub struct ProbeServer {
    acceptor: TcpAcceptor,
    address: SocketAddr,
}

impl ProbeServer {
    /// Takes the address. Port 0 takes any free port.
    ///
    /// # Errors
    /// When the address is taken or not ours.
    pub async fn bind(listen: SocketAddr) -> io::Result<Self> {
        let acceptor = TcpListener::bind(listen).into_acceptor().await?;
        let address = acceptor
            .local_addr()
            .iter()
            .find_map(|address| address.as_socket_addr().copied())
            .unwrap_or(listen);
        Ok(Self { acceptor, address })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says that the process wants work, and answers while it works: until `work` has ended.
    ///
    /// # Errors
    /// Only those of the operating system.
    pub async fn beside<T>(
        self,
        probes: Probes,
        exposition: Exposition,
        work: impl Future<Output = T>,
    ) -> io::Result<T> {
        probes.set_ready(true);
        let drained = CancellationToken::new();
        let serving = tokio::spawn(self.serve(probes, exposition, drained.clone()));
        let outcome = work.await;
        drained.cancel();
        serving.await??;
        Ok(outcome)
    }

    /// Answers until `until` is set. That should be after the process has drained and not when it begins to: an
    /// orchestrator wants to see that it is not ready but alive, and Prometheus the last numbers.
    ///
    /// # Errors
    /// Only those of the operating system.
    pub async fn serve(
        self,
        probes: Probes,
        exposition: Exposition,
        until: CancellationToken,
    ) -> io::Result<()> {
        let metrics = make_sync(move |_| {
            exposition
                .render()
                .with_content_type(Exposition::CONTENT_TYPE)
                .into_response()
        });
        let routes = probe_routes(probes).at("/metrics", get(metrics));
        Server::new_with_acceptor(self.acceptor)
            .name("probes")
            .idle_timeout(IDLE_TIMEOUT)
            .run_with_graceful_shutdown(routes, until.cancelled_owned(), Some(CLOSE_TIMEOUT))
            .await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use poem::{Endpoint, Request};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::probes::Checks;

    async fn ask(routes: &Route, path: &'static str) -> (u16, String) {
        let request = Request::builder().uri_str(path).finish();
        let response = routes.get_response(request).await;
        let status = response.status().as_u16();
        (status, response.into_body().into_string().await.unwrap())
    }

    #[tokio::test]
    async fn probes_follow_the_life_of_the_process() {
        let shutdown = CancellationToken::new();
        let checks = Checks::new()
            .critical("database", &(), |()| async { Ok::<(), io::Error>(()) })
            .degrading("queue", &(), |()| async { Err("connection to 10.0.0.7 refused") });
        let probes = Probes::new(checks, shutdown.clone());
        let routes = probe_routes(probes.clone());

        assert_eq!(
            ask(&routes, "/livez").await,
            (200, r#"{"status":"alive"}"#.to_owned())
        );
        assert_eq!(
            ask(&routes, "/startupz").await,
            (503, r#"{"status":"starting"}"#.to_owned())
        );
        assert_eq!(ask(&routes, "/readyz").await.0, 503);

        probes.set_ready(true);
        assert_eq!(
            ask(&routes, "/startupz").await,
            (200, r#"{"status":"started"}"#.to_owned())
        );
        let degraded = r#"{"status":"degraded","checks":{"database":"ok","queue":"degraded"}}"#;
        assert_eq!(ask(&routes, "/readyz").await, (200, degraded.to_owned()));
        assert_eq!(ask(&routes, "/health").await, (200, degraded.to_owned()));

        shutdown.cancel();
        assert_eq!(ask(&routes, "/readyz").await.0, 503);
        assert_eq!(ask(&routes, "/livez").await.0, 200);
        assert_eq!(ask(&routes, "/metrics").await.0, 404);
    }

    async fn fetch(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: probes\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        response
    }

    #[tokio::test]
    async fn a_process_is_ready_while_it_works_and_heard_until_it_has_ended() {
        let stopping = CancellationToken::new();
        let probes = Probes::new(Checks::new(), stopping.clone());
        let server = ProbeServer::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = server.address();
        let work = async {
            assert!(fetch(address, "/readyz").await.starts_with("HTTP/1.1 200"));
            stopping.cancel();
            assert!(fetch(address, "/readyz").await.starts_with("HTTP/1.1 503"));
            "worked"
        };
        let outcome = server.beside(probes, telemetry::install_recorder(), work).await;
        assert_eq!(outcome.unwrap(), "worked");
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn the_listener_serves_probes_and_metrics_until_it_is_closed() {
        let probes = Probes::new(Checks::new(), CancellationToken::new());
        let until = CancellationToken::new();
        let server = ProbeServer::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = server.address();
        assert!(ProbeServer::bind(address).await.is_err());
        let serving = tokio::spawn(server.serve(probes, telemetry::install_recorder(), until.clone()));

        let metrics = fetch(address, "/metrics").await;
        assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
        assert!(
            metrics.contains("content-type: text/plain; version=0.0.4"),
            "{metrics}"
        );
        assert!(metrics.contains("docmill_build_info{version="), "{metrics}");
        assert!(fetch(address, "/readyz").await.starts_with("HTTP/1.1 503"));

        until.cancel();
        serving.await.unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
