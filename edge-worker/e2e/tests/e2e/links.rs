//! Chains as anybody can work them out again: streams, links, notes.

use aap::chain::{Header, genesis};
use aap::note::{Checkpoint, parse_public_key};
use serde_json::{Value, json};

use edge_e2e::{Agent, Client, held_back, unproven_agent};

#[tokio::test]
async fn a_chain_can_be_worked_out_again_whatever_was_held_back() {
    let (client, mut agent) = (Client::new(), Agent::new());
    let key = parse_public_key(&agent.public_key()).expect("a key");
    for _ in 0..3 {
        let mut items = agent.links(2);
        let refusal = agent.refusal("fs.delete.root", "deletes /", &["harm_prevention"]);
        items.push(held_back(&agent.link(refusal)));
        client.submit(agent.sign(&items)).await.all_stored(3);
    }
    let streams = client
        .json(&format!("/v1/agents/{}/streams", agent.id))
        .await;
    assert_eq!(streams["streams"].as_array().map(Vec::len), Some(1));
    let stream = &streams["streams"][0];
    assert_eq!(
        (&stream["last_seq"], &stream["first_gap"]),
        (&json!(9), &Value::Null)
    );
    let (mut after, mut links) = (0, Vec::new());
    loop {
        let path = format!(
            "/v1/agents/{}/links?stream={}&after={after}&limit=4",
            agent.id, agent.stream
        );
        let page = client.json(&path).await;
        links.extend(page["links"].as_array().expect("links").clone());
        match page["next_after"].as_u64() {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(links.len(), 9);
    let mut prev = genesis(agent.id, agent.stream, None);
    for (seq, link) in (1..).zip(&links) {
        let header: Header = serde_json::from_value(link["header"].clone()).expect("a header");
        assert_eq!((header.seq, header.prev), (seq, prev));
        prev = header.digest();
        assert_eq!(link["digest"], json!(prev));
        assert_eq!(
            link.get("note").is_some(),
            seq % 3 == 0,
            "on the last that it covers"
        );
        if let Some(note) = link["note"].as_str() {
            let signed = Checkpoint::open(note, &key).expect("it holds");
            assert_eq!((signed.seq, signed.digest), (seq, prev));
        }
    }
    assert_eq!(stream["digest"], json!(prev));
    let all = client
        .json(&format!(
            "/v1/agents/{}/links?stream={}",
            agent.id, agent.stream
        ))
        .await;
    assert_eq!(
        (all["links"].as_array(), &all["next_after"]),
        (Some(&links), &Value::Null)
    );
    let other = client
        .json(&format!(
            "/v1/agents/{}/links?stream={}",
            agent.id,
            unproven_agent()
        ))
        .await;
    assert_eq!(other["links"], json!([]));
}

#[tokio::test]
async fn wrong_parameters_of_links_are_named() {
    let (client, mut agent) = (Client::new(), Agent::new());
    client.submit(agent.batch(1)).await.all_stored(1);
    let stream = agent.stream;
    for (query, parameter, said) in [
        (String::new(), "stream", "it is missing"),
        ("stream=x".to_owned(), "stream", "a UUID such as"),
        (
            format!("stream={stream}&after=-1"),
            "after",
            "a whole number",
        ),
        (
            format!("stream={stream}&after=9223372036854775808"),
            "after",
            "a whole number",
        ),
        (format!("stream={stream}&limit=501"), "limit", "1 to 500"),
        (
            format!("stream={stream}&seq=1"),
            "seq",
            "there are stream, after, limit",
        ),
    ] {
        let answer = client
            .get(&format!("/v1/agents/{}/links?{query}", agent.id))
            .await;
        assert!(
            answer.problem(400).contains(said),
            "{query}: {}",
            answer.text
        );
        assert_eq!(answer.body["parameter"], parameter);
    }
    let absent = unproven_agent();
    client
        .get(&format!("/v1/agents/{absent}/links?stream={stream}"))
        .await
        .problem(404);
    client
        .get(&format!("/v1/agents/{absent}/streams"))
        .await
        .problem(404);
    client.get("/v1/agents/x/streams").await.problem(400);
}
