//! The simple dialect, check by check.

use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::client::{Client, open};
use super::parrot;
use crate::house::{House, TOKEN};

#[tokio::test]
async fn who_shows_the_token_is_let_in() {
    let house = House::open().await;
    let mut client = Client::stranger(&house).await;
    assert!(client.challenge["nonce"].as_str().unwrap().len() >= 16);
    assert!(client.challenge["ts"].is_i64());

    let early = client.ask("ping", json!({})).await;
    assert_eq!(early["ok"], false);
    assert_eq!(early["error"]["code"], "PROTOCOL_ERROR");
    assert!(early["error"]["message"].is_string());
    assert_eq!(early.get("payload"), None);

    let answer = client
        .ask(
            "connect",
            json!({"auth": {"mode": "token", "token": TOKEN}}),
        )
        .await;
    assert_eq!(answer["ok"], true);
    assert_eq!(answer.get("error"), None);
    assert_eq!(answer["payload"]["protocol"], 3);
    assert_eq!(answer["payload"]["policy"]["max_message_size"], 131_072);
    assert_eq!(
        client.ask("ping", json!({})).await["payload"],
        json!({"pong": true})
    );

    let again = client.ask("connect", json!({})).await;
    assert_eq!(again["error"]["code"], "PROTOCOL_ERROR");

    let mut second = Client::stranger(&house).await;
    let password = json!({"auth": {"mode": "password", "password": TOKEN}});
    assert_eq!(second.ask("connect", password).await["ok"], true);
    assert_eq!(clients(&house).await, 2);
    drop(second);
}

async fn clients(house: &House) -> u64 {
    let response = house.client.get(house.url("/health")).send().await.unwrap();
    let health: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    health["ws_clients"].as_u64().unwrap()
}

#[tokio::test]
async fn whoever_does_not_is_told_and_let_go() {
    let house = House::open().await;
    for (params, code) in [
        (
            json!({"auth": {"mode": "token", "token": "wrong"}}),
            "AUTH_FAILED",
        ),
        (
            json!({"auth": {"mode": "token", "token": ""}}),
            "AUTH_FAILED",
        ),
        (
            json!({"auth": {"mode": "token", "token": &TOKEN[1..]}}),
            "AUTH_FAILED",
        ),
        (
            json!({"auth": {"mode": "password", "password": "wrong"}}),
            "AUTH_FAILED",
        ),
        (json!({"auth": {"mode": "none"}}), "AUTH_FAILED"),
        (
            json!({"auth": {"mode": "trusted-proxy", "forwarded_user": "owner"}}),
            "AUTH_FAILED",
        ),
        (json!({"auth": {"mode": "token"}}), "PROTOCOL_ERROR"),
        (json!({"auth": TOKEN}), "PROTOCOL_ERROR"),
        (json!({}), "PROTOCOL_ERROR"),
    ] {
        let mut client = Client::stranger(&house).await;
        let answer = client.ask("connect", params.clone()).await;
        assert_eq!(answer["error"]["code"], code, "{params}: {answer}");
        assert_eq!(client.closed().await, 1008);
    }
    assert_eq!(clients(&house).await, 0);
}

#[tokio::test]
async fn what_is_no_request_is_told() {
    let house = House::open().await;
    for known in [false, true] {
        let mut client = if known {
            Client::simple(&house).await
        } else {
            Client::stranger(&house).await
        };
        // An event needs no answer; the next frame is that to what follows.
        client.text(r#"{"type":"event","event":"x"}"#).await;
        for (text, id) in [
            ("{", ""),
            (r#"{"type":"req","method":"ping"}"#, ""),
            (r#"{"type":"req","id":5,"method":"ping"}"#, ""),
            (r#"{"type":"poke","id":"p"}"#, "p"),
        ] {
            client.text(text).await;
            let answer = client.next().await;
            assert_eq!(answer["id"], id, "{text}");
            assert_eq!(answer["error"]["code"], "PROTOCOL_ERROR", "{text}");
        }
        client
            .socket
            .send(Message::binary(vec![0xff]))
            .await
            .unwrap();
        assert_eq!(client.next().await["error"]["code"], "PROTOCOL_ERROR");
    }
    let mut client = Client::simple(&house).await;
    let answer = client.ask("fly", json!({})).await;
    assert_eq!(answer["error"]["code"], "METHOD_NOT_FOUND");
    let answer = client.ask("terminal.exec", json!({"command": "id"})).await;
    assert_eq!(answer["error"]["code"], "UNAVAILABLE");
    for params in [
        json!({}),
        json!({"message": ""}),
        json!({"message": 1}),
        json!({"message": "x", "thinking_level": "deep"}),
        json!({"message": "x", "sender_id": "a b"}),
    ] {
        let answer = client.ask("chat.send", params).await;
        assert_eq!(answer["error"]["code"], "INVALID_PARAMS");
    }
}

#[tokio::test]
async fn words_come_as_they_are_said() {
    let house = parrot::house().await;
    let mut client = Client::simple(&house).await;
    client
        .request("7", "chat.send", json!({"message": "good day"}))
        .await;
    let (events, answer) = client.answer("7").await;
    let said: String = events
        .iter()
        .filter(|event| event["event"] == "chat.delta" && event["payload"]["req_id"] == "7")
        .map(|event| event["payload"]["text"].as_str().unwrap())
        .collect();
    assert_eq!(said, "you said good day");
    let payload = &answer["payload"];
    assert_eq!(payload["content"], "you said good day");
    assert_eq!(payload["model"], "grey");
    assert_eq!(
        payload["usage"],
        json!({"input_tokens": 3, "output_tokens": 5})
    );
    assert_eq!(payload["stop_reason"], "end_turn");

    client
        .request(
            "8",
            "chat.send",
            json!({"message": "hush", "stream": false, "model": "red"}),
        )
        .await;
    let (events, answer) = client.answer("8").await;
    assert_eq!(events, Vec::<Value>::new());
    assert_eq!(answer["payload"]["model"], "red", "this once");
    let status = client.ask("agent.status", json!({})).await;
    assert_eq!(status["payload"]["agents"][0]["model"], "parrot");
    let set = client.ask("agent.model", json!({"set": "green"})).await;
    assert_eq!(
        set["payload"],
        json!({"model": "green", "previous": "parrot"})
    );
    let answer = client.ask("chat.send", json!({"message": "hm"})).await;
    assert_eq!(answer["payload"]["model"], "green");
}

#[tokio::test]
async fn a_tool_is_told_from_its_beginning_to_its_end() {
    let house = parrot::house().await;
    std::fs::write(house.path("a.txt"), "ä".repeat(700)).unwrap();
    let mut client = Client::simple(&house).await;
    for (message, error, refused) in [
        ("read a.txt", false, false),
        ("read b.txt", true, false),
        ("read forbidden", true, true),
        (r#"/run read_file {"path":"a.txt"}"#, false, false),
    ] {
        client
            .request("t", "chat.send", json!({ "message": message }))
            .await;
        let (events, answer) = client.answer("t").await;
        let told: Vec<&Value> = events
            .iter()
            .filter(|event| event["event"] == "chat.tool")
            .map(|event| &event["payload"])
            .collect();
        let states: Vec<_> = told
            .iter()
            .map(|told| told["status"].as_str().unwrap())
            .collect();
        let wanted: &[&str] = if refused {
            &["done"]
        } else {
            &["running", "done"]
        };
        assert_eq!(states, wanted, "{message}");
        let done = told.last().unwrap();
        assert_eq!(done["name"], "read_file");
        assert_eq!(done["is_error"], error, "{message}: {done}");
        assert_eq!(done["refused"], refused);
        assert!(done["output"].as_str().unwrap().chars().count() <= 500);
        assert_eq!(answer["ok"], true, "{answer}");
    }
}

#[tokio::test]
async fn a_slow_answer_holds_nobody_up_and_can_be_ended() {
    let house = parrot::house().await;
    let mut client = Client::simple(&house).await;
    client
        .request(
            "slow",
            "chat.send",
            json!({"message": "wait", "sender_id": "a"}),
        )
        .await;
    let begun = client.next().await;
    assert_eq!(begun["payload"]["text"], "well…");
    let fast = client
        .ask("chat.send", json!({"message": "hi", "sender_id": "b"}))
        .await;
    assert_eq!(fast["payload"]["content"], "you said hi");
    let aborted = json!({"req_id": "slow"});
    client.request("abort", "chat.abort", aborted).await;
    let (before, answer) = client.answer("slow").await;
    assert_eq!(answer["payload"]["stop_reason"], "aborted", "{before:?}");
    assert_eq!(answer["payload"]["content"], "well…");
    let none = client.ask("chat.abort", json!({"req_id": "slow"})).await;
    assert_eq!(none["error"]["code"], "NOT_FOUND");
}

#[tokio::test]
async fn conversations_are_kept_and_let_go() {
    let house = parrot::house().await;
    let mut client = Client::simple(&house).await;
    client
        .ask(
            "chat.send",
            json!({"message": "one", "channel": "tty", "sender_id": "me"}),
        )
        .await;
    let list = client.ask("sessions.list", json!({})).await;
    assert_eq!(list["payload"]["sessions"][0]["key"], "tty:me");
    let key = json!({"session_key": "tty:me"});
    let history = client.ask("sessions.history", key.clone()).await;
    assert_eq!(history["payload"]["messages"].as_array().unwrap().len(), 2);
    assert_eq!(client.ask("sessions.reset", key.clone()).await["ok"], true);
    let history = client.ask("sessions.history", key.clone()).await;
    assert_eq!(history["payload"]["messages"], json!([]));
    assert_eq!(client.ask("sessions.delete", key.clone()).await["ok"], true);
    for method in [
        "sessions.get",
        "sessions.history",
        "sessions.reset",
        "sessions.delete",
    ] {
        let answer = client.ask(method, key.clone()).await;
        assert_eq!(answer["error"]["code"], "NOT_FOUND", "{method}");
    }
}

#[tokio::test]
async fn a_conversation_goes_on_under_the_key_that_its_answer_told() {
    let house = parrot::house().await;
    let mut client = Client::simple(&house).await;
    for message in ["one", "two"] {
        let params = json!({"message": message, "session_key": "mine", "channel": "tty"});
        let answer = client.ask("chat.send", params).await;
        assert_eq!(answer["payload"]["session_key"], "mine");
    }
    let key = json!({"session_key": "mine"});
    let history = client.ask("sessions.history", key).await;
    assert_eq!(history["payload"]["messages"].as_array().unwrap().len(), 4);
    let odd = json!({"message": "x", "session_key": "a b"});
    let answer = client.ask("chat.send", odd).await;
    assert_eq!(answer["error"]["code"], "INVALID_PARAMS");
}

#[tokio::test]
async fn a_command_is_the_gateways() {
    let house = parrot::house().await;
    let mut client = Client::simple(&house).await;
    let answer = client.ask("chat.send", json!({"message": "/help"})).await;
    assert_eq!(answer["payload"]["stop_reason"], "command");
    assert_eq!(answer["payload"]["model"], "gateway");
    assert_eq!(
        answer["payload"]["usage"],
        json!({"input_tokens": 0, "output_tokens": 0})
    );
}

#[tokio::test]
async fn foreign_pages_and_wrong_tokens_never_get_a_socket() {
    let house = House::open().await;
    let own = format!("http://{}", house.address);
    for (headers, status) in [
        (vec![("origin", "https://evil.example")], 403),
        (vec![("origin", "null")], 403),
        (vec![("host", "127.evil.com:80")], 403),
        (vec![("sec-fetch-site", "cross-site")], 403),
        (vec![("authorization", "Bearer wrong")], 401),
        (vec![("authorization", "Bearer ")], 401),
    ] {
        let error = open(house.address, &headers).await.unwrap_err();
        let tokio_tungstenite::tungstenite::Error::Http(response) = error else {
            panic!("an answer, and not {error}")
        };
        assert_eq!(response.status(), status, "{headers:?}");
    }
    let plain = house.client.get(house.url("/ws")).send().await.unwrap();
    assert_eq!(plain.status(), 400);
    assert!(plain.text().await.unwrap().contains("WebSocket"));

    let bearer = format!("Bearer {TOKEN}");
    let mut client = Client::with(&house, &[("origin", &own), ("authorization", &bearer)]).await;
    assert_eq!(client.ask("connect", json!({})).await["ok"], true);
    // A good bearer does not make a wrong token right.
    let mut client = Client::with(&house, &[("authorization", &bearer)]).await;
    let wrong = json!({"auth": {"mode": "token", "token": "wrong"}});
    assert_eq!(
        client.ask("connect", wrong).await["error"]["code"],
        "AUTH_FAILED"
    );
}

#[tokio::test]
async fn the_cookie_of_our_page_is_the_token() {
    let house = House::open().await;
    let page = house
        .client
        .get(house.url(&format!("/?token={TOKEN}")))
        .send()
        .await
        .unwrap();
    let cookie = page.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let own = format!("http://{}", house.address);
    let mut client = Client::with(&house, &[("origin", &own), ("cookie", &cookie)]).await;
    assert_eq!(client.ask("connect", json!({})).await["ok"], true);
    let mut client = Client::with(&house, &[("cookie", &cookie)]).await;
    let answer = client.ask("connect", json!({})).await;
    assert_eq!(
        answer["ok"], false,
        "a cookie without an origin is nobody's"
    );
}
