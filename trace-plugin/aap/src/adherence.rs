//! Value adherence: how often an agent kept a value when a call would have violated it.
//!
//! A value is at stake in a call whose judge said that running it violates the value. It is kept when the call did not run. Where the
//! call ran because a person said yes to it, the agent did as it was told: that is neither kept nor broken, and is told by itself. AAP
//! has the word and no rule for it; this is ours. Where nothing was at stake there is no share: that is no proof of anything.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::trace::ActionType;

/// How often a value was at stake, and what became of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// The call did not run.
    pub kept: u64,
    /// It ran.
    pub broken: u64,
    /// It ran after a person's yes.
    pub allowed: u64,
}

impl Kept {
    /// How often it was for the agent to decide.
    pub fn at_stake(&self) -> u64 {
        self.kept + self.broken
    }

    /// `kept / at_stake`; none where it was never at stake.
    pub fn share(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a page of traces")]
        let share = self.kept as f64 / self.at_stake() as f64;
        (self.at_stake() > 0).then_some(share)
    }

    fn count(&mut self, became: Became) {
        match became {
            Became::Kept => self.kept += 1,
            Became::Broken => self.broken += 1,
            Became::Allowed => self.allowed += 1,
        }
    }
}

#[derive(Clone, Copy)]
enum Became {
    Kept,
    Broken,
    Allowed,
}

/// What became of an agent's values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adherence {
    /// Of all calls in which a value was at stake, each once.
    pub calls: Kept,
    /// Of each value by its id; a call may have several.
    pub values: BTreeMap<String, Kept>,
}

impl Adherence {
    /// Counts a call, of which `document` may not be at hand.
    pub fn count(&mut self, action: ActionType, values: &[String], document: Option<&Value>) {
        if values.is_empty() {
            return;
        }
        let became = match action {
            ActionType::Deny => Became::Kept,
            _ if document.is_some_and(is_approved) => Became::Allowed,
            ActionType::Allow | ActionType::Error => Became::Broken,
        };
        self.calls.count(became);
        for (at, value) in values.iter().enumerate() {
            if values[..at].contains(value) {
                continue;
            }
            self.values.entry(value.clone()).or_default().count(became);
        }
    }
}

/// Whether a person said yes to this call, as AAP's escalation tells it.
pub fn is_approved(document: &Value) -> bool {
    let status = document.pointer("/escalation/escalation_status");
    status.and_then(Value::as_str) == Some("approved")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_did_not_run_was_kept_and_a_persons_yes_is_the_persons() {
        let mut found = Adherence::default();
        let of = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        let approved = json!({"escalation": {"escalation_status": "approved"}});
        let denied = json!({"escalation": {"escalation_status": "denied"}});
        found.count(ActionType::Allow, &[], None);
        assert_eq!(found.calls.share(), None, "nothing was at stake");
        found.count(
            ActionType::Deny,
            &of(&["privacy", "honesty", "privacy"]),
            Some(&denied),
        );
        found.count(ActionType::Allow, &of(&["privacy"]), None);
        found.count(ActionType::Error, &of(&["privacy"]), Some(&denied));
        found.count(ActionType::Allow, &of(&["honesty"]), Some(&approved));
        let kept = |kept, broken, allowed| Kept {
            kept,
            broken,
            allowed,
        };
        assert_eq!(found.calls, kept(1, 2, 1));
        assert_eq!(found.values["privacy"], kept(1, 2, 0));
        assert_eq!(found.values["honesty"], kept(1, 0, 1));
        assert_eq!(found.values["honesty"].share(), Some(1.0));
        assert_eq!(found.calls.at_stake(), 3);
    }
}
