//! Counters, gauges and histograms of one isolate, in Prometheus' text format.
//!
//! The exporter that the native edge has brings threads and a socket; what the router counts is a few dozen series. An
//! isolate counts for itself and forgets when it ends: whoever scrapes sums up over what answers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

/// Bounds of histograms' buckets, in seconds: those of the native edge.
pub const SECONDS: [f64; 11] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0,
];
/// Series that are kept; what would be another one is counted nowhere, which [`DROPPED`] counts. Labels are the router's
/// own words, so this is never met unless a label is a mistake.
pub const MAX_SERIES: usize = 2000;
/// How often a series was not kept.
pub const DROPPED: &str = "smoltbot_metrics_series_dropped_total";

/// An isolate's metrics. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    series: Mutex<BTreeMap<Key, Series>>,
    dropped: AtomicU64,
}

#[derive(Debug, Clone)]
enum Series {
    Counter(Arc<Number>),
    Gauge(Arc<Number>),
    Histogram(Arc<Buckets>),
}

/// A counter's number, or the bits of a gauge's.
#[derive(Debug, Default)]
struct Number(AtomicU64);

impl Number {
    fn change(&self, change: impl Fn(f64) -> f64) {
        let next = |bits: u64| Some(change(f64::from_bits(bits)).to_bits());
        // It always has a next value, so it cannot fail.
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    }
}

impl CounterFn for Number {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        self.0.fetch_max(value, Ordering::Relaxed);
    }
}

impl GaugeFn for Number {
    fn increment(&self, value: f64) {
        self.change(|now| now + value);
    }

    fn decrement(&self, value: f64) {
        self.change(|now| now - value);
    }

    fn set(&self, value: f64) {
        self.change(|_| value);
    }
}

#[derive(Debug, Default)]
struct Buckets {
    /// One more than the bounds: what is above all of them.
    counts: [AtomicU64; SECONDS.len() + 1],
    sum: Number,
}

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        let bucket = SECONDS.partition_point(|bound| *bound < value);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.change(|sum| sum + value);
    }
}

impl Metrics {
    fn series(&self) -> MutexGuard<'_, BTreeMap<Key, Series>> {
        // Whole entries only.
        self.0.series.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The series of `key`, made by `make` when it is new; none when there are too many.
    fn of(&self, key: &Key, make: fn() -> Series) -> Option<Series> {
        let mut series = self.series();
        if let Some(known) = series.get(key) {
            return Some(known.clone());
        }
        if series.len() >= MAX_SERIES {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let new = make();
        series.insert(key.clone(), new.clone());
        Some(new)
    }

    /// All of it as text.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let mut described = String::new();
        for (key, series) in &*self.series() {
            let name = key.name();
            if described != name {
                name.clone_into(&mut described);
                let _ = writeln!(text, "# TYPE {name} {}", series.kind());
            }
            series.write(&mut text, name, &labels(key));
        }
        let dropped = self.0.dropped.load(Ordering::Relaxed);
        let _ = writeln!(text, "# TYPE {DROPPED} counter\n{DROPPED} {dropped}");
        text
    }
}

/// `name="value"` of each label, with commas between.
fn labels(key: &Key) -> String {
    let labels = key.labels().map(|label| {
        let value = label.value().replace('\\', "\\\\").replace('"', "\\\"");
        format!("{}=\"{}\"", label.key(), value.replace('\n', "\\n"))
    });
    labels.collect::<Vec<_>>().join(",")
}

impl Series {
    fn kind(&self) -> &'static str {
        match self {
            Self::Counter(_) => "counter",
            Self::Gauge(_) => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }

    // Writing to a String cannot fail.
    fn write(&self, text: &mut String, name: &str, labels: &str) {
        let braced = match labels {
            "" => String::new(),
            labels => format!("{{{labels}}}"),
        };
        match self {
            Self::Counter(value) => {
                let _ = writeln!(text, "{name}{braced} {}", value.0.load(Ordering::Relaxed));
            }
            Self::Gauge(bits) => {
                let value = f64::from_bits(bits.0.load(Ordering::Relaxed));
                let _ = writeln!(text, "{name}{braced} {value}");
            }
            Self::Histogram(buckets) => {
                let comma = if labels.is_empty() { "" } else { "," };
                let mut count = 0;
                for (index, bucket) in buckets.counts.iter().enumerate() {
                    count += bucket.load(Ordering::Relaxed);
                    let bound = SECONDS.get(index).map_or("+Inf".to_owned(), f64::to_string);
                    let _ = writeln!(
                        text,
                        "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}"
                    );
                }
                let sum = f64::from_bits(buckets.sum.0.load(Ordering::Relaxed));
                let _ = writeln!(
                    text,
                    "{name}_sum{braced} {sum}\n{name}_count{braced} {count}"
                );
            }
        }
    }
}

impl Recorder for Metrics {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match self.of(key, || Series::Counter(Arc::default())) {
            Some(Series::Counter(counter)) => Counter::from_arc(counter),
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match self.of(key, || Series::Gauge(Arc::default())) {
            Some(Series::Gauge(gauge)) => Gauge::from_arc(gauge),
            _ => Gauge::noop(),
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        match self.of(key, || Series::Histogram(Arc::default())) {
            Some(Series::Histogram(buckets)) => Histogram::from_arc(buckets),
            _ => Histogram::noop(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_told_in_prometheus_text() {
        let metrics = Metrics::default();
        metrics::with_local_recorder(&metrics, || {
            metrics::counter!("taken_total", "status" => "sto\"red").increment(2);
            metrics::counter!("taken_total", "status" => "sto\"red").increment(3);
            metrics::gauge!("readers").increment(1);
            metrics::histogram!("request_seconds", "route" => "/").record(0.002);
            metrics::histogram!("request_seconds", "route" => "/").record(9.0);
        });
        let text = metrics.render();
        for line in [
            "# TYPE taken_total counter",
            "taken_total{status=\"sto\\\"red\"} 5",
            "# TYPE readers gauge",
            "readers 1",
            "# TYPE request_seconds histogram",
            "request_seconds_bucket{route=\"/\",le=\"0.001\"} 0",
            "request_seconds_bucket{route=\"/\",le=\"0.0025\"} 1",
            "request_seconds_bucket{route=\"/\",le=\"5\"} 1",
            "request_seconds_bucket{route=\"/\",le=\"+Inf\"} 2",
            "request_seconds_sum{route=\"/\"} 9.002",
            "request_seconds_count{route=\"/\"} 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }

    #[test]
    fn series_are_bounded() {
        let metrics = Metrics::default();
        metrics::with_local_recorder(&metrics, || {
            for number in 0..MAX_SERIES + 3 {
                metrics::counter!("many_total", "number" => number.to_string()).increment(1);
            }
        });
        let text = metrics.render();
        assert!(text.contains(&format!("{DROPPED} 3\n")));
        assert!(text.lines().count() < MAX_SERIES + 10);
    }
}
