//! Canaries: an invented secret for every rule, in every field of a call and in every encoding, is nowhere to be found
//! afterwards: not on the disk, in no answer, page, stream, export or log.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]
#![allow(clippy::format_collect, reason = "short texts of tests")]

mod command;
#[path = "../../../../trace-plugin/redact/tests/common/mod.rs"]
mod common;
mod dialects;
#[path = "../support/mod.rs"]
mod support;
mod surfaces;
mod tap;
mod wire;

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Value, json};
use support::Home;

/// What looks like a secret of a rule, in its surroundings and alone.
struct Canary {
    rule: &'static str,
    text: String,
    secret: String,
}

fn canaries() -> Vec<Canary> {
    let ours = common::canaries();
    let theirs = common::generate::gitleaks();
    ours.into_iter()
        .chain(theirs)
        .map(|(rule, text, secret)| Canary { rule, text, secret })
        .collect()
}

fn hex(text: &str) -> String {
    text.bytes().map(|b| format!("{b:02x}")).collect()
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn unicode(text: &str) -> String {
    text.bytes().map(|b| format!("\\u{b:04x}")).collect()
}

/// Every form in which a secret was told.
fn needles() -> Vec<String> {
    let mut needles = Vec::new();
    for Canary { text, secret, .. } in canaries() {
        // Base64 of the text holds the secret from some byte on: its middle is enough to know it by.
        let encoded = base64(&text);
        let middle = encoded.len() / 2;
        if encoded.len() > 40 {
            needles.push(encoded[middle - 12..middle + 12].to_owned());
        }
        needles.extend([hex(&secret), unicode(&secret), common::percent(&secret)]);
        // Half of a long one is one too.
        if secret.len() >= 40 && secret.is_char_boundary(secret.len() - 24) {
            needles.push(secret[secret.len() - 24..].to_owned());
        }
        // JSON writes some characters otherwise.
        needles.push(json!(secret).to_string().trim_matches('"').to_owned());
        needles.push(secret);
    }
    needles.sort();
    needles.dedup();
    needles
}

/// Bytes by which needles are found; none is shorter.
const FIRST: usize = 6;

/// Looks for secrets in what came out somewhere.
struct Search {
    /// By their first bytes.
    needles: HashMap<[u8; FIRST], Vec<String>>,
    looked_at: usize,
}

impl Search {
    fn new() -> Self {
        let mut by_first: HashMap<_, Vec<String>> = HashMap::new();
        for needle in needles() {
            let first = *needle.as_bytes().first_chunk().unwrap();
            by_first.entry(first).or_default().push(needle);
        }
        Self {
            needles: by_first,
            looked_at: 0,
        }
    }

    fn nothing_in(&mut self, surface: &str, bytes: &[u8]) {
        self.looked_at += bytes.len();
        for (at, first) in bytes.array_windows::<FIRST>().enumerate() {
            let Some(needles) = self.needles.get(first) else {
                continue;
            };
            for needle in needles {
                if bytes[at..].starts_with(needle.as_bytes()) {
                    let around =
                        &bytes[at.saturating_sub(60)..(at + needle.len() + 20).min(bytes.len())];
                    panic!(
                        "{needle} is in {surface}: {}",
                        String::from_utf8_lossy(around)
                    );
                }
            }
        }
    }

    /// Every file below a directory.
    fn nothing_below(&mut self, root: &Path) {
        let mut rest = vec![root.to_owned()];
        while let Some(path) = rest.pop() {
            if path.is_dir() {
                rest.extend(
                    std::fs::read_dir(&path)
                        .unwrap()
                        .map(|entry| entry.unwrap().path()),
                );
            } else if path.is_file() {
                let bytes = std::fs::read(&path).unwrap();
                self.nothing_in(&path.display().to_string(), &bytes);
            }
        }
    }
}

/// The directory that a home and everything beside it is in.
fn outside(home: &Home) -> std::path::PathBuf {
    home.path().parent().unwrap().to_owned()
}

/// One call a canary, of several agents, with it in every field that holds content.
fn calls() -> Vec<(&'static str, Value)> {
    let mut events = Vec::new();
    for (at, canary) in canaries().iter().enumerate() {
        let text = &canary.text;
        let params = json!({
            "command": "echo ok", "description": text, "nested": {"a": [{"b": text}]}, text.as_str(): 1,
            "in_json": json!({"note": json!({"text": text}).to_string()}).to_string(), "percent": common::percent(text),
            "base64": base64(text), "hex": hex(text), "unicode": unicode(text), "twice": base64(&common::percent(text)),
        });
        let (id, session) = (format!("t{at}"), format!("s{}", at % 7));
        if at % 2 == 0 {
            let event = |name: &str| {
                json!({
                    "hook_event_name": name, "session_id": session, "cwd": "/tmp", "tool_name": "Bash", "tool_use_id": id,
                    "tool_input": params, "tool_response": {"stdout": text, "stderr": base64(text), "parts": [text]},
                    "error": format!("failed: {text}"), "duration_ms": 5,
                })
            };
            events.push(("claude-code", event("PreToolUse")));
            let end = if at % 4 == 0 {
                "PostToolUse"
            } else {
                "PostToolUseFailure"
            };
            events.push(("claude-code", event(end)));
        } else {
            let ctx = json!({"toolName": "exec", "agentId": "main", "sessionId": session, "runId": "r", "toolCallId": id});
            events.push((
                "openclaw",
                json!({"hook": "before_tool_call", "event": {"toolName": "exec", "params": params, "runId": "r", "toolCallId": id}, "ctx": ctx}),
            ));
            let status = if at % 3 == 0 { "blocked" } else { "completed" };
            events.push((
                "openclaw",
                json!({"hook": "after_tool_call", "event": {
                    "toolName": "exec", "params": params, "runId": "r", "toolCallId": id, "durationMs": 5,
                    "result": {"content": [{"type": "text", "text": text}], "details": {"status": status, "reason": text, "cwd": "/tmp"}},
                }, "ctx": ctx}),
            ));
        }
    }
    events
}

/// Calls whose names and ids are secrets.
fn odd_calls() -> Vec<(&'static str, Value)> {
    let tokens = common::TOKENS.iter().take(40);
    let tokens = tokens.enumerate().map(|(at, (_, _, a, b))| {
        let token = format!("{a}{b}");
        let field = |name: &str, place: usize| if at % 5 == place { token.clone() } else { format!("{name}-{at}") };
        json!({
            "hook_event_name": "PreToolUse", "session_id": field("session", 0), "cwd": format!("/tmp/{}", field("cwd", 1)),
            "tool_name": field("tool", 2), "tool_use_id": field("call", 3), "agent_id": field("agent", 4),
            "agent_type": field("agent", 4), "transcript_path": format!("/tmp/{token}"), "permission_mode": "default",
            "tool_input": {"command": "echo ok"},
        })
    });
    tokens.map(|event| ("claude-code", event)).collect()
}

/// What no dialect understands, with secrets where something else belongs.
fn unreadable() -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    for Canary { text, .. } in canaries().into_iter().step_by(9) {
        let text = json!(text);
        lines.push(("claude-code", format!(r#"{{"hook_event_name": {text}, "session_id": "s", "tool_name": "Bash", "tool_input": {{}}}}"#)));
        lines.push(("claude-code", format!(r#"{{"hook_event_name": "PreToolUse", "session_id": "s", "tool_name": ["{text}"], "duration_ms": {text}}}"#)));
        lines.push(("claude-code", format!(r#"{{"hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": {text}, "duration_ms": {text}}}"#)));
        lines.push(("openclaw", format!(r#"{{"hook": "approval_resolved", "event": {{"toolName": "exec", "params": {{}}, "resolution": {text}}}}}"#)));
        lines.push((
            "openclaw",
            format!(r#"{{"hook": {text}, "event": {{"toolName": "exec", "params": {text}}}}}"#),
        ));
        lines.push(("openclaw", format!("{text} is no event")));
        lines.push(("codex", format!(r#"{{"hook_event_name": "PreToolUse", "turn_id": {text}, "tool_name": {{"a": {text}}}}}"#)));
    }
    lines
}
