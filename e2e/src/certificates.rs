//! Certificates of a test's own: an authority that docmill may be told to trust, and what it vouches for.

use std::path::Path;
use std::sync::Arc;

use domain::UserId;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Who vouches for servers.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// What a server proves its name with.
#[derive(Clone)]
pub struct ServerCertificate(Arc<ServerConfig>);

impl Authority {
    /// A new one, which nobody knows yet.
    ///
    /// # Panics
    /// When no key can be made.
    #[must_use]
    pub fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Authorities are told apart by their names.
        let name = format!("authority {}", UserId::new());
        parameters.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    /// Writes its certificate where settings can name it.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn write_to(&self, path: &Path) {
        std::fs::write(path, self.0.pem()).unwrap();
    }

    /// Vouches for a server of this name.
    ///
    /// # Panics
    /// When the name is none.
    #[must_use]
    pub fn vouch_for(&self, name: &str) -> ServerCertificate {
        self.sign(CertificateParams::new(vec![name.to_owned()]).unwrap())
    }

    /// The same, long ago.
    ///
    /// # Panics
    /// When the name is none.
    #[must_use]
    pub fn vouched_once_for(&self, name: &str) -> ServerCertificate {
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        parameters.not_before = date_time_ymd(2001, 1, 1);
        parameters.not_after = date_time_ymd(2002, 1, 1);
        self.sign(parameters)
    }

    fn sign(&self, parameters: CertificateParams) -> ServerCertificate {
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.0).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.into())
            .unwrap();
        ServerCertificate(Arc::new(config))
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl ServerCertificate {
    /// Shows it to whoever has connected, and protects the way.
    pub(crate) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(Arc::clone(&self.0)).accept(stream).await
    }
}
