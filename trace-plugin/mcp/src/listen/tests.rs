//! Times and sizes, other than what they are.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::streams::{Requests, Streams};
use super::*;

const SHORT: Duration = Duration::from_millis(50);

/// Answers `initialize`, and nothing else.
const SERVER: &str = r#"
while IFS= read -r line; do
  case $line in
    *'"initialize"'*) echo '{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18"}}' ;;
  esac
done
"#;

struct Proxy {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), ProxyError>>,
}

async fn proxy(limits: Limits) -> Proxy {
    let listen = Listen {
        address: ([127, 0, 0, 1], 0).into(),
        token: None,
    };
    let listener = bind(&listen).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let until = async {
        let _ = stopped.await;
    };
    let server = Server::Command(["sh", "-c", SERVER].map(OsString::from).into());
    let options = || Options {
        name: None,
        session_id: "s".to_owned(),
    };
    let ask: Ask = Arc::new(|_| "{}".to_owned());
    let running = tokio::spawn(serve_within(
        listener, None, server, ask, options, until, limits,
    ));
    Proxy {
        address,
        stop,
        running,
    }
}

impl Proxy {
    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn post(&self, session: &str, body: &str) -> TcpStream {
        self.send(&format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\n{session}Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await
    }

    async fn begin(&self) -> String {
        let mut stream = self
            .post(
                "Connection: close\r\n",
                r#"{"jsonrpc":"2.0","id":0,"method":"initialize"}"#,
            )
            .await;
        let answer = rest(&mut stream).await;
        let session = answer
            .lines()
            .find(|line| line.starts_with("mcp-session-id"));
        format!("{}\r\n", session.unwrap())
    }

    async fn end(self) {
        drop(self.stop);
        self.running.await.unwrap().unwrap();
    }
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

async fn until(stream: &mut TcpStream, text: &str) -> String {
    let mut read = String::new();
    while !read.contains(text) {
        let mut bytes = [0; 1024];
        let count = stream.read(&mut bytes).await.unwrap();
        assert!(count > 0, "it ended after {read}");
        read += std::str::from_utf8(&bytes[..count]).unwrap();
    }
    read
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_takes_long_comes_as_a_stream_that_says_that_it_is_there() {
    let limits = Limits {
        streams_after: SHORT,
        says_every: SHORT,
        ..Limits::default()
    };
    let proxy = proxy(limits).await;
    let session = proxy.begin().await;
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let mut stream = proxy.post(&session, list).await;
    let head = until(&mut stream, "\r\n\r\n").await;
    assert!(head.contains("text/event-stream"), "{head}");
    until(&mut stream, "\n:\n\n").await;
    proxy.end().await;
    assert!(rest(&mut stream).await.contains("the session was ended"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_rests_loses_its_session_and_one_that_waits_does_not() {
    let limits = Limits {
        rest: SHORT,
        ..Limits::default()
    };
    let proxy = proxy(limits).await;
    let (rests, waits) = (proxy.begin().await, proxy.begin().await);
    let get = |session: &str, more: &str| {
        format!(
            "GET /mcp HTTP/1.1\r\nHost: localhost\r\n{session}{more}Accept: text/event-stream\r\n\r\n"
        )
    };
    // It may have rested too long already: then it begins anew.
    let mut listens = proxy.send(&get(&waits, "")).await;
    let mut head = until(&mut listens, "\r\n\r\n").await;
    while !head.starts_with("HTTP/1.1 200") {
        let again = proxy.begin().await;
        listens = proxy.send(&get(&again, "")).await;
        head = until(&mut listens, "\r\n\r\n").await;
    }
    loop {
        let mut gone = proxy.send(&get(&rests, "Connection: close\r\n")).await;
        if until(&mut gone, "\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 404")
        {
            break;
        }
        drop(gone);
        tokio::time::sleep(2 * SHORT).await;
    }
    let mut bytes = [0];
    let waited = timeout(4 * SHORT, listens.read(&mut bytes)).await;
    assert!(waited.is_err(), "it is still open");
    proxy.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_do_not_come_are_not_waited_for() {
    let limits = Limits {
        headers: SHORT,
        body: SHORT,
        connections: 1,
        ..Limits::default()
    };
    let proxy = proxy(limits).await;
    let mut slow = proxy.send("POST /mcp HTTP/1.1\r\nHost: lo").await;
    // One connection at a time: this one waits for the other's end.
    let mut body = proxy.send("POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{").await;
    let ended = rest(&mut slow).await;
    assert!(
        ended.is_empty() || ended.starts_with("HTTP/1.1 408"),
        "{ended}"
    );
    assert!(rest(&mut body).await.starts_with("HTTP/1.1 408"));
    proxy.end().await;
}

fn streams(limits: Limits) -> Streams {
    Streams::new(limits)
}

fn text(id: u32) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/list"}).to_string()
}

#[tokio::test]
async fn open_requests_are_bounded() {
    let streams = streams(Limits {
        requests: 2,
        ..Limits::default()
    });
    let one = streams.post(Requests::read(&text(1)), true).unwrap();
    let _two = streams.post(Requests::read(&text(2)), true).unwrap();
    let full = streams.post(Requests::read(&text(3)), true).unwrap_err();
    assert!(full.starts_with("2 requests are open"), "{full}");
    let answer = br#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    assert!(streams.say(answer, None).await.is_empty());
    let mut one = one;
    assert!(one.messages.recv().await.unwrap().last);
    streams.post(Requests::read(&text(3)), true).unwrap();
}

#[tokio::test]
async fn what_a_server_says_waits_for_a_stream_and_no_longer_than_there_is_room() {
    let asks =
        |id: u32| format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}").into_bytes();
    let size = asks(1).len();
    for (waiting, waiting_bytes) in [(2, usize::MAX), (usize::MAX, 2 * size)] {
        let streams = streams(Limits {
            waiting,
            waiting_bytes,
            ..Limits::default()
        });
        assert!(streams.say(&asks(1), None).await.is_empty());
        assert!(streams.say(&asks(2), None).await.is_empty());
        let unheard = streams.say(&asks(3), None).await.concat();
        let unheard: Value = serde_json::from_slice(&unheard).unwrap();
        assert_eq!(
            (&unheard["id"], &unheard["error"]["code"]),
            (&json!(3), &json!(-32000))
        );
        let opened = streams.listen().unwrap();
        assert_eq!(opened.waited, [asks(1), asks(2)]);
        assert!(streams.listen().is_none(), "there is one already");
        drop(opened);
        assert!(streams.listen().unwrap().waited.is_empty());
    }
}

#[tokio::test]
async fn a_stream_that_is_not_read_ends_and_holds_nobody_up() {
    let streams = streams(Limits {
        stall: SHORT,
        ..Limits::default()
    });
    let mut opened = streams.listen().unwrap();
    for _ in 0..100 {
        let told = br#"{"jsonrpc":"2.0","method":"notifications/x"}"#;
        streams.say(told, None).await;
    }
    let mut count = 0;
    while opened.messages.recv().await.is_some() {
        count += 1;
    }
    assert_eq!(count, 16, "as many as one stream holds, then it was ended");
    assert_eq!(streams.listen().unwrap().waited.len(), 100 - 16);
}
