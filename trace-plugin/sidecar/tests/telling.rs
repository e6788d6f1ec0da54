//! Who ships is told of what there is to ship, and of nothing else: being told costs as much as a verdict does.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

use futures_util::FutureExt as _;
use redact::Level;
use serde_json::json;
use trace_plugin::dialect::Dialect;
use trace_plugin::{Identity, Recorder};

mod judge;

use judge::judge;

#[tokio::test]
async fn a_call_that_has_begun_is_nothing_to_ship_and_one_that_has_ended_is() {
    let dir = tempfile::tempdir().unwrap();
    let identity = Identity::create(&dir.path().join("identity.key")).unwrap();
    let path = dir.path().join("spool.db");
    let recorder = Recorder::start(judge(&identity, Level::Preview), path).unwrap();
    let recorded = recorder.recorded();
    let mut told = Vec::new();
    for (hook, id, command) in [
        ("before_tool_call", "a", "ls"),
        ("before_tool_call", "b", "ls"),
        ("after_tool_call", "a", "ls"),
        ("before_tool_call", "c", "ls"),
        ("before_tool_call", "d", "rm -rf /"),
        ("after_tool_call", "b", "ls"),
        ("after_tool_call", "b", "ls"),
    ] {
        let event = json!({"toolName": "exec", "toolCallId": id, "runId": "r", "params": {"command": command}, "result": "x"});
        let input = json!({ "hook": hook, "event": event, "ctx": {} }).to_string();
        let reply = recorder.hook(Dialect::OpenClaw, input.into(), None).await;
        assert_eq!(reply.unwrap().stderr, "");
        // What follows an answer comes before the next question is looked at.
        recorder.is_idle().await;
        told.push(recorded.notified().now_or_never().is_some());
    }
    // The first time there may be something from before.
    assert_eq!(told, [true, false, true, false, true, true, false]);
    recorder.stop();
}
