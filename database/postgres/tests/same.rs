//! Whatever is sent, in whatever order and however often: Postgres answers as SQLite does, and tells the same afterwards.

#![cfg(feature = "pool")]
#![allow(clippy::unwrap_used)] // A failed assertion is the message.

mod support;

use aap::batch::Item;
use aap::wire::Status;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use support::alone;
use trace_store::conformance::{Agent, Store, flat, flat_batch, held_back, now};
use trace_store::{Filter, PageRequest, TraceRow};
use trace_store_sqlite::SqliteStore;

/// Links that each agent has made.
const LINKS: usize = 8;
const DAY: i64 = 24 * 60 * 60 * 1000;
/// Times of receipt: as the traces say, and clocks that are off, by which their times are odd.
const RECEIPTS: [i64; 4] = [0, 60_000, -DAY, 500 * DAY];

/// One request.
#[derive(Debug, Clone)]
enum Sent {
    /// A run of an agent's links; bits tell which of them only as headers.
    Links {
        agent: usize,
        from: usize,
        count: usize,
        headers: u8,
        receipt: usize,
    },
    /// Unsigned traces, by their ids; an odd number is another content.
    Flat { ids: Vec<(u16, u8)>, receipt: usize },
}

fn sent() -> impl Strategy<Value = Sent> {
    let receipt = 0..RECEIPTS.len();
    let links = (
        0..3_usize,
        0..LINKS,
        1..=LINKS,
        any::<u8>(),
        receipt.clone(),
    )
        .prop_map(|(agent, from, count, headers, receipt)| Sent::Links {
            agent,
            from,
            count: count.min(LINKS - from),
            headers,
            receipt,
        });
    let ids = prop::collection::vec((0..6_u16, 0..2_u8), 1..6);
    let flats = (ids, receipt).prop_map(|(ids, receipt)| Sent::Flat { ids, receipt });
    prop_oneof![3 => links, 1 => flats]
}

/// Two agents, and the first one again as a restored backup is: another story of the same stream.
fn agents() -> [(Agent, Vec<Item>); 3] {
    let first = Agent::new(1);
    let forked = first.restored();
    [first, Agent::new(2), forked].map(|mut agent| {
        let items = (0..LINKS)
            .map(|index| {
                let at = i64::try_from(index).unwrap() * 4 * 60_000 - 1_800_000;
                let mut call = match index % 3 {
                    0 => agent.refusal(at, "fs.delete.root", "deletes /", &["a", "b", "a"]),
                    _ => agent.call(at),
                };
                call.session_id = [None, Some("one"), Some("two")][index % 3].map(str::to_owned);
                call.duration_ms = Some(index as u64 * 13);
                agent.link(call)
            })
            .collect();
        (agent, items)
    })
}

/// What a store answered to all of it, and tells in the end. Positions are each store's own, their order is not.
#[derive(Debug, PartialEq)]
struct Told {
    answers: Vec<Vec<(Status, Option<String>, bool)>>,
    state: Vec<String>,
}

async fn tell(store: &impl Store, schedule: &[Sent], agents: &[(Agent, Vec<Item>)]) -> Told {
    let mut answers = Vec::new();
    for sent in schedule {
        let (batch, receipt) = match sent {
            Sent::Links {
                agent,
                from,
                count,
                headers,
                receipt,
            } => {
                let (agent, items) = &agents[*agent];
                let run = items[*from..from + count].iter().enumerate();
                let run = run.map(|(index, item)| match headers >> index & 1 {
                    1 => held_back(item),
                    _ => item.clone(),
                });
                (agent.batch(run.collect()), receipt)
            }
            Sent::Flat { ids, receipt } => {
                let traces: Vec<_> = ids
                    .iter()
                    .map(|(id, content)| flat(7, *id, i64::from(*id) * 1000, &content.to_string()))
                    .collect();
                (flat_batch(&traces), receipt)
            }
        };
        let appended = store.append(batch, now(RECEIPTS[*receipt])).await.unwrap();
        // With a row or without: live readers are told of the same ones.
        let told = appended.into_iter();
        answers.push(
            told.map(|one| (one.status, one.reason, one.row.is_some()))
                .collect(),
        );
    }
    let mut state = Vec::new();
    let placed = |mut rows: Vec<TraceRow>| {
        for row in &mut rows {
            row.position = 0;
        }
        format!("{rows:#?}")
    };
    let everything = Filter::default();
    let page = PageRequest {
        limit: 500,
        ..PageRequest::default()
    };
    let documents = store.documents(&everything, page).await.unwrap().rows;
    let contents: Vec<_> = documents
        .iter()
        .map(|one| (&one.document, one.digest))
        .collect();
    state.push(format!("{contents:#?}"));
    state.push(placed(documents.into_iter().map(|one| one.row).collect()));
    state.push(placed(
        store.received_after(0, &everything, 500).await.unwrap(),
    ));
    let mut known = store.agents(10).await.unwrap();
    known.sort_by_key(|agent| agent.agent_id);
    state.push(format!("{known:#?}"));
    for agent in &known {
        let id = agent.agent_id;
        state.push(format!("{:#?}", store.sessions(id, 10).await.unwrap()));
        state.push(format!("{:#?}", store.streams(id).await.unwrap()));
        let mut forks = store.equivocations(id).await.unwrap();
        forks.sort_by_key(|fork| (fork.seq, fork.second_digest.to_string()));
        state.push(format!("{forks:#?}"));
    }
    for (bucket_ms, receipt) in [(3_600_000, 0), (60_000, 0), (3_600_000, 500 * DAY)] {
        let stats = store.stats(&everything, bucket_ms, now(receipt + 1)).await;
        state.push(format!("{:#?}", stats.unwrap()));
    }
    Told { answers, state }
}

#[test]
fn any_schedule_is_answered_and_kept_as_sqlite_does() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let agents = agents();
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 32,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let schedules = prop::collection::vec(sent(), 1..14);
    let outcome = runner.run(&schedules, |schedule| {
        let (here, there) = runtime.block_on(async {
            let (postgres, _alone) = alone().await;
            let directory = tempfile::tempdir().unwrap();
            let sqlite = SqliteStore::open(&directory.path().join("traces.db")).unwrap();
            let there = tell(&sqlite, &schedule, &agents).await;
            (tell(&postgres, &schedule, &agents).await, there)
        });
        prop_assert_eq!(&here.answers, &there.answers);
        for (here, there) in here.state.iter().zip(&there.state) {
            prop_assert_eq!(here, there);
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
