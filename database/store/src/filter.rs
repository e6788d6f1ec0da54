//! What to list, in which order, from where.

use std::fmt;
use std::str::FromStr;

use aap::limits::{DEFAULT_PAGE, MAX_PAGE};
use aap::{ActionType, AgentId, Timestamp, TraceId};

/// Bytes of [`Filter::q`].
pub const MAX_Q_BYTES: usize = 4096;

/// Which traces. Every part that is given must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Only this agent's.
    pub agent_id: Option<AgentId>,
    /// Only these.
    pub action_type: Option<ActionType>,
    /// Only this tool's, by its exact name.
    pub tool: Option<String>,
    /// Only this session's.
    pub session_id: Option<String>,
    /// Only those that violated, or would have violated, this value.
    pub value: Option<String>,
    /// Only those that this rule decided.
    pub rule_id: Option<String>,
    /// Only those that this runtime asked for, by its exact name.
    pub runtime: Option<String>,
    /// From this time on, inclusive.
    pub since: Option<Timestamp>,
    /// Up to this time, exclusive.
    pub until: Option<Timestamp>,
    /// Holds this text, at most [`MAX_Q_BYTES`], in tool name, reason or document. ASCII letters match in either case.
    pub q: Option<String>,
}

/// Newest first or oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// From the newest to the oldest.
    #[default]
    Older,
    /// From the oldest to the newest.
    Newer,
}

/// A place between two rows of a listing: the time and id of the last row seen. Opaque to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// [`crate::TraceRow::at`] of that row.
    pub at: Timestamp,
    /// Its id.
    pub trace_id: TraceId,
}

/// Not a cursor that a listing gave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this listing; start again without one")]
pub struct NotACursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.millis(), self.trace_id)
    }
}

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (at, trace_id) = text.split_once('.').ok_or(NotACursor)?;
        Ok(Self {
            at: Timestamp::from_millis(at.parse().map_err(|_| NotACursor)?),
            trace_id: trace_id.parse().map_err(|_| NotACursor)?,
        })
    }
}

/// Which page of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// Rows, 1 to [`MAX_PAGE`].
    pub limit: u32,
    /// Start after this row.
    pub after: Option<Cursor>,
    /// Towards older or newer rows.
    pub direction: Direction,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self {
            limit: DEFAULT_PAGE.min(MAX_PAGE),
            after: None,
            direction: Direction::Older,
        }
    }
}

/// One page and how to go on.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// In the direction that was asked for.
    pub rows: Vec<T>,
    /// Where the next page starts; none when this is the last one.
    pub next: Option<Cursor>,
}
