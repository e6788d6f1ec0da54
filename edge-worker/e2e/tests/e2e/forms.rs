//! Both forms of a trace: what published clients send, what AAP says, and that both become the same row.

use serde_json::{Value, json};

use edge_e2e::{Agent, Client, Oracle, content, flat, unproven_agent};

#[tokio::test]
async fn a_flat_trace_comes_back_as_published_clients_expect() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    let mut trace = flat();
    trace["action_type"] = json!("deny");
    trace["metadata"]["conscience_reason"] = json!("Recursive delete of the root directory");
    trace["metadata"]["values_violated"] = json!(["harm_prevention"]);
    trace["metadata"]["rule_id"] = json!("fs.delete.root");
    let answer = oracle
        .submit(&client, trace.to_string())
        .await
        .all_stored(1);
    assert_eq!(answer.body["success"], true);
    assert_eq!(answer.body["trace_id"], trace["id"]);

    let agent = trace["agent_id"].as_str().expect("an id");
    let listed = client.json(&format!("/v1/traces?agent_id={agent}")).await;
    let row = &listed["traces"][0];
    for key in [
        "id",
        "agent_id",
        "timestamp",
        "tool_name",
        "action_type",
        "params",
        "result",
        "duration_ms",
    ] {
        assert_eq!(row[key], trace[key], "{key}");
    }
    assert_eq!(
        (&row["signed"], &listed["next_cursor"]),
        (&json!(false), &Value::Null)
    );
    let id = trace["id"].as_str().expect("an id");
    let whole = client.json(&format!("/v1/traces/{id}")).await;
    assert_eq!(whole["reason"], "Recursive delete of the root directory");
    assert_eq!(whole["values_violated"], json!(["harm_prevention"]));
    assert_eq!(whole["session_id"], trace["metadata"]["session_id"]);
    assert_eq!(
        (&whole["stream"], &whole["note"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(whole["trace"]["action"]["type"], "deny");
    assert_eq!(whole["trace"]["card_id"], "ac-undeclared");
    oracle.settle().await;
}

#[tokio::test]
async fn the_least_flat_trace_is_enough() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    let whole = flat();
    let mut least = json!({});
    for key in ["id", "agent_id", "timestamp", "tool_name", "action_type"] {
        let mut without = whole.clone();
        without.as_object_mut().unwrap().remove(key);
        let answer = client.submit(without.to_string()).await;
        answer.problem(422);
        let reason = answer.reason(0);
        assert!(
            reason.contains(&format!("{key} is missing")) || key == "id",
            "{key}: {reason}"
        );
        least[key] = whole[key].clone();
    }
    oracle
        .submit(&client, least.to_string())
        .await
        .all_stored(1);
    oracle.settle().await;
}

#[tokio::test]
async fn a_flat_traces_wrong_field_is_named() {
    let client = Client::new();
    for (key, value, said) in [
        ("id", json!("7"), "id is not a UUID"),
        ("id", json!(7), "id is not a string"),
        ("agent_id", json!("me"), "agent_id is not a UUID"),
        ("timestamp", json!("yesterday"), "timestamp"),
        ("timestamp", json!(1.5), "whole number of milliseconds"),
        ("tool_name", json!(""), "tool_name is empty"),
        ("tool_name", json!("x".repeat(257)), "longer than 256"),
        ("action_type", json!("maybe"), "allow, deny or error"),
        ("duration_ms", json!(-1), "0 or more"),
        ("duration_ms", json!("1"), "0 or more"),
        ("metadata", json!([]), "metadata is not an object"),
        (
            "metadata",
            json!({"session_id": "x".repeat(257)}),
            "session_id is longer",
        ),
        (
            "metadata",
            json!({"rule_id": "x".repeat(257)}),
            "rule_id is longer",
        ),
        ("tool", json!("exec"), "no field of a flat trace"),
    ] {
        let mut wrong = flat();
        wrong[key] = value;
        let answer = client.submit(wrong.to_string()).await;
        answer.problem(422);
        assert!(
            answer.reason(0).contains(said),
            "{key}: {}",
            answer.reason(0)
        );
    }
}

#[tokio::test]
async fn parameters_of_any_kind_are_kept() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    let kinds = [
        json!(null),
        json!("text"),
        json!([1, [2]]),
        json!(1.5),
        json!(true),
        json!({"deep": {"er": [{}]}}),
        json!({"": "empty key", "ключ": "значение", "🦀": "e\u{301}"}),
    ];
    let agent = unproven_agent();
    let traces: Vec<_> = kinds
        .iter()
        .flat_map(|kind| {
            let mut params = edge_e2e::flat_of(agent);
            params["params"] = kind.clone();
            let mut result = edge_e2e::flat_of(agent);
            result["result"] = kind.clone();
            [params, result]
        })
        .collect();
    let body = json!({ "batch": traces }).to_string();
    oracle.submit(&client, body).await.all_stored(traces.len());
    oracle.settle().await;
}

#[tokio::test]
async fn a_signed_ap_trace_comes_back_as_it_was_sent() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    let mut agent = Agent::new();
    let refusal = agent.refusal("fs.delete.root", "deletes /", &["harm_prevention"]);
    let item = agent.link(refusal);
    oracle
        .submit(&client, agent.sign(std::slice::from_ref(&item)))
        .await
        .all_stored(1);
    let path = format!("/v1/traces/{}", item.header.trace_id);
    let whole = client.json(&path).await;
    assert_eq!(whole["trace"], content(&item));
    assert_eq!(
        (&whole["reason"], &whole["rule_id"]),
        (&json!("deletes /"), &json!("fs.delete.root"))
    );
    assert_eq!((&whole["signed"], &whole["seq"]), (&json!(true), &json!(1)));
    assert_eq!(whole["runtime"], "openclaw");
    let bare = client
        .request("GET", &path)
        .header("accept", "application/aap-trace+json");
    let bare = client.send(bare).await.expect(200);
    assert_eq!(bare.media_type(), "application/aap-trace+json");
    assert_eq!(bare.body, content(&item));
    oracle.settle().await;
}

#[tokio::test]
async fn an_unsigned_ap_trace_is_taken_from_who_needs_no_proof() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    let mut signer = Agent::new();
    let refusal = signer.refusal("fs.delete.root", "deletes /", &[]);
    let mut trace = content(&signer.link(refusal));
    trace["agent_id"] = json!(unproven_agent());
    let metadata = trace["context"]["metadata"].as_object_mut().unwrap();
    for key in ["stream", "seq", "prev", "salt", "commitment"] {
        metadata.remove(key);
    }
    oracle
        .submit(&client, trace.to_string())
        .await
        .all_stored(1);
    let id = trace["trace_id"].as_str().expect("an id");
    assert_eq!(
        client.json(&format!("/v1/traces/{id}")).await["signed"],
        false
    );
    oracle.settle().await;
    for (pointer, value, said) in [
        ("/action/type", json!("do"), "action.type"),
        ("/action/category", json!("free"), "action.category"),
        ("/action/parameters", json!([]), "action.parameters"),
        ("/decision/selected", json!("other"), "decision.selected"),
        (
            "/decision/values_applied",
            json!([1]),
            "decision.values_applied",
        ),
        ("/escalation", json!(null), "escalation is not an object"),
        ("/context", json!([]), "context is not an object"),
        ("/card_id", json!(""), "card_id is empty"),
        ("/timestamp", json!(0), "timestamp is not a string"),
    ] {
        let mut wrong = trace.clone();
        *wrong.pointer_mut(pointer).expect(pointer) = value;
        let answer = client.submit(wrong.to_string()).await;
        answer.problem(422);
        assert!(
            answer.reason(0).contains(said),
            "{pointer}: {}",
            answer.reason(0)
        );
    }
}
