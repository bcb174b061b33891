//! Search over many documents, and what its index costs when a document is closed.
//!
//!     cargo bench -p docmill-database --bench search -- postgres://… [documents] [share]
//!     cargo bench -p docmill-database --bench search -- sqlite:///…/bench.db [documents] [share]
//!
//! The database must be empty, or one of an earlier run, which is only measured again. It is filled with made-up documents of about
//! 1,000 characters (100,000 unless told otherwise), of which one user owns a share (0.1 unless told otherwise) and 900 others the
//! rest. Words are drawn by Zipf's law from 50,000.
//! Beside our search the same rows are searched as older systems do it: `ILIKE` over title and tags.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use database::documents::DocumentFilter;
use database::jobs::{JobOptions, NewDocument, NewJob};
use database::search::{Facet, Search};
use database::tasks::{DocumentResult, PassageText};
use database::users::NewUser;
use database::workers::Worker;
use database::{Database, DatabaseSettings, audit, jobs, search, tasks, users, workers};
use domain::{DocumentId, DocumentKind, JobId, UserId, UserRole, WorkerId};
use futures::StreamExt;
use sqlx::{AssertSqlSafe, Connection, Row};

const VOCABULARY: usize = 50_000;
const OTHERS: usize = 900;
const DOCUMENTS_PER_JOB: usize = 100;
const QUERIES: usize = 200;

/// Numbers that are the same in every run (splitmix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap()
    }

    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

struct Words {
    words: Vec<String>,
    cumulated: Vec<f64>,
}

impl Words {
    fn new() -> Self {
        const SYLLABLES: [&str; 24] = [
            "ba", "ce", "di", "fo", "gu", "ha", "ki", "lo", "me", "nu", "pa", "re", "si", "to", "vu", "za",
            "bre", "cla", "dro", "fli", "gna", "pru", "ste", "tri",
        ];
        let mut chance = Chance(1);
        let mut words = std::collections::BTreeSet::new();
        while words.len() < VOCABULARY {
            let count = 2 + chance.below(3);
            words.insert(
                (0..count)
                    .map(|_| SYLLABLES[chance.below(SYLLABLES.len())])
                    .collect::<String>(),
            );
        }
        let mut words: Vec<String> = words.into_iter().collect();
        for at in (1..words.len()).rev() {
            words.swap(at, chance.below(at + 1));
        }
        let mut sum = 0.0;
        let cumulated = (0..words.len())
            .map(|rank| {
                sum += 1.0 / (rank as f64 + 10.0);
                sum
            })
            .collect();
        Self { words, cumulated }
    }

    /// By Zipf's law, from this rank on.
    fn draw(&self, chance: &mut Chance, from: usize) -> &str {
        let low = if from == 0 { 0.0 } else { self.cumulated[from - 1] };
        let high = self.cumulated[self.cumulated.len() - 1];
        let drawn = low + chance.share() * (high - low);
        &self.words[self
            .cumulated
            .partition_point(|sum| *sum < drawn)
            .min(self.words.len() - 1)]
    }

    fn text(&self, chance: &mut Chance, count: usize, from: usize) -> String {
        let words: Vec<&str> = (0..count).map(|_| self.draw(chance, from)).collect();
        words.join(" ")
    }
}

fn result(words: &Words, chance: &mut Chance) -> DocumentResult {
    let tags: Vec<String> = (0..10).map(|_| words.draw(chance, 50).to_owned()).collect();
    let count = 3 + chance.below(4);
    DocumentResult {
        title: Some(words.text(chance, count, 200)),
        language: Some((["en", "de", "fr", "es"][chance.below(4)].to_owned(), 0.9)),
        tags: tags
            .iter()
            .map(|tag| serde_json::json!({"value": tag, "score": 0.5, "kind": "topic"}))
            .collect(),
        tag_words: tags,
        pages: None,
        words: 160,
        characters: 1_000,
        metadata: serde_json::json!({}),
        needs_ocr: false,
        truncated: false,
        engine: "text/1".to_owned(),
        enriched_by: "rules/1".to_owned(),
        languages: serde_json::json!([]),
        stored_bytes: 1_000,
        todos: Vec::new(),
        events: Vec::new(),
        passages: vec![PassageText {
            page: None,
            start_byte: 0,
            text: words.text(chance, 160, 0),
        }],
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"));
    let Some(url) = arguments.next() else {
        println!("give the address of an empty database");
        return;
    };
    let documents: usize = arguments.next().map_or(100_000, |text| text.parse().unwrap());
    let share: f64 = arguments.next().map_or(0.1, |text| text.parse().unwrap());
    let settings = DatabaseSettings {
        url: url.clone().into(),
        connections_max: 8,
    };
    let db = Database::connect(&settings).await.unwrap();
    db.migrate_up().await.unwrap();
    let now = Utc::now();
    let words = Words::new();
    let big = match of_an_earlier_run(&url).await {
        Some(big) => big,
        None => {
            let big = a_user(&db, now).await;
            load(&db, &words, big, documents, share, now).await;
            refresh(&url).await;
            big
        }
    };
    measure(&db, &words, big, &url).await;
    if url.starts_with("postgres") {
        costs(&url, &words).await;
    }
}

/// Who has most documents in a database that was filled before: then it is only measured.
async fn of_an_earlier_run(url: &str) -> Option<UserId> {
    let statement = "SELECT user_id FROM documents GROUP BY user_id ORDER BY count(*) DESC LIMIT 1";
    let id: Option<uuid::Uuid> = if url.starts_with("postgres") {
        let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
        let row = sqlx::query(statement)
            .fetch_optional(&mut connection)
            .await
            .unwrap();
        row.map(|row| row.get(0))
    } else {
        let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
        let row = sqlx::query(statement)
            .fetch_optional(&mut connection)
            .await
            .unwrap();
        row.map(|row| row.get(0))
    };
    id.map(UserId::from)
}

async fn a_user(db: &Database, now: DateTime<Utc>) -> UserId {
    let new = NewUser {
        email: format!("{}@example.com", DocumentId::new()),
        username: None,
        full_name: None,
        password_hash: "-".to_owned(),
        role: UserRole::User,
    };
    users::insert(db, new, now).await.unwrap().unwrap().id
}

async fn load(db: &Database, words: &Words, big: UserId, documents: usize, share: f64, now: DateTime<Utc>) {
    let began = Instant::now();
    let mut others = Vec::new();
    for _ in 0..OTHERS {
        others.push(UserId::new());
    }
    let worker = Worker {
        id: WorkerId::new(),
        name: "bench".to_owned(),
        version: "1".to_owned(),
        slots: 1,
        ocr: None,
    };
    workers::heartbeat(db, &worker, now).await.unwrap();
    let mut chance = Chance(2);
    let mut closing = Duration::ZERO;
    for batch in 0..documents.div_ceil(DOCUMENTS_PER_JOB) {
        let user = if chance.share() < share {
            big
        } else {
            others[chance.below(OTHERS)]
        };
        let new = a_job(user, batch, now);
        let jobs::Submitted::Accepted(_, ids) = jobs::submit(db, new, now).await.unwrap() else {
            panic!("not accepted");
        };
        let claims = tasks::claim(db, worker.id, &ids, now).await.unwrap();
        let results: Vec<_> = claims
            .iter()
            .map(|claim| (claim, result(words, &mut chance)))
            .collect();
        let closes = Instant::now();
        futures::stream::iter(results)
            .for_each_concurrent(4, async |(claim, result)| {
                tasks::complete(db, claim, result, now).await.unwrap();
            })
            .await;
        closing += closes.elapsed();
    }
    println!(
        "{documents} documents stored in {:.0} s, of which closing {:.2} ms each, four at a time",
        began.elapsed().as_secs_f64(),
        closing.as_secs_f64() * 4_000.0 / documents as f64,
    );
}

fn a_job(user: UserId, batch: usize, now: DateTime<Utc>) -> NewJob {
    let documents = (0..DOCUMENTS_PER_JOB).map(|n| {
        let mut sha256 = [0; 32];
        let mut chance = Chance((batch * DOCUMENTS_PER_JOB + n) as u64 + 1_000_000);
        for part in sha256.chunks_mut(8) {
            part.copy_from_slice(&chance.next().to_be_bytes());
        }
        NewDocument {
            id: DocumentId::new(),
            file_name: format!("note-{batch}-{n}.txt"),
            kind: if n % 2 == 0 {
                DocumentKind::Text
            } else {
                DocumentKind::Markdown
            },
            size_bytes: 1_000,
            sha256,
        }
    });
    NewJob {
        id: JobId::new(),
        user,
        documents: documents.collect(),
        options: JobOptions::default(),
        idempotency: None,
        deadline_at: now + Duration::from_secs(3_600),
        trace_parent: None,
        dispatched: true,
        origin: audit::Origin::default(),
    }
}

/// As autovacuum would do it, sooner or later.
async fn refresh(url: &str) {
    if url.starts_with("postgres") {
        let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
        sqlx::query("VACUUM ANALYZE")
            .execute(&mut connection)
            .await
            .unwrap();
        let sizes = sqlx::query(
            "SELECT pg_table_size('search_parts') / 1000000, pg_relation_size('search_parts_words') / 1000000, \
             pg_table_size('passages') / 1000000, pg_relation_size('documents_content') / 1000000",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap();
        let [parts, index, passages, content] = [0, 1, 2, 3].map(|at| sizes.get::<i64, _>(at));
        println!(
            "MB: search_parts {parts}, its index {index}, passages {passages}, documents_content {content}"
        );
    }
}

fn at(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    let place = (times.len() as f64 * share) as usize;
    times[place.min(times.len() - 1)].as_secs_f64() * 1_000.0
}

async fn measure(db: &Database, words: &Words, user: UserId, url: &str) {
    println!("| query | found | p50 ms | p95 ms |\n|---|---|---|---|");
    let word =
        |chance: &mut Chance, from: usize, to: usize| words.words[from + chance.below(to - from)].clone();
    let filter = DocumentFilter {
        current_only: true,
        ..DocumentFilter::default()
    };
    let marked = DocumentFilter {
        kind: Some(DocumentKind::Markdown),
        language: Some("de".to_owned()),
        ..filter.clone()
    };
    let all = vec![Facet::Kind, Facet::Language, Facet::Tag, Facet::Label];
    type Make<'m> = Box<dyn Fn(&mut Chance) -> String + 'm>;
    let kinds: Vec<(&str, Make<'_>, DocumentFilter, Vec<Facet>)> = vec![
        (
            "one of the ten most common words",
            Box::new(|c| word(c, 0, 10)),
            filter.clone(),
            vec![],
        ),
        (
            "common word",
            Box::new(|c| word(c, 60, 160)),
            filter.clone(),
            vec![],
        ),
        (
            "rare word",
            Box::new(|c| word(c, 20_000, 20_400)),
            filter.clone(),
            vec![],
        ),
        (
            "two common words",
            Box::new(|c| format!("{} {}", word(c, 60, 160), word(c, 60, 160))),
            filter.clone(),
            vec![],
        ),
        (
            "phrase",
            Box::new(|c| format!("\"{} {}\"", word(c, 0, 20), word(c, 0, 20))),
            filter.clone(),
            vec![],
        ),
        (
            "word and exclusion",
            Box::new(|c| format!("{} -{}", word(c, 60, 160), word(c, 0, 20))),
            filter.clone(),
            vec![],
        ),
        (
            "beginning of three letters",
            Box::new(|c| format!("{}*", &word(c, 60, 160)[..3])),
            filter.clone(),
            vec![],
        ),
        (
            "rare word with a slip",
            Box::new(|c| word(c, 20_000, 20_400).replacen(['a', 'e', 'i'], "x", 1)),
            filter.clone(),
            vec![],
        ),
        (
            "no hit",
            Box::new(|c| format!("zqxw{}zqx", c.below(1_000))),
            filter.clone(),
            vec![],
        ),
        (
            "common word, kind and language",
            Box::new(|c| word(c, 60, 160)),
            marked,
            vec![],
        ),
        (
            "common word with four facets",
            Box::new(|c| word(c, 60, 160)),
            filter.clone(),
            all,
        ),
    ];
    for (name, make, filter, facets) in kinds {
        let mut chance = Chance(3);
        let (mut times, mut found) = (Vec::new(), 0);
        for number in 0..QUERIES {
            let wanted = Search {
                query: make(&mut chance),
                filter: filter.clone(),
                offset: 0,
                limit: 20,
                facets: facets.clone(),
            };
            let began = Instant::now();
            found += search::search(db, user, &wanted).await.unwrap().total;
            // The first ones warm up connections and caches.
            if number >= QUERIES / 20 {
                times.push(began.elapsed());
            }
        }
        println!(
            "| {name} | {} | {:.1} | {:.1} |",
            found / QUERIES,
            at(&mut times, 0.5),
            at(&mut times, 0.95)
        );
    }
    for (name, from, to) in [
        ("ILIKE over title and tags: common word", 60, 160),
        ("ILIKE: rare word", 20_000, 20_400),
    ] {
        let mut chance = Chance(3);
        let mut times = Vec::new();
        for _ in 0..QUERIES / 4 {
            let like = format!("%{}%", word(&mut chance, from, to));
            times.push(older(url, user, &like).await);
        }
        println!(
            "| {name} | | {:.1} | {:.1} |",
            at(&mut times, 0.5),
            at(&mut times, 0.95)
        );
    }
}

/// The search of older systems on the same rows: the newest twenty of a user whose title or tags contain something.
async fn older(url: &str, user: UserId, like: &str) -> Duration {
    let columns = "SELECT id, title, tags, status, processed_at FROM documents WHERE user_id = $1 AND";
    let order = "ORDER BY processed_at DESC LIMIT 20";
    if url.starts_with("postgres") {
        let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
        let statement = format!("{columns} (title ILIKE $2 OR tags::text ILIKE $2) {order}");
        let began = Instant::now();
        sqlx::query(AssertSqlSafe(statement))
            .bind(user.uuid())
            .bind(like)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        return began.elapsed();
    }
    let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
    let statement = format!("{columns} (title LIKE $2 OR tags LIKE $2) {order}");
    let began = Instant::now();
    sqlx::query(AssertSqlSafe(statement))
        .bind(user.uuid())
        .bind(like)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    began.elapsed()
}

/// What Postgres says about the statements that changed, before and after, for a text of 160 words.
async fn costs(url: &str, words: &Words) {
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    let run = async |connection: &mut sqlx::PgConnection, statement: &str| {
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
            .execute(connection)
            .await
            .unwrap();
    };
    run(
        &mut connection,
        "CREATE TABLE passages_before (document_id uuid NOT NULL REFERENCES documents (id) ON DELETE CASCADE, \
            position integer NOT NULL, page integer, start_byte bigint NOT NULL, text text NOT NULL, \
            words tsvector NOT NULL, PRIMARY KEY (document_id, position)); \
         CREATE INDEX passages_before_words ON passages_before USING gin (words); \
         CREATE TABLE documents_before (LIKE documents INCLUDING ALL); DROP INDEX documents_before_user_id_sha256_idx",
    )
    .await;
    let mut chance = Chance(4);
    let mut sums = [[0.0; 4]; 4];
    const TRIES: usize = 300;
    for _ in 0..TRIES {
        let made = result(words, &mut chance);
        let id = sqlx::query("SELECT id FROM documents ORDER BY random() LIMIT 1");
        let document: uuid::Uuid = id.fetch_one(&mut connection).await.unwrap().get(0);
        let text = &made.passages[0].text;
        let heading = format!(
            "{}\nnote.txt\n{}",
            made.title.clone().unwrap(),
            made.tag_words.join(", ")
        );
        let simple = |text: &str| {
            let words = text
                .split(|c: char| !c.is_alphanumeric())
                .filter(|word| !word.is_empty());
            words
                .zip(1..)
                .map(|(word, place)| format!("'{word}':{place} "))
                .collect::<String>()
        };
        let names = [made.title.as_deref().unwrap(), "note.txt"];
        let tags: Vec<&str> = made.tag_words.iter().map(String::as_str).collect();
        let owner = UserId::new().uuid().simple().to_string();
        let entry = terms::Entry {
            owner: &owner,
            language: Some("en"),
            names: &names,
            tags: &tags,
        };
        let vector = entry.parts([text.as_str()]).remove(0).vector;
        let quoted = |text: &str| text.replace('\'', "''");
        let rows = |table: &str, words: bool| {
            let column = if words { ", words" } else { "" };
            let value = |text: &str| {
                if words {
                    format!(", '{}'::tsvector", quoted(&simple(text)))
                } else {
                    String::new()
                }
            };
            // The passage that held title and tags is not written any more.
            let before = if words {
                format!("('{document}', -1, NULL, 0, '{heading}'{}), ", value(&heading))
            } else {
                String::new()
            };
            format!(
                "INSERT INTO {table} (document_id, position, page, start_byte, text{column}) VALUES \
                 {before}('{document}', -2, NULL, 0, '{text}'{})",
                value(text)
            )
        };
        let accepted = |table: &str| {
            format!(
                "INSERT INTO {table} (id, job_id, user_id, position, file_name, kind, size_bytes, sha256, status, tags, metadata, \
                    needs_ocr, truncated, created_at) SELECT gen_random_uuid(), job_id, user_id, 0, 'note.txt', 'text', 1000, \
                    sha256(random()::text::bytea), 'pending', '[]', '{{}}', false, false, now() \
                 FROM documents WHERE id = '{document}'"
            )
        };
        for (at, statements) in [
            vec![rows("passages_before", true)],
            vec![
                rows("passages", false),
                format!(
                    "INSERT INTO search_parts (document_id, part, words) VALUES ('{document}', 9, '{}'::tsvector)",
                    quoted(&vector)
                ),
            ],
            vec![accepted("documents_before")],
            vec![accepted("documents")],
        ]
        .into_iter()
        .enumerate()
        {
            for statement in statements {
                let explained = format!("EXPLAIN (ANALYZE, BUFFERS, WAL, TIMING OFF, FORMAT JSON) {statement}");
                let row = sqlx::query(AssertSqlSafe(explained)).fetch_one(&mut connection).await.unwrap();
                let plan: serde_json::Value = row.get(0);
                let number = |name: &str| plan[0]["Plan"][name].as_f64().unwrap_or_default();
                sums[at][0] += number("Shared Hit Blocks") + number("Shared Read Blocks");
                sums[at][1] += number("WAL Records");
                sums[at][2] += number("WAL Bytes") ;
                sums[at][3] += plan[0]["Execution Time"].as_f64().unwrap_or_default();
            }
        }
        run(
            &mut connection,
            &format!(
                "DELETE FROM passages_before WHERE document_id = '{document}'; \
                 DELETE FROM passages WHERE document_id = '{document}' AND position < 0; \
                 DELETE FROM search_parts WHERE document_id = '{document}' AND part = 9"
            ),
        )
        .await;
    }
    println!("| a document | buffers | WAL records | WAL bytes | ms |\n|---|---|---|---|---|");
    for (name, sum) in [
        "closed, before",
        "closed, now",
        "accepted, before",
        "accepted, now",
    ]
    .iter()
    .zip(sums)
    {
        let [buffers, records, bytes, time] = sum.map(|sum| sum / TRIES as f64);
        println!("| {name} | {buffers:.0} | {records:.0} | {bytes:.0} | {time:.3} |");
    }
    let plan = sqlx::query(
        "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) SELECT d.id, d.sha256, d.kind, d.text_fence, j.options \
         FROM documents d JOIN jobs j ON j.id = d.job_id WHERE d.user_id = (SELECT user_id FROM documents LIMIT 1) \
         AND d.sha256 IN (sha256('nothing'::bytea)) AND d.release = 'x' AND d.status = 'completed' \
         ORDER BY d.id DESC LIMIT 5",
    );
    let plan: serde_json::Value = plan.fetch_one(&mut connection).await.unwrap().get(0);
    println!(
        "looking for earlier results: {} buffers, {} ms",
        plan[0]["Plan"]["Shared Hit Blocks"], plan[0]["Execution Time"]
    );
    run(
        &mut connection,
        "DROP TABLE passages_before; DROP TABLE documents_before",
    )
    .await;
}
