//! What an account looks like to its owner.

use database::users::User;
use poem_openapi::Object;

use super::Timestamp;

/// An account, as its owner sees it.
#[derive(Debug, Clone, Object)]
#[oai(rename = "User", skip_serializing_if_is_none)]
pub(in crate::routes) struct UserBody {
    id: String,
    email: String,
    username: Option<String>,
    full_name: Option<String>,
    organization: Option<String>,
    role: String,
    is_active: bool,
    /// Whether a code is asked for beside the password.
    second_factor: bool,
    /// Whether the address has yet to be confirmed; until then nothing can be handed in.
    email_unverified: bool,
    created_at: Timestamp,
    last_login_at: Option<Timestamp>,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email,
            username: user.username,
            full_name: user.full_name,
            organization: user.organization,
            role: user.role.to_string(),
            is_active: user.status == domain::UserStatus::Active,
            second_factor: user.second_factor,
            email_unverified: user.unverified,
            created_at: user.created_at.into(),
            last_login_at: user.last_login_at.map(Timestamp::from),
        }
    }
}
