//! What `OpenClaw` tells beside the call itself.

use aap::ToolCall;
use serde_json::{Value, json};

use super::read;
use crate::event::{Event, SessionChange, SessionKey};

fn before(tool: &str, call_id: &str, ctx: &Value) -> ToolCall {
    let event = json!({"toolName": tool, "params": {}, "runId": "r", "toolCallId": call_id});
    let object = json!({"hook": "before_tool_call", "event": event, "ctx": ctx});
    match read(&object.to_string()).unwrap() {
        Event::Before { call, .. } => call,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_nested_call_names_the_call_that_made_it() {
    for (id, tool, parent) in [
        ("tool_search_code:call_1:read:1", "read", Some("call_1")),
        (
            "tool_search_code:a:b.c:mcp:x__y:12",
            "mcp:x__y",
            Some("a:b.c"),
        ),
        ("tool_search_code:direct:read:1", "read", None),
        ("tool_search_code:call_1:read:one", "read", None),
        ("tool_search_code:call_1:write:1", "read", None),
        ("tool_search_code::read:1", "read", None),
        ("tool_search_code:", "read", None),
        ("call_1", "read", None),
    ] {
        let call = before(tool, id, &json!({}));
        assert_eq!(call.parent_call_id.as_deref(), parent, "{id}");
        assert_eq!(call.call_id.as_deref(), Some(id));
    }
}

#[test]
fn the_w3c_trace_is_kept_where_it_is_one() {
    let (trace, span) = ("e84b8dd7971f335c617cc7695d622a2b", "623e8015e657319e");
    let told = |trace: Value| before("read", "c", &json!({"sessionId": "s", "trace": trace}));
    let whole = told(json!({"traceId": trace, "spanId": span, "traceFlags": "01"}));
    assert_eq!(whole.traceparent.unwrap(), format!("00-{trace}-{span}-01"));
    let no_flags = told(json!({"traceId": trace, "spanId": span}));
    assert_eq!(
        no_flags.traceparent.unwrap(),
        format!("00-{trace}-{span}-00")
    );
    for odd in [
        json!({"traceId": trace.to_uppercase(), "spanId": span}),
        json!({"traceId": "0".repeat(32), "spanId": span}),
        json!({"traceId": trace, "spanId": "0".repeat(16)}),
        json!({"traceId": trace, "spanId": span, "traceFlags": "1"}),
        json!({"traceId": trace}),
        json!({"traceId": 7, "spanId": span}),
        json!("00-x"),
    ] {
        let call = told(odd.clone());
        assert_eq!(call.traceparent, None, "{odd}");
        assert_eq!(call.session_id.as_deref(), Some("s"), "the rest is read");
    }
}

#[test]
fn a_call_that_ran_past_the_budget_says_so() {
    let event = json!({"toolName": "read", "params": {}, "runId": "r", "toolCallId": "c"});
    for over_budget in [true, false] {
        let object = json!({"hook": "after_tool_call", "event": event, "ctx": {}, "overBudget": over_budget});
        match read(&object.to_string()).unwrap() {
            Event::After(call, _) => assert_eq!(call.over_budget, over_budget),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn sessions_are_named_as_their_calls_name_them() {
    let told = |hook: &str, event: Value, ctx: Value| {
        read(&json!({"hook": hook, "event": event, "ctx": ctx}).to_string()).unwrap()
    };
    let of = |id: &str, change| Event::Session(SessionKey::new("openclaw", id), change);
    let named = json!({"sessionId": "s", "sessionKey": "agent:main:x"});
    for (hook, change) in [
        ("session_start", SessionChange::Started),
        ("agent_end", SessionChange::TurnEnded),
        ("session_end", SessionChange::Ended),
    ] {
        assert_eq!(told(hook, named.clone(), json!({})), of("s", change));
        assert_eq!(told(hook, json!({}), named.clone()), of("s", change));
        let key = json!({"sessionKey": "agent:main:x"});
        assert_eq!(told(hook, key, json!({})), of("agent:main:x", change));
        assert_eq!(told(hook, json!({}), json!({})), Event::Other);
    }
    let shortened = json!({"sessionId": "s", "reason": "compaction", "nextSessionId": "t"});
    assert_eq!(told("session_end", shortened, json!({})), Event::Other);
    assert_eq!(told("gateway_stop", json!({}), json!({})), Event::Other);
}
