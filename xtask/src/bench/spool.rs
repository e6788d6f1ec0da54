//! What the spool accepts a second, and how much of that SQLite alone would.

use anyhow::Result;

use super::{Bench, Metric, example};

/// Runs the example that is linked with the spool.
pub(crate) fn measure(_: &Bench) -> Result<Vec<Metric>> {
    example::figures("trace-plugin", "spool_rate")
}
