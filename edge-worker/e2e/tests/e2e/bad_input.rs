//! Bodies that are none: broken off, nested, not UTF-8, of another shape. Clear answers, nothing stored.

use serde_json::json;

use edge_e2e::{Client, Oracle, flat, word};

#[tokio::test]
async fn bodies_that_cannot_be_read_say_why() {
    let client = Client::new();
    let nested = |open: &str, close: &str, deep: usize| {
        format!("{{\"batch\":{}{}}}", open.repeat(deep), close.repeat(deep)).into_bytes()
    };
    let cases: [(&str, Vec<u8>, &str); 15] = [
        ("nothing", b"".to_vec(), "not valid JSON"),
        ("a brace", b"{".to_vec(), "not valid JSON"),
        ("noise", b"\x00\x01\x02".to_vec(), "not valid JSON"),
        ("no UTF-8", b"{\"id\":\"\xff\"}".to_vec(), "not valid JSON"),
        (
            "half a surrogate",
            b"{\"id\":\"\\ud800\"}".to_vec(),
            "not valid JSON",
        ),
        (
            "a byte order mark",
            b"\xef\xbb\xbf{}".to_vec(),
            "not valid JSON",
        ),
        ("two bodies", b"{}{}".to_vec(), "not valid JSON"),
        ("no number", b"{\"a\":NaN}".to_vec(), "not valid JSON"),
        (
            "too large a number",
            b"{\"a\":1e999}".to_vec(),
            "not valid JSON",
        ),
        ("a list", b"[]".to_vec(), "neither a trace object nor"),
        ("null", b"null".to_vec(), "neither a trace object nor"),
        ("a text", b"\"x\"".to_vec(), "neither a trace object nor"),
        (
            "no batch",
            b"{\"batch\":{}}".to_vec(),
            "batch is not an array",
        ),
        ("deep lists", nested("[", "]", 100_000), "recursion limit"),
        (
            "deep objects",
            nested("{\"a\":", "}", 100_000),
            "recursion limit",
        ),
    ];
    for (name, body, said) in cases {
        let answer = client.submit(body).await;
        assert!(
            answer.problem(400).contains(said),
            "{name}: {}",
            answer.text
        );
    }
    for (key, said) in [
        ("checkpoint", "checkpoint is not a string"),
        ("public_key", "public_key is not a string"),
    ] {
        let mut body = json!({"batch": [flat()]});
        body[key] = json!(7);
        let answer = client.submit(body.to_string()).await;
        assert!(answer.problem(400).contains(said), "{}", answer.text);
    }
}

#[tokio::test]
async fn items_that_are_no_traces_are_told_apart() {
    let client = Client::new();
    let items = [
        json!(null),
        json!(1),
        json!("x"),
        json!([]),
        json!({}),
        json!({"held_back": {}}),
        json!({"held_back": 1}),
    ];
    let answer = client.submit_all(&items).await;
    answer.problem(422);
    assert_eq!(answer.statuses(), ["rejected"; 7]);
    for index in 0..4 {
        assert_eq!(answer.reason(index), "a trace is a JSON object");
    }
    assert!(
        answer
            .reason(4)
            .contains("neither trace_id (an AP-Trace) nor id")
    );
    for index in 5..7 {
        assert!(answer.reason(index).contains("not the header of a link"));
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_stores_nothing() {
    let client = Client::new();
    let trace = flat();
    let body = trace.to_string();
    let route = ("POST", "/v1/traces");
    let answer = client
        .send_raw(route, body.len() + 10, body.as_bytes(), true)
        .await;
    // An answer, or the end of the connection: both tell the client that nothing was taken. What stands between the client
    // and the edge may answer in its place.
    if let Some(answer) = answer {
        assert!(!answer.status.is_success(), "{}", answer.text);
    }
    let id = trace["id"].as_str().expect("an id");
    client.get(&format!("/v1/traces/{id}")).await.problem(404);
    client.submit(body).await.all_stored(1);
}

#[tokio::test]
async fn texts_that_look_like_code_stay_texts() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    for text in [
        "'; DROP TABLE traces; --",
        "<script>alert(1)</script>",
        "{{7*7}}",
        "%s%n",
        "\\",
        "\"",
        "\u{202e}abc",
        "\u{feff}",
        "\u{1}\u{7f}\u{85}",
        "a\tb\r\nc",
        "𝒜🦀e\u{301}",
        "$1",
        "{}",
        "\\x00",
        "NULL",
    ] {
        let mut trace = flat();
        trace["tool_name"] = json!(text);
        trace["params"] = json!({ text: text });
        trace["result"] = json!(text);
        trace["metadata"] = json!({"session_id": text, "rule_id": text, "conscience_reason": text, "values_violated": [text]});
        oracle
            .submit(&client, trace.to_string())
            .await
            .all_stored(1);
        let id = trace["id"].as_str().expect("an id");
        let page = client.get(&format!("/trace/{id}")).await.expect(200);
        assert!(!page.text.contains("<script>alert"), "{text}");
        let agent = trace["agent_id"].as_str().expect("an id");
        client.get(&format!("/agent/{agent}")).await.expect(200);
    }
    oracle.settle().await;
}

#[tokio::test]
async fn a_name_that_is_given_twice_counts_once_as_it_was_given_last() {
    let client = Client::new();
    let (trace, first) = (flat(), word("first"));
    let told = format!("\"tool_name\":\"{first}\",\"tool_name\":\"web_fetch\"");
    let body = trace
        .to_string()
        .replace("\"tool_name\":\"web_fetch\"", &told);
    assert!(body.contains(&first));
    client.submit(body.clone()).await.all_stored(1);
    let id = trace["id"].as_str().expect("an id");
    let whole = client.json(&format!("/v1/traces/{id}")).await;
    assert_eq!(whole["tool_name"], "web_fetch");
    assert!(!whole.to_string().contains(&first));
    let again = client.submit(body).await;
    assert_eq!(again.statuses(), ["duplicate"]);
    // It is the trace without the first one.
    let once = client.submit(trace.to_string()).await;
    assert_eq!(once.statuses(), ["duplicate"]);
}

#[tokio::test]
async fn numbers_come_back_as_the_numbers_that_they_were() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    let mut trace = flat();
    trace["params"] = json!({"numbers": [
        0, -1, 0.1, -0.5, 1.0, 1e21, 1e-7, 1.5e300, 5e-324, u64::MAX, i64::MIN, 9_007_199_254_740_993_u64,
    ]});
    oracle
        .submit(&client, trace.to_string())
        .await
        .all_stored(1);
    oracle.settle().await;
}
