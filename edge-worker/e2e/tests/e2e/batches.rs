//! Batches: their sizes, what becomes of good traces beside bad ones, and what is too large.

use aap::limits::{MAX_BATCH_BYTES, MAX_BATCH_TRACES, MAX_TRACE_BYTES};
use serde_json::{Value, json};

use edge_e2e::{Agent, Client, Oracle, content, flat_of, held_back, unproven_agent};

const SIZES: [usize; 6] = [1, 2, 10, 100, MAX_BATCH_TRACES - 1, MAX_BATCH_TRACES];

#[tokio::test]
async fn signed_batches_of_every_size_are_taken_whole() {
    let mut oracle = Oracle::default();
    for size in SIZES {
        let client = Client::new();
        let mut agent = Agent::new();
        let answer = oracle
            .submit(&client, agent.batch(size))
            .await
            .all_stored(size);
        assert_eq!(
            (&answer.body["accepted"], &answer.body["rejected"]),
            (&json!(size), &json!(0))
        );
        let known = client.json(&format!("/v1/agents/{}", agent.id)).await;
        assert_eq!(
            (&known["traces"], &known["signed"]),
            (&json!(size), &json!(size))
        );
    }
    assert_eq!(oracle.acknowledged(), SIZES.iter().sum::<usize>());
    oracle.settle().await;
}

#[tokio::test]
async fn flat_batches_of_every_size_are_taken_whole() {
    let mut oracle = Oracle::default();
    for size in SIZES {
        let (client, agent) = (Client::new(), unproven_agent());
        let traces: Vec<_> = (0..size).map(|_| flat_of(agent)).collect();
        let body = json!({ "batch": traces }).to_string();
        oracle.submit(&client, body).await.all_stored(size);
    }
    oracle.settle().await;
}

#[tokio::test]
async fn one_trace_too_many_is_refused_by_name_and_nothing_is_stored() {
    let client = Client::new();
    let agent = unproven_agent();
    let traces: Vec<_> = (0..=MAX_BATCH_TRACES).map(|_| flat_of(agent)).collect();
    let answer = client.submit_all(&traces).await;
    assert_eq!(
        answer.problem(400),
        "the batch holds 501 traces; the limit is 500"
    );
    client
        .get(&format!("/v1/agents/{agent}"))
        .await
        .problem(404);
    let empty = client.submit_all(&[]).await;
    assert!(empty.problem(400).contains("No valid traces"));
}

#[tokio::test]
async fn good_traces_are_stored_beside_bad_ones_and_each_is_answered() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    let agent = unproven_agent();
    let known = flat_of(agent);
    oracle
        .submit(&client, known.to_string())
        .await
        .all_stored(1);
    let mut changed = known.clone();
    changed["result"] = json!("changed");
    let mut wrong = flat_of(agent);
    wrong["action_type"] = json!("maybe");
    let twice = flat_of(agent);
    let batch = [
        flat_of(agent),
        wrong,
        known,
        changed,
        twice.clone(),
        twice,
        json!({"id": 7}),
        json!(5),
        flat_of(agent),
    ];
    let body = json!({ "batch": batch }).to_string();
    let answer = oracle.submit(&client, body).await.expect(201);
    let expected = [
        "stored",
        "rejected",
        "duplicate",
        "conflict",
        "stored",
        "duplicate",
        "rejected",
        "rejected",
        "stored",
    ];
    assert_eq!(answer.statuses(), expected, "{}", answer.text);
    assert_eq!(
        (&answer.body["accepted"], &answer.body["rejected"]),
        (&json!(5), &json!(4))
    );
    for (index, trace) in batch.iter().enumerate().take(6) {
        assert_eq!(answer.body["results"][index]["trace_id"], trace["id"]);
    }
    assert!(answer.reason(1).contains("allow, deny or error"));
    assert_eq!(answer.body["results"][7]["trace_id"], Value::Null);
    assert!(
        answer.body.get("trace_id").is_none(),
        "only a trace alone has it"
    );
    oracle.settle().await;
}

/// Contents that no edge takes, each with what is said of it.
fn poisons() -> [(&'static str, Value, &'static str); 4] {
    let mut deep = json!(1);
    for _ in 0..110 {
        deep = json!([deep]);
    }
    let key = concat!("AKIA", "QZ7XJ4M2WLP5T3RD");
    [
        (
            "too large",
            json!("x".repeat(MAX_TRACE_BYTES)),
            "the limit is 65536",
        ),
        ("too deep", deep, "nested deeper than"),
        ("NUL", json!("a\0b"), "NUL character"),
        ("a secret", json!(key), "it holds a secret"),
    ]
}

#[tokio::test]
async fn a_poison_trace_spoils_no_other() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    for (name, content, said) in poisons() {
        let agent = unproven_agent();
        let mut traces: Vec<_> = (0..5).map(|_| flat_of(agent)).collect();
        traces[2]["params"] = json!({ "payload": content });
        let body = json!({ "batch": traces }).to_string();
        let answer = oracle.submit(&client, body).await.expect(201);
        assert_eq!(
            answer.statuses(),
            ["stored", "stored", "rejected", "stored", "stored"],
            "{name}"
        );
        assert!(
            answer.reason(2).contains(said),
            "{name}: {}",
            answer.reason(2)
        );
        assert_eq!(answer.body["results"][2]["trace_id"], traces[2]["id"]);
    }
    oracle.settle().await;
}

#[tokio::test]
async fn a_poison_link_leaves_a_gap_until_its_header_comes() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    for (name, poison, said) in poisons() {
        let mut agent = Agent::new();
        let mut items = agent.links(2);
        let mut made = agent.call();
        made.params = Some(json!({ "payload": poison }));
        items.push(agent.link(made));
        items.extend(agent.links(2));
        let answer = oracle.submit(&client, agent.sign(&items)).await.expect(201);
        assert_eq!(
            answer.statuses(),
            ["stored", "stored", "rejected", "stored", "stored"],
            "{name}"
        );
        assert!(
            answer.reason(2).contains(said),
            "{name}: {}",
            answer.reason(2)
        );
        let known = client.json(&format!("/v1/agents/{}", agent.id)).await;
        assert_eq!(known["streams"][0]["first_gap"], 3, "{name}");

        items[2] = held_back(&items[2]);
        let answer = oracle.submit(&client, agent.sign(&items)).await.expect(201);
        assert_eq!(answer.statuses()[2], "stored", "{name}: {}", answer.text);
        let known = client.json(&format!("/v1/agents/{}", agent.id)).await;
        assert_eq!(
            (&known["missing_links"], &known["traces"]),
            (&json!(0), &json!(5)),
            "{name}"
        );
    }
    oracle.settle().await;
}

#[tokio::test]
async fn the_largest_trace_is_taken_and_one_byte_more_is_not() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    let mut agent = Agent::new();
    let filled = |agent: &Agent, bytes: usize| {
        let mut made = agent.call();
        made.params = Some(json!({ "text": "x".repeat(bytes) }));
        made
    };
    let base = agent.clone().link(filled(&agent, 0));
    let room = MAX_TRACE_BYTES - content(&base).to_string().len();
    let fits = agent.link(filled(&agent, room));
    assert_eq!(content(&fits).to_string().len(), MAX_TRACE_BYTES);
    oracle
        .submit(&client, agent.sign(&[fits]))
        .await
        .all_stored(1);
    let over = agent.link(filled(&agent, room + 1));
    let answer = client.submit(agent.sign(&[over])).await;
    answer.problem(422);
    assert_eq!(
        answer.reason(0),
        "the trace is 65537 bytes; the limit is 65536"
    );
    oracle.settle().await;
}

#[tokio::test]
async fn the_largest_body_is_taken_and_one_byte_more_is_not() {
    let client = Client::new();
    let mut body = flat_of(unproven_agent()).to_string();
    body.push_str(&" ".repeat(MAX_BATCH_BYTES - body.len()));
    client.submit(body.clone()).await.all_stored(1);
    let announced = client
        .announce("POST", "/v1/traces", MAX_BATCH_BYTES + 1)
        .await;
    assert!(announced.problem(413).contains("larger than 4194304 bytes"));
    assert_eq!(announced.body["limit"], MAX_BATCH_BYTES);
    // Who does not say how much it is, is stopped where it is too much.
    let pieces = [body, " ".to_owned()].map(Ok::<_, std::io::Error>);
    let request = client.request("POST", "/v1/traces");
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    client.send(request.body(body)).await.problem(413);
}
