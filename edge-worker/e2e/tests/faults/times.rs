//! Clocks that are wrong: a client's by a day, and times that are odd before a restart of the edge and fine after it, or
//! the other way round.

use std::time::Duration;

use aap::Timestamp;
use aap::batch::Item;
use aap::limits::{MAX_CLOCK_AHEAD_MS, MAX_TRACE_AGE_MS};
use serde_json::{Value, json};
use test_cluster::Cluster;

use crate::aftermath::{chain_is_whole, ready, settle};
use crate::database::Database;
use crate::host::{Host, Kind, NO_LIMITS};
use crate::wait::within;
use edge_e2e::{Agent, Oracle, flat_of, held_back, now, unproven_agent};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How far before a limit the times lie that are to cross it: long enough to send them, short enough to wait for it.
const LEAD_MS: i64 = 6_000;
/// How long crossing may take.
const CROSSING: Duration = Duration::from_secs(20);

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(now().millis() + ms)
}

fn flats(times: &[Timestamp]) -> Vec<Value> {
    let agent = unproven_agent();
    let of = |time: &Timestamp| {
        let mut trace = flat_of(agent);
        trace["timestamp"] = json!(time);
        trace
    };
    times.iter().map(of).collect()
}

fn links(agent: &mut Agent, times: &[Timestamp]) -> Vec<Item> {
    let link = |time: &Timestamp| {
        let made = agent.call_at(*time);
        agent.link(made)
    };
    times.iter().map(link).collect()
}

async fn clocks_that_are_a_day_off_lose_nothing(kind: Kind) {
    let database = Database::migrated(Cluster::shared());
    let edge = Host::start(kind, &database.url, &NO_LIMITS);
    let (client, mut oracle) = (edge.client(), Oracle::default());
    for off in [-DAY_MS, DAY_MS] {
        let times: Vec<_> = (0..5).map(|second| at(off + second * 1000)).collect();
        let body = json!({ "batch": flats(&times) }).to_string();
        oracle.submit(&client, body.clone()).await.all_stored(5);
        let again = oracle.submit(&client, body).await.expect(201);
        assert_eq!(again.statuses(), ["duplicate"; 5]);
        // The clock is set right in mid-stream.
        let mut agent = Agent::new();
        let wrong = links(&mut agent, &times);
        let right = agent.links(5);
        oracle
            .submit(&client, agent.sign(&right))
            .await
            .all_stored(5);
        oracle
            .submit(&client, agent.sign(&wrong))
            .await
            .all_stored(5);
        let both = [wrong, right].concat();
        let again = oracle.submit(&client, agent.sign(&both)).await.expect(201);
        assert_eq!(again.statuses(), ["duplicate"; 10]);
        chain_is_whole(&edge.address(), &agent, 10).await;
    }
    settle(&edge.address(), &database, &[&oracle]).await;
}

async fn a_replay_across_the_limits_of_odd_times_and_a_restart_meets_its_first_copy(kind: Kind) {
    let database = Database::migrated(Cluster::shared());
    let mut edge = Host::start(kind, &database.url, &NO_LIMITS);
    let mut oracle = Oracle::default();
    // Odd until the edge's clock has come closer; fine until it has gone on.
    let times = [
        at(MAX_CLOCK_AHEAD_MS + LEAD_MS),
        at(LEAD_MS - MAX_TRACE_AGE_MS),
    ];
    let flat = json!({ "batch": flats(&times) }).to_string();
    oracle
        .submit(&edge.client(), flat.clone())
        .await
        .all_stored(2);
    let mut agent = Agent::new();
    let items = links(&mut agent, &times);
    let signed = agent.sign(&items);
    oracle
        .submit(&edge.client(), signed.clone())
        .await
        .all_stored(2);
    // Headers now, their content after the crossing.
    let mut late = Agent::new();
    let items = links(&mut late, &times);
    let headers: Vec<Item> = items.iter().map(held_back).collect();
    oracle
        .submit(&edge.client(), late.sign(&headers))
        .await
        .all_stored(2);
    assert!(
        at(0).millis() < times[0].millis() - MAX_CLOCK_AHEAD_MS,
        "all of it was sent before the crossing; raise LEAD_MS on a machine this slow"
    );

    edge.kill();
    edge.start_again();
    ready(&edge.address()).await;
    within(CROSSING, "the clock has crossed both limits", async || {
        let ahead = times[0].millis() - MAX_CLOCK_AHEAD_MS;
        let behind = times[1].millis() + MAX_TRACE_AGE_MS;
        (now().millis() > ahead.max(behind)).then_some(())
    })
    .await;
    let client = edge.client();
    for body in [flat.into_bytes(), signed] {
        let again = oracle.submit(&client, body).await.expect(201);
        assert_eq!(again.statuses(), ["duplicate"; 2], "{}", again.text);
    }
    oracle
        .submit(&client, late.sign(&items))
        .await
        .all_stored(2);
    let again = oracle.submit(&client, late.sign(&items)).await.expect(201);
    assert_eq!(again.statuses(), ["duplicate"; 2], "{}", again.text);
    for agent in [&agent, &late] {
        chain_is_whole(&edge.address(), agent, 2).await;
    }
    settle(&edge.address(), &database, &[&oracle]).await;
}

crate::on_each_host!(
    clocks_that_are_a_day_off_lose_nothing,
    a_replay_across_the_limits_of_odd_times_and_a_restart_meets_its_first_copy,
);
