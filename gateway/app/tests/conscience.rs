//! The rules of a machine: which packs are on, and what becomes of the operator's own files.

mod support;

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::Value;
use support::{Home, stderr, stdout};

/// `check --json` of a shell line under these packs.
fn decision(home: &Home, packs: &str, line: &str) -> Value {
    let params = serde_json::json!({ "command": line }).to_string();
    let output = home
        .smoltbot(&["check", "exec", &params, "--json"])
        .env("SMOLTBOT_CONSCIENCE__PACKS", packs)
        .output()
        .expect("smoltbot runs");
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str::<Value>(&stdout(&output)).expect("a verdict")["verdict"].clone()
}

#[test]
fn a_pack_judges_while_it_is_on() {
    let home = Home::new();
    let line = "git reset --hard HEAD~3";
    assert_ne!(decision(&home, "core,git", line), "allow");
    assert_eq!(decision(&home, "core", line), "allow");
    assert_eq!(decision(&home, "core", "rm -rf /"), "deny");
    assert_eq!(decision(&home, "core", "$UNKNOWN_THING x"), "allow");
    assert_eq!(decision(&home, "core,paranoid", "$UNKNOWN_THING x"), "ask");
}

#[test]
fn a_directory_that_leads_elsewhere_is_told_and_the_built_in_rules_judge() {
    let home = Home::new();
    fs::create_dir_all(home.path()).unwrap();
    symlink("/", home.path().join("conscience")).unwrap();
    let output = home.run(&["check", "exec", r#"{"command":"rm -rf /"}"#, "--json"]);
    assert!(stdout(&output).contains("fs.delete.root"));
    let said = stderr(&output);
    assert!(
        said.contains("no directory of its own") && said.contains("the built-in rules are"),
        "{said}"
    );
}
