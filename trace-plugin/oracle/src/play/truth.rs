//! Whether `smoltbot status --json` tells the truth while something is broken.

use std::time::SystemTime;

use aap::Timestamp;
use serde_json::Value;

use crate::call::{Call, Fate, Kind};
use crate::run::Run;

/// Milliseconds that two looks at one clock may differ by.
const SLACK_MS: i64 = 1000;

fn millis(at: SystemTime) -> i64 {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0))
}

impl Run {
    /// What waits is what was recorded since call `first`, when nothing has gone out since.
    pub(crate) fn waits_as_told(&mut self, status: &Value, first: usize) {
        let count = |calls: &[Call], which: fn(&Call) -> bool| {
            u64::try_from(calls.iter().filter(|call| which(call)).count()).unwrap_or(0)
        };
        let linked = count(&self.calls[first..], Call::is_linked);
        // Of calls without an end each may have been given up by now.
        let open = count(&self.calls, |call| {
            !call.is_linked() && call.before == Fate::Accepted || call.kind == Kind::Asked
        });
        let waiting = status["spool"]["waiting"].as_u64().unwrap_or(0);
        if waiting < linked || waiting > linked + open {
            self.findings.push(format!(
                "{linked} traces wait, perhaps {open} more, and the status says {waiting}: {status}"
            ));
        }
    }

    /// Each agent of the calls since `first` was last heard while they were told.
    pub(crate) fn heard_as_told(&mut self, status: &Value, first: usize, begun: SystemTime) {
        let (from, until) = (
            millis(begun) - SLACK_MS,
            millis(SystemTime::now()) + SLACK_MS,
        );
        let accepted = |call: &&Call| call.before == Fate::Accepted || call.after == Fate::Accepted;
        let mut agents: Vec<&str> = self.calls[first..]
            .iter()
            .filter(accepted)
            .map(|call| call.agent)
            .collect();
        agents.sort_unstable();
        agents.dedup();
        let none = Vec::new();
        let told = status["agents"].as_array().unwrap_or(&none);
        for agent in agents {
            let at = told
                .iter()
                .find(|row| row["name"] == agent)
                .and_then(|row| Timestamp::parse(row["last_event_at"].as_str()?).ok());
            if !at.is_some_and(|at| (from..=until).contains(&at.millis())) {
                self.findings.push(format!(
                    "{agent} was heard just now, and the status says {:?}: {status}",
                    at.map(|at| at.to_string())
                ));
            }
        }
    }
}
