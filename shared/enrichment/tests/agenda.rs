//! Todos, events and dates: how many are found rightly, and what they are found against.
#![allow(clippy::unwrap_used)]

#[path = "agenda/score.rs"]
mod score;

use chrono::{NaiveDate, NaiveDateTime};
use enrichment::{Agenda, Context, Priority, WRITER, extract_agenda, find_dates};

fn agenda(text: &str, language: &str) -> Agenda {
    let context = Context {
        reference: score::reference(),
        chat: false,
    };
    extract_agenda(text, Some(language), context)
}

fn starts(agenda: &Agenda) -> Vec<String> {
    agenda
        .events
        .iter()
        .map(|it| it.start.map(|start| start.to_string()).unwrap_or_default())
        .collect()
}

fn dues(agenda: &Agenda) -> Vec<String> {
    agenda
        .todos
        .iter()
        .map(|it| it.due.map(|due| due.to_string()).unwrap_or_default())
        .collect()
}

#[test]
fn todos_and_events_are_found_with_owner_date_and_priority() {
    for (name, set) in [("tuned", score::TUNED), ("held out", score::HELD_OUT)] {
        let report = score::judge(set);
        println!("{name}\n{}", report.table());
        for what in ["todo", "event"] {
            let total = report.total(what);
            assert!(
                total.f1() >= 0.9,
                "{name}, {what}: {total:?}, F1 {:.3}\n{:#?}",
                total.f1(),
                report.misses
            );
            assert!(
                total.right >= 20,
                "{name}, {what}: the set has become small: {total:?}"
            );
        }
    }
}

#[test]
fn a_todo_does_not_end_with_what_joins_it_to_the_next_clause() {
    let found = agenda(
        "Please apply for a new card by 30 June 2026; the old ones end then.\n",
        "en",
    );
    let text = found.todos.first().map(|todo| todo.text.as_str());
    assert_eq!(
        text,
        Some("Please apply for a new card by 30 June 2026"),
        "{found:?}"
    );
}

#[test]
fn dates_are_worked_out_in_every_form() {
    for (language, text, expected) in [
        ("en", "in 10 days", "2026-03-14"),
        ("en", "the day after tomorrow", "2026-03-06"),
        ("en", "on the 2nd", "2026-04-02"),
        ("en", "February 3rd", "2026-02-03"),
        ("en", "3 December", "2026-12-03"),
        ("en", "Jan 5", "2026-01-05"),
        ("en", "tonight at 9", "2026-03-04T21:00:00"),
        ("en", "Friday from 9.30 to 11 am", "2026-03-06T09:30:00"),
        ("en", "2026-03-12 at 15:00 CET", "2026-03-12T15:00:00+01:00"),
        ("en", "2026-03-12T15:00:00.250-05:00", "2026-03-12T15:00:00-05:00"),
        ("de", "in drei Wochen", "2026-03-25"),
        ("de", "heute Abend um acht", "2026-03-04T20:00:00"),
        ("de", "am 5. um 7 Uhr 30", "2026-03-05T07:30:00"),
        ("de", "Ende April", "2026-04-30"),
        ("de", "Mi, 11.3., 18 Uhr", "2026-03-11T18:00:00"),
        ("fr", "dans quinze jours", "2026-03-19"),
        ("fr", "vendredi prochain à 18h30", "2026-03-06T18:30:00"),
        ("fr", "le 1er mai", "2026-05-01"),
        ("fr", "après-demain à midi", "2026-03-06T12:00:00"),
        ("es", "dentro de dos semanas", "2026-03-18"),
        (
            "es",
            "el viernes que viene a las 7 de la tarde",
            "2026-03-06T19:00:00",
        ),
        ("es", "pasado mañana", "2026-03-06"),
        ("es", "el 7 de abril a mediodía", "2026-04-07T12:00:00"),
        ("xx", "2026-04-01", "2026-04-01"),
    ] {
        let found: Vec<String> = find_dates(text, language, score::reference())
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, [expected], "{language}: {text}");
    }
}

#[test]
fn what_only_looks_like_a_date_is_none() {
    for (language, text) in [
        ("en", "Version 12.3.4 costs 12.50 and weighs 3.2 kg"),
        ("en", "You may march on; the sun sat down."),
        ("en", "Chapter 12/3, section 4.1"),
        ("en", "call 555-1234 or 2026"),
        ("en", "99 March, 2026-13-40, 31 February"),
        ("de", "So ein Mist, do ut des, 12.3 Prozent"),
        ("fr", "Il y a trois chats sur le toit"),
        ("es", "Marta compra 3 kilos"),
    ] {
        assert_eq!(
            find_dates(text, language, score::reference()),
            [],
            "{language}: {text}"
        );
    }
}

#[test]
fn tomorrow_is_the_day_after_the_message_was_written() {
    let written_by_us = "Trip\n\n2026-05-11 20:15 · Ida <ida@example.org> → Tom\n\nI'll send the list tomorrow.\n\u{c}\
        Re: Trip\n\n2026-05-13 08:00 · Tom <tom@example.org> → Ida · cc Ben\n\nThanks, I'll print it tomorrow.\n\n\
        Ida wrote:\n> I'll send the list tomorrow.\n";
    let written_by_others = "Trip\n\nFrom: Ida <ida@example.org>\nDate: 2026-05-11 20:15 +02:00\n\nI'll send the list tomorrow.\n\u{c}\
        Re: Trip\n\nFrom: Tom <tom@example.org>\nDate: 2026-05-13 08:00 +02:00\n\nThanks, I'll print it tomorrow.\n\n\
        Ida wrote:\n> I'll send the list tomorrow.\n";
    for mails in [written_by_us, written_by_others] {
        the_mails_are_understood(mails);
    }

    let chat = "[2026-03-14 18:04] Nora: see you tomorrow at 10:30\n[2026-03-20 09:00] Sam: lunch tomorrow at noon\n";
    assert_eq!(
        starts(&agenda(chat, "en")),
        ["2026-03-15T10:30:00", "2026-03-21T12:00:00"]
    );

    let letter = "Mia Lang\nHamburg, 2. Juni 2026\n\nBitte schicken Sie uns morgen den Vertrag.\n";
    assert_eq!(dues(&agenda(letter, "de")), ["2026-06-03"]);
    assert_eq!(
        dues(&agenda("Bitte schicken Sie uns morgen den Vertrag.", "de")),
        ["2026-03-05"]
    );
}

fn the_mails_are_understood(mails: &str) {
    let found = agenda(mails, "en");
    assert_eq!(
        starts(&found),
        [] as [&str; 0],
        "that a message was sent is no event"
    );
    assert_eq!(
        dues(&found),
        ["2026-05-12", "2026-05-14"],
        "what is quoted was read before"
    );
    let owners: Vec<_> = found
        .todos
        .iter()
        .map(|todo| todo.owner.as_deref().unwrap())
        .collect();
    assert_eq!(owners, ["Ida", "Tom"]);
    assert_eq!(
        found
            .todos
            .iter()
            .map(|todo| todo.source.page)
            .collect::<Vec<_>>(),
        [1, 2]
    );
}

#[test]
fn who_speaks_is_not_who_has_to_act() {
    let text = "Nora: Sam, can you bring the trolley?\nSam: sure, I'll bring it tomorrow\n";
    let context = Context {
        reference: score::reference(),
        chat: true,
    };
    let chat = extract_agenda(text, Some("en"), context);
    let owners: Vec<_> = chat.todos.iter().map(|todo| todo.owner.as_deref()).collect();
    assert_eq!(owners, [Some("Sam"), Some("Sam")]);
    let promise = agenda("I'll bring it tomorrow.", "en");
    assert_eq!(promise.todos[0].owner.as_deref(), Some(WRITER));
}

#[test]
fn a_heading_gives_its_name_to_the_date_below_and_its_meaning_to_the_list() {
    let text = "# Harbour festival: planning meeting\n\nWednesday, 4 March 2026, 18:30, room 2\n\n## Next steps\n\n\
        - print posters\n- clean the van\n\n## Ideas\n\n- more lights\n";
    let found = agenda(text, "en");
    assert_eq!(found.events[0].title, "Harbour festival: planning meeting");
    let todos: Vec<_> = found.todos.iter().map(|todo| todo.text.as_str()).collect();
    assert_eq!(todos, ["print posters", "clean the van"]);
}

#[test]
fn lines_that_were_wrapped_are_one_sentence() {
    let text = "The fire brigade wants a plan of the escape routes, so please send the drawing to the\noffice by 20 March 2026 at the latest.\n";
    let found = agenda(text, "en");
    assert_eq!(dues(&found), ["2026-03-20"]);
    assert_eq!(found.todos[0].priority, Priority::Medium);
    assert!(!found.todos[0].source.quote.contains('\n'));
}

#[test]
fn the_place_of_a_todo_is_counted_in_characters() {
    let text = "Über alles – äöü.\n\u{c}Straße: nass.\n\n- [ ] Löcher füllen\n";
    let found = agenda(text, "de");
    let source = &found.todos[0].source;
    let there: String = text
        .chars()
        .skip(source.start as usize)
        .take((source.end - source.start) as usize)
        .collect();
    assert_eq!(
        (there.as_str(), source.quote.as_str(), source.page),
        ("Löcher füllen", "Löcher füllen", 2)
    );
}

#[test]
fn tables_logs_code_and_recurring_things_announce_nothing() {
    for (language, text) in [
        (
            "en",
            "2026-03-09T10:15:00 INFO started the server\n2026-03-09T10:15:01 INFO ready\n",
        ),
        ("en", "Name\tWhen\nAda\t2026-05-01 10:00\n"),
        (
            "en",
            "date\twhat\twho\tamount\n2026-05-02\tmarket, vegetables\tFelix\t37,45\n2026-05-28\tholiday box\tall\t€ 1,150.00\n",
        ),
        ("en", "```\n// TODO: free the buffer by Friday\n```\n"),
        (
            "en",
            "Choir practice every Monday at 7 pm. Yoga on Tuesdays at 6 pm.\n",
        ),
        ("en", "The museum is open Monday to Friday from 9 to 5.\n"),
        ("en", "Printed on 12 March 2026 at 10:15\n"),
        ("fr", "Nous ouvrons le mercredi de 17 h à 20 h.\n"),
        ("de", "Jeden Montag um 19 Uhr ist Probe.\n"),
        ("de", "Erstellt am 12.03.2026 um 10:15 Uhr\n"),
    ] {
        assert_eq!(agenda(text, language), Agenda::default(), "{text}");
    }
}

#[test]
fn a_table_of_events_may_say_what_they_cost() {
    let found = agenda(
        "what\twhen\tprice\nConcert\t2026-05-04 19:00\t12,50\nFlea market\t2026-05-09\t10\n",
        "en",
    );
    assert_eq!(starts(&found), ["2026-05-04T19:00:00", "2026-05-09"]);
}

#[test]
fn languages_without_rules_keep_boxes_and_dates_in_digits() {
    let found = agenda(
        "- [ ] kupić znaczki\n- [x] posprzątać\nmeeting 2026-05-04 10:00\n",
        "pl",
    );
    assert_eq!(found.todos.len(), 1);
    assert_eq!(starts(&found), ["2026-05-04T10:00:00"]);
}

#[test]
fn an_unknown_language_is_guessed_from_its_small_words() {
    let context = Context {
        reference: score::reference(),
        chat: false,
    };
    for text in [
        "Bitte bis Freitag antworten",
        "Please answer by Friday",
        "por favor responde antes del viernes",
    ] {
        assert_eq!(
            dues(&extract_agenda(text, None, context)),
            ["2026-03-06"],
            "{text}"
        );
    }
}

#[test]
fn the_same_text_always_has_the_same_agenda() {
    let text: String = score::TUNED
        .lines()
        .filter_map(|line| line.rsplit('\t').next())
        .collect::<Vec<_>>()
        .join("\n\n");
    let first = agenda(&text, "en");
    assert!(first.todos.len() > 10);
    assert_eq!(agenda(&text, "en"), first);
}

#[test]
fn hostile_texts_are_answered_with_bounded_work() {
    let texts = [
        "monday ".repeat(10_000),
        "1 ".repeat(30_000),
        "12.".repeat(20_000),
        "2026-".repeat(10_000),
        "please ".repeat(10_000),
        "[ ] ".repeat(10_000),
        "- [ ] a\n".repeat(10_000),
        "TODO: by friday\n".repeat(5_000),
        "meeting tomorrow at 10:00. ".repeat(30_000),
        "\u{c}".repeat(10_000),
        "@".repeat(50_000),
        "a.b.c.".repeat(10_000),
        "9".repeat(100_000),
        "ä-".repeat(30_000),
        "from ".repeat(20_000),
        "99999999-99-99T99:99:99+99:99 ".repeat(20_000),
        "in 99999999 years ".repeat(5_000),
        "on 31 december 9999 and 1 january 0001 ".repeat(10_000),
        "字".repeat(30_000),
        "From: a@b\nDate: 9999-99-99 99:99\n\n".repeat(20_000),
    ];
    for text in &texts {
        for language in ["en", "de", "fr", "es", "xx"] {
            let found = agenda(text, language);
            assert!(found.todos.len() <= 200 && found.events.len() <= 200);
        }
    }
    // The ends of the calendar are no reason to fail.
    for year in [-262_142, 1, 9_999, 262_141] {
        let reference: NaiveDateTime = NaiveDate::from_ymd_opt(year, 12, 31)
            .unwrap()
            .and_hms_opt(23, 0, 0)
            .unwrap();
        let context = Context {
            reference,
            chat: false,
        };
        for text in [
            "Please call next week",
            "meeting in 10000 weeks at noon",
            "by the end of the month",
            "on Monday",
            "in 3 hours",
        ] {
            let _ = extract_agenda(text, Some("en"), context);
        }
    }
}
