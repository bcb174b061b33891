//! What the operator of the machine does beside a running docmill: run `docmill` on its data, and make accounts with a role.

use domain::UserId;
use serde_json::json;

use crate::{Client, Embedded, Fleet, Folder, Mill, Output, Settings, run};

impl Embedded {
    /// Runs `docmill` on the data of this one.
    ///
    /// # Panics
    /// When it takes too long.
    pub async fn command(&self, arguments: &[&str]) -> Output {
        self.command_with(arguments, "").await
    }

    /// Somebody with a new account of this role.
    ///
    /// # Panics
    /// When the account is refused.
    pub async fn with_role(&self, role: &str) -> Client {
        let (email, create) = account(role);
        let create: Vec<&str> = create.iter().map(String::as_str).collect();
        let _ = self.command_with(&create, Client::password()).await.success();
        logged_in(&self.anybody(), &email).await
    }

    async fn command_with(&self, arguments: &[&str], input: &str) -> Output {
        let data = self.data();
        let arguments = [&["--data", data.to_str().unwrap()], arguments].concat();
        run("docmill", data, &arguments, &Settings::new(), input).await
    }
}

impl Fleet {
    /// Runs `docmill` with the settings of this fleet.
    ///
    /// # Panics
    /// When it takes too long.
    pub async fn command(&self, arguments: &[&str]) -> Output {
        self.command_with(arguments, "").await
    }

    /// Somebody with a new account of this role.
    ///
    /// # Panics
    /// When the account is refused.
    pub async fn with_role(&self, role: &str) -> Client {
        let (email, create) = account(role);
        let create: Vec<&str> = create.iter().map(String::as_str).collect();
        let _ = self.command_with(&create, Client::password()).await.success();
        let bases: Vec<String> = self.apis.iter().map(|api| api.base.clone()).collect();
        logged_in(&Client::anonymous(&bases), &email).await
    }

    async fn command_with(&self, arguments: &[&str], input: &str) -> Output {
        let folder = Folder::new();
        run("docmill", folder.path(), arguments, &self.settings, input).await
    }
}

impl Mill {
    /// Runs `docmill` on the data of this one.
    ///
    /// # Panics
    /// When it takes too long.
    pub async fn command(&self, arguments: &[&str]) -> Output {
        match self {
            Self::Embedded(embedded) => embedded.command(arguments).await,
            Self::Fleet(fleet) => fleet.command(arguments).await,
        }
    }

    /// Somebody with a new account of this role.
    ///
    /// # Panics
    /// When the account is refused.
    pub async fn with_role(&self, role: &str) -> Client {
        match self {
            Self::Embedded(embedded) => embedded.with_role(role).await,
            Self::Fleet(fleet) => fleet.with_role(role).await,
        }
    }
}

/// A new address, and the command that makes its account.
fn account(role: &str) -> (String, [String; 7]) {
    let email = format!("{}@example.com", UserId::new());
    let create = [
        "user",
        "create",
        "--email",
        &email,
        "--role",
        role,
        "--password-stdin",
    ]
    .map(str::to_owned);
    (email, create)
}

async fn logged_in(anybody: &Client, email: &str) -> Client {
    let login = json!({ "email": email, "password": Client::password() });
    let session = anybody
        .post("/api/v1/auth/login", &login)
        .await
        .status(200)
        .json();
    anybody.with_session(session)
}
