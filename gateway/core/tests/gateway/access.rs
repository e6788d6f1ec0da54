//! Who may come in, and from where.

use reqwest::StatusCode;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::house::{House, TOKEN};

/// Sends these bytes as they are and returns the status line.
async fn raw(house: &House, request: &str) -> String {
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

/// A cookie from the door.
async fn cookie(house: &House) -> String {
    let url = house.url(&format!("/?token={TOKEN}"));
    let response = house.client.get(url).send().await.unwrap();
    let set = response.headers()["set-cookie"].to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn health_says_one_word_to_anybody() {
    let house = House::open().await;
    let response = house.client.get(house.url("/health")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.text().await.unwrap(),
        r#"{"status":"ok","ws_clients":0}"#
    );
    let asked = |token: &str| {
        let asked = house.client.get(house.url("/health")).bearer_auth(token);
        async { asked.send().await.unwrap().text().await.unwrap() }
    };
    assert_eq!(asked("another").await, r#"{"status":"ok","ws_clients":0}"#);
    let health: Value = serde_json::from_str(&asked(TOKEN).await).unwrap();
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(health["runs"], 0);
    assert!(health["uptime_ms"].is_u64(), "{health}");
}

#[tokio::test]
async fn a_foreign_host_is_refused_before_the_token_and_the_body_are_looked_at() {
    let house = House::open().await;
    let port = house.address.port();
    for host in [
        "evil.com",
        "127.evil.com",
        "localhost.evil.com",
        "10.0.0.1",
        "0.0.0.0",
    ] {
        for path in ["/", "/health", "/nothing", "/assets/chat.js"] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n");
            assert_eq!(raw(&house, &request).await, "HTTP/1.1 403", "{host}{path}");
        }
        // The body is announced and never sent: waiting for it would hang here.
        let request = format!(
            "POST /api/chat HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/json\r\nContent-Length: 20\r\n\r\n"
        );
        assert_eq!(raw(&house, &request).await, "HTTP/1.1 403", "{host}");
    }
    for request in [
        "GET / HTTP/1.0\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil.com\r\n\r\n"),
        format!("GET http://evil.com/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"),
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n".to_owned(),
    ] {
        let status = raw(&house, &request).await;
        assert!(status.ends_with(" 403"), "{request}{status}");
    }
    for host in ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"] {
        let request = format!("GET /health HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n");
        assert_eq!(raw(&house, &request).await, "HTTP/1.1 200", "{host}");
    }
}

#[tokio::test]
async fn extra_hosts_are_ours_too() {
    let house =
        House::with(|options| options.extra_hosts = vec!["bot.example.com".to_owned()]).await;
    let get = |host: &str, origin: &str| {
        house
            .client
            .get(house.url("/health"))
            .header("host", host)
            .header("origin", origin)
            .send()
    };
    let status = |answer: Result<reqwest::Response, _>| answer.unwrap().status();
    assert_eq!(
        status(get("bot.example.com", "https://bot.example.com").await),
        200
    );
    assert_eq!(
        status(get("bot.example.com", "https://evil.com").await),
        403
    );
    assert_eq!(status(get("evil.com", "https://evil.com").await), 403);
}

#[tokio::test]
async fn another_site_is_refused_even_with_token_and_cookie() {
    let house = House::open().await;
    let cookie = cookie(&house).await;
    let own = house.url("");
    let foreign = [
        "null".to_owned(),
        "http://evil.com".to_owned(),
        format!("http://evil.com:{}", house.address.port()),
        "http://127.0.0.1:3000".to_owned(),
        format!("http://localhost:{}", house.address.port()),
    ];
    for origin in &foreign {
        let response = house
            .message("/help")
            .header("origin", origin)
            .header("cookie", &cookie)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 403, "{origin}");
    }
    let same = house
        .message("/help")
        .header("origin", &own)
        .send()
        .await
        .unwrap();
    assert_eq!(same.status(), 200);
    let twice = house
        .message("/help")
        .header("origin", &own)
        .header("origin", "http://evil.com")
        .send()
        .await
        .unwrap();
    assert_eq!(twice.status(), 403);
}

#[tokio::test]
async fn browsers_that_say_cross_site_may_only_open_the_page() {
    let house = House::open().await;
    let ask = |path: &str, site: &str, mode: &str, dest: &str| {
        house
            .client
            .get(house.url(path))
            .header("sec-fetch-site", site)
            .header("sec-fetch-mode", mode)
            .header("sec-fetch-dest", dest)
            .send()
    };
    for (path, site, mode, dest, status) in [
        ("/health", "same-origin", "cors", "empty", 200),
        ("/health", "none", "navigate", "document", 200),
        ("/health", "cross-site", "no-cors", "image", 403),
        ("/health", "cross-site", "navigate", "document", 403),
        ("/health", "same-site", "cors", "empty", 403),
        ("/assets/chat.js", "cross-site", "no-cors", "script", 403),
        // The page itself: 401, because there is no cookie.
        ("/", "cross-site", "navigate", "document", 401),
        ("/", "same-site", "navigate", "document", 401),
        ("/", "cross-site", "navigate", "iframe", 403),
        ("/", "cross-site", "no-cors", "image", 403),
    ] {
        let response = ask(path, site, mode, dest).await.unwrap();
        assert_eq!(response.status(), status, "{path} {site} {mode} {dest}");
    }
}

#[tokio::test]
async fn the_token_becomes_a_cookie_and_leaves_the_address_bar() {
    let house = House::open().await;
    let url = house.url(&format!("/?token={TOKEN}&x=1"));
    let response = house.client.get(url).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()["location"], "/");
    assert_eq!(response.headers()["referrer-policy"], "no-referrer");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let set = response.headers()["set-cookie"]
        .to_str()
        .unwrap()
        .to_owned();
    for part in ["; Path=/", "; HttpOnly", "; SameSite=Strict"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains(TOKEN), "{set}");

    let cookie = cookie(&house).await;
    let page = house
        .client
        .get(house.url("/"))
        .header("cookie", &cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 200);
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    // What was chosen and not sent yet is shown by an address that leads nowhere else.
    assert!(policy.contains("img-src 'self' blob:;"), "{policy}");
    let html = page.text().await.unwrap();
    assert!(!html.contains(TOKEN));
    assert!(!html.contains("<style") && !html.contains(" style=") && !html.contains(" onclick="));
    assert_eq!(
        html.matches("<script").count(),
        html.matches("<script src=\"/assets/").count()
    );

    let say = |origin: Option<String>, cookie: String| {
        let mut request = house
            .client
            .post(house.url("/api/chat"))
            .header("content-type", "application/json")
            .header("cookie", cookie)
            .body(r#"{"message":"/help"}"#);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        async { request.send().await.unwrap().status() }
    };
    let own = Some(house.url(""));
    assert_eq!(say(own.clone(), format!("a=b; {cookie}; c=d")).await, 200);
    assert_eq!(
        say(None, cookie.clone()).await,
        401,
        "without an Origin the token itself is needed"
    );
    assert_eq!(say(own.clone(), format!("{cookie}x")).await, 401);
    assert_eq!(say(own, format!("smoltbot_gateway={TOKEN}")).await, 401);
}

#[tokio::test]
async fn without_the_token_nothing_is_answered_or_run() {
    let mut house = House::open().await;
    let page = house.client.get(house.url("/")).send().await.unwrap();
    assert_eq!(page.status(), 401);
    assert!(page.text().await.unwrap().contains("smoltbot status"));
    let wrong = house
        .client
        .get(house.url("/?token=wrong"))
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), 401);
    assert!(wrong.headers().get("set-cookie").is_none());

    for authorization in ["", "Bearer", "Bearer wrong", "Basic YTpi", TOKEN] {
        let response = house
            .client
            .post(house.url("/api/chat"))
            .header("content-type", "application/json")
            .header("authorization", authorization)
            .body(r#"{"message":"/run execute_command {\"command\":\"touch ran\"}"}"#)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 401, "{authorization}");
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
    }
    assert!(house.judged().is_empty() && house.nothing_ended());
    assert!(!house.path("ran").exists());
}
