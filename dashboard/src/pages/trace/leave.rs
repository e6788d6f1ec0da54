//! By whose leave a call ran or did not: a person who was asked, or an exception that the operator had written.

use aap::approval::{Approval, ApprovalStatus, Evidence};
use aap::{Timestamp, TraceId};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::text::{Shown, line};
use crate::words::time;

/// Characters of an id or a condition.
const CHARS: usize = 120;
/// Conditions of a yes that are shown.
const CONDITIONS: usize = 8;

/// A question to a person, and what came of it.
pub(super) struct Asked {
    pub(super) class: &'static str,
    pub(super) title: &'static str,
    /// What came of it, in a sentence without its full stop.
    pub(super) sentence: Shown,
    pub(super) id: Shown,
    pub(super) when: Option<Shown>,
    pub(super) conditions: Vec<Shown>,
    pub(super) rules: Vec<Shown>,
}

impl Asked {
    /// As AAP's escalation tells it; none where nobody was asked. A refusal that needed nobody has an escalation, too, but
    /// no question in it.
    pub(super) fn of(document: &Value, trace: TraceId, now: Timestamp) -> Option<Self> {
        let escalation = document.get("escalation")?;
        let text = |key: &str| escalation.get(key).and_then(Value::as_str);
        let response = escalation
            .get("principal_response")
            .filter(|it| it.is_object());
        let id = text("escalation_id").or_else(|| response.map(|_| ""))?;
        let status = text("escalation_status").and_then(word);
        let decision = response.and_then(|it| it.get("decision")?.as_str());
        let status = status.or_else(|| decision.and_then(word));
        let status = status.unwrap_or(ApprovalStatus::Pending);
        let evidence = document.pointer("/context/metadata/approval");
        let evidence = evidence.and_then(Value::as_str).and_then(word);
        let at = response
            .and_then(|it| it.get("timestamp")?.as_str())
            .and_then(|at| Timestamp::parse(at).ok());
        let (class, title) = match status {
            ApprovalStatus::Approved => ("ok", "Approved by a person"),
            ApprovalStatus::Denied => ("bad", "Denied by a person"),
            ApprovalStatus::Timeout => ("warn", "Not approved"),
            ApprovalStatus::Pending => ("off", "Asked, no answer yet"),
        };
        let evidence = evidence.unwrap_or(Evidence::Told);
        let approval = Approval::new(trace, status, evidence, now);
        let conditions = response.and_then(|it| it.get("conditions")?.as_array());
        let rules = escalation.get("triggers_checked").and_then(Value::as_array);
        let matched = rules
            .into_iter()
            .flatten()
            .filter(|rule| rule.get("matched").and_then(Value::as_bool) == Some(true));
        Some(Self {
            class,
            title,
            sentence: line(&capital(approval.sentence()), 2 * CHARS),
            id: line(id, CHARS),
            when: at.map(|at| time(at, now)),
            conditions: conditions
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .take(CONDITIONS)
                .map(|text| line(text, CHARS))
                .collect(),
            rules: matched
                .filter_map(|rule| rule.get("trigger")?.as_str())
                .take(CONDITIONS)
                .map(|rule| line(rule, CHARS))
                .collect(),
        })
    }
}

/// One of the words of an enumeration.
fn word<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(Value::from(text)).ok()
}

fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
