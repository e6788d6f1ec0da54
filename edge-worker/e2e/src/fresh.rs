//! What is new in every run: times, ids, words, flat traces.

use std::time::{SystemTime, UNIX_EPOCH};

use aap::{AgentId, Timestamp, TraceId};
use serde_json::{Value, json};
use uuid::Builder;

/// Random bytes.
pub(crate) fn seed<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes
}

/// The time of day.
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    Timestamp::from_millis(i64::try_from(since.as_millis()).expect("a few more years"))
}

/// A word that nobody else uses.
pub fn word(prefix: &str) -> String {
    format!("{prefix}-{:016x}", u64::from_be_bytes(seed()))
}

/// An id that carries `at`.
pub(crate) fn trace_id(at: Timestamp) -> TraceId {
    let millis = u64::try_from(at.millis()).unwrap_or_default();
    Builder::from_unix_timestamp_millis(millis, &seed())
        .into_uuid()
        .into()
}

/// The id of an agent that has no key.
pub fn unproven_agent() -> AgentId {
    Builder::from_random_bytes(seed()).into_uuid().into()
}

/// A trace of a new agent, as published clients send it.
pub fn flat() -> Value {
    flat_of(unproven_agent())
}

/// A trace of `agent`, as published clients send it.
pub fn flat_of(agent: AgentId) -> Value {
    json!({
        "id": Builder::from_random_bytes(seed()).into_uuid(),
        "agent_id": agent,
        "timestamp": now(),
        "tool_name": "web_fetch",
        "action_type": "allow",
        "params": {"url": "https://example.com/"},
        "result": "ok",
        "duration_ms": 7.5,
        "metadata": {"session_id": word("session")},
    })
}
