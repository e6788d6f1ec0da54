//! OpenAI's API over the real binary.

use model_upstream::Answer;
use serde_json::json;

use crate::chats::{Chat, MODEL, json_of};

/// Check 30.
#[tokio::test]
async fn completions_are_openais() {
    let chat = Chat::start(|_| Answer::text("Blue.")).await;
    let path = "/v1/chat/completions";
    let conversation = json!([
        {"role": "user", "content": "My colour is blue."},
        {"role": "assistant", "content": "Noted."},
        {"role": "user", "content": "Which is it?"},
    ]);
    let whole = json!({"model": "openai/some-model", "messages": conversation, "max_tokens": 77});
    // Without the token, with a wrong one.
    let plain = chat.plain(reqwest::Method::POST, path);
    for request in [plain.try_clone().unwrap(), plain.bearer_auth("wrong")] {
        let answer = request.body(whole.to_string()).send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert_eq!(json_of(answer).await["error"]["code"], "invalid_api_key");
    }
    // Without anything that a user says.
    for messages in [
        json!([]),
        json!([{"role": "system", "content": "Be brief."}]),
    ] {
        let body = json!({"model": "smoltbot", "messages": messages});
        let answer = chat.post(path, &body).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{messages}");
        let error = &json_of(answer).await["error"];
        assert_eq!(error["type"], "invalid_request_error", "{error}");
    }
    assert!(chat.upstream.requests().is_empty(), "nobody was asked");

    let answer = json_of(chat.post(path, &whole).send().await.unwrap()).await;
    let choice = &answer["choices"][0];
    assert_eq!(choice["message"]["content"], "Blue.", "{answer}");
    assert_eq!(choice["finish_reason"], "stop");
    let sent = chat.upstream.requests()[0].body.clone();
    assert_eq!(sent["model"], "some-model");
    let most = ["max_tokens", "max_completion_tokens"].map(|name| sent[name].as_u64());
    assert!(most.contains(&Some(77)), "{sent}");
    let said = sent["messages"].to_string();
    for part in ["My colour is blue.", "Noted.", "Which is it?"] {
        assert!(said.contains(part), "{said}");
    }
    let streamed = json!({"model": "smoltbot", "messages": conversation, "stream": true});
    let answer = chat.post(path, &streamed).send().await.unwrap();
    let text = answer.text().await.unwrap();
    assert!(
        text.ends_with("data: [DONE]\n\n") && text.contains("Blue."),
        "{text}"
    );
    assert_eq!(chat.upstream.requests()[1].body["model"], MODEL);
}
