//! The answer of routes that change something and have nothing to show for it.

use poem_openapi::ApiResponse;

#[derive(ApiResponse)]
pub(super) enum Done {
    /// Done.
    #[oai(status = 204)]
    Done,
}
