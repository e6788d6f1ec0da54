//! A gateway that stops.

use std::time::Duration;

use serde_json::json;

use super::client::Client;
use super::parrot;

#[tokio::test]
async fn a_stop_is_told_and_what_runs_gets_its_time() {
    let house = parrot::house().await;
    let mut idle = Client::simple(&house).await;
    let mut client = Client::simple(&house).await;
    let pipe = house.pipe("pipe");
    let run = json!({"message": format!(r#"/run execute_command {{"command":"echo go > pipe; cat pipe"}}"#)});
    client.request("r", "chat.send", run).await;
    let opened = tokio::task::spawn_blocking({
        let pipe = pipe.clone();
        move || std::fs::read_to_string(pipe).unwrap()
    });
    assert_eq!(opened.await.unwrap(), "go\n");
    house.shutdown.cancel();
    assert_eq!(idle.next().await["event"], "shutdown");
    assert_eq!(idle.closed().await, 1012);
    loop {
        if client.next().await["event"] == "shutdown" {
            break;
        }
    }
    let late = client.ask("ping", json!({})).await;
    assert_eq!(late["error"]["code"], "UNAVAILABLE");
    tokio::task::spawn_blocking(move || std::fs::write(pipe, "ended\n").unwrap())
        .await
        .unwrap();
    let (_, answer) = client.answer("r").await;
    assert!(
        answer["payload"]["content"]
            .as_str()
            .unwrap()
            .contains("ended"),
        "{answer}"
    );
    assert_eq!(client.closed().await, 1012);
    house.serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_does_not_end_in_time_is_ended() {
    let house = crate::house::House::with(|options| {
        options.model = Some(std::sync::Arc::new(parrot::Parrot));
        options.drain = Duration::from_millis(50);
    })
    .await;
    let mut client = Client::simple(&house).await;
    client
        .request("w", "chat.send", json!({"message": "wait"}))
        .await;
    assert_eq!(client.next().await["event"], "chat.delta");
    let mut other = Client::backend(&house).await;
    let begun = other
        .ask(
            "chat.send",
            json!({"message": "wait", "idempotencyKey": "k"}),
        )
        .await;
    assert_eq!(begun["payload"]["status"], "started", "{begun}");
    house.shutdown.cancel();
    house.serving.await.unwrap().unwrap();
    loop {
        if client.next().await["event"] == "shutdown" {
            break;
        }
    }
    assert_eq!(client.closed().await, 1012);
}
