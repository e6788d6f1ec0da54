//! Whether an agent has come to act unlike it did at first, by AAP's own detection.

use std::sync::Arc;

use aap::AgentId;
use aap::drift::{DriftAlert, MIN_TRACES, detect};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use trace_store::{TraceReader, TraceWriter};

use crate::Problem;
use crate::edge::Edge;
use crate::evidence::Evidence;
use crate::limiter::Limiter;
use crate::query::PathId;

/// What was analyzed, and where it drifts.
#[derive(Debug, Serialize)]
pub(crate) struct Drift {
    agent_id: AgentId,
    /// The card whose traces were analyzed: the one in force.
    card_id: Option<String>,
    /// Traces that were analyzed; with none, no alert proves nothing.
    analyzed: usize,
    /// Of the newest traces, those held back, or naming another card or none.
    not_covered: usize,
    /// Why nothing was analyzed; null when something was.
    reason: Option<String>,
    /// Stretches of drift, oldest first.
    alerts: Vec<DriftAlert>,
}

/// An agent's drift.
pub(crate) async fn drift<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    PathId(id): PathId,
) -> Result<Json<Drift>, Problem> {
    let evidence = Evidence::read(&edge, &id).await?;
    let judged = judge(&evidence);
    edge.kept.give_back(evidence);
    Ok(Json(judged))
}

fn judge(evidence: &Evidence) -> Drift {
    let covered = evidence.covered();
    let (reason, alerts) = match &evidence.card {
        None => (
            Some("the agent has no alignment card here".to_owned()),
            Vec::new(),
        ),
        Some(_) if covered.len() < MIN_TRACES => (Some(too_few(covered.len())), Vec::new()),
        // Oldest first: traces of one millisecond keep the order in which listings show them.
        Some(card) => (None, detect(card, covered.iter().rev().copied())),
    };
    Drift {
        agent_id: evidence.agent_id,
        card_id: evidence.card_id().map(str::to_owned),
        analyzed: if reason.is_none() { covered.len() } else { 0 },
        not_covered: evidence.looked_at() - covered.len(),
        reason,
        alerts,
    }
}

fn too_few(covered: usize) -> String {
    let are = if covered == 1 { "is" } else { "are" };
    format!(
        "{covered} of the newest traces {are} under the card in force; drift is told from {MIN_TRACES} on"
    )
}
