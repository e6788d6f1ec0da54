//! Batches on their way out: `Batch → SignedBatch`. The way in is [`crate::submission`].

use std::ops::Range;

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
        weight(&self.header, self.text())
    }

    fn text(&self) -> Option<&str> {
        self.document.as_deref().map(RawValue::get)
    }
}

fn weight(header: &Header, document: Option<&str>) -> usize {
    match document {
        Some(document) => document.len() + 1,
        None => HEADER_BYTES + 6 * header.tool_name.len(),
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
        let checkpoint = Checkpoint {
            agent_id,
            stream,
            seq: last.seq,
            digest: self.head,
        };
        let weight: usize = self.items.iter().map(Item::weight).sum();
        let mut body = Vec::with_capacity(weight + ENVELOPE_BYTES);
        for item in &self.items {
            write_link(&mut body, &item.header, item.text());
        }
        close(&mut body, &checkpoint, key);
        SignedBatch { body }
    }
}

/// What a body begins with, before its first link.
const OPEN: &[u8] = b"{\"batch\":[";

/// Adds a link to a body. Returns where its document stands in it.
fn write_link(body: &mut Vec<u8>, header: &Header, document: Option<&str>) -> Option<Range<usize>> {
    if body.is_empty() {
        body.extend_from_slice(OPEN);
    } else {
        body.push(b',');
    }
    if let Some(document) = document {
        let start = body.len();
        body.extend_from_slice(document.as_bytes());
        return Some(start..body.len());
    }
    body.extend_from_slice(b"{\"held_back\":");
    body.extend(serde_json::to_vec(header).unwrap_or_default());
    body.push(b'}');
    None
}

/// Ends a body with its signed checkpoint.
fn close(body: &mut Vec<u8>, checkpoint: &Checkpoint, key: &SigningKey) {
    let tail = serde_json::json!({
        "checkpoint": checkpoint.sign(key),
        "public_key": write_public_key(&key.verifying_key()),
    })
    .to_string();
    body.extend_from_slice(b"],");
    body.extend_from_slice(&tail.as_bytes()[1..]);
}

/// A batch that is written link by link, by whoever has documents as text and knows the digests: neither is made a second time.
#[derive(Debug, Default)]
pub struct BatchWriter {
    body: Vec<u8>,
    weight: usize,
    links: usize,
    last: Option<Checkpoint>,
}

impl BatchWriter {
    /// How many links there are in it.
    pub fn links(&self) -> usize {
        self.links
    }

    /// Adds the next link, whose header has the digest `digest`; `document` is its AP-Trace as JSON text, none when the content is
    /// held back. Returns where the document will stand in the body.
    ///
    /// # Errors
    /// [`BatchError`] names the limit or the link; nothing was added then.
    pub fn push(
        &mut self,
        header: &Header,
        digest: Digest,
        document: Option<&str>,
    ) -> Result<Option<Range<usize>>, BatchError> {
        if self.links == MAX_BATCH_TRACES {
            return Err(BatchError::TooMany);
        }
        if let Some(last) = &self.last {
            let same = (header.agent_id, header.stream) == (last.agent_id, last.stream);
            if !same || header.seq != last.seq + 1 || header.prev != last.digest {
                return Err(BatchError::Broken(header.seq));
            }
        }
        let weight = weight(header, document);
        if ENVELOPE_BYTES + self.weight + weight > MAX_BATCH_BYTES {
            return Err(BatchError::TooLarge);
        }
        self.weight += weight;
        self.links += 1;
        self.last = Some(Checkpoint {
            agent_id: header.agent_id,
            stream: header.stream,
            seq: header.seq,
            digest,
        });
        Ok(write_link(&mut self.body, header, document))
    }

    /// Signs the checkpoint of the last link.
    ///
    /// # Errors
    /// [`BatchError::Empty`].
    pub fn sign(mut self, key: &SigningKey) -> Result<SignedBatch, BatchError> {
        let last = self.last.ok_or(BatchError::Empty)?;
        close(&mut self.body, &last, key);
        Ok(SignedBatch { body: self.body })
    }
}

impl SignedBatch {
    /// The request body, JSON.
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::genesis;
    use crate::id::TraceId;
    use crate::timestamp::Timestamp;
    use crate::trace::ActionType;

    fn chain(links: usize) -> Vec<Header> {
        let (agent_id, stream) = (AgentId::from_bytes([1; 16]), StreamId::from_bytes([2; 16]));
        let mut prev = genesis(agent_id, stream, None);
        (1..=links as u64)
            .map(|seq| {
                let header = Header {
                    agent_id,
                    stream,
                    seq,
                    trace_id: TraceId::from_bytes([3; 16]),
                    timestamp: Timestamp::from_millis(0),
                    tool_name: "exec".to_owned(),
                    action_type: ActionType::Allow,
                    rule_id: None,
                    prev,
                    commitment: Digest::of(b"x"),
                };
                prev = header.digest();
                header
            })
            .collect()
    }

    #[test]
    fn what_is_written_link_by_link_is_what_is_made_at_once() {
        let key = SigningKey::from_bytes(&[9; 32]);
        let documents = [Some(r#"{"a":1}"#), None, Some("{}")];
        let mut writer = BatchWriter::default();
        let mut items = Vec::new();
        let mut ranges = Vec::new();
        for (header, document) in chain(3).into_iter().zip(documents) {
            ranges.push(writer.push(&header, header.digest(), document).unwrap());
            let document = document.map(|text| RawValue::from_string(text.to_owned()).unwrap());
            items.push(Item { header, document });
        }
        assert_eq!(writer.links(), 3);
        let body = writer.sign(&key).unwrap().into_body();
        assert_eq!(body, Batch::new(items).unwrap().sign(&key).into_body());
        for (range, document) in ranges.into_iter().zip(documents) {
            assert_eq!(range.map(|range| &body[range]), document.map(str::as_bytes));
        }
    }

    #[test]
    fn what_does_not_follow_or_fit_is_not_added() {
        let key = SigningKey::from_bytes(&[9; 32]);
        let empty = BatchWriter::default().sign(&key);
        assert_eq!(empty.map(SignedBatch::into_body), Err(BatchError::Empty));

        let chain = chain(MAX_BATCH_TRACES + 1);
        let mut writer = BatchWriter::default();
        let push = |writer: &mut BatchWriter, header: &Header, document: Option<&str>| {
            writer.push(header, header.digest(), document)
        };
        push(&mut writer, &chain[0], None).unwrap();
        for wrong in [&chain[0], &chain[2]] {
            let broken = Err(BatchError::Broken(wrong.seq));
            assert_eq!(push(&mut writer, wrong, None), broken);
        }
        let huge = "x".repeat(MAX_BATCH_BYTES - ENVELOPE_BYTES);
        let pushed = push(&mut writer, &chain[1], Some(&huge));
        assert_eq!(pushed, Err(BatchError::TooLarge));
        for header in &chain[1..MAX_BATCH_TRACES] {
            push(&mut writer, header, None).unwrap();
        }
        let pushed = push(&mut writer, &chain[MAX_BATCH_TRACES], None);
        assert_eq!(pushed, Err(BatchError::TooMany));
        assert_eq!(writer.links(), MAX_BATCH_TRACES);
    }
}
