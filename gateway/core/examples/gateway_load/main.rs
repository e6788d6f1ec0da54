//! What the gateway takes: how fast it starts, what it holds when nobody asks and with a thousand streams, what `/health` serves, and how
//! long after the provider's first word its client has it. Prints one JSON object a figure, for `cargo xtask bench gateway`.
//!
//! Starts the program that it is given the path of, `smoltbot gateway`, with a provider of its own that speaks OpenAI's wire format.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a bench that cannot measure has nothing better to do than to end"
)]

mod health;
mod process;
mod streams;

use std::path::PathBuf;

use futures_util::StreamExt as _;
use serde_json::json;
use tokio_tungstenite::connect_async;

use crate::process::{Gateway, empty_process};

/// Starts of each kind.
const STARTS: usize = 30;
/// Sockets of `/ws` that have shown the token and say nothing.
const SOCKETS: usize = 100;
/// How long it is watched while nobody asks.
const WATCH: std::time::Duration = std::time::Duration::from_secs(30);
/// How long it is left alone first.
const SETTLE: std::time::Duration = std::time::Duration::from_secs(3);

/// Prints a figure: half of the samples are at most the first, 99 of 100 at most the second.
pub(crate) fn print(metric: &str, unit: &str, mut samples: Vec<f64>) {
    samples.sort_by(f64::total_cmp);
    let n = samples.len();
    let rank = |percent: usize| samples[(n * percent).div_ceil(100).max(1) - 1];
    let figure = json!({"metric": metric, "unit": unit, "p50": rank(50), "p99": rank(99), "n": n});
    println!("{figure}");
}

fn main() {
    let program = PathBuf::from(std::env::args_os().nth(1).expect("the path of smoltbot"));
    starts(&program);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(idle(&program));
    health::measure(&program);
    runtime.block_on(streams::first_words(&program));
    runtime.block_on(streams::at_once(&program));
}

fn starts(program: &std::path::Path) {
    print(
        "floor: a process that does nothing",
        "ms",
        (0..STARTS).map(|_| empty_process()).collect(),
    );
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let home = tempfile::tempdir().expect("a home");
        let gateway = Gateway::start(program, home.path(), None);
        first.push(gateway.took_ms);
        gateway.stop();
        let gateway = Gateway::start(program, home.path(), None);
        again.push(gateway.took_ms);
        gateway.stop();
    }
    print("start in an empty home, until /health", "ms", first);
    print("start with what it had, until /health", "ms", again);
}

/// What it holds and does while nobody asks: alone, then with sockets that have shown the token.
async fn idle(program: &std::path::Path) {
    let home = tempfile::tempdir().expect("a home");
    Gateway::start(program, home.path(), None).stop();
    let gateway = Gateway::start(program, home.path(), None);
    tokio::time::sleep(SETTLE).await;
    print("idle, resident", "MB", vec![gateway.memory("VmRSS:")]);
    print(
        "idle, of it not of files",
        "MB",
        vec![gateway.memory("RssAnon:")],
    );
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS {
        sockets.push(socket(&gateway).await);
    }
    tokio::time::sleep(SETTLE).await;
    let before = gateway.cpu_ms();
    // Ticks are read, as clients do.
    let reading = sockets.into_iter().map(|mut socket| {
        tokio::spawn(async move { while let Some(Ok(_)) = socket.next().await {} })
    });
    let reading: Vec<_> = reading.collect();
    tokio::time::sleep(WATCH).await;
    print(
        "100 sockets, CPU in 30 s",
        "ms",
        vec![gateway.cpu_ms() - before],
    );
    print(
        "100 sockets, resident",
        "MB",
        vec![gateway.memory("VmRSS:")],
    );
    for reader in reading {
        reader.abort();
    }
    gateway.stop();
}

/// A socket of the simple dialect that has shown the token.
async fn socket(
    gateway: &Gateway,
) -> tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>> {
    use futures_util::SinkExt as _;
    use tokio_tungstenite::tungstenite::Message;

    let (mut socket, _) = connect_async(format!("ws://{}/ws", gateway.address))
        .await
        .expect("a socket");
    socket
        .next()
        .await
        .expect("a challenge")
        .expect("a challenge");
    let connect = json!({"type": "req", "id": "1", "method": "connect",
        "params": {"auth": {"mode": "token", "token": gateway.token}}});
    socket
        .send(Message::text(connect.to_string()))
        .await
        .expect("it takes frames");
    let answer = socket.next().await.expect("an answer").expect("an answer");
    assert!(answer.to_string().contains("\"ok\":true"), "{answer}");
    socket
}
