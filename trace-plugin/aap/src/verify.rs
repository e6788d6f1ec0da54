//! AAP's verification of a trace against a card, as its reference verifiers do it.
//!
//! The order, the severities and the warnings are those of AAP 2.0.0: `verifyTrace` of `@mnemom/agent-alignment-protocol` and
//! `verify_trace` of `agent-alignment-protocol`. Only structure is checked; whether a card's words are lived up to is more than this
//! can tell.
//!
//! There are two readings. [`Reading::reference`] is what both SDKs say wherever they agree; a differential test holds it to
//! them over thousands of generated cards and traces and explains each difference between the two by a named rule. [`Reading::OURS`], which
//! scores and archives use, departs from it in three places where both would be unfair or unsafe: see its fields.

use serde::Serialize;
use serde_json::Value;

use crate::card::{AlignmentCard, listed};
use crate::timestamp::Timestamp;

pub(crate) mod condition;

/// The version of the algorithm, as both SDKs write it.
pub const ALGORITHM_VERSION: &str = "1.2.0";
/// A confidence or an option's score below this is near the boundary. From AAP's `constants` (`NEAR_BOUNDARY_THRESHOLD`).
pub const NEAR_BOUNDARY: f64 = 0.35;
/// The checks, in their order. Python's SDK adds `behavioral_similarity`.
pub const CHECKS: [&str; 6] = [
    "card_reference",
    "card_expiration",
    "autonomy",
    "forbidden",
    "escalation",
    "values",
];

/// How bad a violation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A value that the card does not declare.
    Medium,
    /// Outside the bounds, or not escalated.
    High,
    /// Another card, or a forbidden action.
    Critical,
}

/// One thing that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// AAP's name for it, such as `forbidden_action`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// How bad.
    pub severity: Severity,
    /// In words.
    pub description: String,
    /// Where in the trace, where that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_field: Option<&'static str>,
}

/// Something to look at that is no violation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// AAP's name for it: `near_boundary` or `escalation_timeout`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// In words.
    pub description: String,
    /// Where in the trace.
    pub trace_field: String,
}

/// What to do with a trace, by AAP's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Recommendation {
    /// Neither violations nor warnings.
    Proceed,
    /// Warnings alone.
    Review,
    /// Violations.
    Deny,
}

/// The outcome of a verification, under AAP's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Whether there are no violations.
    pub verified: bool,
    /// What follows.
    pub recommended_action: Recommendation,
    /// What does not hold, in the order of [`CHECKS`].
    pub violations: Vec<Violation>,
    /// What is worth a look.
    pub warnings: Vec<Warning>,
}

/// How the places are read in which we depart from both SDKs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The time that a card's expiry is compared with. None: the trace's own. The SDKs compare with the clock, so that a trace made in
    /// time turns bad on the day that its card runs out.
    pub now: Option<Timestamp>,
    /// Whether one forbidden tool among several named in one action is enough. In 2.0.0 it takes all of them; AAP's own changelog (1.3.2)
    /// says one.
    pub any_forbidden: bool,
    /// Whether a name of nothing but commas is taken for no name. In 2.0.0 it matches every list, also an empty one.
    pub needs_name: bool,
}

impl Reading {
    /// What scores and archives use.
    pub const OURS: Self = Self {
        now: None,
        any_forbidden: true,
        needs_name: true,
    };

    /// What the reference SDKs do at the time `now`.
    pub fn reference(now: Timestamp) -> Self {
        Self {
            now: Some(now),
            any_forbidden: false,
            needs_name: false,
        }
    }
}

/// Every violation of `card` in `trace` by our reading; none means verified.
pub fn verify(trace: &Value, card: &AlignmentCard) -> Vec<Violation> {
    check(trace, card, Reading::OURS).violations
}

/// Verifies `trace` against `card`, as AAP does.
pub fn check(trace: &Value, card: &AlignmentCard, reading: Reading) -> Verification {
    let mut found = Found::default();
    found.card(trace, card, reading);
    found.action(trace, card, reading);
    found.escalation(trace, card);
    found.values(trace, card);
    found.boundaries(trace);
    let Found {
        violations,
        warnings,
    } = found;
    Verification {
        verified: violations.is_empty(),
        recommended_action: match (violations.is_empty(), warnings.is_empty()) {
            (false, _) => Recommendation::Deny,
            (true, false) => Recommendation::Review,
            (true, true) => Recommendation::Proceed,
        },
        violations,
        warnings,
    }
}

fn text<'a>(trace: &'a Value, pointer: &str) -> &'a str {
    let found = trace.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default()
}

#[derive(Default)]
struct Found {
    violations: Vec<Violation>,
    warnings: Vec<Warning>,
}

impl Found {
    fn violation(
        &mut self,
        kind: &'static str,
        severity: Severity,
        trace_field: Option<&'static str>,
        description: String,
    ) {
        self.violations.push(Violation {
            kind,
            severity,
            description,
            trace_field,
        });
    }

    fn warning(&mut self, kind: &'static str, trace_field: String, description: String) {
        self.warnings.push(Warning {
            kind,
            description,
            trace_field,
        });
    }

    fn card(&mut self, trace: &Value, card: &AlignmentCard, reading: Reading) {
        let named = text(trace, "/card_id");
        if named != card.card_id {
            let what = format!("the trace names card {named}, this is {}", card.card_id);
            self.violation("card_mismatch", Severity::Critical, None, what);
        }
        let at = reading
            .now
            .or_else(|| Timestamp::parse(text(trace, "/timestamp")).ok());
        if let (Some(expires), Some(at)) = (card.expires_at, at)
            && at > expires
        {
            let what = format!("the card expired at {expires}");
            self.violation("card_expired", Severity::High, None, what);
        }
    }

    fn action(&mut self, trace: &Value, card: &AlignmentCard, reading: Reading) {
        let whole = text(trace, "/action/name");
        let names = Names::of(whole);
        if whole.is_empty() || (names.0.is_empty() && reading.needs_name) {
            return;
        }
        let field = Some("action.name");
        let bounded = text(trace, "/action/category") == "bounded";
        if bounded && let Some(outside) = names.first_outside(&card.autonomy.bounded_actions) {
            let what = format!("{outside} is not among the bounded actions");
            self.violation("unbounded_action", Severity::High, field, what);
        }
        let forbidden = &card.autonomy.forbidden_actions;
        let inside = names.first_inside(forbidden);
        let matched = if reading.any_forbidden {
            inside.is_some()
        } else {
            names.first_outside(forbidden).is_none()
        };
        if matched {
            let what = format!("{} is forbidden by the card", inside.unwrap_or(whole));
            self.violation("forbidden_action", Severity::Critical, field, what);
        }
    }

    fn escalation(&mut self, trace: &Value, card: &AlignmentCard) {
        let asked = trace.pointer("/escalation/required") == Some(&Value::Bool(true));
        let timeout = text(trace, "/escalation/escalation_status") == "timeout";
        for trigger in &card.autonomy.escalation_triggers {
            let condition = &trigger.condition;
            if (asked && !timeout) || !condition::fires(condition, trace) {
                continue;
            }
            if asked {
                let field = "escalation.escalation_status".to_owned();
                let what = format!("nobody answered in time when `{condition}` held");
                self.warning("escalation_timeout", field, what);
            } else {
                let what = format!("`{condition}` holds and nobody was asked");
                let field = Some("escalation.required");
                self.violation("missed_escalation", Severity::High, field, what);
            }
        }
    }

    fn values(&mut self, trace: &Value, card: &AlignmentCard) {
        let applied = trace.pointer("/decision/values_applied");
        let applied = applied.and_then(Value::as_array).into_iter().flatten();
        let ids = applied.filter_map(|value| value.as_str().or_else(|| value.get("id")?.as_str()));
        for value in ids.filter(|value| !card.declares(value)) {
            let what = format!("{value} is not declared on the card");
            let field = Some("decision.values_applied");
            self.violation("undeclared_value", Severity::Medium, field, what);
        }
    }

    fn boundaries(&mut self, trace: &Value) {
        let near = |value: Option<&Value>| value?.as_f64().filter(|score| *score < NEAR_BOUNDARY);
        if let Some(confidence) = near(trace.pointer("/decision/confidence")) {
            let what = format!("confidence {confidence:.2} is below {NEAR_BOUNDARY}");
            self.warning("near_boundary", "decision.confidence".to_owned(), what);
        }
        let options = trace.pointer("/decision/alternatives_considered");
        let options = options.and_then(Value::as_array).into_iter().flatten();
        for (index, option) in options.enumerate() {
            if let Some(score) = near(option.get("score")) {
                let what = format!(
                    "option {} has a score of {score:.2}, below {NEAR_BOUNDARY}",
                    text(option, "/option_id")
                );
                let field = format!("decision.alternatives_considered[{index}].score");
                self.warning("near_boundary", field, what);
            }
        }
    }
}

/// The tools that an action names: AAP joins several by `, `.
struct Names<'a>(Vec<&'a str>);

impl<'a> Names<'a> {
    fn of(whole: &'a str) -> Self {
        let names = whole.split(", ").map(str::trim);
        Self(names.filter(|name| !name.is_empty()).collect())
    }

    fn first_inside(&self, list: &[String]) -> Option<&'a str> {
        self.0.iter().find(|name| listed(list, name)).copied()
    }

    fn first_outside(&self, list: &[String]) -> Option<&'a str> {
        self.0.iter().find(|name| !listed(list, name)).copied()
    }
}
