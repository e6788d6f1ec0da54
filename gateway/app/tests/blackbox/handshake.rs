//! Who comes in by the WebSocket, and how.

use serde_json::json;

use crate::socket::{Client, hello, token};
use crate::support::Home;

/// Check 1.
#[tokio::test]
async fn a_socket_begins_with_a_challenge() {
    let (_home, up) = up();
    let first = Client::stranger(&up).await.challenge;
    let second = Client::stranger(&up).await.challenge;
    for challenge in [&first, &second] {
        assert_eq!(challenge["type"], "event");
        assert_eq!(challenge["event"], "connect.challenge");
        assert!(!challenge["payload"]["nonce"].as_str().unwrap().is_empty());
    }
    assert_ne!(first["payload"]["nonce"], second["payload"]["nonce"]);
}

/// Check 2.
#[tokio::test]
async fn before_connect_nothing_is_done() {
    let (_home, up) = up();
    let mut client = Client::stranger(&up).await;
    for method in ["ping", "chat.send", "agent.model", "health"] {
        let answer = client.ask(method, json!({"message": "hi"})).await;
        assert_eq!(answer["ok"], false);
        assert_eq!(answer["error"]["code"], "PROTOCOL_ERROR", "{answer}");
    }
    assert_eq!(client.ask("connect", token(&up.token)).await["ok"], true);
}

/// Checks 3 and 8.
#[tokio::test]
async fn the_token_lets_in() {
    let (_home, up) = up();
    let mut client = Client::stranger(&up).await;
    client.request("7", "connect", token(&up.token)).await;
    let (before, answer) = client.answer("7").await;
    assert_eq!(before.len(), 0);
    assert_eq!((&answer["id"], &answer["ok"]), (&json!("7"), &json!(true)));
    assert_eq!(answer["payload"]["protocol"], 3);
    assert_eq!(answer["payload"]["policy"]["max_message_size"], 131_072);
    assert!(answer.get("error").is_none(), "{answer}");
    let failed = client.ask("fly", json!({})).await;
    assert!(failed.get("payload").is_none(), "{failed}");
    for part in ["code", "message"] {
        let text = failed["error"][part].as_str().unwrap();
        assert!(!text.is_empty(), "{failed}");
    }
}

/// Checks 4, 5 and 6.
#[tokio::test]
async fn whoever_does_not_show_it_is_told_and_closed() {
    let (_home, up) = up();
    for (params, code) in [
        (token("wrong"), "AUTH_FAILED"),
        (json!({}), "PROTOCOL_ERROR"),
        (json!({"auth": {}}), "PROTOCOL_ERROR"),
        (json!({"auth": {"mode": "none"}}), "AUTH_FAILED"),
        (
            json!({"auth": {"mode": "password", "password": "wrong"}}),
            "AUTH_FAILED",
        ),
        (json!({"auth": {"mode": "tailscale-whois"}}), "AUTH_FAILED"),
        (
            json!({"auth": {"mode": "device-token", "device_token": "x"}}),
            "AUTH_FAILED",
        ),
    ] {
        let mut client = Client::stranger(&up).await;
        let answer = client.ask("connect", params.clone()).await;
        assert_eq!(answer["error"]["code"], code, "{params}: {answer}");
        assert_eq!(client.closed().await, 1008, "{params}");
    }
}

/// Check 31.
#[tokio::test]
async fn openclaws_connect_gets_hello_ok() {
    let (_home, up) = up();
    for (newest, protocol) in [(3, 3), (4, 4), (9, 4)] {
        let mut client = Client::stranger(&up).await;
        let mut params = hello(&up.token);
        params["maxProtocol"] = newest.into();
        let answer = client.ask("connect", params).await;
        let payload = &answer["payload"];
        assert_eq!(payload["type"], "hello-ok", "{answer}");
        assert_eq!(payload["protocol"], protocol);
        let methods = payload["features"]["methods"].as_array().unwrap();
        for method in ["health", "agent", "chat.send", "sessions.list"] {
            assert!(methods.contains(&method.into()), "{methods:?}");
        }
        assert_eq!(client.ask("health", json!({})).await["payload"]["ok"], true);
    }
}

fn up() -> (Home, crate::support::Up) {
    let home = Home::new();
    let up = home.up();
    (home, up)
}
