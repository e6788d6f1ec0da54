//! A small agent: it makes calls, chains their traces and signs batches, all from counted ids and given times.

use aap::batch::{Batch, Item};
use aap::call::{Decision, Verdict};
use aap::chain::{Digest, Header, commit, genesis};
use aap::trace::{Link, Made, make};
use aap::{
    ActionType, AgentId, AlignmentCard, StreamId, Submission, Timestamp, TraceId, ValidBatch,
};
use ed25519_dalek::SigningKey;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::{Appended, TraceWriter};

/// The time of receipt in this suite: 2026-11-21T02:10:00Z, a whole five minutes.
pub const NOW: i64 = 1_795_227_000_000;

/// [`NOW`] moved by so many milliseconds.
pub fn now(plus_ms: i64) -> Timestamp {
    Timestamp::from_millis(NOW + plus_ms)
}

/// An agent with one stream.
pub struct Agent {
    key: SigningKey,
    /// Its id, proven by its key.
    pub id: AgentId,
    /// The card its calls are judged under.
    pub card: AlignmentCard,
    /// Its stream.
    pub stream: StreamId,
    seq: u64,
    head: Digest,
    number: u8,
    minted: u32,
}

impl Agent {
    /// The agent of this number.
    pub fn new(number: u8) -> Self {
        let key = SigningKey::from_bytes(&[number; 32]);
        let id = AgentId::of_key(&key.verifying_key());
        let stream = StreamId::from_bytes([number; 16]);
        Self {
            card: AlignmentCard::default_for(id, now(0), "http://127.0.0.1:8787/v1/traces"),
            head: genesis(id, stream, None),
            key,
            id,
            stream,
            seq: 0,
            number,
            minted: 0,
        }
    }

    /// The same agent at its beginning, as a restored backup is: its next links take places that were taken before.
    pub fn restored(&self) -> Self {
        Self {
            minted: 1_000_000,
            ..Self::new(self.number)
        }
    }

    /// Its key, for signing cards.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// A call of `exec` that ran for 12 ms, asked for `at` so many milliseconds from [`NOW`].
    pub fn call(&mut self, at: i64) -> Made {
        self.minted += 1;
        let timestamp = now(at);
        let mut id = [0; 16];
        id[..6].copy_from_slice(&timestamp.millis().to_be_bytes()[2..]);
        id[6] = 0x70;
        id[8] = 0x80;
        id[11] = self.number;
        id[12..].copy_from_slice(&self.minted.to_be_bytes());
        Made {
            trace_id: TraceId::from_bytes(id),
            agent_id: self.id,
            timestamp,
            tool: "exec".to_owned(),
            params: Some(json!({"command": "ls -la"})),
            verdict: Verdict::allow("nothing objected"),
            action_type: ActionType::Allow,
            outcome: "completed",
            result: json!("ok"),
            error: None,
            exit_code: Some(0),
            duration_ms: Some(12),
            runtime: "openclaw".to_owned(),
            session_id: Some("session-1".to_owned()),
            run_id: None,
            call_id: None,
            params_rewritten: false,
            succeeds: None,
            extra: Map::new(),
        }
    }

    /// A call that `rule` refused for `reason`, because of `values`.
    pub fn refusal(&mut self, at: i64, rule: &str, reason: &str, values: &[&str]) -> Made {
        Made {
            verdict: Verdict {
                decision: Decision::Deny,
                reason: reason.to_owned(),
                values_violated: values.iter().map(|value| (*value).to_owned()).collect(),
                rule_id: Some(rule.to_owned()),
                advice: None,
                effects: Vec::new(),
                exception: None,
            },
            action_type: ActionType::Deny,
            outcome: "refused",
            result: Value::Null,
            exit_code: None,
            duration_ms: Some(0),
            ..self.call(at)
        }
    }

    /// The next link of the chain.
    pub fn link(&mut self, made: Made) -> Item {
        let mut trace = make(made, &self.card);
        let metadata = &mut trace.context.metadata;
        self.seq += 1;
        let salt = format!("salt-{}", self.seq);
        let link = Link {
            stream: self.stream,
            seq: self.seq,
            prev: self.head,
            salt: salt.clone(),
            commitment: Digest::of(b""),
        };
        let (tool_name, rule_id) = (metadata.tool_name.clone(), metadata.rule_id.clone());
        let action_type = metadata.action_type;
        metadata.link = Some(link);
        let mut document = serde_json::to_value(&trace).expect("a trace is JSON");
        let commitment = commit(&salt, &document).expect("a trace has a canonical form");
        document["context"]["metadata"]["commitment"] = json!(commitment);
        let header = Header {
            agent_id: self.id,
            stream: self.stream,
            seq: self.seq,
            trace_id: trace.trace_id,
            timestamp: trace.timestamp,
            tool_name,
            action_type,
            rule_id,
            prev: self.head,
            commitment,
        };
        self.head = header.digest();
        let text = document.to_string();
        Item {
            header,
            document: Some(RawValue::from_string(text).expect("a trace is JSON")),
        }
    }

    /// Signs links and brings them in as the edge does.
    pub fn batch(&self, items: Vec<Item>) -> ValidBatch {
        let batch = Batch::new(items).expect("the links are a run of one stream");
        let body = batch.sign(&self.key).into_body();
        valid(&body)
    }

    /// Links these calls and signs them in one batch.
    pub fn batch_of(&mut self, calls: Vec<Made>) -> ValidBatch {
        let items = calls.into_iter().map(|made| self.link(made)).collect();
        self.batch(items)
    }

    /// `count` plain calls, a second apart from `first_at` on.
    pub fn calls(&mut self, count: u32, first_at: i64) -> Vec<Made> {
        (0..i64::from(count))
            .map(|index| self.call(first_at + index * 1000))
            .collect()
    }
}

/// The header alone, its content kept back.
pub fn held_back(item: &Item) -> Item {
    Item {
        header: item.header.clone(),
        document: None,
    }
}

/// Brings a body in; everything in it must pass.
fn valid(body: &[u8]) -> ValidBatch {
    let read = Submission::read(body, &|_| None).expect("the body can be read");
    let validated = read.validate(None);
    assert!(
        validated.answers.iter().all(Option::is_none),
        "{:?}",
        validated.answers
    );
    validated.batch
}

/// A trace as published clients send it; its id is made of `agent` and `id`.
pub fn flat(agent: u8, id: u16, at: i64, result: &str) -> Value {
    let mut trace_id = [agent; 16];
    trace_id[..2].copy_from_slice(&id.to_be_bytes());
    trace_id[6] = 0x40;
    let mut agent_id = [agent; 16];
    agent_id[6] = 0x40;
    json!({
        "id": TraceId::from_bytes(trace_id),
        "agent_id": AgentId::from_bytes(agent_id),
        "timestamp": now(at),
        "tool_name": "web_fetch",
        "action_type": "allow",
        "params": {"url": "https://example.com/"},
        "result": result,
        "duration_ms": 7.5,
    })
}

/// Brings flat traces in.
pub fn flat_batch(traces: &[Value]) -> ValidBatch {
    valid(json!({ "batch": traces }).to_string().as_bytes())
}

/// Appends and expects the store to answer.
pub async fn send(store: &impl TraceWriter, batch: ValidBatch, at: Timestamp) -> Vec<Appended> {
    let expected = batch.traces().len();
    let answers = store.append(batch, at).await.expect("the store answers");
    assert_eq!(answers.len(), expected, "an answer for every trace");
    answers
}

/// Both ports at once.
pub trait Store: TraceWriter + crate::TraceReader {}

impl<T: TraceWriter + crate::TraceReader> Store for T {}
