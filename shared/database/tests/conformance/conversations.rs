use database::conversations::{self, Author, Citation, NewAnswer, NewQuestion};
use database::users::User;
use database::{Database, MadeBy, audit, search, tasks};
use domain::{ConversationId, DocumentId};

use crate::support::{SECOND, a_result, a_user, a_worker, claim_one, new_job, on_both, start, submit};

fn question(user: &User, conversation: Option<ConversationId>, text: &str) -> NewQuestion {
    NewQuestion {
        user: user.id,
        conversation,
        text: text.to_owned(),
        language: Some("en".to_owned()),
        intent: "question",
        origin: audit::Origin::default(),
    }
}

async fn ask(db: &Database, user: &User, text: &str) -> ConversationId {
    conversations::ask(db, question(user, None, text), start())
        .await
        .unwrap()
        .unwrap()
}

fn citation() -> Citation {
    Citation {
        document_id: DocumentId::new().uuid(),
        file_name: "a.pdf".to_owned(),
        page: Some(3),
        start_byte: 10,
        end_byte: 20,
    }
}

fn an_answer(text: &str, citations: Vec<Citation>) -> NewAnswer {
    NewAnswer {
        text: text.to_owned(),
        citations,
        made_by: MadeBy::default(),
    }
}

async fn a_document(db: &Database, user: &User, text: &[&str]) -> DocumentId {
    let (_, ids) = submit(db, new_job(user, 1)).await;
    let worker = a_worker(db, start()).await;
    let claim = claim_one(db, &worker, ids[0], start()).await;
    tasks::complete(db, &claim, a_result("Title", text), start())
        .await
        .unwrap();
    claim.document
}

on_both! {
    async fn a_conversation_keeps_questions_and_answers_in_their_order(db: &TestDatabase) {
        let user = a_user(db).await;
        let id = ask(db, &user, "  What does\n it cost? ").await;
        let later = start() + SECOND;
        conversations::answer(db, user.id, id, an_answer("Ten euros.", vec![citation()]), later).await.unwrap().unwrap();
        let again = conversations::ask(db, question(&user, Some(id), "And then?"), later + SECOND).await.unwrap();
        assert_eq!(again, Some(id));
        let messages = conversations::messages(db, user.id, id, None, 10).await.unwrap();
        let said: Vec<_> = messages.iter().map(|message| (message.author, message.text.as_str())).collect();
        let asked = "  What does\n it cost? ";
        assert_eq!(said, [(Author::User, asked), (Author::Docmill, "Ten euros."), (Author::User, "And then?")]);
        assert_eq!(messages[0].language.as_deref(), Some("en"));
        assert_eq!(messages[0].intent.as_deref(), Some("question"));
        assert_eq!(messages[1].citations.len(), 1);
        let rest = conversations::messages(db, user.id, id, Some(messages[1].id), 10).await.unwrap();
        assert_eq!(rest.len(), 1);
        let conversation = conversations::find(db, user.id, id).await.unwrap().unwrap();
        assert_eq!(conversation.title, "What does it cost?");
        assert_eq!(conversation.updated_at, later + SECOND);
    }

    async fn conversations_are_listed_renamed_and_deleted_by_their_owner_only(db: &TestDatabase) {
        let (ada, eve) = (a_user(db).await, a_user(db).await);
        let first = ask(db, &ada, "first").await;
        let second = ask(db, &ada, "second").await;
        let ids = async |before| -> Vec<ConversationId> {
            let list = conversations::list(db, ada.id, before, 10).await.unwrap();
            list.into_iter().map(|conversation| conversation.id).collect()
        };
        assert_eq!(ids(None).await, [second, first]);
        assert_eq!(ids(Some(second)).await, [first]);
        let origin = audit::Origin::default;
        assert!(!conversations::rename(db, eve.id, first, "mine", origin(), start()).await.unwrap());
        assert!(conversations::rename(db, ada.id, first, "mine", origin(), start()).await.unwrap());
        assert_eq!(conversations::find(db, ada.id, first).await.unwrap().unwrap().title, "mine");
        assert_eq!(conversations::find(db, eve.id, first).await.unwrap(), None);
        assert!(conversations::messages(db, eve.id, first, None, 10).await.unwrap().is_empty());
        let other = conversations::ask(db, question(&eve, Some(first), "?"), start()).await.unwrap();
        assert_eq!(other, None);
        conversations::delete(db, eve.id, first, origin(), start()).await.unwrap();
        assert_eq!(ids(None).await.len(), 2);
        for _ in 0..2 {
            conversations::delete(db, ada.id, first, origin(), start()).await.unwrap();
            assert_eq!(ids(None).await, [second]);
        }
        let late = conversations::answer(db, ada.id, first, an_answer("late", Vec::new()), start()).await.unwrap();
        assert_eq!(late, None, "an answer to what was deleted goes nowhere");
    }

    async fn evidence_has_all_words_first_and_is_the_users_own(db: &TestDatabase) {
        let (ada, eve) = (a_user(db).await, a_user(db).await);
        let one = a_document(db, &ada, &["the crane is old", "the crane was inspected in spring"]).await;
        let two = a_document(db, &ada, &["nobody inspected the ladder"]).await;
        a_document(db, &eve, &["the crane was inspected by eve"]).await;
        let texts = async |documents: &[DocumentId], words: &str| -> Vec<String> {
            let found = search::evidence(db, ada.id, documents, words, 10).await.unwrap();
            found.into_iter().map(|evidence| evidence.text).collect()
        };
        let found = texts(&[], "crane inspect").await;
        assert_eq!(found[0], "the crane was inspected in spring");
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(texts(&[two], "crane inspect").await, ["nobody inspected the ladder"]);
        assert!(texts(&[], "regatta").await.is_empty());
        assert!(texts(&[], "'\" | !").await.is_empty());
        let beginnings = search::beginnings(db, ada.id, &[two, one], 2).await.unwrap();
        let texts: Vec<&str> = beginnings.iter().map(|evidence| evidence.text.as_str()).collect();
        assert_eq!(texts, ["nobody inspected the ladder", "the crane is old"]);
        assert!(search::beginnings(db, eve.id, &[one], 5).await.unwrap().is_empty());
    }
}
