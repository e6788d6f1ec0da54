//! Whatever is sent, in whatever order and however often: Postgres answers as SQLite does, and tells the same afterwards.

#![cfg(feature = "pool")]
#![allow(clippy::unwrap_used)] // A failed assertion is the message.

mod support;

use aap::ActionType;
use aap::batch::Item;
use aap::wire::Status;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use support::alone;
use tokio_postgres::NoTls;
use trace_store::conformance::{Agent, Store, flat, flat_batch, held_back, now};
use trace_store::{Filter, PageRequest, TraceRow};
use trace_store_postgres::schema;
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
    /// No request: counters are folded now, where they are.
    Fold,
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
    prop_oneof![6 => links, 2 => flats, 1 => Just(Sent::Fold)]
}

/// Two agents, and the first one again as a restored backup is: another story of the same stream.
fn agents() -> [(Agent, Vec<Item>); 3] {
    let first = Agent::new(1);
    let forked = first.restored();
    [first, Agent::new(2), forked].map(|mut agent| {
        let items = (0..LINKS)
            .map(|index| {
                // Close together, hours and days apart.
                let at = [-1_800_000, -1_560_000, -1_320_000, -7, -26, -30, -77, -99][index];
                let at = if at > -1000 { at * 3_500_000 } else { at };
                let mut call = match index % 3 {
                    0 => agent.refusal(at, "fs.delete.root", "deletes /", &["a", "b", "a"]),
                    _ => agent.call(at),
                };
                call.session_id = [None, Some("one"), Some("two")][index % 3].map(str::to_owned);
                call.duration_ms = Some(index as u64 * 13);
                if index % 4 == 1 {
                    call.runtime = String::from("codex");
                }
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

async fn tell(
    store: &impl Store,
    schedule: &[Sent],
    agents: &[(Agent, Vec<Item>)],
    fold: impl AsyncFn(),
) -> Told {
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
            Sent::Fold => {
                fold().await;
                continue;
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
    state.extend(counts(store).await);
    Told { answers, state }
}

/// Everything that is counted: over spans that rows tell, five minutes, hours and days, under each part of a filter.
async fn counts(store: &impl Store) -> Vec<String> {
    let all = Filter::default;
    let text = |text: &str| Some(text.to_owned());
    let mut filters = vec![
        all(),
        Filter {
            tool: text("exec"),
            ..all()
        },
        Filter {
            runtime: text("codex"),
            ..all()
        },
        Filter {
            rule_id: text("fs.delete.root"),
            ..all()
        },
        Filter {
            value: text("b"),
            ..all()
        },
        Filter {
            value: text("a"),
            runtime: text("openclaw"),
            ..all()
        },
        Filter {
            session_id: text("one"),
            ..all()
        },
        Filter {
            agent_id: Some(Agent::new(1).id),
            value: text("a"),
            ..all()
        },
        Filter {
            agent_id: Some(Agent::new(2).id),
            session_id: text("two"),
            ..all()
        },
    ];
    filters.extend(ActionType::ALL.map(|action| Filter {
        action_type: Some(action),
        ..all()
    }));
    filters.extend([1, 2].map(|number| Filter {
        agent_id: Some(Agent::new(number).id),
        ..all()
    }));
    let mut told = Vec::new();
    for filter in filters {
        for (days, end, bucket_ms) in [
            (1, 0, 3_600_000),
            (1, 0, 60_000),
            (1, 500 * DAY, 3_600_000),
            (5, 777_777, 300_000),
            (7, 1_234, 4 * 3_600_000),
            (30, 0, DAY),
        ] {
            let filter = Filter {
                since: Some(now(end - days * DAY)),
                ..filter.clone()
            };
            let stats = store.stats(&filter, bucket_ms, now(end + 1)).await;
            let drawn = store.over_time(&filter, bucket_ms, now(end + 1)).await;
            assert_eq!(
                drawn.unwrap().over_time,
                stats.as_ref().unwrap().over_time,
                "what is drawn is what is counted: {filter:?}"
            );
            let active = store.most_active(&filter, 9, now(end + 1)).await.unwrap();
            told.push(format!(
                "{filter:?} {bucket_ms} {:#?} {active:#?}",
                stats.unwrap()
            ));
        }
        for since in [None, Some(now(-2 * DAY - 333_333))] {
            let filter = Filter {
                since,
                ..filter.clone()
            };
            let mut facets = store.facets(&filter, now(600 * DAY)).await.unwrap();
            // Counters tell how many fit, rows how many were looked at.
            facets.looked_at = 0;
            told.push(format!("{filter:?} {facets:#?}"));
        }
    }
    told
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
        cases: 24,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let schedules = prop::collection::vec(sent(), 1..14);
    let outcome = runner.run(&schedules, |schedule| {
        let (here, there) = runtime.block_on(async {
            let (postgres, at) = alone().await;
            let (administrator, connection) =
                tokio_postgres::connect(&at.url, NoTls).await.unwrap();
            tokio::spawn(connection);
            let fold = async || {
                schema::fold(&administrator, now(1000 * DAY)).await.unwrap();
            };
            let directory = tempfile::tempdir().unwrap();
            let sqlite = SqliteStore::open(&directory.path().join("traces.db")).unwrap();
            let there = tell(&sqlite, &schedule, &agents, async || ()).await;
            let mut here = tell(&postgres, &schedule, &agents, &fold).await;
            // Folding changes no count.
            fold().await;
            let again = counts(&postgres).await;
            let counted = here.state.len() - again.len();
            if here.state[counted..] != again {
                here.state.splice(counted.., again);
            }
            (here, there)
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
