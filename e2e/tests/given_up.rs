//! What was given up is listed with every attempt and put back in line, by operators and nobody else, over HTTP and from the
//! command line.
#![allow(clippy::unwrap_used)]

use domain::TaskId;
use e2e::{Client, Embedded, Settings, texts};
use serde_json::{Value, json};

const BROKEN: &[u8] = b"%PDF-1.7\nand then nothing of a PDF";

async fn list(operator: &Client, query: &str) -> Vec<Value> {
    let page = operator
        .get(&format!("/api/v1/admin/tasks{query}"))
        .await
        .status(200)
        .json();
    page["items"].as_array().unwrap().clone()
}

/// Uploads documents that no reader can read, and returns their jobs once they have failed.
async fn broken(user: &Client, count: usize) -> Vec<Value> {
    let mut jobs = Vec::new();
    for number in 0..count {
        let accepted = user.upload(&[(&format!("{number}.pdf"), BROKEN)]).await;
        jobs.push(user.ended(&accepted).await);
    }
    jobs
}

#[tokio::test]
async fn only_operators_see_and_steer_the_tasks_of_everyone() {
    let mill = Embedded::start(&Settings::new()).await;
    let ada = mill.user().await;
    broken(&ada, 1).await;
    let operator = mill.with_role("operator").await;
    let admin = mill.with_role("admin").await;
    let id = list(&operator, "").await[0]["id"].as_str().unwrap().to_owned();
    let one = format!("/api/v1/admin/tasks/{id}");
    let body = json!({ "filter": {}, "expected_count": 1 });
    for path in ["/api/v1/admin/tasks", &one] {
        ada.get(path).await.problem(403, "forbidden");
        mill.anybody().get(path).await.problem(401, "unauthenticated");
        let _ = admin.get(path).await.status(200);
    }
    ada.post(&format!("{one}/requeue"), &json!({}))
        .await
        .problem(403, "forbidden");
    ada.post("/api/v1/admin/tasks/requeue", &body)
        .await
        .problem(403, "forbidden");
    let unknown = format!("/api/v1/admin/tasks/{}", TaskId::new());
    operator.get(&unknown).await.problem(404, "not_found");
    operator
        .post(&format!("{unknown}/requeue"), &json!({}))
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn a_task_tells_of_every_attempt_and_is_put_back_in_line() {
    let mill = Embedded::start(&Settings::new()).await;
    let ada = mill.user().await;
    let job = broken(&ada, 1).await.remove(0);
    assert_eq!(
        (&job["status"], &job["error"]["code"], &job["error"]["retryable"]),
        (&json!("failed"), &json!("unreadable"), &json!(false)),
        "{job}"
    );
    let operator = mill.with_role("operator").await;
    let failed = list(&operator, "?state=failed&code=unreadable&kind=process_document").await;
    assert_eq!(failed.len(), 1);
    let path = format!("/api/v1/admin/tasks/{}", failed[0]["id"].as_str().unwrap());
    let task = operator.get(&path).await.status(200).json();
    assert_eq!((&task["state"], &task["job_id"]), (&json!("failed"), &job["id"]));
    let attempts = task["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(
        (&attempts[0]["end"], &attempts[0]["attempt"]),
        (&json!("failed"), &json!(1))
    );
    assert!(attempts[0]["worker"].as_str().unwrap().contains('-'), "{task}");

    let requeue = format!("{path}/requeue");
    let requeued = operator.post(&requeue, &json!({})).await.status(200).json();
    assert_eq!(
        (&requeued["attempt"], &requeued["max_attempts"]),
        (&json!(1), &json!(4)),
        "{requeued}"
    );
    // It is as broken as before, and that is told as the second attempt.
    let job = ada.ended(&job).await;
    assert_eq!(
        (&job["status"], &job["attempt"], &job["max_attempts"]),
        (&json!("failed"), &json!(2), &json!(4))
    );
    let task = operator.get(&path).await.status(200).json();
    let numbers: Vec<&Value> = task["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["attempt"])
        .collect();
    assert_eq!(numbers, [&json!(1), &json!(2)]);

    let good = ada.upload(&[("good.txt", texts::LIGHTHOUSE.as_bytes())]).await;
    ada.ended(&good).await;
    let done = list(&operator, "?state=done").await.remove(0);
    let requeue = format!("/api/v1/admin/tasks/{}/requeue", done["id"].as_str().unwrap());
    operator
        .post(&requeue, &json!({}))
        .await
        .problem(409, "not_given_up");
}

#[tokio::test]
async fn many_are_put_back_at_once_when_their_number_is_the_expected_one() {
    let mill = Embedded::start(&Settings::new()).await;
    let (ada, eve) = (mill.user().await, mill.user().await);
    let jobs = broken(&ada, 3).await;
    broken(&eve, 1).await;
    let operator = mill.with_role("operator").await;
    let path = "/api/v1/admin/tasks/requeue";
    let filter = json!({ "state": "failed", "user_id": ada.user_id() });
    let wrong = json!({ "filter": filter, "expected_count": 4 });
    operator.post(path, &wrong).await.problem(409, "count_differs");
    assert_eq!(
        list(&operator, "?state=failed").await.len(),
        4,
        "nothing was done"
    );
    let right = json!({ "filter": filter, "expected_count": 3 });
    let answer = operator.post(path, &right).await.status(200).json();
    assert_eq!(answer, json!({ "requeued": 3 }));
    for job in &jobs {
        assert_eq!(ada.ended(job).await["attempt"], 2);
    }
    let page = operator
        .get("/api/v1/admin/tasks?limit=3")
        .await
        .status(200)
        .json();
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(
        list(&operator, &format!("?limit=3&cursor={cursor}")).await.len(),
        1
    );
    operator
        .get("/api/v1/admin/tasks?kind=nonsense")
        .await
        .refuses("query:kind");
    operator
        .get("/api/v1/admin/tasks?user_id=nonsense")
        .await
        .refuses("query:user_id");
}

#[tokio::test]
async fn the_command_line_does_the_same() {
    let mill = Embedded::start(&Settings::new()).await;
    let ada = mill.user().await;
    let jobs = broken(&ada, 2).await;
    let task = async |arguments: &[&str]| mill.command(&[&["task"], arguments].concat()).await;
    let listed = task(&["list", "--state", "failed"]).await.success().stdout;
    assert_eq!(listed.lines().count(), 2, "{listed}");
    let id = listed.split_whitespace().next().unwrap();
    let shown = task(&["show", id]).await.success().stdout;
    for words in ["attempts  1 of 3", "failed after", "unreadable: "] {
        assert!(shown.contains(words), "{shown}");
    }
    let counted = task(&["requeue", "--code", "unreadable"]).await.success().stdout;
    assert!(counted.contains("say --expected 2"), "{counted}");
    let _ = task(&["requeue", "--code", "unreadable", "--expected", "1"])
        .await
        .code(1);
    assert_eq!(ada.ended(&jobs[0]).await["attempt"], 1, "nothing was done");
    let _ = task(&["requeue", "--code", "unreadable", "--expected", "2"])
        .await
        .success();
    for job in &jobs {
        assert_eq!(ada.ended(job).await["attempt"], 2);
    }
    let _ = task(&["requeue", id]).await.success();
    let _ = task(&["requeue", &TaskId::new().to_string()]).await.code(1);
    let _ = task(&["show", &TaskId::new().to_string()]).await.code(1);
    let _ = task(&["list", "--state", "lost"]).await.code(2);
}
