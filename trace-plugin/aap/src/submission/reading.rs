//! Reading one item of a submission: which form it has, and the header that stands for a content held back.

use super::fields::limits;
use super::{Facts, Item, Place, ValidTrace, ap_trace, flat_trace};
use crate::chain::Header;
use crate::json::Json;

/// Reads an item of either form, or a held-back header.
pub(super) fn item(value: &Json<'_>, secret: &dyn Fn(&str) -> Option<String>) -> Item {
    let Json::Object(fields) = value else {
        return unreadable(None, "a trace is a JSON object");
    };
    if let Some(header) = fields.get("held_back") {
        return held_back(header);
    }
    if fields.get("trace_id").is_some() {
        ap_trace::read(value, fields, secret)
    } else if fields.get("id").is_some() {
        flat_trace::read(fields, secret)
    } else {
        let named = None;
        unreadable(
            named,
            "it has neither trace_id (an AP-Trace) nor id (a flat trace)",
        )
    }
}

pub(super) fn unreadable(named: Option<String>, reason: impl Into<String>) -> Item {
    Item {
        named,
        agent_id: None,
        link: None,
        succeeds: None,
        read: Err(reason.into()),
    }
}

fn held_back(header: &Json<'_>) -> Item {
    let named = header
        .get("trace_id")
        .and_then(Json::as_str)
        .map(str::to_owned);
    // Through text, so that a digest or an id is read by the rules of its type.
    match serde_json::from_value::<Header>(header.to_value()) {
        Ok(header) => {
            let digest = header.digest();
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
                fingerprint: digest,
            });
            Item {
                named,
                agent_id: Some(header.agent_id),
                link: Some(Place { header, digest }),
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
