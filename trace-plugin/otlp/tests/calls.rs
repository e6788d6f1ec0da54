//! What spans say of calls, and calls as spans.

use aap::{ActionType, AgentId};
use otlp::{Attributes, Call, Heard, Resource, Span, Value, heard};
use serde_json::{Value as Json, json};

const AGENT: &str = "6f1f8e0c-3c83-4b0b-9a53-0d6ff7a3f1c2";
const OURS: &str = "6f1f8e0c-3c83-8b0b-9a53-0d6ff7a3f1c2";

fn attributes(told: &[(&str, &str)]) -> Attributes {
    let told = told.iter();
    told.map(|(key, value)| ((*key).to_owned(), Value::from(*value)))
        .collect()
}

fn service(name: &str) -> Resource {
    Resource {
        attributes: attributes(&[("service.name", name), ("service.instance.id", "1")]),
    }
}

fn span(name: &str, told: &[(&str, &str)]) -> Span {
    Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: name.to_owned(),
        start: 1_795_227_000_123_456_789,
        end: 1_795_227_000_125_456_789,
        attributes: attributes(told),
        ..Span::default()
    }
}

const TOOL: (&str, &str) = ("gen_ai.operation.name", "execute_tool");

fn call(resource: &Resource, span: &Span) -> (AgentId, Json) {
    match heard(resource, span) {
        Heard::Call(agent, call) => (agent, call),
        other => panic!("{other:?}"),
    }
}

fn refused(resource: &Resource, span: &Span) -> String {
    match heard(resource, span) {
        Heard::Unusable(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_span_of_the_conventions_is_a_call() {
    let mut told = span(
        "execute_tool get_weather",
        &[
            TOOL,
            ("gen_ai.tool.name", "get_weather"),
            ("gen_ai.tool.call.id", "call_1"),
            ("gen_ai.conversation.id", "thread 7"),
            ("gen_ai.tool.call.arguments", r#"{"city":"Ulm"}"#),
            ("gen_ai.tool.call.result", "14 degrees"),
            ("gen_ai.agent.name", "forecaster"),
            ("internal.note", "not kept"),
        ],
    );
    told.parent = Some(vec![3; 8]);
    let (agent, call) = call(&service("weather"), &told);
    assert_eq!(agent, AgentId::of_name("smoltbot/otlp/agent\n\nweather\n"));
    let id = call["id"].as_str().unwrap();
    assert_eq!(&id[14..15], "7", "its id carries its time");
    assert_eq!(
        call,
        json!({
            "id": id,
            "agent_id": agent,
            "timestamp": "2026-11-21T02:10:00.123Z",
            "tool_name": "get_weather",
            "action_type": "allow",
            "params": {"city": "Ulm"},
            "result": "14 degrees",
            "duration_ms": 2.0,
            "metadata": {
                "source": "otlp",
                "outcome": "reported",
                "session_id": "thread 7",
                "tool_call_id": "call_1",
                "runtime": "weather",
                "agent_name": "forecaster",
                "otel_trace_id": "01".repeat(16),
                "otel_span_id": "02".repeat(8),
                "otel_parent_span_id": "03".repeat(8),
            },
        })
    );
}

#[test]
fn other_vocabularies_are_understood_and_other_spans_are_left() {
    let resource = service("shop");
    let inference = [
        ("openinference.span.kind", "TOOL"),
        ("tool.name", "search"),
        ("input.value", "socks"),
    ];
    let (_, call) = call(&resource, &span("tool", &inference));
    assert_eq!(
        (&call["tool_name"], &call["params"]),
        (&json!("search"), &json!("socks"))
    );
    let openclaw = [
        ("gen_ai.tool.name", "exec"),
        ("openclaw.outcome", "blocked"),
        ("openclaw.deniedReason", "no"),
    ];
    let (_, call) = self::call(&resource, &span("openclaw.tool.execution", &openclaw));
    assert_eq!(
        (&call["tool_name"], &call["action_type"]),
        (&json!("exec"), &json!("deny"))
    );
    assert_eq!(call["metadata"]["conscience_reason"], "no");
    let (_, call) = self::call(&resource, &span("execute_tool exec", &[TOOL]));
    assert_eq!(call["tool_name"], "exec");
    for other in [
        span(
            "chat gpt",
            &[
                ("gen_ai.operation.name", "chat"),
                ("gen_ai.tool.name", "exec"),
            ],
        ),
        span("GET /", &[]),
        span("agent", &[("openinference.span.kind", "AGENT")]),
    ] {
        assert_eq!(heard(&resource, &other), Heard::Other);
    }
}

#[test]
fn refusals_and_errors_are_told_apart() {
    let resource = service("shop");
    let refused = span(
        "execute_tool rm",
        &[
            TOOL,
            ("error.type", "refused"),
            ("smoltbot.reason", "It deletes"),
        ],
    );
    let (_, call) = call(&resource, &refused);
    assert_eq!(call["action_type"], "deny");
    assert_eq!(call["metadata"]["conscience_reason"], "It deletes");
    let mut failed = span("execute_tool rm", &[TOOL]);
    failed.error = Some("no such file".to_owned());
    let (_, call) = self::call(&resource, &failed);
    assert_eq!(call["action_type"], "error");
    assert_eq!(call["metadata"]["error"], "no such file");
    let (_, call) = self::call(
        &resource,
        &span("execute_tool rm", &[TOOL, ("error.type", "timeout")]),
    );
    assert_eq!(
        (&call["action_type"], &call["metadata"]["error"]),
        (&json!("error"), &json!("timeout"))
    );
}

#[test]
fn who_acted_is_a_uuid_or_a_name_and_never_a_key_s() {
    let named = |id: &str| span("execute_tool x", &[TOOL, ("gen_ai.agent.id", id)]);
    let (agent, _) = call(&service("shop"), &named(AGENT));
    assert_eq!(agent.to_string(), AGENT);
    assert!(refused(&service("shop"), &named(OURS)).contains("version 8"));
    let (one, _) = call(&service("shop"), &named("asst_1"));
    let (two, _) = call(&service("shop"), &named("asst_2"));
    let (elsewhere, _) = call(&service("other"), &named("asst_1"));
    assert!(one != two && one != elsewhere);
    for nobody in [Resource::default(), service("unknown_service:python")] {
        let why = refused(&nobody, &span("execute_tool x", &[TOOL]));
        assert!(why.contains("OTEL_SERVICE_NAME"), "{why}");
    }
}

#[test]
fn one_span_has_one_id_and_what_is_broken_is_told() {
    let resource = service("shop");
    let one = || span("execute_tool x", &[TOOL]);
    let id = |span| call(&resource, &span).1["id"].clone();
    assert_eq!(id(one()), id(one()));
    let other = Span {
        span_id: vec![9; 8],
        ..one()
    };
    assert_ne!(id(one()), id(other));
    for (broken, said) in [
        (
            Span {
                trace_id: vec![0; 16],
                ..one()
            },
            "traceId",
        ),
        (
            Span {
                trace_id: vec![1; 15],
                ..one()
            },
            "traceId",
        ),
        (
            Span {
                span_id: vec![0; 8],
                ..one()
            },
            "spanId",
        ),
        (Span { start: 0, ..one() }, "startTimeUnixNano"),
        (span("", &[TOOL]), "gen_ai.tool.name"),
    ] {
        assert!(refused(&resource, &broken).contains(said), "{said}");
    }
    let backwards = Span { end: 5, ..one() };
    assert_eq!(call(&resource, &backwards).1["duration_ms"], Json::Null);
}

/// A line of an NDJSON export.
fn kept(action: &str, metadata: &Json) -> Call {
    let call = json!({
        "id": "01935b2e-0000-7000-8000-000000000001", "agent_id": OURS, "timestamp": "2026-11-21T02:10:00.123Z",
        "at": "2026-11-21T02:10:00.123Z", "odd_time": false, "position": 7, "received_at": "2026-11-21T02:10:01Z",
        "tool_name": "exec", "action_type": action, "session_id": "s", "rule_id": null, "reason": "It deletes",
        "values_violated": ["harm_prevention"], "duration_ms": 2.5, "runtime": "openclaw", "outcome": "refused",
        "signed": true, "stream": null, "seq": 4, "held_back": false, "digest": null,
        "trace": {"action": {"parameters": {"command": "ls"}}, "context": {"metadata": metadata}},
    });
    serde_json::from_value(call).expect("a call")
}

#[test]
fn a_call_is_a_span_in_its_session_or_under_its_parent() {
    let metadata = json!({"tool_call_id": "c1", "result": {"a": 1}});
    let span = kept("deny", &metadata).span();
    assert_eq!(span.name, "execute_tool exec");
    assert_eq!(
        (span.start, span.end - span.start),
        (1_795_227_000_123_000_000, 2_500_000)
    );
    assert_eq!(span.error.as_deref(), Some("It deletes"));
    assert_eq!(span.parent, None);
    let told = |key: &str| {
        span.attributes
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value.clone())
    };
    for (key, value) in [
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "exec"),
        ("gen_ai.tool.call.id", "c1"),
        ("gen_ai.tool.call.arguments", r#"{"command":"ls"}"#),
        ("gen_ai.tool.call.result", r#"{"a":1}"#),
        ("gen_ai.conversation.id", "s"),
        ("gen_ai.agent.id", OURS),
        ("error.type", "refused"),
        ("smoltbot.action_type", "deny"),
    ] {
        assert_eq!(told(key), Some(value.into()), "{key}");
    }
    assert_eq!(told("smoltbot.seq"), Some(Value::Int(4)));
    let again = kept("allow", &json!({})).span();
    assert_eq!(
        (&again.trace_id, &again.span_id),
        (&span.trace_id, &span.span_id)
    );
    assert_eq!(again.error, None);
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let child = kept("allow", &json!({"traceparent": parent})).span();
    assert_eq!(child.trace_id[..3], [0x0a, 0xf7, 0x65]);
    assert_eq!(child.parent.map(|id| id[0]), Some(0xb7));
    assert_eq!(child.span_id, span.span_id);
    let ids = json!({"otel_trace_id": "0a".repeat(16), "otel_span_id": "0b".repeat(8), "otel_parent_span_id": "0c".repeat(8)});
    let told = kept("allow", &ids).span();
    assert_eq!(
        (told.trace_id, told.span_id, told.parent),
        (vec![10; 16], vec![11; 8], Some(vec![12; 8]))
    );
    for odd in [
        "00-0af7-b7ad6b7169203331-01",
        "",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
    ] {
        assert_eq!(
            kept("allow", &json!({"traceparent": odd})).span().parent,
            None,
            "{odd}"
        );
    }
}

#[test]
fn what_is_exported_can_be_taken_in_by_another_name() {
    let mut span = kept("deny", &json!({})).span();
    for (key, value) in &mut span.attributes {
        if key == "gen_ai.agent.id" {
            *value = AGENT.into();
        }
    }
    let (agent, call) = call(&service("smoltbot"), &span);
    assert_eq!(agent.to_string(), AGENT);
    assert_eq!(call["action_type"], json!(ActionType::Deny));
    assert_eq!(call["tool_name"], "exec");
    assert_eq!(call["duration_ms"], 2.5);
    assert_eq!(call["params"], json!({"command": "ls"}));
    assert_eq!(call["metadata"]["runtime"], "openclaw");
    assert_eq!(
        call["metadata"]["values_violated"],
        json!(["harm_prevention"])
    );
}
