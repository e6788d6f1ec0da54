//! OpenClaw's dialect: what comes with a message, on its way to the model.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use gateway::limits::{
    MAX_ATTACHED_TEXT_BYTES, MAX_ATTACHMENTS, MAX_EXTRA_PROMPT_BYTES, MAX_PICTURE_BYTES,
};
use model_upstream::{Answer, Wire};
use serde_json::{Value, json};

use super::client::{Client, hello};
use crate::talking::Talking;

/// The head of a picture of 2 × 3 pixels.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x03\x08\x02\0\0\0";

fn attached(name: &str, media_type: &str, bytes: &[u8]) -> Value {
    json!({"type": "file", "fileName": name, "mimeType": media_type, "content": BASE64_STANDARD.encode(bytes)})
}

/// `agent` with `more`, and its last answer.
async fn run(client: &mut Client, id: &str, more: Value) -> Value {
    let mut params = json!({"sessionKey": "main", "idempotencyKey": id});
    params
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    client.request(id, "agent", params).await;
    let (_, first) = client.answer(id).await;
    if first["ok"] == false {
        return first;
    }
    client.answer(id).await.1
}

/// The pictures of a message as each wire has them.
fn pictures(wire: Wire, message: &Value) -> Vec<String> {
    let data = |text: &Value| text.as_str().unwrap().to_owned();
    if wire == Wire::Ollama {
        let images = message["images"].as_array();
        return images.into_iter().flatten().map(data).collect();
    }
    let parts = message["content"].as_array();
    let parts = parts.into_iter().flatten();
    parts
        .filter_map(|part| match wire {
            Wire::Anthropic if part["type"] == "image" => {
                assert_eq!(part["source"]["type"], "base64");
                assert_eq!(part["source"]["media_type"], "image/png");
                Some(data(&part["source"]["data"]))
            }
            Wire::OpenAi if part["type"] == "image_url" => {
                let url = data(&part["image_url"]["url"]);
                let data = url.strip_prefix("data:image/png;base64,").unwrap();
                Some(data.to_owned())
            }
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn a_picture_reaches_the_model_on_each_wire_and_stays_in_the_conversation() {
    let data = BASE64_STANDARD.encode(PNG);
    for wire in [Wire::Anthropic, Wire::OpenAi, Wire::Ollama] {
        let talking = Talking::script(wire, vec![Answer::text("A dot.")]).await;
        let mut client = Client::backend(&talking.house).await;
        // What it is, is told by its bytes.
        let one = attached("dot.jpg", "image/jpeg", PNG);
        let params = json!({"message": "What is this?", "attachments": [one]});
        let answer = run(&mut client, "a", params).await;
        assert_eq!(answer["payload"]["status"], "ok", "{wire:?}: {answer}");
        let other = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}});
        let params = json!({"sessionKey": "main", "idempotencyKey": "b", "attachments": [other]});
        let begun = client.ask("chat.send", params).await;
        assert_eq!(
            begun["payload"]["status"], "started",
            "without a word: {begun}"
        );
        client.ask("agent.wait", json!({"runId": "b"})).await;
        run(&mut client, "c", json!({"message": "And before?"})).await;

        let requests = talking.upstream.requests();
        let counts = requests.iter().map(|asked| {
            let messages = asked.body["messages"].as_array().unwrap();
            let shown = messages.iter().flat_map(|one| pictures(wire, one));
            shown.inspect(|one| assert_eq!(*one, data)).count()
        });
        assert_eq!(counts.collect::<Vec<_>>(), [1, 2, 2], "{wire:?}");
        let asked = requests[0].body["messages"].to_string();
        assert!(asked.contains("What is this?"), "{asked}");

        let history = client
            .ask("chat.history", json!({"sessionKey": "main"}))
            .await;
        let said = &history["payload"]["messages"][0]["content"];
        assert_eq!(said[0]["text"], "What is this?");
        assert_eq!(said[1]["type"], "image");
        assert_eq!(said[1]["mimeType"], "image/png");
        assert!(
            !history.to_string().contains(&data),
            "its bytes are not told"
        );
    }
}

#[tokio::test]
async fn a_text_is_read_with_its_name() {
    let talking = Talking::script(Wire::Anthropic, vec![Answer::text("I see.")]).await;
    let mut client = Client::backend(&talking.house).await;
    let text = attached("notes.txt", "text/plain", "Grüße\n".as_bytes());
    let params = json!({"message": "/help", "attachments": [text, attached("a.png", "", PNG)]});
    let answer = run(&mut client, "a", params).await;
    let told = &answer["payload"]["result"]["payloads"][0]["text"];
    assert_eq!(told, "I see.", "a message with files is no command");
    let content = &talking.upstream.requests()[0].body["messages"][0]["content"];
    assert_eq!(content[0]["text"], "/help");
    assert_eq!(
        content[1]["text"],
        "[Attached file: notes.txt]\n```\nGrüße\n```"
    );
    assert_eq!(content[2]["type"], "image");
}

#[tokio::test]
async fn what_is_not_taken_is_told_and_nothing_is_begun() {
    let talking = Talking::script(Wire::Anthropic, vec![Answer::text("Yes.")]).await;
    let mut client = Client::stranger(&talking.house).await;
    let hello = client.ask("connect", hello()).await;
    let policy = &hello["payload"]["policy"]["attachments"];
    assert_eq!(policy["maxImageBytes"], MAX_PICTURE_BYTES);
    assert_eq!(policy["maxBytes"], 19_464_192, "as OpenClaw has it");
    let mut large = PNG.to_vec();
    large.resize(MAX_PICTURE_BYTES + 1, 0);
    let long = "x".repeat(MAX_ATTACHED_TEXT_BYTES + 1);
    let many: Vec<_> = (0..=MAX_ATTACHMENTS)
        .map(|_| attached("a.png", "", PNG))
        .collect();
    for (attachments, words) in [
        (json!("a.png"), "`attachments` is a list"),
        (json!([{}]), "`attachments[0]` needs its `content`"),
        (json!([{"content": "?"}]), "attachment 1 is not base64"),
        (json!([{"content": ""}]), "attachment 1 is empty"),
        (
            json!([attached("a.pdf", "application/pdf", b"%PDF-1.7\n\xe2\xe3")]),
            "a.pdf is neither a picture",
        ),
        (
            json!([attached("a.heic", "image/heic", b"\0\0\0\x18ftypheic")]),
            "a.heic is no whole PNG",
        ),
        (
            json!([attached("a.png", "image/png", &large)]),
            "a.png has 6291457 bytes",
        ),
        (
            json!([attached("a.txt", "text/plain", long.as_bytes())]),
            "a.txt has 65537 bytes",
        ),
        (json!(many), "at most 20"),
    ] {
        for method in ["agent", "chat.send"] {
            let params = json!({"message": "Look", "sessionKey": "main", "idempotencyKey": "x", "attachments": attachments});
            let answer = client.ask(method, params).await;
            assert_eq!(answer["error"]["code"], "INVALID_REQUEST", "{answer}");
            let told = answer["error"]["message"].as_str().unwrap();
            assert!(told.contains(words), "{words}: {told}");
        }
    }
    assert!(talking.upstream.requests().is_empty());
    let list = client.ask("sessions.list", json!({})).await;
    assert_eq!(list["payload"]["sessions"], json!([]));
}

/// A model that takes no pictures, as `OpenRouter` says it.
fn blind(asked: &model_upstream::Asked) -> Answer {
    if asked.body["messages"].to_string().contains("base64") {
        let told =
            r#"{"error":{"message":"No endpoints found that support image input","code":404}}"#;
        return Answer::status(404, told);
    }
    Answer::text("Yes.")
}

#[tokio::test]
async fn a_model_that_takes_no_pictures_says_so_and_the_conversation_goes_on() {
    let talking = Talking::with(blind, |_| ()).await;
    let mut client = Client::backend(&talking.house).await;
    let params = json!({"message": "Look", "attachments": [attached("a.png", "", PNG)]});
    let failed = run(&mut client, "a", params).await;
    let told = failed["error"]["message"].as_str().unwrap();
    for words in [
        "test-model takes no pictures",
        "without it",
        "support image input",
    ] {
        assert!(told.contains(words), "{told}");
    }
    let next = run(&mut client, "b", json!({"message": "Are you there?"})).await;
    assert_eq!(next["payload"]["status"], "ok", "{next}");
    let requests = talking.upstream.requests();
    assert_eq!(requests.len(), 2, "it was not asked with the picture again");
    assert!(requests[1].body.to_string().contains("a picture was here"));
}

#[tokio::test]
async fn earlier_pictures_are_left_out_for_a_model_that_takes_none() {
    let sees = |asked: &model_upstream::Asked| match asked.number {
        0 => Answer::text("A dot."),
        _ => blind(asked),
    };
    let talking = Talking::with(sees, |_| ()).await;
    let mut client = Client::backend(&talking.house).await;
    let params = json!({"message": "Look", "attachments": [attached("a.png", "", PNG)]});
    run(&mut client, "a", params).await;
    let next = run(&mut client, "b", json!({"message": "And now?"})).await;
    assert_eq!(next["payload"]["status"], "ok", "{next}");
    assert_eq!(next["payload"]["result"]["payloads"][0]["text"], "Yes.");
    // It is kept, for a model that takes it.
    let history = client
        .ask("chat.history", json!({"sessionKey": "main"}))
        .await;
    assert_eq!(
        history["payload"]["messages"][0]["content"][1]["type"],
        "image"
    );
}

#[tokio::test]
async fn what_a_program_adds_to_the_prompt_is_for_one_run() {
    let talking = Talking::script(Wire::Anthropic, vec![Answer::text("Yes.")]).await;
    let mut client = Client::backend(&talking.house).await;
    std::fs::write(talking.house.path("USER.md"), "Ann").unwrap();
    let extra = "Answer in verse.";
    let params = json!({"message": "Hi", "extraSystemPrompt": format!(" {extra}\n")});
    run(&mut client, "a", params).await;
    run(
        &mut client,
        "b",
        json!({"message": "Hi", "extraSystemPrompt": ""}),
    )
    .await;
    let requests = talking.upstream.requests();
    let system = |at: usize| requests[at].body["system"].as_array().unwrap().clone();
    let (with, without) = (system(0), system(1));
    assert_eq!(with.len(), 3);
    assert_eq!(
        with[2],
        json!({"type": "text", "text": extra}),
        "last, and not marked to be kept"
    );
    assert_eq!(with[..2], without[..]);
    assert!(!requests[1].body.to_string().contains(extra));

    let most = "x".repeat(MAX_EXTRA_PROMPT_BYTES);
    let taken = run(
        &mut client,
        "c",
        json!({"message": "Hi", "extraSystemPrompt": most}),
    )
    .await;
    assert_eq!(taken["payload"]["status"], "ok", "{taken}");
    let long = run(
        &mut client,
        "d",
        json!({"message": "Hi", "extraSystemPrompt": most + "x"}),
    )
    .await;
    assert_eq!(long["error"]["code"], "INVALID_REQUEST");
    let told = long["error"]["message"].as_str().unwrap();
    assert!(told.contains("20481 bytes, at most 20480"), "{told}");
}
