//! What operators do with tasks: look at them with every attempt, and put back in line what was given up.

use database::tasks::{self, Operator, Requeued, RequeuedAll, Task, TaskFilter};
use database::{DatabaseError, Result};
use domain::{TaskId, UserRole};

use crate::auth::caller::Identity;
use crate::context::Api;

/// Why an operator's wish was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("only operators and administrators may do this")]
    NotAnOperator,
    #[error("there is no such task")]
    NoSuchTask,
    #[error("{0}")]
    NotGivenUp(String),
    #[error("{actual} tasks match, and not {expected}; nothing was done")]
    CountDiffers { expected: u64, actual: u64 },
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Proves that somebody sees and steers the work of everyone.
pub(crate) fn operator(who: &Identity) -> Result<(), Refused> {
    match who.role {
        UserRole::Operator | UserRole::Admin => Ok(()),
        UserRole::User => Err(Refused::NotAnOperator),
    }
}

/// A task of anybody.
pub(crate) async fn find(api: &Api, id: TaskId) -> Result<Task, Refused> {
    tasks::find(&api.database, id).await?.ok_or(Refused::NoSuchTask)
}

/// Puts one task back in line and returns it.
pub(crate) async fn requeue(api: &Api, who: Identity, id: TaskId) -> Result<Task, Refused> {
    match tasks::requeue(&api.database, id, by(who), api.clock.now()).await? {
        Requeued::Queued(job) => api.events.publish(job),
        Requeued::NotGivenUp(state) => {
            let why = format!("the task is {state}; only failed and dead ones are put back");
            return Err(Refused::NotGivenUp(why));
        }
        Requeued::JobCancelled => {
            return Err(Refused::NotGivenUp(
                "its job was cancelled by its owner".to_owned(),
            ));
        }
        Requeued::NoSuchTask => return Err(Refused::NoSuchTask),
    }
    find(api, id).await
}

/// Puts every task back in line that was given up and matches; returns how many.
pub(crate) async fn requeue_all(
    api: &Api,
    who: Identity,
    filter: &TaskFilter,
    expected: u64,
) -> Result<u64, Refused> {
    let now = api.clock.now();
    match tasks::requeue_all(&api.database, filter, expected, by(who), now).await? {
        RequeuedAll::Queued(jobs) => {
            jobs.into_iter().for_each(|job| api.events.publish(job));
            Ok(expected)
        }
        RequeuedAll::CountDiffers(actual) => Err(Refused::CountDiffers { expected, actual }),
    }
}

fn by(who: Identity) -> Operator {
    Operator {
        user: Some(who.user),
        origin: who.origin,
    }
}
