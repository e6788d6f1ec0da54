//! What an operator watches: counts and times of one gateway, for Prometheus to fetch from `GET /metrics`.
//!
//! **In scope.** Names, buckets, labels, and the text. Names are OpenTelemetry's for generative AI where it has one
//! (`gen_ai.client.operation.duration` becomes `gen_ai_client_operation_duration_seconds`), else `smoltbot_gateway_…`;
//! `docs/metrics.md` tells each.
//!
//! **Out of scope.** Who may read them: `http::door`. The edge's own: `edge-server`.
//!
//! A gateway has a recorder of its own, not the process's: that one shows at the edge's `/metrics`, which anybody may read,
//! and which models and tools somebody uses is nobody's business there. What clients and models choose the names of is
//! bounded by `Labels`. Nothing runs by the clock: samples are folded by whoever records the next one. Making a recorder takes some
//! 20 ms, as its clock is calibrated; a gateway that starts has no time for that, so what happens first waits for it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

mod calls;
mod labels;
mod models;
mod names;

pub(crate) use calls::Counted;
use labels::Labels;
use names::{BUCKETS, HELP};

use crate::limits::{MAX_METRIC_MODELS, MAX_METRIC_TOOLS, METRICS_FOLD_AFTER, METRICS_WAITING};

/// The format of the text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The counts and times of one gateway.
pub struct Metrics {
    shared: Arc<Shared>,
    models: Labels,
    tools: Labels,
}

/// Something to count, once there is a recorder.
type Told = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Shared {
    made: OnceLock<Recorder>,
    /// What happened before there was one.
    waiting: Mutex<Vec<Told>>,
}

struct Recorder {
    inner: PrometheusRecorder,
    handle: PrometheusHandle,
    /// Samples since they were folded last: until then they are kept one by one.
    unfolded: AtomicU32,
}

impl Shared {
    fn tell(self: &Arc<Self>, told: impl FnOnce() + Send + 'static) {
        if let Some(made) = self.made.get() {
            return made.tell(told);
        }
        let mut waiting = self.waiting();
        // Made meanwhile: nobody looks at what waits any more.
        if let Some(made) = self.made.get() {
            drop(waiting);
            return made.tell(told);
        }
        waiting.push(Box::new(told));
        if waiting.len() == METRICS_WAITING {
            let shared = Arc::clone(self);
            // Without a thread the next who fetches them makes it.
            let _ = std::thread::Builder::new()
                .name("metrics".to_owned())
                .spawn(move || {
                    shared.recorder();
                });
        }
    }

    /// The recorder, which the first call makes.
    fn recorder(&self) -> &Recorder {
        let made = self.made.get_or_init(Recorder::new);
        // Locked until all is told: whoever reads the metrics meanwhile waits for it.
        let mut waiting = self.waiting();
        for told in std::mem::take(&mut *waiting) {
            made.tell(told);
        }
        drop(waiting);
        made
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Told>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder {
    fn new() -> Self {
        let mut builder = PrometheusBuilder::new();
        for (name, buckets) in BUCKETS {
            let matcher = Matcher::Full(name.to_owned());
            // It refuses an empty list of bounds alone, and a test holds that none is.
            builder = match builder.set_buckets_for_metric(matcher, buckets) {
                Ok(builder) => builder,
                Err(_) => PrometheusBuilder::new(),
            };
        }
        let recorder = builder.build_recorder();
        let made = Self {
            handle: recorder.handle(),
            inner: recorder,
            unfolded: AtomicU32::new(0),
        };
        made.tell(|| {
            for (name, help) in HELP {
                if names::is_counter(name) {
                    metrics::describe_counter!(name, help);
                } else if names::is_histogram(name) {
                    metrics::describe_histogram!(name, help);
                } else {
                    metrics::describe_gauge!(name, help);
                }
            }
            let version = env!("CARGO_PKG_VERSION");
            metrics::gauge!(names::INFO, "version" => version).set(1.0);
        });
        made
    }

    /// Counts something, and folds what has gathered once that is much.
    fn tell(&self, told: impl FnOnce()) {
        metrics::with_local_recorder(&self.inner, told);
        if self.unfolded.fetch_add(1, Ordering::Relaxed) + 1 >= METRICS_FOLD_AFTER {
            self.unfolded.store(0, Ordering::Relaxed);
            self.handle.run_upkeep();
        }
    }
}

/// What is open when the metrics are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Open {
    /// Sockets of `/ws` that have not shown the token yet.
    pub(crate) strangers: usize,
    /// Sockets of `/ws` of the simple dialect.
    pub(crate) simple: usize,
    /// Sockets of `/ws` of OpenClaw's.
    pub(crate) openclaw: usize,
    /// Runs under way.
    pub(crate) runs: usize,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self {
            shared: Arc::default(),
            models: Labels::new(MAX_METRIC_MODELS),
            tools: Labels::new(MAX_METRIC_TOOLS),
        }
    }

    /// All of them in Prometheus' text format. Blocks while a recorder is made.
    pub(crate) fn render(&self, open: Open) -> String {
        let made = self.shared.recorder();
        made.tell(|| {
            #[expect(clippy::cast_precision_loss, reason = "no gateway has 2^52 sockets")]
            let set = |name: &'static str, dialect: &'static str, number: usize| {
                metrics::gauge!(name, "dialect" => dialect).set(number as f64);
            };
            set(names::SOCKETS, "none", open.strangers);
            set(names::SOCKETS, "simple", open.simple);
            set(names::SOCKETS, "openclaw", open.openclaw);
            #[expect(clippy::cast_precision_loss, reason = "no gateway has 2^52 runs")]
            metrics::gauge!(names::RUNS).set(open.runs as f64);
        });
        made.unfolded.store(0, Ordering::Relaxed);
        made.handle.render()
    }

    /// A request was answered; a stream's answer begins then.
    pub(crate) fn request(&self, route: &str, method: &Method, status: StatusCode, took: Duration) {
        let route = route.to_owned();
        let method = method_name(method);
        let status = status.as_str().to_owned();
        self.record(names::REQUESTS, took.as_secs_f64(), move || {
            metrics::histogram!(names::REQUESTS, "route" => route, "method" => method, "status" => status)
        });
    }

    /// A run begins.
    pub(crate) fn run_begun(&self) {
        self.with(|| metrics::counter!(names::RUNS_BEGUN).increment(1));
    }

    /// A run has ended for this reason.
    pub(crate) fn run_ended(&self, reason: &'static str) {
        self.with(move || metrics::counter!(names::RUNS_ENDED, "outcome" => reason).increment(1));
    }

    /// The model and its tools have dealt with a message.
    pub(crate) fn turn(&self, whole: Duration, first: Option<Duration>, outcome: &'static str) {
        self.record(names::TURN, whole.as_secs_f64(), move || {
            metrics::histogram!(names::TURN, "gen_ai_operation_name" => "invoke_agent", "outcome" => outcome)
        });
        if let Some(first) = first {
            self.record(names::TURN_FIRST, first.as_secs_f64(), move || {
                metrics::histogram!(names::TURN_FIRST)
            });
        }
    }

    /// A WebSocket was closed because it did not read; so many bytes for it were dropped.
    pub(crate) fn slow_reader(&self, bytes: usize) {
        self.with(move || {
            metrics::counter!(names::SLOW_READERS).increment(1);
            metrics::counter!(names::DROPPED_BYTES).increment(bytes as u64);
        });
    }

    /// Tells of a tool call; `known` is whether there is such a tool, as models make up names.
    pub(crate) fn call(self: &Arc<Self>, tool: &str, known: bool) -> Counted {
        Counted::new(Arc::clone(self), self.tools.of(tool, known))
    }

    fn with(&self, tell: impl FnOnce() + Send + 'static) {
        self.shared.tell(tell);
    }

    /// Records a sample.
    fn record(
        &self,
        name: &str,
        value: f64,
        of: impl FnOnce() -> metrics::Histogram + Send + 'static,
    ) {
        debug_assert!(names::is_histogram(name), "{name} has no buckets");
        self.with(move || of().record(value));
    }
}

/// A method's name as a label; clients cannot make up labels.
fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Open = Open {
        strangers: 0,
        simple: 0,
        openclaw: 0,
        runs: 0,
    };

    #[test]
    fn every_name_has_a_help_and_a_type_and_stands_in_the_documentation() {
        let page = include_str!("../../../docs/metrics.md");
        for (name, help) in HELP {
            assert!(!help.is_empty());
            assert!(
                page.contains(&format!("`{name}")),
                "docs/metrics.md: {name}"
            );
        }
        for (name, buckets) in BUCKETS {
            assert!(HELP.iter().any(|(of, _)| *of == name), "{name}");
            assert!(buckets.is_sorted() && !buckets.is_empty(), "{name}");
        }
    }

    #[test]
    fn methods_and_names_that_are_made_up_do_not_make_it_grow() {
        let metrics = Arc::new(Metrics::new());
        for number in 0..1000 {
            let method = Method::from_bytes(format!("M{number}").as_bytes()).unwrap();
            metrics.request("none", &method, StatusCode::NOT_FOUND, Duration::ZERO);
            metrics.call(&format!("invented{number}"), false);
        }
        let text = metrics.render(NOTHING);
        assert!(
            text.contains(r#"method="other""#) && !text.contains("M999"),
            "{text}"
        );
        assert!(!text.contains("invented"), "{text}");
        for number in 0..2 * MAX_METRIC_TOOLS {
            metrics.call(&format!("real{number}"), true);
        }
        let text = metrics.render(NOTHING);
        let series = text.lines().filter(|line| line.starts_with(names::CALLS));
        assert_eq!(series.count(), MAX_METRIC_TOOLS + 1, "and `other`");
    }

    #[test]
    fn samples_are_folded_by_who_records_and_none_is_lost_before_there_is_a_recorder() {
        let metrics = Metrics::new();
        let many = u64::from(2 * METRICS_FOLD_AFTER);
        let record = || metrics.request("/", &Method::GET, StatusCode::OK, Duration::ZERO);
        record();
        assert!(metrics.shared.made.get().is_none() && metrics.shared.waiting().len() == 1);
        // Several at once, while it is made by whoever reaches the limit.
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..many / 4).for_each(|_| record()));
            }
        });
        let count = format!(
            "{}_count{{route=\"/\",method=\"GET\",status=\"200\"}} {}",
            names::REQUESTS,
            many + 1
        );
        let text = metrics.render(NOTHING);
        assert!(text.contains(&count), "{text}");
        let unfolded = &metrics.shared.recorder().unfolded;
        for _ in 0..=METRICS_FOLD_AFTER {
            record();
        }
        assert!(unfolded.load(Ordering::Relaxed) <= 1);
    }

    #[test]
    fn values_of_labels_cannot_break_the_format() {
        let metrics = Arc::new(Metrics::new());
        metrics.call("a\"b\\c\nd{}", true);
        let text = metrics.render(NOTHING);
        let line = text
            .lines()
            .find(|line| line.starts_with(names::CALLS))
            .unwrap();
        assert!(
            line.contains(r#"gen_ai_tool_name="a\"b\\c\nd{}""#),
            "{line}"
        );
    }
}
