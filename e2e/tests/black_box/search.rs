//! Full-text search.

use e2e::{Client, texts};
use serde_json::Value;

use crate::support::on_both;

async fn found(user: &Client, query: &str) -> Vec<Value> {
    let request = user
        .request(reqwest::Method::GET, "/api/v1/documents")
        .query(&[("q", query)]);
    let page = user.send(request).await.status(200).json();
    page["items"].as_array().unwrap().clone()
}

fn names(documents: &[Value]) -> Vec<&str> {
    documents
        .iter()
        .map(|document| document["file_name"].as_str().unwrap())
        .collect()
}

/// The parts of the passage that are highlighted.
fn highlighted(document: &Value) -> Vec<String> {
    let passage: Vec<char> = document["matched"]["passage"].as_str().unwrap().chars().collect();
    let ranges = document["matched"]["highlights"].as_array().unwrap();
    let place = |range: &Value, end: usize| usize::try_from(range[end].as_u64().unwrap()).unwrap();
    ranges
        .iter()
        .map(|range| passage[place(range, 0)..place(range, 1)].iter().collect())
        .collect()
}

on_both! {
    async fn words_are_found_wherever_they_stand(mill: &Mill) {
        let ada = mill.user().await;
        let page = texts::page("Heliograph maintenance", "Über den Dächern blinkt die Signalstation.");
        ada.processed("station-7.html", page.as_bytes()).await;
        ada.processed("bakery.txt", texts::BAKERY.as_bytes()).await;

        let by_text = found(&ada, "Signalstation").await;
        assert_eq!(names(&by_text), ["station-7.html"]);
        let passage = by_text[0]["matched"]["passage"].as_str().unwrap();
        assert!(passage.contains("Über den Dächern blinkt"), "{passage}");
        assert_eq!(highlighted(&by_text[0]), ["Signalstation"]);
        assert!(by_text[0]["matched"]["score"].as_f64().unwrap() > 0.0);

        assert_eq!(names(&found(&ada, "heliograph").await), ["station-7.html"], "by title");
        assert_eq!(names(&found(&ada, "station 7").await), ["station-7.html"], "by file name");
        assert_eq!(names(&found(&ada, "sauerteig").await), ["bakery.txt"], "whatever the case");
        assert_eq!(names(&found(&ada, "Sauert").await), ["bakery.txt"], "by the beginning of a word");
        assert_eq!(names(&found(&ada, "Bäckerei").await), ["bakery.txt"], "with signs of its language");
        assert_eq!(highlighted(&found(&ada, "roggenbrot ofen").await[0])[0], "Roggenbrot");
        assert_eq!(names(&found(&ada, "Laib Nachbardorf").await), ["bakery.txt"], "inflected, in different paragraphs");
        assert_eq!(names(&found(&ada, "sauerteig signalstation").await), Vec::<&str>::new(), "every word must be there");
        assert_eq!(names(&found(&ada, "submarine").await), Vec::<&str>::new());
    }

    async fn tags_are_found(mill: &Mill) {
        let ada = mill.user().await;
        let document = ada.processed("a.txt", texts::LIGHTHOUSE.as_bytes()).await;
        for tag in document["tags"].as_array().unwrap() {
            let tag = tag["value"].as_str().unwrap();
            assert_eq!(names(&found(&ada, tag).await), ["a.txt"], "{tag}");
        }
    }

    async fn a_title_counts_more_than_text(mill: &Mill) {
        let ada = mill.user().await;
        let title = texts::page("Foghorn repair", "Nothing else.");
        ada.processed("title.html", title.as_bytes()).await;
        ada.processed("text.txt", texts::LIGHTHOUSE.as_bytes()).await;
        assert_eq!(names(&found(&ada, "foghorn").await), ["title.html", "text.txt"]);
    }

    async fn a_search_has_pages_and_filters(mill: &Mill) {
        let ada = mill.user().await;
        for name in ["a.txt", "b.md", "c.txt"] {
            ada.processed(name, texts::LIGHTHOUSE.as_bytes()).await;
        }
        let first = ada.get("/api/v1/documents?q=harbour&limit=2").await.status(200);
        let second = ada.get(&first.link("next").unwrap()).await.status(200);
        assert_eq!(second.link("next"), None);
        let both = [first.json(), second.json()];
        let mut names: Vec<&str> = both.iter().flat_map(|page| names(page["items"].as_array().unwrap())).collect();
        names.sort_unstable();
        assert_eq!(names, ["a.txt", "b.md", "c.txt"]);
        let page = ada.get("/api/v1/documents?q=harbour&kind=markdown").await.status(200).json();
        assert_eq!(page["items"].as_array().unwrap().len(), 1);
    }

    async fn the_query_language_is_words_phrases_exclusions_and_beginnings(mill: &Mill) {
        let ada = mill.user().await;
        ada.processed("lighthouse.txt", texts::LIGHTHOUSE.as_bytes()).await;
        ada.processed("bakery.txt", texts::BAKERY.as_bytes()).await;
        for (query, expected) in [
            ("\"spiral stairs\"", vec!["lighthouse.txt"]),
            ("\"stairs spiral\"", vec![]),
            ("keeper -sauerteig", vec!["lighthouse.txt"]),
            ("keeper -foghorn", vec![]),
            ("txt -keeper", vec!["bakery.txt"]),
            ("Hefez*", vec!["bakery.txt"]),
            ("keepers lamps", vec!["lighthouse.txt"]),
        ] {
            assert_eq!(names(&found(&ada, query).await), expected, "{query}");
        }
        let page = ada.get("/api/v1/documents?q=lighthuose").await.status(200).json();
        assert_eq!(names(page["items"].as_array().unwrap()), ["lighthouse.txt"], "one slip is forgiven");
        assert_eq!(page["spellings"], serde_json::json!([{"word": "lighthuose", "others": ["lighthouse"]}]));
        assert_eq!(highlighted(&page["items"][0])[0], "lighthouse");
    }

    async fn labels_and_titles_are_found_filtered_and_changed(mill: &Mill) {
        let ada = mill.user().await;
        let upload = ada.form("?label=urgent&label=2027&label=urgent", &[("harbour.txt", texts::LIGHTHOUSE.as_bytes())]);
        let job = ada.ended(&ada.send(upload).await.status(202).json()).await;
        let document = ada.documents(&job).await.remove(0);
        assert_eq!(document["labels"], serde_json::json!(["2027", "urgent"]));
        ada.processed("bakery.txt", texts::BAKERY.as_bytes()).await;
        let path = document["links"]["self"].as_str().unwrap();
        let listed = async |query: &str| {
            let page = ada.get(&format!("/api/v1/documents?{query}")).await.status(200).json();
            page["items"].as_array().unwrap().len()
        };
        assert_eq!(listed("label=urgent").await, 1);
        assert_eq!(listed("q=keeper&label=2027").await, 1);
        assert_eq!(listed("q=keeper&label=other").await, 0);
        assert_eq!(listed("language=de").await, 1);
        assert_eq!(listed("q=keeper&language=en&from=2020-01-01").await, 1);
        assert_eq!(listed("to=2020-01-01").await, 0);
        let tag = document["tags"][0]["value"].as_str().unwrap().replace(' ', "%20");
        assert_eq!(listed(&format!("tag={tag}")).await, 1);

        let change = serde_json::json!({"title": "Heliograph ledger", "labels": ["done"]});
        ada.patch(path, &change).await.problem(428, "precondition_required");
        let seen = ada.get(path).await.status(200).header("etag").unwrap().to_owned();
        let edit = async || ada.send(ada.request(reqwest::Method::PATCH, path).header("if-match", &seen).json(&change)).await;
        let changed = edit().await.status(200);
        assert_ne!(changed.header("etag"), Some(seen.as_str()));
        edit().await.problem(412, "precondition_failed");
        let changed = changed.json();
        assert_eq!((&changed["title"], &changed["labels"]), (&change["title"], &change["labels"]));
        assert_eq!(names(&found(&ada, "heliograph foghorn").await), ["harbour.txt"]);
        assert_eq!(listed("label=urgent").await, 0);
        let back = ada.edit(path, &serde_json::json!({"title": null})).await.status(200).json();
        assert_eq!((back.get("title"), &back["labels"]), (document.get("title"), &change["labels"]));

        for (body, pointer) in [
            (serde_json::json!({"title": ""}), "/title"),
            (serde_json::json!({"labels": ["x".repeat(51)]}), "/labels"),
        ] {
            ada.edit(path, &body).await.refuses(pointer);
        }
        ada.edit(path, &serde_json::json!({"status": "completed"})).await.problem(400, "invalid_request");
        let many: String = (0..21).map(|n| format!("&label={n}")).collect();
        ada.send(ada.form(&format!("?max_tags=1{many}"), &[("a.txt", b"a")])).await.refuses("query:label");
        for (query, pointer) in [("from=yesterday", "query:from"), ("to=2027-02-30", "query:to"), ("facets=owner", "query:facets")] {
            ada.get(&format!("/api/v1/documents?{query}")).await.refuses(pointer);
        }
        let eve = mill.user().await;
        eve.edit(path, &change).await.problem(404, "not_found");
    }

    async fn facets_tell_how_everything_is_spread(mill: &Mill) {
        let ada = mill.user().await;
        ada.processed("a.txt", texts::LIGHTHOUSE.as_bytes()).await;
        ada.processed("b.md", texts::LIGHTHOUSE.as_bytes()).await;
        ada.processed("c.txt", texts::BAKERY.as_bytes()).await;
        let page = ada.get("/api/v1/documents?q=keeper&facets=kind,language&limit=1").await.status(200).json();
        assert_eq!(page["facets"]["counted"], 2);
        assert_eq!(page["facets"]["language"], serde_json::json!([{"value": "en", "count": 2}]));
        assert_eq!(page["facets"]["kind"].as_array().unwrap().len(), 2);
        assert_eq!(page["facets"].get("tag"), None);
        let list = ada.get("/api/v1/documents?facets=language").await.status(200).json();
        assert_eq!(list["facets"]["language"], serde_json::json!([{"value": "en", "count": 2}, {"value": "de", "count": 1}]));
    }

    async fn nobody_finds_documents_of_others(mill: &Mill) {
        let (ada, eve) = (mill.user().await, mill.user().await);
        ada.processed("lighthouse.txt", texts::LIGHTHOUSE.as_bytes()).await;
        assert_eq!(found(&ada, "lighthouse").await.len(), 1);
        assert_eq!(found(&eve, "lighthouse").await, Vec::<Value>::new());
    }

    async fn signs_of_query_languages_are_no_operators(mill: &Mill) {
        let ada = mill.user().await;
        ada.processed("lighthouse.txt", texts::LIGHTHOUSE.as_bytes()).await;
        for query in ["lighthouse'", "\"lighthouse", "lighthouse & ! | <->", "lighthouse*", "(lighthouse", "lighthouse:A"] {
            let request = ada.request(reqwest::Method::GET, "/api/v1/documents").query(&[("q", query)]);
            let _ = ada.send(request).await.status(200);
        }
        for query in ["'", "\"", "* - + ~", "\u{1}", "%", "🙂"] {
            assert_eq!(found(&ada, query).await, Vec::<Value>::new(), "{query:?}");
        }
        // Nothing but white space is no search.
        assert_eq!(found(&ada, "  ").await.len(), 1);
    }
}
