//! How long `smoltbot up` takes until all its roles answer, and what it holds when idle.

use std::time::Duration;

use anyhow::Result;

use super::up::Up;
use super::{Bench, Metric};

/// Starts of each kind.
const STARTS: usize = 20;
/// How long a process is left alone before its memory counts as idle.
const SETTLE: Duration = Duration::from_secs(2);

pub(crate) fn measure(bench: &Bench) -> Result<Vec<Metric>> {
    let (mut first, mut again, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..STARTS {
        let home = tempfile::tempdir()?;
        let up = Up::start(bench, home.path())?;
        first.push(up.took);
        up.stop()?;
        let up = Up::start(bench, home.path())?;
        again.push(up.took);
        // Memory hardly varies; a few rounds of waiting are enough.
        if round < 3 {
            std::thread::sleep(SETTLE);
            memory.push(up.rss_mb()?);
        }
        up.stop()?;
    }
    Ok(vec![
        Metric::of_times("first run, until all roles are healthy", &first)?,
        Metric::of_times("existing state, until all roles are healthy", &again)?,
        Metric::of("idle resident memory", "MB", memory)?,
    ])
}
