//! What a verdict may cost its agent, and what becomes of a call when there was none in time: the card's mode decides.
//!
//! Under `enforce` the call is refused with that reason; a refusal that came late stands as it is. In any other mode it runs, and
//! its trace is marked `over_budget`.

use std::time::{Duration, Instant};

use aap::card::Mode;
use aap::{Decision, Verdict};

/// The rule that refuses what was not judged in time.
pub const RULE: &str = "budget.exceeded";

/// How long an answer may take, and since when it is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    since: Instant,
    within: Duration,
}

impl Budget {
    /// An answer within `within` from `since`.
    pub fn new(since: Instant, within: Duration) -> Self {
        Self { since, within }
    }

    /// Begins anew, for the next question.
    pub fn restart(&mut self) {
        self.since = Instant::now();
    }

    /// How late it is; none while there is time.
    pub fn exceeded(&self) -> Option<Late> {
        let took = self.since.elapsed();
        (took > self.within).then_some(Late {
            took,
            within: self.within,
        })
    }
}

/// A verdict that came after its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Late {
    took: Duration,
    within: Duration,
}

impl Late {
    /// What takes the place of `verdict` under a card in `mode`; none when the call runs as it would have, with a mark.
    pub fn instead_of(self, verdict: &Verdict, mode: Mode) -> Option<Verdict> {
        if mode != Mode::Enforce || verdict.decision == Decision::Deny {
            return None;
        }
        Some(Verdict {
            decision: Decision::Deny,
            reason: format!(
                "There was no verdict in time: it took {} ms, and the budget is {} ms (conscience.budget_ms)",
                self.took.as_millis(),
                self.within.as_millis()
            ),
            values_violated: vec!["transparency".to_owned()],
            rule_id: Some(RULE.to_owned()),
            advice: Some("Try again when the machine is less busy.".to_owned()),
            effects: verdict.effects.clone(),
            exception: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_card_that_enforces_refuses_what_is_late() {
        let late = Late {
            took: Duration::from_millis(300),
            within: Duration::from_millis(250),
        };
        let allow = Verdict::allow("no rule objects");
        let mut ask = allow.clone();
        ask.decision = Decision::Ask;
        let mut deny = allow.clone();
        deny.decision = Decision::Deny;
        for verdict in [&allow, &ask] {
            let refused = late.instead_of(verdict, Mode::Enforce).unwrap();
            assert_eq!(refused.decision, Decision::Deny);
            assert!(
                refused.reason.contains("300 ms") && refused.reason.contains("250 ms"),
                "{}",
                refused.reason
            );
            assert_eq!(late.instead_of(verdict, Mode::Observe), None);
            assert_eq!(late.instead_of(verdict, Mode::Nudge), None);
        }
        assert_eq!(
            late.instead_of(&deny, Mode::Enforce),
            None,
            "its own reason says more"
        );
    }

    #[test]
    fn there_is_time_until_there_is_none() {
        let mut budget = Budget::new(Instant::now(), Duration::from_hours(1));
        assert_eq!(budget.exceeded(), None);
        budget = Budget::new(Instant::now(), Duration::ZERO);
        std::thread::yield_now();
        assert!(budget.exceeded().is_some());
    }
}
