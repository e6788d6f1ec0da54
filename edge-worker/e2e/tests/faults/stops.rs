//! Postgres is stopped, and started again, while batches come in.

use test_cluster::Options;

use crate::aftermath::settle;
use crate::database::{Database, cluster};
use crate::host::{Host, Kind, NO_LIMITS};
use crate::random::Random;
use crate::traffic::{Traffic, judge};
use crate::wait::{block, until};
use edge_e2e::{Agent, Oracle};

/// Senders at once.
const SENDERS: usize = 4;

/// How Postgres goes away.
#[derive(Debug, Clone, Copy)]
enum Stop {
    /// As an administrator stops it: sessions are cut off, what was committed is written.
    Fast,
    /// SIGKILL to all of it: the next start recovers.
    Kill,
}

async fn stopped(kind: Kind, stop: Stop) {
    let mut random = Random::of(&format!("Postgres stopped {stop:?} under {kind:?}"));
    let server = cluster(&Options::default());
    let database = Database::migrated(&server);
    let edge = Host::start(kind, &database.url, &NO_LIMITS);
    let mut traffic = Traffic::start(&edge.address(), SENDERS, false, &mut random);
    traffic.each_stores(3).await;

    // One transaction is under way for sure: it waits for a row that this test holds.
    let (client, mut agent, mut held) = (edge.client(), Agent::new(), Oracle::default());
    held.submit(&client, agent.batch(2)).await.all_stored(2);
    let lock = database.session().await;
    let row = format!(
        "BEGIN; SELECT FROM agents WHERE agent_id = '{}' FOR UPDATE",
        agent.id
    );
    lock.run(&row).await;
    let body = agent.batch(5);
    held.sending(&body);
    let waiting = tokio::spawn({
        let (client, body) = (edge.client(), body.clone());
        async move { client.submit(body).await }
    });
    until("the batch is in its transaction", async || {
        (database.waiting("Lock") > 0).then_some(())
    })
    .await;
    block(|| match stop {
        Stop::Fast => server.stop().expect("it stops"),
        Stop::Kill => server.kill(),
    });
    traffic.each_is_put_off(2).await;
    drop(lock);
    // Who only wants to read is told as well, in words.
    client.get("/health").await.expect(200);
    client.get("/ready").await.problem(503);
    client.get("/v1/traces").await.problem(503);
    let page = client.get("/").await;
    assert_eq!(page.status, 503, "{}", page.text);
    assert!(page.text.contains("<html"), "{}", page.text);

    block(|| server.start().expect("it starts"));
    traffic.each_stores(3).await;
    let answer = waiting.await.expect("an answer");
    held.answered(&body, &answer);
    judge(&answer);
    // Whatever it was told, repeating it brings each trace in once.
    judge(&held.submit(&client, body).await);

    let mut oracles = traffic.stop().await;
    oracles.push(held);
    settle(
        &edge.address(),
        &database,
        &oracles.iter().collect::<Vec<_>>(),
    )
    .await;
}

async fn a_stop_in_mid_transaction_loses_nothing_and_is_told(kind: Kind) {
    stopped(kind, Stop::Fast).await;
}

async fn a_kill_in_mid_transaction_loses_nothing_and_is_told(kind: Kind) {
    stopped(kind, Stop::Kill).await;
}

crate::on_each_host!(
    a_stop_in_mid_transaction_loses_nothing_and_is_told,
    a_kill_in_mid_transaction_loses_nothing_and_is_told,
);
