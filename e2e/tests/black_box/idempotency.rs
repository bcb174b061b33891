//! The same request sent again makes no second job.

use domain::JobId;
use e2e::{PATIENCE, eventually, texts};
use futures::future::join_all;

use crate::support::on_both;

const LIGHTHOUSE: [(&str, &[u8]); 1] = [("lighthouse.txt", texts::LIGHTHOUSE.as_bytes())];
const BAKERY: [(&str, &[u8]); 1] = [("lighthouse.txt", texts::BAKERY.as_bytes())];

on_both! {
    async fn the_same_request_is_answered_with_the_same_job(mill: &Mill) {
        let ada = mill.user().await;
        let key = format!("\"{}\"", JobId::new());
        let first = ada.send(ada.form("", &LIGHTHOUSE).header("idempotency-key", &key)).await.status(202);
        assert_eq!(first.header("idempotency-replayed"), None);
        let job = ada.ended(&first.json()).await;

        // With or without quotes it is the same key.
        for key in [key.as_str(), key.trim_matches('"')] {
            let again = ada.send(ada.form("", &LIGHTHOUSE).header("idempotency-key", key)).await.status(202);
            assert_eq!(again.header("idempotency-replayed"), Some("true"));
            assert_eq!(again.header("location"), first.header("location"));
            assert_eq!(again.json()["id"], job["id"]);
        }
        assert_eq!(ada.jobs().await.len(), 1);
        let once = async || mill.objects_of(ada.user_id()).await.len() == 2;
        eventually("what was sent again is not kept", PATIENCE, once).await;

        // A key belongs to one account.
        let eve = mill.user().await;
        let other = eve.send(eve.form("", &LIGHTHOUSE).header("idempotency-key", &key)).await.status(202);
        assert_ne!(other.json()["id"], job["id"]);
    }

    async fn a_key_is_for_one_request_only(mill: &Mill) {
        let ada = mill.user().await;
        let job = ada.send(ada.form("", &LIGHTHOUSE).header("idempotency-key", "upload-1")).await.status(202).json();
        ada.ended(&job).await;
        let renamed = [("other.txt", LIGHTHOUSE[0].1)];
        let more = [LIGHTHOUSE[0], BAKERY[0]];
        for (query, files) in [("", &BAKERY[..]), ("", &renamed[..]), ("", &more[..]), ("?max_tags=1", &LIGHTHOUSE[..])] {
            let other = ada.form(query, files).header("idempotency-key", "upload-1");
            ada.send(other).await.problem(422, "idempotency_key_reused");
        }
        assert_eq!(ada.jobs().await.len(), 1);
        let once = async || mill.objects_of(ada.user_id()).await.len() == 2;
        eventually("what was refused is not kept", PATIENCE, once).await;
    }

    async fn fifty_at_once_make_one_job(mill: &Mill) {
        let ada = mill.user().await;
        let uploads = (0..50).map(|_| ada.send(ada.form("", &LIGHTHOUSE).header("idempotency-key", "at-once")));
        let answers = join_all(uploads).await;
        let first = answers[0].json();
        for answer in &answers {
            assert_eq!((answer.status, &answer.json()["id"]), (202, &first["id"]), "{}", answer.text());
        }
        let fresh = answers.iter().filter(|answer| answer.header("idempotency-replayed").is_none()).count();
        assert_eq!(fresh, 1);
        assert_eq!(ada.jobs().await.len(), 1);
        assert_eq!(ada.ended(&first).await["status"], "completed");
        let once = async || mill.objects_of(ada.user_id()).await.len() == 2;
        eventually("the others are not kept", PATIENCE, once).await;
    }

    async fn a_key_must_have_a_form(mill: &Mill) {
        let ada = mill.user().await;
        let long = "k".repeat(256);
        for key in ["", "\"\"", "\"open", "two words", &long] {
            let upload = ada.form("", &LIGHTHOUSE).header("idempotency-key", key);
            ada.send(upload).await.refuses("header:Idempotency-Key");
        }
    }
}
