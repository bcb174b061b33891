//! HTTP in, rows and hints out. Parses no document.
//!
//! A request comes in through [`routes`] (JSON), is proven by [`auth`], does one of the `operations`, and is answered; what
//! fails becomes a problem document in [`problem`].

pub mod auth;
mod context;
mod http;
pub mod operations;
pub mod problem;
mod quota_settings;
pub mod routes;
mod server;
mod settings;

pub use auth::settings::AuthSettings;
pub use context::{Api, Parts, UnusableAuth};
pub use http::rates::RateSettings;
pub use quota_settings::QuotaSettings;
pub use server::{Server, ServerError};
pub use settings::HttpSettings;
