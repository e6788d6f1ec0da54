//! `GET /agent/{id}/session/{sid}/calls`: a whole session as compact JSON, for the page's script.
//!
//! Columns instead of objects, names by their number in a list, times as steps from one call to the next: 20 000 calls stay
//! below a MiB and are read within milliseconds.

use std::collections::HashMap;
use std::fmt::Write as _;

use aap::ActionType;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use trace_store::slim::{MAX_SESSION_CALLS, SlimCall};
use trace_store::{Page, TraceReader};

use crate::App;
use crate::answer::PageError;
use crate::query::{Params, agent_id};
use crate::text::plain;
use crate::words::outcome;

/// Characters of a name.
const NAME_CHARS: usize = 64;

/// A session in columns, oldest call first.
#[derive(Debug, Default, Serialize)]
struct Columns {
    /// Names of tools, of rules, and what outcomes are called.
    tools: Vec<String>,
    rules: Vec<String>,
    outcomes: Vec<String>,
    /// Milliseconds since the epoch of the first call.
    first: i64,
    /// Milliseconds from the call before.
    steps: Vec<i64>,
    /// Milliseconds that a call took; -1 where that is not known.
    took: Vec<f64>,
    /// `a`, `d` or `e` for each call.
    kinds: String,
    /// Places in the lists; -1 for none.
    tool: Vec<i64>,
    rule: Vec<i64>,
    outcome: Vec<i64>,
    /// 32 hexadecimal digits for each call.
    ids: String,
    /// Where the session goes on, when these are not all of its calls.
    next: Option<String>,
}

/// Gives each name its place in a list.
#[derive(Default)]
struct Names(HashMap<String, i64>);

impl Names {
    fn place(&mut self, name: Option<&str>, list: &mut Vec<String>) -> i64 {
        let Some(name) = name else { return -1 };
        if let Some(place) = self.0.get(name) {
            return *place;
        }
        let place = i64::try_from(list.len()).unwrap_or(-1);
        list.push(plain(name, NAME_CHARS));
        self.0.insert(name.to_owned(), place);
        place
    }
}

fn columns(page: &Page<SlimCall>) -> Columns {
    let first = page.rows.first().map_or(0, |call| call.at.millis());
    let mut columns = Columns {
        first,
        next: page.next.map(|next| next.to_string()),
        ..Columns::default()
    };
    let (mut tools, mut rules, mut outcomes) =
        (Names::default(), Names::default(), Names::default());
    let mut before = first;
    for call in &page.rows {
        let at = call.at.millis();
        columns.steps.push(at - before);
        before = at;
        let took = call.duration_ms.filter(|ms| ms.is_finite() && *ms >= 0.0);
        columns.took.push(took.unwrap_or(-1.0));
        columns.kinds.push(match call.action_type {
            ActionType::Allow => 'a',
            ActionType::Deny => 'd',
            ActionType::Error => 'e',
        });
        let tool = tools.place(Some(&call.tool_name), &mut columns.tools);
        columns.tool.push(tool);
        let rule = rules.place(call.rule_id.as_deref(), &mut columns.rules);
        columns.rule.push(rule);
        let said = outcome(call.outcome.as_deref());
        let said = outcomes.place(said, &mut columns.outcomes);
        columns.outcome.push(said);
        let _ = write!(columns.ids, "{}", call.trace_id.uuid().simple());
    }
    columns
}

/// Answers `GET /agent/{id}/session/{sid}/calls`. `newer` goes on from where an answer says `next`.
pub(crate) async fn show<R: TraceReader>(
    State(app): State<App<R>>,
    path: Result<Path<(String, String)>, PathRejection>,
    query: Result<Query<Params>, QueryRejection>,
) -> Result<Response, PageError> {
    let Path((text, session)) = path.map_err(|error| PageError::Bad(error.body_text()))?;
    let agent = agent_id(&text)?;
    let after = Params::of(query)?.newer;
    let after = after.map(|text| text.parse()).transpose();
    let after = after
        .map_err(|error: trace_store::filter::NotACursor| PageError::Bad(error.to_string()))?;
    let reader = &app.reader;
    let page = reader
        .session_calls(agent, &session, after, MAX_SESSION_CALLS)
        .await?;
    let body = serde_json::to_vec(&columns(&page)).unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers, body).into_response())
}

#[cfg(test)]
mod tests {
    use aap::{Timestamp, TraceId};

    use super::*;

    #[test]
    fn names_are_told_once_and_times_as_steps() {
        let call = |byte: u8, at, tool: &str, kind, took| SlimCall {
            trace_id: TraceId::from_bytes([byte; 16]),
            at: Timestamp::from_millis(at),
            tool_name: tool.to_owned(),
            action_type: kind,
            duration_ms: took,
            rule_id: (kind == ActionType::Deny).then(|| "fs.delete".to_owned()),
            outcome: None,
        };
        let rows = vec![
            call(1, 1_000, "exec", ActionType::Allow, Some(12.0)),
            call(2, 1_500, "read", ActionType::Deny, None),
            call(3, 1_400, "exec", ActionType::Error, Some(f64::NAN)),
        ];
        let told = columns(&Page { rows, next: None });
        assert_eq!((told.first, told.steps), (1_000, vec![0, 500, -100]));
        assert_eq!(told.took, [12.0, -1.0, -1.0]);
        assert_eq!((told.kinds.as_str(), told.tool), ("ade", vec![0, 1, 0]));
        assert_eq!(
            (told.tools, told.rule),
            (vec!["exec".to_owned(), "read".to_owned()], vec![-1, 0, -1])
        );
        assert_eq!(told.ids.len(), 96);
    }
}
