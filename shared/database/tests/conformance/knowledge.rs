//! Todos and events: stored with the results of their document, found once, kept as people changed them.

use database::agenda::{Source, Span};
use database::documents::{self, DocumentFilter};
use database::events::{self, EventFilter, FoundEvent};
use database::tasks::{self, Closed, DocumentResult};
use database::todos::{self, FoundTodo, Todo, TodoChange, TodoFilter};
use database::users::User;
use database::{Database, audit, jobs, search};
use domain::{DocumentId, JobId, Moment, TaskId, TodoPriority as Priority};

use crate::support::{HOUR, SECOND, a_result, a_user, a_worker, claim_one, new_job, on_both, start, submit};

fn moment(text: &str) -> Option<Moment> {
    (!text.is_empty()).then(|| text.parse().unwrap())
}

fn source(quote: &str) -> Source {
    Source {
        page: None,
        start: 3,
        end: 3 + quote.len() as i64,
        quote: quote.to_owned(),
    }
}

fn a_todo(text: &str, due: &str) -> FoundTodo {
    FoundTodo {
        text: text.to_owned(),
        owner: Some("Ada".to_owned()),
        priority: Priority::Medium,
        due: moment(due),
        source: source(text),
    }
}

fn an_event(title: &str, start: &str, end: &str) -> FoundEvent {
    FoundEvent {
        title: title.to_owned(),
        start: moment(start),
        end: moment(end),
        source: source(title),
    }
}

fn result(todos: Vec<FoundTodo>, events: Vec<FoundEvent>) -> DocumentResult {
    DocumentResult {
        todos,
        events,
        ..a_result("Minutes", &["what was agreed"])
    }
}

/// A document with these results, and its job and task.
async fn a_document(db: &Database, user: &User, result: DocumentResult) -> (DocumentId, JobId, TaskId) {
    let (job, tasks) = submit(db, new_job(user, 1)).await;
    let worker = a_worker(db, start()).await;
    let claim = claim_one(db, &worker, tasks[0], start()).await;
    assert_eq!(
        tasks::complete(db, &claim, result, start()).await.unwrap(),
        Closed::Won
    );
    (claim.document, job, tasks[0])
}

async fn all_todos(db: &Database, user: &User) -> Vec<Todo> {
    todos::list(db, user.id, &TodoFilter::default(), 100)
        .await
        .unwrap()
}

async fn titles(db: &Database, user: &User, filter: EventFilter) -> Vec<String> {
    let events = events::list(db, user.id, &filter, 100).await.unwrap();
    events.into_iter().map(|event| event.title).collect()
}

async fn texts(db: &Database, user: &User, filter: TodoFilter) -> Vec<String> {
    let todos = todos::list(db, user.id, &filter, 100).await.unwrap();
    todos.into_iter().map(|todo| todo.text).collect()
}

fn seconds(from: &str, to: &str) -> Span {
    Span {
        from: moment(from).map(|from| from.first_second()),
        to: moment(to).map(|to| to.last_second()),
        scheduled: None,
    }
}

on_both! {
    async fn what_was_found_comes_back_whole(db: &TestDatabase) {
        let user = a_user(db).await;
        let found = a_todo("pay the rent", "2026-03-12T15:00:00+01:00");
        let gathering = an_event("Fair", "2026-06-05", "2026-06-07");
        let (document, ..) = a_document(db, &user, result(vec![found.clone()], vec![gathering.clone()])).await;
        let todo = todos::of_document(db, user.id, document).await.unwrap().remove(0);
        assert_eq!((&todo.text, &todo.owner, todo.priority, todo.due), (&found.text, &found.owner, found.priority, found.due));
        assert_eq!((&todo.source, todo.done, todo.done_at, todo.edited), (&found.source, false, None, false));
        assert_eq!((todo.document, todo.engine.as_str(), todo.created_at), (document, "rules/1", start()));
        assert_eq!(todos::find(db, user.id, todo.id).await.unwrap(), Some(todo));
        let event = events::of_document(db, user.id, document).await.unwrap().remove(0);
        assert_eq!((&event.title, event.start, event.end), (&gathering.title, gathering.start, gathering.end));
        assert_eq!((&event.source, event.document), (&gathering.source, document));
        let shown = documents::find(db, user.id, document).await.unwrap().unwrap();
        assert_eq!((shown.todos, shown.events, shown.enriched_by.as_deref()), (1, 1, Some("rules/1")));
        assert_eq!(shown.languages[0]["code"], "en");
    }

    async fn a_run_that_lost_its_task_stores_nothing(db: &TestDatabase) {
        let user = a_user(db).await;
        let (_, tasks) = submit(db, new_job(&user, 1)).await;
        let worker = a_worker(db, start()).await;
        let stale = claim_one(db, &worker, tasks[0], start()).await;
        tasks::give_back(db, worker.id, start()).await.unwrap();
        let claim = claim_one(db, &worker, tasks[0], start()).await;
        let late = result(vec![a_todo("late", "")], vec![an_event("late", "", "")]);
        assert_eq!(tasks::complete(db, &stale, late.clone(), start()).await.unwrap(), Closed::Lost);
        let good = result(vec![a_todo("good", "")], vec![an_event("good", "", "")]);
        assert_eq!(tasks::complete(db, &claim, good, start()).await.unwrap(), Closed::Won);
        for claim in [&stale, &claim] {
            assert_eq!(tasks::complete(db, claim, late.clone(), start()).await.unwrap(), Closed::Lost);
        }
        assert_eq!(texts(db, &user, TodoFilter::default()).await, ["good"]);
        assert_eq!(titles(db, &user, EventFilter::default()).await, ["good"]);
    }

    async fn another_run_finds_the_same_and_keeps_what_people_changed(db: &TestDatabase) {
        let user = a_user(db).await;
        let first = result(
            vec![a_todo("stays", "2026-03-12"), a_todo("edited", "2026-03-13"), a_todo("done", ""), a_todo("goes", ""),
                a_todo("edited and gone", "")],
            vec![an_event("stays", "2026-03-12", ""), an_event("goes", "", "")],
        );
        let (document, _, task) = a_document(db, &user, first).await;
        let before = todos::of_document(db, user.id, document).await.unwrap();
        let events_before = events::of_document(db, user.id, document).await.unwrap();
        let edit = TodoChange { text: Some("my words".to_owned()), due: Some(None), ..TodoChange::default() };
        todos::change(db, user.id, before[1].id, edit, audit::Origin::default(), start() + SECOND).await.unwrap().unwrap();
        let done = TodoChange { done: Some(true), ..TodoChange::default() };
        todos::change(db, user.id, before[2].id, done.clone(), audit::Origin::default(), start() + SECOND).await.unwrap().unwrap();
        todos::change(db, user.id, before[4].id, done, audit::Origin::default(), start() + SECOND).await.unwrap().unwrap();

        db.queue_again(task).await;
        let worker = a_worker(db, start()).await;
        let claim = claim_one(db, &worker, task, start() + SECOND).await;
        let mut newer = a_todo("edited", "2026-03-20");
        newer.owner = Some("Grace".to_owned());
        newer.priority = Priority::High;
        let mut again = result(
            vec![a_todo("new", "2026-03-01"), a_todo("stays", "2026-03-19"), newer, a_todo("done", "")],
            vec![an_event("stays", "2026-03-19", ""), an_event("new", "", "")],
        );
        again.enriched_by = "rules/2".to_owned();
        again.passages.truncate(0);
        assert_eq!(tasks::complete(db, &claim, again, start() + HOUR).await.unwrap(), Closed::Won);
        // Nor is it found by what it does not say any more.
        for (query, count) in [("minutes", 1), ("agreed", 0)] {
            let found = search::documents(db, user.id, query, &DocumentFilter::default(), 0, 10).await.unwrap();
            assert_eq!(found.len(), count, "{query}");
        }

        let after = todos::of_document(db, user.id, document).await.unwrap();
        let by_id = |id| after.iter().find(|todo| todo.id == id);
        assert_eq!(after.len(), 5, "{after:?}");
        let stays = by_id(before[0].id).unwrap();
        assert_eq!((stays.due, stays.created_at, stays.engine.as_str()), (moment("2026-03-19"), start(), "rules/2"));
        let edited = by_id(before[1].id).unwrap();
        assert_eq!((edited.text.as_str(), edited.due, edited.edited), ("my words", None, true));
        assert_eq!((edited.owner.as_deref(), edited.priority), (Some("Grace"), Priority::High));
        assert_eq!(by_id(before[2].id).map(|todo| (todo.done, todo.done_at)), Some((true, Some(start() + SECOND))));
        assert_eq!(by_id(before[3].id), None, "nobody touched it, and it is not there any more");
        assert!(by_id(before[4].id).is_some_and(|todo| todo.done), "a person's work is not thrown away");
        let events = events::of_document(db, user.id, document).await.unwrap();
        assert_eq!(events.iter().map(|it| it.title.as_str()).collect::<Vec<_>>(), ["stays", "new"]);
        assert_eq!((events[0].id, events[0].start), (events_before[0].id, moment("2026-03-19")));
        assert_eq!(database::search::passages(db, document).await.unwrap(), []);
    }

    async fn the_same_sentence_twice_is_two_todos(db: &TestDatabase) {
        let user = a_user(db).await;
        a_document(db, &user, result(vec![a_todo("sign", ""), a_todo("sign", "")], Vec::new())).await;
        assert_eq!(all_todos(db, &user).await.len(), 2);
    }

    async fn a_change_touches_only_what_it_names(db: &TestDatabase) {
        let user = a_user(db).await;
        a_document(db, &user, result(vec![a_todo("sign", "2026-03-12")], Vec::new())).await;
        let todo = all_todos(db, &user).await.remove(0);
        let now = start() + HOUR;
        let nothing = todos::change(db, user.id, todo.id, TodoChange::default(), audit::Origin::default(), now).await.unwrap().unwrap();
        assert_eq!(nothing, todo);
        let done = TodoChange { done: Some(true), ..TodoChange::default() };
        let marked = todos::change(db, user.id, todo.id, done.clone(), audit::Origin::default(), now).await.unwrap().unwrap();
        assert_eq!((marked.done, marked.done_at, marked.updated_at, marked.edited), (true, Some(now), now, true));
        assert_eq!((&marked.text, &marked.owner, marked.due, marked.priority), (&todo.text, &todo.owner, todo.due, todo.priority));
        let twice = todos::change(db, user.id, todo.id, done, audit::Origin::default(), now + HOUR).await.unwrap().unwrap();
        assert_eq!(twice.done_at, Some(now), "it was done the first time");
        let open = TodoChange { done: Some(false), owner: Some(None), priority: Some(Priority::Low), ..TodoChange::default() };
        let opened = todos::change(db, user.id, todo.id, open, audit::Origin::default(), now).await.unwrap().unwrap();
        assert_eq!((opened.done, opened.done_at, opened.owner.as_ref(), opened.priority), (false, None, None, Priority::Low));
        assert_eq!(todos::find(db, user.id, todo.id).await.unwrap(), Some(opened));
    }

    async fn lists_are_in_the_order_of_dates_and_go_on_from_a_cursor(db: &TestDatabase) {
        let user = a_user(db).await;
        let dates = ["2026-03-12", "", "2026-03-01", "2026-03-12T09:00:00", "", "2026-03-12"];
        let found = (0..).zip(dates).map(|(n, due)| a_todo(&format!("{n}"), due)).collect();
        let events = (0..).zip(dates).map(|(n, at)| an_event(&format!("{n}"), at, "")).collect();
        a_document(db, &user, result(found, events)).await;
        let whole = all_todos(db, &user).await;
        let due: Vec<_> = whole.iter().map(|todo| todo.due.map(|due| due.to_string()).unwrap_or_default()).collect();
        assert_eq!(due, ["2026-03-01", "2026-03-12", "2026-03-12", "2026-03-12T09:00:00", "", ""]);
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let filter = TodoFilter { after, ..TodoFilter::default() };
            let page = todos::list(db, user.id, &filter, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.position());
            seen.extend(page);
        }
        assert_eq!(seen, whole);
        let all = events::list(db, user.id, &EventFilter::default(), 10).await.unwrap();
        let rest = EventFilter { after: Some(all[2].position()), ..EventFilter::default() };
        assert_eq!(events::list(db, user.id, &rest, 10).await.unwrap(), all[3..]);
    }

    async fn lists_are_filtered_by_time_document_and_whether_done(db: &TestDatabase) {
        let user = a_user(db).await;
        let (first, ..) = a_document(db, &user, result(
            vec![a_todo("early", "2026-03-01"), a_todo("late", "2026-03-20T10:00:00"), a_todo("open", "")],
            vec![an_event("long", "2026-03-01", "2026-03-15"), an_event("short", "2026-03-20T10:00:00", ""), an_event("open", "", "")],
        )).await;
        a_document(db, &user, result(vec![a_todo("other", "2026-03-12")], Vec::new())).await;
        let of = |span| TodoFilter { span, ..TodoFilter::default() };
        assert_eq!(texts(db, &user, of(seconds("2026-03-02", ""))).await, ["other", "late"]);
        assert_eq!(texts(db, &user, of(seconds("", "2026-03-12"))).await, ["early", "other"]);
        assert_eq!(texts(db, &user, of(seconds("2026-03-20", "2026-03-20"))).await, ["late"]);
        assert_eq!(texts(db, &user, of(Span { scheduled: Some(false), ..Span::default() })).await, ["open"]);
        assert_eq!(texts(db, &user, of(Span { scheduled: Some(true), ..Span::default() })).await, ["early", "other", "late"]);
        let filter = TodoFilter { document: Some(first), ..TodoFilter::default() };
        assert_eq!(texts(db, &user, filter).await, ["early", "late", "open"]);
        let early = all_todos(db, &user).await[0].id;
        let done = TodoChange { done: Some(true), ..TodoChange::default() };
        todos::change(db, user.id, early, done, audit::Origin::default(), start()).await.unwrap();
        assert_eq!(texts(db, &user, TodoFilter { done: Some(true), ..TodoFilter::default() }).await, ["early"]);
        assert_eq!(texts(db, &user, TodoFilter { done: Some(false), ..TodoFilter::default() }).await, ["other", "late", "open"]);

        let of = |span| EventFilter { span, ..EventFilter::default() };
        // What has begun and goes on counts.
        assert_eq!(titles(db, &user, of(seconds("2026-03-10", ""))).await, ["long", "short"]);
        assert_eq!(titles(db, &user, of(seconds("2026-03-16", ""))).await, ["short"]);
        assert_eq!(titles(db, &user, of(seconds("", "2026-03-19"))).await, ["long"]);
        assert_eq!(titles(db, &user, of(Span { scheduled: Some(false), ..Span::default() })).await, ["open"]);
        let filter = EventFilter { document: Some(DocumentId::new()), ..EventFilter::default() };
        assert_eq!(titles(db, &user, filter).await, Vec::<String>::new());
    }

    async fn they_go_with_their_document_and_their_job(db: &TestDatabase) {
        let user = a_user(db).await;
        let full = || result(vec![a_todo("sign", "")], vec![an_event("Fair", "2026-06-05", "")]);
        let (document, ..) = a_document(db, &user, full()).await;
        let (_, job, _) = a_document(db, &user, full()).await;
        documents::delete(db, user.id, document, audit::Origin::default(), start()).await.unwrap();
        assert_eq!((all_todos(db, &user).await.len(), titles(db, &user, EventFilter::default()).await.len()), (1, 1));
        jobs::delete(db, user.id, job, audit::Origin::default(), start()).await.unwrap().unwrap();
        assert_eq!((all_todos(db, &user).await.len(), titles(db, &user, EventFilter::default()).await.len()), (0, 0));
    }

    async fn nobody_sees_or_changes_those_of_others(db: &TestDatabase) {
        let (owner, stranger) = (a_user(db).await, a_user(db).await);
        let (document, ..) = a_document(db, &owner, result(vec![a_todo("sign", "")], vec![an_event("Fair", "", "")])).await;
        let todo = all_todos(db, &owner).await.remove(0);
        assert_eq!(all_todos(db, &stranger).await, []);
        assert_eq!(titles(db, &stranger, EventFilter::default()).await, Vec::<String>::new());
        assert_eq!(todos::find(db, stranger.id, todo.id).await.unwrap(), None);
        assert_eq!(todos::of_document(db, stranger.id, document).await.unwrap(), []);
        assert_eq!(events::of_document(db, stranger.id, document).await.unwrap(), []);
        let done = TodoChange { done: Some(true), ..TodoChange::default() };
        assert_eq!(todos::change(db, stranger.id, todo.id, done, audit::Origin::default(), start()).await.unwrap(), None);
        assert_eq!(all_todos(db, &owner).await, [todo]);
    }
}
