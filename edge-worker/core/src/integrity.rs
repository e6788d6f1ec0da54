//! How many of an agent's traces keep to its card, by AAP's own verification.

use std::collections::BTreeMap;
use std::sync::Arc;

use aap::AgentId;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use trace_store::{TraceReader, TraceWriter};

use crate::Problem;
use crate::edge::Edge;
use crate::evidence::Evidence;
use crate::limiter::Limiter;
use crate::query::PathId;

/// What was looked at, and what holds.
#[derive(Debug, Serialize)]
pub(crate) struct Integrity {
    agent_id: AgentId,
    /// The card that was verified against: the one in force.
    card_id: Option<String>,
    /// The newest traces, at most [`crate::evidence::LOOKED_AT`].
    looked_at: usize,
    /// Of these, with content here, and naming that card.
    covered: usize,
    /// Of these, held back, or naming another card or none.
    not_covered: usize,
    /// Covered ones without a violation.
    verified: usize,
    /// `verified / covered`; null when nothing was covered: that is no proof of anything.
    share: Option<f64>,
    /// Violations by AAP's names.
    violations: BTreeMap<&'static str, usize>,
}

/// An agent's integrity.
pub(crate) async fn integrity<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    PathId(id): PathId,
) -> Result<Json<Integrity>, Problem> {
    let evidence = Evidence::read(&edge, &id).await?;
    Ok(Json(judge(&evidence)))
}

fn judge(evidence: &Evidence) -> Integrity {
    let found = aap::integrity::Integrity::of(evidence.card.as_ref(), evidence.documents());
    Integrity {
        agent_id: evidence.agent_id,
        card_id: evidence.card_id().map(str::to_owned),
        looked_at: found.looked_at,
        covered: found.covered,
        not_covered: found.not_covered(),
        verified: found.verified,
        share: found.share(),
        violations: found.violations,
    }
}
