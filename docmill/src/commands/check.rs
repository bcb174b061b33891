//! Tries everything that docmill stands on, and names what is broken.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use database::Database;
use mail::Post;
use queue::Queue;
use runtime::Process;
use sandbox::{ChildProgram, ParserPool};
use storage::Storage;

use super::Done;
use crate::output::say;
use crate::settings::Settings;

pub(crate) async fn run(process: Process<Settings>, data: &Path) -> Done {
    let mut settings = process.settings;
    settings.complete(data)?;
    let mut sound = true;
    let mut report = |part: &str, outcome: Result<String, Box<dyn Error>>| match outcome {
        Ok(note) => say!("ok      {part:9} {note}"),
        Err(error) => {
            sound = false;
            say!("BROKEN  {part:9} {}", telemetry::chain(error.as_ref()));
        }
    };
    // What is wrong with the settings was said before anything could be tried.
    report("settings", Ok("understood".to_owned()));
    report("database", database(&settings).await);
    report("queue", queue(&settings).await);
    report("storage", storage(&settings).await);
    report("mail", mail(&settings).await);
    // Without it documents are read as well; only their pictures are not.
    report("pictures", Ok(pictures(&settings).await?));
    Ok(if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn database(settings: &Settings) -> Result<String, Box<dyn Error>> {
    let database = Database::connect(&settings.database).await?;
    database.ping().await?;
    let missing = database
        .migrations()
        .await?
        .iter()
        .filter(|step| !step.applied)
        .count();
    let product = database.product();
    if missing > 0 {
        return Err(format!(
            "{product} answers, but {missing} migrations are missing; run `docmill migrate up`"
        )
        .into());
    }
    Ok(format!("{product}, schema up to date"))
}

async fn queue(settings: &Settings) -> Result<String, Box<dyn Error>> {
    let queue = Queue::open(&settings.queue)?;
    queue.hints.ping().await?;
    Ok(if settings.queue.is_memory() {
        "in memory".to_owned()
    } else {
        "Redis".to_owned()
    })
}

async fn mail(settings: &Settings) -> Result<String, Box<dyn Error>> {
    if !settings.mail.has_server() {
        return Ok("no server; the embedded mode puts messages into a folder".to_owned());
    }
    if let Some(post) = Post::open(&settings.mail)? {
        post.try_server().await?;
    }
    Ok("the server answers and lets us in".to_owned())
}

async fn pictures(settings: &Settings) -> Result<String, Box<dyn Error>> {
    let pool =
        ParserPool::new(ChildProgram::this()?, settings.sandbox.clone()).with_ocr(settings.ocr.clone());
    Ok(match pool.ocr().await {
        Ok(engine) => {
            let mut note = format!("{} reads {}", engine.name, engine.languages.join(", "));
            if !engine.missing.is_empty() {
                note += &format!("; not installed: {}", engine.missing.join(", "));
            }
            note
        }
        Err(reason) => format!("not read: {reason}"),
    })
}

async fn storage(settings: &Settings) -> Result<String, Box<dyn Error>> {
    Storage::open(&settings.storage)?.probe().await?;
    Ok("written, read and deleted a probe".to_owned())
}
