//! Keeping count on Cloudflare: the name of each key's Durable Object, and the words between it and who asks.

use std::num::NonZeroU32;
use std::time::Duration;

use edge_core::{LimitDecision, LimitKey, Limits};

use crate::meter::{Meter, Reading};

/// What is asked of a key's Durable Object: one request, against this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// Requests that the window holds.
    pub limit: NonZeroU32,
    /// The window.
    pub window: Duration,
}

/// What it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The count's.
    pub reading: Reading,
    /// Whether the key is an agent that the object remembers.
    pub known: bool,
}

/// The name of the Durable Object that counts for `key`.
pub fn object_name(key: LimitKey) -> String {
    match key {
        LimitKey::Agent(agent) => agent_object_name(agent),
        LimitKey::Network(network) => format!("network {}", network.address()),
        LimitKey::NewAgent(network) => format!("new agents of {}", network.address()),
        LimitKey::Global => "everybody".to_owned(),
    }
}

/// The name of the one that counts for an agent, and remembers it.
pub fn agent_object_name(agent: aap::AgentId) -> String {
    format!("agent {agent}")
}

impl Question {
    /// Of `key`; none when that limit is off.
    pub fn of(limits: Limits, key: LimitKey) -> Option<Self> {
        let (limit, window) = limits.of(key)?;
        let limit = NonZeroU32::new(limit)?;
        Some(Self { limit, window })
    }

    /// As a URL's query.
    pub fn to_query(self) -> String {
        format!("{}.{}", self.limit, self.window.as_secs())
    }

    /// Reads [`Question::to_query`].
    pub fn from_query(query: &str) -> Option<Self> {
        let (limit, window) = query.split_once('.')?;
        Some(Self {
            limit: limit.parse().ok()?,
            window: Duration::from_secs(window.parse().ok()?),
        })
    }

    /// Counts one request at `now`, time since 1970.
    pub fn ask(self, meter: &Meter, now: Duration) -> Reading {
        meter.check(self.limit, self.window, now)
    }

    /// For the router.
    pub fn decision(self, key: LimitKey, reading: Reading) -> LimitDecision {
        LimitDecision {
            policy: key.policy(),
            limit: self.limit.get(),
            window: self.window,
            remaining: reading.remaining,
            reset: self.window / self.limit.get(),
            retry_after: reading.retry_after,
        }
    }
}

impl Answer {
    /// As a line of text.
    pub fn to_line(self) -> String {
        let wait = self
            .reading
            .retry_after
            .map(|wait| wait.as_nanos().to_string());
        format!(
            "{} {} {}",
            self.reading.remaining,
            wait.as_deref().unwrap_or("-"),
            u8::from(self.known)
        )
    }

    /// Reads [`Answer::to_line`].
    pub fn from_line(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let remaining = words.next()?.parse().ok()?;
        let retry_after = match words.next()? {
            "-" => None,
            wait => Some(Duration::from_nanos(wait.parse().ok()?)),
        };
        let known = words.next()? == "1";
        Some(Self {
            reading: Reading {
                remaining,
                retry_after,
            },
            known,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex};

    use edge_core::Limiter;
    use edge_core::limiter::conformance::Host;

    use super::*;

    #[test]
    fn questions_and_answers_come_over() {
        let question = Question {
            limit: NonZeroU32::new(60).unwrap(),
            window: Duration::from_hours(1),
        };
        assert_eq!(Question::from_query(&question.to_query()), Some(question));
        assert_eq!(Question::from_query("0.60"), None);
        for retry_after in [None, Some(Duration::from_nanos(600_000_001))] {
            for known in [false, true] {
                let reading = Reading {
                    remaining: 7,
                    retry_after,
                };
                let answer = Answer { reading, known };
                assert_eq!(Answer::from_line(&answer.to_line()), Some(answer));
            }
        }
        assert_eq!(Answer::from_line(""), None);
    }

    /// All Durable Objects in one map, each evicted after every request: what it saved is what it knows.
    struct Objects {
        limits: Limits,
        now: Arc<Mutex<Duration>>,
        meters: Mutex<HashMap<String, RefCell<Meter>>>,
    }

    impl Limiter for Objects {
        async fn check(&self, key: LimitKey) -> Option<LimitDecision> {
            let question = Question::of(self.limits, key)?;
            let question = Question::from_query(&question.to_query())?;
            let now = *self.now.lock().unwrap();
            let mut meters = self.meters.lock().unwrap();
            let meter = meters.entry(object_name(key)).or_default();
            let reading = question.ask(&meter.borrow(), now);
            let line = Answer {
                reading,
                known: false,
            };
            let answer = Answer::from_line(&line.to_line())?;
            Some(question.decision(key, answer.reading))
        }

        fn most(&self, key: LimitKey) -> Option<u32> {
            self.limits.of(key).map(|(most, _)| most)
        }
    }

    struct Cloudflare(Arc<Mutex<Duration>>);

    impl Host for Cloudflare {
        type Limiter = Objects;

        fn limiter(&self, limits: Limits) -> Objects {
            Objects {
                limits,
                now: Arc::clone(&self.0),
                meters: Mutex::default(),
            }
        }

        fn advance(&self, by: Duration) {
            *self.0.lock().unwrap() += by;
        }
    }

    fn cloudflare() -> Cloudflare {
        Cloudflare(Arc::new(Mutex::new(Duration::from_secs(1_795_000_000))))
    }

    edge_core::limiter_conformance!(cloudflare());
}
