//! The recorder behind the metrics, and their text as Prometheus reads it.

use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::metrics::{ALL, MetricKind, describe};

/// How often recorded values are folded into their buckets, so that they do not pile up while nobody scrapes.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

static INSTALLED: OnceLock<Exposition> = OnceLock::new();

/// The metrics of this process. Clones show the same metrics.
#[derive(Debug, Clone)]
pub struct Exposition(PrometheusHandle);

impl Exposition {
    /// The media type of what [`Exposition::render`] gives.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// Every metric that has a value, in the text format of Prometheus.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }
}

/// Makes the events of [`crate::metrics`] count from now on. Events before this call are not counted.
///
/// Later calls give the metrics that the first one made. When another recorder was installed by other code, that one
/// stays, and the metrics given here remain empty.
pub fn install_recorder() -> Exposition {
    INSTALLED.get_or_init(install).clone()
}

fn install() -> Exposition {
    let mut builder = PrometheusBuilder::new();
    for metric in ALL {
        if let MetricKind::Histogram(buckets) = metric.kind {
            builder = builder
                .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets)
                .expect("no list of buckets in the table is empty");
        }
    }
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    // An error means that the process has a recorder already, which cannot be replaced.
    if ::metrics::set_global_recorder(recorder).is_ok() {
        describe(env!("CARGO_PKG_VERSION"));
        keep_up(handle.clone());
    }
    Exposition(handle)
}

/// A thread and not a task, for it must also run where no runtime does. It ends with the process.
fn keep_up(handle: PrometheusHandle) {
    let thread = thread::Builder::new()
        .name("metrics-upkeep".to_owned())
        .spawn(move || {
            loop {
                thread::sleep(UPKEEP_INTERVAL);
                handle.run_upkeep();
            }
        });
    if let Err(error) = thread {
        tracing::warn!("metrics are folded only when they are scraped: {error}");
    }
}

#[cfg(test)]
mod tests {
    use domain::{QueueName, TaskKind};

    use super::*;
    use crate::metrics::{self, TaskOutcome};

    #[test]
    fn events_are_counted_by_the_one_recorder_of_the_process() {
        let first = install_recorder();
        let second = install_recorder();

        metrics::task_finished(
            TaskKind::ProcessDocument,
            TaskOutcome::Retried,
            Duration::from_millis(30),
        );
        metrics::http_request("GET", Some("/api/v1/jobs/:id"), 404, Duration::from_millis(3));
        metrics::http_request("GET", None, 404, Duration::from_millis(3));
        metrics::queue_observed(QueueName::Documents, 7, Duration::from_secs(90));

        for text in [first.render(), second.render()] {
            for line in [
                "# TYPE docmill_tasks_finished_total counter",
                r#"docmill_tasks_finished_total{kind="process_document",outcome="retried"} 1"#,
                r#"docmill_task_duration_seconds_bucket{kind="process_document",le="0.025"} 0"#,
                r#"docmill_task_duration_seconds_bucket{kind="process_document",le="0.05"} 1"#,
                r#"docmill_http_requests_total{method="GET",route="/api/v1/jobs/:id",status="4xx"} 1"#,
                r#"docmill_http_requests_total{method="GET",route="unmatched",status="4xx"} 1"#,
                r#"docmill_queue_oldest_wait_seconds{queue="documents"} 90"#,
                "docmill_jobs_expired_total 0",
            ] {
                assert!(
                    text.lines().any(|shown| shown == line),
                    "{line}\nis not in\n{text}"
                );
            }
        }
    }
}
