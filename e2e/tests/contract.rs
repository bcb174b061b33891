//! The API does what its OpenAPI document says: schemathesis asks every route what the document allows and what it forbids, and
//! looks at every answer.
//!
//! Nothing is left out, and every check is on. Six things it is told, because no document can say them: cursors of each list,
//! which are signed; that a change may be meant for whatever version there is; how to log in again after a session was ended;
//! that deleting what is gone needs no version; that a thing may be gone, taken or changed meanwhile (404, 409, 410, 412); and
//! which routes may refuse what their schema allows (see [`MORE_RULES`]).
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
/// Longer than a run takes.
const PATIENCE: Duration = Duration::from_secs(600);

/// Routes with rules that a schema cannot express, so that what fits the schema may be refused with 400, 415, 416 or 429.
const MORE_RULES: &[(&str, &str)] = &[
    (
        "POST /api/v1/auth/register",
        "passwords that everybody tries are refused",
    ),
    ("POST /api/v1/me/password", "the same"),
    ("POST /api/v1/auth/login", "one of two names is needed"),
    (
        "POST /api/v1/documents",
        "bytes at random are no document, parameters belong together, and other requests set quotas",
    ),
    ("GET /api/v1/documents", "a search has pages of its own kind"),
    (
        "GET /api/v1/documents/{id}/original",
        "a range may lie behind the end",
    ),
    (
        "GET /api/v1/documents/{id}/text",
        "not every document has pages, or as many",
    ),
    ("POST /api/v1/documents/{id}/versions", "as an upload"),
    (
        "POST /api/v1/auth/password/reset",
        "passwords that everybody tries are refused",
    ),
    (
        "GET /api/v1/documents/{id}/diff",
        "both versions have to be there",
    ),
    (
        "POST /api/v1/chat",
        "a question needs words, and one of two ways to name documents",
    ),
    ("GET /api/v1/admin/usage", "at most 366 days"),
    (
        "POST /api/v1/admin/schedules",
        "expressions, time zones and options are languages of their own",
    ),
    ("PATCH /api/v1/admin/schedules/{name}", "the same"),
    ("POST /api/v1/admin/schedules/{name}/run", "the same"),
];

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
async fn cursors(admin: &Client) -> Vec<(String, String)> {
    let things = furnish(admin).await;
    let spec: Value = admin.get("/openapi.json").await.status(200).json();
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
         [checks.positive_data_acceptance]\nexpected-statuses = [\"2xx\", 401, 403, 404, 409, 410, 412]\n\
         [checks.missing_required_header]\nexpected-statuses = [400, 401, 403, 406, 422, 428]\n\
         [auth.dynamic.openapi.accessToken]\npath = \"/api/v1/auth/login\"\n\
         payload = {{ email = \"{}\", password = \"{}\" }}\n\
         extract_selector = \"/access_token\"\nretry_on = [401]\n",
        admin.email(),
        Client::password()
    );
    // Deleting what is gone is fine, whatever version it had.
    told.push_str(
        "[[operations]]\ninclude-name = \"DELETE /api/v1/admin/schedules/{name}\"\n\
         checks.missing_required_header.expected-statuses = [204, 400, 401, 403, 406, 422, 428]\n",
    );
    let cursors = cursors(admin).await;
    let names: std::collections::BTreeSet<&str> = cursors
        .iter()
        .map(|(name, _)| name.as_str())
        .chain(MORE_RULES.iter().map(|(name, _)| *name))
        .collect();
    for name in names {
        let _ = write!(told, "\n[[operations]]\ninclude-name = \"{name}\"\n");
        if let Some((_, cursor)) = cursors.iter().find(|(list, _)| list == name) {
            let _ = writeln!(told, "parameters = {{ \"query.cursor\" = \"{cursor}\" }}");
        }
        if MORE_RULES.iter().any(|(route, _)| *route == name) {
            told.push_str(
                "checks.positive_data_acceptance.expected-statuses = [\"2xx\", 400, 401, 403, 404, 409, 410, 412, 415, 416, 429]\n",
            );
        }
    }
    told
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
    let operations = &report["operations"];
    println!(
        "seed {SEED}: {} requests to {} operations in {:.0} s",
        report["test_cases"]["generated"],
        operations["tested"],
        report["running_time"].as_f64().unwrap()
    );
    // Whoever asks nothing finds nothing.
    let spec: Value = admin.get("/openapi.json").await.status(200).json();
    let routes: usize = spec["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|methods| methods.as_object().unwrap().len())
        .sum();
    assert_eq!(
        (&operations["total"], &operations["tested"]),
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
    keeps_its_contract(&admin, &mill.base).await;
}

#[tokio::test]
async fn a_fleet_keeps_its_contract() {
    let fleet = Fleet::start(1, &Settings::impatient()).await;
    let api = &fleet.apis[0];
    let admin = fleet.with_role("admin").await;
    keeps_its_contract(&admin, &api.base).await;
}
