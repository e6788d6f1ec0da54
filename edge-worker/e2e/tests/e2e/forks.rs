//! What an agent cannot take back: a fork is published with both digests, a restored backup goes on under a new name.

use serde_json::{Value, json};

use edge_e2e::{Agent, Client, Oracle};

#[tokio::test]
async fn a_fork_is_published_as_equivocation_on_the_api_and_the_page() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    let mut agent = Agent::new();
    let shared = agent.links(2);
    let mut twin = agent.clone();
    let (mine, other) = (agent.links(2), twin.links(2));
    oracle
        .submit(&client, agent.sign(&shared))
        .await
        .all_stored(2);
    oracle
        .submit(&client, agent.sign(&mine))
        .await
        .all_stored(2);
    let path = format!("/v1/agents/{}/equivocations", agent.id);
    assert_eq!(client.json(&path).await["equivocations"], json!([]));
    let page = client
        .get(&format!("/agent/{}", agent.id))
        .await
        .expect(200);
    assert!(!page.text.contains("two stories"), "nothing to tell yet");

    let answer = oracle.submit(&client, twin.sign(&other)).await.expect(422);
    assert_eq!(answer.statuses(), ["conflict"; 2]);
    assert!(
        answer.reason(0).contains("equivocation"),
        "{}",
        answer.reason(0)
    );
    let found = client.json(&path).await;
    let places = found["equivocations"].as_array().expect("a list");
    let place = places
        .iter()
        .find(|place| place["seq"] == 3)
        .expect("the first place");
    assert_eq!(place["stream"], json!(agent.stream));
    assert_eq!(place["first_digest"], json!(mine[0].header.digest()));
    assert_eq!(place["second_digest"], json!(other[0].header.digest()));
    assert_eq!(place["second_trace_id"], json!(other[0].header.trace_id));
    let note = place["second_note"].as_str().expect("the proof");
    assert!(
        note.starts_with(&format!("smoltbot/{}/{}\n4\n", agent.id, agent.stream)),
        "{note}"
    );

    let known = client.json(&format!("/v1/agents/{}", agent.id)).await;
    assert_eq!(known["equivocations"], places.len());
    assert_eq!(
        (&known["traces"], &known["streams"][0]["last_seq"]),
        (&json!(4), &json!(4))
    );
    assert_eq!(
        known["streams"][0]["digest"],
        json!(mine[1].header.digest()),
        "the first stands"
    );
    let page = client
        .get(&format!("/agent/{}", agent.id))
        .await
        .expect(200);
    assert!(
        page.text.contains("told two stories"),
        "the page tells of it"
    );
    // Saying it again adds nothing.
    oracle.submit(&client, twin.sign(&other)).await.expect(422);
    assert_eq!(client.json(&path).await, found);
    oracle.settle().await;
}

#[tokio::test]
async fn a_restored_backup_goes_on_in_a_new_stream_that_names_the_old_one() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    let mut agent = Agent::new();
    oracle.submit(&client, agent.batch(2)).await.all_stored(2);
    let backup = agent.clone();
    oracle.submit(&client, agent.batch(3)).await.all_stored(3);

    // What the sidecar does with the backup: its card's answer tells it that the edge is ahead.
    let told = client.put_card(&backup).await.expect(200).body;
    let heads = told["streams"].as_array().expect("heads");
    assert_eq!(heads.len(), 1);
    assert_eq!(
        (&heads[0]["stream"], &heads[0]["seq"]),
        (&json!(agent.stream), &json!(5))
    );
    let mut restored = backup.succeeding();
    let items = restored.links(2);
    oracle
        .submit(&client, restored.sign(&items))
        .await
        .all_stored(2);

    let known = client.json(&format!("/v1/agents/{}", agent.id)).await;
    assert_eq!(
        (&known["equivocations"], &known["missing_links"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(known["traces"], 7);
    let seqs: std::collections::BTreeMap<&str, &Value> = known["streams"]
        .as_array()
        .expect("streams")
        .iter()
        .map(|stream| {
            (
                stream["stream"].as_str().expect("an id"),
                &stream["last_seq"],
            )
        })
        .collect();
    assert_eq!(seqs[agent.stream.to_string().as_str()], 5);
    assert_eq!(seqs[restored.stream.to_string().as_str()], 2);
    let first = client
        .json(&format!("/v1/traces/{}", items[0].header.trace_id))
        .await;
    assert_eq!(
        first["trace"]["context"]["metadata"]["succeeds"],
        json!(agent.stream)
    );
    oracle.settle().await;
}

#[tokio::test]
async fn a_new_stream_cannot_claim_another_beginning() {
    let client = Client::new();
    let mut agent = Agent::new();
    client.submit(agent.batch(1)).await.all_stored(1);
    // Signed, but its first link says nothing of the stream that its prev was made of.
    let mut heir = agent.succeeding();
    let mut made = heir.call();
    made.succeeds = None;
    let items = [heir.link(made)];
    let answer = client.submit(heir.sign(&items)).await;
    answer.problem(422);
    assert!(answer.reason(0).contains("wrong prev"), "{}", answer.text);
}

#[tokio::test]
async fn one_id_with_two_contents_is_a_conflict_and_the_first_stands() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    let first = edge_e2e::flat();
    oracle
        .submit(&client, first.to_string())
        .await
        .all_stored(1);
    let mut second = first.clone();
    second["result"] = json!("something else");
    let answer = client.submit(second.to_string()).await;
    answer.problem(422);
    assert_eq!(answer.statuses(), ["conflict"]);
    // Another agent cannot take the id either.
    let mut stolen = first.clone();
    stolen["agent_id"] = edge_e2e::flat()["agent_id"].clone();
    let answer = client.submit(stolen.to_string()).await;
    assert_eq!(answer.expect(422).statuses(), ["conflict"]);
    oracle.settle().await;
}
