//! Rows for one purpose: the picture of a session, and the chain of an agent.

use aap::chain::{Digest, Header};
use aap::{ActionType, Timestamp, TraceId};
use serde::Serialize;

/// Calls that one answer about a session holds at most.
pub const MAX_SESSION_CALLS: u32 = 20_000;

/// A call of a session, as little of it as a picture of the whole session takes. No trace says which call another was made
/// within: calls nest as their times do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SlimCall {
    /// Its id.
    pub trace_id: TraceId,
    /// When it is listed ([`crate::TraceRow::at`]).
    pub at: Timestamp,
    /// The tool.
    pub tool_name: String,
    /// Allow, deny or error.
    pub action_type: ActionType,
    /// Milliseconds.
    pub duration_ms: Option<f64>,
    /// The rule that decided.
    pub rule_id: Option<String>,
    /// See `aap::trace::Metadata::outcome`.
    pub outcome: Option<String>,
}

/// Links that one answer holds at most.
pub const MAX_LINKS: u32 = aap::limits::MAX_PAGE;

/// A link of an agent's chain as it is kept whatever became of its content: enough to work the chain out again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkRow {
    /// What the link says.
    pub header: Header,
    /// The digest that was stored with it: what the header's own comes to, or somebody has changed one of both.
    pub digest: Digest,
    /// The agent's signed note, on the last link that it covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Whether `note` ends with the link `seq` of its stream.
pub fn note_ends_at(note: &str, seq: u64) -> bool {
    // The second line of a checkpoint is its size.
    note.lines().nth(1).and_then(|line| line.parse().ok()) == Some(seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_names_its_last_link() {
        let note = "smoltbot/a/b\n17\nZGlnZXN0\n\n\u{2014} smoltbot/a c2ln\n";
        assert!(note_ends_at(note, 17));
        assert!(!note_ends_at(note, 1) && !note_ends_at("", 0));
    }
}
