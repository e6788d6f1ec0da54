//! Keeping count of requests, in memory, with `governor`'s GCRA.
//!
//! A limit of N in a window lets N requests through at once and gives back one every window/N. Which request counts against
//! what is `edge-core`'s; here is only the counting. State is per process and starts anew with it.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use aap::AgentId;
pub use edge_core::Limits;
use edge_core::{LimitDecision, LimitKey, Limiter, Network};
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// One limit over many keys.
struct Counter<K: Hash + Eq + Clone, C: Clock> {
    limiter: RateLimiter<K, HashMapStateStore<K>, C, StateInformationMiddleware>,
    clock: C,
    limit: u32,
    window: Duration,
}

impl<K: Hash + Eq + Clone, C: Clock + Clone> Counter<K, C> {
    /// None when the limit is off.
    fn new(limit: u32, window: Duration, clock: C) -> Option<Self> {
        let burst = NonZeroU32::new(limit)?;
        let quota = Quota::with_period(window / limit)?.allow_burst(burst);
        let state = HashMapStateStore::default();
        let limiter = RateLimiter::new(quota, state, clock.clone());
        Some(Self {
            limiter,
            clock,
            limit,
            window,
        })
    }

    fn check(&self, key: &K, policy: &'static str) -> LimitDecision {
        let (remaining, retry_after) = match self.limiter.check_key(key) {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(until) => (0, Some(until.wait_time_from(self.clock.now()))),
        };
        LimitDecision {
            policy,
            limit: self.limit,
            window: self.window,
            remaining,
            reset: self.window / self.limit,
            retry_after,
        }
    }

    /// Forgets keys that have their whole limit again, and gives the memory back.
    fn sweep(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

/// The counts of one process.
pub struct Counts<C: Clock = MonotonicClock> {
    network: Option<Counter<Network, C>>,
    agent: Option<Counter<AgentId, C>>,
    new_agent: Option<Counter<Network, C>>,
    global: Option<Counter<(), C>>,
}

impl<C: Clock + Clone> Counts<C> {
    /// Nothing counted yet.
    pub fn new(limits: Limits, clock: C) -> Arc<Self> {
        Arc::new(Self {
            network: Counter::new(limits.ip_per_minute, MINUTE, clock.clone()),
            agent: Counter::new(limits.per_minute, MINUTE, clock.clone()),
            new_agent: Counter::new(limits.new_agents_per_hour, HOUR, clock.clone()),
            global: Counter::new(limits.global_per_minute, MINUTE, clock),
        })
    }

    /// Forgets whoever has the whole limit again; to be called now and then, or keys grow for ever.
    pub fn sweep(&self) {
        for counter in self.network.iter().chain(&self.new_agent) {
            counter.sweep();
        }
        if let Some(counter) = &self.agent {
            counter.sweep();
        }
    }

    /// Keys that are kept, over all limits.
    pub fn keys(&self) -> usize {
        let networks = self.network.iter().chain(&self.new_agent);
        networks.map(|counter| counter.limiter.len()).sum::<usize>()
            + self
                .agent
                .as_ref()
                .map_or(0, |counter| counter.limiter.len())
    }
}

impl<C> Limiter for Counts<C>
where
    C: Clock + Clone + Send + Sync + 'static,
    C::Instant: Send + Sync,
{
    async fn check(&self, key: LimitKey) -> Option<LimitDecision> {
        let policy = key.policy();
        match key {
            LimitKey::Network(network) => Some(self.network.as_ref()?.check(&network, policy)),
            LimitKey::Agent(agent) => Some(self.agent.as_ref()?.check(&agent, policy)),
            LimitKey::NewAgent(network) => Some(self.new_agent.as_ref()?.check(&network, policy)),
            LimitKey::Global => Some(self.global.as_ref()?.check(&(), policy)),
        }
    }

    fn most(&self, key: LimitKey) -> Option<u32> {
        match key {
            LimitKey::Network(_) => self.network.as_ref().map(|counter| counter.limit),
            LimitKey::Agent(_) => self.agent.as_ref().map(|counter| counter.limit),
            LimitKey::NewAgent(_) => self.new_agent.as_ref().map(|counter| counter.limit),
            LimitKey::Global => self.global.as_ref().map(|counter| counter.limit),
        }
    }
}
