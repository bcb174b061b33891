//! What is deleted is gone: rows, passages and objects.

use e2e::{Mill, PATIENCE, eventually, texts};

use crate::support::on_both;

async fn assert_no_objects(mill: &Mill, id: &str) {
    eventually("the objects are deleted", PATIENCE, async || {
        mill.objects_of(id).await.is_empty()
    })
    .await;
}

on_both! {
    async fn a_deleted_job_is_gone_with_everything(mill: &Mill) {
        let ada = mill.user().await;
        let files = [("a.txt", texts::LIGHTHOUSE.as_bytes()), ("b.txt", texts::BAKERY.as_bytes())];
        let job = ada.ended(&ada.upload(&files).await).await;
        let id = job["id"].as_str().unwrap();
        let documents = ada.documents(&job).await;
        // An original and a text for each.
        assert_eq!(mill.objects_of(ada.user_id()).await.len(), 4);

        let path = job["links"]["self"].as_str().unwrap();
        let deleted = ada.delete(path).await.status(204);
        assert_eq!(deleted.bytes(), b"");
        ada.get(path).await.problem(404, "not_found");
        for document in &documents {
            for link in ["self", "text", "original"] {
                ada.get(document["links"][link].as_str().unwrap()).await.problem(404, "not_found");
            }
            let document = document["id"].as_str().unwrap();
            assert_eq!(mill.rows("passages", "document_id", document).await, 0);
            assert_eq!(mill.rows("tasks", "document_id", document).await, 0);
        }
        assert_eq!(mill.rows("jobs", "id", id).await, 0);
        assert_eq!(mill.rows("documents", "job_id", id).await, 0);
        let found = ada.get("/api/v1/documents?q=lighthouse").await.status(200).json();
        assert_eq!(found["items"], serde_json::json!([]));
        assert_eq!(ada.jobs().await, Vec::<serde_json::Value>::new());
        assert_no_objects(mill, ada.user_id()).await;
        let forgotten = async || mill.rows("discarded_documents", "job_id", id).await == 0;
        eventually("nothing notes what had to be deleted", PATIENCE, forgotten).await;
    }

    async fn a_deleted_document_leaves_the_others(mill: &Mill) {
        let ada = mill.user().await;
        let files = [("a.txt", texts::LIGHTHOUSE.as_bytes()), ("b.txt", texts::BAKERY.as_bytes())];
        let job = ada.ended(&ada.upload(&files).await).await;
        let documents = ada.documents(&job).await;
        let id = documents[0]["id"].as_str().unwrap();
        assert!(mill.rows("passages", "document_id", id).await > 0);

        let path = documents[0]["links"]["self"].as_str().unwrap();
        let _ = ada.delete(path).await.status(204);
        ada.get(path).await.problem(404, "not_found");
        assert_eq!(mill.rows("documents", "id", id).await, 0);
        assert_eq!(mill.rows("passages", "document_id", id).await, 0);
        assert_no_objects(mill, id).await;

        assert_eq!(ada.documents(&job).await, documents[1..]);
        let text = ada.get(documents[1]["links"]["text"].as_str().unwrap()).await.status(200).text();
        assert!(text.contains("Sauerteig"));
        // Counters equal the documents at every read.
        let job = ada.get(job["links"]["self"].as_str().unwrap()).await.status(200).json();
        assert_eq!((&job["progress"]["total"], &job["completed"]), (&1.into(), &1.into()), "{job}");
    }

    async fn deleting_twice_is_fine(mill: &Mill) {
        let ada = mill.user().await;
        let document = ada.processed("lighthouse.txt", texts::LIGHTHOUSE.as_bytes()).await;
        for link in ["self", "job"] {
            let path = document["links"][link].as_str().unwrap();
            for _ in 0..3 {
                assert_eq!(ada.delete(path).await.status(204).bytes(), b"");
            }
            ada.get(path).await.problem(404, "not_found");
        }
    }

    async fn a_job_can_be_deleted_before_it_has_ended(mill: &Mill) {
        let ada = mill.user().await;
        let names: Vec<String> = (0..40).map(|number| format!("{number}.txt")).collect();
        let text = texts::LIGHTHOUSE.repeat(50);
        let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), text.as_bytes())).collect();
        let job = ada.upload(&files).await;
        let path = job["links"]["self"].as_str().unwrap();
        let _ = ada.delete(path).await.status(204);
        ada.get(path).await.problem(404, "not_found");
        // What runs stops by itself, and what it may have stored meanwhile goes too.
        assert_no_objects(mill, ada.user_id()).await;
        // And nothing is stuck.
        assert_eq!(ada.processed("after.txt", b"a few words").await["status"], "completed");
        assert_eq!(mill.objects_of(ada.user_id()).await.len(), 2, "only those of the one after");
    }
}
