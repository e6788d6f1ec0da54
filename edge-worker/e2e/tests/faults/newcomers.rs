//! Ten thousand identities that nobody has heard of, from one network.

use std::time::Instant;

use futures_util::{StreamExt as _, stream};
use test_cluster::Cluster;

use crate::aftermath::settle;
use crate::database::Database;
use crate::host::{Host, Kind};
use edge_e2e::{Agent, Answer, Client, Oracle, flat};

/// New agents that one network may bring, an hour.
const NEW_AGENTS_PER_HOUR: usize = 60;
/// How many come to the native edge.
const NEWCOMERS: usize = 10_000;
/// How many come to the Worker: workerd's emulation makes a Durable Object with a database file for each identity, which takes
/// some 100 ms on a busy machine. Three times the limit show the same.
const NEWCOMERS_AT_THE_WORKER: usize = 200;
/// Requests at once.
const AT_ONCE: usize = 16;
/// So many come between two looks at the others.
const WAVES: usize = 10;
/// What the serving process may grow by: remembered identities take some hundred bytes each, and the allocator, threads
/// and a debug build their share.
const MEMORY_GROWTH: u64 = 64 * 1024 * 1024;
/// The same for workerd, which keeps a Durable Object with an isolate's share of memory for each key until it is idle.
const MEMORY_GROWTH_OF_WORKERD: u64 = 256 * 1024 * 1024;

/// A batch of somebody new: every second one signs.
fn newcomer(number: usize) -> Vec<u8> {
    if number.is_multiple_of(2) {
        flat().to_string().into_bytes()
    } else {
        Agent::new().batch(1)
    }
}

/// Checks that a refusal says by what, and when to come back.
#[track_caller]
fn over_the_limit(answer: &Answer) {
    let detail = answer.problem(429);
    assert!(
        detail.contains("`new_agents` of 60 in 3600 seconds"),
        "{detail}"
    );
    let wait: u64 = answer.header("retry-after").parse().expect("seconds");
    assert!((1..=3600).contains(&wait), "{wait}");
    assert!(
        answer.header("ratelimit").starts_with("\"new_agents\";r=0"),
        "{}",
        answer.header("ratelimit")
    );
}

/// Sends the newcomers of one wave; how many were let in.
async fn wave(client: &Client, oracle: &mut Oracle, count: usize) -> usize {
    let answers = (0..count).map(async |number| {
        let body = newcomer(number);
        let answer = client.submit(body.clone()).await;
        (body, answer)
    });
    let answers: Vec<_> = stream::iter(answers)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut stored = 0;
    for (body, answer) in answers {
        if answer.status == 201 {
            assert_eq!(answer.statuses(), ["stored"], "{}", answer.text);
            stored += 1;
            oracle.sending(&body);
            oracle.answered(&body, &answer);
        } else {
            over_the_limit(&answer);
        }
    }
    stored
}

async fn ten_thousand_new_identities_of_one_network_harm_nobody_else(kind: Kind) {
    let database = Database::migrated(Cluster::shared());
    let limit = NEW_AGENTS_PER_HOUR.to_string();
    let settings = [
        ("SMOLTBOT_EDGE__LIMIT_NEW_AGENTS_PER_HOUR", limit.as_str()),
        ("SMOLTBOT_EDGE__LIMIT_IP_PER_MINUTE", "0"),
    ];
    let edge = Host::start(kind, &database.url, &settings);
    let (client, mut oracle) = (edge.client(), Oracle::default());
    // A neighbour on the same network, known before the storm.
    let mut neighbour = Agent::new();
    oracle
        .submit(&client, neighbour.batch(1))
        .await
        .all_stored(1);
    let (newcomers, growth) = match kind {
        Kind::Native => (NEWCOMERS, MEMORY_GROWTH),
        Kind::Worker => (NEWCOMERS_AT_THE_WORKER, MEMORY_GROWTH_OF_WORKERD),
    };
    // The first wave also warms up what is only allocated once.
    let begun = Instant::now();
    let mut stored = 1 + wave(&client, &mut oracle, newcomers / WAVES).await;
    let before = edge.resident();
    for _ in 1..WAVES {
        stored += wave(&client, &mut oracle, newcomers / WAVES).await;
        // Who is known goes on, and so do the new ones of other networks.
        oracle
            .submit(&client, neighbour.batch(1))
            .await
            .all_stored(1);
        oracle
            .submit(&edge.client(), Agent::new().batch(1))
            .await
            .all_stored(1);
    }
    let after = edge.resident();
    let took = usize::try_from(begun.elapsed().as_secs()).expect("a short test");
    let regained = took * NEW_AGENTS_PER_HOUR / 3600;
    let most = NEW_AGENTS_PER_HOUR + regained + 1;
    assert!(
        (NEW_AGENTS_PER_HOUR..=most).contains(&stored),
        "{stored} of {newcomers} came in"
    );
    println!(
        "{kind:?}: {newcomers} newcomers, memory {} KiB, then {} KiB",
        before / 1024,
        after / 1024
    );
    assert!(
        after <= before + growth,
        "the process grew by {} bytes",
        after.saturating_sub(before)
    );
    // Whoever was not let in has left nothing behind.
    let others = WAVES - 1;
    let known = database.sql("SELECT count(*) FROM agents");
    assert_eq!(known, (stored + others).to_string());
    settle(&edge.address(), &database, &[&oracle]).await;
}

crate::on_each_host!(ten_thousand_new_identities_of_one_network_harm_nobody_else);
