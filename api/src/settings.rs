//! What an operator may choose about the HTTP side.

use std::net::SocketAddr;

use domain::units::ByteSize;
use serde::Deserialize;

/// The section `http`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Bytes of one uploaded file at most.
    pub upload_bytes_max: ByteSize,
    /// Whether anybody may make an account. Otherwise `docmill user create` makes them.
    pub registration_open: bool,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8000)),
            upload_bytes_max: ByteSize::from_gib(2),
            registration_open: true,
        }
    }
}

impl HttpSettings {
    /// Everything wrong with the section, one line each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        if self.upload_bytes_max.bytes() == 0 {
            return vec!["upload_bytes_max: must be more than 0".to_owned()];
        }
        Vec::new()
    }
}
