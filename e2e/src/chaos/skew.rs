//! Wrong clocks. The clock of a machine cannot be set wrong for one process only, so the call that reads it is answered by
//! a small library that is loaded before the real one. docmill's programs know nothing of it.

use std::path::Path;
use std::process::Command;

use tokio::sync::OnceCell;

use crate::{Folder, Settings};

const SOURCE: &str = include_str!("../../skew/clock.c");

/// Settings of a process whose clock is off by so many seconds.
///
/// # Panics
/// When the library cannot be built.
pub(super) async fn clock_off_by(seconds: i64) -> Settings {
    let library = library().await.path().join("clock.so").display().to_string();
    Settings::new()
        .with_variable("LD_PRELOAD", library)
        .with_variable("CLOCK_OFF_BY_SECONDS", seconds.to_string())
}

/// Built once for all.
async fn library() -> &'static Folder {
    static BUILT: OnceCell<Folder> = OnceCell::const_new();
    BUILT
        .get_or_init(async || {
            let folder = Folder::new();
            folder.let_others_pass(); // Postgres runs as somebody else
            let source = folder.file("clock.c", SOURCE);
            build(&source, &folder.path().join("clock.so"));
            folder
        })
        .await
}

fn build(source: &Path, library: &Path) {
    let mut compiler = Command::new("cc");
    compiler
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(library)
        .arg(source);
    let built = compiler.output().expect("cc (of gcc) can be started");
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "cc could not build the clock: {said}");
}
