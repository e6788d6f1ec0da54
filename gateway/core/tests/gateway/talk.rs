//! Talking with an agent that has a model: real wire formats over real sockets, tools behind the real Gate.

use std::fs;

use gateway::limits::{
    KEPT_MESSAGES, MAX_HELD_BACK, MAX_SAME_CALLS, MAX_TOLD_BYTES, MAX_TOOL_INPUT_BYTES,
};
use model_upstream::{Answer, Gate, Tokens, Wire};
use serde_json::{Value, json};

use crate::house::{DASHBOARD, TOKEN};
use crate::talking::{MODEL, Talking, events, of};

/// Everything that a request of Anthropic's wire tells the model, as one text.
fn told(body: &Value) -> String {
    body["messages"].to_string()
}

#[tokio::test]
async fn a_turn_with_a_tool_goes_all_the_way_on_each_wire() {
    for wire in [Wire::Anthropic, Wire::OpenAi, Wire::Ollama] {
        let answers = vec![
            Answer::new()
                .say("Let me look.")
                .call("list_files", json!({"path": "."})),
            Answer::new().words("There is one file."),
        ];
        let mut talking = Talking::script(wire, answers).await;
        fs::write(talking.house.path("hello.txt"), "hi").unwrap();
        let lines = talking.lines("web:a", "What is here?").await;

        let words: String = of(&lines, "text")
            .iter()
            .filter_map(|line| line["text"].as_str())
            .collect();
        let answer = lines.last().unwrap();
        assert_eq!(answer["event"], "answer", "{wire:?}: {answer}");
        assert_eq!(answer["kind"], "message", "{wire:?}: {answer}");
        assert_eq!(answer["text"], words, "{wire:?}");
        assert_eq!(words, "Let me look.\n\nThere is one file.", "{wire:?}");
        assert_eq!(answer["stop_reason"], "end_turn");
        assert!(
            answer["usage"]["output_tokens"].as_u64().unwrap() > 0,
            "{answer}"
        );
        let called = of(&lines, "called");
        assert_eq!(called.len(), 1, "{wire:?}: {lines:?}");
        assert_eq!(called[0]["kind"], "result");
        assert!(
            called[0]["trace_url"]
                .as_str()
                .unwrap()
                .starts_with(DASHBOARD)
        );

        let (call, _, _) = talking.house.ended().await;
        assert_eq!(call.tool, "list_files");
        assert_eq!(call.session_id.as_deref(), Some("web:a"));
        assert_eq!(call.run_id.as_deref(), answer["run_id"].as_str());
        let requests = talking.upstream.requests();
        assert_eq!(requests.len(), 2);
        assert!(
            told(&requests[1].body).contains("hello.txt"),
            "{wire:?}: the model is told what the tool found"
        );
        assert_eq!(requests[0].body["model"], MODEL);
    }
}

#[tokio::test]
async fn a_refusal_is_told_to_the_model_and_to_the_user_with_reason_and_link() {
    let answers = vec![
        Answer::new().call("execute_command", json!({"command": "echo forbidden > x"})),
        Answer::text("It was refused."),
    ];
    let talking = Talking::script(Wire::Anthropic, answers).await;
    let lines = talking.lines("web:a", "Do it").await;
    assert_eq!(events(&lines), ["judging", "called", "text", "answer"]);
    let called = of(&lines, "called")[0];
    assert_eq!(called["kind"], "refusal");
    assert_eq!(called["reason"], "It would do harm");
    let url = called["trace_url"].as_str().unwrap();
    let body = &talking.upstream.requests()[1].body;
    for part in [
        "It would do harm",
        "harm_prevention",
        "Do something else",
        url,
    ] {
        assert!(told(body).contains(part), "{part}");
    }
    assert!(told(body).contains(r#""is_error":true"#));
    assert!(!talking.house.path("x").exists());
}

#[tokio::test]
async fn calls_of_one_answer_run_side_by_side_and_their_results_keep_their_order() {
    // The first waits for what the second makes: one after the other they would never end.
    let answers = vec![
        Answer::new()
            .call(
                "execute_command",
                json!({"command": "read line < pipe; echo got $line", "timeout_ms": 20_000}),
            )
            .call(
                "execute_command",
                json!({"command": "echo it > pipe; echo sent", "timeout_ms": 20_000}),
            ),
        Answer::text("Done."),
    ];
    let talking = Talking::script(Wire::Anthropic, answers).await;
    talking.house.pipe("pipe");
    talking.say("web:a", "Go").await;
    let messages = &talking.upstream.requests()[1].body["messages"];
    let results: Vec<String> = messages.as_array().unwrap().last().unwrap()["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["content"].to_string())
        .collect();
    assert_eq!(results.len(), 2);
    assert!(
        results[0].contains("got it") && results[1].contains("sent"),
        "{results:?}"
    );
}

#[tokio::test]
async fn what_a_model_gets_wrong_is_told_to_it() {
    let answers = vec![
        Answer::new()
            .call("no_such_tool", json!({}))
            .call_raw(None, "read_file", r#"{"path": "#)
            .call("read_file", json!({"file": "x"})),
        Answer::text("I see."),
    ];
    let mut talking = Talking::script(Wire::OpenAi, answers).await;
    let answer = talking.say("web:a", "Go").await;
    assert_eq!(answer["text"], "I see.");
    let body = told(&talking.upstream.requests()[1].body);
    assert!(body.contains("there is no tool `no_such_tool`"), "{body}");
    assert!(body.contains("read_file takes for example"), "{body}");
    assert!(
        body.contains("read_file was not run, for its arguments cannot be read: they are no JSON"),
        "{body}"
    );
    // Each left a trace that says how it failed.
    for _ in 0..3 {
        let (_, _, outcome) = talking.house.ended().await;
        assert_eq!(outcome.kind, aap::OutcomeKind::Failed);
    }
}

#[tokio::test]
async fn huge_arguments_are_an_error_to_the_model() {
    let answers = vec![
        Answer::new()
            .call(
                "read_file",
                json!({"path": "x".repeat(10 * MAX_TOOL_INPUT_BYTES)}),
            )
            .input_in_pieces_of(64 * 1024),
        Answer::text("I see."),
    ];
    let talking = Talking::script(Wire::Anthropic, answers).await;
    let answer = talking.say("web:a", "Go").await;
    assert_eq!(answer["text"], "I see.", "{answer}");
    let sent = talking.upstream.requests()[1].body.to_string();
    assert!(sent.len() < 3 * MAX_TOOL_INPUT_BYTES, "{}", sent.len());
}

#[tokio::test]
async fn a_long_result_is_cut_in_the_middle() {
    let command = format!(
        "printf 'beginning'; head -c {MAX_TOLD_BYTES} /dev/zero | tr '\\0' x; printf 'ending'"
    );
    let answers = vec![
        Answer::new().call("execute_command", json!({"command": command})),
        Answer::text("Long."),
    ];
    let talking = Talking::script(Wire::Anthropic, answers).await;
    talking.say("web:a", "Go").await;
    let body = told(&talking.upstream.requests()[1].body);
    assert!(
        body.contains("beginning") && body.contains("ending"),
        "{}",
        body.len()
    );
    assert!(body.len() < 2 * MAX_TOLD_BYTES + 4096);
}

#[tokio::test]
async fn a_model_that_loops_is_stopped_and_the_user_gets_an_answer() {
    let talking = Talking::with(
        |asked| match asked.body["tool_choice"]["type"].as_str() {
            Some("none") => Answer::text("I found nothing new."),
            _ => Answer::new().call("list_files", json!({"path": "."})),
        },
        |_| (),
    )
    .await;
    let answer = talking.say("web:a", "Go").await;
    let text = answer["text"].as_str().unwrap();
    assert!(
        text.starts_with(
            "I found nothing new.\n\n[stopped here: the model went on making one and the same call"
        ),
        "{text}"
    );
    assert_eq!(answer["stop_reason"], "max_rounds");
    assert_eq!(
        talking.house.judged().len(),
        MAX_SAME_CALLS,
        "the rest was held back"
    );
    assert_eq!(
        talking.upstream.requests().len(),
        MAX_SAME_CALLS + MAX_HELD_BACK + 1
    );
}

#[tokio::test]
async fn every_fault_of_a_provider_is_told_and_the_session_goes_on() {
    let faults = [
        (
            Answer::status(
                401,
                r#"{"error":{"type":"authentication_error","message":"no"}}"#,
            ),
            "key",
        ),
        (Answer::status(500, "<html>oops</html>"), "500"),
        (Answer::status(200, "rubbish"), "anthropic"),
        (Answer::new().say("Half of ").cut(), "anthropic"),
    ];
    for (fault, expected) in faults {
        let talking =
            Talking::script(Wire::Anthropic, vec![fault, Answer::text("Here I am.")]).await;
        let failed = talking.say("web:a", "First").await;
        assert_eq!(failed["kind"], "error", "{failed}");
        assert_eq!(failed["stop_reason"], "error");
        let text = failed["text"].as_str().unwrap();
        assert!(
            text.starts_with("I could not answer: ") && text.contains(expected),
            "{text}"
        );
        assert!(!text.contains("sk-test-key"), "{text}");
        // A provider that failed may be left alone for a while, and says so; the session itself is whole.
        let next = talking.say("web:a", "Second").await;
        if next["kind"] == "message" {
            assert_eq!(next["text"], "Here I am.");
            let body = told(&talking.upstream.requests()[1].body);
            assert!(body.contains("First") && body.contains("Second"), "{body}");
        } else {
            assert!(
                next["text"].as_str().unwrap().contains("anthropic"),
                "{next}"
            );
        }
    }
}

#[tokio::test]
async fn who_goes_away_ends_what_ran_and_the_session_stays_usable() {
    let gate = Gate::new();
    let held = gate.clone();
    let talking = Talking::with(
        move |asked| match asked.number {
            0 => Answer::new().say("Half ").hold(&held),
            _ => Answer::text("Whole."),
        },
        |_| (),
    )
    .await;
    let mut response = talking
        .house
        .message("First")
        .header("accept", "application/x-ndjson")
        .body(json!({"message": "First", "session_id": "web:a"}).to_string())
        .send()
        .await
        .unwrap();
    let mut seen = String::new();
    while !seen.contains("Half") {
        seen += std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap();
    }
    drop(response);
    // The run is kept with what it had said, as soon as it has ended.
    let url = talking.house.url("/api/sessions/web:a");
    loop {
        let found = talking
            .house
            .client
            .get(&url)
            .bearer_auth(TOKEN)
            .send()
            .await
            .unwrap();
        if found.status() == 200 {
            break;
        }
        tokio::task::yield_now().await;
    }
    let answer = talking.say("web:a", "Second").await;
    assert_eq!(answer["text"], "Whole.");
    let body = told(&talking.upstream.requests()[1].body);
    assert!(body.contains("First") && body.contains("Half"), "{body}");
    gate.open();
}

#[tokio::test]
async fn what_was_said_is_kept_by_session_and_across_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("gateway.db");
    let talk = |path: std::path::PathBuf| {
        Talking::with(
            |_| Answer::text("Noted."),
            move |options| options.database = Some(path),
        )
    };
    let before = talk(database.clone()).await;
    before.say("web:a", "My name is Ann").await;
    before.say("web:b", "Hello").await;
    assert!(
        !told(&before.upstream.requests()[1].body).contains("Ann"),
        "sessions do not mix"
    );
    drop(before);
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&database).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    let after = talk(database).await;
    after.say("web:a", "Who am I?").await;
    let body = told(&after.upstream.requests()[0].body);
    assert!(
        body.contains("My name is Ann") && body.contains("Noted."),
        "{body}"
    );
    let listed: Value = serde_json::from_str(
        &after
            .house
            .client
            .get(after.house.url("/api/sessions"))
            .bearer_auth(TOKEN)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
    )
    .unwrap();
    let keys: Vec<&str> = listed["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["key"].as_str().unwrap())
        .collect();
    assert_eq!(keys, ["web:a", "web:b"], "the last one first");
    assert_eq!(listed["sessions"][0]["title"], "My name is Ann");
    assert_eq!(listed["sessions"][0]["messages"], 4);
}

#[tokio::test]
async fn a_long_conversation_is_put_in_short_by_the_same_model() {
    let talking = Talking::with(
        |asked| {
            let summarises = asked.body["system"]
                .to_string()
                .contains("You put conversations in short");
            Answer::text(if summarises { "Ann likes tea." } else { "Yes." })
        },
        |options| options.context_tokens = 500,
    )
    .await;
    for number in 0..KEPT_MESSAGES {
        talking
            .say("web:a", &format!("{number} {}", "tea ".repeat(60)))
            .await;
    }
    let requests = talking.upstream.requests();
    let last = &requests.last().unwrap().body;
    assert!(
        last["messages"][0].to_string().contains("Ann likes tea."),
        "{}",
        last["messages"]
    );
    assert!(
        !told(last).contains("\"0 tea"),
        "what was put in short is not sent again"
    );
    assert_eq!(last["model"], MODEL);
    let summary = requests
        .iter()
        .find(|one| one.body["system"].to_string().contains("in short"))
        .unwrap();
    assert_eq!(summary.body["model"], MODEL);
    // The person still sees all of it.
    let found = talking
        .house
        .client
        .get(talking.house.url("/api/sessions/web:a"))
        .bearer_auth(TOKEN)
        .send()
        .await
        .unwrap();
    assert!(found.text().await.unwrap().contains("0 tea"));
}

#[tokio::test]
async fn who_the_agent_is_comes_first_and_is_cached() {
    let tokens = Tokens {
        input: 10,
        output: 5,
        cache_read: 900,
        cache_write: 100,
    };
    let talking = Talking::with(move |_| Answer::text("Hi.").tokens(tokens), |_| ()).await;
    fs::write(talking.house.path("SOUL.md"), "You are calm.").unwrap();
    fs::write(talking.house.path("USER.md"), "Ann likes tea.").unwrap();
    let answer = talking.say("web:a", "Hello").await;
    assert_eq!(answer["usage"]["cache_read_tokens"], 900, "{answer}");
    fs::write(
        talking.house.path("SOUL.md"),
        "You are lively, since a minute.",
    )
    .unwrap();
    talking.say("web:a", "And now?").await;
    let requests = talking.upstream.requests();
    let system = |number: usize| requests[number].body["system"].as_array().unwrap().clone();
    assert!(
        system(0)[0]["text"]
            .as_str()
            .unwrap()
            .contains("You are calm.")
    );
    assert!(
        system(0)[1]["text"]
            .as_str()
            .unwrap()
            .contains("Ann likes tea.")
    );
    assert!(system(0)[0]["cache_control"].is_object() && system(0)[1]["cache_control"].is_object());
    assert_eq!(
        system(0).len(),
        2,
        "what changes by itself stands behind the conversation"
    );
    assert!(
        system(1)[0]["text"]
            .as_str()
            .unwrap()
            .contains("You are lively")
    );
}
