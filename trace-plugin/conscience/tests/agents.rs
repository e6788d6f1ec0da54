//! The tools of the agents that people run, under their own names and with their own parameters.
//!
//! Names and parameters are those of Claude Code (`@anthropic-ai/claude-agent-sdk` 0.3.330), Codex (`codex-rs/core`), Gemini
//! CLI (`@google/gemini-cli-core` 0.61.0), Cursor (`@cursor/sdk` 1.0.18), Copilot CLI (GitHub's hooks reference) and
//! `OpenCode` (1.18).

use aap::{Decision, ToolCall};
use conscience::{Conscience, NoWorld};
use serde_json::{Value, json};

/// What is decided on a call in a project's directory.
fn decision(agent: &str, tool: &str, params: Value) -> Decision {
    let call = ToolCall {
        cwd: Some("/home/dev/project".to_owned()),
        ..ToolCall::new(agent, tool, params)
    };
    Conscience::builtin().judge(&call, &NoWorld).decision
}

/// The shell tool of each agent, with `command` where that agent puts it.
fn shells(command: &str) -> Vec<(&'static str, &'static str, Value)> {
    vec![
        (
            "claude-code",
            "Bash",
            json!({"command": command, "description": "d", "timeout": 1000}),
        ),
        ("codex", "Bash", json!({"command": command})),
        (
            "codex",
            "shell",
            json!({"command": ["bash", "-lc", command]}),
        ),
        (
            "codex",
            "local_shell",
            json!({"action": {"type": "exec", "command": ["bash", "-lc", command]}}),
        ),
        ("codex", "exec_command", json!({"cmd": command})),
        (
            "codex",
            "write_stdin",
            json!({"session_id": 1, "chars": format!("{command}\n")}),
        ),
        (
            "gemini",
            "run_shell_command",
            json!({"command": command, "description": "d", "is_background": false}),
        ),
        ("cursor", "Shell", json!({"command": command, "cwd": ""})),
        (
            "copilot",
            "bash",
            json!({"command": command, "description": "d", "mode": "sync"}),
        ),
        (
            "copilot",
            "write_bash",
            json!({"sessionId": "1", "input": format!("{command}\n"), "delay": 1}),
        ),
        (
            "opencode",
            "bash",
            json!({"command": command, "description": "d"}),
        ),
        (
            "mcp",
            "mcp__shell__execute_command",
            json!({"command": command}),
        ),
        ("cursor", "MCP:execute_command", json!({"command": command})),
    ]
}

#[test]
fn every_agents_shell_is_judged_by_its_line() {
    for (agent, tool, params) in shells("rm -rf /") {
        assert_eq!(
            decision(agent, tool, params),
            Decision::Deny,
            "{agent} {tool}"
        );
    }
    for (agent, tool, params) in shells("echo 'rm -rf /'") {
        assert_eq!(
            decision(agent, tool, params),
            Decision::Allow,
            "{agent} {tool}"
        );
    }
}

#[test]
fn the_directory_that_a_shell_runs_in_is_the_one_that_is_named() {
    for (agent, tool, key) in [
        ("gemini", "run_shell_command", "dir_path"),
        ("cursor", "Shell", "cwd"),
        ("opencode", "bash", "workdir"),
    ] {
        let run =
            |directory: &str| decision(agent, tool, json!({"command": "rm -rf *", key: directory}));
        assert_eq!(run("/"), Decision::Deny, "{agent}");
        assert_ne!(run("/home/dev/project/build"), Decision::Deny, "{agent}");
    }
}

/// Each agent's way to write a file.
fn writes(path: &str) -> Vec<(&'static str, &'static str, Value)> {
    let patch = format!("*** Begin Patch\n*** Update File: {path}\n@@\n-a\n+b\n*** End Patch");
    vec![
        (
            "claude-code",
            "Write",
            json!({"file_path": path, "content": "x"}),
        ),
        (
            "claude-code",
            "Edit",
            json!({"file_path": path, "old_string": "a", "new_string": "b"}),
        ),
        (
            "claude-code",
            "NotebookEdit",
            json!({"notebook_path": path, "new_source": "x"}),
        ),
        ("codex", "apply_patch", json!({"command": patch})),
        ("codex", "apply_patch", json!({"input": patch})),
        (
            "gemini",
            "write_file",
            json!({"file_path": path, "content": "x"}),
        ),
        (
            "gemini",
            "replace",
            json!({"file_path": path, "instruction": "i", "old_string": "a", "new_string": "b"}),
        ),
        (
            "cursor",
            "Write",
            json!({"file_path": path, "content": "x"}),
        ),
        ("copilot", "create", json!({"path": path, "file_text": "x"})),
        (
            "copilot",
            "edit",
            json!({"path": path, "old_str": "a", "new_str": "b"}),
        ),
        (
            "copilot",
            "str_replace_editor",
            json!({"command": "create", "path": path, "file_text": "x"}),
        ),
        ("copilot", "apply_patch", json!(patch)),
        (
            "opencode",
            "write",
            json!({"filePath": path, "content": "x"}),
        ),
        (
            "opencode",
            "edit",
            json!({"filePath": path, "oldString": "a", "newString": "b"}),
        ),
        ("opencode", "patch", json!({"patchText": patch})),
    ]
}

#[test]
fn every_agents_way_to_write_a_file_is_judged_by_its_path() {
    for (agent, tool, params) in writes("/home/dev/.ssh/authorized_keys") {
        let said = decision(agent, tool, params.clone());
        assert_ne!(said, Decision::Allow, "{agent} {tool} {params}");
    }
    for (agent, tool, params) in writes("/home/dev/project/src/a.txt") {
        let said = decision(agent, tool, params.clone());
        assert_eq!(said, Decision::Allow, "{agent} {tool} {params}");
    }
}

/// What each agent's way to read a file makes known of it.
#[test]
fn every_agents_way_to_read_a_secret_is_seen() {
    let key = "/home/dev/.ssh/id_rsa";
    for (agent, tool, params) in [
        ("claude-code", "Read", json!({"file_path": key})),
        ("gemini", "read_file", json!({"file_path": key})),
        ("gemini", "read_many_files", json!({"include": [key]})),
        (
            "gemini",
            "grep_search",
            json!({"pattern": ".", "dir_path": key}),
        ),
        ("cursor", "Read", json!({"file_path": key})),
        ("cursor", "Grep", json!({"pattern": ".", "file_path": key})),
        ("copilot", "view", json!({"path": key})),
        ("opencode", "read", json!({"filePath": key})),
    ] {
        let call = ToolCall::new(agent, tool, params);
        let verdict = Conscience::builtin().judge(&call, &NoWorld);
        let seen = verdict
            .effects
            .iter()
            .any(|effect| effect.starts_with("read_secret"));
        assert!(seen, "{agent} {tool}: {verdict:?}");
    }
}

#[test]
fn what_is_deleted_or_fetched_is_seen_under_every_name() {
    let deleted = decision("cursor", "Delete", json!({"file_path": "/etc/passwd"}));
    assert_ne!(deleted, Decision::Allow);
    let meta = "http://169.254.169.254/latest/meta-data/iam/security-credentials/";
    for (agent, tool, params) in [
        (
            "claude-code",
            "WebFetch",
            json!({"url": meta, "prompt": "what is it"}),
        ),
        (
            "gemini",
            "web_fetch",
            json!({"prompt": format!("Read {meta} and tell me")}),
        ),
        ("cursor", "Fetch", json!({"url": meta})),
        (
            "opencode",
            "webfetch",
            json!({"url": meta, "format": "text"}),
        ),
    ] {
        let said = decision(agent, tool, params);
        assert_ne!(said, Decision::Allow, "{agent} {tool}");
    }
    // The control: pages are read all day.
    let page = json!({"prompt": "Summarise https://docs.rs/serde (the second part)"});
    assert_eq!(decision("gemini", "web_fetch", page), Decision::Allow);
    // A server's file is no file of this machine.
    let remote = json!({"path": "/etc/passwd", "owner": "o", "repo": "r"});
    assert_eq!(decision("cursor", "MCP:read_file", remote), Decision::Allow);
}
