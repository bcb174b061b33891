//! What models took and said, and questions that are answered later.

use database::conversations::{self, NewAnswer, NewQuestion};
use database::jobs::{self, Cancelled, Job};
use database::spending::{self, Budgets, Reserved, Spent};
use database::tasks::{self, Answered, Ask, Asked, Closed, QuestionClaim, Reason, Retried};
use database::users::User;
use database::workers::Worker;
use database::{Database, MadeBy, audit, queues};
use domain::{ConversationId, JobId, JobStatus, Month, QueueName, ReasonCode, TaskId};
use serde_json::json;

use crate::support::{HOUR, SECOND, a_result, a_user, a_worker, claim_one, new_job, on_both, start, submit};

const TOOK: Spent = Spent {
    calls: 1,
    input_tokens: 1_000,
    output_tokens: 100,
    cost: 40_000,
};

async fn reserve(
    db: &Database,
    user: &User,
    job: Option<JobId>,
    cost: i64,
    budgets: Budgets,
) -> Option<Reserved> {
    spending::reserve(db, user.id, job, cost, budgets, start())
        .await
        .unwrap()
}

async fn spent(db: &Database, user: &User) -> Spent {
    spending::of_account(db, user.id, Month::of(start()))
        .await
        .unwrap()
}

async fn find(db: &Database, user: &User, job: JobId) -> Job {
    jobs::find(db, user.id, job).await.unwrap().unwrap()
}

fn question(user: &User, conversation: Option<ConversationId>) -> Ask {
    Ask {
        job: JobId::new(),
        question: NewQuestion {
            user: user.id,
            conversation,
            text: "How much is the rent?".to_owned(),
            language: Some("en".to_owned()),
            intent: "question",
            origin: audit::Origin::default(),
        },
        documents: Vec::new(),
        idempotency: None,
        deadline_at: start() + HOUR,
        trace_parent: None,
    }
}

async fn asked(db: &Database, user: &User) -> Job {
    match tasks::ask(db, question(user, None), start()).await.unwrap() {
        Asked::Accepted(job) => {
            assert_eq!(find(db, user, job.id).await, *job, "told and stored differ");
            *job
        }
        other => panic!("expected the question to be accepted, got {other:?}"),
    }
}

async fn due(db: &Database) -> Vec<TaskId> {
    tasks::take_due(db, QueueName::Questions, start(), 10)
        .await
        .unwrap()
}

async fn claimed(db: &Database, worker: &Worker) -> QuestionClaim {
    let ids = due(db).await;
    tasks::claim_questions(db, worker.id, &ids, start())
        .await
        .unwrap()
        .remove(0)
}

fn an_answer() -> NewAnswer {
    NewAnswer {
        text: "1,250 euros.".to_owned(),
        citations: Vec::new(),
        made_by: MadeBy {
            provider: "mistral".to_owned(),
            model: Some("small".to_owned()),
            fallback_reason: None,
        },
    }
}

on_both! {
    async fn a_call_is_counted_before_it_is_made_and_corrected_after_it(db: &TestDatabase) {
        let user = a_user(db).await;
        let (job, _) = submit(db, new_job(&user, 1)).await;
        let before = find(db, &user, job).await;
        let reserved = reserve(db, &user, Some(job), 500_000, Budgets::default()).await.unwrap();
        assert_eq!(spent(db, &user).await, Spent { calls: 1, cost: 500_000, ..Spent::default() });
        let during = find(db, &user, job).await;
        spending::settle(db, reserved, TOOK).await.unwrap();
        let after = find(db, &user, job).await;
        assert_eq!((spent(db, &user).await, after.spent), (TOOK, Some(TOOK)));
        assert!(before.revision() != during.revision() && during.revision() != after.revision());
        // A call that was not made takes nothing.
        let reserved = reserve(db, &user, None, 7, Budgets::default()).await.unwrap();
        spending::settle(db, reserved, Spent::default()).await.unwrap();
        assert_eq!(spent(db, &user).await, TOOK);
    }

    async fn no_more_is_given_out_than_there_is_however_many_ask_at_once(db: &TestDatabase) {
        let (user, other) = (a_user(db).await, a_user(db).await);
        let (job, _) = submit(db, new_job(&user, 1)).await;
        let budgets = Budgets { job: Some(300), month: Some(1_000) };
        let ask = |_| reserve(db, &user, Some(job), 100, budgets);
        let given = futures::future::join_all((0..8).map(ask)).await;
        assert_eq!(given.iter().flatten().count(), 3, "by the job");
        let ask = |_| reserve(db, &user, None, 100, budgets);
        let given = futures::future::join_all((0..12).map(ask)).await;
        assert_eq!(given.iter().flatten().count(), 7, "by the account");
        assert_eq!(spent(db, &user).await.cost, 1_000);
        assert_eq!(find(db, &user, job).await.spent.unwrap().cost, 300, "what was refused leaves nothing");
        // The last of it may be used up, and one call may be too much by itself.
        assert!(reserve(db, &other, None, 1_001, budgets).await.is_none());
        assert!(reserve(db, &other, None, 1_000, budgets).await.is_some());
        assert!(reserve(db, &other, None, 1, budgets).await.is_none());
        // Next month there is more.
        let later = spending::reserve(db, other.id, None, 1, budgets, start() + 40 * 24 * HOUR).await.unwrap();
        assert!(later.is_some());
    }

    async fn what_a_job_took_goes_with_it_and_what_an_account_took_stays(db: &TestDatabase) {
        let user = a_user(db).await;
        let (job, _) = submit(db, new_job(&user, 1)).await;
        let reserved = reserve(db, &user, Some(job), 100, Budgets::default()).await.unwrap();
        jobs::delete(db, user.id, job, audit::Origin::default(), start()).await.unwrap();
        spending::settle(db, reserved, TOOK).await.unwrap();
        assert_eq!(spent(db, &user).await, TOOK);
        let left = db.names("SELECT CAST(calls AS text) FROM model_spending_of_jobs").await;
        assert_eq!(left, [""; 0]);
        assert!(reserve(db, &user, Some(job), 100, Budgets::default()).await.is_none(), "nobody pays for a job that is gone");
    }

    async fn what_a_model_said_is_there_for_the_next_attempt_and_gone_with_the_task(db: &TestDatabase) {
        let user = a_user(db).await;
        let (job, ids) = submit(db, new_job(&user, 1)).await;
        let (first, second) = (a_worker(db, start()).await, a_worker(db, start()).await);
        let claim = claim_one(db, &first, ids[0], start()).await;
        assert_eq!(claim.payload.findings, None);
        let said = json!({"summary": "It is about \"apples\"."});
        let reserved = reserve(db, &user, Some(job), 100, Budgets::default()).await.unwrap();
        let kept = tasks::remember(db, &claim, said.clone(), reserved, TOOK).await.unwrap();
        assert_eq!((kept, find(db, &user, job).await.spent), (Closed::Won, Some(TOOK)));
        tasks::give_back(db, first.id, start()).await.unwrap();
        let again = claim_one(db, &second, ids[0], start()).await;
        assert_eq!(again.payload.findings, Some(said.clone()));
        // The run that was given back has lost; what it paid is counted all the same.
        let reserved = reserve(db, &user, Some(job), 100, Budgets::default()).await.unwrap();
        let late = tasks::remember(db, &claim, json!("late"), reserved, TOOK).await.unwrap();
        assert_eq!((late, spent(db, &user).await.calls), (Closed::Lost, 2));
        assert!(!db.payloads().await[0].contains("late"));
        assert_eq!(tasks::complete(db, &again, a_result("Title", &["text"]), start()).await.unwrap(), Closed::Won);
        assert!(!db.payloads().await[0].contains("apples"), "it goes when the task ends");
    }

    async fn what_a_model_said_goes_however_its_task_ends(db: &TestDatabase) {
        let user = a_user(db).await;
        let worker = a_worker(db, start()).await;
        for end in ["cancel", "reject", "expire"] {
            let (job, ids) = submit(db, new_job(&user, 1)).await;
            let claim = claim_one(db, &worker, ids[0], start()).await;
            let reserved = reserve(db, &user, Some(job), 100, Budgets::default()).await.unwrap();
            tasks::remember(db, &claim, json!("apples"), reserved, TOOK).await.unwrap();
            match end {
                "cancel" => {
                    let _ = jobs::cancel(db, user.id, job, audit::Origin::default(), start()).await.unwrap();
                }
                "reject" => {
                    let reason = Reason::of(ReasonCode::Unreadable);
                    assert_eq!(tasks::reject(db, &claim, &reason, start()).await.unwrap(), Closed::Won);
                }
                _ => assert_eq!(tasks::expire(db, start() + HOUR, 10).await.unwrap(), 1),
            }
            assert!(!db.payloads().await.concat().contains("apples"), "{end}");
        }
    }

    async fn what_a_model_answered_is_there_for_the_next_attempt_and_gone_with_the_task(db: &TestDatabase) {
        let user = a_user(db).await;
        let (first, second) = (a_worker(db, start()).await, a_worker(db, start()).await);
        let job = asked(db, &user).await;
        let claim = claimed(db, &first).await;
        assert_eq!(claim.payload.findings, None);
        let said = serde_json::to_value(an_answer()).unwrap();
        let reserved = reserve(db, &user, Some(job.id), 100, Budgets::default()).await.unwrap();
        let kept = tasks::remember(db, &claim, said.clone(), reserved, TOOK).await.unwrap();
        assert_eq!((kept, find(db, &user, job.id).await.spent), (Closed::Won, Some(TOOK)));
        tasks::give_back(db, first.id, start()).await.unwrap();
        let again = claimed(db, &second).await;
        assert_eq!(again.payload.findings, Some(said.clone()));
        assert_eq!(serde_json::from_value::<NewAnswer>(said).unwrap(), an_answer());
        let reserved = reserve(db, &user, Some(job.id), 100, Budgets::default()).await.unwrap();
        let late = tasks::remember(db, &claim, json!("late"), reserved, TOOK).await.unwrap();
        assert_eq!((late, spent(db, &user).await.calls), (Closed::Lost, 2), "what it paid is counted all the same");
        assert!(!db.payloads().await[0].contains("late"));
        assert_eq!(tasks::complete_question(db, &again, an_answer(), start()).await.unwrap(), Answered::Won);
        assert!(!db.payloads().await[0].contains("1,250"), "it goes when the task ends");
    }

    async fn the_same_question_with_the_same_key_is_one_job(db: &TestDatabase) {
        let user = a_user(db).await;
        let with = |key: &str, fingerprint| Ask { idempotency: Some((key.to_owned(), fingerprint)), ..question(&user, None) };
        let Asked::Accepted(job) = tasks::ask(db, with("key-1", [1; 32]), start()).await.unwrap() else { panic!("not accepted") };
        assert_eq!(tasks::ask(db, with("key-1", [1; 32]), start()).await.unwrap(), Asked::Replayed(job.id));
        assert_eq!(tasks::ask(db, with("key-1", [2; 32]), start()).await.unwrap(), Asked::KeyReused);
        let at_once = futures::future::join_all((0..4).map(|_| tasks::ask(db, with("key-2", [1; 32]), start()))).await;
        let accepted = at_once.iter().filter(|it| matches!(it, Ok(Asked::Accepted(_)))).count();
        let replayed = at_once.iter().filter(|it| matches!(it, Ok(Asked::Replayed(_)))).count();
        assert_eq!((accepted, replayed), (1, 3));
        assert_eq!(conversations::list(db, user.id, None, 10).await.unwrap().len(), 2, "what was refused began none");
        // A key belongs to one account, and after a day to nobody.
        let other = a_user(db).await;
        let theirs = Ask { idempotency: Some(("key-1".to_owned(), [1; 32])), ..question(&other, None) };
        assert!(matches!(tasks::ask(db, theirs, start()).await.unwrap(), Asked::Accepted(_)));
        assert_eq!(jobs::forget_idempotency_keys(db, start() + HOUR, 10).await.unwrap(), 3);
        assert!(matches!(tasks::ask(db, with("key-1", [2; 32]), start()).await.unwrap(), Asked::Accepted(_)));
    }

    async fn a_question_is_a_job_that_ends_with_a_message(db: &TestDatabase) {
        let user = a_user(db).await;
        let worker = a_worker(db, start()).await;
        let job = asked(db, &user).await;
        let of = job.question.unwrap();
        let claim = claimed(db, &worker).await;
        assert_eq!((claim.job, claim.payload.question.as_str()), (job.id, "How much is the rent?"));
        assert_eq!(find(db, &user, job.id).await.status, JobStatus::Processing);
        let answered = tasks::complete_question(db, &claim, an_answer(), start() + SECOND).await.unwrap();
        assert_eq!(answered, Answered::Won);
        assert!(tasks::is_complete(db, &claim).await.unwrap());
        let job = find(db, &user, job.id).await;
        assert_eq!((job.status, job.completed, job.total), (JobStatus::Completed, 1, 1));
        let messages = conversations::messages(db, user.id, of.conversation, None, 10).await.unwrap();
        assert_eq!((messages.len(), messages[1].id), (2, of.message));
        assert_eq!(messages[1].made_by, Some(an_answer().made_by));
        // Once.
        let again = tasks::complete_question(db, &claim, an_answer(), start() + SECOND).await.unwrap();
        assert_eq!(again, Answered::Lost);
        assert_eq!(conversations::messages(db, user.id, of.conversation, None, 10).await.unwrap().len(), 2);
        // Another question, in the same conversation or in nobody's.
        let more = tasks::ask(db, question(&user, Some(of.conversation)), start()).await.unwrap();
        assert!(matches!(more, Asked::Accepted(_)));
        let eve = a_user(db).await;
        let refused = tasks::ask(db, question(&eve, Some(of.conversation)), start()).await.unwrap();
        assert_eq!(refused, Asked::NoSuchConversation);
        assert_eq!(jobs::list(db, eve.id, &jobs::JobFilter::default(), 10).await.unwrap(), []);
    }

    async fn questions_and_documents_are_claimed_by_those_who_do_them(db: &TestDatabase) {
        let user = a_user(db).await;
        let worker = a_worker(db, start()).await;
        asked(db, &user).await;
        let question = due(db).await;
        let (_, document) = submit(db, new_job(&user, 1)).await;
        assert!(tasks::claim(db, worker.id, &question, start()).await.unwrap().is_empty());
        assert!(tasks::claim_questions(db, worker.id, &document, start()).await.unwrap().is_empty());
        // Whoever got it wrong has set it aside for those who know, and the scheduler finds these.
        tasks::release_known(db, QueueName::Questions, start()).await.unwrap();
        assert_eq!(due(db).await, question);
    }

    async fn a_question_fails_is_tried_again_cancelled_expired_and_lost_like_a_document(db: &TestDatabase) {
        let user = a_user(db).await;
        let worker = a_worker(db, start()).await;
        let reason = Reason::of(ReasonCode::DatabaseUnavailable);

        let job = asked(db, &user).await;
        let claim = claimed(db, &worker).await;
        assert_eq!(tasks::retry(db, &claim, start(), &reason, start()).await.unwrap(), Retried::Queued);
        let claim = claimed(db, &worker).await;
        let gone = Reason::of(ReasonCode::ConversationDeleted);
        assert_eq!(tasks::reject(db, &claim, &gone, start()).await.unwrap(), Closed::Won);
        let failed = find(db, &user, job.id).await;
        assert_eq!((failed.status, failed.failed, failed.attempt), (JobStatus::Failed, 1, 2));
        assert_eq!(failed.error.unwrap().0, "conversation_deleted");

        let job = asked(db, &user).await;
        let claim = claimed(db, &worker).await;
        let cancelled = jobs::cancel(db, user.id, job.id, audit::Origin::default(), start()).await.unwrap();
        assert_eq!(cancelled, Cancelled::Now(Vec::new()));
        let answered = tasks::complete_question(db, &claim, an_answer(), start()).await.unwrap();
        assert_eq!(answered, Answered::Lost, "a cancelled question is not answered");
        let job = find(db, &user, job.id).await;
        assert_eq!((job.status, job.cancelled), (JobStatus::Cancelled, 1));

        let job = asked(db, &user).await;
        assert_eq!(tasks::expire(db, start() + HOUR, 10).await.unwrap(), 1);
        let job = find(db, &user, job.id).await;
        assert_eq!((job.status, job.error.unwrap().0.as_str()), (JobStatus::Expired, "deadline"));

        let job = asked(db, &user).await;
        let claim = claimed(db, &worker).await;
        conversations::delete(db, user.id, job.question.unwrap().conversation, audit::Origin::default(), start()).await.unwrap();
        let answered = tasks::complete_question(db, &claim, an_answer(), start()).await.unwrap();
        assert_eq!(answered, Answered::NoConversation);
        assert_eq!(find(db, &user, job.id).await.status, JobStatus::Processing, "nothing changed");
        jobs::delete(db, user.id, job.id, audit::Origin::default(), start()).await.unwrap();
        let left = db.names("SELECT CAST(state AS text) FROM tasks WHERE kind = 'answer_question' AND state = 'running'").await;
        assert_eq!(left, [""; 0]);
    }

    async fn an_operator_puts_a_question_back_that_was_given_up(db: &TestDatabase) {
        let user = a_user(db).await;
        let worker = a_worker(db, start()).await;
        let job = asked(db, &user).await;
        let claim = claimed(db, &worker).await;
        let reason = Reason::of(ReasonCode::Internal);
        assert_eq!(tasks::reject(db, &claim, &reason, start()).await.unwrap(), Closed::Won);
        tasks::requeue(db, claim.task, tasks::Operator::default(), start()).await.unwrap();
        assert_eq!(find(db, &user, job.id).await.status, JobStatus::Pending);
        let claim = claimed(db, &worker).await;
        let answered = tasks::complete_question(db, &claim, an_answer(), start()).await.unwrap();
        assert_eq!(answered, Answered::Won);
        assert_eq!(find(db, &user, job.id).await.status, JobStatus::Completed);
    }

    async fn questions_have_a_queue_of_their_own_that_can_be_paused(db: &TestDatabase) {
        let user = a_user(db).await;
        let worker = a_worker(db, start()).await;
        asked(db, &user).await;
        let ids = due(db).await;
        queues::pause(db, QueueName::Questions, tasks::Operator::default(), start()).await.unwrap();
        assert!(tasks::claim_questions(db, worker.id, &ids, start()).await.unwrap().is_empty());
        queues::resume(db, QueueName::Questions, tasks::Operator::default(), start()).await.unwrap();
        let claim = claimed(db, &worker).await;
        assert_eq!(claim.attempt, 1);
    }
}
