//! MCP servers of clients without hooks: wrapped, started through the proxy, asked what they can do, and let go.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::support::{Person, of};

const DESKTOP: &str = ".config/Claude/claude_desktop_config.json";

/// Notes what it hears and that it has ended; has two tools.
const SERVER: &str = r#"#!/bin/sh
[ "$TOKEN" = secret ] || exit 9
while IFS= read -r line; do
  printf '%s\n' "$line" >> "$HOME/notes.txt"
  case $line in
    *'"initialize"'*) echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"x"}}}' ;;
    *'"tools/list"'*) echo 'not JSON'; echo '{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"a"},{"name":"b"}]}}' ;;
  esac
done
echo gone >> "$HOME/notes.txt"
"#;

/// A person with a client that has these servers.
fn person(servers: &Value) -> Person {
    let person = Person::with_agents();
    person.write("bin/server", SERVER);
    let program = person.path("bin/server");
    std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
    person.write(DESKTOP, &json!({ "mcpServers": servers }).to_string());
    person
}

fn good(person: &Person) -> Value {
    json!({"command": person.path("bin/server"), "env": {"TOKEN": "secret"}})
}

/// Takes everything out again; nothing but the server's own notes is left of it, and no process.
fn uninstalled(
    person: &Person,
    before: &std::collections::BTreeMap<std::path::PathBuf, (u32, Vec<u8>)>,
) {
    person.json(&["uninstall", "--json"]);
    let notes = person.path("notes.txt");
    let mut after = person.tree();
    if let (Some(now), Some(then)) = (after.get_mut(&notes), before.get(&notes)) {
        now.clone_from(then);
    }
    assert_eq!(&after, before);
    let program = person.path("bin/server").to_string_lossy().into_owned();
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        assert!(!line.contains(&program), "{line} still runs");
    }
}

#[test]
fn servers_of_clients_without_hooks_are_wrapped_and_asked_when_it_is_asked_for() {
    let person = person(&json!({}));
    let servers = json!({"files": good(&person)});
    person.write(DESKTOP, &json!({ "mcpServers": servers }).to_string());
    person.write(
        ".cursor/mcp.json",
        "{\"mcpServers\": {\"x\": {\"command\": \"x\"}}}",
    );
    let before = person.tree();
    let (answer, _) = person.json(&["init", "--json", "--agent", "cursor", "--mcp"]);
    let told = of(&answer, "mcp");
    assert_eq!(told["installed"], json!(true), "{answer}");
    let reason = told["reason"].as_str().unwrap();
    assert!(reason.contains("cursor tells of its MCP calls"), "{told}");
    assert!(
        reason.contains("answers through the proxy: 2 tools"),
        "{told}"
    );
    assert!(
        told["proof"].as_str().unwrap().contains("/trace/"),
        "{told}"
    );
    let file = person.path(DESKTOP);
    assert_eq!(
        told["servers"],
        json!([{"name": "files", "file": file, "tools": 2, "reason": null}])
    );
    let wrapped = format!(
        "\"mcp-proxy\", \"--name\", \"files\", \"--\", {}",
        json!(person.path("bin/server"))
    );
    assert!(
        person.read(DESKTOP).contains(&wrapped),
        "{}",
        person.read(DESKTOP)
    );
    assert!(!person.read(".cursor/mcp.json").contains("mcp-proxy"));
    let heard = person.read("notes.txt");
    assert!(
        heard.contains("notifications/initialized") && heard.ends_with("gone\n"),
        "{heard}"
    );
    assert!(!heard.contains("tools/call"), "{heard}");
    let (well, code) = person.json(&["doctor", "--json"]);
    assert_eq!(code, Some(0), "{well}");
    uninstalled(&person, &before);
}

#[test]
fn a_server_that_does_not_answer_is_told_with_how_it_ended() {
    let person = person(&json!({}));
    let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
    let says = format!("echo 'no directory for {token}' >&2; exit 3");
    let servers = json!({
        "good": good(&person),
        "fails": {"command": person.path("bin/server")},
        "says": {"command": "sh", "args": ["-c", says]},
        "absent": {"command": "/nonexistent/server"},
        "refuses": {"command": "sh", "args": ["-c", "read line; echo '{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-1,\"message\":\"not today\"}}'; cat > /dev/null"]},
        "filled": {"command": "sh", "args": ["${workspaceFolder}/x"]},
    });
    person.write(DESKTOP, &json!({ "mcpServers": servers }).to_string());
    let before = person.tree();
    let (answer, code) = person.json(&["init", "--json", "--agent", "mcp"]);
    assert_eq!(code, Some(0));
    let told = of(&answer, "mcp");
    assert!(told["proof"].is_string(), "one answers: {told}");
    for (name, expected) in [
        ("fails", "it ended with exit status: 9"),
        (
            "says",
            "it ended with exit status: 3, and said: no directory for ",
        ),
        ("absent", "`/nonexistent/server` cannot be started"),
        (
            "refuses",
            "it answered `initialize` with an error: not today",
        ),
        ("filled", "only its client can fill in `${workspaceFolder}`"),
    ] {
        let server = told["servers"]
            .as_array()
            .unwrap()
            .iter()
            .find(|server| server["name"] == name)
            .unwrap();
        assert_eq!(server["tools"], Value::Null);
        let reason = server["reason"].as_str().unwrap();
        assert!(reason.contains(expected), "{name}: {reason}");
        assert!(told["reason"].as_str().unwrap().contains(reason));
    }
    // It is told until they are asked again, and a token that one of them has quoted is not kept.
    let (well, code) = person.json(&["doctor", "--json"]);
    assert_eq!(code, Some(1), "{well}");
    let said = |name: &str| {
        let checks = well["checks"].as_array().unwrap().iter();
        let mut named = checks.filter(|check| check["what"].as_str().unwrap().contains(name));
        named.next().cloned().unwrap_or_default()
    };
    assert!(said("`good` in").is_null(), "{well}");
    for (name, ok, expected) in [
        ("`fails` in", false, "it ended with exit status: 9"),
        ("`says` in", false, "and said: no directory for [redacted:"),
        ("`absent` in", false, "cannot be started"),
        ("`refuses` in", false, "with an error: not today"),
        ("`filled` in", true, "only its client can fill in"),
    ] {
        let check = said(name);
        let what = check["what"].as_str().unwrap();
        assert_eq!(check["ok"], json!(ok), "{check}");
        assert!(what.contains(expected), "{what}");
        assert!(what.contains("when it was asked 2"), "{what}");
    }
    assert!(said("proven 2").is_object(), "the proxy: {well}");
    let kept = person.read(".smoltbot/installed.json");
    assert!(!kept.contains(&token), "{kept}");

    // Whoever puts it right and asks again hears nothing more of it.
    let servers = json!({ "good": good(&person) });
    let (done, _) = person.json(&["uninstall", "--agent", "mcp", "--json"]);
    assert!(done["agents"].is_array(), "{done}");
    let list = person.read(DESKTOP);
    person.write(DESKTOP, &json!({ "mcpServers": servers }).to_string());
    person.json(&["init", "--json", "--agent", "mcp"]);
    let (well, code) = person.json(&["doctor", "--json"]);
    assert_eq!(code, Some(0), "{well}");
    person.json(&["uninstall", "--agent", "mcp", "--json"]);
    person.write(DESKTOP, &list);
    uninstalled(&person, &before);
}

#[test]
fn a_server_that_hangs_is_waited_for_no_longer_than_is_said_and_nothing_of_it_stays() {
    let person = person(&json!({}));
    // It hears no more, and neither ends when its input does nor when it is told to.
    let hangs = "trap '' TERM; echo hangs > \"$HOME/notes.txt\"; while :; do sleep 1; done";
    let program = person.path("bin/server");
    let servers = json!({"hangs": {"command": "sh", "args": ["-c", hangs, program]}});
    person.write(DESKTOP, &json!({ "mcpServers": servers }).to_string());
    let before = person.tree();
    let began = Instant::now();
    let (answer, code) = person.json(&["init", "--json", "--agent", "mcp"]);
    assert_eq!(code, Some(0));
    assert!(
        began.elapsed() < Duration::from_mins(1),
        "{:?}",
        began.elapsed()
    );
    let told = of(&answer, "mcp");
    assert_eq!(
        (&told["installed"], &told["proof"]),
        (&json!(true), &Value::Null)
    );
    let reason = told["reason"].as_str().unwrap();
    assert!(reason.contains("it did not answer within 20s"), "{reason}");
    assert_eq!(person.read("notes.txt"), "hangs\n", "it was started");
    uninstalled(&person, &before);
}
