//! The one implementation of cryptography behind every TLS connection.

/// Makes *ring* the provider of every TLS client that is built from now on. Call it first in `main`: clients panic
/// without a provider. Calling it again is safe and changes nothing.
pub fn install_tls_provider() {
    // An error means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_there_however_often_it_is_installed() {
        install_tls_provider();
        install_tls_provider();
        assert!(rustls::crypto::CryptoProvider::get_default().is_some());
    }
}
