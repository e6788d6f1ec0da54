//! What an agent's Durable Object remembers of it: that the store knows it, and how far each of its streams has come.
//!
//! It is asked while Postgres is away. Postgres stays the truth: when it is back, what was queued is appended there like
//! anything else, and a replay or a fork is told from what is stored.

use aap::chain::Digest;
use aap::wire::StreamHead;
use aap::{StreamId, ValidBatch};
use serde::{Deserialize, Serialize};

/// Streams that are remembered for one agent, those that grew last: 90 bytes each. An agent has one for each spool.
pub const MAX_STREAMS: usize = 64;

/// One agent.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Whether something of it was stored or queued.
    pub known: bool,
    /// Its streams, the one that grew last at the end.
    streams: Vec<Stream>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Stream {
    head: StreamHead,
    /// From here to the head everything was brought in, its content with it. What is before may be missing.
    first: u64,
    /// Whether all of that is committed; else some of it waits in the queue.
    stored: bool,
}

/// A run of links as far as it matters here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its stream.
    pub stream: StreamId,
    /// Its first link's place.
    pub first: u64,
    /// The digest that its first link names as the one before.
    pub prev: Digest,
    /// Its last link's place.
    pub last: u64,
    /// Its last link's digest.
    pub digest: Digest,
}

impl Run {
    /// Of a proven batch; none of an unsigned one, and none where a content is held back: it may come yet, and then it must
    /// not be taken for what is there.
    pub fn of(batch: &ValidBatch) -> Option<Self> {
        if batch.traces().iter().any(|one| one.document().is_none()) {
            return None;
        }
        let first = batch.traces().first()?.place()?;
        let last = batch.traces().last()?.place()?;
        Some(Self {
            stream: first.header.stream,
            first: first.header.seq,
            prev: first.header.prev,
            last: last.header.seq,
            digest: last.digest,
        })
    }
}

/// What a run is, as far as can be told from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seen {
    /// Nothing speaks against it.
    New,
    /// All of it is committed.
    Stored,
    /// All of it is stored or queued.
    Queued,
    /// One of its places is taken by another content.
    Fork,
}

impl Memory {
    /// What `run` is.
    pub fn look(&self, run: &Run) -> Seen {
        let Some(known) = self
            .streams
            .iter()
            .find(|one| one.head.stream == run.stream)
        else {
            return Seen::New;
        };
        let head = &known.head;
        if run.last == head.seq {
            // The head's digest covers every link before it, though not all of them need be here.
            return match (run.digest == head.digest, run.first >= known.first) {
                (true, true) if known.stored => Seen::Stored,
                (true, true) => Seen::Queued,
                (true, false) => Seen::New,
                (false, _) => Seen::Fork,
            };
        }
        if run.first == head.seq + 1 && run.prev != head.digest {
            return Seen::Fork;
        }
        // Before the head, or across it, or behind a gap: only the store can tell.
        Seen::New
    }

    /// `run` was stored, or queued. Answers whether the memory is another now.
    pub fn learn(&mut self, run: Option<&Run>, stored: bool) -> bool {
        let news = !std::mem::replace(&mut self.known, true);
        let Some(run) = run else {
            return news;
        };
        let head = StreamHead {
            stream: run.stream,
            seq: run.last,
            digest: run.digest,
        };
        let place = self
            .streams
            .iter()
            .position(|one| one.head.stream == run.stream);
        let known = place.map(|place| self.streams.remove(place));
        let next = match &known {
            // What comes late, or again, does not turn a stream back.
            Some(known) if known.head.seq > run.last => known.clone(),
            Some(known) if known.head == head => Stream {
                head,
                first: known.first.min(run.first),
                // By whichever of the two brought more in.
                stored: (stored && run.first <= known.first)
                    || (known.stored && known.first <= run.first),
            },
            Some(known) if known.head.seq == run.last => known.clone(),
            Some(known) if known.head.seq + 1 == run.first && known.head.digest == run.prev => {
                Stream {
                    head,
                    first: known.first,
                    stored: stored && known.stored,
                }
            }
            _ => Stream {
                head,
                first: run.first,
                stored,
            },
        };
        let changed = known.as_ref() != Some(&next);
        self.streams.push(next);
        let surplus = self.streams.len().saturating_sub(MAX_STREAMS);
        self.streams.drain(..surplus);
        news || changed
    }

    /// How far each stream has come.
    pub fn heads(&self) -> Vec<StreamHead> {
        self.streams.iter().map(|one| one.head.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(of: u8) -> Digest {
        Digest::from_bytes([of; 32])
    }

    fn stream(number: u8) -> StreamId {
        StreamId::from_bytes([number; 16])
    }

    /// Links `first..=last` of stream 1; the digest of each is its seq.
    fn run(first: u8, last: u8) -> Run {
        Run {
            stream: stream(1),
            first: first.into(),
            prev: digest(first - 1),
            last: last.into(),
            digest: digest(last),
        }
    }

    fn knowing(last: u8, stored: bool) -> Memory {
        let mut memory = Memory::default();
        assert!(memory.learn(Some(&run(1, last)), stored));
        memory
    }

    #[test]
    fn what_follows_is_new_and_what_was_there_is_known() {
        let memory = knowing(10, true);
        assert!(memory.known);
        assert_eq!(memory.look(&run(11, 12)), Seen::New);
        assert_eq!(memory.look(&run(1, 10)), Seen::Stored);
        assert_eq!(memory.look(&run(5, 10)), Seen::Stored);
        assert_eq!(knowing(10, false).look(&run(5, 10)), Seen::Queued);
        assert_eq!(
            memory.look(&run(1, 5)),
            Seen::New,
            "only the store can tell"
        );
        assert_eq!(memory.look(&run(20, 21)), Seen::New, "behind a gap");
    }

    #[test]
    fn links_before_those_that_came_are_not_taken_for_known() {
        // The second half came first: a sidecar that looks for poison sends halves.
        let mut memory = Memory::default();
        memory.learn(Some(&run(6, 10)), true);
        assert_eq!(memory.look(&run(6, 10)), Seen::Stored);
        assert_eq!(memory.look(&run(1, 10)), Seen::New);
        assert!(memory.learn(Some(&run(1, 10)), false));
        assert_eq!(
            memory.look(&run(1, 10)),
            Seen::Queued,
            "not stored: the first five wait"
        );
        assert!(memory.learn(Some(&run(1, 10)), true));
        assert_eq!(memory.look(&run(1, 10)), Seen::Stored);
        // Behind a gap, and right behind the head.
        memory.learn(Some(&run(15, 20)), true);
        assert_eq!(memory.look(&run(11, 20)), Seen::New);
        memory.learn(Some(&run(21, 25)), false);
        assert_eq!(memory.look(&run(15, 25)), Seen::Queued);
        memory.learn(Some(&run(26, 30)), true);
        assert_eq!(
            memory.look(&run(15, 30)),
            Seen::Queued,
            "some of it may wait still"
        );
    }

    #[test]
    fn a_fork_is_seen_at_the_head_and_right_behind_it() {
        let memory = knowing(10, false);
        let other = Run {
            digest: digest(99),
            ..run(9, 10)
        };
        assert_eq!(memory.look(&other), Seen::Fork);
        let behind = Run {
            prev: digest(99),
            ..run(11, 12)
        };
        assert_eq!(memory.look(&behind), Seen::Fork);
        let elsewhere = Run {
            stream: stream(2),
            ..other
        };
        assert_eq!(memory.look(&elsewhere), Seen::New);
    }

    #[test]
    fn nothing_turns_a_stream_back() {
        let mut memory = knowing(10, false);
        assert!(!memory.learn(Some(&run(1, 5)), true));
        let fork = Run {
            digest: digest(99),
            ..run(9, 10)
        };
        assert!(!memory.learn(Some(&fork), true), "the first one stays");
        assert_eq!(memory.look(&run(1, 10)), Seen::Queued);
        assert!(
            memory.learn(Some(&run(1, 10)), true),
            "the queue is through"
        );
        assert_eq!(memory.look(&run(1, 10)), Seen::Stored);
        assert!(!memory.learn(Some(&run(6, 10)), false));
        assert_eq!(memory.look(&run(1, 10)), Seen::Stored);
        assert_eq!(memory.heads().len(), 1);
        assert_eq!(memory.heads()[0].seq, 10);
    }

    #[test]
    fn streams_are_bounded_and_those_that_grow_stay() {
        let mut memory = knowing(1, true);
        for number in 2..200 {
            let other = Run {
                stream: stream(number),
                ..run(1, 1)
            };
            memory.learn(Some(&other), true);
            memory.learn(Some(&run(number, number)), true);
        }
        assert_eq!(memory.heads().len(), MAX_STREAMS);
        assert!(memory.heads().iter().any(|head| head.stream == stream(1)));
        let kept = serde_json::to_string(&memory).unwrap();
        assert!(kept.len() < 16 * 1024, "{} bytes", kept.len());
        assert_eq!(serde_json::from_str::<Memory>(&kept).unwrap(), memory);
    }

    #[test]
    fn an_unsigned_batch_makes_its_agent_known() {
        let mut memory = Memory::default();
        assert!(memory.learn(None, true));
        assert!(memory.known && memory.heads().is_empty());
        assert!(!memory.learn(None, true));
    }
}
