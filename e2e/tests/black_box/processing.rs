//! The main job: a document in, text, language and tags out.

use e2e::texts;
use reqwest::Method;
use sha2::{Digest, Sha256};

use crate::support::on_both;

on_both! {
    async fn a_text_becomes_language_tags_and_words(mill: &Mill) {
        let ada = mill.user().await;
        let accepted = ada.send(ada.form("", &[("lighthouse.txt", texts::LIGHTHOUSE.as_bytes())])).await.status(202);
        let job = accepted.json();
        let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
        assert_eq!(accepted.header("location"), Some(path.as_str()));
        assert!(accepted.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
        let etag = accepted.header("etag").unwrap();
        assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 2, "{etag}");
        assert_eq!(accepted.header("idempotency-replayed"), None);
        assert_eq!(job["kind"], "single");
        assert_eq!(job["progress"]["total"], 1);
        assert_eq!(job["links"]["self"], path);

        let job = ada.ended(&job).await;
        assert_eq!(job["status"], "completed", "{job}");
        assert_eq!((&job["completed"], &job["failed"], &job["progress"]["done"]), (&1.into(), &0.into(), &1.into()));
        assert_eq!(job["attempt"], 1);
        for time in ["created_at", "started_at", "finished_at", "deadline_at"] {
            let time = job[time].as_str().unwrap();
            assert!(time.len() == "2026-03-04T09:00:00.250Z".len() && time.ends_with('Z'), "{time}");
        }

        let documents = ada.get(job["links"]["documents"].as_str().unwrap()).await.status(200).json();
        let listed = &documents["items"][0];
        let document = ada.get(listed["links"]["self"].as_str().unwrap()).await.status(200).json();
        let mut shown = document.clone();
        for more in ["todos", "events"] {
            assert_eq!(shown.as_object_mut().unwrap().remove(more), Some(serde_json::json!([])), "{document}");
        }
        assert_eq!(&shown, listed);
        assert_eq!(document["status"], "completed");
        assert_eq!(document["file_name"], "lighthouse.txt");
        assert_eq!((&document["kind"], &document["media_type"]), (&"text".into(), &"text/plain".into()));
        assert_eq!(document["size_bytes"], texts::LIGHTHOUSE.len());
        assert_eq!(document["sha256"], hex::encode(Sha256::digest(texts::LIGHTHOUSE)));
        assert_eq!(document["language"], "en");
        assert_eq!(document["words"], texts::LIGHTHOUSE.split_whitespace().count());
        assert_eq!(document["characters"], texts::LIGHTHOUSE.chars().count());
        let tags = document["tags"].as_array().unwrap();
        assert!((1..=10).contains(&tags.len()), "{tags:?}");
        assert!(tags.iter().any(|tag| tag["value"].as_str().unwrap().contains("lighthouse")), "{tags:?}");
        assert!(tags.iter().all(|tag| (0.0..=1.0).contains(&tag["score"].as_f64().unwrap())), "{tags:?}");
        let shown = ["error", "matched", "pages"].map(|key| document.get(key));
        assert_eq!(shown, [None, None, None], "{document}");

        let text = ada.get(document["links"]["text"].as_str().unwrap()).await.status(200);
        assert_eq!(text.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(text.text(), texts::LIGHTHOUSE);
    }

    async fn several_files_become_one_batch(mill: &Mill) {
        let ada = mill.user().await;
        let files: [(&str, &[u8]); 3] = [
            ("lighthouse.txt", texts::LIGHTHOUSE.as_bytes()),
            ("bäckerei.md", texts::BAKERY.as_bytes()),
            ("harvest.csv", texts::HARVEST.as_bytes()),
        ];
        let job = ada.upload(&files).await;
        assert_eq!((&job["kind"], &job["progress"]["total"]), (&"batch".into(), &3.into()));
        let job = ada.ended(&job).await;
        assert_eq!((&job["status"], &job["completed"]), (&"completed".into(), &3.into()), "{job}");

        let documents = ada.documents(&job).await;
        let shown = |key: &str| documents.iter().map(|it| it[key].as_str().unwrap_or("-")).collect::<Vec<_>>();
        assert_eq!(shown("file_name"), ["lighthouse.txt", "bäckerei.md", "harvest.csv"]);
        assert_eq!(shown("kind"), ["text", "markdown", "csv"]);
        assert_eq!(shown("language")[..2], ["en", "de"]);
        for document in &documents {
            assert_eq!(document["job_id"], job["id"]);
        }
    }

    async fn a_file_may_be_the_whole_body(mill: &Mill) {
        let ada = mill.user().await;
        let path = "/api/v1/documents?file_name=notes%2Fharvest%20%C3%A4.csv&max_tags=2";
        let upload = ada.request(Method::POST, path).header("content-type", "application/octet-stream");
        let job = ada.send(upload.body(texts::HARVEST)).await.status(202).json();
        let job = ada.ended(&job).await;
        let document = ada.documents(&job).await.remove(0);
        assert_eq!((&document["file_name"], &document["kind"]), (&"harvest ä.csv".into(), &"csv".into()));
        assert!(document["tags"].as_array().unwrap().len() <= 2, "{document}");

        // Whatever a client says of the type: content and name decide.
        let upload = ada.request(Method::POST, "/api/v1/documents").header("content-type", "image/png");
        let job = ada.send(upload.body(texts::LIGHTHOUSE)).await.status(202).json();
        let job = ada.ended(&job).await;
        let document = ada.documents(&job).await.remove(0);
        assert_eq!((&document["file_name"], &document["kind"]), (&"document".into(), &"text".into()));
    }

    async fn no_more_tags_than_wanted(mill: &Mill) {
        let ada = mill.user().await;
        for wanted in [0, 1, 3] {
            let query = format!("?max_tags={wanted}");
            let upload = ada.form(&query, &[("lighthouse.txt", texts::LIGHTHOUSE.as_bytes())]);
            let job = ada.send(upload).await.status(202).json();
            let job = ada.ended(&job).await;
            let document = ada.documents(&job).await.remove(0);
            assert_eq!(document["tags"].as_array().unwrap().len(), wanted, "{document}");
        }
        for refused in ["51", "-1", "many"] {
            let query = format!("?max_tags={refused}");
            let upload = ada.form(&query, &[("lighthouse.txt", texts::LIGHTHOUSE.as_bytes())]);
            ada.send(upload).await.problem(400, "invalid_request");
        }
    }

    async fn an_empty_file_is_a_document_without_words(mill: &Mill) {
        let ada = mill.user().await;
        let document = ada.processed("empty.txt", b"").await;
        assert_eq!((&document["words"], &document["size_bytes"]), (&0.into(), &0.into()));
        assert_eq!(document["tags"], serde_json::json!([]));
        assert_eq!((&document["language"], &document["languages"]), (&"unknown".into(), &serde_json::json!([])));
        let id = document["id"].as_str().unwrap();
        assert_eq!(ada.get(&format!("/api/v1/documents/{id}/text")).await.status(200).text(), "");
        assert_eq!(ada.get(&format!("/api/v1/documents/{id}/original")).await.status(200).text(), "");
    }

    async fn a_document_that_cannot_be_read_fails_with_a_reason(mill: &Mill) {
        let ada = mill.user().await;
        let (name, content) = crate::samples::broken();
        let job = ada.ended(&ada.upload(&[(&name, &content)]).await).await;
        assert_eq!((&job["status"], &job["failed"], &job["attempt"]), (&"failed".into(), &1.into(), &1.into()), "{job}");
        let document = ada.documents(&job).await.remove(0);
        assert_eq!((&document["status"], &document["error"]["code"]), (&"failed".into(), &"unreadable".into()));
        assert_eq!(job["error"], document["error"]);
        ada.get(document["links"]["text"].as_str().unwrap()).await.problem(409, "document_failed");
        // What came in is still there.
        let original = ada.get(document["links"]["original"].as_str().unwrap()).await.status(200);
        assert_eq!(original.bytes(), content.as_slice());

        let job = ada.upload(&[("lighthouse.txt", texts::LIGHTHOUSE.as_bytes()), (&name, &content)]).await;
        let job = ada.ended(&job).await;
        assert_eq!(job["status"], "partial", "{job}");
        assert_eq!((&job["completed"], &job["failed"]), (&1.into(), &1.into()));
    }
}
