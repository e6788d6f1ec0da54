//! What scores are told by: an agent's newest traces, held against its card in force.
//!
//! What was found is kept, for a few agents, and added to: while the agent has done nothing new nothing is read, and of what
//! it did since then only that is read and verified. All of it is read anew when a card comes, when a trace came late, while a
//! content is missing, which may come at any time, and after [`MAX_AGE_MS`], because an erased content tells nobody that it went.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use aap::adherence::{Adherence, is_approved};
use aap::integrity::{Integrity, covers};
use aap::limits::MAX_PAGE;
use aap::verify::verify;
use aap::{ActionType, AgentId, AlignmentCard, Timestamp};
use serde_json::{Value, json};
use trace_store::{
    AgentRow, CardRow, Cursor, Direction, Filter, PageRequest, TraceDetail, TraceReader,
    TraceWriter,
};

use crate::Problem;
use crate::agents::find;
use crate::edge::Edge;
use crate::limiter::Limiter;

/// The newest traces that are looked at.
pub(crate) const LOOKED_AT: u32 = MAX_PAGE;
/// Agents of which is kept what was found, at most.
const MAX_AGENTS: usize = 16;
/// Bytes of one agent's that are kept, at most, as JSON: what is larger is read again.
const MAX_KEPT_BYTES: usize = 512 * 1024;
/// Milliseconds after which all of it is read anew.
const MAX_AGE_MS: i64 = 10 * 60 * 1000;

/// One trace, as far as scores need it.
#[derive(Debug)]
struct Looked {
    at: Cursor,
    action: ActionType,
    values: Vec<String>,
    /// Whether a person said yes to it.
    approved: bool,
    /// Whether its content is here.
    whole: bool,
    /// Its content without what nothing is compared by; none unless it names the card in force.
    covered: Option<Value>,
    violations: Vec<&'static str>,
    bytes: usize,
    /// Whether its agent's recorder was there; what was imported, or told by others, says nothing of how it acts.
    witnessed: bool,
}

/// Outcomes of what nobody of ours has seen: it comes from a runtime's own record, or from spans.
const UNSEEN: [&str; 2] = ["imported", "reported"];

impl Looked {
    fn of(detail: TraceDetail, card: Option<&AlignmentCard>) -> Self {
        let (row, document) = (detail.row, detail.document.as_ref());
        let witnessed = !row
            .outcome
            .as_deref()
            .is_some_and(|outcome| UNSEEN.contains(&outcome));
        let held = card.zip(document).filter(|_| witnessed);
        let held = held.filter(|(card, document)| covers(card, document));
        let covered = held.map(|(_, document)| slim(document));
        let violations = held.map(|(card, document)| {
            let found = verify(document, card).into_iter();
            found.map(|violation| violation.kind).collect()
        });
        let texts: usize = row.values_violated.iter().map(String::len).sum();
        let slim_bytes = covered.as_ref().map_or(0, |slim| slim.to_string().len());
        Self {
            at: Cursor {
                at: row.at,
                trace_id: row.trace_id,
            },
            action: row.action_type,
            values: row.values_violated,
            approved: document.is_some_and(is_approved),
            whole: document.is_some(),
            covered,
            violations: violations.unwrap_or_default(),
            bytes: texts + slim_bytes,
            witnessed,
        }
    }
}

/// What drift is told by: `aap::drift` reads nothing else of a trace.
fn slim(document: &Value) -> Value {
    let at = |pointer: &str| document.pointer(pointer).cloned().unwrap_or_default();
    let options = document.pointer("/decision/alternatives_considered");
    let flags = options.and_then(Value::as_array).into_iter().flatten();
    let flags = flags.filter_map(|option| option.get("flags"));
    let flags: Vec<_> = flags.map(|flags| json!({ "flags": flags })).collect();
    let escalation = document.get("escalation").filter(|told| told.is_object());
    json!({
        "trace_id": at("/trace_id"),
        "agent_id": at("/agent_id"),
        "timestamp": at("/timestamp"),
        "action": {"type": at("/action/type"), "category": at("/action/category"), "name": at("/action/name")},
        "decision": {
            "values_applied": at("/decision/values_applied"),
            "confidence": at("/decision/confidence"),
            "alternatives_considered": flags,
        },
        "escalation": escalation.map(|_| json!({
            "required": at("/escalation/required"),
            "escalation_status": at("/escalation/escalation_status"),
        })),
    })
}

/// A card and what was done while it, or another, was in force.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) agent_id: AgentId,
    /// The card in force; none when the agent has put none here.
    pub(crate) card: Option<AlignmentCard>,
    /// The newest traces, newest first, at most [`LOOKED_AT`].
    newest: VecDeque<Looked>,
    /// What was known of the agent then, and when that was.
    row: AgentRow,
    card_row: Option<CardRow>,
    read_at: Timestamp,
}

/// What is to be done to bring what is kept up to date.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    /// Nothing: it is.
    Keep,
    /// So many traces are new.
    Add(u32),
    /// To read it anew.
    Read,
}

impl Evidence {
    /// Brings it up to date, or answers 404 for an agent that has not been heard of. Whoever has it gives it back
    /// by [`Kept::give_back`].
    pub(crate) async fn read<S: TraceReader + TraceWriter, L: Limiter>(
        edge: &Edge<S, L>,
        id: &str,
    ) -> Result<Self, Problem> {
        let row = find(edge, id).await?;
        let now = edge.now();
        if let Some(mut kept) = edge.kept.take(row.agent_id) {
            if kept.row == row && kept.is_whole() && !kept.is_old(now) {
                return Ok(kept);
            }
            let card_row = edge.ports.store.card(row.agent_id).await?;
            match kept.plan(&row, card_row.as_ref(), now) {
                Plan::Keep => {
                    kept.row = row;
                    return Ok(kept);
                }
                Plan::Add(new) => {
                    if kept.add(edge, new).await? {
                        kept.row = row;
                        return Ok(kept);
                    }
                }
                Plan::Read => {}
            }
        }
        Self::anew(edge, row, now).await
    }

    fn is_old(&self, now: Timestamp) -> bool {
        let age = now.millis().saturating_sub(self.read_at.millis());
        !(0..MAX_AGE_MS).contains(&age)
    }

    /// Whether all contents are here: one that is not may come without a word of it in what is known of its agent.
    fn is_whole(&self) -> bool {
        self.newest.iter().all(|looked| looked.whole)
    }

    /// How to go on from here, with what is known of the agent now.
    fn plan(&self, row: &AgentRow, card: Option<&CardRow>, now: Timestamp) -> Plan {
        if self.is_old(now) || self.card_row.as_ref() != card || !self.is_whole() {
            return Plan::Read;
        }
        match row.traces.checked_sub(self.row.traces) {
            Some(0) => Plan::Keep,
            Some(new) if new < u64::from(LOOKED_AT) && !self.newest.is_empty() => {
                u32::try_from(new).map_or(Plan::Read, Plan::Add)
            }
            _ => Plan::Read,
        }
    }

    /// Adds what came after the newest; false when that is not just the `new` traces that are to be added.
    async fn add<S: TraceReader + TraceWriter, L: Limiter>(
        &mut self,
        edge: &Edge<S, L>,
        new: u32,
    ) -> Result<bool, Problem> {
        let page = PageRequest {
            // One more tells whether there are more.
            limit: new + 1,
            after: self.newest.front().map(|looked| looked.at),
            direction: Direction::Newer,
        };
        let found = edge.ports.store.documents(&of(self.agent_id), page).await?;
        if found.rows.len() != new as usize || found.next.is_some() {
            return Ok(false);
        }
        for detail in found.rows {
            let looked = Looked::of(detail, self.card.as_ref());
            self.newest.push_front(looked);
        }
        self.newest.truncate(LOOKED_AT as usize);
        Ok(true)
    }

    async fn anew<S: TraceReader + TraceWriter, L: Limiter>(
        edge: &Edge<S, L>,
        row: AgentRow,
        read_at: Timestamp,
    ) -> Result<Self, Problem> {
        let agent_id = row.agent_id;
        let card_row = edge.ports.store.card(agent_id).await?;
        let card = card_row.as_ref().map(|row| row.card.clone());
        let card: Option<AlignmentCard> = card.and_then(|card| serde_json::from_value(card).ok());
        let page = PageRequest {
            limit: LOOKED_AT,
            ..PageRequest::default()
        };
        let rows = edge.ports.store.documents(&of(agent_id), page).await?.rows;
        let newest = rows.into_iter();
        Ok(Self {
            agent_id,
            newest: newest
                .map(|detail| Looked::of(detail, card.as_ref()))
                .collect(),
            card,
            row,
            card_row,
            read_at,
        })
    }

    /// The id of the card in force.
    pub(crate) fn card_id(&self) -> Option<&str> {
        self.card.as_ref().map(|card| card.card_id.as_str())
    }

    /// How many traces were looked at.
    pub(crate) fn looked_at(&self) -> usize {
        self.witnessed().count()
    }

    fn witnessed(&self) -> impl Iterator<Item = &Looked> {
        self.newest.iter().filter(|looked| looked.witnessed)
    }

    /// How many of these keep to the card.
    pub(crate) fn integrity(&self) -> Integrity {
        let mut found = Integrity {
            looked_at: self.looked_at(),
            ..Integrity::default()
        };
        for looked in self.newest.iter().filter(|looked| looked.covered.is_some()) {
            found.covered += 1;
            found.verified += usize::from(looked.violations.is_empty());
            for kind in &looked.violations {
                *found.violations.entry(kind).or_insert(0) += 1;
            }
        }
        found
    }

    /// What became of the agent's values in these, under whichever card.
    pub(crate) fn adherence(&self) -> Adherence {
        let yes = json!({"escalation": {"escalation_status": "approved"}});
        let mut found = Adherence::default();
        for looked in self.witnessed() {
            let document = looked.approved.then_some(&yes);
            found.count(looked.action, &looked.values, document);
        }
        found
    }

    /// What drift is told by of the traces that can be held against the card in force, newest first.
    pub(crate) fn covered(&self) -> Vec<&Value> {
        let covered = self.newest.iter();
        covered
            .filter_map(|looked| looked.covered.as_ref())
            .collect()
    }
}

fn of(agent_id: AgentId) -> Filter {
    Filter {
        agent_id: Some(agent_id),
        ..Filter::default()
    }
}

/// What was found of the agents that were asked for last, the last one last.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Vec<Evidence>>);

impl Kept {
    fn all(&self) -> std::sync::MutexGuard<'_, Vec<Evidence>> {
        // Whole entries only: a panic elsewhere cannot leave half of one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// While one has it others read anew.
    fn take(&self, agent: AgentId) -> Option<Evidence> {
        let mut all = self.all();
        let place = all.iter().position(|kept| kept.agent_id == agent)?;
        Some(all.remove(place))
    }

    pub(crate) fn give_back(&self, evidence: Evidence) {
        let bytes: usize = evidence.newest.iter().map(|looked| looked.bytes).sum();
        if bytes > MAX_KEPT_BYTES {
            return;
        }
        let mut all = self.all();
        all.retain(|kept| kept.agent_id != evidence.agent_id);
        if all.len() >= MAX_AGENTS {
            all.remove(0);
        }
        all.push(evidence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An agent of which `traces` are known, and of which the newest has content or has not.
    fn kept(traces: u64, whole: bool) -> Evidence {
        let (agent_id, at) = (AgentId::from_bytes([1; 16]), Timestamp::from_millis(0));
        let looked = Looked {
            at: Cursor {
                at,
                trace_id: aap::TraceId::from_bytes([2; 16]),
            },
            action: ActionType::Allow,
            values: Vec::new(),
            approved: false,
            whole,
            covered: None,
            violations: Vec::new(),
            bytes: 0,
            witnessed: true,
        };
        Evidence {
            agent_id,
            card: None,
            newest: VecDeque::from([looked]),
            row: AgentRow {
                agent_id,
                first_seen: at,
                last_seen: at,
                public_key: None,
                card_id: None,
                traces,
                denied: 0,
                errors: 0,
                signed: 0,
            },
            card_row: None,
            read_at: at,
        }
    }

    #[test]
    fn only_what_is_new_is_read_unless_more_may_have_changed() {
        let now = Timestamp::from_millis(1);
        let plan =
            |kept: &Evidence, traces, now| kept.plan(&self::kept(traces, true).row, None, now);
        assert_eq!(plan(&kept(7, true), 7, now), Plan::Keep);
        assert_eq!(plan(&kept(7, true), 9, now), Plan::Add(2));
        assert_eq!(plan(&kept(7, true), 7 + 499, now), Plan::Add(499));
        assert_eq!(plan(&kept(7, true), 7 + 500, now), Plan::Read);
        assert_eq!(
            plan(&kept(7, true), 6, now),
            Plan::Read,
            "some were dropped"
        );
        assert_eq!(plan(&kept(7, false), 8, now), Plan::Read);
        for at in [-1, MAX_AGE_MS] {
            let later = Timestamp::from_millis(at);
            assert_eq!(plan(&kept(7, true), 7, later), Plan::Read);
        }
        let card = CardRow {
            card_id: String::new(),
            agent_id: AgentId::from_bytes([1; 16]),
            received_at: now,
            card: Value::Null,
            signed_card: Value::Null,
        };
        let other = kept(7, true).plan(&kept(7, true).row, Some(&card), now);
        assert_eq!(other, Plan::Read);
    }

    #[test]
    fn a_few_agents_are_kept_and_none_that_is_large() {
        let all = Kept::default();
        let of = |number: usize| {
            let mut evidence = kept(1, true);
            evidence.agent_id = AgentId::from_bytes([u8::try_from(number).unwrap(); 16]);
            evidence
        };
        for number in 0..=MAX_AGENTS {
            all.give_back(of(number));
        }
        assert!(all.take(of(0).agent_id).is_none(), "the first made room");
        assert!(all.take(of(1).agent_id).is_some());
        assert!(all.take(of(1).agent_id).is_none(), "somebody has it");
        for (bytes, stays) in [(MAX_KEPT_BYTES, true), (MAX_KEPT_BYTES + 1, false)] {
            let mut large = of(99);
            large.newest[0].bytes = bytes;
            all.give_back(large);
            assert_eq!(all.take(of(99).agent_id).is_some(), stays);
        }
    }
}
