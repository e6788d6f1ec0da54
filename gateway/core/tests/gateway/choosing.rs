//! Which model answers, and how long it thinks: chosen, told, and chosen wrongly.

use std::sync::Arc;

use gateway::model::{
    Access, Dialect, Http, Model, Ollama, OpenAi, Patience, Retries, Router, Slot, Thinking,
};
use model_upstream::{Answer, Upstream, Wire};
use serde_json::{Value, json};

use crate::talking::{MODEL, Talking, of};
use crate::ws::client::Client;

/// Two providers: of one alone only it knows which models it has.
async fn two() -> (Upstream, Arc<dyn Model>) {
    let upstream = Upstream::start(Wire::OpenAi, |_| Answer::text("Hello."))
        .await
        .unwrap();
    let http = Http::new(Patience::default());
    let access = |name| Access::with_key(name, "sk-test-key").at(&upstream.url());
    let openai = OpenAi::new(access("openai"), Dialect::named("openai").unwrap(), &http);
    let slots = vec![
        Slot::new(Arc::new(openai), MODEL),
        Slot::new(Arc::new(Ollama::new(access("ollama"), &http)), "llama"),
    ];
    let router = Router::new(slots, Retries::default(), 7).unwrap();
    (upstream, Arc::new(router))
}

#[tokio::test]
async fn a_model_that_nobody_has_is_not_made_everybodys() {
    let (_upstream, model) = two().await;
    let talking = Talking::with(
        |_| Answer::text("never asked"),
        |options| options.model = Some(model),
    )
    .await;
    let mut client = Client::simple(&talking.house).await;
    let first = format!("openai/{MODEL}");
    let model = client.ask("agent.model", json!({})).await;
    assert_eq!(model["payload"], json!({"model": first}));
    let wrong = client.ask("agent.model", json!({"set": "no/body"})).await;
    assert_eq!(wrong["error"]["code"], "INVALID_PARAMS", "{wrong}");
    let why = wrong["error"]["message"].as_str().unwrap();
    assert!(
        why.contains("`no/body`; nothing was changed") && why.contains(&first),
        "{why}"
    );
    assert_eq!(talking.say("web:a", "Hi").await["text"], "Hello.");
    let set = client.ask("agent.model", json!({"set": MODEL})).await;
    assert_eq!(
        set["payload"],
        json!({"model": first, "previous": first}),
        "{set}"
    );
    let status = client.ask("agent.status", json!({})).await;
    assert_eq!(status["payload"]["agents"][0]["model"], first);
}

#[tokio::test]
async fn a_session_is_not_given_a_model_that_nobody_has() {
    let (_upstream, model) = two().await;
    let talking = Talking::with(
        |_| Answer::text("never asked"),
        |options| options.model = Some(model),
    )
    .await;
    let mut client = Client::backend(&talking.house).await;
    let patch = json!({"key": "main", "model": "no/body"});
    let wrong = client.ask("sessions.patch", patch).await;
    assert_eq!(wrong["error"]["code"], "INVALID_REQUEST", "{wrong}");
    assert!(wrong.to_string().contains("`no/body`; nothing was changed"));
    for model in [json!("ollama/llama"), json!(null)] {
        let patch = json!({"key": "main", "model": model});
        let done = client.ask("sessions.patch", patch).await;
        assert_eq!(done["payload"]["entry"]["model"], model, "{done}");
    }
}

#[tokio::test]
async fn a_chosen_model_that_is_gone_is_told_and_another_answers() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("gateway.db");
    let before = Talking::with(
        |_| Answer::text("Hi."),
        |options| options.database = Some(database.clone()),
    )
    .await;
    before.say("web:a", "/model anthropic/other-model").await;
    before.house.shutdown.cancel();
    before.house.serving.await.unwrap().unwrap();

    // The providers are others now.
    let (_upstream, model) = two().await;
    let after = Talking::with(
        |_| Answer::text("never asked"),
        |options| {
            options.database = Some(database.clone());
            options.model = Some(model);
        },
    )
    .await;
    let lines = after.lines("web:b", "Hi").await;
    assert_eq!(lines.last().unwrap()["text"], "Hello.", "{lines:?}");
    let note = of(&lines, "note")[0]["text"].as_str().unwrap();
    assert!(
        note.starts_with(
            "The model anthropic/other-model, which was chosen before, is not configured any more"
        ),
        "{note}"
    );
}

#[tokio::test]
async fn the_configured_thinking_is_told_where_nothing_else_was_chosen() {
    let talking = Talking::with(
        |_| Answer::text("Hi."),
        |options| options.thinking = Thinking::High,
    )
    .await;
    talking.say("web:a", "Hi").await;
    let says = |answer: Value, text: &str| {
        assert!(answer["text"].as_str().unwrap().contains(text), "{answer}");
    };
    says(
        talking.say("web:a", "/think").await,
        "thinking is high here",
    );
    says(talking.say("web:a", "/status").await, "Thinking: high");
    talking.say("web:a", "/think off").await;
    says(talking.say("web:a", "/think").await, "thinking is off here");
}

#[tokio::test]
async fn model_and_thinking_are_chosen_by_commands_and_per_message() {
    let talking = Talking::with(|_| Answer::new().think("Hm.").say("Hi."), |_| ()).await;
    let set = talking.say("web:a", "/think low").await;
    assert_eq!(set["stop_reason"], "command");
    assert_eq!(set["model"], "gateway");
    let lines = talking.lines("web:a", "Hello").await;
    assert_eq!(of(&lines, "thinking")[0]["text"], "Hm.");
    assert_eq!(
        talking.upstream.requests()[0].body["thinking"]["budget_tokens"],
        4096
    );
    let wrong = talking.say("web:a", "/think hard").await;
    assert_eq!(wrong["kind"], "error");
    assert!(wrong["text"].as_str().unwrap().contains("xhigh"), "{wrong}");

    let shown = talking.say("web:a", "/model").await;
    assert!(
        shown["text"]
            .as_str()
            .unwrap()
            .contains(&format!("anthropic/{MODEL}")),
        "{shown}"
    );
    let chosen = talking.say("web:a", "/model haiku").await;
    assert_eq!(chosen["kind"], "message", "{chosen}");
    talking.say("web:b", "Hello").await;
    let model = talking.upstream.requests()[1].body["model"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(model.contains("haiku"), "{model}");

    let status = talking.say("web:a", "/status").await;
    assert!(
        status["text"].as_str().unwrap().contains("Thinking: low"),
        "{status}"
    );
    talking.say("web:a", "/new").await;
    let anew = talking.say("web:a", "/status").await;
    assert!(
        anew["text"].as_str().unwrap().contains("0 messages"),
        "{anew}"
    );
}
