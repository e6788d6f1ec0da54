//! AAP's verification of one trace against its agent's card, in words.

use aap::AlignmentCard;
use serde_json::Value;
use trace_store::CardRow;

use crate::text::{Shown, line};
use crate::words::{self, date};

/// Violations of the card that are shown.
const VIOLATIONS: usize = 24;

/// What AAP's verification says.
pub(super) struct Check {
    pub(super) class: &'static str,
    pub(super) title: &'static str,
    pub(super) text: Shown,
    pub(super) violations: Vec<(String, &'static str, Shown)>,
}

/// The card that a trace says it was judged under.
pub(super) fn named(document: &Value) -> Option<&str> {
    let named = document.get("card_id")?.as_str()?;
    (!named.is_empty()).then_some(named)
}

/// Runs AAP's verification where the version of the card that the trace names is at hand.
pub(super) fn check(document: Option<&Value>, card: Option<&CardRow>) -> Check {
    let not = |text: String| Check {
        class: "off",
        title: "Not checked against a card",
        text: line(&text, 400),
        violations: Vec::new(),
    };
    let Some(document) = document else {
        return not("Its content was not published, so there is nothing to compare.".to_owned());
    };
    let Some(named) = named(document) else {
        return not("The trace names no alignment card.".to_owned());
    };
    let Some(card) = card else {
        return not(format!(
            "The trace names card {named}, which the agent has not published here."
        ));
    };
    let Ok(read) = serde_json::from_value::<AlignmentCard>(card.card.clone()) else {
        return not(
            "The agent’s card says something that this page does not understand.".to_owned(),
        );
    };
    let violations = aap::verify::verify(document, &read);
    let told = violations
        .iter()
        .take(VIOLATIONS)
        .map(|found| {
            let severity = match found.severity {
                aap::verify::Severity::Medium => "medium",
                aap::verify::Severity::High => "high",
                aap::verify::Severity::Critical => "critical",
            };
            (
                found.kind.replace('_', " "),
                severity,
                line(&found.description, 300),
            )
        })
        .collect();
    let (class, title) = if violations.is_empty() {
        ("ok", "Consistent with the agent’s card")
    } else {
        ("bad", "Against the agent’s card")
    };
    let text = format!(
        "AAP verification against card {named}, issued {}: {}.",
        date(read.issued_at),
        match violations.len() {
            0 => "no violation".to_owned(),
            n => words::counted(n as u64, "violation", "violations"),
        }
    );
    Check {
        class,
        title,
        text: line(&text, 300),
        violations: told,
    }
}
