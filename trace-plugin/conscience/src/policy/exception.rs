//! Exceptions: what the operator lifts of a rule, who answers for it, and until when.

use aap::Timestamp;
use cedar_policy::Policy;

use super::rule::{self, Objection, Source};

/// Rules whose ids begin so are beyond exceptions: those that guard the conscience itself, and those that follow from the
/// alignment card, which is what the world was promised.
pub(crate) const BEYOND_EXCEPTIONS: [(&str, &str); 2] = [
    ("conscience.", "they guard the conscience itself"),
    ("card.", "change the alignment card instead"),
];

/// An exception: a `permit` policy of the operator's, which lifts objections of the rules that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// Its name, which traces carry.
    pub id: String,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub author: String,
    /// From then on it has no force.
    pub expires: Timestamp,
    /// The rules that it lifts: an id, or `git.*` for all whose ids begin with `git.`.
    pub lifts: Vec<String>,
    /// The kinds of effect that it looks at.
    pub effects: Vec<String>,
    /// Where it stands.
    pub source: Source,
}

impl Exception {
    /// Whether it lifts objections of the rule of that id.
    pub fn names(&self, rule: &str) -> bool {
        self.lifts.iter().any(|lifted| Self::names_by(lifted, rule))
    }

    /// Whether it lifts them by this entry of its list.
    pub(super) fn names_by(lifted: &str, rule: &str) -> bool {
        let covers = match lifted.strip_suffix('*') {
            Some(beginning) => rule.starts_with(beginning),
            None => lifted == rule,
        };
        covers && protected(rule).is_none()
    }

    /// Whether it has no force any more. Where nobody knows the time it has none.
    pub fn is_expired(&self, at: Option<Timestamp>) -> bool {
        at.is_none_or(|at| at >= self.expires)
    }
}

/// An objection that an exception lifted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifted {
    /// What would have been objected.
    pub objection: Objection,
    /// The exception that lifted it.
    pub exception: Exception,
}

/// Why no exception can lift `rule`, if that is so.
fn protected(rule: &str) -> Option<&'static str> {
    BEYOND_EXCEPTIONS
        .into_iter()
        .find(|(beginning, _)| rule.starts_with(beginning))
        .map(|(_, why)| why)
}

/// Reads a `permit` policy; the error says what is wrong with it.
pub(super) fn read(policy: &Policy, source: Source) -> Result<Exception, String> {
    let annotation = |key: &str| {
        rule::annotation(policy, key)
            .ok_or_else(|| format!("the exception (`permit`) has no @{key}(\"…\")"))
    };
    let id = annotation("id")?;
    let reason = annotation("reason")?;
    let author = annotation("author")?;
    let expires = annotation("expires")?;
    let expires = Timestamp::parse(expires).map_err(|error| format!("@expires: {error}"))?;
    let lifts = rule::list(annotation("lifts")?);
    for lifted in &lifts {
        let beginning = lifted.strip_suffix(".*").unwrap_or(lifted);
        if beginning.is_empty() || beginning.contains('*') {
            return Err(format!(
                "@lifts names `{lifted}`; write ids of rules, or a beginning such as git.*"
            ));
        }
        if let Some(why) = protected(&format!("{beginning}.")) {
            return Err(format!(
                "@lifts names `{lifted}`; those rules cannot be lifted: {why}"
            ));
        }
    }
    if lifts.is_empty() {
        return Err("the exception (`permit`) has no @lifts(\"…\")".to_owned());
    }
    for key in ["effect", "values", "severity"] {
        if rule::annotation(policy, key).is_some() {
            return Err(format!(
                "an exception (`permit`) has no @{key}; write `forbid` for a rule"
            ));
        }
    }
    Ok(Exception {
        id: id.to_owned(),
        reason: reason.to_owned(),
        author: author.to_owned(),
        expires,
        lifts,
        effects: rule::kinds(policy)
            .into_iter()
            .map(|kind| kind.as_str().to_owned())
            .collect(),
        source,
    })
}
