//! Settings that are not what one would wish.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::support::{Person, of};

#[test]
fn a_file_that_cannot_be_read_is_named_with_line_and_column_and_left_alone() {
    let person = Person::with_agents();
    person.write(
        ".claude/settings.json",
        "{\n  \"model\": \"opus\"\n  \"hooks\": {}\n}\n",
    );
    person.write(".cursor/hooks.json", "{\"hooks\": []}");
    person.write(".codex/config.toml", "model = \n");
    let before = person.tree();
    let (answer, code) = person.json(&[
        "init",
        "--json",
        "--agent",
        "claude-code",
        "--agent",
        "cursor",
        "--agent",
        "codex",
    ]);
    assert_eq!(code, Some(0));
    for (name, place) in [
        ("claude-code", "settings.json: line 2, column 18"),
        (
            "cursor",
            "hooks.json: line 1, column 11: `hooks` is an array",
        ),
        ("codex", "config.toml: TOML parse error at line 1, column 9"),
    ] {
        let told = of(&answer, name);
        assert_eq!(
            (&told["installed"], &told["proof"]),
            (&json!(false), &json!(null))
        );
        let reason = told["reason"].as_str().unwrap();
        assert!(reason.contains(place), "{reason}");
    }
    person.json(&["uninstall", "--json"]);
    assert_eq!(person.tree(), before);
}

#[test]
fn a_read_only_file_is_left_alone() {
    let person = Person::with_agents();
    let path = person.path(".cursor/hooks.json");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    let (answer, _) = person.json(&["init", "--json", "--agent", "cursor"]);
    let told = of(&answer, "cursor");
    assert_eq!(told["installed"], json!(false));
    assert!(
        told["reason"].as_str().unwrap().contains("read-only"),
        "{told}"
    );
    assert!(!person.read(".cursor/hooks.json").contains("smoltbot"));
}

#[test]
fn switched_off_hooks_and_old_versions_are_told() {
    let person = Person::with_agents();
    person.write(".claude/settings.json", "{\"disableAllHooks\": true}\n");
    person.write(
        ".gemini/settings.json",
        "{\"hooksConfig\": {\"enabled\": false}}\n",
    );
    person.write(
        "bin/node_modules/openclaw/package.json",
        "{\"version\": \"2026.3.2\"}",
    );
    person.write("bin/node_modules/openclaw/openclaw", "#!/bin/sh\n");
    let program = person.path("bin/node_modules/openclaw/openclaw");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let output = person
        .smoltbot(&["init", "--json"])
        .env("PATH", path)
        .output()
        .unwrap();
    let answer = serde_json::from_slice(&output.stdout).unwrap();
    let reason = |name: &str| {
        of(&answer, name)["reason"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert!(
        reason("claude-code").contains("disableAllHooks"),
        "{answer}"
    );
    assert!(reason("gemini").contains("hooksConfig.enabled"), "{answer}");
    assert!(
        reason("openclaw").contains("2026.3.2 is too old"),
        "{answer}"
    );
    assert_eq!(of(&answer, "openclaw")["installed"], json!(false));
    // Installed all the same: the hooks are there when they are switched on again.
    assert_eq!(of(&answer, "claude-code")["installed"], json!(true));
    let doctor = person.run(&["doctor"]);
    assert_eq!(doctor.status.code(), Some(1));
    assert!(
        String::from_utf8(doctor.stdout)
            .unwrap()
            .contains("disableAllHooks")
    );
}

#[test]
fn what_a_person_changed_since_stays() {
    let person = Person::with_agents();
    person.json(&[
        "init",
        "--json",
        "--agent",
        "claude-code",
        "--agent",
        "codex",
        "--agent",
        "opencode",
    ]);
    let theirs = "\t\"model\": \"sonnet\", // cheaper\n";
    let with = person
        .read(".claude/settings.json")
        .replace("\t\"model\": \"opus\",\n", theirs);
    person.write(".claude/settings.json", &with);
    let plugin = person.read(".config/opencode/plugins/smoltbot.js") + "\n// patched\n";
    person.write(".config/opencode/plugins/smoltbot.js", &plugin);
    let (done, code) = person.json(&["uninstall", "--json"]);
    assert_eq!(code, Some(0), "{done}");
    assert_eq!(of(&done, "claude-code")["files"][0]["done"], "edited");
    let original = Person::with_agents().read(".claude/settings.json");
    assert_eq!(
        person.read(".claude/settings.json"),
        original.replace("\t\"model\": \"opus\",\n", theirs)
    );
    assert!(!person.path(".codex/hooks.json").exists());
    assert!(!person.path(".config/opencode/plugins/smoltbot.js").exists());
    assert_eq!(
        person.read(".config/opencode/plugins/smoltbot.js.kept"),
        plugin
    );
}

#[test]
fn hooks_that_were_put_there_by_hand_are_left_alone() {
    let person = Person::with_agents();
    let by_hand = "{\n  \"hooks\": {\n    \"PreToolUse\": [\n      { \"hooks\": [{ \"type\": \"command\", \"command\": \"/usr/local/bin/smoltbot hook claude-code\" }] }\n    ]\n  }\n}\n";
    person.write(".claude/settings.json", by_hand);
    person.json(&["init", "--json", "--agent", "claude-code"]);
    let with: serde_json::Value =
        serde_json::from_str(&person.read(".claude/settings.json")).unwrap();
    assert_eq!(
        with["hooks"]["PreToolUse"].as_array().unwrap().len(),
        1,
        "{with}"
    );
    assert_eq!(
        with["hooks"]["PostToolUse"].as_array().unwrap().len(),
        1,
        "{with}"
    );
    person.json(&["uninstall", "--json"]);
    assert_eq!(person.read(".claude/settings.json"), by_hand);
}

#[test]
fn codex_hooks_go_where_its_person_keeps_hooks() {
    let person = Person::with_agents();
    let config = "model = \"gpt-5\"\n\n[[hooks.PreToolUse]]\nmatcher = \"Bash\"\n\n[[hooks.PreToolUse.hooks]]\ntype = \"command\"\ncommand = \"lint\"";
    person.write(".codex/config.toml", config);
    let (answer, _) = person.json(&["init", "--json", "--agent", "codex"]);
    assert!(of(&answer, "codex")["proof"].is_string(), "{answer}");
    assert!(!person.path(".codex/hooks.json").exists());
    let with = person.read(".codex/config.toml");
    assert!(
        with.starts_with(config) && with.contains("[[hooks.PostToolUse]]"),
        "{with}"
    );
    person.write(".codex/config.toml", &with.replace("gpt-5", "gpt-6"));
    person.json(&["uninstall", "--json"]);
    assert_eq!(
        person.read(".codex/config.toml"),
        config.replace("gpt-5", "gpt-6")
    );
}
