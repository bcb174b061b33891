//! Versions of documents, results that serve twice, and searches that are kept.

use database::agenda::Source;
use database::discarded::StoredDocument;
use database::documents::{Document, DocumentFilter};
use database::events::{self, FoundEvent};
use database::jobs::JobOptions;
use database::quotas::{self, NewLimits};
use database::reuse::{self, For, Sought};
use database::saved_searches::{self, Saved, SearchToSave};
use database::tasks::{DocumentResult, Operator};
use database::todos::{self, FoundTodo, TodoChange};
use database::users::User;
use database::{Database, MadeBy, audit, documents, jobs, search, tasks, versions};
use domain::{DocumentId, DocumentKind, DocumentStatus, JobStatus, TodoPriority, VersionOf, VersionOrigin};

use crate::support::{SECOND, a_result, a_user, a_worker, claim_one, new_job, on_both, start, submit};

/// Hands in a document, as a version of another one if it is given, and completes it with this text.
async fn version(db: &Database, user: &User, of: Option<DocumentId>, text: &str) -> DocumentId {
    let (id, task) = waiting(db, user, of).await;
    let worker = a_worker(db, start()).await;
    let claim = claim_one(db, &worker, task, start()).await;
    tasks::complete(db, &claim, a_result("t", &[text]), start())
        .await
        .unwrap();
    id
}

fn version_of(user: &User, of: DocumentId) -> jobs::NewJob {
    let mut job = new_job(user, 1);
    job.options.version_of = Some(VersionOf {
        document: of,
        origin: VersionOrigin::Upload,
    });
    job
}

async fn waiting(db: &Database, user: &User, of: Option<DocumentId>) -> (DocumentId, domain::TaskId) {
    let job = of.map_or_else(|| new_job(user, 1), |of| version_of(user, of));
    let id = job.documents[0].id;
    let (_, tasks) = submit(db, job).await;
    (id, tasks[0])
}

async fn found(db: &Database, user: &User, query: &str, current_only: bool) -> Vec<DocumentId> {
    let filter = DocumentFilter {
        current_only,
        ..DocumentFilter::default()
    };
    let hits = search::documents(db, user.id, query, &filter, 0, 10)
        .await
        .unwrap();
    let mut ids: Vec<_> = hits.into_iter().map(|hit| hit.document.id).collect();
    ids.sort();
    ids
}

async fn history(db: &Database, user: &User, of: DocumentId) -> Vec<(i32, DocumentId, Option<DocumentId>)> {
    let all = versions::list(db, user.id, of, None, 100).await.unwrap();
    all.into_iter()
        .map(|version: Document| (version.version, version.id, version.parent))
        .collect()
}

async fn taken_over(db: &Database, user: &User, document: DocumentId, from: DocumentId) -> bool {
    let job = documents::find(db, user.id, document).await.unwrap().unwrap().job;
    reuse::take_over(
        db,
        user.id,
        (job, document),
        (from, For::AnotherDocument),
        start(),
    )
    .await
    .unwrap()
}

fn a_source(quote: &str) -> Source {
    Source {
        page: None,
        start: 0,
        end: 4,
        quote: quote.to_owned(),
    }
}

fn a_todo(text: &str) -> FoundTodo {
    FoundTodo {
        text: text.to_owned(),
        owner: Some("Ada".to_owned()),
        priority: TodoPriority::High,
        due: Some("2026-03-12".parse().unwrap()),
        source: a_source(text),
    }
}

/// A completed document that asks for something and announces something.
async fn with_agenda(db: &Database, user: &User) -> DocumentId {
    let (id, task) = waiting(db, user, None).await;
    let worker = a_worker(db, start()).await;
    let claim = claim_one(db, &worker, task, start()).await;
    let event = FoundEvent {
        title: "Fair".to_owned(),
        start: Some("2026-06-05".parse().unwrap()),
        end: None,
        source: a_source("the fair"),
    };
    let result = DocumentResult {
        pages: Some(3),
        todos: vec![a_todo("pay the rent"), a_todo("call the bank")],
        events: vec![event],
        ..a_result("t", &["what was agreed"])
    };
    tasks::complete(db, &claim, result, start()).await.unwrap();
    id
}

/// Text, owner, priority, date and whether it is done, of every todo.
async fn todos_of(
    db: &Database,
    user: &User,
    document: DocumentId,
) -> Vec<(String, Option<String>, bool, bool)> {
    let todos = todos::of_document(db, user.id, document).await.unwrap();
    assert!(
        todos
            .iter()
            .all(|todo| todo.priority == TodoPriority::High && todo.due.is_some())
    );
    let told = todos
        .into_iter()
        .map(|todo| (todo.text, todo.owner, todo.done, todo.edited));
    told.collect()
}

fn a_search(name: &str) -> SearchToSave {
    SearchToSave {
        name: name.to_owned(),
        query: "harvest -draft".to_owned(),
        filters: serde_json::json!({"kind": "pdf"}),
    }
}

on_both! {
    async fn versions_are_a_line_whichever_one_is_named(db: &TestDatabase) {
        let user = a_user(db).await;
        let first = version(db, &user, None, "apples").await;
        let second = version(db, &user, Some(first), "pears").await;
        let third = version(db, &user, Some(first), "plums").await;
        let expected = [(3, third, Some(second)), (2, second, Some(first)), (1, first, None)];
        for id in [first, second, third] {
            assert_eq!(history(db, &user, id).await, expected);
        }
        let page = versions::list(db, user.id, second, Some(3), 1).await.unwrap();
        assert_eq!(page.iter().map(|version| version.id).collect::<Vec<_>>(), [second]);
        let named = versions::find(db, user.id, third, 1).await.unwrap().unwrap();
        assert_eq!((named.id, named.root), (first, None));
        assert!(versions::find(db, user.id, third, 4).await.unwrap().is_none());
        let stranger = a_user(db).await;
        assert!(versions::list(db, stranger.id, first, None, 10).await.unwrap().is_empty());
        assert!(versions::find(db, stranger.id, first, 1).await.unwrap().is_none());
    }

    async fn versions_that_come_at_the_same_moment_follow_each_other(db: &TestDatabase) {
        let user = a_user(db).await;
        let first = version(db, &user, None, "apples").await;
        let submits = (0..4).map(|_| waiting(db, &user, Some(first)));
        futures::future::join_all(submits).await;
        let history = history(db, &user, first).await;
        assert_eq!(history.iter().map(|(number, ..)| *number).collect::<Vec<_>>(), [5, 4, 3, 2, 1]);
        for pair in history.windows(2) {
            assert_eq!(pair[0].2, Some(pair[1].1), "each has the one before it as its parent");
        }
    }

    async fn only_the_newest_completed_version_is_current(db: &TestDatabase) {
        let user = a_user(db).await;
        let first = version(db, &user, None, "apples").await;
        let second = version(db, &user, Some(first), "apples").await;
        assert_eq!(found(db, &user, "apples", true).await, [second]);
        assert_eq!(found(db, &user, "apples", false).await, [first, second]);
        // One that is not done does not hide what is.
        waiting(db, &user, Some(first)).await;
        assert_eq!(found(db, &user, "apples", true).await, [second]);
    }

    async fn a_deleted_document_takes_its_versions_with_it(db: &TestDatabase) {
        let user = a_user(db).await;
        let other = version(db, &user, None, "apples").await;
        let first = version(db, &user, None, "apples").await;
        let second = version(db, &user, Some(first), "pears").await;
        let deleted = documents::delete(db, user.id, second, audit::Origin::default(), start()).await.unwrap();
        let mut ids: Vec<DocumentId> = deleted.iter().map(|stored: &StoredDocument| stored.document).collect();
        ids.sort();
        assert_eq!(ids, [first, second]);
        assert!(deleted.iter().all(|stored| stored.text_fence == Some(1)));
        assert!(versions::list(db, user.id, first, None, 10).await.unwrap().is_empty());
        assert_eq!(found(db, &user, "apples", false).await, [other]);
    }

    async fn a_version_of_what_was_deleted_is_a_document_of_its_own(db: &TestDatabase) {
        let user = a_user(db).await;
        let first = version(db, &user, None, "apples").await;
        let second = version(db, &user, Some(first), "pears").await;
        let job = documents::find(db, user.id, first).await.unwrap().unwrap().job;
        jobs::delete(db, user.id, job, audit::Origin::default(), start()).await.unwrap();
        assert_eq!(history(db, &user, second).await, [(2, second, Some(first))]);
        let third = version(db, &user, Some(second), "plums").await;
        assert_eq!(history(db, &user, third).await[0], (3, third, Some(second)));
        let alone = version(db, &user, Some(first), "plums").await;
        assert_eq!(history(db, &user, alone).await, [(1, alone, None)]);
    }

    async fn labels_come_with_the_upload(db: &TestDatabase) {
        let user = a_user(db).await;
        let mut job = new_job(&user, 2);
        job.options.labels = vec!["b".to_owned(), "a".to_owned()];
        let (id, _) = submit(db, job).await;
        let filter = DocumentFilter { job: Some(id), label: Some("a".to_owned()), ..DocumentFilter::default() };
        let labelled = documents::list(db, user.id, &filter, 10).await.unwrap();
        assert_eq!(labelled.len(), 2);
        assert!(labelled.iter().all(|document| document.labels == ["a", "b"]));
    }

    async fn the_same_bytes_and_options_find_their_results(db: &TestDatabase) {
        let user = a_user(db).await;
        let first = version(db, &user, None, "apples").await;
        let options = new_job(&user, 1).options;
        let sought = Sought { sha256: [7; 32], kind: DocumentKind::Text };
        let source = reuse::find(db, user.id, &options, &MadeBy::default(), &[sought]).await.unwrap();
        assert_eq!(source, [Some(reuse::Source { document: first, text_fence: 1 })]);
        let labelled = JobOptions { labels: vec!["new".to_owned()], ..options.clone() };
        assert!(reuse::find(db, user.id, &labelled, &MadeBy::default(), &[sought]).await.unwrap()[0].is_some(), "labels change no result");

        let more_tags = JobOptions { tags_max: 6, ..options.clone() };
        let other_bytes = Sought { sha256: [8; 32], ..sought };
        let other_kind = Sought { kind: DocumentKind::Markdown, ..sought };
        assert_eq!(reuse::find(db, user.id, &more_tags, &MadeBy::default(), &[sought]).await.unwrap(), [None]);
        assert_eq!(reuse::find(db, user.id, &options, &MadeBy::default(), &[other_bytes, sought, other_kind]).await.unwrap(), [None, source[0], None]);
        let stranger = a_user(db).await;
        let model = MadeBy { provider: "mistral".to_owned(), ..MadeBy::default() };
        assert_eq!(reuse::find(db, user.id, &options, &model, &[sought]).await.unwrap(), [None], "what others made");
        assert_eq!(reuse::find(db, stranger.id, &options, &MadeBy::default(), &[sought]).await.unwrap(), [None]);
        assert_eq!(reuse::find(db, user.id, &options, &MadeBy::default(), &[]).await.unwrap(), []);
    }

    async fn results_that_somebody_would_not_get_again_do_not_serve(db: &TestDatabase) {
        let user = a_user(db).await;
        let options = new_job(&user, 1).options;
        let sought = Sought { sha256: [7; 32], kind: DocumentKind::Text };
        let served = async |options: &JobOptions| reuse::find(db, user.id, options, &MadeBy::default(), &[sought]).await.unwrap()[0].is_some();
        let document = with_agenda(db, &user).await;
        assert!(served(&options).await);
        let later = JobOptions { priority: Some(domain::Priority::Low), run_at: Some(start() + SECOND), ..options.clone() };
        assert!(served(&later).await, "when it is read changes no result");
        let locked = JobOptions { locked: true, ..options.clone() };
        assert!(!served(&locked).await, "a password has to be tried");
        // What somebody has done is no other result; other words are.
        let todo = todos::of_document(db, user.id, document).await.unwrap().remove(0).id;
        let done = TodoChange { done: Some(true), ..TodoChange::default() };
        todos::change(db, user.id, todo, done, audit::Origin::default(), start()).await.unwrap();
        assert!(served(&options).await);
        let reworded = TodoChange { text: Some("pay less rent".to_owned()), ..TodoChange::default() };
        todos::change(db, user.id, todo, reworded, audit::Origin::default(), start()).await.unwrap();
        assert!(!served(&options).await);

        let mut job = new_job(&user, 1);
        job.options.locked = true;
        let (_, tasks) = submit(db, job).await;
        let worker = a_worker(db, start()).await;
        let claim = claim_one(db, &worker, tasks[0], start()).await;
        tasks::complete(db, &claim, a_result("t", &["apples"]), start()).await.unwrap();
        assert!(!served(&options).await, "what a password opened is not handed out without it");
        let (_, task) = waiting(db, &user, None).await;
        let claim = claim_one(db, &worker, task, start()).await;
        let unread = DocumentResult { needs_ocr: true, ..a_result("t", &[]) };
        tasks::complete(db, &claim, unread, start()).await.unwrap();
        assert!(!served(&options).await, "what nobody could read may be readable now");
        version(db, &user, None, "apples").await;
        assert!(served(&options).await);
    }

    async fn todos_and_events_come_with_the_results(db: &TestDatabase) {
        let user = a_user(db).await;
        let first = with_agenda(db, &user).await;
        let before = todos::of_document(db, user.id, first).await.unwrap();
        let change = TodoChange { done: Some(true), owner: Some(None), ..TodoChange::default() };
        todos::change(db, user.id, before[1].id, change, audit::Origin::default(), start() + SECOND).await.unwrap();
        let (rent, bank) = ("pay the rent".to_owned(), "call the bank".to_owned());
        let ada = Some("Ada".to_owned());
        for (purpose, done) in [(For::AnotherDocument, false), (For::ALaterVersion, true)] {
            let (second, _) = waiting(db, &user, None).await;
            let job = documents::find(db, user.id, second).await.unwrap().unwrap().job;
            assert!(reuse::take_over(db, user.id, (job, second), (first, purpose), start()).await.unwrap());
            let expected = [(rent.clone(), ada.clone(), false, false), (bank.clone(), None, done, done)];
            assert_eq!(todos_of(db, &user, second).await, expected);
            let after = todos::of_document(db, user.id, second).await.unwrap();
            assert!(after.iter().zip(&before).all(|(after, before)| after.id != before.id && after.source == before.source));
            let events = events::of_document(db, user.id, second).await.unwrap();
            assert_eq!(events.iter().map(|event| (event.title.as_str(), event.start.is_some())).collect::<Vec<_>>(), [("Fair", true)]);
            let document = documents::find(db, user.id, second).await.unwrap().unwrap();
            assert_eq!((document.todos, document.events, document.enriched_by.as_deref()), (2, 1, Some("rules/1")));
        }
        assert_eq!(todos_of(db, &user, first).await[1], (bank, None, true, true), "the other one keeps its own");
    }

    async fn results_that_serve_again_are_used_like_any_other(db: &TestDatabase) {
        let user = a_user(db).await;
        let limits = NewLimits { documents: Some(Some(2)), ..NewLimits::default() };
        quotas::set(db, user.id, limits, Operator::default(), start()).await.unwrap();
        let first = with_agenda(db, &user).await;
        let (second, _) = waiting(db, &user, None).await;
        assert!(taken_over(db, &user, second, first).await);
        let standing = quotas::find(db, user.id, start()).await.unwrap().unwrap();
        assert_eq!((standing.used.documents, standing.used.pages, standing.used.bytes), (2, 6, 24));
        assert_eq!((standing.reserved.documents, standing.storage_bytes), (0, 2 * (12 + 7)));
        let more = jobs::submit(db, new_job(&user, 1), start()).await.unwrap();
        assert!(matches!(more, jobs::Submitted::QuotaExceeded(_)), "{more:?}");
        // What is deleted is given back, every version of it.
        let (third, fourth) = (version_of(&user, first), version_of(&user, second));
        for job in [third, fourth] {
            let refused = jobs::submit(db, job, start()).await.unwrap();
            assert!(matches!(refused, jobs::Submitted::QuotaExceeded(_)), "a version is a document too");
        }
        for id in [first, second] {
            documents::delete(db, user.id, id, audit::Origin::default(), start()).await.unwrap();
        }
        assert_eq!(quotas::find(db, user.id, start()).await.unwrap().unwrap().storage_bytes, 0);
    }

    async fn results_that_serve_again_end_the_job_at_once(db: &TestDatabase) {
        let user = a_user(db).await;
        let first = version(db, &user, None, "apples and pears").await;
        let (second, task) = waiting(db, &user, None).await;
        assert!(taken_over(db, &user, second, first).await);
        let document = documents::find(db, user.id, second).await.unwrap().unwrap();
        assert_eq!((document.status, document.reused_from), (DocumentStatus::Completed, Some(first)));
        assert_eq!((document.text_fence, document.title.as_deref()), (Some(reuse::FENCE), Some("t")));
        let job = jobs::find(db, user.id, document.job).await.unwrap().unwrap();
        assert_eq!((job.status, job.completed, job.attempt), (JobStatus::Completed, 1, 0));
        assert_eq!(found(db, &user, "pears", true).await, [first, second]);
        assert_eq!(search::passages(db, second).await.unwrap().len(), 1);
        // Nobody runs it any more, and it does not end twice.
        let worker = a_worker(db, start()).await;
        assert!(tasks::claim(db, worker.id, &[task], start()).await.unwrap().is_empty());
        assert!(!taken_over(db, &user, second, first).await);
    }

    async fn a_run_that_has_begun_is_not_taken_over(db: &TestDatabase) {
        let user = a_user(db).await;
        let first = version(db, &user, None, "apples").await;
        let (second, task) = waiting(db, &user, None).await;
        let worker = a_worker(db, start()).await;
        let claim = claim_one(db, &worker, task, start()).await;
        assert!(!taken_over(db, &user, second, first).await);
        assert_eq!(tasks::complete(db, &claim, a_result("t", &["apples"]), start()).await.unwrap(), tasks::Closed::Won);
        // Nor are the results of somebody else, or of a document that has none.
        let (third, _) = waiting(db, &user, None).await;
        let (fourth, _) = waiting(db, &user, None).await;
        let stranger = a_user(db).await;
        let theirs = version(db, &stranger, None, "secret").await;
        for from in [theirs, fourth, DocumentId::new()] {
            assert!(!taken_over(db, &user, third, from).await);
        }
        let third = documents::find(db, user.id, third).await.unwrap().unwrap();
        assert_eq!((third.status, third.title), (DocumentStatus::Pending, None), "nothing was changed");
    }

    async fn searches_are_kept_under_a_name(db: &TestDatabase) {
        let user = a_user(db).await;
        let insert = async |name: &str| {
            saved_searches::insert(db, user.id, a_search(name), None, audit::Origin::default(), start()).await.unwrap()
        };
        let Saved::Done(kept) = insert("Harvest").await else { panic!("not kept") };
        assert_eq!(insert("Harvest").await, Saved::NameTaken);
        assert_eq!(saved_searches::list(db, user.id).await.unwrap(), [(*kept).clone()]);
        assert_eq!(saved_searches::find(db, user.id, kept.id).await.unwrap().as_ref(), Some(&*kept));

        let Saved::Done(other) = insert("Other").await else { panic!("not kept") };
        let update = async |name: &str| {
            saved_searches::update(db, user.id, (other.id, 1), a_search(name), audit::Origin::default(), start()).await.unwrap()
        };
        assert_eq!(update("Harvest").await, Saved::NameTaken);
        let Saved::Done(renamed) = update("A first one").await else { panic!("not renamed") };
        assert_eq!((renamed.name.as_str(), renamed.version), ("A first one", 2));
        assert_eq!(update("Too late").await, Saved::ChangedMeanwhile);
        let names: Vec<_> = saved_searches::list(db, user.id).await.unwrap().into_iter().map(|it| it.name).collect();
        assert_eq!(names, ["A first one", "Harvest"]);

        let stranger = a_user(db).await;
        assert!(saved_searches::find(db, stranger.id, kept.id).await.unwrap().is_none());
        assert!(!saved_searches::delete(db, stranger.id, kept.id, audit::Origin::default(), start()).await.unwrap());
        assert_eq!(
            saved_searches::update(db, stranger.id, (kept.id, 1), a_search("x"), audit::Origin::default(), start()).await.unwrap(),
            Saved::NoSuchSearch
        );
        assert!(saved_searches::delete(db, user.id, kept.id, audit::Origin::default(), start()).await.unwrap());
        assert!(!saved_searches::delete(db, user.id, kept.id, audit::Origin::default(), start()).await.unwrap());
    }

    async fn the_same_search_with_the_same_key_is_kept_once(db: &TestDatabase) {
        let user = a_user(db).await;
        let insert = async |key: &str, fingerprint, name: &str| {
            let key = Some((key.to_owned(), fingerprint));
            saved_searches::insert(db, user.id, a_search(name), key, audit::Origin::default(), start()).await.unwrap()
        };
        let at_once = futures::future::join_all((0..4).map(|_| insert("key-1", [1; 32], "Harvest"))).await;
        let done = at_once.iter().filter(|it| matches!(it, Saved::Done(_))).count();
        let replayed = at_once.iter().filter(|it| matches!(it, Saved::Replayed(_))).count();
        assert_eq!((done, replayed), (1, 3), "{at_once:?}");
        assert_eq!(insert("key-1", [2; 32], "Other").await, Saved::KeyReused);
        assert_eq!(insert("key-2", [1; 32], "Harvest").await, Saved::NameTaken);
        assert!(matches!(insert("key-2", [1; 32], "Other").await, Saved::Done(_)), "what was refused has no key");
        let forget = async |after| saved_searches::forget_idempotency_keys(db, start() + after, 1).await.unwrap();
        assert_eq!(forget(std::time::Duration::ZERO).await, 0, "they are young");
        assert_eq!((forget(SECOND).await, forget(SECOND).await, forget(SECOND).await), (1, 1, 0));
        assert_eq!(insert("key-1", [2; 32], "Harvest").await, Saved::NameTaken);
        assert_eq!(saved_searches::list(db, user.id).await.unwrap().len(), 2, "the searches stay");
    }

    async fn there_are_only_so_many_kept_searches(db: &TestDatabase) {
        let user = a_user(db).await;
        for n in 0..domain::limits::SAVED_SEARCHES_MAX {
            let saved = saved_searches::insert(db, user.id, a_search(&n.to_string()), None, audit::Origin::default(), start()).await;
            assert!(matches!(saved.unwrap(), Saved::Done(_)));
        }
        let more = saved_searches::insert(db, user.id, a_search("one more"), None, audit::Origin::default(), start()).await;
        assert_eq!(more.unwrap(), Saved::TooMany);
    }
}
