//! Frames: what is one, what is none, and how large one may be.

use serde_json::json;

use crate::socket::Client;
use crate::support::Home;

/// Checks 9, 10 and 12.
#[tokio::test]
async fn every_frame_is_answered_and_the_socket_stays() {
    let home = Home::new();
    let up = home.up();
    let mut client = Client::simple(&up).await;
    client
        .text(r#"{"type":"event","event":"presence","payload":{}}"#)
        .await;
    // Had the event an answer, it would come before this one.
    client.request("p", "ping", json!({})).await;
    assert_eq!(client.next().await["id"], "p");
    for text in ["{", "[]", "", r#"{"type":"req","method":"ping"}"#] {
        client.text(text).await;
        let answer = client.next().await;
        assert_eq!(
            answer["error"]["code"], "PROTOCOL_ERROR",
            "{text}: {answer}"
        );
    }
    client.request("f", "fly", json!({})).await;
    let answer = client.next().await;
    assert_eq!(answer["id"], "f");
    assert_eq!(answer["error"]["code"], "METHOD_NOT_FOUND");
    assert_eq!(client.ask("ping", json!({})).await["ok"], true);
}

/// Check 11.
#[tokio::test]
async fn a_frame_has_128_kib() {
    let home = Home::new();
    let up = home.up();
    let mut client = Client::simple(&up).await;
    let ping = |bytes: usize| {
        let frame = |pad: &str| {
            json!({"type": "req", "id": "1", "method": "ping", "params": {"pad": pad}}).to_string()
        };
        frame(&"x".repeat(bytes - frame("").len()))
    };
    client.text(ping(131_072)).await;
    assert_eq!(client.next().await["payload"]["pong"], true);
    client.text(ping(131_073)).await;
    assert_eq!(client.next().await["error"]["code"], "PAYLOAD_TOO_LARGE");
    assert_eq!(client.closed().await, 1009);
}

/// Checks 22 to 26 and 33, whose features this version has not.
#[tokio::test]
async fn what_this_version_has_not_says_so() {
    let home = Home::new();
    let up = home.up();
    let mut simple = Client::simple(&up).await;
    let mut backend = Client::backend(&up).await;
    for method in ["memory.learn", "cron.add", "terminal.exec"] {
        for client in [&mut simple, &mut backend] {
            let answer = client.ask(method, json!({"command": "id"})).await;
            assert_eq!(answer["error"]["code"], "UNAVAILABLE", "{method}: {answer}");
        }
    }
}
