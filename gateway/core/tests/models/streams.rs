//! What is said comes out the same, whoever's wire it was on and wherever its bytes were cut.

use gateway::limits::{MAX_REPLY_BYTES, MAX_TOOL_INPUT_BYTES};
use gateway::model::{Access, Delta, Http, Message, Part, Reply, Role, Stop, Usage, provider};
use model_upstream::{Answer, Gate, Tokens, Upstream, Wire};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::house::{KEY, WIRES, ask, client, patience, request};

/// The answer without what the wires tell differently: ids that are made here, seals.
fn plain(mut reply: Reply) -> Reply {
    for part in &mut reply.parts {
        match part {
            Part::ToolUse { id, .. } => id.clear(),
            Part::Thinking { signature, .. } => *signature = None,
            _ => {}
        }
    }
    reply
}

fn everything() -> Answer {
    Answer::new()
        .think("Let me ")
        .think("löök 👀.")
        .words("I will look at “it” now.")
        .call("list_files", json!({"path": "a\"b\\ö\n👍"}))
        .call("list_files", json!({}))
        .tokens(Tokens {
            input: 100,
            output: 20,
            cache_read: 0,
            cache_write: 0,
        })
        .input_in_pieces_of(3)
}

fn expected() -> Reply {
    let call = |input: Value| Part::ToolUse {
        id: String::new(),
        name: "list_files".into(),
        input,
    };
    Reply {
        model: "m-1".into(),
        parts: vec![
            Part::Thinking {
                text: "Let me löök 👀.".into(),
                signature: None,
            },
            Part::Text {
                text: "I will look at “it” now.".into(),
            },
            call(json!({"path": "a\"b\\ö\n👍"})),
            call(json!({})),
        ],
        stop: Stop::ToolUse,
        usage: Usage {
            input_tokens: 100,
            output_tokens: 20,
            ..Usage::default()
        },
    }
}

#[tokio::test]
async fn words_thoughts_and_calls_come_as_they_were_said() {
    for wire in WIRES {
        let upstream = Upstream::start(wire, |_| everything()).await.unwrap();
        let (reply, deltas) = ask(&*client(&upstream, wire), &request()).await;
        assert_eq!(plain(reply.unwrap()), expected(), "{wire:?}");
        // What was streamed is what is told at the end.
        let mut told = (String::new(), String::new(), [String::new(), String::new()]);
        let mut begun = 0;
        for delta in deltas {
            match delta {
                Delta::Text(text) => told.0.push_str(&text),
                Delta::Thinking(text) => told.1.push_str(&text),
                Delta::ToolUse { index, name, id } => {
                    assert_eq!(
                        (index, name.as_str(), id.is_empty()),
                        (begun, "list_files", false)
                    );
                    begun += 1;
                }
                Delta::ToolInput { index, json } => told.2[index].push_str(&json),
            }
        }
        assert_eq!(told.0, "I will look at “it” now.", "{wire:?}");
        assert_eq!(told.1, "Let me löök 👀.", "{wire:?}");
        let input: Value = serde_json::from_str(&told.2[0]).unwrap();
        assert_eq!(input, json!({"path": "a\"b\\ö\n👍"}), "{wire:?}");
    }
}

#[tokio::test]
async fn ids_of_calls_are_the_providers_or_unlike_each_other() {
    for wire in WIRES {
        let upstream = Upstream::start(wire, |_| everything()).await.unwrap();
        let reply = ask(&*client(&upstream, wire), &request()).await.0.unwrap();
        let ids: Vec<&String> = reply
            .parts
            .iter()
            .filter_map(|part| match part {
                Part::ToolUse { id, .. } => Some(id),
                _ => None,
            })
            .collect();
        assert_ne!(ids[0], ids[1], "{wire:?}");
        assert!(
            ids.iter().all(|id| id.starts_with("call_")),
            "{wire:?} {ids:?}"
        );
    }
}

#[tokio::test]
async fn a_piece_is_told_before_the_next_is_sent() {
    for wire in WIRES {
        let gate = Gate::new();
        let held = gate.clone();
        let script = move |_: &_| Answer::text("first").hold(&held).say(" second");
        let upstream = Upstream::start(wire, script).await.unwrap();
        let model = client(&upstream, wire);
        let (request, mut told) = (request(), Vec::new());
        let mut sink = |delta| {
            // Nothing else opens it: were pieces kept until the end, this would never end.
            gate.open();
            told.push(delta);
        };
        model.answer(&request, &mut sink).await.unwrap();
        let words = ["first", " second"].map(|text| Delta::Text(text.into()));
        assert_eq!(told, words, "{wire:?}");
    }
}

#[tokio::test]
async fn why_it_ended_is_told_in_one_word_for_all() {
    for (wire, reason, stop) in [
        (Wire::Anthropic, "end_turn", Stop::EndTurn),
        (Wire::Anthropic, "max_tokens", Stop::MaxTokens),
        (
            Wire::Anthropic,
            "model_context_window_exceeded",
            Stop::MaxTokens,
        ),
        (Wire::Anthropic, "stop_sequence", Stop::StopSequence),
        (Wire::Anthropic, "refusal", Stop::Refusal),
        (Wire::Anthropic, "pause_turn", Stop::EndTurn),
        (Wire::OpenAi, "stop", Stop::EndTurn),
        (Wire::OpenAi, "length", Stop::MaxTokens),
        (Wire::OpenAi, "content_filter", Stop::Refusal),
        (Wire::OpenAi, "tool_calls", Stop::EndTurn),
        (Wire::Ollama, "stop", Stop::EndTurn),
        (Wire::Ollama, "length", Stop::MaxTokens),
    ] {
        let script = move |_: &_| Answer::text("x").stop(reason);
        let upstream = Upstream::start(wire, script).await.unwrap();
        let reply = ask(&*client(&upstream, wire), &request()).await.0.unwrap();
        assert_eq!(reply.stop, stop, "{wire:?} {reason}");
        let script = move |_: &_| Answer::new().call("list_files", json!({})).stop("stop");
        let upstream = Upstream::start(wire, script).await.unwrap();
        let reply = ask(&*client(&upstream, wire), &request()).await.0.unwrap();
        assert_eq!(reply.stop, Stop::ToolUse, "a call is a call: {wire:?}");
    }
}

#[tokio::test]
async fn what_was_cached_is_counted_apart() {
    let tokens = Tokens {
        input: 7,
        output: 3,
        cache_read: 1000,
        cache_write: 50,
    };
    for (wire, write) in [(Wire::Anthropic, 50), (Wire::OpenAi, 0)] {
        let script = move |_: &_| Answer::text("x").tokens(tokens);
        let upstream = Upstream::start(wire, script).await.unwrap();
        let reply = ask(&*client(&upstream, wire), &request()).await.0.unwrap();
        let expected = Usage {
            input_tokens: 7,
            output_tokens: 3,
            cache_read_tokens: 1000,
            cache_write_tokens: write,
        };
        assert_eq!(reply.usage, expected, "{wire:?}");
    }
}

#[tokio::test]
async fn signed_and_hidden_thoughts_go_back_as_they_came() {
    let script = |_: &_| {
        Answer::new()
            .think("hm")
            .redacted("b3BhcXVl")
            .call("list_files", json!({}))
    };
    let upstream = Upstream::start(Wire::Anthropic, script).await.unwrap();
    let model = client(&upstream, Wire::Anthropic);
    let mut request = request();
    let reply = ask(&*model, &request).await.0.unwrap();
    request.messages_mut().push(Message {
        role: Role::Assistant,
        parts: reply.parts,
    });
    ask(&*model, &request).await.0.unwrap();
    let sent = &upstream.requests()[1].body["messages"][1]["content"];
    assert_eq!(
        sent,
        &json!([
            {"type": "thinking", "thinking": "hm", "signature": "c2lnbmVk"},
            {"type": "redacted_thinking", "data": "b3BhcXVl"},
            {"type": "tool_use", "id": "call_0_2", "name": "list_files", "input": {}},
        ])
    );
}

#[tokio::test]
async fn googles_seal_goes_back_with_its_call() {
    let call = |id: &str, extra: Value| {
        let mut call = json!({"index": 0, "id": id, "function": {"name": "a", "arguments": "{}"}});
        call["extra_content"] = extra;
        call
    };
    let sealed = json!({"google": {"thought_signature": "sealed"}});
    let delta = json!({"tool_calls": [call("x", sealed.clone()), call("y", Value::Null)]});
    let body = json!({"choices": [{"index": 0, "delta": delta}]});
    let script = move |_: &_| Answer::new().raw(format!("data: {body}\n\n"));
    let upstream = Upstream::start(Wire::OpenAi, script).await.unwrap();
    let access = Access::with_key("gemini", KEY).at(&upstream.url());
    let model = provider("gemini", access, &Http::new(patience())).unwrap();
    let mut request = request();
    let reply = ask(&*model, &request).await.0.unwrap();
    request.messages_mut().push(Message {
        role: Role::Assistant,
        parts: reply.parts,
    });
    ask(&*model, &request).await.0.unwrap();
    let sent = &upstream.requests()[1].body["messages"][1]["tool_calls"];
    assert_eq!(sent[0]["extra_content"], sealed);
    assert_eq!(sent[1].get("extra_content"), None);
}

#[tokio::test]
async fn ten_megabytes_of_arguments_fail_the_call_and_nothing_else() {
    let huge = json!({"text": "x".repeat(10 * 1024 * 1024)}).to_string();
    for wire in WIRES {
        let huge = huge.clone();
        let script = move |_: &_| Answer::text("so").call_raw(None, "list_files", huge.clone());
        let upstream = Upstream::start(wire, script).await.unwrap();
        let (reply, deltas) = ask(&*client(&upstream, wire), &request()).await;
        let reply = reply.unwrap();
        let Part::ToolUse {
            input: Value::String(text),
            ..
        } = &reply.parts[1]
        else {
            panic!("{wire:?}: no text of a failed call");
        };
        assert!(text.starts_with("{\"text\":\"xxx"), "{wire:?}");
        assert!(
            text.contains(&MAX_TOOL_INPUT_BYTES.to_string()),
            "{wire:?}: {text}"
        );
        assert!(text.len() < 1024, "{wire:?}");
        let told: usize = deltas
            .iter()
            .map(|delta| match delta {
                Delta::ToolInput { json, .. } => json.len(),
                _ => 0,
            })
            .sum();
        assert!(told <= MAX_TOOL_INPUT_BYTES, "{wire:?}: {told}");
    }
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_ended() {
    for wire in WIRES {
        let script = |_: &_| {
            let megabyte = "x".repeat(1024 * 1024);
            (0..=MAX_REPLY_BYTES / megabyte.len())
                .fold(Answer::new(), |answer, _| answer.say(&megabyte))
        };
        let upstream = Upstream::start(wire, script).await.unwrap();
        let error = ask(&*client(&upstream, wire), &request())
            .await
            .0
            .unwrap_err();
        assert!(
            error.message.contains(&MAX_REPLY_BYTES.to_string()),
            "{wire:?}: {error}"
        );
        assert!(error.begun);
    }
}

/// Servers that leave out what OpenAI sends, or send it otherwise.
#[tokio::test]
async fn calls_are_told_apart_however_a_server_numbers_them() {
    let calls = |deltas: Value| {
        let body = json!({"choices": [{"index": 0, "delta": {"tool_calls": deltas}}]});
        format!("data: {body}\n\n")
    };
    let two = |index: [Value; 2], id: [Value; 2]| {
        calls(json!([
            {"index": index[0], "id": id[0], "function": {"name": "a", "arguments": "{\"n\":1}"}},
            {"index": index[1], "id": id[1], "function": {"name": "b", "arguments": "{\"n\":2}"}},
        ]))
    };
    let null = || Value::Null;
    let streams = [
        // As it should be, in pieces that alternate.
        [
            calls(json!([{"index": 0, "id": "x", "function": {"name": "a", "arguments": ""}}])),
            calls(
                json!([{"index": 1, "id": "y", "function": {"name": "b", "arguments": "{\"n\""}}]),
            ),
            calls(json!([{"index": 0, "function": {"arguments": "{\"n\":1}"}}])),
            calls(json!([{"index": 1, "function": {"arguments": ":2}"}}])),
        ]
        .concat(),
        // Whole, and with one index for both.
        two([json!(0), json!(0)], [json!("x"), json!("y")]),
        // Without index, without id, without either.
        two([null(), null()], [json!("x"), json!("y")]),
        two([json!(0), json!(1)], [null(), json!("")]),
        two([null(), null()], [null(), null()]),
        // In pieces without index or id.
        [
            calls(json!([{"function": {"name": "a", "arguments": "{\"n\""}}])),
            calls(json!([{"function": {"arguments": ":1}"}}])),
            calls(json!([{"function": {"name": "b", "arguments": {"n": 2}}}])),
        ]
        .concat(),
    ];
    for stream in streams {
        let sent = stream.clone();
        let script = move |_: &_| Answer::new().raw(sent.clone());
        let upstream = Upstream::start(Wire::OpenAi, script).await.unwrap();
        let reply = ask(&*client(&upstream, Wire::OpenAi), &request())
            .await
            .0
            .unwrap();
        let told: Vec<(&str, &Value)> = reply
            .parts
            .iter()
            .filter_map(|part| match part {
                Part::ToolUse { name, input, .. } => Some((name.as_str(), input)),
                _ => None,
            })
            .collect();
        assert_eq!(
            told,
            [("a", &json!({"n": 1})), ("b", &json!({"n": 2}))],
            "{stream}"
        );
        assert_eq!(reply.stop, Stop::ToolUse);
    }
}

#[tokio::test]
async fn one_document_in_place_of_a_stream_is_taken() {
    let body = json!({
        "model": "m-2",
        "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": "whole", "reasoning": "thought"}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    });
    let script = move |_: &_| Answer::status(200, body.to_string());
    let upstream = Upstream::start(Wire::OpenAi, script).await.unwrap();
    let reply = ask(&*client(&upstream, Wire::OpenAi), &request())
        .await
        .0
        .unwrap();
    assert_eq!(reply.model, "m-2");
    assert_eq!(
        reply.parts,
        [
            Part::Thinking {
                text: "thought".into(),
                signature: None
            },
            Part::Text {
                text: "whole".into()
            },
        ]
    );
    assert_eq!(reply.usage.output_tokens, 2);
}

/// Also when the end of the stream comes later than the answer's: who let go of it there would close the connection.
#[tokio::test]
async fn a_connection_is_used_again() {
    for (wire, last) in [
        (Wire::Anthropic, "data: {\"type\":\"message_stop\"}\n\n"),
        (Wire::OpenAi, "data: [DONE]\n\n"),
        (Wire::Ollama, "{\"done\":true}\n"),
    ] {
        let gates: Vec<Gate> = (0..50).map(|_| Gate::new()).collect();
        let held = gates.clone();
        let script = move |asked: &model_upstream::Asked| {
            Answer::text("x").raw(last).hold(&held[asked.number])
        };
        let upstream = Upstream::start(wire, script).await.unwrap();
        let model = client(&upstream, wire);
        for gate in gates {
            ask(&*model, &request()).await.0.unwrap();
            // Whoever lets go does so now, before the end is there.
            tokio::task::yield_now().await;
            gate.open();
            // The next request may just miss it; not every one does.
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
        let requests = upstream.requests();
        let last = requests.last().unwrap();
        assert!(last.connection < last.number, "{wire:?}: each made its own");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn where_the_bytes_are_cut_does_not_matter(bytes in 1_usize..64, wire in 0_usize..3) {
        let wire = WIRES[wire];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let reply = runtime.block_on(async {
            let script = move |_: &_| everything().in_writes_of(bytes);
            let upstream = Upstream::start(wire, script).await.unwrap();
            ask(&*client(&upstream, wire), &request()).await.0.unwrap()
        });
        prop_assert_eq!(plain(reply), expected());
    }
}
