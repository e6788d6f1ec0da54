//! Versions of a card: each trace is held against the one that it names.

use serde_json::json;

use super::*;

/// The agent's card as it is now, signed.
fn signed(agent: &Acting) -> String {
    line(&Card {
        agent_id: agent.id(),
        signed_card: json!(agent.card.clone().sign(&agent.key)),
    })
}

#[test]
fn each_trace_is_held_against_the_card_that_it_names() {
    // What ran under the first card would break the second one.
    let mut agent = Acting::new(1, 0);
    agent.act(1);
    let first = signed(&agent);
    agent.card.card_id = "ac-second".to_owned();
    agent.card.autonomy.forbidden_actions = vec!["exec".to_owned()];
    agent.act(2);
    agent.links[1].note = Some(agent.note(1));
    let mut lines = archive(&[&agent]);
    let document = |at: usize| {
        format!(
            "{{\"kind\":\"document\",\"document\":{}}}",
            agent.documents[at]
        )
    };
    let end = lines.len() - 1;
    lines.insert(end, document(0));
    let alone = verified(&resealed(&lines));
    assert!(alone.ok, "{:?}", alone.findings);
    assert_eq!((alone.counts.cards, alone.counts.under_card), (1, 0));
    assert!(alone.not_proven[0].starts_with("Whether 1 document keeps to the card that it names"));

    let at = nth(&lines, "card", 0);
    lines.insert(at, first);
    let both = verified(&resealed(&lines));
    assert!(both.ok, "{:?}", both.findings);
    assert_eq!((both.counts.cards, both.counts.under_card), (2, 1));

    let end = lines.len() - 1;
    lines.insert(end, document(1));
    let broken = verified(&resealed(&lines));
    assert_eq!(faults(&broken), [Fault::CardViolated]);
}

#[test]
fn the_cards_of_others_are_others() {
    let (one, mut two) = (Acting::new(1, 3), Acting::new(2, 3));
    // Another agent's card under the same name forbids what this one did.
    two.card.card_id.clone_from(&one.card.card_id);
    two.card.autonomy.forbidden_actions = vec!["exec".to_owned()];
    let mut lines = archive(&[&one, &two]);
    let end = lines.len() - 1;
    lines.insert(
        end,
        format!(
            "{{\"kind\":\"document\",\"document\":{}}}",
            one.documents[0]
        ),
    );
    let report = verified(&resealed(&lines));
    assert!(report.ok, "{:?}", report.findings);
}

#[test]
fn two_cards_under_one_id_are_told() {
    let mut agent = Acting::new(1, 3);
    let mut lines = archive(&[&agent]);
    let at = nth(&lines, "card", 0);
    lines.insert(at, lines[at].clone());
    assert!(verified(&resealed(&lines)).ok, "the same twice is one");
    agent.card.audit.retention_days += 1;
    lines[at] = signed(&agent);
    let report = verified(&resealed(&lines));
    assert_eq!(faults(&report), [Fault::BadCard]);
    assert!(report.findings[0].what.contains("two cards under the id"));
}
