//! What clients say of themselves.

use serde_json::{Value, json};

use crate::socket::{Client, hello, token};
use crate::support::{Home, Up};

/// Ways of saying that one may do more.
const CLAIMS: [&str; 12] = [
    "senderIsOwner",
    "sender_is_owner",
    "isOwner",
    "owner",
    "isAdmin",
    "admin",
    "authenticated",
    "elevated",
    "trusted",
    "bypass",
    "scopes",
    "role",
];

/// `params` with every claim in it, and in each object in it.
fn claiming(mut params: Value, claim: &Value) -> Value {
    fn add(value: &mut Value, claim: &Value) {
        if let Some(object) = value.as_object_mut() {
            for inner in object.values_mut() {
                add(inner, claim);
            }
            for name in CLAIMS {
                object.entry(name).or_insert_with(|| claim.clone());
            }
        }
    }
    add(&mut params, claim);
    params
}

/// Incident 5, GHSA-rqpp-rjj8-7wv8: the gateway tells what a client may do; what the client asks for is no part of it.
#[tokio::test]
async fn what_a_client_claims_of_its_scopes_is_dropped() {
    let home = Home::new();
    let up = home.up();
    for scopes in [
        json!([]),
        json!(["operator.admin"]),
        json!([
            "operator.read",
            "operator.write",
            "operator.admin",
            "operator.approvals",
            "*"
        ]),
    ] {
        let mut client = Client::stranger(&up).await;
        let mut params = hello(&up.token);
        params["scopes"] = scopes.clone();
        let answer = client.ask("connect", params).await;
        let given = &answer["payload"]["auth"];
        assert_eq!(
            given["scopes"],
            json!(["operator.read", "operator.write"]),
            "{scopes}"
        );
        assert_eq!(given["role"], "operator");
        for method in [
            "config.apply",
            "config.set",
            "device.pair.approve",
            "exec.approvals.set",
        ] {
            let answer = client.ask(method, json!({"scopes": scopes})).await;
            assert_eq!(answer["ok"], false, "{method} with {scopes}");
        }
    }
    for role in ["admin", "owner", "node", "system"] {
        let mut client = Client::stranger(&up).await;
        let mut params = hello(&up.token);
        params["role"] = role.into();
        let answer = client.ask("connect", params).await;
        assert_eq!(answer["ok"], false, "{role}");
        assert_eq!(client.closed().await, 1008);
    }
}

/// Incident 6, CVE-2026-44118: wherever in a frame somebody says that they are the owner, it changes nothing: a stranger stays one,
/// and what is refused stays refused.
#[tokio::test]
async fn who_says_that_they_are_the_owner_is_not_believed() {
    let home = Home::new();
    let up = home.up();
    let claims = [
        json!(true),
        json!("owner"),
        json!(["operator.admin"]),
        json!({"owner": true}),
        json!(1),
    ];
    for claim in &claims {
        strangers_stay_strangers(&up, claim).await;
        refusals_stay_refusals(&up, claim).await;
    }
    assert!(!home.path().join("workspace/ran").exists());
}

async fn strangers_stay_strangers(up: &Up, claim: &Value) {
    for params in [
        json!({}),
        json!({"auth": {"mode": "none"}}),
        json!({"auth": {"mode": "trusted-proxy", "forwarded_user": "owner"}}),
        token("wrong"),
        hello("wrong"),
    ] {
        let params = claiming(params, claim);
        let mut client = Client::stranger(up).await;
        // The frame itself may claim things, too.
        let frame = json!({"type": "req", "id": "c", "method": "connect", "params": params});
        client.text(claiming(frame, claim).to_string()).await;
        let answer = client.answer("c").await.1;
        assert_eq!(answer["ok"], false, "{claim}: {answer}");
        assert_eq!(client.closed().await, 1008);
    }
    let mut client = Client::stranger(up).await;
    let message = json!({"message": r#"/run execute_command {"command":"touch ran"}"#});
    let frame = json!({"type": "req", "id": "c", "method": "chat.send", "params": message});
    client.text(claiming(frame, claim).to_string()).await;
    assert_eq!(
        client.answer("c").await.1["error"]["code"],
        "PROTOCOL_ERROR"
    );
}

async fn refusals_stay_refusals(up: &Up, claim: &Value) {
    let mut client = Client::simple(up).await;
    let arguments = claiming(json!({"command": "touch ran; rm -rf /"}), claim);
    for arguments in [json!({"command": "touch ran; rm -rf /"}), arguments] {
        let message = json!({"message": format!("/run execute_command {arguments}")});
        client
            .request("m", "chat.send", claiming(message, claim))
            .await;
        let (before, answer) = client.answer("m").await;
        let done = before.iter().find(|frame| frame["event"] == "chat.tool");
        let refused = done.is_some_and(|frame| frame["payload"]["refused"] == true);
        assert!(
            refused || answer["ok"] == false,
            "{claim}: {before:?} {answer}"
        );
    }
}
