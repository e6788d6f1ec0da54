//! Parameters of OpenAI's API: what is done, and what is said of what is not.

use model_upstream::{Answer, Wire};
use serde_json::{Value, json};

use crate::house::TOKEN;
use crate::talking::Talking;

async fn complete(talking: &Talking, more: Value) -> (u16, Value) {
    let (status, text) = post(talking, more).await;
    (status, serde_json::from_str(&text).unwrap())
}

async fn post(talking: &Talking, more: Value) -> (u16, String) {
    let mut body =
        json!({"model": "smoltbot", "messages": [{"role": "user", "content": "How is it?"}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let response = talking
        .house
        .client
        .post(talking.house.url("/v1/chat/completions"))
        .bearer_auth(TOKEN)
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    let status = response.status().as_u16();
    (status, response.text().await.unwrap())
}

#[tokio::test]
async fn an_answer_is_json_where_that_is_asked_for() {
    let schema = json!({"type": "object", "properties": {"cold": {"type": "boolean"}}});
    let wanted = json!({"response_format": {"type": "json_schema",
        "json_schema": {"name": "weather", "schema": schema, "strict": true}}});
    for wire in [Wire::Anthropic, Wire::OpenAi, Wire::Ollama] {
        let answers = vec![
            Answer::new()
                .say("Let me look.")
                .call("list_files", json!({"path": "."})),
            Answer::text("```json\n{\"cold\": true}\n```"),
        ];
        let talking = Talking::script(wire, answers).await;
        let (status, answer) = complete(&talking, wanted.clone()).await;
        assert_eq!(status, 200, "{answer}");
        // What was said on the way is no part of it, nor is Markdown.
        assert_eq!(
            answer["choices"][0]["message"]["content"],
            r#"{"cold": true}"#
        );
        let sent = &talking.upstream.requests()[0].body;
        let text = sent.to_string();
        assert!(text.contains("fits the schema `weather`"), "{text}");
        assert_eq!(
            sent.get("response_format").is_some(),
            wire == Wire::OpenAi,
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_stream_of_json_holds_nothing_but_json() {
    let answers = vec![
        Answer::new()
            .say("Let me look.")
            .call("list_files", json!({"path": "."})),
        Answer::text("{\"cold\": true}"),
    ];
    let talking = Talking::script(Wire::Ollama, answers).await;
    let more = json!({"stream": true, "response_format": {"type": "json_object"}});
    let (status, text) = post(&talking, more).await;
    assert_eq!(status, 200);
    let pieces = text
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: {"));
    let said: String = pieces
        .map(|piece| serde_json::from_str::<Value>(&format!("{{{piece}")).unwrap())
        .filter_map(|piece| Some(piece["choices"][0]["delta"]["content"].as_str()?.to_owned()))
        .collect();
    assert_eq!(said, r#"{"cold": true}"#);
}

#[tokio::test]
async fn one_call_at_a_time_is_kept_to_whatever_the_model_does() {
    let answers = vec![
        Answer::new()
            .call("weather", json!({"city": "Oslo"}))
            .call("weather", json!({"city": "Rome"})),
    ];
    let talking = Talking::script(Wire::Ollama, answers).await;
    let tools = json!([{"type": "function", "function": {"name": "weather"}}]);
    let more = json!({"tools": tools, "parallel_tool_calls": false});
    let (status, answer) = complete(&talking, more).await;
    assert_eq!(status, 200, "{answer}");
    let calls = &answer["choices"][0]["message"]["tool_calls"];
    assert_eq!(calls.as_array().unwrap().len(), 1, "{answer}");
    assert!(calls[0].to_string().contains("Oslo"));
}

#[tokio::test]
async fn no_word_of_the_gateway_stands_in_an_answer_to_a_program() {
    let answers = vec![Answer::new().say("It is").stop("max_tokens"), Answer::new()];
    let talking = Talking::script(Wire::Anthropic, answers).await;
    let (_, cut) = complete(&talking, json!({"max_tokens": 2})).await;
    assert_eq!(cut["choices"][0]["message"]["content"], "It is");
    assert_eq!(cut["choices"][0]["finish_reason"], "length");
    let (_, nothing) = complete(&talking, json!({})).await;
    assert_eq!(nothing["choices"][0]["message"]["content"], "");
}

#[tokio::test]
async fn what_is_wrong_is_told_by_its_name() {
    let talking = Talking::script(Wire::Anthropic, vec![Answer::text("never asked")]).await;
    for (more, param) in [
        (json!({"model": null}), "model"),
        (json!({"model": 5}), "model"),
        (json!({"messages": "hi"}), "messages"),
        (json!({"stop": 5}), "stop"),
        (json!({"stream": "yes"}), "stream"),
        (json!({"stream_options": 1}), "stream_options"),
        (json!({"max_tokens": -5}), "max_tokens"),
        (json!({"max_tokens": 1e30}), "max_tokens"),
        (json!({"max_completion_tokens": 0}), "max_completion_tokens"),
        (json!({"temperature": "hot"}), "temperature"),
        (json!({"temperature": 3}), "temperature"),
        (json!({"top_p": -0.1}), "top_p"),
        (json!({"tools": {"a": 1}}), "tools"),
        (json!({"tools": [{"type": "web_search"}]}), "tools[0]"),
        (json!({"parallel_tool_calls": 1}), "parallel_tool_calls"),
        (json!({"reasoning_effort": 3}), "reasoning_effort"),
        (json!({"user": {}}), "user"),
        (
            json!({"response_format": {"type": "xml"}}),
            "response_format",
        ),
        (json!({"n": 2}), "n"),
        (json!({"logprobs": true}), "logprobs"),
        (json!({"modalities": ["text", "audio"]}), "modalities"),
        (json!({"functions": []}), "functions"),
    ] {
        let (status, answer) = complete(&talking, more.clone()).await;
        let error = &answer["error"];
        assert_eq!((status, &error["param"]), (400, &json!(param)), "{more}");
        assert_eq!(error["type"], "invalid_request_error");
        assert!(!error["message"].as_str().unwrap().is_empty());
    }
    assert!(talking.upstream.requests().is_empty());
}

#[tokio::test]
async fn what_means_nothing_here_and_what_is_left_empty_is_taken() {
    let answers = vec![Answer::text("Fine."), Answer::text("Fine.")];
    let talking = Talking::script(Wire::Anthropic, answers).await;
    let more = json!({"seed": 5, "presence_penalty": 1, "logit_bias": {"5": 1}, "service_tier": "flex", "store": true,
        "metadata": {"a": "b"}, "logprobs": false, "n": 1, "modalities": ["text"], "from_the_future": [1]});
    assert_eq!(complete(&talking, more).await.0, 200);
    let empty = json!({"stop": null, "tools": null, "tool_choice": null, "max_tokens": null, "n": null, "stream": null,
        "user": null, "temperature": null, "response_format": null, "functions": null, "stream_options": {"include_usage": null}});
    assert_eq!(complete(&talking, empty).await.0, 200);
}
