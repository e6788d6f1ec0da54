//! A masked trace with its commitment, ready to be given its place in the chain.

use aap::canon::NotCanonical;
use aap::chain::{self, Digest, Header};
use aap::limits::MAX_TRACE_BYTES;
use aap::{ActionType, AgentId, Timestamp, Trace, TraceId};
use redact::Redacted;
use serde_json::{Value, json};

use super::Head;
use crate::clock;

/// Room that the link takes in a document: five short members.
const LINK_BYTES: usize = 512;

/// Why a trace cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum NotPrepared {
    /// It is not JSON; a defect.
    #[error("the trace cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It holds what canonical JSON cannot.
    #[error(transparent)]
    Canonical(#[from] NotCanonical),
}

/// A trace on its way into the spool.
#[derive(Debug)]
pub struct Prepared {
    trace_id: TraceId,
    agent_id: AgentId,
    timestamp: Timestamp,
    tool_name: String,
    action_type: ActionType,
    rule_id: Option<String>,
    document: Value,
    salt: String,
    commitment: Digest,
}

impl Prepared {
    /// Commits to the content, which is cut if it would not fit into the limit of a trace.
    ///
    /// # Errors
    /// [`NotPrepared`]; only a defect leads there.
    pub fn new(trace: Redacted<Trace>) -> Result<Self, NotPrepared> {
        let trace = trace.into_inner();
        let mut document = serde_json::to_value(&trace)?;
        fit(&mut document)?;
        let salt = clock::salt();
        let commitment = chain::commit(&salt, &document)?;
        let metadata = trace.context.metadata;
        Ok(Self {
            trace_id: trace.trace_id,
            agent_id: trace.agent_id,
            timestamp: trace.timestamp,
            tool_name: metadata.tool_name,
            action_type: metadata.action_type,
            rule_id: metadata.rule_id,
            document,
            salt,
            commitment,
        })
    }

    /// Whether it is a refusal, which must survive the loss of power.
    pub fn is_refusal(&self) -> bool {
        self.action_type == ActionType::Deny
    }

    /// Whether the stream's first trace must say which stream it goes on from.
    fn tell_succession(&mut self, head: &Head) {
        if head.seq > 0 {
            return;
        }
        if let Some(stream) = head.succeeds {
            self.document["context"]["metadata"]["succeeds"] = json!(stream);
            // The content changed, so does the commitment; canonical once, canonical again.
            if let Ok(commitment) = chain::commit(&self.salt, &self.document) {
                self.commitment = commitment;
            }
        }
    }

    /// Takes the place after `head`, which moves on. The header, and the document as it will be sent.
    pub(super) fn link(mut self, head: &mut Head) -> (Header, String) {
        self.tell_succession(head);
        let header = Header {
            agent_id: self.agent_id,
            stream: head.stream,
            seq: head.seq + 1,
            trace_id: self.trace_id,
            timestamp: self.timestamp,
            tool_name: self.tool_name,
            action_type: self.action_type,
            rule_id: self.rule_id,
            prev: head.digest,
            commitment: self.commitment,
        };
        let document = write_link(self.document, &header, &self.salt);
        head.seq = header.seq;
        head.digest = header.digest();
        (header, document)
    }

    /// Reads a document that was linked before, to be linked anew in another stream.
    pub(super) fn relink(header: &Header, document: &str) -> serde_json::Result<Self> {
        let mut document: Value = serde_json::from_str(document)?;
        let metadata = &mut document["context"]["metadata"];
        let salt = metadata["salt"].as_str().unwrap_or_default().to_owned();
        if let Some(metadata) = metadata.as_object_mut() {
            for key in chain::LINK_KEYS {
                metadata.remove(key);
            }
        }
        Ok(Self {
            trace_id: header.trace_id,
            agent_id: header.agent_id,
            timestamp: header.timestamp,
            tool_name: header.tool_name.clone(),
            action_type: header.action_type,
            rule_id: header.rule_id.clone(),
            document,
            salt,
            commitment: header.commitment,
        })
    }
}

fn write_link(mut document: Value, header: &Header, salt: &str) -> String {
    let metadata = &mut document["context"]["metadata"];
    metadata["stream"] = json!(header.stream);
    metadata["seq"] = json!(header.seq);
    metadata["prev"] = json!(header.prev);
    metadata["salt"] = json!(salt);
    metadata["commitment"] = json!(header.commitment);
    document.to_string()
}

/// Cuts content until the trace fits: masking caps it long before, so this is for names and reasons of absurd length.
fn fit(document: &mut Value) -> serde_json::Result<()> {
    let length = serde_json::to_string(document)?.len();
    if length + LINK_BYTES <= MAX_TRACE_BYTES {
        return Ok(());
    }
    let cut = |what: &Value| json!({ "cut": format!("{} bytes", what.to_string().len()) });
    document["action"]["parameters"] = cut(&document["action"]["parameters"]);
    document["context"]["metadata"]["result"] = cut(&document["context"]["metadata"]["result"]);
    document["context"]["metadata"]["cut"] = json!(true);
    if let Some(metadata) = document["context"]["metadata"].as_object_mut() {
        for key in ["error", "advice", "effects"] {
            metadata.remove(key);
        }
    }
    Ok(())
}
