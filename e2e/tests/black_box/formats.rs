//! What can be read, and in which form it comes out.

use e2e::{PATIENCE, eventually};
use serde_json::json;

use crate::support::on_both;

const PAGE: &[u8] = b"<html><body><nav><a href=/>Home</a> <a href=/r>All routes</a></nav><main><h1>Trip to Graz</h1>\
    <p>We leave early on Saturday and take the slow train, because it carries bicycles and stops at the old mill.</p>\
    <ul><li>water<li>bread</ul><p>Whoever comes later finds us in the garden of the inn behind the castle hill.</p></main>";

on_both! {
    async fn the_formats_are_listed_for_everybody(mill: &Mill) {
        let formats = mill.anybody().get("/api/v1/formats").await.status(200).json();
        let items = formats["items"].as_array().unwrap();
        let eml = items.iter().find(|item| item["kind"] == "eml").unwrap();
        let expected = json!({
            "kind": "eml", "media_types": ["message/rfc822"], "extensions": ["eml"], "markdown": true
        });
        assert_eq!(*eml, expected);
        let docx = items.iter().find(|item| item["kind"] == "docx").unwrap();
        assert_eq!(docx["markdown"], true);
        for kind in domain::DocumentKind::ALL.iter().map(|kind| kind.as_str()) {
            assert_eq!(items.iter().filter(|item| item["kind"] == kind).count(), 1, "{formats}");
        }
    }

    async fn a_text_comes_as_markdown_when_that_is_wanted(mill: &Mill) {
        let ada = mill.user().await;
        let document = ada.processed("trip.html", PAGE).await;
        let path = document["links"]["text"].as_str().unwrap();
        let markdown = ada.get_with(path, "accept", "text/markdown").await.status(200);
        assert_eq!(markdown.header("content-type"), Some("text/markdown; charset=utf-8"));
        assert_eq!(markdown.header("vary"), Some("Accept"));
        assert!(markdown.text().contains("\n# Trip to Graz\n"), "{}", markdown.text());
        assert!(markdown.text().contains("\n- water\n- bread\n"), "{}", markdown.text());
        for accept in ["*/*", "text/plain", "text/plain, text/markdown;q=0.5"] {
            let plain = ada.get_with(path, "accept", accept).await.status(200);
            assert_eq!(plain.header("content-type"), Some("text/plain; charset=utf-8"), "{accept}");
            assert!(plain.text().contains("\nwater\nbread\n"), "{}", plain.text());
        }

        let source = "# Plan\n\n- *water*\n";
        let notes = ada.processed("plan.md", source.as_bytes()).await;
        let path = notes["links"]["text"].as_str().unwrap();
        let markdown = ada.get_with(path, "accept", "text/markdown").await.status(200);
        assert_eq!((markdown.text().as_str(), markdown.header("content-type")), (source, Some("text/markdown; charset=utf-8")));
    }

    async fn a_text_without_structure_is_not_dressed_up_as_markdown(mill: &Mill) {
        let ada = mill.user().await;
        let document = ada.processed("note.txt", b"Only words, and a * that means nothing.").await;
        let path = document["links"]["text"].as_str().unwrap();
        ada.get_with(path, "accept", "text/markdown").await.problem(406, "not_acceptable");
        let plain = ada.get_with(path, "accept", "text/markdown, text/plain;q=0.5").await.status(200);
        assert_eq!(plain.header("content-type"), Some("text/plain; charset=utf-8"));
    }

    async fn the_markdown_of_a_document_goes_with_it(mill: &Mill) {
        let ada = mill.user().await;
        let document = ada.processed("trip.html", PAGE).await;
        let id = document["id"].as_str().unwrap();
        // The original, the text, its Markdown and its parts.
        assert_eq!(mill.objects_of(id).await.len(), 4);
        let _ = ada.delete(document["links"]["self"].as_str().unwrap()).await.status(204);
        let gone = async || mill.objects_of(id).await.is_empty();
        eventually("the objects are deleted", PATIENCE, gone).await;
    }

    async fn only_the_main_content_of_a_page_is_read_when_asked(mill: &Mill) {
        let ada = mill.user().await;
        let text = async |query: &str| {
            let job = ada.send(ada.form(query, &[("trip.html", PAGE)])).await.status(202).json();
            let job = ada.ended(&job).await;
            let document = ada.documents(&job).await.remove(0);
            ada.get(document["links"]["text"].as_str().unwrap()).await.status(200).text()
        };
        assert!(text("").await.contains("All routes"));
        assert!(text("?content=full").await.contains("All routes"));
        let main = text("?content=main").await;
        assert!(main.starts_with("Trip to Graz\n") && !main.contains("All routes"), "{main}");
        let refused = ada.send(ada.form("?content=some", &[("trip.html", PAGE)])).await;
        refused.problem(400, "invalid_request");
    }
}
