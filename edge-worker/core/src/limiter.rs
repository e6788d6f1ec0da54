//! The port through which requests are limited, and what its decisions look like on the wire.
//!
//! Keeping count is the host's business (`edge-server` does it with `governor`); which requests count against what, and in
//! which order, is decided here and nowhere else.

use std::fmt::Write as _;
use std::future::Future;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use aap::AgentId;
use aap::limits::{DEFAULT_AGENT_PER_MINUTE, DEFAULT_IP_PER_MINUTE, DEFAULT_NEW_AGENTS_PER_HOUR};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

#[cfg(feature = "conformance")]
pub mod conformance;

/// `RateLimit` of draft-ietf-httpapi-ratelimit-headers.
pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// `RateLimit-Policy` of the same draft.
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The address of a request's client, put into the request's extensions by the host. Without it every request counts
/// against one network, `0.0.0.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientNet(pub IpAddr);

/// Whom an address counts for: an IPv4 address itself, an IPv6 address's /64 (what one customer gets).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    /// Its first address, which names it.
    pub fn address(self) -> IpAddr {
        self.0
    }
}

impl From<ClientNet> for Network {
    fn from(ClientNet(ip): ClientNet) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self(ip.into()),
            IpAddr::V6(ip) => {
                let upper = u128::from(ip) >> 64 << 64;
                Self(Ipv6Addr::from(upper).into())
            }
        }
    }
}

impl Network {
    /// The address, or the first one of the /64; none when the host did not tell.
    pub(crate) fn known(self) -> Option<IpAddr> {
        (!self.0.is_unspecified()).then_some(self.0)
    }
}

/// What a request counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitKey {
    /// Requests of one network.
    Network(Network),
    /// Requests that bring one agent's traces or card.
    Agent(AgentId),
    /// Agents that one network made known for the first time.
    NewAgent(Network),
    /// All requests that write.
    Global,
}

impl LimitKey {
    /// The policy's name on the wire and in metrics.
    pub fn policy(self) -> &'static str {
        match self {
            Self::Network(_) => "ip",
            Self::Agent(_) => "agent",
            Self::NewAgent(_) => "new_agents",
            Self::Global => "global",
        }
    }
}

/// Requests that are let through; 0 turns a limit off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of one agent, a minute.
    pub per_minute: u32,
    /// Of one network, a minute.
    pub ip_per_minute: u32,
    /// Agents that one network makes known, an hour.
    pub new_agents_per_hour: u32,
    /// That write, in all, a minute.
    pub global_per_minute: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_minute: DEFAULT_AGENT_PER_MINUTE,
            ip_per_minute: DEFAULT_IP_PER_MINUTE,
            new_agents_per_hour: DEFAULT_NEW_AGENTS_PER_HOUR,
            global_per_minute: 0,
        }
    }
}

impl Limits {
    /// How many requests `key` may make within which window; none when that limit is off.
    pub fn of(self, key: LimitKey) -> Option<(u32, Duration)> {
        let (limit, window) = match key {
            LimitKey::Network(_) => (self.ip_per_minute, Duration::from_mins(1)),
            LimitKey::Agent(_) => (self.per_minute, Duration::from_mins(1)),
            LimitKey::NewAgent(_) => (self.new_agents_per_hour, Duration::from_hours(1)),
            LimitKey::Global => (self.global_per_minute, Duration::from_mins(1)),
        };
        (limit > 0).then_some((limit, window))
    }
}

/// What a limiter says about one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitDecision {
    /// See [`LimitKey::policy`].
    pub policy: &'static str,
    /// Requests that the window holds.
    pub limit: u32,
    /// The window.
    pub window: Duration,
    /// Requests that could follow at once.
    pub remaining: u32,
    /// Until one more request is there.
    pub reset: Duration,
    /// None when the request may pass, else how long to wait.
    pub retry_after: Option<Duration>,
}

impl LimitDecision {
    /// Whole seconds to wait, rounded up, at least 1; none when the request may pass.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after.map(|wait| whole_seconds(wait).max(1))
    }
}

/// Keeps count.
pub trait Limiter: Send + Sync + 'static {
    /// Counts one request against `key`, unless that limit is off.
    fn check(&self, key: LimitKey) -> impl Future<Output = Option<LimitDecision>> + Send;

    /// How many requests `key`'s window holds; none when that limit is off, or nobody can tell.
    fn most(&self, key: LimitKey) -> Option<u32> {
        let _ = key;
        None
    }

    /// Whether whoever keeps count remembers that the store knows `agent`, so that the store need not be asked. May be
    /// called after a check of that agent.
    fn knows(&self, agent: AgentId) -> bool {
        let _ = agent;
        false
    }
}

fn whole_seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

/// Writes `RateLimit` and `RateLimit-Policy`, the decision that weighs most first: a refusal, else the agent's.
pub(crate) fn write_headers(decisions: &[LimitDecision], headers: &mut HeaderMap) {
    let mut sorted: Vec<_> = decisions.iter().collect();
    sorted.sort_by_key(|decision| (decision.retry_after.is_none(), decision.policy != "agent"));
    let (mut state, mut policy) = (String::new(), String::new());
    for (index, decision) in sorted.into_iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        let name = decision.policy;
        let window = whole_seconds(decision.window);
        let until = decision
            .retry_after_seconds()
            .unwrap_or_else(|| whole_seconds(decision.reset));
        // Writing to a String cannot fail.
        let _ = write!(
            state,
            "{comma}\"{name}\";r={};t={until}",
            decision.remaining
        );
        let _ = write!(policy, "{comma}\"{name}\";q={};w={window}", decision.limit);
    }
    for (name, value) in [(RATE_LIMIT, state), (RATE_LIMIT_POLICY, policy)] {
        if let (false, Ok(value)) = (value.is_empty(), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        ClientNet(text.parse().unwrap()).into()
    }

    #[test]
    fn an_ipv6_customer_is_one_network() {
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1:2:3"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
    }

    fn decision(policy: &'static str, retry_after: Option<Duration>) -> LimitDecision {
        LimitDecision {
            policy,
            limit: 100,
            window: Duration::from_mins(1),
            remaining: if retry_after.is_some() { 0 } else { 99 },
            reset: Duration::from_millis(600),
            retry_after,
        }
    }

    #[test]
    fn headers_are_structured_fields_with_the_weightiest_first() {
        let mut headers = HeaderMap::new();
        write_headers(
            &[decision("ip", None), decision("agent", None)],
            &mut headers,
        );
        assert_eq!(headers[RATE_LIMIT], "\"agent\";r=99;t=1, \"ip\";r=99;t=1");
        assert_eq!(
            headers[RATE_LIMIT_POLICY],
            "\"agent\";q=100;w=60, \"ip\";q=100;w=60"
        );
        let refused = decision("ip", Some(Duration::from_millis(1)));
        write_headers(&[decision("agent", None), refused], &mut headers);
        assert_eq!(headers[RATE_LIMIT], "\"ip\";r=0;t=1, \"agent\";r=99;t=1");
    }

    #[test]
    fn waiting_is_rounded_up_to_a_second_at_least() {
        let seconds = |ms| decision("ip", Some(Duration::from_millis(ms))).retry_after_seconds();
        assert_eq!(
            (seconds(0), seconds(600), seconds(1001)),
            (Some(1), Some(1), Some(2))
        );
    }
}
