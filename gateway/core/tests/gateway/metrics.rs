//! `GET /metrics`, fetched over HTTP as Prometheus does, after things really happened.

#![allow(clippy::float_cmp, reason = "counts are whole numbers")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gateway::model::{Access, Anthropic, Http, Model, Patience, Retries, Router, Slot};
use model_upstream::{Answer, Gate, Tokens, Upstream, Wire};
use serde_json::json;

use crate::house::{House, TOKEN};
use crate::talking::{MODEL, Talking};
use crate::ws::client::Client;

/// The series and their values.
async fn scrape(house: &House) -> BTreeMap<String, f64> {
    let response = house
        .client
        .get(house.url("/metrics"))
        .bearer_auth(TOKEN)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let kind = response.headers()["content-type"].to_str().unwrap();
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    let text = response.text().await.unwrap();
    assert!(
        !text.contains(TOKEN) && !text.contains("sk-test-key"),
        "{text}"
    );
    let lines = text.lines();
    let series = lines.filter(|line| !line.starts_with('#') && !line.is_empty());
    series
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        })
        .collect()
}

/// The one series of that name that has all of these labels.
fn value(series: &BTreeMap<String, f64>, name: &str, labels: &[(&str, &str)]) -> f64 {
    let has = |key: &str| {
        let (of, rest) = key.split_once('{').unwrap_or((key, ""));
        of == name
            && labels
                .iter()
                .all(|(label, value)| rest.contains(&format!("{label}=\"{value}\"")))
    };
    let found: Vec<_> = series.iter().filter(|(key, _)| has(key)).collect();
    let [(_, value)] = found[..] else {
        panic!("{name} {labels:?}: {found:?} of {series:#?}");
    };
    *value
}

const ASKED: &[(&str, &str)] = &[
    ("gen_ai_operation_name", "chat"),
    ("gen_ai_provider_name", "anthropic"),
    ("gen_ai_request_model", MODEL),
];

#[tokio::test]
async fn a_turn_is_told_whole() {
    let cost = Tokens {
        input: 100,
        output: 20,
        cache_read: 1000,
        cache_write: 300,
    };
    let answers = vec![
        Answer::new()
            .say("Let me see.")
            .call("list_files", json!({"path": "."}))
            .call("read_file", json!({"path": "forbidden"}))
            .call("read_file", json!({"path": "not there"}))
            .call("made_up_by_the_model", json!({}))
            .tokens(cost),
        Answer::text("Done.").tokens(cost),
    ];
    let talking = Talking::script(Wire::Anthropic, answers).await;
    talking.say("s1", "What is here?").await;
    let told = scrape(&talking.house).await;
    let told = |name: &str, labels: &[(&str, &str)]| value(&told, name, labels);

    assert_eq!(told("smoltbot_gateway_runs_begun_total", &[]), 1.0);
    assert_eq!(
        told(
            "smoltbot_gateway_runs_ended_total",
            &[("outcome", "end_turn")]
        ),
        1.0
    );
    assert_eq!(told("smoltbot_gateway_runs", &[]), 0.0);
    let turn = [("outcome", "end_turn")];
    assert_eq!(
        told("gen_ai_invoke_agent_duration_seconds_count", &turn),
        1.0
    );
    assert_eq!(told("smoltbot_gateway_first_token_seconds_count", &[]), 1.0);
    let first = told("smoltbot_gateway_first_token_seconds_sum", &[]);
    assert!(first > 0.0 && first <= told("gen_ai_invoke_agent_duration_seconds_sum", &turn));

    assert_eq!(
        told("gen_ai_client_operation_duration_seconds_count", ASKED),
        2.0
    );
    assert_eq!(
        told(
            "gen_ai_client_operation_time_to_first_chunk_seconds_count",
            ASKED
        ),
        2.0
    );
    for (kind, tokens) in [
        ("input", 2.0 * 1400.0),
        ("output", 2.0 * 20.0),
        ("cache_read", 2.0 * 1000.0),
        ("cache_creation", 2.0 * 300.0),
    ] {
        let labels = [ASKED, &[("gen_ai_token_type", kind)]].concat();
        assert_eq!(
            told("gen_ai_client_token_usage_sum", &labels),
            tokens,
            "{kind}"
        );
    }

    for (tool, verdict, outcome) in [
        ("list_files", "allow", "completed"),
        ("read_file", "deny", "refused"),
        ("read_file", "allow", "failed"),
        ("other", "allow", "failed"),
    ] {
        let labels = [
            ("gen_ai_tool_name", tool),
            ("verdict", verdict),
            ("outcome", outcome),
        ];
        assert_eq!(
            told("smoltbot_gateway_tool_calls_total", &labels),
            1.0,
            "{tool}"
        );
    }
    let ran = [("gen_ai_tool_name", "list_files")];
    assert_eq!(
        told("gen_ai_execute_tool_duration_seconds_count", &ran),
        1.0
    );
    let chat = [
        ("route", "/api/chat"),
        ("method", "POST"),
        ("status", "200"),
    ];
    assert_eq!(told("smoltbot_gateway_request_seconds_count", &chat), 1.0);
}

#[tokio::test]
async fn only_who_shows_the_token_reads_them() {
    let house = House::open().await;
    for bearer in [None, Some("a-wrong-token-of-some-length")] {
        let mut request = house.client.get(house.url("/metrics"));
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer);
        }
        let refused = request.send().await.unwrap();
        assert_eq!(refused.status(), 401);
        assert!(!refused.text().await.unwrap().contains("smoltbot_gateway_"));
    }
    for path in ["/nowhere/1", "/nowhere/2", "/health"] {
        house.client.get(house.url(path)).send().await.unwrap();
    }
    let told = scrape(&house).await;
    let requests = |route, status| {
        let labels = [("route", route), ("status", status)];
        value(&told, "smoltbot_gateway_request_seconds_count", &labels)
    };
    assert_eq!(requests("/metrics", "401"), 2.0);
    assert_eq!(requests("none", "404"), 2.0);
    assert_eq!(requests("/health", "200"), 1.0);
    assert!(!told.keys().any(|key| key.contains("nowhere")));
}

#[tokio::test]
async fn retries_cool_downs_and_failures_are_told_by_provider() {
    let busy = || {
        Answer::status(
            529,
            r#"{"error": {"type": "overloaded_error", "message": "busy"}}"#,
        )
    };
    let first = Upstream::start(Wire::Anthropic, move |_| busy())
        .await
        .unwrap();
    let second = Upstream::script(Wire::Anthropic, vec![Answer::text("I am here.")])
        .await
        .unwrap();
    let provider = |name, upstream: &Upstream| {
        let access = Access::with_key(name, "sk-test-key").at(&upstream.url());
        let model: Arc<dyn Model> =
            Arc::new(Anthropic::new(access, &Http::new(Patience::default())));
        Slot::new(model, MODEL)
    };
    let retries = Retries {
        times: 2,
        base: Duration::from_millis(1),
        cap: Duration::from_millis(1),
    };
    let slots = vec![provider("one", &first), provider("two", &second)];
    let router = Router::new(slots, retries, 7).unwrap();
    let house = House::with(|options| options.model = Some(Arc::new(router))).await;
    assert_eq!(house.say("Hello").await["text"], "I am here.");

    let told = scrape(&house).await;
    let one = [
        ("gen_ai_provider_name", "one"),
        ("error_type", "overloaded"),
    ];
    assert_eq!(
        value(
            &told,
            "gen_ai_client_operation_duration_seconds_count",
            &one
        ),
        3.0
    );
    assert_eq!(
        value(&told, "smoltbot_gateway_model_retries_total", &one),
        2.0
    );
    assert_eq!(
        value(&told, "smoltbot_gateway_model_cool_downs_total", &one),
        1.0
    );
    let two = [("gen_ai_provider_name", "two")];
    assert_eq!(
        value(
            &told,
            "gen_ai_client_operation_duration_seconds_count",
            &two
        ),
        1.0
    );
    assert!(
        !told
            .keys()
            .any(|key| key.contains("\"two\"") && key.contains("error_type"))
    );
}

#[tokio::test]
async fn what_is_let_go_of_and_what_is_open_is_told() {
    let gate = Gate::new();
    let held = gate.clone();
    let talking = Talking::with(move |_| Answer::new().say("I beg").hold(&held), |_| ()).await;
    let house = &talking.house;
    let mut response = house
        .message("Begin")
        .header("accept", "application/x-ndjson")
        .send()
        .await
        .unwrap();
    let mut seen = String::new();
    while !seen.contains("I beg") {
        seen += std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap();
    }
    let simple = Client::simple(house).await;
    let openclaw = Client::backend(house).await;
    let told = scrape(house).await;
    assert_eq!(value(&told, "smoltbot_gateway_runs", &[]), 1.0);
    for (dialect, number) in [("simple", 1.0), ("openclaw", 1.0), ("none", 0.0)] {
        let labels = [("dialect", dialect)];
        assert_eq!(
            value(&told, "smoltbot_gateway_sockets", &labels),
            number,
            "{dialect}"
        );
    }
    drop((simple, openclaw));
    // Who asked goes away, and the run with them.
    drop(response);
    let aborted = [("outcome", "aborted")];
    let told = loop {
        let told = scrape(house).await;
        if told
            .keys()
            .any(|key| key.starts_with("smoltbot_gateway_runs_ended_total"))
        {
            break told;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(
        value(&told, "smoltbot_gateway_runs_ended_total", &aborted),
        1.0
    );
    let cancelled = [("error_type", "cancelled")];
    assert_eq!(
        value(
            &told,
            "gen_ai_client_operation_duration_seconds_count",
            &cancelled
        ),
        1.0
    );
    gate.open();
}
