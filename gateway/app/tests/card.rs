//! `smoltbot card` as it is typed, and what it does to verdicts and traces.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use support::{Home, claude, stderr, stdout};

/// A home with an identity and a card.
fn made() -> Home {
    let home = Home::new();
    let output = home.run(&["init"]);
    assert!(output.status.success(), "{}", stderr(&output));
    home
}

fn card(home: &Home) -> Value {
    serde_json::from_slice(&fs::read(home.path().join("card.json")).unwrap()).unwrap()
}

/// `card edit` with an editor that leaves `text`.
fn edit(home: &Home, text: &str) -> Output {
    let prepared = home.path().with_file_name("prepared.json");
    fs::write(&prepared, text).unwrap();
    home.smoltbot(&["card", "edit"])
        .env("EDITOR", format!("cp '{}'", prepared.display()))
        .output()
        .unwrap()
}

fn changed(home: &Home, change: impl FnOnce(&mut Value)) -> String {
    let mut card = card(home);
    change(&mut card);
    serde_json::to_string_pretty(&card).unwrap()
}

fn forbidding(home: &Home) -> String {
    changed(home, |card| {
        card["autonomy"]["forbidden_actions"] = json!(["send_invoice: harm_prevention"]);
        card["autonomy"]["escalation_triggers"] =
            json!([{"condition": "amount > 100", "action": "escalate", "reason": "Money"}]);
    })
}

fn verdict(home: &Home, tool: &str, params: &str) -> Value {
    let output = home.run(&["check", tool, params, "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

fn answer(output: &Output) -> Value {
    serde_json::from_str(&stdout(output)).unwrap_or_else(|_| panic!("{}", stderr(output)))
}

/// The card that the newest trace in the spool names.
fn spooled_card_id(home: &Home) -> String {
    let spool = rusqlite::Connection::open(home.path().join("spool.db")).unwrap();
    let item: String = spool
        .query_row(
            "SELECT document FROM links ORDER BY seq DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let item: Value = serde_json::from_str(&item).unwrap();
    let found = find(&item, "card_id").expect("a trace names its card");
    found.as_str().unwrap().to_owned()
}

fn find<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => fields
            .get(key)
            .or_else(|| fields.values().find_map(|value| find(value, key))),
        Value::Array(items) => items.iter().find_map(|value| find(value, key)),
        _ => None,
    }
}

#[test]
fn a_changed_card_is_a_new_version_and_decides_from_then_on() {
    let home = made();
    let first = card(&home)["card_id"].as_str().unwrap().to_owned();
    assert_ne!(verdict(&home, "shop.send_invoice", "{}")["verdict"], "deny");
    home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "c1", "rm -rf /"),
    );
    assert_eq!(spooled_card_id(&home), first);

    let output = edit(&home, &forbidding(&home));
    assert!(output.status.success(), "{}", stderr(&output));
    let second = card(&home)["card_id"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    let said = stdout(&output);
    assert!(
        said.contains(&format!("{second} is in force (version 2, signed")),
        "{said}"
    );

    let refused = verdict(&home, "shop.send_invoice", "{}");
    assert_eq!(refused["verdict"], "deny");
    assert_eq!(refused["rule_id"], "card.forbidden.send_invoice");
    assert_eq!(refused["values_violated"][0], "harm_prevention");
    assert_eq!(verdict(&home, "pay", r#"{"amount":101}"#)["verdict"], "ask");
    // The next trace names the card that judged it.
    let call = json!({
        "session_id": "s", "cwd": "/tmp", "hook_event_name": "PreToolUse", "tool_use_id": "c2",
        "tool_name": "mcp__shop__send_invoice", "tool_input": {"number": 7},
    });
    let said = stdout(&home.feed(&["hook", "claude-code"], call.to_string().as_bytes()));
    assert!(
        said.contains("\"deny\"") && said.contains("The alignment card forbids"),
        "{said}"
    );
    assert_eq!(spooled_card_id(&home), second);

    let shown = stdout(&home.run(&["card", "show"]));
    for sentence in [
        &format!("Card {second} (version 2 on this machine)"),
        "It never uses send_invoice: harm_prevention (rule card.forbidden.send_invoice)",
        "It asks a person first where amount > 100 (rule card.escalate.1): Money.",
        "as far as no rule of the conscience objects to the single call",
        "A tool that it does not name is allowed",
    ] {
        assert!(shown.contains(sentence), "{sentence}\n{shown}");
    }
    assert_eq!(answer(&home.run(&["card", "show", "--json"])), card(&home));
}

#[test]
fn a_wrong_card_is_told_by_line_and_the_last_good_one_stays_in_force() {
    let home = made();
    assert!(edit(&home, &forbidding(&home)).status.success());
    let good = card(&home)["card_id"].clone();
    // By way of the editor: nothing comes into force, and the draft is there for the next try.
    let contradictory = changed(&home, |card| {
        card["autonomy"]["forbidden_actions"] = json!(["Bash"]);
    });
    let output = edit(&home, &contradictory);
    assert!(!output.status.success());
    let said = stdout(&output);
    assert!(
        said.contains("stays in force")
            && said.contains("`Bash` forbids what bounded_actions allows"),
        "{said}"
    );
    assert!(said.contains("line "), "{said}");
    assert_eq!(card(&home)["card_id"], good);
    let next = stdout(&edit(&home, &forbidding(&home)));
    assert!(
        next.contains("going on with the draft") && next.contains("Nothing was changed"),
        "{next}"
    );

    // By hand.
    let path = home.path().join("card.json");
    fs::write(&path, &contradictory).unwrap();
    let output = home.run(&["card", "validate"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stdout(&output);
    let line = contradictory
        .lines()
        .position(|line| line.trim() == "\"forbidden_actions\": [")
        .unwrap()
        + 2;
    assert!(
        said.contains(&format!(
            "line {line}: autonomy.forbidden_actions[0]: `Bash` forbids"
        )),
        "{said}"
    );
    let told = answer(&home.run(&["card", "validate", "--json"]));
    assert_eq!(told["valid"], false);
    assert_eq!(told["faults"][0]["line"], line);
    assert_eq!(
        verdict(&home, "send_invoice", "{}")["verdict"],
        "deny",
        "the last good card"
    );
    let output = home.run(&["check", "send_invoice", "{}"]);
    assert!(
        stderr(&output).contains("the card in force is the last good one"),
        "{}",
        stderr(&output)
    );
    home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "c1", "rm -rf /"),
    );
    assert_eq!(spooled_card_id(&home), good.as_str().unwrap());
    // And mended with the editor.
    assert!(edit(&home, &forbidding(&home)).status.success());
    assert!(home.run(&["card", "validate"]).status.success());
}

#[test]
fn any_file_can_be_checked() {
    let home = Home::new();
    let path = home.path().with_file_name("draft.json");
    let check = |text: &str| {
        fs::write(&path, text).unwrap();
        home.run(&["card", "validate", path.to_str().unwrap()])
    };
    let output = check("{\n \"card_id\": 5\n}");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stdout(&output).contains("line 2: card_id: it must be a text"),
        "{}",
        stdout(&output)
    );
    assert!(stdout(&check("[1,")).contains("this is not JSON"));
    let missing = home.run(&["card", "validate", "/no/such/card.json"]);
    assert!(stderr(&missing).contains("/no/such/card.json cannot be read"));
    let ours = made();
    let output = ours.run(&[
        "card",
        "validate",
        ours.path().join("card.json").to_str().unwrap(),
    ]);
    assert!(output.status.success() && stdout(&output).contains("is a valid card"));
}

#[test]
fn an_editor_that_fails_changes_nothing() {
    let home = made();
    let before = card(&home);
    let output = home
        .smoltbot(&["card", "edit"])
        .env("EDITOR", "false")
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains("stays in force"),
        "{}",
        stderr(&output)
    );
    assert_eq!(card(&home), before);
}

#[test]
fn a_card_that_was_changed_by_hand_gets_an_id_of_its_own() {
    let home = made();
    let before = card(&home)["card_id"].clone();
    let text = changed(&home, |card| {
        card["autonomy"]["forbidden_actions"] = json!(["send_invoice"]);
    });
    fs::write(home.path().join("card.json"), text).unwrap();
    let shown = answer(&home.run(&["card", "show", "--json"]));
    assert_ne!(shown["card_id"], before);
    home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "c1", "rm -rf /"),
    );
    assert_eq!(spooled_card_id(&home), shown["card_id"].as_str().unwrap());
}

#[tokio::test]
async fn versions_are_published_and_listed() {
    let edge = Home::new();
    let up = edge.up();
    let home = made();
    let url = up.edge.clone();
    let run = |arguments: &[&str]| {
        home.smoltbot(arguments)
            .env("SMOLTBOT_API_URL", &url)
            .output()
            .unwrap()
    };
    let first = answer(&run(&["card", "publish", "--json"]));
    assert_eq!(first["status"], "stored");
    assert_eq!(first["in_force"], card(&home)["card_id"]);
    assert!(edit(&home, &forbidding(&home)).status.success());
    let output = run(&["card", "publish"]);
    let id = card(&home)["card_id"].as_str().unwrap().to_owned();
    assert!(
        stdout(&output).contains(&format!("has {id}; it is in force there")),
        "{}",
        stdout(&output)
    );
    let agent = card(&home)["agent_id"].as_str().unwrap().to_owned();
    let there = up.json(&format!("/v1/agents/{agent}/card")).await;
    assert_eq!(there["alignment_card"], card(&home));

    let history = answer(&run(&["card", "history", "--json"]));
    let versions = history["versions"].as_array().unwrap();
    assert_eq!(versions.len(), 2);
    assert_eq!(versions[0]["card_id"], id.as_str());
    assert_eq!(versions[0]["in_force"], true);
    assert_eq!(versions[1]["version"], 1);
    assert_eq!(history["edge_answers"], true, "{history}");
    assert!(versions[0]["received_at"].is_string() && versions[0]["superseded_at"].is_null());
    assert!(versions[1]["superseded_at"].is_string(), "{history}");

    // Without an edge, what is here is told.
    drop(up);
    let output = run(&["card", "publish"]);
    assert!(!output.status.success() && stderr(&output).contains("does not answer"));
    let output = run(&["card", "history"]);
    assert!(
        output.status.success() && stderr(&output).contains("only the versions on this machine")
    );
    assert!(stdout(&output).contains(&id), "{}", stdout(&output));
}

#[test]
fn a_version_is_kept_signed_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = made();
    let path: &Path = &home.path().join("cards/000001.json");
    assert_eq!(
        fs::metadata(path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let signed: aap::card::SignedCard = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let agent = signed.alignment_card.agent_id;
    assert!(signed.open(agent).is_ok());
}

#[tokio::test]
async fn a_running_process_takes_the_card_over_and_each_trace_names_the_one_that_judged_it() {
    let home = Home::new();
    let up = home.up();
    let first = card(&home)["card_id"].as_str().unwrap().to_owned();
    let hook =
        |event: &str, id: &str| home.feed(&["hook", "claude-code"], &claude(event, id, "ls"));
    // Judged under the first card, and ended under the second.
    hook("PreToolUse", "c1");
    let output = edit(&home, &forbidding(&home));
    assert!(
        stdout(&output).contains("The running smoltbot judges by it"),
        "{}",
        stdout(&output)
    );
    let second = card(&home)["card_id"].as_str().unwrap().to_owned();
    let path = format!("/v1/agents/{}/card", up.agent_id);
    let began = std::time::Instant::now();
    while up.json(&path).await["alignment_card"]["card_id"] != second.as_str() {
        assert!(
            began.elapsed() < support::PATIENCE,
            "the edge never got the card"
        );
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    hook("PostToolUse", "c1");
    hook("PreToolUse", "c2");
    hook("PostToolUse", "c2");
    let mut named = Vec::new();
    for trace in up.traces_once(2).await {
        let id = trace["id"].as_str().unwrap();
        let whole = up.json(&format!("/v1/traces/{id}")).await;
        named.push(
            find(&whole, "card_id")
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    assert_eq!(named, [first, second]);
    // Both verify against the card that they name.
    let integrity = up
        .json(&format!("/v1/agents/{}/integrity", up.agent_id))
        .await;
    assert_eq!(integrity["violations"], json!({}), "{integrity}");
}
