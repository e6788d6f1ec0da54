//! Counters of hours and days, and links, through what happens to a database: erasing, and a schema that came later.

#![cfg(feature = "pool")]
#![allow(clippy::unwrap_used)] // A failed assertion is the message.

mod support;

use aap::ActionType;
use support::{Store, admin, alone, number};
use trace_store::conformance::{Agent, flat, flat_batch, held_back, now, send};
use trace_store::{ActiveAgent, Facets, Filter, Stats, TraceReader as _};
use trace_store_postgres::schema::{self, Erase, MIGRATIONS};

const HOUR: i64 = 60 * 60 * 1000;
const DAY: i64 = 24 * HOUR;
const REASONS: &str = "SELECT (SELECT count(*) FROM tallies WHERE reason IS NOT NULL) \
                       + (SELECT count(*) FROM rollups WHERE reason IS NOT NULL)";

/// Three days of two agents, some of it held back and some unsigned.
async fn fill(store: &Store) -> Agent {
    let mut agents = [Agent::new(1), Agent::new(2)];
    for agent in &mut agents {
        for hours in [0, 1, 5, 30, 55, 70] {
            let mut calls = agent.calls(3, -hours * HOUR - 400_000);
            calls[1].duration_ms = Some(70 + u64::try_from(hours).unwrap());
            calls[2].action_type = ActionType::Error;
            calls[2].runtime = String::from("codex");
            calls.push(agent.refusal(
                -hours * HOUR,
                "fs.delete",
                "deletes",
                &["harm", "privacy", "harm"],
            ));
            let mut items: Vec<_> = calls.into_iter().map(|made| agent.link(made)).collect();
            items[0] = held_back(&items[0]);
            send(store, agent.batch(items), now(0)).await;
        }
    }
    send(store, flat_batch(&[flat(7, 1, -40 * HOUR, "r")]), now(0)).await;
    let [first, _] = agents;
    first
}

async fn counts(store: &Store) -> Vec<(Stats, Facets, Vec<ActiveAgent>)> {
    let all = Filter::default;
    let text = |text: &str| Some(text.to_owned());
    let mut told = Vec::new();
    for filter in [
        all(),
        Filter {
            agent_id: Some(Agent::new(1).id),
            ..all()
        },
        Filter {
            runtime: text("codex"),
            ..all()
        },
        Filter {
            value: text("harm"),
            ..all()
        },
        Filter {
            rule_id: text("fs.delete"),
            ..all()
        },
    ] {
        let filter = Filter {
            since: Some(now(-4 * DAY)),
            ..filter
        };
        told.push((
            store.stats(&filter, HOUR, now(0)).await.unwrap(),
            store.facets(&filter, now(0)).await.unwrap(),
            store.most_active(&filter, 5, now(0)).await.unwrap(),
        ));
    }
    told
}

#[tokio::test]
async fn what_a_schema_did_not_count_is_counted_when_it_comes() {
    let (store, at) = alone().await;
    fill(&store).await;
    let administrator = admin(&at.url).await;
    let before = counts(&store).await;
    assert_eq!(before[0].0.total, 2 * 6 * 4 + 1);
    // As the migration finds it: counters of another kind, which it takes away.
    let migration = MIGRATIONS.iter().find(|one| one.version == 7).unwrap();
    let (_, recount) = migration
        .sql
        .split_once("TRUNCATE public.tallies;")
        .unwrap();
    administrator
        .batch_execute(&format!(
            "BEGIN; SET LOCAL ROLE smoltbot_owner; TRUNCATE rollups; TRUNCATE tallies; {recount} COMMIT"
        ))
        .await
        .unwrap();
    assert_eq!(counts(&store).await, before);
    let unfolded = "SELECT count(*) FROM tallies WHERE NOT folded";
    assert_eq!(number(&administrator, unfolded).await, 0);
}

#[tokio::test]
async fn erasing_takes_reasons_out_of_all_counters_and_no_link_away() {
    let (store, at) = alone().await;
    let agent = fill(&store).await;
    let mut administrator = admin(&at.url).await;
    schema::fold(&administrator, now(1)).await.unwrap();
    let before = store.links(agent.id, agent.stream, 0, 500).await.unwrap();
    assert_eq!(before.len(), 24);
    assert!(
        before
            .iter()
            .all(|link| link.header.digest() == link.digest)
    );
    let neighbour = Erase::Agent(Agent::new(2).id);
    for all in [Erase::Agent(agent.id), neighbour] {
        assert!(number(&administrator, REASONS).await > 0);
        schema::erase(&mut administrator, &all, now(2))
            .await
            .unwrap();
    }
    assert_eq!(number(&administrator, REASONS).await, 0);
    let salted = "SELECT count(*) FROM traces WHERE document IS NOT NULL AND stream IS NOT NULL";
    assert_eq!(number(&administrator, salted).await, 0);
    let after = store.links(agent.id, agent.stream, 0, 500).await.unwrap();
    assert_eq!(after, before);
}

#[tokio::test]
async fn retention_takes_counters_along() {
    let (store, at) = alone().await;
    let mut agent = Agent::new(1);
    let mut calls = agent.calls(2, -100 * DAY);
    calls.extend(agent.calls(1, 0));
    send(&store, agent.batch_of(calls), now(0)).await;
    let mut administrator = admin(&at.url).await;
    schema::fold(&administrator, now(1)).await.unwrap();
    schema::set_retention(&mut administrator, Some(60))
        .await
        .unwrap();
    schema::partition(&mut administrator, now(0), 0)
        .await
        .unwrap();
    let everything = Filter {
        since: Some(now(-300 * DAY)),
        ..Filter::default()
    };
    assert_eq!(
        store.stats(&everything, DAY, now(0)).await.unwrap().total,
        1
    );
}
