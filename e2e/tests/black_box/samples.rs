//! The files that come with docmill: every one of them can be read, and every broken one has its reason.

use std::path::{Path, PathBuf};

use crate::support::on_both;

/// What is known about a sample.
struct Sample {
    name: &'static str,
    kind: &'static str,
    language: &'static str,
    pages: Option<u64>,
    /// Something that stands in it.
    words: &'static str,
}

const SAMPLES: [Sample; 20] = [
    Sample {
        name: "asamblea-vecinos.txt",
        kind: "text",
        language: "es",
        pages: None,
        words: "caldera de condensación",
    },
    Sample {
        name: "atelier-velo.pdf",
        kind: "pdf",
        language: "fr",
        pages: Some(2),
        words: "vélo",
    },
    Sample {
        name: "boat-trip.eml",
        kind: "eml",
        language: "en",
        pages: None,
        words: "replace the two with the torn straps",
    },
    Sample {
        name: "book-club-telegram.json",
        kind: "chat",
        language: "pl",
        pages: None,
        words: "Ola: Czytamy Lalkę czy coś krótszego?",
    },
    Sample {
        name: "chat-export.txt",
        kind: "chat",
        language: "en",
        pages: None,
        words: "Deposit is paid",
    },
    Sample {
        name: "choir-letters.mbox",
        kind: "mbox",
        language: "fr",
        pages: Some(3),
        words: "Anne, Bruno, Chloé, Denis et Émilie",
    },
    Sample {
        name: "garden-notes.txt",
        kind: "text",
        language: "en",
        pages: None,
        words: "heavy with clay",
    },
    Sample {
        name: "household-expenses.csv",
        kind: "csv",
        language: "en",
        pages: None,
        words: "monthly ticket; zones A and B",
    },
    Sample {
        name: "jardin-compte-rendu.md",
        kind: "markdown",
        language: "fr",
        pages: None,
        words: "La citerne fuit",
    },
    Sample {
        name: "kitchen-offer.msg",
        kind: "msg",
        language: "de",
        pages: None,
        words: "die drei Steckdosen neben dem Fenster",
    },
    Sample {
        name: "kyoto-ryoko.txt",
        kind: "text",
        language: "ja",
        pages: None,
        words: "京都旅行の計画",
    },
    Sample {
        name: "library-handbook.pdf",
        kind: "pdf",
        language: "en",
        pages: Some(3),
        words: "library",
    },
    Sample {
        name: "meeting-notes.md",
        kind: "markdown",
        language: "en",
        pages: None,
        words: "Harbour festival",
    },
    Sample {
        name: "receta-gazpacho.txt",
        kind: "text",
        language: "es",
        pages: None,
        words: "se sirve muy frío al mediodía",
    },
    Sample {
        name: "river-path.html",
        kind: "html",
        language: "en",
        pages: None,
        words: "the lock keeper’s house",
    },
    Sample {
        name: "roof-teams.json",
        kind: "chat",
        language: "en",
        pages: None,
        words: "the access must stay free",
    },
    Sample {
        name: "street-party-whatsapp.txt",
        kind: "chat",
        language: "en",
        pages: None,
        words: "Priya: I can do two big pots of curry",
    },
    Sample {
        name: "trail-slack.json",
        kind: "chat",
        language: "en",
        pages: None,
        words: "@Amir Haddad can you put up the signs",
    },
    Sample {
        name: "vereinsprotokoll.txt",
        kind: "text",
        language: "de",
        pages: None,
        words: "Schwimmwesten zählen",
    },
    Sample {
        name: "wohnungsuebergabe.txt",
        kind: "text",
        language: "de",
        pages: None,
        words: "Lindenstraße 27, 3. Stock",
    },
];

on_both! {
    async fn every_sample_is_read(mill: &Mill) {
        let ada = mill.user().await;
        let files = files("../samples");
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, SAMPLES.map(|sample| sample.name), "a sample that is not in the table is not tested");

        let parts: Vec<(&str, &[u8])> = files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
        let job = ada.ended(&ada.upload(&parts).await).await;
        assert_eq!(job["status"], "completed", "{job}");
        for (document, sample) in ada.documents(&job).await.iter().zip(&SAMPLES) {
            assert_eq!(document["file_name"], sample.name);
            assert_eq!(document["kind"], sample.kind, "{document}");
            assert_eq!(document.get("language").and_then(|it| it.as_str()), Some(sample.language), "{document}");
            assert_eq!(document.get("pages").and_then(serde_json::Value::as_u64), sample.pages, "{document}");
            assert_eq!((&document["needs_ocr"], &document["truncated"]), (&false.into(), &false.into()), "{document}");
            assert!(document["words"].as_u64().unwrap() > 50, "{document}");
            assert!(document["tags"].as_array().unwrap().len() >= 3, "{document}");
            let text = ada.get(document["links"]["text"].as_str().unwrap()).await.status(200).text();
            let flowing = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flowing.contains(sample.words), "{}: {text}", sample.name);
            // Pages are separated by form feeds.
            let feeds = text.matches('\u{c}').count() as u64;
            assert_eq!(feeds, sample.pages.unwrap_or(1) - 1, "{}", sample.name);
        }
    }
}

on_both! {
    async fn office_documents_are_read_part_by_part(mill: &Mill) {
        let ada = mill.user().await;
        let files = files("../shared/extraction/tests/fixtures");
        for (name, kind, pages, words) in [
            ("orchard.docx", "docx", None, "1. Sign the list at the gate."),
            ("accounts.xlsx", "xlsx", Some(2), "2026-02-14 16:45\trent of the press\t1,250.00 €\t50%"),
            ("orchard.doc", "doc", None, "Sign the list at the gate."),
            ("bees.ppt", "ppt", Some(2), "Pass the frame around."),
            ("harvest.pptx", "pptx", Some(3), "Thank the neighbours by name."),
            ("bees.odt", "odt", None, "[1] Two metres from the fence."),
            ("letter.rtf", "rtf", None, "paní Novotná"),
            ("tales.epub", "epub", Some(2), "It had thirteen rungs."),
        ] {
            let (_, content) = files.iter().find(|(file, _)| file == name).expect("a fixture");
            let document = ada.processed(name, content).await;
            assert_eq!((&document["status"], &document["kind"]), (&"completed".into(), &kind.into()), "{document}");
            assert_eq!(document.get("pages").and_then(serde_json::Value::as_u64), pages, "{document}");
            let text = ada.get(document["links"]["text"].as_str().unwrap()).await.status(200).text();
            assert!(text.contains(words), "{name}: {text}");
        }
    }
}

fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read(path).unwrap())
    };
    paths.into_iter().map(read).collect()
}

/// The content of a sample.
pub(crate) fn sample(name: &str) -> Vec<u8> {
    let found = files("../samples").into_iter().find(|(it, _)| it == name);
    found.expect("a sample of this name").1
}

/// What becomes of the files that cannot be read as they should.
const BROKEN: [(&str, &str); 8] = [
    ("bomb.docx", "too_large"),
    ("exhausts-memory.pdf", "crashed_parser"),
    ("garbage.pdf", "unreadable"),
    ("never-ends.pdf", "parser_timeout"),
    ("password.docx", "encrypted"),
    ("password.pdf", "encrypted"),
    ("scan-without-text.pdf", "nothing on it"),
    ("truncated.pdf", "unreadable"),
];

/// A file that fails at once.
pub(crate) fn broken() -> (String, Vec<u8>) {
    files("fixtures/broken")
        .into_iter()
        .find(|(name, _)| name == "garbage.pdf")
        .expect("a broken file")
}

on_both! {
    async fn every_broken_document_has_a_reason(mill: &Mill) {
        let ada = mill.user().await;
        let files = files("fixtures/broken");
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, BROKEN.map(|(name, _)| name), "a file that is not in the table is not tested");

        let parts: Vec<(&str, &[u8])> = files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
        let job = ada.upload(&parts).await;
        // A document that takes long, or takes its reader down, holds nobody else up.
        assert_eq!(ada.processed("meanwhile.txt", b"a few words").await["status"], "completed");
        let job = ada.ended(&job).await;
        assert_eq!((&job["status"], &job["completed"], &job["failed"]), (&"partial".into(), &1.into(), &7.into()), "{job}");
        for (document, (name, outcome)) in ada.documents(&job).await.iter().zip(BROKEN) {
            assert_eq!(document["file_name"], name);
            if outcome == "nothing on it" {
                assert_eq!((&document["status"], &document["needs_ocr"]), (&"completed".into(), &false.into()), "{document}");
                assert_eq!((&document["words"], &document["metadata"]["ocr_page_count"]), (&0.into(), &"1".into()), "{document}");
                continue;
            }
            assert_eq!((&document["status"], &document["error"]["code"]), (&"failed".into(), &outcome.into()), "{document}");
            assert!(document["error"]["detail"].as_str().unwrap().len() > 10, "{document}");
        }
    }
}
