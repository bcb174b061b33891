//! `docmill extract`: one file in, its text out, without any server.

use std::path::{Path, PathBuf};

use e2e::{Folder, Output, Settings, docmill, run};
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
    let film = folder.file("film.txt", b"\0\0\0\x18ftypmp42");
    let nowhere = folder.path().join("nowhere.txt");
    for (file, reason) in [
        (path("fixtures/broken", "garbage.pdf"), "unreadable"),
        (path("fixtures/broken", "password.pdf"), "encrypted"),
        // A child that dies, or on a busy machine is too slow, takes nothing with it but the document.
        (
            path("fixtures/broken", "exhausts-memory.pdf"),
            "the parser did not",
        ),
        (film.to_str().unwrap().to_owned(), "video/mp4"),
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

fn locked(name: &str) -> String {
    path("../shared/extraction/tests/fixtures/with-password", name)
}

#[tokio::test]
async fn extract_opens_a_locked_document_with_the_password_of_a_file_or_of_its_input() {
    let folder = Folder::new();
    let password = folder.file("password", "Obstgarten 7ü\nwhat follows does not count");
    let password = password.to_str().unwrap();
    let open = extract(&[&locked("orchard-agile.docx"), "--password-file", password])
        .await
        .success();
    let plain = extract(&[&path("../shared/extraction/tests/fixtures", "orchard.docx")])
        .await
        .success();
    assert_eq!(open.stdout, plain.stdout);

    let arguments = ["extract", &locked("bees.odt"), "--password-stdin"];
    let typed = run(
        "docmill",
        folder.path(),
        &arguments,
        &Settings::new(),
        "Obstgarten 7ü\n",
    )
    .await;
    assert!(typed.success().stdout.contains("Bees in the orchard"));
    let mistyped = run(
        "docmill",
        folder.path(),
        &arguments,
        &Settings::new(),
        "Obstgarten 8\n",
    )
    .await
    .code(1);
    assert!(
        mistyped.stderr.contains("does not open it") && !mistyped.everything().contains("Obstgarten"),
        "{mistyped:?}"
    );
    let nothing = run("docmill", folder.path(), &arguments, &Settings::new(), "")
        .await
        .code(1);
    assert!(nothing.stderr.contains("password must be"), "{nothing:?}");
}

#[tokio::test]
async fn extract_reads_a_scanned_page_and_says_who_has_read_it() {
    let scan = path("fixtures", "scanned-letter.pdf");
    let read = extract(&[&scan, "--json"]).await.success();
    let read: Value = serde_json::from_str(&read.stdout).unwrap();
    assert!(
        read["pages"][0]
            .as_str()
            .unwrap()
            .contains("waits for the second boat"),
        "{read}"
    );
    assert_eq!(
        (&read["needs_ocr"], &read["metadata"]["ocr_page_count"]),
        (&false.into(), &"1".into())
    );
    assert!(
        read["engine"].as_str().unwrap().contains(" + tesseract "),
        "{read}"
    );

    let without = docmill(
        Folder::new().path(),
        &["extract", &scan, "--json"],
        &Settings::new().with("ocr.program", "none"),
    )
    .await
    .success();
    let without: Value = serde_json::from_str(&without.stdout).unwrap();
    assert_eq!(
        (&without["needs_ocr"], &without["pages"]),
        (&true.into(), &serde_json::json!([""]))
    );
}
