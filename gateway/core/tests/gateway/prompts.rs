//! What a model is sent, so that its provider's cache is hit: over turns, rounds and days. The provider here keeps what Anthropic's
//! does: everything up to each mark of a request, found again if a mark of a later one is at most twenty blocks behind it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use gateway::limits::{KEPT_MESSAGES, MAX_TOLD_BYTES};
use model_upstream::{Answer, Asked, Tokens};
use serde_json::{Value, json};

use crate::talking::Talking;

/// How far Anthropic looks back from a mark for what it has.
const LOOKED_BACK: usize = 20;
const DAY_MS: i64 = 86_400_000;

/// What the provider keeps.
#[derive(Default)]
struct Cache(Mutex<Vec<Vec<String>>>);

/// The blocks of a request in the order of the prompt, and after which of them there are marks.
fn blocks(body: &Value) -> (Vec<String>, Vec<usize>) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut all = Vec::new();
    all.extend(list(&body["tools"]));
    all.extend(list(&body["system"]));
    for message in list(&body["messages"]) {
        for mut block in list(&message["content"]) {
            block["role"] = message["role"].clone();
            all.push(block);
        }
    }
    let marked = |(at, block): (usize, &Value)| block.get("cache_control").map(|_| at + 1);
    let marks = all.iter().enumerate().filter_map(marked).collect();
    let plain = all.into_iter().map(|mut block| {
        block.as_object_mut().unwrap().shift_remove("cache_control");
        block.to_string()
    });
    (plain.collect(), marks)
}

impl Cache {
    /// Keeps what is marked, and tells what was found, in tokens of one byte.
    fn asked(&self, body: &Value) -> Tokens {
        let (blocks, marks) = blocks(body);
        assert!(marks.len() <= 4, "the API takes no more: {marks:?}");
        let bytes = |blocks: &[String]| blocks.iter().map(String::len).sum::<usize>() as u64;
        let mut kept = self.0.lock().unwrap();
        let found = marks.iter().rev().find_map(|mark| {
            let ends = mark.saturating_sub(LOOKED_BACK)..=*mark;
            ends.rev()
                .find(|end| kept.iter().any(|one| one == &blocks[..*end]))
        });
        let read = bytes(&blocks[..found.unwrap_or(0)]);
        let marked = bytes(&blocks[..marks.last().copied().unwrap_or(0)]);
        kept.extend(marks.iter().map(|mark| blocks[..*mark].to_vec()));
        Tokens {
            input: bytes(&blocks) - marked.max(read),
            output: 7,
            cache_read: read,
            cache_write: marked.saturating_sub(read),
        }
    }
}

/// A house whose days a test turns, and whose provider has a cache.
async fn house(
    respond: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    context: usize,
) -> (Talking, Arc<AtomicI64>) {
    let (cache, now) = (Cache::default(), Arc::new(AtomicI64::new(DAY_MS)));
    let clock = Arc::clone(&now);
    let talking = Talking::with(
        move |asked| respond(asked).tokens(cache.asked(&asked.body)),
        |options| {
            options.clock = Arc::new(move || clock.load(Ordering::Relaxed));
            options.context_tokens = context;
        },
    )
    .await;
    (talking, now)
}

/// The whole of what came before that answer is the beginning of the next request.
fn assert_continues(requests: &[Asked]) {
    for pair in requests.windows(2) {
        let (before, after) = (blocks(&pair[0].body).0, blocks(&pair[1].body).0);
        assert!(after.len() > before.len());
        assert_eq!(after[..before.len()], before[..], "byte for byte");
    }
}

fn tokens(answer: &Value, what: &str) -> u64 {
    answer["usage"][what].as_u64().unwrap()
}

#[tokio::test]
async fn what_was_sent_once_is_sent_again_byte_for_byte_over_turns_rounds_and_days() {
    let respond = |asked: &Asked| match asked.number % 3 {
        0 => Answer::new()
            .say("Let me look.")
            .call("list_files", json!({"path": "."})),
        1 => Answer::new().call("read_file", json!({"path": "none"})),
        _ => Answer::text("There."),
    };
    let (talking, now) = house(respond, 100_000).await;
    let first = talking.say("web:a", "What is here?").await;
    let fixed = tokens(&first, "cache_write_tokens");
    assert!(fixed > 1000, "prompt and tools are kept: {first}");
    for turn in 1..6 {
        if turn % 2 == 0 {
            now.fetch_add(DAY_MS, Ordering::Relaxed);
        }
        let answer = talking.say("web:a", &format!("And now, {turn}?")).await;
        // Only what is new is read anew: the question, its rounds, and the answer before.
        let (read, anew) = (
            tokens(&answer, "cache_read_tokens"),
            tokens(&answer, "cache_write_tokens") + tokens(&answer, "input_tokens"),
        );
        assert!(anew < 2500 && read > 3 * (fixed - 2500), "{turn}: {answer}");
    }
    let requests = talking.upstream.requests();
    assert_continues(&requests);
    let last = requests.last().unwrap().body["messages"].to_string();
    for day in ["1970-01-02", "1970-01-03", "1970-01-04"] {
        assert_eq!(
            last.matches(day).count(),
            1,
            "{day} is told when it comes, and once"
        );
    }
    let system = requests.last().unwrap().body["system"].to_string();
    assert!(!system.contains("1970"), "{system}");

    // Cache hits are counted over the conversation, too.
    let status = talking.say("web:a", "/status").await;
    assert!(
        !status["text"].as_str().unwrap().contains("(0 of them"),
        "{status}"
    );
    // What the gateway noted was said by nobody.
    let url = talking.house.url("/api/sessions/web:a");
    let said = talking
        .house
        .client
        .get(url)
        .bearer_auth(crate::house::TOKEN);
    let said = said.send().await.unwrap().text().await.unwrap();
    assert!(
        said.contains("And now, 5?") && !said.contains("Noted by the gateway"),
        "{said}"
    );
}

#[tokio::test]
async fn a_summary_stands_in_the_conversation_and_leaves_the_prompt_as_it_is() {
    let respond = |asked: &Asked| {
        let system = asked.body["system"].to_string();
        let summarises = system.contains("You put conversations in short");
        Answer::text(if summarises { "Ann likes tea." } else { "Yes." })
    };
    let (talking, _) = house(respond, 500).await;
    for number in 0..KEPT_MESSAGES + 4 {
        talking
            .say("web:a", &format!("{number} {}", "tea ".repeat(60)))
            .await;
    }
    let requests = talking.upstream.requests();
    let turns = requests.iter().filter(|one| one.body["tools"].is_array());
    let turns: Vec<&Asked> = turns.collect();
    let prompt = |one: &Asked| json!([one.body["tools"], one.body["system"]]);
    assert!(turns.iter().all(|one| prompt(one) == prompt(turns[0])));
    let last = &turns.last().unwrap().body;
    let first = last["messages"][0]["content"].as_array().unwrap();
    assert!(
        first[0]["text"]
            .as_str()
            .unwrap()
            .contains("Ann likes tea."),
        "{first:?}"
    );
    assert_eq!(
        last["messages"]
            .to_string()
            .matches("Ann likes tea.")
            .count(),
        1
    );
    assert_eq!(last["messages"].to_string().matches("today is").count(), 1);
}

#[tokio::test]
async fn who_keeps_the_conversation_hits_the_cache_without_our_notes() {
    let (talking, now) = house(|_| Answer::text("Yes."), 100_000).await;
    let long = "tea ".repeat(500);
    let mut messages = vec![json!({"role": "user", "content": long})];
    let mut read = Vec::new();
    for turn in 0..3 {
        let sent = talking
            .house
            .client
            .post(talking.house.url("/v1/chat/completions"))
            .bearer_auth(crate::house::TOKEN)
            .header("content-type", "application/json")
            .body(json!({"model": "smoltbot", "messages": messages}).to_string())
            .send()
            .await
            .unwrap();
        let answer: Value = serde_json::from_str(&sent.text().await.unwrap()).unwrap();
        let cached = &answer["usage"]["prompt_tokens_details"]["cached_tokens"];
        read.push(cached.as_u64().unwrap());
        messages.push(json!({"role": "assistant", "content": "Yes."}));
        messages.push(json!({"role": "user", "content": format!("{turn} {long}")}));
        now.fetch_add(DAY_MS, Ordering::Relaxed);
    }
    assert_eq!(read[0], 0);
    assert!(
        read[2] > read[1] + long.len() as u64 && read[1] > long.len() as u64,
        "{read:?}"
    );
}

#[tokio::test]
async fn nothing_is_noted_behind_the_results_of_tools() {
    let (talking, _) = house(|_| Answer::text("Yes."), 100_000).await;
    let call =
        json!({"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}});
    let tool =
        json!({"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}});
    let messages = json!([
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
    ]);
    let sent = talking
        .house
        .client
        .post(talking.house.url("/v1/chat/completions"))
        .bearer_auth(crate::house::TOKEN)
        .header("content-type", "application/json")
        .body(json!({"model": "smoltbot", "messages": messages, "tools": [tool]}).to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(sent.status(), 200);
    let told = talking.upstream.requests()[0].body["messages"].clone();
    assert!(
        told[0].to_string().contains("today is 1970-01-02"),
        "{told}"
    );
    let last = told[2]["content"].as_array().unwrap();
    assert_eq!(
        (last.len(), last[0]["type"].as_str()),
        (1, Some("tool_result")),
        "{told}"
    );
}

#[tokio::test]
async fn a_long_file_and_a_loud_command_are_cut_once() {
    let answers = |asked: &Asked| match asked.number {
        0 => Answer::new()
            .call("read_file", json!({"path": "long"}))
            .call(
                "execute_command",
                json!({"command": "cat long; cat long >&2"}),
            ),
        _ => Answer::text("Long."),
    };
    let talking = Talking::with(answers, |_| ()).await;
    std::fs::write(talking.house.path("long"), "x".repeat(10 * MAX_TOLD_BYTES)).unwrap();
    talking.say("web:a", "Read it.").await;
    let told = &talking.upstream.requests()[1].body["messages"][2]["content"];
    for (result, cuts) in told.as_array().unwrap().iter().zip([1, 2]) {
        let text = result["content"].as_str().unwrap();
        assert!(text.len() <= MAX_TOLD_BYTES, "{}", text.len());
        assert_eq!(
            text.matches("bytes cut here").count(),
            cuts,
            "a text has one cut"
        );
    }
}
