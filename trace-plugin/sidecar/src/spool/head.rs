//! The head of the spool's stream: what the next link follows, and what the edge has acknowledged.

use aap::chain::{Digest, genesis};
use aap::{AgentId, StreamId};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::{meta_text, not_json, put_meta};

/// Where the chain stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The stream.
    pub stream: StreamId,
    /// The last seq given out; 0 before the first.
    pub seq: u64,
    /// The digest that the next link names.
    pub digest: Digest,
    /// The stream that this one goes on from; told by its first trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeds: Option<StreamId>,
    /// The last seq that the edge has acknowledged; 0 before the first.
    #[serde(default)]
    pub acked_seq: u64,
}

impl Head {
    /// The start of a stream.
    pub fn start(agent_id: AgentId, stream: StreamId, succeeds: Option<StreamId>) -> Self {
        Self {
            stream,
            seq: 0,
            digest: genesis(agent_id, stream, succeeds),
            succeeds,
            acked_seq: 0,
        }
    }

    pub(super) fn load(conn: &Connection) -> rusqlite::Result<Option<Self>> {
        meta_text(conn, "head")?
            .map(|text| serde_json::from_str(&text).map_err(not_json))
            .transpose()
    }

    pub(super) fn save(&self, conn: &Connection) -> rusqlite::Result<()> {
        put_meta(
            conn,
            "head",
            &serde_json::to_string(self).map_err(not_json)?,
        )
    }
}
