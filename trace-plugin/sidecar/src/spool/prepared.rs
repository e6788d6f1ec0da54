//! A masked trace with its commitment, ready to be given its place in the chain.

use aap::canon::NotCanonical;
use aap::chain::{self, Digest, Header};
use aap::limits::MAX_TRACE_BYTES;
use aap::trace::GAP_TOOL;
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

/// How a trace's text ends: the metadata, the context and the trace itself. The link goes before that.
const END: &str = "}}}";

/// A trace on its way into the spool.
#[derive(Debug)]
pub struct Prepared {
    trace_id: TraceId,
    agent_id: AgentId,
    timestamp: Timestamp,
    tool_name: String,
    action_type: ActionType,
    rule_id: Option<String>,
    /// The trace as JSON text without its link; ends in [`END`].
    content: String,
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
        let mut content = serde_json::to_string(&trace)?;
        if content.len() + LINK_BYTES > MAX_TRACE_BYTES {
            content = cut(&content)?;
        }
        let salt = clock::salt();
        let commitment = chain::commit_text(&salt, &content)?;
        let metadata = trace.context.metadata;
        Ok(Self {
            trace_id: trace.trace_id,
            agent_id: trace.agent_id,
            timestamp: trace.timestamp,
            tool_name: metadata.tool_name,
            action_type: metadata.action_type,
            rule_id: metadata.rule_id,
            content,
            salt,
            commitment,
        })
    }

    /// Whether it is a refusal, which must survive the loss of power.
    pub fn is_refusal(&self) -> bool {
        self.action_type == ActionType::Deny
    }

    /// Whether it tells a loss.
    pub(super) fn is_gap(&self) -> bool {
        self.tool_name == GAP_TOOL
    }

    /// Bytes of its row, about.
    pub(super) fn bytes(&self) -> usize {
        self.content.len() + 2 * LINK_BYTES
    }

    /// Whether the stream's first trace must say which stream it goes on from.
    fn tell_succession(&mut self, head: &Head) {
        if head.seq > 0 {
            return;
        }
        if let Some(stream) = head.succeeds {
            self.content = with_members(&self.content, &format!("\"succeeds\":\"{stream}\""));
            // The content changed, so does the commitment; canonical once, canonical again.
            if let Ok(commitment) = chain::commit_text(&self.salt, &self.content) {
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
        let (stream, seq, prev) = (header.stream, header.seq, header.prev);
        let (salt, commitment) = (&self.salt, header.commitment);
        // None of these needs to be escaped.
        let link = format!(
            "\"stream\":\"{stream}\",\"seq\":{seq},\"prev\":\"{prev}\",\"salt\":\"{salt}\",\"commitment\":\"{commitment}\""
        );
        let document = with_members(&self.content, &link);
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
            content: written(document),
            salt,
            commitment: header.commitment,
        })
    }
}

/// `content` with more members at the end of its metadata.
fn with_members(content: &str, members: &str) -> String {
    let before = content.strip_suffix(END).unwrap_or(content);
    let mut text = String::with_capacity(content.len() + members.len() + 1);
    text.push_str(before);
    if !before.ends_with('{') {
        text.push(',');
    }
    text.push_str(members);
    text.push_str(END);
    text
}

/// A trace as text that ends in [`END`]: the metadata come last, as they do where a [`Trace`] is written.
fn written(mut document: Value) -> String {
    let mut context = document["context"].take();
    let metadata = context["metadata"].take();
    let open = |value: &mut Value, key: &str| {
        if let Some(members) = value.as_object_mut() {
            members.remove(key);
        }
        let mut text = value.to_string();
        text.pop();
        if text.len() > 1 {
            text.push(',');
        }
        text
    };
    let context = open(&mut context, "metadata");
    let document = open(&mut document, "context");
    format!("{document}\"context\":{context}\"metadata\":{metadata}}}}}")
}

/// Cuts content until the trace fits: masking caps it long before, so this is for names and reasons of absurd length.
fn cut(content: &str) -> serde_json::Result<String> {
    let mut document: Value = serde_json::from_str(content)?;
    let cut = |what: &Value| json!({ "cut": format!("{} bytes", what.to_string().len()) });
    document["action"]["parameters"] = cut(&document["action"]["parameters"]);
    document["context"]["metadata"]["result"] = cut(&document["context"]["metadata"]["result"]);
    document["context"]["metadata"]["cut"] = json!(true);
    if let Some(metadata) = document["context"]["metadata"].as_object_mut() {
        for key in ["error", "advice", "effects"] {
            metadata.remove(key);
        }
    }
    Ok(written(document))
}
