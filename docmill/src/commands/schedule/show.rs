//! Schedules and runs as lines of text.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use database::Database;
use database::schedules::{self, Run, Schedule};
use domain::schedules::Plan;
use serde_json::Value;

use super::SHOWN_MAX;
use crate::commands::Done;
use crate::output::say;

/// Times ahead that are shown.
const UPCOMING: usize = 5;

pub(super) async fn list(db: &Database) -> Done {
    let all = schedules::list(db, 0, SHOWN_MAX).await?;
    let ids: Vec<_> = all.iter().map(|schedule| schedule.id).collect();
    let last = schedules::latest_runs(db, &ids).await?;
    for schedule in &all {
        let run = last.iter().find(|run| run.schedule == schedule.id);
        let next = schedule
            .next_at
            .map_or_else(|| "paused".to_owned(), |next| format!("next {}", time(next)));
        let last = run.map_or_else(|| "never run".to_owned(), |run| format!("last {}", run.state));
        say!(
            "{:24}  {:32}  {next:25}  {last}",
            schedule.name,
            when(&schedule.plan)
        );
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn one(db: &Database, schedule: &Schedule) -> Done {
    let plan = &schedule.plan;
    say!("name      {}", schedule.name);
    say!("work      {}", plan.work);
    say!("options   {}", plan.options);
    say!("when      {}", when(plan));
    say!("missed    {}", plan.missed);
    say!("overlap   {}", plan.overlap);
    say!("retries   {}", plan.retries);
    if schedule.built_in {
        say!("built in  yes");
    }
    match (schedule.paused_at, schedule.next_at) {
        (Some(since), _) => say!("paused    since {}", time(since)),
        (None, Some(first)) => {
            say!("next      {}", time(first));
            if let Ok(timetable) = plan.timetable() {
                for slot in timetable.upcoming(first, UPCOMING - 1) {
                    say!("          {}", time(slot));
                }
            }
        }
        (None, None) => say!("next      never"),
    }
    if let Some(run) = schedules::latest_runs(db, &[schedule.id]).await?.first() {
        say!("last run:");
        runs(std::slice::from_ref(run));
    }
    Ok(ExitCode::SUCCESS)
}

/// One line each, and what it did or why it did not below it.
pub(super) fn runs(runs: &[Run]) {
    for run in runs {
        let took = match (run.started_at, run.finished_at) {
            (Some(began), Some(ended)) => {
                let took = (ended - began).to_std().unwrap_or_default();
                format!(" after {:.1} s", took.as_secs_f64())
            }
            _ => String::new(),
        };
        say!(
            "{}  for {}  {}{took}  ({})",
            run.id,
            time(run.slot),
            run.state,
            run.cause
        );
        if run.missed > 0 {
            say!("    stands for {} missed ones", run.missed);
        }
        if let Some(Value::Object(report)) = &run.report {
            for (name, value) in report.iter().filter(|(_, value)| !value.is_null()) {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                say!("    {name}  {value}");
            }
        }
        if let Some(error) = &run.error {
            say!("    {error}");
        }
    }
}

fn when(plan: &Plan) -> String {
    match (&plan.cron, plan.every_seconds) {
        (Some(cron), _) => format!("{cron} ({})", plan.time_zone),
        (None, Some(seconds)) => format!("every {seconds} s"),
        (None, None) => "never".to_owned(),
    }
}

/// In UTC.
pub(super) fn time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%SZ").to_string()
}
