//! Chains and their notes: what proves a batch, what breaks the proof, and that no way of sending changes the chain.

use aap::batch::Item;
use serde_json::{Value, json};

use edge_e2e::{Agent, Answer, Client, Oracle, content, flat, held_back};

/// The one stream that the agent has on the edge.
async fn stream(client: &Client, agent: &Agent) -> Value {
    let known = client.json(&format!("/v1/agents/{}", agent.id)).await;
    let streams = known["streams"].as_array().expect("streams");
    assert_eq!(streams.len(), 1, "{known}");
    streams[0].clone()
}

/// Asserts that the edge has the chain of `items` whole.
async fn is_whole(client: &Client, agent: &Agent, items: &[Item]) {
    let stream = stream(client, agent).await;
    let last = &items[items.len() - 1].header;
    let expected = json!({
        "stream": agent.stream,
        "last_seq": last.seq,
        "digest": last.digest(),
        "links": items.len(),
        "first_gap": null,
    });
    assert_eq!(stream, expected);
}

#[track_caller]
fn rejected(answer: &Answer, count: usize, because: &str) {
    answer.problem(422);
    assert_eq!(answer.statuses(), vec!["rejected"; count]);
    for index in 0..count {
        let reason = answer.reason(index);
        assert!(reason.contains(because), "`{because}` is not in: {reason}");
    }
}

#[tokio::test]
async fn one_changed_byte_is_noticed_wherever_it_is() {
    let client = Client::new();
    let mut agent = Agent::new();
    let body = String::from_utf8(agent.batch(3)).unwrap();
    for (from, to) in [
        ("ls -la", "ls -lb"),
        ("nothing objected", "Nothing objected"),
        ("\"seq\":2", "\"seq\":9"),
        ("\"salt\":\"salt-", "\"salt\":\"salt+"),
        ("smoltbot/", "smoltbou/"),
        ("\"tool_name\":\"exec\"", "\"tool_name\":\"exed\""),
    ] {
        let changed = body.replacen(from, to, 1);
        assert_ne!(changed, body, "{from}");
        let answer = client.submit(changed).await;
        answer.problem(422);
        assert_eq!(answer.statuses(), ["rejected"; 3], "{from}");
    }
    let id = format!("/v1/agents/{}", agent.id);
    client.get(&id).await.problem(404);
    client.submit(body).await.all_stored(3);
}

#[tokio::test]
async fn a_note_proves_only_what_its_key_signed() {
    let client = Client::new();
    let (mut agent, mut other) = (Agent::new(), Agent::new());
    let body: Value = serde_json::from_slice(&agent.batch(2)).unwrap();
    let theirs: Value = serde_json::from_slice(&other.batch(2)).unwrap();
    let with = |key: &str, value: Value| {
        let mut changed = body.clone();
        changed[key] = value;
        changed.to_string()
    };
    let foreign = with("public_key", json!(other.public_key()));
    rejected(&client.submit(foreign).await, 2, "does not belong to agent");
    let borrowed = with("checkpoint", theirs["checkpoint"].clone());
    rejected(
        &client.submit(borrowed).await,
        2,
        "does not belong to agent",
    );
    let mut both = theirs.clone();
    both["batch"] = body["batch"].clone();
    rejected(
        &client.submit(both.to_string()).await,
        2,
        "another agent or stream",
    );
    let early = agent.links(2);
    let mut of_other_links: Value = serde_json::from_slice(&agent.sign(&early)).unwrap();
    of_other_links["batch"] = body["batch"].clone();
    let answer = client.submit(of_other_links.to_string()).await;
    rejected(&answer, 2, "signs another link");
    let broken = with("checkpoint", json!("smoltbot"));
    rejected(&client.submit(broken).await, 2, "not a signed note");
    let no_key = client.submit(with("public_key", json!("AAAA"))).await;
    assert!(no_key.problem(400).contains("not an Ed25519 key"));
    client.submit(body.to_string()).await.all_stored(2);
}

#[tokio::test]
async fn an_id_of_version_8_must_be_proven() {
    let client = Client::new();
    let mut agent = Agent::new();
    let mut trace = flat();
    trace["agent_id"] = json!(agent.id);
    let answer = client.submit(trace.to_string()).await;
    rejected(&answer, 1, "send the batch with a checkpoint");

    let body: Value = serde_json::from_slice(&agent.batch(3)).unwrap();
    let without = |keys: &[&str]| {
        let mut changed = body.clone();
        let fields = changed.as_object_mut().expect("an object");
        for key in keys {
            fields.remove(*key);
        }
        changed.to_string()
    };
    let no_note = client.submit(without(&["checkpoint"])).await;
    rejected(&no_note, 3, "send the batch with a checkpoint");
    let no_note = client.submit(without(&["checkpoint", "public_key"])).await;
    rejected(&no_note, 3, "send the batch with a checkpoint");
    let no_key = without(&["public_key"]);
    rejected(&client.submit(no_key.clone()).await, 3, "or its card first");
    client.put_card(&agent).await.expect(200);
    let answer = client.submit(no_key).await;
    answer.all_stored(3);
}

#[tokio::test]
async fn what_is_sent_again_is_a_duplicate_and_changes_nothing() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    let mut agent = Agent::new();
    let items = agent.links(10);
    let body = agent.sign(&items);
    oracle.submit(&client, body.clone()).await.all_stored(10);
    let before = client.json(&format!("/v1/agents/{}", agent.id)).await;
    for _ in 0..2 {
        let again = oracle.submit(&client, body.clone()).await.expect(201);
        assert_eq!(again.statuses(), ["duplicate"; 10]);
        assert_eq!(again.body["accepted"], 10);
    }
    let after = client.json(&format!("/v1/agents/{}", agent.id)).await;
    assert_eq!(
        (&before["traces"], &before["streams"]),
        (&after["traces"], &after["streams"])
    );
    // A part of it, under a note of its own.
    let part = oracle.submit(&client, agent.sign(&items[3..7])).await;
    assert_eq!(part.statuses(), ["duplicate"; 4]);
    is_whole(&client, &agent, &items).await;
    oracle.settle().await;
}

#[tokio::test]
async fn however_a_run_is_split_the_chain_is_the_same() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    // Forwards, backwards, overlapping, and bisected down to single links.
    let ways: [&[(usize, usize)]; 4] = [
        &[(0, 5), (5, 12), (12, 16)],
        &[(12, 16), (5, 12), (0, 5)],
        &[(0, 9), (4, 16), (0, 16)],
        &[(0, 8), (8, 12), (12, 14), (14, 15), (15, 16)],
    ];
    for way in ways {
        let mut agent = Agent::new();
        let items = agent.links(16);
        for (from, to) in way {
            let answer = oracle.submit(&client, agent.sign(&items[*from..*to])).await;
            assert_eq!(answer.expect(201).body["rejected"], 0);
        }
        is_whole(&client, &agent, &items).await;
        for item in &items {
            let whole = client
                .json(&format!("/v1/traces/{}", item.header.trace_id))
                .await;
            assert_eq!(whole["digest"], json!(item.header.digest()));
            assert_eq!(
                (&whole["seq"], &whole["signed"]),
                (&json!(item.header.seq), &json!(true))
            );
            assert!(
                whole["note"]
                    .as_str()
                    .is_some_and(|note| note.contains("smoltbot/"))
            );
        }
    }
    oracle.settle().await;
}

#[tokio::test]
async fn missing_links_are_named_until_they_come() {
    let client = Client::new();
    let mut agent = Agent::new();
    let items = agent.links(9);
    for (range, last, links, gap) in [
        (2..4, 4, 2, json!(1)),
        (6..7, 7, 3, json!(1)),
        (0..2, 7, 5, json!(5)),
        (4..6, 7, 7, Value::Null),
        (7..9, 9, 9, Value::Null),
    ] {
        client.submit(agent.sign(&items[range])).await.expect(201);
        let stream = stream(&client, &agent).await;
        assert_eq!(
            (&stream["last_seq"], &stream["links"]),
            (&json!(last), &json!(links))
        );
        assert_eq!(stream["first_gap"], gap);
        let known = client.json(&format!("/v1/agents/{}", agent.id)).await;
        assert_eq!(known["missing_links"], last - links);
    }
    is_whole(&client, &agent, &items).await;
}

#[tokio::test]
async fn a_run_with_a_gap_or_out_of_order_is_not_proven() {
    let client = Client::new();
    let mut agent = Agent::new();
    let items = agent.links(4);
    let whole: Value = serde_json::from_slice(&agent.sign(&items)).unwrap();
    let with = |order: &[usize]| {
        let mut changed = whole.clone();
        changed["batch"] = order.iter().map(|index| content(&items[*index])).collect();
        changed.to_string()
    };
    rejected(
        &client.submit(with(&[0, 2, 3])).await,
        3,
        "the chain is not whole",
    );
    rejected(
        &client.submit(with(&[1, 0, 2, 3])).await,
        4,
        "the chain is not whole",
    );
    rejected(
        &client.submit(with(&[0, 1, 2])).await,
        3,
        "signs another link",
    );
    rejected(
        &client.submit(with(&[0, 1, 2, 3, 3])).await,
        5,
        "the chain is not whole",
    );
    client.submit(whole.to_string()).await.all_stored(4);
}

#[tokio::test]
async fn a_held_back_link_stands_in_the_chain_and_its_content_may_come_later() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    let mut agent = Agent::new();
    let mut items = agent.links(2);
    let refusal = agent.refusal("fs.delete.root", "deletes /", &["harm_prevention"]);
    items.push(agent.link(refusal));
    let mut part = items.clone();
    part[2] = held_back(&items[2]);
    oracle
        .submit(&client, agent.sign(&part))
        .await
        .all_stored(3);
    is_whole(&client, &agent, &items).await;
    let path = format!("/v1/traces/{}", items[2].header.trace_id);
    let whole = client.json(&path).await;
    assert_eq!(
        (&whole["held_back"], &whole["trace"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(
        (&whole["action_type"], &whole["rule_id"]),
        (&json!("deny"), &json!("fs.delete.root"))
    );
    let bare = client
        .request("GET", &path)
        .header("accept", "application/aap-trace+json");
    assert!(client.send(bare).await.problem(404).contains("held back"));

    let answer = oracle.submit(&client, agent.sign(&items)).await;
    assert_eq!(answer.statuses(), ["duplicate", "duplicate", "stored"]);
    let whole = client.json(&path).await;
    assert_eq!(whole["held_back"], false);
    assert_eq!(whole["trace"], content(&items[2]));
    let bare = client
        .request("GET", &path)
        .header("accept", "application/aap-trace+json");
    assert_eq!(client.send(bare).await.expect(200).body, content(&items[2]));
    is_whole(&client, &agent, &items).await;
    oracle.settle().await;
}
