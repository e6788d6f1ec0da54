//! Every dialect as its agent speaks it: recorded events in, answers and traces out.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;
use redact::Level;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use trace_plugin::dialect::{Dialect, PROOF_PREFIX, Reply};
use trace_plugin::spool::{Spool, Use};
use trace_plugin::{Desk, Identity, hook};

mod judge;
mod objects;

use judge::judge;
use objects::objects;

struct Bench {
    _dir: TempDir,
    desk: Desk,
    spool: Spool,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity::create(&dir.path().join("identity.key")).unwrap();
        let agent = identity.agent_id();
        let path = dir.path().join("spool.db");
        let open = || Spool::open(&path, agent, Duration::from_secs(5), Use::Resident).unwrap();
        Self {
            desk: Desk::new(judge(&identity, Level::Full), open()),
            spool: open(),
            _dir: dir,
        }
    }

    fn feed(&mut self, dialect: Dialect, events: &[Value]) -> Reply {
        let lines: Vec<String> = events.iter().map(Value::to_string).collect();
        hook::run(&mut self.desk, dialect, lines.join("\n").as_bytes())
    }

    fn traces(&self) -> Vec<Value> {
        let run = self.spool.next_run(500).unwrap();
        run.into_iter()
            .map(|link| serde_json::from_str(link.item.document.unwrap().get()).unwrap())
            .collect()
    }
}

fn fixtures(agent: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut files: Vec<_> = std::fs::read_dir(dir.join(agent))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// What of a trace is the same each time: also how long the call took, where its agent tells.
fn shown(trace: &Value, events: &[Value]) -> String {
    let metadata = trace["context"]["metadata"].as_object().unwrap();
    let id = metadata.get("tool_call_id");
    let timed = events.iter().any(|event| {
        let told = ["duration_ms", "duration"]
            .iter()
            .any(|key| event.get(key).is_some());
        told && event.get("tool_use_id").or(event.get("call_id")) == id
    });
    let mut line = format!(
        "{} {} {}",
        metadata["action_type"].as_str().unwrap(),
        metadata["outcome"].as_str().unwrap(),
        metadata["tool_name"].as_str().unwrap()
    );
    let mut rest = Map::new();
    let session = trace["context"].get("session_id").cloned();
    rest.extend(session.map(|session| ("session".to_owned(), session)));
    rest.insert("params".to_owned(), trace["action"]["parameters"].clone());
    let keys = [
        "runtime",
        "run_id",
        "tool_call_id",
        "subagent_id",
        "cwd",
        "rule_id",
        "result",
        "error",
        "exit_code",
        "orphan",
        "params_rewritten",
    ];
    for key in keys.into_iter().chain(timed.then_some("duration_ms")) {
        if let Some(value) = metadata.get(key).filter(|value| !value.is_null()) {
            rest.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(status) = trace["escalation"].get("escalation_status") {
        rest.insert("question".to_owned(), status.clone());
    }
    write!(line, " {}", Value::Object(rest)).unwrap();
    line
}

/// The answers to and the traces of an agent's recorded events, each file on a spool of its own.
fn told(dialect: Dialect, canary: Option<&str>) -> String {
    let mut text = String::new();
    for path in fixtures(dialect.name()) {
        let file = read(&path);
        for key in ["about", "source"] {
            assert!(file[key].is_string(), "{} names no {key}", path.display());
        }
        let events = file["events"].as_array().unwrap();
        let mut bench = Bench::new();
        let name = path.file_stem().unwrap().to_string_lossy();
        writeln!(text, "## {name}: {}", file["about"].as_str().unwrap()).unwrap();
        for (event, number) in events.iter().zip(1..) {
            let reply = bench.feed(dialect, std::slice::from_ref(event));
            assert_eq!(
                (reply.stderr.as_str(), reply.exit_code),
                ("", 0),
                "{name} {number}"
            );
            assert_eq!(reply.stdout.lines().count(), 1, "{name} {number}");
            if reply.stdout != "{}\n" {
                writeln!(text, "{number} answered {}", reply.stdout.trim_end()).unwrap();
            }
        }
        for trace in bench.traces() {
            writeln!(text, "- {}", shown(&trace, events)).unwrap();
            if let Some(canary) = canary {
                assert!(
                    !trace.to_string().contains(canary),
                    "{canary} is kept: {trace}"
                );
            }
        }
    }
    text
}

#[test]
fn claude_code() {
    insta::assert_snapshot!(told(Dialect::ClaudeCode, Some("@example.com")));
}

#[test]
fn codex() {
    insta::assert_snapshot!(told(Dialect::Codex, None));
}

#[test]
fn gemini() {
    insta::assert_snapshot!(told(Dialect::Gemini, None));
}

#[test]
fn cursor_and_never_its_users_address() {
    insta::assert_snapshot!(told(Dialect::Cursor, Some("dev.canary@example.com")));
}

#[test]
fn copilot() {
    insta::assert_snapshot!(told(Dialect::Copilot, None));
}

#[test]
fn opencode() {
    insta::assert_snapshot!(told(Dialect::OpenCode, None));
}

#[test]
fn mcp() {
    insta::assert_snapshot!(told(Dialect::Mcp, None));
}

#[test]
fn a_proof_is_one_allowed_call_that_says_so_and_is_found_by_its_session() {
    for dialect in Dialect::ALL {
        let mut bench = Bench::new();
        let id = format!("{PROOF_PREFIX}{}", dialect.name());
        for event in dialect.proof(&id) {
            let reply = hook::run(&mut bench.desk, dialect, event.as_bytes());
            assert_eq!(
                (reply.stdout.as_str(), reply.stderr.as_str()),
                ("{}\n", ""),
                "{id}"
            );
        }
        let traces = bench.traces();
        assert_eq!(traces.len(), 1, "{id}");
        let metadata = &traces[0]["context"]["metadata"];
        assert_eq!(traces[0]["context"]["session_id"], *id);
        assert_eq!(metadata["proof"], true, "{id}");
        assert_eq!(metadata["runtime"], dialect.name());
        assert_eq!(metadata["outcome"], "completed", "{id}");
    }
    // The control: no other call says so.
    let mut bench = Bench::new();
    for event in Dialect::Codex.proof("call_1") {
        hook::run(&mut bench.desk, Dialect::Codex, event.as_bytes());
    }
    assert_eq!(bench.traces()[0]["context"]["metadata"].get("proof"), None);
}

#[test]
fn an_event_that_is_anothers_is_told_and_breaks_nothing() {
    for (dialect, event, said) in [
        (
            Dialect::ClaudeCode,
            json!({"hook_event_name": "BeforeTool"}),
            "gemini has it: call `smoltbot hook gemini`",
        ),
        (
            Dialect::Gemini,
            json!({"hook_event_name": "PreToolUse", "session_id": "s"}),
            "`smoltbot hook claude-code`",
        ),
        (
            Dialect::Codex,
            json!({"hook_event_name": "preToolUse"}),
            "`smoltbot hook cursor`",
        ),
        (
            Dialect::Cursor,
            json!({"hook_event_name": "BeforeTool"}),
            "`smoltbot hook gemini`",
        ),
        (
            Dialect::Mcp,
            json!({"hook": "before_tool_call"}),
            "`smoltbot hook openclaw`",
        ),
        (
            Dialect::Copilot,
            json!({"hook_event_name": "PreToolUse", "session_id": "s"}),
            "tool_name is missing",
        ),
        (
            Dialect::OpenCode,
            json!({"hook": "tomorrow"}),
            "`tomorrow` is no event of opencode",
        ),
        (
            Dialect::Codex,
            json!({"hook_event_name": "PostTomorrow"}),
            "is no event of codex",
        ),
        (
            Dialect::Cursor,
            json!({"tool_name": "Shell"}),
            "hook_event_name is missing",
        ),
        (Dialect::Gemini, json!({}), "hook_event_name is missing"),
        (
            Dialect::Copilot,
            json!({}),
            "neither sessionId nor toolName",
        ),
        (Dialect::Mcp, json!({"tool": "x"}), "hook is missing"),
        (
            Dialect::Mcp,
            json!({"hook": "session", "session_id": "s"}),
            "change is None",
        ),
    ] {
        let mut bench = Bench::new();
        let reply = bench.feed(dialect, &[event]);
        assert_eq!(
            (reply.stdout.as_str(), reply.exit_code),
            ("{}\n", 0),
            "{dialect:?}"
        );
        assert!(reply.stderr.contains(said), "{dialect:?}: {}", reply.stderr);
        assert!(bench.traces().is_empty());
    }
}

#[test]
fn codex_under_claude_codes_name_is_told_and_answered_as_codex() {
    let mut bench = Bench::new();
    // In Claude Code this would be a question; Codex would run the call on such an answer.
    let event = json!({"session_id": "s", "turn_id": "t", "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_use_id": "c",
                       "tool_input": {"command": "git reset --hard"}, "permission_mode": "default"});
    let reply = bench.feed(Dialect::ClaudeCode, &[event]);
    assert!(
        reply.stdout.contains(r#""permissionDecision":"deny""#),
        "{reply:?}"
    );
    assert!(reply.stderr.contains("smoltbot hook codex"), "{reply:?}");
    assert_eq!(bench.traces()[0]["context"]["metadata"]["runtime"], "codex");
}

#[test]
fn keys_of_odd_types_are_no_way_around_the_verdict() {
    for odd in [
        json!(7),
        json!(null),
        json!([]),
        json!({"a": [1]}),
        json!(true),
        json!(1.5),
    ] {
        for (dialect, event) in [
            (
                Dialect::ClaudeCode,
                json!({"hook_event_name": "PreToolUse", "session_id": odd, "tool_use_id": odd, "cwd": odd, "permission_mode": odd,
                "agent_id": odd, "duration_ms": odd, "error": odd, "tool_name": "Bash", "tool_input": {"command": "rm -rf /"}}),
            ),
            (
                Dialect::Codex,
                json!({"hook_event_name": "PreToolUse", "turn_id": odd, "model": odd, "tool_name": "Bash", "tool_input": {"command": "rm -rf /"}}),
            ),
            (
                Dialect::Gemini,
                json!({"hook_event_name": "BeforeTool", "mcp_context": odd, "tool_name": "run_shell_command", "tool_input": {"command": "rm -rf /"}}),
            ),
            (
                Dialect::Cursor,
                json!({"hook_event_name": "preToolUse", "workspace_roots": odd, "tool_use_id": odd, "tool_name": "Shell", "tool_input": {"command": "rm -rf /"}}),
            ),
            (
                Dialect::Cursor,
                json!({"hook_event_name": "beforeShellExecution", "cwd": odd, "command": "rm -rf /"}),
            ),
            (
                Dialect::Copilot,
                json!({"sessionId": odd, "timestamp": odd, "cwd": odd, "toolName": "bash", "toolArgs": "{\"command\":\"rm -rf /\"}"}),
            ),
            (
                Dialect::OpenCode,
                json!({"hook": "before", "call_id": odd, "can_ask": odd, "tool": "bash", "params": {"command": "rm -rf /"}}),
            ),
            (
                Dialect::Mcp,
                json!({"hook": "before", "server": odd, "tool": "exec", "params": {"command": "rm -rf /"}}),
            ),
        ] {
            let reply = Bench::new().feed(dialect, std::slice::from_ref(&event));
            let answer: Value = serde_json::from_str(&reply.stdout).unwrap();
            assert!(answer.to_string().contains("deny"), "{event}: {reply:?}");
        }
    }
}

#[test]
fn parameters_that_cannot_be_read_are_refused_in_every_dialect() {
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let text = serde_json::to_string(&deep).unwrap();
    for (dialect, event) in [
        (
            Dialect::ClaudeCode,
            format!(r#"{{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{deep}}}"#),
        ),
        (
            Dialect::Codex,
            format!(r#"{{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{deep}}}"#),
        ),
        (
            Dialect::Gemini,
            format!(r#"{{"hook_event_name":"BeforeTool","tool_name":"x","tool_input":{deep}}}"#),
        ),
        (
            Dialect::Cursor,
            format!(
                r#"{{"hook_event_name":"preToolUse","tool_name":"Shell","tool_input":{deep}}}"#
            ),
        ),
        (
            Dialect::Cursor,
            format!(
                r#"{{"hook_event_name":"beforeMCPExecution","tool_name":"x","tool_input":{text}}}"#
            ),
        ),
        (
            Dialect::Copilot,
            format!(r#"{{"sessionId":"s","toolName":"bash","toolArgs":{text}}}"#),
        ),
        (
            Dialect::OpenCode,
            format!(r#"{{"hook":"before","tool":"bash","params":{deep}}}"#),
        ),
        (
            Dialect::Mcp,
            format!(r#"{{"hook":"before","server":"s","tool":"t","params":{deep}}}"#),
        ),
    ] {
        let mut bench = Bench::new();
        let reply = hook::run(&mut bench.desk, dialect, event.as_bytes());
        assert!(reply.stdout.contains("deny"), "{dialect:?}: {reply:?}");
        assert!(
            reply.stderr.contains("cannot be judged"),
            "{dialect:?}: {reply:?}"
        );
        assert_eq!(
            bench.traces()[0]["context"]["metadata"]["rule_id"],
            "input.unreadable"
        );
    }
}

#[test]
fn what_is_too_large_is_refused_before_it_runs_and_hides_nothing_after() {
    let large = "x".repeat(hook::MAX_HOOK_BYTES);
    let answer = |dialect, event: Value| {
        let mut bench = Bench::new();
        let reply = hook::run(&mut bench.desk, dialect, event.to_string().as_bytes());
        assert!(
            reply.stderr.contains("the limit is 33554432"),
            "{}",
            reply.stderr
        );
        reply.stdout
    };
    let before = json!({"hook_event_name": "BeforeTool", "tool_name": "write_file", "tool_input": {"content": large}});
    assert!(answer(Dialect::Gemini, before).contains("deny"));
    let after = json!({"hook_event_name": "AfterTool", "tool_name": "read_file", "tool_response": {"llmContent": large}});
    assert_eq!(answer(Dialect::Gemini, after), "{}\n");
}

#[test]
fn several_objects_at_once_get_a_line_each() {
    let mut bench = Bench::new();
    let events = read(&fixtures("codex")[0])["events"]
        .as_array()
        .unwrap()
        .clone();
    let reply = bench.feed(Dialect::Codex, &events);
    assert_eq!(reply.stdout, "{}\n".repeat(events.len()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_object_is_answered_by_one_line_of_json(objects in prop::collection::vec(objects(), 1..6)) {
        for dialect in Dialect::ALL {
            let mut bench = Bench::new();
            let reply = bench.feed(dialect, &objects);
            prop_assert_eq!(reply.exit_code, 0);
            let lines: Vec<_> = reply.stdout.lines().collect();
            prop_assert_eq!(lines.len(), objects.len());
            for line in lines {
                let answer: Value = serde_json::from_str(line).unwrap();
                prop_assert!(answer.is_object());
            }
        }
    }
}
