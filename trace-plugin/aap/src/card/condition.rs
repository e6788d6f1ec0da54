//! The conditions of escalation triggers: AAP's small language, as far as both of its reference verifiers read it alike.
//!
//! Three forms: `action_type == "x"`, `field <op> number`, and a bare word. What else AAP's text allows (`and`, `or`,
//! `contains`, comparing texts) neither verifier implements; a trigger that can never fire is refused where a card is checked.
//!
//! A verifier looks at the trace of a call, a judge at the call before it runs. AAP gives `action_type` four values and a
//! call that runs has always `execute`; its own example, `action_type == "purchase"`, could never fire. So a judge also takes
//! it for the name of a tool, which is the safer reading: more is asked about, and no verifier objects to that.

use serde_json::Value;

use super::names;

/// The values of AAP's `action.type`.
pub const ACTION_TYPES: [&str; 4] = ["recommend", "execute", "escalate", "deny"];

/// A condition that was understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// `action_type == "x"`: one of [`ACTION_TYPES`], or a tool's name.
    ActionType(String),
    /// `field <op> number`.
    Number {
        /// The name of a parameter.
        field: String,
        /// How it is compared.
        operator: Operator,
        /// With what.
        limit: f64,
    },
    /// A bare word: a parameter that is set, or the kind of an effect.
    Flag(String),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `==`
    Equal,
    /// `!=`
    Unequal,
}

impl Operator {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            ">" => Self::Above,
            ">=" => Self::AtLeast,
            "<" => Self::Below,
            "<=" => Self::AtMost,
            "==" => Self::Equal,
            "!=" => Self::Unequal,
            _ => return None,
        })
    }

    #[expect(clippy::float_cmp, reason = "AAP compares exactly")]
    pub(crate) fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Above => value > limit,
            Self::AtLeast => value >= limit,
            Self::Below => value < limit,
            Self::AtMost => value <= limit,
            Self::Equal => value == limit,
            Self::Unequal => value != limit,
        }
    }
}

/// A condition that no verifier could ever find true.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is in none of the forms that AAP's verifiers read: action_type == \"x\", field > 100 (also >=, <, <=, ==, !=; no sign), or a bare word"
)]
pub struct NotACondition(pub String);

impl Condition {
    /// Reads a condition; it must be one of the three forms from its first to its last character.
    ///
    /// # Errors
    /// [`NotACondition`].
    pub fn parse(text: &str) -> Result<Self, NotACondition> {
        let wrong = || NotACondition(text.chars().take(120).collect());
        if let Some(rest) = text.strip_prefix("action_type")
            && let Some(rest) = rest.trim_start().strip_prefix("==")
        {
            let rest = rest.trim_start().strip_prefix('"').ok_or_else(wrong)?;
            let name = rest.strip_suffix('"').ok_or_else(wrong)?;
            let fits = !name.trim().is_empty() && !name.contains('"');
            return fits
                .then(|| Self::ActionType(name.to_owned()))
                .ok_or_else(wrong);
        }
        if is_word(text) {
            return Ok(Self::Flag(text.to_owned()));
        }
        let (field, operator, limit) = comparison(text, is_word).ok_or_else(wrong)?;
        Ok(Self::Number {
            field: field.to_owned(),
            operator,
            limit,
        })
    }

    /// Whether it is true of a call before it runs: of the tool with this [`names::plain`] name, its parameters, and the kinds
    /// of its effects.
    pub fn holds(&self, tool: &str, params: &Value, effects: &[&str]) -> bool {
        match self {
            Self::ActionType(name) => name == "execute" || names::means(name, tool),
            Self::Number {
                field,
                operator,
                limit,
            } => params
                .get(field)
                .and_then(number)
                .is_some_and(|value| operator.holds(value, *limit)),
            Self::Flag(word) => {
                params.get(word).is_some_and(truthy) || effects.contains(&word.as_str())
            }
        }
    }
}

/// Field, operator and number of `field <op> number`, where `is_word` says what a field is. The number is digits, and at most one
/// point with digits on both sides.
pub(crate) fn comparison(
    text: &str,
    is_word: impl Fn(&str) -> bool,
) -> Option<(&str, Operator, f64)> {
    let is_operator = |c: char| matches!(c, '>' | '<' | '=' | '!');
    let (field, rest) = text.split_at(text.find(is_operator)?);
    let (operator, limit) = rest.split_at(rest.find(|c| !is_operator(c))?);
    let (field, limit) = (field.trim_end(), limit.trim_start());
    let (whole, part) = limit.split_once('.').unwrap_or((limit, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_word(field) && digits(whole) && digits(part))
        .then(|| Some((field, Operator::parse(operator)?, limit.parse().ok()?)))?
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A number, also one that is written as text, `Infinity` too: verifiers read it so, and what they find a judge must have asked.
pub fn number(value: &Value) -> Option<f64> {
    value
        .as_f64()
        .or_else(|| value.as_str()?.trim().parse().ok())
}

/// Whether a value says yes.
pub(crate) fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn three_forms_are_read_and_nothing_else() {
        let flag = |word: &str| Ok(Condition::Flag(word.to_owned()));
        assert_eq!(
            Condition::parse("shares_personal_data"),
            flag("shares_personal_data")
        );
        assert_eq!(
            Condition::parse("action_type==\"purchase\""),
            Ok(Condition::ActionType("purchase".to_owned()))
        );
        assert_eq!(
            Condition::parse("purchase_value >= 12.5"),
            Ok(Condition::Number {
                field: "purchase_value".to_owned(),
                operator: Operator::AtLeast,
                limit: 12.5
            })
        );
        for unread in [
            "",
            " shares",
            "a > 1 and b",
            "a > -1",
            "a > 1e3",
            "a = 1",
            "a => 1",
            "a >",
            "> 1",
            "name == \"x\"",
            "action_type == \"x\" or b",
            "action_type == \"\"",
            "contains(a, b)",
            "a.b > 1",
        ] {
            assert!(Condition::parse(unread).is_err(), "{unread}");
        }
    }

    #[test]
    fn a_condition_is_true_of_calls() {
        for (text, tool, params, effects, true_of) in [
            (
                "action_type == \"execute\"",
                "anything",
                json!({}),
                &[][..],
                true,
            ),
            ("action_type == \"deny\"", "anything", json!({}), &[], false),
            (
                "action_type == \"purchase\"",
                "shop__purchase",
                json!({}),
                &[],
                true,
            ),
            (
                "action_type == \"purchase\"",
                "purchases",
                json!({}),
                &[],
                false,
            ),
            ("amount > 100", "pay", json!({"amount": 100.5}), &[], true),
            ("amount > 100", "pay", json!({"amount": "101"}), &[], true),
            ("amount > 100", "pay", json!({"amount": 100}), &[], false),
            ("amount > 100", "pay", json!({"amount": [101]}), &[], false),
            ("amount > 100", "pay", json!([101]), &[], false),
            ("urgent", "mail", json!({"urgent": true}), &[], true),
            ("urgent", "mail", json!({"urgent": ""}), &[], false),
            ("delete", "exec", json!({}), &["delete"], true),
        ] {
            let condition = Condition::parse(text).unwrap();
            assert_eq!(
                condition.holds(tool, &params, effects),
                true_of,
                "{text}: {params}"
            );
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_written_makes_it_panic(text in ".{0,60}") {
            let _ = Condition::parse(&text);
        }
    }
}
