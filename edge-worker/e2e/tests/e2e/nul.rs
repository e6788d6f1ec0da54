//! U+0000, the one character that no store can hold: refused by name in every text that comes in, in every question.

use aap::batch::Item;
use serde_json::{Value, json};

use edge_e2e::{Agent, Client, Oracle, content, flat, held_back};

/// A way to every text field of a flat trace.
const FLAT_TEXTS: [&str; 14] = [
    "/tool_name",
    "/params/command",
    "/params/list/0",
    "/result",
    "/metadata/session_id",
    "/metadata/rule_id",
    "/metadata/conscience_reason",
    "/metadata/error_message",
    "/metadata/values_violated/0",
    "/metadata/runtime",
    "/metadata/outcome",
    "/metadata/run_id",
    "/metadata/tool_call_id",
    "/metadata/other",
];

fn flat_with_all_texts() -> Value {
    let mut trace = flat();
    trace["params"] = json!({"command": "ls", "list": ["a"]});
    trace["metadata"] = json!({
        "session_id": "s", "rule_id": "r", "conscience_reason": "c", "error_message": "e", "values_violated": ["v"],
        "runtime": "openclaw", "outcome": "completed", "run_id": "r", "tool_call_id": "t", "other": "o",
    });
    trace
}

#[tokio::test]
async fn nul_in_any_text_of_a_flat_trace_is_refused_by_name() {
    let client = Client::new();
    for pointer in FLAT_TEXTS {
        let mut trace = flat_with_all_texts();
        *trace.pointer_mut(pointer).expect(pointer) = json!("a\0b");
        let body = trace.to_string();
        assert!(body.contains("\\u0000"), "it travels as an escape");
        let answer = client.submit(body).await;
        answer.problem(422);
        assert!(
            answer.reason(0).contains("NUL"),
            "{pointer}: {}",
            answer.reason(0)
        );
    }
    let mut in_a_key = flat();
    in_a_key["params"] = json!({"a\0b": 1});
    let answer = client.submit(in_a_key.to_string()).await;
    assert!(answer.expect(422).reason(0).contains("NUL"));
    // The six characters \u0000 are text like any other.
    let mut harmless = flat();
    harmless["result"] = json!("\\u0000");
    client.submit(harmless.to_string()).await.all_stored(1);
}

/// A way to every text field of an AP-Trace that its agent signs.
const AP_TEXTS: [&str; 13] = [
    "/card_id",
    "/action/name",
    "/action/parameters/command",
    "/decision/selection_reasoning",
    "/decision/values_applied/0",
    "/decision/alternatives_considered/0/description",
    "/context/session_id",
    "/context/metadata/tool_name",
    "/context/metadata/rule_id",
    "/context/metadata/conscience_reason",
    "/context/metadata/values_violated/0",
    "/context/metadata/runtime",
    "/context/metadata/outcome",
];

#[tokio::test]
async fn nul_in_any_text_of_an_ap_trace_is_refused_by_name() {
    let client = Client::new();
    let mut agent = Agent::new();
    let refusal = agent.refusal("fs.delete.root", "deletes /", &["harm_prevention"]);
    let mut trace = content(&agent.link(refusal));
    trace["agent_id"] = flat()["agent_id"].clone();
    let metadata = trace["context"]["metadata"].as_object_mut().unwrap();
    for key in ["stream", "seq", "prev", "salt", "commitment"] {
        metadata.remove(key);
    }
    for pointer in AP_TEXTS {
        let mut wrong = trace.clone();
        *wrong.pointer_mut(pointer).expect(pointer) = json!("a\0b");
        let answer = client.submit(wrong.to_string()).await;
        answer.problem(422);
        assert!(
            answer.reason(0).contains("NUL"),
            "{pointer}: {}",
            answer.reason(0)
        );
    }
    client.submit(trace.to_string()).await.all_stored(1);
}

#[tokio::test]
async fn nul_in_what_is_signed_is_refused_too_with_and_without_its_content() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    let tool = |made: &mut aap::trace::Made| made.tool = "a\0b".to_owned();
    let rule = |made: &mut aap::trace::Made| made.verdict.rule_id = Some("a\0b".to_owned());
    let changes: [fn(&mut aap::trace::Made); 2] = [tool, rule];
    for change in changes {
        let mut agent = Agent::new();
        let mut made = agent.refusal("r", "reason", &[]);
        change(&mut made);
        let mut items: Vec<Item> = agent.links(1);
        items.push(agent.link(made));
        items.extend(agent.links(1));
        for kept_back in [false, true] {
            if kept_back {
                items[1] = held_back(&items[1]);
            }
            let answer = oracle.submit(&client, agent.sign(&items)).await.expect(201);
            assert_eq!(answer.statuses()[1], "rejected", "{}", answer.text);
            assert!(answer.reason(1).contains("NUL"), "{}", answer.reason(1));
        }
    }
    oracle.settle().await;
}

#[tokio::test]
async fn nul_in_a_question_is_refused_by_name() {
    let client = Client::new();
    for name in ["tool", "session_id", "value", "rule_id", "q"] {
        let answer = client.get(&format!("/v1/traces?{name}=a%00b")).await;
        assert!(
            answer.problem(400).contains("without NUL"),
            "{}",
            answer.text
        );
        assert_eq!(answer.body["parameter"], name);
    }
    for path in [
        "/v1/traces/%00",
        "/v1/agents/%00",
        "/v1/agents/%00/card",
        "/v1/traces/%FF",
    ] {
        client.get(path).await.problem(400);
    }
    for page in [
        "/agent/%00",
        "/trace/%00",
        "/badge/%00.svg",
        "/search?q=%00",
        "/refusals?q=%00",
        "/refusals?tool=%00",
    ] {
        let answer = client.get(page).await;
        let status = answer.status.as_u16();
        assert!(
            status < 500 && status != 200 || status == 200 && !answer.text.contains('\0'),
            "{page}: {status}"
        );
    }
    let agent = flat();
    client.submit(agent.to_string()).await.all_stored(1);
    let session = format!(
        "/agent/{}/session/a%00b",
        agent["agent_id"].as_str().unwrap()
    );
    assert!(
        client.get(&session).await.status.is_client_error(),
        "no session has NUL in its name"
    );
}
