//! Scores that are added to tell what scores that are read anew tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aap::batch::Item;
use aap::{ActionType, TraceId};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use edge_core::{LimitDecision, LimitKey, Limiter, Live, Ports, router};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;
use trace_store::conformance::{Agent, held_back, now, send};
use trace_store::{TraceReader as _, TraceWriter as _};
use trace_store_sqlite::SqliteStore;

struct Off;

impl Limiter for Off {
    async fn check(&self, _: LimitKey) -> Option<LimitDecision> {
        None
    }
}

/// One that has found nothing yet, over `store`, at a time that can be set.
fn edge(store: &Arc<SqliteStore>, clock: &Arc<AtomicI64>) -> Router {
    let clock = Arc::clone(clock);
    router(Ports {
        store: Arc::clone(store),
        limiter: Arc::new(Off),
        clock: Arc::new(move || now(clock.load(Ordering::Relaxed))),
        monotonic: Arc::new(|| Duration::ZERO),
        sleep: Arc::new(|_| Box::pin(std::future::pending())),
        render_metrics: Arc::new(String::new),
        live: Arc::new(Live::new()),
        readable_by_other_sites: true,
        proofs: edge_core::proof::Proofs::off(),
    })
}

async fn told(edge: &Router, agent: &Agent) -> [Value; 2] {
    let mut told = [Value::Null, Value::Null];
    for (told, what) in told.iter_mut().zip(["integrity", "drift"]) {
        let path = format!("/v1/agents/{}/{what}", agent.id);
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let response = edge.clone().oneshot(request).await.expect("an answer");
        let bytes = to_bytes(response.into_body(), usize::MAX).await;
        *told = serde_json::from_slice(&bytes.expect("a whole answer")).expect("JSON");
    }
    told
}

/// What an agent does between two questions.
#[derive(Debug, Clone)]
enum Act {
    /// It makes calls, of which some are refused, fail, or break what the card says; at this time.
    Calls(Vec<u8>, i64),
    /// It makes calls of which the contents come later.
    Headers(u8, i64),
    /// Contents come.
    Contents,
    /// It puts another card.
    Card,
    /// The last batch comes again.
    Again,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let calls = (prop::collection::vec(0..5_u8, 1..8), -200..200_i64);
    let act = prop_oneof![
        8 => calls.prop_map(|(kinds, at)| Act::Calls(kinds, at)),
        2 => (1..4_u8, -200..200_i64).prop_map(|(count, at)| Act::Headers(count, at)),
        2 => Just(Act::Contents),
        1 => Just(Act::Card),
        1 => Just(Act::Again),
    ];
    prop::collection::vec(act, 1..14)
}

struct World {
    dir: TempDir,
    store: Arc<SqliteStore>,
    clock: Arc<AtomicI64>,
    agent: Agent,
    /// What was held back, and what was sent last.
    later: Vec<Vec<Item>>,
    last: Vec<Item>,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let store = SqliteStore::open(&dir.path().join("edge.db")).expect("a store");
        Self {
            store: Arc::new(store),
            clock: Arc::default(),
            agent: Agent::new(1),
            later: Vec::new(),
            last: Vec::new(),
            dir,
        }
    }

    async fn put_card(&mut self) {
        let card = &mut self.agent.card;
        card.issued_at = now(card.issued_at.millis() - now(0).millis() + 1);
        card.card_id = card.derived_id();
        let signed = card.clone().sign(self.agent.key());
        let at = now(self.clock.load(Ordering::Relaxed));
        self.store.put_card(signed, at).await.expect("it is kept");
    }

    fn links(&mut self, kinds: &[u8], at: i64) -> Vec<Item> {
        let mut items = Vec::new();
        for (index, kind) in (0..).zip(kinds) {
            let mut made = match kind {
                0 => self.agent.refusal(
                    at + index,
                    "fs.delete",
                    "deletes",
                    &["privacy", "harm_prevention"],
                ),
                _ => self.agent.call(at + index),
            };
            match kind {
                1 => made.action_type = ActionType::Error,
                2 => "unheard_of".clone_into(&mut made.tool),
                3 => made.verdict.values_violated = vec!["privacy".to_owned()],
                _ => {}
            }
            items.push(self.agent.link(made));
        }
        items
    }

    async fn send(&mut self, items: Vec<Item>, hide: bool) {
        let sent = if hide {
            items.iter().map(held_back).collect()
        } else {
            items.clone()
        };
        let at = now(self.clock.fetch_add(1000, Ordering::Relaxed));
        send(&*self.store, self.agent.batch(sent), at).await;
        if hide {
            self.later.push(items);
        } else {
            self.last = items;
        }
    }

    async fn act(&mut self, act: &Act) {
        match act {
            Act::Calls(kinds, at) => {
                let items = self.links(kinds, *at);
                self.send(items, false).await;
            }
            Act::Headers(count, at) => {
                let items = self.links(&vec![4; usize::from(*count)], *at);
                self.send(items, true).await;
            }
            Act::Contents => {
                if let Some(items) = self.later.pop() {
                    self.send(items, false).await;
                }
            }
            Act::Card => self.put_card().await,
            Act::Again => {
                let last = self.last.clone();
                if !last.is_empty() {
                    self.send(last, false).await;
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// After each act one edge that has answered all along, and one that never has.
    #[test]
    fn what_is_added_up_is_what_is_read_anew(acts in acts()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let mut world = World::new();
            world.put_card().await;
            let standing = edge(&world.store, &world.clock);
            for act in &acts {
                world.act(act).await;
                let anew = edge(&world.store, &world.clock);
                for _ in 0..2 {
                    assert_eq!(told(&standing, &world.agent).await, told(&anew, &world.agent).await, "{act:?}");
                }
            }
        });
    }
}

/// More than is looked at goes by; the oldest leave.
#[tokio::test]
async fn no_more_than_the_newest_are_told() {
    let mut world = World::new();
    world.put_card().await;
    let standing = edge(&world.store, &world.clock);
    for batch in 0..6 {
        let kinds: Vec<u8> = (0..110)
            .map(|index| if index % 9 == 0 { 2 } else { 4 })
            .collect();
        world.act(&Act::Calls(kinds, batch * 1000)).await;
        let anew = edge(&world.store, &world.clock);
        let [integrity, drift] = told(&standing, &world.agent).await;
        assert_eq!(
            [&integrity, &drift],
            told(&anew, &world.agent).await.each_ref()
        );
        let seen = (110 * (batch + 1)).min(500);
        assert_eq!(integrity["looked_at"], json!(seen));
    }
}

/// An erased content tells nobody that it went: until what is kept has grown old it still counts, and then no more.
#[tokio::test]
async fn what_is_kept_grows_old() {
    let mut world = World::new();
    world.put_card().await;
    world.act(&Act::Calls(vec![4; 3], 0)).await;
    let standing = edge(&world.store, &world.clock);
    let covered = |told: &[Value; 2]| told[0]["covered"].clone();
    assert_eq!(covered(&told(&standing, &world.agent).await), 3);
    let id: TraceId = world.last[0].header.trace_id;
    assert!(world.store.trace(id).await.expect("an answer").is_some());
    let erased = trace_store_sqlite::erase(
        &world.dir.path().join("edge.db"),
        &trace_store_sqlite::Erase::Trace(id),
    );
    assert_eq!(erased.expect("it is erased"), 1);
    assert_eq!(covered(&told(&standing, &world.agent).await), 3);
    world.clock.fetch_add(10 * 60 * 1000, Ordering::Relaxed);
    assert_eq!(covered(&told(&standing, &world.agent).await), 2);
}
