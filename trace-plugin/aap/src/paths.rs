//! Paths of the edge's API, version 1.

/// Traces: submit and list.
pub const TRACES: &str = "/v1/traces";
/// Spans of others, by OTLP over HTTP. Exporters are given what stands before `/v1/traces`.
pub const OTLP_TRACES: &str = "/otlp/v1/traces";
/// Agents; an id follows.
pub const AGENTS: &str = "/v1/agents";
/// Refusals with reason and values.
pub const REFUSALS: &str = "/v1/refusals";
/// Counts over time, by tool and by value.
pub const STATS: &str = "/v1/stats";
/// Everything that a filter finds, as one file.
pub const EXPORT: &str = "/v1/export";
/// How often each word occurs under a filter.
pub const FACETS: &str = "/v1/facets";
/// AAP's value coherence handshake.
pub const HANDSHAKE: &str = "/v1/handshake";
/// The alignment card of the one agent of a place, as AAP registers it.
pub const WELL_KNOWN_CARD: &str = "/.well-known/alignment-card.json";
/// Ids of its cards that are not in force any more, as AAP registers it.
pub const WELL_KNOWN_REVOCATIONS: &str = "/.well-known/alignment-card-revocations.json";
/// Server-Sent Events of new traces.
pub const LIVE: &str = "/v1/live";
/// Liveness.
pub const HEALTH: &str = "/health";
/// Readiness.
pub const READY: &str = "/ready";
/// Prometheus text format.
pub const METRICS: &str = "/metrics";
/// The `OpenAPI` document.
pub const OPENAPI: &str = "/openapi.json";

/// Where an agent's card is put and read.
pub fn card(agent: crate::AgentId) -> String {
    format!("{AGENTS}/{agent}/card")
}

/// Where the versions of an agent's card are listed.
pub fn cards(agent: crate::AgentId) -> String {
    format!("{AGENTS}/{agent}/cards")
}

/// The public page of an agent, below a dashboard's base URL.
pub fn agent_page(agent: crate::AgentId) -> String {
    format!("/agent/{agent}")
}

/// The public page of a trace, below a dashboard's base URL.
pub fn trace_page(trace: crate::TraceId) -> String {
    format!("/trace/{trace}")
}

/// Media type of a bare AP-Trace, as AAP registers it.
pub const AP_TRACE_MEDIA_TYPE: &str = "application/aap-trace+json";
/// Media type of an alignment card, as AAP registers it.
pub const CARD_MEDIA_TYPE: &str = "application/aap-alignment-card+json";
