//! Shows tasks with every attempt, and puts back in line what was given up.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use database::Database;
use database::tasks::{self, Operator, REQUEUED_MAX, Requeued, RequeuedAll, Task, TaskFilter};
use domain::{Clock, SystemClock, TaskId, TaskKind, TaskState, UserId};
use runtime::Process;

use super::Done;
use crate::output::say;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List tasks, the newest first
    List {
        #[command(flatten)]
        filter: Filter,
        /// Tasks shown at most.
        #[arg(long, default_value_t = 50)]
        limit: u64,
    },
    /// Show a task with every attempt
    Show {
        /// The id of the task.
        id: TaskId,
    },
    /// Put a failed or dead task back in line, or all that match
    Requeue {
        /// The id of the task.
        #[arg(conflicts_with_all = ["state", "code", "kind", "user", "expected"])]
        id: Option<TaskId>,
        #[command(flatten)]
        filter: Filter,
        /// How many tasks match; when it is another number, nothing is done. Without it, only the number is told.
        #[arg(long, value_name = "COUNT")]
        expected: Option<u64>,
    },
}

/// Only tasks that match all of it.
#[derive(Args)]
pub(crate) struct Filter {
    /// Where they stand: queued, running, done, failed, dead, cancelled or expired.
    #[arg(long)]
    state: Option<TaskState>,
    /// The reason of their last failure, such as crashed_worker.
    #[arg(long)]
    code: Option<String>,
    /// What they do.
    #[arg(long)]
    kind: Option<TaskKind>,
    /// The id of the account that they belong to.
    #[arg(long, value_name = "ID")]
    user: Option<UserId>,
}

impl From<Filter> for TaskFilter {
    fn from(filter: Filter) -> Self {
        Self {
            state: filter.state,
            code: filter.code,
            kind: filter.kind,
            user: filter.user,
            before: None,
        }
    }
}

pub(crate) async fn run(process: Process<Settings>, data: &Path, command: Command) -> Done {
    let mut settings = process.settings;
    settings.complete(data)?;
    let database = Database::connect(&settings.database).await?;
    match command {
        Command::List { filter, limit } => list(&database, &filter.into(), limit).await,
        Command::Show { id } => show(&database, id).await,
        Command::Requeue { id: Some(id), .. } => requeue(&database, id).await,
        Command::Requeue { filter, expected, .. } => requeue_all(&database, &filter.into(), expected).await,
    }
}

async fn list(database: &Database, filter: &TaskFilter, limit: u64) -> Done {
    for task in tasks::list(database, filter, limit).await? {
        let (code, _) = task.error.unwrap_or_default();
        say!(
            "{}  {:9}  {}/{}  {}  {code}",
            task.id,
            task.state,
            task.attempt,
            task.attempts_max,
            task.created_at.format("%Y-%m-%d %H:%M:%S"),
        );
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(database: &Database, id: TaskId) -> Done {
    let Some(task) = tasks::find(database, id).await? else {
        return Ok(no_such_task(id));
    };
    let Task { id, kind, state, .. } = &task;
    say!("task      {id}");
    say!("kind      {kind}");
    say!("state     {state}");
    say!("account   {}", task.user);
    say!("job       {}", task.job);
    if let Some(document) = task.document {
        say!("document  {document}");
    }
    say!("attempts  {} of {}", task.attempt, task.attempts_max);
    if let Some((code, detail)) = &task.error {
        say!("error     {code}: {}", detail.as_deref().unwrap_or_default());
    }
    for attempt in &task.attempts {
        let ended = attempt.ended_at.map_or_else(
            || "still running".to_owned(),
            |at| {
                let took = (at - attempt.began_at).to_std().unwrap_or_default();
                format!("{} after {:.3} s", end_of(attempt), took.as_secs_f64())
            },
        );
        say!(
            "  {}. {} on {}: {ended}",
            attempt.attempt,
            attempt.began_at.format("%Y-%m-%d %H:%M:%S"),
            attempt.worker,
        );
        if let Some(code) = &attempt.code {
            say!("     {code}: {}", attempt.detail.as_deref().unwrap_or_default());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn end_of(attempt: &tasks::Attempt) -> String {
    attempt
        .end
        .map_or_else(|| "ended".to_owned(), |end| end.to_string())
}

async fn requeue(database: &Database, id: TaskId) -> Done {
    match tasks::requeue(database, id, Operator::default(), SystemClock.now()).await? {
        Requeued::Queued(_) => {
            say!("put 1 task back in line");
            Ok(ExitCode::SUCCESS)
        }
        Requeued::NotGivenUp(state) => Err(refused(format!(
            "task {id} is {state}; only failed and dead ones are put back"
        ))),
        Requeued::JobCancelled => Err(refused(format!(
            "the job of task {id} was cancelled by its owner"
        ))),
        Requeued::NoSuchTask => Ok(no_such_task(id)),
    }
}

async fn requeue_all(database: &Database, filter: &TaskFilter, expected: Option<u64>) -> Done {
    // No number of tasks is this one: it only asks how many there are.
    let asked = expected.unwrap_or(u64::MAX);
    match tasks::requeue_all(database, filter, asked, Operator::default(), SystemClock.now()).await? {
        RequeuedAll::Queued(_) => {
            say!("put {asked} tasks back in line");
            Ok(ExitCode::SUCCESS)
        }
        RequeuedAll::CountDiffers(count) if count > REQUEUED_MAX => Err(refused(format!(
            "more than {REQUEUED_MAX} tasks match; nothing was done, choose fewer"
        ))),
        RequeuedAll::CountDiffers(count) if expected.is_none() => {
            say!("{count} tasks match; to put them back in line, say --expected {count}");
            Ok(ExitCode::SUCCESS)
        }
        RequeuedAll::CountDiffers(count) => Err(refused(format!(
            "{count} tasks match, and not {asked}; nothing was done"
        ))),
    }
}

fn refused(why: String) -> Box<dyn Error> {
    why.into()
}

fn no_such_task(id: TaskId) -> ExitCode {
    eprintln!("docmill: there is no task {id}");
    ExitCode::FAILURE
}
