//! One tool call as a line of a listing.

use aap::{AgentId, Timestamp};
use serde_json::Value;
use trace_store::{TraceDetail, TraceRow};

use crate::identicon::identicon;
use crate::text::{Shown, encode, line, short};
use crate::words;

/// Characters of a tool's name in a listing.
const TOOL_CHARS: usize = 48;
/// Characters of a command, path or address in a listing.
const PREVIEW_CHARS: usize = 100;
/// Characters of a reason in a listing.
const REASON_CHARS: usize = 150;
/// Characters of the values that a call would have violated.
const VALUES_CHARS: usize = 100;
/// Arguments that tell most about a call, the first one present is shown.
pub(crate) const TELLING: [&str; 12] = [
    "command",
    "cmd",
    "script",
    "file_path",
    "path",
    "url",
    "query",
    "sql",
    "pattern",
    "file",
    "prompt",
    "value",
];

/// A line of a listing.
pub(crate) struct Call {
    pub(crate) link: String,
    pub(crate) kind: &'static str,
    pub(crate) verdict: &'static str,
    /// Nobody of ours judged it: it is neither green nor ticked.
    pub(crate) told: bool,
    pub(crate) tool: Shown,
    pub(crate) preview: Shown,
    pub(crate) said: Shown,
    pub(crate) values: Shown,
    pub(crate) who: Option<Who>,
    pub(crate) when: Shown,
    pub(crate) duration: Option<String>,
    pub(crate) outcome: Option<&'static str>,
}

/// An agent, small.
pub(crate) struct Who {
    pub(crate) link: String,
    pub(crate) short: String,
    pub(crate) icon: Shown,
}

impl Who {
    /// Of this id.
    pub(crate) fn of(id: AgentId) -> Self {
        Self {
            link: aap::paths::agent_page(id),
            short: short(&id),
            icon: identicon(id),
        }
    }
}

impl Call {
    /// Without naming the agent, for pages that are about one.
    pub(crate) fn of(detail: &TraceDetail, now: Timestamp) -> Self {
        Self::of_row(&detail.row, detail.document.as_ref(), now)
    }

    /// The same of a row whose document may not be at hand.
    pub(crate) fn of_row(row: &TraceRow, document: Option<&Value>, now: Timestamp) -> Self {
        let preview = match document {
            Some(document) => preview(document),
            None if row.held_back => line("content held back", PREVIEW_CHARS),
            None => Shown::default(),
        };
        Self {
            link: aap::paths::trace_page(row.trace_id),
            kind: row.action_type.as_str(),
            verdict: words::verdict_of(row),
            told: words::is_told(row),
            tool: line(&row.tool_name, TOOL_CHARS),
            preview,
            said: said(row),
            values: words::values(&row.values_violated, VALUES_CHARS),
            who: None,
            when: words::time(row.at, now),
            duration: words::row_duration(row),
            outcome: words::outcome(row.outcome.as_deref()).filter(|_| !words::is_told(row)),
        }
    }

    /// Naming the agent, for pages across agents.
    pub(crate) fn with_agent(detail: &TraceDetail, now: Timestamp) -> Self {
        Self {
            who: Some(Who::of(detail.row.agent_id)),
            ..Self::of(detail, now)
        }
    }
}

/// Why, or where: the second line.
fn said(row: &TraceRow) -> Shown {
    match (&row.reason, &row.session_id, &row.runtime) {
        (Some(reason), ..) if !reason.is_empty() => line(reason, REASON_CHARS),
        (_, Some(session), Some(runtime)) => line(&format!("{runtime} · {session}"), REASON_CHARS),
        (_, Some(one), None) | (_, None, Some(one)) => line(one, REASON_CHARS),
        _ => Shown::default(),
    }
}

/// What a call was about, in one line: its most telling argument, else all of them.
pub(crate) fn preview(document: &Value) -> Shown {
    let Some(params) = document.pointer("/action/parameters") else {
        return Shown::default();
    };
    let telling = TELLING.iter().find_map(|key| params.get(key)?.as_str());
    match (telling, params) {
        (Some(text), _) => line(text, PREVIEW_CHARS),
        (None, Value::Object(map)) if map.is_empty() => Shown::default(),
        // Cut before it is escaped: a value may be 64 KiB.
        (None, other) => line(&other.to_string(), PREVIEW_CHARS),
    }
}

/// The page of a session; none where its id cannot stand in a path (`.` and `..` are steps there).
pub(crate) fn session_link(agent: AgentId, session: &str) -> Option<String> {
    (!matches!(session, "" | "." | "..")).then(|| {
        format!(
            "{}/session/{}",
            aap::paths::agent_page(agent),
            encode(session)
        )
    })
}
