//! Objects that look like events of one agent or another, and are none.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Keys that some dialect reads, and what stands in them.
pub(crate) fn objects() -> impl Strategy<Value = Value> {
    let keys = [
        "hook_event_name",
        "hook",
        "event",
        "ctx",
        "session_id",
        "sessionId",
        "conversation_id",
        "turn_id",
        "tool_name",
        "toolName",
        "tool",
        "server",
        "tool_input",
        "toolArgs",
        "params",
        "tool_response",
        "toolResult",
        "tool_output",
        "result",
        "error",
        "error_message",
        "failure_type",
        "duration",
        "duration_ms",
        "command",
        "output",
        "workspace_roots",
        "cursor_version",
        "edits",
        "mcp_context",
        "change",
        "is_error",
        "exit_code",
        "prompt",
        "reason",
        "source",
    ];
    let events = [
        "PreToolUse",
        "PostToolUse",
        "PostToolUseFailure",
        "PermissionDenied",
        "Stop",
        "SessionEnd",
        "BeforeTool",
        "AfterTool",
        "preToolUse",
        "postToolUse",
        "postToolUseFailure",
        "beforeShellExecution",
        "afterShellExecution",
        "beforeMCPExecution",
        "afterMCPExecution",
        "beforeReadFile",
        "afterFileEdit",
        "before",
        "after",
        "session",
        "before_tool_call",
        "ended",
        "x",
    ];
    let leaf = prop_oneof![
        prop::sample::select(events.to_vec()).prop_map(Value::from),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        Just(json!("{\"command\":\"ls\"}")),
    ];
    let any_value = leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-zA-Z_]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    let field = (prop::sample::select(keys.to_vec()), any_value);
    let name = prop::sample::select(events.to_vec());
    (prop::collection::vec(field, 0..12), name).prop_map(|(fields, name)| {
        let mut object: Map<String, Value> = fields
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        // Most of them should be events.
        object.entry("hook_event_name").or_insert(json!(name));
        object.entry("hook").or_insert(json!(name));
        Value::Object(object)
    })
}
