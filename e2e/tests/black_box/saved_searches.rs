//! Searches that are kept under a name.

use e2e::texts;
use reqwest::Method;
use serde_json::json;

use crate::support::on_both;

on_both! {
    async fn a_search_is_kept_run_renamed_and_deleted(mill: &Mill) {
        let ada = mill.user().await;
        for name in ["a.txt", "b.md", "c.txt"] {
            ada.processed(name, texts::LIGHTHOUSE.as_bytes()).await;
        }
        let new = json!({"name": "Keepers", "q": "keeper -sauerteig", "filters": {"kind": "text"}});
        let created = ada.post("/api/v1/searches", &new).await.status(201);
        let search = created.json();
        let path = search["links"]["self"].as_str().unwrap();
        assert_eq!(created.header("location"), Some(path));
        assert_eq!((&search["name"], &search["q"], &search["filters"]), (&new["name"], &new["q"], &new["filters"]));
        ada.post("/api/v1/searches", &new).await.problem(409, "name_taken");
        assert_eq!(ada.get("/api/v1/searches").await.status(200).json(), json!({"items": [search]}));

        let results = search["links"]["results"].as_str().unwrap();
        let first = ada.get(&format!("{results}?limit=1&facets=kind")).await.status(200);
        assert_eq!(first.json()["facets"], json!({"counted": 2, "kind": [{"value": "text", "count": 2}]}));
        assert!(first.json()["items"][0]["matched"]["score"].as_f64().unwrap() > 0.0);
        let next = first.link("next").unwrap();
        assert!(next.starts_with(results) && !next.contains("keeper"), "{next}");
        let second = ada.get(&next).await.status(200);
        assert_eq!((second.json()["items"].as_array().unwrap().len(), second.link("next")), (1, None));

        let rename = json!({"name": "Lamps", "filters": {}});
        ada.patch(path, &rename).await.problem(428, "precondition_required");
        let seen = ada.get(path).await.status(200).header("etag").unwrap().to_owned();
        assert_eq!(created.header("etag"), Some(seen.as_str()));
        let change = async || ada.send(ada.request(Method::PATCH, path).header("if-match", &seen).json(&rename)).await;
        let answer = change().await.status(200);
        assert_ne!(answer.header("etag"), Some(seen.as_str()));
        change().await.problem(412, "precondition_failed");
        let renamed = answer.json();
        assert_eq!((&renamed["name"], &renamed["q"], &renamed["filters"]), (&json!("Lamps"), &new["q"], &json!({})));
        assert_eq!(ada.get(results).await.status(200).json()["items"].as_array().unwrap().len(), 3);

        let eve = mill.user().await;
        for path in [path, results] {
            eve.get(path).await.problem(404, "not_found");
        }
        eve.edit(path, &json!({"name": "mine"})).await.problem(404, "not_found");
        let _ = eve.delete(path).await.status(204);
        assert_eq!(eve.get("/api/v1/searches").await.status(200).json(), json!({"items": []}));
        for _ in 0..2 {
            let _ = ada.delete(path).await.status(204);
        }
        ada.get(path).await.problem(404, "not_found");
    }

    async fn what_cannot_be_kept_is_refused_with_its_place(mill: &Mill) {
        let ada = mill.user().await;
        for (body, pointer) in [
            (json!({"name": " ", "q": "x"}), "/name"),
            (json!({"name": "x", "q": ""}), "/q"),
            (json!({"name": "x", "q": "x".repeat(1001)}), "/q"),
            (json!({"name": "x", "q": "x", "filters": {"from": "soon"}}), "/filters/from"),
        ] {
            ada.post("/api/v1/searches", &body).await.refuses(pointer);
        }
        for body in [json!({"q": "x"}), json!({"name": "x", "q": "x", "user_id": "x"}), json!({"name": "x", "q": "x", "filters": {"owner": "x"}})] {
            ada.post("/api/v1/searches", &body).await.problem(400, "invalid_request");
        }
    }
}
