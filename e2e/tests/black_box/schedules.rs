//! What happens again and again: listed, edited, paused and run by operators, over HTTP and from the command line.

use e2e::{Answer, Client};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::on_both;

const PATH: &str = "/api/v1/admin/schedules";

/// A name that no other test has.
fn a_name() -> String {
    format!("test-{}", domain::RunId::new())
}

fn yearly(name: &str) -> Value {
    json!({ "name": name, "work": "clean_up", "cron": "30 2 1 1 *", "time_zone": "Europe/Berlin" })
}

async fn add(operator: &Client, new: &Value) -> (String, Value) {
    let answer = operator.post(PATH, new).await.status(201);
    let path = answer.header("location").unwrap().to_owned();
    assert_eq!(path, format!("{PATH}/{}", new["name"].as_str().unwrap()));
    assert_eq!(answer.header("etag"), Some("\"1\""));
    (path, answer.json())
}

async fn change(operator: &Client, method: Method, path: &str, etag: Option<&str>, body: &Value) -> Answer {
    let request = operator.request(method, path).json(body);
    let request = match etag {
        Some(etag) => request.header("if-match", etag),
        None => request,
    };
    operator.send(request).await
}

async fn remove(operator: &Client, path: &str) {
    let _ = change(operator, Method::DELETE, path, Some("*"), &json!({}))
        .await
        .status(204);
}

/// The run when it has ended.
async fn ended(operator: &Client, answer: Answer) -> Value {
    let path = answer.status(202).header("location").unwrap().to_owned();
    e2e::until("the run ends", e2e::PATIENCE, async || {
        let run = operator.get(&path).await.status(200).json();
        (!run["finished_at"].is_null()).then_some(run)
    })
    .await
}

on_both! {
    async fn only_operators_see_and_steer_schedules(mill: &Mill) {
        let ada = mill.user().await;
        for path in [PATH, &format!("{PATH}/clean_up"), &format!("{PATH}/clean_up/runs")] {
            ada.get(path).await.problem(403, "forbidden");
            mill.anybody().get(path).await.problem(401, "unauthenticated");
        }
        ada.post(PATH, &yearly(&a_name())).await.problem(403, "forbidden");
        for verb in ["pause", "resume", "run"] {
            ada.post(&format!("{PATH}/clean_up/{verb}"), &json!({})).await.problem(403, "forbidden");
        }
        let clean_up = format!("{PATH}/clean_up");
        for method in [Method::PATCH, Method::DELETE] {
            change(&ada, method, &clean_up, Some("*"), &json!({})).await.problem(403, "forbidden");
        }
        let operator = mill.with_role("operator").await;
        operator.get(&format!("{PATH}/nothing")).await.problem(404, "not_found");
        operator.get(&format!("{PATH}/clean_up/runs/{}", domain::RunId::new())).await.problem(404, "not_found");
    }

    async fn docmill_comes_with_its_own(mill: &Mill) {
        let operator = mill.with_role("operator").await;
        let page = operator.get(&format!("{PATH}?limit=100")).await.status(200).json();
        let items = page["items"].as_array().unwrap();
        for name in ["clean_up", "delete_expired_rows", "delete_leftover_objects"] {
            let own = items.iter().find(|it| it["name"] == name).unwrap();
            assert_eq!((&own["built_in"], &own["work"]), (&json!(true), &json!(name)), "{own}");
            assert_eq!(own["upcoming"].as_array().unwrap().len(), 5);
        }
        let clean_up = operator.get(&format!("{PATH}/clean_up")).await.status(200).json();
        assert_eq!(clean_up["options"], json!({ "older_than_days": null, "dry_run": false }), "everything is kept");
        assert!(clean_up["upcoming"][0].as_str().unwrap().ends_with("T02:00:00.000Z"), "{clean_up}");
        let first = operator.get(&format!("{PATH}?limit=1")).await.status(200);
        assert!(first.link("next").is_some());
        change(&operator, Method::DELETE, &format!("{PATH}/clean_up"), Some("*"), &json!({})).await.problem(409, "built_in");
    }

    async fn a_schedule_is_made_seen_edited_and_removed_and_each_change_is_audited(mill: &Mill) {
        let operator = mill.with_role("operator").await;
        let lines = async || mill.rows("audit_log", "user_id", operator.user_id()).await;
        let before = lines().await;
        let name = a_name();
        let (path, made) = add(&operator, &yearly(&name)).await;
        assert_eq!(made["time_zone"], "Europe/Berlin");
        let first = made["upcoming"][0].as_str().unwrap();
        assert!(first.ends_with("-01-01T01:30:00.000Z"), "half past two in Berlin: {made}");
        assert_eq!((&made["missed"], &made["overlap"]), (&json!("run_once"), &json!("skip")));
        operator.post(PATH, &yearly(&name)).await.problem(409, "schedule_exists");

        let kolkata = json!({ "time_zone": "Asia/Kolkata", "options": { "older_than_days": 30 }, "overlap": "queue" });
        change(&operator, Method::PATCH, &path, None, &kolkata).await.problem(428, "precondition_required");
        change(&operator, Method::PATCH, &path, Some("\"7\""), &kolkata).await.problem(412, "precondition_failed");
        let edited = change(&operator, Method::PATCH, &path, Some("\"1\""), &kolkata).await.status(200);
        assert_eq!(edited.header("etag"), Some("\"2\""));
        let edited = edited.json();
        assert!(edited["upcoming"][0].as_str().unwrap().ends_with("T21:00:00.000Z"), "{edited}");
        assert_eq!(edited["options"], json!({ "older_than_days": 30, "dry_run": false }));
        assert_eq!(edited["cron"], made["cron"], "what is absent stays");

        let paused = operator.post(&format!("{path}/pause"), &json!({})).await.status(200).json();
        assert!(paused["paused_at"].is_string() && paused["next_at"].is_null() && paused["upcoming"] == json!([]));
        let _ = operator.post(&format!("{path}/pause"), &json!({})).await.status(200);
        let resumed = operator.post(&format!("{path}/resume"), &json!({})).await.status(200).json();
        assert_eq!((&resumed["next_at"], &resumed["paused_at"]), (&edited["next_at"], &Value::Null));

        change(&operator, Method::DELETE, &path, None, &json!({})).await.problem(428, "precondition_required");
        change(&operator, Method::DELETE, &path, Some("\"2\""), &json!({})).await.problem(412, "precondition_failed");
        remove(&operator, &path).await;
        remove(&operator, &path).await;
        operator.get(&path).await.problem(404, "not_found");
        assert_eq!(lines().await - before, 5, "add, edit, pause, resume, remove; what was refused or repeated is none");
    }

    async fn a_plan_that_cannot_be_is_refused_with_the_part_that_is_wrong(mill: &Mill) {
        let operator = mill.with_role("operator").await;
        let name = a_name();
        let with = |field: &str, value: Value| {
            let mut plan = yearly(&name);
            plan[field] = value;
            plan
        };
        for (pointer, plan) in [
            ("/name", with("name", json!("No Spaces"))),
            ("/work", with("work", json!("dance"))),
            ("/cron", with("cron", json!("0 2 * *"))),
            ("/cron", with("cron", json!("0 0 31 2 *"))),
            ("/cron", with("every_seconds", json!(5))),
            ("/every_seconds", json!({ "name": name, "work": "clean_up", "every_seconds": 0 })),
            ("/time_zone", with("time_zone", json!("Berlin"))),
            ("/missed", with("missed", json!("perhaps"))),
            ("/overlap", with("overlap", json!("perhaps"))),
            ("/retries", with("retries", json!(99))),
            ("/options/older_than", with("options", json!({ "older_than": 3 }))),
            ("/options/older_than_days", with("options", json!({ "older_than_days": 0 }))),
        ] {
            operator.post(PATH, &plan).await.refuses(pointer);
        }
        let zone = operator.post(PATH, &with("time_zone", json!("Berlin"))).await.problem(400, "invalid_request");
        assert!(zone["detail"].as_str().unwrap().contains("Europe/Berlin"), "what is allowed is said: {zone}");
        operator.post(PATH, &with("colour", json!("blue"))).await.problem(400, "invalid_request");
        let _ = operator.get(&format!("{PATH}/{name}")).await.problem(404, "not_found");
    }

    async fn a_run_that_is_wanted_comes_at_once_and_leaves_its_report(mill: &Mill) {
        let operator = mill.with_role("operator").await;
        let (path, made) = add(&operator, &yearly(&a_name())).await;
        let dry = json!({ "options": { "dry_run": true, "older_than_days": 3650 } });
        let run = ended(&operator, operator.post(&format!("{path}/run"), &dry).await).await;
        assert_eq!((&run["state"], &run["cause"]), (&json!("done"), &json!("person")), "{run}");
        assert_eq!((&run["report"]["dry_run"], &run["report"]["jobs"]), (&json!(true), &json!(0)), "{run}");
        assert_eq!(run["requested_by"], operator.user_id());
        assert!(run["scheduler"].as_str().unwrap().contains('-'), "{run}");
        let shown = operator.get(&path).await.status(200).json();
        assert_eq!((&shown["last_run"]["id"], &shown["next_at"]), (&run["id"], &made["next_at"]));
        assert_eq!(shown["options"], made["options"], "they were for this run only");
        operator.post(&format!("{path}/run"), &json!({ "options": { "dry": true } })).await.refuses("/options/dry");
        let _ = ended(&operator, operator.post(&format!("{path}/run"), &json!({})).await).await;
        let runs = operator.get(&format!("{path}/runs?limit=1&state=done")).await.status(200);
        let next = runs.link("next").unwrap();
        assert_ne!(runs.json()["items"][0]["id"], run["id"], "the newest comes first");
        assert_eq!(operator.get(&next).await.status(200).json()["items"][0]["id"], run["id"]);
        let failed = operator.get(&format!("{path}/runs?state=failed")).await.status(200).json();
        assert_eq!(failed["items"], json!([]));
        remove(&operator, &path).await;
    }

    async fn a_schedule_fires_by_itself_and_one_slot_once(mill: &Mill) {
        let operator = mill.with_role("operator").await;
        let plan = json!({ "name": a_name(), "work": "clean_up", "every_seconds": 1, "missed": "run_all", "overlap": "queue" });
        let (path, _) = add(&operator, &plan).await;
        let runs = e2e::until("five runs are done", e2e::PATIENCE, async || {
            let page = operator.get(&format!("{path}/runs?state=done")).await.status(200).json();
            let runs = page["items"].as_array().unwrap().clone();
            (runs.len() >= 5).then_some(runs)
        })
        .await;
        let mut slots: Vec<&str> = runs.iter().map(|run| run["slot"].as_str().unwrap()).collect();
        slots.sort_unstable();
        slots.dedup();
        assert_eq!(slots.len(), runs.len());
        remove(&operator, &path).await;
    }

    async fn the_clean_up_tells_what_it_would_do_and_does_it(mill: &Mill) {
        let ada = mill.user().await;
        let old = ada.processed("old.txt", b"a letter from long ago").await;
        let young = ada.processed("young.txt", b"a letter from today").await;
        mill.backdate(old["job_id"].as_str().unwrap()).await;
        let run = async |more: &[&str]| {
            let arguments = ["schedule", "run", "clean_up", "--option", "older_than_days=3650"];
            mill.command(&[&arguments, more].concat()).await.success().stdout
        };
        let announced = run(&["--dry-run"]).await;
        for line in ["dry_run  true", "jobs  1", "documents  1", "bytes  22"] {
            assert!(announced.contains(line), "{line}: {announced}");
        }
        let path = |document: &Value| format!("/api/v1/documents/{}", document["id"].as_str().unwrap());
        let _ = ada.get(&path(&old)).await.status(200);
        let done = run(&[]).await;
        assert!(done.contains("dry_run  false") && done.contains("jobs  1"), "{done}");
        ada.get(&path(&old)).await.problem(404, "not_found");
        let _ = ada.get(&path(&young)).await.status(200);
        assert_eq!(mill.objects_of(old["id"].as_str().unwrap()).await, [""; 0]);
        assert!(run(&[]).await.contains("jobs  0"));
    }

    async fn the_command_line_does_the_same(mill: &Mill) {
        let name = a_name();
        let name = name.as_str();
        let schedule = async |arguments: &[&str]| mill.command(&[&["schedule"], arguments].concat()).await;
        let plan = ["--work", "delete_leftover_objects", "--cron", "0 3 * * SUN", "--time-zone", "America/New_York"];
        let added = schedule(&[&["add", name], &plan[..]].concat()).await.success().stdout;
        assert!(added.contains("0 3 * * SUN (America/New_York)") && added.contains("older_than_hours\":24"), "{added}");
        assert_eq!(added.lines().filter(|line| line.ends_with(":00:00Z")).count(), 5, "{added}");
        let _ = schedule(&[&["add", name], &plan[..]].concat()).await.code(1);
        let edited = ["edit", name, "--every", "86400", "--option", "older_than_hours=48", "--overlap", "queue"];
        let edited = schedule(&edited).await.success().stdout;
        assert!(edited.contains("every 86400 s") && edited.contains("older_than_hours\":48"), "{edited}");
        let _ = schedule(&["pause", name]).await.success();
        let listed = schedule(&["list"]).await.success().stdout;
        let line = listed.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line.contains("paused") && line.contains("never run"), "{line}");
        let ran = schedule(&["run", name]).await.success().stdout;
        assert!(ran.contains("done") && ran.contains("objects  0"), "{ran}");
        assert!(schedule(&["resume", name]).await.success().stdout.contains("is due"));
        let runs = schedule(&["runs", name, "--state", "done"]).await.success().stdout;
        assert!(runs.contains("(person)"), "{runs}");
        let shown = schedule(&["show", name]).await.success().stdout;
        assert!(shown.contains("last run:"), "{shown}");
        let refused = schedule(&["edit", name, "--time-zone", "Berlin"]).await.code(1);
        assert!(refused.stderr.contains("time_zone") && refused.stderr.contains("Europe/Berlin"), "{refused:?}");
        let _ = schedule(&["remove", name]).await.success();
        let gone = schedule(&["show", name]).await.code(1);
        assert!(gone.stderr.contains("docmill schedule list"), "{gone:?}");
        let _ = schedule(&["remove", "clean_up"]).await.code(1);
        let _ = schedule(&["run", name]).await.code(1);
    }
}
