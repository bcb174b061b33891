//! Prints how well todos, events and dates are found in the lines of the tests, and in files of date phrases:
//! `cargo run --release -p docmill-enrichment --example agenda -- [dates.tsv …]`.
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
        println!("== {path}\n{}", score::dates(&std::fs::read_to_string(&path).unwrap()));
    }
}
