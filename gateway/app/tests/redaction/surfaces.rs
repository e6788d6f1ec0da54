//! Everything that one machine keeps and shows.

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::{Arc, Mutex};

use nix::sys::signal::Signal;
use redact::rules;
use serde_json::Value;

use crate::support::{Home, Up, stdout};
use crate::{Search, calls, canaries, odd_calls, outside, unreadable};

/// Feeds each event as one hook process would get it, several of one agent at once.
fn feed(home: &Home, events: &[(&'static str, String)], search: &mut Search) {
    for agent in ["claude-code", "openclaw", "codex"] {
        let of_agent: Vec<_> = events.iter().filter(|(name, _)| *name == agent).collect();
        for part in of_agent.chunks(20) {
            let input: String = part.iter().map(|(_, event)| format!("{event}\n")).collect();
            let mut hook = home.smoltbot(&["hook", agent]);
            hook.env("RUST_LOG", "trace");
            let output = crate::support::feed(hook, input.as_bytes());
            search.nothing_in("a hook's answer", &output.stdout);
            search.nothing_in("a hook's standard error", &output.stderr);
        }
    }
}

fn lines(events: Vec<(&'static str, Value)>) -> Vec<(&'static str, String)> {
    let events = events.into_iter();
    events
        .map(|(agent, event)| (agent, event.to_string()))
        .collect()
}

#[tokio::test]
async fn no_canary_is_kept_or_shown_anywhere() {
    let home = Home::new();
    std::fs::create_dir_all(home.path()).unwrap();
    let log = home.path().join("up.log");
    let mut command = home.smoltbot(&["up"]);
    command
        .env("RUST_LOG", "trace")
        .env("SMOLTBOT_PUBLISH__LEVEL", "full")
        .env("SMOLTBOT_EDGE__LIMIT_PER_MINUTE", "0")
        .env("SMOLTBOT_EDGE__LIMIT_IP_PER_MINUTE", "0")
        .stderr(File::create(&log).unwrap());
    let up = Up::start(command);
    let live = Arc::new(Mutex::new(Vec::new()));
    let listening = listen(&up, Arc::clone(&live)).await;

    let mut search = Search::new();
    feed(&home, &lines(calls()), &mut search);
    feed(&home, &lines(odd_calls()), &mut search);
    feed(&home, &unreadable(), &mut search);
    let traces = up.traces_once(canaries().len()).await;

    for path in [
        "/",
        &format!("/agent/{}", up.agent_id),
        "/refusals",
        "/v1/traces?limit=500",
        "/v1/refusals",
        "/v1/stats",
        "/v1/facets",
        "/metrics",
    ] {
        search.nothing_in(path, up.get(path).await.as_bytes());
    }
    let mut told = BTreeSet::new();
    for trace in &traces {
        let id = trace["id"].as_str().unwrap();
        for path in [format!("/trace/{id}"), format!("/v1/traces/{id}")] {
            let shown = up.get(&path).await;
            search.nothing_in(&path, shown.as_bytes());
            let value: Value = serde_json::from_str(&shown).unwrap_or_default();
            redactions(&value, &mut told);
        }
    }
    // Otherwise nothing would have been looked for.
    let missing: Vec<_> = canaries()
        .iter()
        .map(|canary| canary.rule)
        .filter(|rule| !told.contains(*rule))
        .collect();
    // Its pattern is that of the rule before it.
    assert_eq!(missing, ["bittrex-secret-key"]);
    assert!(
        told.iter()
            .all(|told| rules().iter().any(|rule| rule.name == told))
    );

    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["logs", "--json", "-n", "500"],
        &["quarantine", "list"],
        &["export", "--format", "ndjson"],
        &["export", "--format", "csv"],
        &["export", "--format", "otlp"],
        &["export"],
    ] {
        let mut command = home.smoltbot(arguments);
        command
            .env("SMOLTBOT_API_URL", &up.edge)
            .env("RUST_LOG", "trace");
        let output = command.output().unwrap();
        search.nothing_in(&arguments.join(" "), &output.stdout);
        search.nothing_in(&arguments.join(" "), &output.stderr);
    }
    // While everything is open: the write-ahead logs are there.
    search.nothing_below(&outside(&home));
    listening.abort();
    let live = live.lock().unwrap().clone();
    assert!(!live.is_empty(), "the live stream told nothing");
    search.nothing_in("the live stream", &live);
    assert_eq!(up.stop(Signal::SIGTERM), Some(0));
    let reset = home.run(&["reset", "--force"]);
    search.nothing_in("reset", stdout(&reset).as_bytes());
    search.nothing_below(&outside(&home));
    assert!(
        search.looked_at > 1_000_000,
        "only {} bytes",
        search.looked_at
    );
}

/// Keeps what the live stream tells.
async fn listen(up: &Up, heard: Arc<Mutex<Vec<u8>>>) -> tokio::task::JoinHandle<()> {
    let mut answer = reqwest::get(format!("{}/v1/live", up.edge)).await.unwrap();
    assert!(answer.status().is_success());
    tokio::spawn(async move {
        while let Ok(Some(chunk)) = answer.chunk().await {
            heard.lock().unwrap().extend_from_slice(&chunk);
        }
    })
}

/// Adds the rules that a document tells, wherever it does.
pub(crate) fn redactions(value: &Value, told: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            let rules = members.get("redactions").and_then(Value::as_object);
            told.extend(rules.into_iter().flatten().map(|(rule, _)| rule.clone()));
            members.values().for_each(|value| redactions(value, told));
        }
        Value::Array(items) => items.iter().for_each(|value| redactions(value, told)),
        _ => {}
    }
}
