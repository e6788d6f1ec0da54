//! An MCP server in the operator's file, its tool in the chat, and its trace at the edge.

use std::fs;

use model_upstream::{Answer, Upstream, Wire};
use nix::sys::signal::Signal;
use serde_json::json;

use super::turn::{Configured, say};
use crate::support::Home;

/// A server in `sh` that notes what reaches it.
const SERVER: &str = r#"
answer() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$1"; }
while IFS= read -r line; do
  id=${line#*'"id":'}; id=${id%%[,\}]*}
  case $line in
    *'"method":"initialize"'*) answer '{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"t","version":"1"}}' ;;
    *'"method":"tools/list"'*) answer '{"tools":[{"name":"execute_command","inputSchema":{"type":"object","properties":{"command":{"type":"string"}}}}]}' ;;
    *'"method":"tools/call"'*) printf '%s\n' "$line" >> notes; answer "{\"content\":[{\"type\":\"text\",\"text\":\"ran with [$MODE]\"}]}" ;;
  esac
done
"#;

#[tokio::test]
async fn a_server_of_the_operators_file_is_judged_called_and_traced() {
    let script = vec![
        Answer::new()
            .call("mcp__tiny__execute_command", json!({"command": "ls"}))
            .call("mcp__tiny__execute_command", json!({"command": "rm -rf /"})),
        Answer::text("One ran, one did not."),
    ];
    let upstream = Upstream::script(Wire::Anthropic, script).await.unwrap();
    let toml = format!(
        "[providers.anthropic]\napi_key = \"sk-test\"\nbase_url = \"{}\"\n\
         [mcp.tiny]\ncommand = \"sh\"\nargs = [\"server.sh\"]\nenv = {{ MODE = \"${{TINY_MODE}}\" }}\n",
        upstream.url()
    );
    let home = Home::new();
    fs::create_dir_all(home.path().join("workspace")).unwrap();
    fs::write(home.path().join("workspace/server.sh"), SERVER).unwrap();
    let mut configured = Configured {
        toml,
        vars: Vec::new(),
    };
    // What is missing is told where it is named, and nothing starts.
    fs::write(home.path().join("smoltbot.toml"), &configured.toml).unwrap();
    let output = configured.smoltbot(&home, &["up"]).output().unwrap();
    assert!(!output.status.success());
    let told = crate::support::stderr(&output);
    assert!(
        told.contains(
            "smoltbot.toml:7:9: mcp.tiny.env.MODE: the environment variable TINY_MODE is not set"
        ),
        "{told}"
    );
    let checked = configured
        .smoltbot(&home, &["check", "exec", r#"{"command":"ls"}"#])
        .output()
        .unwrap();
    assert!(
        checked.status.success(),
        "who starts no server needs no key: {checked:?}"
    );

    configured.vars.push(("TINY_MODE", "read only".to_owned()));
    let up = configured.up(&home);
    assert!(
        up.said.iter().any(|line| line == "mcp        tiny"),
        "{:?}",
        up.said
    );
    let lines = say(&up, "Do both.").await;
    // They ran side by side: either may have ended first.
    let calls = lines.iter().filter(|line| line["event"] == "called");
    let ended = |kind: &str| calls.clone().find(|line| line["kind"] == kind);
    let (ran, refused) = (ended("result").unwrap(), ended("refusal").unwrap());
    assert_eq!(ran["result"]["text"], "ran with [read only]");
    let tools = upstream.requests()[0].body["tools"].to_string();
    assert!(tools.contains("mcp__tiny__execute_command"), "{tools}");

    let traces = up.traces_once(2).await;
    for (call, kind) in [(ran, "allow"), (refused, "deny")] {
        let trace = traces
            .iter()
            .find(|trace| trace["id"] == call["trace_id"])
            .unwrap();
        assert_eq!(trace["tool_name"], "mcp__tiny__execute_command");
        assert_eq!(trace["action_type"], kind);
    }
    assert_eq!(up.stop(Signal::SIGTERM), Some(0));
    let notes = fs::read_to_string(home.path().join("workspace/notes")).unwrap();
    assert_eq!(
        notes.lines().count(),
        1,
        "what is refused never reaches the server: {notes}"
    );
    assert!(notes.contains("\"ls\""), "{notes}");
}
