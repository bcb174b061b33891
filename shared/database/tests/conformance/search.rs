use database::documents::DocumentFilter;
use database::users::User;
use database::{Database, audit, documents, search, tasks};
use domain::{DocumentId, DocumentKind};

use crate::support::{a_result, a_user, a_worker, claim_one, new_job, on_both, start, submit};

async fn a_document(db: &Database, user: &User, title: &str, text: &[&str]) -> DocumentId {
    let (_, ids) = submit(db, new_job(user, 1)).await;
    let worker = a_worker(db, start()).await;
    let claim = claim_one(db, &worker, ids[0], start()).await;
    tasks::complete(db, &claim, a_result(title, text), start())
        .await
        .unwrap();
    claim.document
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
        assert!(found(db, &user, "apples rain").await.is_empty(), "words of different passages");
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

    async fn passages_come_back_in_order(db: &TestDatabase) {
        let user = a_user(db).await;
        let id = a_document(db, &user, "t", &["one", "two", "three"]).await;
        let texts: Vec<_> = search::passages(db, id).await.unwrap().into_iter().map(|passage| passage.text).collect();
        assert_eq!(texts, ["one", "two", "three"]);
    }
}
