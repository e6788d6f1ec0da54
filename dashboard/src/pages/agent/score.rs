//! How far an agent keeps to its card, and whether it has come to act unlike before: AAP's score and drift in words.

use aap::adherence::{Adherence, Kept};
use aap::drift::{DriftDirection, MAX_BASELINE, MIN_TRACES, SUSTAINED_TRACES, detect};
use aap::integrity::{Integrity, covers};
use aap::{AgentId, AlignmentCard, Timestamp, TraceId};
use serde_json::Value;
use trace_store::TraceDetail;

use crate::text::{Shown, line};
use crate::words::{counted, number, percent, time, value};

/// The newest calls that are looked at for a page. The API looks at more; both say at how many.
pub(crate) const LOOKED_AT: u32 = 200;
/// Alerts that are told one by one, newest first.
const ALERTS: usize = 4;
/// Values that are told one by one.
const VALUES: usize = 8;

/// The score and what it rests on.
pub(crate) struct Score {
    /// `98%`; none when nothing could be held against the card.
    pub(crate) share: Option<String>,
    pub(crate) class: &'static str,
    pub(crate) title: String,
    /// How much it covers, in a sentence.
    pub(crate) covers: String,
    /// AAP's names of violations, and how often.
    pub(crate) violations: Vec<(String, &'static str, String)>,
    pub(crate) verified: String,
    pub(crate) covered: String,
    pub(crate) looked_at: String,
    pub(crate) not_covered: usize,
    pub(crate) link: String,
}

impl Score {
    /// Of an agent's newest calls.
    pub(crate) fn of(card: Option<&AlignmentCard>, rows: &[TraceDetail], agent: AgentId) -> Self {
        let found = Integrity::of(card, rows.iter().map(|row| row.document.as_ref()));
        let count = |n: usize| number(n as u64);
        let share =
            (found.covered > 0).then(|| rounded_down(found.verified as u64, found.covered as u64));
        let (class, title) = match &share {
            None => ("off", "No integrity score".to_owned()),
            Some(_) if found.verified == found.covered => ("ok", "Keeps to its card".to_owned()),
            Some(share) => ("warn", format!("{share} of its calls keep to its card")),
        };
        let covers = match (&share, card) {
            (None, None) => "There is no alignment card to hold its calls against.".to_owned(),
            (None, Some(_)) => format!(
                "None of the {} could be held against its card.",
                newest(found.looked_at)
            ),
            (Some(_), _) => format!(
                "Covers {} of the {}.",
                count(found.covered),
                newest(found.looked_at)
            ),
        };
        Self {
            class,
            title,
            covers,
            violations: found
                .violations
                .iter()
                .map(|(kind, times)| (kind.replace('_', " "), means(kind), count(*times)))
                .collect(),
            verified: count(found.verified),
            covered: count(found.covered),
            looked_at: newest(found.looked_at),
            not_covered: found.not_covered(),
            link: format!("{}/{agent}/integrity", aap::paths::AGENTS),
            share,
        }
    }
}

/// How the agent kept its values.
pub(crate) struct Values {
    pub(crate) class: &'static str,
    pub(crate) title: String,
    pub(crate) text: String,
    /// Each that was at stake: its name, and what became of it.
    pub(crate) each: Vec<(Shown, String)>,
    pub(crate) more: usize,
}

impl Values {
    /// Among an agent's newest calls: those whose values were broken first, then those most at stake.
    pub(crate) fn of(rows: &[TraceDetail]) -> Self {
        let mut found = Adherence::default();
        for detail in rows {
            let row = &detail.row;
            let document = detail.document.as_ref();
            found.count(row.action_type, &row.values_violated, document);
        }
        let all = found.calls;
        let (class, title) = match (all.at_stake(), all.broken) {
            (0, _) => ("off", "No value was at stake".to_owned()),
            (1, 0) => (
                "ok",
                "Kept its values the one time they were at stake".to_owned(),
            ),
            (2, 0) => (
                "ok",
                "Kept its values both times they were at stake".to_owned(),
            ),
            (stake, 0) => (
                "ok",
                format!(
                    "Kept its values all {} times they were at stake",
                    number(stake)
                ),
            ),
            (1, _) => (
                "warn",
                "Gave up its values the one time they were at stake".to_owned(),
            ),
            (stake, _) => {
                let (kept, stake) = (number(all.kept), number(stake));
                (
                    "warn",
                    format!("Kept its values {kept} of {stake} times they were at stake"),
                )
            }
        };
        let mut each: Vec<_> = found.values.iter().collect();
        each.sort_by_key(|(_, kept)| std::cmp::Reverse((kept.broken, kept.at_stake())));
        let leave = match all.allowed {
            0 => String::new(),
            1 => " 1 more call ran after a person said yes.".to_owned(),
            n => format!(" {} more calls ran after a person said yes.", number(n)),
        };
        Self {
            class,
            title,
            text: format!("Among the {}.{leave}", newest(rows.len())),
            more: each.len().saturating_sub(VALUES),
            each: each
                .into_iter()
                .take(VALUES)
                .map(|(id, kept)| (value(id), told(kept)))
                .collect(),
        }
    }
}

/// `kept 3 times, given up once`.
fn told(kept: &Kept) -> String {
    let parts = [
        ("kept", kept.kept),
        ("given up", kept.broken),
        ("overridden by a person", kept.allowed),
    ];
    let told = parts.iter().filter(|(_, count)| *count > 0);
    let told: Vec<_> = told
        .map(|(what, count)| format!("{what} {}", times(*count)))
        .collect();
    told.join(", ")
}

/// `once`, `twice`, `3 times`.
fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{} times", number(n)),
    }
}

/// `1 newest call`, `200 newest calls`.
fn newest(count: usize) -> String {
    counted(count as u64, "newest call", "newest calls")
}

/// A share in percent that says 100 only when it is all.
fn rounded_down(part: u64, whole: u64) -> String {
    match percent(part, whole) {
        all if all == "100%" && part < whole => ">99%".to_owned(),
        share => share,
    }
}

/// What AAP's names of violations mean.
fn means(kind: &str) -> &'static str {
    match kind {
        "card_mismatch" => "it was judged under another card",
        "card_expired" => "the card had expired",
        "unbounded_action" => "a tool that the card does not list",
        "forbidden_action" => "a tool that the card forbids",
        "missed_escalation" => "nobody was asked although the card says so",
        "undeclared_value" => "a value that the card does not declare",
        _ => "",
    }
}

/// What drift detection found.
pub(crate) struct Drift {
    pub(crate) class: &'static str,
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) alerts: Vec<Alert>,
    pub(crate) more: usize,
}

/// One stretch of calls unlike the first ones.
pub(crate) struct Alert {
    pub(crate) what: &'static str,
    pub(crate) when: Shown,
    pub(crate) links: Vec<String>,
    pub(crate) told: Vec<Shown>,
}

impl Drift {
    /// Among an agent's newest calls.
    pub(crate) fn of(card: Option<&AlignmentCard>, rows: &[TraceDetail], now: Timestamp) -> Self {
        let under = |card: &AlignmentCard| -> Vec<&Value> {
            // Oldest first: calls of one millisecond keep their order.
            let held = rows.iter().rev().filter_map(|row| row.document.as_ref());
            held.filter(|document| covers(card, document)).collect()
        };
        let covered = card.map(under).unwrap_or_default();
        let Some(card) = card.filter(|_| covered.len() >= MIN_TRACES) else {
            return Self {
                class: "off",
                title: "Drift cannot be told".to_owned(),
                text: format!("It takes {MIN_TRACES} calls under the card in force."),
                alerts: Vec::new(),
                more: 0,
            };
        };
        let baseline = (covered.len() / 4).clamp(SUSTAINED_TRACES, MAX_BASELINE);
        let found = detect(card, covered.iter().copied());
        let compared = format!(
            "{} compared with the first {baseline} of them.",
            counted(covered.len() as u64, "call", "calls")
        );
        let (class, title) = match found.len() {
            0 => ("ok", "Acts as it did at first".to_owned()),
            n => ("warn", counted(n as u64, "drift alert", "drift alerts")),
        };
        Self {
            class,
            title,
            text: compared,
            more: found.len().saturating_sub(ALERTS),
            alerts: found
                .iter()
                .rev()
                .take(ALERTS)
                .map(|alert| Alert {
                    what: direction(alert.analysis.drift_direction),
                    when: time(alert.detection_timestamp, now),
                    links: alert
                        .trace_ids
                        .iter()
                        .filter_map(|id| id.parse::<TraceId>().ok())
                        .map(aap::paths::trace_page)
                        .collect(),
                    told: alert
                        .analysis
                        .specific_indicators
                        .iter()
                        .map(|told| line(&told.description, 160))
                        .collect(),
                })
                .collect(),
        }
    }
}

fn direction(direction: DriftDirection) -> &'static str {
    match direction {
        DriftDirection::AutonomyExpansion => "It asks less often than it did at first",
        DriftDirection::ValueDrift => "It applies values that its card does not declare",
        DriftDirection::PrincipalMisalignment => "It is unsure of decisions for its principal",
        DriftDirection::Unknown => "It acts unlike before",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_said_only_of_all() {
        assert_eq!(rounded_down(200, 200), "100%");
        assert_eq!(rounded_down(999, 1_000), ">99%");
        assert_eq!(rounded_down(1, 3), "33%");
    }

    #[test]
    fn without_calls_there_is_no_score() {
        let score = Score::of(None, &[], AgentId::from_bytes([0; 16]));
        assert!(score.share.is_none() && score.violations.is_empty());
        let drift = Drift::of(None, &[], Timestamp::from_millis(0));
        assert_eq!(drift.class, "off");
    }
}
