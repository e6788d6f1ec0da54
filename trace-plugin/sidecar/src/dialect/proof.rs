//! The events of a harmless call in each dialect, by which an installation is proven.

use serde_json::{Value, json};

use super::Dialect;

/// What the harmless call says.
const COMMAND: &str = "echo smoltbot";
/// What it answers.
const ANSWER: &str = "smoltbot\n";

/// The before-event and the after-event of a call with this id in a session of this id.
pub(super) fn events(dialect: Dialect, id: &str) -> Vec<String> {
    let input = json!({ "command": COMMAND });
    let pair: [Value; 2] = match dialect {
        Dialect::OpenClaw => {
            let event =
                json!({ "toolName": "exec", "params": input, "runId": id, "toolCallId": id });
            let mut after = event.clone();
            after["result"] = json!({ "details": { "status": "completed", "exitCode": 0, "aggregated": ANSWER } });
            let ctx = json!({ "toolName": "exec", "sessionId": id, "runId": id, "toolCallId": id });
            [
                json!({ "hook": "before_tool_call", "event": event, "ctx": ctx }),
                json!({ "hook": "after_tool_call", "event": after, "ctx": ctx }),
            ]
        }
        Dialect::ClaudeCode => snake(
            ["PreToolUse", "PostToolUse"],
            json!({ "session_id": id, "tool_name": "Bash", "tool_use_id": id, "tool_input": input }),
            ("tool_response", json!({ "stdout": ANSWER, "stderr": "" })),
        ),
        Dialect::Codex => snake(
            ["PreToolUse", "PostToolUse"],
            json!({ "session_id": id, "turn_id": id, "tool_name": "Bash", "tool_use_id": id, "tool_input": input }),
            ("tool_response", json!(ANSWER)),
        ),
        Dialect::Gemini => snake(
            ["BeforeTool", "AfterTool"],
            json!({ "session_id": id, "tool_name": "run_shell_command", "tool_input": input }),
            (
                "tool_response",
                json!({ "llmContent": ANSWER, "returnDisplay": ANSWER }),
            ),
        ),
        Dialect::Cursor => snake(
            ["preToolUse", "postToolUse"],
            json!({ "conversation_id": id, "generation_id": id, "tool_name": "Shell", "tool_use_id": id, "tool_input": input }),
            (
                "tool_output",
                json!(json!({ "exitCode": 0, "stdout": ANSWER }).to_string()),
            ),
        ),
        Dialect::Copilot => {
            let event = json!({ "sessionId": id, "timestamp": 0, "toolName": "bash", "toolArgs": input.to_string() });
            let mut after = event.clone();
            after["toolResult"] = json!({ "resultType": "success", "textResultForLlm": ANSWER });
            [event, after]
        }
        Dialect::OpenCode | Dialect::Mcp => {
            let tool = if dialect == Dialect::Mcp {
                "exec"
            } else {
                "bash"
            };
            let event = json!({ "tool": tool, "params": input, "session_id": id, "call_id": id });
            let mut pair = [event.clone(), event];
            pair[0]["hook"] = json!("before");
            pair[1]["hook"] = json!("after");
            pair[1]["result"] = json!({ "content": [{ "type": "text", "text": ANSWER }] });
            pair
        }
    };
    pair.iter().map(Value::to_string).collect()
}

fn snake(names: [&str; 2], event: Value, (key, answer): (&str, Value)) -> [Value; 2] {
    let mut pair = [event.clone(), event];
    for (event, name) in pair.iter_mut().zip(names) {
        event["hook_event_name"] = json!(name);
    }
    pair[1][key] = answer;
    pair
}
