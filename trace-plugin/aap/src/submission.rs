//! Traces on their way in: bytes → [`Submission`] → [`ValidBatch`].
//!
//! A body is one trace or `{"batch":[…]}`; a trace is an AP-Trace, a flat trace of published clients, or the header of a
//! link whose content is held back. With a `checkpoint` the batch is a run of one stream's links, and is proven as a whole:
//! each link names the digest of the one before, and the note signs the last. Nothing is repaired here; what does not hold
//! is rejected with a reason, trace by trace where the others can stand without it.

use ed25519_dalek::VerifyingKey;

use crate::chain::{Digest, Header};
use crate::id::{AgentId, TraceId};
use crate::json::{Json, Members};
use crate::limits::{MAX_BATCH_BYTES, MAX_BATCH_TRACES};
use crate::note::{Checkpoint, parse_public_key};
use crate::timestamp::Timestamp;
use crate::trace::ActionType;
use crate::wire::{ItemResult, Status};

mod ap_trace;
mod fields;
mod flat_trace;
mod proof;
mod reading;

#[cfg(test)]
mod tests;

/// What people filter and list by, read out of a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The trace's id.
    pub trace_id: TraceId,
    /// Who acted.
    pub agent_id: AgentId,
    /// When, as the trace says.
    pub timestamp: Timestamp,
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
    /// See [`crate::trace::Metadata::outcome`].
    pub outcome: Option<String>,
    /// The card that the trace names.
    pub card_id: Option<String>,
}

/// The place of a proven trace in its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The link's header, whose digest is `digest`.
    pub header: Header,
    /// The digest that the next link names.
    pub digest: Digest,
}

/// A trace that may be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidTrace {
    facts: Facts,
    document: Option<String>,
    place: Option<Place>,
    fingerprint: Digest,
}

impl ValidTrace {
    /// What people filter by.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The AP-Trace as compact JSON; none when the content is held back.
    pub fn document(&self) -> Option<&str> {
        self.document.as_deref()
    }

    /// Its place in the chain; none when it is unsigned.
    pub fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// Tells two contents of one id apart: the link's digest, or that of the flat trace's canonical JSON.
    pub fn fingerprint(&self) -> Digest {
        self.fingerprint
    }
}

/// Traces that have passed every check, with the note that proves them. Only [`Submission::validate`] makes one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ValidBatch {
    traces: Vec<ValidTrace>,
    checkpoint: Option<ProvenCheckpoint>,
}

/// A checkpoint whose signature was checked, with the note as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenCheckpoint {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The signed note's text.
    pub note: String,
    /// The key that signed it.
    pub public_key: VerifyingKey,
}

impl ValidBatch {
    /// The traces, in the order in which they were sent.
    pub fn traces(&self) -> &[ValidTrace] {
        &self.traces
    }

    /// The proof of their order, when they are signed.
    pub fn checkpoint(&self) -> Option<&ProvenCheckpoint> {
        self.checkpoint.as_ref()
    }
}

/// Why a whole body is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmissionError {
    /// Not JSON, or not UTF-8, or nested too deep for a parser.
    #[error("the body is not valid JSON: {0}")]
    NotJson(String),
    /// JSON of another shape.
    #[error("the body is neither a trace object nor {{\"batch\": […]}}: {0}")]
    Shape(&'static str),
    /// `{"batch":[]}`.
    #[error("No valid traces: the batch is empty")]
    Empty,
    /// Too many traces.
    #[error("the batch holds {0} traces; the limit is {MAX_BATCH_TRACES}")]
    TooMany(usize),
    /// Too many bytes.
    #[error("the body is {0} bytes; the limit is {MAX_BATCH_BYTES}")]
    TooLarge(usize),
}

/// One item: what it says of its place, and whether it can be stored.
#[derive(Debug)]
pub(crate) struct Item {
    /// The id as sent, for the answer.
    pub(crate) named: Option<String>,
    agent_id: Option<AgentId>,
    /// Where it says that it stands.
    pub(crate) link: Option<Place>,
    /// The stream that the first link says it goes on from.
    pub(crate) succeeds: Option<crate::StreamId>,
    pub(crate) read: Result<ValidTrace, String>,
}

/// Reads an AP-Trace as a submission's: its form, its limits, its commitment.
pub(crate) fn read_ap_trace(document: &Json<'_>) -> Item {
    match document {
        Json::Object(fields) => ap_trace::read(document, fields, &|_| None),
        _ => reading::unreadable(None, "a trace is a JSON object"),
    }
}

/// Whether an item was refused because its content is another than its commitment's.
pub(crate) fn is_wrong_content(reason: &str) -> bool {
    reason == ap_trace::NOT_COMMITTED_TO
}

/// A body that was read; its items are checked one by one, its proof not yet.
#[derive(Debug)]
pub struct Submission {
    items: Vec<Item>,
    note: Option<String>,
    public_key: Option<VerifyingKey>,
    single: bool,
}

/// What validation yields: what may be stored, and the answer for each item in the order in which it was sent.
#[derive(Debug)]
pub struct Validated {
    /// Goes to `append`.
    pub batch: ValidBatch,
    /// `None` where `batch` holds the item (in the same order), else its rejection.
    pub answers: Vec<Option<ItemResult>>,
    /// Whether the body was one bare trace.
    pub single: bool,
}

impl Submission {
    /// Reads a body.
    ///
    /// `secret` looks at a trace's JSON text and names the rule of a secret in it, if any: a secret at the edge is a
    /// rejection, never a repair.
    ///
    /// # Errors
    /// [`SubmissionError`] when there is nothing that could be answered trace by trace.
    pub fn read(
        body: &[u8],
        secret: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, SubmissionError> {
        if body.len() > MAX_BATCH_BYTES {
            return Err(SubmissionError::TooLarge(body.len()));
        }
        let parsed: Json<'_> = serde_json::from_slice(body)
            .map_err(|error| SubmissionError::NotJson(error.to_string()))?;
        let Json::Object(mut fields) = parsed else {
            return Err(SubmissionError::Shape("it is not an object"));
        };
        let (items, single) = match fields.remove("batch") {
            Some(Json::List(items)) => (items, false),
            Some(_) => return Err(SubmissionError::Shape("batch is not an array")),
            None => (vec![Json::Object(std::mem::take(&mut fields))], true),
        };
        if items.is_empty() {
            return Err(SubmissionError::Empty);
        }
        if items.len() > MAX_BATCH_TRACES {
            return Err(SubmissionError::TooMany(items.len()));
        }
        let note = text_field(&fields, "checkpoint")?;
        let public_key = match text_field(&fields, "public_key")? {
            Some(text) => Some(parse_public_key(&text).ok_or(SubmissionError::Shape(
                "public_key is not an Ed25519 key in base64",
            ))?),
            None => None,
        };
        let items = items
            .iter()
            .map(|item| reading::item(item, secret))
            .collect();
        Ok(Self {
            items,
            note,
            public_key,
            single,
        })
    }

    /// The agent that the body speaks for: whose rate limit it counts against. None when no item names one.
    pub fn agent(&self) -> Option<AgentId> {
        self.items.iter().find_map(|item| item.agent_id)
    }

    /// Number of traces.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Never: an empty batch is refused when it is read.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether the proof needs a key that the body does not bring: that of the agent's stored card may be used.
    pub fn needs_key(&self) -> Option<AgentId> {
        match (&self.note, &self.public_key) {
            (Some(_), None) => self.agent(),
            _ => None,
        }
    }

    /// Checks the chain and the note; `known_key` is the key of the agent's stored card, if the body brings none.
    pub fn validate(self, known_key: Option<VerifyingKey>) -> Validated {
        let key = self.public_key.or(known_key);
        let proof = match &self.note {
            Some(note) => proof::prove(&self.items, note, key).map(Some),
            None => Ok(None),
        };
        let (checkpoint, broken) = match proof {
            Ok(checkpoint) => (checkpoint, None),
            Err(reason) => (None, Some(reason)),
        };
        let mut batch = ValidBatch {
            traces: Vec::with_capacity(self.items.len()),
            checkpoint,
        };
        let mut answers = Vec::with_capacity(self.items.len());
        for item in self.items {
            let proven = batch.checkpoint.is_some();
            let judged = match (item.read, &broken) {
                (Err(reason), _) => Err(reason),
                (Ok(_), Some(reason)) => Err(reason.clone()),
                (Ok(trace), None) => place(trace, item.link, proven),
            };
            match judged {
                Ok(trace) => {
                    batch.traces.push(trace);
                    answers.push(None);
                }
                Err(reason) => answers.push(Some(ItemResult {
                    trace_id: item.named,
                    status: Status::Rejected,
                    reason: Some(reason),
                })),
            }
        }
        if batch.traces.is_empty() {
            batch.checkpoint = None;
        }
        Validated {
            batch,
            answers,
            single: self.single,
        }
    }
}

/// Gives a proven trace its place; lets an unproven one through only where its agent's id needs no proof.
fn place(mut trace: ValidTrace, link: Option<Place>, proven: bool) -> Result<ValidTrace, String> {
    if proven {
        let link = link.ok_or("this trace has no place in the chain")?;
        trace.fingerprint = link.digest;
        trace.place = Some(link);
        return Ok(trace);
    }
    if trace.facts.agent_id.is_self_certifying() {
        return Err(format!(
            "agent {} has an id of version 8, which its key must prove: send the batch with a checkpoint",
            trace.facts.agent_id
        ));
    }
    if trace.document.is_none() {
        return Err("a held-back trace needs a checkpoint".to_owned());
    }
    Ok(trace)
}

fn text_field(fields: &Members<'_>, key: &'static str) -> Result<Option<String>, SubmissionError> {
    match fields.get(key) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text.clone().into_owned())),
        Some(_) => Err(SubmissionError::Shape(if key == "checkpoint" {
            "checkpoint is not a string"
        } else {
            "public_key is not a string"
        })),
    }
}
