//! What breaks around the database: connections, the server, its disk, its rows; and who else uses it.

#![cfg(feature = "pool")]
#![allow(clippy::unwrap_used)] // A failed assertion is the message.

mod support;

use std::time::Duration;

use aap::ValidBatch;
use aap::wire::Status;
use support::{Store, admin, alone, database, number, store, waiting};
use test_cluster::{Cluster, Options as ClusterOptions};
use tokio_postgres::Client;
use trace_store::conformance::{Agent, flat, flat_batch, now, send};
use trace_store::{Appended, StoreError, TraceReader, TraceWriter};
use trace_store_postgres::{Connections, Lease, Options, Pool, PostgresStore, Role};

const STORED: &str = "SELECT count(*) FROM public.traces";

fn statuses(answers: &[Appended]) -> Vec<Status> {
    answers.iter().map(|answer| answer.status).collect()
}

fn unavailable(result: Result<Vec<Appended>, StoreError>, because: &str) {
    match result {
        Err(StoreError::Unavailable(told)) => assert!(told.contains(because), "{told}"),
        other => panic!("{other:?} is not unavailable because of {because}"),
    }
}

/// A batch of `count` links.
fn links(agent: &mut Agent, count: u32) -> ValidBatch {
    let calls = agent.calls(count, 0);
    agent.batch_of(calls)
}

/// Keeps all appends of this agent waiting until the client is told to go on.
async fn hold(client: &Client, agent: &Agent) {
    let sql = format!(
        "BEGIN; INSERT INTO public.agents (agent_id, first_seen, last_seen) VALUES ('{id}', now(), now()) \
         ON CONFLICT DO NOTHING; SELECT FROM public.agents WHERE agent_id = '{id}' FOR UPDATE",
        id = agent.id
    );
    client.batch_execute(&sql).await.unwrap();
}

#[tokio::test]
async fn each_role_acts_under_its_own_name_whoever_logged_in() {
    let (store, _alone) = alone().await;
    for (role, name) in [(Role::Reader, "anon"), (Role::Writer, "ingest")] {
        let lease = store.connections().lease(role).await.unwrap();
        let row = lease.client().query_one("SELECT current_user::text", &[]);
        assert_eq!(row.await.unwrap().get::<_, &str>(0), name);
        lease.give_back(false).await;
    }
    let reader = store.connections().lease(Role::Reader).await.unwrap();
    let written = reader.client().execute("DELETE FROM public.traces", &[]);
    assert!(written.await.is_err());
}

#[tokio::test]
async fn a_broken_connection_is_replaced_and_the_batch_goes_through() {
    let (store, at) = alone().await;
    let mut agent = Agent::new(1);
    let (holder, killer) = (admin(&at.url).await, admin(&at.url).await);
    hold(&holder, &agent).await;
    let sending = tokio::spawn({
        let (store, batch) = (store.clone(), links(&mut agent, 3));
        async move { send(&store, batch, now(0)).await }
    });
    let pid = waiting(&killer).await;
    killer
        .execute("SELECT pg_terminate_backend($1)", &[&pid])
        .await
        .unwrap();
    // Its successor waits for the same lock.
    while waiting(&killer).await == pid {}
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(statuses(&sending.await.unwrap()), [Status::Stored; 3]);
    assert_eq!(number(&killer, STORED).await, 3);
}

#[tokio::test]
async fn a_deadlock_is_tried_again() {
    let (store, at) = alone().await;
    send(
        &store,
        flat_batch(&[flat(7, 1, 0, "r"), flat(8, 1, 0, "r")]),
        now(0),
    )
    .await;
    let (holder, watcher) = (admin(&at.url).await, admin(&at.url).await);
    let lock = |agent: u8| {
        let mut id = [agent; 16];
        id[6] = 0x40;
        let id = aap::AgentId::from_bytes(id);
        format!("SELECT FROM public.agents WHERE agent_id = '{id}' FOR UPDATE")
    };
    // The append takes 7 and waits for 8; then the holder of 8 waits for 7. Whoever looks first gives way: the append.
    holder
        .batch_execute(&format!(
            "SET deadlock_timeout = '1min'; BEGIN; {}",
            lock(8)
        ))
        .await
        .unwrap();
    let sending = tokio::spawn({
        let store = store.clone();
        let batch = flat_batch(&[flat(8, 2, 0, "r"), flat(7, 2, 0, "r")]);
        async move { send(&store, batch, now(0)).await }
    });
    waiting(&watcher).await;
    holder.batch_execute(&lock(7)).await.unwrap();
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(statuses(&sending.await.unwrap()), [Status::Stored; 2]);
}

#[tokio::test]
async fn whoever_holds_a_lock_for_too_long_makes_the_store_unavailable() {
    let (store, at) = alone().await;
    let mut agent = Agent::new(1);
    send(&store, links(&mut agent, 1), now(0)).await;
    let holder = admin(&at.url).await;
    hold(&holder, &agent).await;
    let writer = store.connections().lease(Role::Writer).await.unwrap();
    let impatient = writer.client().batch_execute("SET lock_timeout = '1ms'");
    impatient.await.unwrap();
    writer.give_back(false).await;
    let batch = links(&mut agent, 1);
    let told = store.append(batch.clone(), now(0)).await;
    unavailable(told, "55P03");
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(
        statuses(&send(&store, batch, now(0)).await),
        [Status::Stored]
    );
}

#[tokio::test]
async fn a_server_killed_in_the_middle_loses_nothing_that_was_acknowledged() {
    let cluster = Cluster::start_new(&ClusterOptions::default()).unwrap();
    let url = database(&cluster);
    let store = store(&url);
    let mut agent = Agent::new(1);
    let (first, second) = (links(&mut agent, 3), links(&mut agent, 3));
    send(&store, first.clone(), now(0)).await;
    let (holder, watcher) = (admin(&url).await, admin(&url).await);
    hold(&holder, &agent).await;
    let sending = tokio::spawn({
        let (store, batch) = (store.clone(), second.clone());
        async move { store.append(batch, now(0)).await }
    });
    waiting(&watcher).await;
    cluster.kill();
    // Its connection broke, and there was no other one.
    unavailable(sending.await.unwrap(), "");
    let told = store.append(second.clone(), now(0)).await;
    unavailable(told, "check that it runs");
    cluster.start().unwrap();
    assert_eq!(
        statuses(&send(&store, first, now(1)).await),
        [Status::Duplicate; 3]
    );
    assert_eq!(
        statuses(&send(&store, second, now(1)).await),
        [Status::Stored; 3]
    );
    assert_eq!(number(&admin(&url).await, STORED).await, 6);
}

/// Writers that repeat what was not acknowledged, while the server is stopped and killed under them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_trace_arrives_once_however_often_the_server_goes() {
    const BATCHES: u32 = 30;
    let cluster = Cluster::start_new(&ClusterOptions::default()).unwrap();
    let url = database(&cluster);
    let write = |number: u8| {
        let store = store(&url);
        tokio::spawn(async move {
            let mut agent = Agent::new(number);
            for _ in 0..BATCHES {
                let batch = links(&mut agent, 10);
                loop {
                    match store.append(batch.clone(), now(0)).await {
                        Ok(answers) => {
                            let known = |one: &Appended| {
                                matches!(one.status, Status::Stored | Status::Duplicate)
                            };
                            assert!(answers.iter().all(known), "{answers:?}");
                            break;
                        }
                        Err(StoreError::Unavailable(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            agent.id
        })
    };
    let writers = [write(1), write(2)];
    for round in 0..4_i64 {
        // Some more was stored since the last time.
        let watcher = admin(&url).await;
        let wanted = (round * 100).min(400);
        while number(&watcher, STORED).await < wanted {}
        if round % 2 == 0 {
            cluster.kill();
        } else {
            cluster.stop().unwrap();
        }
        cluster.start().unwrap();
    }
    let reader = store(&url);
    for writer in writers {
        let agent = writer.await.unwrap();
        let expected = u64::from(BATCHES) * 10;
        let stream = &reader.streams(agent).await.unwrap()[0];
        assert_eq!((stream.links, stream.first_gap), (expected, None));
        assert_eq!(reader.agent(agent).await.unwrap().unwrap().traces, expected);
    }
    let distinct = "SELECT count(DISTINCT trace_id) FROM public.traces";
    let watcher = admin(&url).await;
    assert_eq!(number(&watcher, STORED).await, 2 * i64::from(BATCHES) * 10);
    assert_eq!(
        number(&watcher, distinct).await,
        2 * i64::from(BATCHES) * 10
    );
}

#[tokio::test]
async fn an_exhausted_pool_says_so_soon() {
    let (_, at) = alone().await;
    let options = Options {
        writers: 1,
        wait: Duration::from_millis(50),
        ..Options::default()
    };
    let store = PostgresStore::new(Pool::connect(&at.url, options).unwrap());
    let taken = store.connections().lease(Role::Writer).await.unwrap();
    let batch = flat_batch(&[flat(7, 1, 0, "r")]);
    let told = store.append(batch.clone(), now(0)).await;
    unavailable(told, "all 1 connections of role ingest are busy");
    taken.give_back(false).await;
    assert_eq!(
        statuses(&send(&store, batch, now(0)).await),
        [Status::Stored]
    );
}

#[tokio::test]
async fn a_server_without_connections_says_so() {
    let cluster = Cluster::start_new(&ClusterOptions {
        max_connections: 6,
        ..ClusterOptions::default()
    })
    .unwrap();
    let url = database(&cluster);
    let store = store(&url);
    let mut taken = Vec::new();
    while let Ok(client) = trace_store_postgres::Server::parse(&url)
        .unwrap()
        .connect()
        .await
    {
        taken.push(client);
    }
    let told = store
        .append(flat_batch(&[flat(7, 1, 0, "r")]), now(0))
        .await;
    unavailable(told, "53300");
}

#[tokio::test]
async fn a_full_disk_is_told_and_survived() {
    let cluster = Cluster::shared();
    let disk = cluster.small_disk(48, support::migrate).unwrap();
    let store = store(disk.url());
    let mut agent = Agent::new(1);
    send(&store, links(&mut agent, 3), now(0)).await;
    disk.fill().unwrap();
    let refused = loop {
        // What is left of the last pages takes some more.
        let batch = links(&mut agent, 100);
        if let Err(error) = store.append(batch.clone(), now(0)).await {
            unavailable(Err(error), "free some space");
            break batch;
        }
    };
    disk.free().unwrap();
    assert!(
        send(&store, refused, now(0))
            .await
            .iter()
            .all(|one| one.status == Status::Stored)
    );
}

#[tokio::test]
async fn poison_is_found_and_the_rest_is_stored() {
    let (store, at) = alone().await;
    let administrator = admin(&at.url).await;
    let trap = "CREATE FUNCTION public.trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                  IF new.tool_name = 'poison' THEN RAISE 'no room for that' USING ERRCODE = '22P05'; END IF; \
                  RETURN new; END $$; \
                CREATE TRIGGER trap BEFORE INSERT ON public.traces FOR EACH ROW EXECUTE FUNCTION public.trap(); \
                GRANT EXECUTE ON FUNCTION public.trap() TO ingest";
    administrator.batch_execute(trap).await.unwrap();
    let mut agent = Agent::new(1);
    let mut calls = agent.calls(9, 0);
    for index in [3, 8] {
        calls[index].tool = "poison".to_owned();
    }
    let answers = send(&store, agent.batch_of(calls), now(0)).await;
    for (index, answer) in answers.iter().enumerate() {
        if [3, 8].contains(&index) {
            assert_eq!(answer.status, Status::Rejected);
            assert!(answer.reason.as_ref().unwrap().contains("no room for that"));
        } else {
            assert_eq!(answer.status, Status::Stored);
            assert_eq!(answer.row.as_ref().unwrap().seq, Some(index as u64 + 1));
        }
    }
    assert_eq!(number(&administrator, STORED).await, 7);
    let stream = &store.streams(agent.id).await.unwrap()[0];
    assert_eq!(
        (stream.links, stream.last_seq, stream.first_gap),
        (7, 8, Some(4))
    );
}

/// Two processes, the same batches: each trace is new to one of them only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_at_once_store_nothing_twice() {
    let (first, at) = alone().await;
    let second = store(&at.url);
    let mut batches = Vec::new();
    let (mut one, mut other) = (Agent::new(1), Agent::new(2));
    for round in 0..20 {
        batches.push(links(&mut one, 7));
        batches.push(links(&mut other, 5));
        let flats: Vec<_> = (0..6).map(|id| flat(7, round * 4 + id, 0, "r")).collect();
        batches.push(flat_batch(&flats));
    }
    let run = |store: Store, batches: Vec<ValidBatch>| {
        tokio::spawn(async move {
            let mut stored = 0;
            for batch in batches {
                for answer in send(&store, batch, now(0)).await {
                    match answer.status {
                        Status::Stored => stored += 1,
                        Status::Duplicate => {}
                        other => panic!("{other:?}: {:?}", answer.reason),
                    }
                }
            }
            stored
        })
    };
    let (a, b) = (run(first, batches.clone()), run(second, batches));
    let stored: i64 = a.await.unwrap() + b.await.unwrap();
    // 20 rounds of 7 and 5 links; flat ids overlap by two from round to round.
    let expected = 20 * 12 + 19 * 4 + 6;
    assert_eq!(stored, expected);
    let administrator = admin(&at.url).await;
    assert_eq!(number(&administrator, STORED).await, expected);
    let counted = "SELECT sum(traces)::bigint FROM public.agents";
    assert_eq!(number(&administrator, counted).await, expected);
    let tallied = "SELECT sum(count)::bigint FROM public.tallies";
    assert_eq!(number(&administrator, tallied).await, expected);
}

/// Positions of a transaction are told apart by 512: whoever calls the function by himself is held to the wire's limit.
#[tokio::test]
async fn more_traces_than_a_transaction_has_positions_for_are_refused() {
    let (_, at) = alone().await;
    let administrator = admin(&at.url).await;
    let most = aap::limits::MAX_BATCH_TRACES;
    let nulls = ", NULL".repeat(20);
    let call = format!(
        "SELECT public.append_batch(now(), NULL, NULL, NULL, NULL, array_fill(gen_random_uuid(), ARRAY[{}]){nulls})",
        most + 1
    );
    let refused = administrator.query(&call, &[]).await.unwrap_err();
    let told = refused.as_db_error().unwrap();
    assert_eq!(told.code().code(), "54000");
    assert!(told.message().contains(&format!("the limit is {most}")));
}
