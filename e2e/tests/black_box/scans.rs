//! Pages that are pictures of text.

use serde_json::json;

use crate::support::on_both;

const LETTER: &[u8] = include_bytes!("../../fixtures/scanned-letter.pdf");
const FAX: &[u8] = include_bytes!("../../fixtures/fax.tiff");

on_both! {
    async fn scanned_pages_are_read_found_and_cited(mill: &Mill) {
        let ada = mill.user().await;
        let letter = ada.processed("letter.pdf", LETTER).await;
        assert_eq!((&letter["status"], &letter["needs_ocr"], &letter["language"]), (&"completed".into(), &false.into(), &"en".into()), "{letter}");
        assert_eq!(letter["metadata"]["ocr_languages"], "eng+deu");
        let fax = ada.processed("fax.tiff", FAX).await;
        assert_eq!((&fax["kind"], &fax["pages"]), (&"tiff".into(), &2.into()), "{fax}");
        let text = ada.get(fax["links"]["text"].as_str().unwrap()).await.status(200).text();
        let pages: Vec<&str> = text.split('\u{c}').collect();
        assert!(pages[0].contains("morning") && pages[1].contains("Schlüssel"), "{text}");

        let found = ada.get("/api/v1/documents?q=Vermieter").await.status(200).json();
        assert_eq!(found["items"][0]["id"], fax["id"], "{found}");
    }

    async fn what_reads_pictures_is_listed_with_its_languages(mill: &Mill) {
        let formats = mill.anybody().get("/api/v1/formats").await.status(200).json();
        assert_eq!(formats["ocr"]["languages"], json!(["eng", "deu"]), "{formats}");
        assert!(formats["ocr"]["engines"][0].as_str().unwrap().starts_with("tesseract "), "{formats}");
        let items = formats["items"].as_array().unwrap();
        let png = items.iter().find(|item| item["kind"] == "png").unwrap();
        assert_eq!((&png["needs"], &png["available"]), (&"tesseract".into(), &true.into()));
        let pdf = items.iter().find(|item| item["kind"] == "pdf").unwrap();
        assert!(pdf.get("available").is_none());
    }
}
