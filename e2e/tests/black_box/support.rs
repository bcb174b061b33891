//! The two mills that all tests share. Each test uses accounts of its own.

use e2e::{Embedded, Fleet, Mill, Settings};
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

/// Room for a test that uploads two hundred at once, beside which the others are not to be turned away.
fn settings() -> Settings {
    Settings::impatient().with("http.uploads_max", "256")
}

pub(crate) async fn embedded() -> &'static Mill {
    static MILL: OnceCell<Mill> = OnceCell::const_new();
    MILL.get_or_init(async || Mill::Embedded(Embedded::start(&settings()).await))
        .await
}

/// Two of each process: what one API begins, the other one has to know.
pub(crate) async fn fleet() -> &'static Mill {
    static MILL: OnceCell<Mill> = OnceCell::const_new();
    MILL.get_or_init(async || Mill::Fleet(Fleet::start(2, &settings()).await))
        .await
}
