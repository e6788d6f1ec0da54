//! Hooks in other people's agents: put in, proven, looked after, and taken out without a trace.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

mod servers;
mod settings;
mod support;

use std::process::Stdio;

use serde_json::{Value, json};

use support::{Person, of};

const NAMES: [&str; 7] = [
    "openclaw",
    "claude-code",
    "codex",
    "gemini",
    "cursor",
    "copilot",
    "opencode",
];

/// Whether a process runs. One that has ended and that nobody has asked after is none.
fn is_alive(pid: &Value) -> bool {
    let pid = pid.as_i64().unwrap();
    let Ok(told) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    // The state follows the name, which stands in brackets.
    let (_, state) = told.rsplit_once(") ").unwrap();
    !state.starts_with('Z')
}

#[tokio::test]
async fn seven_agents_are_installed_proven_and_left_as_they_were() {
    let person = Person::with_agents();
    let before = person.tree();

    let (answer, code) = person.json(&["init", "--json"]);
    assert_eq!(code, Some(0), "{answer}");
    for name in NAMES {
        let told = of(&answer, name);
        assert_eq!(
            (&told["found"], &told["installed"]),
            (&json!(true), &json!(true)),
            "{told}"
        );
        let page = told["proof"]
            .as_str()
            .unwrap_or_else(|| panic!("no proof: {told}"));
        let shown = reqwest::get(page).await.unwrap();
        assert_eq!(shown.status(), 200, "{page}");
        assert!(
            shown.text().await.unwrap().contains("echo smoltbot"),
            "{page}"
        );
    }
    // Installed, and yet not run by its agent before its person agrees.
    assert!(
        of(&answer, "codex")["reason"]
            .as_str()
            .unwrap()
            .contains("/hooks")
    );
    assert_eq!(of(&answer, "claude-code")["reason"], json!(null));
    assert_eq!(of(&answer, "openclaw")["proven_by"], "plugin");
    assert_eq!(of(&answer, "cursor")["proven_by"], "command");

    let settings = |tree: std::collections::BTreeMap<_, _>| -> Vec<_> {
        let state = person.state();
        tree.into_iter()
            .filter(move |(path, _): &(std::path::PathBuf, _)| !path.starts_with(&state))
            .collect()
    };
    let once = settings(person.tree());
    let (again, _) = person.json(&["init", "--json"]);
    assert_eq!(settings(person.tree()), once, "twice is once");
    for name in NAMES {
        assert_eq!(of(&again, name)["changed"], json!([]));
        assert!(of(&again, name)["proof"].is_string());
    }

    let (status, _) = person.json(&["status", "--json"]);
    for name in NAMES {
        assert_eq!(of(&status, name)["installed"], json!(true), "{status}");
        // A proof is not the agent's own call: whether it runs its hooks is not known yet.
        assert_eq!(of(&status, name)["last_event_at"], json!(null), "{status}");
        assert!(of(&status, name)["proven_at"].is_string(), "{status}");
    }
    let (down, _) = person.json(&["down", "--json"]);
    assert!(!is_alive(&down["pid"]));

    // Whatever ran before is stopped, too.
    assert!(person.run(&["up", "--detach"]).status.success());
    let (done, code) = person.json(&["uninstall", "--json"]);
    assert_eq!(code, Some(0), "{done}");
    assert_eq!(done["home"], "removed", "{done}");
    assert!(!is_alive(&done["stopped"]));
    assert_eq!(person.tree(), before);
    let (done, code) = person.json(&["uninstall", "--json"]);
    assert_eq!(
        (code, &done["home"]),
        (Some(0), &json!("absent")),
        "twice is once"
    );
}

/// Whoever comes second waits, and finds everything done.
#[test]
fn several_at_once_do_it_once() {
    let person = Person::with_agents();
    let before = person.tree();
    let start = || {
        let mut command = person.smoltbot(&[
            "init",
            "--agent",
            "claude-code",
            "--agent",
            "cursor",
            "--json",
        ]);
        command.stdout(Stdio::piped()).spawn().unwrap()
    };
    let all = [start(), start(), start()];
    for one in all {
        let output = one.wait_with_output().unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(of(&answer, "cursor")["proof"].is_string(), "{answer}");
    }
    assert_eq!(
        person
            .read(".cursor/hooks.json")
            .matches("hook cursor")
            .count(),
        5
    );
    let (done, _) = person.json(&["uninstall", "--json"]);
    assert_eq!(
        of(&done, "cursor")["files"][0]["done"],
        "restored",
        "{done}"
    );
    person.json(&["uninstall", "--purge", "--json"]);
    assert_eq!(person.tree(), before);
}

/// What listens where we would: it is said, and hooks are installed all the same.
#[test]
fn a_port_that_is_taken_is_a_reason() {
    let person = Person::with_agents();
    let before = person.tree();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = person
        .smoltbot(&["init", "--agent", "gemini", "--json"])
        .env("SMOLTBOT_EDGE__LISTEN", &address)
        .output()
        .unwrap();
    assert!(output.status.success());
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let told = of(&answer, "gemini");
    assert_eq!(
        (&told["installed"], &told["proof"]),
        (&json!(true), &json!(null))
    );
    let reason = told["reason"].as_str().unwrap();
    assert!(
        reason.contains(&address) && reason.contains("in use"),
        "{reason}"
    );
    person.json(&["uninstall", "--json"]);
    assert_eq!(person.tree(), before);
}

#[test]
fn a_dry_run_shows_each_change_and_makes_none() {
    let person = Person::with_agents();
    let before = person.tree();
    let (answer, code) = person.json(&["init", "--dry-run", "--json"]);
    assert_eq!(code, Some(0));
    assert_eq!(person.tree(), before);
    let diff = |name: &str| {
        of(&answer, name)["would_change"][0]["diff"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(diff("cursor").contains("hook cursor"), "{answer}");
    assert!(
        diff("copilot").starts_with("--- /dev/null\n+++ "),
        "{answer}"
    );
    let text = String::from_utf8(person.run(&["init", "--dry-run"]).stdout).unwrap();
    assert!(text.contains("+\t\t\"PostToolUse\": ["), "{text}");
    // New files are named, and not printed.
    let change = |name: &str, file: &str| {
        let changes = of(&answer, name)["would_change"]
            .as_array()
            .unwrap()
            .clone();
        let mut changes = changes.into_iter();
        let found = changes.find(|change| change["path"].as_str().unwrap().ends_with(file));
        found.unwrap_or_else(|| panic!("{file}: {answer}"))
    };
    for (name, file) in [
        ("openclaw", "plugins/openclaw/index.js"),
        ("opencode", "smoltbot.js"),
        ("copilot", ".json"),
    ] {
        let told = change(name, file);
        assert_eq!(told["new"], json!(true), "{told}");
        let line = format!(
            "{name}: would make {} ({} bytes), {}\n",
            told["path"].as_str().unwrap(),
            told["bytes"],
            told["purpose"].as_str().unwrap()
        );
        assert!(text.contains(&line), "{line}{text}");
    }
    assert_eq!(change("claude-code", "settings.json")["new"], json!(false));
    assert!(!text.contains("/dev/null"), "{text}");
    assert!(text.lines().count() < 250, "{text}");
    assert_eq!(person.tree(), before);
}

#[test]
fn only_the_named_agents_are_installed_and_taken_out() {
    let person = Person::with_agents();
    let before = person.tree();
    let (answer, _) = person.json(&["init", "--agent", "cursor", "--agent", "gemini", "--json"]);
    assert_eq!(answer["agents"].as_array().unwrap().len(), 2, "{answer}");
    let (done, _) = person.json(&["uninstall", "--agent", "gemini", "--json"]);
    assert_eq!(done["agents"][0]["files"][0]["done"], "restored", "{done}");
    assert!(person.read(".cursor/hooks.json").contains("smoltbot"));
    assert!(!person.read(".gemini/settings.json").contains("smoltbot"));
    let (shown, _) = person.json(&["uninstall", "--dry-run", "--json"]);
    assert_eq!(shown["home"], "would_remove", "{shown}");
    assert!(person.read(".cursor/hooks.json").contains("smoltbot"));
    person.json(&["uninstall", "--json"]);
    assert_eq!(person.tree(), before);
    let unknown = person.run(&["init", "--agent", "emacs"]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn what_agents_did_is_kept_unless_a_purge_is_asked_for() {
    let person = Person::with_agents();
    let before = person.tree();
    person.json(&["init", "--agent", "claude-code", "--json"]);
    let event = r#"{"session_id":"s","hook_event_name":"PreToolUse","tool_name":"Bash","tool_use_id":"t","tool_input":{"command":"rm -rf /"}}"#;
    let hook = person.json_of_hook(event);
    assert_eq!(
        hook["hookSpecificOutput"]["permissionDecision"], "deny",
        "{hook}"
    );
    let (status, _) = person.json(&["status", "--json"]);
    assert!(
        of(&status, "claude-code")["last_event_at"].is_string(),
        "{status}"
    );
    assert!(
        of(&status, "claude-code")["silent_seconds"]
            .as_i64()
            .unwrap()
            < 60,
        "{status}"
    );
    let (done, code) = person.json(&["uninstall", "--json"]);
    assert_eq!((code, &done["home"]), (Some(0), &json!("kept")), "{done}");
    assert!(
        done["kept_because"][0].as_str().unwrap().contains("traces"),
        "{done}"
    );
    assert!(person.state().join("identity.key").exists());
    let rest = |tree: std::collections::BTreeMap<std::path::PathBuf, _>| -> Vec<_> {
        tree.into_iter()
            .filter(|(path, _)| !path.starts_with(person.state()))
            .collect()
    };
    assert_eq!(rest(person.tree()), rest(before.clone()));
    let (done, _) = person.json(&["uninstall", "--purge", "--json"]);
    assert_eq!(done["home"], "removed");
    assert_eq!(person.tree(), before);
}

#[test]
fn a_service_is_taken_out_first() {
    let person = Person::with_agents();
    person.json(&["init", "--agent", "cursor", "--json"]);
    person.write(".smoltbot/service.json", "{}");
    let before = person.read(".cursor/hooks.json");
    let output = person.run(&["uninstall"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("smoltbot service uninstall"), "{said}");
    assert_eq!(person.read(".cursor/hooks.json"), before);
}

#[test]
fn a_doctor_finds_what_is_wrong_and_says_what_to_do() {
    let person = Person::with_agents();
    person.json(&[
        "init",
        "--agent",
        "claude-code",
        "--agent",
        "cursor",
        "--json",
    ]);
    let (well, code) = person.json(&["doctor", "--json"]);
    assert_eq!((code, &well["ok"]), (Some(0), &json!(true)), "{well}");
    // Somebody takes the hook out by hand.
    person.write(".cursor/hooks.json", "{\"version\":1,\"hooks\":{}}");
    let (ill, code) = person.json(&["doctor", "--json"]);
    assert_eq!(code, Some(1), "{ill}");
    let checks = ill["checks"].as_array().unwrap();
    let wrong: Vec<_> = checks.iter().filter(|check| check["ok"] == false).collect();
    assert_eq!(wrong.len(), 1, "{ill}");
    assert_eq!(wrong[0]["name"], "cursor");
    assert!(wrong[0]["todo"].as_str().unwrap().contains("smoltbot init"));
    let (again, _) = person.json(&["init", "--json", "--agent", "cursor"]);
    assert_eq!(of(&again, "cursor")["changed"].as_array().unwrap().len(), 1);
    let (well, code) = person.json(&["doctor", "--json"]);
    assert_eq!(code, Some(0), "{well}");
}

#[test]
fn a_status_tells_what_it_can_when_the_spool_cannot_be_read() {
    let person = Person::with_agents();
    person.json(&["init", "--agent", "gemini", "--json"]);
    person.run(&["down"]);
    let (down, _) = person.json(&["status", "--json"]);
    assert_eq!(
        (&down["running"], &down["spool"]["waiting"]),
        (&json!(false), &json!(0)),
        "{down}"
    );
    let spool = person.state().join("spool.db");
    for file in ["spool.db-wal", "spool.db-shm"] {
        let _ = std::fs::remove_file(person.state().join(file));
    }
    std::fs::remove_file(&spool).unwrap();
    std::fs::create_dir(&spool).unwrap();
    let (broken, code) = person.json(&["status", "--json"]);
    assert_eq!(code, Some(0));
    assert_eq!(broken["spool"]["waiting"], json!(null), "{broken}");
    assert!(
        broken["spool"]["problem"]
            .as_str()
            .unwrap()
            .contains("spool.db"),
        "{broken}"
    );
    assert_eq!(of(&broken, "gemini")["installed"], json!(true));
    let text = String::from_utf8(person.run(&["status"]).stdout).unwrap();
    assert!(text.contains("not known"), "{text}");
}

#[test]
fn a_status_gives_its_figures_though_the_spool_cannot_be_written() {
    let person = Person::with_agents();
    person.json(&["init", "--agent", "claude-code", "--json"]);
    let event = r#"{"session_id":"s","hook_event_name":"PreToolUse","tool_name":"Bash","tool_use_id":"t","tool_input":{"command":"ls"}}"#;
    person.json_of_hook(event);
    person.run(&["down"]);
    // The index of its log has no place, as on a read-only disk.
    let index = person.state().join("spool.db-shm");
    let _ = std::fs::remove_file(&index);
    std::os::unix::fs::symlink("/nonexistent/index", &index).unwrap();
    let (status, code) = person.json(&["status", "--json"]);
    assert_eq!(code, Some(0));
    assert!(status["spool"]["waiting"].is_u64(), "{status}");
    assert!(
        status["spool"]["problem"]
            .as_str()
            .unwrap()
            .contains("may be older"),
        "{status}"
    );
    assert!(
        of(&status, "claude-code")["last_event_at"].is_string(),
        "{status}"
    );
}
