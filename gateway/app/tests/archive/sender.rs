//! An agent whose key is at hand: it can hold contents back and say two things, which the program never does.

use aap::batch::{Batch, Item};
use aap::call::{Decision, Verdict};
use aap::chain::{Digest, Header, commit, genesis};
use aap::note::Checkpoint;
use aap::trace::{ActionType, Link, Made, make};
use aap::{AgentId, AlignmentCard, StreamId, Timestamp};
use ed25519_dalek::SigningKey;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use trace_plugin::clock;

#[derive(Clone)]
pub(crate) struct Sender {
    key: SigningKey,
    card: AlignmentCard,
    stream: StreamId,
    seq: u64,
    head: Digest,
}

impl Sender {
    pub(crate) fn new(seed: u8) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let id = AgentId::of_key(&key.verifying_key());
        let stream = StreamId::from_bytes([seed; 16]);
        Self {
            card: AlignmentCard::default_for(id, Timestamp::from_millis(0), "https://example.com"),
            key,
            stream,
            seq: 0,
            head: genesis(id, stream, None),
        }
    }

    /// Its card from now on, under another id.
    pub(crate) fn change_card(&mut self, change: impl FnOnce(&mut AlignmentCard)) {
        change(&mut self.card);
        self.card.card_id.push_str("-next");
        self.card.issued_at = Timestamp::from_millis(self.card.issued_at.millis() + 1);
    }

    pub(crate) fn id(&self) -> AgentId {
        self.card.agent_id
    }

    pub(crate) async fn put_card(&self, edge: &str) {
        let signed = json!(self.card.clone().sign(&self.key)).to_string();
        let request = reqwest::Client::new().put(format!("{edge}{}", aap::paths::card(self.id())));
        let request = request.header("content-type", "application/json");
        let answer = request.body(signed).send().await.unwrap();
        assert!(answer.status().is_success());
    }

    /// Makes so many calls and sends none of them; the note on the last.
    pub(crate) fn note_of(&mut self, calls: usize) -> String {
        for call in 0..calls {
            self.link(call % 2 == 0, 0);
        }
        let checkpoint = Checkpoint {
            agent_id: self.id(),
            stream: self.stream,
            seq: self.seq,
            digest: self.head,
        };
        checkpoint.sign(&self.key)
    }

    /// Sends so many calls, every second one refused, as one batch; contents at these places of it are held back.
    pub(crate) async fn act(&mut self, calls: usize, edge: &str, held_back: &[usize]) {
        let items: Vec<_> = (0..calls)
            .map(|call| {
                let mut item = self.link(call % 2 == 0, 0);
                if held_back.contains(&call) {
                    item.document = None;
                }
                item
            })
            .collect();
        let body = Batch::new(items).unwrap().sign(&self.key).into_body();
        post(edge, body).await;
    }

    /// Sends refusals as one batch, each so many days old.
    pub(crate) async fn refuse(&mut self, days_ago: &[i64], edge: &str) {
        let items = days_ago.iter().map(|days| self.link(true, *days));
        let batch = Batch::new(items.collect()).unwrap();
        post(edge, batch.sign(&self.key).into_body()).await;
    }

    fn link(&mut self, denied: bool, days_ago: i64) -> Item {
        let timestamp = Timestamp::from_millis(clock::now().millis() - days_ago * 86_400_000);
        let (agent_id, trace_id) = (self.card.agent_id, clock::trace_id(timestamp));
        let (decision, action_type, outcome) = if denied {
            (Decision::Deny, ActionType::Deny, "refused")
        } else {
            (Decision::Allow, ActionType::Allow, "completed")
        };
        let mut trace = make(
            Made {
                trace_id,
                agent_id,
                timestamp,
                tool: "exec \"\u{fc}\u{1f980}\n".to_owned(),
                params: Some(
                    json!({"n": [1.0, 1e21, 1e-7, 0.1, -0.0, 9_007_199_254_740_993_u64], "\u{20ac}": 1, "a\u{1}": "\u{7f}\u{2028}", "\u{1f600}": 2, "\u{fb33}": 3}),
                ),
                verdict: Verdict {
                    decision,
                    reason: "because".to_owned(),
                    values_violated: Vec::new(),
                    rule_id: denied.then(|| "fs.delete.root".to_owned()),
                    advice: None,
                    effects: Vec::new(),
                    exception: None,
                },
                action_type,
                outcome,
                result: Value::Null,
                error: None,
                exit_code: None,
                duration_ms: Some(1),
                runtime: "openclaw".to_owned(),
                session_id: Some("s".to_owned()),
                run_id: None,
                call_id: None,
                params_rewritten: false,
                succeeds: None,
                extra: Map::new(),
            },
            &self.card,
        );
        self.seq += 1;
        let salt = clock::salt();
        trace.context.metadata.link = Some(Link {
            stream: self.stream,
            seq: self.seq,
            prev: self.head,
            salt: salt.clone(),
            commitment: self.head,
        });
        let mut document = json!(trace);
        let commitment = commit(&salt, &document).unwrap();
        document["context"]["metadata"]["commitment"] = json!(commitment);
        let metadata = trace.context.metadata;
        let header = Header {
            agent_id,
            stream: self.stream,
            seq: self.seq,
            trace_id,
            timestamp: trace.timestamp,
            tool_name: metadata.tool_name,
            action_type,
            rule_id: metadata.rule_id,
            prev: self.head,
            commitment,
        };
        self.head = header.digest();
        Item {
            header,
            document: Some(RawValue::from_string(document.to_string()).unwrap()),
        }
    }
}

pub(crate) async fn post(edge: &str, body: Vec<u8>) {
    let request = reqwest::Client::new().post(format!("{edge}/v1/traces"));
    let request = request
        .header("content-type", "application/json")
        .body(body);
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    // Two contents for one place are answered as conflicts, and recorded.
    assert!(status.is_success() || text.contains("conflict"), "{text}");
}
