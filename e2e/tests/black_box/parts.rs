//! Where the parts of a document lie in its text, and texts of some pages only.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::on_both;

fn sample(name: &str) -> Vec<u8> {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/extraction/tests/fixtures");
    std::fs::read(format!("{fixtures}/{name}")).unwrap()
}

/// A PDF with a page for each text.
fn pdf(pages: &[&str]) -> Vec<u8> {
    let kids: Vec<String> = (0..pages.len())
        .map(|page| format!("{} 0 R", 3 + 2 * page))
        .collect();
    let mut file = format!(
        "%PDF-1.7\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n\
         2 0 obj << /Type /Pages /Kids [{}] /Count {} >> endobj\n",
        kids.join(" "),
        pages.len()
    );
    for (index, words) in pages.iter().enumerate() {
        let page = 3 + 2 * index;
        let content = format!("BT /F 12 Tf 72 700 Td ({words}) Tj ET");
        file += &format!(
            "{page} 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {} 0 R /Resources << /Font << /F << \
             /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >> >> >> >> endobj\n\
             {} 0 obj << /Length {} >>\nstream\n{content}\nendstream endobj\n",
            page + 1,
            page + 1,
            content.len()
        );
    }
    file += &format!(
        "trailer << /Size {} /Root 1 0 R >>\nstartxref\n0\n%%EOF\n",
        3 + 2 * pages.len()
    );
    file.into_bytes()
}

/// The text of a part, by its characters; by its bytes it must be the same.
fn cut(text: &str, part: &Value) -> String {
    let number = |name: &str| usize::try_from(part[name].as_u64().unwrap()).unwrap();
    let (start, end) = (number("start"), number("end"));
    let characters: String = text.chars().skip(start).take(end - start).collect();
    assert_eq!(
        characters,
        text[number("start_byte")..number("end_byte")],
        "{part}"
    );
    characters
}

on_both! {
    async fn every_part_of_a_document_has_its_place_in_the_text(mill: &Mill) {
        let ada = mill.user().await;
        for (name, bytes, kind, titles) in [
            ("harvest.pptx", sample("harvest.pptx"), "slide", ["Harvest review", "What went well", "Numbers"].as_slice()),
            ("accounts.xlsx", sample("accounts.xlsx"), "sheet", &["Expenses", "Helpers"]),
            ("honey.ods", sample("honey.ods"), "sheet", &["Honey 2026"]),
            ("tales.epub", sample("tales.epub"), "chapter", &["The old tree", "The ladder"]),
            ("bees.odt", sample("bees.odt"), "section", &["Bees in the orchard"]),
            ("plan.md", "# Größe\n\nä\n\n## Zwei\n\nö\n".into(), "section", &["Größe", "Zwei"]),
        ] {
            let document = ada.processed(name, &bytes).await;
            let parts = ada.get(document["links"]["parts"].as_str().unwrap()).await.status(200).json();
            let text = ada.get(document["links"]["text"].as_str().unwrap()).await.status(200).text();
            let parts = parts["items"].as_array().unwrap();
            let found: Vec<&str> = parts.iter().filter_map(|part| part["title"].as_str()).collect();
            assert_eq!(found, titles, "{name}");
            for (part, number) in parts.iter().zip(1..) {
                assert_eq!((&part["kind"], &part["number"]), (&json!(kind), &json!(number)), "{name}");
                let words = cut(&text, part);
                assert!(words.trim_start_matches(['#', ' ']).starts_with(part["title"].as_str().unwrap()), "{name}: {words}");
            }
        }
    }

    async fn pages_without_titles_are_found_in_the_text(mill: &Mill) {
        let ada = mill.user().await;
        let document = ada.processed("pages.pdf", &pdf(&["first", "zw\\366lf", "third"])).await;
        // The original, the text and its Markdown: where its pages are, the text shows by itself.
        assert_eq!(mill.objects_of(document["id"].as_str().unwrap()).await.len(), 3);
        let text = ada.get(document["links"]["text"].as_str().unwrap()).await.status(200).text();
        assert_eq!(text, "first\u{c}zwölf\u{c}third");
        let parts = ada.get(document["links"]["parts"].as_str().unwrap()).await.status(200).json();
        let parts = parts["items"].as_array().unwrap();
        let words: Vec<String> = parts.iter().map(|part| cut(&text, part)).collect();
        assert_eq!(words, ["first", "zwölf", "third"]);
        assert_eq!(
            parts[2],
            json!({ "kind": "page", "number": 3, "start": 12, "end": 17, "start_byte": 13, "end_byte": 18 })
        );
    }

    async fn results_that_serve_twice_have_their_parts(mill: &Mill) {
        let ada = mill.user().await;
        let source = "# The lighthouse\n\nIt stands on a rock.\n\n## The keeper\n\nShe is called Ina.\n";
        let first = ada.processed("keeper.md", source.as_bytes()).await;
        // As anybody hands in a file who says nothing about earlier results.
        let again = ada.request(Method::POST, "/api/v1/documents?file_name=keeper.md");
        let again = again.header("content-type", "application/octet-stream").body(source);
        let job = ada.send(again).await.status(202).json();
        let second = ada.documents(&ada.ended(&job).await).await.remove(0);
        assert_eq!(second["reused_from"], first["id"], "{second}");
        let parts = async |document: &Value| ada.get(document["links"]["parts"].as_str().unwrap()).await.status(200).json();
        assert_eq!(parts(&second).await, parts(&first).await);
        assert_eq!(parts(&second).await["items"][1]["title"], "The keeper");
    }

    async fn a_text_without_pages_and_headings_has_no_parts(mill: &Mill) {
        let ada = mill.user().await;
        let document = ada.processed("note.txt", b"Only words.").await;
        let parts = ada.get(document["links"]["parts"].as_str().unwrap()).await.status(200).json();
        assert_eq!(parts, json!({ "items": [] }));
    }

    async fn parts_of_what_has_no_text_are_refused_with_the_reason(mill: &Mill) {
        let ada = mill.user().await;
        let job = ada.upload(&[("broken.pdf", b"%PDF-1.7\nand then nothing")]).await;
        let job = ada.ended(&job).await;
        let document = ada.documents(&job).await.remove(0);
        for path in ["parts", "text?pages=1"] {
            let path = format!("/api/v1/documents/{}/{path}", document["id"].as_str().unwrap());
            let problem = ada.get(&path).await.problem(409, "document_failed");
            assert!(problem["detail"].as_str().unwrap().contains("unreadable"), "{problem}");
        }
    }

    async fn some_pages_of_a_text_can_be_asked_for(mill: &Mill) {
        let ada = mill.user().await;
        let document = ada.processed("pages.pdf", &pdf(&["one", "two", "three", "four", "five"])).await;
        let path = document["links"]["text"].as_str().unwrap();
        for (pages, expected) in [
            ("2", "two"),
            ("1-3,5", "one\u{c}two\u{c}three\u{c}five"),
            ("5,1", "one\u{c}five"),
            ("4-", "four\u{c}five"),
            ("4-999", "four\u{c}five"),
        ] {
            let text = ada.get(&format!("{path}?pages={pages}")).await.status(200);
            assert_eq!(text.text(), expected, "{pages}");
            assert_eq!(text.header("content-type"), Some("text/plain; charset=utf-8"));
        }
        for pages in ["", "0", "x", "3-1", "6", "-2"] {
            ada.get(&format!("{path}?pages={pages}")).await.refuses("query:pages");
        }
        let markdown = ada.get_with(&format!("{path}?pages=1"), "accept", "text/markdown").await;
        markdown.problem(406, "not_acceptable");
        let slides = ada.processed("harvest.pptx", &sample("harvest.pptx")).await;
        let second = ada.get(&format!("{}?pages=2", slides["links"]["text"].as_str().unwrap())).await.status(200).text();
        assert!(second.starts_with("What went well"), "{second}");
        let note = ada.processed("note.txt", b"Only words.").await;
        ada.get(&format!("{}?pages=1", note["links"]["text"].as_str().unwrap())).await.refuses("query:pages");
    }
}
