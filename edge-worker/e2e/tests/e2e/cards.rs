//! Alignment cards: put by who has the key, read by anyone, and the newest is in force.

use aap::Timestamp;
use aap::limits::MAX_CARD_BYTES;
use serde_json::{Value, json};

use edge_e2e::{Agent, Answer, Client, flat, unproven_agent};

async fn put(client: &Client, agent: &str, body: &Value) -> Answer {
    let request = client.request("PUT", &format!("/v1/agents/{agent}/card"));
    let request = request.header("content-type", "application/json");
    client.send(request.body(body.to_string())).await
}

#[tokio::test]
async fn a_card_is_kept_as_it_was_signed() {
    let client = Client::new();
    let agent = Agent::new();
    let path = aap::paths::card(agent.id);
    client.get(&path).await.problem(404);
    let answer = client.put_card(&agent).await.expect(200);
    assert_eq!(
        answer.body,
        json!({"card_id": agent.card.card_id, "status": "stored", "streams": []})
    );
    assert_eq!(client.json(&path).await, agent.signed_card());
    let bare = client.request("GET", &path).header(
        "accept",
        "text/html, application/aap-alignment-card+json;q=0.9",
    );
    let bare = client.send(bare).await.expect(200);
    assert_eq!(bare.media_type(), "application/aap-alignment-card+json");
    assert_eq!(bare.body, agent.signed_card()["alignment_card"]);
    let known = client.json(&format!("/v1/agents/{}", agent.id)).await;
    assert_eq!(
        (&known["card_id"], &known["traces"]),
        (&json!(agent.card.card_id), &json!(0))
    );
    assert_eq!(known["public_key"], agent.public_key());
}

#[tokio::test]
async fn the_newest_card_is_in_force() {
    let client = Client::new();
    let mut agent = Agent::new();
    client.put_card(&agent).await.expect(200);
    let older = agent.clone();
    agent.card.issued_at = Timestamp::from_millis(agent.card.issued_at.millis() + 1);
    agent.card.values.declared.push("thrift".to_owned());
    agent.card.card_id = agent.card.derived_id();
    assert_ne!(agent.card.card_id, older.card.card_id);
    client.put_card(&agent).await.expect(200);
    let kept = client.json(&aap::paths::card(agent.id)).await;
    assert_eq!(kept, agent.signed_card());
    // The older one again changes nothing.
    client.put_card(&older).await.expect(200);
    assert_eq!(client.json(&aap::paths::card(agent.id)).await, kept);
}

#[tokio::test]
async fn only_the_agent_itself_can_put_its_card() {
    let client = Client::new();
    let (agent, other) = (Agent::new(), Agent::new());
    let id = agent.id.to_string();
    let signed = agent.signed_card();
    let with = |pointer: &str, value: Value| {
        let mut changed = signed.clone();
        *changed.pointer_mut(pointer).expect(pointer) = value;
        changed
    };
    for (body, said) in [
        (
            other.signed_card(),
            format!("the card is agent {}'s", other.id),
        ),
        (
            with("/public_key", json!(other.public_key())),
            "is not the key".to_owned(),
        ),
        (with("/public_key", json!("x")), "is not the key".to_owned()),
        (
            with("/signature/value", json!("AAAA")),
            "signature is not valid".to_owned(),
        ),
        (
            with("/signature/algorithm", json!("none")),
            "signature is not valid".to_owned(),
        ),
        (
            with("/alignment_card/autonomy_mode", json!("off")),
            "signature is not valid".to_owned(),
        ),
        (
            with("/alignment_card/principal/relationship", json!("owner")),
            "signature is not valid".to_owned(),
        ),
    ] {
        let answer = put(&client, &id, &body).await;
        assert!(
            answer.problem(422).contains(&said),
            "{said}: {}",
            answer.text
        );
    }
    // An id that no key proves has no card.
    let unproven = flat()["agent_id"].as_str().unwrap().to_owned();
    put(&client, &unproven, &signed).await.problem(422);
    for body in [
        json!({}),
        json!([]),
        json!({"alignment_card": {}}),
        with("/alignment_card/issued_at", json!("never")),
    ] {
        let answer = put(&client, &id, &body).await;
        assert!(
            answer.problem(400).contains("not a signed card"),
            "{}",
            answer.text
        );
    }
    put(&client, "me", &signed).await.problem(400);
    client.get(&aap::paths::card(agent.id)).await.problem(404);
    put(&client, &id, &signed).await.expect(200);
}

#[tokio::test]
async fn a_card_that_no_store_can_hold_is_refused_by_name() {
    let client = Client::new();
    let mut agent = Agent::new();
    agent.card.values.declared.push("a\0b".to_owned());
    agent.card.card_id = agent.card.derived_id();
    let answer = client.put_card(&agent).await;
    assert!(answer.problem(422).contains("NUL"), "{}", answer.text);

    let large = Agent::new();
    let path = aap::paths::card(large.id);
    let answer = client.announce("PUT", &path, MAX_CARD_BYTES + 1).await;
    answer.problem(413);
    assert_eq!(answer.body["limit"], MAX_CARD_BYTES);
    for agent in [&agent, &large] {
        client.get(&aap::paths::card(agent.id)).await.problem(404);
    }
    let mut body = large.signed_card().to_string();
    body.push_str(&" ".repeat(MAX_CARD_BYTES - body.len()));
    client
        .send(client.request("PUT", &path).body(body))
        .await
        .expect(200);
}

#[tokio::test]
async fn every_version_stays_readable_and_tells_when_it_was_superseded() {
    let client = Client::new();
    let mut agent = Agent::new();
    let list = aap::paths::cards(agent.id);
    client.get(&list).await.problem(404);
    let mut versions = Vec::new();
    for thrift in ["", "thrift", "more_thrift"] {
        agent.card.issued_at = Timestamp::from_millis(agent.card.issued_at.millis() + 1);
        agent.card.values.declared.push(thrift.to_owned());
        agent.card.values.declared.retain(|value| !value.is_empty());
        agent.card.card_id = agent.card.derived_id();
        client.put_card(&agent).await.expect(200);
        versions.insert(0, (agent.card.card_id.clone(), agent.signed_card()));
    }
    let told = client.json(&list).await;
    assert_eq!(
        (&told["agent_id"], &told["complete"]),
        (&json!(agent.id), &json!(true))
    );
    let cards = told["cards"].as_array().expect("cards");
    assert_eq!(cards.len(), 3);
    for (index, (card, (id, signed))) in cards.iter().zip(&versions).enumerate() {
        assert_eq!(
            (&card["card_id"], &card["signed"]),
            (&json!(id), &json!(true))
        );
        let newer = index
            .checked_sub(1)
            .map(|newer| &cards[newer]["received_at"]);
        assert_eq!(&card["superseded_at"], newer.unwrap_or(&Value::Null));
        assert_eq!(card["issued_at"], signed["alignment_card"]["issued_at"]);
        let path = format!("{list}/{id}");
        assert_eq!(&client.json(&path).await, signed);
        let bare = client.request("GET", &path);
        let bare = bare.header("accept", "application/aap-alignment-card+json");
        let bare = client.send(bare).await.expect(200);
        assert_eq!(bare.body, signed["alignment_card"]);
    }
    let one = client.json(&format!("{list}?limit=1")).await;
    assert_eq!(
        (&one["cards"][0], &one["complete"]),
        (&cards[0], &json!(false))
    );
    let answer = client.get(&format!("{list}?limit=501")).await;
    assert!(answer.problem(400).contains("1 to 500"), "{}", answer.text);
    for path in [format!("{list}/ac-0"), format!("{list}/%00")] {
        client.get(&path).await.problem(404);
    }

    // Where AAP looks for it.
    let of_agent = format!("/agents/{}/.well-known", agent.id);
    let card = client.get(&format!("{of_agent}/alignment-card.json")).await;
    assert_eq!(card.media_type(), "application/aap-alignment-card+json");
    assert_eq!(card.expect(200).body, versions[0].1["alignment_card"]);
    let revoked = client
        .json(&format!("{of_agent}/alignment-card-revocations.json"))
        .await;
    let ids: Vec<_> = revoked["revocations"]
        .as_array()
        .expect("a list")
        .iter()
        .collect();
    assert_eq!(ids.len(), 2);
    for (gone, card) in ids.iter().zip(&cards[1..]) {
        assert_eq!(
            (&gone["card_id"], &gone["reason"]),
            (&card["card_id"], &json!("superseded"))
        );
        assert_eq!(gone["revoked_at"], card["superseded_at"]);
    }
    // An edge of several agents has no card of its own.
    client.put_card(&Agent::new()).await.expect(200);
    for path in [
        aap::paths::WELL_KNOWN_CARD,
        aap::paths::WELL_KNOWN_REVOCATIONS,
    ] {
        let answer = client.get(path).await;
        assert!(
            answer.problem(404).contains("/agents/AGENT/.well-known/"),
            "{}",
            answer.text
        );
    }
    let absent = unproven_agent();
    for file in ["alignment-card", "alignment-card-revocations"] {
        client
            .get(&format!("/agents/{absent}/.well-known/{file}.json"))
            .await
            .problem(404);
    }
}
