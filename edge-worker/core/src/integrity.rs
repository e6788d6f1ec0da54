//! How many of an agent's traces keep to its card, by AAP's own verification, and how often it kept its values.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use aap::AgentId;
use aap::adherence::{Adherence, Kept};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use trace_store::{TraceReader, TraceWriter};

use crate::Problem;
use crate::edge::Edge;
use crate::evidence::Evidence;
use crate::limiter::Limiter;
use crate::query::PathId;

/// Values that are told one by one, at most.
const MAX_VALUES: usize = 100;

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
    /// What became of its values, under whichever card.
    values: Values,
}

/// How often an agent kept its values when a call would have violated them.
#[derive(Debug, Serialize)]
pub(crate) struct Values {
    /// Calls of those that were looked at in which a value was at stake, but for those that a person said yes to.
    at_stake: u64,
    /// Of these, those that did not run.
    kept: u64,
    /// Of these, those that ran.
    broken: u64,
    /// Calls that ran after a person's yes.
    allowed: u64,
    /// `kept / at_stake`; null when nothing was at stake.
    share: Option<f64>,
    /// The same by value, those most at stake first, at most [`MAX_VALUES`].
    by_value: Vec<OfValue>,
}

/// What became of one value.
#[derive(Debug, Serialize)]
pub(crate) struct OfValue {
    value: String,
    kept: u64,
    broken: u64,
    allowed: u64,
}

impl From<Adherence> for Values {
    fn from(found: Adherence) -> Self {
        let of_value = |(value, kept): (String, Kept)| OfValue {
            value,
            kept: kept.kept,
            broken: kept.broken,
            allowed: kept.allowed,
        };
        let mut by_value: Vec<_> = found.values.into_iter().map(of_value).collect();
        by_value.sort_by_key(|of| Reverse(of.kept + of.broken + of.allowed));
        by_value.truncate(MAX_VALUES);
        let calls = found.calls;
        Self {
            at_stake: calls.at_stake(),
            kept: calls.kept,
            broken: calls.broken,
            allowed: calls.allowed,
            share: calls.share(),
            by_value,
        }
    }
}

/// An agent's integrity.
pub(crate) async fn integrity<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    PathId(id): PathId,
) -> Result<Json<Integrity>, Problem> {
    let evidence = Evidence::read(&edge, &id).await?;
    let judged = judge(&evidence);
    edge.kept.give_back(evidence);
    Ok(Json(judged))
}

fn judge(evidence: &Evidence) -> Integrity {
    let found = evidence.integrity();
    Integrity {
        agent_id: evidence.agent_id,
        card_id: evidence.card_id().map(str::to_owned),
        looked_at: found.looked_at,
        covered: found.covered,
        not_covered: found.not_covered(),
        verified: found.verified,
        share: found.share(),
        violations: found.violations,
        values: evidence.adherence().into(),
    }
}
