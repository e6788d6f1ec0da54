//! What the edge answers, for both ends.

use serde::{Deserialize, Serialize};

use crate::chain::Digest;
use crate::id::StreamId;

/// What became of one trace of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Committed now.
    Stored,
    /// Committed before, with the same content.
    Duplicate,
    /// This id, or this place in the chain, is taken by another content; both are recorded.
    Conflict,
    /// Taken in, to be committed later.
    Queued,
    /// Not taken; the reason says what is wrong.
    Rejected,
}

/// The answer for one trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemResult {
    /// The trace's id as it was sent; null when it had none that could be read.
    pub trace_id: Option<String>,
    /// What became of it.
    pub status: Status,
    /// Why, where there is something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The body that `POST /v1/traces` answers with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitAnswer {
    /// Whether anything is stored, known or queued.
    pub success: bool,
    /// How many are stored, known or queued.
    pub accepted: usize,
    /// How many are not.
    pub rejected: usize,
    /// A single trace's id, as published clients expect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// One answer for each trace, in the order in which they were sent.
    pub results: Vec<ItemResult>,
}

impl SubmitAnswer {
    /// Counts up `results`.
    pub fn new(results: Vec<ItemResult>) -> Self {
        let accepted = results
            .iter()
            .filter(|result| {
                matches!(
                    result.status,
                    Status::Stored | Status::Duplicate | Status::Queued
                )
            })
            .count();
        Self {
            success: accepted > 0,
            accepted,
            rejected: results.len() - accepted,
            trace_id: None,
            results,
        }
    }
}

/// The furthest link of a stream that the edge knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamHead {
    /// The stream.
    pub stream: StreamId,
    /// Its highest seq.
    pub seq: u64,
    /// That link's digest.
    pub digest: Digest,
}

fn stored() -> Status {
    Status::Stored
}

/// The body that `PUT /v1/agents/{id}/card` answers with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardAnswer {
    /// The card that is now the agent's.
    pub card_id: String,
    /// Stored, or queued: kept once the store is back..
    #[serde(default = "stored")]
    pub status: Status,
    /// What the edge knows of the agent's streams, so that a restored spool notices that it is behind.
    pub streams: Vec<StreamHead>,
}
