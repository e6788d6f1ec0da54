//! Conversations that are too long for a model, also where one run made them so.

use model_upstream::{Answer, Asked};
use serde_json::{Value, json};

use crate::talking::{Talking, of};

/// Bytes of a request that the model still takes.
const TAKEN: usize = 40_000;

fn said(asked: &Asked) -> String {
    asked.body["messages"].to_string()
}

fn sums_up(asked: &Asked) -> bool {
    let system = asked.body["system"].to_string();
    system.contains("You put conversations in short")
}

fn too_long() -> Answer {
    let error = json!({"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8 maximum"}});
    Answer::status(400, error.to_string())
}

/// Reads a file of 30 kB twice where it is told to look; takes no request beyond [`TAKEN`] once it has answered that.
fn answer(asked: &Asked) -> Answer {
    let messages = said(asked);
    if sums_up(asked) {
        return match messages.len() {
            0..TAKEN => Answer::text("It looked at two files."),
            _ => too_long(),
        };
    }
    let results = messages.matches("tool_result").count();
    if messages.contains("Go on") || messages.contains("And now") {
        return match messages.len() {
            0..TAKEN => Answer::text("Gladly."),
            _ => too_long(),
        };
    }
    if results < 2 {
        let path = format!("{results}.txt");
        return Answer::new().call("read_file", json!({"path": path}));
    }
    Answer::text("I have looked.")
}

fn text(answer: &Value) -> &str {
    answer["text"].as_str().unwrap()
}

#[tokio::test]
async fn one_run_that_is_too_long_is_put_in_short_and_the_conversation_goes_on() {
    let talking = Talking::with(answer, |_| ()).await;
    for name in ["0.txt", "1.txt"] {
        let long = format!("{name}\n{}", "a line of a long file\n".repeat(1400));
        std::fs::write(talking.house.path(name), long).unwrap();
    }
    assert_eq!(text(&talking.say("web:a", "Look").await), "I have looked.");
    let lines = talking.lines("web:a", "Go on").await;
    assert_eq!(text(lines.last().unwrap()), "Gladly.", "{lines:?}");
    assert!(text(of(&lines, "note")[0]).contains("put in short"));
    // The next message begins with the summary, and needs no other.
    let before = talking.upstream.requests().len();
    assert_eq!(text(&talking.say("web:a", "And now?").await), "Gladly.");
    let asked = talking.upstream.requests();
    assert_eq!(asked.len(), before + 1);
    assert!(said(asked.last().unwrap()).contains("It looked at two files."));
}

#[tokio::test]
async fn what_is_too_long_to_be_put_in_short_is_put_in_short_from_its_end() {
    let talking = Talking::with(answer, |_| ()).await;
    for number in 0..3 {
        let long = format!("Remember {number}: {}", "x".repeat(30_000));
        assert_eq!(talking.say("web:a", &long).await["stop_reason"], "end_turn");
    }
    let lines = talking.lines("web:a", "Go on").await;
    assert_eq!(text(lines.last().unwrap()), "Gladly.", "{lines:?}");
    let asked = talking.upstream.requests();
    let sums: Vec<usize> = asked
        .iter()
        .filter(|asked| sums_up(asked))
        .map(|asked| said(asked).len())
        .collect();
    assert!(sums.len() > 1 && sums[0] > TAKEN, "{sums:?}");
    assert!(sums.iter().any(|bytes| *bytes < TAKEN), "{sums:?}");
}
