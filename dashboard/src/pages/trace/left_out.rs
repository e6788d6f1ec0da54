//! What of a call is not published, and why: marks of masked secrets, and how much of parameters and results is shown.
//!
//! The marks are `redact`'s, made on the agent's machine; here they are only read and explained.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::text::{Shown, line};
use crate::words::{counted, number};

/// Kinds of marks that are listed.
const KINDS: usize = 24;
/// Values of a document that are looked at.
const MAX_LOOKED_AT: usize = 20_000;
/// How a mark begins; `[redacted:github-pat]` is a whole one.
const MARK: &str = "[redacted:";
/// Bytes of a rule's name; anything longer is no mark.
const MAX_RULE_BYTES: usize = 64;

/// What is not there.
#[derive(Default)]
pub(super) struct LeftOut {
    /// Each kind of secret: the rule that found it, how often, what it stands for.
    pub(super) secrets: Vec<(Shown, String, &'static str)>,
    /// What else, in sentences.
    pub(super) notes: Vec<String>,
}

impl LeftOut {
    /// Looks through a document.
    pub(super) fn of(document: &Value) -> Self {
        let mut rules = BTreeMap::new();
        let params = document.pointer("/action/parameters");
        let metadata = document.pointer("/context/metadata");
        let result = metadata.and_then(|metadata| metadata.get("result"));
        count(document, &mut rules);
        // What was counted at the source is more: a mark may have been cut off since.
        let told = metadata.and_then(|metadata| metadata.get("redactions"));
        for (rule, times) in told.and_then(Value::as_object).into_iter().flatten() {
            let times = times.as_u64().unwrap_or(1);
            let known = rules.entry(rule.as_str()).or_insert(0);
            *known = times.max(*known);
        }
        let mut notes = Vec::new();
        for (value, what) in [(params, "parameters"), (result, "result")] {
            notes.extend(value.and_then(|value| note(value, what)));
        }
        let metadata_error = metadata.and_then(|metadata| metadata.get("error"));
        if metadata_error.and_then(Value::as_str).is_some_and(is_shape) {
            notes.push("The error’s words are not published, only their length.".to_owned());
        }
        Self {
            secrets: rules
                .into_iter()
                .take(KINDS)
                .map(|(rule, times)| {
                    (
                        line(rule, MAX_RULE_BYTES),
                        times_said(times),
                        stands_for(rule),
                    )
                })
                .collect(),
            notes,
        }
    }

    /// Whether all of it is there.
    pub(super) fn is_nothing(&self) -> bool {
        self.secrets.is_empty() && self.notes.is_empty()
    }
}

fn times_said(times: u64) -> String {
    if times == 1 {
        "once".to_owned()
    } else {
        format!("{} times", number(times))
    }
}

/// Counts the marks in every text of a value.
fn count<'a>(value: &'a Value, rules: &mut BTreeMap<&'a str, u64>) {
    let mut waiting = vec![value];
    let mut looked_at = 0;
    while let Some(value) = waiting.pop() {
        looked_at += 1;
        if looked_at > MAX_LOOKED_AT {
            return;
        }
        match value {
            Value::String(text) => marks(text, rules),
            Value::Array(items) => waiting.extend(items),
            Value::Object(fields) => {
                for (key, value) in fields {
                    marks(key, rules);
                    waiting.push(value);
                }
            }
            _ => {}
        }
    }
}

fn marks<'a>(text: &'a str, rules: &mut BTreeMap<&'a str, u64>) {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    for part in text.split(MARK).skip(1) {
        if let Some((rule, _)) = part.split_once(']')
            && !rule.is_empty()
            && rule.len() <= MAX_RULE_BYTES
            && rule.chars().all(plain)
        {
            *rules.entry(rule).or_insert(0) += 1;
        }
    }
}

/// The rules that look for people instead of secrets.
const PERSONAL: [&str; 7] = [
    "email",
    "phone-number",
    "iban",
    "credit-card",
    "us-ssn",
    "ip-address",
    "personal-data",
];

/// What a rule's name stands for, and so why it was masked.
fn stands_for(rule: &str) -> &'static str {
    if PERSONAL.contains(&rule) {
        return "personal data, which the operator of this agent masks";
    }
    let has = |part| rule.contains(part);
    if has("private-key") || has("secret-key") && !has("access") {
        "a private key: whoever has it can sign or decrypt as its owner"
    } else if has("webhook") {
        "an address that lets anyone post as its owner"
    } else if has("password") {
        "a password"
    } else if rule == "authorization" {
        "the credentials of a request"
    } else if rule == "cookie" {
        "a cookie that may hold a session"
    } else if rule == "jwt" {
        "a signed token that logs in until it expires"
    } else if rule == "unsettled" {
        "a text that could not be masked with certainty, so all of it was withheld"
    } else if ["token", "key", "-pat", "sas", "secret", "credential"]
        .iter()
        .any(|part| has(*part))
    {
        "a secret that gives access to a service"
    } else {
        "something that looked like a secret"
    }
}

/// How much of parameters or a result is published, where it is not all.
fn note(value: &Value, what: &str) -> Option<String> {
    if value.get("published").and_then(Value::as_str) == Some("none") {
        return Some(format!("The operator publishes no {what} of this tool."));
    }
    let bytes = value.get("bytes").and_then(Value::as_u64);
    let size = bytes.map(|bytes| counted(bytes, "byte", "bytes"));
    if let (Some(preview), Some(size)) = (value.get("preview").and_then(Value::as_str), &size) {
        let all = bytes.is_some_and(|bytes| preview.len() as u64 >= bytes);
        let digest = if value.get("sha256").is_some() {
            " Its salted digest stands beside it."
        } else {
            ""
        };
        return (!all).then(|| {
            format!("Of the {what} the beginning is published; all of it has {size}.{digest}")
        });
    }
    if value.get("shape").is_some() {
        let size = size.map_or_else(String::new, |size| format!(" It has {size}."));
        return Some(format!(
            "Of the {what} only the shape is published: types and lengths, no content.{size}"
        ));
    }
    let (shapes, texts) = texts(value);
    if shapes > 0 && shapes == texts {
        return Some(format!(
            "Of the {what} only the shape is published: keys, types and lengths, no content."
        ));
    }
    let cut = has_cut(value);
    cut.then(|| format!("The {what} were cut to size; [cut] says how much is missing."))
        .map(|said| {
            if what == "result" {
                said.replacen("were", "was", 1)
            } else {
                said
            }
        })
}

/// How many texts are shapes, and how many there are, one level down.
fn texts(value: &Value) -> (usize, usize) {
    let fields = value
        .as_object()
        .into_iter()
        .flat_map(|fields| fields.values());
    let texts = fields.filter_map(Value::as_str);
    texts.fold((0, 0), |(shapes, all), text| {
        (shapes + usize::from(is_shape(text)), all + 1)
    })
}

/// `[string, 42 chars]`, as `redact` writes the shape of a value.
fn is_shape(text: &str) -> bool {
    matches!(text, "[boolean]" | "[number]")
        || ["[string, ", "[array, ", "[object, ", "[error, "]
            .iter()
            .any(|begin| text.starts_with(begin))
            && text.len() < 48
            && text.ends_with(']')
}

fn has_cut(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.contains_key("[cut]"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(params: &Value, metadata: &Value) -> LeftOut {
        LeftOut::of(&json!({"action": {"parameters": params}, "context": {"metadata": metadata}}))
    }

    #[test]
    fn marks_are_counted_wherever_they_stand() {
        let found = of(
            &json!({"command": "a [redacted:jwt] b [redacted:jwt]", "[redacted:github-pat]": [{"x": "[redacted:<b>]"}]}),
            &json!({"redactions": {"jwt": 5, "cookie": 1}, "error": "[error, 12 chars]"}),
        );
        let told: Vec<_> = found
            .secrets
            .iter()
            .map(|(rule, times, _)| (rule.to_string(), times.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("cookie".into(), "once"),
                ("github-pat".into(), "once"),
                ("jwt".into(), "5 times")
            ]
        );
        assert_eq!(found.notes.len(), 1);
    }

    #[test]
    fn how_much_is_published_is_told() {
        let said = |value| note(&value, "result").unwrap_or_default();
        assert!(said(json!({"published": "none"})).contains("publishes no result"));
        assert!(said(json!({"shape": "[string, 9 chars]", "bytes": 9})).contains("9 bytes"));
        assert!(said(json!({"preview": "abc", "bytes": 4_000})).contains("4,000 bytes"));
        assert_eq!(said(json!({"preview": "abc", "bytes": 3})), "");
        assert!(
            said(json!({"a": "[string, 9 chars]", "b": "[number]"})).contains("only the shape")
        );
        assert!(said(json!({"a": "x", "[cut]": "9 more keys"})).contains("was cut"));
        assert_eq!(said(json!("all of it")), "");
        assert!(of(&json!({"a": 1}), &json!({})).is_nothing());
    }
}
