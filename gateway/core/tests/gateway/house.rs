//! A running gateway with a recording hook behind its Gate.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aap::gate::{Judging, Recording as Recorded};
use aap::{ApprovalStatus, Decision, Gate, Hook, Judged, Outcome, ToolCall, TraceId, Verdict};
use gateway::{Options, ServeError, serve};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const TOKEN: &str = "a-token-that-is-long-enough";
pub(crate) const DASHBOARD: &str = "http://127.0.0.1:8787";

/// A call that ended, as the hook was told.
pub(crate) type Ended = (ToolCall, Judged, Outcome);
type WhileJudging = Box<dyn Fn(&ToolCall) + Send + Sync>;

/// Denies what holds `forbidden`, asks about what holds `ticklish`, and writes everything down.
pub(crate) struct Recording {
    judged: Mutex<Vec<ToolCall>>,
    ended: mpsc::UnboundedSender<Ended>,
    while_judging: Mutex<Option<WhileJudging>>,
    declined: Mutex<Vec<ApprovalStatus>>,
}

impl Hook for Recording {
    fn before<'a>(&'a self, call: &'a ToolCall) -> Judging<'a> {
        if let Some(act) = &*self.while_judging.lock().unwrap() {
            act(call);
        }
        let mut judged = self.judged.lock().unwrap();
        judged.push(call.clone());
        let number = u8::try_from(judged.len() % 256).unwrap();
        let text = call.params.to_string();
        let mut verdict = Verdict::allow("nothing objects");
        if text.contains("forbidden") || text.contains("ticklish") {
            verdict = Verdict {
                decision: if text.contains("ticklish") {
                    Decision::Ask
                } else {
                    Decision::Deny
                },
                reason: "It would do harm".to_owned(),
                values_violated: vec!["harm_prevention".to_owned()],
                rule_id: Some("test.harm".to_owned()),
                advice: Some("Do something else".to_owned()),
                effects: vec!["delete:/".to_owned()],
                exception: None,
            };
        }
        Box::pin(std::future::ready(Judged {
            trace_id: TraceId::from_bytes([number; 16]),
            verdict,
            approval: None,
        }))
    }

    fn consider<'a>(&'a self, call: &'a ToolCall) -> Judging<'a> {
        self.before(call)
    }

    fn approved<'a>(&'a self, _call: &'a ToolCall, _judged: &'a Judged) -> Recorded<'a> {
        Box::pin(std::future::ready(()))
    }

    fn declined<'a>(&'a self, _call: &'a ToolCall, judged: &'a Judged) -> Recorded<'a> {
        let status = judged.approval.as_ref().unwrap().status;
        self.declined.lock().unwrap().push(status);
        Box::pin(std::future::ready(()))
    }

    fn after(&self, call: ToolCall, judged: Judged, outcome: Outcome) {
        let _ = self.ended.send((call, judged, outcome));
    }
}

pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) workspace: TempDir,
    pub(crate) client: reqwest::Client,
    pub(crate) shutdown: CancellationToken,
    pub(crate) serving: JoinHandle<Result<(), ServeError>>,
    hook: Arc<Recording>,
    ended: mpsc::UnboundedReceiver<Ended>,
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let workspace = tempfile::tempdir().unwrap();
        let mut options = Options::new(TOKEN, workspace.path(), DASHBOARD);
        change(&mut options);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, ended) = mpsc::unbounded_channel();
        let hook = Arc::new(Recording {
            judged: Mutex::default(),
            ended: sender,
            while_judging: Mutex::default(),
            declined: Mutex::default(),
        });
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(serve(
            listener,
            Gate::new(hook.clone()),
            options,
            shutdown.clone(),
        ));
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(Duration::from_mins(1))
            .build()
            .unwrap();
        Self {
            address,
            workspace,
            client,
            shutdown,
            serving,
            hook,
            ended,
        }
    }

    /// The canonical path of the workspace.
    pub(crate) fn root(&self) -> std::path::PathBuf {
        self.workspace.path().canonicalize().unwrap()
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> std::path::PathBuf {
        self.root().join(name)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn judged(&self) -> Vec<ToolCall> {
        self.hook.judged.lock().unwrap().clone()
    }

    /// What came of the questions that were not granted.
    pub(crate) fn declined(&self) -> Vec<ApprovalStatus> {
        self.hook.declined.lock().unwrap().clone()
    }

    /// The next call that ended.
    pub(crate) async fn ended(&mut self) -> Ended {
        self.ended.recv().await.unwrap()
    }

    pub(crate) fn nothing_ended(&mut self) -> bool {
        self.ended.try_recv().is_err()
    }

    pub(crate) fn while_judging(&self, act: impl Fn(&ToolCall) + Send + Sync + 'static) {
        *self.hook.while_judging.lock().unwrap() = Some(Box::new(act));
    }

    /// A message with the token, ready to be sent.
    pub(crate) fn message(&self, message: &str) -> reqwest::RequestBuilder {
        self.client
            .post(self.url("/api/chat"))
            .bearer_auth(TOKEN)
            .header("content-type", "application/json")
            .body(json!({ "message": message }).to_string())
    }

    /// The answer to a message.
    pub(crate) async fn say(&self, message: &str) -> Value {
        let response = self.message(message).send().await.unwrap();
        assert_eq!(response.status(), 200);
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }

    pub(crate) async fn run(&self, tool: &str, params: Value) -> Value {
        self.say(&format!("/run {tool} {params}")).await
    }

    /// Starts a call and returns its stream once the tool runs.
    pub(crate) async fn start(&self, tool: &str, params: Value) -> reqwest::Response {
        let mut response = self
            .message(&format!("/run {tool} {params}"))
            .header("accept", "application/x-ndjson")
            .send()
            .await
            .unwrap();
        let mut seen = String::new();
        while !seen.contains(r#""event":"running""#) {
            let chunk = response.chunk().await.unwrap().expect("it runs");
            seen += std::str::from_utf8(&chunk).unwrap();
        }
        response
    }

    /// Makes a named pipe in the workspace: who reads it learns when its last writer is gone.
    pub(crate) fn pipe(&self, name: &str) -> std::path::PathBuf {
        let path = self.path(name);
        let made = std::process::Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap();
        assert!(made.success());
        path
    }
}

/// A named pipe, opened for reading: ready once a command has opened it for writing.
pub(crate) fn opened(pipe: std::path::PathBuf) -> JoinHandle<std::fs::File> {
    tokio::task::spawn_blocking(move || std::fs::File::open(pipe).unwrap())
}

/// Waits until the last writer of a named pipe is gone.
pub(crate) async fn closed(pipe: std::fs::File) {
    tokio::task::spawn_blocking(move || std::io::read_to_string(pipe).unwrap())
        .await
        .unwrap();
}
