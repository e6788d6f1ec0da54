//! Rules of the router that need no store: with one that is down, and a limiter that is off.

use std::sync::Arc;
use std::time::Duration;

use aap::card::SignedCard;
use aap::{AgentId, StreamId, Timestamp, TraceId, ValidBatch};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use trace_store::{
    ActiveAgent, AgentRow, Appended, CardRow, CardTaken, CardVersion, Cursor, Equivocation, Facets,
    Filter, LinkRow, Longest, Page, PageRequest, Receipt, SessionRow, SlimCall, Stats, StoreError,
    StreamRow, TraceDetail, TraceReader, TraceRow, TraceWriter,
};

use crate::openapi::document;
use crate::{LimitDecision, LimitKey, Limiter, Live, Ports, limited, router, unlimited};

/// A store that is down, with a queue in front for cards.
struct Down;

fn down<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable(
        "/secret/path/edge.db is gone".to_owned(),
    ))
}

impl TraceWriter for Down {
    async fn append(
        &self,
        _: ValidBatch,
        _: impl Into<Receipt> + Send,
    ) -> Result<Vec<Appended>, StoreError> {
        down()
    }
    async fn put_card(&self, _: SignedCard, _: Timestamp) -> Result<CardTaken, StoreError> {
        Ok(CardTaken {
            queued: true,
            heads: Vec::new(),
        })
    }
}

impl TraceReader for Down {
    async fn traces(&self, _: &Filter, _: PageRequest) -> Result<Page<TraceRow>, StoreError> {
        down()
    }
    async fn documents(&self, _: &Filter, _: PageRequest) -> Result<Page<TraceDetail>, StoreError> {
        down()
    }
    async fn received_after(
        &self,
        _: i64,
        _: &Filter,
        _: u32,
    ) -> Result<Vec<TraceRow>, StoreError> {
        down()
    }
    async fn last_position(&self) -> Result<i64, StoreError> {
        down()
    }
    async fn trace(&self, _: TraceId) -> Result<Option<TraceDetail>, StoreError> {
        down()
    }
    async fn agent(&self, _: AgentId) -> Result<Option<AgentRow>, StoreError> {
        down()
    }
    async fn agents(&self, _: u32) -> Result<Vec<AgentRow>, StoreError> {
        down()
    }
    async fn card(&self, _: AgentId) -> Result<Option<CardRow>, StoreError> {
        down()
    }
    async fn card_versions(&self, _: AgentId, _: u32) -> Result<Vec<CardVersion>, StoreError> {
        down()
    }
    async fn card_version(&self, _: AgentId, _: &str) -> Result<Option<CardRow>, StoreError> {
        down()
    }
    async fn cards_named(&self, _: &str, _: u32) -> Result<Vec<CardRow>, StoreError> {
        down()
    }
    async fn sessions(&self, _: AgentId, _: u32) -> Result<Vec<SessionRow>, StoreError> {
        down()
    }
    async fn streams(&self, _: AgentId) -> Result<Vec<StreamRow>, StoreError> {
        down()
    }
    async fn equivocations(&self, _: AgentId) -> Result<Vec<Equivocation>, StoreError> {
        down()
    }
    async fn stats(&self, _: &Filter, _: i64, _: Timestamp) -> Result<Stats, StoreError> {
        down()
    }
    async fn most_active(
        &self,
        _: &Filter,
        _: u32,
        _: Timestamp,
    ) -> Result<Vec<ActiveAgent>, StoreError> {
        down()
    }
    async fn facets(&self, _: &Filter, _: Timestamp) -> Result<Facets, StoreError> {
        down()
    }
    async fn longest(&self, _: &Filter, _: u32) -> Result<Longest, StoreError> {
        down()
    }
    async fn session_calls(
        &self,
        _: AgentId,
        _: &str,
        _: Option<Cursor>,
        _: u32,
    ) -> Result<Page<SlimCall>, StoreError> {
        down()
    }
    async fn links(
        &self,
        _: AgentId,
        _: StreamId,
        _: u64,
        _: u32,
    ) -> Result<Vec<LinkRow>, StoreError> {
        down()
    }
    async fn ready(&self) -> Result<(), StoreError> {
        down()
    }
}

struct Off;

impl Limiter for Off {
    async fn check(&self, _: LimitKey) -> Option<LimitDecision> {
        None
    }

    fn knows(&self, _: AgentId) -> bool {
        true
    }
}

fn edge() -> Router {
    edge_readable(true)
}

fn edge_readable(readable_by_other_sites: bool) -> Router {
    router(Ports {
        readable_by_other_sites,
        store: Arc::new(Down),
        limiter: Arc::new(Off),
        clock: Arc::new(|| Timestamp::from_millis(0)),
        monotonic: Arc::new(|| Duration::ZERO),
        // Time flies: whoever waits has waited.
        sleep: Arc::new(|_| Box::pin(std::future::ready(()))),
        render_metrics: Arc::new(|| "smoltbot_test 1\n".to_owned()),
        live: Arc::new(Live::new()),
        proofs: dashboard::proof::Proofs::off(),
    })
}

async fn send(request: Request<Body>) -> (StatusCode, HeaderMap, String) {
    let response = edge().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    (
        parts.status,
        parts.headers,
        String::from_utf8(bytes.to_vec()).unwrap(),
    )
}

async fn ask(method: &str, path: &str, body: &str) -> (StatusCode, HeaderMap, String) {
    let request = Request::builder().method(method).uri(path);
    send(request.body(Body::from(body.to_owned())).unwrap()).await
}

fn described() -> Value {
    serde_json::from_str(document()).unwrap()
}

#[tokio::test]
async fn every_route_is_described_and_every_description_is_a_route() {
    let document = described();
    let mut described: Vec<_> = document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    let routes = unlimited::<Down, Off>()
        .into_iter()
        .chain(limited::<Down, Off>());
    let mut served: Vec<_> = routes.map(|(path, _)| path.to_owned()).collect();
    described.sort();
    served.sort();
    assert_eq!(described, served);
    for (path, methods) in document["paths"].as_object().unwrap() {
        let real = path.replace("{id}", "0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a");
        for method in ["get", "post", "put", "delete", "patch"] {
            let (status, headers, _) = ask(&method.to_uppercase(), &real, "").await;
            let taken = status != StatusCode::METHOD_NOT_ALLOWED;
            assert_ne!(status, StatusCode::NOT_FOUND, "{method} {path}");
            assert_eq!(taken, methods.get(method).is_some(), "{method} {path}");
            let allow = headers
                .get(header::ALLOW)
                .map(|value| value.to_str().unwrap().to_owned());
            if !taken {
                assert!(
                    allow.is_some_and(|allow| !allow.is_empty()),
                    "{method} {path}"
                );
            }
        }
    }
}

fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn references_lead_somewhere_and_nothing_is_described_in_vain() {
    let document = described();
    let mut found = Vec::new();
    references(&document, &mut found);
    for reference in &found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    for kind in ["parameters", "responses", "schemas", "headers"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let pointer = format!("#/components/{kind}/{name}");
            assert!(found.contains(&pointer.as_str()), "{pointer} is not used");
        }
    }
}

#[tokio::test]
async fn examples_are_what_they_say() {
    let document = described();
    let schema = |name: &str| document["components"]["schemas"][name]["examples"][0].clone();
    let answer: aap::wire::SubmitAnswer = serde_json::from_value(schema("SubmitAnswer")).unwrap();
    assert_eq!((answer.accepted, answer.rejected), (1, 1));
    let flat = &document["paths"]["/v1/traces"]["post"]["requestBody"]["content"]["application/json"]
        ["examples"]["flat"]["value"];
    let read = aap::Submission::read(flat.to_string().as_bytes(), &|_| None).unwrap();
    assert!(
        read.validate(None).answers[0].is_none(),
        "the example is taken"
    );
    let (_, _, text) = ask("GET", "/v1/traces?limit=0", "").await;
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap(),
        schema("Problem")
    );
}

#[tokio::test]
async fn a_store_that_is_down_acknowledges_nothing_and_tells_no_tales() {
    let trace = json!({
        "id": "0193b5b0-7c4e-4a3c-9d39-1f2e3d4c5b6a", "agent_id": "6f1f8e0c-3c83-4b0b-9a53-0d6ff7a3f1c2",
        "timestamp": "2026-11-21T02:10:00Z", "tool_name": "exec", "action_type": "allow",
    });
    let agent = "/v1/agents/6f1f8e0c-3c83-4b0b-9a53-0d6ff7a3f1c2";
    let card = format!("{agent}/card");
    let sessions = format!("{agent}/sessions");
    let drift = format!("{agent}/drift");
    for (method, path, body) in [
        ("POST", "/v1/traces", trace.to_string()),
        ("GET", "/v1/traces", String::new()),
        ("GET", agent, String::new()),
        ("GET", &card, String::new()),
        ("GET", &sessions, String::new()),
        ("GET", &drift, String::new()),
        ("GET", "/v1/live", String::new()),
        ("GET", "/v1/stats", String::new()),
        ("GET", "/v1/facets", String::new()),
        ("GET", "/v1/export", String::new()),
        ("GET", "/v1/export?format=otlp", String::new()),
        ("GET", "/v1/traces?order=longest", String::new()),
        ("GET", "/ready", String::new()),
    ] {
        let (status, headers, text) = ask(method, path, &body).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{method} {path}");
        assert_eq!(headers[header::RETRY_AFTER], "2");
        assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
        assert!(!text.contains("secret"), "{text}");
    }
    assert_eq!(
        ask("GET", "/health", "").await.0,
        StatusCode::OK,
        "the process itself is alive"
    );
    assert_eq!(ask("GET", "/metrics", "").await.2, "smoltbot_test 1\n");
}

#[tokio::test]
async fn a_card_that_has_to_wait_is_told_to() {
    let document = described();
    let put = &document["paths"]["/v1/agents/{id}/card"]["put"];
    let example = &put["requestBody"]["content"]["application/json"]["examples"];
    let example = example.as_object().unwrap().values().next().unwrap();
    let card = &example["value"];
    let agent = card["alignment_card"]["agent_id"].as_str().unwrap();
    let path = format!("/v1/agents/{agent}/card");
    let (status, _, text) = ask("PUT", &path, &card.to_string()).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["status"], "queued");
    assert_eq!(answer["card_id"], card["alignment_card"]["card_id"]);
    assert!(put["responses"].get("202").is_some(), "described");
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let never = Body::from_stream(futures_util::stream::pending::<Result<&str, std::io::Error>>());
    let (status, _, text) = send(Request::post("/v1/traces").body(never).unwrap()).await;
    assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
    assert!(text.contains("within 30 seconds"));
}

#[tokio::test]
async fn a_body_that_hides_its_size_is_cut_off() {
    let endless = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 65_536]));
    let (status, _, _) = send(
        Request::post("/v1/traces")
            .body(Body::from_stream(endless))
            .unwrap(),
    )
    .await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn other_sites_may_use_the_api() {
    for path in ["/v1/traces", "/v1/agents/x/card", "/v1/live"] {
        let (status, headers, body) = ask("OPTIONS", path, "").await;
        assert_eq!(
            (status, body.as_str()),
            (StatusCode::NO_CONTENT, ""),
            "{path}"
        );
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(
            headers[header::ACCESS_CONTROL_ALLOW_METHODS]
                .to_str()
                .unwrap()
                .contains("POST")
        );
    }
    let (_, headers, _) = ask("GET", "/v1/traces?limit=0", "").await;
    assert_eq!(
        headers[header::ACCESS_CONTROL_ALLOW_ORIGIN],
        "*",
        "problems, too"
    );
    assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
}

#[tokio::test]
async fn other_sites_may_not_read_what_is_private_to_a_machine() {
    for (method, path, allowed) in [
        ("GET", "/v1/traces", false),
        ("HEAD", "/v1/traces", false),
        ("GET", "/v1/live", false),
        ("GET", "/health", false),
        ("POST", "/v1/traces", true),
        ("OPTIONS", "/v1/traces", true),
    ] {
        let request = Request::builder().method(method).uri(path);
        let request = request.body(Body::empty()).unwrap();
        let response = edge_readable(false).oneshot(request).await.unwrap();
        let origin = response.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        assert_eq!(origin.is_some(), allowed, "{method} {path}");
    }
}

#[tokio::test]
async fn wrong_parameters_are_named_with_the_form_that_is_accepted() {
    for (query, parameter, said) in [
        ("limit=501", "limit", "a whole number from 1 to 500"),
        ("limit=ten", "limit", "`ten` is not"),
        ("agent_id=x", "agent_id", "a UUID such as"),
        ("action_type=maybe", "action_type", "allow, deny or error"),
        ("since=yesterday", "since", "an RFC 3339 time"),
        (
            "since=2026-11-21T02:00:00Z&until=2026-11-21T02:00:00Z",
            "until",
            "not after since",
        ),
        ("cursor=x", "cursor", "a next_cursor of this listing"),
        ("q=", "q", "1 to 256 characters"),
        ("tool=%00", "tool", "without NUL"),
        (
            "page=2",
            "page",
            "no such parameter here; there are agent_id, ",
        ),
        ("limit=1&limit=2", "limit", "given twice"),
    ] {
        let (status, _, text) = ask("GET", &format!("/v1/traces?{query}"), "").await;
        let problem: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (status.as_u16(), &problem["parameter"]),
            (400, &json!(parameter)),
            "{query}"
        );
        assert!(
            problem["detail"].as_str().unwrap().contains(said),
            "{query}: {text}"
        );
    }
    for path in [
        "/v1/traces/x",
        "/v1/agents/x",
        "/v1/agents/x/integrity",
        "/v1/agents/x/drift",
        "/v1/stats?bucket_ms=5",
    ] {
        assert_eq!(
            ask("GET", path, "").await.0,
            StatusCode::BAD_REQUEST,
            "{path}"
        );
    }
}

#[tokio::test]
async fn unknown_paths_are_problems_below_v1_and_pages_elsewhere() {
    for path in ["/v1", "/v1/", "/v1/nothing", "/v1/traces/a/b", "/v1/agents"] {
        let (status, headers, text) = ask("GET", path, "").await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
        assert!(text.contains("/openapi.json"));
    }
    let (status, headers, _) = ask("GET", "/nothing", "").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_ne!(headers[header::CONTENT_TYPE], "application/problem+json");
}
