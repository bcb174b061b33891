//! Prints what each text costs, in microseconds of one thread, and its tags:
//! `cargo run --release -p docmill-enrichment --example measure -- text …`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use enrichment::{Context, Languages, detect_language, detect_languages, extract_agenda, find_tags};

/// The fastest of many runs: the others were held up by something else.
fn microseconds(mut work: impl FnMut()) -> f64 {
    let mut best = Duration::MAX;
    for _ in 0..30 {
        let started = Instant::now();
        work();
        best = best.min(started.elapsed());
    }
    best.as_secs_f64() * 1e6
}

fn main() {
    println!("file\tbytes\tlanguage\tmain language µs\tlanguages µs\ttags µs\ttodos and events µs\ttags");
    for path in std::env::args().skip(1) {
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        let languages: Languages = detect_languages(&text);
        let main = languages.main.as_ref().map(|language| language.code.clone());
        let reference = chrono::NaiveDate::from_ymd_opt(2026, 3, 4)
            .unwrap()
            .and_time(chrono::NaiveTime::MIN);
        let context = Context {
            reference,
            chat: false,
        };
        let tags: Vec<String> = find_tags(&text, &languages, &[], &[], 10)
            .into_iter()
            .map(|tag| tag.value)
            .collect();
        let costs = [
            microseconds(|| drop(detect_language(&text))),
            microseconds(|| drop(detect_languages(&text))),
            microseconds(|| drop(find_tags(&text, &languages, &[], &[], 10))),
            microseconds(|| drop(extract_agenda(&text, main.as_deref(), context))),
        ];
        let costs: Vec<String> = costs.iter().map(|cost| format!("{cost:.0}")).collect();
        println!(
            "{path}\t{}\t{}\t{}\t{}",
            text.len(),
            main.as_deref().unwrap_or("unknown"),
            costs.join("\t"),
            tags.join("|")
        );
    }
}
