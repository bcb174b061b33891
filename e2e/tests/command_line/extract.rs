//! `docmill extract`: one file in, its text out, without any server.

use std::path::{Path, PathBuf};

use e2e::{Folder, Output, Settings, docmill};
use serde_json::Value;

fn sample(name: &str) -> String {
    path("../samples", name)
}

fn path(folder: &str, name: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(name);
    path.to_str().unwrap().to_owned()
}

async fn extract(arguments: &[&str]) -> Output {
    let folder = Folder::new();
    let output = docmill(
        folder.path(),
        &[&["extract"], arguments].concat(),
        &Settings::new(),
    )
    .await;
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "it leaves nothing behind"
    );
    output
}

#[tokio::test]
async fn extract_prints_the_text_and_nothing_else() {
    let file = sample("receta-gazpacho.txt");
    let output = extract(&[&file]).await.success();
    assert!(output.stdout.contains("batidora grande a Íñigo."), "{output:?}");
    assert_eq!(output.stderr, "");
    assert_eq!(extract(&[&file, "--text"]).await.success().stdout, output.stdout);

    let handbook = extract(&[&sample("library-handbook.pdf")]).await.success();
    assert_eq!(
        handbook.stdout.matches('\u{c}').count(),
        2,
        "form feeds divide pages"
    );
}

#[tokio::test]
async fn extract_prints_markdown_where_the_structure_is_known() {
    let page = extract(&[&sample("river-path.html"), "--markdown"])
        .await
        .success();
    assert!(
        page.stdout.contains("\n## What to bring\n\n- a spare tube"),
        "{page:?}"
    );
    assert!(
        page.stdout.contains("\n| Station to lock | 18 | asphalt |\n"),
        "{page:?}"
    );
    let notes = extract(&[&sample("meeting-notes.md"), "--markdown"])
        .await
        .success();
    assert_eq!(
        notes.stdout,
        std::fs::read_to_string(sample("meeting-notes.md")).unwrap()
    );

    let refused = extract(&[&sample("garden-notes.txt"), "--markdown"])
        .await
        .code(1);
    assert_eq!(refused.stdout, "");
    assert!(refused.stderr.contains("--text"), "{refused:?}");
}

#[tokio::test]
async fn extract_prints_json_with_everything_that_was_found() {
    let output = extract(&[&sample("boat-trip.eml"), "--json"]).await.success();
    let found: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(
        (&found["kind"], &found["media_type"]),
        (&"eml".into(), &"message/rfc822".into())
    );
    assert_eq!(found["file_name"], "boat-trip.eml");
    assert_eq!(found["metadata"]["sent_at"], "2026-03-02T18:04:11+01:00");
    assert!(
        found["pages"][0].as_str().unwrap().contains("life jackets"),
        "{found:#}"
    );
    let part = &found["parts"][0];
    assert_eq!(
        (&part["kind"], &part["title"]),
        (&"section".into(), &found["title"])
    );
}

#[tokio::test]
async fn extract_leaves_out_what_surrounds_a_page_when_asked() {
    let file = sample("river-path.html");
    let full = extract(&[&file]).await.success().stdout;
    let main = extract(&[&file, "--content", "main"]).await.success().stdout;
    assert!(
        full.contains("All routes") && !main.contains("All routes"),
        "{main}"
    );
    assert!(
        main.contains("The river path") && main.contains("The ferry runs every half hour"),
        "{main}"
    );
    let refused = extract(&[&file, "--content", "some"]).await.code(2);
    assert!(refused.stderr.contains("full, main"), "{refused:?}");
}

#[tokio::test]
async fn extract_says_why_there_is_no_text() {
    let folder = Folder::new();
    let image = folder.file("photo.txt", b"\x89PNG\r\n\x1a\n0000");
    let nowhere = folder.path().join("nowhere.txt");
    for (file, reason) in [
        (path("fixtures/broken", "garbage.pdf"), "unreadable"),
        (path("fixtures/broken", "password.pdf"), "encrypted"),
        // A child that dies, or on a busy machine is too slow, takes nothing with it but the document.
        (
            path("fixtures/broken", "exhausts-memory.pdf"),
            "the parser did not",
        ),
        (image.to_str().unwrap().to_owned(), "image/png"),
        (nowhere.to_str().unwrap().to_owned(), "could not be read"),
    ] {
        let output = extract(&[&file]).await.code(1);
        assert_eq!(output.stdout, "", "{output:?}");
        assert!(
            output.stderr.contains(reason) && output.stderr.contains(&file),
            "{reason}: {output:?}"
        );
    }
}
