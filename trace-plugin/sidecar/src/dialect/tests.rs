//! Each dialect as its agent speaks it.

use aap::{Decision, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::event::{Ended, Event, Seen};

fn verdict(decision: Decision) -> Verdict {
    Verdict {
        decision,
        reason: "Recursive delete of the root directory".to_owned(),
        values_violated: vec!["harm_prevention".to_owned()],
        rule_id: Some("fs.delete.root".to_owned()),
        advice: Some("Name the directory that you mean.".to_owned()),
        effects: Vec::new(),
        exception: None,
    }
}

fn seen(event: &Value) -> Seen {
    let object = json!({"hook": "after_tool_call", "event": event, "ctx": {}});
    match Dialect::OpenClaw.read(&object.to_string()).unwrap() {
        Event::After(_, seen) => seen,
        other => panic!("{other:?}"),
    }
}

#[test]
fn openclaw_is_answered_with_block_or_approval() {
    let answer = |decision| Dialect::OpenClaw.answer(&verdict(decision), decision);
    assert_eq!(answer(Decision::Allow), "{}");
    insta::assert_snapshot!(answer(Decision::Deny), @r#"{"block":true,"blockReason":"Recursive delete of the root directory. Name the directory that you mean. (smoltbot rule fs.delete.root)"}"#);
    let ask: Value = serde_json::from_str(&answer(Decision::Ask)).unwrap();
    assert!(
        ask["requireApproval"]["title"].is_string()
            && ask["requireApproval"]["description"].is_string()
    );
}

#[test]
fn claude_code_is_never_told_to_skip_its_own_permissions() {
    let answer = |decision| Dialect::ClaudeCode.answer(&verdict(decision), decision);
    assert_eq!(answer(Decision::Allow), "{}");
    let ask: Value = serde_json::from_str(&answer(Decision::Ask)).unwrap();
    assert_eq!(ask["hookSpecificOutput"]["permissionDecision"], "ask");
}

#[test]
fn openclaw_ends_are_told_apart() {
    let ended = |result: Value, error: Value| {
        seen(&json!({"toolName": "exec", "params": {}, "result": result, "error": error})).ended
    };
    let status = |status: &str| json!({"details": {"status": status}});
    assert_eq!(ended(status("completed"), Value::Null), Ended::Completed);
    assert_eq!(
        ended(
            json!({"details": {"status": "completed", "exitCode": 3}}),
            Value::Null
        ),
        Ended::Completed
    );
    assert_eq!(ended(status("running"), Value::Null), Ended::Running);
    assert_eq!(ended(status("blocked"), json!("no")), Ended::Blocked);
    assert_eq!(ended(status("error"), json!("boom")), Ended::Failed);
    assert_eq!(
        ended(
            status("error"),
            json!("Plugin approval unavailable: nobody")
        ),
        Ended::Blocked
    );
    for not_granted in ["Approval timed out", "Approval cancelled (run aborted)"] {
        assert_eq!(ended(status("error"), json!(not_granted)), Ended::Blocked);
    }
    assert_eq!(ended(json!({}), json!("Tool x not found")), Ended::Failed);
    assert_eq!(ended(Value::Null, Value::Null), Ended::Completed);
}

#[test]
fn claude_code_failures_are_failures() {
    let event = json!({"session_id": "s", "hook_event_name": "PostToolUseFailure", "tool_name": "Bash", "tool_use_id": "t",
                       "tool_input": {"command": "x"}, "error": "Command timed out", "is_interrupt": false});
    let Event::After(call, seen) = Dialect::ClaudeCode.read(&event.to_string()).unwrap() else {
        panic!()
    };
    assert_eq!(
        (seen.ended, seen.error.as_deref()),
        (Ended::Failed, Some("Command timed out"))
    );
    assert_eq!(
        (call.session_id.as_deref(), call.call_id.as_deref()),
        (Some("s"), Some("t"))
    );
}

#[test]
fn unknown_hooks_are_none_of_ours() {
    for line in [
        r#"{"hook":"agent_end","event":{}}"#,
        r#"{"hook":"session_start"}"#,
    ] {
        assert_eq!(Dialect::OpenClaw.read(line).unwrap(), Event::Other);
    }
}

proptest! {
    #[test]
    fn reading_never_panics(line in "\\PC{0,200}") {
        for dialect in Dialect::ALL {
            let _ = dialect.read(&line);
        }
    }

    #[test]
    fn odd_types_never_panic(hook in prop::sample::select(vec!["before_tool_call", "after_tool_call"]), odd in prop::sample::select(vec![
        json!(null), json!(1), json!([]), json!({}), json!("x"), json!(true),
    ])) {
        for key in ["toolName", "params", "runId", "toolCallId", "result", "error", "durationMs"] {
            let mut event = json!({"toolName": "exec", "params": {}});
            event[key] = odd.clone();
            let _ = Dialect::OpenClaw.read(&json!({"hook": hook, "event": event, "ctx": odd}).to_string());
        }
    }
}
