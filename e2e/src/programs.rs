//! Where the programs under test are: beside the test executable, in the folder of the profile that is in use.

use std::path::PathBuf;

/// The path of one of docmill's programs.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    // target/PROFILE/deps/black_box-0123
    let profile = test
        .parent()
        .and_then(|deps| deps.parent())
        .expect("a test executable lies in target/PROFILE/deps");
    let program = profile.join(name);
    assert!(
        program.is_file(),
        "{} is missing; run `cargo build --workspace` first",
        program.display()
    );
    program
}
