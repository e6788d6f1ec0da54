//! The edge, or Postgres, is killed between the commit of a batch and the answer to it.
//!
//! To be there in that moment, Postgres is told to wait for a replica that does not exist: it commits, and then waits before
//! it says so (`SyncRep`). What is killed now has committed and not answered.

use test_cluster::{Cluster, Options};

use crate::aftermath::{chain_is_whole, kinds, ready, settle};
use crate::database::{Database, cluster};
use crate::host::{Host, Kind, NO_LIMITS};
use crate::random::Random;
use crate::traffic::Traffic;
use crate::wait::{block, until};
use edge_e2e::{Agent, Oracle};

/// Commits are answered once `standby`, if any, has them, too.
fn answers_wait_for(cluster: &Cluster, standby: &str) {
    for sql in [
        &format!("ALTER SYSTEM SET synchronous_standby_names = '{standby}'"),
        "SELECT pg_reload_conf()",
    ] {
        block(|| cluster.psql("postgres", sql)).expect("a setting");
    }
}

/// How often the native edge is killed in a stream of batches; the Worker, whose emulator takes seconds to start, once.
const KILLS: usize = 2;

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Edge,
    Postgres,
}

async fn killed(kind: Kind, victim: Victim) {
    let server = cluster(&Options::default());
    let database = Database::migrated(&server);
    let mut edge = Host::start(kind, &database.url, &NO_LIMITS);
    let (mut agent, mut oracle) = (Agent::new(), Oracle::default());
    oracle
        .submit(&edge.client(), agent.batch(3))
        .await
        .all_stored(3);

    answers_wait_for(&server, "nobody");
    let body = agent.batch(7);
    oracle.sending(&body);
    let asked = tokio::spawn({
        let (client, body) = (edge.client(), body.clone());
        async move { client.try_submit(body).await }
    });
    until("the batch is committed and not answered", async || {
        (database.waiting("SyncRep") > 0).then_some(())
    })
    .await;
    match victim {
        Victim::Edge => {
            edge.kill();
            assert!(asked.await.expect("no panic").is_err(), "nobody answered");
            answers_wait_for(&server, "");
            edge.start_again();
        }
        Victim::Postgres => {
            block(|| {
                server.kill();
                // Where nobody waits for a replica any more.
                server.start().expect("it starts");
            });
            answers_wait_for(&server, "");
            let answer = asked.await.expect("no panic").expect("an answer");
            oracle.answered(&body, &answer);
            crate::traffic::judge(&answer);
        }
    }
    ready(&edge.address()).await;
    // The commit stood; the client, who does not know, says it again.
    let answer = oracle.submit(&edge.client(), body).await.expect(201);
    assert_eq!(
        kinds(&answer.statuses()),
        ["duplicate"].into(),
        "{}",
        answer.text
    );
    chain_is_whole(&edge.address(), &agent, 10).await;
    settle(&edge.address(), &database, &[&oracle]).await;
}

async fn an_edge_killed_between_commit_and_answer_stores_once(kind: Kind) {
    killed(kind, Victim::Edge).await;
}

async fn a_postgres_killed_between_commit_and_answer_stores_once(kind: Kind) {
    killed(kind, Victim::Postgres).await;
}

async fn an_edge_killed_in_a_stream_of_batches_loses_nothing(kind: Kind) {
    let mut random = Random::of(&format!("{kind:?} killed in a stream of batches"));
    let server = Cluster::shared();
    let database = Database::migrated(server);
    let mut edge = Host::start(kind, &database.url, &NO_LIMITS);
    let mut traffic = Traffic::start(&edge.address(), 4, true, &mut random);
    let kills = if kind == Kind::Native { KILLS } else { 1 };
    for _ in 0..kills {
        traffic.each_stores(3).await;
        edge.kill();
        edge.start_again();
        traffic.goes_to(&edge.address());
    }
    traffic.each_stores(3).await;
    let oracles = traffic.stop().await;
    settle(
        &edge.address(),
        &database,
        &oracles.iter().collect::<Vec<_>>(),
    )
    .await;
}

crate::on_each_host!(
    an_edge_killed_between_commit_and_answer_stores_once,
    a_postgres_killed_between_commit_and_answer_stores_once,
    an_edge_killed_in_a_stream_of_batches_loses_nothing,
);
