//! The only way into a route: who is asking, proven by a login that still stands or by a key that is good, and allowed what
//! the route needs.

use std::net::IpAddr;

use database::audit::Origin;
use database::{api_keys, sessions};
use domain::{ApiKeyId, ApiKeyText, BrowserCookie, RequestId, SessionId, UserId, UserRole, UserStatus};
use poem::Request;
use poem::http::{HeaderValue, header};
use poem_openapi::SecurityScheme;
use poem_openapi::auth::Bearer;

use super::access::Needs;
use super::browser;
use crate::context::Api;
use crate::http::client_address::ClientAddress;
use crate::http::rates::Policy;
use crate::problem::{Code, Problem, REQUEST_ID};

/// Where a key may be given beside `Authorization`.
const KEY_HEADER: &str = "x-api-key";

/// Who is asking.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// The account.
    pub user: UserId,
    /// What it may do beyond its own documents, as of a few seconds ago.
    pub role: UserRole,
    /// Whether its address has yet to be proven, as of a few seconds ago.
    pub unverified: bool,
    /// How it is proven who is asking.
    pub proof: Proof,
    /// From where.
    pub origin: Origin,
}

/// How it is proven who is asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// An access token of this session.
    Login(SessionId),
    /// The cookie of this session, from a page of our own.
    Browser(SessionId),
    /// This key.
    Key(ApiKeyId),
}

impl Identity {
    /// The session of a person who is logged in.
    ///
    /// # Errors
    /// When a key is asking: it has none.
    pub(crate) fn session(&self) -> Result<SessionId, Problem> {
        match self.proof {
            Proof::Login(session) | Proof::Browser(session) => Ok(session),
            Proof::Key(_) => {
                Err(Problem::new(Code::Forbidden).detail("this needs a login; API keys are refused"))
            }
        }
    }
}

/// An access token or an API key in the `Authorization` header.
#[derive(SecurityScheme)]
#[oai(
    rename = "accessToken",
    ty = "bearer",
    bearer_format = "PASETO v4.local",
    checker = "authenticate"
)]
pub(crate) struct Caller(pub(crate) Identity);

async fn authenticate(request: &Request, bearer: Bearer) -> poem::Result<Identity> {
    let (Some(api), Some(needs), Some(policy)) = (
        request.data::<Api>(),
        request.data::<Needs>(),
        request.data::<Policy>(),
    ) else {
        // A route that nobody has said anything of is for nobody.
        tracing::error!(
            http.path = request.original_uri().path(),
            "a route is missing in the table of access"
        );
        return Err(Problem::new(Code::Internal).into());
    };
    let identity = if let Some(cookie) = request.data::<BrowserCookie>() {
        identify_browser(api, request, cookie, *needs).await?
    } else if bearer.token.starts_with(ApiKeyText::PREFIX) {
        identify_key(api, request, &bearer.token, *needs).await?
    } else {
        identify_login(api, request, &bearer.token).await?
    };
    if !needs.allows_role(identity.role) {
        return Err(Problem::new(Code::Forbidden)
            .detail("the account's role is too low for this")
            .into());
    }
    let hands_in = *policy == Policy::Submit && request.uri().path().starts_with("/documents");
    if hands_in && identity.unverified && api.mail.verifies() {
        let detail = "nothing can be handed in before the address of the account is confirmed; \
                      POST /auth/verify/resend sends the message once more";
        return Err(Problem::new(Code::EmailUnverified).detail(detail).into());
    }
    api.rates
        .known(*policy, &identity, address(request))
        .await
        .map_err(Problem::from)?;
    Ok(identity)
}

/// Counts a request for which nobody need prove who they are. Whoever asks for a login is counted more strictly.
///
/// # Errors
/// With the problem to answer with, when it is one too many from its address.
pub(crate) async fn count_unknown(request: &Request) -> Result<(), Problem> {
    let (Some(api), Some(Needs::Nothing), Some(policy)) = (
        request.data::<Api>(),
        request.data::<Needs>(),
        request.data::<Policy>(),
    ) else {
        return Ok(());
    };
    Ok(api.rates.unknown(*policy, address(request)).await?)
}

// Every cause gets the same answer: whoever guesses learns nothing.
fn unknown() -> Problem {
    Problem::new(Code::Unauthenticated)
}

async fn identify_login(api: &Api, request: &Request, token: &str) -> Result<Identity, Problem> {
    let claims = api.tokens.verify(token).map_err(|_| unknown())?;
    let asking = sessions::standing(&api.database, claims.session, api.clock.now());
    let asking = api.standings.of(claims.session, asking);
    let standing = api.unless_away(asking).await??;
    let standing = standing
        .filter(|standing| standing.alive && standing.user == claims.user)
        .ok_or_else(unknown)?;
    if standing.status != UserStatus::Active {
        return Err(Problem::new(Code::AccountDisabled));
    }
    Ok(Identity {
        user: claims.user,
        role: standing.role,
        unverified: standing.unverified,
        proof: Proof::Login(claims.session),
        origin: origin(request),
    })
}

/// What changes something is believed only from a page of our own: the browser sends its cookie whoever asks it to.
async fn identify_browser(
    api: &Api,
    request: &Request,
    cookie: &BrowserCookie,
    needs: Needs,
) -> Result<Identity, Problem> {
    let changes = !request.method().is_safe();
    if changes {
        browser::check_page(api, request, needs)?;
    }
    let now = api.clock.now();
    let hash = cookie.hash();
    let expires_at = now + api.tokens.refresh_lifetime();
    let asking = sessions::standing_in_browser(&api.database, &hash, expires_at, now);
    let asking = api.browser_standings.of(hash, asking);
    let (session, standing) = api.unless_away(asking).await??.ok_or_else(unknown)?;
    if !standing.alive {
        return Err(unknown());
    }
    if changes {
        browser::check_token(api, request, session)?;
    }
    if standing.status != UserStatus::Active {
        return Err(Problem::new(Code::AccountDisabled));
    }
    Ok(Identity {
        user: standing.user,
        role: standing.role,
        unverified: standing.unverified,
        proof: Proof::Browser(session),
        origin: origin(request),
    })
}

async fn identify_key(api: &Api, request: &Request, text: &str, needs: Needs) -> Result<Identity, Problem> {
    let hash = ApiKeyText::parse(text).map_err(|_| unknown())?.hash();
    let now = api.clock.now();
    let asking = api
        .key_standings
        .of(hash, api_keys::standing(&api.database, &hash, now));
    let standing = api.unless_away(asking).await??;
    let standing = standing.filter(|key| key.is_good(now)).ok_or_else(unknown)?;
    if standing.status != UserStatus::Active {
        return Err(Problem::new(Code::AccountDisabled));
    }
    if !needs.allows_key(&standing.scopes) {
        let detail = match needs.scope() {
            Some(scope) => format!("the API key lacks the scope {scope}"),
            None => "this needs a login; API keys are refused".to_owned(),
        };
        return Err(Problem::new(Code::InsufficientScope).detail(detail));
    }
    Ok(Identity {
        user: standing.user,
        role: standing.role,
        unverified: standing.unverified,
        proof: Proof::Key(standing.key),
        origin: Origin {
            key: Some(standing.key),
            ..origin(request)
        },
    })
}

/// Takes a key from the header that is made for keys, as if it had come in `Authorization`.
///
/// # Errors
/// When there is something else in `Authorization`: nobody could say which of them counts. And when it is no key.
pub(crate) fn accept_key_header(request: &mut Request) -> Result<(), Problem> {
    let Some(key) = request.header(KEY_HEADER).map(str::to_owned) else {
        return Ok(());
    };
    if request.headers().contains_key(header::AUTHORIZATION) {
        let rule = "give a key here or in Authorization, not both";
        return Err(Problem::invalid("header:X-API-Key", rule));
    }
    // An access token is not accepted under another name. What is no key is a wrong key.
    let value = Some(format!("Bearer {key}")).filter(|_| key.starts_with(ApiKeyText::PREFIX));
    let value = value.and_then(|value| HeaderValue::try_from(value).ok());
    request
        .headers_mut()
        .insert(header::AUTHORIZATION, value.ok_or_else(unknown)?);
    Ok(())
}

fn address(request: &Request) -> Option<IpAddr> {
    request.data::<ClientAddress>()?.0
}

/// From where a request came, for the audit log; whoever proves to have a key adds it.
pub(crate) fn origin(request: &Request) -> Origin {
    let ip = address(request).map(|address| address.to_string());
    let id: Option<RequestId> = REQUEST_ID.try_with(|id| *id).ok();
    Origin {
        ip,
        request: id,
        key: None,
    }
}
