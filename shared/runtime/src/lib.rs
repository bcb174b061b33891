//! What only a running process needs: settings in, signals to shutdown, probes and metrics out. Binaries use it, and
//! the API for its probe routes; nothing else does.

mod probe_server;
mod probes;
mod process;
pub mod settings;
mod shutdown;
mod tls;

pub use probe_server::{HealthSettings, ProbeServer, probe_routes};
pub use probes::{Ask, CheckState, Checks, Probes, Readiness, Report};
pub use process::{EXIT_CODE_USAGE, Process, begin, live};
pub use shutdown::listen;
pub use tls::install_tls_provider;
