//! What a Worker answers from memory while Postgres is away: it may call known only what is.

use aap::batch::Item;
use test_cluster::Options;

use crate::aftermath::{chain_is_whole, kinds, settle};
use crate::database::{Database, cluster};
use crate::host::{Host, Kind, NO_LIMITS};
use crate::traffic::{Outcome, judge};
use crate::wait::{block, until};
use edge_e2e::{Agent, Oracle, held_back};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker_without_postgres_acknowledges_nothing_that_it_has_not() {
    let server = cluster(&Options::default());
    let database = Database::migrated(&server);
    let edge = Host::start(Kind::Worker, &database.url, &NO_LIMITS);
    let (client, mut oracle) = (edge.client(), Oracle::default());
    // One whose second half came first, and one whose content was held back.
    let (mut halved, mut thin, mut whole) = (Agent::new(), Agent::new(), Agent::new());
    let links = halved.links(10);
    oracle
        .submit(&client, halved.sign(&links[5..]))
        .await
        .all_stored(5);
    let contents = thin.links(4);
    let headers: Vec<Item> = contents.iter().map(held_back).collect();
    oracle
        .submit(&client, thin.sign(&headers))
        .await
        .all_stored(4);
    let stored = whole.batch(3);
    oracle.submit(&client, stored.clone()).await.all_stored(3);

    block(|| server.stop()).expect("it stops");
    let first = whole.batch(4);
    let second = whole.batch(4);
    for (what, body) in [
        ("the whole after its half", halved.sign(&links)),
        ("contents after their headers", thin.sign(&contents)),
        ("what follows", first.clone()),
        ("and follows", second),
    ] {
        let answer = oracle.submit(&client, body).await;
        assert_eq!(judge(&answer), Outcome::Queued, "{what}: {}", answer.text);
    }
    // What is committed, or waits, is told as such.
    let answer = oracle.submit(&client, first).await.expect(202);
    assert_eq!(kinds(&answer.statuses()), ["queued"].into());
    judge(&oracle.submit(&client, stored).await);
    block(|| server.start()).expect("it starts");
    settle(&edge.address(), &database, &[&oracle]).await;
    chain_is_whole(&edge.address(), &halved, 10).await;
    chain_is_whole(&edge.address(), &thin, 4).await;
    chain_is_whole(&edge.address(), &whole, 11).await;
    // The contents, not their headers alone.
    for item in &contents {
        let path = format!("/v1/traces/{}", item.header.trace_id);
        until("a held-back content is there", async || {
            let found = client.get(&path).await;
            (found.body["held_back"] == false).then_some(())
        })
        .await;
    }
}
