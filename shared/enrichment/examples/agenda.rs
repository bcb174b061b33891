//! Prints how well todos, events and dates are found in the lines of the tests, and in files of date phrases:
//! `cargo run --release -p docmill-enrichment --example agenda -- [dates.tsv …] [text …]`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

#[path = "../tests/agenda/score.rs"]
mod score;

fn main() {
    for (name, set) in [("tuned", score::TUNED), ("held out", score::HELD_OUT)] {
        println!("== {name}");
        let report = score::judge(set);
        // Whoever reads what was missed of the lines held out writes the rules for them.
        for line in report.misses.iter().filter(|_| name == "tuned") {
            println!("   {line}");
        }
        println!("{}", report.table());
    }
    for path in std::env::args().skip(1) {
        let content = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        if path.ends_with(".tsv") {
            println!("== {path}\n{}", score::dates(&content));
        } else {
            println!("== {path}");
            show(&content);
        }
    }
}

/// Everything that is found in one text.
fn show(text: &str) {
    let language = enrichment::detect_language(text).map(|language| language.code);
    let context = enrichment::Context {
        reference: score::reference(),
        chat: text.starts_with("[20"),
    };
    let agenda = enrichment::extract_agenda(text, language.as_deref(), context);
    for todo in agenda.todos {
        println!(
            "todo   {:?} {:?} {:?} {:?}",
            todo.due.map(|due| (due.date, due.time)),
            todo.owner,
            todo.priority,
            todo.text
        );
    }
    for event in agenda.events {
        println!(
            "event  {:?} – {:?} {:?}",
            event.start.map(|it| (it.date, it.time)),
            event.end.map(|it| (it.date, it.time)),
            event.title
        );
    }
}
