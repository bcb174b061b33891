//! Where the programs under test are: beside this program, in the folder of the profile that is in use.

use std::path::PathBuf;

/// The folder of the profile: `target/PROFILE`, whether this is `target/PROFILE/deps/black_box-0123` or
/// `target/PROFILE/docmill-chaos`. Where docmill is installed, the folder of its programs.
pub(crate) fn folder() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let folder = program.parent().expect("a program lies in a folder");
    let is_test = folder.file_name().is_some_and(|name| name == "deps");
    let profile = folder.parent().filter(|_| is_test).unwrap_or(folder);
    profile.to_owned()
}

/// The path of one of docmill's programs.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let program = folder().join(name);
    assert!(
        program.is_file(),
        "{} is missing; run `cargo build --workspace` first",
        program.display()
    );
    program
}
