//! What was found and what became of it, in words and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aap::Timestamp;
use serde_json::json;
use trace_plugin::event::Ended;
use trace_plugin::import::{BadLine, Format, Past, Recorded};

use super::Found;
use crate::output::{self, count};

/// Lines that could not be read of which each is told; the rest are counted.
const MAX_TOLD: usize = 20;

/// What there is of one format.
#[derive(Debug, Default)]
struct Seen {
    files: u64,
    bytes: u64,
    calls: u64,
    refused: u64,
    failed: u64,
    new: u64,
    span: Option<(Timestamp, Timestamp)>,
}

/// What came of an import so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    formats: BTreeMap<Format, Seen>,
    known: u64,
    bad: u64,
    told: Vec<String>,
}

impl Report {
    pub(super) fn begin(&mut self, file: &Found) {
        let seen = self.formats.entry(file.format).or_default();
        seen.files += 1;
        seen.bytes += file.bytes;
    }

    pub(super) fn see(&mut self, file: &Found, past: &Past) {
        let seen = self.formats.entry(file.format).or_default();
        seen.calls += 1;
        match past.seen.as_ref().map(|seen| seen.ended) {
            Some(Ended::Blocked) => seen.refused += 1,
            Some(Ended::Failed) => seen.failed += 1,
            _ => {}
        }
        let (first, last) = seen.span.unwrap_or((past.at, past.at));
        seen.span = Some((first.min(past.at), last.max(past.at)));
    }

    pub(super) fn bad(&mut self, file: &Found, line: &BadLine) {
        self.bad += 1;
        if self.told.len() < MAX_TOLD {
            let place = file.path.display();
            self.told.push(match line.number {
                0 => format!("{place}: {}", line.why),
                number => format!("{place}:{number}: {}", line.why),
            });
        }
    }

    pub(super) fn known(&mut self, calls: u64) {
        self.known += calls;
    }

    pub(super) fn recorded(&mut self, file: &Found, recorded: Recorded) {
        self.formats.entry(file.format).or_default().new += recorded.new;
        self.known += recorded.known;
    }

    pub(super) fn imported(&self) -> u64 {
        self.formats.values().map(|seen| seen.new).sum()
    }

    /// What was imported.
    pub(super) fn show(&self, json: bool) -> anyhow::Result<()> {
        if json {
            return self.as_json(true);
        }
        self.complain();
        for (format, seen) in &self.formats {
            output::line(&format!(
                "{:<14}{} of {} imported, out of {}{}",
                format.as_str(),
                count(seen.new, "call", "calls"),
                seen.calls,
                count(seen.files, "file", "files"),
                with(seen),
            ))?;
        }
        if self.known > 0 {
            let known = count(self.known, "call was", "calls were");
            output::line(&format!("{known} known already"))?;
        }
        if self.formats.is_empty() {
            output::line("nothing was found to be imported")?;
        }
        Ok(())
    }

    /// What there is.
    pub(super) fn list(&self, json: bool) -> anyhow::Result<()> {
        if json {
            return self.as_json(false);
        }
        self.complain();
        for (format, seen) in &self.formats {
            let (first, last) = seen
                .span
                .map_or_else(Default::default, |(first, last)| (day(first), day(last)));
            output::line(&format!(
                "{:<14}{} in {}, {first} to {last}{}",
                format.as_str(),
                count(seen.calls, "call", "calls"),
                count(seen.files, "file", "files"),
                with(seen),
            ))?;
        }
        output::line(if self.formats.is_empty() {
            "no past sessions of Claude Code, Codex or OpenClaw were found; name files to import others"
        } else {
            "nothing was imported yet: `smoltbot import --all` imports them, or name files and directories"
        })
    }

    fn as_json(&self, done: bool) -> anyhow::Result<()> {
        let formats: Vec<_> = self
            .formats
            .iter()
            .map(|(format, seen)| {
                json!({
                    "name": format.as_str(),
                    "files": seen.files,
                    "bytes": seen.bytes,
                    "calls": seen.calls,
                    "refused": seen.refused,
                    "failed": seen.failed,
                    "imported": seen.new,
                    "first_at": seen.span.map(|(first, _)| first),
                    "last_at": seen.span.map(|(_, last)| last),
                })
            })
            .collect();
        let told = json!({
            "imported": done.then(|| self.imported()),
            "known": self.known,
            "bad_lines": self.bad,
            "problems": self.told,
            "sources": formats,
        });
        output::line(&told.to_string())
    }

    /// Says which lines are lost.
    fn complain(&self) {
        for line in &self.told {
            tracing::warn!("{line}");
        }
        if self.bad > self.told.len() as u64 {
            let more = self.bad - self.told.len() as u64;
            let more = count(more, "more line", "more lines");
            tracing::warn!("{more} could not be read");
        }
    }
}

fn day(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

fn with(seen: &Seen) -> String {
    let mut told = String::new();
    for (times, what) in [(seen.refused, "refused"), (seen.failed, "failed")] {
        if times > 0 {
            // Writing to a String cannot fail.
            let _ = write!(told, ", {times} {what}");
        }
    }
    told
}
