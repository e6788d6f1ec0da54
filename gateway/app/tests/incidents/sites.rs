//! Other websites, and names that look like this machine's.

use reqwest::Method;
use serde_json::json;

use crate::chats::client;
use crate::socket::{Client, address, refused};
use crate::support::Home;

/// Incident 1, CVE-2026-25253: nothing in an address tells the page where its gateway is, and the page could talk to no other one.
#[tokio::test]
async fn a_page_takes_nothing_from_its_address() {
    let home = Home::new();
    let up = home.up();
    let asked =
        "gatewayUrl=wss://evil.example/ws&gateway=wss://evil.example&url=wss://evil.example";
    let enter = client().get(format!("{}/?token={}", up.gateway, up.token));
    let answer = enter.send().await.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    for query in [asked.to_owned(), format!("token={}&{asked}", up.token)] {
        let get = client().get(format!("{}/?{query}", up.gateway));
        let answer = get.header("cookie", &cookie).send().await.unwrap();
        let policy = answer.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        let connect = policy.split(';').find(|part| part.contains("connect-src"));
        assert_eq!(connect.unwrap().trim(), "connect-src 'self'");
        if let Some(location) = answer.headers().get("location") {
            assert_eq!(location, "/", "nothing of the address goes on");
        }
        let page = answer.text().await.unwrap();
        assert!(!page.contains("evil.example"), "{page}");
    }
    // The page's scripts read neither the address nor anything that another page of this origin could have kept.
    let page = client().get(&up.gateway).header("cookie", &cookie);
    let page = page.send().await.unwrap().text().await.unwrap();
    let mut scripts: Vec<String> = page
        .split("src=\"/assets/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    assert!(!scripts.is_empty());
    let mut read = 0;
    while let Some(name) = scripts.pop() {
        let script = client().get(format!("{}/assets/{name}", up.gateway));
        let script = script.send().await.unwrap().text().await.unwrap();
        for word in ["location", "URLSearchParams", "gatewayUrl", "WebSocket"] {
            assert!(!script.contains(word), "{name} has {word}");
        }
        for line in script.lines().filter(|line| line.contains("from \"./")) {
            let imported = line.split("from \"./").nth(1).unwrap();
            scripts.push(imported.split('"').next().unwrap().to_owned());
        }
        read += 1;
    }
    assert!(read > 1, "scripts import one another");
}

/// Incident 2, CVE-2026-25253: another site gets no WebSocket and no answer, whatever it shows; nor does a name that was made to mean
/// this machine. Who says no origin is no page, gets a challenge, and has to show the token.
#[tokio::test]
async fn another_site_gets_no_socket() {
    let home = Home::new();
    let up = home.up();
    let bearer = format!("Bearer {}", up.token);
    let port = address(&up).rsplit(':').next().unwrap();
    for (name, value) in [
        ("origin", "https://evil.example".to_owned()),
        ("origin", "null".to_owned()),
        ("origin", format!("http://localhost.evil.example:{port}")),
        ("origin", format!("http://127.0.0.1:{port}.evil.example")),
        ("origin", "http://127.0.0.1:1".to_owned()),
        ("host", format!("evil.example:{port}")),
        ("sec-fetch-site", "cross-site".to_owned()),
        ("sec-fetch-site", "same-site".to_owned()),
    ] {
        for headers in [
            vec![(name, value.as_str())],
            vec![(name, value.as_str()), ("authorization", bearer.as_str())],
        ] {
            assert_eq!(refused(&up, &headers).await, 403, "{headers:?}");
        }
        let post = client().post(format!("{}/api/chat", up.gateway));
        let post = post.header(name, &value).bearer_auth(&up.token);
        let post = post.header("content-type", "application/json");
        let answer = post.body(r#"{"message":"/help"}"#).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{name}: {value}");
    }
    let mut stranger = Client::stranger(&up).await;
    assert_eq!(stranger.ask("ping", json!({})).await["ok"], false);
    let answer = stranger.ask("connect", json!({})).await;
    assert_eq!(answer["ok"], false, "{answer}");
    assert_eq!(stranger.closed().await, 1008);
}

/// Incident 9, PR 42507: an address is read as one; what merely begins like loopback is somebody else's.
#[tokio::test]
async fn a_name_that_looks_like_loopback_is_none() {
    let home = Home::new();
    let up = home.up();
    let port = address(&up).rsplit(':').next().unwrap();
    let host = |host: &str| {
        let request = client().request(Method::GET, format!("{}/health", up.gateway));
        request.header("host", format!("{host}:{port}")).send()
    };
    for name in [
        "127.evil.com",
        "127.0.0.1.evil.com",
        "127.0.0.1evil",
        "localhost.evil.com",
        "localhost.localdomain",
        "::1.evil.com",
        "0.0.0.0",
        "2130706433",
        "0x7f.1",
        "127.1",
        "0177.0.0.1",
        "128.0.0.1",
    ] {
        assert_eq!(host(name).await.unwrap().status(), 403, "{name}");
        let full = format!("{name}:{port}");
        assert_eq!(refused(&up, &[("host", &full)]).await, 403, "{name}");
        let origin = format!("http://{name}:{port}");
        assert_eq!(refused(&up, &[("origin", &origin)]).await, 403, "{name}");
    }
    for name in ["127.0.0.1", "127.8.9.10", "localhost", "[::1]"] {
        assert_eq!(host(name).await.unwrap().status(), 200, "{name}");
    }
}
