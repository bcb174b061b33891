//! `/me/second-factor`: a code beside the password.

use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use secrecy::{ExposeSecret, SecretString};

use super::Section;
use super::done::Done;
use crate::auth::caller::Caller;
use crate::context::Api;
use crate::operations::second_factor;
use crate::problem::Problem;

pub(super) struct SecondFactor;

#[derive(Object)]
#[oai(rename = "SecondFactorBegin", deny_unknown_fields)]
struct BeginBody {
    /// The password, once more.
    password: String,
}

/// A secret for an app. It counts when it is confirmed.
#[derive(Object)]
#[oai(rename = "SecondFactorSecret")]
struct SecretBody {
    /// To be typed into the app: base32.
    secret: String,
    /// To be shown to the app as a QR code.
    uri: String,
}

#[derive(Object)]
#[oai(rename = "SecondFactorCode", deny_unknown_fields)]
struct CodeBody {
    /// The six digits that the app shows.
    code: String,
}

#[derive(Object)]
#[oai(rename = "RecoveryCodes")]
struct RecoveryBody {
    /// Each is good once, instead of a code of the app. They are shown this once.
    recovery_codes: Vec<String>,
}

#[derive(Object)]
#[oai(rename = "SecondFactorRemoval", deny_unknown_fields)]
struct RemovalBody {
    password: String,
    /// A code of the app, or a recovery code; not looked at when the set-up was never confirmed.
    code: Option<String>,
}

#[OpenApi(tag = "Section::Accounts")]
impl SecondFactor {
    /// Begin to set a second factor up
    #[oai(path = "/me/second-factor", method = "post")]
    async fn begin(
        &self,
        api: Data<&Api>,
        caller: Caller,
        body: Json<BeginBody>,
    ) -> Result<Json<SecretBody>, Problem> {
        let Caller(who) = caller;
        let made =
            second_factor::begin(&api, who.user, SecretString::from(body.0.password), who.origin).await?;
        Ok(Json(SecretBody {
            secret: made.secret.expose_secret().to_owned(),
            uri: made.uri.expose_secret().to_owned(),
        }))
    }

    /// Confirm the second factor with a first code
    ///
    /// From now on a login needs a code beside the password.
    #[oai(path = "/me/second-factor/confirm", method = "post")]
    async fn confirm(
        &self,
        api: Data<&Api>,
        caller: Caller,
        body: Json<CodeBody>,
    ) -> Result<Json<RecoveryBody>, Problem> {
        let Caller(who) = caller;
        let codes = second_factor::confirm(&api, who.user, body.0.code.trim(), who.origin).await?;
        let recovery_codes = codes.iter().map(|code| code.expose_secret().to_owned()).collect();
        Ok(Json(RecoveryBody { recovery_codes }))
    }

    /// Take the second factor away
    #[oai(path = "/me/second-factor/remove", method = "post")]
    async fn remove(
        &self,
        api: Data<&Api>,
        caller: Caller,
        body: Json<RemovalBody>,
    ) -> Result<Done, Problem> {
        let (Caller(who), Json(body)) = (caller, body);
        let password = SecretString::from(body.password);
        let code = SecretString::from(body.code.unwrap_or_default());
        second_factor::remove(&api, who.user, password, code, who.origin).await?;
        Ok(Done::Done)
    }
}
