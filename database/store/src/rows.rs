//! What a store knows, as its readers see it.

use aap::chain::Digest;
use aap::{ActionType, AgentId, StreamId, Timestamp, TraceId, ValidTrace};
use serde::Serialize;
use serde_json::Value;

/// One trace in a listing: without its document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TraceRow {
    /// Its id.
    pub trace_id: TraceId,
    /// Who acted.
    pub agent_id: AgentId,
    /// When, as the trace says.
    pub timestamp: Timestamp,
    /// The time it is listed under: `timestamp`, or the time of receipt where the trace's own is odd.
    pub at: Timestamp,
    /// True when the trace's own time was more than five minutes ahead or 400 days behind at receipt.
    pub odd_time: bool,
    /// When it was received.
    pub received_at: Timestamp,
    /// The order of receipt over all agents, rising; what live events are numbered by.
    pub position: i64,
    /// The tool.
    pub tool_name: String,
    /// Allow, deny or error.
    pub action_type: ActionType,
    /// The conversation.
    pub session_id: Option<String>,
    /// The rule that decided.
    pub rule_id: Option<String>,
    /// The verdict in words, or the error.
    pub reason: Option<String>,
    /// Values that were or would have been violated.
    pub values_violated: Vec<String>,
    /// Milliseconds.
    pub duration_ms: Option<f64>,
    /// The runtime that asked.
    pub runtime: Option<String>,
    /// See `aap::trace::Metadata::outcome`.
    pub outcome: Option<String>,
    /// Whether a proven checkpoint covers it.
    pub signed: bool,
    /// Its chain, when signed.
    pub stream: Option<StreamId>,
    /// Its place in the chain, when signed.
    pub seq: Option<u64>,
    /// True when only the header was sent and the content was kept back.
    pub held_back: bool,
}

impl TraceRow {
    /// The row of a trace that was stored just now at `position`, listed under `at`.
    pub fn of(trace: &ValidTrace, at: Timestamp, received_at: Timestamp, position: i64) -> Self {
        let facts = trace.facts();
        let header = trace.place().map(|place| &place.header);
        Self {
            trace_id: facts.trace_id,
            agent_id: facts.agent_id,
            timestamp: facts.timestamp,
            at,
            odd_time: at != facts.timestamp,
            received_at,
            position,
            tool_name: facts.tool_name.clone(),
            action_type: facts.action_type,
            session_id: facts.session_id.clone(),
            rule_id: facts.rule_id.clone(),
            reason: facts.reason.clone(),
            values_violated: facts.values_violated.clone(),
            duration_ms: facts.duration_ms,
            runtime: facts.runtime.clone(),
            outcome: facts.outcome.clone(),
            signed: header.is_some(),
            stream: header.map(|header| header.stream),
            seq: header.map(|header| header.seq),
            held_back: trace.document().is_none(),
        }
    }
}

/// One trace whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TraceDetail {
    /// What listings show.
    #[serde(flatten)]
    pub row: TraceRow,
    /// The AP-Trace; none when the content is held back or erased.
    pub document: Option<Value>,
    /// The link's digest, when signed.
    pub digest: Option<Digest>,
    /// The signed note of the first checkpoint that covers it, when signed.
    pub note: Option<String>,
    /// The agent's trace before this one in time, if any.
    pub previous: Option<TraceId>,
    /// The agent's trace after this one in time, if any.
    pub next: Option<TraceId>,
}

/// What is known of an agent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentRow {
    /// Its id.
    pub agent_id: AgentId,
    /// When it was first heard of.
    pub first_seen: Timestamp,
    /// When it was last heard of.
    pub last_seen: Timestamp,
    /// Its public key in base64, once proven.
    pub public_key: Option<String>,
    /// The card in force.
    pub card_id: Option<String>,
    /// Traces in all.
    pub traces: u64,
    /// Of these, refused.
    pub denied: u64,
    /// Of these, failed.
    pub errors: u64,
    /// Of these, covered by a proven checkpoint.
    pub signed: u64,
}

/// An alignment card as it was put.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CardRow {
    /// Its id.
    pub card_id: String,
    /// Whose.
    pub agent_id: AgentId,
    /// When it was received.
    pub received_at: Timestamp,
    /// The card.
    pub card: Value,
    /// The body that was put: card, signature and key; anyone can check it.
    pub signed_card: Value,
}

/// One of the cards that an agent has put, without the card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CardVersion {
    /// Its id.
    pub card_id: String,
    /// When it was issued, as it says itself.
    pub issued_at: Timestamp,
    /// When it was received.
    pub received_at: Timestamp,
    /// Since when one that was issued later is here, not before it was received itself; none for the card in force.
    pub superseded_at: Option<Timestamp>,
}

/// How much an agent did under a filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActiveAgent {
    /// Who.
    pub agent_id: AgentId,
    /// Traces.
    pub traces: u64,
    /// Of these, refused.
    pub denied: u64,
    /// Of these, failed.
    pub errors: u64,
    /// The time under which the last of them is listed.
    pub last: Timestamp,
}

/// A session of an agent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionRow {
    /// Its id.
    pub session_id: String,
    /// The first trace's time.
    pub first: Timestamp,
    /// The last trace's time.
    pub last: Timestamp,
    /// Traces in it.
    pub traces: u64,
    /// Of these, refused.
    pub denied: u64,
    /// Of these, failed.
    pub errors: u64,
    /// The runtime of its newest trace.
    pub runtime: Option<String>,
}

/// How much of a chain is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StreamRow {
    /// The chain.
    pub stream: StreamId,
    /// Its highest seq.
    pub last_seq: u64,
    /// That link's digest.
    pub digest: Digest,
    /// Links that are stored; less than `last_seq` means that some are missing.
    pub links: u64,
    /// The first missing seq, if any.
    pub first_gap: Option<u64>,
}

/// Two contents for one place of a chain, each under a valid note: proof that the agent's key said both.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Equivocation {
    /// The chain.
    pub stream: StreamId,
    /// The place.
    pub seq: u64,
    /// The digest that came first.
    pub first_digest: Digest,
    /// The other one.
    pub second_digest: Digest,
    /// The other one's trace id; where only a link that names it was sent, that link's.
    pub second_trace_id: TraceId,
    /// The note that proves the second.
    pub second_note: String,
    /// When the second was received.
    pub received_at: Timestamp,
}

/// Something and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    /// What.
    pub name: String,
    /// How often.
    pub count: u64,
}

/// Counts within a span of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TimeBucket {
    /// The span's start.
    pub start: Timestamp,
    /// Allowed.
    pub allow: u64,
    /// Refused.
    pub deny: u64,
    /// Failed.
    pub error: u64,
}

/// How long a tool takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LatencyRow {
    /// The tool.
    pub tool: String,
    /// Its calls.
    pub count: u64,
    /// Of these, refused.
    pub denied: u64,
    /// Of these, failed.
    pub errors: u64,
    /// Milliseconds that half of the calls that ran stay below.
    pub p50_ms: Option<f64>,
    /// The same for 95 of 100.
    pub p95_ms: Option<f64>,
    /// The same for 99 of 100.
    pub p99_ms: Option<f64>,
}

/// Refusals with one rule and one reason in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusalGroup {
    /// The rule, where one was told.
    pub rule_id: Option<String>,
    /// A reason it gave, the newest.
    pub reason: Option<String>,
    /// How often.
    pub count: u64,
    /// When last.
    pub last: Timestamp,
}

/// Counts over a filter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// Traces in all.
    pub total: u64,
    /// Allowed.
    pub allow: u64,
    /// Refused.
    pub deny: u64,
    /// Failed.
    pub error: u64,
    /// Agents that acted.
    pub agents: u64,
    /// Width of a bucket in milliseconds.
    pub bucket_ms: i64,
    /// Counts over time, oldest first, without empty spans left out.
    pub over_time: Vec<TimeBucket>,
    /// By tool, most used first, at most 20.
    pub tools: Vec<LatencyRow>,
    /// Values that refusals stood for, most frequent first.
    pub values: Vec<Count>,
    /// Refusals by rule, most frequent first, at most 20.
    pub rules: Vec<RefusalGroup>,
}
