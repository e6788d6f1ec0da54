//! `smoltbot redact`, as it is typed.

use serde_json::{Value, json};

use crate::canaries;
use crate::support::{Home, stderr, stdout};

#[test]
fn text_comes_back_masked_and_what_was_masked_is_told_by_rule() {
    let home = Home::new();
    let output = home.feed(
        &["redact", "--stdin"],
        b"export DB_PASSWORD=hunter2\ncurl -u me:hunter2 x.org",
    );
    assert!(output.status.success());
    assert_eq!(
        stdout(&output),
        "export DB_PASSWORD=[redacted:password]\ncurl -u me:[redacted:password] x.org"
    );
    assert_eq!(stderr(&output), "smoltbot: masked 2 password\n");
    let output = home.feed(&["redact", "--stdin"], b"ls -la\n");
    assert_eq!(
        (stdout(&output).as_str(), stderr(&output).as_str()),
        ("ls -la\n", "smoltbot: nothing was masked\n")
    );
    assert!(
        !home.path().join("identity.key").exists(),
        "nothing is made"
    );
}

#[test]
fn json_is_masked_by_its_keys_and_answered_as_asked() {
    let home = Home::new();
    let call = json!({"command": "ls", "env": [{"name": "API_TOKEN", "value": "a8f3k2l9x7y6z5"}], "mail": "ann@example.org"});
    let answer = |arguments: &[&str]| -> Value {
        let output = home.feed(
            &[&["redact", "--stdin", "--json"], arguments].concat(),
            call.to_string().as_bytes(),
        );
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_str(&stdout(&output)).unwrap()
    };
    let env = json!([{"name": "API_TOKEN", "value": "[redacted:token]"}]);
    assert_eq!(
        answer(&[]),
        json!({"masked": {"command": "ls", "env": env, "mail": "ann@example.org"}, "rules": [{"rule": "token", "count": 1}]})
    );
    assert_eq!(answer(&["--pii"])["masked"]["mail"], "[redacted:email]");
    assert_eq!(
        answer(&["--level", "shape"])["masked"]["command"],
        "[string, 2 chars]"
    );
    assert_eq!(
        answer(&["--level", "none"])["masked"],
        json!({"published": "none"})
    );
}

#[test]
fn a_tool_is_shown_as_it_is_configured() {
    let home = Home::new();
    std::fs::create_dir_all(home.path()).unwrap();
    std::fs::write(
        home.path().join("config.json"),
        r#"{"publish": {"level": "preview", "tools": {"mcp__*": "none", "mcp__files__*": "shape", "mcp__files__read": "full"}, "pii": "mask"}}"#,
    )
    .unwrap();
    let shown = |tool: &str| {
        let output = home.feed(
            &["redact", "--stdin", "--tool", tool],
            br#"{"to": "ann@example.org"}"#,
        );
        serde_json::from_str::<Value>(&stdout(&output)).unwrap()
    };
    assert_eq!(shown("exec"), json!({"to": "[redacted:email]"}));
    assert_eq!(shown("mcp__mail__send"), json!({"published": "none"}));
    assert_eq!(
        shown("mcp__files__write"),
        json!({"to": "[string, 15 chars]"})
    );
    assert_eq!(shown("mcp__files__read"), json!({"to": "[redacted:email]"}));
}

#[test]
fn the_rules_are_listed() {
    let home = Home::new();
    let output = home.run(&["redact", "--rules"]);
    assert!(output.status.success());
    let listed = stdout(&output);
    let names: Vec<_> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    for canary in canaries() {
        assert!(names.contains(&canary.rule), "{}", canary.rule);
    }
    let output = home.run(&["redact", "--rules", "--json"]);
    let rules: Vec<Value> = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(rules.len(), names.len());
    assert!(rules.contains(
        &json!({"name": "github-pat", "origin": "smoltbot", "rejects": true, "personal": false})
    ));
    assert!(rules.contains(&json!({"name": "algolia-api-key", "origin": "gitleaks", "rejects": false, "personal": false})));
    assert!(rules.contains(
        &json!({"name": "iban", "origin": "smoltbot", "rejects": false, "personal": true})
    ));
}

#[test]
fn what_cannot_be_read_is_said() {
    let home = Home::new();
    let output = home.feed(&["redact", "--stdin"], b"\xff\xfe");
    assert!(!output.status.success() && stderr(&output).contains("is not UTF-8"));
    let output = home.feed(&["redact", "--stdin"], &vec![b'a'; 8 * 1024 * 1024 + 1]);
    assert!(!output.status.success() && stderr(&output).contains("more than 8388608 bytes"));
    assert!(!home.run(&["redact"]).status.success());
    let output = home.run(&["redact", "--stdin", "--level", "all"]);
    assert!(stderr(&output).contains("is no publish level: use none, shape, preview or full"));
}
