//! AAP's value coherence handshake between two agents that have put their cards.

use aap::paths::HANDSHAKE;
use serde_json::{Value, json};

use edge_e2e::{Agent, Answer, Client, unproven_agent};

async fn post(client: &Client, query: &str, message: &Value) -> Answer {
    let request = client.request("POST", &format!("{HANDSHAKE}{query}"));
    let request = request.header("content-type", "application/json");
    client.send(request.body(message.to_string())).await
}

fn check(initiator: &Agent, responder: &Agent) -> Value {
    json!({
        "message_type": "value_coherence_check", "request_id": "req-1",
        "initiator_card_id": initiator.card.card_id, "responder_card_id": responder.card.card_id,
        "proposed_collaboration": {"task_type": "review"},
    })
}

/// An agent whose card is here; `change` comes before it is put.
async fn agent(client: &Client, change: impl FnOnce(&mut Agent)) -> Agent {
    let mut agent = Agent::new();
    change(&mut agent);
    agent.card.card_id = agent.card.derived_id();
    client.put_card(&agent).await.expect(200);
    agent
}

#[tokio::test]
async fn a_card_is_handed_over_with_its_signature() {
    let client = Client::new();
    let (one, two) = (agent(&client, |_| {}).await, agent(&client, |_| {}).await);
    let asked = json!({
        "message_type": "alignment_card_request", "request_id": "req-1",
        "requester": {"agent_id": one.id, "card_id": one.card.card_id},
        "task_context": {"task_type": "review", "values_required": ["honesty"]},
    });
    let answer = post(&client, &format!("?responder={}", two.id), &asked).await;
    let said = answer.expect(200).body;
    let signed = two.signed_card();
    assert_eq!(said["message_type"], "alignment_card_response");
    assert_eq!(said["request_id"], "req-1");
    assert_eq!(said["alignment_card"], signed["alignment_card"]);
    assert_eq!(said["signature"], signed["signature"]);
    // Whose is not said, and there are several.
    let answer = post(&client, "", &asked).await;
    assert!(
        answer.problem(404).contains("?responder=AGENT"),
        "{}",
        answer.text
    );
    let answer = post(&client, &format!("?responder={}", unproven_agent()), &asked).await;
    answer.problem(404);
}

#[tokio::test]
async fn two_cards_tell_whether_their_agents_go_together() {
    let client = Client::new();
    let (one, two) = (agent(&client, |_| {}).await, agent(&client, |_| {}).await);
    let said = post(&client, "", &check(&one, &two)).await.expect(200).body;
    assert_eq!(said["message_type"], "coherence_result");
    assert_eq!(
        (&said["proceed"], &said["coherence"]["score"]),
        (&json!(true), &json!(1.0))
    );
    // One rejects what the other stands for.
    let rejects = |agent: &mut Agent| {
        let value = one.card.values.declared[0].clone();
        agent.card.values.conflicts_with.push(value);
    };
    let other = agent(&client, rejects).await;
    let said = post(&client, "", &check(&one, &other))
        .await
        .expect(200)
        .body;
    assert_eq!(
        (&said["proceed"], &said["coherence"]["compatible"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(
        said["proposed_resolution"]["type"],
        "escalate_to_principals"
    );
    let conflicts = &said["coherence"]["value_alignment"]["conflicts"];
    assert_eq!(
        conflicts[0]["initiator_value"],
        json!(one.card.values.declared[0])
    );
    // A version that is not in force any more is still one that can be named.
    let mut newer = two.clone();
    newer.card.issued_at = aap::Timestamp::from_millis(two.card.issued_at.millis() + 1);
    newer.card.card_id = newer.card.derived_id();
    client.put_card(&newer).await.expect(200);
    post(&client, "", &check(&two, &newer)).await.expect(200);
}

#[tokio::test]
async fn a_card_that_several_agents_have_is_told_apart_by_its_agent() {
    let client = Client::new();
    let one = agent(&client, |_| {}).await;
    let mut copy = Agent::new();
    copy.card.card_id.clone_from(&one.card.card_id);
    copy.card.values.declared = vec!["gain".to_owned()];
    client.put_card(&copy).await.expect(200);
    let answer = post(&client, "", &check(&one, &one)).await;
    assert!(
        answer.problem(422).contains("?initiator=AGENT"),
        "{}",
        answer.text
    );
    for (responder, proceed) in [(&one, true), (&copy, false)] {
        let query = format!("?initiator={}&responder={}", one.id, responder.id);
        let said = post(&client, &query, &check(&one, responder))
            .await
            .expect(200)
            .body;
        assert_eq!(said["proceed"], json!(proceed));
    }
}

#[tokio::test]
async fn messages_that_cannot_be_answered_are_told_why() {
    let client = Client::new();
    let one = agent(&client, |_| {}).await;
    let with = |pointer: &str, value: Value| {
        let mut changed = check(&one, &one);
        *changed.pointer_mut(pointer).expect(pointer) = value;
        changed
    };
    let mut long = check(&one, &one);
    long["proposed_collaboration"]["values_intersection"] = json!(vec!["x"; 257]);
    let answered = json!({
        "message_type": "coherence_result", "request_id": "r", "proceed": true,
        "coherence": {"compatible": true, "score": 1.0, "value_alignment": {}},
    });
    for (message, status, said) in [
        (
            with("/request_id", json!("")),
            422,
            "request_id has 0 bytes",
        ),
        (
            with("/request_id", json!("r".repeat(257))),
            422,
            "request_id has 257 bytes",
        ),
        (long, 422, "values_intersection names 257 items"),
        (answered, 422, "this message is an answer"),
        (
            with("/responder_card_id", json!("ac-0")),
            404,
            "the responder's card `ac-0` is not here",
        ),
        (
            with("/initiator_card_id", json!("a\u{0}b")),
            404,
            "the initiator's card",
        ),
        (
            with("/message_type", json!("hello")),
            400,
            "no message of AAP's handshake",
        ),
        (json!({}), 400, "message_type"),
        (json!([]), 400, "no message"),
    ] {
        let answer = post(&client, "", &message).await;
        assert!(
            answer.problem(status).contains(said),
            "{said}: {}",
            answer.text
        );
    }
    let message = check(&one, &one);
    let query = format!("?initiator={}", unproven_agent());
    post(&client, &query, &message).await.problem(404);
    for (query, parameter) in [("?responder=x", "responder"), ("?agent=x", "agent")] {
        let answer = post(&client, query, &message).await;
        answer.problem(400);
        assert_eq!(answer.body["parameter"], parameter);
    }
    let large = client.announce("POST", HANDSHAKE, 64 * 1024 + 1).await;
    large.problem(413);
}
