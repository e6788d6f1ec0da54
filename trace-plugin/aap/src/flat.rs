//! The flat trace of published smoltbot clients, and how it becomes an AP-Trace.

use serde_json::{Map, Value, json};

use crate::trace::ActionType;

/// Keys that a flat trace may have.
pub const KEYS: [&str; 9] = [
    "id",
    "agent_id",
    "timestamp",
    "tool_name",
    "action_type",
    "params",
    "result",
    "duration_ms",
    "metadata",
];

/// The card id of an agent that has not declared any card.
pub const UNDECLARED_CARD: &str = "ac-undeclared";

/// The AP-Trace that says what the flat one says. The caller has checked the fields.
pub(crate) fn to_ap_trace(
    flat: &Map<String, Value>,
    action_type: ActionType,
    timestamp: &str,
) -> Value {
    let text = |key: &str| flat.get(key).and_then(Value::as_str).unwrap_or_default();
    let tool = text("tool_name");
    let denied = action_type == ActionType::Deny;
    let mut metadata = flat
        .get("metadata")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    for key in crate::chain::LINK_KEYS {
        // An unsigned trace has no place in a chain, whatever it says.
        metadata.remove(key);
    }
    let reason = ["conscience_reason", "error_message"]
        .iter()
        .find_map(|key| metadata.get(*key).and_then(Value::as_str))
        .unwrap_or("not told by the client")
        .to_owned();
    let session = metadata
        .get("session_id")
        .and_then(Value::as_str)
        .map(str::to_owned);
    for (key, value) in [
        ("action_type", json!(action_type)),
        ("tool_name", json!(tool)),
        (
            "duration_ms",
            flat.get("duration_ms").cloned().unwrap_or(json!(0)),
        ),
        ("result", flat.get("result").cloned().unwrap_or(Value::Null)),
        ("conscience_reason", json!(reason)),
    ] {
        metadata.insert(key.to_owned(), value);
    }
    let params = match flat.get("params") {
        Some(Value::Object(params)) => Value::Object(params.clone()),
        Some(Value::Null) | None => json!({}),
        Some(other) => json!({ "value": other }),
    };
    let mut context = json!({ "metadata": metadata });
    if let Some(session) = session {
        context["session_id"] = json!(session);
    }
    let mut trace = json!({
        "trace_id": text("id"),
        "agent_id": text("agent_id"),
        "card_id": UNDECLARED_CARD,
        "timestamp": timestamp,
        "action": {
            "type": if denied { "deny" } else { "execute" },
            "name": tool,
            "category": "escalation_trigger",
            "parameters": params,
        },
        "decision": {
            "alternatives_considered": [
                {"option_id": "allow", "description": format!("run {tool}")},
                {"option_id": "deny", "description": format!("refuse {tool}")},
            ],
            "selected": if denied { "deny" } else { "allow" },
            "selection_reasoning": reason,
            "values_applied": [],
        },
        "context": context,
    });
    trace["escalation"] = json!({
        "evaluated": denied,
        "required": denied,
        "reason": if denied { "the client refused the call" } else { "not told by the client" },
    });
    trace
}
