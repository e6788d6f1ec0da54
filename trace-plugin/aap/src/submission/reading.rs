//! Reading one item of a submission: its form, its fields, its limits.

use serde_json::{Map, Value};

use super::{Facts, Item, ValidTrace};
use crate::canon;
use crate::chain::{self, Digest, Header};
use crate::flat;
use crate::limits::{MAX_DEPTH, MAX_ID_CHARS, MAX_TOOL_NAME_CHARS, MAX_TRACE_BYTES};
use crate::timestamp::Timestamp;
use crate::trace::ActionType;

/// Reads an item of either form, or a held-back header.
pub(super) fn item(value: Value, secret: &dyn Fn(&str) -> Option<String>) -> Item {
    let Value::Object(fields) = value else {
        return unreadable(None, "a trace is a JSON object");
    };
    if let Some(header) = fields.get("held_back") {
        return held_back(header);
    }
    if fields.contains_key("trace_id") {
        ap_trace(fields, secret)
    } else if fields.contains_key("id") {
        flat_trace(&fields, secret)
    } else {
        let named = None;
        unreadable(
            named,
            "it has neither trace_id (an AP-Trace) nor id (a flat trace)",
        )
    }
}

fn unreadable(named: Option<String>, reason: impl Into<String>) -> Item {
    Item {
        named,
        agent_id: None,
        header: None,
        succeeds: None,
        read: Err(reason.into()),
    }
}

fn held_back(header: &Value) -> Item {
    let named = header
        .get("trace_id")
        .and_then(Value::as_str)
        .map(str::to_owned);
    // Through text, so that a digest or an id is read by the rules of its type.
    match serde_json::from_value::<Header>(header.clone()) {
        Ok(header) => {
            let facts = Facts {
                trace_id: header.trace_id,
                agent_id: header.agent_id,
                timestamp: header.timestamp,
                tool_name: header.tool_name.clone(),
                action_type: header.action_type,
                session_id: None,
                rule_id: header.rule_id.clone(),
                reason: None,
                values_violated: Vec::new(),
                duration_ms: None,
                runtime: None,
                outcome: None,
                card_id: None,
            };
            let read = limits(&facts).map(|()| ValidTrace {
                facts,
                document: None,
                place: None,
                fingerprint: header.digest(),
            });
            Item {
                named,
                agent_id: Some(header.agent_id),
                header: Some(header),
                succeeds: None,
                read,
            }
        }
        Err(error) => unreadable(
            named,
            format!("held_back is not the header of a link: {error}"),
        ),
    }
}

fn ap_trace(fields: Map<String, Value>, secret: &dyn Fn(&str) -> Option<String>) -> Item {
    let named = named(&fields, "trace_id");
    let facts = match ap_facts(&fields) {
        Ok(facts) => facts,
        Err(reason) => return unreadable(named, reason),
    };
    let agent_id = Some(facts.agent_id);
    let mut document = Value::Object(fields);
    let link = match linked(&facts, &mut document) {
        Ok(link) => link,
        Err(reason) => {
            return Item {
                agent_id,
                ..unreadable(named, reason)
            };
        }
    };
    let succeeds = document["context"]["metadata"]
        .get("succeeds")
        .and_then(Value::as_str)
        .and_then(|text| text.parse().ok());
    let fingerprint = match (&link, canon::to_vec(&document)) {
        (Some(header), _) => Ok(header.digest()),
        (None, Ok(bytes)) => Ok(Digest::of(&bytes)),
        (None, Err(error)) => Err(error.to_string()),
    };
    let read = fingerprint.and_then(|fingerprint| {
        limits(&facts)?;
        let document = whole(&document, secret)?;
        Ok(ValidTrace {
            facts,
            document: Some(document),
            place: None,
            fingerprint,
        })
    });
    Item {
        named,
        agent_id,
        header: link,
        succeeds,
        read,
    }
}

fn flat_trace(fields: &Map<String, Value>, secret: &dyn Fn(&str) -> Option<String>) -> Item {
    let named = named(fields, "id");
    let mut agent_id = None;
    let read = (|| {
        let facts = flat_facts(fields)?;
        agent_id = Some(facts.agent_id);
        limits(&facts)?;
        let timestamp = facts.timestamp.to_string();
        let document = flat::to_ap_trace(fields, facts.action_type, &timestamp);
        let fingerprint = Digest::of(&canon::to_vec(&document).map_err(|error| error.to_string())?);
        let document = whole(&document, secret)?;
        Ok(ValidTrace {
            facts,
            document: Some(document),
            place: None,
            fingerprint,
        })
    })();
    Item {
        named,
        agent_id,
        header: None,
        succeeds: None,
        read,
    }
}

fn named(fields: &Map<String, Value>, key: &str) -> Option<String> {
    let text = fields.get(key)?.as_str()?;
    Some(text.chars().take(MAX_ID_CHARS).collect())
}

/// The document as it is stored, if it is within the limits and clean.
fn whole(document: &Value, secret: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    if depth(document) > MAX_DEPTH {
        return Err(format!("it is nested deeper than {MAX_DEPTH} levels"));
    }
    let text = serde_json::to_string(document).map_err(|error| error.to_string())?;
    if text.len() > MAX_TRACE_BYTES {
        return Err(format!(
            "the trace is {} bytes; the limit is {MAX_TRACE_BYTES}",
            text.len()
        ));
    }
    if text.contains("\\u0000") && holds_nul(document) {
        return Err(
            "it holds a NUL character (U+0000), which cannot be stored; replace it".to_owned(),
        );
    }
    match secret(&text) {
        Some(rule) => Err(format!(
            "it holds a secret (rule {rule}); redact it before it is sent"
        )),
        None => Ok(text),
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(fields) => fields
            .iter()
            .any(|(key, value)| key.contains('\0') || holds_nul(value)),
        _ => false,
    }
}

fn limits(facts: &Facts) -> Result<(), String> {
    if facts.tool_name.chars().count() > MAX_TOOL_NAME_CHARS {
        return Err(format!(
            "tool_name is longer than {MAX_TOOL_NAME_CHARS} characters"
        ));
    }
    for (key, value) in [
        ("session_id", &facts.session_id),
        ("rule_id", &facts.rule_id),
    ] {
        if value
            .as_ref()
            .is_some_and(|value| value.chars().count() > MAX_ID_CHARS)
        {
            return Err(format!("{key} is longer than {MAX_ID_CHARS} characters"));
        }
    }
    Ok(())
}

fn required<'a>(fields: &'a Map<String, Value>, key: &str) -> Result<&'a str, String> {
    match fields.get(key) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(Value::String(_)) => Err(format!("{key} is empty")),
        Some(_) => Err(format!("{key} is not a string")),
        None => Err(format!("{key} is missing")),
    }
}

fn id<T: std::str::FromStr>(fields: &Map<String, Value>, key: &str) -> Result<T, String> {
    required(fields, key)?
        .parse()
        .map_err(|_| format!("{key} is not a UUID such as 0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a"))
}

fn object<'a>(fields: &'a Map<String, Value>, key: &str) -> Result<&'a Map<String, Value>, String> {
    match fields.get(key) {
        Some(Value::Object(object)) => Ok(object),
        Some(_) => Err(format!("{key} is not an object")),
        None => Err(format!("{key} is missing")),
    }
}

fn optional(fields: &Map<String, Value>, key: &str) -> Option<String> {
    fields
        .get(key)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

fn strings(fields: &Map<String, Value>, key: &str) -> Vec<String> {
    fields
        .get(key)
        .and_then(Value::as_array)
        .map(|items| {
            items
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        })
        .unwrap_or_default()
}

/// Checks what AAP's schema and its strictest reader ask of an AP-Trace, and reads the facts.
fn ap_facts(fields: &Map<String, Value>) -> Result<Facts, String> {
    let trace_id = id(fields, "trace_id")?;
    let agent_id = id(fields, "agent_id")?;
    let card_id = required(fields, "card_id")?.to_owned();
    let timestamp = Timestamp::parse(required(fields, "timestamp")?)
        .map_err(|error| format!("timestamp: {error}"))?;
    let action = object(fields, "action")?;
    let kind = required(action, "type").map_err(|reason| format!("action.{reason}"))?;
    if !["recommend", "execute", "escalate", "deny"].contains(&kind) {
        return Err(format!(
            "action.type is `{kind}`; AAP has recommend, execute, escalate and deny"
        ));
    }
    let name = required(action, "name").map_err(|reason| format!("action.{reason}"))?;
    let category = required(action, "category").map_err(|reason| format!("action.{reason}"))?;
    if !["bounded", "escalation_trigger", "forbidden"].contains(&category) {
        return Err(format!(
            "action.category is `{category}`; AAP has bounded, escalation_trigger and forbidden"
        ));
    }
    if action
        .get("parameters")
        .is_some_and(|params| !params.is_object())
    {
        return Err("action.parameters is not an object".to_owned());
    }
    let decision = object(fields, "decision")?;
    decision_holds(decision)?;
    let empty = Map::new();
    let context = match fields.get("context") {
        None => &empty,
        Some(Value::Object(context)) => context,
        Some(_) => return Err("context is not an object".to_owned()),
    };
    if fields
        .get("escalation")
        .is_some_and(|escalation| !escalation.is_object())
    {
        return Err("escalation is not an object; leave it out rather than write null".to_owned());
    }
    let metadata = match context.get("metadata") {
        None => &empty,
        Some(Value::Object(metadata)) => metadata,
        Some(_) => return Err("context.metadata is not an object".to_owned()),
    };
    let told = optional(metadata, "action_type").and_then(|word| ActionType::parse(&word));
    let action_type = match (kind, told) {
        ("deny", None | Some(ActionType::Deny)) => ActionType::Deny,
        ("deny", Some(_)) => {
            return Err(
                "action.type is deny, context.metadata.action_type says otherwise".to_owned(),
            );
        }
        (_, Some(ActionType::Deny)) => {
            return Err(
                "context.metadata.action_type is deny, action.type says otherwise".to_owned(),
            );
        }
        (_, told) => told.unwrap_or(ActionType::Allow),
    };
    Ok(Facts {
        trace_id,
        agent_id,
        timestamp,
        tool_name: optional(metadata, "tool_name").unwrap_or_else(|| name.to_owned()),
        action_type,
        session_id: optional(context, "session_id"),
        rule_id: optional(metadata, "rule_id"),
        reason: reason(action_type, metadata).or_else(|| optional(decision, "selection_reasoning")),
        values_violated: strings(metadata, "values_violated"),
        duration_ms: metadata.get("duration_ms").and_then(Value::as_f64),
        runtime: optional(metadata, "runtime"),
        outcome: optional(metadata, "outcome"),
        card_id: Some(card_id),
    })
}

fn reason(action_type: ActionType, metadata: &Map<String, Value>) -> Option<String> {
    let keys: &[&str] = match action_type {
        ActionType::Error => &["error", "error_message", "conscience_reason"],
        _ => &["conscience_reason", "error_message"],
    };
    keys.iter().find_map(|key| optional(metadata, key))
}

fn decision_holds(decision: &Map<String, Value>) -> Result<(), String> {
    let selected = required(decision, "selected").map_err(|reason| format!("decision.{reason}"))?;
    if !decision
        .get("selection_reasoning")
        .is_some_and(Value::is_string)
    {
        return Err("decision.selection_reasoning is missing or not a string".to_owned());
    }
    let strings_only = |value: &Value| {
        value
            .as_array()
            .is_some_and(|items| items.iter().all(Value::is_string))
    };
    if !decision.get("values_applied").is_some_and(strings_only) {
        return Err("decision.values_applied is missing or not a list of strings".to_owned());
    }
    let options = decision
        .get("alternatives_considered")
        .and_then(Value::as_array)
        .filter(|options| !options.is_empty())
        .ok_or("decision.alternatives_considered is missing or empty")?;
    let offered = options
        .iter()
        .any(|option| option.get("option_id").and_then(Value::as_str) == Some(selected));
    if offered {
        Ok(())
    } else {
        Err("decision.selected is none of alternatives_considered".to_owned())
    }
}

fn flat_facts(fields: &Map<String, Value>) -> Result<Facts, String> {
    let trace_id = id(fields, "id")?;
    let agent_id = id(fields, "agent_id")?;
    let timestamp = match fields.get("timestamp") {
        Some(Value::Number(number)) => number
            .as_i64()
            .map(Timestamp::from_millis)
            .ok_or("timestamp is not a whole number of milliseconds")?,
        _ => Timestamp::parse(required(fields, "timestamp")?)
            .map_err(|error| format!("timestamp: {error}"))?,
    };
    let tool_name = required(fields, "tool_name")?.to_owned();
    let word = required(fields, "action_type")?;
    let action_type = ActionType::parse(word).ok_or_else(|| {
        format!(
            "action_type is `{}`; it is allow, deny or error",
            word.escape_debug()
        )
    })?;
    let empty = Map::new();
    let metadata = match fields.get("metadata") {
        None | Some(Value::Null) => &empty,
        Some(Value::Object(metadata)) => metadata,
        Some(_) => return Err("metadata is not an object".to_owned()),
    };
    let duration_ms = match fields.get("duration_ms") {
        None | Some(Value::Null) => None,
        Some(value) => Some(
            value
                .as_f64()
                .filter(|ms| *ms >= 0.0)
                .ok_or("duration_ms is not a number of milliseconds, 0 or more")?,
        ),
    };
    if let Some(unknown) = fields
        .keys()
        .find(|key| !flat::KEYS.contains(&key.as_str()))
    {
        return Err(format!(
            "`{}` is no field of a flat trace; its fields are {}",
            unknown.escape_debug(),
            flat::KEYS.join(", ")
        ));
    }
    Ok(Facts {
        trace_id,
        agent_id,
        timestamp,
        tool_name,
        action_type,
        session_id: optional(metadata, "session_id"),
        rule_id: optional(metadata, "rule_id"),
        reason: reason(action_type, metadata),
        values_violated: strings(metadata, "values_violated"),
        duration_ms,
        runtime: optional(metadata, "runtime"),
        outcome: optional(metadata, "outcome"),
        card_id: None,
    })
}

/// The header that an AP-Trace's metadata tells, with the commitment checked against the content.
fn linked(facts: &Facts, document: &mut Value) -> Result<Option<Header>, String> {
    let Some(metadata) = document
        .get("context")
        .and_then(|context| context.get("metadata"))
    else {
        return Ok(None);
    };
    if chain::LINK_KEYS
        .iter()
        .all(|key| metadata.get(*key).is_none())
    {
        return Ok(None);
    }
    let text = |key: &str| {
        metadata
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let header = Header {
        agent_id: facts.agent_id,
        stream: text("stream")
            .parse()
            .map_err(|_| "context.metadata.stream is not a UUID")?,
        seq: metadata
            .get("seq")
            .and_then(Value::as_u64)
            .ok_or("context.metadata.seq is not a whole number")?,
        trace_id: facts.trace_id,
        timestamp: facts.timestamp,
        tool_name: facts.tool_name.clone(),
        action_type: facts.action_type,
        rule_id: facts.rule_id.clone(),
        prev: text("prev")
            .parse()
            .map_err(|error| format!("context.metadata.prev: {error}"))?,
        commitment: text("commitment")
            .parse()
            .map_err(|error| format!("context.metadata.commitment: {error}"))?,
    };
    let salt = text("salt").to_owned();
    let commitment = chain::commit(&salt, document).map_err(|error| error.to_string())?;
    if commitment != header.commitment {
        return Err("the content is not what context.metadata.commitment commits to".to_owned());
    }
    Ok(Some(header))
}
