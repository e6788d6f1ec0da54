//! What waits for a receiver of OpenTelemetry, and what became of the rest.

use std::time::Duration;

use serde_json::{Value, json};
use trace_plugin::spool::{SpanQueue, Spool, Use};

use crate::agent::Agent;

/// How long a busy spool is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// The queue, where there ever was one: also where the endpoint was just taken out, for until the next start it is there. A spool that
/// cannot be asked is told of beside this.
pub(super) fn look(agent: &Agent) -> Option<SpanQueue> {
    let path = agent.config.home.spool_file();
    let spool = Spool::open(&path, agent.identity.agent_id(), PATIENCE, Use::OneShot).ok()?;
    spool.span_queue().ok()?
}

pub(super) fn json(agent: &Agent, queue: Option<&SpanQueue>) -> Value {
    let Some(queue) = queue else {
        return Value::Null;
    };
    json!({
        "endpoint": agent.config.otlp.endpoint,
        "waiting": queue.waiting,
        "sent": queue.sent,
        "rejected": queue.rejected,
        "dropped": queue.dropped,
        "last_sent_at": queue.last_sent_at,
        "last_error": queue.last_error,
    })
}

/// The same for people.
pub(super) fn rows(queue: Option<&SpanQueue>) -> Vec<(&'static str, String)> {
    let Some(queue) = queue else {
        return Vec::new();
    };
    let counts = format!(
        "{} waiting, {} sent, {} rejected, {} left out",
        queue.waiting, queue.sent, queue.rejected, queue.dropped
    );
    let mut rows = vec![("otlp", counts)];
    rows.extend(queue.last_error.clone().map(|error| ("problem", error)));
    rows
}
