//! Who and what is turned away.

use mcp_proxy::{Listen, MAX_FRAME_BYTES, bind, limits};
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::json;

use crate::support::{With as _, call, proxy, read};

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_too_long_are_answered_in_both_directions() {
    let mut proxy = proxy(None).await;
    let session = proxy.begin().await;
    let long = proxy
        .request(Method::POST, Some(&session))
        .header("content-type", "application/json");
    let long = long.body("x".repeat(MAX_FRAME_BYTES + 1)).send().await;
    // The rest of it is not read: the answer may be lost with the connection.
    assert!(long.is_err() || long.is_ok_and(|long| long.status() == 413));
    let answer = read(proxy.post(Some(&session), &call(1, "long")).await).await;
    let why = answer["error"]["message"].as_str().unwrap();
    assert!(
        why.contains("a message longer than 33554432 bytes"),
        "{why}"
    );
    assert_eq!(
        proxy.post(Some(&session), &call(2, "read")).await.status(),
        200
    );
    proxy.end().await;
    assert_eq!(proxy.hooks("long"), ["before"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_of_mcp_is_told_so() {
    let mut proxy = proxy(None).await;
    let session = proxy.begin().await;
    let post = |session: Option<&str>| {
        proxy
            .request(Method::POST, session)
            .header("content-type", "application/json")
    };
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let own = Some(session.as_str());
    for (request, status) in [
        (post(None).body(list), 400),
        (post(Some("0")).body(list), 404),
        (proxy.request(Method::GET, None), 400),
        (proxy.request(Method::DELETE, Some("0")), 404),
        (proxy.request(Method::PUT, own), 405),
        (proxy.request(Method::POST, own).body(list), 415),
        (
            proxy
                .client
                .post(&proxy.url)
                .header("accept", "text/html")
                .header("content-type", "application/json")
                .header("mcp-session-id", &session)
                .body(list),
            406,
        ),
        (
            proxy
                .client
                .get(&proxy.url)
                .header("accept", "application/json")
                .header("mcp-session-id", &session),
            406,
        ),
        (post(own).body(""), 400),
        (post(own).body("no"), 400),
        (post(own).body(&b"\xff"[..]), 400),
        (
            post(own).body(r#"{"id":1,"id":2,"method":"tools/list"}"#),
            400,
        ),
        (
            post(own)
                .header("mcp-protocol-version", "2024-11-05")
                .body(list),
            400,
        ),
        (
            post(own)
                .header("mcp-protocol-version", "2025-06-18")
                .body(list),
            200,
        ),
        (
            post(own)
                .header("origin", "https://evil.example")
                .body(list),
            403,
        ),
        (post(own).header("host", "evil.example").body(list), 403),
        (proxy.client.get(proxy.url.replace("/mcp", "/")), 404),
    ] {
        let answer = request.send().await.unwrap();
        let (got, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(got, status, "{text}");
        assert!(text.contains("jsonrpc"), "{text}");
    }
    proxy.end().await;
    assert!(!proxy.log().contains("\"id\":2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn others_come_in_by_a_token_alone() {
    let open = Listen {
        address: ([0, 0, 0, 0], 0).into(),
        token: None,
    };
    let refused = bind(&open).await.unwrap_err().to_string();
    assert!(
        refused.contains("there is no token: give --token"),
        "{refused}"
    );
    let token = Some("t".to_owned());
    bind(&Listen { token, ..open }).await.unwrap();
    let mut proxy = proxy(Some("t")).await;
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let answer = proxy.post(None, &list).await;
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    let shown = proxy
        .request(Method::POST, None)
        .with(&list)
        .bearer_auth("t");
    assert_eq!(
        shown.send().await.unwrap().status(),
        400,
        "it has no session yet"
    );
    proxy.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_bounded() {
    let mut proxy = proxy(None).await;
    let mut all = Vec::new();
    for _ in 0..limits::MAX_SESSIONS {
        all.push(proxy.begin().await);
    }
    let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}});
    let full = proxy.post(None, &hello).await;
    assert_eq!(
        (full.status().as_u16(), &full.headers()["retry-after"]),
        (503, &HeaderValue::from_static("10"))
    );
    proxy
        .request(Method::DELETE, all.first().map(String::as_str))
        .send()
        .await
        .unwrap();
    proxy.logged("gone").await;
    while proxy.post(None, &hello).await.status() == 503 {
        tokio::task::yield_now().await;
    }
    proxy.end().await;
    assert_eq!(
        proxy.log().matches("gone").count(),
        limits::MAX_SESSIONS + 1
    );
}
