//! What needs a message to the owner of an address: proving it, changing it, a forgotten password.

use domain::MailKind;
use poem::Request;
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use secrecy::SecretString;

use super::Section;
use super::done::Done;
use crate::auth::caller::{self, Caller};
use crate::context::Api;
use crate::operations::addresses;
use crate::problem::Problem;

pub(super) struct Addresses;

/// An address.
#[derive(Object)]
#[oai(rename = "AddressBody", deny_unknown_fields)]
struct AddressBody {
    email: String,
}

/// The secret of a link.
#[derive(Object)]
#[oai(rename = "LinkBody", deny_unknown_fields)]
struct LinkBody {
    /// What stands behind the `#` of the link.
    token: String,
}

/// A new password, and the secret of a link.
#[derive(Object)]
#[oai(rename = "PasswordReset", deny_unknown_fields)]
struct ResetBody {
    /// What stands behind the `#` of the link.
    token: String,
    /// 8 to 1,024 bytes; well-known passwords are refused.
    new_password: String,
}

/// The address that an account shall have.
#[derive(Object)]
#[oai(rename = "AddressChange", deny_unknown_fields)]
struct ChangeBody {
    email: String,
    /// The password, once more.
    password: String,
}

/// A message is on its way, if it concerns anybody.
#[derive(Object)]
#[oai(rename = "MessageAsked")]
pub(super) struct AskedBody {
    /// What happens now; always the same.
    detail: String,
}

impl AskedBody {
    /// The answer to everybody who names an address.
    pub(super) fn new() -> Self {
        Self {
            detail: "if the address is good for this, a message with a link is on its way to it".to_owned(),
        }
    }
}

#[derive(ApiResponse)]
enum Asked {
    /// A message is on its way, if it concerns anybody. The answer is the same for every address.
    #[oai(status = 202)]
    Accepted(Json<AskedBody>),
}

impl Asked {
    fn accepted() -> Self {
        Self::Accepted(Json(AskedBody::new()))
    }
}

#[OpenApi(tag = "Section::Accounts")]
impl Addresses {
    /// Confirm an address
    ///
    /// With the secret of a link: that of a new account, or of one whose address is to change. It is good once, for 30 minutes.
    #[oai(path = "/auth/verify", method = "post")]
    async fn verify(
        &self,
        api: Data<&Api>,
        request: &Request,
        body: Json<LinkBody>,
    ) -> Result<Done, Problem> {
        addresses::prove(&api, &body.0.token, caller::origin(request)).await?;
        Ok(Done::Done)
    }

    /// Ask for the message of a new account once more
    #[oai(path = "/auth/verify/resend", method = "post")]
    async fn resend(
        &self,
        api: Data<&Api>,
        request: &Request,
        body: Json<AddressBody>,
    ) -> Result<Asked, Problem> {
        ask(&api, MailKind::Verify, &body.0, "user.verify_ask", request).await
    }

    /// Ask for a new password
    ///
    /// Whoever has the address gets a message with a link that is good once, for 30 minutes.
    #[oai(path = "/auth/password/forgot", method = "post")]
    async fn forgot(
        &self,
        api: Data<&Api>,
        request: &Request,
        body: Json<AddressBody>,
    ) -> Result<Asked, Problem> {
        ask(
            &api,
            MailKind::ResetPassword,
            &body.0,
            "user.password_ask",
            request,
        )
        .await
    }

    /// Set a new password with the secret of a link
    ///
    /// Every session of the account ends, and its owner gets a message. A second factor stays.
    #[oai(path = "/auth/password/reset", method = "post")]
    async fn reset(
        &self,
        api: Data<&Api>,
        request: &Request,
        body: Json<ResetBody>,
    ) -> Result<Done, Problem> {
        let Json(body) = body;
        let password = SecretString::from(body.new_password);
        addresses::reset_password(&api, &body.token, password, caller::origin(request)).await?;
        Ok(Done::Done)
    }

    /// Ask for another address
    ///
    /// The new address gets a message with a link; it counts from when that is confirmed, and the old one is told then.
    #[oai(path = "/me/email", method = "post")]
    async fn change(
        &self,
        api: Data<&Api>,
        caller: Caller,
        body: Json<ChangeBody>,
    ) -> Result<Asked, Problem> {
        let (Caller(who), Json(body)) = (caller, body);
        let password = SecretString::from(body.password);
        addresses::change(&api, who.user, &body.email, password, who.origin).await?;
        Ok(Asked::accepted())
    }
}

/// Has a message sent to the address that somebody names, and answers the same whoever has it.
async fn ask(
    api: &Api,
    kind: MailKind,
    body: &AddressBody,
    action: &'static str,
    request: &Request,
) -> Result<Asked, Problem> {
    addresses::ask_for(api, kind, &body.email, action, caller::origin(request)).await?;
    Ok(Asked::accepted())
}
