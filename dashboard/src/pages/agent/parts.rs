//! The parts of an agent's page: chain, tools, sessions.

use aap::{AgentId, Timestamp};
use trace_store::{AgentRow, Equivocation, LatencyRow, SessionRow, Stats, StreamRow};

use crate::calls::session_link;
use crate::chart::share;
use crate::query::Params;
use crate::text::{Shown, line, plain, short};
use crate::words::{counted, duration, number, percent, time};

/// Equivocations that are told one by one.
const EQUIVOCATIONS: usize = 3;

/// Whether the agent's record is whole.
pub(crate) struct Chain {
    pub(crate) signed: bool,
    pub(crate) links: String,
    pub(crate) streams: String,
    pub(crate) missing: u64,
    pub(crate) missing_words: String,
    /// One sentence for each stream that lacks something.
    pub(crate) gaps: Vec<String>,
    pub(crate) forks: Vec<Fork>,
    pub(crate) forks_words: String,
    pub(crate) key: Option<Shown>,
}

/// Two contents for one place.
pub(crate) struct Fork {
    pub(crate) place: String,
    pub(crate) link: String,
    pub(crate) first: String,
    pub(crate) second: String,
    pub(crate) when: Shown,
}

impl Chain {
    /// Adds up an agent's streams.
    pub(crate) fn of(
        agent: &AgentRow,
        streams: &[StreamRow],
        forks: &[Equivocation],
        now: Timestamp,
    ) -> Self {
        let lacks = |stream: &StreamRow| stream.last_seq.saturating_sub(stream.links);
        let missing = streams.iter().map(lacks).sum();
        Self {
            signed: !streams.is_empty(),
            links: counted(
                streams.iter().map(|stream| stream.links).sum(),
                "call",
                "calls",
            ),
            streams: counted(streams.len() as u64, "stream", "streams"),
            missing,
            missing_words: counted(missing, "call is missing", "calls are missing"),
            gaps: streams
                .iter()
                .filter(|stream| lacks(stream) > 0)
                .take(EQUIVOCATIONS)
                .map(|stream| {
                    let from = stream
                        .first_gap
                        .map(|seq| format!(", the first at number {}", number(seq)))
                        .unwrap_or_default();
                    format!(
                        "Stream {}: {} of {} not received{from}.",
                        short(&stream.stream),
                        number(lacks(stream)),
                        number(stream.last_seq)
                    )
                })
                .collect(),
            forks: forks
                .iter()
                .take(EQUIVOCATIONS)
                .map(|fork| Fork {
                    place: format!(
                        "number {} of stream {}",
                        number(fork.seq),
                        short(&fork.stream)
                    ),
                    link: aap::paths::trace_page(fork.second_trace_id),
                    first: short(&fork.first_digest),
                    second: short(&fork.second_digest),
                    when: time(fork.received_at, now),
                })
                .collect(),
            forks_words: counted(forks.len() as u64, "place", "places"),
            key: agent.public_key.as_deref().map(|key| line(key, 64)),
        }
    }
}

/// A tool's line.
pub(crate) struct Tool {
    pub(crate) name: Shown,
    pub(crate) link: String,
    pub(crate) count: String,
    pub(crate) bar: Shown,
    pub(crate) denied: u64,
    pub(crate) failed: String,
    pub(crate) has_failed: bool,
    pub(crate) p50: String,
    pub(crate) p95: String,
    pub(crate) p99: String,
}

impl Tool {
    /// Of a row of the counts.
    pub(crate) fn of(row: &LatencyRow, stats: &Stats, path: &str) -> Self {
        let ms = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), duration);
        let most = stats.tools.first().map_or(1, |first| first.count);
        let link = Params {
            tool: Some(row.tool.clone()),
            ..Params::default()
        };
        Self {
            name: line(&row.tool, 40),
            link: format!("{}#calls", link.link(path)),
            count: number(row.count),
            bar: share(row.count, most, "s-all"),
            denied: row.denied,
            failed: percent(row.errors, row.count.saturating_sub(row.denied)),
            has_failed: row.errors > 0,
            p50: ms(row.p50_ms),
            p95: ms(row.p95_ms),
            p99: ms(row.p99_ms),
        }
    }
}

/// A session's line.
pub(crate) struct Session {
    pub(crate) name: Shown,
    pub(crate) title: String,
    pub(crate) link: Option<String>,
    pub(crate) calls: String,
    pub(crate) denied: u64,
    pub(crate) errors: u64,
    pub(crate) when: Shown,
    pub(crate) took: String,
}

impl Session {
    /// Of a stored row.
    pub(crate) fn of(row: &SessionRow, agent: AgentId, now: Timestamp) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "shown in whole units")]
        let took = (row.last.millis() - row.first.millis()).max(0) as f64;
        Self {
            name: line(&row.session_id, 28),
            title: plain(&row.session_id, 200),
            link: session_link(agent, &row.session_id),
            calls: counted(row.traces, "call", "calls"),
            denied: row.denied,
            errors: row.errors,
            when: time(row.last, now),
            took: duration(took),
        }
    }
}
