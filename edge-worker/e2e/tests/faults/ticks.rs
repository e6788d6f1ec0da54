//! What the Worker does at Cloudflare's tick, which its emulator makes when it is asked to.

use edge_e2e::{Agent, Oracle};
use test_cluster::Options;

use crate::database::{Database, cluster};
use crate::host::{Host, Kind, NO_LIMITS};
use crate::wait::block;

/// The emulator's path for a tick.
const TICK: &str = "/cdn-cgi/local/scheduled";
/// The months of traces, the last one first.
const MONTHS: &str = "SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'public.traces'::regclass \
     AND inhrelid::regclass::text ~ '[0-9]$' ORDER BY inhrelid::regclass::text DESC";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker_makes_the_months_ahead_at_its_tick_and_goes_on_when_there_is_no_database() {
    let server = cluster(&Options::default());
    let database = Database::migrated(&server);
    let edge = Host::start(Kind::Worker, &database.url, &NO_LIMITS);
    let client = edge.client();
    let months = database.sql(MONTHS);
    let last = months.lines().next().expect("a month");
    database.sql(&format!("DROP TABLE {last}"));
    assert_ne!(database.sql(MONTHS), months);

    block(|| server.stop()).expect("it stops");
    // It is told in the logs and tried again at the next tick; nobody else is to feel it.
    client.get(TICK).await;
    client.get("/health").await.expect(200);
    block(|| server.start()).expect("it starts");

    client.get(TICK).await.expect(200);
    let after = database.sql(MONTHS);
    assert!(
        after.ends_with(&months),
        "{last} is not there again: {after}"
    );
    let (mut agent, mut oracle) = (Agent::new(), Oracle::default());
    oracle.submit(&client, agent.batch(2)).await.all_stored(2);
}
