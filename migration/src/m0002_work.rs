//! Jobs, their documents, the tasks that process them, and those who do.

use sea_orm_migration::prelude::*;

use crate::ddl;

pub(crate) struct Work;

impl MigrationName for Work {
    fn name(&self) -> &str {
        "m0002_work"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Work {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::drop_tables(
            manager,
            &[
                "discarded_documents",
                "cron_slots",
                "workers",
                "tasks",
                "documents",
                "jobs",
            ],
        )
        .await
    }
}

// Counters of a job change in the same transaction as its documents, so they are equal at every read.
// A job's idempotency key lies on the job: it is unique per owner, and the job is the answer to replay.
// tasks.owner has no foreign key: a worker's row may be cleaned away while its last task is being recovered.
// tasks.history holds every attempt that ended without results, as JSON objects; one that succeeded is told by the row itself
// (owner, started_at, finished_at), so that a document that just works costs no more.
// workers keep their row after their end, so that owners have names; a stopped one has said goodbye.
// discarded_documents are those of which objects in storage still have to go: deleted ones, and cancelled ones.
// What belongs to a user or a task to its document is not a foreign key either: each would be checked at every upload,
// with a lock on the user's row for which all their uploads queue. Whoever deletes those deletes these.
// tasks_running names its owner so that only questions for an owner use it: closing a task by its id would otherwise
// read every running one, and all that ran a moment ago.
// The partial indexes are the dispatcher's: due and not yet handed out, handed out and not yet begun, running; and the
// operators': given up.
const UP: &str = "
CREATE TABLE jobs (
    id {uuid} PRIMARY KEY,
    user_id {uuid} NOT NULL,
    kind varchar(20) NOT NULL,
    status varchar(20) NOT NULL,
    status_reason text,
    total integer NOT NULL,
    completed integer NOT NULL,
    failed integer NOT NULL,
    cancelled integer NOT NULL,
    version bigint NOT NULL,
    options {json} NOT NULL,
    idempotency_key varchar(255),
    fingerprint {bytes},
    trace_parent varchar(55),
    deadline_at {time} NOT NULL,
    created_at {time} NOT NULL,
    started_at {time},
    finished_at {time}
);
CREATE INDEX jobs_user ON jobs (user_id, id);
CREATE UNIQUE INDEX jobs_idempotency_key ON jobs (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX jobs_deadline ON jobs (deadline_at) WHERE finished_at IS NULL;
CREATE TABLE documents (
    id {uuid} PRIMARY KEY,
    job_id {uuid} NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    user_id {uuid} NOT NULL,
    position integer NOT NULL,
    file_name varchar(255) NOT NULL,
    kind varchar(20) NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 {bytes} NOT NULL,
    status varchar(20) NOT NULL,
    title varchar(500),
    language varchar(10),
    language_confidence {real},
    tags {json} NOT NULL,
    pages integer,
    words bigint,
    characters bigint,
    metadata {json} NOT NULL,
    needs_ocr {bool} NOT NULL,
    truncated {bool} NOT NULL,
    engine varchar(100),
    text_fence bigint,
    error_code varchar(50),
    error_detail text,
    created_at {time} NOT NULL,
    processed_at {time}
);
CREATE INDEX documents_user ON documents (user_id, id);
CREATE INDEX documents_job ON documents (job_id);
CREATE TABLE tasks (
    id {uuid} PRIMARY KEY,
    kind varchar(50) NOT NULL,
    queue varchar(50) NOT NULL,
    state varchar(20) NOT NULL,
    priority smallint NOT NULL,
    user_id {uuid} NOT NULL,
    job_id {uuid} NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    document_id {uuid},
    payload {json} NOT NULL,
    payload_version smallint NOT NULL,
    attempt smallint NOT NULL,
    attempts_max smallint NOT NULL,
    fence bigint NOT NULL,
    owner {uuid},
    run_at {time} NOT NULL,
    deadline_at {time} NOT NULL,
    dispatched_at {time},
    created_at {time} NOT NULL,
    started_at {time},
    finished_at {time},
    error_code varchar(50),
    error_detail text,
    history {json} NOT NULL DEFAULT '[]'
);
CREATE INDEX tasks_job ON tasks (job_id, document_id);
CREATE INDEX tasks_waiting ON tasks (queue, priority, run_at) WHERE state = 'queued' AND dispatched_at IS NULL;
CREATE INDEX tasks_dispatched ON tasks (queue, dispatched_at) WHERE state = 'queued' AND dispatched_at IS NOT NULL;
CREATE INDEX tasks_running ON tasks (owner) WHERE state = 'running' AND owner IS NOT NULL;
CREATE INDEX tasks_given_up ON tasks (state, id) WHERE state IN ('dead', 'failed');
CREATE TABLE workers (
    id {uuid} PRIMARY KEY,
    name varchar(255) NOT NULL,
    version varchar(50) NOT NULL,
    slots integer NOT NULL,
    started_at {time} NOT NULL,
    heartbeat_at {time} NOT NULL,
    stopped_at {time}
);
CREATE TABLE cron_slots (
    name varchar(100) NOT NULL,
    slot {time} NOT NULL,
    claimed_at {time} NOT NULL,
    PRIMARY KEY (name, slot)
);
CREATE TABLE discarded_documents (
    document_id {uuid} PRIMARY KEY,
    job_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    text_fence bigint,
    discarded_at {time} NOT NULL
);
";
