//! Claude Code's hooks of `type: "http"`: it posts the event itself, and reads its own JSON as the answer.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

use std::sync::Arc;

use redact::Level;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use trace_plugin::{Identity, Recorder, intake};

mod judge;

use judge::judge;

#[tokio::test]
async fn an_agent_that_posts_its_hooks_is_answered_plainly() {
    let dir = tempfile::tempdir().unwrap();
    let identity = Identity::create(&dir.path().join("identity.key")).unwrap();
    let recorder = Recorder::start(
        judge(&identity, Level::Preview),
        dir.path().join("spool.db"),
    )
    .unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!(
        "http://{}/v1/hook/claude-code",
        listener.local_addr().unwrap()
    );
    let stop = CancellationToken::new();
    let token = "0123456789abcdef".to_owned();
    tokio::spawn(intake::serve_tcp(
        listener,
        Arc::clone(&recorder),
        tokio::sync::watch::Sender::new(token.clone()).subscribe(),
        stop.clone(),
    ));
    let client = reqwest::Client::new();
    let post = async |query: &str, event: Value| {
        let request = client.post(format!("{base}{query}")).bearer_auth(&token);
        let response = request.body(event.to_string()).send().await.unwrap();
        let kind = response.headers().get("content-type").cloned();
        let status = response.status().as_u16();
        (status, kind, response.text().await.unwrap())
    };
    let event = |name: &str, id: &str, command: &str| {
        json!({"session_id": "s", "cwd": "/tmp", "permission_mode": "default", "hook_event_name": name, "tool_name": "Bash",
               "tool_use_id": id, "tool_input": {"command": command}, "tool_response": {"stdout": ""}})
    };

    let (status, kind, body) = post("?answer=plain", event("PreToolUse", "t1", "rm -rf /")).await;
    assert_eq!(
        (status, kind.unwrap().to_str().unwrap()),
        (200, "application/json")
    );
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["hookSpecificOutput"]["permissionDecision"], "deny");
    let reason = answer["hookSpecificOutput"]["permissionDecisionReason"].as_str();
    assert!(
        reason
            .unwrap()
            .starts_with("Recursive delete of the root directory.")
    );

    let asked = post(
        "?answer=plain",
        event("PreToolUse", "t2", "git reset --hard"),
    )
    .await
    .2;
    assert!(asked.contains(r#""permissionDecision":"ask""#), "{asked}");
    for name in ["PreToolUse", "PostToolUse"] {
        assert_eq!(
            post("?answer=plain", event(name, "t3", "ls")).await.2,
            "{}\n"
        );
    }
    // What is wrong is answered by what breaks nothing, and is in the log.
    let odd = post("?answer=plain", json!({"hook_event_name": "BeforeTool"})).await;
    assert_eq!((odd.0, odd.2.as_str()), (200, "{}\n"));
    // Without the query the answer is wrapped, as `smoltbot hook` and our plugins want it; another query is named.
    let wrapped: Value =
        serde_json::from_str(&post("", event("PreToolUse", "t4", "ls")).await.2).unwrap();
    assert_eq!(wrapped["stdout"], "{}\n");
    let (status, _, body) = post("?answer=json", event("PreToolUse", "t5", "ls")).await;
    assert!(
        status == 400 && body.contains("?answer=json"),
        "{status} {body}"
    );
    stop.cancel();
    recorder.stop();
}
