//! Conditions as alternatives of plain statements, which can be held against one another.

use super::super::builtin::{Flag, Text};
use super::super::condition::{Condition, Number};
use crate::effect::EffectKind;
use crate::place::Place;

/// How many alternatives a condition may come to; one that has more is not looked into.
const MAX_CLAUSES: usize = 256;

/// A statement that has no parts, or its contrary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Literal {
    atom: Condition,
    holds: bool,
}

/// Statements that are all to hold.
pub(super) type Clause = Vec<Literal>;

/// The alternatives that a condition comes to; none where there are too many.
pub(super) fn clauses(condition: &Condition) -> Option<Vec<Clause>> {
    expand(condition, true)
}

fn expand(condition: &Condition, holds: bool) -> Option<Vec<Clause>> {
    match (condition, holds) {
        (Condition::Not(inner), _) => expand(inner, !holds),
        (Condition::All(parts), true) | (Condition::Any(parts), false) => {
            let mut all: Vec<Clause> = vec![Vec::new()];
            for part in parts {
                let part = expand(part, holds)?;
                if all.len() * part.len() > MAX_CLAUSES {
                    return None;
                }
                all = all
                    .iter()
                    .flat_map(|left| part.iter().map(|right| [&left[..], right].concat()))
                    .collect();
            }
            Some(all)
        }
        (Condition::Any(parts), true) | (Condition::All(parts), false) => {
            let mut any = Vec::new();
            for part in parts {
                any.append(&mut expand(part, holds)?);
                if any.len() > MAX_CLAUSES {
                    return None;
                }
            }
            Some(any)
        }
        (atom, _) => Some(vec![vec![Literal {
            atom: atom.clone(),
            holds,
        }]]),
    }
}

/// Why the statements cannot all hold for an effect of one of these kinds, if that is sure.
pub(super) fn contradiction(clause: &Clause, kinds: &[EffectKind]) -> Option<String> {
    for (place, literal) in clause.iter().enumerate() {
        if let Some(why) = impossible(literal, kinds) {
            return Some(why);
        }
        for other in &clause[..place] {
            if literal.atom == other.atom && literal.holds != other.holds
                || excludes(other, literal)
                || excludes(literal, other)
            {
                return Some(format!(
                    "{} and {} exclude each other",
                    said(other),
                    said(literal)
                ));
            }
        }
    }
    [Number::Hour, Number::Weekday]
        .into_iter()
        .find(|number| !any_left(*number, clause))
        .map(|number| format!("no {} is left by its bounds", number.name()))
}

/// Why a statement never holds by itself.
fn impossible(literal: &Literal, kinds: &[EffectKind]) -> Option<String> {
    let only_runs = kinds == [EffectKind::Run];
    match (&literal.atom, literal.holds) {
        (Condition::Is(Text::Place, word), true) => {
            if Place::ALL.iter().all(|place| place.as_str() != word) {
                return Some(format!("there is no place `{word}`"));
            }
            (only_runs && word != Place::Ordinary.as_str())
                .then(|| "`run` is on no file, its place is always \"ordinary\"".to_owned())
        }
        (Condition::Is(Text::Manner, word), true) if only_runs && !word.is_empty() => {
            Some("`run` has no manner".to_owned())
        }
        (Condition::Is(Text::Program, word), true) if word.contains('/') => Some(format!(
            "`program` is without its directory, so never `{word}`"
        )),
        (Condition::Flag(Flag::Recursive | Flag::Forced), true) if only_runs => {
            Some("`run` is neither recursive nor forced".to_owned())
        }
        (Condition::Also(word), true) => {
            let known = EffectKind::ALL
                .iter()
                .any(|kind| *kind != EffectKind::Run && kind.as_str() == word);
            (!known).then(|| format!("`also` never holds `{word}`"))
        }
        _ => None,
    }
}

/// Whether `one` says what a text is, and `other` does not fit it.
fn excludes(one: &Literal, other: &Literal) -> bool {
    let (Condition::Is(text, word), true) = (&one.atom, one.holds) else {
        return false;
    };
    match &other.atom {
        Condition::Is(other_text, other_word) => {
            other.holds && text == other_text && word != other_word
        }
        Condition::Like(other_text, pattern) => {
            text == other_text && pattern.matches(word) != other.holds
        }
        _ => false,
    }
}

/// Whether the bounds of a clause leave any value of `number`.
fn any_left(number: Number, clause: &Clause) -> bool {
    let (first, last) = number.bounds();
    (first..=last).any(|value| {
        clause.iter().all(|literal| match literal.atom {
            Condition::Within(other, low, high) if other == number => {
                (low..=high).contains(&value) == literal.holds
            }
            _ => true,
        })
    })
}

/// Whether wherever `narrow` holds `wide` does too.
pub(super) fn implies(narrow: &Clause, wide: &Clause) -> bool {
    wide.iter()
        .all(|wanted| narrow.iter().any(|given| follows(given, wanted)))
}

fn follows(given: &Literal, wanted: &Literal) -> bool {
    if given == wanted {
        return true;
    }
    match (&given.atom, given.holds, &wanted.atom) {
        (Condition::Is(text, word), true, Condition::Is(other_text, other_word)) => {
            text == other_text && (word == other_word) == wanted.holds
        }
        (Condition::Is(text, word), true, Condition::Like(other_text, pattern)) => {
            text == other_text && pattern.matches(word) == wanted.holds
        }
        (Condition::Within(number, low, high), true, Condition::Within(other, first, last)) => {
            number == other && wanted.holds && low >= first && high <= last
        }
        _ => false,
    }
}

/// The program that a clause is about.
pub(super) fn program(clause: &Clause) -> Option<&str> {
    clause.iter().find_map(|literal| match &literal.atom {
        Condition::Is(Text::Program, word) if literal.holds => Some(word.as_str()),
        _ => None,
    })
}

/// A statement in the words of a policy.
fn said(literal: &Literal) -> String {
    let text = |text: Text| text.as_str();
    let said = match &literal.atom {
        Condition::Is(of, word) => format!("{} == \"{word}\"", text(*of)),
        Condition::Like(of, pattern) => format!("{} like \"{pattern}\"", text(*of)),
        Condition::Flag(flag) => flag.as_str().to_owned(),
        Condition::Also(kind) => format!("also.contains(\"{kind}\")"),
        Condition::Within(number, ..) => number.name().to_owned(),
        _ => "a condition".to_owned(),
    };
    if literal.holds {
        format!("`{said}`")
    } else {
        format!("`!({said})`")
    }
}
