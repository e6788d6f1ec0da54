//! Batches on their way out: `Batch → SignedBatch`. The way in is [`crate::submission`].

use ed25519_dalek::SigningKey;
use serde_json::value::RawValue;

use crate::chain::{Digest, Header};
use crate::id::{AgentId, StreamId};
use crate::limits::{MAX_BATCH_BYTES, MAX_BATCH_TRACES};
use crate::note::{Checkpoint, write_public_key};

/// One link of a batch.
#[derive(Debug, Clone)]
pub struct Item {
    /// The link's header.
    pub header: Header,
    /// The AP-Trace as JSON text; none when the content is held back and only the header travels.
    pub document: Option<Box<RawValue>>,
}

/// Why a batch cannot be made of these items.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// No items.
    #[error("a batch holds at least one trace")]
    Empty,
    /// Too many.
    #[error("a batch holds at most {MAX_BATCH_TRACES} traces")]
    TooMany,
    /// Too large.
    #[error("a batch holds at most {MAX_BATCH_BYTES} bytes")]
    TooLarge,
    /// Another stream's, or not the next link.
    #[error("seq {0} does not follow the link before it")]
    Broken(u64),
}

/// A run of links of one stream without gaps.
#[derive(Debug, Clone)]
pub struct Batch {
    items: Vec<Item>,
    head: Digest,
}

/// A batch with the signed checkpoint of its last link.
#[derive(Debug, Clone)]
pub struct SignedBatch {
    body: Vec<u8>,
}

/// Bytes of a body around its items, generously.
const ENVELOPE_BYTES: usize = 1024;
/// Bytes of a header that travels alone, generously; names and rule ids come on top.
const HEADER_BYTES: usize = 768;

impl Item {
    /// Bytes that this item takes in a body, not less than it really does.
    pub fn weight(&self) -> usize {
        match &self.document {
            Some(document) => document.get().len() + 1,
            None => HEADER_BYTES + 6 * self.header.tool_name.len(),
        }
    }
}

impl Batch {
    /// How many of `items`, from the first, fit into one batch by number and bytes.
    pub fn fitting(items: &[Item], most: usize) -> usize {
        let mut bytes = ENVELOPE_BYTES;
        items
            .iter()
            .take(most.min(MAX_BATCH_TRACES))
            .take_while(|item| {
                bytes += item.weight();
                bytes <= MAX_BATCH_BYTES
            })
            .count()
    }

    /// Checks that the items are links of one stream, each following the one before.
    ///
    /// # Errors
    /// [`BatchError`] names the limit or the link.
    pub fn new(items: Vec<Item>) -> Result<Self, BatchError> {
        let first = items.first().ok_or(BatchError::Empty)?;
        if items.len() > MAX_BATCH_TRACES {
            return Err(BatchError::TooMany);
        }
        let (mut before, mut head) = (&first.header, first.header.digest());
        for item in &items[1..] {
            let header = &item.header;
            let same = (header.agent_id, header.stream) == (before.agent_id, before.stream);
            if !same || header.seq != before.seq + 1 || header.prev != head {
                return Err(BatchError::Broken(header.seq));
            }
            (before, head) = (header, header.digest());
        }
        if Self::fitting(&items, items.len()) < items.len() {
            return Err(BatchError::TooLarge);
        }
        Ok(Self { items, head })
    }

    /// Whose stream, and which.
    pub fn stream(&self) -> (AgentId, StreamId) {
        let header = &self.items[0].header;
        (header.agent_id, header.stream)
    }

    /// Signs the checkpoint of the last link and writes the request body.
    pub fn sign(self, key: &SigningKey) -> SignedBatch {
        let (agent_id, stream) = self.stream();
        let last = &self.items[self.items.len() - 1].header;
        let note = Checkpoint {
            agent_id,
            stream,
            seq: last.seq,
            digest: self.head,
        }
        .sign(key);
        let weight: usize = self.items.iter().map(Item::weight).sum();
        let mut body = Vec::with_capacity(weight + ENVELOPE_BYTES);
        body.extend_from_slice(b"{\"batch\":[");
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            if let Some(document) = &item.document {
                body.extend_from_slice(document.get().as_bytes());
            } else {
                body.extend_from_slice(b"{\"held_back\":");
                body.extend(serde_json::to_vec(&item.header).unwrap_or_default());
                body.push(b'}');
            }
        }
        let tail = serde_json::json!({
            "checkpoint": note,
            "public_key": write_public_key(&key.verifying_key()),
        })
        .to_string();
        body.extend_from_slice(b"],");
        body.extend_from_slice(&tail.as_bytes()[1..]);
        SignedBatch { body }
    }
}

impl SignedBatch {
    /// The request body, JSON.
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }
}
