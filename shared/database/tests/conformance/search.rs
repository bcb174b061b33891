use database::documents::DocumentFilter;
use database::labels::{self, Edited};
use database::search::Facet;
use database::tasks::DocumentResult;
use database::users::User;
use database::{Database, audit, documents, search, tasks};
use domain::{DocumentId, DocumentKind, DocumentStatus};

use crate::support::{SECOND, a_result, a_user, a_worker, claim_one, new_job, on_both, start, submit};

async fn a_document(db: &Database, user: &User, title: &str, text: &[&str]) -> DocumentId {
    let (_, ids) = submit(db, new_job(user, 1)).await;
    let worker = a_worker(db, start()).await;
    let claim = claim_one(db, &worker, ids[0], start()).await;
    tasks::complete(db, &claim, a_result(title, text), start())
        .await
        .unwrap();
    claim.document
}

/// As a worker that knows everything about the document would end it.
async fn completed(db: &Database, user: &User, result: DocumentResult) -> DocumentId {
    let (_, ids) = submit(db, new_job(user, 1)).await;
    let worker = a_worker(db, start()).await;
    let claim = claim_one(db, &worker, ids[0], start()).await;
    tasks::complete(db, &claim, result, start()).await.unwrap();
    claim.document
}

async fn in_language(db: &Database, user: &User, language: &str, text: &[&str]) -> DocumentId {
    let result = DocumentResult {
        language: Some((language.to_owned(), 0.9)),
        ..a_result("t", text)
    };
    completed(db, user, result).await
}

async fn found(db: &Database, user: &User, query: &str) -> Vec<DocumentId> {
    let hits = search::documents(db, user.id, query, &DocumentFilter::default(), 0, 10)
        .await
        .unwrap();
    hits.into_iter().map(|hit| hit.document.id).collect()
}

on_both! {
    async fn a_document_is_found_by_title_name_tag_and_text(db: &TestDatabase) {
        let user = a_user(db).await;
        let id = a_document(db, &user, "Harvest report", &["Apples were early.", "Pears came late, after the rain."]).await;
        a_document(db, &user, "Other", &["nothing of the kind"]).await;
        for query in ["harvest", "REPORT", "note-0 harvest", "apples early", "rain pears", "pear"] {
            assert_eq!(found(db, &user, query).await, [id], "{query}");
        }
        assert_eq!(found(db, &user, "budget").await.len(), 2);
        assert_eq!(found(db, &user, "apples rain").await, [id], "words of different passages");
        assert!(found(db, &user, "quinces").await.is_empty());
    }

    async fn a_title_counts_more_than_the_text(db: &TestDatabase) {
        let user = a_user(db).await;
        let in_text = a_document(db, &user, "Minutes", &["The harvest was one of many topics of a long afternoon."]).await;
        let in_title = a_document(db, &user, "Harvest", &["Something else altogether."]).await;
        assert_eq!(found(db, &user, "harvest").await, [in_title, in_text]);
    }

    async fn a_hit_shows_the_place(db: &TestDatabase) {
        let user = a_user(db).await;
        a_document(db, &user, "t", &["first passage", "the second one speaks of Quinces & jam"]).await;
        let hits = search::documents(db, user.id, "quince", &DocumentFilter::default(), 0, 10).await.unwrap();
        let excerpt = hits[0].excerpt.clone().unwrap();
        assert_eq!(&excerpt.text[excerpt.highlights[0].clone()], "Quinces");
        assert!(hits[0].score > 0.0);
    }

    async fn a_hit_in_the_heading_shows_the_place_in_the_text_too(db: &TestDatabase) {
        let user = a_user(db).await;
        // "budget" is a tag and stands nowhere else.
        a_document(db, &user, "Tides", &["about the moon", "the tides of spring", "more about tides and tides"]).await;
        for word in ["tides", "budget"] {
            let filter = DocumentFilter::default();
            let hits = search::documents(db, user.id, word, &filter, 0, 10).await.unwrap();
            assert_eq!(hits.len(), 1, "{word}");
            assert_eq!(hits[0].excerpt.is_some(), word == "tides", "{word}");
        }
    }

    async fn nobody_finds_the_documents_of_others(db: &TestDatabase) {
        let (owner, stranger) = (a_user(db).await, a_user(db).await);
        a_document(db, &owner, "Secret plan", &["secret"]).await;
        assert!(found(db, &stranger, "secret").await.is_empty());
    }

    async fn what_is_deleted_is_not_found(db: &TestDatabase) {
        let user = a_user(db).await;
        let id = a_document(db, &user, "Harvest", &["apples"]).await;
        documents::delete(db, user.id, id, audit::Origin::default(), start()).await.unwrap();
        assert!(found(db, &user, "apples").await.is_empty());
    }

    async fn signs_and_injections_find_nothing_and_break_nothing(db: &TestDatabase) {
        let user = a_user(db).await;
        let id = a_document(db, &user, "Harvest", &["apples"]).await;
        for query in ["", "   ", "'", "\"", "*", "'; DROP TABLE users; --", "a:* | b", "\0", "NEAR(", "\\", "%"] {
            found(db, &user, query).await;
        }
        assert_eq!(found(db, &user, "'apples' :* &").await, [id]);
    }

    async fn filters_and_pages_hold_in_a_search(db: &TestDatabase) {
        let user = a_user(db).await;
        for n in 0..5 {
            a_document(db, &user, &format!("Harvest {n}"), &["apples"]).await;
        }
        let filter = DocumentFilter { kind: Some(DocumentKind::Pdf), ..DocumentFilter::default() };
        assert!(search::documents(db, user.id, "apples", &filter, 0, 10).await.unwrap().is_empty());
        let filter = DocumentFilter { kind: Some(DocumentKind::Text), ..DocumentFilter::default() };
        let mut seen: Vec<DocumentId> = Vec::new();
        for offset in [0, 2, 4] {
            let hits = search::documents(db, user.id, "apples", &filter, offset, 2).await.unwrap();
            seen.extend(hits.into_iter().map(|hit| hit.document.id));
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 5);
    }

    async fn inflections_are_found_by_the_rules_of_each_document(db: &TestDatabase) {
        let user = a_user(db).await;
        let english = in_language(db, &user, "en", &["The committees were meeting in several houses."]).await;
        let german = in_language(db, &user, "de", &["Die Häuser der Nachbarinnen sind verkauft worden."]).await;
        let french = in_language(db, &user, "fr", &["Les décisions nationales seront annulées."]).await;
        let spanish = in_language(db, &user, "es", &["Los trabajadores recibieron las facturas."]).await;
        let russian = in_language(db, &user, "ru", &["Мы читали книгами вслух."]).await;
        for (query, id) in [
            ("committee meets house", english),
            ("haus nachbarin", german),
            ("national annuler", french),
            ("trabajador factura", spanish),
            ("книги", russian),
        ] {
            assert_eq!(found(db, &user, query).await, [id], "{query}");
        }
    }

    async fn words_are_found_anywhere_in_a_run_of_characters(db: &TestDatabase) {
        let user = a_user(db).await;
        let japanese = in_language(db, &user, "ja", &["来年の予算は東京都の委員会で決まる。"]).await;
        let chinese = in_language(db, &user, "zh", &["我们明天讨论年度财务报告。"]).await;
        let korean = in_language(db, &user, "ko", &["내일 서울시청에서 예산회의가 열립니다."]).await;
        for (query, id) in [
            ("予算", japanese), ("京都", japanese), ("委員会 予算", japanese), ("都", japanese), ("。", japanese),
            ("财务", chinese), ("报告", chinese), ("年度财务", chinese), ("告", chinese),
            ("시청", korean), ("예산", korean), ("회의", korean), ("서울시청", korean),
        ] {
            let expected = if query == "。" { vec![] } else { vec![id] };
            assert_eq!(found(db, &user, query).await, expected, "{query}");
        }
        assert!(found(db, &user, "予委").await.is_empty(), "characters that do not stand beside each other");
    }

    async fn a_beginning_finds_the_same_whatever_its_length(db: &TestDatabase) {
        let user = a_user(db).await;
        let words = a_document(db, &user, "Straßenbahn", &["Kältemaschine, ab 1848; ça va", "東京都庁 und ein Ü"]).await;
        a_document(db, &user, "Other", &["tra älte 東都 xab"]).await;
        let beginnings = [
            "s*", "st*", "str*", "stra*", "straß*", "k*", "kä*", "käl*", "kält*", "ab*", "1*", "18*", "184*", "1848*", "ça*", "ü*", "va*", "^st*",
        ];
        for beginning in beginnings {
            assert_eq!(found(db, &user, beginning).await, [words], "{beginning}");
        }
        for nothing in ["sr*", "käm*", "abc*", "184x*", "va va*r", "東庁*"] {
            assert_eq!(found(db, &user, nothing).await, [], "{nothing}");
        }
        // What is called so comes before what only says so, and an excluded beginning excludes.
        let named = a_document(db, &user, "Strand", &["sand"]).await;
        let said = a_document(db, &user, "Walk", &["along the strand"]).await;
        assert_eq!(found(db, &user, "str*").await[2], said);
        assert_eq!(found(db, &user, "str* -kä*").await, [named, said]);
    }

    async fn phrases_exclusions_and_beginnings_mean_what_they_say(db: &TestDatabase) {
        let user = a_user(db).await;
        let report = a_document(db, &user, "One", &["the annual report of the harbour", "is a draft"]).await;
        let plan = a_document(db, &user, "Two", &["an annual plan with a report"]).await;
        assert_eq!(found(db, &user, "\"annual report\"").await, [report]);
        assert_eq!(found(db, &user, "annual -draft").await, [plan]);
        assert_eq!(found(db, &user, "annual -\"annual plan\"").await, [report]);
        assert_eq!(found(db, &user, "annual ha*").await, [report], "a beginning");
        assert!(found(db, &user, "ha").await.is_empty(), "too short for a beginning that was not asked for");
        assert!(found(db, &user, "\"harbou\"").await.is_empty(), "in quotation marks a word is whole");
        assert!(found(db, &user, "-draft").await.is_empty(), "nothing was looked for");
        assert!(found(db, &user, "\"one two\"").await.is_empty());
        assert!(found(db, &user, "\"one note\"").await.is_empty(), "a phrase does not go from the title into the file name");
    }

    async fn one_slip_of_the_fingers_is_forgiven(db: &TestDatabase) {
        let user = a_user(db).await;
        let id = a_document(db, &user, "Airships", &["the zeppelin landed at Friedrichshafen"]).await;
        for n in 0..8 {
            a_document(db, &user, &format!("Note {n}"), &["nothing of the kind, but a longer text about landings and harbours"]).await;
        }
        for query in ["zepelin", "zeppelni", "zeppeliin", "zapfelin zeppelin", "zxppelin", "zeppelin freidrichshafen", "eppelin"] {
            let expected = if query.starts_with("zapfelin") { vec![] } else { vec![id] };
            assert_eq!(found(db, &user, query).await, expected, "{query}");
        }
        let wanted = search::Search { query: "zepelin".to_owned(), limit: 5, ..search::Search::default() };
        let answer = search::search(db, user.id, &wanted).await.unwrap();
        assert_eq!(answer.spellings, [("zepelin".to_owned(), vec!["zeppelin".to_owned()])]);
        let excerpt = answer.hits[0].excerpt.clone().unwrap();
        let shown: String = excerpt.text.chars().collect::<Vec<_>>()[excerpt.highlights[0].clone()].iter().collect();
        assert_eq!(shown, "zeppelin");
        // What is right is not touched, nor what stands in quotation marks.
        assert!(found(db, &user, "\"zepelin\"").await.is_empty());
        assert_eq!(found(db, &user, "harbours").await.len(), 8);
    }

    async fn what_was_asked_for_comes_before_what_is_like_it(db: &TestDatabase) {
        let user = a_user(db).await;
        let like = a_document(db, &user, "One", &["the hose is in the garden, the hose is green"]).await;
        let exact = a_document(db, &user, "Two", &["one house among many other things that fill this line"]).await;
        let longer = a_document(db, &user, "Three", &["a houseboat among many other things that fill this line"]).await;
        let order = found(db, &user, "house").await;
        assert_eq!(order[0], exact);
        assert!(order.contains(&longer) && order.contains(&like), "{order:?}");
    }

    async fn words_of_a_long_document_are_found_together(db: &TestDatabase) {
        let user = a_user(db).await;
        let filler: Vec<String> = (0..250)
            .map(|part| (0..200).map(|n| format!("w{part}x{n} ")).collect())
            .collect();
        let mut text: Vec<&str> = filler.iter().map(String::as_str).collect();
        text[0] = "it begins with an albatross";
        text[120] = "in the middle a bullfinch appears, and a red kite";
        text[249] = "it ends with a cormorant";
        let long = a_document(db, &user, "Birds", &text).await;
        let short = a_document(db, &user, "Bird", &["an albatross alone"]).await;
        for query in ["albatross cormorant", "bullfinch", "birds bullfinch cormorant", "w7x3 w200x199", "\"red kite\" appears"] {
            assert_eq!(found(db, &user, query).await, [long], "{query}");
        }
        assert_eq!(found(db, &user, "albatross -cormorant").await, [short], "an exclusion holds for the whole document");
        let hits = search::documents(db, user.id, "bullfinch", &DocumentFilter::default(), 0, 10).await.unwrap();
        assert!(hits[0].excerpt.as_ref().unwrap().text.contains("bullfinch appears"));
    }

    async fn filters_narrow_a_search_and_a_list(db: &TestDatabase) {
        let user = a_user(db).await;
        let german = in_language(db, &user, "de", &["apples"]).await;
        let tagged = DocumentResult { tags: serde_json::json!([{"value": "tax return"}]), tag_words: vec!["tax return".to_owned()], ..a_result("t", &["apples"]) };
        let tagged = completed(db, &user, tagged).await;
        let labels = labels::Edit { labels: Some(vec!["urgent".to_owned(), "2027".to_owned()]), ..labels::Edit::default() };
        labels::edit(db, user.id, (german, 0), &labels, audit::Origin::default(), start()).await.unwrap();
        let none = DocumentFilter::default();
        for (filter, expected) in [
            (DocumentFilter { language: Some("de".to_owned()), ..none.clone() }, vec![german]),
            (DocumentFilter { tag: Some("Tax Return".to_owned()), ..none.clone() }, vec![tagged]),
            (DocumentFilter { tag: Some("tax".to_owned()), ..none.clone() }, vec![]),
            (DocumentFilter { tag: Some("'; --".to_owned()), ..none.clone() }, vec![]),
            (DocumentFilter { label: Some("urgent".to_owned()), ..none.clone() }, vec![german]),
            (DocumentFilter { label: Some("urgent'".to_owned()), ..none.clone() }, vec![]),
            (DocumentFilter { from: Some(start()), until: Some(start() + SECOND), language: Some("de".to_owned()), ..none.clone() }, vec![german]),
            (DocumentFilter { from: Some(start() + SECOND), ..none.clone() }, vec![]),
            (DocumentFilter { until: Some(start()), ..none.clone() }, vec![]),
        ] {
            let hits = search::documents(db, user.id, "apples", &filter, 0, 10).await.unwrap();
            assert_eq!(hits.into_iter().map(|hit| hit.document.id).collect::<Vec<_>>(), expected, "{filter:?}");
            let listed = documents::list(db, user.id, &filter, 10).await.unwrap();
            assert_eq!(listed.into_iter().map(|document| document.id).collect::<Vec<_>>(), expected, "{filter:?}");
        }
        let document = documents::find(db, user.id, german).await.unwrap().unwrap();
        assert_eq!(document.labels, ["2027", "urgent"]);
    }

    async fn facets_count_what_was_found(db: &TestDatabase) {
        let user = a_user(db).await;
        for n in 0..3 {
            let id = in_language(db, &user, if n == 0 { "de" } else { "en" }, &["apples"]).await;
            if n == 1 {
                let labels = labels::Edit { labels: Some(vec!["urgent".to_owned()]), ..labels::Edit::default() };
                labels::edit(db, user.id, (id, 0), &labels, audit::Origin::default(), start()).await.unwrap();
            }
        }
        in_language(db, &user, "fr", &["pears"]).await;
        let facets = vec![Facet::Kind, Facet::Language, Facet::Tag, Facet::Label];
        let wanted = search::Search { query: "apples".to_owned(), limit: 1, facets: facets.clone(), ..search::Search::default() };
        let answer = search::search(db, user.id, &wanted).await.unwrap();
        assert_eq!((answer.total, answer.hits.len()), (3, 1));
        let told: Vec<Vec<(String, i64)>> = answer.facets.into_iter()
            .map(|facet| facet.values.into_iter().map(|value| (value.value, value.count)).collect())
            .collect();
        let pair = |value: &str, count| (value.to_owned(), count);
        assert_eq!(told, [vec![pair("text", 3)], vec![pair("en", 2), pair("de", 1)], vec![pair("budget", 3)], vec![pair("urgent", 1)]]);
        let (counted, list) = search::facets_of_list(db, user.id, &DocumentFilter::default(), &facets).await.unwrap();
        assert_eq!((counted, list[0].values[0].count, list[1].values.len()), (4, 4, 3));
    }

    async fn a_document_is_found_by_the_title_that_its_owner_gave_it(db: &TestDatabase) {
        let user = a_user(db).await;
        let id = a_document(db, &user, "Untitled", &["apples"]).await;
        let rename = |title: Option<&str>| labels::Edit { title: Some(title.map(str::to_owned)), ..labels::Edit::default() };
        let origin = audit::Origin::default;
        assert_eq!(labels::edit(db, user.id, (id, 0), &rename(Some("Orchard ledger")), origin(), start()).await.unwrap(), Edited::Done);
        assert_eq!(found(db, &user, "orchard apples").await, [id]);
        assert!(found(db, &user, "untitled").await.is_empty());
        assert_eq!(documents::find(db, user.id, id).await.unwrap().unwrap().title.as_deref(), Some("Orchard ledger"));
        assert_eq!(documents::find(db, user.id, id).await.unwrap().unwrap().edits, 1);
        assert_eq!(labels::edit(db, user.id, (id, 0), &rename(Some("Late")), origin(), start()).await.unwrap(), Edited::ChangedMeanwhile);
        assert_eq!(labels::edit(db, user.id, (id, 1), &rename(None), origin(), start()).await.unwrap(), Edited::Done);
        assert_eq!(found(db, &user, "untitled").await, [id]);

        let stranger = a_user(db).await;
        assert_eq!(labels::edit(db, stranger.id, (id, 2), &rename(Some("mine")), origin(), start()).await.unwrap(), Edited::NoSuchDocument);
        let (job, _) = submit(db, new_job(&user, 1)).await;
        let filter = DocumentFilter { job: Some(job), ..DocumentFilter::default() };
        let waiting = documents::list(db, user.id, &filter, 1).await.unwrap().remove(0);
        assert_eq!(
            labels::edit(db, user.id, (waiting.id, 0), &rename(Some("early")), origin(), start()).await.unwrap(),
            Edited::NotCompleted(DocumentStatus::Pending)
        );
    }

    async fn documents_from_before_are_found_again_once_their_entries_are_written(db: &TestDatabase) {
        let user = a_user(db).await;
        let old = [a_document(db, &user, "Orchard", &["apples"]).await, a_document(db, &user, "Garden", &["pears"]).await];
        let after = db.migrations().await.unwrap().iter().position(|step| step.name == "m0011_search").unwrap();
        let steps = u32::try_from(db.migrations().await.unwrap().len() - after).unwrap();
        db.migrate_down(steps).await.unwrap();
        db.migrate_up().await.unwrap();
        assert_eq!(found(db, &user, "orchard").await, []);
        let new = a_document(db, &user, "Orchard", &["plums"]).await;
        assert_eq!(search::write_missing(db, 1).await.unwrap(), 1, "no more than were asked for, the newest first");
        assert_eq!((found(db, &user, "orchard").await, found(db, &user, "pears").await), (vec![new], vec![old[1]]));
        assert_eq!(search::write_missing(db, 10).await.unwrap(), 1);
        assert_eq!(found(db, &user, "orchard apples").await, [old[0]]);
        assert_eq!(search::write_missing(db, 10).await.unwrap(), 0, "nothing is left");
    }

    async fn passages_come_back_in_order(db: &TestDatabase) {
        let user = a_user(db).await;
        let id = a_document(db, &user, "t", &["one", "two", "three"]).await;
        let texts: Vec<_> = search::passages(db, id).await.unwrap().into_iter().map(|passage| passage.text).collect();
        assert_eq!(texts, ["one", "two", "three"]);
    }
}
