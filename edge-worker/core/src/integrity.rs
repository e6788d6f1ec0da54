//! How many of an agent's traces keep to its card, by AAP's own verification.

use std::collections::BTreeMap;
use std::sync::Arc;

use aap::limits::MAX_PAGE;
use aap::{AgentId, AlignmentCard};
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use serde_json::Value;
use trace_store::{Filter, PageRequest, TraceReader, TraceWriter};

use crate::Problem;
use crate::agents::find;
use crate::edge::Edge;
use crate::limiter::Limiter;

/// The newest traces that are looked at.
const LOOKED_AT: u32 = MAX_PAGE;

/// What was looked at, and what holds.
#[derive(Debug, Serialize)]
pub(crate) struct Integrity {
    agent_id: AgentId,
    /// The card that was verified against: the one in force.
    card_id: Option<String>,
    /// The newest traces, at most [`LOOKED_AT`].
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
    Path(id): Path<String>,
) -> Result<Json<Integrity>, Problem> {
    let agent = find(&edge, &id).await?.agent_id;
    let card = edge.ports.store.card(agent).await?;
    let card = card.and_then(|row| serde_json::from_value(row.card).ok());
    let filter = Filter {
        agent_id: Some(agent),
        ..Filter::default()
    };
    let page = PageRequest {
        limit: LOOKED_AT,
        ..PageRequest::default()
    };
    let rows = edge.ports.store.documents(&filter, page).await?.rows;
    let documents: Vec<_> = rows.into_iter().map(|detail| detail.document).collect();
    Ok(Json(judge(agent, card.as_ref(), &documents)))
}

fn judge(
    agent_id: AgentId,
    card: Option<&AlignmentCard>,
    documents: &[Option<Value>],
) -> Integrity {
    let (mut covered, mut verified) = (0, 0);
    let mut violations = BTreeMap::new();
    for document in documents.iter().flatten() {
        let named = document.get("card_id").and_then(Value::as_str);
        let Some(card) = card.filter(|card| named == Some(&card.card_id)) else {
            continue;
        };
        covered += 1;
        let found = aap::verify::verify(document, card);
        verified += usize::from(found.is_empty());
        for violation in found {
            *violations.entry(violation.kind).or_insert(0) += 1;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 500")]
    let share = (covered > 0).then(|| verified as f64 / covered as f64);
    Integrity {
        agent_id,
        card_id: card.map(|card| card.card_id.clone()),
        looked_at: documents.len(),
        covered,
        not_covered: documents.len() - covered,
        verified,
        share,
        violations,
    }
}
