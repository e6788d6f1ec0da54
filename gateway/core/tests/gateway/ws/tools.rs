//! OpenClaw's dialect: who hears of tools.

use serde_json::{Value, json};

use super::client::{Client, hello};
use super::openclaw_runs::run;
use super::parrot;
use crate::house::House;

/// A client that asked in `connect` for nothing, or for `caps`.
async fn connected(house: &House, caps: Value) -> Client {
    let mut client = Client::stranger(house).await;
    let mut params = hello();
    params["caps"] = caps;
    client.ask("connect", params).await;
    client
}

#[tokio::test]
async fn who_watches_sessions_hears_of_tools_without_asking_for_them_in_connect() {
    let house = parrot::house().await;
    std::fs::write(house.path("a.txt"), "hello\n").unwrap();
    let mut client = connected(&house, json!([])).await;
    let of_tools = |events: &[Value]| -> Vec<(Value, Value)> {
        let told = events
            .iter()
            .filter(|event| event["payload"]["stream"] == "tool");
        told.map(|event| {
            (
                event["event"].clone(),
                event["payload"]["data"]["phase"].clone(),
            )
        })
        .collect()
    };
    let (events, _) = run(&mut client, "a", json!({"message": "read a.txt"})).await;
    assert_eq!(of_tools(&events), [], "nobody asked");
    client.ask("sessions.subscribe", json!({})).await;
    let (events, _) = run(&mut client, "b", json!({"message": "read a.txt"})).await;
    let told = |phase: &str| (json!("session.tool"), json!(phase));
    assert_eq!(of_tools(&events), [told("start"), told("result")]);
}

/// The event that tells of a tool's `phase`, and all that came before it.
async fn until(client: &mut Client, phase: &str) -> (Vec<Value>, Value) {
    let mut before = Vec::new();
    loop {
        let frame = client.next().await;
        if frame["payload"]["data"]["phase"] == phase {
            return (before, frame);
        }
        before.push(frame);
    }
}

#[tokio::test]
async fn who_watches_sessions_hears_of_the_tools_of_all_of_them() {
    let house = parrot::house().await;
    std::fs::write(house.path("a.txt"), "hello\n").unwrap();
    for caps in [json!([]), json!(["tool-events"])] {
        let mut watcher = connected(&house, caps.clone()).await;
        watcher.ask("sessions.subscribe", json!({})).await;
        let mut other = Client::backend(&house).await;
        let asked = json!({"message": "read a.txt", "sessionKey": "agent:main:other"});
        run(&mut other, &format!("of {caps}").replace(' ', "-"), asked).await;
        let (before, start) = until(&mut watcher, "start").await;
        let (between, result) = until(&mut watcher, "result").await;
        for told in [&start, &result] {
            assert_eq!(told["event"], "session.tool", "{told}");
            assert_eq!(told["payload"]["sessionKey"], "agent:main:other");
            assert_eq!(told["payload"]["data"]["name"], "read_file");
        }
        assert_eq!(start["payload"]["data"]["args"], json!({"path": "a.txt"}));
        // What was said there is for those who watch that session.
        for told in before.iter().chain(&between) {
            assert!(
                told["event"] != "chat" && told["event"] != "agent",
                "{told}"
            );
        }

        // The same of what is asked on the page.
        house.message("read a.txt").send().await.unwrap();
        let (_, start) = until(&mut watcher, "start").await;
        let session = start["payload"]["sessionKey"].as_str().unwrap();
        assert!(session.starts_with("web-"), "{start}");
        until(&mut watcher, "result").await;

        watcher.ask("sessions.unsubscribe", json!({})).await;
        let asked = json!({"message": "read a.txt", "sessionKey": "agent:main:third"});
        run(
            &mut other,
            &format!("{caps} later").replace(' ', "-"),
            asked,
        )
        .await;
        watcher.request("last", "health", json!({})).await;
        let (events, _) = watcher.answer("last").await;
        let of_tools = events
            .iter()
            .filter(|event| event["event"] == "session.tool");
        assert_eq!(of_tools.count(), 0, "{events:?}");
    }
}

#[tokio::test]
async fn a_run_of_which_tools_were_told_is_told_whole_when_its_session_is_watched() {
    let house = parrot::house().await;
    let mut watcher = connected(&house, json!([])).await;
    watcher.ask("sessions.subscribe", json!({})).await;
    let mut other = Client::backend(&house).await;
    let asked = json!({"message": "wait", "sessionKey": "main", "idempotencyKey": "w"});
    other.request("w", "agent", asked).await;
    // It has begun to speak: that was told to who began it.
    loop {
        let told = other.next().await;
        if told["payload"]["state"] == "delta" {
            break;
        }
    }
    let key = json!({"key": "main"});
    watcher
        .request("s", "sessions.messages.subscribe", key.clone())
        .await;
    let (_, start) = until(&mut watcher, "start").await;
    assert_eq!(start["payload"]["stream"], "lifecycle");
    other.ask("chat.abort", json!({"sessionKey": "main"})).await;
    let mut said = String::new();
    loop {
        let told = watcher.next().await["payload"].clone();
        match told["state"].as_str() {
            Some("delta") => said += told["deltaText"].as_str().unwrap(),
            Some("aborted") => break,
            _ => {}
        }
    }
    assert_eq!(said, "well…");
}
