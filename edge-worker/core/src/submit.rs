//! `POST /v1/traces`: the way in.

use std::sync::Arc;

use aap::limits::MAX_BATCH_BYTES;
use aap::submission::Validated;
use aap::wire::{ItemResult, Status, SubmitAnswer};
use aap::{AgentId, Submission, ValidBatch};
use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use trace_store::{Appended, Receipt, TraceReader, TraceRow, TraceWriter};

use crate::edge::{Caller, Edge};
use crate::limiter::Limiter;
use crate::{Problem, body};

/// Takes one trace or a batch.
pub(crate) async fn submit<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let bytes = body::read(&headers, body, MAX_BATCH_BYTES, &edge.ports.sleep).await?;
    let submission = Submission::read(&bytes, &secret)?;
    drop(bytes);
    let known_key = match submission.needs_key() {
        Some(agent) => edge.key_of(agent).await?,
        None => None,
    };
    let Validated {
        batch,
        answers,
        single,
    } = submission.validate(known_key);
    let appended = if batch.traces().is_empty() {
        Vec::new()
    } else {
        append(&edge, batch, &caller).await?
    };
    answer(answers, appended, single)
}

/// The edge's own look for secrets: what the source's masking missed is not taken.
pub(crate) fn secret(text: &str) -> Option<String> {
    redact::find_secret(text).map(|finding| finding.rule.to_string())
}

async fn append<S: TraceReader + TraceWriter, L: Limiter>(
    edge: &Edge<S, L>,
    batch: ValidBatch,
    caller: &Caller,
) -> Result<Vec<Appended>, Problem> {
    let agents = agents(&batch);
    edge.admit(&agents, caller).await?;
    keep(edge, batch, caller).await
}

/// Appends what was admitted.
pub(crate) async fn keep<S: TraceReader + TraceWriter, L: Limiter>(
    edge: &Edge<S, L>,
    batch: ValidBatch,
    caller: &Caller,
) -> Result<Vec<Appended>, Problem> {
    let agents = agents(&batch);
    let key = batch.checkpoint().map(|proven| proven.public_key);
    let receipt = Receipt {
        at: edge.now(),
        network: caller.network.known(),
    };
    let appended = edge.ports.store.append(batch, receipt).await?;
    for row in appended.iter().filter_map(|one| one.row.as_ref()) {
        metrics::counter!("smoltbot_edge_stored_total", "kind" => kind(row)).increment(1);
    }
    for agent in agents {
        edge.remember(agent, key);
    }
    if appended.iter().any(|one| one.status == Status::Stored) {
        edge.ports.live.wake();
    }
    Ok(appended)
}

/// Whose traces these are, each once.
fn agents(batch: &ValidBatch) -> Vec<AgentId> {
    let mut agents: Vec<_> = batch
        .traces()
        .iter()
        .map(|trace| trace.facts().agent_id)
        .collect();
    agents.sort_unstable();
    agents.dedup();
    agents
}

/// One result for every trace that was sent, in that order.
fn answer(
    rejections: Vec<Option<ItemResult>>,
    appended: Vec<Appended>,
    single: bool,
) -> Result<Response, Problem> {
    let mut appended = appended.into_iter();
    let results: Vec<_> = rejections
        .into_iter()
        .map(|rejection| rejection.unwrap_or_else(|| result(appended.next())))
        .collect();
    count(&results);
    let mut answer = SubmitAnswer::new(results);
    if single && answer.success {
        answer.trace_id = answer
            .results
            .first()
            .and_then(|result| result.trace_id.clone());
    }
    let known = |result: &ItemResult| matches!(result.status, Status::Stored | Status::Duplicate);
    if !answer.success {
        Err(Problem::Rejected(answer))
    } else if answer.results.iter().any(known) {
        Ok((StatusCode::CREATED, Json(answer)).into_response())
    } else {
        Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
    }
}

pub(crate) fn result(appended: Option<Appended>) -> ItemResult {
    match appended {
        Some(appended) => ItemResult {
            trace_id: Some(appended.trace_id.to_string()),
            status: appended.status,
            reason: appended.reason,
        },
        // A store that breaks its promise: never tell a client that such a trace is safe.
        None => ItemResult {
            trace_id: None,
            status: Status::Rejected,
            reason: Some("the store did not answer for it; send it again".to_owned()),
        },
    }
}

/// What kind of trace it is, for who watches: a `loss` is the record of calls that an agent's machine could not keep.
fn kind(row: &TraceRow) -> &'static str {
    match row.outcome.as_deref() {
        Some("gap") => "loss",
        Some("imported") => "imported",
        Some("reported") => "reported",
        _ if row.signed => "signed",
        _ => "unsigned",
    }
}

pub(crate) fn count(results: &[ItemResult]) {
    let all = [
        Status::Stored,
        Status::Duplicate,
        Status::Conflict,
        Status::Queued,
        Status::Rejected,
    ];
    for status in all {
        let number = results
            .iter()
            .filter(|result| result.status == status)
            .count();
        if number > 0 {
            metrics::counter!("smoltbot_edge_traces_total", "status" => word(status))
                .increment(number as u64);
        }
    }
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Stored => "stored",
        Status::Duplicate => "duplicate",
        Status::Conflict => "conflict",
        Status::Queued => "queued",
        Status::Rejected => "rejected",
    }
}
