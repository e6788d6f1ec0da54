//! What becomes of a call when its verdict is late: a sidecar that was stopped is not waited for, and when there is no time left
//! the card's mode decides.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

mod support;

use std::fs;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use support::{Home, PATIENCE, Up, claude, feed, stderr, stdout};

/// A sidecar that is there and does nothing.
struct Stopped(Child);

impl Stopped {
    fn start(home: &Home, edge: &str) -> Self {
        let mut command = home.smoltbot(&["sidecar"]);
        command
            .env("SMOLTBOT_API_URL", edge)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let child = command.spawn().unwrap();
        let began = Instant::now();
        while !home.path().join("sidecar.sock").exists() {
            assert!(began.elapsed() < PATIENCE, "the sidecar does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        let stopped = Self(child);
        let began = Instant::now();
        loop {
            stopped.send(Signal::SIGSTOP);
            if can_write(home) {
                return stopped;
            }
            // It was in the middle of a transaction.
            stopped.send(Signal::SIGCONT);
            assert!(began.elapsed() < PATIENCE, "the sidecar writes without end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn send(&self, signal: Signal) {
        let pid = i32::try_from(self.0.id()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether nobody holds the spool.
fn can_write(home: &Home) -> bool {
    let spool = rusqlite::Connection::open(home.path().join("spool.db")).unwrap();
    spool.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok()
}

fn hook(home: &Home, budget_ms: &str, event: &[u8]) -> Output {
    let mut command = home.smoltbot(&["hook", "claude-code"]);
    command.env("SMOLTBOT_CONSCIENCE__BUDGET_MS", budget_ms);
    feed(command, event)
}

/// A home whose card is in `mode`.
fn home_in(mode: &str) -> Home {
    let home = Home::new();
    assert!(home.run(&["init"]).status.success());
    let path = home.path().join("card.json");
    let mut card: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    card["autonomy_mode"] = mode.into();
    fs::write(&path, card.to_string()).unwrap();
    home
}

/// What arrives once the sidecar goes on, by its call.
async fn metadata(edge: &Up, home: &Home, call: &str) -> Value {
    let agent = fs::read_to_string(home.path().join("card.json")).unwrap();
    let agent: Value = serde_json::from_str(&agent).unwrap();
    let path = format!(
        "/v1/traces?limit=500&agent_id={}",
        agent["agent_id"].as_str().unwrap()
    );
    let began = Instant::now();
    loop {
        let listing = edge.json(&path).await;
        let found = listing["traces"]
            .as_array()
            .unwrap()
            .iter()
            .find_map(|trace| {
                let metadata = &trace["metadata"];
                (metadata["tool_call_id"] == call).then(|| metadata.clone())
            });
        if let Some(found) = found {
            return found;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "{call} does not arrive: {listing}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_stopped_sidecar_is_not_waited_for() {
    let there = Home::new();
    let edge = there.up();
    let home = home_in("enforce");
    let sidecar = Stopped::start(&home, &edge.edge);
    // Half of the time goes into asking the sidecar, and then there is enough left.
    let began = Instant::now();
    let output = hook(&home, "4000", &claude("PreToolUse", "allowed", "ls"));
    let took = began.elapsed();
    assert_eq!(
        (stdout(&output), stderr(&output)),
        ("{}\n".into(), String::new())
    );
    assert!(took >= Duration::from_secs(2), "{took:?}");
    let output = hook(&home, "4000", &claude("PreToolUse", "refused", "rm -rf /"));
    assert!(stdout(&output).contains("fs.delete.root"), "{output:?}");
    // When it goes on, it ships what was recorded without it, and leaves alone what it was asked too long ago.
    sidecar.send(Signal::SIGCONT);
    let refused = metadata(&edge, &home, "refused").await;
    assert_eq!(refused.get("over_budget"), None);
    let spool = rusqlite::Connection::open(home.path().join("spool.db")).unwrap();
    let calls: u32 = spool
        .query_row("SELECT count(*) FROM calls", (), |row| row.get(0))
        .unwrap();
    assert_eq!(calls, 2);
}

#[tokio::test]
async fn without_time_a_card_that_enforces_refuses_and_says_so() {
    let there = Home::new();
    let edge = there.up();
    let home = home_in("enforce");
    let sidecar = Stopped::start(&home, &edge.edge);
    let output = hook(&home, "1", &claude("PreToolUse", "late", "ls"));
    let answer: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let told = &answer["hookSpecificOutput"];
    assert_eq!(told["permissionDecision"], "deny");
    let reason = told["permissionDecisionReason"].as_str().unwrap();
    assert!(
        reason.contains("no verdict in time") && reason.contains("budget_ms"),
        "{reason}"
    );
    // What is dangerous is refused for what it is.
    let output = hook(&home, "1", &claude("PreToolUse", "worse", "rm -rf /"));
    assert!(stdout(&output).contains("fs.delete.root"), "{output:?}");
    sidecar.send(Signal::SIGCONT);
    let late = metadata(&edge, &home, "late").await;
    assert_eq!(
        (&late["rule_id"], &late["over_budget"]),
        (&"budget.exceeded".into(), &true.into())
    );
}

#[tokio::test]
async fn without_time_any_other_card_lets_it_run_and_its_trace_says_so() {
    let there = Home::new();
    let edge = there.up();
    let home = home_in("observe");
    let sidecar = Stopped::start(&home, &edge.edge);
    let output = hook(&home, "1", &claude("PreToolUse", "late", "ls"));
    assert_eq!(stdout(&output), "{}\n");
    hook(&home, "1", &claude("PostToolUse", "late", "ls"));
    sidecar.send(Signal::SIGCONT);
    let late = metadata(&edge, &home, "late").await;
    assert_eq!(
        (&late["action_type"], &late["over_budget"]),
        (&"allow".into(), &true.into())
    );
}
