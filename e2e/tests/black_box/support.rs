//! The two mills that all tests share. Each test uses accounts of its own.

use domain::UserId;
use e2e::{Client, Embedded, Fleet, Folder, Mill, Output, Settings, run};
use serde_json::json;
use tokio::sync::OnceCell;

/// Runs each test on both forms: `on_both! { async fn a_sentence(mill: &Mill) { … } }`.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($mill:ident: &Mill) $body:block)+) => {
        $(
            mod $name {
                #[allow(unused_imports)] // not every test needs everything of its file
                use super::*;

                $(#[$meta])*
                async fn test($mill: &e2e::Mill) $body

                #[tokio::test]
                async fn embedded() {
                    let mill = $crate::support::embedded().await;
                    let _shown = mill.shown_on_failure();
                    test(mill).await;
                }

                #[tokio::test]
                async fn fleet() {
                    let mill = $crate::support::fleet().await;
                    let _shown = mill.shown_on_failure();
                    test(mill).await;
                }
            }
        )+
    };
}
pub(crate) use on_both;

pub(crate) async fn embedded() -> &'static Mill {
    static MILL: OnceCell<Mill> = OnceCell::const_new();
    MILL.get_or_init(async || Mill::Embedded(Embedded::start(&Settings::impatient()).await))
        .await
}

/// Two of each process: what one API begins, the other one has to know.
pub(crate) async fn fleet() -> &'static Mill {
    static MILL: OnceCell<Mill> = OnceCell::const_new();
    MILL.get_or_init(async || Mill::Fleet(Fleet::start(2, &Settings::impatient()).await))
        .await
}

/// Runs `docmill` on the database of a mill.
pub(crate) async fn command_line(mill: &Mill, arguments: &[&str]) -> Output {
    with_input(mill, arguments, "").await
}

/// Somebody with an account that may see and steer the work of everyone.
pub(crate) async fn operator(mill: &Mill) -> Client {
    with_role(mill, "operator").await
}

/// Somebody with an account that may do everything.
pub(crate) async fn administrator(mill: &Mill) -> Client {
    with_role(mill, "admin").await
}

async fn with_role(mill: &Mill, role: &str) -> Client {
    let email = format!("{}@example.com", UserId::new());
    let create = [
        "user",
        "create",
        "--email",
        &email,
        "--role",
        role,
        "--password-stdin",
    ];
    let _ = with_input(mill, &create, Client::password()).await.success();
    let anybody = mill.anybody();
    let login = json!({ "email": email, "password": Client::password() });
    let session = anybody
        .post("/api/v1/auth/login", &login)
        .await
        .status(200)
        .json();
    anybody.with_session(session)
}

async fn with_input(mill: &Mill, arguments: &[&str], input: &str) -> Output {
    match mill {
        Mill::Embedded(embedded) => {
            let data = embedded.data();
            let arguments = [&["--data", data.to_str().unwrap()], arguments].concat();
            run("docmill", data, &arguments, &Settings::new(), input).await
        }
        Mill::Fleet(fleet) => {
            let folder = Folder::new();
            run("docmill", folder.path(), arguments, &fleet.settings, input).await
        }
    }
}
