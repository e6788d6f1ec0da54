//! `OpenClaw`'s `before_tool_call`, `after_tool_call`, `session_start`, `session_end` and `agent_end`, as its plugin API 2026.9
//! gives them to a plugin.
//!
//! What was measured there and is relied upon here: a blocked call has an after-event with `details.status: "blocked"`; a
//! plugin that throws or hangs gives `details.status: "error"`; a command that exits non-zero has no `error`; a command in
//! the background has `details.status: "running"`; unknown tools and invalid arguments have an after-event alone. Only the
//! before-event's context has the W3C trace, and its span is the same for every call of a run: it is the calls' parent. A tool
//! that calls another one (Tool Search) has both hooked, the inner call under an id that holds the outer one's.
//!
//! `approval_resolved` is our plugin's own: what `OpenClaw` told its `requireApproval` of the answer. So is `overBudget`: the call
//! runs although the plugin had no verdict in time.

use aap::{ApprovalStatus, Decision, Evidence, ToolCall, Verdict};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Dialect, Unreadable, fields, told};
use crate::event::{Ended, Event, Seen, SessionChange};

const EXAMPLE: &str = r#"{"hook":"before_tool_call","event":{"toolName":"exec","params":{"command":"ls"},"runId":"r","toolCallId":"c"},"ctx":{}}"#;

#[derive(Deserialize)]
struct Envelope<'a> {
    hook: String,
    #[serde(borrow, default)]
    event: Option<&'a RawValue>,
    #[serde(borrow, default)]
    ctx: Option<&'a RawValue>,
    #[serde(default, rename = "overBudget")]
    over_budget: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    tool_name: Option<String>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    run_id: Option<String>,
    tool_call_id: Option<String>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<Value>,
    duration_ms: Option<f64>,
    resolution: Option<String>,
    session_id: Option<String>,
    session_key: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Ctx {
    tool_name: Option<String>,
    session_id: Option<String>,
    session_key: Option<String>,
    run_id: Option<String>,
    tool_call_id: Option<String>,
    requester: Option<Requester>,
    channel_id: Option<String>,
    trace: Option<Value>,
}

/// The W3C trace that a before-event belongs to.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct W3c {
    trace_id: String,
    span_id: String,
    trace_flags: Option<String>,
}

impl W3c {
    /// Version 00 of `traceparent`; none where an id is not what W3C Trace Context says, or is all zeros.
    fn traceparent(told: Value) -> Option<String> {
        let Self {
            trace_id,
            span_id,
            trace_flags,
        } = serde_json::from_value(told).ok()?;
        let hex = |text: &str, digits: usize| {
            text.len() == digits
                && text
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let id = |text: &str, digits| hex(text, digits) && text.bytes().any(|byte| byte != b'0');
        let flags = trace_flags.as_deref().unwrap_or("00");
        (id(&trace_id, 32) && id(&span_id, 16) && hex(flags, 2))
            .then(|| format!("00-{trace_id}-{span_id}-{flags}"))
    }
}

/// How the id of a call that Tool Search makes begins; the outer call's id, the tool and a number follow.
const NESTED: &str = "tool_search_code:";
/// What stands there instead of an outer id where no tool has made the call.
const NOT_NESTED: &str = "direct";

/// The id of the call that made the one with this id. `OpenClaw` writes it there with odd characters replaced, and cut at 120.
fn parent_of(call_id: &str, tool: &str) -> Option<String> {
    let inner = call_id.strip_prefix(NESTED)?;
    let (rest, number) = inner.rsplit_once(':')?;
    let numbered = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let outer = rest.strip_suffix(tool)?.strip_suffix(':')?;
    (numbered && !outer.is_empty() && outer != NOT_NESTED).then(|| outer.to_owned())
}

/// On whose behalf the agent acts.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Requester {
    channel: Option<String>,
    sender_is_owner: Option<bool>,
    role_ids: Option<Vec<Value>>,
}

impl Requester {
    /// The owner; whoever has a role in the place where the request was made is a member there, anybody else a guest.
    fn role(&self) -> Option<&'static str> {
        Some(match (self.sender_is_owner?, &self.role_ids) {
            (true, _) => "owner",
            (false, Some(roles)) if !roles.is_empty() => "member",
            (false, _) => "guest",
        })
    }
}

/// Which of its hooks an event comes from.
#[derive(Clone, Copy, PartialEq)]
enum Hook {
    Before,
    After,
    Resolved,
    Session(SessionChange),
}

/// Why a session ends whose calls go on: its transcript was shortened, under a new id.
const COMPACTION: &str = "compaction";

pub(super) fn read(line: &str) -> Result<Event, Unreadable> {
    let envelope: Envelope<'_> = fields::object(line, EXAMPLE)?;
    let hook = match envelope.hook.as_str() {
        "before_tool_call" => Hook::Before,
        "after_tool_call" => Hook::After,
        "approval_resolved" => Hook::Resolved,
        "session_start" => Hook::Session(SessionChange::Started),
        "agent_end" => Hook::Session(SessionChange::TurnEnded),
        "session_end" => Hook::Session(SessionChange::Ended),
        _ => return Ok(Event::Other),
    };
    let told: Told<'_> = match envelope.event {
        Some(event) => fields::object(event.get(), EXAMPLE)?,
        None if matches!(hook, Hook::Session(_)) => Told::default(),
        None => {
            return Err(Unreadable::new(format!(
                "event is missing. Expected an object such as {EXAMPLE}"
            )));
        }
    };
    let ctx: Ctx = envelope
        .ctx
        .and_then(|ctx| serde_json::from_str(ctx.get()).ok())
        .unwrap_or_default();
    if let Hook::Session(change) = hook {
        return Ok(session(told, ctx, change));
    }
    let Some(tool) = told.tool_name.or(ctx.tool_name) else {
        return Err(Unreadable::new(
            "event.toolName is missing: which tool is it?",
        ));
    };
    let requester = ctx.requester.unwrap_or_default();
    let call_id = told.tool_call_id.or(ctx.tool_call_id);
    let mut call = ToolCall {
        role: requester.role().map(str::to_owned),
        channel: requester.channel.or(ctx.channel_id),
        session_id: ctx.session_id.or(ctx.session_key),
        run_id: told.run_id.or(ctx.run_id),
        parent_call_id: call_id.as_deref().and_then(|id| parent_of(id, &tool)),
        call_id,
        traceparent: ctx.trace.and_then(W3c::traceparent),
        over_budget: envelope.over_budget,
        ..ToolCall::new(Dialect::OpenClaw.name(), tool, Value::Null)
    };
    match fields::params(told.params) {
        Ok(params) => call.params = params,
        Err(what) if hook == Hook::Before => {
            return Err(Unreadable {
                what,
                call: Some(Box::new(call)),
            });
        }
        Err(what) => call.params = json!({ "unreadable": what }),
    }
    match hook {
        // Where nobody can be asked, OpenClaw itself takes the question for a refusal, and tells so.
        Hook::Before => {
            return Ok(Event::Before {
                call,
                can_ask: true,
            });
        }
        Hook::Resolved => return resolved(call, told.resolution.as_deref()),
        Hook::After | Hook::Session(_) => {}
    }
    let seen = seen(
        fields::result(told.result),
        told.error,
        fields::millis(told.duration_ms),
    );
    call.cwd = seen
        .result
        .pointer("/details/cwd")
        .and_then(Value::as_str)
        .map(str::to_owned);
    Ok(Event::After(call, seen))
}

/// The session is named as its calls name it.
fn session(told: Told<'_>, ctx: Ctx, change: SessionChange) -> Event {
    if change == SessionChange::Ended && told.reason.as_deref() == Some(COMPACTION) {
        return Event::Other;
    }
    let (id, key) = (
        told.session_id.or(ctx.session_id),
        told.session_key.or(ctx.session_key),
    );
    fields::session(Dialect::OpenClaw, id.or(key).as_deref(), change)
}

/// What a resolution means for this one call. `cancelled` is nobody's word: the run was stopped, or nobody could be asked.
fn resolved(call: ToolCall, resolution: Option<&str>) -> Result<Event, Unreadable> {
    let (status, evidence) = match resolution {
        Some("allow-once" | "allow-always") => (ApprovalStatus::Approved, Evidence::Told),
        Some("deny") => (ApprovalStatus::Denied, Evidence::Told),
        Some("timeout") => (ApprovalStatus::Timeout, Evidence::Told),
        Some("cancelled") => (ApprovalStatus::Denied, Evidence::Observed),
        other => {
            return Err(Unreadable::new(format!(
                "event.resolution is {other:?}; expected allow-once, allow-always, deny, timeout or cancelled"
            )));
        }
    };
    Ok(Event::Answered(call, status, evidence))
}

/// How errors begin that say that nobody could be asked, or that nobody said yes.
const NOT_GRANTED: [&str; 4] = [
    "Plugin approval",
    "Denied by user",
    "Approval timed out",
    "Approval cancelled",
];

fn seen(result: Value, error: Option<Value>, duration_ms: Option<u64>) -> Seen {
    let detail = |key: &str| {
        result
            .pointer(&format!("/details/{key}"))
            .and_then(Value::as_str)
    };
    let error = match error {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text),
        Some(other) => Some(other.to_string()),
    };
    let not_granted = error
        .as_deref()
        .is_some_and(|error| NOT_GRANTED.iter().any(|start| error.starts_with(start)));
    let (ended, error) = match detail("status") {
        Some("blocked") => (
            Ended::Blocked,
            detail("reason").map(str::to_owned).or(error),
        ),
        _ if not_granted => (Ended::Blocked, error),
        _ if error.is_some() => (Ended::Failed, error),
        Some("error" | "failed") => (Ended::Failed, detail("error").map(str::to_owned)),
        Some("running") => (Ended::Running, None),
        _ => (Ended::Completed, None),
    };
    let exit_code = result.pointer("/details/exitCode").and_then(Value::as_i64);
    Seen {
        ended,
        result,
        error,
        exit_code,
        duration_ms,
    }
}

/// Longest text that is shown to a person who is asked.
const MAX_ASKED_CHARS: usize = 400;

/// Milliseconds that a person has to answer: five minutes, half of what an unanswered call is waited for.
const ASK_MS: u64 = 300_000;

pub(super) fn answer(verdict: &Verdict, applied: Decision) -> Value {
    match applied {
        Decision::Allow => json!({}),
        Decision::Deny => json!({ "block": true, "blockReason": told(verdict) }),
        Decision::Ask => json!({ "requireApproval": {
            "title": "smoltbot: this call needs your approval",
            "description": told(verdict).chars().take(MAX_ASKED_CHARS).collect::<String>(),
            "severity": "warning",
            "timeoutMs": ASK_MS,
            // A yes is for this call alone: an "always" would let OpenClaw allow what was never judged.
            "allowedDecisions": ["allow-once", "deny"],
        }}),
    }
}

#[cfg(test)]
mod tests;
