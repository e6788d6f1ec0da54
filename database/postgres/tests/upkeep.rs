//! What time, upkeep and erasing do to what is stored, and to what is sent again.

#![cfg(feature = "pool")]
#![allow(clippy::unwrap_used)] // A failed assertion is the message.

mod support;

use std::sync::Arc;

use aap::wire::Status;
use support::{admin, alone, number};
use tokio::sync::Notify;
use trace_store::conformance::{Agent, flat, flat_batch, now, send};
use trace_store::{Appended, Filter, PageRequest, Receipt, TraceReader, TraceWriter};
use trace_store_postgres::schema::{self, Erase};
use trace_store_postgres::{Connections, Lease, Role};

const DAY: i64 = 24 * 60 * 60 * 1000;

fn statuses(answers: &[Appended]) -> Vec<Status> {
    answers.iter().map(|answer| answer.status).collect()
}

/// A time that is odd at one receipt and not at the other: the trace is found under either, signed or not.
#[tokio::test]
async fn a_clock_a_day_off_makes_no_second_copy() {
    for (first, second) in [
        (0, -DAY),
        (-DAY, 0),
        (0, 500 * DAY),
        (500 * DAY, 0),
        (DAY, 0),
    ] {
        let (store, at) = alone().await;
        let mut agent = Agent::new(1);
        let signed = agent.calls(3, 0);
        let signed = agent.batch_of(signed);
        let unsigned = flat_batch(&[flat(7, 1, 0, "r"), flat(7, 2, 0, "r")]);
        for batch in [signed, unsigned] {
            let count = batch.traces().len();
            let answers = send(&store, batch.clone(), now(first)).await;
            assert_eq!(statuses(&answers), vec![Status::Stored; count]);
            let row = answers[0].row.as_ref().unwrap();
            assert_eq!(row.odd_time, first == -DAY || first > 400 * DAY);
            let answers = send(&store, batch, now(second)).await;
            assert_eq!(statuses(&answers), vec![Status::Duplicate; count]);
            assert_eq!(store.trace(row.trace_id).await.unwrap().unwrap().row, *row);
        }
        let administrator = admin(&at.url).await;
        assert_eq!(
            number(&administrator, "SELECT count(*) FROM public.traces").await,
            5
        );
    }
}

#[tokio::test]
async fn what_retention_dropped_is_refused_and_not_new_again() {
    let (store, at) = alone().await;
    let mut agent = Agent::new(1);
    let mut calls = agent.calls(2, -100 * DAY);
    calls.extend(agent.calls(1, 0));
    let batch = agent.batch_of(calls);
    let unsigned = flat_batch(&[flat(7, 1, -100 * DAY, "r"), flat(7, 2, 0, "r")]);
    send(&store, batch.clone(), now(0)).await;
    send(&store, unsigned.clone(), now(0)).await;
    let mut administrator = admin(&at.url).await;
    schema::set_retention(&mut administrator, Some(60))
        .await
        .unwrap();
    schema::partition(&mut administrator, now(0), 0)
        .await
        .unwrap();
    let count = "SELECT count(*) FROM public.traces";
    assert_eq!(number(&administrator, count).await, 2);
    let answers = send(&store, batch, now(1)).await;
    let (rejected, duplicate) = (Status::Rejected, Status::Duplicate);
    assert_eq!(statuses(&answers), [rejected, rejected, duplicate]);
    let reason = answers[0].reason.as_ref().unwrap();
    assert!(
        reason.contains("keeps nothing from before 2026-09-01T00:00:00Z"),
        "{reason}"
    );
    let answers = send(&store, unsigned, now(1)).await;
    assert_eq!(statuses(&answers), [rejected, duplicate]);
    assert_eq!(number(&administrator, count).await, 2);
    let next = agent.calls(1, 1000);
    let answers = send(&store, agent.batch_of(next), now(2)).await;
    assert_eq!(statuses(&answers), [Status::Stored]);
}

#[tokio::test]
async fn what_was_erased_is_not_filled_in_again() {
    let (store, at) = alone().await;
    let mut agent = Agent::new(1);
    let call = agent.refusal(0, "fs.delete.root", "deletes /", &["harm_prevention"]);
    let signed = agent.batch_of(vec![call]);
    let unsigned = flat_batch(&[flat(7, 1, 0, "r")]);
    let mut administrator = admin(&at.url).await;
    for batch in [signed, unsigned] {
        let id = batch.traces()[0].facts().trace_id;
        send(&store, batch.clone(), now(0)).await;
        let erased = schema::erase(&mut administrator, &Erase::Trace(id), now(1)).await;
        assert_eq!(erased.unwrap(), 1);
        let answers = send(&store, batch, now(2)).await;
        assert_eq!(statuses(&answers), [Status::Duplicate]);
        let kept = store.trace(id).await.unwrap().unwrap();
        assert!(kept.document.is_none() && kept.row.reason.is_none());
    }
    let told = "SELECT count(*) FROM public.conflicts";
    assert_eq!(
        number(&administrator, told).await,
        0,
        "no digest of it comes back"
    );
}

#[tokio::test]
async fn networks_are_kept_as_digests_that_nobody_reads() {
    let (store, at) = alone().await;
    let receipt = |plus_ms, network: &str| Receipt {
        at: now(plus_ms),
        network: Some(network.parse().unwrap()),
    };
    let (one, other) = ("192.0.2.7", "2001:db8:1:2::");
    for (id, from) in [(1, one), (2, one), (3, other)] {
        let batch = flat_batch(&[flat(7, id, 0, "r")]);
        let answers = store.append(batch, receipt(i64::from(id), from)).await;
        assert_eq!(statuses(&answers.unwrap()), [Status::Stored]);
    }
    let administrator = admin(&at.url).await;
    let known = "SELECT count(*) FROM private.origins";
    assert_eq!(number(&administrator, known).await, 2);
    let salted = "SELECT count(*) FROM private.origins o, private.salts s, unnest(ARRAY['192.0.2.7', '2001:db8:1:2::']) a \
                  WHERE o.network = sha256(s.salt || inet_send(a::inet)) AND length(s.salt) = 32";
    assert_eq!(number(&administrator, salted).await, 2);
    for role in [Role::Reader, Role::Writer] {
        let lease = store.connections().lease(role).await.unwrap();
        assert!(lease.client().query(known, &[]).await.is_err());
        lease.give_back(false).await;
    }
}

/// Something of everything: refusals, failures, values, durations, two agents, some hours.
async fn fill(store: &support::Store) {
    for number in [1, 2] {
        let mut agent = Agent::new(number);
        for round in 0..6 {
            let mut calls = agent.calls(10, -round * 100_000 - 60_000);
            calls.push(agent.refusal(-round * 100_000, "fs.delete.root", "deletes /", &["a", "b"]));
            calls.push(agent.refusal(-round * 50 * 60_000, "net.send", "sends", &["b", "b"]));
            for (index, call) in calls.iter_mut().enumerate() {
                call.duration_ms = Some(index as u64 * 37);
            }
            send(store, agent.batch_of(calls), now(0)).await;
        }
    }
    send(store, flats(0), now(0)).await;
}

/// Traces without signatures, over three hours.
fn flats(round: u16) -> aap::ValidBatch {
    let flats: Vec<_> = (0..20_u16)
        .map(|id| flat(7, round * 100 + id, -i64::from(id) * 9 * 60_000, "r"))
        .collect();
    flat_batch(&flats)
}

#[tokio::test]
async fn folding_changes_no_count() {
    let (store, at) = alone().await;
    fill(&store).await;
    let filters = [
        Filter::default(),
        Filter {
            agent_id: Some(Agent::new(1).id),
            ..Filter::default()
        },
        Filter {
            tool: Some("exec".to_owned()),
            ..Filter::default()
        },
        Filter {
            action_type: Some(aap::ActionType::Deny),
            ..Filter::default()
        },
        Filter {
            since: Some(now(-3_333_333)),
            until: Some(now(-77)),
            ..Filter::default()
        },
    ];
    let administrator = admin(&at.url).await;
    let rows = "SELECT count(*) FROM public.tallies";
    let mut total = 2 * 6 * 12 + 20;
    for round in 0..3 {
        let unfolded = number(&administrator, rows).await;
        let mut before = Vec::new();
        for filter in &filters {
            before.push(store.stats(filter, 3_600_000, now(0)).await.unwrap());
        }
        assert_eq!(before[0].total, total);
        schema::fold(&administrator, now(1)).await.unwrap();
        for (filter, expected) in filters.iter().zip(&before) {
            let stats = store.stats(filter, 3_600_000, now(0)).await.unwrap();
            assert_eq!(stats, *expected);
        }
        assert!(number(&administrator, rows).await < unfolded);
        // What comes later is counted beside what was folded, and folded with it.
        send(&store, flats(round + 1), now(0)).await;
        total += 20;
    }
}

#[tokio::test]
async fn partitions_that_come_later_move_no_position_and_no_page() {
    let (store, at) = alone().await;
    fill(&store).await;
    let everything = Filter::default();
    let page = PageRequest {
        limit: 500,
        ..PageRequest::default()
    };
    let listed = store.traces(&everything, page).await.unwrap();
    let received = store.received_after(0, &everything, 500).await.unwrap();
    let mut administrator = admin(&at.url).await;
    let elsewhere = "SELECT count(*) FROM public.traces_elsewhere";
    assert!(number(&administrator, elsewhere).await > 0);
    schema::partition(&mut administrator, now(0), 1)
        .await
        .unwrap();
    assert_eq!(number(&administrator, elsewhere).await, 0);
    assert_eq!(store.traces(&everything, page).await.unwrap(), listed);
    assert_eq!(
        store.received_after(0, &everything, 500).await.unwrap(),
        received
    );
    let answers = send(&store, flats(0), now(1)).await;
    assert_eq!(statuses(&answers), [Status::Duplicate; 20]);
}

/// What is behind a transaction that still runs is out of sight, and told when it is not any more.
#[tokio::test]
async fn live_readers_are_woken_and_miss_nothing() {
    let (store, at) = alone().await;
    let woken = Arc::new(Notify::new());
    let _listener = store.connections().listen({
        let woken = Arc::clone(&woken);
        move || woken.notify_one()
    });
    // It listens.
    woken.notified().await;
    let mut foreign = admin(&at.url).await;
    let transaction = foreign.transaction().await.unwrap();
    transaction
        .execute("SELECT pg_current_xact_id()", &[])
        .await
        .unwrap();
    send(&store, flat_batch(&[flat(7, 1, 0, "r")]), now(0)).await;
    woken.notified().await;
    let everything = Filter::default();
    let seen = store.received_after(0, &everything, 10).await.unwrap();
    assert!(
        seen.is_empty(),
        "the foreign transaction might still come before it"
    );
    assert_eq!(store.last_position().await.unwrap(), 0);
    transaction.commit().await.unwrap();
    // The last word, without anything being stored.
    woken.notified().await;
    let seen = store.received_after(0, &everything, 10).await.unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(store.last_position().await.unwrap(), seen[0].position);
}
