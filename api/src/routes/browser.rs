//! `/auth/browser`: sessions of browsers, for pages. What proves them is a cookie that no script can read.

use domain::BrowserCookie;
use poem::Request;
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use secrecy::ExposeSecret;

use super::Section;
use super::accounts::{self as login, LoginBody};
use super::schema::UserBody;
use crate::auth::access::Needs;
use crate::auth::browser;
use crate::auth::caller::{Caller, Proof};
use crate::context::Api;
use crate::operations::{accounts, profile};
use crate::problem::{Code, Problem};

pub(super) struct Browser;

/// The session of a browser, as its pages may know it.
#[derive(Object)]
#[oai(rename = "BrowserSession")]
struct BrowserBody {
    user: UserBody,
    /// To be sent as `X-CSRF-Token` with whatever is not GET. It stays the same for the whole session.
    csrf_token: String,
    /// Seconds after which the session ends unless it is used.
    expires_in: u64,
}

#[derive(ApiResponse)]
enum LoggedIn {
    /// The browser is logged in.
    #[oai(status = 200)]
    Done(
        Json<BrowserBody>,
        /// The cookie: HttpOnly, Secure, SameSite=Lax, for all of this host.
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

#[OpenApi(tag = "Section::Accounts")]
impl Browser {
    /// Log a browser in
    ///
    /// As `POST /auth/login`, for pages: the session is in a cookie that no script can read, is prolonged by being used, and
    /// has nothing to refresh. The request has to come from a page of docmill (`Origin`). A session that the browser had before
    /// ends.
    #[oai(path = "/auth/browser/login", method = "post")]
    async fn log_in(
        &self,
        api: Data<&Api>,
        request: &Request,
        body: Json<LoginBody>,
    ) -> Result<LoggedIn, Problem> {
        // Otherwise another site could log its visitors in to an account of its own.
        browser::check_page(&api, request, Needs::Nothing)?;
        let wanted = login::wanted(body.0)?;
        let before = request.data::<BrowserCookie>().map(BrowserCookie::hash);
        let started = accounts::log_in_browser(&api, wanted, before, login::device(request)).await?;
        let body = BrowserBody {
            csrf_token: api.csrf.token(started.session).expose_secret().to_owned(),
            user: started.user.into(),
            expires_in: api.tokens.refresh_lifetime().as_secs(),
        };
        let cookie = browser::keep(&started.cookie, &api.http);
        Ok(LoggedIn::Done(Json(body), cookie))
    }

    /// The session of the browser that is asking, for a page that has just been loaded
    #[oai(path = "/auth/browser/session", method = "get")]
    async fn session(&self, api: Data<&Api>, caller: Caller) -> Result<Json<BrowserBody>, Problem> {
        let Caller(who) = caller;
        let Proof::Browser(session) = who.proof else {
            return Err(Problem::new(Code::NotFound).detail("this is for sessions of browsers"));
        };
        Ok(Json(BrowserBody {
            user: profile::find(&api, who.user).await?.into(),
            csrf_token: api.csrf.token(session).expose_secret().to_owned(),
            expires_in: api.tokens.refresh_lifetime().as_secs(),
        }))
    }
}
