//! The one list of metrics. Names are promises to whoever built a dashboard on them: add, do not rename.

/// One metric: what it is called, counts and is told apart by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// The name, in the way Prometheus asks for: `docmill_`, thing, base unit; `_total` for counters.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: MetricKind,
    /// What one of it is.
    pub unit: MetricUnit,
    /// The labels, in the order in which the events give their values.
    pub labels: &'static [&'static str],
    /// What it means, for people.
    pub help: &'static str,
}

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MetricKind {
    /// Only grows, from the start of the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts values in buckets with these upper bounds.
    Histogram(&'static [f64]),
}

/// What a metric counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricUnit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
}

/// From an answer out of memory to the longest wait that a client may ask for.
const REQUEST_SECONDS: &[f64] = &[
    0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// From a short text to the longest a document may take.
const WORK_SECONDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
];

/// From an idle fleet to a backlog of hours.
const WAIT_SECONDS: &[f64] = &[
    0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0,
];

macro_rules! metrics {
    ($($id:ident = $name:literal $kind:ident $(($buckets:ident))? $unit:ident [$($label:literal),*] $help:literal;)+) => {
        $(
            #[doc = $help]
            pub(super) const $id: Metric = Metric {
                name: $name,
                kind: MetricKind::$kind $(($buckets))?,
                unit: MetricUnit::$unit,
                labels: &[$($label),*],
                help: $help,
            };
        )+

        /// Every metric of docmill.
        pub const ALL: &[Metric] = &[$($id),+];
    };
}

metrics! {
    BUILD_INFO = "docmill_build_info" Gauge Count ["version"]
        "Always 1; the label tells which version runs.";

    HTTP_REQUESTS = "docmill_http_requests_total" Counter Count ["method", "route", "status"]
        "Requests answered, by route pattern and class of status.";
    HTTP_REQUEST_DURATION = "docmill_http_request_duration_seconds" Histogram(REQUEST_SECONDS) Seconds ["method", "route"]
        "Time from the head of a request to the head of its answer.";
    HTTP_REQUESTS_REFUSED = "docmill_http_requests_refused_total" Counter Count ["kind"]
        "Requests refused because too many of their kind were there: upload, download, request, wait, password.";
    HTTP_PLACES_TAKEN = "docmill_http_places_taken" Gauge Count ["kind"]
        "Requests being served or waiting, and passwords waiting to be hashed, of as many as there is room for.";
    PASSWORDS_HASHED = "docmill_passwords_hashed_total" Counter Count []
        "Passwords that went through Argon2id, to keep them or to compare them.";
    BCRYPT_ROUNDS = "docmill_bcrypt_rounds_total" Counter Count []
        "Rounds of bcrypt over passwords, while any account has a hash of an earlier system.";
    DATABASE_LOST = "docmill_database_lost_total" Counter Count []
        "Times that the database stopped answering, as the API saw it.";
    DOCUMENTS_ACCEPTED = "docmill_documents_accepted_total" Counter Count []
        "Documents promised to a client with a 202.";
    UPLOADED_BYTES = "docmill_uploaded_bytes_total" Counter Bytes []
        "Bytes of accepted documents.";

    HINTS_PUSHED = "docmill_hints_pushed_total" Counter Count ["queue"]
        "Task ids put into the queue.";
    HINT_PUSHES_FAILED = "docmill_hint_pushes_failed_total" Counter Count ["queue"]
        "Task ids that could not be put into the queue; the dispatcher repeats them.";
    HINT_QUEUE_FULL = "docmill_hint_queue_full_total" Counter Count ["queue"]
        "Task ids left for the dispatcher because the queue was long enough.";
    HINTS_DROPPED = "docmill_hints_dropped_total" Counter Count ["queue"]
        "Entries of the queue that were not task ids.";

    REDIS_ERRORS = "docmill_redis_errors_total" Counter Count ["kind"]
        "Questions to Redis that failed: it could not be reached, did not answer in time, or refused.";

    TASKS_CLAIMED = "docmill_tasks_claimed_total" Counter Count ["kind"]
        "Tasks taken by a worker; every attempt counts.";
    CLAIMS_LOST = "docmill_claims_lost_total" Counter Count ["kind"]
        "Hints whose task was already taken or ended; normal after a repeated hint.";
    TASKS_FINISHED = "docmill_tasks_finished_total" Counter Count ["kind", "outcome"]
        "Attempts that ended: done, failed, dead, retried, returned at shutdown, or lost to another worker.";
    TASK_DURATION = "docmill_task_duration_seconds" Histogram(WORK_SECONDS) Seconds ["kind"]
        "Time of one attempt, from claim to close.";
    STAGE_DURATION = "docmill_stage_duration_seconds" Histogram(WORK_SECONDS) Seconds ["stage"]
        "Time of one step of an attempt: fetch, parse, enrich, store.";
    STALE_RESULTS = "docmill_stale_results_total" Counter Count ["kind"]
        "Results refused because the task had been given to another worker.";
    QUEUE_WAIT = "docmill_queue_wait_seconds" Histogram(WAIT_SECONDS) Seconds ["queue"]
        "Time from the moment a task may run to its claim.";
    WORKER_SLOTS = "docmill_worker_slots" Gauge Count []
        "Tasks that this worker can run at the same time.";
    WORKER_SLOTS_USED = "docmill_worker_slots_used" Gauge Count []
        "Tasks that this worker is running.";
    PARSER_CHILDREN_STARTED = "docmill_parser_children_started_total" Counter Count []
        "Parser processes started.";
    PARSER_CHILDREN_ENDED = "docmill_parser_children_ended_total" Counter Count ["reason"]
        "Parser processes ended: recycled after their share of documents, or killed, and why.";
    OCR_PAGE_DURATION = "docmill_ocr_page_duration_seconds" Histogram(WORK_SECONDS) Seconds []
        "Time in which a painted page was read by the program that reads pictures.";
    MODEL_CALL_DURATION = "docmill_model_call_duration_seconds" Histogram(WORK_SECONDS) Seconds ["provider", "outcome"]
        "Time of one call of a language model, by whether and how it failed.";

    TASKS_DISPATCHED = "docmill_tasks_dispatched_total" Counter Count ["queue"]
        "Waiting tasks that the dispatcher hinted at.";
    TASKS_REDISPATCHED = "docmill_tasks_redispatched_total" Counter Count ["queue"]
        "Tasks hinted at again because their hint was lost.";
    ORPHANS_RECOVERED = "docmill_orphans_recovered_total" Counter Count []
        "Running tasks taken back from workers that were not heard of.";
    JOBS_EXPIRED = "docmill_jobs_expired_total" Counter Count []
        "Jobs ended by their deadline.";
    SWEEP_DURATION = "docmill_sweep_duration_seconds" Histogram(WORK_SECONDS) Seconds ["sweep"]
        "Time of one run of a sweep.";
    SWEEP_ROWS = "docmill_sweep_rows_total" Counter Count ["sweep"]
        "Rows that a sweep changed or removed.";
    SWEEP_FAILURES = "docmill_sweep_failures_total" Counter Count ["sweep"]
        "Runs of a sweep that ended with an error.";
    QUEUE_WAITING = "docmill_queue_waiting_tasks" Gauge Count ["queue"]
        "Tasks that may run and wait for a worker, by the database.";
    QUEUE_OLDEST_WAIT = "docmill_queue_oldest_wait_seconds" Gauge Seconds ["queue"]
        "How long the oldest of them has waited; 0 when none waits.";
    OLDEST_WAIT = "docmill_oldest_wait_seconds" Gauge Seconds ["queue", "level"]
        "How long the task of a level that waits longest has been due, whosever it is; 0 when none waits.";
    WORKERS_ALIVE = "docmill_workers_alive" Gauge Count []
        "Workers heard of lately, by the database.";
}
