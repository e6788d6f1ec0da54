//! This host's limiter against the suite that every host's must pass.

use std::sync::Arc;
use std::time::Duration;

use edge_core::limiter::conformance::Host;
use edge_core::{LimitDecision, LimitKey, Limiter, Limits};
use edge_server::Counts;
use governor::clock::FakeRelativeClock;

#[derive(Default)]
struct Server {
    clock: FakeRelativeClock,
}

struct Counting(Arc<Counts<FakeRelativeClock>>);

impl Limiter for Counting {
    async fn check(&self, key: LimitKey) -> Option<LimitDecision> {
        self.0.check(key).await
    }

    fn most(&self, key: LimitKey) -> Option<u32> {
        self.0.most(key)
    }
}

impl Host for Server {
    type Limiter = Counting;

    fn limiter(&self, limits: Limits) -> Counting {
        Counting(Counts::new(limits, self.clock.clone()))
    }

    fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}

edge_core::limiter_conformance!(Server::default());
