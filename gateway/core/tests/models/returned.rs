//! What a provider told and wants back, or asked us to wait for.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use gateway::model::{Access, ErrorKind, Http, Message, Part, Role, provider};
use model_upstream::{Answer, Upstream, Wire};
use serde_json::{Value, json};

use crate::house::{KEY, ask, client, patience, refused, request};

/// A chunk of OpenAI's stream with such details of a thought.
fn chunk(details: &Value) -> Vec<u8> {
    let delta = json!({"role": "assistant", "content": "", "reasoning": details[0]["text"], "reasoning_details": details});
    let chunk = json!({"id": "x", "object": "chat.completion.chunk", "model": "maker/m-1-2026",
        "choices": [{"index": 0, "delta": delta, "finish_reason": null}]});
    format!("data: {chunk}\n\n").into_bytes()
}

#[tokio::test]
async fn openrouters_details_of_thoughts_come_back_to_it_and_to_nobody_else() {
    let text = |text: &str| json!([{"type": "reasoning.text", "text": text, "format": "anthropic-claude-v1", "index": 0}]);
    let signed = json!([{"type": "reasoning.text", "signature": "sealed", "format": "anthropic-claude-v1", "index": 0}]);
    let answer = Answer::new()
        .raw(chunk(&text("Let me ")))
        .raw(chunk(&text("look.")))
        .raw(chunk(&signed))
        .call("list_files", json!({"path": "."}));
    let upstream = Upstream::start(Wire::OpenAi, move |_| answer.clone())
        .await
        .unwrap();
    let asked = |kind: &str| {
        let access = Access::with_key(kind, KEY).at(&upstream.url());
        provider(kind, access, &Http::new(patience())).unwrap()
    };
    let mut request = request();
    let (reply, _) = ask(asked("openrouter").as_ref(), &request).await;
    let parts = reply.unwrap().parts;
    let Some(Part::ToolUse { id, name, .. }) = parts
        .iter()
        .find(|part| matches!(part, Part::ToolUse { .. }))
    else {
        panic!("{parts:?}");
    };
    let result = Part::ToolResult {
        id: id.clone(),
        name: name.clone(),
        content: "a.txt".into(),
        is_error: false,
    };
    request.messages_mut().push(Message {
        role: Role::Assistant,
        parts,
    });
    request.messages_mut().push(Message {
        role: Role::User,
        parts: vec![result],
    });
    // Kept and read again, as conversations are.
    let kept = serde_json::to_string(&*request.messages).unwrap();
    request.messages = Arc::new(serde_json::from_str(&kept).unwrap());
    let sent = |number: usize| upstream.requests()[number].body["messages"][1].clone();
    let _ = ask(asked("openrouter").as_ref(), &request).await;
    let whole = json!([{"type": "reasoning.text", "text": "Let me look.", "format": "anthropic-claude-v1", "index": 0, "signature": "sealed"}]);
    assert_eq!(sent(1)["reasoning_details"], whole);
    assert!(sent(1)["tool_calls"].is_array());

    let other = upstream.requests().len();
    let mut elsewhere = request.clone();
    elsewhere.model = "maker/m-2".into();
    let _ = ask(asked("openrouter").as_ref(), &elsewhere).await;
    assert!(
        sent(other).get("reasoning_details").is_none(),
        "another model's thoughts are not shown"
    );
    let _ = ask(asked("openai").as_ref(), &request).await;
    assert!(!sent(other + 1).to_string().contains("sealed"));
    let anthropic = Upstream::script(Wire::Anthropic, vec![Answer::text("Hi.")])
        .await
        .unwrap();
    let (reply, _) = ask(client(&anthropic, Wire::Anthropic).as_ref(), &request).await;
    assert!(reply.is_ok());
    assert!(!anthropic.requests()[0].body.to_string().contains("sealed"));
}

#[tokio::test]
async fn anthropics_used_up_limit_tells_how_long_to_wait() {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    let at = |seconds| {
        let ms = i64::try_from((now + Duration::from_secs(seconds)).as_millis()).unwrap();
        aap::Timestamp::from_millis(ms).to_string()
    };
    let answer = Answer::status(
        429,
        r#"{"error": {"type": "rate_limit_error", "message": "slow down"}}"#,
    )
    .header("anthropic-ratelimit-requests-remaining", "40")
    .header("anthropic-ratelimit-requests-reset", &at(9000))
    .header("anthropic-ratelimit-input-tokens-remaining", "0")
    .header("anthropic-ratelimit-input-tokens-reset", &at(3600));
    let upstream = Upstream::script(Wire::Anthropic, vec![answer])
        .await
        .unwrap();
    let error = refused(client(&upstream, Wire::Anthropic).as_ref()).await;
    assert_eq!(error.kind, ErrorKind::RateLimit);
    let wait = error.retry_after.unwrap();
    // However slow this machine is, it is not an hour slow.
    assert!(
        wait <= Duration::from_hours(1) && !wait.is_zero(),
        "{wait:?}"
    );
}
