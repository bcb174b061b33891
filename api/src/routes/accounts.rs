//! `/auth`: making an account, logging in and out.

use poem::Request;
use poem::web::Data;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use secrecy::{ExposeSecret, SecretString};

use super::Section;
use super::addresses::AskedBody;
use super::schema::UserBody;
use crate::auth::browser;
use crate::auth::caller::{self, Caller, Proof};
use crate::auth::passwords::PasswordError;
use crate::context::Api;
use crate::operations::accounts::{self, Device, Login, Refused, Wanted};
use crate::operations::registering::{self, Registration};
use crate::problem::{Code, Problem};

pub(super) struct Accounts;

/// A new account.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct RegistrationBody {
    /// The address; upper and lower case are the same.
    email: String,
    /// 8 to 1,024 bytes; well-known passwords are refused.
    password: String,
    /// A second name for logging in.
    username: Option<String>,
    full_name: Option<String>,
    organization: Option<String>,
}

/// Name and password. Give `email` or `username`.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(super) struct LoginBody {
    email: Option<String>,
    username: Option<String>,
    password: String,
    /// For an account with a second factor: a code of the app, or a recovery code.
    code: Option<String>,
}

/// The newest refresh token of a session.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct RefreshBody {
    refresh_token: String,
}

/// Tokens of a session.
#[derive(Object)]
#[oai(rename = "Session")]
struct SessionBody {
    user: UserBody,
    access_token: String,
    /// Good once; each use gives the next one.
    refresh_token: String,
    token_type: String,
    /// Seconds until the access token expires.
    expires_in: u64,
}

/// The next pair of tokens.
#[derive(Object)]
#[oai(rename = "Tokens")]
struct TokensBody {
    access_token: String,
    /// Good once; each use gives the next one.
    refresh_token: String,
    token_type: String,
    /// Seconds until the access token expires.
    expires_in: u64,
}

#[derive(ApiResponse)]
enum Registered {
    /// The account is made and logged in.
    #[oai(status = 201)]
    Created(Json<SessionBody>),
    /// Addresses have to be confirmed here: a message with a link is on its way. The answer is the same for an address that has
    /// an account already.
    #[oai(status = 202)]
    Accepted(Json<AskedBody>),
}

#[derive(ApiResponse)]
enum LoggedOut {
    /// The session has ended. Ending it twice is fine.
    #[oai(status = 204)]
    Done(
        /// For a browser: its cookie goes.
        #[oai(header = "Set-Cookie")]
        Option<String>,
    ),
}

#[OpenApi(tag = "Section::Accounts")]
impl Accounts {
    /// Make an account
    ///
    /// Where addresses have to be confirmed the answer is 202, and the account can hand documents in once its address is.
    #[oai(path = "/auth/register", method = "post")]
    async fn register(
        &self,
        api: Data<&Api>,
        request: &Request,
        body: Json<RegistrationBody>,
    ) -> Result<Registered, Problem> {
        let Json(body) = body;
        let new = Registration {
            email: body.email,
            username: body.username,
            full_name: body.full_name,
            organization: body.organization,
            password: SecretString::from(body.password),
        };
        Ok(match registering::register(&api, new, device(request)).await? {
            registering::Registered::LoggedIn(login) => Registered::Created(Json(session(&api, *login))),
            registering::Registered::Asked => Registered::Accepted(Json(AskedBody::new())),
        })
    }

    /// Log in with an address or a user name
    #[oai(path = "/auth/login", method = "post")]
    async fn log_in(
        &self,
        api: Data<&Api>,
        request: &Request,
        body: Json<LoginBody>,
    ) -> Result<Json<SessionBody>, Problem> {
        let login = accounts::log_in(&api, wanted(body.0)?, device(request)).await?;
        Ok(Json(session(&api, login)))
    }

    /// Get the next pair of tokens
    ///
    /// A refresh token is good once. Whoever lost the answer may ask again within ten seconds and gets the same one. A token that
    /// is shown later, or after its successor was used, ends its whole session: somebody else may have it.
    #[oai(path = "/auth/refresh", method = "post")]
    async fn refresh(
        &self,
        api: Data<&Api>,
        request: &Request,
        body: Json<RefreshBody>,
    ) -> Result<Json<TokensBody>, Problem> {
        let tokens = accounts::refresh(&api, &body.0.refresh_token, caller::origin(request)).await?;
        Ok(Json(TokensBody {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token.expose_secret().to_owned(),
            token_type: "Bearer".to_owned(),
            expires_in: api.tokens.lifetime().as_secs(),
        }))
    }

    /// End this session, or with `all=true` every session of the account
    #[oai(path = "/auth/logout", method = "post")]
    async fn log_out(
        &self,
        api: Data<&Api>,
        caller: Caller,
        all: Query<Option<bool>>,
    ) -> Result<LoggedOut, Problem> {
        let (session, Caller(who)) = (caller.0.session()?, caller);
        accounts::log_out(&api, who.user, session, all.0.unwrap_or(false), who.origin).await?;
        let in_browser = matches!(who.proof, Proof::Browser(_));
        Ok(LoggedOut::Done(in_browser.then(|| browser::forget(&api.http))))
    }
}

fn session(api: &Api, login: Login) -> SessionBody {
    SessionBody {
        user: login.user.into(),
        access_token: login.access_token,
        refresh_token: login.refresh_token.expose_secret().to_owned(),
        token_type: "Bearer".to_owned(),
        expires_in: api.tokens.lifetime().as_secs(),
    }
}

/// What somebody shows who wants to log in.
pub(super) fn wanted(body: LoginBody) -> Result<Wanted, Problem> {
    let name = match (body.email, body.username) {
        (Some(name), None) | (None, Some(name)) => name,
        _ => return Err(Problem::invalid("/email", "give either email or username")),
    };
    Ok(Wanted {
        name,
        password: SecretString::from(body.password),
        code: body.code.map(SecretString::from),
    })
}

pub(super) fn device(request: &Request) -> Device {
    Device {
        origin: caller::origin(request),
        user_agent: request.header("user-agent").map(str::to_owned),
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::RegistrationClosed => Self::new(Code::RegistrationClosed),
            Refused::Invalid { field, detail } => Self::invalid(format!("/{field}"), detail),
            Refused::Exists => Self::new(Code::AccountExists),
            Refused::Gone => Self::new(Code::Unauthenticated),
            Refused::CodeNeeded | Refused::FactorUnreadable => {
                Self::new(Code::SecondFactorRequired).detail(refused)
            }
            Refused::WrongCode => Self::new(Code::WrongCode).detail(refused),
            Refused::SecondFactorExists | Refused::NoSecondFactor => {
                Self::new(Code::SecondFactorState).detail(refused)
            }
            Refused::Link => Self::new(Code::LinkNotGood).detail(refused),
            Refused::MailOff => Self::new(Code::MailOff).detail(refused),
            Refused::TooOften(refused) => refused.into(),
            Refused::WrongPassword => Self::new(Code::WrongPassword),
            Refused::Credentials => Self::new(Code::InvalidCredentials),
            Refused::Disabled(_) => Self::new(Code::AccountDisabled),
            Refused::RefreshToken => {
                Self::new(Code::Unauthenticated).detail("the refresh token is not valid; log in")
            }
            Refused::Database(error) => error.into(),
            Refused::Password(PasswordError::TooLong) => Self::invalid("/password", PasswordError::TooLong),
            Refused::Password(error @ PasswordError::Busy) => Self::new(Code::Overloaded).detail(error),
            Refused::Password(error) => {
                tracing::error!("a password could not be hashed: {}", telemetry::chain(&error));
                Self::new(Code::Internal)
            }
        }
    }
}
