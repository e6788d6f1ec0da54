//! OpenClaw's dialect: what a run may be asked with.

use model_upstream::{Answer, Wire};
use serde_json::{Value, json};

use super::client::Client;
use super::parrot;
use crate::talking::{MODEL, Talking};

/// `agent` with `more`, and its second answer.
pub(super) async fn run(client: &mut Client, id: &str, more: Value) -> (Vec<Value>, Value) {
    let mut params = json!({"message": "Hi", "sessionKey": "main", "idempotencyKey": id});
    params
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    client.request(id, "agent", params).await;
    let (_, first) = client.answer(id).await;
    if first["ok"] == false {
        return (Vec::new(), first);
    }
    assert_eq!(first["payload"]["status"], "accepted", "{first}");
    client.answer(id).await
}

#[tokio::test]
async fn what_a_run_is_asked_with_counts() {
    let house = parrot::house().await;
    let mut client = Client::backend(&house).await;
    for (id, more, model) in [
        (
            "a",
            json!({"provider": "parrot", "model": "blue"}),
            "parrot/blue",
        ),
        (
            "b",
            json!({"provider": "parrot", "model": "parrot/red"}),
            "parrot/red",
        ),
        (
            "c",
            json!({"model": "green", "deliver": false, "timeout": 0}),
            "green",
        ),
        ("d", json!({"label": "birds", "timeout": 600}), "grey"),
    ] {
        let (_, answer) = run(&mut client, id, more).await;
        let told = &answer["payload"];
        assert_eq!(told["status"], "ok", "{answer}");
        assert_eq!(told["result"]["meta"]["agentMeta"]["model"], model);
    }
    let row = client
        .ask("sessions.describe", json!({"key": "main"}))
        .await;
    assert_eq!(row["payload"]["session"]["label"], "birds");
}

#[tokio::test]
async fn what_cannot_be_had_is_told_and_nothing_begun() {
    let house = parrot::house().await;
    let mut client = Client::backend(&house).await;
    for (more, code, words) in [
        (json!({"deliver": true}), "UNAVAILABLE", "no channels"),
        (
            json!({"provider": "hawk"}),
            "INVALID_REQUEST",
            "no provider `hawk`",
        ),
        (json!({"timeout": "soon"}), "INVALID_REQUEST", "`timeout`"),
        (json!({"timeoutMs": -1}), "INVALID_REQUEST", "`timeoutMs`"),
        (json!({"label": 1}), "INVALID_REQUEST", "`label`"),
        (
            json!({"idempotencyKey": "a b"}),
            "INVALID_REQUEST",
            "`idempotencyKey`",
        ),
    ] {
        let (_, answer) = run(&mut client, "x", more.clone()).await;
        assert_eq!(answer["error"]["code"], code, "{more}: {answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(words), "{more}: {answer}");
    }
    let list = client.ask("sessions.list", json!({})).await;
    assert_eq!(list["payload"]["sessions"], json!([]));
}

#[tokio::test]
async fn a_run_ends_when_its_time_is_up() {
    let house = parrot::house().await;
    let mut client = Client::backend(&house).await;
    let (events, answer) = run(&mut client, "t", json!({"message": "wait", "timeoutMs": 1})).await;
    let told = &answer["payload"];
    let words = [&told["status"], &told["summary"], &told["stopReason"]];
    assert_eq!(words, ["timeout", "aborted", "timeout"], "{answer}");
    let last = &events.last().unwrap()["payload"];
    assert_eq!(
        [&last["state"], &last["stopReason"]],
        ["aborted", "timeout"]
    );
    let waited = client.ask("agent.wait", json!({"runId": "t"})).await;
    assert_eq!(waited["payload"]["status"], "timeout");
    assert!(waited["payload"]["endedAt"].is_u64(), "it has ended");
}

#[tokio::test]
async fn without_a_key_each_message_is_one_of_its_own() {
    let house = parrot::house().await;
    let mut client = Client::backend(&house).await;
    let mut runs = Vec::new();
    for _ in 0..2 {
        let begun = client
            .ask("chat.send", json!({"message": "Hi", "sessionKey": "main"}))
            .await;
        assert_eq!(begun["payload"]["status"], "started", "{begun}");
        runs.push(begun["payload"]["runId"].clone());
    }
    assert_ne!(runs[0], runs[1]);
    for run in runs {
        let waited = client.ask("agent.wait", json!({"runId": run})).await;
        assert_eq!(waited["payload"]["status"], "ok", "{waited}");
    }
}

#[tokio::test]
async fn words_come_with_all_that_was_said_so_far() {
    let house = parrot::house().await;
    let mut client = Client::backend(&house).await;
    let (events, _) = run(&mut client, "w", json!({"message": "one two"})).await;
    let mut said = String::new();
    for event in events
        .iter()
        .filter(|event| event["payload"]["state"] == "delta")
    {
        said += event["payload"]["deltaText"].as_str().unwrap();
        assert_eq!(event["payload"]["message"]["content"][0]["text"], said);
    }
    assert_eq!(said, "you said one two");
}

#[tokio::test]
async fn all_models_are_listed_and_not_only_the_chosen_one() {
    let talking = Talking::script(Wire::Ollama, vec![Answer::text("Hi")]).await;
    let mut client = Client::backend(&talking.house).await;
    let list = client.ask("models.list", json!({})).await;
    assert_eq!(
        list["payload"]["models"],
        json!([{"id": MODEL, "name": MODEL, "provider": "ollama"}])
    );
}
