//! OTLP over HTTP: tool calls among spans are kept once, in both encodings; others are counted; what cannot be kept is told.

use std::io::Write as _;

use aap::limits::MAX_BATCH_TRACES;
use aap::paths::OTLP_TRACES;
use flate2::Compression;
use flate2::write::GzEncoder;
use otlp::{Answer as Told, PROTOBUF, Request, Span, Value as Attribute, span_json};
use serde_json::{Value, json};

use edge_e2e::{Agent, Answer, Client, now, unproven_agent, word};

/// A span `execute_tool` of this moment, of `agent`.
fn call(agent: &str, tool: &str) -> Span {
    let start = u64::try_from(now().millis()).expect("after 1970") * 1_000_000;
    let id: Vec<u8> = word("").bytes().skip(1).collect();
    let told = [
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", tool),
        ("gen_ai.agent.id", agent),
    ];
    Span {
        trace_id: id.clone(),
        span_id: id[8..].to_vec(),
        name: format!("execute_tool {tool}"),
        start,
        end: start + 7_500_000,
        attributes: told
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Attribute::from(*value)))
            .collect(),
        ..Span::default()
    }
}

fn of_service(service: &str, spans: &[Span]) -> Value {
    let spans: Vec<_> = spans.iter().map(span_json).collect();
    json!({
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
        "scopeSpans": [{"spans": spans}],
    })
}

fn body(spans: &[Span]) -> String {
    json!({ "resourceSpans": [of_service("suite", spans)] }).to_string()
}

/// A call each of this many services that nobody has heard of.
pub(crate) fn of_services(count: u32) -> Value {
    let services = (0..count).map(|_| {
        let mut span = call("", "exec");
        span.attributes.pop();
        of_service(&word("service"), &[span])
    });
    json!({ "resourceSpans": services.collect::<Vec<_>>() })
}

async fn send(client: &Client, media_type: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = client.request("POST", OTLP_TRACES);
    let request = request.header("content-type", media_type);
    client.send(request.body(body)).await
}

async fn send_json(client: &Client, body: String) -> Answer {
    send(client, "application/json", body).await
}

async fn kept(client: &Client, agent: &str) -> Vec<Value> {
    let page = client
        .json(&format!("/v1/traces?agent_id={agent}&limit=500"))
        .await;
    page["traces"].as_array().expect("traces").clone()
}

#[tokio::test]
async fn a_call_is_kept_once_however_often_and_in_whichever_encoding_it_comes() {
    let client = Client::new();
    let agent = unproven_agent().to_string();
    let mut span = call(&agent, "get_weather");
    let session = word("session");
    for (key, value) in [
        ("gen_ai.conversation.id", session.as_str()),
        ("gen_ai.tool.call.arguments", r#"{"city":"Ulm"}"#),
        ("gen_ai.tool.call.result", "14 degrees"),
    ] {
        span.attributes.push((key.to_owned(), value.into()));
    }
    let answer = send_json(&client, body(&[span.clone()])).await.expect(200);
    assert_eq!(answer.body, json!({}));
    let mut request = Request::new("suite", "1");
    request.push(&span);
    let bytes = request.to_bytes();
    for media_type in [PROTOBUF, "application/protobuf"] {
        let answer = send(&client, media_type, bytes.clone()).await.expect(200);
        assert_eq!((answer.media_type(), answer.text.as_str()), (PROTOBUF, ""));
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(&bytes).expect("memory");
    let request = client
        .request("POST", OTLP_TRACES)
        .header("content-type", PROTOBUF)
        .header("content-encoding", "gzip");
    let packed = packed.finish().expect("memory");
    client.send(request.body(packed)).await.expect(200);

    let traces = kept(&client, &agent).await;
    assert_eq!(traces.len(), 1, "{traces:?}");
    let trace = &traces[0];
    assert_eq!(trace["tool_name"], "get_weather");
    assert_eq!(trace["action_type"], "allow");
    assert_eq!(trace["params"], json!({"city": "Ulm"}));
    assert_eq!(trace["result"], "14 degrees");
    assert_eq!(trace["duration_ms"], 7.5);
    assert_eq!(trace["signed"], false);
    assert_eq!(trace["metadata"]["source"], "otlp");
    assert_eq!(trace["metadata"]["session_id"], session);
    let path = format!("/trace/{}", trace["id"].as_str().expect("an id"));
    let page = client.get(&path).await.expect(200).text;
    assert!(page.contains("told by OpenTelemetry"), "{page}");
}

#[tokio::test]
async fn what_is_no_call_and_what_cannot_be_kept_is_counted_with_its_reason() {
    let client = Client::new();
    let agent = unproven_agent().to_string();
    let mut chat = call(&agent, "x");
    chat.attributes[0].1 = "chat".into();
    let mut nameless = call(&agent, "x");
    nameless.trace_id.clear();
    let mut secret = call(&agent, "x");
    let token = format!("{}_{}", "ghp", "0123456789abcdefABCDEF0123456789abcd");
    secret
        .attributes
        .push(("gen_ai.tool.call.arguments".to_owned(), token.into()));
    let ours = call(&Agent::new().id.to_string(), "x");
    let good = call(&agent, "y");
    let spans = [chat, nameless, secret, ours, good];
    let answer = send_json(&client, body(&spans)).await.expect(200);
    let partial = &answer.body["partialSuccess"];
    assert_eq!(partial["rejectedSpans"], "3", "{}", answer.text);
    let said = partial["errorMessage"].as_str().expect("a message");
    for part in [
        "traceId",
        "secret",
        "version 8",
        "1 span was not kept: no tool call",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let traces = kept(&client, &agent).await;
    assert_eq!(traces.len(), 1);
    assert_eq!(traces[0]["tool_name"], "y");

    let mut request = Request::new("suite", "1");
    for span in &spans {
        request.push(span);
    }
    let request = client
        .request("POST", OTLP_TRACES)
        .header("content-type", PROTOBUF)
        .body(request.to_bytes());
    let bytes = client.open(request).await.bytes().await.expect("an answer");
    let told = Told::of_protobuf(&bytes).expect("protobuf");
    assert_eq!((told.rejected, told.message.as_str()), (3, said));
}

#[tokio::test]
async fn a_request_of_many_batches_is_one_request() {
    let client = Client::new();
    let agent = unproven_agent().to_string();
    let spans: Vec<_> = (0..MAX_BATCH_TRACES + 3)
        .map(|number| call(&agent, &format!("tool {number}")))
        .collect();
    let answer = send_json(&client, body(&spans)).await.expect(200);
    assert_eq!(answer.body, json!({}));
    let facts = client.json(&format!("/v1/agents/{agent}")).await;
    assert_eq!(facts["traces"], json!(spans.len()));
}

#[tokio::test]
async fn what_is_no_request_is_a_problem() {
    let client = Client::new();
    for (media_type, body, status, said) in [
        (PROTOBUF, "\u{1f}", 400, "protobuf"),
        ("application/json", "", 400, "JSON"),
        ("application/json", r#"{"resourceSpans":7}"#, 400, "lists"),
        ("text/plain", "{}", 415, PROTOBUF),
    ] {
        let answer = send(&client, media_type, body).await;
        assert!(answer.problem(status).contains(said), "{}", answer.text);
    }
    let request = client.request("POST", "/otlp/v1/metrics").body("");
    client.send(request).await.problem(404);
    client.get(OTLP_TRACES).await.problem(405);
}
