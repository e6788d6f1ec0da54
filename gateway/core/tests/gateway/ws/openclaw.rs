//! OpenClaw's dialect.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::client::{Client, hello};
use super::parrot;
use crate::house::{House, TOKEN};

#[tokio::test]
async fn a_program_on_this_machine_needs_no_device() {
    let house = House::open().await;
    for (oldest, newest, agreed) in [(4, 4, 4), (3, 3, 3), (1, 9, 4)] {
        let mut client = Client::stranger(&house).await;
        let mut params = hello();
        params["minProtocol"] = oldest.into();
        params["maxProtocol"] = newest.into();
        let answer = client.ask("connect", params).await;
        let ok = &answer["payload"];
        assert_eq!(ok["type"], "hello-ok", "{answer}");
        assert_eq!(ok["protocol"], agreed);
        for path in [
            "/server/version",
            "/server/connId",
            "/features/methods",
            "/features/events",
            "/policy/attachments/maxImageBytes",
            "/snapshot/presence",
            "/snapshot/health",
            "/snapshot/stateVersion",
            "/snapshot/uptimeMs",
            "/auth/role",
            "/policy/maxBufferedBytes",
        ] {
            assert!(ok.pointer(path).is_some(), "{path}");
        }
        assert_eq!(ok["policy"]["maxPayload"], 26_214_400);
        assert_eq!(ok["policy"]["tickIntervalMs"], 30_000);
        assert_eq!(
            ok["auth"]["scopes"],
            json!(["operator.read", "operator.write"]),
            "admin is dropped"
        );
    }
}

#[tokio::test]
async fn every_other_way_in_is_refused_in_words() {
    let house = House::open().await;
    let change = |change: fn(&mut Value)| {
        let mut params = hello();
        change(&mut params);
        params
    };
    for (params, code, detail, close) in [
        (
            change(|p| p["minProtocol"] = 5.into()),
            "INVALID_REQUEST",
            "PROTOCOL_MISMATCH",
            1002,
        ),
        (
            change(|p| p["maxProtocol"] = 2.into()),
            "INVALID_REQUEST",
            "PROTOCOL_MISMATCH",
            1002,
        ),
        (
            change(|p| p["auth"]["token"] = "wrong".into()),
            "INVALID_REQUEST",
            "AUTH_TOKEN_MISMATCH",
            1008,
        ),
        (
            change(|p| p["auth"]["token"] = "".into()),
            "INVALID_REQUEST",
            "AUTH_TOKEN_MISMATCH",
            1008,
        ),
        (
            change(|p| p["auth"]["password"] = "wrong".into()),
            "INVALID_REQUEST",
            "AUTH_PASSWORD_MISMATCH",
            1008,
        ),
        (
            change(|p| p["auth"]["deviceToken"] = "x".into()),
            "INVALID_REQUEST",
            "AUTH_DEVICE_TOKEN_MISMATCH",
            1008,
        ),
        (
            change(|p| p["auth"] = json!({})),
            "INVALID_REQUEST",
            "AUTH_TOKEN_MISSING",
            1008,
        ),
        (
            change(|p| p["auth"] = Value::Null),
            "INVALID_REQUEST",
            "AUTH_TOKEN_MISSING",
            1008,
        ),
        (
            change(|p| p["client"]["id"] = "cli".into()),
            "NOT_PAIRED",
            "DEVICE_IDENTITY_REQUIRED",
            1008,
        ),
        (
            change(|p| p["role"] = "node".into()),
            "INVALID_REQUEST",
            "PROTOCOL_ERROR",
            1008,
        ),
        (
            change(|p| p["client"] = json!({"id": "x"})),
            "INVALID_REQUEST",
            "PROTOCOL_ERROR",
            1008,
        ),
    ] {
        let mut client = Client::stranger(&house).await;
        let answer = client.ask("connect", params.clone()).await;
        assert_eq!(answer["error"]["code"], code, "{params}: {answer}");
        assert_eq!(
            answer["error"]["details"]["code"], detail,
            "{params}: {answer}"
        );
        assert_eq!(client.closed().await, close);
    }
}

/// `connect` of a command line with a device that signed `nonce` and `token`.
fn signed(nonce: &str, token: &str) -> Value {
    let key = SigningKey::from_bytes(&[9; 32]);
    let public = key.verifying_key().to_bytes();
    let id = format!("{:x}", Sha256::digest(public));
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let at = now.as_millis();
    let text = format!("v2|{id}|cli|cli|operator|operator.read|{at}|{token}|{nonce}");
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    json!({"minProtocol": 4, "maxProtocol": 4, "role": "operator", "scopes": ["operator.read"],
        "client": {"id": "cli", "version": "1", "platform": "linux", "mode": "cli"}, "auth": {"token": TOKEN},
        "device": {"id": id, "publicKey": encode(&public), "signature": encode(&key.sign(text.as_bytes()).to_bytes()),
            "signedAt": u64::try_from(at).unwrap(), "nonce": nonce}})
}

#[tokio::test]
async fn a_device_must_sign_this_connections_nonce() {
    let house = House::open().await;
    let mut client = Client::stranger(&house).await;
    let nonce = client.challenge["nonce"].as_str().unwrap().to_owned();
    let answer = client.ask("connect", signed(&nonce, TOKEN)).await;
    assert_eq!(answer["payload"]["type"], "hello-ok", "{answer}");

    let mut client = Client::stranger(&house).await;
    let answer = client.ask("connect", signed(&nonce, TOKEN)).await;
    assert_eq!(
        answer["error"]["details"]["code"],
        "DEVICE_AUTH_NONCE_MISMATCH"
    );

    let mut client = Client::stranger(&house).await;
    let nonce = client.challenge["nonce"].as_str().unwrap().to_owned();
    let answer = client.ask("connect", signed(&nonce, "another token")).await;
    assert_eq!(
        answer["error"]["details"]["code"],
        "DEVICE_AUTH_SIGNATURE_INVALID"
    );

    // What a proxy passed on may come from anywhere.
    let mut client = Client::with(&house, &[("x-forwarded-for", "192.0.2.1")]).await;
    let nonce = client.challenge["nonce"].as_str().unwrap().to_owned();
    let answer = client.ask("connect", signed(&nonce, TOKEN)).await;
    assert_eq!(answer["error"]["code"], "NOT_PAIRED", "{answer}");
    assert_eq!(answer["error"]["details"]["code"], "PAIRING_REQUIRED");
    let mut client = Client::with(&house, &[("x-forwarded-for", "192.0.2.1")]).await;
    let answer = client.ask("connect", hello()).await;
    assert_eq!(answer["error"]["code"], "NOT_PAIRED", "{answer}");
}

#[tokio::test]
async fn a_turn_with_a_tool_is_told_as_openclaw_tells_it() {
    let house = parrot::house().await;
    std::fs::write(house.path("a.txt"), "hello\n").unwrap();
    let mut client = Client::backend(&house).await;
    let params = json!({"message": "read a.txt", "sessionKey": "main", "idempotencyKey": "run-1"});
    client.request("run-1", "agent", params.clone()).await;
    let (_, accepted) = client.answer("run-1").await;
    assert_eq!(accepted["payload"]["status"], "accepted");
    assert_eq!(accepted["payload"]["runId"], "run-1");
    // Clients stop listening at the second answer, so everything else comes before it.
    let (events, answer) = client.answer("run-1").await;
    assert_eq!(events.last().unwrap()["payload"]["state"], "final");
    assert_eq!(answer["payload"]["status"], "ok", "{answer}");
    let text = answer["payload"]["result"]["payloads"][0]["text"]
        .as_str()
        .unwrap();
    assert!(text.starts_with("it says: "), "{text}");
    let mut seqs: Vec<u64> = events
        .iter()
        .map(|event| event["seq"].as_u64().unwrap())
        .collect();
    let from = seqs[0];
    for seq in &mut seqs {
        *seq -= from;
    }
    assert_eq!(
        seqs,
        (0..events.len() as u64).collect::<Vec<_>>(),
        "no gaps"
    );
    assert!(
        events
            .iter()
            .all(|event| event["payload"]["runId"] == "run-1")
    );
    let phases: Vec<String> = events
        .iter()
        .filter(|event| event["event"] == "agent" && event["payload"]["stream"] != "assistant")
        .map(|event| {
            format!(
                "{} {}",
                event["payload"]["stream"], event["payload"]["data"]["phase"]
            )
        })
        .map(|text| text.replace('"', ""))
        .collect();
    assert_eq!(
        phases,
        [
            "lifecycle start",
            "tool start",
            "tool result",
            "lifecycle end"
        ]
    );
    let said: String = events
        .iter()
        .filter(|event| event["payload"]["state"] == "delta")
        .map(|event| event["payload"]["deltaText"].as_str().unwrap())
        .collect();
    assert_eq!(said, text);

    // The same key is the same run, from another connection too.
    let mut other = Client::backend(&house).await;
    let again = other.ask("chat.send", params).await;
    assert_eq!(again["payload"], json!({"runId": "run-1", "status": "ok"}));
    let waited = other
        .ask("agent.wait", json!({"runId": "run-1", "timeoutMs": 1000}))
        .await;
    assert_eq!(waited["payload"]["status"], "ok");
    assert_eq!(house.judged().len(), 1, "it ran once");
    let history = other
        .ask("chat.history", json!({"sessionKey": "main"}))
        .await;
    let roles: Vec<_> = history["payload"]["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["user", "assistant", "toolResult", "assistant"]);
}

#[tokio::test]
async fn a_run_outlives_its_connection_and_can_be_ended_from_another() {
    let house = parrot::house().await;
    let mut watcher = Client::backend(&house).await;
    let watched = watcher
        .ask("sessions.messages.subscribe", json!({"key": "main"}))
        .await;
    assert_eq!(watched["payload"]["key"], "agent:main:main");
    let mut client = Client::backend(&house).await;
    let params = json!({"message": "wait", "sessionKey": "main", "idempotencyKey": "w"});
    let begun = client.ask("chat.send", params).await;
    assert_eq!(begun["payload"]["status"], "started");
    drop(client);
    let waited = watcher
        .ask("agent.wait", json!({"runId": "w", "timeoutMs": 1}))
        .await;
    assert_eq!(waited["payload"]["status"], "timeout");
    let ended = watcher
        .ask("chat.abort", json!({"sessionKey": "main"}))
        .await;
    assert_eq!(ended["payload"]["aborted"], true, "{ended}");
    loop {
        let event = watcher.next().await;
        if event["payload"]["state"] == "aborted" {
            break;
        }
    }
}

#[tokio::test]
async fn every_method_that_is_listed_is_served_and_no_other() {
    let house = House::open().await;
    let mut client = Client::stranger(&house).await;
    let ok = client.ask("connect", hello()).await;
    for method in ok["payload"]["features"]["methods"].as_array().unwrap() {
        let answer = client.ask(method.as_str().unwrap(), json!({})).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(
            !message.contains("unknown method") && !message.contains("not available"),
            "{answer}"
        );
        assert!(!answer.to_string().contains(TOKEN));
    }
    for (method, code) in [
        ("config.apply", "UNAVAILABLE"),
        ("memory.search", "UNAVAILABLE"),
        ("cron.add", "UNAVAILABLE"),
        ("terminal.exec", "UNAVAILABLE"),
        ("sessions.compact", "UNAVAILABLE"),
        ("chat.inject", "UNAVAILABLE"),
        ("fly", "INVALID_REQUEST"),
        ("ping", "INVALID_REQUEST"),
    ] {
        let answer = client.ask(method, json!({})).await;
        assert_eq!(answer["error"]["code"], code, "{answer}");
    }
}

#[tokio::test]
async fn nothing_is_done_for_a_stranger() {
    let house = House::open().await;
    let mut client = Client::stranger(&house).await;
    for method in [
        "agent",
        "chat.send",
        "sessions.patch",
        "sessions.reset",
        "sessions.delete",
        "sessions.create",
        "chat.abort",
        "config.apply",
        "agent.model",
    ] {
        let params = json!({"message": "/run list_files", "idempotencyKey": "k", "key": "main", "role": "owner",
            "senderIsOwner": true, "auth": {"token": TOKEN}});
        let answer = client.ask(method, params).await;
        assert_eq!(answer["error"]["code"], "PROTOCOL_ERROR", "{method}");
    }
    assert!(house.judged().is_empty());
}

#[tokio::test]
async fn sessions_are_changed_and_told() {
    let house = House::open().await;
    let mut client = Client::backend(&house).await;
    client.ask("sessions.subscribe", json!({})).await;
    let patch = json!({"key": "main", "label": "talk", "thinkingLevel": "low"});
    client.request("p", "sessions.patch", patch).await;
    let (events, patched) = client.answer("p").await;
    assert_eq!(events[0]["event"], "sessions.changed");
    assert_eq!(patched["payload"]["entry"]["label"], "talk");
    assert_eq!(patched["payload"]["entry"]["thinkingLevel"], "low");
    let found = client
        .ask("sessions.resolve", json!({"label": "talk"}))
        .await;
    assert_eq!(found["payload"]["key"], "agent:main:main");
    client
        .ask("sessions.patch", json!({"key": "main", "label": null}))
        .await;
    let row = client
        .ask("sessions.describe", json!({"key": "main"}))
        .await;
    assert_eq!(row["payload"]["session"]["label"], Value::Null);
    assert_eq!(row["payload"]["session"]["thinkingLevel"], "low");
    let gone = client.ask("sessions.delete", json!({"key": "main"})).await;
    assert_eq!(gone["payload"]["deleted"], true);
    let list = client.ask("sessions.list", json!({})).await;
    assert_eq!(list["payload"]["sessions"], json!([]));
}
