//! The real binary, in a home of its own, on ports of its own.
#![allow(dead_code, reason = "each test file uses its part of this")]
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// What `init` notes where it has installed a hook.
pub(crate) const INSTALLED: &str = r#"{"version":1,"agents":{"claude-code":{"installed_at":"2026-11-21T00:00:00Z","command":"smoltbot hook claude-code","program":"smoltbot","files":[]}}}"#;

/// A home for one agent.
pub(crate) struct Home {
    dir: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// `smoltbot` with nothing of the tester's own environment.
    pub(crate) fn smoltbot(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_smoltbot"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .env("SMOLTBOT_HOME", self.path())
            // Where other tests keep the machine busy, what is late would be refused.
            .env("SMOLTBOT_CONSCIENCE__BUDGET_MS", "30000")
            .env("SMOLTBOT_GATEWAY__LISTEN", "127.0.0.1:0")
            .env("SMOLTBOT_EDGE__LISTEN", "127.0.0.1:0");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.smoltbot(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    pub(crate) fn feed(&self, arguments: &[&str], input: &[u8]) -> Output {
        feed(self.smoltbot(arguments), input)
    }

    pub(crate) fn up(&self) -> Up {
        Up::start(self.smoltbot(&["up"]))
    }

    /// Every file of the home, for those who look for what must not be there.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut rest = vec![self.path()];
        while let Some(path) = rest.pop() {
            if path.is_dir() {
                rest.extend(
                    std::fs::read_dir(&path)
                        .unwrap()
                        .map(|entry| entry.unwrap().path()),
                );
            } else if path.is_file() {
                let bytes = std::fs::read(&path).unwrap();
                files.push((path, bytes));
            }
        }
        files
    }
}

pub(crate) fn feed(mut command: Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    match child.stdin.take().unwrap().write_all(input) {
        // It did not want to hear it, and has ended.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        written => written.unwrap(),
    }
    child.wait_with_output().unwrap()
}

/// `smoltbot up`, healthy.
pub(crate) struct Up {
    child: Child,
    pub(crate) edge: String,
    pub(crate) gateway: String,
    pub(crate) token: String,
    pub(crate) agent_id: String,
    /// What it has said until everything ran.
    pub(crate) said: Vec<String>,
}

impl Up {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut up = Self {
            child,
            edge: String::new(),
            gateway: String::new(),
            token: String::new(),
            agent_id: String::new(),
            said: Vec::new(),
        };
        while up.agent_id.is_empty() {
            let line = lines.next().expect("up prints its URLs").unwrap();
            let (role, rest) = line.split_once(' ').unwrap();
            match role {
                "edge" => up.edge = rest.trim().into(),
                "gateway" => {
                    let (url, token) = rest.trim().split_once("/?token=").unwrap();
                    (up.gateway, up.token) = (url.to_owned(), token.to_owned());
                }
                "dashboard" => up.agent_id = rest.rsplit('/').next().unwrap().into(),
                _ => {}
            }
            up.said.push(line);
        }
        up
    }

    /// The process that runs the roles.
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// As a crash would: no time for anything.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ctrl-C or SIGTERM; the exit code.
    pub(crate) fn stop(mut self, signal: nix::sys::signal::Signal) -> Option<i32> {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid()), signal).unwrap();
        self.child.wait().unwrap().code()
    }

    pub(crate) async fn get(&self, path: &str) -> String {
        let answer = reqwest::get(format!("{}{path}", self.edge)).await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.text().await.unwrap()
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path).await).unwrap()
    }

    /// This agent's traces, oldest first.
    pub(crate) async fn traces(&self) -> Vec<Value> {
        let listing = self
            .json(&format!("/v1/traces?limit=500&agent_id={}", self.agent_id))
            .await;
        let mut traces = listing["traces"].as_array().unwrap().clone();
        traces.reverse();
        traces
    }

    /// The same, once there are at least `count`.
    pub(crate) async fn traces_once(&self, count: usize) -> Vec<Value> {
        let began = Instant::now();
        loop {
            let traces = self.traces().await;
            if traces.len() >= count {
                return traces;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "only {} of {count} traces arrived",
                traces.len()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // A test that failed leaves nothing running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The recorded events of a real `OpenClaw`, file by file.
pub(crate) fn openclaw_fixtures() -> Vec<(String, Vec<Value>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../trace-plugin/sidecar/tests/fixtures/openclaw");
    let mut paths: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, file["events"].as_array().unwrap().clone())
        })
        .collect()
}

pub(crate) fn ndjson(events: &[Value]) -> Vec<u8> {
    events
        .iter()
        .flat_map(|event| format!("{event}\n").into_bytes())
        .collect()
}

pub(crate) fn claude(event: &str, id: &str, command: &str) -> Vec<u8> {
    serde_json::json!({
        "session_id": "s", "cwd": "/tmp", "hook_event_name": event, "tool_name": "Bash", "tool_use_id": id,
        "tool_input": {"command": command}, "tool_response": {"stdout": "done"}, "duration_ms": 5,
    })
    .to_string()
    .into_bytes()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
