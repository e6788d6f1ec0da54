//! MCP servers on the web: a real HTTP server that speaks Streamable HTTP as its specification has it, with sessions and in both
//! forms of answers, and everything that can be wrong with one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aap::OutcomeKind;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use futures_util::StreamExt as _;
use gateway::limits::MAX_MCP_LINE_BYTES;
use gateway::tools::McpServer;
use model_upstream::{Answer, Asked as Sent};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::house::House;
use crate::talking::{Talking, of};

const KEY: &str = "Bearer hunter2-hunter2";

/// A server, what it was asked, and what it does.
#[derive(Default)]
struct Server {
    asked: Mutex<Vec<(Method, Value)>>,
    /// How many sessions it began.
    sessions: AtomicUsize,
    /// It answers in streams of events.
    streams: bool,
}

struct Running {
    url: String,
    server: Arc<Server>,
    serving: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn run(streams: bool) -> Running {
    let server = Arc::new(Server {
        streams,
        ..Server::default()
    });
    let router = Router::new()
        .route("/mcp", any(speak))
        .with_state(Arc::clone(&server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Running {
        url,
        server,
        serving,
    }
}

impl Server {
    fn session(&self) -> String {
        format!("s{}", self.sessions.load(Ordering::Relaxed))
    }

    /// The calls of tools that came.
    fn called(&self) -> Vec<Value> {
        let asked = self.asked.lock().unwrap();
        let calls = asked
            .iter()
            .filter(|(_, body)| body["method"] == "tools/call");
        calls.map(|(_, body)| body["params"].clone()).collect()
    }

    fn result(body: &Value) -> Option<Value> {
        let text = |text: &str| json!({"content": [{"type": "text", "text": text}]});
        Some(match body["method"].as_str()? {
            "initialize" => json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                "serverInfo": {"name": "t", "version": "1"}}),
            "tools/list" => {
                let tool = |name: &str| json!({"name": name, "description": "does it", "inputSchema": {"type": "object"}});
                let names = ["echo", "large", "cut", "forget", "rubbish", "busy", "moved"];
                json!({ "tools": names.map(tool) })
            }
            "tools/call" => match body["params"]["name"].as_str()? {
                "large" => text(&"x".repeat(MAX_MCP_LINE_BYTES)),
                _ => text(
                    body["params"]["arguments"]["text"]
                        .as_str()
                        .unwrap_or_default(),
                ),
            },
            _ => return None,
        })
    }
}

async fn speak(
    State(server): State<Arc<Server>>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name: &str| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    if header("authorization").as_deref() != Some(KEY) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    server
        .asked
        .lock()
        .unwrap()
        .push((method.clone(), body.clone()));
    if method != Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    assert!(header("accept").unwrap().contains("text/event-stream"));
    if body["method"] == "initialize" {
        server.sessions.fetch_add(1, Ordering::Relaxed);
    } else {
        if header("mcp-session-id") != Some(server.session()) {
            return StatusCode::NOT_FOUND.into_response();
        }
        assert_eq!(
            header("mcp-protocol-version").as_deref(),
            Some("2025-06-18")
        );
    }
    let Some(result) = Server::result(&body) else {
        return StatusCode::ACCEPTED.into_response();
    };
    match body["params"]["name"].as_str() {
        Some("cut") => {
            let cut = futures_util::stream::iter([
                Ok(Bytes::from("data: {\"jsonrpc\"")),
                Err(std::io::Error::other("cut")),
            ]);
            return (
                [("content-type", "text/event-stream")],
                Body::from_stream(cut),
            )
                .into_response();
        }
        Some("forget") if server.sessions.load(Ordering::Relaxed) == 1 => {
            // It was started anew meanwhile, and knows nobody.
            server.sessions.store(100, Ordering::Relaxed);
            return StatusCode::NOT_FOUND.into_response();
        }
        Some("rubbish") => {
            return ([("content-type", "text/html")], "<h1>Hello</h1>").into_response();
        }
        Some("busy") => {
            return (StatusCode::SERVICE_UNAVAILABLE, "come back later").into_response();
        }
        Some("moved") => {
            return (StatusCode::FOUND, [("location", "http://127.0.0.1:1/")]).into_response();
        }
        _ => {}
    }
    let answer = json!({"jsonrpc": "2.0", "id": body["id"], "result": result}).to_string();
    let session = [("mcp-session-id", server.session())];
    if server.streams {
        // A sign of life, news, and the answer, cut anywhere.
        let news = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}"#;
        let text = format!(": alive\n\ndata: {news}\n\nevent: message\ndata: {answer}\n\n");
        let pieces: Vec<_> = text
            .into_bytes()
            .chunks(64 * 1024 + 7)
            .map(Bytes::copy_from_slice)
            .collect();
        let stream = futures_util::stream::iter(pieces).map(Ok::<_, std::io::Error>);
        return (
            session,
            [("content-type", "text/event-stream")],
            Body::from_stream(stream),
        )
            .into_response();
    }
    (session, [("content-type", "application/json")], answer).into_response()
}

fn server(url: &str, key: &str) -> McpServer {
    let headers = BTreeMap::from([("Authorization".to_owned(), key.to_owned())]);
    McpServer::at("web", url, &headers).unwrap()
}

async fn house(url: &str) -> House {
    House::with(|options| options.tools.mcp_servers = vec![server(url, KEY)]).await
}

fn error(answer: &Value) -> &str {
    assert_eq!(answer["kind"], "failure", "{answer}");
    answer["error"].as_str().unwrap()
}

#[tokio::test]
async fn its_tools_are_called_judged_and_traced_in_both_forms_of_answers() {
    for streams in [false, true] {
        let running = run(streams).await;
        let mut house = house(&running.url).await;
        let answer = house.run("mcp__web__echo", json!({"text": "hello"})).await;
        assert_eq!(answer["result"], json!({"text": "hello"}), "{answer}");
        let (call, _, outcome) = house.ended().await;
        assert_eq!(
            (call.tool.as_str(), outcome.kind),
            ("mcp__web__echo", OutcomeKind::Completed)
        );
        let refused = house
            .run("mcp__web__echo", json!({"text": "forbidden"}))
            .await;
        assert_eq!(refused["kind"], "refusal", "{refused}");
        let called = running.server.called();
        assert_eq!(
            called.len(),
            1,
            "what is refused never reaches it: {called:?}"
        );
        assert_eq!(called[0]["arguments"], json!({"text": "hello"}));
        let answer = house.run("mcp__web__large", json!({})).await;
        assert!(error(&answer).contains("`web`"), "{answer}");
        let answer = house.run("mcp__web__echo", json!({"text": "still"})).await;
        assert_eq!(answer["result"]["text"], "still", "{answer}");
    }
}

#[tokio::test]
async fn a_model_is_told_of_its_tools_and_calls_them() {
    let running = run(true).await;
    let url = running.url.clone();
    let respond = |asked: &Sent| match asked.number {
        0 => Answer::new()
            .call("mcp__web__echo", json!({"text": "from the model"}))
            .call("mcp__web__echo", json!({"text": "forbidden"})),
        _ => Answer::text("Done."),
    };
    let talking = Talking::with(respond, |options| {
        options.tools.mcp_servers = vec![server(&url, KEY)];
    })
    .await;
    let lines = talking.lines("web:a", "Echo something.").await;
    let kinds: Vec<_> = of(&lines, "called")
        .iter()
        .map(|line| line["kind"].clone())
        .collect();
    assert!(
        kinds.contains(&json!("result")) && kinds.contains(&json!("refusal")),
        "{kinds:?}"
    );
    let requests = talking.upstream.requests();
    let tools = requests[0].body["tools"].to_string();
    assert!(
        tools.contains("mcp__web__echo"),
        "the first message already has them: {tools}"
    );
    let told = requests[1].body["messages"].to_string();
    assert!(
        told.contains("text: from the model") && told.contains("The conscience refused"),
        "{told}"
    );
    assert_eq!(running.server.called().len(), 1);
}

#[tokio::test]
async fn what_goes_wrong_is_told_and_the_next_call_works() {
    let running = run(false).await;
    let house = house(&running.url).await;
    for (tool, told) in [
        ("cut", "the MCP server `web`"),
        ("rubbish", "text/html"),
        (
            "busy",
            "it answered 503 Service Unavailable: come back later",
        ),
        ("moved", "302 Found, as if it were elsewhere"),
    ] {
        let answer = house.run(&format!("mcp__web__{tool}"), json!({})).await;
        assert!(error(&answer).contains(told), "{tool}: {answer}");
        let answer = house.run("mcp__web__echo", json!({"text": tool})).await;
        assert_eq!(answer["result"]["text"], tool, "{answer}");
    }
}

#[tokio::test]
async fn one_that_has_forgotten_its_session_is_greeted_anew() {
    let running = run(false).await;
    let house = house(&running.url).await;
    let answer = house
        .run("mcp__web__forget", json!({"text": "again"}))
        .await;
    assert_eq!(answer["result"]["text"], "again", "{answer}");
    assert_eq!(running.server.session(), "s101");
}

#[tokio::test]
async fn a_key_that_is_wrong_is_told_without_it() {
    let running = run(false).await;
    let wrong = server(&running.url, "Bearer a-wrong-secret");
    let house = House::with(|options| options.tools.mcp_servers = vec![wrong]).await;
    let answer = house.run("mcp__web__echo", json!({})).await;
    let told = error(&answer);
    assert!(
        told.contains("does not let us in (401 Unauthorized): check the headers"),
        "{told}"
    );
    assert!(!told.contains("secret"), "{told}");
}

#[tokio::test]
async fn one_that_dies_is_told_and_found_again() {
    let running = run(false).await;
    let address = running
        .url
        .trim_start_matches("http://")
        .trim_end_matches("/mcp")
        .to_owned();
    let house = house(&running.url).await;
    let answer = house.run("mcp__web__echo", json!({"text": "alive"})).await;
    assert_eq!(answer["result"]["text"], "alive", "{answer}");
    running.serving.abort();
    // Its open connection serves one more request at most.
    let told = loop {
        let answer = house.run("mcp__web__echo", json!({"text": "dead"})).await;
        if answer["kind"] == "failure" && error(&answer).contains("cannot be reached") {
            break error(&answer).to_owned();
        }
    };
    assert!(told.contains("the MCP server `web`"), "{told}");
    let answer = house.run("list_files", json!({})).await;
    assert_eq!(answer["kind"], "result", "everything else works");

    let router = Router::new()
        .route("/mcp", any(speak))
        .with_state(Arc::new(Server::default()));
    let listener = TcpListener::bind(address).await.unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let answer = loop {
        let answer = house.run("mcp__web__echo", json!({"text": "back"})).await;
        if answer["kind"] == "result" {
            break answer;
        }
    };
    assert_eq!(answer["result"]["text"], "back");
    serving.abort();
}

#[tokio::test]
async fn one_that_accepts_and_says_nothing_is_told_when_its_time_is_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut silent = server(&format!("http://{}/", listener.local_addr().unwrap()), KEY);
    silent.start_within = Duration::from_millis(50);
    let house = House::with(|options| options.tools.mcp_servers = vec![silent]).await;
    let answer = house.run("mcp__web__echo", json!({})).await;
    assert!(error(&answer).contains("`web` is not running"), "{answer}");
    let answer = house.run("list_files", json!({})).await;
    assert_eq!(answer["kind"], "result");
}
