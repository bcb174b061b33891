//! Results that serve twice.

use std::time::{Duration, Instant};

use domain::JobId;
use e2e::{Client, PATIENCE, eventually, texts};
use reqwest::{Method, RequestBuilder};

use crate::support::on_both;

/// As anybody hands in a file who says nothing about earlier results.
fn raw(user: &Client, query: &str, content: &str) -> RequestBuilder {
    user.request(Method::POST, &format!("/api/v1/documents?{query}"))
        .header("content-type", "application/octet-stream")
        .body(content.to_owned())
}

on_both! {
    async fn the_same_bytes_are_not_read_twice(mill: &Mill) {
        let ada = mill.user().await;
        let text = format!("{} {}", texts::LIGHTHOUSE, JobId::new());
        let first = ada.processed("first.txt", text.as_bytes()).await;
        assert_eq!(first.get("reused_from"), None);
        let mut times = Vec::new();
        for number in 0..5 {
            let began = Instant::now();
            let job = ada.send(raw(&ada, &format!("file_name={number}.txt"), &text)).await.status(202).json();
            times.push(began.elapsed());
            assert_eq!((&job["status"], &job["completed"]), (&"completed".into(), &1.into()), "{job}");
            let again = ada.documents(&job).await.remove(0);
            assert!(again["reused_from"].is_string() && again["reused_from"] != again["id"], "{again}");
            for same in ["title", "language", "tags", "words", "engine", "release", "sha256"] {
                assert_eq!(again.get(same), first.get(same), "{same}");
            }
            let read = ada.get(again["links"]["text"].as_str().unwrap()).await.status(200);
            assert_eq!(read.text(), ada.get(first["links"]["text"].as_str().unwrap()).await.status(200).text());
            let found = ada.get(&format!("/api/v1/documents?q=foghorn%20{number}")).await.status(200).json();
            let found: Vec<_> = found["items"].as_array().unwrap().iter().map(|it| it["file_name"].as_str().unwrap()).collect();
            assert!(found.contains(&format!("{number}.txt").as_str()), "found by its own name: {found:?}");
        }
        times.sort();
        // Slow machines are slow; the figure of the promise is measured elsewhere.
        assert!(times[0] < Duration::from_secs(1), "{times:?}");
        // What served lives on without where it came from.
        let _ = ada.delete(first["links"]["self"].as_str().unwrap()).await.status(204);
        let left = ada.get("/api/v1/documents?limit=100").await.status(200).json();
        for document in left["items"].as_array().unwrap() {
            let _ = ada.get(document["links"]["text"].as_str().unwrap()).await.status(200);
            let _ = ada.get(document["links"]["original"].as_str().unwrap()).await.status(200);
            let _ = ada.delete(document["links"]["self"].as_str().unwrap()).await.status(204);
        }
        let gone = async || mill.objects_of(ada.user_id()).await.is_empty();
        eventually("copied objects are deleted too", PATIENCE, gone).await;
    }

    async fn earlier_results_serve_only_where_they_would_come_out_again(mill: &Mill) {
        let ada = mill.user().await;
        let text = format!("{} {}", texts::LIGHTHOUSE, JobId::new());
        ada.processed("a.txt", text.as_bytes()).await;
        let eve = mill.user().await;
        for (request, user, why) in [
            (raw(&ada, "file_name=a.txt", &text).header("cache-control", "no-cache"), &ada, "refused"),
            (raw(&ada, "file_name=a.txt&max_tags=3", &text), &ada, "other options"),
            (raw(&ada, "file_name=a.md", &text), &ada, "another kind"),
            (raw(&ada, "file_name=a.txt", &format!("{text}!")), &ada, "other bytes"),
            (raw(&eve, "file_name=a.txt", &text), &eve, "another account"),
        ] {
            let job = user.ended(&user.send(request).await.status(202).json()).await;
            assert_eq!(job["status"], "completed", "{why}");
            assert_eq!(user.documents(&job).await[0].get("reused_from"), None, "{why}");
        }
    }
}
