//! The process's one metrics recorder.
//!
//! `metrics` has one recorder a process. Whoever comes first installs it, all others share it: the edge served twice, and the
//! program's other roles, whose metrics then show at the edge's `/metrics`, too.

use std::sync::{Mutex, OnceLock, PoisonError};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Bounds of the request times' buckets, in seconds: from what a batch costs to what nobody waits for.
const REQUEST_SECONDS: [f64; 11] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0,
];

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
static INSTALLING: Mutex<()> = Mutex::new(());

/// Why there is no recorder.
#[derive(Debug, thiserror::Error)]
#[error("the Prometheus recorder cannot be installed: {0}")]
pub struct MetricsError(String);

/// The recorder's handle; installs it if nobody has.
///
/// # Errors
/// When another kind of recorder is installed in this process.
pub fn recorder() -> Result<&'static PrometheusHandle, MetricsError> {
    let _one_at_a_time = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = RECORDER.get() {
        return Ok(handle);
    }
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(
            Matcher::Full("smoltbot_edge_request_seconds".to_owned()),
            &REQUEST_SECONDS,
        )
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| MetricsError(error.to_string()))?;
    Ok(RECORDER.get_or_init(|| handle))
}

/// Sums up what histograms gathered since the last time, so that they do not grow.
pub(crate) fn upkeep() {
    if let Some(handle) = RECORDER.get() {
        handle.run_upkeep();
    }
}
