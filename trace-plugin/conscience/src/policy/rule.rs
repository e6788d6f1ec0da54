//! A rule as people read it, and how it is read from a policy's annotations.

use aap::Decision;
use cedar_policy::{ActionConstraint, Policy};

use super::Pack;
use crate::effect::EffectKind;

/// Where a rule comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// It is built in, in this pack.
    Pack(Pack),
    /// It stands in a file of the operator's, at this line.
    Operator(String, usize),
    /// It stands in a file of the workspace, at this line.
    Project(String, usize),
    /// It follows from the alignment card.
    Card,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pack(pack) => write!(f, "pack {pack}"),
            Self::Operator(file, line) | Self::Project(file, line) => write!(f, "{file}:{line}"),
            Self::Card => f.write_str("alignment card"),
        }
    }
}

/// A rule as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleInfo {
    /// `fs.delete.root` and the like.
    pub id: String,
    /// One sentence; `{target}` stands for what the effect is on.
    pub reason: String,
    /// AAP values that the call would violate.
    pub values: Vec<String>,
    /// What to do instead.
    pub advice: Option<String>,
    /// `forbid` or `ask`.
    pub effect: &'static str,
    /// How grave it is, 0 to 100: the gravest of several matches is the one that is reported.
    pub severity: u32,
    /// The kinds of effect that it looks at.
    pub effects: Vec<String>,
    /// Where it comes from.
    pub source: Source,
}

impl RuleInfo {
    /// What a match of this rule decides.
    pub fn decision(&self) -> Decision {
        if self.effect == "ask" {
            Decision::Ask
        } else {
            Decision::Deny
        }
    }
}

/// Values of AAP's standard set, the only ones a rule may name.
pub const STANDARD_VALUES: [&str; 8] = [
    "principal_benefit",
    "transparency",
    "minimal_data",
    "harm_prevention",
    "honesty",
    "user_control",
    "privacy",
    "fairness",
];

/// Severity of a rule that declares none.
const DEFAULT_SEVERITY: u32 = 50;

/// A rule that objected, and to which effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// The rule.
    pub rule: RuleInfo,
    /// The effect that it objected to, as in `Verdict.effects`.
    pub effect: String,
    /// The reason with its target filled in.
    pub reason: String,
}

/// The text of an annotation that says something.
pub(super) fn annotation<'a>(policy: &'a Policy, key: &str) -> Option<&'a str> {
    // Not `policy.annotation(key)`: that would build a parser for the key, a quarter of a millisecond the first time.
    policy
        .annotations()
        .find(|(name, text)| *name == key && !text.trim().is_empty())
        .map(|(_, text)| text)
}

/// The parts of a text with commas.
pub(super) fn list(text: &str) -> Vec<String> {
    text.split(',')
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}

/// The kinds of effect that the policy's scope names.
pub(super) fn kinds(policy: &Policy) -> Vec<EffectKind> {
    let named: Vec<String> = match policy.action_constraint() {
        ActionConstraint::Any => return EffectKind::ALL.to_vec(),
        ActionConstraint::Eq(action) => vec![action.id().unescaped().to_owned()],
        ActionConstraint::In(actions) => actions
            .iter()
            .map(|action| action.id().unescaped().to_owned())
            .collect(),
    };
    EffectKind::ALL
        .into_iter()
        .filter(|kind| named.iter().any(|name| name == kind.as_str()))
        .collect()
}

/// Reads a `forbid` policy; the error says what is wrong with it.
pub(super) fn read(policy: &Policy, source: Source) -> Result<RuleInfo, String> {
    let annotation = |key| annotation(policy, key);
    let id = annotation("id").ok_or("the policy has no @id(\"…\")")?;
    let reason = annotation("reason").ok_or("the policy has no @reason(\"…\")")?;
    let values = list(annotation("values").unwrap_or_default());
    let unknown = values
        .iter()
        .find(|value| !STANDARD_VALUES.contains(&value.as_str()));
    if let Some(value) = unknown {
        let known = STANDARD_VALUES.join(", ");
        return Err(format!("@values names `{value}`, which is none of {known}"));
    }
    if values.is_empty() {
        return Err("the policy has no @values(\"…\")".to_owned());
    }
    let effect = match annotation("effect") {
        None | Some("forbid") => "forbid",
        Some("ask") => "ask",
        Some(other) => {
            return Err(format!(
                "@effect is `{other}`; it must be \"ask\" or \"forbid\""
            ));
        }
    };
    let severity = match annotation("severity") {
        None => DEFAULT_SEVERITY,
        Some(text) => text
            .parse()
            .ok()
            .filter(|severity| *severity <= 100)
            .ok_or("@severity must be a number from 0 to 100")?,
    };
    Ok(RuleInfo {
        id: id.to_owned(),
        reason: reason.to_owned(),
        values,
        advice: annotation("advice").map(str::to_owned),
        effect,
        severity,
        effects: kinds(policy)
            .into_iter()
            .map(|kind| kind.as_str().to_owned())
            .collect(),
        source,
    })
}
