//! What was written down becomes traces in the agent's own chain, once, masked, and marked.

#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use redact::Level;
use serde_json::{Value, json};
use tempfile::TempDir;
use trace_plugin::desk::Desk;
use trace_plugin::dialect::Dialect;
use trace_plugin::import::{Format, Importer, Past, Read, Recorded, read};
use trace_plugin::spool::{Spool, Use};
use trace_plugin::{Identity, Judge, hook};

mod judge;

use judge::judge;

struct Bench {
    dir: TempDir,
    identity: Identity,
    judge: Arc<Judge>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity::create(&dir.path().join("identity.key")).unwrap();
        Self {
            dir,
            judge: judge(&identity, Level::Preview),
            identity,
        }
    }

    fn spool(&self) -> Spool {
        let path = self.dir.path().join("spool.db");
        Spool::open(
            &path,
            self.identity.agent_id(),
            Duration::from_secs(5),
            Use::OneShot,
        )
        .unwrap()
    }

    fn import(&self, calls: &[Past]) -> Recorded {
        let mut importer = Importer::new(Arc::clone(&self.judge), self.spool()).unwrap();
        importer.record(calls).unwrap()
    }

    fn documents(&self) -> Vec<Value> {
        let links = self.spool().next_run(500).unwrap();
        let documents = links.into_iter().map(|link| link.item.document.unwrap());
        documents
            .map(|text| serde_json::from_str(text.get()).unwrap())
            .collect()
    }
}

fn calls(name: &str) -> Vec<Past> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/import")
        .join(name);
    let format = Format::of(&path).unwrap().unwrap();
    let mut calls = Vec::new();
    read(&path, format, &mut |read| {
        if let Read::Call(past) = read {
            calls.push(*past);
        }
        true
    })
    .unwrap();
    calls
}

#[test]
fn imported_calls_are_marked_and_judged_by_nobody() {
    let bench = Bench::new();
    let calls = calls("openclaw.jsonl");
    assert_eq!(bench.import(&calls), Recorded { new: 4, known: 0 });
    let documents = bench.documents();
    let kinds: Vec<_> = documents
        .iter()
        .map(|document| {
            document["context"]["metadata"]["action_type"]
                .as_str()
                .unwrap()
        })
        .collect();
    assert_eq!(kinds, ["allow", "deny", "error", "allow"]);
    for (document, past) in documents.iter().zip(&calls) {
        let metadata = &document["context"]["metadata"];
        assert_eq!(metadata["source"], "imported");
        assert_eq!(metadata["outcome"], "imported");
        assert_eq!(
            metadata["rule_id"],
            Value::Null,
            "no rule has decided anything"
        );
        assert_eq!(document["timestamp"], json!(past.at));
        assert_eq!(metadata["runtime"], "openclaw");
    }
    // Today's conscience would refuse it; nobody did.
    assert_eq!(
        documents[1]["decision"]["selection_reasoning"],
        "Deletes the root directory"
    );
    assert_eq!(
        documents[1]["context"]["metadata"]["values_violated"],
        json!(["user_control"])
    );
    assert_eq!(documents[0]["context"]["metadata"]["exit_code"], 0);
    assert_eq!(documents[0]["context"]["metadata"]["duration_ms"], 12);
}

#[test]
fn twice_adds_nothing_and_what_broke_off_goes_on() {
    let bench = Bench::new();
    let calls = calls("claude-code.jsonl");
    assert_eq!(bench.import(&calls[..2]), Recorded { new: 2, known: 0 });
    assert_eq!(bench.import(&calls), Recorded { new: 4, known: 2 });
    assert_eq!(bench.import(&calls), Recorded { new: 0, known: 6 });
    let documents = bench.documents();
    assert_eq!(documents.len(), 6);
    let mut ids: Vec<_> = documents
        .iter()
        .map(|document| document["trace_id"].to_string())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 6);
    let last = documents
        .iter()
        .find(|document| document["context"]["metadata"]["tool_name"] == "WebFetch");
    assert_eq!(last.unwrap()["context"]["metadata"]["orphan"], "before");
}

#[test]
fn what_hooks_have_recorded_is_not_imported() {
    let bench = Bench::new();
    let calls = calls("claude-code.jsonl");
    let event = json!({"session_id": calls[0].call.session_id, "hook_event_name": "PreToolUse", "tool_name": "Bash",
                       "tool_use_id": calls[0].call.call_id, "tool_input": calls[0].call.params});
    let mut desk = Desk::new(Arc::clone(&bench.judge), bench.spool());
    hook::run(&mut desk, Dialect::ClaudeCode, event.to_string().as_bytes());
    let importer = Importer::new(Arc::clone(&bench.judge), bench.spool()).unwrap();
    assert!(importer.knows(&calls[0]).unwrap());
    assert!(!importer.knows(&calls[1]).unwrap());
    assert_eq!(bench.import(&calls), Recorded { new: 5, known: 1 });
}

#[test]
fn secrets_in_what_was_written_down_reach_no_disk() {
    let bench = Bench::new();
    let mut calls = calls("claude-code.jsonl");
    let token = format!("{}_{}", "ghp", "0123456789abcdefABCDEF0123456789abcd");
    calls[0].call.params =
        json!({"command": format!("curl -H 'Authorization: Bearer {token}' https://example.com")});
    calls[0].seen.as_mut().unwrap().result = json!({"stdout": token});
    calls[4].seen.as_mut().unwrap().error = Some(format!("no access with {token}"));
    assert_eq!(bench.import(&calls).new, 6);
    for entry in std::fs::read_dir(bench.dir.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let found = bytes
            .windows(token.len())
            .any(|window| window == token.as_bytes());
        assert!(!found, "the spool holds a secret");
    }
}
