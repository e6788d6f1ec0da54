//! `POST /otlp/v1/traces`: the way in for who has an exporter of OpenTelemetry.
//!
//! Spans that are tool calls become flat traces, unsigned and marked `source: "otlp"`; what is one, and whose, stands in the
//! crate `otlp`. From there on they are what other clients' traces are: the same validation, the same look for secrets, the same
//! limits, one request each. A span that was sent twice is kept once, so a client may repeat whatever was not answered.

use std::fmt::Write as _;
use std::sync::Arc;

use aap::limits::{MAX_BATCH_BYTES, MAX_BATCH_TRACES};
use aap::wire::{ItemResult, Status};
use aap::{AgentId, Submission};
use axum::body::{Body, Bytes};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use otlp::{Answer, Heard, PROTOBUF, Told, heard, read_json, read_protobuf};
use trace_store::{TraceReader, TraceWriter};

use crate::edge::{Caller, Edge};
use crate::limiter::Limiter;
use crate::submit::{count, keep, result, secret};
use crate::{Problem, body};

/// Tool calls in one request. Collectors send 8192 spans at a time unless told otherwise, few of which are tool calls.
pub const MAX_CALLS: usize = 5000;
/// Different reasons that an answer tells.
const MAX_REASONS: usize = 3;
/// The media type of JSON bodies.
const JSON: &str = "application/json";

/// Which of OTLP's two encodings a body is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Protobuf,
    Json,
}

impl Form {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        match body::essence(headers).as_deref() {
            Some(PROTOBUF | "application/protobuf") => Ok(Self::Protobuf),
            Some(JSON) => Ok(Self::Json),
            _ => Err(Problem::WrongType(format!(
                "Content-Type: {PROTOBUF} and {JSON} are accepted"
            ))),
        }
    }

    fn read(self, bytes: &Bytes) -> Result<Vec<Told>, Problem> {
        let read = match self {
            Self::Protobuf => read_protobuf(bytes),
            Self::Json => read_json(bytes),
        };
        read.map_err(|error| Problem::BadBody(error.to_string()))
    }

    fn answer(self, answer: &Answer) -> Response {
        match self {
            Self::Protobuf => {
                ([(header::CONTENT_TYPE, PROTOBUF)], answer.to_protobuf()).into_response()
            }
            Self::Json => {
                ([(header::CONTENT_TYPE, JSON)], answer.to_json().to_string()).into_response()
            }
        }
    }
}

/// What came of a request's spans.
#[derive(Debug, Default)]
struct Tally {
    /// Spans that are no tool calls.
    others: usize,
    rejected: u64,
    /// Each different reason once, in the order in which they came.
    reasons: Vec<String>,
}

impl Tally {
    fn reject(&mut self, why: String) {
        self.rejected += 1;
        if self.reasons.len() < MAX_REASONS && !self.reasons.contains(&why) {
            self.reasons.push(why);
        }
    }

    fn answer(self) -> Answer {
        let mut message = String::new();
        // Writing to a String cannot fail.
        if self.rejected > 0 {
            let reasons = self.reasons.join("; ");
            let _ = write!(
                message,
                "{} not taken: {reasons}. ",
                spans(self.rejected, "was", "were")
            );
        }
        if self.others > 0 {
            let _ = write!(
                message,
                "{} not kept: no tool call (gen_ai.operation.name is not execute_tool).",
                spans(self.others as u64, "was", "were")
            );
        }
        Answer {
            rejected: self.rejected,
            message: message.trim_end().to_owned(),
        }
    }
}

/// A number of spans and what became of them.
fn spans(number: u64, one: &str, more: &str) -> String {
    match number {
        1 => format!("1 span {one}"),
        _ => format!("{number} spans {more}"),
    }
}

/// Takes the tool calls among the spans.
pub(crate) async fn receive<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let form = Form::of(&headers)?;
    let bytes = body::read_any(&headers, body, MAX_BATCH_BYTES, &edge.ports.sleep).await?;
    let told = form.read(&bytes)?;
    drop(bytes);
    let mut tally = Tally::default();
    let (agents, calls) = calls(told, &mut tally)?;
    // Once for all of them: a request that is a few batches to the store is one request to its client.
    if !agents.is_empty() {
        edge.admit(&agents, &caller).await?;
    }
    let mut results = Vec::with_capacity(calls.len());
    for batch in batches(calls) {
        let validated = Submission::read(&batch, &secret)?.validate(None);
        let appended = match validated.batch.traces() {
            [] => Vec::new(),
            _ => keep(&edge, validated.batch, &caller).await?,
        };
        let mut appended = appended.into_iter();
        let answers = validated.answers.into_iter();
        results.extend(answers.map(|answer| answer.unwrap_or_else(|| result(appended.next()))));
    }
    count(&results);
    for (what, number) in [
        ("call", results.len() as u64),
        ("other", tally.others as u64),
        ("unusable", tally.rejected),
    ] {
        metrics::counter!("smoltbot_edge_spans_total", "what" => what).increment(number);
    }
    for ItemResult { status, reason, .. } in results {
        if matches!(status, Status::Rejected | Status::Conflict) {
            tally.reject(reason.unwrap_or_else(|| "another span has these ids".to_owned()));
        }
    }
    Ok(form.answer(&tally.answer()))
}

/// The tool calls as flat traces, and whose they are, each agent once.
fn calls(told: Vec<Told>, tally: &mut Tally) -> Result<(Vec<AgentId>, Vec<String>), Problem> {
    let (mut agents, mut calls) = (Vec::new(), Vec::new());
    for Told { resource, spans } in told {
        for span in spans {
            match heard(&resource, &span) {
                Heard::Call(agent, call) => {
                    if calls.len() == MAX_CALLS {
                        return Err(Problem::BadBody(format!(
                            "the body holds more than {MAX_CALLS} tool calls; send less at a time"
                        )));
                    }
                    agents.push(agent);
                    calls.push(call.to_string());
                }
                Heard::Other => tally.others += 1,
                Heard::Unusable(why) => tally.reject(why),
            }
        }
    }
    agents.sort_unstable();
    agents.dedup();
    Ok((agents, calls))
}

/// Bodies of `/v1/traces`, each within its limits.
fn batches(calls: Vec<String>) -> impl Iterator<Item = Vec<u8>> {
    const HEAD: &str = "{\"batch\":[";
    let mut calls = calls.into_iter().peekable();
    std::iter::from_fn(move || {
        let mut batch = HEAD.as_bytes().to_vec();
        batch.extend_from_slice(calls.next()?.as_bytes());
        for _ in 1..MAX_BATCH_TRACES {
            let fits = |call: &String| batch.len() + call.len() + 3 <= MAX_BATCH_BYTES;
            let Some(call) = calls.next_if(fits) else {
                break;
            };
            batch.push(b',');
            batch.extend_from_slice(call.as_bytes());
        }
        batch.extend_from_slice(b"]}");
        Some(batch)
    })
}
