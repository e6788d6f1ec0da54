//! An AP-Trace on its way in: its shape, its facts, its place in the chain.

use serde_json::Number;

use super::fields::{id, limits, named, object, optional, reason, required, strings, whole};
use super::reading::unreadable;
use super::{Facts, Item, Place, ValidTrace};
use crate::chain::{self, Digest, Header};
use crate::json::{Json, Members};
use crate::timestamp::Timestamp;
use crate::trace::ActionType;

/// Reads an AP-Trace, whose members are `fields`.
pub(super) fn read(
    document: &Json<'_>,
    fields: &Members<'_>,
    secret: &dyn Fn(&str) -> Option<String>,
) -> Item {
    let named = named(fields, "trace_id");
    let facts = match ap_facts(fields) {
        Ok(facts) => facts,
        Err(reason) => return unreadable(named, reason),
    };
    let agent_id = Some(facts.agent_id);
    let metadata = fields
        .get("context")
        .and_then(|context| context.get("metadata")?.as_object());
    let link = match metadata.map_or(Ok(None), |metadata| linked(&facts, metadata, document)) {
        Ok(link) => link,
        Err(reason) => {
            return Item {
                agent_id,
                ..unreadable(named, reason)
            };
        }
    };
    let succeeds = metadata
        .and_then(|metadata| metadata.get("succeeds")?.as_str())
        .and_then(|text| text.parse().ok());
    let fingerprint = match &link {
        Some(link) => Ok(link.digest),
        None => document
            .to_canonical()
            .map(|bytes| Digest::of(&bytes))
            .map_err(|error| error.to_string()),
    };
    let read = fingerprint.and_then(|fingerprint| {
        limits(&facts)?;
        let document = whole(document, secret)?;
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
        link,
        succeeds,
        read,
    }
}

/// Checks what AAP's schema and its strictest reader ask of an AP-Trace, and reads the facts.
fn ap_facts(fields: &Members<'_>) -> Result<Facts, String> {
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
        .is_some_and(|params| params.as_object().is_none())
    {
        return Err("action.parameters is not an object".to_owned());
    }
    let decision = object(fields, "decision")?;
    decision_holds(decision)?;
    let empty = Members::default();
    let context = match fields.get("context") {
        None => &empty,
        Some(Json::Object(context)) => context,
        Some(_) => return Err("context is not an object".to_owned()),
    };
    if fields
        .get("escalation")
        .is_some_and(|escalation| escalation.as_object().is_none())
    {
        return Err("escalation is not an object; leave it out rather than write null".to_owned());
    }
    let metadata = match context.get("metadata") {
        None => &empty,
        Some(Json::Object(metadata)) => metadata,
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
        duration_ms: metadata
            .get("duration_ms")
            .and_then(Json::as_number)
            .and_then(Number::as_f64),
        runtime: optional(metadata, "runtime"),
        outcome: optional(metadata, "outcome"),
        card_id: Some(card_id),
    })
}

fn decision_holds(decision: &Members<'_>) -> Result<(), String> {
    let selected = required(decision, "selected").map_err(|reason| format!("decision.{reason}"))?;
    if !decision.get("selection_reasoning").is_some_and(is_text) {
        return Err("decision.selection_reasoning is missing or not a string".to_owned());
    }
    let strings_only = |value: &Json<'_>| {
        value
            .as_list()
            .is_some_and(|items| items.iter().all(is_text))
    };
    if !decision.get("values_applied").is_some_and(strings_only) {
        return Err("decision.values_applied is missing or not a list of strings".to_owned());
    }
    let options = decision
        .get("alternatives_considered")
        .and_then(Json::as_list)
        .filter(|options| !options.is_empty())
        .ok_or("decision.alternatives_considered is missing or empty")?;
    let offered = options
        .iter()
        .any(|option| option.get("option_id").and_then(Json::as_str) == Some(selected));
    if offered {
        Ok(())
    } else {
        Err("decision.selected is none of alternatives_considered".to_owned())
    }
}

fn is_text(value: &Json<'_>) -> bool {
    value.as_str().is_some()
}

/// Why a trace whose commitment is another's is refused.
pub(super) const NOT_COMMITTED_TO: &str =
    "the content is not what context.metadata.commitment commits to";

/// The place that an AP-Trace's metadata tells, with the commitment checked against the content.
fn linked(
    facts: &Facts,
    metadata: &Members<'_>,
    document: &Json<'_>,
) -> Result<Option<Place>, String> {
    if chain::LINK_KEYS
        .iter()
        .all(|key| metadata.get(key).is_none())
    {
        return Ok(None);
    }
    let text = |key: &str| metadata.get(key).and_then(Json::as_str).unwrap_or_default();
    let header = Header {
        agent_id: facts.agent_id,
        stream: text("stream")
            .parse()
            .map_err(|_| "context.metadata.stream is not a UUID")?,
        seq: metadata
            .get("seq")
            .and_then(Json::as_number)
            .and_then(Number::as_u64)
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
    let commitment = chain::commit_to(text("salt"), document).map_err(|error| error.to_string())?;
    if commitment != header.commitment {
        return Err(NOT_COMMITTED_TO.to_owned());
    }
    let digest = header.digest();
    Ok(Some(Place { header, digest }))
}
