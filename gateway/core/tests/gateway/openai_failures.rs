//! OpenAI's API when the model fails: a status and a code for each sort, and whether asking again may help.

use model_upstream::{Answer, Wire};
use reqwest::Response;
use serde_json::{Value, json};

use crate::house::{House, TOKEN};
use crate::talking::Talking;

async fn post(house: &House, body: &Value) -> Response {
    house
        .client
        .post(house.url("/v1/chat/completions"))
        .bearer_auth(TOKEN)
        .header("content-type", "application/json")
        .body(body.to_string())
        .send()
        .await
        .unwrap()
}

fn question(stream: bool) -> Value {
    json!({"model": "smoltbot", "messages": [{"role": "user", "content": "Hi"}], "stream": stream})
}

/// The body of an error, and what two headers say: when to come back, and whether to.
async fn failure(response: Response) -> (u16, Value, Option<String>, Option<String>) {
    let header = |name: &str| {
        let value = response.headers().get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    let (after, retry) = (header("retry-after"), header("x-should-retry"));
    let status = response.status().as_u16();
    let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    (status, body["error"].clone(), after, retry)
}

fn error(kind: &str, message: &str) -> String {
    json!({"type": "error", "error": {"type": kind, "message": message}}).to_string()
}

#[tokio::test]
async fn every_sort_of_failure_has_its_status_streamed_or_not() {
    for (answer, expected) in [
        (
            Answer::status(429, error("rate_limit_error", "slowly")).header("retry-after", "7.2"),
            (
                429,
                "rate_limit_error",
                "rate_limit_exceeded",
                Some("8"),
                None,
            ),
        ),
        (
            Answer::status(
                400,
                error("invalid_request_error", "Your credit balance is too low"),
            ),
            (
                429,
                "insufficient_quota",
                "insufficient_quota",
                None,
                Some("false"),
            ),
        ),
        (
            Answer::status(404, error("not_found_error", "model: x")),
            (
                404,
                "invalid_request_error",
                "model_not_found",
                None,
                Some("false"),
            ),
        ),
        (
            Answer::status(400, error("invalid_request_error", "prompt is too long")),
            (
                400,
                "invalid_request_error",
                "context_length_exceeded",
                None,
                Some("false"),
            ),
        ),
        (
            Answer::status(400, error("invalid_request_error", "odd")),
            (
                400,
                "invalid_request_error",
                "model_refused_request",
                None,
                Some("false"),
            ),
        ),
        (
            Answer::status(401, error("authentication_error", "invalid x-api-key")),
            (
                502,
                "server_error",
                "model_unauthorized",
                None,
                Some("false"),
            ),
        ),
        (
            Answer::status(408, error("timeout_error", "late")),
            (504, "server_error", "model_timeout", None, None),
        ),
        (
            Answer::status(500, error("api_error", "oops")),
            (502, "server_error", "model_failed", None, None),
        ),
        (
            Answer::new().cut(),
            (502, "server_error", "model_failed", None, None),
        ),
    ] {
        for stream in [false, true] {
            let talking = Talking::script(Wire::Anthropic, vec![answer.clone()]).await;
            let response = post(&talking.house, &question(stream)).await;
            assert!(response.headers().contains_key("x-request-id"));
            let (status, error, after, retry) = failure(response).await;
            let told = (
                status,
                error["type"].as_str().unwrap(),
                error["code"].as_str().unwrap(),
                after.as_deref(),
                retry.as_deref(),
            );
            assert_eq!(told, expected, "{error}");
            assert!(
                error["message"].as_str().unwrap().contains("anthropic"),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn what_acted_before_it_failed_is_not_to_be_asked_again() {
    let upstream = vec![
        Answer::new().call("list_files", json!({"path": "."})),
        Answer::status(500, "oops"),
    ];
    let mut talking = Talking::script(Wire::Anthropic, upstream).await;
    let response = post(&talking.house, &question(false)).await;
    let (status, error, _, retry) = failure(response).await;
    assert_eq!((status, retry.as_deref()), (502, Some("false")), "{error}");
    assert_eq!(talking.house.ended().await.0.tool, "list_files");
}

#[tokio::test]
async fn a_stream_that_began_tells_its_failure_in_a_piece() {
    let upstream = vec![Answer::new().say("Well").cut()];
    let talking = Talking::script(Wire::Anthropic, upstream).await;
    let response = post(&talking.house, &question(true)).await;
    assert_eq!(response.status(), 200);
    let text = response.text().await.unwrap();
    let last = text.trim_end().rsplit("\n\n").next().unwrap();
    let error: Value = serde_json::from_str(last.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(error["error"]["code"], "model_failed", "{text}");
    assert!(text.contains("Well") && !text.contains("[DONE]"), "{text}");
}

#[tokio::test]
async fn a_request_is_known_by_the_run_that_its_traces_name() {
    let upstream = vec![
        Answer::new().call("list_files", json!({"path": "."})),
        Answer::text("Nothing."),
    ];
    let mut talking = Talking::script(Wire::OpenAi, upstream).await;
    let response = post(&talking.house, &question(true)).await;
    let id = response.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        response
            .text()
            .await
            .unwrap()
            .contains(&format!("chatcmpl-{id}"))
    );
    assert_eq!(talking.house.ended().await.0.run_id, Some(id));
}

#[tokio::test]
async fn without_a_model_it_is_said_so_and_not_by_an_assistant() {
    let house = House::open().await;
    let (status, error, _, retry) = failure(post(&house, &question(false)).await).await;
    assert_eq!((status, retry.as_deref()), (503, Some("false")));
    assert_eq!(error["code"], "no_model");
}

#[tokio::test]
async fn what_is_not_served_and_what_is_old_is_told_in_openais_shape() {
    let talking = Talking::script(Wire::Anthropic, vec![Answer::text("Hi")]).await;
    let house = &talking.house;
    let at = |path: &str| house.client.post(house.url(path));
    let refused = at("/v1/responses").send().await.unwrap();
    assert_eq!(refused.status(), 401, "strangers learn nothing");
    let missed = at("/v1/responses").bearer_auth(TOKEN).send().await.unwrap();
    let (status, error, ..) = failure(missed).await;
    assert_eq!((status, &error["code"]), (404, &json!("unknown_url")));
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("`/v1/responses` is not served")
    );

    let get = house.client.get(house.url("/v1/chat/completions"));
    let wrong = get.bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(wrong.headers()["allow"], "POST");
    let (status, error, ..) = failure(wrong).await;
    assert_eq!(
        (status, &error["code"]),
        (405, &json!("method_not_supported"))
    );
    let mut large = question(false);
    large["user"] = json!("x".repeat(gateway::limits::MAX_COMPLETION_BODY_BYTES));
    let (status, error, ..) = failure(post(house, &large).await).await;
    assert_eq!(status, 413);
    let text = error["message"].as_str().unwrap();
    assert!(text.contains("at most 16777216 bytes are taken"), "{text}");

    let mut old = question(false);
    old["functions"] = json!([]);
    let (status, error, ..) = failure(post(house, &old).await).await;
    assert_eq!((status, &error["param"]), (400, &json!("functions")));
    let mut nulls = question(false);
    for name in [
        "tools",
        "tool_choice",
        "stop",
        "functions",
        "stream_options",
        "n",
    ] {
        nulls[name] = Value::Null;
    }
    assert_eq!(
        post(house, &nulls).await.status(),
        200,
        "null is as good as nothing"
    );
}
