//! What is told of secrets: rules, never what they masked.

use super::*;

#[test]
fn what_was_masked_is_told_by_rule_wherever_it_stood() {
    let mut bench = bench();
    let token = format!("ghp_{}", "a1B2".repeat(9));
    let event = |name: &str| {
        json!({
            "hook_event_name": name, "session_id": token, "cwd": format!("/tmp/{token}"), "tool_name": "Bash",
            "tool_use_id": token, "tool_input": {"command": "DB_PASSWORD=hunter2 ./run"},
            "error": "no route to postgres://me:hunter2@db/x",
        })
    };
    bench.feed(
        Dialect::ClaudeCode,
        &[event("PreToolUse"), event("PostToolUseFailure")],
    );
    let traces = bench.traces();
    assert_eq!(traces.len(), 1, "both events are of one call");
    assert_eq!(
        traces[0]["context"]["metadata"]["redactions"],
        json!({"password": 1, "url-password": 1, "github-pat": 3})
    );
    for file in std::fs::read_dir(bench.dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for canary in [token.as_str(), "hunter2"] {
            let found = bytes
                .windows(canary.len())
                .any(|window| window == canary.as_bytes());
            assert!(!found, "{canary} is on the disk");
        }
    }
}

#[test]
fn what_cannot_be_read_is_told_without_its_secrets() {
    let mut bench = bench();
    let event = json!({
        "hook_event_name": "PreToolUse", "session_id": "s", "tool_name": ["x"], "tool_input": {},
        "duration_ms": "DB_PASSWORD=hunter2",
    });
    let reply = bench.feed(Dialect::ClaudeCode, &[event]);
    assert!(!reply.stderr.is_empty());
    assert!(!reply.stderr.contains("hunter2"), "{}", reply.stderr);
}
