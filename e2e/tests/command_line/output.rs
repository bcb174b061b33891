//! Where the output of a command goes is not the command's affair, as long as somebody takes it.

use std::fs::File;
use std::process::{Output, Stdio};

use e2e::{Folder, program};

/// What `docmill` says and ends with when its standard output goes there.
async fn printing_into(stdout: Stdio, arguments: &[&str]) -> Output {
    let folder = Folder::new();
    let mut child = tokio::process::Command::new(program("docmill"))
        .args(arguments)
        .current_dir(folder.path())
        .env_clear()
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // Nobody will read: what `docmill … | head -0` comes to.
    drop(child.stdout.take());
    child.wait_with_output().await.unwrap()
}

#[tokio::test]
async fn a_reader_who_had_enough_is_no_failure() {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/garden-notes.txt");
    for command in [
        &["generate-key"][..],
        &["extract", sample],
        &["process", sample],
        &["process", "--json", sample],
    ] {
        let ended = printing_into(Stdio::piped(), command).await;
        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.success(), "{command:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{command:?}: {stderr}");
    }
}

#[tokio::test]
async fn output_that_cannot_be_written_is_a_failure_that_says_why() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ended = printing_into(full.into(), &["generate-key"]).await;
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.starts_with("docmill: could not write to standard output: No space left"),
        "{stderr}"
    );
}
