//! `docmill process`: files and folders in, a table or JSON out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use e2e::{Folder, Settings, docmill, texts};
use serde_json::Value;

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../samples")
        .canonicalize()
        .expect("a folder with samples")
}

/// The names of the files in a folder; none of the samples lies deeper or is hidden.
fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .filter(|it| it.path().is_file())
        .map(|it| it.file_name().into_string().unwrap())
        .collect()
}

#[tokio::test]
async fn process_reads_every_sample() {
    let folder = Folder::new();
    let samples = samples();
    let names = names_in(&samples);
    assert!(names.len() >= 8, "{names:?}");
    let output = docmill(
        folder.path(),
        &["process", samples.to_str().unwrap()],
        &Settings::new(),
    )
    .await
    .success();
    let lines: Vec<&str> = output.stdout.lines().collect();
    for heading in [
        "document", "title", "type", "pages", "language", "tags", "todos", "events", "words", "time",
    ] {
        assert!(lines[0].contains(heading), "{heading} is missing in {}", lines[0]);
    }
    for name in &names {
        assert_eq!(
            lines
                .iter()
                .filter(|line| line.starts_with(name.as_str()))
                .count(),
            1,
            "{name}: {}",
            output.stdout
        );
        for ending in [".text.txt", ".json"] {
            let path = folder
                .path()
                .join("docmill-results")
                .join(format!("{name}{ending}"));
            assert!(path.is_file(), "{} is missing", path.display());
        }
    }
    let summary = format!("{0} of {0} documents done", names.len());
    assert!(
        output.stdout.contains(&summary) && output.stdout.contains("docmill-results/"),
        "{}",
        output.stdout
    );
    // Nothing else is left behind: the rest was for this one run.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn process_speaks_json() {
    let folder = Folder::new();
    let note = folder.file("in/note.txt", texts::LIGHTHOUSE);
    folder.file("in/deeper/brot.md", texts::BAKERY);
    folder.file("in/.hidden/secret.txt", "nobody reads this");
    let input = folder.path().join("in");
    let arguments = [
        "process",
        "--json",
        "--output",
        "out",
        "--max-tags",
        "2",
        note.to_str().unwrap(),
        input.to_str().unwrap(),
    ];
    let output = docmill(folder.path(), &arguments, &Settings::new())
        .await
        .success();
    assert_eq!(output.stderr, "", "a script gets JSON and nothing else");
    let rows: Vec<Value> = serde_json::from_str(&output.stdout).unwrap();
    // A file that is named twice is read once.
    assert_eq!(rows.len(), 2, "{rows:?}");
    let languages: BTreeSet<_> = rows
        .iter()
        .map(|row| row["document"]["language"].as_str().unwrap())
        .collect();
    assert_eq!(languages, BTreeSet::from(["de", "en"]));
    for row in &rows {
        assert_eq!(row["status"], "completed");
        assert!(row["milliseconds"].as_i64().unwrap() >= 0);
        assert!(row["document"]["tags"].as_array().unwrap().len() <= 2);
        let files = row["files"].as_array().unwrap();
        assert_eq!(files.len(), 2);
        for file in files {
            let content = std::fs::read_to_string(folder.path().join(file.as_str().unwrap())).unwrap();
            assert!(!content.is_empty());
        }
    }
}

#[tokio::test]
async fn process_says_what_failed_and_why() {
    let folder = Folder::new();
    let broken = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/broken");
    folder.file("in/good.txt", texts::LIGHTHOUSE);
    folder.file("in/film.mp4", texts::FILM);
    for name in names_in(&broken) {
        std::fs::copy(broken.join(&name), folder.path().join("in").join(&name)).unwrap();
    }
    // A page without text is read; there just is nothing on it.
    let readable = ["good.txt", "scan-without-text.pdf"];
    let mut names = names_in(&folder.path().join("in"));
    let count = names.len();
    names.retain(|name| !readable.contains(&name.as_str()));
    assert!(names.len() >= 5, "{names:?}");

    let output = docmill(folder.path(), &["process", "in"], &Settings::impatient())
        .await
        .code(1);
    for name in &names {
        let start = format!("FAILED  {name}  ");
        let reason = output.stdout.lines().find_map(|line| line.strip_prefix(&start));
        assert!(
            reason.is_some_and(|reason| reason.len() > 10),
            "{name}: {}",
            output.stdout
        );
    }
    for name in readable {
        assert!(
            output.stdout.lines().any(|line| line.starts_with(name)),
            "{name}: {}",
            output.stdout
        );
    }
    assert!(
        output.stdout.contains(&format!("2 of {count} documents done")),
        "{}",
        output.stdout
    );

    let output = docmill(
        folder.path(),
        &["process", "--json", "in"],
        &Settings::impatient(),
    )
    .await
    .code(1);
    let rows: Vec<Value> = serde_json::from_str(&output.stdout).unwrap();
    let failed = rows
        .iter()
        .filter(|row| row["status"] == "failed" && row["reason"].as_str().is_some());
    assert_eq!(failed.count(), names.len());
}

#[tokio::test]
async fn process_names_a_path_that_is_not_there() {
    let folder = Folder::new();
    let output = docmill(folder.path(), &["process", "no/such/file.pdf"], &Settings::new()).await;
    assert!(output.code.is_some_and(|code| code != 0), "{output:?}");
    assert!(
        output.stderr.contains("no/such/file.pdf") && !output.stderr.contains("panicked"),
        "{output:?}"
    );
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let output = docmill(folder.path(), &["process", "empty"], &Settings::new())
        .await
        .code(2);
    assert!(output.stderr.contains("no file in empty"), "{output:?}");
    let output = docmill(folder.path(), &["process"], &Settings::new())
        .await
        .code(2);
    assert!(output.stderr.contains("PATH"), "{output:?}");
}
