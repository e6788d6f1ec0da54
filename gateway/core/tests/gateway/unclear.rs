//! What a person is told where a model did not make itself clear, and what they are not bothered with.

use gateway::limits::{MAX_CALLS_OF_AN_ANSWER, MAX_ROUNDS, MAX_SAME_CALLS};
use model_upstream::{Answer, Wire};
use serde_json::json;

use crate::house::House;
use crate::talking::{MODEL, Talking, events};

#[tokio::test]
async fn nobody_is_asked_about_arguments_that_cannot_be_read() {
    let answers = vec![
        Answer::new().call_raw(None, "execute_command", r#"{"command": "ticklish"#),
        Answer::text("I write it anew."),
    ];
    let mut talking = Talking::script(Wire::Anthropic, answers).await;
    let lines = talking.lines("web:a", "Go").await;
    assert!(!events(&lines).contains(&"asking"), "{lines:?}");
    assert_eq!(lines.last().unwrap()["text"], "I write it anew.");
    // The hook asks about it and nobody can say yes, so it was refused; what it does not ask about fails, and says why.
    assert_eq!(talking.house.judged().len(), 1);
    assert!(talking.house.nothing_ended());
}

#[tokio::test]
async fn a_model_that_never_comes_to_an_end_is_said_to() {
    let talking = Talking::with(
        |asked| {
            let command = format!("echo {}", asked.body["messages"].as_array().unwrap().len());
            Answer::new().call("execute_command", json!({"command": command}))
        },
        |_| (),
    )
    .await;
    let answer = talking.say("web:a", "Go").await;
    assert_eq!(answer["stop_reason"], "max_rounds");
    assert_eq!(
        answer["text"],
        format!(
            "[stopped here after {MAX_ROUNDS} rounds of tools; answer \"go on\" to have it continue]"
        )
    );
    assert_eq!(talking.upstream.requests().len(), MAX_ROUNDS);
}

#[tokio::test]
async fn a_failure_names_the_model_that_was_asked() {
    let answers = vec![Answer::status(500, "{}"), Answer::status(500, "{}")];
    let talking = Talking::script(Wire::Anthropic, answers).await;
    let answer = talking.say("web:a", "Hi").await;
    assert_eq!(answer["stop_reason"], "error");
    assert_eq!(answer["model"], format!("anthropic/{MODEL}"));
    let text = answer["text"].as_str().unwrap();
    assert!(
        text.starts_with("I could not answer: anthropic: "),
        "{text}"
    );
}

#[tokio::test]
async fn a_refusal_is_told_to_a_person_in_other_words_than_to_a_model() {
    let house = House::open().await;
    let mut client = crate::ws::client::Client::simple(&house).await;
    let answer = client
        .ask(
            "chat.send",
            json!({"message": r#"/run execute_command {"command": "forbidden"}"#}),
        )
        .await;
    let text = answer["payload"]["content"].as_str().unwrap();
    assert!(
        text.starts_with("The conscience refused this call, nothing was run: It would do harm.")
    );
    assert!(text.contains("Instead: Do something else."), "{text}");
    assert!(text.contains("/trace/"), "{text}");
    assert!(!text.contains("tell the user"), "{text}");
}

#[tokio::test]
async fn an_answer_with_calls_without_number_is_cut_short() {
    let mut many = Answer::new();
    for number in 0..2 * MAX_CALLS_OF_AN_ANSWER {
        many = many.call("list_files", json!({"path": ".", "depth": 1 + number % 2}));
    }
    for number in 0..2 * MAX_CALLS_OF_AN_ANSWER {
        many = many.call("read_file", json!({"path": number.to_string()}));
    }
    let answers = vec![many, Answer::text("Enough.")];
    let talking = Talking::script(Wire::OpenAi, answers).await;
    let answer = talking.say("web:a", "Go").await;
    assert_eq!(answer["text"], "Enough.", "{answer}");
    assert_eq!(talking.house.judged().len(), MAX_CALLS_OF_AN_ANSWER);
    let listed = talking.house.judged();
    let listed = listed.iter().filter(|call| call.tool == "list_files");
    assert_eq!(listed.count(), 2 * MAX_SAME_CALLS);
    // Each call has its result, as providers ask for.
    let sent = talking.upstream.requests()[1].body["messages"].clone();
    let results = sent
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["role"] == "tool");
    assert_eq!(results.count(), 4 * MAX_CALLS_OF_AN_ANSWER);
}
