//! Messages, their words and tools, and the model that answers.

use model_upstream::{Answer, Asked, Gate};
use serde_json::{Value, json};

use crate::chats::{Chat, MODEL, last_said};
use crate::socket::Client;

/// Says what it heard; lists files when asked to, is slow when asked to wait.
fn parrot(gate: &Gate) -> impl Fn(&Asked) -> Answer + Send + Sync + 'static {
    let gate = gate.clone();
    move |asked| match last_said(asked) {
        None => Answer::text("There they are."),
        Some(said) if said.contains("look") => {
            Answer::new().call("list_files", json!({"path": "."}))
        }
        Some(said) if said.contains("work") => {
            Answer::new().call("execute_command", json!({"command": "cat pipe"}))
        }
        Some(said) if said.contains("wait") => Answer::new().say("Well… ").hold(&gate).say("now."),
        Some(_) => Answer::new().words("One two three."),
    }
}

fn deltas(frames: &[Value], id: &str) -> Vec<String> {
    let mine = frames
        .iter()
        .filter(|frame| frame["event"] == "chat.delta" && frame["payload"]["req_id"] == id);
    mine.map(|frame| frame["payload"]["text"].as_str().unwrap().to_owned())
        .collect()
}

/// Checks 14 and 15.
#[tokio::test]
async fn what_is_asked_badly_is_told() {
    let chat = Chat::start(parrot(&Gate::new())).await;
    let mut client = Client::simple(&chat.up).await;
    let pong = client.ask("ping", json!({})).await;
    assert_eq!(pong["payload"], json!({"pong": true}));
    for params in [json!({}), json!({"message": ""}), json!({"message": " "})] {
        let answer = client.ask("chat.send", params).await;
        assert_eq!(answer["error"]["code"], "INVALID_PARAMS", "{answer}");
    }
    assert!(chat.upstream.requests().is_empty());
}

/// Check 16.
#[tokio::test]
async fn words_come_before_the_answer_and_are_it() {
    let chat = Chat::start(parrot(&Gate::new())).await;
    let mut client = Client::simple(&chat.up).await;
    let params = json!({"message": "count"});
    client.request("m", "chat.send", params).await;
    let (before, answer) = client.answer("m").await;
    let words = deltas(&before, "m");
    assert!(!words.is_empty());
    assert_eq!(answer["payload"]["content"], words.concat());
    assert_eq!(words.concat(), "One two three.");
    let usage = &answer["payload"]["usage"];
    assert_eq!(usage, &json!({"input_tokens": 10, "output_tokens": 5}));
}

/// Check 17.
#[tokio::test]
async fn without_a_stream_there_is_the_answer_alone() {
    let chat = Chat::start(parrot(&Gate::new())).await;
    let mut client = Client::simple(&chat.up).await;
    let params = json!({"message": "count", "stream": false});
    client.request("m", "chat.send", params).await;
    let (before, answer) = client.answer("m").await;
    assert!(
        before.iter().all(|frame| frame["event"] == "tick"),
        "{before:?}"
    );
    assert_eq!(answer["payload"]["content"], "One two three.");
}

/// Check 18.
#[tokio::test]
async fn a_tool_is_told_running_and_done_before_the_answer() {
    let chat = Chat::start(parrot(&Gate::new())).await;
    let mut client = Client::simple(&chat.up).await;
    client
        .request("m", "chat.send", json!({"message": "look"}))
        .await;
    let (before, answer) = client.answer("m").await;
    let told = before.iter().filter(|frame| frame["event"] == "chat.tool");
    let told: Vec<_> = told.map(|frame| &frame["payload"]).collect();
    let states: Vec<_> = told.iter().map(|told| &told["status"]).collect();
    assert_eq!(states, ["running", "done"], "{before:?}");
    assert!(told.iter().all(|told| told["name"] == "list_files"));
    assert!(told[1]["output"].as_str().unwrap().contains("notes.txt"));
    assert_eq!(answer["payload"]["content"], "There they are.");
}

/// Checks 19 and 27, where they concern chats.
#[tokio::test]
async fn what_is_slow_holds_nobody_up() {
    let gate = Gate::new();
    let chat = Chat::start(parrot(&gate)).await;
    let pipe = chat.home.path().join("workspace/pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let mut client = Client::simple(&chat.up).await;
    let say = |message: &str, who: &str| json!({"message": message, "sender_id": who});
    client.request("slow", "chat.send", say("wait", "a")).await;
    client.request("tool", "chat.send", say("work", "b")).await;
    // Both are at it: one said its first word, the other's command runs.
    let (mut spoke, mut runs) = (false, false);
    while !(spoke && runs) {
        let frame = client.next().await;
        spoke |= frame["event"] == "chat.delta" && frame["payload"]["req_id"] == "slow";
        runs |= frame["event"] == "chat.tool" && frame["payload"]["status"] == "running";
    }
    client.request("fast", "chat.send", say("count", "c")).await;
    client.request("ping", "ping", json!({})).await;
    let mut answered = Vec::new();
    while answered.len() < 2 {
        let frame = client.next().await;
        if frame["type"] == "res" {
            answered.push(frame["id"].as_str().unwrap().to_owned());
        }
    }
    answered.sort();
    assert_eq!(answered, ["fast", "ping"]);
    gate.open();
    let slow = client.answer("slow").await.1;
    assert_eq!(slow["payload"]["content"], "Well… now.");
    let written = tokio::task::spawn_blocking(move || std::fs::write(pipe, "done"));
    let tool = client.answer("tool").await.1;
    assert_eq!(tool["payload"]["content"], "There they are.");
    written.await.unwrap().unwrap();
}

/// Check 20.
#[tokio::test]
async fn a_command_changes_the_default_model() {
    let chat = Chat::start(parrot(&Gate::new())).await;
    let mut client = Client::simple(&chat.up).await;
    let message = json!({"message": "/model gpt-other"});
    let answer = client.ask("chat.send", message).await;
    assert_eq!(answer["payload"]["stop_reason"], "command", "{answer}");
    assert_eq!(answer["payload"]["model"], "gateway");
    let model = client.ask("agent.model", json!({})).await;
    assert_eq!(model["payload"]["model"], "openai/gpt-other", "{model}");
    client.ask("chat.send", json!({"message": "count"})).await;
    assert_eq!(chat.upstream.requests()[0].body["model"], "gpt-other");
}

/// Check 21.
#[tokio::test]
async fn a_message_may_name_its_model() {
    let chat = Chat::start(parrot(&Gate::new())).await;
    let mut client = Client::simple(&chat.up).await;
    let named = json!({"message": "count", "model": "openai/m"});
    assert_eq!(client.ask("chat.send", named).await["ok"], true);
    let plain = json!({"message": "count"});
    assert_eq!(client.ask("chat.send", plain).await["ok"], true);
    let asked = chat.upstream.requests();
    let models: Vec<_> = asked.iter().map(|asked| &asked.body["model"]).collect();
    assert_eq!(models, ["m", MODEL]);
}
