//! A slow database: somebody holds locks that batches wait for.

use std::time::Duration;

use futures_util::future::join_all;
use test_cluster::Cluster;
use tokio::time::timeout;

use crate::aftermath::{chain_is_whole, ready, settle};
use crate::database::Database;
use crate::host::{Host, Kind, NO_LIMITS};
use crate::traffic::{ANSWER_WITHIN, Outcome, judge};
use crate::wait::until;
use edge_e2e::{Agent, Oracle};

/// What a question that nothing is in the way of may take.
const READ_WITHIN: Duration = Duration::from_secs(3);

async fn in_time<T>(what: &str, within: Duration, work: impl Future<Output = T>) -> T {
    let done = timeout(within, work).await;
    done.unwrap_or_else(|_| panic!("no answer within {within:?}: {what}"))
}

async fn a_batch_that_waits_for_a_lock_is_put_off_in_time_and_reads_go_on(kind: Kind) {
    let database = Database::migrated(Cluster::shared());
    let edge = Host::start(kind, &database.url, &NO_LIMITS);
    let (client, mut agent, mut oracle) = (edge.client(), Agent::new(), Oracle::default());
    oracle.submit(&client, agent.batch(3)).await.all_stored(3);

    let lock = database.session().await;
    let row = format!(
        "BEGIN; SELECT FROM agents WHERE agent_id = '{}' FOR UPDATE",
        agent.id
    );
    lock.run(&row).await;
    let body = agent.batch(4);
    oracle.sending(&body);
    let asked = tokio::spawn({
        let (client, body) = (edge.client(), body.clone());
        async move { in_time("the batch", ANSWER_WITHIN, client.submit(body)).await }
    });
    until("the batch waits for the row", async || {
        (database.waiting("Lock") > 0).then_some(())
    })
    .await;
    for path in [
        format!("/v1/agents/{}", agent.id),
        format!("/v1/traces?agent_id={}", agent.id),
        format!("/agent/{}", agent.id),
        "/v1/stats".to_owned(),
    ] {
        in_time(&path, READ_WITHIN, client.get(&path))
            .await
            .expect(200);
    }
    // Others are not held up for good, whoever they share a connection with.
    let mut other = Agent::new();
    let answer = in_time(
        "another agent",
        ANSWER_WITHIN,
        oracle.submit(&client, other.batch(2)),
    )
    .await;
    let outcome = judge(&answer);
    if kind == Kind::Native {
        assert_eq!(outcome, Outcome::Stored, "{}", answer.text);
    }
    let answer = asked.await.expect("an answer");
    oracle.answered(&body, &answer);
    assert_ne!(judge(&answer), Outcome::Stored, "the row is locked");
    lock.run("ROLLBACK").await;
    until("the batch is stored", async || {
        let answer = oracle.submit(&client, body.clone()).await;
        (judge(&answer) == Outcome::Stored).then_some(())
    })
    .await;
    chain_is_whole(&edge.address(), &agent, 7).await;

    // A table that nobody can even read: readers are told within their time, too.
    lock.run("BEGIN; LOCK TABLE agents IN ACCESS EXCLUSIVE MODE")
        .await;
    let path = format!("/v1/agents/{}", agent.id);
    in_time("a read", ANSWER_WITHIN, client.get(&path))
        .await
        .problem(503);
    client.get("/health").await.expect(200);
    lock.run("ROLLBACK").await;
    settle(&edge.address(), &database, &[&oracle]).await;
}

/// Batches of one agent at once: more than any edge has connections that write.
const CROWD: usize = 20;

async fn more_batches_than_connections_are_put_off_and_come_in_once(kind: Kind) {
    let database = Database::migrated(Cluster::shared());
    let edge = Host::start(kind, &database.url, &NO_LIMITS);
    let (client, mut agent, mut oracle) = (edge.client(), Agent::new(), Oracle::default());
    oracle.submit(&client, agent.batch(1)).await.all_stored(1);
    let lock = database.session().await;
    let row = format!(
        "BEGIN; SELECT FROM agents WHERE agent_id = '{}' FOR UPDATE",
        agent.id
    );
    lock.run(&row).await;

    let bodies: Vec<_> = (0..CROWD).map(|_| agent.batch(3)).collect();
    for body in &bodies {
        oracle.sending(body);
    }
    let asked = bodies.iter().map(async |body| {
        let client = edge.client();
        in_time(
            "one of the crowd",
            ANSWER_WITHIN,
            client.submit(body.clone()),
        )
        .await
    });
    for (body, answer) in bodies.iter().zip(join_all(asked).await) {
        oracle.answered(body, &answer);
        assert_ne!(judge(&answer), Outcome::Stored, "the row is locked");
    }
    // Readers have connections of their own.
    in_time("a read", READ_WITHIN, client.get("/v1/traces"))
        .await
        .expect(200);
    if kind == Kind::Native {
        let log = edge.log();
        assert!(log.contains("connections of role ingest are busy"), "{log}");
        assert!(log.contains("make the pool larger"), "{log}");
    }
    lock.run("ROLLBACK").await;
    ready(&edge.address()).await;
    for body in bodies {
        until("each is stored", async || {
            let answer = oracle.submit(&client, body.clone()).await;
            (judge(&answer) == Outcome::Stored).then_some(())
        })
        .await;
    }
    chain_is_whole(&edge.address(), &agent, 1 + 3 * CROWD).await;
    settle(&edge.address(), &database, &[&oracle]).await;
}

crate::on_each_host!(
    a_batch_that_waits_for_a_lock_is_put_off_in_time_and_reads_go_on,
    more_batches_than_connections_are_put_off_and_come_in_once,
);
