//! What happens again and again, as rows, and every run of it.

use sea_orm_migration::prelude::*;

use crate::ddl;

pub(crate) struct Schedules;

impl MigrationName for Schedules {
    fn name(&self) -> &str {
        "m0006_schedules"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Schedules {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::drop_tables(manager, &["schedule_runs", "schedules"]).await?;
        ddl::run(manager, CRON_SLOTS).await
    }
}

// schedules.next_at is the slot that is waited for; NULL while a schedule is paused. Whoever moves it on has fired.
// schedules.version counts what people change; firing does not.
// schedule_runs: a slot has one run, whoever fires it; and of a schedule one run is under way at a time.
// schedule_runs.options are those of the moment in which it was noted.
// cron_slots did the same for two fixed entries. A scheduler of the release before misses it without harm: it says so in its
// log, and leaves its daily work to those of this release.
const UP: &str = "
CREATE TABLE schedules (
    id {uuid} PRIMARY KEY,
    name varchar(100) NOT NULL UNIQUE,
    work varchar(50) NOT NULL,
    options {json} NOT NULL,
    cron varchar(200),
    every_seconds integer,
    time_zone varchar(50) NOT NULL,
    missed varchar(20) NOT NULL,
    overlap varchar(20) NOT NULL,
    retries smallint NOT NULL,
    built_in {bool} NOT NULL,
    version bigint NOT NULL,
    paused_at {time},
    next_at {time},
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL
);
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;
CREATE TABLE schedule_runs (
    id {uuid} PRIMARY KEY,
    schedule_id {uuid} NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    cause varchar(20) NOT NULL,
    slot {time} NOT NULL,
    options {json} NOT NULL,
    missed integer NOT NULL,
    state varchar(20) NOT NULL,
    attempt smallint NOT NULL,
    attempts_max smallint NOT NULL,
    takeovers smallint NOT NULL,
    fence bigint NOT NULL,
    owner varchar(255),
    run_at {time} NOT NULL,
    heartbeat_at {time},
    created_at {time} NOT NULL,
    started_at {time},
    finished_at {time},
    report {json},
    error text,
    requested_by {uuid},
    UNIQUE (schedule_id, cause, slot)
);
CREATE UNIQUE INDEX schedule_runs_running ON schedule_runs (schedule_id) WHERE state = 'running';
CREATE INDEX schedule_runs_open ON schedule_runs (run_at) WHERE state IN ('waiting', 'running');
CREATE INDEX schedule_runs_schedule ON schedule_runs (schedule_id, id);
DROP TABLE IF EXISTS cron_slots;
";

const CRON_SLOTS: &str = "
CREATE TABLE cron_slots (
    name varchar(100) NOT NULL,
    slot {time} NOT NULL,
    claimed_at {time} NOT NULL,
    PRIMARY KEY (name, slot)
);
";
