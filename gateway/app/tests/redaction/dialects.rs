//! A canary in every field that holds content, in each agent's own words.

use serde_json::{Value, json};

use crate::{Canary, base64, canaries, common};

/// The agents whose hooks are understood.
pub(crate) const AGENTS: [&str; 8] = [
    "openclaw",
    "claude-code",
    "codex",
    "gemini",
    "cursor",
    "copilot",
    "opencode",
    "mcp",
];

/// One call a canary: before and after it, every second one as a failure. Where `agent` writes JSON within JSON, so does this.
/// Calls have ids that begin with `ids`.
pub(crate) fn events(agent: &str, ids: &str) -> Vec<Value> {
    let canaries = canaries();
    let calls = canaries.iter().enumerate();
    calls
        .flat_map(|(at, canary)| of_call(agent, &format!("{ids}{at}"), at, canary))
        .collect()
}

fn of_call(agent: &str, id: &str, at: usize, Canary { text, .. }: &Canary) -> [Value; 2] {
    let params = json!({
        "command": "echo ok", "n": at, "description": text, "nested": {"a": [{"b": text}]}, text.as_str(): 1,
        "in_json": json!({"text": text}).to_string(), "percent": common::percent(text), "base64": base64(text),
    });
    let (failed, session) = (at % 2 == 1, format!("s{}", at % 7));
    let error = format!("failed: {text}");
    let said = json!({"stdout": text, "stderr": base64(text), "parts": [text]});
    match agent {
        "openclaw" => {
            let ctx = json!({"toolName": "exec", "agentId": "main", "sessionId": session, "runId": "r", "toolCallId": id});
            let event =
                json!({"toolName": "exec", "params": params, "runId": "r", "toolCallId": id});
            let mut after = event.clone();
            after["durationMs"] = json!(5);
            after["result"] = json!({"content": [{"type": "text", "text": text}], "details": said});
            if failed {
                after["error"] = json!(error);
            }
            [
                json!({"hook": "before_tool_call", "event": event, "ctx": ctx}),
                json!({"hook": "after_tool_call", "event": after, "ctx": ctx}),
            ]
        }
        "claude-code" | "codex" | "gemini" => {
            let mut before = json!({
                "session_id": session, "cwd": "/tmp", "tool_name": "Bash", "tool_use_id": id, "tool_input": params,
                "transcript_path": format!("/tmp/{text}"),
            });
            let mut names = ["PreToolUse", "PostToolUse"];
            match agent {
                "claude-code" if failed => names[1] = "PostToolUseFailure",
                "codex" => before["turn_id"] = json!("u"),
                "gemini" => {
                    names = ["BeforeTool", "AfterTool"];
                    before["tool_name"] = json!("run_shell_command");
                }
                _ => {}
            }
            let mut after = before.clone();
            after["tool_response"] = said;
            if agent == "gemini" {
                after["tool_response"] = json!({"llmContent": text, "returnDisplay": base64(text)});
                if failed {
                    after["tool_response"]["error"] = json!({"message": error, "type": text});
                }
            } else if failed {
                after["error"] = json!(error);
            }
            before["hook_event_name"] = json!(names[0]);
            after["hook_event_name"] = json!(names[1]);
            [before, after]
        }
        "cursor" => {
            let event = json!({
                "conversation_id": session, "generation_id": "g", "workspace_roots": ["/tmp"], "tool_name": "Shell",
                "tool_use_id": id, "tool_input": params.to_string(), "user_email": text, "cursor_version": "2.4.0",
                "hook_event_name": "preToolUse",
            });
            let mut after = event.clone();
            after["duration"] = json!(5);
            if failed {
                after["hook_event_name"] = json!("postToolUseFailure");
                after["error_message"] = json!(error);
            } else {
                after["hook_event_name"] = json!("postToolUse");
                after["tool_output"] = json!(said.to_string());
            }
            [event, after]
        }
        "copilot" => {
            let event = json!({
                "sessionId": session, "timestamp": 1_795_255_200_000_u64, "cwd": "/tmp", "toolName": "bash", "toolCallId": id,
                "toolArgs": params.to_string(),
            });
            let mut after = event.clone();
            let kind = if failed { "failure" } else { "success" };
            after["toolResult"] =
                json!({"resultType": kind, "textResultForLlm": text, "sessionLog": base64(text)});
            [event, after]
        }
        "opencode" | "mcp" => {
            let mut event = json!({
                "hook": "before", "session_id": session, "cwd": "/tmp", "tool": "bash", "params": params, "call_id": id,
            });
            if agent == "mcp" {
                event["server"] = json!("files");
            }
            let mut after = event.clone();
            after["hook"] = json!("after");
            after["result"] =
                json!({"content": [{"type": "text", "text": text}], "isError": failed});
            if failed {
                after["error"] = json!({"code": -32_000, "message": error, "data": said});
            }
            [event, after]
        }
        other => panic!("{other} has no words here"),
    }
}
