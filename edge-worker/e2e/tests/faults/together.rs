//! Several edges at once over one database: whatever is sent to all of them comes in once, and they tell one story.

use std::collections::BTreeMap;

use aap::batch::Item;
use futures_util::future::join_all;
use serde_json::{Value, json};
use test_cluster::Cluster;

use crate::aftermath::{chain_is_whole, nothing_twice, settle};
use crate::database::Database;
use crate::host::{Address, Host, Kind, NO_LIMITS};
use crate::random::Random;
use crate::traffic::{Outcome, judge};
use crate::wait::{until, within};
use edge_e2e::{Agent, Answer, Oracle, flat_of, held_back, unproven_agent, word};

/// Links of the chain that everybody sends.
const LINKS: usize = 60;
/// Agents whose chains are sent side by side.
const AGENTS: usize = 4;
/// How long a live stream may take to show what another edge has stored: streams look for themselves every 15 seconds.
const SEEN_WITHIN: std::time::Duration = std::time::Duration::from_secs(20);

/// Sends each body to every edge, all at once in a random order, each until it is stored; the last answer to each.
async fn to_all(edges: &[Address], bodies: &[Vec<u8>], random: &mut Random) -> Vec<Answer> {
    let mut requests: Vec<_> = edges
        .iter()
        .flat_map(|edge| bodies.iter().map(move |body| (edge.client(), body)))
        .collect();
    random.shuffle(&mut requests);
    let sent = requests.into_iter().map(async |(client, body)| {
        until("the batch is stored", async || {
            let answer = client.submit(body.clone()).await;
            // Deadlocks and full pools are somebody else's turn.
            (answer.status != 503 || judge(&answer) != Outcome::Later).then_some(answer)
        })
        .await
    });
    join_all(sent).await
}

/// One chain in overlapping runs, some of them headers first; every run to every edge.
async fn one_chain(edges: &[Address], mut random: Random) -> (Agent, Oracle) {
    let (mut agent, mut oracle) = (Agent::new(), Oracle::default());
    let items = agent.links(LINKS);
    let thin: Vec<Item> = items.iter().map(held_back).collect();
    let bodies = [
        agent.sign(&items[40..60]),
        agent.sign(&thin[0..10]),
        agent.sign(&items[10..45]),
        agent.sign(&items[0..25]),
        agent.sign(&thin[30..60]),
        agent.sign(&items[0..60]),
    ];
    for body in &bodies {
        oracle.sending(body);
    }
    for answer in to_all(edges, &bodies, &mut random).await {
        assert_eq!(judge(&answer), Outcome::Stored, "{}", answer.text);
    }
    for body in bodies {
        let answer = oracle.submit(&edges[0].client(), body).await.expect(201);
        assert!(
            answer
                .statuses()
                .iter()
                .all(|status| *status == "duplicate"),
            "{}",
            answer.text
        );
    }
    (agent, oracle)
}

/// The same traces without a chain, to all at once: each is stored by one of them.
async fn one_batch(edges: &[Address], mut random: Random) -> Oracle {
    let (agent, mut oracle) = (unproven_agent(), Oracle::default());
    let traces: Vec<_> = (0..30).map(|_| flat_of(agent)).collect();
    let body = json!({ "batch": traces }).to_string().into_bytes();
    oracle.sending(&body);
    let answers = to_all(edges, std::slice::from_ref(&body), &mut random).await;
    let mut stored = BTreeMap::new();
    for answer in &answers {
        oracle.answered(&body, answer);
        assert_eq!(judge(answer), Outcome::Stored, "{}", answer.text);
        for (place, status) in answer.statuses().iter().enumerate() {
            *stored.entry(place).or_insert(0) += usize::from(*status == "stored");
        }
    }
    assert!(stored.values().all(|times| *times == 1), "{stored:?}");
    oracle
}

/// Two contents under one id, to all at once: one of them is stored, by one of them.
async fn one_id(edges: &[Address], mut random: Random) -> Oracle {
    let mut oracle = Oracle::default();
    let (one, mut two) = (flat_of(unproven_agent()), flat_of(unproven_agent()));
    two["id"] = one["id"].clone();
    two["result"] = json!(word("other"));
    let bodies = [one.to_string().into_bytes(), two.to_string().into_bytes()];
    let mut statuses: Vec<String> = to_all(edges, &bodies, &mut random)
        .await
        .iter()
        .map(|answer| answer.statuses()[0].to_owned())
        .collect();
    statuses.sort_unstable();
    let count = |wanted: &str| statuses.iter().filter(|status| *status == wanted).count();
    let each = edges.len();
    assert_eq!(
        (count("stored"), count("duplicate"), count("conflict")),
        (1, each - 1, each)
    );
    // The one that won is what the oracle believes in.
    let client = edges[0].client();
    for body in bodies {
        let answer = client.submit(body.clone()).await;
        if answer.statuses() == ["duplicate"] {
            oracle.sending(&body);
            oracle.answered(&body, &answer);
        }
    }
    assert_eq!(oracle.acknowledged(), 1);
    oracle
}

/// An agent that tells two stories, each to all edges at once: all of them publish it, and agree on which came first.
async fn one_fork(edges: &[Address], mut random: Random) -> Agent {
    let mut agent = Agent::new();
    edges[0].client().submit(agent.batch(2)).await.all_stored(2);
    let mut twin = agent.clone();
    let (mine, other) = (agent.links(3), twin.links(3));
    let bodies = [agent.sign(&mine), twin.sign(&other)];
    for answer in to_all(edges, &bodies, &mut random).await {
        let statuses = answer.statuses();
        let known = ["stored", "duplicate", "conflict"];
        assert!(
            statuses.iter().all(|status| known.contains(status)),
            "{}",
            answer.text
        );
    }
    let path = format!("/v1/agents/{}/equivocations", agent.id);
    let told = same_everywhere(edges, &path).await;
    let places = told["equivocations"].as_array().expect("a list");
    let mut digests = [
        json!(mine[0].header.digest()),
        json!(other[0].header.digest()),
    ];
    digests.sort_by_key(Value::to_string);
    let place = places
        .iter()
        .find(|place| place["seq"] == 3)
        .expect("where they part");
    let mut found = [
        place["first_digest"].clone(),
        place["second_digest"].clone(),
    ];
    found.sort_by_key(Value::to_string);
    assert_eq!(found, digests);
    agent
}

/// What every edge answers, which is the same.
async fn same_everywhere(edges: &[Address], path: &str) -> Value {
    let first = edges[0].client().json(path).await;
    for edge in &edges[1..] {
        assert_eq!(edge.client().json(path).await, first, "{path}");
    }
    first
}

/// What is stored by one edge is seen by the streams of all.
async fn live(edges: &[Address]) {
    let mut agent = Agent::new();
    edges[0].client().submit(agent.batch(1)).await.all_stored(1);
    let path = format!("/v1/live?agent_id={}", agent.id);
    let mut streams = Vec::new();
    for edge in edges {
        let client = edge.client();
        let stream = client.open(client.request("GET", &path)).await;
        assert_eq!(stream.status(), 200);
        streams.push((stream, String::new()));
    }
    let mut ids = Vec::new();
    for edge in edges {
        let items = agent.links(1);
        ids.push(items[0].header.trace_id.to_string());
        edge.client().submit(agent.sign(&items)).await.all_stored(1);
    }
    for (stream, text) in &mut streams {
        let seen = tokio::time::timeout(SEEN_WITHIN, async {
            while !ids.iter().all(|id| text.contains(id.as_str())) {
                let chunk = stream
                    .chunk()
                    .await
                    .expect("it goes on")
                    .expect("it goes on");
                text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
            }
        });
        assert!(seen.await.is_ok(), "not all of {ids:?} in {text}");
        let events = text
            .lines()
            .filter(|line| line.starts_with("data: "))
            .count();
        assert_eq!(events, ids.len(), "each once: {text}");
    }
}

async fn all_at_once(kinds: &[Kind]) {
    let mut random = Random::of(&format!("{kinds:?} at once"));
    let database = Database::migrated(Cluster::shared());
    let hosts: Vec<_> = kinds
        .iter()
        .map(|kind| Host::start(*kind, &database.url, &NO_LIMITS))
        .collect();
    let edges: Vec<_> = hosts.iter().map(Host::address).collect();
    let mut forked = |_| random.fork();
    let seeds: Vec<_> = (0..AGENTS * 4).map(&mut forked).collect();
    let (chains, rest) = seeds.split_at(AGENTS);
    let (batches, rest) = rest.split_at(AGENTS);
    let (ids, forks) = rest.split_at(AGENTS);
    let (chains, batches, ids, forks) = tokio::join!(
        join_all(chains.iter().map(|seed| one_chain(&edges, seed.clone()))),
        join_all(batches.iter().map(|seed| one_batch(&edges, seed.clone()))),
        join_all(ids.iter().map(|seed| one_id(&edges, seed.clone()))),
        join_all(forks.iter().map(|seed| one_fork(&edges, seed.clone()))),
    );
    for (agent, _) in &chains {
        for edge in &edges {
            chain_is_whole(edge, agent, LINKS).await;
        }
        // Whom a sidecar asks where it stands tells it the same.
        let mut heads = Vec::new();
        for edge in &edges {
            heads.push(edge.client().put_card(agent).await.expect(200).body["streams"].clone());
        }
        assert_eq!(heads[0][0]["seq"], LINKS);
        assert!(heads.iter().all(|told| *told == heads[0]), "{heads:#?}");
    }
    for agent in chains.iter().map(|(agent, _)| agent).chain(&forks) {
        // Edges that keep an answer for a moment have let go of it by then.
        let path = format!("/v1/agents/{}", agent.id);
        within(
            SEEN_WITHIN,
            "all edges tell the same of an agent",
            async || {
                let mut told = Vec::new();
                for edge in &edges {
                    told.push(edge.client().json(&path).await);
                }
                told.windows(2).all(|two| two[0] == two[1]).then_some(())
            },
        )
        .await;
    }
    live(&edges).await;
    let chains: Vec<&Oracle> = chains.iter().map(|(_, oracle)| oracle).collect();
    let oracles: Vec<&Oracle> = chains.into_iter().chain(&batches).chain(&ids).collect();
    settle(&edges[0], &database, &oracles).await;
    for edge in &edges[1..] {
        for oracle in &oracles {
            oracle.settle_at(|| edge.client()).await;
        }
    }
    nothing_twice(&database);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn native_edges_at_once_on_one_database_tell_one_story() {
    all_at_once(&[Kind::Native; 3]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_and_a_native_edge_at_once_on_one_database_tell_one_story() {
    all_at_once(&[Kind::Worker, Kind::Native, Kind::Worker]).await;
}
