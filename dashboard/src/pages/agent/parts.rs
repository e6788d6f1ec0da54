//! The parts of an agent's page: card, chain, tools, refusals, sessions.

use aap::card::{Mode, STANDARD_VALUES};
use aap::{AgentId, AlignmentCard, Timestamp};
use trace_store::{AgentRow, CardRow, Equivocation, LatencyRow, SessionRow, Stats, StreamRow};

use crate::calls::session_link;
use crate::chart::share;
use crate::query::Params;
use crate::text::{Shown, line, plain, short};
use crate::words::{counted, date, duration, number, percent, time, value};

/// Values and tools that a card shows at most; the rest is counted.
const CARD_ITEMS: usize = 32;
/// Equivocations that are told one by one.
const EQUIVOCATIONS: usize = 3;

/// An alignment card as people read it.
pub(crate) struct Card {
    pub(crate) issued: String,
    pub(crate) expires: Option<String>,
    pub(crate) mode: &'static str,
    pub(crate) mode_words: &'static str,
    pub(crate) for_whom: Shown,
    /// Name, and whether AAP defines it.
    pub(crate) values: Vec<(Shown, bool)>,
    pub(crate) may: Vec<Shown>,
    pub(crate) may_more: usize,
    pub(crate) asks: Vec<(Shown, Shown)>,
    pub(crate) never: Vec<Shown>,
    pub(crate) keeps: String,
    pub(crate) link: String,
    /// It is there, but says something that this page does not understand.
    pub(crate) unread: bool,
}

impl Card {
    /// Reads the stored card; one that cannot be read is shown as such.
    pub(crate) fn of(row: &CardRow) -> Self {
        let read = serde_json::from_value::<AlignmentCard>(row.card.clone()).ok();
        let list = |items: &[String]| {
            items
                .iter()
                .take(CARD_ITEMS)
                .map(|item| line(item, 40))
                .collect()
        };
        let mut card = Self {
            issued: date(row.received_at),
            expires: None,
            mode: "",
            mode_words: "",
            for_whom: Shown::default(),
            values: Vec::new(),
            may: Vec::new(),
            may_more: 0,
            asks: Vec::new(),
            never: Vec::new(),
            keeps: String::new(),
            link: aap::paths::card(row.agent_id),
            unread: read.is_none(),
        };
        let Some(read) = read else { return card };
        (card.mode, card.mode_words) = match read.autonomy_mode {
            Mode::Off => ("Off", "Nothing is judged."),
            Mode::Observe => ("Observe", "Judged and recorded; nothing is stopped."),
            Mode::Nudge => (
                "Nudge",
                "Judged and recorded; the agent is told, nothing is stopped.",
            ),
            Mode::Enforce => ("Enforce", "What its conscience refuses does not run."),
        };
        card.issued = date(read.issued_at);
        card.expires = read.expires_at.map(date);
        if read.principal.kind != "unspecified" {
            let who = read
                .principal
                .identifier
                .as_deref()
                .unwrap_or(&read.principal.kind);
            card.for_whom = line(
                &format!("{who}, {}", read.principal.relationship.replace('_', " ")),
                120,
            );
        }
        card.values = read
            .values
            .declared
            .iter()
            .take(CARD_ITEMS)
            .map(|id| (value(id), STANDARD_VALUES.contains(&id.as_str())))
            .collect();
        card.may = list(&read.autonomy.bounded_actions);
        card.may_more = read
            .autonomy
            .bounded_actions
            .len()
            .saturating_sub(CARD_ITEMS);
        card.never = list(&read.autonomy.forbidden_actions);
        card.asks = read
            .autonomy
            .escalation_triggers
            .iter()
            .take(CARD_ITEMS)
            .map(|trigger| (line(&trigger.condition, 80), line(&trigger.reason, 120)))
            .collect();
        card.keeps = counted(u64::from(read.audit.retention_days), "day", "days");
        card
    }
}

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
