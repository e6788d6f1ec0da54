//! `smoltbot import` over a home with past sessions: what there is, what is imported, and that each call is there once.

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use serde_json::{Value, json};
use support::{Home, Up, stderr, stdout};

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../trace-plugin/sidecar/tests/fixtures/import")
        .join(name)
}

/// A home in which three agents have kept sessions where they keep them.
fn home_with_sessions() -> Home {
    let home = Home::new();
    let of_user = home
        .path()
        .parent()
        .expect("a directory of the test's own")
        .to_owned();
    for (fixed, place) in [
        (
            "claude-code.jsonl",
            ".claude/projects/-home-ada-shop/4f35e220.jsonl",
        ),
        (
            "codex.jsonl",
            ".codex/sessions/2025/10/29/rollout-2025-10-29.jsonl",
        ),
        (
            "openclaw.jsonl",
            ".openclaw/agents/main/sessions/b7300bff.jsonl",
        ),
    ] {
        let place = of_user.join(place);
        fs::create_dir_all(place.parent().expect("a directory of the test's own"))
            .expect("a directory of the test's own");
        fs::copy(fixture(fixed), place).expect("a directory of the test's own");
    }
    let other = of_user.join(".claude/projects/-home-ada-shop/notes.json");
    fs::write(other, "{\"a\": 1}").expect("a directory of the test's own");
    home
}

/// Runs a command against the edge that runs.
fn run(home: &Home, up: &Up, arguments: &[&str]) -> Output {
    let mut command = home.smoltbot(arguments);
    command.env("SMOLTBOT_API_URL", &up.edge);
    command.output().expect("it starts")
}

fn answer(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_str(&stdout(output)).expect("JSON")
}

fn counts(told: &Value) -> Vec<(&str, u64, u64)> {
    let sources = told["sources"]
        .as_array()
        .expect("what the answer tells")
        .iter();
    sources
        .map(|source| {
            let number = |key: &str| source[key].as_u64().expect("what the answer tells");
            (
                source["name"].as_str().expect("what the answer tells"),
                number("calls"),
                number("imported"),
            )
        })
        .collect()
}

#[tokio::test]
async fn past_sessions_are_listed_then_imported_once_and_shown_as_imported() {
    let home = home_with_sessions();
    let up = home.up();
    let listed = answer(&run(&home, &up, &["import", "--json"]));
    assert_eq!(
        counts(&listed),
        [("claude-code", 6, 0), ("codex", 8, 0), ("openclaw", 4, 0)]
    );
    assert_eq!(
        (&listed["imported"], &listed["bad_lines"]),
        (&Value::Null, &json!(2))
    );
    let problems = listed["problems"].to_string();
    assert!(
        problems.contains("4f35e220.jsonl:9:") && problems.contains("4f35e220.jsonl:14:"),
        "{problems}"
    );
    let output = run(&home, &up, &["import"]);
    assert!(
        stdout(&output).contains("smoltbot import --all"),
        "{}",
        stdout(&output)
    );
    assert!(stderr(&output).contains(":9:"), "{}", stderr(&output));

    let imported = answer(&run(&home, &up, &["import", "--all", "--json"]));
    assert_eq!(
        counts(&imported),
        [("claude-code", 6, 6), ("codex", 8, 8), ("openclaw", 4, 4)]
    );
    assert_eq!(
        (&imported["imported"], &imported["known"]),
        (&json!(18), &json!(0))
    );
    let traces = up.traces_once(18).await;
    assert_eq!(traces.len(), 18);
    assert!(
        traces
            .iter()
            .all(|trace| trace["signed"] == true && trace["metadata"]["source"] == "imported")
    );
    let refused: Vec<_> = traces
        .iter()
        .filter(|trace| trace["action_type"] == "deny")
        .collect();
    assert_eq!(refused.len(), 3);
    let first = traces
        .iter()
        .find(|trace| trace["timestamp"] == "2025-10-29T00:59:40.000Z")
        .unwrap();
    let page = up
        .get(&format!("/trace/{}", first["id"].as_str().unwrap()))
        .await;
    assert!(
        page.contains("smoltbot neither judged it nor watched it run"),
        "{page}"
    );
    assert!(!page.contains("The conscience said"), "{page}");
    let list = up
        .get(&format!("/agent/{}", first["agent_id"].as_str().unwrap()))
        .await;
    assert!(list.contains(">Imported<"), "{list}");
    assert!(list.contains(">imported<"), "of a refusal: {list}");
    let integrity: Value = serde_json::from_str(
        &up.get(&format!(
            "/v1/agents/{}/integrity",
            first["agent_id"].as_str().unwrap()
        ))
        .await,
    )
    .unwrap();
    assert_eq!(integrity["looked_at"], 0, "{integrity}");

    let again = answer(&run(&home, &up, &["import", "--all", "--json"]));
    assert_eq!(
        (&again["imported"], &again["known"]),
        (&json!(0), &json!(18))
    );
    let verified = run(
        &home,
        &up,
        &[
            "export",
            "-o",
            home.path().join("all.archive").to_str().unwrap(),
        ],
    );
    assert!(verified.status.success(), "{}", stderr(&verified));
    let verified = run(
        &home,
        &up,
        &["verify", home.path().join("all.archive").to_str().unwrap()],
    );
    assert!(
        verified.status.success(),
        "{}{}",
        stdout(&verified),
        stderr(&verified)
    );
}

#[tokio::test]
async fn what_was_recorded_when_it_happened_is_not_imported() {
    let home = home_with_sessions();
    let up = home.up();
    // The first call of the transcript, by hooks; then the spool forgets it, and only the edge knows.
    let event = |hook: &str| {
        json!({"session_id": "4f35e220-c435-4cf7-b9b9-f40426042847", "hook_event_name": hook, "tool_name": "Bash",
               "tool_use_id": "toolu_01NzjV452AGVQR51StZtar00", "tool_input": {"command": "ls"},
               "tool_response": {"stdout": "main.rs"}})
        .to_string()
    };
    let lines = format!("{}\n{}\n", event("PreToolUse"), event("PostToolUse"));
    home.feed(&["hook", "claude-code"], lines.as_bytes());
    up.traces_once(1).await;
    let spool = rusqlite::Connection::open(home.path().join("spool.db")).unwrap();
    spool.execute("DELETE FROM calls", ()).unwrap();
    let imported = answer(&run(&home, &up, &["import", "--all", "--json"]));
    assert_eq!(
        (&imported["imported"], &imported["known"]),
        (&json!(17), &json!(1))
    );
    assert_eq!(up.traces_once(18).await.len(), 18);
}

#[test]
fn what_cannot_be_imported_is_said() {
    let home = Home::new();
    let nothing = home.run(&["import"]);
    assert!(nothing.status.success());
    assert!(
        stdout(&nothing).contains("no past sessions"),
        "{}",
        stdout(&nothing)
    );
    let unmade = home.run(&["import", "--all"]);
    assert!(!unmade.status.success(), "{}", stdout(&unmade));
    home.run(&["init"]);
    let notes = home.path().join("notes.txt");
    fs::write(&notes, "hello\n").unwrap();
    for (path, said) in [
        (notes.as_path(), "no transcript"),
        (&home.path().join("absent"), "absent"),
    ] {
        let output = home.run(&["import", path.to_str().unwrap()]);
        assert!(!output.status.success());
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
    let offline = home.run(&["import", fixture("otlp.ndjson").to_str().unwrap(), "--json"]);
    let told = answer(&offline);
    assert_eq!(
        counts(&told),
        [("otlp", 2, 2)],
        "without an edge, for nothing was ever shipped"
    );
}

#[tokio::test]
async fn live_sessions_of_openclaw_are_imported_out_of_its_database() {
    let home = Home::new();
    let of_user = home
        .path()
        .parent()
        .expect("a directory of the test's own")
        .to_owned();
    let directory = of_user.join(".openclaw/agents/main/agent");
    fs::create_dir_all(&directory).expect("a directory of the test's own");
    let owner =
        rusqlite::Connection::open(directory.join("openclaw-agent.sqlite")).expect("a database");
    owner
        .query_row("PRAGMA journal_mode = WAL", (), |_| Ok(()))
        .expect("a database");
    let written = fs::read_to_string(fixture("openclaw-2026.9.6.sql")).expect("a fixture");
    owner.execute_batch(&written).expect("a database");
    let up = home.up();
    let imported = answer(&run(&home, &up, &["import", "--all", "--json"]));
    assert_eq!(counts(&imported), [("openclaw", 6, 6)]);
    assert_eq!(imported["bad_lines"], json!(0));
    let again = answer(&run(&home, &up, &["import", "--all", "--json"]));
    assert_eq!(
        (&again["imported"], &again["known"]),
        (&json!(0), &json!(6))
    );
    let traces = up.traces_once(6).await;
    assert!(
        traces
            .iter()
            .all(|trace| trace["metadata"]["runtime"] == "openclaw")
    );
    assert_eq!(
        traces
            .iter()
            .filter(|trace| trace["action_type"] == "deny")
            .count(),
        1
    );
}
