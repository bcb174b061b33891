//! The only way into a route: who is asking, proven by a token and by a session that still stands.

use database::audit::Origin;
use domain::{RequestId, SessionId, UserId, UserRole, UserStatus};
use poem::Request;
use poem_openapi::SecurityScheme;
use poem_openapi::auth::Bearer;

use crate::context::Api;
use crate::problem::{Code, Problem, REQUEST_ID};

/// Who is asking.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// The account.
    pub user: UserId,
    /// What it may do beyond its own documents, as of a few seconds ago.
    pub role: UserRole,
    /// The session that the token belongs to.
    pub session: SessionId,
    /// From where.
    pub origin: Origin,
}

/// An access token in the `Authorization` header.
#[derive(SecurityScheme)]
#[oai(
    rename = "accessToken",
    ty = "bearer",
    bearer_format = "PASETO v4.local",
    checker = "authenticate"
)]
pub(crate) struct Caller(pub(crate) Identity);

async fn authenticate(request: &Request, bearer: Bearer) -> poem::Result<Identity> {
    let Some(api) = request.data::<Api>() else {
        return Err(Problem::new(Code::Internal).into());
    };
    Ok(identify(api, request, &bearer.token).await?)
}

async fn identify(api: &Api, request: &Request, token: &str) -> Result<Identity, Problem> {
    // Every cause gets the same answer: whoever guesses learns nothing.
    let claims = api
        .tokens
        .verify(token)
        .map_err(|_| Problem::new(Code::Unauthenticated))?;
    let asking = api.standings.of(&api.database, claims.session, api.clock.now());
    let standing = api.unless_away(asking).await??;
    let standing = standing
        .filter(|standing| standing.alive && standing.user == claims.user)
        .ok_or_else(|| Problem::new(Code::Unauthenticated))?;
    if standing.status != UserStatus::Active {
        return Err(Problem::new(Code::AccountDisabled));
    }
    Ok(Identity {
        user: claims.user,
        role: standing.role,
        session: claims.session,
        origin: origin(request),
    })
}

/// From where a request came, for the audit log.
pub(crate) fn origin(request: &Request) -> Origin {
    let ip = request
        .remote_addr()
        .as_socket_addr()
        .map(|address| address.ip().to_string());
    let id: Option<RequestId> = REQUEST_ID.try_with(|id| *id).ok();
    Origin { ip, request: id }
}
