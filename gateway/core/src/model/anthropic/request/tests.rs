use std::sync::Arc;

use super::*;
use crate::model::{Message, Part, Role, System, Thinking, ToolSpec};

fn request(model: &str) -> Request {
    Request {
        model: model.into(),
        messages: vec![Message::user("hello")].into(),
        ..Request::default()
    }
}

fn tool() -> ToolSpec {
    ToolSpec {
        name: "t".into(),
        description: "d".into(),
        schema: json!({"type": "object"}),
    }
}

#[test]
fn thinking_goes_by_budget_or_by_effort() {
    let asked = |model: &str, thinking, max_tokens| {
        let request = Request {
            thinking,
            max_tokens,
            temperature: Some(1.5),
            ..request(model)
        };
        let body = body(&request);
        let get = |key: &str| body.get(key).cloned().unwrap_or_default();
        (
            get("thinking"),
            get("max_tokens"),
            get("output_config"),
            get("temperature"),
        )
    };
    let old = "claude-haiku-4-5";
    assert_eq!(
        asked(old, Thinking::Off, None),
        (Value::Null, json!(32_000), Value::Null, json!(1.0))
    );
    assert_eq!(
        asked(old, Thinking::Xhigh, None),
        (
            json!({"type": "enabled", "budget_tokens": 32_768}),
            json!(40_960),
            Value::Null,
            Value::Null
        )
    );
    // The limit counts: the budget gives way, and then the thinking.
    assert_eq!(
        asked(old, Thinking::High, Some(4000)).0,
        json!({"type": "enabled", "budget_tokens": 2000})
    );
    assert_eq!(asked(old, Thinking::High, Some(1500)).0, Value::Null);
    assert_eq!(
        asked("claude-opus-5-5", Thinking::Xhigh, None),
        (
            json!({"type": "adaptive", "display": "summarized"}),
            json!(64_000),
            json!({"effort": "xhigh"}),
            Value::Null
        )
    );
    assert_eq!(
        asked("claude-opus-4-6", Thinking::Xhigh, Some(100)),
        (
            json!({"type": "adaptive"}),
            json!(100),
            json!({"effort": "high"}),
            Value::Null
        )
    );
    assert_eq!(asked("claude-opus-4-6", Thinking::Off, None).3, json!(1.0));
    assert_eq!(
        asked("claude-haiku-5-5", Thinking::Off, None).0,
        json!({"type": "disabled"})
    );
    assert_eq!(
        asked("claude-opus-5-5", Thinking::Off, None),
        (Value::Null, json!(64_000), Value::Null, Value::Null)
    );
}

#[test]
fn every_budget_is_below_its_limit() {
    for model in ["claude-haiku-4-5", "claude-opus-4-1", "other"] {
        for thinking in Thinking::ALL {
            for max in [
                None,
                Some(1),
                Some(1024),
                Some(2048),
                Some(9000),
                Some(64_000),
            ] {
                let body = body(&Request {
                    thinking,
                    max_tokens: max,
                    ..request(model)
                });
                let limit = body["max_tokens"].as_u64().unwrap();
                assert!(
                    limit <= u64::from(max.unwrap_or(64_000)),
                    "{model} {thinking:?} {max:?}"
                );
                if let Some(budget) = body["thinking"]["budget_tokens"].as_u64() {
                    assert!(
                        (1024..limit).contains(&budget),
                        "{model} {thinking:?} {max:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn at_most_four_marks_are_set_where_they_reach_farthest() {
    let piece = |text: &str, cache| System {
        text: text.into(),
        cache,
    };
    let request = Request {
        system: vec![
            piece("static", true),
            piece("soul", true),
            piece("user", true),
            piece("now", false),
            piece(" ", true),
        ]
        .into(),
        tools: vec![Arc::new(tool()), Arc::new(tool())],
        messages: vec![
            Message::user("a"),
            Message::assistant("b"),
            Message::user("c"),
        ]
        .into(),
        ..request("claude-opus-5-5")
    };
    let body = body(&request);
    let marks = |list: &Value| -> Vec<bool> {
        let list = list.as_array().unwrap().iter();
        list.map(|block| block.get("cache_control").is_some())
            .collect()
    };
    assert_eq!(marks(&body["system"]), [true, false, true, false]);
    assert_eq!(marks(&body["tools"]), [false, true]);
    assert_eq!(marks(&body["messages"][0]["content"]), [false]);
    assert_eq!(marks(&body["messages"][2]["content"]), [true]);
}

#[test]
fn a_turn_of_another_provider_goes_on_without_thinking() {
    let call = Part::ToolUse {
        id: "a.b".into(),
        name: "t".into(),
        input: Value::String("{x".into()),
    };
    let result = Part::ToolResult {
        id: "a.b".into(),
        name: "t".into(),
        content: "no".into(),
        is_error: true,
    };
    let thought = |signature: Option<&str>| Part::Thinking {
        text: "hm".into(),
        signature: signature.map(str::to_owned),
    };
    let asked = |first: Part| {
        let mut request = request("claude-haiku-4-5");
        request.thinking = Thinking::Low;
        request.tools = vec![Arc::new(tool())];
        request.messages_mut().push(Message {
            role: Role::Assistant,
            parts: vec![first, call.clone()],
        });
        request.messages_mut().push(Message {
            role: Role::User,
            parts: vec![Part::Text { text: "and".into() }, result.clone()],
        });
        body(&request)
    };
    let other = asked(thought(None));
    assert!(other.get("thinking").is_none());
    assert_eq!(
        other["messages"][1]["content"],
        json!([{"type": "tool_use", "id": "a_b", "name": "t", "input": {"invalid_arguments": "{x"}}])
    );
    assert_eq!(other["messages"][2]["content"][0]["type"], "tool_result");
    assert_eq!(other["messages"][2]["content"][0]["is_error"], true);
    let google = asked(thought(Some("google:s")));
    assert_eq!(google["messages"], other["messages"]);
    assert!(google.get("thinking").is_none());
    let own = asked(thought(Some("s")));
    assert!(own.get("thinking").is_some());
    assert_eq!(own["messages"][1]["content"][0]["signature"], "s");
}
