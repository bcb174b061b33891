//! What HTTP asks of every route: room, cursors, conditions, ranges, keys, limits, patience.

pub(crate) mod accept;
pub(crate) mod admission;
pub(crate) mod client_address;
pub(crate) mod cross_origin;
pub(crate) mod cursor;
pub(crate) mod declared_fields;
pub(crate) mod declared_queries;
pub(crate) mod framing;
pub(crate) mod middleware;
pub(crate) mod page_range;
pub(crate) mod patience;
pub(crate) mod range;
pub(crate) mod rates;
pub(crate) mod request_body;
pub(crate) mod request_headers;
pub(crate) mod route_pattern;
