//! An agent with a key of its own: it makes calls, links their traces and signs batches, as a sidecar does.

use aap::batch::{Batch, Item};
use aap::call::{Decision, Verdict};
use aap::chain::{Digest, Header, commit, genesis};
use aap::note::write_public_key;
use aap::trace::{Link, Made, make};
use aap::{ActionType, AgentId, AlignmentCard, StreamId, Timestamp};
use ed25519_dalek::SigningKey;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use uuid::Builder;

use crate::fresh::{now, seed, trace_id, word};

/// An agent with one stream.
#[derive(Clone)]
pub struct Agent {
    key: SigningKey,
    /// Derived from the key.
    pub id: AgentId,
    /// The card its calls are judged under.
    pub card: AlignmentCard,
    /// The stream that its calls are linked into.
    pub stream: StreamId,
    /// The conversation of all its calls.
    pub session: String,
    succeeds: Option<StreamId>,
    seq: u64,
    head: Digest,
}

impl Agent {
    /// One that nobody has heard of.
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        let key = SigningKey::from_bytes(&seed());
        let id = AgentId::of_key(&key.verifying_key());
        let stream = Builder::from_random_bytes(seed()).into_uuid().into();
        Self {
            card: AlignmentCard::default_for(id, now(), "http://127.0.0.1:8787/v1/traces"),
            head: genesis(id, stream, None),
            key,
            id,
            stream,
            session: word("session"),
            succeeds: None,
            seq: 0,
        }
    }

    /// The same agent on a new stream that goes on from this one, as a spool does that finds itself behind the edge.
    pub fn succeeding(&self) -> Self {
        let stream = Builder::from_random_bytes(seed()).into_uuid().into();
        Self {
            head: genesis(self.id, stream, Some(self.stream)),
            stream,
            succeeds: Some(self.stream),
            seq: 0,
            ..self.clone()
        }
    }

    /// The public key, as bodies carry it.
    pub fn public_key(&self) -> String {
        write_public_key(&self.key.verifying_key())
    }

    /// The signed card, as it is put.
    pub fn signed_card(&self) -> Value {
        json!(self.card.clone().sign(&self.key))
    }

    /// A call of `exec` that ran for 12 ms.
    pub fn call(&self) -> Made {
        self.call_at(now())
    }

    /// The same, asked for at this time.
    pub fn call_at(&self, timestamp: Timestamp) -> Made {
        Made {
            trace_id: trace_id(timestamp),
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
            session_id: Some(self.session.clone()),
            run_id: None,
            call_id: None,
            params_rewritten: false,
            succeeds: self.succeeds.filter(|_| self.seq == 0),
            extra: Map::new(),
        }
    }

    /// A call that `rule` refused for `reason`, because of `values`.
    pub fn refusal(&self, rule: &str, reason: &str, values: &[&str]) -> Made {
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
            ..self.call()
        }
    }

    /// The next link of the chain.
    pub fn link(&mut self, made: Made) -> Item {
        let mut trace = make(made, &self.card);
        self.seq += 1;
        let salt = word("salt");
        let metadata = &mut trace.context.metadata;
        let (tool_name, rule_id) = (metadata.tool_name.clone(), metadata.rule_id.clone());
        let action_type = metadata.action_type;
        metadata.link = Some(Link {
            stream: self.stream,
            seq: self.seq,
            prev: self.head,
            salt: salt.clone(),
            commitment: Digest::of(b""),
        });
        let mut document = json!(trace);
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
        let document = RawValue::from_string(text).expect("a trace is JSON");
        Item {
            header,
            document: Some(document),
        }
    }

    /// The next `count` links, of plain calls.
    pub fn links(&mut self, count: usize) -> Vec<Item> {
        (0..count).map(|_| self.link(self.call())).collect()
    }

    /// The body of these links with the signed checkpoint of the last.
    pub fn sign(&self, items: &[Item]) -> Vec<u8> {
        let batch = Batch::new(items.to_vec()).expect("the links are a run of one stream");
        batch.sign(&self.key).into_body()
    }

    /// The body of the next `count` links.
    pub fn batch(&mut self, count: usize) -> Vec<u8> {
        let items = self.links(count);
        self.sign(&items)
    }
}

/// The header alone, its content kept back.
pub fn held_back(item: &Item) -> Item {
    Item {
        header: item.header.clone(),
        document: None,
    }
}

/// The link's content as JSON.
pub fn content(item: &Item) -> Value {
    let document = item.document.as_ref().expect("the content is here");
    serde_json::from_str(document.get()).expect("JSON")
}
