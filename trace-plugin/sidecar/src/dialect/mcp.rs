//! The neutral shape, for a proxy between an agent and its MCP servers, for `OpenCode`'s plugin, and for whoever else can
//! say what is called before it runs and what came of it.
//!
//! ```json
//! {"hook":"before","server":"files","tool":"read_file","params":{"path":"/x"},"session_id":"s","call_id":"1","can_ask":false}
//! {"hook":"after", "server":"files","tool":"read_file","params":{"path":"/x"},"session_id":"s","call_id":"1",
//!  "result":{"content":[]},"is_error":false,"duration_ms":3}
//! {"hook":"answered","server":"files","tool":"read_file","params":{"path":"/x"},"session_id":"s","call_id":"1","answer":"approved"}
//! {"hook":"session","change":"started","session_id":"s"}
//! ```
//!
//! `tool` alone is required. With `server` the tool is recorded as `mcp__<server>__<tool>`, as Claude Code and Codex call
//! it. `error` (a text, or a JSON-RPC error object) or `is_error` tells a failure, `blocked: true` that somebody stopped the
//! call before it ran. `answer`, what came of asking a person, is `approved`, `denied` or `timeout`. `change` is `started`,
//! `turn_ended` or `ended`. Further keys: `run_id`, `subagent_id`, `cwd`, `channel`, `exit_code`. Without `call_id` calls are paired by what they say.
//!
//! The answer to `before` is `{}`, or `{"decision":"deny","reason":"…"}`, or, where `can_ask` was true, `"decision":"ask"`.

use aap::{ApprovalStatus, Decision, Evidence, ToolCall, Verdict};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Dialect, Unreadable, fields, told};
use crate::event::{Ended, Event, Seen, SessionChange};

const EXAMPLE: &str =
    r#"{"hook":"before","server":"files","tool":"read_file","params":{"path":"/x"},"call_id":"1"}"#;

#[derive(Deserialize)]
struct Told<'a> {
    #[serde(default, deserialize_with = "fields::text")]
    hook: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    change: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    answer: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    server: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    tool: Option<String>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "fields::flag")]
    is_error: Option<bool>,
    #[serde(default, deserialize_with = "fields::flag")]
    blocked: Option<bool>,
    #[serde(default, deserialize_with = "fields::flag")]
    can_ask: Option<bool>,
    #[serde(default, deserialize_with = "fields::number")]
    duration_ms: Option<f64>,
    #[serde(default, deserialize_with = "fields::number")]
    exit_code: Option<f64>,
    #[serde(default, deserialize_with = "fields::text")]
    session_id: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    run_id: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    call_id: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    subagent_id: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    cwd: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    channel: Option<String>,
}

/// Reads an event of `dialect`, which speaks the neutral shape.
pub(super) fn read(dialect: Dialect, line: &str) -> Result<Event, Unreadable> {
    let mut told: Told<'_> = fields::object(line, EXAMPLE)?;
    let answered = told.hook.as_deref() == Some("answered");
    let waits = match told.hook.as_deref() {
        Some("before") => true,
        Some("after" | "answered") => false,
        Some("session") => return session(dialect, &told),
        Some(other) => return Ok(super::unknown(dialect, other)),
        None => {
            return Err(Unreadable::new(format!(
                "hook is missing: not a hook event. Expected an object such as {EXAMPLE}"
            )));
        }
    };
    let Some(tool) = told.tool.take() else {
        return Err(Unreadable::new("tool is missing: which tool is it?"));
    };
    let tool = match told.server.take() {
        Some(server) => format!("mcp__{server}__{tool}"),
        None => tool,
    };
    let call = ToolCall {
        cwd: told.cwd.take(),
        session_id: told.session_id.take(),
        run_id: told.run_id.take(),
        call_id: told.call_id.take(),
        subagent_id: told.subagent_id.take(),
        channel: told.channel.take(),
        ..ToolCall::new(dialect.name(), tool, Value::Null)
    };
    let call = fields::with_params(call, fields::params(told.params), waits)?;
    if answered {
        let status = match told.answer.as_deref() {
            Some("approved") => ApprovalStatus::Approved,
            Some("denied") => ApprovalStatus::Denied,
            Some("timeout") => ApprovalStatus::Timeout,
            other => {
                return Err(Unreadable::new(format!(
                    "answer is {other:?}; expected approved, denied or timeout"
                )));
            }
        };
        return Ok(Event::Answered(call, status, Evidence::Told));
    }
    Ok(if waits {
        let can_ask = told.can_ask == Some(true);
        Event::Before { call, can_ask }
    } else {
        Event::After(call, seen(&told))
    })
}

fn session(dialect: Dialect, told: &Told<'_>) -> Result<Event, Unreadable> {
    let change = match told.change.as_deref() {
        Some("started") => SessionChange::Started,
        Some("turn_ended") => SessionChange::TurnEnded,
        Some("ended") => SessionChange::Ended,
        other => {
            return Err(Unreadable::new(format!(
                "change is {other:?}; expected started, turn_ended or ended"
            )));
        }
    };
    let session = told.session_id.as_deref();
    Ok(fields::session(dialect, session, change))
}

fn seen(told: &Told<'_>) -> Seen {
    let result = fields::result(told.result);
    let error = fields::error(told.error.map(|raw| fields::result(Some(raw))));
    if told.blocked == Some(true) {
        return fields::blocked(error);
    }
    // A tool of an MCP server says itself that it failed.
    let failed = error.is_some()
        || told.is_error == Some(true)
        || result.get("isError") == Some(&Value::Bool(true));
    #[expect(clippy::cast_possible_truncation, reason = "an exit code is small")]
    let exit_code = told.exit_code.map(|code| code as i64);
    Seen {
        ended: if failed {
            Ended::Failed
        } else {
            Ended::Completed
        },
        error: failed.then(|| error.unwrap_or_else(|| fields::content(&result))),
        result,
        exit_code,
        duration_ms: fields::millis(told.duration_ms),
    }
}

pub(super) fn answer(verdict: &Verdict, applied: Decision) -> Value {
    if applied == Decision::Allow {
        return json!({});
    }
    json!({ "decision": applied.as_str(), "reason": told(verdict) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_persons_answer_is_told_apart() {
        let read = |answer: &str| {
            let event = json!({"hook": "answered", "server": "files", "tool": "rm", "call_id": "1", "answer": answer});
            read(Dialect::Mcp, &event.to_string())
        };
        for (answer, expected) in [
            ("approved", ApprovalStatus::Approved),
            ("denied", ApprovalStatus::Denied),
            ("timeout", ApprovalStatus::Timeout),
        ] {
            match read(answer).unwrap() {
                Event::Answered(call, status, Evidence::Told) => {
                    assert_eq!((call.tool.as_str(), status), ("mcp__files__rm", expected));
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(read("maybe").unwrap_err().what.contains("answer is"));
    }
}
