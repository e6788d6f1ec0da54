//! OpenAI's API, as its clients speak it.

use model_upstream::{Answer, Tokens, Wire};
use serde_json::{Value, json};

use crate::house::{House, TOKEN};
use crate::talking::{MODEL, Talking};

async fn post(house: &House, body: &Value) -> (u16, String) {
    let response = house
        .client
        .post(house.url("/v1/chat/completions"))
        .bearer_auth(TOKEN)
        .header("content-type", "application/json")
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn complete(house: &House, body: Value) -> (u16, Value) {
    let (status, text) = post(house, &body).await;
    (status, serde_json::from_str(&text).unwrap())
}

/// The data of an event stream; the last must be `[DONE]`.
fn chunks(text: &str) -> Vec<Value> {
    let mut data: Vec<&str> = text
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "))
        .collect();
    assert_eq!(data.pop(), Some("[DONE]"), "{text}");
    data.into_iter()
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

#[tokio::test]
async fn a_conversation_is_answered_with_its_history_and_its_limits() {
    let tokens = Tokens {
        input: 10,
        output: 5,
        cache_read: 3,
        cache_write: 2,
    };
    let upstream = vec![Answer::text("Blue.").tokens(tokens)];
    let talking = Talking::script(Wire::Anthropic, upstream).await;
    let (status, answer) = complete(
        &talking.house,
        json!({
            "model": "smoltbot",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "My colour is blue."},
                {"role": "assistant", "content": "Noted."},
                {"role": "user", "content": [{"type": "text", "text": "Which is it?"}]},
            ],
            "max_tokens": 77, "temperature": 0.5, "stop": "END", "user": "ann", "seed": 1,
        }),
    )
    .await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["object"], "chat.completion");
    assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert!(answer["created"].as_i64().unwrap() > 1_700_000_000);
    assert_eq!(
        answer["choices"][0]["message"],
        json!({"role": "assistant", "content": "Blue.", "refusal": null})
    );
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert_eq!(answer["usage"]["prompt_tokens"], 15);
    assert_eq!(answer["usage"]["total_tokens"], 20);
    assert_eq!(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 3);
    let sent = talking.upstream.requests()[0].body.clone();
    assert_eq!(sent["max_tokens"], 77);
    assert_eq!(sent["stop_sequences"], json!(["END"]));
    assert_eq!(sent["messages"].as_array().unwrap().len(), 3);
    assert!(sent["system"].to_string().contains("Be brief."));
}

#[tokio::test]
async fn whoever_has_tools_of_their_own_is_told_which_to_run() {
    let upstream = vec![
        Answer::new()
            .say("Let me see.")
            .call_raw(Some("call_1"), "weather", r#"{"city":"Oslo"}"#),
        Answer::text("Cold."),
    ];
    let mut talking = Talking::script(Wire::Anthropic, upstream).await;
    let tools = json!([{"type": "function", "function": {"name": "weather", "description": "Tells it", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]);
    let question = json!({"role": "user", "content": "How is it in Oslo?"});
    let (status, answer) = complete(
        &talking.house,
        json!({"model": "smoltbot", "messages": [question], "tools": tools, "tool_choice": "required"}),
    )
    .await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    let message = answer["choices"][0]["message"].clone();
    assert_eq!(message["content"], "Let me see.");
    assert_eq!(
        message["tool_calls"],
        json!([{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": r#"{"city":"Oslo"}"#}}])
    );
    let sent = talking.upstream.requests()[0].body.clone();
    assert_eq!(sent["tools"].as_array().unwrap().len(), 1, "theirs alone");
    assert_eq!(sent["tool_choice"]["type"], "any");

    let result = json!({"role": "tool", "tool_call_id": "call_1", "content": "-4 °C"});
    let (status, answer) = complete(
        &talking.house,
        json!({"model": "smoltbot", "messages": [question, message, result], "tools": tools}),
    )
    .await;
    assert_eq!(
        (status, &answer["choices"][0]["message"]["content"]),
        (200, &json!("Cold."))
    );
    assert!(
        talking.upstream.requests()[1].body["messages"]
            .to_string()
            .contains("-4 °C")
    );
    assert!(
        talking.house.nothing_ended(),
        "their tools are not ours to judge"
    );
}

#[tokio::test]
async fn without_tools_the_agent_acts_with_its_own() {
    let upstream = vec![
        Answer::new().call("list_files", json!({"path": "."})),
        Answer::text("Nothing here."),
    ];
    let mut talking = Talking::script(Wire::OpenAi, upstream).await;
    let (status, answer) = complete(
        &talking.house,
        json!({"model": format!("openai/{MODEL}"), "messages": [{"role": "user", "content": "What is here?"}]}),
    )
    .await;
    assert_eq!(
        (status, &answer["choices"][0]["message"]["content"]),
        (200, &json!("Nothing here."))
    );
    assert_eq!(talking.house.ended().await.0.tool, "list_files");
}

#[tokio::test]
async fn a_stream_has_openai_s_pieces() {
    let upstream = vec![
        Answer::new().words("One two three."),
        Answer::new().call_raw(Some("call_9"), "f", "{}"),
    ];
    let talking = Talking::script(Wire::Anthropic, upstream).await;
    let question = json!([{"role": "user", "content": "Count"}]);
    let (status, text) = post(
        &talking.house,
        &json!({"model": "smoltbot", "messages": question, "stream": true, "stream_options": {"include_usage": true}}),
    )
    .await;
    assert_eq!(status, 200);
    let pieces = chunks(&text);
    assert!(pieces.iter().all(|piece| piece["object"] == "chat.completion.chunk" && piece["model"] == "smoltbot"));
    assert_eq!(
        pieces[0]["choices"][0]["delta"],
        json!({"role": "assistant", "content": ""})
    );
    let words: String = pieces
        .iter()
        .filter_map(|piece| piece["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(words, "One two three.");
    let [.., last, usage] = pieces.as_slice() else {
        panic!("{text}")
    };
    assert_eq!(last["choices"][0]["finish_reason"], "stop");
    assert_eq!(usage["choices"], json!([]));
    assert!(usage["usage"]["total_tokens"].as_u64().unwrap() > 0);

    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let (_, text) = post(
        &talking.house,
        &json!({"model": "smoltbot", "messages": question, "stream": true, "tools": tools}),
    )
    .await;
    let pieces = chunks(&text);
    let call = pieces
        .iter()
        .find_map(|piece| piece["choices"][0]["delta"]["tool_calls"].as_array())
        .unwrap();
    assert_eq!(call[0]["index"], 0);
    assert_eq!(call[0]["function"]["arguments"], "{}");
    assert_eq!(
        pieces.last().unwrap()["choices"][0]["finish_reason"],
        "tool_calls"
    );
}

#[tokio::test]
async fn errors_have_openai_s_shape() {
    let talking = Talking::script(Wire::Anthropic, vec![Answer::status(500, "oops")]).await;
    let house = &talking.house;
    let user = json!([{"role": "user", "content": "Hi"}]);
    let bad = [
        (json!({"messages": user}), "model"),
        (json!({"model": "smoltbot", "messages": []}), "last message"),
        (
            json!({"model": "smoltbot", "messages": [{"role": "system", "content": "x"}]}),
            "last message",
        ),
        (
            json!({"model": "smoltbot", "messages": [{"role": "robot", "content": "x"}]}),
            "must be system",
        ),
        (
            json!({"model": "smoltbot", "messages": [{"role": "user", "content": 5}]}),
            "must be a text",
        ),
        (
            json!({"model": "smoltbot", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.org/a.png"}}]}]}),
            "data: URLs",
        ),
        (
            json!({"model": "smoltbot", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}}]}]}),
            "the picture is no whole PNG",
        ),
        (
            json!({"model": "smoltbot", "messages": [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lGODlhAgADAAAAAA=="}}]}]}),
            "only messages of the user",
        ),
        (
            json!({"model": "smoltbot", "messages": [{"role": "tool", "tool_call_id": "x", "content": "y"}]}),
            "id of no call",
        ),
        (
            json!({"model": "smoltbot", "messages": user, "n": 2}),
            "one answer",
        ),
        (
            json!({"model": "smoltbot", "messages": user, "temperature": 3}),
            "0 to 2",
        ),
        (
            json!({"model": "smoltbot", "messages": user, "stop": ["a", "b", "c", "d", "e"]}),
            "at most 4",
        ),
        (
            json!({"model": "smoltbot", "messages": user, "tool_choice": "required"}),
            "no tools",
        ),
        (
            json!({"model": "smoltbot", "messages": user, "reasoning_effort": "much"}),
            "xhigh",
        ),
    ];
    for (body, expected) in bad {
        let (status, answer) = complete(house, body.clone()).await;
        assert_eq!(status, 400, "{body}: {answer}");
        assert_eq!(answer["error"]["type"], "invalid_request_error");
        assert!(
            answer["error"]["message"]
                .as_str()
                .unwrap()
                .contains(expected),
            "{body}: {answer}"
        );
    }
    assert!(
        talking.upstream.requests().is_empty(),
        "nothing of it was asked"
    );

    let unlocked = house
        .client
        .post(house.url("/v1/chat/completions"))
        .json_body(&json!({"model": "smoltbot", "messages": user}));
    let refused = unlocked.send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert!(refused.text().await.unwrap().contains("invalid_api_key"));

    let (status, answer) = complete(house, json!({"model": "smoltbot", "messages": user})).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (502, &json!("model_failed")),
        "{answer}"
    );
}

#[tokio::test]
async fn models_are_listed() {
    let talking = Talking::script(Wire::Ollama, vec![Answer::text("Hi")]).await;
    let get = |path: &str| {
        talking
            .house
            .client
            .get(talking.house.url(path))
            .bearer_auth(TOKEN)
            .send()
    };
    let listed: Value =
        serde_json::from_str(&get("/v1/models").await.unwrap().text().await.unwrap()).unwrap();
    let ids: Vec<&str> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["smoltbot", &format!("ollama/{MODEL}")]);
    let one = get(&format!("/v1/models/ollama/{MODEL}")).await.unwrap();
    assert_eq!(one.status(), 200);
    assert!(one.text().await.unwrap().contains(r#""owned_by":"ollama""#));
    assert_eq!(get("/v1/models/none").await.unwrap().status(), 404);
}

/// A body of JSON, as `reqwest` writes one with its feature.
trait JsonBody {
    fn json_body(self, body: &Value) -> Self;
}

impl JsonBody for reqwest::RequestBuilder {
    fn json_body(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }
}
