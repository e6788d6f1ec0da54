//! `smoltbot hook AGENT` for every agent: one call that runs and one that is refused, by the real binary and its own spool.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

mod support;

use agent_hooks::Agent;
use serde_json::{Value, json};
use support::Home;
use trace_plugin::dialect::{Dialect, PROOF_PREFIX};

/// The beginning of a call that is refused, as its agent tells it.
fn refused(dialect: Dialect) -> Value {
    let input = json!({ "command": "rm -rf /" });
    match dialect {
        Dialect::OpenClaw => {
            json!({"hook": "before_tool_call", "event": {"toolName": "exec", "params": input, "runId": "r", "toolCallId": "c"}, "ctx": {}})
        }
        Dialect::ClaudeCode | Dialect::Codex => {
            json!({"hook_event_name": "PreToolUse", "session_id": "s", "tool_name": "Bash", "tool_use_id": "c", "tool_input": input})
        }
        Dialect::Gemini => {
            json!({"hook_event_name": "BeforeTool", "session_id": "s", "tool_name": "run_shell_command", "tool_input": input})
        }
        Dialect::Cursor => {
            json!({"hook_event_name": "preToolUse", "conversation_id": "s", "tool_name": "Shell", "tool_use_id": "c", "tool_input": input,
                   "user_email": "dev@example.com"})
        }
        Dialect::Copilot => {
            json!({"sessionId": "s", "timestamp": 1, "toolName": "bash", "toolArgs": input.to_string()})
        }
        Dialect::OpenCode | Dialect::Mcp => {
            json!({"hook": "before", "tool": "bash", "session_id": "s", "call_id": "c", "params": input})
        }
    }
}

#[tokio::test]
async fn every_agents_call_is_answered_recorded_and_shipped() {
    let home = Home::new();
    for dialect in Dialect::ALL {
        let name = dialect.name();
        let hook = |event: &str| home.feed(&["hook", name], event.as_bytes());
        for event in dialect.proof(&format!("{PROOF_PREFIX}{name}")) {
            let output = hook(&event);
            assert!(output.status.success(), "{name}: {output:?}");
            assert_eq!(String::from_utf8_lossy(&output.stdout), "{}\n", "{name}");
            assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{name}");
        }
        let output = hook(&refused(dialect).to_string());
        assert!(output.status.success(), "{name}: {output:?}");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let refusal = match dialect {
            Dialect::OpenClaw => &answer["block"],
            Dialect::ClaudeCode | Dialect::Codex => {
                &answer["hookSpecificOutput"]["permissionDecision"]
            }
            Dialect::Cursor => &answer["permission"],
            Dialect::Copilot => &answer["permissionDecision"],
            Dialect::Gemini | Dialect::OpenCode | Dialect::Mcp => &answer["decision"],
        };
        assert!(refusal == "deny" || refusal == true, "{name}: {answer}");
    }
    for (_, bytes) in home.files() {
        let kept = String::from_utf8_lossy(&bytes);
        assert!(
            !kept.contains("dev@example.com"),
            "a user's address is kept"
        );
    }

    // What was recorded without a sidecar arrives when there is one.
    let traces = home.up().traces_once(2 * Dialect::ALL.len()).await;
    assert_eq!(traces.len(), 2 * Dialect::ALL.len());
    for dialect in Dialect::ALL {
        let name = dialect.name();
        let of = |kind: &str| {
            let own = traces
                .iter()
                .filter(|trace| trace["action_type"] == kind)
                .filter(|trace| trace["metadata"]["runtime"] == name);
            own.collect::<Vec<_>>()
        };
        let (proofs, refusals) = (of("allow"), of("deny"));
        assert_eq!((proofs.len(), refusals.len()), (1, 1), "{name}");
        assert_eq!(proofs[0]["metadata"]["proof"], true, "{name}");
        assert_eq!(refusals[0]["metadata"].get("proof"), None, "{name}");
        assert_eq!(refusals[0]["metadata"]["rule_id"], "fs.delete.root");
    }
}

#[test]
fn whatever_is_installed_is_understood_and_the_other_way_round() {
    // Two rooms that do not know each other: one name for one agent in both.
    let installed = Agent::WITH_HOOKS.into_iter().chain([Agent::Mcp]);
    let installed: Vec<_> = installed.map(Agent::name).collect();
    assert_eq!(installed, Dialect::ALL.map(Dialect::name));
}
