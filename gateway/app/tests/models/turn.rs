//! A message, the calls of its model, and what becomes of them.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use model_upstream::{Answer, Upstream, Wire};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::{Home, Up, stderr, stdout};

/// The provider's key; it must be nowhere but with the provider and in the operator's own file.
const KEY: &str = "sk-canary-7f3a9c51e2d84b60";
/// How long a call may take to the dashboard. On an idle machine it is there within a second; tests share theirs.
const SHOWN_WITHIN: Duration = Duration::from_secs(5);

/// How a chat is configured.
pub(super) struct Configured<'a> {
    pub(super) toml: String,
    pub(super) vars: Vec<(&'a str, String)>,
}

impl Configured<'_> {
    pub(super) fn smoltbot(&self, home: &Home, arguments: &[&str]) -> Command {
        let mut command = home.smoltbot(arguments);
        for (name, value) in &self.vars {
            command.env(name, value);
        }
        command
    }

    /// Writes the operator's file, and starts everything with its log in a file.
    pub(super) fn up(&self, home: &Home) -> Up {
        fs::create_dir_all(home.path().join("workspace")).unwrap();
        fs::write(home.path().join("workspace/notes.txt"), "hello").unwrap();
        if !self.toml.is_empty() {
            fs::write(home.path().join("smoltbot.toml"), &self.toml).unwrap();
        }
        let mut command = self.smoltbot(home, &["up"]);
        let log = File::create(home.path().join("up.log")).unwrap();
        Up::start({
            command.stderr(Stdio::from(log));
            command
        })
    }
}

/// The lines of the answer to a message.
pub(super) async fn say(up: &Up, message: &str) -> Vec<Value> {
    let answer = reqwest::Client::new()
        .post(format!("{}/api/chat", up.gateway))
        .bearer_auth(&up.token)
        .header("accept", "application/x-ndjson")
        .header("content-type", "application/json")
        .body(json!({"message": message, "session_id": "s1"}).to_string())
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    let text = answer.text().await.unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(super) fn called<'a>(lines: &'a [Value], tool: &str) -> &'a Value {
    let mut calls = lines.iter().filter(|line| line["event"] == "called");
    calls.find(|line| line["tool"] == tool).unwrap()
}

pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

/// A whole turn: a call that runs, one that is refused, and an answer.
async fn turn(upstream: &Upstream, configured: &Configured<'_>, model: &str) {
    let home = Home::new();
    let up = configured.up(&home);
    assert!(
        up.said
            .iter()
            .any(|line| line.starts_with(&format!("model      {model}"))),
        "{:?}",
        up.said
    );

    let lines = say(&up, "What is here? Then remove everything.").await;
    let answered = Instant::now();
    let answer = lines.last().unwrap();
    assert_eq!(
        (text(answer, "event"), text(answer, "kind")),
        ("answer", "message"),
        "{answer}"
    );
    assert_eq!(
        text(answer, "text"),
        "Let me look.\n\nI could list, but not remove."
    );
    assert_eq!(text(answer, "stop_reason"), "end_turn");

    let listed = called(&lines, "list_files");
    assert_eq!(text(listed, "kind"), "result", "{listed}");
    let refused = called(&lines, "execute_command");
    assert_eq!(text(refused, "kind"), "refusal", "{refused}");
    let (reason, link) = (text(refused, "reason"), text(refused, "trace_url"));
    assert!(reason.contains("root directory"), "{reason}");

    // The model was told what the tools brought, and why one was refused.
    let asked = upstream.requests();
    assert_eq!(asked.len(), 3);
    let told = |number: usize| asked[number].body.to_string();
    assert!(told(1).contains("notes.txt"), "{}", told(1));
    for part in ["The conscience refused this call", link] {
        assert!(told(2).contains(part), "{}", told(2));
    }

    // Both calls are on the dashboard.
    let traces = up.traces_once(2).await;
    let took = answered.elapsed();
    assert!(took < SHOWN_WITHIN, "shown after {took:?}");
    let mut surfaces = format!("{lines:?}{traces:?}");
    for call in [listed, refused] {
        let id = text(call, "trace_id");
        let trace = traces.iter().find(|trace| trace["id"] == id).unwrap();
        let kind = if call == refused { "deny" } else { "allow" };
        assert_eq!(trace["action_type"], kind);
        assert_eq!(text(call, "trace_url"), format!("{}/trace/{id}", up.edge));
        let page = up.get(&format!("/trace/{id}")).await;
        assert!(page.contains(text(call, "tool")), "{page}");
        surfaces.push_str(&page);
    }
    for path in [
        "/",
        "/refusals",
        "/v1/traces?limit=500",
        &format!("/agent/{}", up.agent_id),
    ] {
        surfaces.push_str(&up.get(path).await);
    }

    // Who answers is told, the key is not.
    for command in [&["status"][..], &["status", "--json"], &["doctor"]] {
        let output = configured.smoltbot(&home, command).output().unwrap();
        let told = format!("{}{}", stdout(&output), stderr(&output));
        let name = model.split_once(" (").map_or(model, |(name, _)| name);
        let (provider, model) = name.split_once('/').unwrap();
        assert!(told.contains(provider) && told.contains(model), "{told}");
        surfaces.push_str(&told);
    }
    surfaces.push_str(&up.said.join("\n"));
    assert_eq!(up.stop(Signal::SIGTERM), Some(0));
    assert!(home.path().join("gateway.db").exists());
    assert!(!surfaces.contains(KEY), "the key is shown");
    for (path, bytes) in home.files() {
        let found = bytes.windows(KEY.len()).any(|at| at == KEY.as_bytes());
        let own = path.ends_with("smoltbot.toml");
        assert!(own || !found, "the key is in {}", path.display());
    }
}

fn script() -> Vec<Answer> {
    vec![
        Answer::new()
            .say("Let me look.")
            .call("list_files", json!({"path": "."})),
        Answer::new().call("execute_command", json!({"command": "rm -rf /"})),
        Answer::text("I could list, but not remove."),
    ]
}

#[tokio::test]
async fn anthropic_by_file() {
    let upstream = Upstream::script(Wire::Anthropic, script()).await.unwrap();
    let toml = format!(
        "[providers.anthropic]\napi_key = \"{KEY}\"\nbase_url = \"{}\"\nmodel = \"claude-opus-5-5\"\n[agent]\nthinking = \"low\"\n",
        upstream.url()
    );
    let vars = Vec::new();
    turn(
        &upstream,
        &Configured { toml, vars },
        "anthropic/claude-opus-5-5",
    )
    .await;
    let asked = upstream.requests();
    assert_eq!(asked[0].header("x-api-key"), Some(KEY));
    assert_eq!(asked[0].body["model"], "claude-opus-5-5");
    assert!(
        asked[0].body.get("thinking").is_some(),
        "agent.thinking counts"
    );
}

#[tokio::test]
async fn openai_by_environment_alone() {
    let upstream = Upstream::script(Wire::OpenAi, script()).await.unwrap();
    let configured = Configured {
        toml: String::new(),
        vars: vec![
            ("OPENAI_API_KEY", KEY.to_owned()),
            ("SMOLTBOT_PROVIDERS__OPENAI__BASE_URL", upstream.url()),
        ],
    };
    turn(
        &upstream,
        &configured,
        "openai/gpt-5.2 (key from OPENAI_API_KEY)",
    )
    .await;
    let bearer = format!("Bearer {KEY}");
    let asked = upstream.requests();
    assert_eq!(asked[0].header("authorization"), Some(bearer.as_str()));
}

#[tokio::test]
async fn ollama_by_file_and_environment() {
    let upstream = Upstream::script(Wire::Ollama, script()).await.unwrap();
    let configured = Configured {
        toml: "[providers.ollama]\nmodel = \"qwen3:8b\"\n".to_owned(),
        vars: vec![("OLLAMA_HOST", upstream.url())],
    };
    turn(&upstream, &configured, "ollama/qwen3:8b").await;
}

#[tokio::test]
async fn a_provider_that_refuses_the_key_is_told_of_without_it() {
    let body = format!(
        "{{\"error\": {{\"type\": \"authentication_error\", \"message\": \"invalid x-api-key: {KEY}\"}}}}"
    );
    let answers = vec![Answer::status(401, body), Answer::text("Now it is right.")];
    let upstream = Upstream::script(Wire::Anthropic, answers).await.unwrap();
    let configured = Configured {
        toml: String::new(),
        vars: vec![
            ("ANTHROPIC_API_KEY", KEY.to_owned()),
            ("SMOLTBOT_PROVIDERS__ANTHROPIC__BASE_URL", upstream.url()),
        ],
    };
    let home = Home::new();
    let up = configured.up(&home);
    let lines = say(&up, "Hello").await;
    let answer = lines.last().unwrap();
    assert_eq!(text(answer, "kind"), "error", "{answer}");
    assert!(text(answer, "text").contains("anthropic"), "{answer}");
    // What was wrong was the key, and may have been put right meanwhile.
    let again = say(&up, "And now?").await;
    assert_eq!(text(again.last().unwrap(), "text"), "Now it is right.");
    assert_eq!(up.stop(Signal::SIGTERM), Some(0));
    assert!(!format!("{lines:?}").contains(KEY));
    let log = fs::read_to_string(home.path().join("up.log")).unwrap();
    assert!(!log.contains(KEY), "{log}");
}
