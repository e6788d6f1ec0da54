//! One answer of each kind, as scripts and clients see it, and what the reads say about what was sent.

mod common;

use aap::paths::{CARD_MEDIA_TYPE, HANDSHAKE, WELL_KNOWN_CARD, WELL_KNOWN_REVOCATIONS};
use axum::body::Body;
use axum::http::Request;
use common::{Answer, InProcess, OFF, in_process, signed};
use serde_json::{Value, json};
use trace_store::conformance::{Agent, flat, now};

/// An agent with a card, a call, a refusal that is its session's last, and a flat trace of another client.
async fn filled() -> (InProcess, Agent) {
    let edge = in_process(OFF);
    let mut agent = Agent::new(1);
    assert_eq!(edge.put_card(&agent).await.status, 200);
    let call = agent.call(0);
    let refusal = agent.refusal(
        10,
        "fs.delete.root",
        "Recursive delete of the root directory",
        &["harm_prevention"],
    );
    let items = vec![agent.link(call), agent.link(refusal)];
    assert_eq!(edge.submit(signed(&agent, items)).await.status, 201);
    assert_eq!(
        edge.submit(flat(7, 1, 20, "ok").to_string()).await.status,
        201
    );
    (edge, agent)
}

fn shown(answer: &Answer) -> String {
    let names = [
        "allow",
        "content-type",
        "ratelimit",
        "ratelimit-policy",
        "retry-after",
    ];
    let headers: String = names
        .iter()
        .filter(|name| answer.headers.contains_key(**name))
        .map(|name| [name, ": ", answer.header(name), "\n"].concat())
        .collect();
    let body = serde_json::to_string_pretty(&answer.body).expect("JSON");
    format!("{}\n{headers}\n{body}", answer.status.as_u16())
}

#[tokio::test]
async fn one_answer_of_each_kind() {
    let (edge, agent) = filled().await;
    let id = agent.id;
    let newest = edge.get(&format!("/v1/traces?agent_id={id}&limit=1")).await;
    let cursor = newest.body["next_cursor"]
        .as_str()
        .expect("there is one more")
        .to_owned();
    let trace = newest.body["traces"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    for (name, path) in [
        (
            "traces",
            format!("/v1/traces?agent_id={id}&cursor={cursor}"),
        ),
        ("trace", format!("/v1/traces/{trace}")),
        ("agent", format!("/v1/agents/{id}")),
        ("sessions", format!("/v1/agents/{id}/sessions")),
        ("integrity", format!("/v1/agents/{id}/integrity")),
        ("equivocations", format!("/v1/agents/{id}/equivocations")),
        ("refusals", "/v1/refusals".to_owned()),
        (
            "stats",
            "/v1/stats?since=2026-11-21T02:09:00Z&bucket_ms=60000".to_owned(),
        ),
        ("health", "/health".to_owned()),
        ("ready", "/ready".to_owned()),
        (
            "not_found",
            "/v1/traces/0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a".to_owned(),
        ),
        ("bad_parameter", "/v1/traces?since=yesterday".to_owned()),
        ("no_such_path", "/v1/nothing".to_owned()),
    ] {
        insta::assert_snapshot!(name, shown(&edge.get(&path).await));
    }
}

#[tokio::test]
async fn one_answer_of_each_kind_to_what_is_sent() {
    let edge = in_process(edge_server::Limits {
        per_minute: 2,
        ip_per_minute: 6000,
        ..OFF
    });
    let agent = Agent::new(1);
    insta::assert_snapshot!("card_put", shown(&edge.put_card(&agent).await));
    let single = flat(7, 1, 0, "ok").to_string();
    insta::assert_snapshot!("single", shown(&edge.submit(single).await));
    let mut wrong = flat(7, 2, 0, "ok");
    wrong["timestamp"] = json!("yesterday");
    let batch =
        json!({"batch": [flat(7, 1, 0, "ok"), flat(7, 1, 0, "other"), flat(7, 3, 0, "ok"), wrong]});
    insta::assert_snapshot!("batch", shown(&edge.submit(batch.to_string()).await));
    insta::assert_snapshot!("all_rejected", shown(&edge.submit(wrong.to_string()).await));
    insta::assert_snapshot!(
        "limited",
        shown(&edge.submit(flat(7, 4, 0, "ok").to_string()).await)
    );
    insta::assert_snapshot!("unreadable", shown(&edge.submit("{").await));
    let delete = Request::delete("/v1/traces")
        .body(Body::empty())
        .expect("a request");
    insta::assert_snapshot!("wrong_method", shown(&edge.send(delete).await));
    let large = Request::post("/v1/traces").header("content-length", "4194305");
    let large = large.body(Body::empty()).expect("a request");
    insta::assert_snapshot!("too_large", shown(&edge.send(large).await));
    let typed = Request::post("/v1/traces").header("content-type", "text/xml");
    let typed = typed.body(Body::empty()).expect("a request");
    insta::assert_snapshot!("wrong_type", shown(&edge.send(typed).await));
}

#[tokio::test]
async fn each_filter_narrows_the_listing() {
    let (edge, agent) = filled().await;
    let id = agent.id;
    let ours = flat(7, 1, 20, "ok");
    let theirs = ours["agent_id"].as_str().unwrap();
    for (query, count) in [
        (String::new(), 3),
        (format!("agent_id={id}"), 2),
        (format!("agent_id={theirs}"), 1),
        ("action_type=deny".to_owned(), 1),
        ("tool=web_fetch".to_owned(), 1),
        ("tool=web".to_owned(), 0),
        ("session_id=session-1".to_owned(), 2),
        ("value=harm_prevention".to_owned(), 1),
        ("rule_id=fs.delete.root".to_owned(), 1),
        (format!("since={}", now(20)), 1),
        (format!("until={}", now(20)), 2),
        ("q=RECURSIVE".to_owned(), 1),
        ("q=recursive&tool=web_fetch".to_owned(), 0),
        ("limit=2".to_owned(), 2),
    ] {
        let page = edge.get(&format!("/v1/traces?{query}")).await;
        assert_eq!(page.status, 200, "{query}: {}", page.text);
        assert_eq!(
            page.body["traces"].as_array().unwrap().len(),
            count,
            "{query}"
        );
    }
    let deny = edge.get("/v1/refusals?action_type=allow").await;
    assert!(deny.problem(400).contains("refusals are deny"));
}

#[tokio::test]
async fn the_bare_trace_is_what_the_agent_signed() {
    let (edge, agent) = filled().await;
    let newest = edge.get(&format!("/v1/traces?agent_id={}", agent.id)).await;
    let id = newest.body["traces"][0]["id"].as_str().unwrap();
    let request = Request::get(format!("/v1/traces/{id}"))
        .header("accept", "text/html, application/aap-trace+json;q=0.9");
    let bare = edge.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(bare.header("content-type"), "application/aap-trace+json");
    let document = bare.body;
    let metadata = document["context"]["metadata"].clone();
    let salt = metadata["salt"].as_str().unwrap();
    let commitment = aap::chain::commit(salt, &document).unwrap();
    assert_eq!(
        metadata["commitment"],
        json!(commitment),
        "anyone can check the content"
    );
    let whole = edge.get(&format!("/v1/traces/{id}")).await;
    let known = edge.get(&format!("/v1/agents/{}", agent.id)).await;
    let key = aap::note::parse_public_key(known.body["public_key"].as_str().unwrap()).unwrap();
    let proven = aap::note::Checkpoint::open(whole.body["note"].as_str().unwrap(), &key).unwrap();
    assert_eq!(
        json!(proven.digest),
        whole.body["digest"],
        "the batch's last link is what the note signs"
    );
}

#[tokio::test]
async fn integrity_counts_what_it_could_not_check() {
    let edge = in_process(OFF);
    let mut agent = Agent::new(1);
    let body = common::calls(&mut agent, 3);
    edge.submit(body).await;
    let path = format!("/v1/agents/{}/integrity", agent.id);
    let before = edge.get(&path).await.body;
    assert_eq!(
        (&before["share"], &before["not_covered"]),
        (&Value::Null, &json!(3)),
        "no card, no proof"
    );
    edge.put_card(&agent).await;
    let after = edge.get(&path).await.body;
    assert_eq!(
        (&after["share"], &after["verified"]),
        (&json!(1.0), &json!(3))
    );

    let mut forbidden = agent.card.clone();
    forbidden.autonomy.forbidden_actions.push("exec".to_owned());
    forbidden.card_id = forbidden.derived_id();
    forbidden.issued_at = now(1);
    agent.card = forbidden;
    edge.put_card(&agent).await;
    edge.submit(common::calls(&mut agent, 1)).await;
    let later = edge.get(&path).await.body;
    assert_eq!(
        (&later["covered"], &later["not_covered"]),
        (&json!(1), &json!(3)),
        "{later}"
    );
    assert_eq!(
        (&later["share"], &later["violations"]["forbidden_action"]),
        (&json!(0.0), &json!(1))
    );
}

/// An edge of one agent answers for it where AAP looks; once there is another, nobody is meant.
#[tokio::test]
async fn the_one_agent_of_an_edge_has_its_card_at_the_well_known_place() {
    let edge = in_process(OFF);
    let (mut one, two) = (Agent::new(1), Agent::new(2));
    for path in [WELL_KNOWN_CARD, WELL_KNOWN_REVOCATIONS] {
        edge.get(path).await.problem(404);
    }
    let first = one.card.card_id.clone();
    assert_eq!(edge.put_card(&one).await.status, 200);
    one.card.issued_at = now(1000);
    one.card.card_id = one.card.derived_id();
    assert_eq!(edge.put_card(&one).await.status, 200);
    let card = edge.get(WELL_KNOWN_CARD).await;
    assert_eq!(card.status, 200);
    assert_eq!(card.header("content-type"), CARD_MEDIA_TYPE);
    assert_eq!(card.body, json!(one.card));
    let revoked = edge.get(WELL_KNOWN_REVOCATIONS).await;
    assert_eq!(revoked.body["agent_id"], json!(one.id));
    let gone = &revoked.body["revocations"];
    assert_eq!(
        (&gone[0]["card_id"], &gone[1]),
        (&json!(first), &Value::Null)
    );
    // Whose card is wanted needs no word either.
    let asked = json!({
        "message_type": "alignment_card_request", "request_id": "r",
        "requester": {"agent_id": "did:web:a.example", "card_id": "ac-0"},
    });
    let ask = || Request::post(HANDSHAKE).body(Body::from(asked.to_string()));
    let said = edge.send(ask().expect("a request")).await;
    assert_eq!(said.status, 200);
    assert_eq!(said.body["alignment_card"], json!(one.card));

    assert_eq!(edge.put_card(&two).await.status, 200);
    for path in [WELL_KNOWN_CARD, WELL_KNOWN_REVOCATIONS] {
        let told = edge.get(path).await;
        assert!(
            told.problem(404).contains("exactly one agent"),
            "{}",
            told.body
        );
    }
    edge.send(ask().expect("a request")).await.problem(404);
}
