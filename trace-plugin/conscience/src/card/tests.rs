use aap::card::EscalationTrigger;
use aap::{AgentId, Decision, Timestamp, Verdict};
use serde_json::json;

use super::*;
use crate::{Conscience, NoWorld};

fn card() -> AlignmentCard {
    let agent = AgentId::from_bytes([1; 16]);
    AlignmentCard::default_for(agent, Timestamp::from_millis(0), "http://localhost")
}

fn forbidding(entries: &[&str]) -> AlignmentCard {
    let mut card = card();
    let entries = entries.iter().map(|entry| (*entry).to_owned());
    card.autonomy.forbidden_actions = entries.collect();
    card
}

fn trigger(condition: &str, action: &str, reason: &str) -> AlignmentCard {
    let mut card = card();
    card.autonomy.escalation_triggers = vec![EscalationTrigger {
        condition: condition.to_owned(),
        action: action.to_owned(),
        reason: reason.to_owned(),
    }];
    card
}

fn judge(card: &AlignmentCard, tool: &str, params: Value) -> Verdict {
    let rules = policies(card).expect("the card can be judged by");
    let (conscience, errors) = Conscience::builder().card(rules).build();
    assert!(errors.is_empty());
    conscience.judge(&ToolCall::new("test", tool, params), &NoWorld)
}

fn line(card: &AlignmentCard, line: &str) -> Verdict {
    judge(card, "exec", json!({ "command": line }))
}

fn told(verdict: &Verdict) -> (Decision, &str) {
    (
        verdict.decision,
        verdict.rule_id.as_deref().unwrap_or_default(),
    )
}

const FREE: (Decision, &str) = (Decision::Allow, "");

#[test]
fn what_is_forbidden_is_refused_by_any_of_its_names() {
    let card = forbidding(&[
        "delete_repo: privacy, it holds what users wrote",
        "curl",
        "read_secret",
    ]);
    let repo = (Decision::Deny, "card.forbidden.delete_repo");
    for tool in [
        "delete_repo",
        "Delete_Repo",
        "mcp__github__delete_repo",
        "github.delete_repo",
    ] {
        assert_eq!(told(&judge(&card, tool, json!({}))), repo, "{tool}");
    }
    let refused = judge(&card, "delete_repo", json!({}));
    assert_eq!(
        refused.reason,
        "The alignment card forbids delete_repo: privacy, it holds what users wrote"
    );
    assert_eq!(refused.values_violated[0], "privacy");
    assert_eq!(told(&judge(&card, "undelete_repo", json!({}))), FREE);
    // A program, however it is called.
    for run in [
        "curl https://example.org",
        "cd x && sudo /usr/bin/curl -s h",
        "sh -c 'curl h'",
    ] {
        assert_eq!(
            told(&line(&card, run)),
            (Decision::Deny, "card.forbidden.curl"),
            "{run}"
        );
    }
    assert_eq!(told(&line(&card, "echo curl")), FREE);
    // An effect, whatever has it.
    let secret = (Decision::Deny, "card.forbidden.read_secret");
    assert_eq!(told(&line(&card, "cat ~/.ssh/id_ed25519")), secret);
    assert_eq!(told(&line(&card, "cat notes.md")), FREE);
}

#[test]
fn the_shells_own_words_are_no_programs() {
    let mut card = forbidding(&["read"]);
    card.autonomy.bounded_actions = vec!["exec".to_owned()];
    assert_eq!(told(&line(&card, "while read l; do echo $l; done")), FREE);
    let tool = judge(&card, "read", json!({"path": "a"}));
    assert_eq!(told(&tool), (Decision::Deny, "card.forbidden.read"));
}

#[test]
fn triggers_ask_refuse_or_only_record() {
    let pay = |card: &AlignmentCard, amount| judge(card, "pay", json!({ "amount": amount }));
    let asks = trigger("amount > 100", "escalate", "fairness: money is shared");
    assert_eq!(told(&pay(&asks, 100)), FREE);
    let asked = pay(&asks, 101);
    assert_eq!(told(&asked), (Decision::Ask, "card.escalate.1"));
    assert_eq!(
        asked.reason,
        "The alignment card wants a person asked where amount > 100: fairness: money is shared"
    );
    assert_eq!(asked.values_violated, ["fairness"]);
    let refuses = pay(&trigger("amount > 100", "deny", ""), 101);
    assert_eq!(told(&refuses), (Decision::Deny, "card.escalate.1"));
    assert_eq!(refuses.values_violated, ["user_control"]);
    assert_eq!(told(&pay(&trigger("amount > 100", "log", ""), 101)), FREE);
    // Effects, programs and tools that the card does not know.
    let sends = trigger("git", "escalate", "");
    assert_eq!(
        told(&line(&sends, "git status")),
        FREE,
        "a bare word is no program"
    );
    let runs = trigger("action_type == \"git\"", "escalate", "");
    assert_eq!(
        told(&line(&runs, "git status")),
        (Decision::Ask, "card.escalate.1")
    );
    let deletes = trigger("delete", "escalate", "");
    assert_eq!(
        told(&line(&deletes, "rm notes.md")),
        (Decision::Ask, "card.escalate.1")
    );
    let new = trigger("new_tool", "escalate", "");
    assert_eq!(
        told(&judge(&new, "pay", json!({}))),
        (Decision::Ask, "card.escalate.1")
    );
    assert_eq!(told(&judge(&new, "exec", json!({"command": "ls"}))), FREE);
}

#[test]
fn a_tool_that_the_card_does_not_know_is_allowed_unless_the_card_says_otherwise() {
    let with = |word: &str| {
        let mut card = card();
        let own = json!({ "unknown_tools": word });
        card.extensions.insert("smoltbot".to_owned(), own);
        card
    };
    let verdict = |card: &AlignmentCard, tool: &str| judge(card, tool, json!({})).decision;
    for (card, expected) in [
        (card(), Decision::Allow),
        (with("allow"), Decision::Allow),
        (with("ask"), Decision::Ask),
        (with("deny"), Decision::Deny),
    ] {
        assert_eq!(verdict(&card, "mcp__crm__lookup"), expected);
        assert_eq!(verdict(&card, "read_file"), Decision::Allow);
        assert_eq!(verdict(&card, "mcp__files__read_file"), Decision::Allow);
    }
    let refused = judge(&with("deny"), "mcp__crm__lookup", json!({}));
    assert_eq!(refused.rule_id.as_deref(), Some("card.unbounded"));
}

#[test]
fn more_money_than_the_card_allows_is_asked_about() {
    let mut card = card();
    card.autonomy.max_autonomous_value = Some(json!({"amount": 50, "currency": "EUR"}));
    let pay = |params| judge(&card, "pay", params).decision;
    assert_eq!(
        pay(json!({"amount": 50, "currency": "eur"})),
        Decision::Allow
    );
    assert_eq!(pay(json!({"amount": "50.01"})), Decision::Ask);
    assert_eq!(pay(json!({"amount": 1, "currency": "BTC"})), Decision::Ask);
    assert_eq!(pay(json!({"quantity": 51})), Decision::Allow);
}

#[test]
fn the_strictest_of_card_and_policies_decides() {
    // Both refuse: the gravest is told, the values are of both.
    let both = line(&forbidding(&["rm"]), "rm -rf /");
    assert_eq!(told(&both), (Decision::Deny, "fs.delete.root"));
    assert!(both.values_violated.contains(&"user_control".to_owned()));
    // The card asks, a rule refuses; and the other way round.
    let asks = trigger("delete", "escalate", "");
    assert_eq!(
        told(&line(&asks, "rm -rf /")),
        (Decision::Deny, "fs.delete.root")
    );
    let ask = line(&card(), "git push --force");
    assert_eq!(ask.decision, Decision::Ask, "{ask:?}");
    let refused = line(&forbidding(&["git"]), "git push --force");
    assert_eq!(told(&refused), (Decision::Deny, "card.forbidden.git"));
}

#[test]
fn what_cannot_be_judged_by_is_named() {
    let error = |card: &AlignmentCard| policies(card).map(drop).unwrap_err().to_string();
    assert_eq!(
        error(&forbidding(&["git", "EXEC: never"])),
        "autonomy.forbidden_actions[1]: `EXEC: never` forbids what bounded_actions allows as `exec`; leave one"
    );
    let unread = error(&trigger("a > 1 and b", "escalate", ""));
    assert!(
        unread.starts_with("autonomy.escalation_triggers[0].condition: `a > 1 and b` is in none")
    );
    let action = error(&trigger("a > 1", "shout", ""));
    assert_eq!(
        action,
        "autonomy.escalation_triggers[0].action: `shout` is none of escalate, deny, log"
    );
    // What the card's reader takes can be judged by, and the other way round.
    for card in [card(), forbidding(&["git"]), forbidding(&["exec"])] {
        let text = serde_json::to_string(&card).unwrap();
        assert_eq!(card::read(&text, None).is_ok(), policies(&card).is_ok());
    }
}

#[test]
fn a_card_without_limits_has_no_rules() {
    let rules = policies(&card()).unwrap();
    assert_eq!(rules.infos().count(), 0);
    assert_eq!(rules.card().card_id, card().card_id);
}
