use serde_json::{Map, Value, json};

use super::*;
use crate::call::Verdict;
use crate::card::{AlignmentCard, EscalationTrigger};
use crate::chain::genesis;
use crate::verify::verify;

fn card() -> AlignmentCard {
    let agent = AgentId::from_bytes([1; 16]);
    AlignmentCard::default_for(agent, Timestamp::from_millis(0), "http://localhost")
}

fn trigger(condition: &str, action: &str) -> EscalationTrigger {
    EscalationTrigger {
        condition: condition.to_owned(),
        action: action.to_owned(),
        reason: "large payments are watched".to_owned(),
    }
}

fn made(tool: &str, params: Value) -> Made {
    Made {
        trace_id: "019a9f3e-8c1b-7d2e-9f30-415263748596".parse().unwrap(),
        agent_id: AgentId::from_bytes([1; 16]),
        timestamp: Timestamp::from_millis(0),
        tool: tool.to_owned(),
        params: Some(params),
        verdict: Verdict::allow("No rule objects"),
        action_type: ActionType::Allow,
        outcome: "completed",
        result: Value::Null,
        error: None,
        exit_code: None,
        duration_ms: Some(1),
        runtime: "openclaw".to_owned(),
        session_id: None,
        run_id: None,
        call_id: None,
        params_rewritten: false,
        succeeds: None,
        extra: Map::new(),
    }
}

#[test]
fn a_tool_that_the_card_does_not_know_is_told_as_new_and_breaks_no_rule() {
    let mut card = card();
    card.autonomy.bounded_actions.push("lookup".to_owned());
    for (tool, new) in [
        ("exec", false),
        ("mcp__crm__lookup", false),
        ("crm.delete", true),
    ] {
        let trace = json!(make(made(tool, json!({})), &card));
        let told = trace.pointer("/context/metadata/new_tool");
        assert_eq!(told, new.then_some(&json!(true)), "{tool}");
        assert!(verify(&trace, &card).is_empty(), "{tool}");
    }
}

#[test]
fn what_is_only_recorded_is_told_by_the_escalation_and_nothing_is_missed() {
    let mut card = card();
    card.autonomy.escalation_triggers = vec![trigger("amount > 100", "log")];
    let small = make(made("pay", json!({"amount": 99})), &card);
    assert!(!small.escalation.as_ref().unwrap().required);
    for tool in ["pay", "exec"] {
        let large = make(made(tool, json!({"amount": 101})), &card);
        let escalation = large.escalation.clone().unwrap();
        assert!(escalation.required, "{tool}");
        assert_eq!(
            escalation.reason,
            "the card has this recorded, nobody asked: large payments are watched"
        );
        assert_eq!(escalation.triggers_checked[0].trigger, "amount > 100");
        assert!(verify(&json!(large), &card).is_empty(), "{tool}");
    }
    // The control: a question that was not put is still missed.
    card.autonomy.escalation_triggers = vec![trigger("amount > 100", "escalate")];
    let unasked = json!(make(made("pay", json!({"amount": 101})), &card));
    assert_eq!(verify(&unasked, &card)[0].kind, "missed_escalation");
}

#[test]
fn conditions_know_every_field_that_a_trace_has_for_itself() {
    let mut all = made("exec", json!({}));
    all.verdict = Verdict {
        rule_id: Some("a".to_owned()),
        advice: Some("a".to_owned()),
        effects: vec!["a".to_owned()],
        exception: Some("a".to_owned()),
        ..all.verdict
    };
    all.error = Some("a".to_owned());
    all.exit_code = Some(1);
    all.run_id = Some("a".to_owned());
    all.call_id = Some("a".to_owned());
    all.session_id = Some("a".to_owned());
    all.params_rewritten = true;
    let stream: StreamId = "019a9f3e-8c1b-7d2e-9f30-415263748596".parse().unwrap();
    all.succeeds = Some(stream);
    let start = genesis(all.agent_id, stream, None);
    let mut trace = make(all, &card());
    trace.context.metadata.link = Some(Link {
        stream,
        seq: 1,
        prev: start,
        salt: String::new(),
        commitment: start,
    });
    let context = json!(trace.context);
    let fields = context.as_object().unwrap().keys();
    let metadata = context["metadata"].as_object().unwrap().keys();
    for field in fields.chain(metadata) {
        assert!(OWN_FIELDS.contains(&field.as_str()), "{field}");
    }
}

#[test]
fn an_honest_refusal_of_what_is_forbidden_is_no_violation_and_running_it_is() {
    let mut card = card();
    card.autonomy.forbidden_actions = vec!["delete_repo: for good".to_owned()];
    let refused = Made {
        action_type: ActionType::Deny,
        outcome: "refused",
        ..made("delete_repo", json!({}))
    };
    let refused = make(refused, &card);
    assert_eq!(refused.action.name, "refuse delete_repo");
    assert_eq!(refused.context.metadata.tool_name, "delete_repo");
    assert!(verify(&json!(refused), &card).is_empty());
    let ran = json!(make(made("delete_repo", json!({})), &card));
    assert_eq!(verify(&ran, &card)[0].kind, "forbidden_action");
}
