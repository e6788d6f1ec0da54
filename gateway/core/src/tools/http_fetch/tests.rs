//! Fetching from real sockets, with names that are asked of a table.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::reach::Asking as Resolving;
use super::*;
use crate::limits::MAX_FETCHED_HEADER_BYTES;

/// Names and their addresses, another set each time they are asked for.
struct Table(Mutex<VecDeque<Vec<IpAddr>>>);

impl Names for Table {
    fn resolve<'a>(&'a self, _host: &'a str) -> Resolving<'a> {
        let next = self.0.lock().expect("nobody panicked").pop_front();
        Box::pin(std::future::ready(next.ok_or_else(|| {
            io::Error::other("the name was asked for once too often")
        })))
    }
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts
        .iter()
        .map(|text| text.parse().expect("an address"))
        .collect()
}

/// Serves these answers, one a connection, and tells what it was asked.
async fn serve(
    answers: Vec<impl Into<Vec<u8>> + Send + 'static>,
) -> (u16, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let serving = tokio::spawn(async move {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            loop {
                let read = stream.read(&mut buffer).await.expect("a request");
                request.extend_from_slice(&buffer[..read]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let body = text.split_once("\r\n\r\n").map(|(_, body)| body.len());
                let length = text
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .map_or(0, |length| length.parse().expect("a length"));
                if read == 0 || body.is_some_and(|body| body >= length) {
                    asked.push(text);
                    break;
                }
            }
            // Who has read enough may have gone.
            let _ = stream.write_all(&answer.into()).await;
        }
        asked
    });
    (port, serving)
}

fn answering(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn fetcher(port: u16, named: Vec<Vec<IpAddr>>) -> HttpFetch {
    HttpFetch {
        names: Arc::new(Table(Mutex::new(named.into()))),
        ..HttpFetch::new(vec![format!("127.0.0.1:{port}").parse().expect("a place")])
    }
}

async fn fetch(fetch: &HttpFetch, asked: Value) -> Result<Value, Failure> {
    let asked: Arguments = serde_json::from_value(asked).expect("arguments");
    fetch.fetch(&asked).await
}

#[tokio::test]
async fn it_connects_to_the_address_that_was_checked() {
    let html = answering("200 OK", "content-type: text/html\r\n", "<p>hello</p>");
    let (port, serving) = serve(vec![html]).await;
    // A second question would be answered with an address of the inner network: it is never asked.
    let names = vec![addresses(&["127.0.0.1"]), addresses(&["10.0.0.1"])];
    let fetcher = fetcher(port, names);
    let url = format!("http://name.test:{port}/a?b=c");
    let answer = fetch(&fetcher, json!({ "url": url })).await.unwrap();
    assert_eq!(
        answer,
        json!({"url": url, "status": 200, "content_type": "text/html", "body": "hello"})
    );
    let asked = serving.await.unwrap().remove(0);
    assert!(asked.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{asked}");
    assert!(
        asked.contains(&format!("host: name.test:{port}\r\n")),
        "{asked}"
    );
    let ours = ["cookie", "authorization", "referer"];
    assert!(!ours.iter().any(|name| asked.contains(name)), "{asked}");
    // The next fetch asks anew and is refused.
    let error = fetch(&fetcher, json!({ "url": url })).await.unwrap_err();
    assert!(
        error.message.contains("10.0.0.1 is a private address"),
        "{error}"
    );
}

#[tokio::test]
async fn inner_places_are_refused_in_every_spelling() {
    let names = vec![
        addresses(&["1.1.1.1", "127.0.0.1"]),
        addresses(&["::ffff:10.0.0.1"]),
        addresses(&["127.0.0.1", "::1"]),
    ];
    let fetcher = fetcher(1, names);
    for (url, named) in [
        (
            "http://both.test/",
            "127.0.0.1 is an address of this machine",
        ),
        ("http://127.evil.test/", "::ffff:10.0.0.1"),
        ("http://localhost:2/", "127.0.0.1"),
        ("http://127.0.0.1:2/", "127.0.0.1"),
        ("http://127.1/", "127.0.0.1"),
        ("http://2130706433/", "127.0.0.1"),
        ("http://0x7f.0.0.1/", "127.0.0.1"),
        ("http://0177.0.0.1/", "127.0.0.1"),
        ("http://[::1]/", "::1"),
        ("http://[::ffff:7f00:1]/", "::ffff:127.0.0.1"),
        ("http://[64:ff9b::a9fe:a9fe]/", "64:ff9b::"),
        ("http://169.254.169.254/latest/meta-data/", "secrets"),
        (
            "http://metadata.google.internal./",
            "metadata.google.internal",
        ),
        ("http://printer.local/", "printer.local"),
        ("http://0/", "0.0.0.0"),
        ("http://１２７.0.0.1/", "127.0.0.1"),
        ("http://me:secret@example.com/", "user name or password"),
        ("file:///etc/passwd", "only http:// and https://"),
        ("ftp://example.com/", "only http:// and https://"),
        ("example.com", "not a URL"),
        ("http://", "not a URL"),
    ] {
        let error = fetch(&fetcher, json!({ "url": url })).await.unwrap_err();
        assert!(error.message.contains(named), "{url}: {error}");
        assert!(!error.message.contains("secret@"), "{error}");
    }
}

#[tokio::test]
async fn every_redirect_is_checked_and_told_nothing_of_the_last_site() {
    let (to, reached) = serve(vec![answering(
        "200 OK",
        "content-type: text/plain\r\n",
        "there",
    )])
    .await;
    let moved = answering(
        "302 Found",
        &format!("location: http://two.test:{to}/\r\n"),
        "",
    );
    let (port, serving) = serve(vec![moved]).await;
    let mut fetcher = fetcher(port, vec![addresses(&["127.0.0.1"]); 2]);
    fetcher.allowed.push("127.0.0.1".parse().unwrap());
    let headers = json!({"Authorization": "Bearer x", "X-Api-Key": "y", "Accept": "text/plain"});
    let asked = json!({"url": format!("http://one.test:{port}/"), "headers": headers});
    let answer = fetch(&fetcher, asked).await.unwrap();
    assert_eq!(
        (&answer["body"], &answer["redirects"]),
        (&json!("there"), &json!(1))
    );
    let first = serving.await.unwrap().remove(0);
    assert!(first.contains("authorization: Bearer x\r\n") && first.contains("x-api-key: y\r\n"));
    let second = reached.await.unwrap().remove(0);
    assert!(
        !second.contains("Bearer") && !second.contains("api-key"),
        "{second}"
    );
    assert!(second.contains("accept: text/plain\r\n"), "{second}");

    for (location, named) in [
        ("http://169.254.169.254/latest", "169.254.169.254"),
        ("http://[::1]/", "::1"),
        ("file:///etc/passwd", "only http"),
        ("http://x:y@1.1.1.1/", "user name or password"),
    ] {
        let moved = answering("307 Moved", &format!("location: {location}\r\n"), "");
        let (port, _serving) = serve(vec![moved]).await;
        let asked = json!({"url": format!("http://127.0.0.1:{port}/")});
        let error = fetch(&self::fetcher(port, vec![]), asked)
            .await
            .unwrap_err();
        assert!(error.message.contains(named), "{error}");
    }
}

#[tokio::test]
async fn redirects_have_an_end_and_do_not_carry_a_body_elsewhere() {
    let again = answering("302 Found", "location: /again\r\n", "");
    let (port, serving) = serve(vec![again.clone(); MAX_REDIRECTS + 1]).await;
    let asked = json!({"url": format!("http://127.0.0.1:{port}/")});
    let error = fetch(&fetcher(port, vec![]), asked).await.unwrap_err();
    assert!(error.message.contains("more than 5 times"), "{error}");
    assert_eq!(serving.await.unwrap().len(), MAX_REDIRECTS + 1);

    let done = answering("200 OK", "", "");
    let (port, serving) = serve(vec![again, done]).await;
    let asked =
        json!({"url": format!("http://127.0.0.1:{port}/"), "method": "post", "body": "a=b"});
    fetch(&fetcher(port, vec![]), asked.clone()).await.unwrap();
    let requests = serving.await.unwrap();
    assert!(requests[0].starts_with("POST / ") && requests[0].ends_with("\r\n\r\na=b"));
    assert!(requests[1].starts_with("GET /again ") && !requests[1].contains("a=b"));

    let away = answering("307 Moved", "location: http://1.1.1.1/\r\n", "");
    let (port, _serving) = serve(vec![away]).await;
    let mut asked = asked;
    asked["url"] = json!(format!("http://127.0.0.1:{port}/"));
    let error = fetch(&fetcher(port, vec![]), asked).await.unwrap_err();
    assert!(error.message.contains("to another site"), "{error}");
}

#[tokio::test]
async fn answers_are_taken_up_to_a_size_and_a_time() {
    let long = "ab".repeat(600);
    let (port, _serving) = serve(vec![answering("200 OK", "", &long)]).await;
    let url = format!("http://127.0.0.1:{port}/");
    let answer = fetch(
        &fetcher(port, vec![]),
        json!({"url": url, "max_bytes": 1001}),
    )
    .await
    .unwrap();
    assert_eq!(answer["body"].as_str().unwrap().len(), 1001);
    let truncated = answer["truncated"].as_str().unwrap();
    assert!(
        truncated.contains("first 1001 bytes of 1200 bytes"),
        "{truncated}"
    );

    let (port, _serving) = serve(vec![
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".to_owned(),
    ])
    .await;
    let url = format!("http://127.0.0.1:{port}/");
    let error = fetch(&fetcher(port, vec![]), json!({ "url": url }))
        .await
        .unwrap_err();
    assert!(error.message.contains("broke off after 3 bytes"), "{error}");
    assert_eq!(error.result["status"], 200);

    // It takes the connection and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let slow = HttpFetch {
        time: Duration::from_millis(200),
        ..fetcher(port, vec![])
    };
    let url = format!("http://127.0.0.1:{port}/");
    let error = fetch(&slow, json!({ "url": url })).await.unwrap_err();
    assert!(error.message.contains("within 0.2 s"), "{error}");
    drop(listener);
    let error = fetch(&slow, json!({ "url": url })).await.unwrap_err();
    assert!(error.message.contains("refused"), "{error}");
}

/// Fetches what a server answers with these bytes.
async fn fetched(answer: impl Into<Vec<u8>> + Send + 'static, asked: Value) -> Value {
    let (port, _serving) = serve(vec![answer]).await;
    let mut asked = asked;
    asked["url"] = json!(format!("http://127.0.0.1:{port}/"));
    fetch(&fetcher(port, vec![]), asked).await.unwrap()
}

#[tokio::test]
async fn no_more_is_read_than_can_be_told() {
    let long = "a line of text\n".repeat(DEFAULT_FETCH_BYTES / 15);
    let plain = answering("200 OK", "content-type: text/plain\r\n", &long);
    let answer = fetched(plain, json!({"max_bytes": MAX_FETCH_BYTES})).await;
    assert_eq!(answer["body"], long[..MAX_RESULT_BYTES]);
    assert_eq!(
        answer["truncated"],
        format!(
            "the first {MAX_RESULT_BYTES} bytes of {} bytes; some servers tell the rest when the header Range says bytes={MAX_RESULT_BYTES}-",
            long.len()
        )
    );

    // Of a page more is read, as most of it is no text; and what is left of it is cut in the middle.
    let style = format!("<style>{}</style>", "p{}".repeat(50_000));
    let page = format!("<html>{style}<p>the end of it");
    let page = answering("200 OK", "", &page);
    let answer = fetched(page, json!({})).await;
    assert_eq!(
        (&answer["body"], &answer["truncated"]),
        (&json!("the end of it"), &Value::Null)
    );
    let page = answering(
        "200 OK",
        "content-type: text/html\r\n",
        &format!("{long}<p>{long}"),
    );
    let answer = fetched(page, json!({})).await;
    let body = answer["body"].as_str().unwrap();
    assert!(body.len() <= MAX_RESULT_BYTES + 64, "{}", body.len());
    assert!(body.contains("bytes cut here"));
    let truncated = answer["truncated"].as_str().unwrap();
    assert!(
        truncated.starts_with(&format!("the first {DEFAULT_FETCH_BYTES} bytes of "))
            && truncated.contains("`max_bytes` allows up to")
            && truncated.ends_with("bytes of its text were cut out of the middle"),
        "{truncated}"
    );

    // Latin-1 grows when it is decoded.
    let mut wide =
        b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=latin1\r\nconnection: close\r\n\r\n"
            .to_vec();
    wide.resize(wide.len() + MAX_RESULT_BYTES, 0xe4);
    let answer = fetched(wide, json!({})).await;
    assert!(answer["body"].as_str().unwrap().len() <= MAX_RESULT_BYTES + 64);
    assert!(
        answer["truncated"]
            .as_str()
            .unwrap()
            .contains("cut out of the middle")
    );
}

#[tokio::test]
async fn what_is_no_text_or_packed_is_not_read() {
    for (headers, told) in [
        ("content-type: image/png\r\n", "7 bytes, no text; not read"),
        (
            "content-type: text/html\r\ncontent-encoding: gzip\r\n",
            "7 bytes, packed (gzip), which was not asked for; not read",
        ),
        (
            "content-type: application/json\r\ncontent-encoding: br\r\n",
            "7 bytes, packed (br), which was not asked for; not read",
        ),
    ] {
        let answer = fetched(answering("200 OK", headers, "\u{1f}-body-"), json!({})).await;
        assert_eq!(answer["binary"], told);
        assert!(answer.get("body").is_none(), "{answer}");
    }
    let identity = answering(
        "200 OK",
        "content-type: text/plain\r\ncontent-encoding: Identity\r\n",
        "words",
    );
    assert_eq!(fetched(identity, json!({})).await["body"], "words");
    let nothing = answering("204 No Content", "content-type: image/png\r\n", "");
    assert_eq!(fetched(nothing, json!({})).await["body"], "");
    let head = "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 99\r\nconnection: close\r\n\r\n";
    assert_eq!(fetched(head, json!({"method": "HEAD"})).await["body"], "");
    let long = format!("etag: \"{}\"\r\n", "e".repeat(10_000));
    let answer = fetched(answering("200 OK", &long, "x"), json!({})).await;
    let etag = answer["etag"].as_str().unwrap();
    assert!(
        etag.len() <= MAX_FETCHED_HEADER_BYTES + 64 && etag.contains("bytes cut here"),
        "{etag}"
    );
}

#[tokio::test]
async fn a_body_without_end_is_left_alone() {
    // More than both ends of a connection hold between them: who is not left alone gets rid of all of it.
    const ENDLESS: usize = 256 * 1024 * 1024;
    for head in [
        "content-type: text/plain\r\n",
        "content-type: text/html\r\n",
        "content-type: application/zip\r\n",
        "content-type: text/html\r\ncontent-encoding: gzip\r\n",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await.unwrap();
            let head = format!("HTTP/1.1 200 OK\r\n{head}\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            let piece = vec![b'x'; 64 * 1024];
            let mut sent = 0;
            while sent < ENDLESS && stream.write_all(&piece).await.is_ok() {
                sent += piece.len();
            }
            sent
        });
        let url = format!("http://127.0.0.1:{port}/");
        let answer = fetch(&fetcher(port, vec![]), json!({ "url": url }))
            .await
            .unwrap();
        let text = answer["body"].as_str().map_or(0, str::len);
        assert!(text <= MAX_RESULT_BYTES + 64, "{text}");
        let sent = serving.await.unwrap();
        assert!(sent < ENDLESS, "{head}: {sent} bytes were taken");
    }
}

#[tokio::test]
async fn requests_that_cannot_be_sent_are_named() {
    let fetcher = fetcher(1, vec![]);
    let many: Map<String, Value> = (0..=MAX_FETCH_HEADERS)
        .map(|number| (format!("x-{number}"), json!("a")))
        .collect();
    for (asked, named) in [
        (json!({"method": "BREW"}), "`BREW`; there are GET"),
        (json!({"headers": {"a b": "c"}}), "`a b`"),
        (json!({"headers": {"a": "b\nc"}}), "in one line"),
        (json!({"headers": {"a": 1}}), "`a`"),
        (json!({"headers": {"Host": "localhost"}}), "`host` is set"),
        (json!({ "headers": many }), "at most 50"),
        (json!({"max_bytes": 0}), "1 to 2097152"),
        (json!({"max_bytes": MAX_FETCH_BYTES + 1}), "1 to 2097152"),
    ] {
        let mut all = json!({"url": "http://127.0.0.1:1/"});
        for (name, value) in asked.as_object().unwrap() {
            all[name] = value.clone();
        }
        let error = fetch(&fetcher, all).await.unwrap_err();
        assert!(error.message.contains(named), "{asked}: {error}");
    }
}
