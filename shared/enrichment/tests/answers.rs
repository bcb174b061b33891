//! What questions get for answers.
#![allow(missing_docs, clippy::unwrap_used)]

use enrichment::{Intent, Question, answer};

const CONTRACT: &str = "Framework agreement between Nordlicht GmbH and the Harbour Office.\n\
    The annual fee is 48,000 euros and is due on the first of March. Either side may end the agreement with a notice of \
    three months. The agreement was signed by Ada Brown in Hamburg.\n\nLiability\nNordlicht is liable for damage up to \
    one million euros.";
const MINUTES: &str = "Minutes of the meeting of 3 June.\n- Ben repairs the crane before the inspection\n\
    - The crane was inspected last year by the harbour office";

fn first(question: &str, passages: &[&str]) -> String {
    let question = Question::read(question);
    let claims = answer(&question, passages, 5);
    let claim = claims
        .first()
        .unwrap_or_else(|| panic!("{question:?} has no answer"));
    passages[claim.passage][claim.range.clone()].to_owned()
}

#[test]
fn a_question_is_answered_by_the_sentence_that_says_it() {
    let passages = [MINUTES, CONTRACT];
    for (question, part) in [
        ("How much is the annual fee?", "48,000 euros"),
        ("Who signed the agreement?", "signed by Ada Brown"),
        ("Who repairs the crane?", "Ben repairs"),
        ("What is the notice for ending it?", "three months"),
        ("What about liability?", "one million euros"),
    ] {
        let sentence = first(question, &passages);
        assert!(sentence.contains(part), "{question} {sentence}");
        assert!(sentence.len() < 160, "more than was asked for: {sentence}");
    }
}

#[test]
fn words_that_are_no_topics_are_asked_for_all_the_same_and_page_numbers_answer_nothing() {
    let passages = [
        "The stocktaking takes place from 3 to 7 August; the library is closed in that week.\n\nVillage library, page 3",
        "The library is open on Tuesdays and Thursdays from 15:00 to 19:00.\n\nVillage library, page 1",
        "Books are lent for three weeks. A lost library card costs 2 euros.\n\nVillage library, page 2",
    ];
    assert!(first("When is the library open?", &passages).contains("from 15:00 to 19:00"));
    assert!(first("What does a lost card cost?", &passages).contains("2 euros"));
    for claim in answer(&Question::read("Which library is it?"), &passages, 10) {
        let text = &passages[claim.passage][claim.range];
        assert!(!text.contains("page"), "{text}");
    }
}

#[test]
fn a_heading_is_answered_by_what_follows_and_a_short_message_by_itself() {
    let rules = "Lending\n\nEvery member may borrow eight items. Films go back after a week.";
    assert_eq!(
        first("What about lending?", &[rules]),
        "Lending\n\nEvery member may borrow eight items."
    );
    let chat = "[2026-05-12 09:41] Ben: I have one. Remind me on Friday please\n\
                [2026-05-12 12:03] Mrs Okafor: Somebody must move the cars by noon.";
    assert_eq!(first("What is on Friday?", &[chat]), "Remind me on Friday please");
    let rows = "food\tmarket\tFelix\t37,45\ntransport\ttrain ticket\tSam\t58,00\nhome\tlamp\tNora\t19,90";
    assert_eq!(
        first("Who paid for transport?", &[rows]),
        "transport\ttrain ticket\tSam\t58,00"
    );
}

#[test]
fn forms_of_a_word_count_as_the_word() {
    let german = "Die Rechnungen werden im März bezahlt. Der Vertrag endet im Juni.";
    assert!(first("Wann ist die Rechnung zu bezahlen?", &[german]).starts_with("Die Rechnungen"));
    let french = "Les factures sont payées en mars. Le contrat finit en juin.";
    assert!(first("Quand la facture est-elle payée ?", &[french]).starts_with("Les factures"));
    let spanish = "Las facturas se pagan en marzo. El contrato termina en junio.";
    assert!(first("¿Cuándo se paga la factura?", &[spanish]).starts_with("Las facturas"));
}

#[test]
fn a_claim_is_a_piece_of_its_passage_and_nothing_comes_twice() {
    let passages = [CONTRACT, CONTRACT, MINUTES];
    let claims = answer(&Question::read("agreement harbour crane"), &passages, 10);
    assert!(claims.len() > 2);
    let texts: Vec<&str> = claims
        .iter()
        .map(|claim| &passages[claim.passage][claim.range.clone()])
        .collect();
    let mut different = texts.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), texts.len());
    assert!(claims.is_sorted_by(|a, b| a.score >= b.score));
}

#[test]
fn what_no_document_says_has_no_answer() {
    assert!(answer(&Question::read("Who won the regatta?"), &[CONTRACT, MINUTES], 5).is_empty());
    assert!(answer(&Question::read("?"), &[CONTRACT], 5).is_empty());
    assert!(answer(&Question::read("crane"), &[], 5).is_empty());
}

#[test]
fn a_summary_goes_through_the_text_in_its_order() {
    let question = Question::read("Please summarise the contract");
    assert_eq!(question.intent(), Intent::Summary);
    let claims = answer(&question, &[CONTRACT, MINUTES], 3);
    assert_eq!(claims.len(), 3);
    assert!(claims.is_sorted_by_key(|claim| (claim.passage, claim.range.start)));
}

#[test]
fn rubbish_is_no_reason_to_stop() {
    let rubbish = [
        "\u{0}\u{feff}....!!!",
        "字".repeat(3000).as_str().to_owned().leak() as &str,
        "\n\n\n",
        "🦀🦀. 🦀",
    ];
    for question in ["", "🦀", "字字", "summary", "\u{202e}who"] {
        for claim in answer(&Question::read(question), &rubbish, 5) {
            assert!(rubbish[claim.passage].is_char_boundary(claim.range.start));
            assert!(rubbish[claim.passage].is_char_boundary(claim.range.end));
        }
    }
}
