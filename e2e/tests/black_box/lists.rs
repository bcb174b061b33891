//! Pages of jobs and documents.

use e2e::{Client, texts};
use serde_json::Value;

use crate::support::on_both;

/// Jobs with one small document each, all of them ended; the newest first.
async fn jobs(user: &Client, count: usize) -> Vec<Value> {
    let mut jobs = Vec::new();
    for number in 0..count {
        jobs.push(user.upload(&[(&format!("{number}.txt"), b"a few words")]).await);
    }
    for job in &mut jobs {
        *job = user.ended(job).await;
    }
    jobs.reverse();
    jobs
}

fn ids(page: &Value) -> Vec<&str> {
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_str().unwrap())
        .collect()
}

on_both! {
    async fn pages_follow_each_other_to_the_end(mill: &Mill) {
        let ada = mill.user().await;
        let jobs = jobs(&ada, 5).await;
        let newest_first: Vec<&str> = jobs.iter().map(|job| job["id"].as_str().unwrap()).collect();

        for list in ["/api/v1/jobs", "/api/v1/documents"] {
            let mut next = Some(format!("{list}?limit=2&status=completed"));
            let mut found = Vec::new();
            let mut sizes = Vec::new();
            while let Some(path) = next {
                let answer = ada.get(&path).await.status(200);
                let page = answer.json();
                sizes.push(ids(&page).len());
                let key = if list.ends_with("jobs") { "id" } else { "job_id" };
                found.extend(page["items"].as_array().unwrap().iter().map(|it| it[key].as_str().unwrap().to_owned()));
                assert_eq!(answer.link("first").unwrap(), format!("{list}?status=completed&limit=2"));
                next = answer.link("next");
                assert_eq!(next.is_some(), page.get("next_cursor").is_some());
                if let (Some(next), Some(cursor)) = (&next, page["next_cursor"].as_str()) {
                    assert_eq!(*next, format!("{list}?status=completed&limit=2&cursor={cursor}"));
                }
            }
            assert_eq!(sizes, [2, 2, 1], "{list}");
            assert_eq!(found, newest_first, "{list}");
        }
        // A page that is exactly full is the last one.
        assert_eq!(ada.get("/api/v1/jobs?limit=5").await.status(200).link("next"), None);
    }

    async fn a_cursor_cannot_be_made_up(mill: &Mill) {
        let ada = mill.user().await;
        jobs(&ada, 2).await;
        let page = ada.get("/api/v1/jobs?limit=1").await.status(200).json();
        let cursor = page["next_cursor"].as_str().unwrap();
        let forged = cursor.replacen(&cursor[12..13], if &cursor[12..13] == "A" { "B" } else { "A" }, 1);
        for bad in ["x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &forged, &cursor[1..]] {
            ada.get(&format!("/api/v1/jobs?cursor={bad}")).await.refuses("query:cursor");
        }
        // One of another list neither.
        ada.get(&format!("/api/v1/documents?cursor={cursor}")).await.refuses("query:cursor");
        ada.get(&format!("/api/v1/documents?q=words&cursor={cursor}")).await.refuses("query:cursor");
    }

    async fn a_page_has_one_to_a_hundred_items(mill: &Mill) {
        let ada = mill.user().await;
        for list in ["/api/v1/jobs?", "/api/v1/documents?", "/api/v1/documents?q=words&"] {
            for limit in ["0", "101"] {
                ada.get(&format!("{list}limit={limit}")).await.refuses("query:limit");
            }
            for limit in ["-1", "all", "1.5"] {
                ada.get(&format!("{list}limit={limit}")).await.problem(400, "invalid_request");
            }
            for limit in ["1", "100"] {
                let page = ada.get(&format!("{list}limit={limit}")).await.status(200).json();
                assert_eq!(page, serde_json::json!({ "items": [] }));
            }
        }
    }

    async fn lists_are_filtered(mill: &Mill) {
        let ada = mill.user().await;
        let single = ada.upload(&[("harvest.csv", texts::HARVEST.as_bytes())]).await;
        let files = [("a.txt", texts::LIGHTHOUSE.as_bytes()), ("b.md", texts::BAKERY.as_bytes())];
        let batch = ada.upload(&files).await;
        let (broken, content) = crate::samples::broken();
        let failed = ada.upload(&[(&broken, &content)]).await;
        for job in [&single, &batch, &failed] {
            ada.ended(job).await;
        }
        let listed = async |path: &str| {
            let page = ada.get(path).await.status(200).json();
            ids(&page).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let id = |job: &Value| job["id"].as_str().unwrap().to_owned();
        assert_eq!(listed("/api/v1/jobs").await, [id(&failed), id(&batch), id(&single)]);
        assert_eq!(listed("/api/v1/jobs?kind=batch").await, [id(&batch)]);
        assert_eq!(listed("/api/v1/jobs?status=completed").await, [id(&batch), id(&single)]);
        assert_eq!(listed("/api/v1/jobs?status=failed&kind=single").await, [id(&failed)]);
        assert_eq!(listed("/api/v1/jobs?status=processing").await, Vec::<String>::new());

        assert_eq!(listed("/api/v1/documents").await.len(), 4);
        assert_eq!(listed("/api/v1/documents?kind=markdown").await.len(), 1);
        assert_eq!(listed("/api/v1/documents?status=failed").await.len(), 1);
        assert_eq!(listed(&format!("/api/v1/documents?job_id={}", id(&batch))).await.len(), 2);
        assert_eq!(listed(&format!("/api/v1/documents?job_id={}&kind=csv", id(&batch))).await.len(), 0);

        for refused in ["/api/v1/jobs?status=done", "/api/v1/jobs?kind=single%27", "/api/v1/documents?kind=word"] {
            ada.get(refused).await.problem(400, "invalid_request");
        }
        ada.get("/api/v1/documents?job_id=1").await.refuses("query:job_id");
    }
}
