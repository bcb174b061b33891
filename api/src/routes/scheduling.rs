//! `/admin/queues` and `/admin/tenants`: who is served, and how much. For operators and administrators.

use database::queues::{self, Queue};
use database::tasks::{self, Operator};
use database::tenants::{self, Change, Tenant};
use database::{DatabaseError, WEIGHT_MAX};
use domain::{QueueName, UserId, limits};
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};

use super::Section;
use super::schema::Timestamp;
use crate::auth::caller::{Caller, Identity};
use crate::context::Api;
use crate::operations::given_up;
use crate::problem::{Code, Problem};

pub(super) struct Scheduling;

/// A line in which tasks wait for workers, as schedulers last saw it.
#[derive(Debug, Object)]
#[oai(rename = "Queue", skip_serializing_if_is_none)]
struct QueueState {
    name: String,
    /// Since when nothing of it is begun.
    paused_at: Option<Timestamp>,
    /// Tasks that wait, for a worker or for their time.
    waiting: u64,
    /// Tasks that the living workers run at once.
    slots: u64,
    /// Tasks begun in a second, as long as any wait.
    starts_per_second: f32,
    /// Tasks that may be handed out ahead of the workers.
    hints_max: u64,
    /// Tasks under way at most (setting `scheduling.kinds`); absent for any number.
    running_max: Option<u32>,
    /// When a scheduler looked last.
    observed_at: Option<Timestamp>,
}

/// All queues.
#[derive(Debug, Object)]
#[oai(rename = "QueueList")]
struct QueueList {
    items: Vec<QueueState>,
}

/// How an account is served. What is absent is as the settings say.
#[derive(Debug, Object)]
#[oai(rename = "Tenant", skip_serializing_if_is_none)]
struct TenantBody {
    user_id: String,
    /// Tasks that it may start in its turn.
    weight: Option<u32>,
    /// Tasks of it under way at most.
    running_max: Option<u32>,
    /// Tasks of it that wait at most.
    queued_max: Option<u32>,
    /// Since when nothing of it is begun.
    paused_at: Option<Timestamp>,
}

/// Accounts that are not served as the settings say.
#[derive(Debug, Object)]
#[oai(rename = "TenantList")]
struct TenantList {
    items: Vec<TenantBody>,
}

/// What changes. What is absent stays; `null` is what the settings say.
#[derive(Debug, Object)]
#[oai(rename = "TenantChange", deny_unknown_fields)]
struct TenantChange {
    /// 1 to 100: twice the weight is twice the share.
    weight: MaybeUndefined<u32>,
    /// At least 1; to let nothing begin, pause the account's work.
    running_max: MaybeUndefined<u32>,
    queued_max: MaybeUndefined<u32>,
}

#[OpenApi(tag = "Section::Operating")]
impl Scheduling {
    /// All queues, how fast they are worked off, and whether they are paused
    #[oai(path = "/admin/queues", method = "get")]
    async fn queues(&self, api: Data<&Api>, caller: Caller) -> Result<Json<QueueList>, Problem> {
        given_up::operator(&caller.0)?;
        let mut items = Vec::new();
        for queue in queues::list(&api.database).await? {
            items.push(state(&api, queue).await?);
        }
        Ok(Json(QueueList { items }))
    }

    /// Pause a queue
    ///
    /// What runs goes on; nothing else is begun, not even what had been handed out, until it is resumed. Uploads are accepted.
    /// Survives restarts; safe to repeat.
    #[oai(path = "/admin/queues/:name/pause", method = "post")]
    async fn pause_queue(
        &self,
        api: Data<&Api>,
        caller: Caller,
        name: Path<String>,
    ) -> Result<Json<QueueState>, Problem> {
        let (name, now) = (queue_name(&caller.0, &name.0)?, api.clock.now());
        queues::pause(&api.database, name, by(caller.0), now).await?;
        shown(&api, name).await
    }

    /// Let a paused queue go on
    #[oai(path = "/admin/queues/:name/resume", method = "post")]
    async fn resume_queue(
        &self,
        api: Data<&Api>,
        caller: Caller,
        name: Path<String>,
    ) -> Result<Json<QueueState>, Problem> {
        let (name, now) = (queue_name(&caller.0, &name.0)?, api.clock.now());
        queues::resume(&api.database, name, by(caller.0), now).await?;
        shown(&api, name).await
    }

    /// Accounts that are paused or have a weight or limits of their own, at most 100
    #[oai(path = "/admin/tenants", method = "get")]
    async fn tenants(&self, api: Data<&Api>, caller: Caller) -> Result<Json<TenantList>, Problem> {
        given_up::operator(&caller.0)?;
        let tenants = tenants::list(&api.database, limits::PAGE_ITEMS_MAX).await?;
        let items = tenants.into_iter().map(TenantBody::from).collect();
        Ok(Json(TenantList { items }))
    }

    /// How an account is served
    #[oai(path = "/admin/tenants/:user_id", method = "get")]
    async fn tenant(
        &self,
        api: Data<&Api>,
        caller: Caller,
        user_id: Path<String>,
    ) -> Result<Json<TenantBody>, Problem> {
        let user = tenant_id(&caller.0, &user_id.0)?;
        found(tenants::find(&api.database, user).await)
    }

    /// Change an account's share and limits, from the next task on
    #[oai(path = "/admin/tenants/:user_id", method = "patch")]
    async fn change_tenant(
        &self,
        api: Data<&Api>,
        caller: Caller,
        user_id: Path<String>,
        body: Json<TenantChange>,
    ) -> Result<Json<TenantBody>, Problem> {
        let (user, now) = (tenant_id(&caller.0, &user_id.0)?, api.clock.now());
        let most = i32::MAX.unsigned_abs();
        let change = Change {
            weight: wanted("/weight", &body.0.weight, 1, WEIGHT_MAX)?,
            running_max: wanted("/running_max", &body.0.running_max, 1, most)?,
            queued_max: wanted("/queued_max", &body.0.queued_max, 0, most)?,
        };
        found(tenants::change(&api.database, user, change, by(caller.0), now).await)
    }

    /// Pause an account's work
    ///
    /// What runs goes on; nothing else of the account is begun until it is resumed. Its uploads are accepted. Survives
    /// restarts; safe to repeat.
    #[oai(path = "/admin/tenants/:user_id/pause", method = "post")]
    async fn pause_tenant(
        &self,
        api: Data<&Api>,
        caller: Caller,
        user_id: Path<String>,
    ) -> Result<Json<TenantBody>, Problem> {
        let (user, now) = (tenant_id(&caller.0, &user_id.0)?, api.clock.now());
        found(tenants::pause(&api.database, user, by(caller.0), now).await)
    }

    /// Let an account's paused work go on
    #[oai(path = "/admin/tenants/:user_id/resume", method = "post")]
    async fn resume_tenant(
        &self,
        api: Data<&Api>,
        caller: Caller,
        user_id: Path<String>,
    ) -> Result<Json<TenantBody>, Problem> {
        let (user, now) = (tenant_id(&caller.0, &user_id.0)?, api.clock.now());
        found(tenants::resume(&api.database, user, by(caller.0), now).await)
    }
}

async fn state(api: &Api, queue: Queue) -> Result<QueueState, Problem> {
    let backlog = tasks::backlog(&api.database, queue.name).await?;
    Ok(QueueState {
        name: queue.name.to_string(),
        paused_at: queue.paused_at.map(Timestamp::from),
        waiting: backlog.waiting,
        slots: queue.slots,
        starts_per_second: queue.starts_per_second,
        hints_max: queue.hints_max,
        running_max: queue.running_max,
        observed_at: queue.observed_at.map(Timestamp::from),
    })
}

async fn shown(api: &Api, name: QueueName) -> Result<Json<QueueState>, Problem> {
    let queue = queues::find(&api.database, name).await?;
    let queue = queue.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Json(state(api, queue).await?))
}

fn queue_name(who: &Identity, name: &str) -> Result<QueueName, Problem> {
    given_up::operator(who)?;
    name.parse().map_err(|_| Problem::new(Code::NotFound))
}

fn tenant_id(who: &Identity, id: &str) -> Result<UserId, Problem> {
    given_up::operator(who)?;
    id.parse().map_err(|_| Problem::new(Code::NotFound))
}

fn found(tenant: Result<Option<Tenant>, DatabaseError>) -> Result<Json<TenantBody>, Problem> {
    let tenant = tenant?.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Json(tenant.into()))
}

fn by(who: Identity) -> Operator {
    Operator {
        user: Some(who.user),
        origin: who.origin,
    }
}

/// What a field wishes: nothing, what the settings say, or a number within bounds.
fn wanted(
    pointer: &str,
    field: &MaybeUndefined<u32>,
    min: u32,
    max: u32,
) -> Result<Option<Option<u32>>, Problem> {
    match field {
        MaybeUndefined::Undefined => Ok(None),
        MaybeUndefined::Null => Ok(Some(None)),
        MaybeUndefined::Value(number) if (min..=max).contains(number) => Ok(Some(Some(*number))),
        MaybeUndefined::Value(_) => Err(Problem::invalid(
            pointer,
            format!("must be between {min} and {max}"),
        )),
    }
}

impl From<Tenant> for TenantBody {
    fn from(tenant: Tenant) -> Self {
        Self {
            user_id: tenant.user.to_string(),
            weight: tenant.weight,
            running_max: tenant.running_max,
            queued_max: tenant.queued_max,
            paused_at: tenant.paused_at.map(Timestamp::from),
        }
    }
}
