//! A program that breaks over an event: what it says quotes nothing of it, and the agent is answered all the same.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use delivery_oracle::programs::Programs;
use serde_json::{Value, json};

/// Words of a user, which no rule knows for a secret, and a token, which one does.
const WORDS: &str = "the marmot sleeps behind the third dam";
const TOKEN: [&str; 2] = ["ghp_", "Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbC"];
/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

fn smoltbot(home: &Path, arguments: &[&str]) -> Command {
    let programs = Programs::find().expect("the programs with faults");
    let mut command = Command::new(programs.smoltbot);
    command
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .env("SMOLTBOT_HOME", home.join("state"))
        .env("SMOLTBOT_CONSCIENCE__BUDGET_MS", "30000");
    command
}

/// An event of Claude Code whose parameters hold what nobody else is to read.
fn event(name: &str) -> Value {
    let text = format!("{WORDS} {}", TOKEN.concat());
    json!({
        "hook_event_name": name, "session_id": "s", "cwd": "/tmp", "tool_name": "Bash", "tool_use_id": "t",
        "tool_input": {"command": format!("echo {text}")}, "tool_response": {"stdout": text},
    })
}

fn hook(mut command: Command, event: &Value) -> Result<Output> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().context("its standard input")?;
    stdin.write_all(event.to_string().as_bytes())?;
    drop(stdin);
    Ok(child.wait_with_output()?)
}

/// It says that something broke and where, and nothing of what it had in hand.
fn says_only_where(said: &str) -> Result<()> {
    ensure!(said.contains("a fault of smoltbot itself at"), "{said}");
    ensure!(said.contains("fault.rs:"), "it names the place: {said}");
    for part in [WORDS, &WORDS[..12], TOKEN[1], &TOKEN.concat()[..20]] {
        ensure!(!said.contains(part), "`{part}` is quoted: {said}");
    }
    Ok(())
}

#[test]
fn a_hook_that_breaks_quotes_nothing_and_refuses() -> Result<()> {
    let home = tempfile::tempdir()?;
    for backtrace in ["0", "full"] {
        let mut broken = smoltbot(home.path(), &["hook", "claude-code"]);
        broken
            .env("SMOLTBOT_FAULT", "hook.read=panic")
            .env("RUST_BACKTRACE", backtrace);
        let output = hook(broken, &event("PreToolUse"))?;
        says_only_where(&String::from_utf8(output.stderr)?)?;
        ensure!(output.status.success(), "{}", output.status);
        let answer: Value = serde_json::from_slice(&output.stdout)?;
        let decision = &answer["hookSpecificOutput"]["permissionDecision"];
        ensure!(decision == "deny", "{answer}");
    }
    // What has ended cannot be refused.
    let mut broken = smoltbot(home.path(), &["hook", "claude-code"]);
    broken.env("SMOLTBOT_FAULT", "hook.read=panic");
    let output = hook(broken, &event("PostToolUse"))?;
    ensure!(output.stdout == b"{}\n", "{output:?}");
    Ok(())
}

/// Ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_sidecar_that_breaks_quotes_nothing_and_its_hooks_judge_by_themselves() -> Result<()> {
    let home = tempfile::tempdir()?;
    let log = home.path().join("sidecar.log");
    let mut sidecar = smoltbot(home.path(), &["sidecar"]);
    sidecar
        .env("SMOLTBOT_FAULT", "hook.read=panic@1")
        .env("SMOLTBOT_API_URL", "http://127.0.0.1:9")
        .env("RUST_LOG", "trace")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log)?);
    let _running = Running(sidecar.spawn()?);
    let began = Instant::now();
    while !home.path().join("state/sidecar.sock").exists() {
        ensure!(began.elapsed() < PATIENCE, "the sidecar does not listen");
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = hook(
        smoltbot(home.path(), &["hook", "claude-code"]),
        &event("PreToolUse"),
    )?;
    // By whomever it was judged, it is a call that nothing objects to.
    ensure!(output.status.success(), "{output:?}");
    ensure!(output.stdout == b"{}\n", "{output:?}");
    says_only_where(&fs::read_to_string(&log)?)
}
