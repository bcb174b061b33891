//! What accounts may use, what they use, and who sees it.

use std::collections::BTreeMap;

use domain::UserId;
use e2e::{Client, PATIENCE, eventually, texts};
use futures::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::on_both;

const NOTE: &[u8] = texts::LIGHTHOUSE.as_bytes();
const BROKEN: &[u8] = b"%PDF-1.7\nand then nothing of a PDF";

fn quota_of(user: &Client) -> String {
    format!("/api/v1/admin/users/{}/quota", user.user_id())
}

async fn set(admin: &Client, user: &Client, limits: Value) -> Value {
    let request = admin.request(Method::PATCH, &quota_of(user)).json(&limits);
    admin.send(request).await.status(200).json()
}

async fn usage(user: &Client) -> Value {
    user.get("/api/v1/usage").await.status(200).json()
}

/// Used, reserved and left of something that is limited.
fn amounts(usage: &Value, of: &str) -> (i64, i64, Option<i64>) {
    let amount = &usage[of];
    (
        amount["used"].as_i64().unwrap(),
        amount["reserved"].as_i64().unwrap(),
        amount["remaining"].as_i64(),
    )
}

on_both! {
    async fn of_two_hundred_uploads_at_once_exactly_ten_are_accepted_when_ten_are_left(mill: &Mill) {
        let (ada, admin) = (mill.user().await, mill.with_role("admin").await);
        set(&admin, &ada, json!({ "documents_per_month": 10 })).await;
        // An API that is full says so, and is asked again.
        let one = async |_| loop {
            let answer = ada.send(ada.form("", &[("note.txt", NOTE)])).await;
            if answer.status != 503 {
                return answer;
            }
        };
        let answers: Vec<_> = stream::iter(0..200).map(one).buffer_unordered(200).collect().await;
        let mut statuses = BTreeMap::new();
        for answer in &answers {
            *statuses.entry(answer.status).or_insert(0) += 1;
        }
        assert_eq!(statuses, BTreeMap::from([(202, 10), (429, 190)]));
        let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
        let problem = refused.problem(429, "quota_exceeded");
        let quota = &problem["quota"];
        assert_eq!((&quota["name"], &problem["violated-policies"]), (&json!("documents_per_month"), &json!(["documents_per_month"])));
        assert_eq!((&quota["limit"], &quota["used"], &quota["requested"]), (&json!(10), &json!(10), &json!(1)));
        let now = usage(&ada).await;
        assert_eq!(quota["renews_at"], now["renews_at"]);
        let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=31 * 24 * 3600).contains(&seconds), "{seconds}");
        let (used, reserved, left) = amounts(&now, "documents");
        assert_eq!((used + reserved, left), (10, Some(0)), "{now}");

        for job in ada.jobs().await {
            assert_eq!(ada.ended(&job).await["status"], "completed");
        }
        let now = usage(&ada).await;
        assert_eq!(amounts(&now, "documents"), (10, 0, Some(0)));
        assert_eq!(amounts(&now, "bytes"), (10 * i64::try_from(NOTE.len()).unwrap(), 0, None));
        let only_theirs = async || mill.objects_of(ada.user_id()).await.len() == 20;
        eventually("what was refused is not kept", PATIENCE, only_theirs).await;
        // Others are not concerned.
        mill.user().await.upload(&[("note.txt", NOTE)]).await;
    }

    async fn what_comes_to_nothing_costs_nothing(mill: &Mill) {
        let (ada, admin) = (mill.user().await, mill.with_role("admin").await);
        set(&admin, &ada, json!({ "documents_per_month": 2, "pages_per_month": 100 })).await;
        let job = ada.upload(&[("a.pdf", BROKEN), ("b.pdf", BROKEN)]).await;
        assert_eq!(ada.ended(&job).await["status"], "failed");
        assert_eq!(amounts(&usage(&ada).await, "documents"), (0, 0, Some(2)));
        let too_many = ada.form("", &[("a.txt", NOTE), ("b.txt", NOTE), ("c.txt", NOTE)]);
        let problem = ada.send(too_many).await.problem(429, "quota_exceeded");
        assert_eq!(problem["retryable"], false, "three never fit into two: {problem}");
        let job = ada.upload(&[("a.txt", NOTE), ("b.txt", NOTE)]).await;
        ada.ended(&job).await;
        assert_eq!(amounts(&usage(&ada).await, "documents"), (2, 0, Some(0)));
        // Deleting does not give back what was used.
        let _ = ada.delete(job["links"]["self"].as_str().unwrap()).await.status(204);
        ada.send(ada.form("", &[("a.txt", NOTE)])).await.problem(429, "quota_exceeded");
        assert_eq!(usage(&ada).await["history"][0]["documents"], 2);
        // Back to the limits of the settings, which has none.
        let back = set(&admin, &ada, json!({ "documents_per_month": null, "pages_per_month": null })).await;
        assert_eq!(back["own"], json!({}));
        let job = ada.upload(&[("a.txt", NOTE)]).await;
        ada.ended(&job).await;
        assert_eq!(amounts(&usage(&ada).await, "documents"), (3, 0, None));
    }

    async fn deleting_many_at_once_makes_room_in_storage(mill: &Mill) {
        let (ada, admin) = (mill.user().await, mill.with_role("admin").await);
        let files: Vec<(String, &[u8])> = (0..20).map(|n| (format!("{n}.txt"), NOTE)).collect();
        let files: Vec<(&str, &[u8])> = files.iter().map(|(name, content)| (name.as_str(), *content)).collect();
        let job = ada.upload(&files).await;
        ada.ended(&job).await;
        let (stored, _, left) = amounts(&usage(&ada).await, "storage_bytes");
        assert!(stored >= 2 * 20 * i64::try_from(NOTE.len()).unwrap() - 20 && left.is_none(), "{stored}");
        set(&admin, &ada, json!({ "storage_bytes": stored })).await;
        let problem = ada.send(ada.form("", &files[..1])).await.problem(507, "storage_quota");
        assert_eq!(problem["quota"]["used"], stored, "{problem}");
        assert_eq!((&problem["retryable"], &problem["quota"].get("renews_at")), (&json!(false), &None));
        let _ = ada.delete(job["links"]["self"].as_str().unwrap()).await.status(204);
        assert_eq!(amounts(&usage(&ada).await, "storage_bytes"), (0, 0, Some(stored)));
        let accepted = ada.upload(&files[..1]).await;
        ada.ended(&accepted).await;
    }

    async fn what_is_exported_is_what_was_used(mill: &Mill) {
        let (ada, operator) = (mill.user().await, mill.with_role("operator").await);
        for name in ["a.txt", "b.txt", "c.txt"] {
            ada.processed(name, NOTE).await;
        }
        let job = ada.upload(&[("broken.pdf", BROKEN)]).await;
        ada.ended(&job).await;
        let now = usage(&ada).await;
        let export = operator.get("/api/v1/admin/usage").await.status(200);
        assert!(export.header("content-disposition").unwrap().starts_with("attachment"));
        let export = export.json();
        let lines = export["items"].as_array().unwrap().iter().filter(|line| line["user_id"] == ada.user_id());
        let sum = |of: &str| lines.clone().map(|line| line[of].as_i64().unwrap()).sum::<i64>();
        assert_eq!((sum("documents"), sum("pages"), sum("bytes")), (3, 0, 3 * i64::try_from(NOTE.len()).unwrap()));
        assert_eq!(sum("bytes"), now["bytes"]["used"]);

        let csv = operator.get("/api/v1/admin/usage?format=csv").await.status(200);
        assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
        let csv = csv.text();
        assert!(csv.starts_with("day,user_id,documents,pages,bytes\r\n"), "{csv}");
        let of_day = format!(",{},", ada.user_id());
        let documents = csv.lines().filter(|line| line.contains(&of_day)).map(|line| line.split(',').nth(2).unwrap());
        assert_eq!(documents.map(|count| count.parse::<i64>().unwrap()).sum::<i64>(), 3);
        // Nothing was used long ago.
        let none = operator.get("/api/v1/admin/usage?from=2020-01-01&to=2020-12-31").await.status(200).json();
        assert_eq!(none, json!({ "items": [] }));
        for query in ["from=yesterday", "to=2026-02-30", "from=2026-03-02&to=2026-03-01", "from=2020-01-01&to=2021-01-01"] {
            let answer = operator.get(&format!("/api/v1/admin/usage?{query}")).await;
            answer.problem(400, "invalid_request");
        }
    }

    async fn only_administrators_change_limits_and_only_operators_see_those_of_others(mill: &Mill) {
        let (ada, eve) = (mill.user().await, mill.user().await);
        let (operator, admin) = (mill.with_role("operator").await, mill.with_role("admin").await);
        let change = |by: &Client, path: &str, body: Value| by.request(Method::PATCH, path).json(&body);
        let limits = json!({ "documents_per_month": 5 });
        for user in [&ada, &eve] {
            user.get(&quota_of(&ada)).await.problem(403, "forbidden");
            user.get("/api/v1/admin/usage").await.problem(403, "forbidden");
        }
        for user in [&ada, &operator] {
            user.send(change(user, &quota_of(&ada), limits.clone())).await.problem(403, "forbidden");
        }
        mill.anybody().get("/api/v1/usage").await.problem(401, "unauthenticated");
        mill.anybody().send(change(&mill.anybody(), &quota_of(&ada), limits.clone())).await.problem(401, "unauthenticated");
        set(&admin, &ada, limits.clone()).await;
        let seen = operator.get(&quota_of(&ada)).await.status(200).json();
        assert_eq!(seen["own"], limits);
        // What is not said stays as it is.
        let seen = set(&admin, &ada, json!({ "pages_per_month": 0 })).await;
        assert_eq!(seen["own"], json!({ "documents_per_month": 5, "pages_per_month": 0 }));
        ada.send(ada.form("", &[("a.txt", NOTE)])).await.problem(429, "quota_exceeded");
        assert_eq!(mill.rows("audit_log", "resource_id", ada.user_id()).await, 4, "made, logged in, and changed twice");

        let nobody = format!("/api/v1/admin/users/{}/quota", UserId::new());
        admin.get(&nobody).await.problem(404, "not_found");
        admin.send(change(&admin, &nobody, limits)).await.problem(404, "not_found");
        admin.get("/api/v1/admin/users/1/quota").await.problem(404, "not_found");
        for wrong in [json!({ "documents_per_month": -1 }), json!({ "documents": 1 }), json!({ "storage_bytes": "1GiB" })] {
            admin.send(change(&admin, &quota_of(&ada), wrong)).await.problem(400, "invalid_request");
        }
        let answer = admin.send(change(&admin, &quota_of(&ada), json!({ "bytes_per_month": 1_u64 << 60 }))).await;
        answer.refuses("/bytes_per_month");
    }

    async fn an_operator_of_the_machine_sets_limits_on_the_command_line(mill: &Mill) {
        let ada = mill.user().await;
        ada.processed("a.txt", NOTE).await;
        let set = mill.command(&["quota", "set", ada.email(), "--documents", "1", "--storage", "1GiB"]).await.success();
        assert!(set.stdout.contains("documents  1 used, 0 reserved, of 1\n"), "{set:?}");
        ada.send(ada.form("", &[("b.txt", NOTE)])).await.problem(429, "quota_exceeded");
        let set = ["quota", "set", ada.user_id(), "--documents", "default"];
        let _ = mill.command(&set).await.success();
        let shown = mill.command(&["quota", "show", ada.user_id()]).await.success();
        assert!(shown.stdout.contains("documents  1 used, 0 reserved, without limit\n"), "{shown:?}");
        assert!(shown.stdout.contains("of 1073741824\n"), "{shown:?}");
        ada.processed("b.txt", NOTE).await;
        let export = ["quota", "usage", "--from", "2020-01-01", "--to", "2100-01-01"];
        let export = mill.command(&export).await.success();
        let of_ada = export.stdout.lines().filter(|line| line.contains(ada.user_id()));
        assert_eq!(of_ada.map(|line| line.split(',').nth(2).unwrap().parse::<i64>().unwrap()).sum::<i64>(), 2);
        let nobody = mill.command(&["quota", "show", "nobody@example.com"]).await.code(1);
        assert!(nobody.stderr.contains("there is no account nobody@example.com"), "{nobody:?}");
    }
}
