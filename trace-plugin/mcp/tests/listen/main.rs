//! The proxy between clients over HTTP and servers that do as little as servers can.

use mcp_proxy::Server;
use reqwest::Method;
use serde_json::{Value, json};

mod bounds;
mod support;

use support::{Stream, With as _, call, proxy, proxy_to, read};

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_judged_before_and_told_after_for_each_client_by_itself() {
    let mut proxy = proxy(None).await;
    let (one, other) = (proxy.begin().await, proxy.begin().await);
    assert_ne!(one, other);
    assert_eq!(
        proxy.log().matches("started").count(),
        2,
        "each has a server of its own"
    );
    let done = proxy
        .post(
            Some(&one),
            &json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        )
        .await;
    assert_eq!(
        (done.status().as_u16(), done.content_length()),
        (202, Some(0))
    );
    let allowed = read(proxy.post(Some(&one), &call(1, "read")).await).await;
    assert_eq!(
        (&allowed["id"], &allowed["result"]["content"]),
        (&json!(1), &json!([]))
    );
    // The same id, of another client.
    let refused = read(proxy.post(Some(&other), &call(1, "rm")).await).await;
    assert_eq!(
        (&refused["id"], &refused["result"]["isError"]),
        (&json!(1), &json!(true))
    );
    assert!(
        refused
            .to_string()
            .contains("smoltbot refused this call: No.")
    );
    let text = json!({"jsonrpc": "2.0", "id": "a\"\n", "method": "tools/list"});
    let pretty = serde_json::to_string_pretty(&text).unwrap();
    let request = proxy.request(Method::POST, Some(&one)).body(pretty);
    let request = request.header("content-type", "application/json; charset=utf-8");
    assert_eq!(request.send().await.unwrap().status(), 200);
    proxy.end().await;
    let log = proxy.log();
    assert_eq!(log.matches("gone").count(), 2, "no server is left");
    assert!(!log.contains("\"rm\""), "{log}");
    assert_eq!(proxy.hooks("read"), ["before", "after"]);
    assert_eq!(proxy.hooks("rm"), ["before"]);
    let heard = proxy.heard.lock().unwrap();
    assert!(heard.iter().any(|event| event["server"] == "tiny"));
    let mut over: Vec<_> = heard
        .iter()
        .filter(|event| event["hook"] == "session")
        .map(|event| event["session_id"].to_string())
        .collect();
    over.sort();
    assert_eq!(over, ["\"s0\"", "\"s1\""]);
    assert!(!log.contains(&one) && !heard.iter().any(|event| event.to_string().contains(&one)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_before_an_answer_comes_in_its_stream() {
    let mut proxy = proxy(None).await;
    let session = proxy.begin().await;
    let mut stream = Stream::of(proxy.post(Some(&session), &call(1, "progress")).await);
    assert_eq!(
        stream.next().await.unwrap()["method"],
        "notifications/progress"
    );
    assert_eq!(stream.next().await.unwrap()["id"], 1);
    assert_eq!(stream.next().await, None, "the answer ends it");
    // A server's own question, while it works; the client's own stream is open, too.
    let mut own = Stream::of(
        proxy
            .request(Method::GET, Some(&session))
            .send()
            .await
            .unwrap(),
    );
    let mut stream = Stream::of(proxy.post(Some(&session), &call(2, "wonder")).await);
    assert_eq!(stream.next().await.unwrap()["id"], "s1");
    let yes = json!({"jsonrpc": "2.0", "id": "s1", "result": {"action": "accept"}});
    assert_eq!(proxy.post(Some(&session), &yes).await.status(), 202);
    assert_eq!(stream.next().await.unwrap()["id"], 2);
    // A question of the conscience.
    for (id, action, refused) in [(3, "accept", false), (4, "decline", true)] {
        let mut stream = Stream::of(proxy.post(Some(&session), &call(id, "ask")).await);
        let question = stream.next().await.unwrap();
        assert_eq!(question["method"], "elicitation/create");
        let yes = json!({"jsonrpc": "2.0", "id": question["id"], "result": {"action": action}});
        assert_eq!(proxy.post(Some(&session), &yes).await.status(), 202);
        let answer = stream.next().await.unwrap();
        assert_eq!(
            (&answer["id"], answer["result"]["isError"] == true),
            (&json!(id), refused)
        );
    }
    let second = proxy
        .request(Method::GET, Some(&session))
        .send()
        .await
        .unwrap();
    assert_eq!(second.status(), 409);
    let gone = proxy
        .request(Method::DELETE, Some(&session))
        .send()
        .await
        .unwrap();
    assert_eq!(gone.status(), 204);
    assert_eq!(own.next().await, None);
    proxy.logged("gone").await;
    assert_eq!(
        proxy.post(Some(&session), &call(5, "read")).await.status(),
        404
    );
    proxy.end().await;
    assert_eq!(
        proxy.hooks("ask"),
        ["before", "answered", "after", "before", "answered"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_and_readers_of_json_alone_get_their_answers() {
    let mut proxy = proxy(None).await;
    let session = proxy.begin().await;
    let batch =
        json!([call(1, "read"), call(2, "rm"), {"jsonrpc": "2.0", "method": "notifications/x"}, 7]);
    let request = |message: &Value| {
        let request = proxy.client.post(&proxy.url).with(message);
        request
            .header("accept", "*/*")
            .header("mcp-session-id", &session)
    };
    let answer = read(request(&batch).send().await.unwrap()).await;
    let answer: Vec<Value> = serde_json::from_value(answer).unwrap();
    let mut ids: Vec<_> = answer
        .iter()
        .map(|answer| answer["id"].to_string())
        .collect();
    ids.sort();
    assert_eq!(ids, ["1", "2", "null"]);
    let answer = read(request(&call(9, "progress")).send().await.unwrap()).await;
    assert_eq!(answer["id"], 9);
    // What was said beside it waits for who listens.
    let mut own = Stream::of(
        proxy
            .request(Method::GET, Some(&session))
            .send()
            .await
            .unwrap(),
    );
    assert_eq!(
        own.next().await.unwrap()["method"],
        "notifications/progress"
    );
    proxy.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_taken_back_is_awaited_no_longer() {
    let mut proxy = proxy(None).await;
    let session = proxy.begin().await;
    let mut stream = Stream::of(proxy.post(Some(&session), &call(1, "ask")).await);
    assert_eq!(stream.next().await.unwrap()["method"], "elicitation/create");
    let back =
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    assert_eq!(proxy.post(Some(&session), &back).await.status(), 202);
    assert_eq!(stream.next().await, None);
    // The same id may be used again, and is awaited only once.
    let hang = call(1, "hang");
    let first = proxy.post(Some(&session), &hang);
    let second = async {
        proxy.logged("\"hang\"").await;
        proxy.post(Some(&session), &call(1, "read")).await
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(
        (first.status().as_u16(), second.status().as_u16()),
        (200, 429)
    );
    assert!(
        second
            .text()
            .await
            .unwrap()
            .contains("the id 1 is open already")
    );
    let mut first = Stream::of(first);
    proxy.end().await;
    let ended = first.next().await.unwrap().to_string();
    assert!(ended.contains("the session was ended"), "{ended}");
    assert_eq!(proxy.hooks("ask"), ["before", "answered"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_server_is_told_and_a_new_session_has_a_new_one() {
    let mut proxy = proxy(None).await;
    let session = proxy.begin().await;
    let answer = read(proxy.post(Some(&session), &call(1, "leave")).await).await;
    let why = answer["error"]["message"].as_str().unwrap();
    assert_eq!(why, "the server has ended: exit status: 7");
    assert_eq!(
        proxy.post(Some(&session), &call(2, "read")).await.status(),
        404
    );
    let session = proxy.begin().await;
    assert_eq!(
        proxy.post(Some(&session), &call(2, "read")).await.status(),
        200
    );
    proxy.end().await;
    let nowhere = Server::Command(vec!["/nonexistent/server".into()]);
    let mut proxy = proxy_to(nowhere, None, tempfile::tempdir().unwrap()).await;
    let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}});
    let answer = proxy.post(None, &hello).await;
    assert_eq!(answer.status(), 502);
    assert!(
        answer
            .text()
            .await
            .unwrap()
            .contains("`/nonexistent/server` cannot be started")
    );
    proxy.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_at_an_address_is_reached_by_another_proxy() {
    let mut far = proxy(None).await;
    let url = far.url.clone();
    let headers = Vec::new();
    let mut near = proxy_to(
        Server::Url { url, headers },
        None,
        tempfile::tempdir().unwrap(),
    )
    .await;
    let session = near.begin().await;
    let mut stream = Stream::of(near.post(Some(&session), &call(1, "progress")).await);
    assert_eq!(
        stream.next().await.unwrap()["method"],
        "notifications/progress"
    );
    assert_eq!(stream.next().await.unwrap()["id"], 1);
    assert_eq!(
        near.post(Some(&session), &call(2, "rm")).await.status(),
        200
    );
    near.end().await;
    // Its session at the far one is ended with it.
    far.logged("gone").await;
    far.end().await;
    assert_eq!(far.hooks("rm"), [""; 0]);
    assert_eq!(far.hooks("progress"), ["before", "after"]);
    let dir = tempfile::tempdir().unwrap();
    let wrong = Server::Url {
        url: "ftp://x".to_owned(),
        headers: Vec::new(),
    };
    let mut wrong = proxy_to(wrong, None, dir).await;
    let error = (&mut wrong.running).await.unwrap().unwrap_err().to_string();
    assert!(error.contains("neither http nor https"), "{error}");
}
