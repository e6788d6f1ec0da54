//! Agents that act, and archives of what they did.

use ed25519_dalek::SigningKey;
use serde_json::value::to_raw_value;
use serde_json::{Map, Value, json};

use crate::archive::*;
use crate::call::{Decision, Verdict};
use crate::card::AlignmentCard;
use crate::chain::{commit, genesis};
use crate::note::{Checkpoint, write_public_key};
use crate::trace::{ActionType, Link as Place, Made, make};

/// An agent with one chain, of which every third call is refused.
pub(super) struct Acting {
    pub(super) key: SigningKey,
    pub(super) card: AlignmentCard,
    pub(super) stream: StreamId,
    pub(super) links: Vec<Link>,
    pub(super) documents: Vec<Value>,
}

impl Acting {
    pub(super) fn new(seed: u8, calls: u64) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let id = AgentId::of_key(&key.verifying_key());
        let card = AlignmentCard::default_for(id, Timestamp::from_millis(0), "https://example.com");
        let mut agent = Self {
            key,
            card,
            stream: StreamId::from_bytes([seed; 16]),
            links: Vec::new(),
            documents: Vec::new(),
        };
        for seq in 1..=calls {
            agent.act(seq);
        }
        // A note on every second link, and on the last.
        for at in 0..agent.links.len() {
            if at % 2 == 1 || at + 1 == agent.links.len() {
                agent.links[at].note = Some(agent.note(at));
            }
        }
        agent
    }

    pub(super) fn id(&self) -> AgentId {
        self.card.agent_id
    }

    pub(super) fn act(&mut self, seq: u64) {
        let denied = seq.is_multiple_of(3);
        let prev = match self.links.last() {
            Some(last) => last.digest,
            None => genesis(self.id(), self.stream, None),
        };
        let mut bytes = [9; 16];
        bytes[8..].copy_from_slice(&seq.to_be_bytes());
        bytes[0] = self.stream.uuid().as_bytes()[0];
        let mut trace = make(
            made(TraceId::from_bytes(bytes), self.id(), denied),
            &self.card,
        );
        let metadata = &mut trace.context.metadata;
        let salt = format!("salt-{seq}");
        metadata.link = Some(Place {
            stream: self.stream,
            seq,
            prev,
            salt: salt.clone(),
            commitment: prev,
        });
        let (tool_name, action_type, rule_id) = (
            metadata.tool_name.clone(),
            metadata.action_type,
            metadata.rule_id.clone(),
        );
        let mut document = json!(trace);
        let commitment = commit(&salt, &document).unwrap();
        document["context"]["metadata"]["commitment"] = json!(commitment);
        let header = Header {
            agent_id: self.id(),
            stream: self.stream,
            seq,
            trace_id: trace.trace_id,
            timestamp: trace.timestamp,
            tool_name,
            action_type,
            rule_id,
            prev,
            commitment,
        };
        self.links.push(Link {
            digest: header.digest(),
            header,
            note: None,
        });
        self.documents.push(document);
    }

    pub(super) fn note(&self, at: usize) -> String {
        let link = &self.links[at];
        self.checkpoint(link.header.seq, link.digest)
    }

    pub(super) fn checkpoint(&self, seq: u64, digest: Digest) -> String {
        let (agent_id, stream) = (self.id(), self.stream);
        let checkpoint = Checkpoint {
            agent_id,
            stream,
            seq,
            digest,
        };
        checkpoint.sign(&self.key)
    }
}

pub(super) fn made(trace_id: TraceId, agent_id: AgentId, denied: bool) -> Made {
    Made {
        trace_id,
        agent_id,
        timestamp: Timestamp::from_millis(1_795_227_000_123),
        tool: "exec".to_owned(),
        params: Some(json!({"command": "rm -rf /"})),
        verdict: if denied {
            Verdict {
                decision: Decision::Deny,
                reason: "Recursive delete of the root directory".to_owned(),
                values_violated: vec!["harm_prevention".to_owned()],
                rule_id: Some("fs.delete.root".to_owned()),
                advice: None,
                effects: Vec::new(),
                exception: None,
            }
        } else {
            Verdict::allow("nothing objected")
        },
        action_type: if denied {
            ActionType::Deny
        } else {
            ActionType::Allow
        },
        outcome: if denied { "refused" } else { "completed" },
        result: json!("ok"),
        error: None,
        exit_code: None,
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

/// The archive of these agents' refusals, as lines.
pub(super) fn archive(agents: &[&Acting]) -> Vec<String> {
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        source: "https://edge.example".to_owned(),
        exported_at: Timestamp::from_millis(0),
        selection: [("action_type".to_owned(), "deny".to_owned())].into(),
    };
    let mut writer = Writer::begin(Vec::new(), &manifest).unwrap();
    for agent in agents {
        writer
            .line(&Agent {
                agent_id: agent.id(),
                public_key: Some(write_public_key(&agent.key.verifying_key())),
            })
            .unwrap();
        writer
            .line(&Card {
                agent_id: agent.id(),
                signed_card: json!(agent.card.clone().sign(&agent.key)),
            })
            .unwrap();
        let last = agent.links.last().unwrap();
        writer
            .line(&Stream {
                agent_id: agent.id(),
                stream: agent.stream,
                last_seq: last.header.seq,
                digest: last.digest,
            })
            .unwrap();
        for link in &agent.links {
            writer.line(link).unwrap();
        }
    }
    for agent in agents {
        for (link, document) in agent.links.iter().zip(&agent.documents) {
            if link.header.action_type == ActionType::Deny {
                let document = &to_raw_value(document).unwrap();
                writer.line(&Document { document }).unwrap();
            }
        }
    }
    let text = String::from_utf8(writer.end().unwrap()).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// A line as the writer has it.
pub(super) fn line<L: Line>(shape: &L) -> String {
    let text = serde_json::to_string(shape).unwrap();
    format!("{{\"kind\":\"{}\",{}", L::KIND, &text[1..])
}

/// Writes the end anew, as somebody would who changes more than a byte.
pub(super) fn resealed(lines: &[String]) -> Vec<String> {
    let mut lines: Vec<_> = lines
        .iter()
        .filter(|line| !line.contains("\"kind\":\"end\""))
        .cloned()
        .collect();
    let text = lines.join("\n") + "\n";
    let (count, sha256) = (lines.len(), Digest::of(text.as_bytes()));
    lines.push(format!(
        "{{\"kind\":\"end\",\"lines\":{count},\"sha256\":\"{sha256}\"}}"
    ));
    lines
}

pub(super) fn verified(lines: &[String]) -> Report {
    let mut verifier = Verifier::new();
    for line in lines {
        verifier.line(line.as_bytes());
    }
    verifier.finish()
}

pub(super) fn faults(report: &Report) -> Vec<Fault> {
    let mut faults: Vec<_> = report
        .findings
        .iter()
        .map(|finding| finding.fault)
        .collect();
    faults.dedup();
    faults
}

/// Where the `nth` line of this kind stands.
pub(super) fn nth(lines: &[String], kind: &str, nth: usize) -> usize {
    let kind = format!("{{\"kind\":\"{kind}\"");
    let mut found = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.starts_with(&kind));
    found.nth(nth).unwrap().0
}
