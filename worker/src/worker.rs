//! A worker process from its start to its end.

use std::sync::Arc;
use std::time::Duration;

use database::{DatabaseError, tasks, workers};
use domain::WorkerId;
use mail::Post;
use tokio_util::sync::CancellationToken;

use crate::context::{Context, Parts, Running, identity};
use crate::postman::Postman;
use crate::settings::WorkerSettings;
use crate::{dispatch, heartbeat};

/// The first sign of life is tried this often: a database that starts at the same time needs a moment.
const HELLO_AGAIN: Duration = Duration::from_secs(1);
/// What was stopped needs a moment to notice.
const UNWIND: Duration = Duration::from_secs(2);

/// The worker could not begin.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The database refused the first sign of life; usually the schema is missing.
    #[error("the worker could not make itself known; was `docmill migrate up` run?")]
    Hello(#[source] DatabaseError),
}

/// A worker that has not begun.
pub struct Worker {
    context: Arc<Context>,
    hints: queue::SharedHints,
    post: Option<Post>,
    settings: WorkerSettings,
    stopping: CancellationToken,
}

impl Worker {
    /// Puts a worker together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let context = Context {
            database: parts.database,
            storage: parts.storage,
            events: parts.events,
            parsers: parts.parsers,
            sealing: parts.sealing,
            clock: parts.clock,
            running: Running::default(),
            slots: parts.settings.slots,
        };
        Self {
            context: Arc::new(context),
            hints: parts.hints,
            post: parts.post,
            settings: parts.settings,
            stopping: parts.stopping,
        }
    }

    /// Works until the process is asked to stop; then finishes what runs, or gives it back when the grace is over, which
    /// costs no attempt.
    ///
    /// # Errors
    /// When the database refuses the worker; one that is only away is waited for.
    pub async fn run(self) -> Result<(), WorkerError> {
        let Self {
            context,
            hints,
            post,
            settings,
            stopping,
        } = self;
        // What it reads is part of the first sign of life.
        let worker = identity(&settings, context.parsers.ocr().await.ok());
        if !say_hello(&context, &worker, &stopping).await? {
            return Ok(());
        }
        // Not waiting for the first document shows early whether children can be started, and how far they are confined.
        if let Err(error) = context.parsers.warm_up().await {
            tracing::error!("no parser child comes up: {}", telemetry::chain(&error));
        }
        let done = CancellationToken::new();
        let beating = tokio::spawn(heartbeat::beat(
            Arc::clone(&context),
            worker.clone(),
            done.clone(),
        ));
        let looking = tokio::spawn(heartbeat::agree(
            Arc::clone(&context),
            worker.clone(),
            done.clone(),
        ));
        tracing::info!(worker.id = %worker.id, slots = settings.slots, "worker {} is ready", worker.name);

        let postman = post.map(|post| Postman {
            database: context.database.clone(),
            clock: context.clock.clone(),
            post,
            worker: worker.id,
        });
        let (mail_hints, mail_stopping) = (Arc::clone(&hints), stopping.clone());
        let mail = async move {
            if let Some(postman) = postman {
                dispatch::send(postman, mail_hints, mail_stopping).await;
            }
        };
        let work = dispatch::work(
            Arc::clone(&context),
            worker.id,
            settings.slots,
            hints,
            stopping.clone(),
        );
        let mut work = tokio::spawn(async { tokio::join!(work, mail) });
        tokio::select! {
            _ = &mut work => {}
            () = out_of_grace(&stopping, settings.grace) => {
                give_back(&context, worker.id).await;
                context.running.hand_back();
                if tokio::time::timeout(UNWIND, &mut work).await.is_err() {
                    work.abort();
                }
            }
        }
        done.cancel();
        let _ = tokio::join!(beating, looking);
        give_back(&context, worker.id).await;
        if let Err(error) = workers::stop(&context.database, worker.id, context.clock.now()).await {
            tracing::warn!(
                "could not say goodbye; the silence will tell: {}",
                telemetry::chain(&error)
            );
        }
        context.parsers.shut_down().await;
        tracing::info!(worker.id = %worker.id, "worker {} has ended", worker.name);
        Ok(())
    }
}

/// Makes the worker known, waiting for a database that is away. `false` when it is asked to stop first.
async fn say_hello(
    context: &Context,
    worker: &workers::Worker,
    stopping: &CancellationToken,
) -> Result<bool, WorkerError> {
    loop {
        match workers::heartbeat(&context.database, worker, context.clock.now()).await {
            Ok(()) => return Ok(true),
            Err(error) if error.is_transient() => {
                tracing::warn!("waiting for the database: {}", telemetry::chain(&error));
            }
            Err(error) => return Err(WorkerError::Hello(error)),
        }
        tokio::select! {
            () = stopping.cancelled() => return Ok(false),
            () = tokio::time::sleep(HELLO_AGAIN) => {}
        }
    }
}

async fn out_of_grace(stopping: &CancellationToken, grace: Duration) {
    stopping.cancelled().await;
    tokio::time::sleep(grace).await;
}

async fn give_back(context: &Context, worker: WorkerId) {
    match tasks::give_back(&context.database, worker, context.clock.now()).await {
        Ok(0) => {}
        Ok(count) => tracing::info!("gave {count} unfinished tasks back"),
        Err(error) => tracing::warn!(
            "could not give tasks back; they will be recovered: {}",
            telemetry::chain(&error)
        ),
    }
}
