//! What all handlers share: the ports, which agents are known, and the checks in their order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aap::card::SignedCard;
use aap::note::parse_public_key;
use aap::{AgentId, Timestamp};
use ed25519_dalek::VerifyingKey;
use trace_store::{TraceReader, TraceWriter};

use crate::evidence::Kept;
use crate::export::Seats;
use crate::limiter::{LimitDecision, LimitKey, Limiter, Network};
use crate::{Ports, Problem};

/// Agents remembered as known, in each of two generations: about 100 bytes each, so 2 MB at most.
pub const KNOWN_AGENTS: usize = 10_000;

/// Shared by all handlers.
pub(crate) struct Edge<S, L> {
    pub(crate) ports: Ports<S, L>,
    pub(crate) exports: Seats,
    pub(crate) kept: Kept,
    known: Mutex<Known>,
}

/// Agents that the store knows, and the key on their card. When the newer generation is full it becomes the older one,
/// which is forgotten: bounded, and whoever is active stays.
#[derive(Default)]
struct Known {
    newer: HashMap<AgentId, KnownAgent>,
    older: HashMap<AgentId, KnownAgent>,
}

/// An agent that the store knows; its key, once somebody needed it.
#[derive(Debug, Clone, Copy, Default)]
struct KnownAgent {
    key: Option<VerifyingKey>,
}

impl Known {
    fn get(&mut self, agent: AgentId) -> Option<KnownAgent> {
        if let Some(known) = self.newer.get(&agent) {
            return Some(*known);
        }
        let known = self.older.remove(&agent)?;
        self.put(agent, known);
        Some(known)
    }

    fn put(&mut self, agent: AgentId, known: KnownAgent) {
        if self.newer.len() >= KNOWN_AGENTS {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(agent, known);
    }
}

/// What the limits said about one request so far; becomes its `RateLimit` headers.
#[derive(Clone, Default)]
pub(crate) struct Decisions(Arc<Mutex<Vec<LimitDecision>>>);

impl Decisions {
    /// One decision a policy: where a batch speaks for many agents, that of the one which is nearest its limit.
    fn push(&self, decision: LimitDecision) {
        let mut decisions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = |decision: &LimitDecision| (decision.retry_after.is_none(), decision.remaining);
        match decisions
            .iter_mut()
            .find(|known| known.policy == decision.policy)
        {
            Some(known) if room(&decision) < room(known) => *known = decision,
            Some(_) => {}
            None => decisions.push(decision),
        }
    }

    pub(crate) fn take(&self) -> Vec<LimitDecision> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Who asks, and what the limits said about it.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) network: Network,
    pub(crate) decisions: Decisions,
}

impl<S: TraceReader + TraceWriter, L: Limiter> Edge<S, L> {
    pub(crate) fn new(ports: Ports<S, L>) -> Self {
        let (known, exports) = (Mutex::default(), Seats::default());
        Self {
            ports,
            exports,
            kept: Kept::default(),
            known,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.ports.clock)()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        // Whole entries only: a panic elsewhere cannot leave half of one.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one request against `key`.
    pub(crate) async fn allow(&self, key: LimitKey, decisions: &Decisions) -> Result<(), Problem> {
        let Some(decision) = self.ports.limiter.check(key).await else {
            return Ok(());
        };
        decisions.push(decision);
        if decision.retry_after.is_none() {
            return Ok(());
        }
        metrics::counter!("smoltbot_edge_limited_total", "policy" => decision.policy).increment(1);
        Err(Problem::Limited(decision))
    }

    /// The limits behind the signature: each agent's, new agents of the network, all.
    pub(crate) async fn admit(&self, agents: &[AgentId], caller: &Caller) -> Result<(), Problem> {
        // Each agent's own limit first, though on Cloudflare that makes an object for an identity that is refused as new right
        // after: only this object remembers that its agent is known. Asked of the store instead, every known agent would cost
        // a read wherever it is heard of first, and be refused while the store is away, though its batches could wait. An
        // object that remembers no agent forgets its count, and with it all that it stored.
        for agent in agents {
            self.allow(LimitKey::Agent(*agent), &caller.decisions)
                .await?;
        }
        let mut new = Vec::new();
        for agent in agents {
            if !self.is_known(*agent).await? {
                new.push(*agent);
            }
        }
        let key = LimitKey::NewAgent(caller.network);
        if let Some(most) = self.ports.limiter.most(key)
            && new.len() > most as usize
        {
            // However long the client waits, so many never pass at once.
            return Err(Problem::TooManyNewAgents {
                new: new.len(),
                most,
            });
        }
        for agent in new {
            self.allow(key, &caller.decisions).await?;
            // Paid for: if the request fails after all, its next try goes on from here.
            self.remember(agent, None);
        }
        self.allow(LimitKey::Global, &caller.decisions).await
    }

    async fn is_known(&self, agent: AgentId) -> Result<bool, Problem> {
        let cached = self.known().get(agent);
        if cached.is_some() {
            return Ok(true);
        }
        let stored =
            self.ports.limiter.knows(agent) || self.ports.store.agent(agent).await?.is_some();
        if stored {
            self.known().put(agent, KnownAgent::default());
        }
        Ok(stored)
    }

    /// Remembers that the store knows `agent`, once it does.
    pub(crate) fn remember(&self, agent: AgentId, key: Option<VerifyingKey>) {
        let mut known = self.known();
        let before = known.get(agent).unwrap_or_default().key;
        known.put(
            agent,
            KnownAgent {
                key: key.or(before),
            },
        );
    }

    /// The key on the agent's stored card.
    pub(crate) async fn key_of(&self, agent: AgentId) -> Result<Option<VerifyingKey>, Problem> {
        let cached = self.known().get(agent).unwrap_or_default().key;
        if cached.is_some() {
            return Ok(cached);
        }
        let Some(row) = self.ports.store.card(agent).await? else {
            return Ok(None);
        };
        let key = serde_json::from_value::<SignedCard>(row.signed_card)
            .ok()
            .and_then(|signed| parse_public_key(&signed.public_key));
        if key.is_some() {
            self.remember(agent, key);
        }
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(number: u32) -> AgentId {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        AgentId::from_bytes(bytes)
    }

    #[test]
    fn known_agents_are_bounded_and_the_active_stay() {
        let mut known = Known::default();
        let busy = agent(u32::MAX);
        known.put(busy, KnownAgent::default());
        let most = u32::try_from(KNOWN_AGENTS * 5).unwrap();
        for number in 0..most {
            known.put(agent(number), KnownAgent::default());
            assert!(
                known.get(busy).is_some(),
                "asked for all the time, so never forgotten"
            );
        }
        assert!(known.newer.len() + known.older.len() <= 2 * KNOWN_AGENTS);
        assert!(known.get(agent(0)).is_none());
        assert!(known.get(agent(most - 1)).is_some());
    }
}
