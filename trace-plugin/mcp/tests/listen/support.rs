//! A proxy, its server, and a client that reads streams.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use mcp_proxy::{Ask, Listen, Options, ProxyError, Server, bind, serve};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Notes what it hears, says who it is, and does what the tool's name tells it.
pub(crate) const SERVER: &str = r#"
note() { printf '%s\n' "$1" >> "$LOG"; }
say() { printf '%s\n' "$1"; }
note "started $$"
while IFS= read -r line; do
  note "$line"
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\("[^"]*"\|[0-9]*\).*/\1/p')
  case $line in
    *'"initialize"'*) say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{\"protocolVersion\":\"2025-06-18\",\"serverInfo\":{\"name\":\"tiny\"}}}" ;;
    *'"progress"'*) say '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":1}}'
      say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{\"content\":[]}}" ;;
    *'"wonder"'*) asked=$id; say '{"jsonrpc":"2.0","id":"s1","method":"elicitation/create","params":{"message":"?"}}' ;;
    *'"s1"'*) say "{\"jsonrpc\":\"2.0\",\"id\":$asked,\"result\":{\"content\":[]}}" ;;
    *'"long"'*) head -c 33554433 /dev/zero | tr '\0' x; echo ;;
    *'"leave"'*) exit 7 ;;
    *'"hang"'*) ;;
    *) [ -n "$id" ] && say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{\"content\":[]}}" ;;
  esac
done
note "gone $$"
"#;

pub(crate) const BOTH: &str = "application/json, text/event-stream";

/// Refuses the tool `rm`, and asks about `ask`.
pub(crate) fn conscience() -> (Ask, Arc<Mutex<Vec<Value>>>) {
    let heard: Arc<Mutex<Vec<Value>>> = Arc::default();
    let kept = heard.clone();
    let ask: Ask = Arc::new(move |line: &str| {
        let event: Value = serde_json::from_str(line).expect("the test's own end");
        let before = event["hook"] == "before";
        let answer = match event["tool"].as_str() {
            Some("rm") if before => json!({"decision": "deny", "reason": "No."}),
            Some("ask") if before && event["can_ask"] == true => {
                json!({"decision": "ask", "reason": "Sure?"})
            }
            _ => json!({}),
        };
        kept.lock().expect("the test's own end").push(event);
        answer.to_string()
    });
    (ask, heard)
}

pub(crate) struct Proxy {
    pub(crate) url: String,
    pub(crate) client: Client,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) running: JoinHandle<Result<(), ProxyError>>,
    pub(crate) heard: Arc<Mutex<Vec<Value>>>,
    log: PathBuf,
    _dir: tempfile::TempDir,
}

pub(crate) fn command(log: &Path) -> Server {
    let line = ["env", &format!("LOG={}", log.display()), "sh", "-c", SERVER];
    Server::Command(line.map(OsString::from).into())
}

pub(crate) async fn proxy(token: Option<&str>) -> Proxy {
    let dir = tempfile::tempdir().expect("the test's own end");
    let log = dir.path().join("log");
    let server = command(&log);
    proxy_to(server, token, dir).await
}

pub(crate) async fn proxy_to(server: Server, token: Option<&str>, dir: tempfile::TempDir) -> Proxy {
    let token = token.map(str::to_owned);
    let listen = Listen {
        address: ([127, 0, 0, 1], 0).into(),
        token: token.clone(),
    };
    let listener = bind(&listen).await.expect("the test's own end");
    let address = listener.local_addr().expect("the test's own end");
    let (stop, stopped) = oneshot::channel::<()>();
    let (ask, heard) = conscience();
    let made = AtomicU32::new(0);
    let options = move || Options {
        name: None,
        session_id: format!("s{}", made.fetch_add(1, Ordering::Relaxed)),
    };
    let until = async {
        let _ = stopped.await;
    };
    let running = tokio::spawn(serve(listener, token, server, ask, options, until));
    Proxy {
        url: format!("http://{address}/mcp"),
        client: Client::new(),
        stop: Some(stop),
        running,
        heard,
        log: dir.path().join("log"),
        _dir: dir,
    }
}

pub(crate) trait With {
    fn with(self, message: &Value) -> Self;
}

impl With for RequestBuilder {
    fn with(self, message: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(message.to_string())
    }
}

pub(crate) async fn read(answer: Response) -> Value {
    let text = answer.text().await.expect("the test's own end");
    serde_json::from_str(&text).expect("the test's own end")
}

pub(crate) fn call(id: u32, tool: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "_meta": {"progressToken": "t"}}})
}

impl Proxy {
    pub(crate) fn request(&self, method: Method, session: Option<&str>) -> RequestBuilder {
        let mut headers = HeaderMap::new();
        headers.insert("accept", HeaderValue::from_static(BOTH));
        if let Some(session) = session {
            let session = session.parse().expect("the test's own end");
            headers.insert("mcp-session-id", session);
        }
        self.client.request(method, &self.url).headers(headers)
    }

    pub(crate) async fn post(&self, session: Option<&str>, message: &Value) -> Response {
        let request = self.request(Method::POST, session).with(message);
        request.send().await.expect("the test's own end")
    }

    /// Says `initialize`, as a client that can ask its person; the session's name.
    pub(crate) async fn begin(&self) -> String {
        let params = json!({"protocolVersion": "2025-06-18", "capabilities": {"elicitation": {}}});
        let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let answer = self.post(None, &hello).await;
        assert_eq!(answer.status(), 200);
        let session = answer.headers()["mcp-session-id"].to_str();
        let session = session.expect("the test's own end").to_owned();
        let body = read(answer).await;
        assert_eq!(body["result"]["serverInfo"]["name"], "tiny");
        session
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) async fn logged(&self, text: &str) {
        while !self.log().contains(text) {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn end(&mut self) {
        drop(self.stop.take());
        let ended = (&mut self.running).await.expect("the test's own end");
        ended.expect("the test's own end");
    }

    pub(crate) fn hooks(&self, tool: &str) -> Vec<String> {
        let heard = self.heard.lock().expect("the test's own end");
        let own = heard.iter().filter(|event| event["tool"] == tool);
        own.map(|event| event["hook"].as_str().unwrap_or("-").to_owned())
            .collect()
    }
}

/// The messages of a stream, one after another.
pub(crate) struct Stream(Response, String);

impl Stream {
    pub(crate) fn of(response: Response) -> Self {
        let headers = response.headers();
        assert_eq!(
            (response.status().as_u16(), &headers["content-type"]),
            (200, &HeaderValue::from_static("text/event-stream"))
        );
        Self(response, String::new())
    }

    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.1.split_once("\n\n") {
                let data = event.lines().find_map(|line| line.strip_prefix("data: "));
                let data = data.map(|data| serde_json::from_str(data).expect("the test's own end"));
                self.1 = self.1.split_off(self.1.len() - rest.len());
                if data.is_some() {
                    return data;
                }
                continue;
            }
            let bytes = self.0.chunk().await.expect("the test's own end")?;
            self.1 += std::str::from_utf8(&bytes).expect("the test's own end");
        }
    }
}
