//! `GET /trace/{id}`: one decision told in sentences, with everything that was published of it and how to check it.

use aap::{ActionType, TraceId};
use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::Value;
use trace_store::{TraceDetail, TraceReader, TraceRow};

use crate::App;
use crate::answer::{PageError, page};
use crate::calls::{preview, session_link};
use crate::identicon::identicon;
use crate::json::{pretty, raw};
use crate::origin::Origin;
use crate::pages::agent::losses;
use crate::pages::promise::version_link;
use crate::query::Params;
use crate::text::{Shown, block, line, plain, short};
use crate::words::{self, moment, time, values};

mod around;
mod check;
mod leave;
mod left_out;

use around::Around;
use check::{Check, check, named};
use leave::Asked;
use left_out::LeftOut;

/// Characters of a reason, an error or an advice on the trace's own page.
const SENTENCE_CHARS: usize = 2_000;
/// Effects that are shown.
const EFFECTS: usize = 24;

#[derive(Template)]
#[template(path = "trace.html")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one fact that the page tells or not"
)]
struct TracePage {
    id: TraceId,
    kind: &'static str,
    verdict: &'static str,
    tool: Shown,
    title: String,
    preview: Shown,
    reason: Shown,
    advice: Shown,
    values: Shown,
    rule: Option<(Shown, String)>,
    outcome: Option<&'static str>,
    outcome_alarms: bool,
    error: Shown,
    effects: Vec<Shown>,
    agent: aap::AgentId,
    agent_link: String,
    agent_short: String,
    icon: Shown,
    session: Option<(Shown, Option<String>)>,
    when: Shown,
    moment: String,
    received: String,
    odd: bool,
    duration: Option<String>,
    runtime: Shown,
    exit_code: Option<i64>,
    rewritten: bool,
    exception: Shown,
    asked: Option<Asked>,
    parameters: Option<Shown>,
    result: Option<Shown>,
    metadata: Option<Shown>,
    /// What could not be recorded, on the record that tells it.
    gap: Option<Shown>,
    /// Nobody of ours was there.
    unseen: bool,
    around: Around,
    left_out: LeftOut,
    raw: Option<Shown>,
    held_back: bool,
    signed: bool,
    v8: bool,
    chain: Vec<(&'static str, String)>,
    covered: Option<String>,
    note: Option<Shown>,
    /// The page of the card that judged it.
    promise: Option<String>,
    check: Check,
    previous: Option<String>,
    next: Option<String>,
    origin: String,
}

/// Answers `GET /trace/{id}`.
pub(crate) async fn show<R: TraceReader>(
    State(app): State<App<R>>,
    origin: Origin,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, PageError> {
    let Path(text) = path.map_err(|error| PageError::Bad(error.body_text()))?;
    let id: TraceId = text.parse().map_err(|_| {
        PageError::Bad(format!(
            "`{text}` is not a trace's id. An id is a UUID with hyphens: 8-4-4-4-12 hexadecimal digits."
        ))
    })?;
    let missing = || PageError::Missing(format!("No trace with the id {id} is here."));
    let detail = app.reader.trace(id).await?.ok_or_else(missing)?;
    let card = match detail.document.as_ref().and_then(named) {
        Some(named) => app.reader.card_version(detail.row.agent_id, named).await?,
        None => None,
    };
    let around = Around::read(app.reader.as_ref(), &detail).await?;
    let now = app.now();
    let row = &detail.row;
    let document = detail.document.as_ref();
    let at = |pointer: &str| document.and_then(|document| document.pointer(pointer));
    let meta = |key: &str| at("/context/metadata").and_then(|metadata| metadata.get(key));
    let said = |value: Option<&Value>| {
        value
            .and_then(Value::as_str)
            .map(|text| line(text, SENTENCE_CHARS))
            .unwrap_or_default()
    };
    let reason = row.reason.as_deref().unwrap_or_default();
    let judged = judged(row, meta("conscience_reason"));
    page(&TracePage {
        id,
        kind: row.action_type.as_str(),
        verdict: words::verdict_of(row),
        tool: line(&row.tool_name, 160),
        title: plain(&row.tool_name, 60),
        preview: document.map(preview).unwrap_or_default(),
        reason: line(judged.trim_end_matches('.'), SENTENCE_CHARS),
        advice: said(meta("advice")),
        values: values(&row.values_violated, SENTENCE_CHARS),
        rule: row.rule_id.as_deref().map(linked),
        outcome: words::outcome_sentence(row.outcome.as_deref()),
        outcome_alarms: row.outcome.as_deref() == Some("ran_after_refusal"),
        error: error_said(
            row.action_type,
            said(meta("error")),
            said(meta("error_message")),
            reason,
            judged,
        ),
        effects: effects(meta("effects")),
        agent: row.agent_id,
        agent_link: aap::paths::agent_page(row.agent_id),
        agent_short: short(&row.agent_id),
        icon: identicon(row.agent_id),
        session: row
            .session_id
            .as_deref()
            .map(|session| (line(session, 80), session_link(row.agent_id, session))),
        when: time(row.at, now),
        moment: moment(row.timestamp),
        received: moment(row.received_at),
        odd: row.odd_time,
        duration: words::row_duration(row),
        runtime: row
            .runtime
            .as_deref()
            .map(|name| line(name, 60))
            .unwrap_or_default(),
        exit_code: meta("exit_code").and_then(Value::as_i64),
        exception: said(meta("exception")),
        asked: document.and_then(|document| Asked::of(document, id, now)),
        rewritten: meta("params_rewritten").and_then(Value::as_bool) == Some(true),
        parameters: at("/action/parameters")
            .filter(|value| !is_void(value))
            .map(pretty),
        result: meta("result").filter(|value| !is_void(value)).map(pretty),
        metadata: at("/context/metadata")
            .and_then(|metadata| rest(metadata, &around))
            .as_ref()
            .map(pretty),
        around,
        unseen: unseen(row),
        gap: document
            .and_then(losses::told)
            .map(|gap| line(&losses::sentence(Some(&gap)), SENTENCE_CHARS)),
        left_out: document.map(LeftOut::of).unwrap_or_default(),
        raw: document.map(raw),
        held_back: row.held_back,
        signed: row.signed,
        v8: row.agent_id.is_self_certifying(),
        chain: chain(&detail),
        covered: detail.note.as_deref().and_then(covered),
        note: detail.note.as_deref().map(|note| block(note, 2_000)),
        promise: card
            .as_ref()
            .and_then(|card| version_link(row.agent_id, &card.card_id)),
        check: check(document, card.as_ref()),
        previous: detail.previous.map(aap::paths::trace_page),
        next: detail.next.map(aap::paths::trace_page),
        origin: origin.at(""),
    })
}

/// Whether nobody of ours was there when it ran.
fn unseen(row: &TraceRow) -> bool {
    matches!(row.outcome.as_deref(), Some("imported" | "reported"))
}

/// What the conscience said.
fn judged<'a>(row: &'a TraceRow, told: Option<&'a Value>) -> &'a str {
    // What nobody of ours has judged has no verdict to be told; why others refused it stays.
    if unseen(row) && row.action_type != ActionType::Deny {
        return "";
    }
    // Listings show an error in place of the verdict; here each has its own sentence.
    told.and_then(Value::as_str)
        .or(row.reason.as_deref())
        .unwrap_or_default()
}

/// What the call was read to do.
fn effects(told: Option<&Value>) -> Vec<Shown> {
    let told = told.and_then(Value::as_array).into_iter().flatten();
    let words = told.filter_map(Value::as_str).take(EFFECTS);
    words.map(|effect| line(effect, 120)).collect()
}

/// A rule, and where its refusals are.
fn linked(rule: &str) -> (Shown, String) {
    let to = Params {
        rule: Some(rule.to_owned()),
        ..Params::default()
    };
    (line(rule, 120), to.link("/refusals"))
}

fn is_void(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// The tool's error, where it says more than the verdict does.
fn error_said(kind: ActionType, error: Shown, message: Shown, reason: &str, judged: &str) -> Shown {
    if !error.is_empty() {
        error
    } else if !message.is_empty() {
        message
    } else if kind == ActionType::Error && reason != judged {
        line(reason, SENTENCE_CHARS)
    } else {
        Shown::default()
    }
}

/// Metadata that the page does not tell elsewhere.
fn rest(metadata: &Value, around: &Around) -> Option<Value> {
    const TOLD: [&str; 27] = [
        "action_type",
        "tool_name",
        "duration_ms",
        "result",
        "outcome",
        "conscience_reason",
        "values_violated",
        "rule_id",
        "advice",
        "effects",
        "error",
        "exit_code",
        "runtime",
        "params_rewritten",
        "stream",
        "seq",
        "prev",
        "salt",
        "commitment",
        "redactions",
        "exception",
        "approval",
        "gap",
        "proof",
        "over_budget",
        "subagent_id",
        "parent_call_id",
    ];
    let mut rest = metadata.as_object()?.clone();
    rest.retain(|key, _| !TOLD.contains(&key.as_str()));
    // One that cannot be read stays as it came.
    if around.distributed.is_some() {
        rest.remove("traceparent");
    }
    if around.completes.is_some() {
        rest.remove("completes");
    }
    (!rest.is_empty()).then_some(Value::Object(rest))
}

/// The place in the chain, as name and value.
fn chain(detail: &TraceDetail) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(stream) = detail.row.stream {
        facts.push(("Stream", stream.to_string()));
    }
    if let Some(seq) = detail.row.seq {
        facts.push(("Number in stream", words::number(seq)));
    }
    if let Some(digest) = detail.digest {
        facts.push(("Digest", digest.to_string()));
    }
    let link = |key| {
        let place = detail.document.as_ref()?.pointer("/context/metadata")?;
        Some(plain(place.get(key)?.as_str()?, 80))
    };
    if let Some(prev) = link("prev") {
        facts.push(("Digest of the one before", prev));
    }
    if let Some(commitment) = link("commitment") {
        facts.push(("Commitment to the content", commitment));
    }
    facts
}

/// The seq that a note signs: the second line of a checkpoint.
fn covered(note: &str) -> Option<String> {
    note.lines().nth(1)?.parse().ok().map(words::number)
}
