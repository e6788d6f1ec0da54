//! Whether a text is a card that AAP's schema, its models and its verifiers take, and that can be judged by; what is wrong is
//! told by path and line.

use std::fmt;

use serde_json::{Map, Value};

use super::place::Places;
use super::rules::Rules;
use super::{AlignmentCard, CARD_VERSION};
use crate::id::AgentId;
use crate::limits::MAX_CARD_BYTES;

/// Something wrong with a card, or odd about it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// Where, such as `autonomy.forbidden_actions[2]`; empty for the whole.
    pub path: String,
    /// The line of the text.
    pub line: usize,
    /// What is wrong and what to write instead.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path.escape_debug())?;
        }
        f.write_str(&self.problem)
    }
}

/// A card that holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The card.
    pub card: AlignmentCard,
    /// What is odd and does no harm: keys that nothing reads.
    pub notes: Vec<Fault>,
}

/// Keys of AAP 0.x and what 2.0 calls them.
const OLD_NAMES: [(&str, &str); 3] = [
    ("aap_version", "card_version"),
    ("autonomy_envelope", "autonomy"),
    ("audit_commitment", "audit"),
];

/// Reads a card, which must be `agent`'s where that is given.
///
/// Names of AAP 0.x are read as those of 2.0, and a null where a key may be absent as its absence.
///
/// # Errors
/// Everything that is wrong, at once; at least one [`Fault`].
pub fn read(text: &str, agent: Option<AgentId>) -> Result<Checked, Vec<Fault>> {
    let whole = |line, problem: String| {
        vec![Fault {
            path: String::new(),
            line,
            problem,
        }]
    };
    if text.len() > MAX_CARD_BYTES {
        let problem = format!(
            "it is {} bytes; a card has at most {MAX_CARD_BYTES}",
            text.len()
        );
        return Err(whole(1, problem));
    }
    let text = text.trim_start_matches('\u{feff}');
    let mut value: Value = serde_json::from_str(text)
        .map_err(|error| whole(error.line().max(1), format!("this is not JSON: {error}")))?;
    let places = Places::of(text);
    let mut rules = Rules::new(agent);
    for double in &places.doubles {
        rules.fault(double, "it is there twice; leave one");
    }
    if let Some(place) = crate::nul::find(&value, text) {
        rules.fault(
            &place,
            "it holds a NUL character (U+0000), which cannot be stored; replace it",
        );
    }
    if let Some(fields) = value.as_object_mut() {
        rename(fields, &mut rules);
        without_nulls(fields);
    }
    rules.card(&value);
    let told = |(path, problem): (String, String)| {
        let line = places.line(&written(&path, &places)).unwrap_or(1);
        Fault {
            path,
            line,
            problem,
        }
    };
    let notes: Vec<Fault> = rules.notes.into_iter().map(told).collect();
    let mut faults: Vec<Fault> = rules.faults.into_iter().map(told).collect();
    if faults.is_empty() {
        match serde_json::from_value(value) {
            Ok(card) => return Ok(Checked { card, notes }),
            // The rules look at everything that is read; should they miss something, it is still no card.
            Err(error) => faults = whole(1, error.to_string()),
        }
    }
    faults.sort_by_key(|fault| fault.line);
    Err(faults)
}

/// The path as the text has it, where it has a name of AAP 0.x.
fn written(path: &str, places: &Places) -> String {
    for (old, new) in OLD_NAMES {
        if let Some(rest) = path.strip_prefix(new)
            && (rest.is_empty() || rest.starts_with(['.', '[']))
            && places.has(old)
        {
            return format!("{old}{rest}");
        }
    }
    path.to_owned()
}

fn rename(fields: &mut Map<String, Value>, rules: &mut Rules) {
    for (old, new) in OLD_NAMES {
        let Some(value) = fields.remove(old) else {
            continue;
        };
        if fields.contains_key(new) {
            rules.fault(
                old,
                &format!("it is the old name of `{new}`, which is there, too; leave one"),
            );
        } else if new == "card_version" {
            fields.insert(new.to_owned(), CARD_VERSION.into());
        } else {
            fields.insert(new.to_owned(), value);
        }
    }
}

/// Takes out what may be absent and is null: both verifiers read an absent key alike, and not a null.
fn without_nulls(fields: &mut Map<String, Value>) {
    const OPTIONAL: [(&str, &[&str]); 5] = [
        ("", &["expires_at", "extensions", "card_version"]),
        ("principal", &["identifier", "escalation_contact"]),
        ("values", &["definitions", "conflicts_with", "hierarchy"]),
        (
            "autonomy",
            &[
                "escalation_triggers",
                "max_autonomous_value",
                "forbidden_actions",
            ],
        ),
        (
            "audit",
            &["query_endpoint", "trace_format", "tamper_evidence"],
        ),
    ];
    for (part, keys) in OPTIONAL {
        let part = match part {
            "" => Some(&mut *fields),
            name => fields.get_mut(name).and_then(Value::as_object_mut),
        };
        if let Some(part) = part {
            part.retain(|key, value| !(value.is_null() && keys.contains(&key.as_str())));
        }
    }
}
