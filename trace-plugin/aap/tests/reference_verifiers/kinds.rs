//! One real trace of each kind that smoltbot makes, under the card that `init` writes.

use aap::call::{Decision, OutcomeKind, Verdict};
use aap::card::EscalationTrigger;
use aap::chain::{Digest, genesis};
use aap::trace::{ActionType, GAP_TOOL, Gap, Link, Made, Trace, gap, make};
use aap::{
    AgentId, AlignmentCard, Approval, ApprovalStatus, Evidence, StreamId, Timestamp, TraceId,
};
use ed25519_dalek::SigningKey;
use serde_json::{Map, Value, json};

use crate::judges::Case;

/// 2026-11-21T02:10:00.123Z.
const AT_MS: i64 = 1_795_227_000_123;

pub(crate) fn agent() -> AgentId {
    AgentId::of_key(&SigningKey::from_bytes(&[7; 32]).verifying_key())
}

pub(crate) fn card() -> AlignmentCard {
    AlignmentCard::default_for(
        agent(),
        Timestamp::from_millis(AT_MS),
        "http://127.0.0.1:8787/v1/traces",
    )
}

/// An allowed call of `exec` that ended well; the other kinds are told as what differs.
pub(crate) fn made() -> Made {
    Made {
        trace_id: "019a9f3e-8c1b-7d2e-9f30-415263748596"
            .parse::<TraceId>()
            .expect("a UUID"),
        agent_id: agent(),
        timestamp: Timestamp::from_millis(AT_MS),
        tool: "exec".to_owned(),
        params: Some(json!({"command": "ls -la", "timeout": 30, "background": true, "env": null})),
        verdict: Verdict::allow("Lists a directory"),
        action_type: ActionType::Allow,
        outcome: OutcomeKind::Completed.as_str(),
        result: json!({"content": [{"type": "text", "text": "total 0"}]}),
        error: None,
        exit_code: Some(0),
        duration_ms: Some(12),
        runtime: "openclaw".to_owned(),
        session_id: Some("agent:main:main".to_owned()),
        run_id: Some("run-1".to_owned()),
        call_id: Some("call-1".to_owned()),
        params_rewritten: false,
        succeeds: None,
        extra: Map::new(),
    }
}

pub(crate) fn refusal(decision: Decision) -> Verdict {
    Verdict {
        decision,
        reason: "Recursive delete of the root directory".to_owned(),
        values_violated: vec!["harm_prevention".to_owned(), "a_house_rule".to_owned()],
        rule_id: Some("fs.delete.root".to_owned()),
        advice: Some("Name the directory to delete".to_owned()),
        effects: vec!["delete:/".to_owned()],
        exception: None,
    }
}

fn denied(outcome: &'static str, decision: Decision) -> Made {
    Made {
        verdict: refusal(decision),
        action_type: ActionType::Deny,
        outcome,
        result: Value::Null,
        exit_code: None,
        duration_ms: Some(0),
        ..made()
    }
}

fn ended(kind: OutcomeKind) -> Made {
    Made {
        action_type: kind.action_type(),
        outcome: kind.as_str(),
        result: Value::Null,
        exit_code: None,
        ..made()
    }
}

fn every_kind() -> Vec<(&'static str, Made)> {
    let failed = Made {
        error: Some("ENOENT: no such file or directory".to_owned()),
        ..ended(OutcomeKind::Failed)
    };
    let orphan = Made {
        outcome: "orphan",
        params: None,
        session_id: None,
        run_id: None,
        ..failed.clone()
    };
    let unlisted = Made {
        tool: "mcp__crm__lookup".to_owned(),
        ..made()
    };
    let odd_name = Made {
        tool: "crm: look up, quickly".to_owned(),
        params: Some(json!(["not", "an", "object"])),
        ..made()
    };
    let exit_3 = Made {
        exit_code: Some(3),
        ..made()
    };
    let rewritten = Made {
        params_rewritten: true,
        extra: Map::from_iter([("redactions".to_owned(), json!(["params.token"]))]),
        ..made()
    };
    let new_stream = Made {
        succeeds: Some(StreamId::from_bytes([8; 16])),
        ..made()
    };
    let imported = Made {
        outcome: "imported",
        extra: Map::from_iter([("source".to_owned(), json!("imported"))]),
        ..made()
    };
    vec![
        ("allow", made()),
        ("allow, imported", imported),
        ("allow, exit code 3", exit_3),
        ("allow, running", ended(OutcomeKind::Running)),
        ("allow, other arguments ran", rewritten),
        ("allow, unlisted tool", unlisted.clone()),
        ("allow, a name with separators", odd_name),
        (
            "allow, a nameless tool",
            Made {
                tool: String::new(),
                ..made()
            },
        ),
        ("allow, first of a new stream", new_stream),
        ("deny", denied("refused", Decision::Deny)),
        ("deny, an ask not granted", denied("refused", Decision::Ask)),
        (
            "deny, refused by another",
            Made {
                verdict: Verdict::allow("blocked by another plugin"),
                ..denied("observed_deny", Decision::Deny)
            },
        ),
        (
            "deny, ran all the same",
            Made {
                exit_code: Some(0),
                ..denied("ran_after_refusal", Decision::Deny)
            },
        ),
        (
            "deny, unlisted tool",
            Made {
                tool: unlisted.tool,
                ..denied("refused", Decision::Deny)
            },
        ),
        ("error", failed),
        ("error, abandoned", ended(OutcomeKind::Abandoned)),
        ("error, orphan", orphan),
    ]
}

/// Calls that a person was asked about.
fn every_answer() -> Vec<(&'static str, Made, Approval)> {
    let answer = |status, evidence| {
        let at = Timestamp::from_millis(AT_MS + 4000);
        Approval::new(made().trace_id, status, evidence, at)
    };
    let ran = || Made {
        verdict: refusal(Decision::Ask),
        ..made()
    };
    let unlisted = Made {
        tool: "mcp__crm__delete".to_owned(),
        ..ran()
    };
    vec![
        (
            "ask, approved",
            ran(),
            answer(ApprovalStatus::Approved, Evidence::Told),
        ),
        (
            "ask, ran and so approved",
            ran(),
            answer(ApprovalStatus::Approved, Evidence::Observed),
        ),
        (
            "ask, approved for an unlisted tool",
            unlisted,
            answer(ApprovalStatus::Approved, Evidence::Told),
        ),
        (
            "ask, approved and its end not seen",
            Made {
                outcome: "orphan",
                duration_ms: None,
                ..ran()
            },
            answer(ApprovalStatus::Approved, Evidence::Told),
        ),
        (
            "ask, denied",
            denied("refused", Decision::Ask),
            answer(ApprovalStatus::Denied, Evidence::Told),
        ),
        (
            "ask, stopped without a yes",
            denied("refused", Decision::Ask),
            answer(ApprovalStatus::Denied, Evidence::Observed),
        ),
        (
            "ask, timeout",
            denied("unanswered", Decision::Ask),
            answer(ApprovalStatus::Timeout, Evidence::Told),
        ),
        (
            "ask, no answer seen",
            denied("unanswered", Decision::Ask),
            answer(ApprovalStatus::Timeout, Evidence::Unseen),
        ),
    ]
}

/// As the spool keeps it: with its place in the chain.
fn linked(mut trace: Trace) -> Value {
    let stream = StreamId::from_bytes([9; 16]);
    let succeeds = trace.context.metadata.succeeds;
    trace.context.metadata.link = Some(Link {
        stream,
        seq: 1,
        prev: genesis(trace.agent_id, stream, succeeds),
        salt: "c2FsdHNhbHRzYWx0c2FsdA".to_owned(),
        commitment: Digest::of(b"content"),
    });
    serde_json::to_value(trace).expect("a trace is JSON")
}

/// A case for each kind of trace.
pub(crate) fn cases() -> Vec<Case> {
    let card = card();
    let document = serde_json::to_value(&card).expect("a card is JSON");
    let plain = every_kind()
        .into_iter()
        .map(|(name, made)| (name, make(made, &card)));
    let answered = every_answer()
        .into_iter()
        .map(|(name, made, approval)| (name, make(made, &card).answered(&approval)));
    let ours = plain.chain(answered).map(|(name, trace)| Case {
        name,
        card: document.clone(),
        trace: linked(trace),
    });
    ours.chain(limited()).chain(losses()).collect()
}

/// The record of a loss, under the card that `init` writes and under one that forbids it and asks about everything.
fn losses() -> [Case; 2] {
    let mut strict = card();
    let trigger = |condition: &str, action: &str| EscalationTrigger {
        condition: condition.to_owned(),
        action: action.to_owned(),
        reason: "nothing goes unasked".to_owned(),
    };
    strict.autonomy.escalation_triggers = vec![
        trigger("gap", "escalate"),
        trigger("action_type == \"execute\"", "log"),
    ];
    strict.autonomy.forbidden_actions = vec![
        GAP_TOOL.to_owned(),
        format!("tell {GAP_TOOL}: not even that"),
    ];
    strict.card_id = strict.derived_id();
    [("gap", card()), ("gap, where the card forbids it", strict)].map(|(name, card)| {
        let lost = Gap {
            calls: 3,
            refusals: 1,
            contents: 20,
            since: Timestamp::from_millis(AT_MS - 60_000),
            until: Timestamp::from_millis(AT_MS),
            why: "spool full".to_owned(),
        };
        let at = Timestamp::from_millis(AT_MS);
        Case {
            name,
            trace: linked(gap(lost, made().trace_id, at, &card)),
            card: serde_json::to_value(&card).expect("a card is JSON"),
        }
    })
}

/// Calls under a card with limits of its own: what it has recorded, asked about and forbidden.
fn limited() -> Vec<Case> {
    let mut card = card();
    let trigger = |condition: &str, action: &str| EscalationTrigger {
        condition: condition.to_owned(),
        action: action.to_owned(),
        reason: "money is not the agent's".to_owned(),
    };
    card.autonomy.escalation_triggers = vec![
        trigger("amount > 10", "log"),
        trigger("amount > 100", "escalate"),
        trigger("new_tool", "escalate"),
    ];
    card.autonomy.forbidden_actions = vec!["delete_repo: for good".to_owned()];
    card.card_id = card.derived_id();
    let pay = |tool: &str, amount: u32| Made {
        tool: tool.to_owned(),
        params: Some(json!({"amount": amount})),
        ..made()
    };
    let approval = Approval::new(
        made().trace_id,
        ApprovalStatus::Approved,
        Evidence::Told,
        Timestamp::from_millis(AT_MS),
    );
    let forbidden = Made {
        tool: "mcp__github__delete_repo".to_owned(),
        ..denied("refused", Decision::Deny)
    };
    let traces = [
        ("card: recorded", make(pay("exec", 50), &card)),
        (
            "card: asked and approved",
            make(pay("exec", 500), &card).answered(&approval),
        ),
        (
            "card: a new tool, asked and approved",
            make(pay("mcp__bank__pay", 5), &card).answered(&approval),
        ),
        (
            "card: a forbidden tool refused",
            make(forbidden.clone(), &card),
        ),
        (
            "card: a forbidden tool refused, by the card's own name",
            make(
                Made {
                    tool: "delete_repo".to_owned(),
                    ..forbidden
                },
                &card,
            ),
        ),
    ];
    let document = serde_json::to_value(&card).expect("a card is JSON");
    let case = |(name, trace)| Case {
        name,
        card: document.clone(),
        trace: linked(trace),
    };
    traces.into_iter().map(case).collect()
}
