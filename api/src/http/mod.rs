//! What HTTP asks of every route: cursors, conditions, ranges, keys, limits.

pub(crate) mod accept;
pub(crate) mod cursor;
pub(crate) mod middleware;
pub(crate) mod range;
pub(crate) mod request_body;
pub(crate) mod request_headers;
