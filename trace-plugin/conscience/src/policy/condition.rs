//! What a policy's condition says, in a form that can be looked into and tried without Cedar.
//!
//! Two use it: before Cedar is asked about an effect, the condition tells whether the policy can match at all; and the
//! linter looks for conditions that contradict themselves or repeat another's. Cedar alone decides: what is not understood
//! here is [`Condition::Unknown`], which may or may not hold.

use serde_json::Value;

use super::About;
use super::builtin::{Flag, Text, When};
use crate::effect::Effect;

/// How deep conditions are looked into; what is deeper is unknown. A policy may nest hundreds of levels.
const MAX_DEPTH: usize = 32;

/// A condition on one effect and its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// `context.program == "…"`
    Is(Text, String),
    /// `context.target like "git push*"`
    Like(Text, Pattern),
    /// `context.recursive`
    Flag(Flag),
    /// `context.also.contains("…")`
    Also(String),
    /// `context.hour < 8`: from the first to the last of these.
    Within(Number, i64, i64),
    /// `!…`
    Not(Box<Self>),
    /// `… && …`; always, when empty.
    All(Vec<Self>),
    /// `… || …`; never, when empty.
    Any(Vec<Self>),
    /// Anything else, as Cedar's JSON tells it.
    Unknown(String),
}

/// The numbers of a situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Number {
    Hour,
    Weekday,
}

impl Number {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "hour" => Some(Self::Hour),
            "weekday" => Some(Self::Weekday),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Weekday => "weekday",
        }
    }

    /// The first and the last that there are.
    pub(super) fn bounds(self) -> (i64, i64) {
        match self {
            Self::Hour => (0, 23),
            Self::Weekday => (1, 7),
        }
    }

    fn of(self, about: &About<'_>) -> Option<i64> {
        match self {
            Self::Hour => about.hour(),
            Self::Weekday => about.weekday(),
        }
    }
}

/// A pattern of Cedar's `like`: the texts between its stars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<String>);

impl Pattern {
    /// Whether the whole of `text` fits.
    pub(super) fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = self.0.as_slice() else {
            return self.0.first().is_some_and(|only| only == text);
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        for part in middle {
            let Some(at) = rest.find(part.as_str()) else {
                return false;
            };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last.as_str())
    }

    fn parse(of: &Value) -> Option<Self> {
        let mut parts = vec![String::new()];
        for element in of.as_array()? {
            if element == "Wildcard" {
                parts.push(String::new());
            } else {
                parts.last_mut()?.push_str(element["Literal"].as_str()?);
            }
        }
        Some(Self(parts))
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("*"))
    }
}

impl Condition {
    /// The conditions of a policy in Cedar's JSON form.
    pub(super) fn of(policy: &Value) -> Self {
        let conditions = policy["conditions"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        let mut all = Vec::new();
        for condition in conditions {
            let body = expression(&condition["body"], 0);
            if condition["kind"] == "when" {
                all.push(body);
            } else {
                all.push(Self::Not(Box::new(body)));
            }
        }
        if let ([_], Some(only)) = (all.as_slice(), all.first()) {
            return only.clone();
        }
        Self::All(all)
    }

    /// Whether it holds for `effect` of the call that `about` tells of; none where only Cedar can tell.
    pub(super) fn holds(&self, effect: &Effect, about: &About<'_>) -> Option<bool> {
        match self {
            Self::Is(text, word) => Some(text.of(effect, about) == word),
            Self::Like(text, pattern) => Some(pattern.matches(text.of(effect, about))),
            Self::Flag(flag) => Some(flag.of(effect, about)),
            Self::Also(kind) => Some(about.kinds.iter().any(|other| other == kind)),
            Self::Within(number, first, last) => number
                .of(about)
                .map(|number| (*first..=*last).contains(&number)),
            Self::Not(condition) => condition.holds(effect, about).map(|holds| !holds),
            Self::All(conditions) => {
                let mut all = Some(true);
                for condition in conditions {
                    match condition.holds(effect, about) {
                        Some(false) => return Some(false),
                        Some(true) => {}
                        None => all = None,
                    }
                }
                all
            }
            Self::Any(conditions) => {
                let mut any = Some(false);
                for condition in conditions {
                    match condition.holds(effect, about) {
                        Some(true) => return Some(true),
                        Some(false) => {}
                        None => any = None,
                    }
                }
                any
            }
            Self::Unknown(_) => None,
        }
    }
}

impl From<&When> for Condition {
    fn from(when: &When) -> Self {
        match when {
            When::Always => Self::All(Vec::new()),
            When::Is(text, word) => Self::Is(*text, (*word).to_owned()),
            When::OneOf(text, words) => Self::Any(
                words
                    .iter()
                    .map(|word| Self::Is(*text, (*word).to_owned()))
                    .collect(),
            ),
            When::Flag(flag) => Self::Flag(*flag),
            When::Also(kind) => Self::Also((*kind).to_owned()),
            When::Not(when) => Self::Not(Box::new(Self::from(*when))),
            When::All(whens) => Self::All(whens.iter().map(Self::from).collect()),
            When::Any(whens) => Self::Any(whens.iter().map(Self::from).collect()),
        }
    }
}

/// One expression of Cedar's JSON form.
fn expression(body: &Value, depth: usize) -> Condition {
    understood(body, depth).unwrap_or_else(|| Condition::Unknown(body.to_string()))
}

fn understood(body: &Value, depth: usize) -> Option<Condition> {
    if depth > MAX_DEPTH {
        return None;
    }
    let (operator, of) = body.as_object()?.iter().next()?;
    let sides = || {
        [&of["left"], &of["right"]]
            .map(|side| expression(side, depth + 1))
            .to_vec()
    };
    match operator.as_str() {
        "Value" => match of {
            Value::Bool(true) => Some(Condition::All(Vec::new())),
            Value::Bool(false) => Some(Condition::Any(Vec::new())),
            _ => None,
        },
        "&&" => Some(Condition::All(sides())),
        "||" => Some(Condition::Any(sides())),
        "!" => Some(not(expression(&of["arg"], depth + 1))),
        "." => Flag::parse(attribute(body)?).map(Condition::Flag),
        "==" => equal(of, depth),
        "!=" => equal(of, depth).map(not),
        "<" | "<=" | ">" | ">=" => compared(operator, of),
        "like" => {
            let text = Text::parse(attribute(&of["left"])?)?;
            Pattern::parse(&of["pattern"]).map(|pattern| Condition::Like(text, pattern))
        }
        "contains" => {
            if attribute(&of["left"]) == Some("also") {
                return word(&of["right"]).map(Condition::Also);
            }
            let text = Text::parse(attribute(&of["right"])?)?;
            let words = of["left"]["Set"].as_array()?.iter();
            let any: Option<Vec<Condition>> = words
                .map(|of| word(of).map(|word| Condition::Is(text, word)))
                .collect();
            any.map(Condition::Any)
        }
        _ => None,
    }
}

fn not(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}

/// `==`, whichever side the literal stands on.
fn equal(of: &Value, depth: usize) -> Option<Condition> {
    let (left, right) = (&of["left"], &of["right"]);
    let (name, literal) = match (attribute(left), attribute(right)) {
        (Some(name), None) => (name, right),
        (None, Some(name)) => (name, left),
        _ => return None,
    };
    if let Some(text) = Text::parse(name) {
        return word(literal).map(|word| Condition::Is(text, word));
    }
    if let Some(number) = Number::parse(name) {
        let value = literal["Value"].as_i64()?;
        return Some(Condition::Within(number, value, value));
    }
    let flag = Condition::Flag(Flag::parse(name)?);
    match expression(literal, depth + 1) {
        Condition::All(none) if none.is_empty() => Some(flag),
        Condition::Any(none) if none.is_empty() => Some(not(flag)),
        _ => None,
    }
}

/// `<` and its like on a number, whichever side the literal stands on.
fn compared(operator: &str, of: &Value) -> Option<Condition> {
    let (left, right) = (&of["left"], &of["right"]);
    let (name, literal, operator) = match (attribute(left), attribute(right)) {
        (Some(name), None) => (name, right, operator),
        (None, Some(name)) => {
            let turned = match operator {
                "<" => ">",
                "<=" => ">=",
                ">" => "<",
                _ => "<=",
            };
            (name, left, turned)
        }
        _ => return None,
    };
    let number = Number::parse(name)?;
    let value = literal["Value"].as_i64()?;
    let (first, last) = match operator {
        "<" => (i64::MIN, value.checked_sub(1)?),
        "<=" => (i64::MIN, value),
        ">" => (value.checked_add(1)?, i64::MAX),
        _ => (value, i64::MAX),
    };
    Some(Condition::Within(number, first, last))
}

/// The attribute of `context` that an expression is.
fn attribute(of: &Value) -> Option<&str> {
    let of = of.get(".")?;
    (of["left"]["Var"] == "context").then(|| of["attr"].as_str())?
}

fn word(of: &Value) -> Option<String> {
    of["Value"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use cedar_policy::PolicySet;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::cedar::{Answer, Cedar};
    use super::*;

    fn pattern(parts: &[&str]) -> Pattern {
        Pattern(parts.iter().map(|&part| part.to_owned()).collect())
    }

    #[test]
    fn patterns_match_whole_texts() {
        for (parts, text, fits) in [
            (&["git push"][..], "git push", true),
            (&["git push"], "git push -f", false),
            (&["git push", ""], "git push -f", true),
            (&["", ".env"], "/srv/.env", true),
            (&["", ".env", ""], "/srv/.env.local", true),
            (&["a", "b", "b"], "ab", false),
            (&["a", "b", "b"], "axbyb", true),
            (&["", ""], "", true),
            (&["ab", "ba"], "aba", false),
            (&["", "é", ""], "caféteria", true),
        ] {
            assert_eq!(pattern(parts).matches(text), fits, "{parts:?} {text}");
        }
    }

    /// A condition in Cedar's language.
    fn condition() -> impl Strategy<Value = String> {
        let atom = prop_oneof![
            select(vec!["target", "program", "manner", "role", "cwd"]).prop_flat_map(|text| {
                let word = select(vec!["", "a", "ab", "b*", "é"]);
                (word, 0..5).prop_map(move |(word, form)| match form {
                    0 => format!("context.{text} == \"{word}\""),
                    1 => format!("\"{word}\" != context.{text}"),
                    2 => format!("context.{text} like \"{word}*\""),
                    3 => format!("context.{text} like \"*{word}*b\""),
                    _ => format!("[\"{word}\", \"ab\"].contains(context.{text})"),
                })
            }),
            select(vec![
                "context.forced",
                "context.recursive == false",
                "true",
                "context.also.contains(\"delete\")",
                "context.also.containsAll([\"delete\"])",
                "principal == Agent::\"x\"",
            ])
            .prop_map(str::to_owned),
            (
                select(vec!["hour", "weekday"]),
                select(vec!["<", "<=", ">", ">=", "==", "!="]),
                0..9
            )
                .prop_map(|(number, operator, value)| format!(
                    "context.{number} {operator} {value}"
                )),
            (select(vec!["<", "<=", ">", ">="]), 0..9)
                .prop_map(|(operator, value)| format!("{value} {operator} context.hour")),
        ];
        atom.prop_recursive(4, 24, 3, |inner| {
            prop_oneof![
                inner.clone().prop_map(|one| format!("!({one})")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
                (inner.clone(), inner.clone(), inner)
                    .prop_map(|(a, b, c)| format!("(if {a} then {b} else {c})")),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// What is told without Cedar is what Cedar says; so no policy is left out that would have matched.
        #[test]
        fn what_is_sure_is_what_cedar_says(
            condition in condition(),
            target in select(vec!["", "a", "ab", "aab", "b*b"]),
            program in select(vec!["a", "ab", "é"]),
            (forced, recursive) in any::<(bool, bool)>(),
            at in proptest::option::of(0_i64..1_000_000_000),
            role in proptest::option::of(select(vec!["a", "ab"])),
        ) {
            let text = format!("forbid (principal, action, resource) when {{ {condition} }};");
            let policies = PolicySet::from_str(&text).expect("a policy");
            let policy = policies.policies().next().expect("one policy");
            let understood = Condition::of(&policy.to_json().expect("JSON"));
            let call = aap::ToolCall::new("x", "exec", Value::Null);
            let situation = crate::Situation {
                at: at.map(aap::Timestamp::from_millis),
                role: role.map(str::to_owned),
                ..crate::Situation::default()
            };
            let about = About { call: &call, situation: &situation, kinds: vec!["delete"] };
            let effect = Effect::new(crate::EffectKind::Run, target)
                .program(program)
                .forced(forced)
                .recursive(recursive);
            let cedar = Cedar::new(&call);
            let request = cedar.request(&effect, &about).expect("a request");
            let answer = cedar.ask(&policies, &request);
            match understood.holds(&effect, &about) {
                Some(true) => prop_assert_ne!(answer, Answer::DoesNot),
                Some(false) => prop_assert_ne!(answer, Answer::Matches),
                None => {}
            }
            if at.is_some() && !condition.contains("if ") && !condition.contains("containsAll")
                && !condition.contains("principal")
            {
                prop_assert!(understood.holds(&effect, &about).is_some(), "{}", condition);
            }
        }
    }
}
