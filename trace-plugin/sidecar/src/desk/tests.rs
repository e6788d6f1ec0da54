//! Pairing, proven over a real spool: one trace for each call, whatever comes, in whatever order.

use std::time::Duration;

use aap::batch::Item;
use aap::card::AlignmentCard;
use conscience::Conscience;
use redact::Level;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::dialect::{Dialect, Reply};
use crate::identity::Identity;
use crate::spool::Use;
use crate::{clock, hook};

mod losses;
mod memory;
mod parents;
mod questions;
mod told;

struct Bench {
    dir: TempDir,
    desk: Desk,
    spool: Spool,
}

fn bench_with(mode: Mode) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let identity = Identity::create(&dir.path().join("identity.key")).unwrap();
    let mut card = AlignmentCard::default_for(
        identity.agent_id(),
        clock::now(),
        "http://localhost/v1/traces",
    );
    card.autonomy_mode = mode;
    let judge = Arc::new(Judge::new(
        Arc::new(Conscience::builtin()),
        Machine::default(),
        Redactor::new(Level::Preview),
        card,
    ));
    let path = dir.path().join("spool.db");
    let open = || {
        Spool::open(
            &path,
            identity.agent_id(),
            Duration::from_secs(5),
            Use::Resident,
        )
        .unwrap()
    };
    Bench {
        desk: Desk::new(judge, open()),
        spool: open(),
        dir,
    }
}

fn bench() -> Bench {
    bench_with(Mode::Enforce)
}

impl Bench {
    fn feed(&mut self, dialect: Dialect, events: &[Value]) -> Reply {
        let input: Vec<String> = events.iter().map(Value::to_string).collect();
        hook::run(&mut self.desk, dialect, input.join("\n").as_bytes())
    }

    /// As in another process.
    fn another_desk(&self) -> Desk {
        let path = self.dir.path().join("spool.db");
        let agent = self.spool.agent_id();
        let spool = Spool::open(&path, agent, Duration::from_secs(5), Use::OneShot).unwrap();
        Desk::new(Arc::clone(self.desk.judge()), spool)
    }

    fn traces(&self) -> Vec<Value> {
        let run = self.spool.next_run(500).unwrap();
        let items: Vec<Item> = run.into_iter().map(|link| link.item).collect();
        items
            .iter()
            .map(|item| serde_json::from_str(item.document.as_ref().unwrap().get()).unwrap())
            .collect()
    }

    fn told(&self) -> Vec<(String, String)> {
        let text = |trace: &Value, key: &str| {
            trace["context"]["metadata"][key]
                .as_str()
                .unwrap()
                .to_owned()
        };
        self.traces()
            .iter()
            .map(|trace| (text(trace, "action_type"), text(trace, "outcome")))
            .collect()
    }
}

fn fixtures() -> Vec<(String, Vec<Value>)> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/openclaw");
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| {
            let file: Value =
                serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, file["events"].as_array().unwrap().clone())
        })
        .collect()
}

fn pre(id: &str, command: &str) -> Value {
    json!({"session_id": "s", "cwd": "/tmp", "hook_event_name": "PreToolUse", "tool_name": "Bash",
           "tool_use_id": id, "tool_input": {"command": command}})
}

fn post(id: &str, command: &str) -> Value {
    json!({"session_id": "s", "cwd": "/tmp", "hook_event_name": "PostToolUse", "tool_name": "Bash", "duration_ms": 12,
           "tool_use_id": id, "tool_input": {"command": command}, "tool_response": {"stdout": "out"}})
}

fn pairs(told: &[(&str, &str)]) -> Vec<(String, String)> {
    told.iter()
        .map(|(one, other)| ((*one).to_owned(), (*other).to_owned()))
        .collect()
}

#[test]
fn recorded_events_make_one_trace_a_call() {
    let mut bench = bench();
    let mut expected = Vec::new();
    for (name, events) in fixtures() {
        let before = bench.traces().len();
        let reply = bench.feed(Dialect::OpenClaw, &events);
        assert_eq!(reply.stderr, "", "{name}");
        assert_eq!(
            reply.stdout.lines().count(),
            events.len(),
            "{name}: a line for each object"
        );
        let made: Vec<_> = bench.told().split_off(before);
        expected.push((name, made));
    }
    assert_eq!(bench.traces().len(), 23);
    let of = |start: &str| {
        let (_, made) = expected
            .iter()
            .find(|(name, _)| name.starts_with(start))
            .unwrap();
        made.iter()
            .map(|(kind, outcome)| format!("{kind} {outcome}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    assert_eq!(
        of("01"),
        "allow completed, allow completed, allow completed"
    );
    assert_eq!(of("02"), "deny refused");
    assert_eq!(of("03"), "error failed, allow completed");
    assert_eq!(of("04"), "allow completed");
    assert_eq!(of("05"), "error failed");
    assert_eq!(
        of("06"),
        "allow completed, allow completed, allow completed"
    );
    assert_eq!(of("08"), "error orphan");
    assert_eq!(of("09"), "error orphan");
    assert_eq!(of("10"), "error failed");
    assert_eq!(of("11"), "deny observed_deny");
    assert_eq!(of("16"), "allow running");
}

#[test]
fn no_recorded_secret_reaches_the_spool() {
    let mut bench = bench();
    let (_, events) = fixtures()
        .into_iter()
        .find(|(name, _)| name.starts_with("07"))
        .unwrap();
    bench.feed(Dialect::OpenClaw, &events);
    let path = bench.dir.path().to_owned();
    for file in std::fs::read_dir(path).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for canary in ["abcdefghijklmnop", "0123456789ABCD"] {
            let found = bytes
                .windows(canary.len())
                .any(|window| window == canary.as_bytes());
            assert!(!found, "{canary} is on the disk");
        }
    }
    assert_eq!(
        bench.traces()[0]["context"]["metadata"]["redactions"]
            .as_object()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn what_is_refused_is_answered_and_traced_at_once() {
    let mut bench = bench();
    let reply = bench.feed(Dialect::ClaudeCode, &[pre("t1", "rm -rf /")]);
    let answer: Value = serde_json::from_str(&reply.stdout).unwrap();
    let output = &answer["hookSpecificOutput"];
    assert_eq!(output["permissionDecision"], "deny");
    assert!(
        output["permissionDecisionReason"]
            .as_str()
            .unwrap()
            .starts_with("Recursive delete of the root directory.")
    );
    assert_eq!(reply.exit_code, 0);
    assert_eq!(bench.told(), pairs(&[("deny", "refused")]));
    assert_eq!(
        bench.traces()[0]["context"]["metadata"]["rule_id"],
        "fs.delete.root"
    );
}

#[test]
fn a_hook_that_fires_twice_makes_one_trace() {
    let mut bench = bench();
    bench.feed(
        Dialect::ClaudeCode,
        &[pre("t1", "rm -rf /"), pre("t1", "rm -rf /")],
    );
    bench.feed(
        Dialect::ClaudeCode,
        &[
            pre("t2", "ls"),
            pre("t2", "ls"),
            post("t2", "ls"),
            post("t2", "ls"),
        ],
    );
    assert_eq!(
        bench.told(),
        pairs(&[("deny", "refused"), ("allow", "completed")])
    );
}

#[test]
fn a_refused_call_that_runs_all_the_same_is_told() {
    let mut bench = bench();
    bench.feed(
        Dialect::ClaudeCode,
        &[
            pre("t1", "rm -rf /"),
            post("t1", "rm -rf /"),
            post("t1", "rm -rf /"),
        ],
    );
    assert_eq!(
        bench.told(),
        pairs(
            &[
                ("deny", "refused"),
                ("error", "ran_after_refusal"),
                ("error", "ran_after_refusal")
            ][..2]
        )
    );
}

#[test]
fn what_ran_instead_is_judged_again() {
    let mut bench = bench();
    bench.feed(
        Dialect::ClaudeCode,
        &[pre("t1", "ls"), post("t1", "rm -rf /")],
    );
    let trace = &bench.traces()[0];
    let metadata = &trace["context"]["metadata"];
    assert_eq!(metadata["params_rewritten"], true);
    assert_eq!(metadata["rule_id"], "fs.delete.root");
    assert_eq!(metadata["outcome"], "ran_after_refusal");
    assert_eq!(trace["action"]["parameters"]["command"], "rm -rf /");
}

#[test]
fn a_call_without_an_end_becomes_a_trace_after_a_while() {
    let mut bench = bench();
    bench.feed(Dialect::ClaudeCode, &[pre("t1", "ls -la")]);
    let soon = clock::now();
    assert_eq!(bench.desk.sweep(soon).unwrap(), 0);
    let after = i64::try_from(ORPHAN_AFTER.as_millis()).unwrap() + 1;
    let later = Timestamp::from_millis(soon.millis() + after);
    assert_eq!(bench.desk.sweep(later).unwrap(), 1);
    assert_eq!(bench.desk.sweep(later).unwrap(), 0, "once");
    assert_eq!(bench.told(), pairs(&[("allow", "orphan")]));

    bench.feed(
        Dialect::ClaudeCode,
        &[post("t1", "ls -la"), post("t1", "ls -la")],
    );
    assert_eq!(
        bench.told(),
        pairs(&[("allow", "orphan"), ("allow", "completed")])
    );
    let traces = bench.traces();
    assert_eq!(
        traces[1]["context"]["metadata"]["completes"],
        traces[0]["trace_id"]
    );
}

#[test]
fn calls_without_ids_are_paired_by_what_they_say() {
    let mut bench = bench();
    let without_id = |mut event: Value| {
        event.as_object_mut().unwrap().remove("tool_use_id");
        event
    };
    for _ in 0..2 {
        bench.feed(
            Dialect::ClaudeCode,
            &[without_id(pre("", "ls")), without_id(post("", "ls"))],
        );
    }
    assert_eq!(
        bench.told(),
        pairs(&[("allow", "completed"), ("allow", "completed")])
    );
}

#[test]
fn a_question_that_is_not_granted_is_our_refusal() {
    let mut bench = bench();
    let call = json!({"toolName": "exec", "params": {"command": "git reset --hard"}, "runId": "r", "toolCallId": "c"});
    let mut after = call.clone();
    after["error"] = json!("Denied by user");
    let reply = bench.feed(
        Dialect::OpenClaw,
        &[
            json!({"hook": "before_tool_call", "event": call, "ctx": {}}),
            json!({"hook": "after_tool_call", "event": after, "ctx": {}}),
        ],
    );
    assert!(reply.stdout.contains("requireApproval"), "{reply:?}");
    assert_eq!(bench.told(), pairs(&[("deny", "refused")]));
    let trace = &bench.traces()[0];
    assert_eq!(trace["escalation"]["escalation_status"], "denied");
    assert!(
        trace["context"]["metadata"]["rule_id"].is_string(),
        "our rule is why"
    );
}

#[test]
fn only_enforcing_stops_a_call() {
    for mode in [Mode::Observe, Mode::Nudge, Mode::Off] {
        let mut bench = bench_with(mode);
        let reply = bench.feed(
            Dialect::ClaudeCode,
            &[pre("t1", "rm -rf /"), post("t1", "rm -rf /")],
        );
        assert_eq!(reply.stdout, "{}\n{}\n", "{mode:?}");
        assert_eq!(bench.told(), pairs(&[("allow", "completed")]));
        let rule = &bench.traces()[0]["context"]["metadata"]["rule_id"];
        assert_eq!(
            rule.is_string(),
            mode != Mode::Off,
            "{mode:?} records what it would have refused"
        );
    }
}

#[test]
fn whatever_comes_the_agent_is_answered() {
    let deep = format!(
        r#"{{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_use_id":"d","tool_input":{}{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    for (input, stdout, stderr) in [
        ("", "{}", "nothing on standard input"),
        ("not json", "{}", "not JSON"),
        ("[1]", "{}", "not a hook event"),
        ("7", "{}", "not a hook event"),
        (
            r#"{"hook_event_name":"PreToolUse"}"#,
            "{}",
            "tool_name is missing",
        ),
        (r#"{"hook_event_name":7}"#, "{}", "no event of claude-code"),
        (r#"{"hook_event_name":"SessionStart"}"#, "{}", ""),
        (deep.as_str(), "deny", "cannot be judged"),
    ] {
        let mut bench = bench();
        let reply = hook::run(&mut bench.desk, Dialect::ClaudeCode, input.as_bytes());
        assert!(
            reply.stdout.contains(stdout),
            "{}: {reply:?}",
            &input[..input.len().min(60)]
        );
        assert!(
            reply.stderr.contains(stderr),
            "{}: {reply:?}",
            &input[..input.len().min(60)]
        );
        assert_eq!(reply.exit_code, 0);
    }
}

#[test]
fn nul_and_invalid_utf_8_are_recorded_as_such() {
    let mut bench = bench();
    let mut input = pre("t1", "echo a\u{0}b X").to_string().into_bytes();
    let at = input.iter().position(|byte| *byte == b'X').unwrap();
    input[at] = 0xff;
    let reply = hook::run(&mut bench.desk, Dialect::ClaudeCode, &input);
    assert!(reply.stderr.contains("not UTF-8"));
    hook::run(
        &mut bench.desk,
        Dialect::ClaudeCode,
        post("t1", "echo a\u{0}b").to_string().as_bytes(),
    );
    let text = bench.traces()[0].to_string();
    assert!(
        !text.contains("\\u0000") && text.contains('\u{2400}'),
        "{text}"
    );
}

#[test]
fn a_10_mb_result_is_cut_and_its_length_told() {
    let mut bench = bench();
    let mut event = post("t1", "cat big");
    event["tool_response"] = json!({ "stdout": "x".repeat(10_000_000) });
    bench.feed(Dialect::ClaudeCode, &[pre("t1", "cat big"), event]);
    let traces = bench.traces();
    assert!(traces[0].to_string().len() < 8_000);
    assert!(
        traces[0]["context"]["metadata"]["result"]["bytes"]
            .as_u64()
            .unwrap()
            > 10_000_000
    );
}
