//! The linter: what loads and yet cannot do what its author meant.
//!
//! In scope: rules that can never fire or never decide, exceptions that lift nothing. Not in scope: files that do not load,
//! which [`load`](super::load) tells. It says only what it is sure of: conditions that it does not understand, it lets be.

use aap::Timestamp;

use super::condition::Condition;
use super::exception::Exception;
use super::rule::{RuleInfo, Source};
use super::rules::{Compiled, Rules};
use super::{Packs, builtin};
use crate::effect::EffectKind;
use clauses::{Clause, clauses, contradiction, implies};

mod clauses;

/// Something that a policy's author should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where the policy stands.
    pub source: Source,
    /// Its id.
    pub id: String,
    /// What is the matter, and what to do.
    pub what: String,
}

/// A rule as others are compared with it.
struct Known<'a> {
    info: RuleInfo,
    kinds: &'a [EffectKind],
    /// None: it is not known when it objects.
    clauses: Option<Vec<Clause>>,
    is_scoped: bool,
    is_on: bool,
}

impl Known<'_> {
    /// How strict it is: of two that object, the greater decides.
    fn rank(&self) -> (bool, u32) {
        rank(&self.info)
    }
}

fn rank(info: &RuleInfo) -> (bool, u32) {
    (info.decision() == aap::Decision::Deny, info.severity)
}

/// Looks over the policies of files, next to the built-in rules of `packs` and those of the card.
pub(crate) fn lint(
    files: [&Rules; 2],
    packs: Packs,
    card: &[RuleInfo],
    at: Option<Timestamp>,
) -> Vec<Finding> {
    let mut known: Vec<Known<'_>> = builtin::conditions(Packs::ALL)
        .map(|(info, kinds, when)| Known {
            clauses: clauses(&Condition::from(when)),
            is_on: matches!(info.source, Source::Pack(pack) if packs.has(pack)),
            info,
            kinds,
            is_scoped: false,
        })
        .collect();
    let of_files = files.iter().flat_map(|rules| rules.rules.all());
    known.extend(of_files.map(|rule| Known {
        info: rule.info.clone(),
        kinds: &rule.kinds,
        clauses: clauses(&rule.condition),
        is_scoped: rule.is_scoped,
        is_on: true,
    }));
    let mut findings = Vec::new();
    for (place, rule) in known.iter().enumerate() {
        if matches!(rule.info.source, Source::Pack(_)) {
            continue;
        }
        let what = never(rule.clauses.as_deref(), rule.kinds).or_else(|| shadow(place, &known));
        findings.extend(what.map(|what| Finding {
            source: rule.info.source.clone(),
            id: rule.info.id.clone(),
            what,
        }));
    }
    for exception in files.iter().flat_map(|rules| rules.exceptions.all()) {
        let found = idle(exception, &known, card, at);
        findings.extend(found.into_iter().map(|what| Finding {
            source: exception.info.source.clone(),
            id: exception.info.id.clone(),
            what,
        }));
    }
    findings
}

/// Why a policy of these conditions and kinds never fires, if so.
fn never(clauses: Option<&[Clause]>, kinds: &[EffectKind]) -> Option<String> {
    let clauses = clauses?;
    let mut why = None;
    for clause in clauses {
        why = Some(contradiction(clause, kinds)?);
    }
    let why = why.unwrap_or_else(|| "its condition is always false".to_owned());
    Some(format!("it can never fire: {why}"))
}

/// Which other rule decides wherever the one at `place` would, if any.
fn shadow(place: usize, known: &[Known<'_>]) -> Option<String> {
    let rule = &known[place];
    let own = rule.clauses.as_deref()?;
    let other = known.iter().enumerate().find(|(other_place, other)| {
        let first_of_equals = *other_place < place;
        *other_place != place
            && other.is_on
            && !other.is_scoped
            && (other.rank() > rule.rank() || (other.rank() == rule.rank() && first_of_equals))
            && rule.kinds.iter().all(|kind| other.kinds.contains(kind))
            && other.clauses.as_deref().is_some_and(|theirs| {
                own.iter()
                    .all(|clause| theirs.iter().any(|their| implies(clause, their)))
            })
    });
    other.map(|(_, other)| {
        format!(
            "it never decides: `{}` ({}) objects to all that it objects to, and is as strict; narrow the one or remove the other",
            other.info.id, other.info.source
        )
    })
}

/// Why an exception lifts nothing of what it names, for each thing that is the matter.
fn idle(
    exception: &Compiled<Exception>,
    known: &[Known<'_>],
    card: &[RuleInfo],
    at: Option<Timestamp>,
) -> Vec<String> {
    let mut found = Vec::new();
    let info = &exception.info;
    if at.is_some() && info.is_expired(at) {
        found.push(format!(
            "it has had no force since {}; remove it, or write a later @expires",
            info.expires
        ));
    }
    let own = clauses(&exception.condition);
    if let Some(why) = never(own.as_deref(), &exception.kinds) {
        found.push(why);
        return found;
    }
    if let Some(name) = forbidden_by_card(exception, own.as_deref(), card) {
        found.push(format!(
            "the alignment card forbids `{name}`, which no exception lifts; change the card, or remove the exception"
        ));
    }
    for lifted in &info.lifts {
        let named: Vec<&Known<'_>> = known
            .iter()
            .filter(|rule| Exception::names_by(lifted, &rule.info.id))
            .collect();
        if named.is_empty() {
            found.push(format!(
                "@lifts names `{lifted}`, and there is no such rule"
            ));
        } else if named.iter().all(|rule| !rule.is_on) {
            found.push(format!(
                "@lifts names `{lifted}`, whose pack is off (conscience.packs)"
            ));
        } else if !named.iter().any(|rule| shares_a_kind(exception, rule)) {
            let looks = named[0].info.effects.join(", ");
            found.push(format!(
                "@lifts names `{lifted}`, which looks at {looks}; the exception looks at {}",
                info.effects.join(", ")
            ));
        } else if !named
            .iter()
            .any(|rule| meets(exception, own.as_deref(), rule))
        {
            found.push(format!(
                "@lifts names `{lifted}`, which never objects where the exception's condition holds"
            ));
        }
    }
    found
}

fn shares_a_kind(exception: &Compiled<Exception>, rule: &Known<'_>) -> bool {
    exception.kinds.iter().any(|kind| rule.kinds.contains(kind))
}

/// Whether there may be an effect that the rule objects to and the exception speaks of.
fn meets(exception: &Compiled<Exception>, own: Option<&[Clause]>, rule: &Known<'_>) -> bool {
    let (Some(own), Some(theirs)) = (own, rule.clauses.as_deref()) else {
        return true;
    };
    let kinds: Vec<EffectKind> = exception
        .kinds
        .iter()
        .copied()
        .filter(|kind| rule.kinds.contains(kind))
        .collect();
    !kinds.is_empty()
        && own.iter().any(|clause| {
            theirs.iter().any(|their| {
                let both: Clause = clause.iter().chain(their).cloned().collect();
                contradiction(&both, &kinds).is_none()
            })
        })
}

/// The tool or program that an exception is all about and that the card forbids.
fn forbidden_by_card(
    exception: &Compiled<Exception>,
    own: Option<&[Clause]>,
    card: &[RuleInfo],
) -> Option<String> {
    let forbidden: Vec<&str> = card
        .iter()
        .filter_map(|rule| rule.id.strip_prefix("card.forbidden."))
        .collect();
    let is_forbidden = |name: &str| forbidden.contains(&name);
    if let Some(tool) = exception.tool.as_deref().filter(|tool| is_forbidden(tool)) {
        return Some(tool.to_owned());
    }
    let mut programs = own?.iter().map(|clause| clauses::program(clause));
    let first = programs.next()??;
    (is_forbidden(first) && programs.all(|program| program == Some(first)))
        .then(|| first.to_owned())
}
