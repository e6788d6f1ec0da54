//! The proxy between a client on pipes and servers that do as little as servers can.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, PipeReader, PipeWriter, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use mcp_proxy::{Ask, Client, Ended, MAX_FRAME_BYTES, Options, ProxyError, run_command, run_url};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// Writes down what it hears, and answers every request; leaves, dies or hangs when it is told to.
const SERVER: &str = r#"
while IFS= read -r line; do
  printf '%s\n' "$line" >> "$1"
  case $line in
    *'"leave"'*) exit 7 ;;
    *'"die"'*) kill -9 $$ ;;
    *'"hang"'*) sleep 600 ;;
  esac
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  [ -n "$id" ] && printf '{"jsonrpc":"2.0",  "id":%s,"result":{"content":[]}}\n' "$id"
done
printf 'gone\n' >> "$1"
"#;

/// Refuses the tool `rm`.
fn conscience() -> (Ask, Arc<Mutex<Vec<Value>>>) {
    let heard: Arc<Mutex<Vec<Value>>> = Arc::default();
    let kept = heard.clone();
    let ask: Ask = Arc::new(move |line: &str| {
        let event: Value = serde_json::from_str(line).expect("the test's own end");
        let refused = event["hook"] == "before" && event["tool"] == "rm";
        kept.lock().expect("the test's own end").push(event);
        if refused {
            json!({"decision": "deny", "reason": "No."}).to_string()
        } else {
            "{}".to_owned()
        }
    });
    (ask, heard)
}

fn options() -> Options {
    Options {
        name: Some("tiny".to_owned()),
        session_id: "s".to_owned(),
    }
}

/// The client's ends of the pipes.
struct Talk {
    say: PipeWriter,
    hear: BufReader<PipeReader>,
}

fn talk() -> (Talk, Client) {
    let (input, say) = std::io::pipe().expect("the test's own end");
    let (hear, output) = std::io::pipe().expect("the test's own end");
    let client = Client {
        input: input.into(),
        output: output.into(),
    };
    let hear = BufReader::new(hear);
    (Talk { say, hear }, client)
}

impl Talk {
    fn say(&mut self, text: &str) {
        self.say
            .write_all(text.as_bytes())
            .expect("the test's own end");
        self.say.write_all(b"\n").expect("the test's own end");
    }

    fn call(&mut self, id: u32, tool: &str) {
        self.say(&format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}"}}}}"#
        ));
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.hear.read_line(&mut line).expect("the test's own end");
        line
    }
}

type Running = JoinHandle<Result<Ended, ProxyError>>;

fn start(log: &Path, ask: Ask) -> (Talk, Running) {
    let (talk, client) = talk();
    let command: Vec<OsString> = ["sh", "-c", SERVER, "server"]
        .map(OsString::from)
        .into_iter()
        .chain([log.into()])
        .collect();
    let running = tokio::spawn(async move { run_command(&command, client, ask, &options()).await });
    (talk, running)
}

async fn status(running: Running) -> std::process::ExitStatus {
    match running
        .await
        .expect("the test's own end")
        .expect("the test's own end")
    {
        Ended::Server(status) => status,
        Ended::Client => panic!("there was a server"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_hears_what_is_allowed_and_ends_with_its_client() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let (ask, heard) = conscience();
    let (mut talk, running) = start(&log, ask);
    let list = r#"{"jsonrpc":"2.0",   "id":1,"method":"tools/list"}"#;
    talk.say(list);
    assert_eq!(
        talk.hear(),
        "{\"jsonrpc\":\"2.0\",  \"id\":1,\"result\":{\"content\":[]}}\n"
    );
    talk.call(2, "rm");
    let refused: Value = serde_json::from_str(&talk.hear()).unwrap();
    assert_eq!(
        (&refused["id"], &refused["result"]["isError"]),
        (&json!(2), &json!(true))
    );
    talk.call(3, "read");
    assert!(talk.hear().contains("\"id\":3"));
    drop(talk.say);
    assert_eq!(status(running).await.code(), Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    assert_eq!(log.lines().next(), Some(list));
    assert!(
        !log.contains("\"rm\"") && log.contains("\"read\"") && log.ends_with("gone\n"),
        "{log}"
    );
    let heard = heard.lock().unwrap();
    let hooks: Vec<_> = heard
        .iter()
        .map(|event| event["hook"].as_str().unwrap())
        .collect();
    assert_eq!(hooks, ["before", "before", "after", "session"]);
    assert_eq!(heard[2]["server"], "tiny");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_server_is_passed_on() {
    let dir = tempfile::tempdir().unwrap();
    for (tool, code, signal) in [("leave", Some(7), None), ("die", None, Some(9))] {
        let (mut talk, running) = start(&dir.path().join(tool), conscience().0);
        talk.call(1, tool);
        let ended = status(running).await;
        assert_eq!((ended.code(), ended.signal()), (code, signal));
        assert_eq!(talk.hear(), "", "the client sees the end");
    }
    let (_, client) = talk();
    let none = run_command(
        &["/nonexistent/server".into()],
        client,
        conscience().0,
        &options(),
    )
    .await;
    assert!(
        none.unwrap_err()
            .to_string()
            .contains("/nonexistent/server")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_ended_with_all_that_it_started() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let (mut talk, running) = start(&log, conscience().0);
    talk.call(1, "hang");
    // It has heard of it, so it sleeps or is about to.
    while !std::fs::read_to_string(&log).is_ok_and(|log| log.contains("hang")) {
        tokio::task::yield_now().await;
    }
    let Talk { say, mut hear } = talk;
    drop(say);
    assert_eq!(status(running).await.signal(), Some(15));
    // Its `sleep` held the same pipe: an end of it means that nobody is left.
    let mut rest = String::new();
    hear.read_line(&mut rest).unwrap();
    assert_eq!(rest, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_long_is_answered_and_the_next_one_is_heard() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let (mut talk, running) = start(&log, conscience().0);
    talk.say(&"x".repeat(MAX_FRAME_BYTES + 1));
    assert!(talk.hear().contains("longer than 33554432 bytes"));
    talk.call(4, "read");
    assert!(talk.hear().contains("\"id\":4"));
    drop(talk.say);
    status(running).await;
    assert!(!std::fs::read_to_string(log).unwrap().contains("xx"));
}

mod http {
    use axum::Router;
    use axum::body::Bytes;
    use axum::extract::State;
    use axum::http::{HeaderMap, Method, StatusCode};
    use axum::response::{IntoResponse as _, Response};
    use axum::routing::any;

    use super::*;

    type Seen = Arc<Mutex<Vec<String>>>;

    async fn serve(
        State(seen): State<Seen>,
        method: Method,
        headers: HeaderMap,
        body: Bytes,
    ) -> Response {
        let header = |name: &str| {
            headers
                .get(name)
                .map_or("-", |value| value.to_str().expect("the test's own end"))
                .to_owned()
        };
        let body = String::from_utf8(body.to_vec()).expect("the test's own end");
        let (session, version, key) = (
            header("mcp-session-id"),
            header("mcp-protocol-version"),
            header("x-key"),
        );
        seen.lock()
            .expect("the test's own end")
            .push(format!("{method} {session} {version} {key} {body}"));
        let sse = [("content-type", "text/event-stream")];
        if method == Method::GET {
            return (
                sse,
                "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n\n",
            )
                .into_response();
        }
        let message: Value = serde_json::from_str(&body).unwrap_or_default();
        let id = &message["id"];
        match message["method"].as_str() {
            Some("initialize") => {
                let result =
                    json!({"protocolVersion": "2025-06-18", "serverInfo": {"name": "far"}});
                let answer = json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string();
                (
                    [
                        ("content-type", "application/json"),
                        ("mcp-session-id", "abc"),
                    ],
                    answer,
                )
                    .into_response()
            }
            Some("tools/call") => {
                let text = format!(
                    "event: message\ndata: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}}\n\ndata: {{\"jsonrpc\":\"2.0\",\"id\":{id},\ndata: \"result\":{{\"isError\":true}}}}\n\n"
                );
                (sse, text).into_response()
            }
            Some("broken") => (StatusCode::BAD_GATEWAY, "no").into_response(),
            _ => StatusCode::ACCEPTED.into_response(),
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_at_an_address_is_spoken_to_in_its_session() {
        let seen = Seen::default();
        let app = Router::new()
            .route("/mcp", any(serve))
            .with_state(seen.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let served = tokio::spawn(async move { axum::serve(listener, app).await });
        let (ask, heard) = conscience();
        let (mut talk, client) = talk();
        let headers = [("X-Key".to_owned(), "k".to_owned())];
        let options = Options {
            name: None,
            ..options()
        };
        let running =
            tokio::spawn(async move { run_url(&url, &headers, client, ask, &options).await });
        talk.say(r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}"#);
        assert!(talk.hear().contains("2025-06-18"));
        assert!(
            talk.hear().contains("notifications/x"),
            "what it says by itself"
        );
        talk.call(1, "read");
        assert!(talk.hear().contains("notifications/progress"));
        assert_eq!(
            talk.hear(),
            "{\"jsonrpc\":\"2.0\",\"id\":1, \"result\":{\"isError\":true}}\n"
        );
        talk.call(2, "rm");
        assert!(talk.hear().contains("smoltbot refused this call"));
        talk.say(r#"{"jsonrpc":"2.0","id":3,"method":"broken"}"#);
        assert!(talk.hear().contains("the server answered 502"));
        drop(talk.say);
        assert!(matches!(running.await.unwrap().unwrap(), Ended::Client));
        served.abort();
        let seen = seen.lock().unwrap();
        assert!(seen[0].starts_with("POST - - k "), "{seen:?}");
        assert!(
            seen.iter()
                .any(|line| line.starts_with("GET abc 2025-06-18 k")),
            "{seen:?}"
        );
        assert!(
            seen.iter()
                .any(|line| line.starts_with("POST abc 2025-06-18 k ")
                    && line.contains("tools/call"))
        );
        assert!(seen.last().unwrap().starts_with("DELETE abc"), "{seen:?}");
        assert!(!seen.iter().any(|line| line.contains("\"rm\"")));
        let heard = heard.lock().unwrap();
        let after = heard.iter().find(|event| event["hook"] == "after").unwrap();
        assert_eq!(
            (&after["server"], &after["result"]["isError"]),
            (&json!("far"), &json!(true))
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_that_is_not_there_is_told_to_whoever_asks() {
        let (mut talk, client) = talk();
        let running = tokio::spawn(async move {
            run_url(
                "http://127.0.0.1:1/mcp",
                &[],
                client,
                conscience().0,
                &options(),
            )
            .await
        });
        talk.say(r#"{"jsonrpc":"2.0","id":9,"method":"tools/list"}"#);
        let answer: Value = serde_json::from_str(&talk.hear()).unwrap();
        assert_eq!(answer["id"], 9);
        assert!(
            answer["error"]["message"]
                .as_str()
                .unwrap()
                .contains("cannot be reached")
        );
        drop(talk.say);
        running.await.unwrap().unwrap();
        let (_, client) = super::talk();
        let none = run_url("ftp://x", &[], client, conscience().0, &options()).await;
        assert!(
            none.unwrap_err()
                .to_string()
                .contains("neither http nor https")
        );
    }
}
