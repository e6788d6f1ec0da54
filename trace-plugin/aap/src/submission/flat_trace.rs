//! A flat trace of published clients on its way in.

use super::fields::{id, limits, named, optional, reason, required, strings, whole};
use super::{Facts, Item, ValidTrace};
use crate::chain::Digest;
use crate::flat;
use crate::json::{Json, Members};
use crate::timestamp::Timestamp;
use crate::trace::ActionType;

/// Reads a flat trace.
pub(super) fn read(fields: &Members<'_>, secret: &dyn Fn(&str) -> Option<String>) -> Item {
    let named = named(fields, "id");
    let mut agent_id = None;
    let read = (|| {
        let facts = flat_facts(fields)?;
        agent_id = Some(facts.agent_id);
        limits(&facts)?;
        let timestamp = facts.timestamp.to_string();
        let document = flat::to_ap_trace(&fields.to_map(), facts.action_type, &timestamp);
        let document = Json::from(&document);
        let canonical = document.to_canonical().map_err(|error| error.to_string())?;
        let fingerprint = Digest::of(&canonical);
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
        link: None,
        succeeds: None,
        read,
    }
}

fn flat_facts(fields: &Members<'_>) -> Result<Facts, String> {
    let trace_id = id(fields, "id")?;
    let agent_id = id(fields, "agent_id")?;
    let timestamp = match fields.get("timestamp") {
        Some(Json::Number(number)) => number
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
    let empty = Members::default();
    let metadata = match fields.get("metadata") {
        None | Some(Json::Null) => &empty,
        Some(Json::Object(metadata)) => metadata,
        Some(_) => return Err("metadata is not an object".to_owned()),
    };
    let duration_ms = match fields.get("duration_ms") {
        None | Some(Json::Null) => None,
        Some(value) => Some(
            value
                .as_number()
                .and_then(serde_json::Number::as_f64)
                .filter(|ms| *ms >= 0.0)
                .ok_or("duration_ms is not a number of milliseconds, 0 or more")?,
        ),
    };
    if let Some(unknown) = fields
        .iter()
        .map(|(key, _)| &**key)
        .find(|key| !flat::KEYS.contains(key))
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
