//! Events that are counted, one function each. The function owns the name, the unit and the labels; callers give
//! values from closed sets. Nobody else speaks to the metrics library.

mod table;

use std::time::Duration;

use ::metrics::{Label, SharedString, Unit};
use domain::{Priority, QueueName, TaskKind};

pub use table::{ALL, Metric, MetricKind, MetricUnit};

/// How an attempt at a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskOutcome {
    /// Its results are stored.
    Done,
    /// The document will never succeed.
    Failed,
    /// The last attempt was used up.
    Dead,
    /// Another attempt will follow.
    Retried,
    /// Handed back unfinished because the worker stops.
    Returned,
    /// Somebody else owns the task by now; nothing was stored.
    Lost,
}

impl TaskOutcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Dead => "dead",
            Self::Retried => "retried",
            Self::Returned => "returned",
            Self::Lost => "lost",
        }
    }
}

/// A step of the work on a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading the original from storage and getting the text out of it.
    Parse,
    /// Language, tags and the rest that follows from the text.
    Enrich,
    /// Keeping the text in storage.
    Store,
    /// Keeping the results in the database and ending the task, in one transaction.
    Close,
}

impl Stage {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Enrich => "enrich",
            Self::Store => "store",
            Self::Close => "close",
        }
    }
}

/// Why a parser process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParserEnd {
    /// It had read its share of documents, or grown too large.
    Recycled,
    /// The process that owns it stops.
    Stopped,
    /// Nobody waits for its document any more.
    Abandoned,
    /// It took too long.
    TimedOut,
    /// It ended on its own, or answered nonsense.
    Crashed,
}

impl ParserEnd {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Recycled => "recycled",
            Self::Stopped => "stopped",
            Self::Abandoned => "abandoned",
            Self::TimedOut => "timed_out",
            Self::Crashed => "crashed",
        }
    }
}

/// How a question to Redis failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedisFault {
    /// It is away, or the way to it is.
    Unreachable,
    /// It did not answer in time.
    TimedOut,
    /// It answered with an error: no memory, a replica, too many clients, starting up.
    Refused,
}

impl RedisFault {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Refused => "refused",
        }
    }
}

/// What there is only so much room for in the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceKind {
    /// Uploads.
    Upload,
    /// Downloads.
    Download,
    /// Any other requests.
    Request,
    /// Requests that wait for a job.
    Wait,
    /// Passwords that wait to be hashed.
    Password,
}

impl PlaceKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Download => "download",
            Self::Request => "request",
            Self::Wait => "wait",
            Self::Password => "password",
        }
    }
}

impl Metric {
    fn values<const N: usize>(&self, values: [SharedString; N]) -> Vec<Label> {
        debug_assert_eq!(self.labels.len(), N, "{} has other labels", self.name);
        self.labels
            .iter()
            .zip(values)
            .map(|(label, value)| Label::new(*label, value))
            .collect()
    }

    fn add<const N: usize>(&self, values: [SharedString; N], count: u64) {
        ::metrics::counter!(self.name, self.values(values)).increment(count);
    }

    fn set<const N: usize>(&self, values: [SharedString; N], value: f64) {
        ::metrics::gauge!(self.name, self.values(values)).set(value);
    }

    fn change<const N: usize>(&self, values: [SharedString; N], by: f64) {
        ::metrics::gauge!(self.name, self.values(values)).increment(by);
    }

    fn time<const N: usize>(&self, values: [SharedString; N], took: Duration) {
        ::metrics::histogram!(self.name, self.values(values)).record(took.as_secs_f64());
    }
}

/// Gives the recorder the meaning of every metric, and shows every counter without labels as 0, so that an alert on
/// its growth sees the first event.
pub(crate) fn describe(version: &'static str) {
    for metric in ALL {
        let unit = match metric.unit {
            MetricUnit::Count => Unit::Count,
            MetricUnit::Bytes => Unit::Bytes,
            MetricUnit::Seconds => Unit::Seconds,
        };
        match metric.kind {
            MetricKind::Counter => {
                ::metrics::describe_counter!(metric.name, unit, metric.help);
                if metric.labels.is_empty() {
                    metric.add([], 0);
                }
            }
            MetricKind::Gauge => ::metrics::describe_gauge!(metric.name, unit, metric.help),
            MetricKind::Histogram(_) => ::metrics::describe_histogram!(metric.name, unit, metric.help),
        }
    }
    table::BUILD_INFO.set([version.into()], 1.0);
}

/// A request was answered. `route` is the pattern of the route (`/api/v1/jobs/:id`), never the path that was asked
/// for; `None` when no route matched.
pub fn http_request(method: &str, route: Option<&str>, status: u16, took: Duration) {
    let method = method_label(method);
    let route = SharedString::from(route.map_or_else(|| "unmatched".to_owned(), str::to_owned));
    table::HTTP_REQUESTS.add([method.into(), route.clone(), status_class(status).into()], 1);
    table::HTTP_REQUEST_DURATION.time([method.into(), route], took);
}

/// A request was refused before anything was done for it, because too many of its kind were there.
pub fn http_request_refused(kind: PlaceKind) {
    table::HTTP_REQUESTS_REFUSED.add([kind.as_str().into()], 1);
}

/// Somebody took a place.
pub fn http_place_taken(kind: PlaceKind) {
    table::HTTP_PLACES_TAKEN.change([kind.as_str().into()], 1.0);
}

/// Somebody left a place.
pub fn http_place_left(kind: PlaceKind) {
    table::HTTP_PLACES_TAKEN.change([kind.as_str().into()], -1.0);
}

/// A password went through the hash that we make.
pub fn password_hashed() {
    table::PASSWORDS_HASHED.add([], 1);
}

/// A password went through so many rounds of the hash that earlier systems made.
pub fn bcrypt_computed(rounds: u64) {
    table::BCRYPT_ROUNDS.add([], rounds);
}

/// The watch over the database heard nothing any more.
pub fn database_lost() {
    table::DATABASE_LOST.add([], 1);
}

/// Documents of `bytes` bytes together were promised to a client.
pub fn documents_accepted(count: u64, bytes: u64) {
    table::DOCUMENTS_ACCEPTED.add([], count);
    table::UPLOADED_BYTES.add([], bytes);
}

/// Task ids were put into the queue.
pub fn hints_pushed(queue: QueueName, count: u64) {
    table::HINTS_PUSHED.add([queue.as_str().into()], count);
}

/// Task ids could not be put into the queue.
pub fn hint_push_failed(queue: QueueName, count: u64) {
    table::HINT_PUSHES_FAILED.add([queue.as_str().into()], count);
}

/// Task ids were left for the dispatcher because the queue was long enough.
pub fn hint_queue_full(queue: QueueName, count: u64) {
    table::HINT_QUEUE_FULL.add([queue.as_str().into()], count);
}

/// Entries of the queue were not task ids and were thrown away.
pub fn hints_dropped(queue: QueueName, count: u64) {
    table::HINTS_DROPPED.add([queue.as_str().into()], count);
}

/// A question to Redis failed.
pub fn redis_failed(fault: RedisFault) {
    table::REDIS_ERRORS.add([fault.as_str().into()], 1);
}

/// A worker took a task that could have been taken `waited` ago.
pub fn task_claimed(kind: TaskKind, waited: Duration) {
    table::TASKS_CLAIMED.add([kind.as_str().into()], 1);
    table::QUEUE_WAIT.time([kind.queue().as_str().into()], waited);
}

/// A hint led to a task that somebody else had taken, or that had ended.
pub fn claim_lost(kind: TaskKind) {
    table::CLAIMS_LOST.add([kind.as_str().into()], 1);
}

/// An attempt ended.
pub fn task_finished(kind: TaskKind, outcome: TaskOutcome, took: Duration) {
    table::TASKS_FINISHED.add([kind.as_str().into(), outcome.as_str().into()], 1);
    table::TASK_DURATION.time([kind.as_str().into()], took);
}

/// A step of an attempt ended, well or badly.
pub fn stage_finished(stage: Stage, took: Duration) {
    table::STAGE_DURATION.time([stage.as_str().into()], took);
}

/// A result came after its task had been given to another worker.
pub fn stale_result(kind: TaskKind) {
    table::STALE_RESULTS.add([kind.as_str().into()], 1);
}

/// How many tasks this worker can run, and how many it is running.
pub fn worker_slots(total: usize, used: usize) {
    table::WORKER_SLOTS.set([], gauge(total as u64));
    table::WORKER_SLOTS_USED.set([], gauge(used as u64));
}

/// A parser process was started.
pub fn parser_child_started() {
    table::PARSER_CHILDREN_STARTED.add([], 1);
}

/// A parser process ended.
pub fn parser_child_ended(reason: ParserEnd) {
    table::PARSER_CHILDREN_ENDED.add([reason.as_str().into()], 1);
}

/// A page that is a picture of text was read.
pub fn ocr_page_read(took: Duration) {
    table::OCR_PAGE_DURATION.time([], took);
}

/// A language model was called. The outcome is `answered`, or the word for its failure.
pub fn model_called(provider: &'static str, outcome: &'static str, took: Duration) {
    table::MODEL_CALL_DURATION.time([provider.into(), outcome.into()], took);
}

/// The dispatcher hinted at waiting tasks.
pub fn tasks_dispatched(queue: QueueName, count: u64) {
    table::TASKS_DISPATCHED.add([queue.as_str().into()], count);
}

/// The dispatcher hinted again at tasks whose hint was lost.
pub fn tasks_redispatched(queue: QueueName, count: u64) {
    table::TASKS_REDISPATCHED.add([queue.as_str().into()], count);
}

/// Tasks were taken back from workers that were not heard of.
pub fn orphans_recovered(count: u64) {
    table::ORPHANS_RECOVERED.add([], count);
}

/// Jobs were ended by their deadline.
pub fn jobs_expired(count: u64) {
    table::JOBS_EXPIRED.add([], count);
}

/// A sweep ran to its end. `sweep` is the name of its file.
pub fn sweep_finished(sweep: &'static str, rows: u64, took: Duration) {
    table::SWEEP_ROWS.add([sweep.into()], rows);
    table::SWEEP_DURATION.time([sweep.into()], took);
}

/// A sweep ended with an error. `sweep` is the name of its file.
pub fn sweep_failed(sweep: &'static str) {
    table::SWEEP_FAILURES.add([sweep.into()], 1);
}

/// What the database says about the tasks that may run; `oldest` is zero when none waits.
pub fn queue_observed(queue: QueueName, waiting: u64, oldest: Duration) {
    table::QUEUE_WAITING.set([queue.as_str().into()], gauge(waiting));
    table::QUEUE_OLDEST_WAIT.set([queue.as_str().into()], oldest.as_secs_f64());
}

/// How long the worst off of a level waits; zero when nobody does.
pub fn oldest_wait_observed(queue: QueueName, level: Priority, oldest: Duration) {
    table::OLDEST_WAIT.set(
        [queue.as_str().into(), level.as_str().into()],
        oldest.as_secs_f64(),
    );
}

/// How many workers the database has heard of lately.
pub fn workers_observed(alive: u64) {
    table::WORKERS_ALIVE.set([], gauge(alive));
}

/// Counts above 2^53 lose their last digits; nothing here comes near.
#[allow(clippy::cast_precision_loss)]
const fn gauge(count: u64) -> f64 {
    count as f64
}

/// A client may send any word as its method.
fn method_label(method: &str) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    KNOWN
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("other")
}

const fn status_class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_metrics_is_the_one_that_dashboards_were_built_on() {
        let list: String = ALL
            .iter()
            .map(|metric| {
                let kind = match metric.kind {
                    MetricKind::Counter => "counter",
                    MetricKind::Gauge => "gauge",
                    MetricKind::Histogram(_) => "histogram",
                };
                let labels = metric.labels.join(", ");
                format!(
                    "{} {kind} {:?} [{labels}]\n    {}\n",
                    metric.name, metric.unit, metric.help
                )
            })
            .collect();
        insta::assert_snapshot!(list);
    }

    #[test]
    fn names_follow_the_rules_of_prometheus() {
        let mut names: Vec<&str> = ALL.iter().map(|metric| metric.name).collect();
        for metric in ALL {
            assert!(metric.name.starts_with("docmill_"), "{}", metric.name);
            let counter = metric.kind == MetricKind::Counter;
            assert_eq!(metric.name.ends_with("_total"), counter, "{}", metric.name);
            let stem = metric.name.trim_end_matches("_total");
            assert_eq!(
                stem.ends_with("_seconds"),
                metric.unit == MetricUnit::Seconds,
                "{}",
                metric.name
            );
            assert_eq!(
                stem.ends_with("_bytes"),
                metric.unit == MetricUnit::Bytes,
                "{}",
                metric.name
            );
            if let MetricKind::Histogram(buckets) = metric.kind {
                assert!(buckets.is_sorted() && !buckets.is_empty(), "{}", metric.name);
            }
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn labels_from_outside_fall_into_a_closed_set() {
        assert_eq!(method_label("GET"), "GET");
        assert_eq!(method_label("BREW-COFFEE"), "other");
        assert_eq!(status_class(204), "2xx");
        assert_eq!(status_class(999), "5xx");
    }
}
