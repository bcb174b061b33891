//! Who is next: tenants, queues, and whose turn it is.

use sea_orm_migration::prelude::*;

use crate::ddl;

pub(crate) struct Dispatch;

impl MigrationName for Dispatch {
    fn name(&self) -> &str {
        "m0004_dispatch"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Dispatch {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, DOWN).await
    }
}

// tasks_in_line takes the place of tasks_waiting. It begins with what a round walks along: the tenants of a level, and of each the tasks that are due longest. What may
// not be handed out yet is not in it, so that a round never looks at it: tasks.held says why, `later` or `unknown`. An ordinary
// task has no such word and is not in tasks_held.
// queues has a row for each queue. An operator pauses it; the rest is what schedulers write and everybody reads: hints that there
// is room for, hints when last looked, starts per second, whether everything that is due has been handed out, and the limits of
// the settings. Its row is also the lock that a round holds, so that all schedulers share one order. `credit` counts starts
// until lower levels are owed one, and `owed_level` is the level that had the last of these.
// dispatch_turns is how far each level has come: the tenant that was served last, and how much of its turn it has had.
// tenants has rows only for those who differ from everybody else. No upload reads or changes them.
const UP: &str = "
ALTER TABLE tasks ADD COLUMN held varchar(20);
ALTER TABLE workers ADD COLUMN knows {json};
DROP INDEX tasks_waiting;
CREATE INDEX tasks_in_line ON tasks (queue, priority, user_id, run_at, id)
    WHERE state = 'queued' AND dispatched_at IS NULL AND held IS NULL;
CREATE INDEX tasks_held ON tasks (queue, held, run_at) WHERE state = 'queued' AND held IS NOT NULL;
UPDATE tasks SET held = 'later' WHERE state = 'queued' AND dispatched_at IS NULL AND attempt > 0;
CREATE TABLE queues (
    name varchar(50) PRIMARY KEY,
    paused_at {time},
    hints_max integer NOT NULL,
    hints integer NOT NULL,
    slots integer NOT NULL,
    starts_per_second {real} NOT NULL,
    flowing {bool} NOT NULL,
    observed_at {time},
    running_max integer,
    tenant_weight integer NOT NULL,
    tenant_running_max integer,
    tenant_queued_max integer,
    credit integer NOT NULL,
    owed_level smallint NOT NULL
);
INSERT INTO queues (name, hints_max, hints, slots, starts_per_second, flowing, tenant_weight, credit, owed_level)
    VALUES ('documents', 8, 0, 0, 0, true, 1, 0, 0);
CREATE TABLE dispatch_turns (
    queue varchar(50) NOT NULL,
    level smallint NOT NULL,
    user_id {uuid} NOT NULL,
    used integer NOT NULL,
    PRIMARY KEY (queue, level)
);
CREATE TABLE tenants (
    user_id {uuid} PRIMARY KEY,
    weight integer,
    running_max integer,
    queued_max integer,
    paused_at {time},
    updated_at {time} NOT NULL
);
";

const DOWN: &str = "
DROP TABLE tenants;
DROP TABLE dispatch_turns;
DROP TABLE queues;
DROP INDEX tasks_held;
DROP INDEX tasks_in_line;
CREATE INDEX tasks_waiting ON tasks (queue, priority, run_at) WHERE state = 'queued' AND dispatched_at IS NULL;
ALTER TABLE workers DROP COLUMN knows;
ALTER TABLE tasks DROP COLUMN held;
";
