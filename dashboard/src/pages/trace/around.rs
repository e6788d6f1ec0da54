//! What a call belongs to and how it came about: the call that made it, a subagent, a distributed trace, a proof of an
//! installation, a verdict that came too late.

use aap::{ActionType, TraceId};
use serde_json::Value;
use trace_store::{Filter, PageRequest, StoreError, TraceDetail, TraceReader, TraceRow};

use crate::text::{Shown, line};

/// Characters of an id that a runtime gave.
const ID_CHARS: usize = 80;
/// Calls of the same session among which the one that made this one is looked for, from this one backwards: whoever calls tools
/// through a tool does so soon.
const PARENT_ROWS: u32 = 40;
/// The rule that refuses what was not judged in time.
const BUDGET_RULE: &str = "budget.exceeded";

/// What the metadata tells of it.
#[derive(Default)]
pub(super) struct Around {
    /// It was made by us, to see whether a hook is heard.
    pub(super) proof: bool,
    /// How the verdict came too late, in a sentence.
    pub(super) late: Option<&'static str>,
    /// The trace that was written before this call's end was seen.
    pub(super) completes: Option<TraceId>,
    pub(super) subagent: Option<Shown>,
    /// The call that made this one, by its runtime's id, and its page where it is known.
    pub(super) parent: Option<(Shown, Option<String>)>,
    /// The ids of a trace and of a span of OpenTelemetry.
    pub(super) distributed: Option<(String, String)>,
}

impl Around {
    pub(super) async fn read<R: TraceReader>(
        reader: &R,
        detail: &TraceDetail,
    ) -> Result<Self, StoreError> {
        let document = detail.document.as_ref();
        let metadata = document.and_then(|document| document.pointer("/context/metadata"));
        let Some(metadata) = metadata else {
            return Ok(Self::default());
        };
        let text = |key: &str| metadata.get(key).and_then(Value::as_str);
        let is = |key: &str| metadata.get(key).and_then(Value::as_bool) == Some(true);
        let parent = match text("parent_call_id") {
            Some(id) => {
                let found = of_call(reader, &detail.row, id).await?;
                Some((line(id, ID_CHARS), found.map(aap::paths::trace_page)))
            }
            None => None,
        };
        Ok(Self {
            proof: is("proof"),
            late: is("over_budget").then(|| late(&detail.row)),
            completes: text("completes").and_then(|id| id.parse().ok()),
            subagent: text("subagent_id").map(|id| line(id, ID_CHARS)),
            parent,
            distributed: text("traceparent").and_then(ids),
        })
    }
}

/// The trace of the call that its runtime names `id`, if it is near `row` and of its session.
async fn of_call<R: TraceReader>(
    reader: &R,
    row: &TraceRow,
    id: &str,
) -> Result<Option<TraceId>, StoreError> {
    let filter = Filter {
        agent_id: Some(row.agent_id),
        session_id: row.session_id.clone(),
        // The one that made it may have begun within the same millisecond.
        until: Some(aap::Timestamp::from_millis(
            row.at.millis().saturating_add(1),
        )),
        ..Filter::default()
    };
    let request = PageRequest {
        limit: PARENT_ROWS,
        ..PageRequest::default()
    };
    let near = reader.documents(&filter, request).await?;
    let named = |other: &&TraceDetail| {
        let document = other.document.as_ref();
        let told = document.and_then(|it| it.pointer("/context/metadata/tool_call_id"));
        other.row.trace_id != row.trace_id && told.and_then(Value::as_str) == Some(id)
    };
    Ok(near.rows.iter().find(named).map(|other| other.row.trace_id))
}

fn late(row: &TraceRow) -> &'static str {
    match row.action_type {
        ActionType::Deny if row.rule_id.as_deref() == Some(BUDGET_RULE) => {
            "Its verdict did not come within the time that the agent waits, and its card refuses what is not judged in time."
        }
        ActionType::Deny => {
            "Its verdict came later than the agent is made to wait; a refusal stands all the same."
        }
        ActionType::Allow | ActionType::Error => {
            "Its verdict came later than the agent is made to wait; its card lets such calls run."
        }
    }
}

/// The ids in a `traceparent` of W3C Trace Context: `00-<trace>-<span>-<flags>`.
fn ids(traceparent: &str) -> Option<(String, String)> {
    let mut parts = traceparent.split('-');
    let (_version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    let is_hex =
        |id: &str, length| id.len() == length && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hex(trace, 32) && is_hex(span, 16)).then(|| (trace.to_owned(), span.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_of_trace_context_are_told() {
        let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        assert_eq!(
            ids(&format!("00-{trace}-{span}-01")),
            Some((trace.to_owned(), span.to_owned()))
        );
        for wrong in ["", "00", "00-<b>-x-01", &format!("00-{span}-{trace}-01")] {
            assert_eq!(ids(wrong), None, "{wrong}");
        }
    }
}
