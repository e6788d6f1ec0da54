//! `GET /v1/agents/{id}/drift`, over what was sent to a real store.

use std::sync::Arc;
use std::time::Duration;

use aap::batch::Batch;
use aap::trace::Made;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use edge_core::{LimitDecision, LimitKey, Limiter, Live, Ports, router};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;
use trace_store::conformance::{Agent, held_back, now};
use trace_store_sqlite::SqliteStore;

struct Off;

impl Limiter for Off {
    async fn check(&self, _: LimitKey) -> Option<LimitDecision> {
        None
    }
}

struct Edge {
    router: Router,
    _directory: TempDir,
}

impl Edge {
    fn open() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store = SqliteStore::open(&directory.path().join("edge.db")).expect("a store");
        let router = router(Ports {
            store: Arc::new(store),
            limiter: Arc::new(Off),
            clock: Arc::new(|| now(1_000_000)),
            monotonic: Arc::new(|| Duration::ZERO),
            sleep: Arc::new(|_| Box::pin(std::future::pending())),
            render_metrics: Arc::new(String::new),
            live: Arc::new(Live::new()),
            readable_by_other_sites: true,
            proofs: edge_core::proof::Proofs::off(),
        });
        Self {
            router,
            _directory: directory,
        }
    }

    async fn send(&self, method: &str, path: &str, body: Vec<u8>) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::from(body));
        let request = request.expect("a request");
        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("an answer");
        let status = response.status();
        let bytes = to_bytes(response.into_body(), usize::MAX)
            .await
            .expect("a whole answer");
        (status, serde_json::from_slice(&bytes).expect("JSON"))
    }

    async fn put_card(&self, agent: &Agent) {
        let card = serde_json::to_vec(&agent.card.clone().sign(agent.key())).expect("JSON");
        let (status, answer) = self.send("PUT", &aap::paths::card(agent.id), card).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }

    /// Sends these calls; `hide` sends their headers alone.
    async fn submit(&self, agent: &mut Agent, calls: Vec<Made>, hide: bool) {
        let links = calls.into_iter().map(|made| agent.link(made));
        let items = links
            .map(|item| if hide { held_back(&item) } else { item })
            .collect();
        let batch = Batch::new(items).expect("a run of one stream");
        let body = batch.sign(agent.key()).into_body();
        let (status, answer) = self.send("POST", "/v1/traces", body).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
    }

    async fn drift(&self, agent: &Agent) -> Value {
        let path = format!("/v1/agents/{}/drift", agent.id);
        let (status, answer) = self.send("GET", &path, Vec::new()).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }
}

fn refusals(agent: &mut Agent, count: i64, first_at: i64) -> Vec<Made> {
    let refuse = |at| {
        agent.refusal(
            at,
            "fs.delete.root",
            "Recursive delete",
            &["harm_prevention"],
        )
    };
    (first_at..first_at + count).map(refuse).collect()
}

#[tokio::test]
async fn an_agent_that_begins_to_be_refused_is_alerted_with_the_traces_that_show_it() {
    let (edge, mut agent) = (Edge::open(), Agent::new(1));
    edge.put_card(&agent).await;
    let calls = agent.calls(4, 0);
    edge.submit(&mut agent, calls, false).await;
    let steady = edge.drift(&agent).await;
    assert_eq!(
        (&steady["analyzed"], &steady["alerts"]),
        (&json!(0), &json!([]))
    );
    let reason = steady["reason"].as_str().expect("a reason");
    assert!(
        reason.contains("4 of the newest traces") && reason.contains("from 6 on"),
        "{reason}"
    );

    let refused = refusals(&mut agent, 3, 10_000);
    let ids: Vec<_> = refused.iter().map(|made| made.trace_id).collect();
    edge.submit(&mut agent, refused, false).await;
    let drift = edge.drift(&agent).await;
    let alert = json!({
        "alert_type": "drift_detected",
        "agent_id": agent.id,
        "card_id": agent.card.card_id,
        "detection_timestamp": now(10_002),
        "analysis": {
            // One of four features shared with one of six, 1/√24.
            "similarity_score": 0.2041,
            "sustained_traces": 3,
            "threshold": 0.3,
            "drift_direction": "unknown",
            "specific_indicators": [
                {"indicator": "escalation_rate_change", "baseline": 0.0, "current": 1.0, "description": "Escalation rate changed from 0% to 100%"},
                {"indicator": "similarity_trend", "baseline": 0.2041, "current": 0.2041, "description": "Similarity stable over 3 traces"},
            ],
        },
        "recommendation": "Review recent decisions for alignment drift",
        "trace_ids": ids,
    });
    let expected = json!({
        "agent_id": agent.id, "card_id": agent.card.card_id,
        "analyzed": 7, "not_covered": 0, "reason": null, "alerts": [alert],
    });
    assert_eq!(drift, expected);
}

#[tokio::test]
async fn only_traces_with_content_under_the_card_in_force_are_analyzed() {
    let (edge, mut agent) = (Edge::open(), Agent::new(1));
    edge.put_card(&agent).await;
    let calls = agent.calls(4, 0);
    edge.submit(&mut agent, calls, false).await;
    let hidden = refusals(&mut agent, 3, 10_000);
    edge.submit(&mut agent, hidden, true).await;
    let drift = edge.drift(&agent).await;
    assert_eq!(
        (&drift["analyzed"], &drift["not_covered"]),
        (&json!(0), &json!(3))
    );

    agent
        .card
        .autonomy
        .forbidden_actions
        .push("rm_rf".to_owned());
    agent.card.issued_at = now(20_000);
    agent.card.card_id = agent.card.derived_id();
    edge.put_card(&agent).await;
    let refused = refusals(&mut agent, 6, 30_000);
    edge.submit(&mut agent, refused, false).await;
    let drift = edge.drift(&agent).await;
    assert_eq!(drift["card_id"], json!(agent.card.card_id));
    assert_eq!(
        (&drift["analyzed"], &drift["not_covered"]),
        (&json!(6), &json!(7))
    );
    assert_eq!(
        drift["alerts"],
        json!([]),
        "under this card it was always so"
    );
    assert_eq!(drift["reason"], Value::Null);
}

#[tokio::test]
async fn without_a_card_nothing_is_analyzed_and_the_reason_is_told() {
    let (edge, mut agent) = (Edge::open(), Agent::new(1));
    let calls = [agent.calls(4, 0), refusals(&mut agent, 3, 10_000)].concat();
    edge.submit(&mut agent, calls, false).await;
    let expected = json!({
        "agent_id": agent.id, "card_id": null, "analyzed": 0, "not_covered": 7,
        "reason": "the agent has no alignment card here", "alerts": [],
    });
    assert_eq!(edge.drift(&agent).await, expected);
}

#[tokio::test]
async fn an_unknown_agent_is_not_found() {
    let path = format!("/v1/agents/{}/drift", Agent::new(1).id);
    let (status, problem) = Edge::open().send("GET", &path, Vec::new()).await;
    assert_eq!(
        (status, &problem["status"]),
        (StatusCode::NOT_FOUND, &json!(404))
    );
}
