//! What goes wrong on a machine, and what the commands say of it.

mod support;

use std::process::Stdio;

use nix::sys::signal::Signal;
use serde_json::Value;
use support::{Home, claude, stderr, stdout};

#[test]
fn two_at_once_are_one_too_many() {
    let home = Home::new();
    let up = home.up();
    let second = home.run(&["up"]);
    assert_eq!(second.status.code(), Some(1));
    let said = stderr(&second);
    assert!(
        said.contains("already running") && said.contains(&up.pid().to_string()),
        "{said}"
    );
    assert_eq!(up.stop(Signal::SIGINT), Some(0));
}

#[test]
fn a_port_in_use_is_named_with_its_key() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for variable in ["SMOLTBOT_EDGE__LISTEN", "SMOLTBOT_GATEWAY__LISTEN"] {
        let output = home
            .smoltbot(&["up"])
            .env(variable, &address)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = stderr(&output);
        assert!(
            said.contains(&address) && said.contains("in use") && said.contains(variable),
            "{said}"
        );
        assert_eq!(stdout(&output), "", "nothing was started");
    }
}

#[test]
fn an_unknown_key_stops_the_start_with_its_place() {
    let home = Home::new();
    std::fs::create_dir_all(home.path()).unwrap();
    std::fs::write(
        home.path().join("config.json"),
        "{\n  \"gateway\": {\n    \"listne\": \"127.0.0.1:1\"\n  }\n}\n",
    )
    .unwrap();
    for command in [
        &["up"][..],
        &["init"],
        &["status"],
        &["check", "exec", "{}"],
    ] {
        let output = home.run(command);
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        let said = stderr(&output);
        assert!(
            said.contains("config.json:3") && said.contains("listne"),
            "{command:?}: {said}"
        );
    }
    // A wrong configuration never breaks the agent: it is judged, and somebody is told.
    let output = home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "t", "rm -rf /"),
    );
    assert!(output.status.success());
    assert!(stdout(&output).contains("deny"));
    assert!(stderr(&output).contains("listne"), "{}", stderr(&output));
}

#[test]
fn a_home_that_cannot_be_made_is_named_and_the_hook_still_judges() {
    let home = Home::new();
    let with = |arguments: &[&str]| {
        let mut command = home.smoltbot(arguments);
        command.env("SMOLTBOT_HOME", "/dev/null/smoltbot");
        command
    };
    let output = with(&["up"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("/dev/null/smoltbot"),
        "{}",
        stderr(&output)
    );
    for (command, decision) in [("rm -rf /", "deny"), ("ls", "{}")] {
        let output = support::feed(
            with(&["hook", "claude-code"]),
            &claude("PreToolUse", "t", command),
        );
        assert!(output.status.success());
        assert!(stdout(&output).contains(decision));
        assert!(
            stderr(&output).contains("NOT recorded"),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn a_spool_of_a_newer_version_is_left_alone() {
    let home = Home::new();
    home.feed(&["hook", "claude-code"], &claude("PreToolUse", "t", "ls"));
    let spool = home.path().join("spool.db");
    let conn = rusqlite::Connection::open(&spool).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    drop(conn);
    let output = home.run(&["up"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("schema version 99"),
        "{}",
        stderr(&output)
    );
    let output = home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "t2", "rm -rf /"),
    );
    assert!(output.status.success() && stdout(&output).contains("deny"));
    assert!(stderr(&output).contains("schema version 99"));
}

#[test]
fn an_agent_that_we_do_not_know_is_named() {
    let output = Home::new().feed(&["hook", "nobody"], b"{}");
    assert!(!output.status.success());
    assert!(
        stderr(&output)
            .contains("openclaw, claude-code, codex, gemini, cursor, copilot, opencode, mcp"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn check_answers_before_init_a_line_for_a_line() {
    let home = Home::new();
    let input = concat!(
        r#"{"tool":"exec","params":{"command":"rm -rf /"}}"#,
        "\n",
        r#"{"tool":"Bash","params":{"command":"ls"},"cwd":"/tmp"}"#,
        "\n",
        "nonsense\n",
        r#"{"tool":"read","params":{"path":"notes.txt"}}"#,
        "\n",
    );
    let output = home.feed(&["check", "--stdin"], input.as_bytes());
    let lines: Vec<Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0]["verdict"], "deny");
    assert_eq!(lines[0]["rule_id"], "fs.delete.root");
    assert_eq!(lines[1]["verdict"], "allow");
    assert!(
        lines[1]["values_violated"].as_array().unwrap().is_empty()
            && lines[1]["effects"].is_array()
    );
    assert!(lines[2]["error"].as_str().unwrap().starts_with("line 3"));
    assert_eq!(lines[3]["verdict"], "allow");
    assert!(!home.path().exists(), "checking makes nothing");

    let told = stdout(&home.run(&["check", "exec", r#"{"command":"rm -rf /"}"#]));
    for part in [
        "DENY  Recursive delete of the root directory",
        "fs.delete.root",
        "harm_prevention",
        "rm -rf /",
    ] {
        assert!(told.contains(part), "{told}");
    }
    let output = home.run(&["check", "exec", "{"]);
    assert!(
        !output.status.success() && stderr(&output).contains("not JSON"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn init_says_what_it_made_and_reset_keeps_the_old() {
    let home = Home::new();
    let json = |arguments: &[&str]| -> Value {
        let output = home.run(arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_str(&stdout(&output)).unwrap()
    };
    assert!(stdout(&home.run(&["init", "--dry-run"])).contains("would make"));
    assert!(!home.path().exists());
    let first = json(&["init", "--json"]);
    let agent = first["agent_id"].as_str().unwrap().to_owned();
    assert_eq!(agent.as_bytes()[14], b'8', "a UUID of version 8");
    assert!(first["dashboard_url"].as_str().unwrap().ends_with(&agent));
    assert_eq!(first["agents"].as_array().unwrap().len(), 7);
    assert_eq!(
        json(&["init", "--json"])["agent_id"],
        agent.as_str(),
        "safe to repeat"
    );
    let config: Value =
        serde_json::from_slice(&std::fs::read(home.path().join("config.json")).unwrap()).unwrap();
    assert_eq!(config["agentId"], agent.as_str());
    assert!(config["createdAt"].is_string() && config["version"].is_string());

    home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "t", "rm -rf /"),
    );
    let output = home.run(&["reset"]);
    assert!(
        !output.status.success() && stderr(&output).contains("--force"),
        "{}",
        stderr(&output)
    );
    let output = home.run(&["reset", "--force"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_ne!(json(&["init", "--json"])["agent_id"], agent.as_str());
    let kept = home
        .files()
        .iter()
        .filter(|(path, _)| path.to_string_lossy().contains("backups"))
        .count();
    assert!(kept >= 3, "key, card and spool");
}

#[test]
fn commands_that_need_an_identity_say_how_to_get_one() {
    for command in [&["status"][..], &["logs"], &["reset"]] {
        let output = Home::new().run(command);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            stderr(&output).contains("smoltbot init"),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn what_an_agents_damaged_settings_lack_is_said_and_nothing_is_changed() {
    let home = Home::new();
    let place = home.path().parent().unwrap().join(".claude");
    std::fs::create_dir_all(&place).unwrap();
    let settings = place.join("settings.json");
    std::fs::write(&settings, r#"{"hooks": {"#).unwrap();
    let output = home.run(&["init", "--agent", "claude-code"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let said = stdout(&output);
    assert!(said.contains("claude-code NOT installed"), "{said}");
    assert!(
        said.contains("settings.json: line 1, column 11: unterminated object; nothing was changed"),
        "{said}"
    );
    assert!(
        said.contains("put right what is said above, then run `smoltbot init` again"),
        "{said}"
    );
    assert_eq!(
        std::fs::read_to_string(&settings).unwrap(),
        r#"{"hooks": {"#
    );
}

#[test]
fn what_goes_wrong_is_said_once_and_with_what_to_do() {
    let home = Home::new();
    let call = claude("PreToolUse", "t", "ls");
    let output = home.feed(&["hook", "claude"], &call);
    assert!(!output.status.success());
    let said = stderr(&output);
    assert!(
        said.contains("was NOT judged") && said.contains("claude-code"),
        "{said}"
    );
    let output = home.run(&["import", "/nonexistent"]);
    let said = stderr(&output);
    assert!(said.contains("/nonexistent cannot be read"), "{said}");
    // A home that is a file.
    std::fs::write(home.path(), "").unwrap();
    let said = stderr(&home.feed(&["hook", "claude-code"], &call));
    assert_eq!(said.matches("os error 20").count(), 1, "{said}");
}
