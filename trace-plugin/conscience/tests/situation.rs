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
