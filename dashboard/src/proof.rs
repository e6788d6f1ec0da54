//! Whether the owner of a claimed domain agrees: a TXT record of that domain which names the agent.
//!
//! Strangers choose the names, so little is done for them: a name is asked for only if it can be a public one, behind the
//! page that shows it and never before it, once in a while, and within a budget. Asking itself is the host's ([`ResolveTxt`]);
//! what is claimed stands in `claim`.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aap::{AgentId, Timestamp};
use futures_util::future::{Either, select};
use serde::Serialize;
use trace_store::CardRow;

use crate::claim::Claim;

mod host;

pub(crate) use host::public;

/// The label that is asked for under a claimed host.
pub const LABEL: &str = "_smoltbot";
/// What stands before the agent's id in the record.
pub const KEY: &str = "smoltbot-agent=";
/// How long an answer is waited for.
pub const ANSWER_WITHIN: Duration = Duration::from_millis(300);
/// How long a proof holds before it is looked up again.
pub const PROVEN_FOR: Duration = Duration::from_hours(1);
/// How long a record that does not name the agent is believed.
pub const NOT_PROVEN_FOR: Duration = Duration::from_mins(10);
/// How long nobody is asked again after no answer came.
pub const NO_ANSWER_FOR: Duration = Duration::from_mins(1);
/// Names whose answers are kept, at most: about 300 bytes each.
pub const MAX_NAMES: usize = 1_000;
/// Names that are asked for in a minute, at most.
pub const MAX_LOOKUPS_PER_MINUTE: u32 = 30;
/// Agents of one name that are kept, at most; further records of it are not read.
pub const MAX_AGENTS_OF_NAME: usize = 64;

/// Why the DNS did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// Nothing came within [`ANSWER_WITHIN`].
    #[error("the DNS did not answer within {} ms", ANSWER_WITHIN.as_millis())]
    TimedOut,
    /// It was not asked, or answered with an error; what is said may be shown to everybody.
    #[error("{0}")]
    Failed(String),
}

/// Resolves to the answer of a [`ResolveTxt`].
pub type Answer = Pin<Box<dyn Future<Output = Result<Vec<String>, NoAnswer>> + Send>>;

/// Asks the DNS.
pub trait ResolveTxt: Send + Sync + 'static {
    /// The TXT records of `name`, a whole name without a dot at its end: the strings of each record put together. Empty where
    /// the name, or a record of it, does not exist.
    fn txt(&self, name: String) -> Answer;
}

/// Does work that nobody waits for.
pub type Behind = Arc<dyn Fn(Pin<Box<dyn Future<Output = ()> + Send>>) + Send + Sync>;
/// Resolves after a span of time.
pub type Sleep = Arc<dyn Fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// What a host brings for it.
#[derive(Clone)]
pub struct Ports {
    /// Who asks.
    pub resolver: Arc<dyn ResolveTxt>,
    /// The time of day.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Waiting.
    pub sleep: Sleep,
    /// Where lookups run.
    pub behind: Behind,
}

/// How far a claimed link is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The domain's record names this agent.
    Proven,
    /// It does not.
    NotProven,
    /// The DNS gave no answer.
    CouldNotCheck,
    /// It is being asked, or will be with a later view.
    NotYetChecked,
    /// The host of the link is none that the public DNS could know.
    NoPublicName,
    /// This server asks for no names.
    Off,
}

/// A claimed link, how to prove it, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// How far.
    pub verdict: Verdict,
    /// When the DNS answered, or failed to.
    pub checked_at: Option<Timestamp>,
    /// Why it could not be checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The name of the TXT record.
    pub record: Option<String>,
    /// What one of its values has to be.
    pub value: Option<String>,
}

/// What an agent says of itself on its card, under `extensions.smoltbot`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claimed {
    /// A name, made safe to read. Not unique.
    pub name: Option<String>,
    /// A link.
    pub url: Option<String>,
    /// How far the link is proven, where there is one.
    pub dns: Option<Proof>,
}

/// What the DNS said of one name.
struct Known {
    at: Timestamp,
    said: Result<Vec<AgentId>, NoAnswer>,
}

#[derive(Default)]
struct State {
    known: HashMap<String, Known>,
    /// Names that are being asked for.
    asking: Vec<String>,
    minute: i64,
    asked: u32,
}

struct Inner {
    ports: Ports,
    state: Mutex<State>,
}

/// Proofs of links, looked up behind the pages that show them.
#[derive(Clone, Default)]
pub struct Proofs(Option<Arc<Inner>>);

impl std::fmt::Debug for Proofs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Proofs").field(&self.0.is_some()).finish()
    }
}

impl Proofs {
    /// Nobody is asked: every link stays a claim.
    pub fn off() -> Self {
        Self(None)
    }

    /// Asks through these ports.
    pub fn new(ports: Ports) -> Self {
        let state = Mutex::default();
        Self(Some(Arc::new(Inner { ports, state })))
    }

    /// What an agent claims on its card, and how far it is proven; none where it claims nothing. Never waits: what is not
    /// known yet is looked up behind.
    pub fn of(&self, card: Option<&CardRow>, agent: AgentId) -> Option<Claimed> {
        let claim = Claim::of(card);
        let dns = claim.host().map(|host| self.proof(host, agent));
        (claim.name.is_some() || claim.link.is_some()).then(|| Claimed {
            name: claim.name,
            url: claim.link.map(|link| format!("https://{link}")),
            dns,
        })
    }

    fn proof(&self, host: &str, agent: AgentId) -> Proof {
        let host = public(host);
        let mut proof = Proof {
            verdict: Verdict::NoPublicName,
            checked_at: None,
            reason: None,
            record: host.as_ref().map(|host| format!("{LABEL}.{host}")),
            value: host.as_ref().map(|_| format!("{KEY}{agent}")),
        };
        let Some(name) = proof.record.clone() else {
            return proof;
        };
        let Some(inner) = &self.0 else {
            proof.verdict = Verdict::Off;
            return proof;
        };
        proof.verdict = Verdict::NotYetChecked;
        let now = (inner.ports.clock)();
        let mut state = inner.state();
        let mut stale = true;
        if let Some(known) = state.known.get(&name) {
            let (verdict, holds) = known.of(agent);
            let age = now.millis().saturating_sub(known.at.millis());
            let holds = millis(holds);
            if (0..holds).contains(&age) {
                proof.verdict = verdict;
                proof.checked_at = Some(known.at);
                proof.reason = known.said.as_ref().err().map(ToString::to_string);
            }
            // What holds is asked for again in its second half, so that whoever looks meets an answer.
            stale = !(0..holds / 2).contains(&age);
        }
        let asks = stale && state.may_ask(&name, now);
        drop(state);
        if asks {
            let work = Arc::clone(inner).ask(name);
            (inner.ports.behind)(Box::pin(work));
        }
        proof
    }
}

impl Inner {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Whole entries only: a panic elsewhere cannot leave half of one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, and keeps what is said.
    async fn ask(self: Arc<Self>, name: String) {
        let answer = self.ports.resolver.txt(name.clone());
        let waited = (self.ports.sleep)(ANSWER_WITHIN);
        let said = match select(answer, waited).await {
            Either::Left((said, _)) => said,
            Either::Right(_) => Err(NoAnswer::TimedOut),
        };
        let said = said.map(|records| named(&records));
        let at = (self.ports.clock)();
        let mut state = self.state();
        state.asking.retain(|asked| *asked != name);
        state.keep(name, Known { at, said });
    }
}

impl State {
    /// Whether `name` is to be asked for now; if so it is counted.
    fn may_ask(&mut self, name: &str, now: Timestamp) -> bool {
        let minute = now.millis().div_euclid(60_000);
        if self.minute != minute {
            (self.minute, self.asked) = (minute, 0);
        }
        if self.asked >= MAX_LOOKUPS_PER_MINUTE || self.asking.iter().any(|asked| asked == name) {
            return false;
        }
        self.asked += 1;
        self.asking.push(name.to_owned());
        true
    }

    /// Keeps an answer; the oldest makes room.
    fn keep(&mut self, name: String, known: Known) {
        if self.known.len() >= MAX_NAMES && !self.known.contains_key(&name) {
            let oldest = self.known.iter().min_by_key(|(_, known)| known.at);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                self.known.remove(&oldest);
            }
        }
        self.known.insert(name, known);
    }
}

impl Known {
    /// What it says of `agent`, and how long that holds.
    fn of(&self, agent: AgentId) -> (Verdict, Duration) {
        match &self.said {
            Ok(agents) if agents.contains(&agent) => (Verdict::Proven, PROVEN_FOR),
            Ok(_) => (Verdict::NotProven, NOT_PROVEN_FOR),
            Err(_) => (Verdict::CouldNotCheck, NO_ANSWER_FOR),
        }
    }
}

/// The agents that records name.
fn named(records: &[String]) -> Vec<AgentId> {
    let ids = records
        .iter()
        .filter_map(|record| record.trim().strip_prefix(KEY)?.trim().parse().ok());
    ids.take(MAX_AGENTS_OF_NAME).collect()
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
