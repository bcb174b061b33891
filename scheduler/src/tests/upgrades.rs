//! What schedulers do about documents that an earlier release has processed.

use database::documents::DocumentFilter;
use database::search;
use database::tasks::{DocumentResult, PassageText};

use super::*;

/// More than the sweep takes at once.
const DOCUMENTS: usize = 105;

async fn process(bench: &Bench, tasks: &[TaskId]) {
    let (database, now) = (&bench.parts.database, bench.clock.now());
    let worker = Worker {
        id: WorkerId::new(),
        name: "host-1".to_owned(),
        version: "0.1.0".to_owned(),
        slots: 1,
        ocr: None,
    };
    workers::heartbeat(database, &worker, now).await.unwrap();
    for claim in tasks::claim(database, worker.id, tasks, now).await.unwrap() {
        let passage = PassageText {
            page: None,
            start_byte: 0,
            text: "harvest report".to_owned(),
        };
        let result = DocumentResult {
            title: None,
            language: None,
            languages: serde_json::json!([]),
            tags: serde_json::json!([]),
            tag_words: Vec::new(),
            pages: None,
            words: 2,
            characters: 14,
            metadata: serde_json::json!({}),
            needs_ocr: false,
            truncated: false,
            engine: "text/1".to_owned(),
            enriched_by: "rules/1".to_owned(),
            stored_bytes: 14,
            passages: vec![passage],
            todos: Vec::new(),
            events: Vec::new(),
        };
        tasks::complete(database, &claim, result, now).await.unwrap();
    }
}

async fn found(bench: &Bench) -> usize {
    let wanted = search::Search {
        query: "harvest".to_owned(),
        filter: DocumentFilter::default(),
        limit: 1,
        ..search::Search::default()
    };
    let found = search::search(&bench.parts.database, bench.user, &wanted).await;
    found.unwrap().total
}

#[tokio::test]
async fn documents_from_before_an_upgrade_are_found_again_after_one_round() {
    let mut bench = Bench::new().await;
    let (_, _, tasks) = bench.submit(DOCUMENTS, true).await;
    process(&bench, &tasks).await;
    assert_eq!(found(&bench).await, DOCUMENTS);
    assert_eq!(
        sweeps::search_entries::write(&bench.parts).await.unwrap(),
        0,
        "what this release has processed has its entry"
    );
    let database = &bench.parts.database;
    let steps = database.migrations().await.unwrap();
    let search = steps.iter().position(|step| step.name == "m0011_search").unwrap();
    let down = u32::try_from(steps.len() - search).unwrap();
    database.migrate_down(down).await.unwrap();
    database.migrate_up().await.unwrap();
    assert_eq!(found(&bench).await, 0);

    bench.parts.stopping.cancel();
    assert_eq!(
        sweeps::search_entries::write(&bench.parts).await.unwrap(),
        0,
        "whoever stops begins nothing"
    );
    bench.parts.stopping = CancellationToken::new();
    let parts = &bench.parts;
    assert_eq!(
        sweeps::search_entries::write(parts).await.unwrap(),
        DOCUMENTS as u64
    );
    assert_eq!(found(&bench).await, DOCUMENTS);
    assert_eq!(
        sweeps::search_entries::write(parts).await.unwrap(),
        0,
        "nothing is left"
    );
}
