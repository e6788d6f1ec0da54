//! The suite that every host's limiter must pass, by a clock that the suite turns.
//!
//! A host's own tests implement [`Host`] and call [`crate::limiter_conformance!`] with an expression that makes one. Each
//! case becomes one `#[tokio::test]`. What requests count against what, and in which order, is the router's and is tested
//! over HTTP.

#![allow(missing_docs)] // A case's name says what it proves.

use std::time::Duration;

use aap::AgentId;

use super::{ClientNet, LimitDecision, LimitKey, Limiter, Limits, Network};

/// All limits off.
pub const OFF: Limits = Limits {
    per_minute: 0,
    ip_per_minute: 0,
    new_agents_per_hour: 0,
    global_per_minute: 0,
};

/// A host's limiter and its clock.
pub trait Host {
    /// What it counts with.
    type Limiter: Limiter;

    /// A limiter that has counted nothing yet.
    fn limiter(&self, limits: Limits) -> Self::Limiter;

    /// Turns the clock of all limiters that it made.
    fn advance(&self, by: Duration);
}

/// Makes one `#[tokio::test]` of every case; see [`mod@crate::limiter::conformance`].
#[macro_export]
macro_rules! limiter_conformance {
    ($host:expr) => {
        $crate::limiter_conformance!(@cases $host;
            the_whole_limit_passes_at_once_and_the_next_waits,
            one_request_comes_back_at_a_time,
            a_refused_request_costs_nothing,
            a_long_silence_gives_no_more_than_the_limit,
            limits_that_do_not_divide_their_window,
            a_limit_of_one,
            keys_do_not_share,
            each_policy_has_its_window,
            limits_that_are_off_say_nothing,
            each_limit_can_be_asked_for
        );
    };
    (@cases $host:expr; $($case:ident),+) => {
        $(
            #[tokio::test]
            async fn $case() {
                $crate::limiter::conformance::$case(&$host).await;
            }
        )+
    };
}

fn agent(number: u8) -> LimitKey {
    LimitKey::Agent(AgentId::from_bytes([number; 16]))
}

fn network(last: u8) -> Network {
    ClientNet([192, 0, 2, last].into()).into()
}

async fn check(limiter: &impl Limiter, key: LimitKey) -> LimitDecision {
    let decision = limiter.check(key).await;
    decision.unwrap_or_else(|| panic!("the limit of {key:?} is on"))
}

/// Checks until one is refused; how many passed, and how long the refused one has to wait.
async fn drain(limiter: &impl Limiter, key: LimitKey) -> (u32, Duration) {
    for passed in 0..10_000 {
        if let Some(wait) = check(limiter, key).await.retry_after {
            return (passed, wait);
        }
    }
    panic!("nothing is ever refused");
}

pub async fn the_whole_limit_passes_at_once_and_the_next_waits(host: &impl Host) {
    let limiter = host.limiter(Limits {
        per_minute: 100,
        ..OFF
    });
    for remaining in (0..100).rev() {
        let decision = check(&limiter, agent(1)).await;
        assert_eq!(decision.policy, "agent");
        assert_eq!(decision.limit, 100);
        assert_eq!(decision.window, Duration::from_mins(1));
        assert_eq!(decision.remaining, remaining);
        assert_eq!(decision.reset, Duration::from_millis(600));
        assert_eq!(decision.retry_after, None);
    }
    let refused = check(&limiter, agent(1)).await;
    assert_eq!(refused.remaining, 0);
    assert_eq!(refused.retry_after, Some(Duration::from_millis(600)));
    assert_eq!(refused.retry_after_seconds(), Some(1));
}

pub async fn one_request_comes_back_at_a_time(host: &impl Host) {
    let limiter = host.limiter(Limits {
        per_minute: 100,
        ..OFF
    });
    drain(&limiter, agent(1)).await;
    host.advance(Duration::from_millis(599));
    let early = check(&limiter, agent(1)).await;
    assert_eq!(early.retry_after, Some(Duration::from_millis(1)));
    host.advance(Duration::from_millis(1));
    let wait = Duration::from_millis(600);
    assert_eq!(drain(&limiter, agent(1)).await, (1, wait));
    host.advance(Duration::from_secs(6));
    assert_eq!(drain(&limiter, agent(1)).await, (10, wait));
}

pub async fn a_refused_request_costs_nothing(host: &impl Host) {
    let limiter = host.limiter(Limits {
        per_minute: 2,
        ..OFF
    });
    drain(&limiter, agent(1)).await;
    for left in (1..30).rev() {
        host.advance(Duration::from_secs(1));
        let refused = check(&limiter, agent(1)).await;
        assert_eq!(refused.retry_after, Some(Duration::from_secs(left)));
    }
    host.advance(Duration::from_secs(1));
    assert_eq!(check(&limiter, agent(1)).await.retry_after, None);
}

pub async fn a_long_silence_gives_no_more_than_the_limit(host: &impl Host) {
    let limiter = host.limiter(Limits {
        per_minute: 5,
        ..OFF
    });
    assert_eq!(drain(&limiter, agent(1)).await.0, 5);
    host.advance(Duration::from_hours(24));
    assert_eq!(drain(&limiter, agent(1)).await.0, 5);
    host.advance(Duration::from_mins(1));
    assert_eq!(drain(&limiter, agent(1)).await.0, 5);
}

pub async fn limits_that_do_not_divide_their_window(host: &impl Host) {
    for limit in [7, 77, 6000] {
        let limiter = host.limiter(Limits {
            per_minute: limit,
            ..OFF
        });
        assert_eq!(drain(&limiter, agent(1)).await.0, limit, "{limit} a minute");
        host.advance(Duration::from_mins(1));
        assert_eq!(drain(&limiter, agent(1)).await.0, limit, "{limit}, again");
    }
}

pub async fn a_limit_of_one(host: &impl Host) {
    let limiter = host.limiter(Limits {
        per_minute: 1,
        ..OFF
    });
    assert_eq!(check(&limiter, agent(1)).await.remaining, 0);
    let refused = check(&limiter, agent(1)).await;
    assert_eq!(refused.retry_after, Some(Duration::from_mins(1)));
}

pub async fn keys_do_not_share(host: &impl Host) {
    let limiter = host.limiter(Limits {
        per_minute: 1,
        ip_per_minute: 1,
        new_agents_per_hour: 1,
        global_per_minute: 1,
    });
    let keys = [
        agent(1),
        agent(2),
        LimitKey::Network(network(1)),
        LimitKey::Network(network(2)),
        LimitKey::NewAgent(network(1)),
        LimitKey::NewAgent(network(2)),
        LimitKey::Global,
    ];
    for key in keys {
        assert_eq!(check(&limiter, key).await.retry_after, None, "{key:?}");
    }
    for key in keys {
        let refused = check(&limiter, key).await;
        assert!(refused.retry_after.is_some(), "{key:?}");
    }
}

pub async fn each_policy_has_its_window(host: &impl Host) {
    let limiter = host.limiter(Limits {
        per_minute: 10,
        ip_per_minute: 20,
        new_agents_per_hour: 30,
        global_per_minute: 40,
    });
    let (minute, hour) = (Duration::from_mins(1), Duration::from_hours(1));
    for (key, policy, limit, window) in [
        (agent(1), "agent", 10, minute),
        (LimitKey::Network(network(1)), "ip", 20, minute),
        (LimitKey::NewAgent(network(1)), "new_agents", 30, hour),
        (LimitKey::Global, "global", 40, minute),
    ] {
        let decision = check(&limiter, key).await;
        assert_eq!(
            (decision.policy, decision.limit, decision.window),
            (policy, limit, window)
        );
        assert_eq!(decision.reset, window / limit);
        assert_eq!(drain(&limiter, key).await.0, limit - 1, "{policy}");
    }
}

pub async fn limits_that_are_off_say_nothing(host: &impl Host) {
    let limiter = host.limiter(OFF);
    for key in [
        agent(1),
        LimitKey::Network(network(1)),
        LimitKey::NewAgent(network(1)),
        LimitKey::Global,
    ] {
        assert_eq!(limiter.check(key).await, None);
    }
}

pub async fn each_limit_can_be_asked_for(host: &impl Host) {
    let limits = Limits {
        per_minute: 1,
        ip_per_minute: 2,
        new_agents_per_hour: 3,
        global_per_minute: 4,
    };
    let keys = [
        agent(1),
        LimitKey::Network(network(1)),
        LimitKey::NewAgent(network(1)),
        LimitKey::Global,
    ];
    let limiter = host.limiter(limits);
    for (key, most) in keys.into_iter().zip(1..) {
        assert_eq!(limiter.most(key), Some(most), "{key:?}");
        assert_eq!(check(&limiter, key).await.limit, most, "{key:?}");
    }
    let off = host.limiter(OFF);
    assert!(keys.iter().all(|key| off.most(*key).is_none()));
}
