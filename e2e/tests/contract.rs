//! The API does what its OpenAPI document says: schemathesis asks every route what the document allows and what it forbids, and
//! looks at every answer.
//!
//! Nothing is left out, and every check is on. What fits the document may be refused only with a status that the document lists for
//! that very route. Five things schemathesis is told, because no document can say them: cursors of each list, which are signed; that
//! a change may be meant for whatever version there is; how to log in again after a session was ended; that deleting what is
//! gone needs no version; and which routes may find something wrong with what fits their schema (see [`MORE_RULES`]).
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stdout)] // the figures of a run

use std::fmt::Write as _;
use std::time::Duration;

use e2e::{Client, Embedded, Fleet, Folder, Settings, eventually};
use serde_json::{Value, json};

/// The same questions in every run; another number asks others.
const SEED: u32 = 20_261_121;
/// Questions of each kind to each route.
const EXAMPLES: &str = "6";
/// Longer than a run takes, which is eight minutes on a machine that builds as well.
const PATIENCE: Duration = Duration::from_secs(900);

/// Routes with rules that JSON Schema cannot express, and why, so that what fits the schema may be refused with 400.
const MORE_RULES: &[(&str, &str)] = &[
    ("POST /api/v1/auth/register", PASSWORDS),
    ("POST /api/v1/auth/password/reset", PASSWORDS),
    ("POST /api/v1/me/password", PASSWORDS),
    ("POST /api/v1/documents", UPLOADS),
    ("POST /api/v1/documents/{id}/versions", UPLOADS),
    (
        "GET /api/v1/documents",
        "`q` decides of which kind a cursor is: two parameters",
    ),
    (
        "GET /api/v1/documents/{id}/text",
        "how many pages there are is a matter of the document",
    ),
    (
        "GET /api/v1/documents/{id}/diff",
        "how many versions there are is a matter of the document",
    ),
    (
        "POST /api/v1/chat",
        "which words say nothing is a matter of the language, and what can be summarised one of the documents",
    ),
    (
        "GET /api/v1/admin/usage",
        "`from` and `to` may be 366 days apart: two parameters",
    ),
    ("POST /api/v1/admin/schedules", SCHEDULES),
    ("PATCH /api/v1/admin/schedules/{name}", SCHEDULES),
    (
        "POST /api/v1/admin/schedules/{name}/run",
        "which options there are depends on the work of the schedule",
    ),
];
const PASSWORDS: &str =
    "a list of passwords that everybody tries, in any spelling, and one that has the address in it";
const UPLOADS: &str = "form or bytes, `unique_key` and `unique_for`, `run_at` and `deadline_seconds`: parameters belong together";
const SCHEDULES: &str =
    "cron expressions and time zones are languages of their own, and options depend on the work";

/// Refusals that are listed and cannot happen here: every change is meant for whatever version there is.
const NOT_HERE: [u16; 2] = [412, 428];

/// Makes things of every kind, two of each, so that every list has a second page. Returns what stands in the place of a
/// parameter, by how paths begin.
async fn furnish(admin: &Client) -> Vec<(&'static str, String)> {
    const WORDS: &[u8] =
        b"The lighthouse keeper met the harbour master.\nTODO: Ben paints the boat by Friday.\n\
        TODO: Anna sells the boat by 12 March 2031.\nThe party takes place on 3 May 2031 at 5 pm.\n\
        The meeting of the club is on 4 May 2031 at 10 am.\n";
    let (mut documents, mut searches) = (Vec::new(), Vec::new());
    let id = |thing: &Value| thing["id"].as_str().unwrap().to_owned();
    for number in 0..2 {
        documents.push(id(&admin.processed(&format!("{number}.txt"), WORDS).await));
        let broken = admin.upload(&[("broken.pdf", b"%PDF-1.4 broken")]).await;
        let _ = admin.ended(&broken).await;
        let _ = admin.registered().await;
        let wish = json!({ "name": "a program", "scopes": ["jobs:read"] });
        let _ = admin.post("/api/v1/me/keys", &wish).await.status(201);
        let question = json!({ "question": "Who met the harbour master?" });
        let _ = admin.post("/api/v1/chat", &question).await.status(200);
        let search = json!({ "name": format!("search {number}"), "q": "lighthouse" });
        searches.push(id(&admin
            .post("/api/v1/searches", &search)
            .await
            .status(201)
            .json()));
        let run = admin
            .post("/api/v1/admin/schedules/clean_up/run", &json!({}))
            .await;
        let run = format!(
            "/api/v1/admin/schedules/clean_up/runs/{}",
            id(&run.status(202).json())
        );
        eventually("the run has ended", PATIENCE, async || {
            admin.get(&run).await.json()["finished_at"].is_string()
        })
        .await;
    }
    let again = admin
        .post(
            &format!("/api/v1/documents/{}/reprocess", documents[0]),
            &json!({}),
        )
        .await;
    assert_eq!(
        admin.ended(&again.status(202).json()).await["status"],
        "completed"
    );
    let conversations = admin.get("/api/v1/conversations").await.status(200).json();
    vec![
        ("/api/v1/documents/", documents.swap_remove(0)),
        ("/api/v1/searches/", searches.swap_remove(0)),
        ("/api/v1/conversations/", id(&conversations["items"][0])),
        ("/api/v1/admin/schedules/", "clean_up".to_owned()),
    ]
}

/// Where a second page begins, of every list that has one.
async fn cursors(admin: &Client, spec: &Value) -> Vec<(String, String)> {
    let things = furnish(admin).await;
    let mut cursors = Vec::new();
    for (path, methods) in spec["paths"].as_object().unwrap() {
        let parameters = methods["get"]["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        if !parameters.iter().any(|parameter| parameter["name"] == "cursor") {
            continue;
        }
        let thing = things.iter().find(|(start, _)| path.starts_with(start));
        let segments = path.split('/').map(|part| match (part.starts_with('{'), thing) {
            (true, Some((_, id))) => id.as_str(),
            _ => part,
        });
        let first = format!("{}?limit=1", segments.collect::<Vec<_>>().join("/"));
        let page = admin.get(&first).await.status(200).json();
        let cursor = page["next_cursor"]
            .as_str()
            .unwrap_or_else(|| panic!("{first} has one page: {page}"));
        cursors.push((format!("GET {path}"), cursor.to_owned()));
    }
    assert!(cursors.len() > 10, "{cursors:?}");
    cursors
}

/// What schemathesis is told.
async fn instructions(admin: &Client) -> String {
    let mut told = format!(
        "[generation]\nallow-x00 = false\n\
         [parameters]\n\"header.If-Match\" = \"*\"\n\
         [checks.missing_required_header]\nexpected-statuses = [400, 401, 403, 406, 422, 428]\n\
         [auth.dynamic.openapi.accessToken]\npath = \"/api/v1/auth/login\"\n\
         payload = {{ email = \"{}\", password = \"{}\" }}\n\
         extract_selector = \"/access_token\"\nretry_on = [401]\n",
        admin.email(),
        Client::password()
    );
    let spec: Value = admin.get("/openapi.json").await.status(200).json();
    let cursors = cursors(admin, &spec).await;
    for (route, operation) in operations(&spec) {
        let _ = write!(told, "\n[[operations]]\ninclude-name = \"{route}\"\n");
        if let Some((_, cursor)) = cursors.iter().find(|(list, _)| *list == route) {
            let _ = writeln!(told, "parameters = {{ \"query.cursor\" = \"{cursor}\" }}");
        }
        let mut statuses = listed_refusals(operation);
        if MORE_RULES.iter().any(|(ruled, _)| *ruled == route) {
            statuses.push(400);
        }
        let statuses: String = statuses.iter().map(|status| format!(", {status}")).collect();
        let _ = writeln!(
            told,
            "checks.positive_data_acceptance.expected-statuses = [\"2xx\"{statuses}]"
        );
        if route == "DELETE /api/v1/admin/schedules/{name}" {
            // Deleting what is gone is fine, whatever version it had.
            told.push_str(
                "checks.missing_required_header.expected-statuses = [204, 400, 401, 403, 406, 422, 428]\n",
            );
        }
    }
    told
}

/// Every route with its operation, called as schemathesis calls it.
fn operations(spec: &Value) -> impl Iterator<Item = (String, &Value)> {
    let paths = spec["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
    })
}

/// The statuses with which a route refuses what fits the document, as the document lists them.
fn listed_refusals(operation: &Value) -> Vec<u16> {
    let statuses = operation["responses"].as_object().unwrap().keys();
    statuses
        .filter_map(|status| status.parse().ok())
        .filter(|status| *status >= 400 && !NOT_HERE.contains(status))
        .collect()
}

/// Has everything asked, and fails with everything that was answered otherwise than promised, and how to ask it again.
async fn keeps_its_contract(admin: &Client, base: &str) {
    let schemathesis = std::env::var("DOCMILL_TEST_SCHEMATHESIS")
        .expect("DOCMILL_TEST_SCHEMATHESIS is not set; run the tests with ./script/test");
    let folder = Folder::new();
    let (told, report) = (
        folder.path().join("schemathesis.toml"),
        folder.path().join("report.json"),
    );
    std::fs::write(&told, instructions(admin).await).unwrap();
    let child = tokio::process::Command::new(schemathesis)
        .arg("--config-file")
        .arg(&told)
        .args([
            "run",
            &format!("{base}/openapi.json"),
            "--no-color",
            "--checks",
            "all",
            "--continue-on-failure",
        ])
        .args([
            "--phases",
            "examples,coverage,fuzzing,stateful",
            "--max-examples",
            EXAMPLES,
        ])
        .args([
            "--seed",
            &SEED.to_string(),
            "--generation-database",
            "none",
            "--output-sanitize",
            "false",
        ])
        .args(["--report", "json", "--report-json-path", report.to_str().unwrap()])
        .current_dir(folder.path())
        .kill_on_drop(true)
        .output();
    let ended = tokio::time::timeout(PATIENCE, child)
        .await
        .expect("schemathesis ends")
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(
        ended.status.success(),
        "seed {SEED}\n{said}\n{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    let asked = &report["operations"];
    println!(
        "seed {SEED}: {} requests to {} operations in {:.0} s",
        report["test_cases"]["generated"],
        asked["tested"],
        report["running_time"].as_f64().unwrap()
    );
    // Whoever asks nothing finds nothing.
    let spec: Value = admin.get("/openapi.json").await.status(200).json();
    let routes = operations(&spec).count();
    assert_eq!(
        (&asked["total"], &asked["tested"]),
        (&json!(routes), &json!(routes)),
        "{said}"
    );
    assert!(
        report["test_cases"]["generated"].as_u64().unwrap() > 20 * routes as u64,
        "{said}"
    );
}

#[tokio::test]
async fn an_embedded_mill_keeps_its_contract() {
    let mill = Embedded::start(&Settings::impatient()).await;
    let admin = mill.with_role("admin").await;
    let spec: Value = admin.get("/openapi.json").await.status(200).json();
    for (route, why) in MORE_RULES {
        assert!(
            operations(&spec).any(|(known, _)| known == *route),
            "{route}: {why}"
        );
    }
    keeps_its_contract(&admin, &mill.base).await;
}

#[tokio::test]
async fn a_fleet_keeps_its_contract() {
    let fleet = Fleet::start(1, &Settings::impatient()).await;
    let api = &fleet.apis[0];
    let admin = fleet.with_role("admin").await;
    keeps_its_contract(&admin, &api.base).await;
}
