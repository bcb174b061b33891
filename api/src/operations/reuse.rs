//! Results that serve twice. A task that is stored and waits may be ended with the results of an earlier document.

use chrono::{DateTime, Utc};
use database::jobs::{self, Job, JobOptions, NewJob};
use database::reuse::{self, FENCE, For, Sought, Source};
use domain::{DocumentId, JobId, TaskId, UserId};
use futures::{StreamExt, future, stream};
use storage::StorageKey;

use crate::context::Api;

/// Documents of one job whose results are copied at the same time.
const COPIES_AT_ONCE: usize = 4;

/// Whose results may serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// Nobody's: the bytes are read again.
    Never,
    /// Those of any document of the same user with the same bytes and options.
    Same,
    /// Those of this document, whatever made them.
    Of(Source),
}

impl Reuse {
    /// What the results are taken over for.
    pub(super) const fn purpose(self) -> For {
        match self {
            Self::Never | Self::Same => For::AnotherDocument,
            Self::Of(_) => For::ALaterVersion,
        }
    }
}

/// A document, its task, and whose results may serve for it.
pub(super) type Waiting = ((DocumentId, TaskId), Option<Source>);

/// What there is to know of a new job before it is stored.
pub(super) struct Asked {
    reuse: Reuse,
    user: UserId,
    options: JobOptions,
    documents: Vec<Sought>,
}

impl Asked {
    pub(super) fn of(reuse: Reuse, new: &NewJob) -> Self {
        let documents = new.documents.iter().map(|document| Sought {
            sha256: document.sha256,
            kind: document.kind,
        });
        Self {
            reuse,
            user: new.user,
            options: new.options.clone(),
            documents: documents.collect(),
        }
    }
}

/// For each document of a new job, whose results may serve. Whatever fails here, there are none: then they are made.
pub(super) async fn sources(api: &Api, asked: Asked) -> Vec<Option<Source>> {
    let nobody = vec![None; asked.documents.len()];
    match asked.reuse {
        Reuse::Never => nobody,
        // A password has to be tried; and whoever wants it read later has a reason.
        Reuse::Same if asked.options.locked || asked.options.run_at.is_some() => nobody,
        Reuse::Of(source) => vec![Some(source); asked.documents.len()],
        Reuse::Same => reuse::find(&api.database, asked.user, &asked.options, &asked.documents)
            .await
            .unwrap_or_else(|error| {
                tracing::warn!("could not look for earlier results: {}", telemetry::chain(&error));
                nobody
            }),
    }
}

/// Ends the tasks for which there are results, and returns those that have to be run. The job is as it is then.
pub(super) async fn take_over(
    api: &Api,
    job: &mut Job,
    (waiting, purpose): (Vec<Waiting>, For),
    now: DateTime<Utc>,
) -> Vec<TaskId> {
    let (user, id) = (job.user, job.id);
    let tried = stream::iter(waiting).map(async |((document, task), source)| {
        let done = match source {
            Some(source) => copy(api, user, (id, document), (source, purpose), now).await,
            None => false,
        };
        (!done).then_some(task)
    });
    let left: Vec<TaskId> = tried
        .buffer_unordered(COPIES_AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await;
    match jobs::find(&api.database, user, id).await {
        Ok(Some(found)) => *job = found,
        Ok(None) => {}
        Err(error) => tracing::warn!("could not look at job {id}: {}", telemetry::chain(&error)),
    }
    left
}

/// Copies the text in all its forms first, then the rows. Returns whether the document is done.
async fn copy(
    api: &Api,
    user: UserId,
    (job, document): (JobId, DocumentId),
    (source, purpose): (Source, For),
    now: DateTime<Utc>,
) -> bool {
    let (from, fence) = (source.document, source.text_fence);
    let results = StorageKey::results(user, document, FENCE);
    let copies = StorageKey::results(user, from, fence)
        .into_iter()
        .zip(results)
        .map(async |(from, to)| api.storage.copy(&from, &to).await);
    // None is broken off because another failed: it could arrive after all were deleted.
    let copied: Result<Vec<bool>, _> = future::join_all(copies).await.into_iter().collect();
    // Not every text has Markdown and parts, but without the text there is nothing.
    let done = match copied.map(|are_there| are_there.first() == Some(&true)) {
        Ok(true) => {
            match reuse::take_over(&api.database, user, (job, document), (from, purpose), now).await {
                Ok(done) => done,
                Err(error) => {
                    tracing::warn!("could not use earlier results: {}", telemetry::chain(&error));
                    // It may be stored although no answer came, and then it points at this text.
                    return !error.changed_nothing() && is_done(api, user, document).await;
                }
            }
        }
        Ok(false) => false,
        Err(error) => {
            tracing::warn!("could not copy a text: {}", telemetry::chain(&error));
            false
        }
    };
    if !done && let Err(error) = api.storage.delete(&results).await {
        tracing::warn!(
            "left a text without a row to the clean-up: {}",
            telemetry::chain(&error)
        );
    }
    done
}

async fn is_done(api: &Api, user: UserId, document: DocumentId) -> bool {
    let found = database::documents::find(&api.database, user, document).await;
    found.is_ok_and(|found| found.is_some_and(|document| document.reused_from.is_some()))
}
