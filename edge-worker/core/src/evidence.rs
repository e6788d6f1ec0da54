//! What integrity and drift are told by: an agent's newest traces, and which of them are under its card in force.

use aap::limits::MAX_PAGE;
use aap::{AgentId, AlignmentCard};
use serde_json::Value;
use trace_store::{Filter, PageRequest, TraceReader, TraceWriter};

use crate::Problem;
use crate::agents::find;
use crate::edge::Edge;
use crate::limiter::Limiter;

/// The newest traces that are looked at.
pub(crate) const LOOKED_AT: u32 = MAX_PAGE;

/// A card and what was done while it, or another, was in force.
pub(crate) struct Evidence {
    pub(crate) agent_id: AgentId,
    /// The card in force; none when the agent has put none here.
    pub(crate) card: Option<AlignmentCard>,
    /// The newest traces, newest first, at most [`LOOKED_AT`]; none for one that is held back.
    documents: Vec<Option<Value>>,
}

impl Evidence {
    /// Reads it, or answers 404 for an agent that has not been heard of.
    pub(crate) async fn read<S: TraceReader + TraceWriter, L: Limiter>(
        edge: &Edge<S, L>,
        id: &str,
    ) -> Result<Self, Problem> {
        let agent_id = find(edge, id).await?.agent_id;
        let card = edge.ports.store.card(agent_id).await?;
        let card = card.and_then(|row| serde_json::from_value(row.card).ok());
        let filter = Filter {
            agent_id: Some(agent_id),
            ..Filter::default()
        };
        let page = PageRequest {
            limit: LOOKED_AT,
            ..PageRequest::default()
        };
        let rows = edge.ports.store.documents(&filter, page).await?.rows;
        Ok(Self {
            agent_id,
            card,
            documents: rows.into_iter().map(|detail| detail.document).collect(),
        })
    }

    /// The id of the card in force.
    pub(crate) fn card_id(&self) -> Option<&str> {
        self.card.as_ref().map(|card| card.card_id.as_str())
    }

    /// How many traces were looked at.
    pub(crate) fn looked_at(&self) -> usize {
        self.documents.len()
    }

    /// The traces that were looked at, newest first; none for one that is held back.
    pub(crate) fn documents(&self) -> impl Iterator<Item = Option<&Value>> {
        self.documents.iter().map(Option::as_ref)
    }

    /// The traces that can be held against the card in force, newest first: with content here, and naming it.
    pub(crate) fn covered(&self) -> Vec<&Value> {
        let Some(card) = &self.card else {
            return Vec::new();
        };
        let held = self.documents.iter().flatten();
        held.filter(|document| aap::integrity::covers(card, document))
            .collect()
    }
}
