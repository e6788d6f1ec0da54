//! Limits, to the byte and to the second.

use std::time::Duration;

use futures_util::StreamExt as _;
use gateway::limits::{
    HANDSHAKE_WITHIN, MAX_FRAME_BYTES, MAX_GREETING_BYTES, MAX_SIMPLE_FRAME_BYTES, MAX_STRANGERS,
    TICK_EVERY,
};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite;

use super::client::{Client, open};
use super::parrot;
use crate::house::House;

/// A `ping` of exactly that many bytes.
fn ping(bytes: usize) -> String {
    let frame = |pad: &str| {
        json!({"type": "req", "id": "1", "method": "health", "params": {"pad": pad}}).to_string()
    };
    frame(&"x".repeat(bytes - frame("").len()))
}

#[tokio::test]
async fn a_stranger_has_64_kib() {
    let house = House::open().await;
    let mut client = Client::stranger(&house).await;
    client.text(ping(MAX_GREETING_BYTES)).await;
    assert_eq!(client.next().await["error"]["code"], "PROTOCOL_ERROR");
    client.text(ping(MAX_GREETING_BYTES + 1)).await;
    assert_eq!(client.next().await["error"]["code"], "PAYLOAD_TOO_LARGE");
    assert_eq!(client.closed().await, 1009);
}

#[tokio::test]
async fn the_simple_dialect_has_128_kib() {
    let house = House::open().await;
    let mut client = Client::simple(&house).await;
    client.text(ping(MAX_SIMPLE_FRAME_BYTES)).await;
    assert_eq!(client.next().await["error"]["code"], "METHOD_NOT_FOUND");
    client.text(ping(MAX_SIMPLE_FRAME_BYTES + 1)).await;
    assert_eq!(client.next().await["error"]["code"], "PAYLOAD_TOO_LARGE");
    assert_eq!(client.closed().await, 1009);
}

#[tokio::test]
async fn openclaws_has_25_mib() {
    let house = House::open().await;
    let mut client = Client::backend(&house).await;
    client.text(ping(MAX_FRAME_BYTES)).await;
    assert_eq!(client.next().await["payload"]["ok"], true);
    let (sink, mut stream) = client.socket.split();
    let sending = tokio::spawn(async move {
        use futures_util::SinkExt as _;
        let mut sink = sink;
        // The gateway hangs up in the middle of it.
        let _ = sink
            .send(tungstenite::Message::text(ping(MAX_FRAME_BYTES + 1)))
            .await;
    });
    let told = stream.next().await.unwrap().unwrap().into_text().unwrap();
    assert!(told.contains("PAYLOAD_TOO_LARGE"), "{told}");
    sending.await.unwrap();
}

#[tokio::test]
async fn who_says_nothing_is_let_go_after_ten_seconds() {
    let house = House::open().await;
    let mut client = Client::stranger(&house).await;
    let since = Instant::now();
    tokio::time::pause();
    assert_eq!(client.closed().await, 1008);
    let after = since.elapsed();
    assert!(
        after.abs_diff(HANDSHAKE_WITHIN) < Duration::from_millis(500),
        "{after:?}"
    );
}

#[tokio::test]
async fn whoever_is_in_hears_a_tick_every_30_seconds() {
    let house = House::open().await;
    for backend in [false, true] {
        let mut client = if backend {
            Client::backend(&house).await
        } else {
            Client::simple(&house).await
        };
        let since = Instant::now();
        tokio::time::pause();
        for seq in 1..=3 {
            let tick = client.next().await;
            assert_eq!(tick["event"], "tick");
            assert!(tick["payload"]["ts"].is_i64());
            assert_eq!(tick["seq"], seq);
        }
        let after = since.elapsed();
        assert!(
            after.abs_diff(3 * TICK_EVERY) < Duration::from_secs(1),
            "{after:?}"
        );
        tokio::time::resume();
    }
}

#[tokio::test]
async fn strangers_do_not_fill_the_house() {
    let house = House::open().await;
    let mut strangers = Vec::new();
    for _ in 0..MAX_STRANGERS {
        strangers.push(Client::stranger(&house).await);
    }
    let error = open(house.address, &[]).await.unwrap_err();
    assert!(error.to_string().contains("503"), "{error}");
}

#[tokio::test]
async fn who_reads_slowly_gets_everything_in_larger_pieces() {
    let house = parrot::house().await;
    let mut client = Client::simple(&house).await;
    client
        .request("m", "chat.send", json!({"message": "much"}))
        .await;
    // The run is over before anything is read.
    let status = house.client.get(house.url("/health")).send().await.unwrap();
    assert_eq!(status.status(), 200);
    let (events, answer) = client.answer("m").await;
    let said: usize = events
        .iter()
        .map(|event| event["payload"]["text"].as_str().unwrap().len())
        .sum();
    assert_eq!(said, 200 * 64 * 1024);
    assert_eq!(answer["payload"]["content"].as_str().unwrap().len(), said);
}

#[tokio::test]
async fn who_does_not_read_at_all_is_let_go() {
    let house = parrot::house().await;
    let mut client = Client::simple(&house).await;
    client
        .request("m", "chat.send", json!({"message": "much"}))
        .await;
    let first = client.next().await;
    assert_eq!(first["event"], "chat.delta");
    tokio::time::pause();
    // Nothing is read here; the clock goes on to the gateway's patience.
    tokio::time::sleep(Duration::from_mins(2)).await;
    tokio::time::resume();
    let last = loop {
        match client.socket.next().await {
            Some(Ok(_)) => {}
            other => break other,
        }
    };
    assert!(matches!(last, Some(Err(_)) | None), "without an answer");
    let health = house.client.get(house.url("/health")).send().await.unwrap();
    assert!(health.text().await.unwrap().contains(r#""ws_clients":0"#));
}

/// The first bytes of a frame: its kind, and a length that its payload never has.
fn header(first: u8, payload: usize) -> Vec<u8> {
    let mut header = vec![first, 0x80 | 127];
    header.extend((payload as u64).to_be_bytes());
    header.extend([0; 4]);
    header
}

#[tokio::test]
async fn a_frame_that_is_too_large_is_told_by_its_header() {
    let house = House::open().await;
    for (known, limit) in [(false, MAX_GREETING_BYTES), (true, MAX_SIMPLE_FRAME_BYTES)] {
        for huge in [limit + 1, MAX_FRAME_BYTES, usize::MAX >> 1] {
            let mut client = if known {
                Client::simple(&house).await
            } else {
                Client::stranger(&house).await
            };
            // Nothing of the payload is sent: whoever waited for it, or made room for it, would not answer.
            let text = header(0x81, huge);
            client.socket.get_mut().write_all(&text).await.unwrap();
            assert_eq!(client.next().await["error"]["code"], "PAYLOAD_TOO_LARGE");
            assert_eq!(client.closed().await, 1009, "{huge}");
        }
    }
}

#[tokio::test]
async fn pieces_of_a_message_are_counted_together() {
    let house = House::open().await;
    let mut client = Client::stranger(&house).await;
    let mut first = header(0x01, MAX_GREETING_BYTES);
    first.resize(first.len() + MAX_GREETING_BYTES, b'x');
    client.socket.get_mut().write_all(&first).await.unwrap();
    let ping = [0x89, 0x80, 0, 0, 0, 0];
    client.socket.get_mut().write_all(&ping).await.unwrap();
    let pong = client.socket.next().await.unwrap().unwrap();
    assert!(
        pong.is_pong(),
        "a message that is not whole is no error: {pong}"
    );
    let more = header(0x00, 1);
    client.socket.get_mut().write_all(&more).await.unwrap();
    assert_eq!(client.next().await["error"]["code"], "PAYLOAD_TOO_LARGE");
    assert_eq!(client.closed().await, 1009);
}
