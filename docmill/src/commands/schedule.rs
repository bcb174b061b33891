//! Shows and changes what happens again and again.

mod show;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use database::schedules::{self, Added, Changed, RunFilter, RunNow, Schedule};
use database::tasks::Operator;
use database::{Database, DatabaseClock};
use domain::schedules::{Plan, PlanChanges, PlanFault, RunState, check_name};
use domain::{Clock, RunId};
use runtime::Process;
use serde_json::{Map, Value};

use super::Done;
use crate::output::say;
use crate::settings::Settings;

/// More schedules than anybody has.
const SHOWN_MAX: u64 = 10_000;
/// How often it is looked whether a run has ended.
const LOOK_EVERY: Duration = Duration::from_millis(250);

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List schedules: name, when, next time, last run
    List,
    /// Show a schedule with its next times and its last run
    Show {
        /// The name of the schedule.
        name: String,
    },
    /// Add a schedule
    Add {
        /// 1 to 100 characters of a-z, 0-9, _ and -.
        name: String,
        /// What it does: clean_up, delete_expired_rows or delete_leftover_objects.
        #[arg(long)]
        work: String,
        #[command(flatten)]
        parts: Parts,
    },
    /// Change a schedule; what is not named stays
    Edit {
        /// The name of the schedule.
        name: String,
        #[command(flatten)]
        parts: Parts,
    },
    /// Stop a schedule from firing
    Pause {
        /// The name of the schedule.
        name: String,
    },
    /// Let a paused schedule fire again
    Resume {
        /// The name of the schedule.
        name: String,
    },
    /// Run a schedule at once, and print what it did
    Run {
        /// The name of the schedule.
        name: String,
        /// An option for this run only, as NAME=VALUE; may be given more than once.
        #[arg(long = "option", value_name = "NAME=VALUE", value_parser = option)]
        options: Vec<(String, Value)>,
        /// Only count what would be deleted; the same as --option dry_run=true.
        #[arg(long)]
        dry_run: bool,
        /// Seconds to wait for its end; with 0 it is only noted.
        #[arg(long, value_name = "SECONDS", default_value_t = 60)]
        wait: u64,
    },
    /// List the runs of a schedule with their reports, the newest first
    Runs {
        /// The name of the schedule.
        name: String,
        /// Only those that stand here: waiting, running, done, failed, skipped or cancelled.
        #[arg(long)]
        state: Option<RunState>,
        /// Runs shown at most.
        #[arg(long, default_value_t = 20)]
        limit: u64,
    },
    /// Remove a schedule with its runs
    Remove {
        /// The name of the schedule.
        name: String,
    },
}

/// Parts of a plan.
#[derive(Args)]
pub(crate) struct Parts {
    /// Minute, hour, day of month, month, day of week; for example "0 2 * * *".
    #[arg(long, value_name = "EXPRESSION", conflicts_with = "every")]
    cron: Option<String>,
    /// An interval in seconds.
    #[arg(long, value_name = "SECONDS")]
    every: Option<u32>,
    /// The zone in which the expression is read, for example Europe/Berlin; UTC unless it is given.
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Of times that were missed: run_once, run_all or skip.
    #[arg(long)]
    missed: Option<String>,
    /// While an earlier run has not ended: skip, queue or cancel_previous.
    #[arg(long)]
    overlap: Option<String>,
    /// How often a failed run is tried again.
    #[arg(long)]
    retries: Option<i16>,
    /// An option of the work, as NAME=VALUE; null is its default. May be given more than once.
    #[arg(long = "option", value_name = "NAME=VALUE", value_parser = option)]
    options: Vec<(String, Value)>,
}

impl From<Parts> for PlanChanges {
    fn from(parts: Parts) -> Self {
        Self {
            options: object(parts.options),
            cron: parts.cron,
            every_seconds: parts.every,
            time_zone: parts.time_zone,
            missed: parts.missed,
            overlap: parts.overlap,
            retries: parts.retries,
        }
    }
}

/// Numbers, booleans and null are themselves, the rest is text.
fn option(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((name.to_owned(), value))
}

fn object(options: Vec<(String, Value)>) -> Option<Value> {
    (!options.is_empty()).then(|| Value::Object(Map::from_iter(options)))
}

pub(crate) async fn run(process: Process<Settings>, data: &Path, command: Command) -> Done {
    let mut settings = process.settings;
    settings.complete(data)?;
    let database = Database::connect(&settings.database).await?;
    let db = &database;
    // What is due is judged by the clock of the database, as by everybody else.
    let clock = DatabaseClock::start(db);
    clock.set().await;
    let now = clock.now();
    let by = Operator::default;
    match command {
        Command::List => show::list(db).await,
        Command::Show { name } => show::one(db, &find(db, &name).await?).await,
        Command::Add { name, work, parts } => {
            check_name(&name).map_err(refused)?;
            let plan = Plan::of(&work).with(parts.into()).map_err(refused)?;
            let (plan, next_at) = plan.checked(now).map_err(refused)?;
            match schedules::add(db, &name, &plan, next_at, by(), now).await? {
                Added::Now(_) => show::one(db, &find(db, &name).await?).await,
                Added::NameTaken => Err(format!("there is a schedule {name} already").into()),
            }
        }
        Command::Edit { name, parts } => {
            let schedule = find(db, &name).await?;
            let plan = schedule.plan.clone().with(parts.into()).map_err(refused)?;
            let (plan, next_at) = plan.checked(now).map_err(refused)?;
            let same = plan.is_due_as(&schedule.plan);
            let next_at = schedule.next_at.filter(|_| same).unwrap_or(next_at);
            done(
                &name,
                schedules::edit(db, &name, schedule.version, &plan, next_at, by(), now).await?,
            )?;
            show::one(db, &find(db, &name).await?).await
        }
        Command::Pause { name } => {
            done(&name, schedules::pause(db, &name, by(), now).await?)?;
            say!("{name} is paused");
            Ok(ExitCode::SUCCESS)
        }
        Command::Resume { name } => {
            let (_, next_at) = find(db, &name).await?.plan.checked(now).map_err(refused)?;
            done(&name, schedules::resume(db, &name, next_at, by(), now).await?)?;
            say!("{name} is due {}", show::time(next_at));
            Ok(ExitCode::SUCCESS)
        }
        Command::Run {
            name,
            mut options,
            dry_run,
            wait,
        } => {
            if dry_run {
                options.push(("dry_run".to_owned(), true.into()));
            }
            let id = note_run(db, &name, options, clock.as_ref()).await?;
            wait_for(db, &name, id, Duration::from_secs(wait)).await
        }
        Command::Runs { name, state, limit } => {
            let schedule = find(db, &name).await?;
            let filter = RunFilter { state, before: None };
            show::runs(&schedules::list_runs(db, schedule.id, filter, limit).await?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Remove { name } => {
            done(&name, schedules::remove(db, &name, None, by(), now).await?)?;
            say!("removed {name} with its runs");
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn find(db: &Database, name: &str) -> Result<Schedule, Box<dyn Error>> {
    let found = schedules::find(db, name).await?;
    found.ok_or_else(|| no_such_schedule(name))
}

fn done(name: &str, changed: Changed) -> Result<(), Box<dyn Error>> {
    match changed {
        Changed::Now => Ok(()),
        Changed::Stale => {
            Err(format!("{name} was changed in this moment by somebody else; look at it again").into())
        }
        Changed::BuiltIn => Err(format!("{name} comes with docmill; pause it instead").into()),
        Changed::NoSuchSchedule => Err(no_such_schedule(name)),
    }
}

/// Notes a run that a scheduler takes up within a second.
async fn note_run(
    db: &Database,
    name: &str,
    options: Vec<(String, Value)>,
    clock: &dyn Clock,
) -> Result<RunId, Box<dyn Error>> {
    let changes = PlanChanges {
        options: object(options),
        ..PlanChanges::default()
    };
    let plan = find(db, name).await?.plan.with(changes).map_err(refused)?;
    let (plan, _) = plan.checked(clock.now()).map_err(refused)?;
    match schedules::run_now(db, name, &plan.options, Operator::default(), clock.now()).await? {
        RunNow::Noted(id) => Ok(id),
        RunNow::Busy => Err(format!("a run of {name} is under way, and it has none beside it").into()),
        RunNow::NoSuchSchedule => Err(no_such_schedule(name)),
    }
}

async fn wait_for(db: &Database, name: &str, id: RunId, patience: Duration) -> Done {
    let started = Instant::now();
    loop {
        let run = schedules::find_run(db, id).await?;
        let run = run.ok_or_else(|| no_such_schedule(name))?;
        if run.state.is_terminal() {
            show::runs(std::slice::from_ref(&run));
            return Ok(if run.state == RunState::Done {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        if started.elapsed() >= patience {
            say!("{id}  {}", run.state);
            if patience.is_zero() {
                return Ok(ExitCode::SUCCESS);
            }
            eprintln!(
                "docmill: the run has not ended after {} s. Is a scheduler running? Look again with: docmill schedule runs {name}",
                patience.as_secs()
            );
            return Ok(ExitCode::FAILURE);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn refused(fault: PlanFault) -> Box<dyn Error> {
    let part = fault.pointer();
    let part = part.trim_start_matches('/').replace('/', " ");
    format!("{part}: {fault}").into()
}

fn no_such_schedule(name: &str) -> Box<dyn Error> {
    format!("there is no schedule {name}; see docmill schedule list").into()
}
