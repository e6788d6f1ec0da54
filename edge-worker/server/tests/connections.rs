//! Connections themselves: pages, metrics, keep-alive, and clients that hang on.

mod common;

use std::time::Duration;

use common::{calls, served};
use edge_server::DRAIN_TIMEOUT;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use trace_store::conformance::{Agent, flat};

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn pages_metrics_and_the_description_are_served() {
    let edge = served().await;
    edge.submit(flat(1, 1, 0, "ok").to_string()).await;
    let page = edge.get("/").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
    let metrics = edge.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("text/plain"));
    assert!(
        metrics
            .text
            .contains("smoltbot_edge_traces_total{status=\"stored\"}"),
        "{}",
        metrics.text
    );
    let measured = "smoltbot_edge_request_seconds_bucket{route=\"/v1/traces\",method=\"POST\",status=\"201\",le=\"5\"}";
    assert!(metrics.text.contains(measured), "{}", metrics.text);
    assert_eq!(edge.get("/openapi.json").await.body["openapi"], "3.1.0");
}

#[tokio::test]
async fn a_request_that_runs_is_finished() {
    let edge = served().await;
    let address = edge.url.strip_prefix("http://").unwrap().to_owned();
    let body = calls(&mut Agent::new(1), 10);
    let mut running = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nHost: edge\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    running.write_all(head.as_bytes()).await.unwrap();
    running.write_all(&body[..10]).await.unwrap();
    // It is being read once the next connection has its answer: both are accepted in order.
    assert_eq!(edge.get("/health").await.status, 200);
    edge.shutdown.cancel();
    running.write_all(&body[10..]).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, running.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    timeout(DRAIN_TIMEOUT, edge.task)
        .await
        .expect("it stops as soon as it can")
        .unwrap();
}

#[tokio::test]
async fn what_is_not_http_is_refused_and_hurts_nobody() {
    let edge = served().await;
    let address = edge.url.strip_prefix("http://").unwrap().to_owned();
    let mut odd = TcpStream::connect(&address).await.unwrap();
    odd.write_all(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, odd.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let huge = edge
        .request("GET", "/v1/traces")
        .header("x-huge", "x".repeat(300_000));
    assert_eq!(edge.send(huge).await.status, 431);
    assert_eq!(edge.get("/health").await.status, 200);
}
