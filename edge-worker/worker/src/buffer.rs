//! What goes into the queue while Postgres is away: calls that can be made later, in messages that the queue takes.
//!
//! A message is JSON, packed (zlib). A call that is too large for one is cut in halves until each fits; a single trace always
//! does ([`aap::limits::MAX_TRACE_BYTES`] is half of what a message holds, and JSON packs).

use aap::AgentId;
use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use trace_store_postgres::rpc::{Function, halves};

use crate::memory::Run;

/// Bytes of one message's body: the queue takes 128 KB (of 1000 bytes) with about 100 bytes of its own.
pub const MAX_MESSAGE_BYTES: usize = 127_000;
/// How hard a message is packed: there are traces to answer.
const LEVEL: u8 = 1;
/// Bytes that a message may unpack to: more than any call has.
const MAX_UNPACKED: usize = 64 * 1024 * 1024;

/// A call that waits.
#[derive(Debug, Serialize, Deserialize)]
pub struct Waiting {
    /// The function's name.
    pub function: String,
    /// Whose call it is.
    pub agent: AgentId,
    /// How far it brings a stream, where its end is in this message.
    pub run: Option<Run>,
    /// The arguments, a JSON object.
    pub arguments: Box<RawValue>,
}

/// Why a call cannot be kept, or a message not be read.
#[derive(Debug, thiserror::Error)]
pub enum BufferError {
    /// No packed JSON.
    #[error("the message cannot be read: {0}")]
    Unreadable(String),
    /// One trace alone is over the limit.
    #[error("one trace packs to {0} bytes; a message holds {MAX_MESSAGE_BYTES}")]
    TooLarge(usize),
}

impl Waiting {
    /// A call of `function`.
    ///
    /// # Errors
    /// When the arguments are not JSON.
    pub fn new(
        function: Function,
        agent: AgentId,
        run: Option<Run>,
        arguments: String,
    ) -> Result<Self, BufferError> {
        let arguments = RawValue::from_string(arguments).map_err(unreadable)?;
        Ok(Self {
            function: function.name().to_owned(),
            agent,
            run,
            arguments,
        })
    }

    /// The messages that together make this call, in its order.
    ///
    /// # Errors
    /// [`BufferError::TooLarge`]
    pub fn messages(self) -> Result<Vec<Vec<u8>>, BufferError> {
        let mut messages = Vec::new();
        // What is still to be packed, the next one last.
        let mut parts = vec![self];
        while let Some(part) = parts.pop() {
            let packed = part.pack()?;
            if packed.len() <= MAX_MESSAGE_BYTES {
                messages.push(packed);
                continue;
            }
            let Some((first, second)) = halves(part.arguments.get()) else {
                return Err(BufferError::TooLarge(packed.len()));
            };
            let half = |arguments, run| {
                let arguments = RawValue::from_string(arguments).map_err(unreadable)?;
                Ok(Self {
                    function: part.function.clone(),
                    agent: part.agent,
                    run,
                    arguments,
                })
            };
            let first = half(first, None)?;
            parts.push(half(second, part.run.clone())?);
            parts.push(first);
        }
        Ok(messages)
    }

    fn pack(&self) -> Result<Vec<u8>, BufferError> {
        let text = serde_json::to_vec(self).map_err(unreadable)?;
        Ok(compress_to_vec_zlib(&text, LEVEL))
    }

    /// Reads a message.
    ///
    /// # Errors
    /// [`BufferError::Unreadable`]
    pub fn read(message: &[u8]) -> Result<Self, BufferError> {
        let text = decompress_to_vec_zlib_with_limit(message, MAX_UNPACKED).map_err(unreadable)?;
        serde_json::from_slice(&text).map_err(unreadable)
    }
}

#[allow(clippy::needless_pass_by_value)] // For map_err.
fn unreadable(error: impl ToString) -> BufferError {
    BufferError::Unreadable(error.to_string())
}

/// What a message of one queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A batch that waits.
    Waiting,
    /// One that was tried as often as `wrangler.jsonc` says.
    DeadLetter,
}

impl Kind {
    /// Of a queue by its name; queues of dead letters end in `-dead`.
    pub fn of_queue(name: &str) -> Self {
        if name.ends_with("-dead") {
            Self::DeadLetter
        } else {
            Self::Waiting
        }
    }

    /// Seconds after which a message that has waited for `age_seconds` is tried again: half as long as it has waited already,
    /// but 2 at least and at most a quarter of an hour, or for a dead letter the twelve hours that the queue takes.
    pub fn retry_seconds(self, age_seconds: u32) -> u32 {
        let most = match self {
            Self::Waiting => 15 * 60,
            Self::DeadLetter => 12 * 60 * 60,
        };
        (age_seconds / 2).clamp(2, most)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Text that packs badly.
    fn noise(bytes: usize, seed: u64) -> String {
        let mut state = seed | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(b' ' + u8::try_from(state % 94).unwrap())
        };
        (0..bytes).map(|_| next()).collect()
    }

    fn agent() -> AgentId {
        AgentId::from_bytes([7; 16])
    }

    fn call(documents: &[String]) -> Waiting {
        let ids: Vec<_> = (0..documents.len()).collect();
        let arguments = json!({"note": "n", "trace_ids": ids, "seqs": ids, "documents": documents});
        let run = Run {
            stream: aap::StreamId::from_bytes([1; 16]),
            first: 1,
            prev: aap::chain::Digest::of(b""),
            last: documents.len() as u64,
            digest: aap::chain::Digest::of(b"x"),
        };
        Waiting::new(
            Function::AppendBatch,
            agent(),
            Some(run),
            arguments.to_string(),
        )
        .unwrap()
    }

    #[test]
    fn a_call_comes_back_whole_and_in_order() {
        let documents: Vec<_> = (0..64).map(|seed| noise(60_000, seed + 1)).collect();
        let messages = call(&documents).messages().unwrap();
        assert!(messages.len() > 16, "{} messages", messages.len());
        let mut back = Vec::new();
        for (index, message) in messages.iter().enumerate() {
            assert!(message.len() <= MAX_MESSAGE_BYTES);
            let read = Waiting::read(message).unwrap();
            assert_eq!(Function::named(&read.function), Some(Function::AppendBatch));
            assert_eq!(read.agent, agent());
            assert_eq!(read.run.is_some(), index + 1 == messages.len());
            let arguments: Value = serde_json::from_str(read.arguments.get()).unwrap();
            assert_eq!(arguments["note"], "n");
            assert_eq!(arguments["seqs"], arguments["trace_ids"]);
            let texts = arguments["documents"].as_array().unwrap();
            back.extend(texts.iter().map(|text| text.as_str().unwrap().to_owned()));
        }
        assert_eq!(back, documents);
    }

    #[test]
    fn the_largest_trace_fits_however_badly_it_packs() {
        let messages = call(&[noise(aap::limits::MAX_TRACE_BYTES, 5)]).messages();
        assert_eq!(messages.unwrap().len(), 1);
    }

    #[test]
    fn what_does_not_fit_alone_and_what_is_no_message_are_named() {
        let error = call(&[noise(400_000, 3)]).messages().unwrap_err();
        assert!(error.to_string().contains("127000"), "{error}");
        assert!(matches!(
            Waiting::read(b"{}"),
            Err(BufferError::Unreadable(_))
        ));
    }

    #[test]
    fn waiting_grows_and_stays_bounded() {
        let ages = [0, 1, 4, 10, 600, 1800, u32::MAX];
        let waits = ages.map(|age| Kind::of_queue("smoltbot-traces").retry_seconds(age));
        assert_eq!(waits, [2, 2, 2, 5, 300, 900, 900]);
        let waits = ages.map(|age| Kind::of_queue("smoltbot-traces-dead").retry_seconds(age));
        assert_eq!(waits, [2, 2, 2, 5, 300, 900, 43_200]);
    }
}
