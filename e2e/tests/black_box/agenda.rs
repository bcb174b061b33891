//! What documents ask for and announce: found, listed, changed, put into a calendar, and gone with their document.

use e2e::{Client, texts};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::on_both;

/// A letter of Wednesday 4 March 2026.
const MINUTES: &str = "Minutes\n\nDate: 4 March 2026\n\nThe club met in the boat house and talked about the summer.\n\n\
    - [ ] Priya: book the rehearsal room by 10 March 2026\n\
    - [ ] Sort the old cups\n\
    - Tom to order the paint by 6 March 2026, 17:00\n\n\
    Next meeting: Tuesday, 17 March 2026, 18:30 - 20:00.\n\
    Summer fair from 5 to 7 June 2026.\n\
    The webinar starts 2026-03-10T14:00:00Z.\n\
    Team dinner: date to be confirmed.\n";

async fn items(user: &Client, path: &str) -> Vec<Value> {
    user.get(path).await.status(200).json()["items"]
        .as_array()
        .unwrap()
        .clone()
}

fn all<'v>(items: &'v [Value], key: &str) -> Vec<&'v str> {
    items
        .iter()
        .map(|item| item[key].as_str().unwrap_or("-"))
        .collect()
}

/// The lines of a calendar, put together again where they were folded.
fn unfolded(calendar: &str) -> Vec<String> {
    calendar
        .replace("\r\n ", "")
        .split("\r\n")
        .map(str::to_owned)
        .collect()
}

on_both! {
    async fn todos_and_events_are_found_with_where_they_stand(mill: &Mill) {
        let ada = mill.user().await;
        let listed = ada.processed("minutes.txt", MINUTES.as_bytes()).await;
        assert_eq!((&listed["todo_count"], &listed["event_count"]), (&3.into(), &4.into()), "{listed}");
        assert_eq!(listed.get("todos"), None, "a list does not grow with them");
        let id = listed["id"].as_str().unwrap();
        let document = ada.get(&format!("/api/v1/documents/{id}")).await.status(200).json();
        let text = ada.get(document["links"]["text"].as_str().unwrap()).await.status(200).text();
        let todos = document["todos"].as_array().unwrap();
        assert_eq!(all(todos, "owner"), ["Priya", "-", "Tom"], "{todos:?}");
        assert_eq!(all(todos, "due"), ["2026-03-10", "-", "2026-03-06T17:00:00"]);
        assert_eq!(todos[0]["text"], "book the rehearsal room by 10 March 2026");
        assert_eq!(all(todos, "priority"), ["medium", "medium", "high"]);
        for todo in todos {
            assert_eq!((&todo["done"], &todo["edited"], &todo["engine"]), (&false.into(), &false.into(), &document["enriched_by"]));
            let source = &todo["source"];
            let range = source["start"].as_u64().unwrap() as usize..source["end"].as_u64().unwrap() as usize;
            let there: String = text.chars().skip(range.start).take(range.len()).collect();
            assert_eq!(source["quote"], there);
        }
        let events = document["events"].as_array().unwrap();
        assert_eq!(all(events, "title"), ["Next meeting", "Summer fair", "The webinar starts", "Team dinner"]);
        assert_eq!(all(events, "start"), ["2026-03-17T18:30:00", "2026-06-05", "2026-03-10T14:00:00Z", "-"]);
        assert_eq!(all(events, "end"), ["2026-03-17T20:00:00", "2026-06-07", "-", "-"]);
        assert_eq!(all(events, "time_zone"), ["-", "-", "Z", "-"]);
        let flags: Vec<_> = events.iter().map(|it| (it["scheduled"].as_bool().unwrap(), it["all_day"].as_bool().unwrap())).collect();
        assert_eq!(flags, [(true, false), (true, true), (true, false), (false, false)]);
    }

    async fn dates_of_a_chat_are_those_of_its_messages(mill: &Mill) {
        let ada = mill.user().await;
        let chat = "[2026-03-02 18:10] Nora: Felix, can you pay the deposit by Thursday?\n\
            [2026-03-09 18:11] Felix: ok, and I will bring the van back tomorrow\n\
            [2026-03-09 18:12] Nora: party on Friday at 8pm\n";
        let document = ada.processed("moving.txt", chat.as_bytes()).await;
        assert_eq!(document["kind"], "chat");
        let id = document["id"].as_str().unwrap();
        let todos = items(&ada, &format!("/api/v1/todos?document_id={id}")).await;
        assert_eq!(all(&todos, "due"), ["2026-03-05", "2026-03-10"]);
        assert_eq!(all(&todos, "owner"), ["Felix", "Felix"]);
        let events = items(&ada, &format!("/api/v1/events?document_id={id}")).await;
        assert_eq!(all(&events, "start"), ["2026-03-13T20:00:00"]);
    }

    async fn the_samples_have_todos_and_events_in_four_languages(mill: &Mill) {
        let ada = mill.user().await;
        for (name, language, owners, starts) in [
            ("meeting-notes.md", "en", ["Priya", "Lukas"], "2026-03-17T18:30:00"),
            ("vereinsprotokoll.txt", "de", ["Mehmet", "Frau Petersen"], "2026-04-18T10:00:00"),
            ("jardin-compte-rendu.md", "fr", ["Samira", "Hugo"], "2026-03-14T09:30:00"),
            ("asamblea-vecinos.txt", "es", ["Diego", "Carmen"], "2026-03-24T19:00:00"),
        ] {
            let document = ada.processed(name, &crate::samples::sample(name)).await;
            assert_eq!(document["language"], language);
            let id = document["id"].as_str().unwrap();
            let document = ada.get(&format!("/api/v1/documents/{id}")).await.status(200).json();
            let (todos, events) = (document["todos"].as_array().unwrap(), document["events"].as_array().unwrap());
            for owner in owners {
                assert!(all(todos, "owner").contains(&owner), "{name}: no {owner} in {todos:?}");
            }
            assert!(all(events, "start").contains(&starts), "{name}: {events:?}");
        }
    }

    async fn a_todo_is_changed_and_marked_as_done(mill: &Mill) {
        let ada = mill.user().await;
        let _ = ada.processed("minutes.txt", MINUTES.as_bytes()).await;
        let todo = items(&ada, "/api/v1/todos").await.remove(0);
        let path = format!("/api/v1/todos/{}", todo["id"].as_str().unwrap());
        let patch = async |change: Value| ada.send(ada.request(Method::PATCH, &path).json(&change)).await;
        let done = patch(json!({ "done": true })).await.status(200).json();
        assert_eq!((&done["done"], &done["edited"], &done["text"]), (&true.into(), &true.into(), &todo["text"]));
        assert!(done["done_at"].is_string());
        let change = json!({ "text": "order the blue paint", "owner": null, "due": "2026-04-01T12:00:00+02:00", "priority": "low", "done": false });
        let changed = patch(change).await.status(200).json();
        assert_eq!((&changed["text"], &changed["due"], &changed["priority"]),
            (&"order the blue paint".into(), &"2026-04-01T12:00:00+02:00".into(), &"low".into()));
        assert_eq!((changed.get("owner"), changed.get("done_at"), &changed["done"]), (None, None, &false.into()));
        assert_eq!(ada.get(&path).await.status(200).json(), changed);
        assert_eq!(patch(json!({})).await.status(200).json(), changed);
        for (change, pointer) in [(json!({ "due": "tomorrow" }), "/due"), (json!({ "text": " " }), "/text")] {
            patch(change).await.refuses(pointer);
        }
        for change in [json!({ "priority": "huge" }), json!({ "id": "x" }), json!({ "user_id": "x" })] {
            patch(change).await.problem(400, "invalid_request");
        }
        assert_eq!(ada.get(&path).await.status(200).json(), changed);
    }

    async fn lists_are_in_order_filtered_and_paged(mill: &Mill) {
        let ada = mill.user().await;
        let document = ada.processed("minutes.txt", MINUTES.as_bytes()).await;
        let _ = ada.processed("lighthouse.txt", texts::LIGHTHOUSE.as_bytes()).await;
        assert_eq!(all(&items(&ada, "/api/v1/todos").await, "due"), ["2026-03-06T17:00:00", "2026-03-10", "-"]);
        assert_eq!(all(&items(&ada, "/api/v1/events").await, "start"), ["2026-03-10T14:00:00Z", "2026-03-17T18:30:00", "2026-06-05", "-"]);
        let id = document["id"].as_str().unwrap();
        for (query, todos, events) in [
            ("from=2026-03-07".to_owned(), 1, 3),
            ("to=2026-03-10".to_owned(), 2, 1),
            ("from=2026-06-07&to=2026-06-30".to_owned(), 0, 1),
            ("scheduled=false".to_owned(), 1, 1),
            ("scheduled=true".to_owned(), 2, 3),
            (format!("document_id={id}"), 3, 4),
        ] {
            assert_eq!(items(&ada, &format!("/api/v1/todos?{query}")).await.len(), todos, "todos {query}");
            assert_eq!(items(&ada, &format!("/api/v1/events?{query}")).await.len(), events, "events {query}");
        }
        assert_eq!(items(&ada, "/api/v1/todos?done=true").await.len(), 0);
        for list in ["/api/v1/todos", "/api/v1/events"] {
            let whole = items(&ada, list).await;
            let (mut next, mut seen) = (Some(format!("{list}?limit=2")), Vec::new());
            while let Some(path) = next {
                let answer = ada.get(&path).await.status(200);
                seen.extend(answer.json()["items"].as_array().unwrap().clone());
                next = answer.link("next");
            }
            assert_eq!(seen, whole, "{list}");
            for (query, pointer) in [("from=tomorrow", "query:from"), ("document_id=x", "query:document_id"), ("cursor=x", "query:cursor"), ("limit=0", "query:limit")] {
                ada.get(&format!("{list}?{query}")).await.refuses(pointer);
            }
        }
    }

    async fn events_are_a_calendar_that_programs_read(mill: &Mill) {
        let ada = mill.user().await;
        let note = format!("{MINUTES}Picnic, barbecue;games \\ and something long enough to be folded by any calendar program of this world on Saturday 21 March 2026.\n");
        let _ = ada.processed("minutes.txt", note.as_bytes()).await;
        let answer = ada.get("/api/v1/events.ics?todos=true").await.status(200);
        assert_eq!(answer.header("content-type"), Some("text/calendar; charset=utf-8"));
        let calendar = answer.text();
        assert!(calendar.split("\r\n").all(|line| line.len() <= 75 && !line.contains(['\r', '\n'])), "{calendar}");
        let lines = unfolded(&calendar);
        assert_eq!((lines[0].as_str(), lines[1].as_str()), ("BEGIN:VCALENDAR", "VERSION:2.0"));
        assert_eq!(lines[lines.len() - 2..], ["END:VCALENDAR", ""]);
        let count = |line: &str| lines.iter().filter(|it| *it == line).count();
        // The one without a date has no place in a calendar.
        assert_eq!((count("BEGIN:VEVENT"), count("END:VEVENT"), count("BEGIN:VTODO"), count("STATUS:NEEDS-ACTION")), (4, 4, 3, 3));
        for line in [
            "DTSTART:20260317T183000", "DTEND:20260317T200000", "DTSTART;VALUE=DATE:20260605", "DTEND;VALUE=DATE:20260608",
            "DTSTART:20260310T140000Z", "DUE:20260306T170000", "DUE;VALUE=DATE:20260310", "SUMMARY:Next meeting",
        ] {
            assert_eq!(count(line), 1, "{line} in {calendar}");
        }
        assert!(lines.iter().any(|line| line.starts_with("SUMMARY:Picnic\\, barbecue\\;games \\\\ and something")), "{calendar}");
        for component in calendar.split("BEGIN:V").skip(2) {
            assert_eq!(component.matches("\r\nUID:").count(), 1, "{component}");
            assert_eq!(component.matches("\r\nDTSTAMP:").count(), 1, "{component}");
        }
        let again = ada.get("/api/v1/events.ics?todos=true").await.status(200).text();
        assert_eq!(again, calendar, "the same things have the same ids");
        let events_only = ada.get("/api/v1/events.ics?from=2026-06-01").await.status(200).text();
        assert_eq!((events_only.matches("BEGIN:VEVENT").count(), events_only.matches("BEGIN:VTODO").count()), (1, 0));
    }

    async fn nobody_sees_or_changes_the_agenda_of_others(mill: &Mill) {
        let (ada, eve) = (mill.user().await, mill.user().await);
        let document = ada.processed("minutes.txt", MINUTES.as_bytes()).await;
        let todo = items(&ada, "/api/v1/todos").await.remove(0);
        let (id, todo_id) = (document["id"].as_str().unwrap(), todo["id"].as_str().unwrap());
        for path in ["/api/v1/todos".to_owned(), format!("/api/v1/todos?document_id={id}"), format!("/api/v1/events?document_id={id}")] {
            assert_eq!(items(&eve, &path).await, Vec::<Value>::new());
        }
        let path = format!("/api/v1/todos/{todo_id}");
        let theirs = eve.get(&path).await.problem(404, "not_found");
        let never = eve.get(&format!("/api/v1/todos/{}", domain::TodoId::new())).await.problem(404, "not_found");
        assert_eq!(theirs.get("detail"), never.get("detail"));
        eve.send(eve.request(Method::PATCH, &path).json(&json!({ "done": true }))).await.problem(404, "not_found");
        assert!(!eve.get("/api/v1/events.ics?todos=true").await.status(200).text().contains("BEGIN:VEVENT"));
        assert_eq!(ada.get(&path).await.status(200).json(), todo);
        for path in ["/api/v1/todos", "/api/v1/events", "/api/v1/events.ics", &path] {
            mill.anybody().get(path).await.problem(401, "unauthenticated");
        }
    }

    async fn the_agenda_goes_with_its_document(mill: &Mill) {
        let ada = mill.user().await;
        let document = ada.processed("minutes.txt", MINUTES.as_bytes()).await;
        let todo = items(&ada, "/api/v1/todos").await.remove(0);
        let _ = ada.delete(&format!("/api/v1/documents/{}", document["id"].as_str().unwrap())).await.status(204);
        assert_eq!(items(&ada, "/api/v1/todos").await.len() + items(&ada, "/api/v1/events").await.len(), 0);
        ada.get(&format!("/api/v1/todos/{}", todo["id"].as_str().unwrap())).await.problem(404, "not_found");
    }

    async fn a_mixed_document_has_its_languages_and_tags_in_those_asked_for(mill: &Mill) {
        let ada = mill.user().await;
        let mixed = format!("{}\n\n{}", texts::LIGHTHOUSE, texts::BAKERY);
        let upload = async |query: &str| {
            let job = ada.send(ada.form(query, &[("mixed.txt", mixed.as_bytes())])).await.status(202).json();
            let job = ada.ended(&job).await;
            ada.documents(&job).await.remove(0)
        };
        let document = upload("").await;
        let mut codes = all(document["languages"].as_array().unwrap(), "code");
        codes.sort_unstable();
        assert_eq!(codes, ["de", "en"], "{document}");
        let shares: f64 = document["languages"].as_array().unwrap().iter().map(|it| it["share"].as_f64().unwrap()).sum();
        assert!((shares - 1.0).abs() < 0.02, "{document}");
        for (query, expected) in [("?languages=de", vec!["de"]), ("?languages=en,fr", vec!["en"])] {
            let document = upload(query).await;
            let mut langs = all(document["tags"].as_array().unwrap(), "lang");
            langs.sort_unstable();
            langs.dedup();
            assert_eq!(langs, expected, "{query}: {document}");
        }
        // Of a language that it has nothing in, it has no tags; those of its own are better than none.
        let other = upload("?languages=fr").await;
        assert_eq!(other["tags"], document["tags"]);
        for refused in ["?languages=german", "?languages=DE"] {
            ada.send(ada.form(refused, &[("mixed.txt", mixed.as_bytes())])).await.refuses("query:languages");
        }
    }
}
