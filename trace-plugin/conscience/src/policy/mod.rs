//! Cedar policies over effects: the built-in ones, compiled in as a table, and those of files, which Cedar itself judges.

mod builtin;
mod cedar;
#[cfg(test)]
mod compile;
mod condition;
mod exception;
mod file;
mod lint;
mod pack;
mod rule;
mod rules;
mod statements;
mod table;

use aap::ToolCall;

use crate::effect::{Effect, EffectKind};
use crate::situation::Situation;
use cedar::Cedar;
use rules::Asked;

pub(crate) use builtin::infos as builtin_infos;
pub use exception::{Exception, Lifted};
pub(crate) use file::{Owner, load};
pub use file::{PolicyError, PolicyFile};
pub use lint::Finding;
pub(crate) use lint::lint;
pub use pack::{Pack, Packs, PacksError};
pub use rule::{Objection, RuleInfo, STANDARD_VALUES, Source};
pub(crate) use rules::Rules;

/// The place of `kind` in [`EffectKind::ALL`].
fn index(kind: EffectKind) -> usize {
    kind as usize
}

/// What rules are told besides the effect that they are asked about.
pub(crate) struct About<'a> {
    call: &'a ToolCall,
    situation: &'a Situation,
    /// The kinds of all effects of the call.
    kinds: Vec<&'static str>,
}

/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;

impl About<'_> {
    /// The hour of the day in UTC, 0 to 23, where the time is known.
    fn hour(&self) -> Option<i64> {
        let at = self.situation.at?;
        Some(at.millis().div_euclid(HOUR_MS).rem_euclid(24))
    }

    /// The day of the week in UTC, from 1 for Monday to 7 for Sunday as ISO 8601 counts, where the time is known.
    fn weekday(&self) -> Option<i64> {
        let at = self.situation.at?;
        // The epoch was a Thursday.
        Some((at.millis().div_euclid(24 * HOUR_MS) + 3).rem_euclid(7) + 1)
    }
}

/// Judges effects of one call.
pub(crate) struct Judge<'a> {
    about: About<'a>,
    packs: Packs,
    operator: &'a Rules,
    project: &'a Rules,
    cedar: Cedar<'a>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(
        call: &'a ToolCall,
        situation: &'a Situation,
        effects: &[Effect],
        packs: Packs,
        (operator, project): (&'a Rules, &'a Rules),
    ) -> Self {
        let mut kinds: Vec<&'static str> =
            effects.iter().map(|effect| effect.kind.as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        Self {
            about: About {
                call,
                situation,
                kinds,
            },
            packs,
            operator,
            project,
            cedar: Cedar::new(call),
        }
    }

    /// All objections to `effect`: those that stand, and those that exceptions lift.
    pub(crate) fn judge(
        &self,
        effect: &Effect,
        standing: &mut Vec<Objection>,
        lifted: &mut Vec<Lifted>,
    ) {
        let asked = Asked::new(effect, &self.about, &self.cedar);
        let builtin = builtin::matching(effect, &self.about, self.packs).map(builtin::Rule::info);
        let operator = self.operator.objecting(&asked).cloned();
        let project = self.project.objecting(&asked).cloned();
        for rule in builtin.chain(operator).chain(project) {
            let exception = self.operator.lifting(&rule.id, &asked).next().cloned();
            let objection = Objection {
                reason: rule.reason.replace("{target}", shown(&effect.target)),
                effect: effect.to_string(),
                rule,
            };
            match exception {
                None => standing.push(objection),
                Some(exception) => lifted.push(Lifted {
                    objection,
                    exception,
                }),
            }
        }
    }
}

/// What a reason shows where nothing is named.
fn shown(target: &str) -> &str {
    if target.is_empty() { "unnamed" } else { target }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_found_by_their_place() {
        for (place, kind) in EffectKind::ALL.into_iter().enumerate() {
            assert_eq!(index(kind), place, "{kind:?}");
        }
    }

    #[test]
    fn hours_and_days_are_those_of_the_calendar() {
        let call = ToolCall::new("test", "exec", serde_json::Value::Null);
        for (at, hour, weekday) in [
            ("1970-01-01T00:00:00Z", 0, 4),
            ("1969-12-31T23:59:59Z", 23, 3),
            ("2026-11-21T15:30:00Z", 15, 6),
            ("2026-11-22T23:59:59.999Z", 23, 7),
            ("2026-11-23T00:30:00+01:00", 23, 7),
            ("2026-11-23T00:00:00Z", 0, 1),
        ] {
            let situation = Situation {
                at: aap::Timestamp::parse(at).ok(),
                ..Situation::default()
            };
            let about = About {
                call: &call,
                situation: &situation,
                kinds: Vec::new(),
            };
            assert_eq!(
                (about.hour(), about.weekday()),
                (Some(hour), Some(weekday)),
                "{at}"
            );
        }
    }
}
