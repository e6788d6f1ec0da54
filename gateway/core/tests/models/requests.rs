//! What is sent, as the server saw it.

use gateway::model::{Access, Http, Thinking, provider};
use model_upstream::{Answer, Upstream, Wire};
use serde_json::{Value, json};

use crate::house::{KEY, ask, client, patience, request};

#[tokio::test]
async fn anthropics_key_and_token_go_into_their_own_headers() {
    let upstream = Upstream::start(Wire::Anthropic, |_| Answer::text("x"))
        .await
        .unwrap();
    for (key, base) in [
        (KEY, upstream.url()),
        ("sk-ant-oat01-x", format!("{}/v1/", upstream.url())),
    ] {
        let access = Access::with_key("anthropic", key).at(&base);
        let model = provider("anthropic", access, &Http::new(patience())).unwrap();
        ask(&*model, &request()).await.0.unwrap();
    }
    let sent = upstream.requests();
    for asked in &sent {
        assert_eq!(asked.path, "/v1/messages");
        assert_eq!(asked.header("anthropic-version"), Some("2023-06-01"));
    }
    assert_eq!(sent[0].header("x-api-key"), Some(KEY));
    assert_eq!(sent[0].header("authorization"), None);
    assert_eq!(sent[1].header("x-api-key"), None);
    assert_eq!(
        sent[1].header("authorization"),
        Some("Bearer sk-ant-oat01-x")
    );
    assert_eq!(sent[1].header("anthropic-beta"), Some("oauth-2025-04-20"));
}

#[tokio::test]
async fn the_others_get_a_bearer_and_a_local_one_needs_none() {
    for wire in [Wire::OpenAi, Wire::Ollama] {
        let upstream = Upstream::start(wire, |_| Answer::text("x")).await.unwrap();
        ask(&*client(&upstream, wire), &request()).await.0.unwrap();
        let sent = upstream.requests();
        assert_eq!(
            sent[0].header("authorization"),
            Some("Bearer sk-very-secret")
        );
        let access = Access {
            name: "mine".into(),
            key: None,
            base_url: Some(upstream.url()),
        };
        let kind = if wire == Wire::OpenAi {
            "vllm"
        } else {
            "ollama"
        };
        let model = provider(kind, access, &Http::new(patience())).unwrap();
        assert_eq!(model.provider(), "mine");
        ask(&*model, &request()).await.0.unwrap();
        assert_eq!(upstream.requests()[1].header("authorization"), None);
    }
}

#[tokio::test]
async fn a_request_has_what_each_api_asks_for() {
    let sent = |wire| async move {
        let upstream = Upstream::start(wire, |_| Answer::text("x")).await.unwrap();
        ask(&*client(&upstream, wire), &request()).await.0.unwrap();
        upstream.requests()[0].body.clone()
    };
    let schema = json!({"type": "object", "properties": {"path": {"type": "string"}}});
    let mark = json!({"type": "ephemeral"});
    assert_eq!(
        sent(Wire::Anthropic).await,
        json!({
            "model": "m-1", "stream": true, "max_tokens": 16_000,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "hello", "cache_control": mark}]}],
            "tools": [{"name": "list_files", "description": "Lists files", "input_schema": schema, "cache_control": mark}],
            "tool_choice": {"type": "auto"},
        })
    );
    let tools = json!([{"type": "function", "function": {
        "name": "list_files", "description": "Lists files", "parameters": schema,
    }}]);
    assert_eq!(
        sent(Wire::OpenAi).await,
        json!({
            "model": "m-1", "stream": true, "stream_options": {"include_usage": true},
            "messages": [{"role": "user", "content": "hello"}],
            "tools": tools, "tool_choice": "auto",
        })
    );
    assert_eq!(
        sent(Wire::Ollama).await,
        json!({
            "model": "m-1", "stream": true, "think": false,
            "messages": [{"role": "user", "content": "hello"}],
            "tools": tools,
        })
    );
}

#[tokio::test]
async fn a_local_model_that_cannot_think_answers_without() {
    let script = |asked: &model_upstream::Asked| {
        if asked.body["think"] == Value::Null {
            Answer::text("fine")
        } else {
            Answer::status(400, r#"{"error":"\"m-1\" does not support thinking"}"#)
        }
    };
    let upstream = Upstream::start(Wire::Ollama, script).await.unwrap();
    let mut request = request();
    request.thinking = Thinking::High;
    let reply = ask(&*client(&upstream, Wire::Ollama), &request)
        .await
        .0
        .unwrap();
    assert_eq!(reply.parts.len(), 1);
    assert_eq!(upstream.requests()[0].body["think"], true);
}

#[tokio::test]
async fn without_a_key_nothing_is_sent_and_the_setting_is_named() {
    let upstream = Upstream::start(Wire::Anthropic, |_| Answer::text("x"))
        .await
        .unwrap();
    for (kind, key) in [("anthropic", None), ("openai", Some(" ")), ("groq", None)] {
        let access = Access {
            name: kind.into(),
            key: key.map(gateway::model::Key::new),
            base_url: Some(upstream.url()),
        };
        let model = provider(kind, access, &Http::default()).unwrap();
        let error = ask(&*model, &request()).await.0.unwrap_err();
        assert_eq!(error.kind, gateway::model::ErrorKind::Auth);
        assert!(
            error.message.contains(&format!("providers.{kind}.api_key")),
            "{error}"
        );
    }
    assert!(upstream.requests().is_empty());
    assert!(provider("nobody", Access::with_key("x", "y"), &Http::default()).is_none());
}
